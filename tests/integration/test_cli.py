"""The administrator's command: its command line, users, configuration and login."""

import os
import re
import subprocess

import pytest

import programs
import sandbox
from administrator import DONE, FAILED, NOWHERE, NUMBER, UNREACHABLE, USAGE, mode


# --- The command line ---


def manual(page):
    path = os.path.join(os.path.dirname(__file__), "..", "..", "docs", page)
    return subprocess.run(["man", "-E", "UTF-8", "-l", path], check=True, stdout=subprocess.PIPE, encoding="utf-8",
                          env={"PATH": os.environ["PATH"], "MANWIDTH": "1000", "LC_ALL": "C.UTF-8",
                               "MANPAGER": "cat"}).stdout


def test_the_help_and_the_manual_have_every_command(place):
    told = place.json("--help").object["commands"]
    shown = manual("sms365.8") + manual("sms365-api.8")
    text = place.run("--help").out
    assert place.run("help").out == text
    assert len(told) >= 45
    for usage in told:
        assert re.search(rf"^ +{re.escape(usage)}$", shown, re.M), f"{usage} is in no manual"
        assert f"  {usage}\n" in text
        words = re.match(r"[a-z0-9][a-z0-9-]*(?: [a-z0-9][a-z0-9-]*)*(?= |$)", usage)[0].split()
        assert usage in place.json(*words, "--help").object["commands"]
        assert usage in place.json("help", *words).object["commands"]


def test_the_help_and_the_manual_have_every_parameter(place):
    def squeezed(text):
        return re.sub(r"\s+", " ", text).strip()

    shown = squeezed(manual("sms365-api.8"))
    groups = {usage.split()[0] for usage in place.json("--help").object["commands"] if "[OPTION]" in usage}
    assert len(groups) == 11
    lines = [line for group in groups for line in place.run("help", group).out.splitlines() if line.startswith(" " * 8)]
    assert all(len(line) <= 80 for line in lines)
    lines = re.sub(r"\n {35}", " ", "\n".join(lines)).splitlines()  # what did not fit goes on below
    assert len(lines) > 150
    for line in lines:
        shared = re.match(r" +(--(?:key|format|reveal|yes)(?: \S+)?) ", line)
        assert (shared[1] if shared else squeezed(line)) in shown


def test_the_version_is_told(place):
    assert place.run("--version").out == f"sms365 {place.json('--version').object['version']}\n"


@pytest.mark.parametrize("words", [
    (), ("bogus",), ("key",), ("key", "bogus"), ("user", "add"), ("user", "add", "root"), ("user", "show"),
    ("user", "show", "a", "b"), ("--bogus",), ("balance", "--bogus"), ("balance", "--key"), ("balance", "--key="),
    ("balance", "--key", "a", "--key", "b"), ("key", "init", "--no-check"), ("key", "add", "a", "--no-check"),
    ("key", "add", "a.b"), ("key", "add", "--replace=yes", "a"), ("send", NUMBER), ("send", "12", "text"), ("api",),
    ("api", "no/such"), ("api", "me/balance", "=x"), ("config", "x"),
])
def test_a_wrong_command_line_ends_with_2(place, words):
    assert place.json(*words).status == USAGE
    result = place.run(*words)
    assert (result.status, result.out) == (USAGE, "")
    assert result.err.startswith("sms365: ")
    assert place.box.requests() == []


def test_output_that_cannot_be_written_is_a_failure(place):
    with open("/dev/full", "w") as full:
        for words in (("--help",), ("--json", "--help")):
            done = subprocess.run(place.argv(*words), stdout=full, stderr=subprocess.PIPE, text=True, env={})
            assert (done.returncode, done.stderr) == (FAILED, "sms365: standard output cannot be written\n")


def test_nothing_is_taken_from_the_environment(place, tmp_path):
    place.with_key()
    trap = tmp_path / "keylog"
    result = place.run("balance", env={"SSLKEYLOGFILE": str(trap), "https_proxy": "http://127.0.0.1:1",
                                       "ALL_PROXY": "http://127.0.0.1:1", "CURL_CA_BUNDLE": "/nowhere",
                                       "SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/nowhere", "HOME": "/nowhere"})
    assert (result.status, result.out) == (DONE, "Balance: 1000\n")
    assert not trap.exists()


# --- user ---


def test_a_user_gets_the_number_as_the_provider_reads_it(place):
    result = place.run("user", "add", "root", "697 123 4567")
    assert result.status == DONE
    assert result.out.startswith("697 123 4567 is +306971234567 (GREECE, network 202/05, 1 a message)\n")
    assert (place.users.read_text(), mode(place.users)) == (f"root: {NUMBER};mcc=202;mnc=05;cost=1\n", 0o600)
    assert place.run("user", "show", "root").out == "+306971234567 (network 202/05, 1 a message)\n"
    assert place.json("user", "show", "root").object["user"] == {
        "name": "root", "numbers": [{"msisdn": NUMBER, "mcc": "202", "mnc": "05", "cost": 1}]}
    listed = place.run("user", "list").out
    assert "+30 69****4567" in listed and NUMBER not in listed


def test_the_numbers_of_a_list_stand_in_one_column_whatever_letters_the_names_have(place):
    place.users.write_text(f"root: {NUMBER}\nΝίκος: {NUMBER}\n{'α' * 30}: {NUMBER}\n", encoding="utf-8")
    lines = place.run("user", "list").out.splitlines()
    assert [line.index("+30") for line in lines] == [25, 25, 31]


def test_a_user_can_have_several_numbers_and_they_are_replaced_only_when_told_to(place):
    place.run("user", "add", "root", NUMBER, "+30 697 999 8888")
    assert [one["msisdn"] for one in place.json("user", "show", "root").object["user"]["numbers"]] == [
        NUMBER, "306979998888"]
    before = place.users.read_text()
    assert place.json("user", "add", "root", "306970000000").object["error"] == "exists"
    assert place.json("user", "add", "root", NUMBER, NUMBER, "--replace").status == USAGE
    assert place.users.read_text() == before
    assert place.run("user", "add", "root", "306970000000", "--replace").status == DONE
    assert "306970000000" in place.users.read_text() and NUMBER not in place.users.read_text()


def test_a_user_has_to_exist_unless_forced(place):
    assert place.json("user", "add", "nobody-of-that-name", NUMBER).object["error"] == "no_such_user"
    assert not place.users.exists()
    assert place.run("user", "add", "--force", "nobody-of-that-name", NUMBER).status == DONE
    assert place.json("user", "show", "nobody-of-that-name").status == DONE


@pytest.mark.parametrize("number", ["hello", "12", "+44 (0)20 7946 0958", "306971234567,306971234568",
                                    "306971234567;mcc=202", ""])
def test_a_bad_number_is_refused(place, number):
    for extra in ((), ("--no-check",)):
        assert place.json("user", "add", "root", number, *extra).status in (FAILED, USAGE)
        assert not place.users.exists()


def test_without_the_provider_a_number_is_stored_only_unchecked(place):
    place.write(provider__url=NOWHERE)
    result = place.run("user", "add", "root", NUMBER)
    assert result.status == UNREACHABLE and "--no-check" in result.err
    assert not place.users.exists()
    assert place.run("user", "add", "root", "+30 697 123 4567", "--no-check").status == DONE
    assert place.users.read_text() == f"root: {NUMBER}\n"


def test_what_the_provider_tells_wrongly_is_not_kept(place):
    for fault in ("types", "garbage", "html", "truncated", "empty"):
        place.box.settings(fault=f"mobile/check:{fault}:1")
        assert place.json("user", "add", "root", NUMBER).object["error"] == "bad_reply"
    assert not place.users.exists()


def test_a_name_that_could_never_log_in_is_not_enrolled(place):
    assert place.run("user", "add", "--force", "u" * 128, NUMBER).status == DONE
    result = place.run("user", "add", "--force", "u" * 129, NUMBER)
    assert result.status == FAILED and "128 bytes at most" in result.err
    assert place.run("user", "show", "u" * 128).status == DONE


def test_removing_a_user_keeps_the_others(place):
    place.users.write_text("# ours\nroot: 306971234567\ndaemon: 306971234568\n")
    assert place.run("user", "remove", "root").status == DONE
    assert place.users.read_text() == "# ours\ndaemon: 306971234568\n"
    assert place.json("user", "remove", "root").object["error"] == "not_found"
    assert place.json("user", "show", "root").object["error"] == "not_found"
    result = place.run("user", "remove", "daemon")
    assert result.status == DONE and "everybody is denied" in result.err


@pytest.mark.parametrize("text, mode_, part", [
    ("root: 306971234567\nbad line\n", 0o600, "users:2: there is no colon"),
    ("root: 306971234567\n", 0o666, "chmod go-w"),
])
def test_a_users_file_that_is_wrong_is_told_and_left_alone(place, text, mode_, part):
    place.users.write_text(text)
    place.users.chmod(mode_)
    for words in (("user", "list"), ("user", "show", "root"), ("user", "remove", "root"),
                  ("user", "add", "--no-check", "daemon", NUMBER)):
        result = place.run(*words)
        assert result.status == USAGE and part in result.err, words
    assert place.users.read_text() == text


# --- config ---


def test_every_option_is_shown_with_its_value_and_origin(place):
    result = place.run("config")
    lines = place.conf.read_text().splitlines()
    line = lines.index("timeout = 5") + 1
    assert f"  timeout = 5  ({place.conf}:{line})\n" in result.out
    assert "  tries = 3  (default)\n" in result.out
    options = {(one["section"], one["name"]): one for one in place.json("config").object["options"]}
    assert options["provider", "timeout"]["origin"] == "file" and options["provider", "timeout"]["line"] == line
    assert options["challenge", "tries"] == {"section": "challenge", "name": "tries", "value": "3",
                                             "origin": "default"}


def test_a_service_s_own_options_are_shown_for_it(place):
    with place.conf.open("a") as conf:
        conf.write("[service sudo]\ntries = 1\n")
    values = [next(one["value"] for one in place.json("config", *extra).object["options"] if one["name"] == "tries")
              for extra in ((), ("--service", "sudo"), ("--service", "su"))]
    assert values == ["3", "1", "3"]


def test_every_mistake_of_a_file_is_told_before_it_is_put_in_place(place, tmp_path):
    draft = tmp_path / "draft"
    draft.write_text("[provider]\ntimeout = never\n[bogus]\n[challenge]\ntrie = 3\n[web]\nnone = 1\n")
    draft.chmod(0o666)  # not in place yet: whose it is does not matter
    result = place.run("config", "--check", draft)
    assert result.status == USAGE
    assert [f"{draft}:{line}:" in result.out for line in (2, 3, 5, 7)] == [True] * 4
    checked = place.json("config", "--check", draft).object
    assert len(checked["problems"]) == 4 and checked["error"] == "bad_config"
    draft.write_text("[provider]\ntimeout = 20\n")
    assert place.run("config", "--check", draft).out == f"{draft} can be used.\n"
    assert place.run("config", "--check", tmp_path / "none").status == USAGE
    assert place.run("config", "--check", tmp_path).status == USAGE


def test_a_configuration_with_mistakes_or_unsafe_is_not_used(place, tmp_path):
    place.with_key()
    good = place.conf.read_text()
    place.conf.write_text(good + "[challenge]\ntries = 9\nbogus = 1\n")
    for words in (("balance",), ("user", "list"), ("config",), ("login", "root")):
        result = place.run(*words)
        assert result.status == USAGE and "tries" in result.text and "bogus" in result.text, words
    place.conf.write_text(good)
    place.conf.chmod(0o666)
    for words in (("balance",), ("config",), ("key", "init")):
        result = place.run(*words)
        assert result.status == USAGE and f"run: chmod go-w {place.conf}" in result.err
    place.conf.unlink()
    result = place.run("balance")
    assert result.status == USAGE and "an empty file takes every default" in result.err
    assert place.box.requests() == []


# --- login ---


def test_a_login_at_the_terminal_is_the_whole_challenge(place, alice):
    place.with_key()
    place.run("user", "add", "alice", NUMBER)
    terminal = place.terminal("login", "alice")
    terminal.sees("Code sent to +30 69****4567 (delivered). Enter it, or r = again: ")
    terminal.answers(place.box.wait_message(NUMBER)["code"])
    assert terminal.ends() == DONE
    assert "Allowed: the code was right." in terminal.text


def test_a_wrong_code_is_denied_and_the_same_terminal_may_try_again(place, alice):
    place.with_key()
    place.run("user", "add", "alice", NUMBER)
    twice = '"$@"; echo ended-$?-; "$@"; echo ended-$?-'
    terminal = programs.Terminal(["/bin/sh", "-c", twice, "sh", *place.argv("login", "alice")])
    terminal.sees("Enter it, or r = again: ")
    code = place.box.wait_message(NUMBER)["code"]
    terminal.answers("0000" if code != "0000" else "1111")
    terminal.sees("tries left: 2")
    terminal.sees("ended-1-")
    terminal.sees("r = again: ")
    terminal.answers(code)
    terminal.sees("Allowed: the code was right.")
    terminal.sees("ended-0-")
    assert terminal.ends() == DONE
    assert len(place.box.messages()) == 1


def test_a_login_without_an_answer_or_a_number_is_denied(place, alice):
    place.with_key()
    place.run("user", "add", "root", NUMBER)
    denied = place.json("login", "root", stdin="")
    assert (denied.status, denied.object["verdict"], denied.object["error"]) == (FAILED, "deny", "no_answer")
    denied = place.json("login", "root", stdin="my password\n")
    assert (denied.status, denied.object["reason"]) == (FAILED, "not_a_code")
    assert [request["endpoint"] for request in place.box.requests()].count("2fa/check") == 0
    assert place.json("login", "alice").object["error"] == "not_enrolled"
    assert place.json("login", "nobody-of-that-name").object["error"] == "no_such_user"


def test_a_login_while_the_provider_is_down_ends_with_3(place, alice):
    place.run("key", "init")
    place.run("key", "add", "main", "--no-check", "--whitelist", "any", "--url", NOWHERE, stdin=sandbox.KEY + "\n")
    place.run("user", "add", "--no-check", "alice", NUMBER)
    assert place.json("login", "alice", stdin="1234\n").status == UNREACHABLE


def test_a_login_is_audited(place, alice, syslog):
    place.with_key()
    place.run("user", "add", "alice", NUMBER)
    place.run("login", "alice", "--service", "trial", stdin="wrong\n")
    line = syslog.wait('service="trial"')
    assert "verdict=deny" in str(line) and NUMBER not in str(line)
