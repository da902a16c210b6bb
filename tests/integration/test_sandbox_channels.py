"""The sandbox's other ways to a telephone: Viber messages, their fall-back, and lookups of numbers."""

import json

import pytest

from sandbox import KEY, Sandbox

ALICE = "306971234567"
FAILS, PENDING, SLOW = "306971230001", "306971230002", "306971230003"
OK = {"status": "1", "error": "0", "remarks": "Success"}
BUTTON = {"button_caption": "Open", "button_action": "https://example.com/"}
IMAGE = {"image": "https://example.com/a.png"}


@pytest.fixture(scope="module")
def running():
    with Sandbox.start(tls=False, delivery_after=50) as sandbox:
        yield sandbox


@pytest.fixture
def box(running):
    running.restore()
    running.settings(senders="sms365,Shop,Asleep:paused")
    return running


# Viber

def test_viber_message_arrives_and_costs(box):
    sent = box.call("viber/send", to="+30 697 123-4567", text="Καλημέρα", **{"from": "Shop"})
    message = box.messages(ALICE)[0]
    assert sent == {**OK, "id": message["id"], "cost": 0.5, "balance": 999.5}
    assert (message["channel"], message["from"], message["text"], message["code"]) == ("viber", "Shop", "Καλημέρα", None)
    box.wait_status(message, "d")
    assert box.call("sms/send", to=ALICE, text="x")["balance"] == 998.5
    assert [m["channel"] for m in box.messages()] == ["viber", "sms"]


def test_viber_message_of_the_default_sender_is_of_the_first_that_is_approved(box):
    box.call("viber/send", to=ALICE, text="x")
    assert box.messages()[0]["from"] == "sms365"


def test_viber_message_that_fails_is_followed_by_a_text_message(box):
    box.call("viber/send", to=FAILS, text="on Viber", sms_fallback="true", sms_text="by SMS €", sms_from="306900000000")
    first, second = box.wait_message(FAILS), box.wait_message(FAILS)
    assert (first["channel"], first["text"]) == ("viber", "on Viber")
    assert (second["channel"], second["text"], second["from"]) == ("sms", "by SMS €", "306900000000")
    box.wait_status(first, "f")
    box.wait_status(second, "d")
    assert box.call("me/balance")["balance"] == 998.5


@pytest.mark.parametrize("number, params", [
    (FAILS, {}), (FAILS, {"sms_fallback": "false", "sms_text": "y"}), (FAILS, {"sms_fallback": "true"}),
    (ALICE, {"sms_fallback": "true", "sms_text": "y"}),
])
def test_no_text_message_follows_where_none_is_asked_for_or_needed(box, number, params):
    id_ = box.call("viber/send", to=number, text="x", **params)["id"]
    box.wait_status(id_, "f" if number == FAILS else "d")
    assert [m["id"] for m in box.messages()] == [id_]


def test_text_message_that_the_balance_does_not_cover_does_not_follow(box):
    box.settings(balance=1.4)
    id_ = box.call("viber/send", to=FAILS, text="x", sms_fallback="true", sms_text="y")["id"]
    box.wait_status(id_, "f")
    assert len(box.messages()) == 1 and box.call("me/balance")["balance"] == 0.9


@pytest.mark.parametrize("ucs, shown", [("true", "Ωραία"), ("false", "Ω????")])
def test_alphabet_of_the_text_message_that_follows(box, ucs, shown):
    box.call("viber/send", to=FAILS, text="Ωραία", sms_fallback="1", sms_text="Ωραία", ucs=ucs, flash="true")
    box.wait_message(FAILS)
    second = box.wait_message(FAILS)
    assert (second["text"], second["flash"], second["from"]) == (shown, True, "sms365")


@pytest.mark.slow
def test_viber_message_that_is_not_delivered_in_time_has_failed(box):
    id_ = box.call("viber/send", to=PENDING, text="x", validity=60, sms_fallback="true", sms_text="y")["id"]
    box.wait_status(id_, "f", timeout=70)
    box.wait_message(PENDING)
    assert [m["channel"] for m in box.messages()] == ["viber", "sms"]


def test_viber_message_has_no_status_to_ask_for(box):
    id_ = box.call("viber/send", to=ALICE, text="x")["id"]
    assert box.call("status/sms", smsId=id_) == {"status": "0", "remarks": "Message not found"}


@pytest.mark.parametrize("params", [
    {"text": "x" * 1000}, IMAGE, {"text": "x", **BUTTON}, {"text": "x", **BUTTON, **IMAGE},
    {"text": "x", "all_devices": "false"}, {"text": "x", "validity": "60"}, {"text": "x", "validity": "86400"},
    {"text": "x", "sms_from": "12345678901"}, {"text": "x", "sms_from": "Eleven-char"}, {"text": "x", "from": "sms365"},
])
def test_what_viber_takes(box, params):
    assert box.call("viber/send", to=ALICE, **params)["status"] == "1"


@pytest.mark.parametrize("params, error", [
    ({"to": ""}, 501), ({"to": "210"}, 518), ({"to": None, "contactId": "1"}, 515), ({"to": None, "groupId": "1"}, 516),
    ({"from": "Bank"}, 503), ({"from": "Asleep"}, 504),
    ({"text": ""}, 505), ({"text": "", **BUTTON}, 505), ({"text": "x" * 1001}, 506),
    ({"button_action": "https://x/"}, 507), ({"button_caption": "Open"}, 508), ({"image": ""}, 509),
    ({"all_devices": "maybe"}, 510), (IMAGE, 511), ({"text": "", **IMAGE, **BUTTON}, 512),
    ({"validity": "59"}, 513), ({"validity": "86401"}, 513), ({"validity": "soon"}, 513),
    ({"sms_from": "Twelve chars"}, 514), ({"sms_from": "Ωμέγα"}, 514),
])
def test_what_viber_refuses(box, params, error):
    reply = box.call("viber/send", **{"to": ALICE, "text": "x", **params})
    assert (reply["status"], reply["error"]) == ("0", str(error))
    assert box.messages() == [] and box.call("me/balance")["balance"] == 1000


def test_viber_balance_that_is_too_low_and_messages_that_fail(box):
    box.settings(balance=0.499)
    assert box.call("viber/send", to=ALICE, text="x")["error"] == "517"
    box.settings(balance=10, fault="viber/send:error=518:1")
    assert box.call("viber/send", to=ALICE, text="x")["error"] == "518"
    assert box.call("viber/send", to=ALICE, text="x")["error"] == "0"


def test_viber_in_the_other_formats(box):
    form = f"key={KEY}&to={ALICE}&text=x&type="
    id_, cost, balance = box.ask("POST", "/api/viber/send", form + "v2")[2].decode().split("|")[1:]
    assert (id_, cost, balance) == (box.messages()[0]["id"], "0.5", "999.5")
    assert b"<cost>0.5</cost>" in box.ask("GET", "/api/viber/send?" + form + "xml")[2]


# Lookups

def test_lookup_tells_the_network_of_the_digits(box):
    assert box.call("hlr/lookup", mobile="+30 697 1234567") == {
        **OK, "result": "OK", "description": "Success", "mcc": "202", "mnc": "05", "network": "VODAFONE",
        "country": "GREECE", "countryCode": "30", "ported": "no", "cctld": "gr", "mccInitial": "202", "mncInitial": "05"}


def test_number_that_changed_its_network(box):
    box.settings(hlr=f"{ALICE}:202:01:yes,306900000001:none,+306900000002:202:05:no")
    moved = box.call("hlr/lookup", mobile=ALICE)
    assert (moved["mcc"], moved["mnc"], moved["network"], moved["ported"]) == ("202", "01", "COSMOTE", "yes")
    assert (moved["mccInitial"], moved["mncInitial"]) == ("202", "05")
    gone = box.call("hlr/lookup", mobile="306900000001")
    assert gone == {**OK, "result": "FAILED", "description": "Unknown subscriber"}
    assert box.settings()["hlr"] == f"{ALICE}:202:01:yes,306900000001:none,306900000002:202:05:no"
    box.settings(hlr="")
    assert box.call("hlr/lookup", mobile=ALICE)["ported"] == "no"


@pytest.mark.parametrize("name, value", [
    ("hlr", "1:202:01:yes"), ("hlr", f"{ALICE}:202:01"), ("hlr", f"{ALICE}:202:01:maybe"), ("hlr", f"{ALICE}:2:01:no"),
    ("hlr", f"{ALICE}:202:01:yes:x"), ("hlr", f"{ALICE}:some"), ("hlr", "x" * 100), ("hlr_balance", "-1"),
    ("senders", "a:b"), ("senders", ":paused"), ("senders", "x" * 29), ("senders", ",".join("abcdefghijklmnopq")),
])
def test_settings_that_are_refused(box, name, value):
    before = box.settings()
    with pytest.raises(ValueError, match=name):
        box.settings(**{name: value})
    assert box.settings() == before


def test_ten_lookups_cost_one_message(box):
    box.settings(balance=2)
    for _ in range(10):
        assert box.call("hlr/lookup", mobile=ALICE)["status"] == "1"
    assert (box.settings()["balance"], box.settings()["hlr_balance"]) == (1, 0)
    for _ in range(10):
        assert box.call("hlr/lookup", mobile=ALICE)["status"] == "1"
    assert box.call("hlr/lookup", mobile=ALICE)["error"] == "105"
    box.settings(balance=0.999)
    assert box.call("hlr/lookup", mobile=ALICE)["error"] == "105"
    assert box.settings()["balance"] == 0.999


@pytest.mark.parametrize("params, error", [
    ({"key": "wrong", "mobile": ALICE}, 101), ({}, 205), ({"mobile": ""}, 205), ({"mobile": "2101234567"}, 201),
])
def test_lookup_that_is_refused_costs_nothing(box, params, error):
    assert box.call("hlr/lookup", **params)["error"] == str(error)
    assert (box.settings()["balance"], box.settings()["hlr_balance"]) == (1000, 0)


def test_lookup_in_the_other_formats(box):
    body = box.ask("POST", "/api/hlr/lookup", f"key={KEY}&mobile={ALICE}&type=v2")[2].decode()
    assert body == "1|OK|Success|202|05|VODAFONE|GREECE|30|no|gr|202|05"
    assert json.loads(box.ask("GET", f"/api/hlr/lookup?key={KEY}&mobile={ALICE}")[2])["mnc"] == "05"
