"""sms365 user import, export and sync: many users at once, against a sandbox."""

import pwd
import re
import signal
import stat
import subprocess
import time

import pytest

import sandbox
from administrator import DONE, FAILED, NOWHERE, UNREACHABLE, USAGE, cli_box, mode, place, running_cli_box  # noqa: F401
from programs import wrong


ALICE, BOB = "306971234567", "306987654321"
UNKNOWN = "2101234567"  # no mobile number


def number(i):
    return f"3069700{i:05d}"


@pytest.fixture
def here(place):
    place.with_key()
    return place


def csv_of(place, text):
    path = place.path / "people.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def imported(place, text, *options):
    return place.run("user", "import", csv_of(place, text), "--force", *options)


def checks(box):
    return box.stats()["requests"]["mobile/check"]


def users(place):
    """The users file: numbers by name."""
    lines = [line.split(":") for line in place.users.read_text().splitlines() if line and line[0] != "#"]
    return {name: [number.split(";")[0] for number in numbers.split()] for name, numbers in lines}


# Import

def test_import_records_what_user_add_records(here):
    here.run("user", "add", "alice", ALICE, "6987654321", "--force")
    line = here.users.read_text()
    here.users.unlink()
    result = imported(here, f"alice,{ALICE},6987654321\r\n")
    assert result.status == DONE and "1 user added, 0 changed, 0 as before." in result.out
    assert here.users.read_text() == line and "mcc=202" in line and "cost=" in line
    assert stat.S_IMODE(here.users.stat().st_mode) == 0o600
    assert here.json("user", "show", "alice").object["user"]["state"] is not None


def records(place):
    return [path for path in (place.path / "state/pam").iterdir() if path.name.startswith("user.")]


def test_first_login_makes_the_record_of_who_was_imported(here, cli_box):
    cli_box.reset()
    imported(here, f"root,{ALICE}\nalice,{BOB}\n")
    assert records(here) == [] and list((here.path / "state/pam").iterdir()) != []  # the tables are there
    terminal = here.terminal("login", "root")
    terminal.sees("Enter it, or r = again: ")
    assert len(records(here)) == 1
    terminal.answers(cli_box.wait_message(ALICE)["code"])
    assert terminal.ends() == DONE
    shown = here.json("user", "show", "root").object["user"]["state"]
    assert (shown["usual_places"], shown["sends_last_hour"], len(records(here))) == (1, 1, 1)


@pytest.mark.parametrize("again", ["added", "changed"])
def test_what_was_counted_stays_and_open_challenges_end_with_the_numbers_they_belong_to(here, cli_box, again):
    cli_box.reset()
    imported(here, f"root,{ALICE}\n")
    terminal = here.terminal("login", "root")
    terminal.sees("Enter it, or r = again: ")
    terminal.answers(wrong(cli_box.wait_message(ALICE)))
    assert terminal.ends() == FAILED
    before = here.json("user", "show", "root").object["user"]["state"]
    assert (before["failed_tries"], before["open_challenges"]) == (1, 1)
    if again == "added":
        here.users.unlink()
    assert imported(here, f"root,{BOB}\n", "--confirm", "root", "--no-notice").status == DONE
    shown = here.json("user", "show", "root").object["user"]["state"]
    assert (shown["failed_tries"], shown["open_challenges"]) == (1, 0) and users(here) == {"root": [BOB]}


@pytest.mark.parametrize("trouble", ["no master key", "damaged record"])
def test_users_are_imported_where_their_records_cannot_be_looked_at(here, trouble):
    here.run("user", "add", "alice", ALICE, "--force")
    here.users.unlink()
    if trouble == "no master key":
        here.master.unlink()
    else:
        records(here)[0].write_bytes(b"x" * 16384)
    result = imported(here, f"alice,{ALICE}\nbob,{BOB}\n")
    assert result.status == DONE and users(here) == {"alice": [ALICE], "bob": [BOB]}
    assert {"no master key": "was not made ready", "damaged record": "remembered of alice stays"}[trouble] in result.err


def test_columns_are_named_or_in_order(here):
    assert imported(here, f"\ufeffE-mail,Number,USER,number2\r\nx@example.com,{ALICE},alice,\r\n,,,\r\n").status == FAILED
    assert imported(here, f'"bob", +30 698-765-4321\n\n').status == DONE
    assert users(here) == {"alice": [ALICE], "bob": [BOB]}


def test_bad_lines_are_told_with_their_number_and_left_out(here):
    bad = ["alice", ",306971234567", f"bob,{UNKNOWN}", "carol,12x", f"dave,{ALICE},0030 697 123 4567", "e:f,306971234567",
           'frank,"306971234567', f"ok,{BOB}"]
    result = imported(here, f"ok,{BOB}\n" + "\n".join(bad))
    assert result.status == FAILED and users(here) == {"ok": [BOB]}
    for line in [*range(2, 8), "8-9"]:
        assert f"people.csv:{line}: left out: " in result.err
    assert "8 lines of" in result.err
    result = here.json("user", "import", csv_of(here, f"ok,{BOB}\nalice\n"), "--force")
    assert result.status == FAILED
    assert (result.object["error"], [(one["line"], one["last_line"]) for one in result.object["bad"]]) == ("bad_lines", [(2, 2)])
    assert (result.object["added"], result.object["same"]) == (0, 1)


def test_lines_of_somebody_s_text_are_no_users(here):
    """In a row that is too long, too."""
    text = "x" * 5000 + f"\nroot,{ALICE}\n"
    result = imported(here, f'user,number,remark\nbob,{BOB},"{text}"\ncarol,306970000001,""\n')
    assert result.status == FAILED and users(here) == {"carol": ["306970000001"]}
    assert "people.csv:2-4: left out: it is longer than 4096 bytes" in result.err and "3 lines of" in result.err


@pytest.mark.parametrize("name", ['=cmd|"/C calc"!A1', "+alice", "-alice", "@alice"])
def test_names_that_spreadsheets_take_for_formulas_are_left_out(here, group, name):
    told = "a user's name that begins with =, +, - or @ would be a formula in a spreadsheet"
    quoted = name.replace('"', '""')
    result = imported(here, f'bob,{BOB}\n" {quoted}",{ALICE}\n')
    assert result.status == FAILED and f"people.csv:2: left out: {told}" in result.err
    contact = group.add("306970000009", custom1=name)
    result = synced(here, "--yes")
    assert result.status == FAILED and f"contact {contact} is left out: {told}" in result.err
    assert set(users(here)) == {"alice", "bob"}


def test_user_unknown_to_the_system_is_left_out(here):
    result = here.run("user", "import", csv_of(here, f"nobody-here,{ALICE}\nroot,{BOB}\n"))
    assert result.status == FAILED and "1: left out: there is no user nobody-here" in result.err
    assert users(here) == {"root": [BOB]}


def test_country_without_messages_is_left_out(here):
    here.write(limits__countries="30")
    result = imported(here, f"alice,{ALICE}\nbob,+447700900123\n")
    assert result.status == FAILED and users(here) == {"alice": [ALICE]}


def test_numbers_of_a_user_never_change_unless_confirmed_for_that_user(here, cli_box):
    imported(here, f"alice,{ALICE}\nbob,{BOB}\n")
    here.users.chmod(0o640)
    before = here.users.read_bytes()
    changed = f"alice,306970000001\nbob,306970000002\ncarol,306970000003\n"
    result = imported(here, changed, "--yes")
    assert result.status == FAILED and here.users.read_bytes().startswith(before)
    assert f"- alice: +{ALICE}\n+ alice: +306970000001\n" in result.out and "--confirm alice" in result.err
    assert users(here) == {"alice": [ALICE], "bob": [BOB], "carol": ["306970000003"]}
    assert cli_box.messages() == []
    assert imported(here, changed, "--confirm", "alice").status == FAILED
    assert users(here) == {"alice": ["306970000001"], "bob": [BOB], "carol": ["306970000003"]}
    assert [message["to"] for message in cli_box.messages()] == [ALICE]  # who had the codes is told
    assert stat.S_IMODE(here.users.stat().st_mode) == 0o640


def test_person_at_the_terminal_is_asked_for_each_change(here):
    imported(here, f"alice,{ALICE}\nbob,{BOB}\n")
    terminal = here.terminal("user", "import", csv_of(here, "alice,306970000001\nbob,306970000002\n"), "--force", "--no-notice")
    terminal.sees("Are the codes of alice to go there? [y/N] ")
    terminal.answers("n")
    terminal.sees("Are the codes of bob to go there? [y/N] ")
    terminal.answers("y")
    terminal.ends()
    assert users(here) == {"alice": [ALICE], "bob": ["306970000002"]}


@pytest.mark.parametrize("answer", ["n", "y"])
def test_a_user_who_was_removed_meanwhile_stays_removed(here, cli_box, answer):
    here.users.write_text("alice: 306970000001\nzoe: 306970000002\n")
    path = csv_of(here, f"zoe,306970000002\nalice,{ALICE}\nbob,{BOB}\n")
    terminal = here.terminal("user", "import", path, "--force")
    terminal.sees("Are the codes of alice to go there? [y/N] ")
    assert here.run("user", "remove", "alice").status == DONE
    terminal.answers(answer)
    if answer == "y":
        terminal.sees("alice was changed by somebody else meanwhile")
    assert terminal.ends() == FAILED
    assert users(here) == {"zoe": ["306970000002"], "bob": [BOB]} and cli_box.messages() == []


@pytest.mark.parametrize("number, status", [(BOB, DONE), ("306970000003", FAILED)])
def test_a_user_whom_somebody_else_added_meanwhile_stays_as_added(here, number, status):
    here.users.write_text("alice: 306970000001\n")
    terminal = here.terminal("user", "import", csv_of(here, f"alice,{ALICE}\nbob,{BOB}\n"), "--force", "--no-notice")
    terminal.sees("Are the codes of alice to go there? [y/N] ")
    assert here.run("user", "add", "bob", number, "--force", "--no-check").status == DONE
    terminal.answers("y")
    terminal.sees("0 users added, 1 changed, ")
    assert terminal.ends() == status
    assert users(here) == {"alice": [ALICE], "bob": [number]}


def test_users_that_are_there_are_not_asked_about_again(here, cli_box):
    text = "".join(f"user{i},{number(i)}\n" for i in range(50))
    imported(here, text)
    cli_box.reset()
    result = imported(here, text)
    assert result.status == DONE and "0 users added, 0 changed, 50 as before." in result.out and checks(cli_box) == 0


def test_progress_is_told_in_lines_away_from_a_terminal_and_not_at_all_with_json(here):
    text = "".join(f"user{i},{number(i)}\n" for i in range(40))
    result = imported(here, text)
    assert [line for line in result.err.splitlines() if "numbers checked" in line] == [
        f"sms365: {i} of 40 numbers checked" for i in range(4, 41, 4)]
    here.users.unlink()
    assert here.json("user", "import", csv_of(here, text), "--force").object["added"] == 40


def test_bar_is_drawn_on_a_terminal(here):
    text = "".join(f"user{i},{number(i)}\n" for i in range(40))
    terminal = here.terminal("user", "import", csv_of(here, text), "--force")
    terminal.sees("] 40 of 40 numbers checked")
    terminal.sees("40 users added")
    terminal.ends()


def test_import_keeps_few_connections(here, cli_box):
    imported(here, "".join(f"user{i},{number(i)}\n" for i in range(400)))
    stats = cli_box.stats()
    assert stats["requests"]["mobile/check"] == 400 and 1 < stats["connections"] <= 16


def test_killed_import_goes_on_where_it_was(here, cli_box):
    rows = 300
    path = csv_of(here, "".join(f"user{i},{number(i)}\n" for i in range(rows)) + "bad,12x\n")
    cli_box.settings(fault="mobile/check:delay=500")
    process = subprocess.Popen(here.argv("user", "import", path, "--force"), env={}, stderr=subprocess.DEVNULL)
    progress = here.path / "users.import"
    while not progress.exists() or progress.read_text().count("\n") < 100:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    known = progress.read_text().count("\n") - 1
    assert not here.users.exists() and stat.S_IMODE(progress.stat().st_mode) == 0o600
    cli_box.restore()
    with open(progress, "a") as file:
        file.write("user999:30697")  # torn
    result = here.run("user", "import", path, "--force")
    assert result.status == FAILED and f"{known} lines were checked by an earlier run" in result.err
    assert checks(cli_box) == rows - known
    assert users(here) == {f"user{i}": [number(i)] for i in range(rows)} and not progress.exists()


def test_file_that_was_changed_meanwhile_is_asked_about_from_there_on(here, cli_box):
    rows = [f"user{i},{number(i)}\n" for i in range(20)]
    (here.path / "users.import").write_text("# sms365 user import, answers so far, hlr=off\n" + "".join(
        f"user{i}:{number(i)}\t {number(i)};cost=9\n" for i in range(20)))
    (here.path / "users.import").chmod(0o600)
    rows[12] = "user12,306971111111\n"
    assert imported(here, "".join(rows)).status == DONE
    assert checks(cli_box) == 8 and users(here)["user12"] == ["306971111111"]
    assert here.users.read_text().count("cost=9") == 12


def test_unreachable_provider_changes_nothing(here):
    here.write(provider__url=NOWHERE)
    result = imported(here, f"alice,{ALICE}\n")
    assert result.status == UNREACHABLE and "goes on from there" in result.err and not here.users.exists()


@pytest.mark.parametrize("fault", ["drop-after", "http500", "html", "truncated"])
def test_reply_that_was_lost_is_asked_for_again(here, cli_box, fault):
    cli_box.settings(fault=f"mobile/check:{fault}:2")
    result = imported(here, "".join(f"user{i},{number(i)}\n" for i in range(20)))
    assert result.status == DONE and len(users(here)) == 20


def test_lookups_cost_and_are_accepted_first(here, cli_box):
    here.write(users__hlr="block")
    result = imported(here, f"alice,{ALICE}\n")
    assert result.status == FAILED and "tenth of a credit" in result.err and not here.users.exists()
    assert imported(here, f"alice,{ALICE}\n", "--yes").status == DONE
    assert "ported=" in here.users.read_text() and cli_box.stats()["requests"]["hlr/lookup"] == 1


def test_two_imports_at_a_time_are_refused(here, cli_box):
    path = csv_of(here, "".join(f"user{i},{number(i)}\n" for i in range(50)))
    cli_box.settings(fault="mobile/check:delay=4000")
    process = subprocess.Popen(here.argv("user", "import", path, "--force"), env={}, stderr=subprocess.DEVNULL)
    while not (here.path / "users.import").exists() or checks(cli_box) == 0:
        assert process.poll() is None
        time.sleep(0.01)
    result = here.run("user", "import", path, "--force")
    assert result.status == FAILED and "another import is running" in result.err
    process.kill()
    process.wait()


@pytest.mark.parametrize("path", ["missing.csv", "."])
def test_file_that_is_none_is_refused(here, path):
    assert here.run("user", "import", here.path / path).status in (FAILED, USAGE)


# Export

def test_export_writes_what_import_reads(here):
    here.users.write_text(f'# top\nalice: {ALICE} {BOB}\nsay "x", y: 306970000001\nEXAMPLE\\Domain Users: 306970000002\n')
    text = here.run("user", "export").out
    assert text.splitlines()[0] == "user,number1,number2"
    before = users(here)
    here.users.unlink()
    assert imported(here, text).status == DONE
    assert users(here) == before and here.run("user", "export").out == text
    assert [user["name"] for user in here.json("user", "export").object["users"]] == list(before)


# Sync

class Group:
    """A group at the provider, and contacts in it."""

    def __init__(self, box, name="Staff"):
        self.box, self.id = box, box.call("group/add", name=name)["groupId"]

    def add(self, mobile, **fields):
        contact = self.box.call("contact/add", mobile=mobile, **fields)["contactId"]
        self.box.call("group/addContact", groupId=self.id, contactId=contact)
        return contact


@pytest.fixture
def group(here, cli_box):
    cli_box._control("POST", "reset", "what=all")
    group = Group(cli_box)
    group.add(ALICE, custom1="alice", custom3="ann")
    group.add(BOB, custom1="bob", custom3="ben")
    return group


def synced(place, *options):
    return place.run("user", "sync", "--group", "Staff", "--force", *options)


@pytest.mark.parametrize("shape", ["rows", "arrays", "wrapped"])
def test_contacts_of_the_group_become_users(here, cli_box, group, shape):
    cli_box.settings(shape=shape)
    result = synced(here, "--yes")
    assert result.status == DONE and f"+ alice: +{ALICE}\n+ bob: +{BOB}\n2 users added" in result.out
    assert users(here) == {"alice": [ALICE], "bob": [BOB]} and "cost=" in here.users.read_text()
    assert "2 as before" in synced(here, "--yes").out


def test_name_may_stand_in_another_field(here, group):
    assert synced(here, "--yes", "--field", "custom3").status == DONE
    assert set(users(here)) == {"ann", "ben"}
    assert synced(here, "--yes", "--field", "name").status == USAGE


def test_nothing_is_written_before_somebody_says_yes(here, group):
    assert synced(here).status == USAGE
    terminal = here.terminal("user", "sync", "--group", "Staff", "--force")
    terminal.sees("Write this to the users file? [y/N] ")
    terminal.answers("")
    terminal.ends()
    assert not here.users.exists()


def test_users_of_the_group_change_only_when_confirmed_and_others_stay(here, cli_box, group):
    here.users.write_text(f"alice: 306970000001\nzoe: 306970000002\n")
    result = synced(here, "--yes")
    assert result.status == FAILED and "--confirm alice" in result.err and "zoe: not in the group; stays" in result.out
    assert users(here) == {"alice": ["306970000001"], "zoe": ["306970000002"], "bob": [BOB]}
    assert synced(here, "--yes", "--confirm", "alice").status == DONE
    assert users(here) == {"alice": [ALICE], "zoe": ["306970000002"], "bob": [BOB]}
    assert [message["to"] for message in cli_box.messages()] == ["306970000001"]


def test_contacts_that_stand_in_the_file_are_not_asked_about_again(here, cli_box, group):
    def asked():
        return [cli_box.stats()["requests"][name] for name in ("mobile/check", "hlr/lookup")]

    here.write(users__hlr="warn")
    before = asked()
    assert synced(here, "--yes").status == DONE
    assert asked() == [each + 2 for each in before]
    group.add("306970000003", custom1="carol")
    assert "1 user added, 0 changed, 2 as before." in synced(here, "--yes").out
    assert "0 users added, 0 changed, 3 as before." in synced(here, "--yes").out
    assert asked() == [each + 3 for each in before]


def test_lookups_of_contacts_are_accepted_first(here, cli_box, group):
    here.write(users__hlr="warn")
    terminal = here.terminal("user", "sync", "--group", "Staff", "--force")
    terminal.sees("To look up the networks of 2 numbers costs 0.2 credits. Go on? [y/N] ")
    terminal.answers("n")
    assert terminal.ends() == FAILED
    assert checks(cli_box) == 0 and cli_box.stats()["requests"]["hlr/lookup"] == 0 and not here.users.exists()


@pytest.mark.parametrize("fault", ["error=106", "error=101", "html", "empty", "truncated", "cut", "http500", "garbage", "drop-after"])
@pytest.mark.parametrize("endpoint", ["group/list", "group/get"])
def test_failed_reply_leaves_the_file_as_it_is(here, cli_box, group, endpoint, fault):
    here.users.write_text(f"alice: 306970000001\n")
    cli_box.settings(fault=f"{endpoint}:{fault}")
    result = synced(here, "--yes", "--confirm", "alice")
    assert result.status in (FAILED, UNREACHABLE) and here.users.read_text() == "alice: 306970000001\n"


ALTERED = {
    "as it was": lambda group: None,
    "one contact fewer": lambda group: group["contacts"].pop(),
    "no contact": lambda group: group.update(contacts=[]),
    "no list": lambda group: group.pop("contacts"),
    "a higher total": lambda group: group.update(total=3),
    "a lower total": lambda group: group.update(total="1"),
    "no total": lambda group: group.pop("total"),
    "a total that is no number": lambda group: group.update(total="two"),
    "a total beyond every number": lambda group: group.update(total="18446744073709551618"),
}


@pytest.mark.parametrize("how", ALTERED)
def test_a_list_that_is_not_as_long_as_its_total_changes_nothing(here, cli_box, group, how):
    here.users.write_text("alice: 306970000001\n")
    with sandbox.altered(cli_box, "group/get", lambda reply: ALTERED[how](reply["group"])) as url:
        here.with_key(whitelist="any", url=url)
        result = synced(here, "--yes", "--confirm", "alice")
    if how == "as it was":
        assert result.status == DONE and users(here) == {"alice": [ALICE], "bob": [BOB]}
    else:
        assert result.status == FAILED and "nothing was changed" in result.err
        assert here.users.read_text() == "alice: 306970000001\n"


@pytest.mark.parametrize("fault", ["http500", "html", "truncated", "error=106", "drop-after"])
def test_lookup_of_a_contact_that_keeps_failing_leaves_the_file_as_it_is(here, cli_box, group, fault):
    """Those that were looked up before it are not written either."""
    here.users.write_text("alice: 306970000001\n")
    cli_box.settings(fault=f"mobile/check:{fault}:skip=1")
    result = synced(here, "--yes", "--confirm", "alice")
    assert result.status in (FAILED, UNREACHABLE) and result.err
    assert here.users.read_text() == "alice: 306970000001\n"
    cli_box.settings(fault="")
    assert synced(here, "--yes", "--confirm", "alice").status == DONE
    assert users(here) == {"alice": [ALICE], "bob": [BOB]}


def test_empty_group_leaves_the_file_as_it_is(here, cli_box, group):
    here.users.write_text(f"alice: 306970000001\n")
    cli_box.call("group/deleteAllContacts", groupId=group.id)
    result = synced(here, "--yes")
    assert result.status == FAILED and "no contact in the group" in result.err
    assert here.run("user", "sync", "--group", "Nobody", "--yes").status == FAILED
    Group(cli_box)
    assert "several groups" in synced(here, "--yes").err
    assert here.users.read_text() == "alice: 306970000001\n"


def is_on_this_system(name):
    return name in [entry.pw_name for entry in pwd.getpwall()]


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_an_account_of_the_system_gets_a_number_only_when_confirmed(here, cli_box, group, force):
    words = ["user", "sync", "--group", "Staff", "--yes", *force]
    others = [name for name in ("alice", "bob") if force or is_on_this_system(name)]
    group.add("306970000003", custom1="root")
    for confirmed in ([], ["--confirm", "alice"]):
        result = here.run(*words, *confirmed)
        assert result.status == FAILED and "to give it one: --confirm root" in result.err
        assert "+ root: +306970000003\n  root is an account of the system (uid below 1000)\n" in result.out
        assert (here.users.exists() and sorted(users(here))) == (others or False)
    result = here.run(*words, "--confirm", "root")
    assert "1 user added, 0 changed" in result.out and sorted(users(here)) == [*others, "root"]
    assert cli_box.messages() == []
    assert "root is an account" not in here.run(*words).text


def test_a_person_at_the_terminal_is_asked_about_an_account_of_the_system(here, group):
    group.add("306970000003", custom1="root")
    terminal = here.terminal("user", "sync", "--group", "Staff", "--force", "--yes")
    terminal.sees("root is an account of the system")
    terminal.sees("Are the codes of root to go there? [y/N] ")
    terminal.answers("y")
    terminal.sees("3 users added")
    assert terminal.ends() == DONE and users(here)["root"] == ["306970000003"]


def test_contact_that_makes_no_user_is_told_and_left_out(here, cli_box, group):
    nameless, twice = group.add("306970000003"), group.add("306970000004", custom1="alice")
    result = synced(here, "--yes")
    assert result.status == FAILED and users(here) == {"alice": [ALICE], "bob": [BOB]}
    assert f"contact {nameless} is left out: it has no user's name in custom1" in result.err
    assert f"contact {twice} is left out: alice has an earlier contact" in result.err


# kill -9

# What changes files, or has them on disk: between these calls there is nothing to find in another state.
WRITING = re.compile("f?ch(mod|own)|f(data)?sync|ftruncate|p?write|rename|(un)?link")


@pytest.mark.parametrize("words", [
    ("user", "add", "bob", BOB, "--force"), ("user", "add", "alice", BOB, "--force", "--replace", "--no-notice"),
    ("user", "import", "{csv}", "--force", "--confirm", "alice", "--no-notice"),
    ("user", "sync", "--group", "Staff", "--force", "--yes", "--confirm", "alice", "--no-notice")])
def test_kill_at_every_step_leaves_the_old_users_or_the_new_ones(here, group, words):
    """The users file is whole, and the next command works."""
    words = [word.format(csv=csv_of(here, f"alice,{BOB}\nbob,{ALICE}\n")) for word in words]
    old = f"# who is asked\nalice: {number(2)}\n".encode()
    here.users.write_bytes(old)
    here.users.chmod(0o640)
    assert here.run(*words).status == DONE  # what only a first run makes is there then
    new = here.users.read_bytes()
    here.users.write_bytes(old)
    every = [step for step in here.steps('users"', *words) if WRITING.match(step[0])]
    assert here.users.read_bytes() == new != old
    seen = set()
    for step in every:
        here.users.write_bytes(old)
        seen.add((here.killed_at(step, *words), here.users.read_bytes()))
        assert here.users.read_bytes() in (old, new) and mode(here.users) == 0o640, step
        next_one = here.run("user", "add", "carol", number(1), "--force")
        assert next_one.status == DONE, (step, next_one.text)
        assert here.users.read_bytes().startswith((old, new)) and "carol" in users(here), step
    assert {(-signal.SIGKILL, old), (-signal.SIGKILL, new)} <= seen
