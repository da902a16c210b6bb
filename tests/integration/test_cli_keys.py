"""The administrator's command: the key store."""

import json
import os
import signal
import subprocess

import pytest

import programs
import sandbox
from administrator import DONE, FAILED, NOWHERE, NUMBER, UNREACHABLE, USAGE, mode


def test_key_init_makes_what_is_missing_and_keeps_what_is_there(place):
    made = place.json("key", "init").object["made"]
    assert made == [str(path) for path in (place.master, place.keys, place.path / "state/pam",
                                           place.path / "state/spool")]
    assert (mode(place.master), len(place.master.read_bytes())) == (0o600, 32)
    assert [mode(place.keys), mode(place.path / "state/pam"), mode(place.path / "state")] == [0o700, 0o700, 0o755]
    before = place.master.read_bytes()
    again = place.json("key", "init")
    assert (again.status, again.object["kept"]) == (DONE, made)
    assert place.master.read_bytes() == before


def test_a_first_run_makes_an_empty_configuration_too(place):
    binary = place.argv()[0]
    path = json.loads(subprocess.run([binary, "--json", "config"], capture_output=True).stdout)["file"]
    # In a mount namespace of its own: the machine's own configuration is not there, and stays as it is.
    script = (f"mkdir -p {os.path.dirname(path)} && mount -t tmpfs -o mode=0755 tmpfs {os.path.dirname(path)} && "
              f"'{binary}' --json key init && '{binary}' --json config --check {path} && stat -c %a {path}")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True)
    init, check, bits = done.stdout.splitlines()
    assert json.loads(init)["made"][0] == path and "error" not in json.loads(check) and bits == "644"


def test_a_lost_master_key_is_not_made_anew_over_keys_that_need_it(place):
    place.with_key()
    place.master.unlink()
    for words in (("balance",), ("key", "check"), ("login", "root")):
        result = place.run(*words)
        assert result.status == USAGE and "sms365 key init" in result.err
    result = place.json("key", "init")
    assert (result.status, result.object["error"]) == (FAILED, "exists")
    assert not place.master.exists()
    assert place.run("key", "remove", "main").status == DONE
    assert place.run("key", "init").status == DONE


def test_key_init_refuses_a_directory_that_others_may_write(place):
    place.keys.mkdir()
    place.keys.chmod(0o777)
    result = place.run("key", "init")
    assert result.status == USAGE and f"run: chmod go-w {place.keys}" in result.err


def test_key_init_leaves_the_spool_to_the_receiver_of_reports(place):
    place.run("key", "init")
    spool = place.path / "state/spool"
    os.chown(spool, 65534, 0)
    assert place.run("key", "init").status == DONE
    assert spool.stat().st_uid == 65534
    spool.chmod(0o777)
    assert place.run("key", "init").status == USAGE
    os.chown(place.path / "state/pam", 65534, 0)
    spool.chmod(0o750)
    assert "state/pam: belongs to user id 65534" in place.run("key", "init").err


def test_an_accepted_key_is_saved_for_the_address_it_came_from(place):
    place.run("key", "init")
    result = place.run("key", "add", "main", stdin=sandbox.KEY + "\n")
    assert result.status == DONE
    assert f"{place.box.base} accepts the key from 127.0.0.1.\n" in result.out
    assert "it may be used from 127.0.0.1" in result.out
    assert "from 127.0.0.1 only" in result.err
    assert [request["endpoint"] for request in place.box.requests()] == ["key/get"]
    key = place.keys / "main.key"
    assert mode(key) == 0o600 and sandbox.KEY not in key.read_text() and sandbox.KEY not in result.text
    listed = place.json("key", "list").object["keys"]
    assert [(one["name"], one["urls"], one["whitelist"]) for one in listed] == [
        ("main", [place.box.base], ["127.0.0.1"])]
    assert sandbox.KEY not in place.run("key", "list").out


def test_no_key_yet_is_not_an_error_for_the_list(place):
    place.run("key", "init")
    assert place.json("key", "list").object["keys"] == []
    assert "sms365 key add" in place.run("key", "list").out


@pytest.mark.parametrize("words", ["main {key}", "{key} main", "main --no-check --whitelist any {key}", "main -- {key} {key}"])
def test_a_key_among_the_words_is_refused_not_repeated_and_told_where_it_belongs(place, words):
    secret = "Kxq7.secret-2f81"
    place.run("key", "init")
    result = place.run("key", "add", *words.format(key=secret).split(), stdin=sandbox.KEY + "\n")
    assert result.status == USAGE
    assert "it is asked for, or read from standard input" in result.err
    assert secret not in result.text and result.out == ""
    assert list(place.keys.iterdir()) == [] and place.box.requests() == []


@pytest.mark.parametrize("settings, key", [({}, "WRONG-KEY"), ({"whitelist": "192.0.2.0/24"}, sandbox.KEY)])
def test_a_refused_key_is_not_saved_and_both_causes_are_named(place, settings, key):
    place.run("key", "init")
    if settings:
        place.box.settings(**settings)
    result = place.run("key", "add", "main", stdin=key + "\n")
    assert result.status == FAILED
    assert "the key is wrong" in result.err and "IP whitelist" in result.err and "127.0.0.1" in result.err
    assert key not in result.text
    assert list(place.keys.iterdir()) == []
    again = place.json("key", "add", "main", stdin=key + "\n").object
    assert (again["error"], again["provider_error"]) == ("refused", 101)


def test_a_key_does_not_leave_from_an_address_outside_its_whitelist(place):
    place.run("key", "init")
    result = place.run("key", "add", "main", "--whitelist", "192.0.2.0/24,2001:db8::/32", stdin=sandbox.KEY + "\n")
    assert result.status == FAILED and "127.0.0.1" in result.err
    assert place.box.requests() == [] and list(place.keys.iterdir()) == []
    place.with_key(whitelist="192.0.2.0/24")
    for words in (("balance",), ("key", "check"), ("send", NUMBER, "text"), ("api", "key/get")):
        assert place.run(*words).status == FAILED
    assert place.box.requests() == []


@pytest.mark.parametrize("whitelist", ["", ",", "127.0.0.1/8", "0.0.0.0/0", "localhost", "127.0.0.1 x"])
def test_a_bad_whitelist_is_refused_before_the_key_is_asked_for(place, whitelist):
    place.run("key", "init")
    assert place.run("key", "add", "main", "--whitelist", whitelist, stdin=sandbox.KEY + "\n").status == USAGE
    assert place.box.requests() == [] and list(place.keys.iterdir()) == []


@pytest.mark.parametrize("stdin", ["", "\n", "two words\n", "x" * 257 + "\n", "x" * 5000 + "\n", "nul\0byte\n", "κ\n"])
def test_what_cannot_be_an_api_key_is_refused_and_not_sent(place, stdin):
    place.run("key", "init")
    assert place.json("key", "add", "main", stdin=stdin).status == USAGE
    assert place.box.requests() == [] and list(place.keys.iterdir()) == []


def test_an_untried_key_needs_a_whitelist_and_is_saved_without_a_request(place):
    place.run("key", "init")
    assert place.run("key", "add", "main", "--no-check", stdin="ANY-KEY\n").status == USAGE
    result = place.json("key", "add", "main", "--no-check", "--whitelist", "any", stdin="ANY-KEY\n")
    assert (result.status, result.object["tried"], result.object["whitelist"]) == (DONE, False, "any")
    assert place.box.requests() == []
    checked = place.json("key", "check")
    assert (checked.status, checked.object["keys"][0]["trials"][0]["provider_error"]) == (FAILED, 101)


def test_a_key_is_not_saved_when_the_provider_cannot_be_reached(place):
    place.run("key", "init")
    result = place.run("key", "add", "main", "--url", NOWHERE, stdin=sandbox.KEY + "\n")
    assert result.status == UNREACHABLE and "--no-check" in result.err
    assert list(place.keys.iterdir()) == []


def test_a_key_with_a_second_url_that_is_down_is_saved_and_check_tells(place):
    place.run("key", "init")
    result = place.run("key", "add", "main", "--url", place.box.base + "/", "--url", NOWHERE, stdin=sandbox.KEY + "\n")
    assert result.status == DONE and "127.0.0.1:1" in result.err
    checked = place.json("key", "check", "main")
    assert checked.status == UNREACHABLE
    assert [trial["accepted"] for trial in checked.object["keys"][0]["trials"]] == [True, False]
    assert place.run("balance").status == DONE


def test_a_key_that_is_there_is_replaced_only_when_told_to(place):
    place.with_key(whitelist="192.0.2.1")
    assert place.json("key", "add", "main", stdin=sandbox.KEY + "\n").object["error"] == "exists"
    assert place.run("balance").status == FAILED
    assert place.run("key", "add", "--replace", "main", stdin=sandbox.KEY + "\n").status == DONE
    assert place.run("balance").status == DONE


def test_the_key_that_fits_is_used_and_one_can_be_named(place):
    place.with_key("a", "192.0.2.1").with_key("b")
    assert place.run("balance").status == DONE
    assert place.run("balance", "--key", "b").status == DONE
    assert place.run("balance", "--key", "a").status == FAILED
    assert place.json("balance", "--key", "c").object["error"] == "not_found"
    checked = place.run("key", "check")
    assert checked.status == FAILED
    assert "a: NOT usable" in checked.out and "b: accepted by" in checked.out


@pytest.mark.parametrize("ranges, matched", [("192.0.2.0/24,127.0.0.0/9,198.51.100.0/24", "127.0.0.0/9"),
                                             ("192.0.2.0/24,2001:db8::/32,127.0.0.0/9", "127.0.0.0/9"),
                                             ("2001:db8::/32,127.0.0.0/10,127.0.0.0/8", "127.0.0.0/10"),
                                             ("127.128.0.0/9,127.0.0.0/8,any", "127.0.0.0/8")])
def test_check_tells_which_range_of_the_whitelist_has_the_address(place, ranges, matched):
    place.with_key(whitelist=ranges)
    [trial] = place.json("key", "check", "main").object["keys"][0]["trials"]
    assert (trial["from"], trial["whitelist"], trial["accepted"]) == ("127.0.0.1", matched, True)
    told = f"from 127.0.0.1, which the whitelist has as {matched}"
    assert place.run("key", "check").out.endswith(f"accepted by {place.box.base} {told}\n")
    place.box.settings(account="demo:demo:OTHER-KEY")
    [trial] = place.json("key", "check", "main").object["keys"][0]["trials"]
    assert (trial["whitelist"], trial["accepted"]) == (matched, False)
    assert f"NOT accepted by {place.box.base} {told}: " in place.run("key", "check").out


def test_a_removed_key_is_gone(place):
    place.with_key()
    assert place.json("key", "remove", "main").object["removed"] == "main"
    assert place.json("key", "remove", "main").object["error"] == "not_found"
    assert place.run("balance").status == USAGE


def test_a_key_store_that_was_tampered_with_is_not_used(place):
    place.with_key()
    key = place.keys / "main.key"
    key.write_text(key.read_text().replace("127.0.0.0/8", "any"))
    result = place.run("balance")
    assert result.status == USAGE and "the seal does not fit" in result.err
    key.chmod(0o644)
    result = place.run("balance")
    assert result.status == USAGE and f"run: chmod 0600 {key}" in result.err
    assert place.box.requests() == []


def test_at_a_terminal_the_key_is_not_shown_and_the_whitelist_is_asked_for(place):
    place.run("key", "init")
    terminal = place.terminal("key", "add", "main")
    terminal.sees("API key to store as main (not shown): ")
    terminal.answers(sandbox.KEY)
    terminal.sees("may be used (ranges such as 10.0.0.0/8, or any) [127.0.0.1]: ")
    terminal.answers("127.0.0.0/8, 192.0.2.7")
    assert terminal.ends() == DONE
    assert sandbox.KEY not in terminal.text
    assert place.json("key", "list").object["keys"][0]["whitelist"] == ["127.0.0.0/8", "192.0.2.7"]


def test_at_a_terminal_a_whitelist_without_this_address_is_remarked(place):
    place.run("key", "init")
    terminal = place.terminal("key", "add", "main")
    terminal.sees("(not shown): ")
    terminal.answers(sandbox.KEY)
    terminal.sees("[127.0.0.1]: ")
    terminal.answers("192.0.2.7")
    terminal.sees("does not have 127.0.0.1")
    assert terminal.ends() == DONE


@pytest.mark.parametrize("key, status", [("\x03", 128 + signal.SIGINT), ("\x1c", 128 + signal.SIGQUIT)])
def test_an_interrupted_prompt_leaves_the_terminal_with_echo(place, key, status):
    place.run("key", "init")
    terminal = programs.Terminal(["/bin/sh", "-c", "trap : INT QUIT; stty -a; \"$@\"; echo ended-$?-; stty -a", "sh",
                                  *place.argv("key", "add", "main")])
    assert " echo " in terminal.sees("(not shown): ")
    terminal.types(key)
    terminal.sees(f"ended-{status}-")
    terminal.ends()
    assert " echo " in terminal.text.split("ended-")[1]
    assert list(place.keys.iterdir()) == []


def test_the_rest_of_a_key_that_is_too_long_does_not_go_to_the_shell(place):
    place.run("key", "init")
    terminal = programs.Terminal(["/bin/sh", "-c", '"$@"; echo ended-$?-; stty -echo; echo ready; cat', "sh",
                                  *place.argv("key", "add", "main")])
    terminal.sees("(not shown): ")
    terminal.answers("k" * 2000)
    terminal.sees("ended-2-")
    terminal.sees("ready")
    terminal.types("\x04")
    assert terminal.ends() == DONE
    assert "kkk" not in terminal.text
