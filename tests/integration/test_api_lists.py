"""The library's lists, as `sms365 api` shows them: one shape, whichever the provider answers in."""

import pytest

from administrator import DONE, cli_box, place, running_cli_box  # noqa: F401
from api_world import ALICE, TABLE, VALID, World

LISTS = sorted(path for path, endpoint in TABLE.items() if any(field["item"] for field in endpoint["fields"]))
TELL_ANEW = ("sms/bulk", "viber/bulk", "status/get")  # the next call has another answer


def without_what_changes(reply):
    return {name: value for name, value in reply.items() if name not in ("balance", "id", "sms", "messages")}


@pytest.mark.parametrize("path", LISTS)
def test_reply_is_the_same_in_every_shape(place, path):
    world = World(place.box).fill()
    place.with_key()
    words = [f"{name}={value}" for name, value in VALID[path](world).items()]
    replies = []
    for shape in ("rows", "arrays", "wrapped"):
        place.box.settings(shape=shape)
        if path == "status/get":
            world.ask(path)
            place.box.wait_status(world.sms(), "d")
        result = place.json("api", path, *words)
        assert result.status == DONE
        replies.append(result.object["reply"])
    if path in TELL_ANEW:
        assert len(replies[1]["id" if path != "status/get" else "sms"]) == len(replies[0].get("id", [0]))
        replies = [without_what_changes(reply) for reply in replies]
    assert replies[0] == replies[1] == replies[2]
    for field in TABLE[path]["fields"]:
        if field["item"] and field["object"] is None and path not in TELL_ANEW:
            assert isinstance(replies[0][field["name"]], list) and replies[0][field["name"]]


@pytest.mark.parametrize("shape", ["rows", "arrays", "wrapped"])
def test_older_words_are_today_s(place, shape):
    place.with_key()
    place.box.settings(shape=shape, older="yes")
    sent = place.json("api", "sms/send", f"to={ALICE}", "text=x").object["reply"]
    place.box.wait_status(sent["smsId"], "d")
    told, = place.json("api", "status/get").object["reply"]["sms"]
    assert told == {"smsId": sent["smsId"], "status": "d"}
    pending, = place.json("api", "sms/bulk", "to=306971230002", "text=x").object["reply"]["sms"]
    group, = place.json("api", "history/group/list").object["reply"]["historyGroup"]
    assert (group["sms"][0]["smsId"], group["sms"][0]["status"]) == (pending["smsId"], "s")
    assert "sent" in place.run("send", ALICE, "text").out.lower()
    assert '"status":"2"' in place.box.ask("GET", f"/api/status/sms?key={place.box.key}&smsId={sent['smsId']}")[2].decode()


def test_keys_of_sub_accounts_are_masked(place):
    World(place.box).user()
    place.with_key()
    user, = place.json("api", "user/list").object["reply"]["user"]
    assert set(user["key"]) == {"*"}
    user, = place.json("api", "user/list", "--reveal").object["reply"]["user"]
    assert set(user["key"]) <= set("0123456789abcdef")


def test_contact_that_is_in_the_group_already_is_done(place):
    world = World(place.box)
    place.with_key()
    words = "api", "group/addContact", f"groupId={world.group()}", f"contactId={world.contact(mobile=ALICE)}"
    assert place.json(*words).object["reply"]["contactGroupId"]
    again = place.json(*words)
    assert again.status == DONE and again.object["reply"]["error"] == "218"


def test_thousands_of_contacts_are_listed(place):
    world = World(place.box)
    place.with_key()
    for _ in range(3000):
        world.contact(name="x" * 200)
    listed = place.json("api", "contact/list").object["reply"]
    assert len(listed["contacts"]) == 3000 and int(listed["total"]) == 3000
    assert place.run("api", "contact/list", "type=xml").out.count("x" * 200) == 3000
