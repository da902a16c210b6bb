"""The administrator's command: one for each request of the provider's API."""

import csv
import io
import re
import subprocess
import time

import pytest

from administrator import DONE, FAILED, NUMBER, UNREACHABLE, USAGE, NOWHERE, cli_box, place, running_cli_box  # noqa: F401
from api_world import ALIASES, ALICE, BOB, PATHS, TABLE, VALID, World

# Kept here, not taken from the tables: what is missing there is to be missed.
COMMANDS = {
    "mobile/check": "mobile check", "key/get": "key check", "key/reset": "api key/reset", "sms/send": "sms send",
    "sms/bulk": "sms bulk", "sms/cancel": "sms cancel", "viber/send": "viber send", "viber/bulk": "viber bulk",
    "viber/balance": "viber balance", "me/balance": "balance", "balance/get": "api balance/get", "2fa/send": "2fa send",
    "2fa/check": "2fa check", "contact/add": "contact add", "contact/delete": "contact delete",
    "contact/get": "contact get", "contact/list": "contact list", "contact/update": "contact update",
    "group/add": "group add", "group/addContact": "group add-contact", "group/delete": "group delete",
    "group/deleteAllContacts": "group delete-all-contacts", "group/deleteContact": "group delete-contact",
    "group/get": "group get", "group/list": "group list", "history/group/list": "history group list",
    "history/single/list": "history single list", "hlr/lookup": "hlr lookup", "purchase/list": "purchase list",
    "status/get": "status get", "status/sms": "status sms", "user/add": "account add", "user/list": "account list",
    "user/topup": "account topup", "user/comment/add": "account comment add",
    "user/comment/delete": "account comment delete", "user/comment/list": "account comment list"}
COSTLY = ["sms/send", "sms/bulk", "viber/send", "viber/bulk", "2fa/send", "hlr/lookup", "user/topup"]
OTHERS = {"key check", "api key/reset", "balance", "api balance/get", "2fa check"}  # made of no table


def request_of(path, params):
    """The command line that makes the request, and what it reads."""
    words, options, secrets = COMMANDS[path].split(), [], []
    for param in TABLE[path]["params"]:
        value = params.get(param["name"])
        if value is None or param["name"] == "key":
            continue
        if param["type"] == "SECRET":
            secrets.append(f"{value}\n")
        elif param["need"] == "REQUIRED":
            words.append(value)
        else:
            options += [f"--{param['name']}", value]
    return [*words, *options, *(["--yes"] if path in COSTLY else [])], "".join(secrets)


class Watched:
    """What arrives at the provider from now on."""

    def __init__(self, box):
        self._box, self._before = box, len(box.requests())

    def requests(self):
        return self._box.requests()[self._before:]


# --- Every endpoint ---


def test_every_endpoint_has_a_command():
    assert sorted(COMMANDS) == sorted(PATHS)
    assert sorted(path for path, endpoint in TABLE.items() if endpoint["costs"]) == sorted(COSTLY)


@pytest.mark.parametrize("path", [path for path in PATHS if COMMANDS[path] not in OTHERS])
def test_every_command_makes_its_request(place, path):
    params = VALID[path](World(place.box).fill())
    place.with_key()
    watched = Watched(place.box)
    words, stdin = request_of(path, params)
    result = place.run(*words, stdin=stdin)
    assert (result.status, result.err) == (DONE, "")
    assert result.out and all(character.isprintable() for character in result.out.replace("\n", ""))
    made, = watched.requests()
    assert made["endpoint"] == path
    secret = {param["name"] for param in TABLE[path]["params"] if param["type"] == "SECRET"}
    wanted = {name: str(value) for name, value in params.items() if name not in secret and value is not None}
    assert wanted.items() <= made["params"].items()


@pytest.mark.parametrize("path", [path for path in PATHS if COMMANDS[path] in OTHERS])
def test_the_other_endpoints_are_asked_by_commands_of_their_own(place, path):
    world = World(place.box)
    place.with_key()
    words, stdin = COMMANDS[path].split(), ""
    if path == "2fa/check":
        words.append(world.challenge())
        stdin = place.box.messages()[-1]["code"] + "\n"
    elif path == "key/reset":
        words.append("--reveal")
    watched = Watched(place.box)
    assert place.run(*words, stdin=stdin).status == DONE
    assert [made["endpoint"] for made in watched.requests()] == [ALIASES.get(path, path)]


@pytest.mark.parametrize("path", sorted(path for path in PATHS if COMMANDS[path] not in OTHERS))
def test_replies_come_as_data(place, path):
    params = VALID[path](World(place.box).fill())
    place.with_key()
    words, stdin = request_of(path, params)
    told = place.json(*words, stdin=stdin).object
    assert not {"status", "error", "remarks", "text"} & set(told)
    for field in TABLE[path]["fields"]:
        if field["object"] is None:
            value = told[field["name"]]
            kind = {"NUMBER": (int, float), "OBJECT": dict, "LIST": list, "VALUES": list}.get(field["type"], str)
            assert isinstance(value, kind), field
    assert told or not TABLE[path]["fields"]


@pytest.mark.parametrize("path", ["contact/add", "sms/send", "user/topup"])
def test_an_unreachable_provider_ends_with_3(place, path):
    world = World(place.box)
    words, stdin = request_of(path, VALID[path](world))
    assert place.run("key", "init").status == DONE
    place.run("key", "add", "main", "--no-check", "--whitelist", "any", "--url", NOWHERE, stdin="DEMO-KEY\n")
    result = place.json(*words, stdin=stdin)
    assert (result.status, result.object["error"]) == (UNREACHABLE, "unreachable")


def test_refusals_come_with_the_reference_s_text_and_advice(place):
    place.with_key()
    result = place.run("contact", "add", "210")
    assert result.status == FAILED
    assert "error 201 (Failed to parse mobile to MSISDN). Correct the number" in result.err
    assert place.json("group", "get", "0").object["provider_error"] == 217


# --- The command line ---


@pytest.mark.parametrize("words", [
    ("contact",), ("contact", "bogus"), ("contact", "add"), ("contact", "add", NUMBER, "x"), ("account", "comment"),
    ("contact", "add", NUMBER, "--bogus", "x"), ("contact", "add", NUMBER, "--name"), ("contact", "list", "--yes"),
    ("contact", "add", NUMBER, "--name", "a", "--name", "b"), ("contact", "add", NUMBER, "--birthday", "tomorrow"),
    ("contact", "list", "--format", "xml"), ("contact", "add", NUMBER, "--format", "csv"), ("history", "group"),
    ("sms", "send", NUMBER, "x", "--yes", "--ucs", "maybe"), ("sms", "bulk", "-", "-", "--yes"),
    ("viber", "send", "--text", "x", "--yes"), ("group", "delete-contact", "--groupId", "1"), ("help", "bogus"),
    ("account", "topup", "1", "many", "1", "--yes"), ("hlr", "lookup", "", "--yes"), ("mobile", "check", "1", "--key", "x"),
])
def test_a_wrong_command_line_is_told_and_nothing_leaves(place, words):
    place.with_key()
    result = place.run(*words)
    assert (result.status, result.out) == (USAGE, "")
    assert result.err.startswith("sms365: ")
    assert place.box.requests() == []


def test_the_help_of_a_family_has_every_parameter_with_its_bounds(place):
    text = place.run("help", "viber").out
    assert text == place.run("viber", "--help").out
    for part in ("viber send [OPTION]...", "--validity N", "(60 to 86400)", "--text TEXT|-", "(1 to 1000 characters)",
                 "--all_devices true|false", "Needed: --to, or --contactId, or --groupId.", "--yes"):
        assert part in text
    assert text.count("viber balance") == 1
    one = place.run("account", "comment", "add", "--help").out
    assert "account comment add USERID COMMENT|- [OPTION]..." in one and "comment list" not in one
    assert place.json("help", "contact").object["commands"] == [
        "contact add MOBILE [OPTION]...", "contact delete CONTACTID [OPTION]...", "contact get CONTACTID [OPTION]...",
        "contact list [OPTION]...", "contact update CONTACTID [OPTION]..."]


def test_a_value_may_be_empty_and_clears_the_field(place):
    contact = World(place.box).contact(name="Ann", surname="Other")
    place.with_key()
    assert place.run("contact", "update", contact, "--name=").status == DONE
    shown = place.json("contact", "get", contact).object["contact"]
    assert (shown.get("name", ""), shown["surname"]) == ("", "Other")


def test_less_than_nothing_is_a_word(place):
    account = World(place.box).user()
    place.with_key()
    assert place.run("account", "topup", account, "5", "1", "--yes").status == DONE
    assert place.json("account", "topup", account, "-2.5", "1", "--yes").object["user"]["balance"] == 2.5


def test_a_contact_that_is_in_the_group_already_is_done(place):
    member = World(place.box).member()
    place.with_key()
    result = place.run("group", "add-contact", member["group"], member["contact"])
    assert result.status == DONE and "already" in result.err


def test_a_text_and_numbers_can_come_from_standard_input(place):
    place.with_key()
    assert place.run("sms", "bulk", "-", "Closed today", "--yes", stdin=f"{ALICE}\n{BOB}\n").status == DONE
    assert sorted((one["to"], one["text"]) for one in place.box.messages()) == [
        (ALICE, "Closed today"), (BOB, "Closed today")]
    assert place.run("sms", "send", ALICE, "-", "--yes", stdin="Καλημέρα\nκόσμε\n").status == DONE
    assert place.box.messages()[-1]["text"] == "Καλημέρα\nκόσμε"
    assert place.box.requests("sms/send")[-1]["params"]["ucs"] == "true"


def test_a_password_is_asked_for_and_shown_nowhere(place):
    place.with_key()
    terminal = place.terminal("account", "add", "ann@example.com")
    terminal.sees("password (not shown): ")
    terminal.answers("Wonder-land 1865")
    assert terminal.ends() == DONE
    assert "Wonder-land" not in terminal.text
    assert [one["email"] for one in place.json("account", "list").object["user"]] == ["ann@example.com"]


def test_keys_of_sub_accounts_are_masked_unless_revealed(place):
    World(place.box).user()
    place.with_key()
    for words in (("account", "list"), ("account", "list", "--format", "csv")):
        assert re.search(r"\*{8,}", place.run(*words).out)
        assert re.search(r"[0-9a-f]{16}", place.run(*words, "--reveal").out)
    masked, = place.json("account", "list").object["user"]
    assert set(masked["key"]) == {"*"}


# --- Money ---


@pytest.mark.parametrize("path", COSTLY)
def test_what_costs_money_is_refused_where_nobody_can_be_asked(place, path):
    words, stdin = request_of(path, VALID[path](World(place.box)))
    place.with_key()
    watched = Watched(place.box)
    result = place.run(*(word for word in words if word != "--yes"), stdin=stdin)
    assert result.status == USAGE and "--yes" in result.err
    assert watched.requests() == []


@pytest.mark.parametrize("words, told", [
    (("sms", "send", ALICE, "x" * 161), "1 message of 2 parts: 2 credits. The balance is 50."),
    (("sms", "bulk", f"{ALICE},{BOB}", "x"), "2 messages of 1 part: 2 credits. The balance is 50."),
    (("sms", "bulk", f"{ALICE},12", "x"), "2 messages of 1 part: 1 credit, and 1 number at a price that is not known."),
    (("sms", "bulk", ",".join(str(306971230000 + i) for i in range(12)), "x"),
     "12 messages of 1 part: 10 credits, and 2 numbers at a price that is not known."),
    (("2fa", "send", ALICE), "1 message of 1 part: 1 credit. The balance is 50."),
    (("viber", "bulk", "--to", f"{ALICE},{BOB}", "--text", "x", "--sms_fallback", "true", "--sms_text", "x"),
     "2 Viber messages, at a price that is told afterwards; where one fails, a text message of 1 part. The balance"),
    (("hlr", "lookup", ALICE), "A lookup: a tenth of a credit. The balance is 50."),
    (("send", ALICE, "x" * 161), "1 message of 2 parts: 2 credits. The balance is 50."),
    (("api", "sms/send", f"to={ALICE}", "text=x"), "1 message of 1 part: 1 credit. The balance is 50."),
    (("api", "hlr/lookup", f"mobile={ALICE}", "type=xml"), "A lookup: a tenth of a credit. The balance is 50."),
    (("api", "user/topup", "userId=7", "sms=-2.5", "cost=1"), "2.5 credits go back from sub-account 7"),
    (("account", "topup", "7", "-2.5", "1"), "2.5 credits go back from sub-account 7 to the main account. The balance"),
])
def test_the_cost_is_said_first_and_no_means_no(place, words, told):
    place.box.settings(balance=50)
    place.with_key()
    watched = Watched(place.box)
    terminal = place.terminal(*words)
    terminal.sees(told)
    terminal.sees("Go on? [y/N] ")
    asked = watched.requests()
    terminal.answers("n")
    assert terminal.ends() == FAILED
    assert "nothing was done" in terminal.text
    assert {one["endpoint"] for one in asked} <= {"mobile/check", "me/balance"}
    assert watched.requests() == asked and place.box.messages() == []


def test_the_size_of_a_group_is_said(place):
    member = World(place.box).member()
    place.with_key()
    terminal = place.terminal("viber", "send", "--groupId", member["group"], "--text", "x")
    terminal.sees("1 Viber message, at a price")
    terminal.answers("")
    assert terminal.ends() == FAILED


@pytest.mark.parametrize("words", [("send", ALICE, "x"), ("api", "sms/send", f"to={ALICE}", "text=x")])
def test_plain_commands_ask_a_person_alone(place, words):
    """In a script they do what is written there; in front of a terminal --yes says that nobody wants to be asked."""
    place.with_key()
    assert place.run(*words).status == DONE
    terminal = place.terminal(*words, "--yes")
    assert terminal.ends() == DONE and "Go on?" not in terminal.text
    terminal = place.terminal(*words)
    terminal.sees("Go on? [y/N] ")
    terminal.answers("y")
    assert terminal.ends() == DONE
    assert len(place.box.messages()) == 3


def test_what_is_no_request_has_no_price(place):
    place.with_key()
    terminal = place.terminal("api", "sms/send", f"to={ALICE}")
    assert terminal.ends() == USAGE and "text" in terminal.text and "Go on?" not in terminal.text
    assert place.box.requests() == []


def test_yes_means_yes(place):
    place.with_key()
    terminal = place.terminal("sms", "send", ALICE, "x")
    terminal.sees("Go on? [y/N] ")
    terminal.answers("y")
    assert terminal.ends() == DONE
    assert [one["to"] for one in place.box.messages()] == [ALICE]


def test_a_lost_reply_is_told_and_nothing_is_done_twice(place):
    place.with_key()
    place.box.settings(fault="sms/send:drop-after:1")
    result = place.run("sms", "send", ALICE, "x", "--yes")
    assert result.status == FAILED and "may have done it" in result.err
    assert len(place.box.messages()) == 1


# --- Tables and lists ---


def test_tables_are_aligned_as_a_terminal_shows_them(place):
    world = World(place.box)
    for number, name in ((ALICE, "Άννα"), (BOB, "中文名"), ("447700900123", "e\u0301e")):
        world.contact(mobile=number, name=name, surname="End")
    place.with_key()
    lines = place.run("contact", "list").out.splitlines()
    assert lines[0].split() == ["total:", "3"] and lines[1] == ""
    assert lines[2].split()[:4] == ["contactId", "mobile", "name", "surname"]
    assert "birthday" not in lines[2]
    column = lines[2].index("surname")
    wide = {"中文名": 3, "e\u0301e": -1}
    for line in lines[3:]:
        shift = sum(count for text, count in wide.items() if text in line)
        assert line.index("End") == column - shift


def test_what_would_steer_a_terminal_is_not_shown(place):
    World(place.box).contact(mobile=ALICE, name="a\u202eb\u2066c\u061cd")
    place.with_key()
    out = place.run("contact", "list").out
    assert "a???b???c??d" in out


def test_an_empty_list_is_told(place):
    place.with_key()
    assert "contacts: none\n" in place.run("contact", "list").out
    assert place.run("contact", "list", "--format", "csv").out.count("\n") == 1


def test_statuses_are_words_for_people_and_letters_for_programs(place):
    world = World(place.box)
    sms = world.sms()
    place.box.wait_status(sms, "d")
    place.with_key()
    assert "delivered" in place.run("status", "sms", sms).out
    assert place.json("status", "sms", sms).object["sms"] == [{"smsId": sms, "status": "d"}]


def test_times_are_dates_for_people_and_seconds_for_programs(place):
    World(place.box).sms()
    place.with_key()
    [seconds] = [row["timestamp"] for row in place.json("history", "single", "list").object["sms"]]
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))
    assert moment in place.run("history", "single", "list").out
    table = list(csv.DictReader(io.StringIO(place.run("history", "single", "list", "--format", "csv").out)))
    assert [row["timestamp"] for row in table] == [seconds]


def test_a_refusal_without_a_number_is_told_as_one(place):
    place.with_key()
    result = place.run("status", "sms", "1")
    assert result.status == FAILED and "refused without an error number; check that what it was asked about" in result.err


@pytest.mark.parametrize("words, told", [
    (("contact",), "contact what? sms365 contact --help shows its commands"),
    (("contact", "give"), "there is no such command: contact give; sms365 contact --help shows them all"),
    (("contact", "list", "--json"), "--json stands before the command"),
])
def test_a_slip_in_the_words_is_told_as_what_it_is(place, words, told):
    result = place.run(*words)
    assert result.status == USAGE and told in result.err


def test_a_list_within_a_row_shows_the_row_once(place):
    world = World(place.box)
    world.ask("sms/bulk", to=f"{ALICE},{BOB}", text="To everybody")
    place.with_key()
    assert place.run("history", "group", "list").out.count("To everybody") == 1
    rows = list(csv.DictReader(io.StringIO(place.run("history", "group", "list", "--format", "csv").out)))
    assert [(row["text"], row["sms.to"]) for row in rows] == [("To everybody", ALICE), ("To everybody", BOB)]


def test_csv_is_that_of_rfc_4180(place):
    world = World(place.box)
    names = ["plain", 'quo"ted', "com,ma", "=1+1", "+phone", "-5.5", "@x", "-x", "Ω"]
    for name in names:
        world.contact(name=name)
    place.with_key()
    raw = subprocess.run(place.argv("contact", "list", "--format", "csv"), stdout=subprocess.PIPE, env={},
                         check=True).stdout.decode()
    assert raw.count("\r\n") == raw.count("\n") == len(names) + 1
    rows = list(csv.DictReader(io.StringIO(raw, newline="")))
    assert list(rows[0]) == [field["name"] for field in TABLE["contact/list"]["fields"] if field["object"]]
    assert [row["name"] for row in rows] == ["plain", 'quo"ted', "com,ma", "'=1+1", "'+phone", "-5.5", "'@x", "'-x", "Ω"]


def test_csv_and_json_exclude_each_other(place):
    place.with_key()
    assert place.json("contact", "list", "--format", "csv").status == USAGE
