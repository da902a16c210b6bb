"""Every endpoint of the reference, with every error it documents, in every format, by GET and POST."""

import json
import time
import urllib.parse
import xml.etree.ElementTree

import pytest

import api_world
from api_world import ALIASES, ALICE, BOB, CAROL, ERRORS, OPTED_OUT, PATHS, TABLE, VALID, World
from sandbox import Sandbox

FORMATS, METHODS = ("json", "xml", "v2"), ("GET", "POST")
ENVELOPE = {"status", "error", "remarks"}
OK = {"status": "1", "error": "0", "remarks": "Success"}


@pytest.fixture(scope="module")
def running():
    with Sandbox.start(tls=False, delivery_after=0) as sandbox:
        yield sandbox


@pytest.fixture
def box(running):
    running.restore()
    return running


@pytest.fixture
def world(box):
    return World(box).fill()


def ask(box, path, method, format_, params):
    params = {"key": box.settings()["key"], "type": format_, **params}
    form = urllib.parse.urlencode({name: value for name, value in params.items() if value is not None})
    if method == "GET":
        status, mime, body = box.ask("GET", f"/api/{path}?{form}")
    else:
        status, mime, body = box.ask("POST", f"/api/{path}", form)
    assert status == 200
    assert mime.split(";")[0] == {"json": "application/json", "xml": "text/xml", "v2": "text/plain"}[format_]
    return body.decode()


def envelope(format_, body):
    """Status, error and remarks of a reply; a success in v2 has no more than its beginning."""
    if format_ == "json":
        reply = json.loads(body)
    elif format_ == "xml":
        reply = {child.tag: child.text for child in xml.etree.ElementTree.fromstring(body)}
    else:
        parts = body.split("|")
        reply = dict(zip(("status", "error", "remarks"), parts)) if parts[0] == "0" else OK
    return {name: reply.get(name) for name in ("status", "error", "remarks")}


def test_the_table_has_every_endpoint_of_the_reference(box):
    assert len(PATHS) == 37 and len(set(PATHS)) == 37
    assert set(TABLE) == set(PATHS) - set(ALIASES) == set(VALID)
    for path in PATHS:
        assert box.ask("POST", "/api/" + path)[0] == 200


def test_the_table_has_every_parameter_of_the_reference():
    assert list(api_world.PARAMETERS) == [path for path in PATHS if path not in ALIASES]
    for path, parameters in api_world.PARAMETERS.items():
        words = parameters.split() + (["key!"] if path not in ("mobile/check", "key/get", "key/reset") else [])
        ways = [set(way.split("+")) for word in words if "|" in word for way in word.split("|")]
        needs = {word.rstrip("!"): "REQUIRED" if word.endswith("!") else "OPTIONAL" for word in words if "|" not in word}
        needs.update({name: "EITHER" for way in ways for name in way})
        assert {param["name"]: param["need"] for param in TABLE[path]["params"]} == needs, path
        assert len(TABLE[path]["ways"]) == len(ways) and all(set(way) in ways for way in TABLE[path]["ways"]), path
        assert len(TABLE[path]["params"]) == len(needs), path


def test_every_documented_error_has_a_request_that_gets_it():
    for path, endpoint in TABLE.items():
        tried = set(api_world.FAILING.get(path, {})) | ({101} if path not in api_world.KEYLESS else set())
        assert tried == set(endpoint["faults"]), path


@pytest.mark.parametrize("path, error", [(path, error) for path in PATHS
                                         for error in TABLE[ALIASES.get(path, path)]["faults"]])
def test_documented_error_in_every_format_and_method(world, path, error):
    params, settings = api_world.failing(world, ALIASES.get(path, path), error)
    if settings:
        world.box.settings(**settings)
    for format_ in FORMATS:
        for method in METHODS:
            body = ask(world.box, path, method, format_, params)
            assert envelope(format_, body) == {"status": "0", "error": str(error), "remarks": ERRORS[error][0]}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("format_", FORMATS)
def test_request_that_succeeds(world, path, method, format_):
    body = ask(world.box, path, method, format_, VALID[ALIASES.get(path, path)](world))
    assert envelope(format_, body) == OK and body


@pytest.mark.parametrize("method", METHODS)
def test_v2_of_a_message_begins_with_its_id(box, method):
    """1|358731178 was seen of the provider; what else the reference returns follows in its order."""
    body = ask(box, "sms/send", method, "v2", {"to": ALICE, "text": "x"})
    [message] = box.messages()
    assert body == f"1|{message['id']}|1|{box.settings()['balance']}|202|05"


def rows(value):
    return value if isinstance(value, list) else [value]


def names_of(reply, path=()):
    """Every field of a reply by the names that lead to it."""
    for name, value in reply.items():
        yield path + (name,)
        for row in rows(value):
            if isinstance(row, dict):
                yield from names_of(row, path + (name,))


@pytest.mark.parametrize("path", sorted(TABLE))
def test_reply_has_the_fields_of_the_table_and_no_others(world, path):
    world.box.settings(shape="arrays")
    reply = world.ask(path, **VALID[path](world))
    fields = {tuple(field["object"].split(".") if field["object"] else ()) + (field["name"],)
              for field in TABLE[path]["fields"]}
    assert set(names_of(reply)) - {(name,) for name in ENVELOPE} - {("total",)} == fields - {("total",)}
    if "total" in {field["name"] for field in TABLE[path]["fields"] if field["object"] is None}:
        # Of a contact that is asked for there is one.
        listed = [field for field in TABLE[path]["fields"] if field["type"] == "LIST" and field["object"] is None]
        assert reply["total"] == (len(reply[listed[0]["name"]]) if listed else 1) > 0


READING = [path for path in PATHS if path.split("/")[-1] in ("check", "get", "list", "lookup", "balance", "sms")
           and path not in ("2fa/check", "status/get")]  # what may be asked again, and has the same answer


def as_lists(value):
    """A JSON value as XML has it: texts, and of each name the list of what bears it."""
    return {name: [as_lists(row) for row in rows(each)] for name, each in value.items()} if isinstance(value, dict) else str(value)


def of_xml(element):
    found = {}
    for child in element:
        found.setdefault(child.tag, []).append(of_xml(child))
    return found or (element.text or "")


def leaves(value):
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    return [leaf for row in value for leaf in leaves(row)] if isinstance(value, list) else [str(value)]


def assert_same_in_every_format(path, answered):
    """answered(format, shape) is the reply to one request of the endpoint."""
    reply = json.loads(answered("json", "wrapped"))
    assert of_xml(xml.etree.ElementTree.fromstring(answered("xml", "rows"))) == as_lists(reply)
    reply = json.loads(answered("json", "arrays"))
    fields = TABLE[ALIASES.get(path, path)]["fields"]
    listed = [field["name"] for field in fields if field["type"] in ("LIST", "VALUES") and not field["object"]]
    rows_alone = len(listed) == 1
    names = dict.fromkeys((field["object"] or field["name"]).split(".")[0] for field in fields)  # in the table's order
    told = [reply[name] for name in (listed if rows_alone else names) if name != "total"]
    assert answered("v2", "rows").split("|") == ([] if rows_alone else ["1"]) + leaves(told)


@pytest.mark.parametrize("path", READING)
def test_every_format_says_the_same(world, path):
    params = VALID[ALIASES.get(path, path)](world)

    def answered(format_, shape):
        world.box.settings(shape=shape)
        return ask(world.box, path, "POST", format_, params)

    assert_same_in_every_format(path, answered)


@pytest.mark.parametrize("path", [path for path in PATHS if path not in READING])
def test_every_format_says_the_same_of_what_can_be_asked_once(path):
    """In sandboxes that give out the same numbers."""
    def answered(format_, shape):
        with Sandbox.start(tls=False, delivery_after=0, seed=365) as box:
            params = VALID[path](World(box))
            box.settings(shape=shape)
            return ask(box, path, "POST", format_, params)

    assert_same_in_every_format(path, answered)


# Lists on the wire

@pytest.mark.parametrize("shape, contacts, groups", [
    ("rows", lambda reply: [reply[str(i)] for i in range(reply["total"])], lambda c: list(c["groups"].values())),
    ("arrays", lambda reply: reply["contacts"], lambda c: c["groups"]),
    ("wrapped", lambda reply: reply["contacts"]["contact"], lambda c: c["groups"]["group"]),
])
def test_shapes_of_lists_with_a_name_for_a_row(box, shape, contacts, groups):
    world = World(box)
    member = world.member()
    world.contact()
    box.settings(shape=shape)
    assert [c["contactId"] for c in contacts(box.call("contact/list"))][0] == member["contact"]
    assert len(contacts(box.call("contact/list"))) == 2
    contact = box.call("contact/get", contactId=member["contact"])["contact"]
    assert groups(contact) == [{"groupId": member["group"], "name": "People"}]


@pytest.mark.parametrize("shape, ids", [("rows", {"0": "A", "1": "B"}), ("arrays", ["A", "B"]), ("wrapped", {"value": ["A", "B"]})])
def test_shapes_of_replies_with_two_lists(box, shape, ids):
    box.settings(shape=shape)
    reply = box.call("sms/bulk", to=f"{ALICE},{BOB},12", text="x")
    a, b = (message["id"] for message in box.messages())
    assert json.dumps(reply["id"]).replace(a, "A").replace(b, "B") == json.dumps(ids)
    messages = [{"smsId": a, "msisdn": ALICE}, {"smsId": b, "msisdn": BOB}]
    assert reply["sms"] == (messages if shape != "rows" else {"0": messages[0], "1": messages[1]})
    assert (reply["accepted"], reply["rejected"], reply["balance"]) == (2, 1, 998)


def test_lists_in_xml_are_repeated_elements(world):
    document = xml.etree.ElementTree.fromstring(ask(world.box, "contact/get", "GET", "xml", {
        "contactId": world.member()["contact"]}))
    assert [g.tag for g in document.find("contact/groups")] == ["group"]
    assert document.findtext("contact/groups/group/name") == "People"
    history = xml.etree.ElementTree.fromstring(ask(world.box, "history/group/list", "GET", "xml", {}))
    assert [sms.findtext("to") for sms in history.findall("historyGroup/sms")] == [ALICE, BOB]
    sent = xml.etree.ElementTree.fromstring(ask(world.box, "sms/bulk", "POST", "xml", {"to": f"{ALICE},{BOB}", "text": "x"}))
    assert [v.tag for v in sent.find("id")] == ["value", "value"] and len(sent.findall("sms")) == 2


@pytest.mark.parametrize("shape", ["rows", "arrays", "wrapped"])
def test_empty_lists(box, shape):
    box.settings(shape=shape)
    reply = box.call("group/list")
    assert {**OK, "total": 0}.items() <= reply.items()
    assert ask(box, "group/list", "GET", "v2", {}) == "1"


# Contacts and groups

def test_contacts_in_groups(box):
    world = World(box)
    ann, ben = world.contact(name="Ann"), world.contact(name="Ben")
    staff, board = world.group(), world.group()
    for group, contact in ((staff, ann), (staff, ben), (board, ann)):
        world.ask("group/addContact", groupId=group, contactId=contact)
    box.settings(shape="arrays")

    def of(group):
        return [contact["name"] for contact in world.ask("group/get", groupId=group)["group"]["contacts"]]

    assert (of(staff), of(board)) == (["Ann", "Ben"], ["Ann"])
    assert world.ask("group/get", groupId=staff)["group"]["total"] == 2
    world.ask("group/deleteContact", groupId=staff, contactId=ben)
    assert of(staff) == ["Ann"] and len(world.ask("contact/list")["contacts"]) == 2
    world.ask("group/delete", groupId=board)
    assert [g["groupId"] for g in world.ask("contact/get", contactId=ann)["contact"]["groups"]] == [staff]
    world.ask("contact/delete", contactId=ann)
    assert of(staff) == [] and box.call("contact/get", contactId=ann)["error"] == "216"
    world.ask("group/addContact", groupId=staff, contactId=ben)
    world.ask("group/deleteAllContacts", groupId=staff)
    assert of(staff) == [] and [c["contactId"] for c in world.ask("contact/list")["contacts"]] == [ben]


def test_contact_leaves_a_group_by_the_reference_of_its_membership(box):
    world = World(box)
    member = world.member()
    world.ask("group/deleteContact", contactGroupId=member["reference"])
    assert box.call("group/deleteContact", contactGroupId=member["reference"])["status"] == "0"
    assert world.ask("group/get", groupId=member["group"])["group"]["total"] == 0


def test_update_changes_what_is_given(box):
    world = World(box)
    contact = world.contact(mobile=ALICE, name="Ann", surname="Smith", birthday="1980-12-24", custom5="five")
    world.ask("contact/update", contactId=contact, mobile=BOB, surname="", custom1="one")
    now = world.ask("contact/get", contactId=contact)["contact"]
    assert (now["mobile"], now["name"], now["surname"], now["birthday"], now["custom1"], now["custom5"]) == (
        BOB, "Ann", "", "1980-12-24", "one", "five")
    world.ask("contact/update", contactId=contact, mobile=BOB)
    world.ask("contact/add", mobile=ALICE)


# Messages

def test_bulk_takes_numbers_in_both_notations_and_rejects_what_it_cannot_send(box):
    World(box)
    box.settings(balance=10)
    reply = json.loads(box.ask("POST", "/api/sms/bulk", urllib.parse.urlencode([
        ("key", box.key), ("text", "x"), ("to[]", ALICE), ("to[]", CAROL), ("to[]", OPTED_OUT), ("to[]", "12")]))[2])
    assert (reply["accepted"], reply["rejected"], reply["balance"]) == (2, 2, 7.75)
    assert [m["to"] for m in box.messages()] == [ALICE, CAROL]
    box.settings(balance=2)
    assert box.call("sms/bulk", to=f"{ALICE},{CAROL}", text="x")["error"] == "105"
    assert len(box.messages()) == 2 and box.settings()["balance"] == 2


def test_viber_reaches_contacts_and_groups(box):
    world = World(box)
    contact, group = world.contact(mobile=ALICE), world.group()
    for one in (contact, world.contact(mobile=BOB)):
        world.ask("group/addContact", groupId=group, contactId=one)
    world.ask("viber/send", contactId=contact, text="one")
    assert world.ask("viber/send", groupId=group, text="all")["cost"] == 1
    assert world.ask("viber/bulk", groupId=group, text="all")["accepted"] == 2
    assert [m["to"] for m in box.messages()] == [ALICE, ALICE, BOB, ALICE, BOB]


def test_scheduled_message_can_be_cancelled_until_it_is_sent(box):
    world = World(box)
    box.settings(balance=10)
    kept, gone = world.sms(), world.scheduled()
    assert world.ask("me/balance")["balance"] == 8
    assert world.ask("sms/cancel", smsId=gone) == {**OK, "smsId": gone}
    assert world.ask("me/balance")["balance"] == 9
    assert box.call("sms/cancel", smsId=gone)["error"] == "109"
    assert box.call("sms/cancel", smsId=kept)["error"] == "110"
    assert box.call("status/sms", smsId=gone) == {"status": "0", "remarks": "Message not found"}
    assert [m["id"] for m in box.messages()] == [kept]


def test_cancelled_message_does_not_arrive(box):
    world = World(box)
    at = int(time.time()) + 6
    cancelled, kept = world.sms(timestamp=at), world.sms(timestamp=at)
    world.ask("sms/cancel", smsId=cancelled)
    assert box.wait_message(ALICE)["id"] == kept
    assert [m["id"] for m in box.messages()] == [kept]
    # It was scheduled, too, but it is sent: nothing of it comes back.
    balance = world.ask("me/balance")["balance"]
    assert box.call("sms/cancel", smsId=kept)["error"] == "110"
    assert world.ask("me/balance")["balance"] == balance
    assert world.ask("status/sms", smsId=kept)["0"]["smsId"] == kept


def test_history_tells_singles_and_bulks_apart(box):
    world = World(box)
    contact = world.contact(mobile=BOB)
    single = world.sms(ucs="true", **{"from": "Office"})
    world.ask("sms/bulk", to=f"{ALICE},{BOB}", text="all", flash="true")
    world.ask("viber/send", to=ALICE, text="v")
    for message in box.messages():
        box.wait_status(message, "d")
    box.settings(shape="arrays")
    singles = world.ask("history/single/list")
    assert (singles["total"], singles["cost"]) == (1, 1)
    row = singles["sms"][0]
    assert (row["smsId"], row["sender"], row["to"], row["unicode"], row["flash"], row["text"], row["cost"], row["status"],
            row["ttd"]) == (single, "Office", ALICE, "1", "0", "x", 1, "d", "0")
    bulks = world.ask("history/group/list")["historyGroup"]
    assert [(b["text"], b["flash"], b["total"], b["cost"]) for b in bulks] == [("all", "1", 2, 2)]
    assert [(m["to"], m["contactId"], m["status"]) for m in bulks[0]["sms"]] == [(ALICE, "", "d"), (BOB, contact, "d")]


def test_status_get_tells_each_report_once(box):
    world = World(box)
    box.settings(shape="arrays")
    assert world.ask("status/get")["sms"] == []
    first = world.sms()
    box.wait_status(first, "d")
    failed = world.ask("sms/send", to="306971230001", text="x")["smsId"]
    world.ask("sms/send", to="306971230002", text="x")
    box.wait_status(failed, "f")
    world.challenge()
    assert world.ask("status/get")["sms"] == [{"smsId": first, "status": "d"}, {"smsId": failed, "status": "f"}]
    assert world.ask("status/get")["sms"] == []


# Accounts

def test_sub_account_has_a_key_a_balance_and_things_of_its_own(box):
    world = World(box)
    box.settings(shape="arrays", balance=100)
    world.contact(name="of the main account")
    user = world.ask("user/add", email="sub@example.com", password="secret")["user"]
    assert user == {"userId": user["userId"], "balance": 0}
    listed = world.ask("user/list")["user"][0]
    assert (listed["email"], listed["username"]) == ("sub@example.com", "sub@example.com")
    sub = {"key": listed["key"]}
    assert box.call("key/get", key=None, username="sub@example.com", password="secret")["key"] == sub["key"]
    assert box.call("key/get", key=None, username="sub@example.com", password="demo")["error"] == "101"
    assert box.call("sms/send", to=ALICE, text="x", **sub)["error"] == "105"
    assert box.call("user/list", **sub)["error"] == "101"
    world.ask("user/topup", userId=user["userId"], sms="2.5", cost="0.1")
    sent = world.ask("sms/send", to=ALICE, text="x", **sub)
    assert (sent["balance"], world.ask("me/balance")["balance"]) == (1.5, 97.5)
    assert world.ask("contact/list", **sub)["contacts"] == [] and world.ask("history/single/list")["sms"] == []
    assert [row["smsId"] for row in world.ask("history/single/list", **sub)["sms"]] == [sent["smsId"]]
    assert box.call("status/sms", smsId=sent["smsId"])["status"] == "0"
    fresh = world.ask("key/reset", **sub)["key"]
    assert box.call("key/get", **sub)["error"] == "101" and box.call("key/get", key=fresh)["key"] == fresh


def test_top_ups_go_both_ways_and_are_purchases_of_the_sub_account(box):
    world = World(box)
    box.settings(shape="arrays", balance=10)
    user = world.user()
    assert world.ask("user/topup", userId=user, sms=4, cost="0.16")["user"]["balance"] == 4
    assert world.ask("user/topup", userId=user, sms="-1.5", cost=0)["user"] == {"userId": user, "balance": 2.5}
    assert world.ask("me/balance")["balance"] == 7.5
    key = world.ask("user/list")["user"][0]["key"]
    assert [(p["sms"], p["cost"]) for p in world.ask("purchase/list", key=key)["purchases"]] == [(4, 0.16), (-1.5, 0)]
    assert box.call("user/topup", userId=user, sms="8", cost="1")["error"] == "211"
    assert box.call("user/topup", userId=user, sms="-2.501", cost="1")["error"] == "210"


def test_comments_belong_to_a_sub_account(box):
    world = World(box)
    box.settings(shape="arrays")
    one, other = world.user(), world.user()
    first = world.ask("user/comment/add", userId=one, comment="first | a")["comment"]["commentId"]
    world.ask("user/comment/add", userId=other, comment="second")
    comments = world.ask("user/comment/list", userId=one)["comments"]
    assert [(c["commentId"], c["comment"]) for c in comments] == [(first, "first | a")]
    world.ask("user/comment/delete", commentId=first)
    assert world.ask("user/comment/list", userId=one)["comments"] == []


@pytest.mark.parametrize("email", ["nobody", "@x", "a@", "a b@c", "a@b@c"])
def test_sub_account_needs_an_address(box, email):
    assert box.call("user/add", email=email, password="x") == {"status": "0", "remarks": "email parameter is invalid"}
    assert box.call("user/add", email=email)["remarks"] == "password parameter is empty"


def test_purchases_begin_with_the_balance_at_the_start():
    with Sandbox.start(tls=False, balance=50) as box:
        purchase = box.call("purchase/list")["0"]
        assert (purchase["sms"], purchase["cost"]) == (50, 2)


def test_reset_forgets_all_or_the_messages_alone(world):
    box = world.box
    box._control("POST", "reset", "what=messages")
    assert box.messages() == [] and box.call("contact/list")["total"] > 0
    box.reset()
    assert [box.call(path)["total"] for path in ("contact/list", "group/list", "user/list", "history/group/list")] == [0] * 4
    assert box.ask("POST", "/sandbox/reset", "what=everything")[0] == 400
