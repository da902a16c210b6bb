"""sms365 key rotate: whatever happens on the way, the key store holds a key that the provider accepts, or the next run
gets one."""

import os
import random
import re
import signal
import subprocess
import time

import pytest

import sandbox
import world
from administrator import DONE, FAILED, NOWHERE, UNREACHABLE
from programs import Terminal, pamtester_argv
from product import BUILD, CONF, NUMBER, PROMPT, SOURCE, STATE
from units import allowed_calls, as_root, paths, unit, walled_off

CREDENTIALS = "demo\ndemo\n"
AS_AT_REST = ["keys.lock", "main.key"]
TO_BE_ENDED = "(to bring it to its end, run: sms365 key rotate main)"
UNIT = f"{BUILD}/systemd/sms365-key-rotate.service"


@pytest.fixture
def here(place):
    return place.with_key()


@pytest.fixture
def small(place):
    """Its key store is on a small disk of its own."""
    place.keys.mkdir(mode=0o700)
    with world.disk(place.keys):
        yield place.with_key()


def names(place):
    return sorted(os.listdir(place.keys))


def is_lost(place):
    """No key of the store is good: then the reply of the reset did not get here, and a note of it is there."""
    if place.run("key", "check", "main").status == DONE:
        return False
    assert place.box.requests("key/reset")
    assert (place.keys / "main.next").read_bytes().startswith(b"sms365: a new key")
    return True


def heals(place):
    """The next run gets a key, and leaves nothing behind."""
    result = place.run("key", "rotate", stdin=CREDENTIALS)
    assert result.status == DONE, result.text
    assert place.run("key", "check", "main").status == DONE
    assert names(place) == AS_AT_REST


def test_a_rotated_key_is_the_one_that_the_provider_accepts_and_the_old_one_is_not(here):
    result = here.json("key", "rotate")
    assert result.status == DONE
    assert result.object["keys"] == [{"name": "main", "result": "rotated", "reloaded": True}]
    assert [request["endpoint"] for request in here.box.requests()] == ["key/get", "key/reset", "key/get"]
    assert here.box.call("key/get")["error"] == "101"
    checked = here.json("key", "check", "main")
    assert checked.status == DONE
    [trial] = checked.object["keys"][0]["trials"]
    assert (trial["from"], trial["whitelist"], trial["accepted"]) == ("127.0.0.1", "127.0.0.0/8", True)
    assert names(here) == AS_AT_REST
    new = here.box.call("key/get", key=None, username="demo", password="demo")["key"]
    assert new not in result.text and new not in (here.keys / "main.key").read_text()
    assert here.run("key", "check").out.endswith("from 127.0.0.1, which the whitelist has as 127.0.0.0/8\n")


@pytest.mark.parametrize("settings", [{"account": "demo:demo:OTHER-KEY"}, {"whitelist": "192.0.2.0/24"}])
def test_a_key_that_is_refused_is_not_reset_and_both_causes_are_named(here, settings):
    here.box.settings(**settings)
    result = here.run("key", "rotate", "main", stdin=CREDENTIALS)
    assert result.status == FAILED and "it is wrong, or the IP whitelist" in result.err and "127.0.0.1" in result.err
    assert here.box.requests("key/reset") == [] and names(here) == AS_AT_REST


def test_a_provider_that_cannot_be_reached_leaves_everything_as_it_is(here):
    here.with_key(whitelist="any", url=NOWHERE)
    before = (here.keys / "main.key").read_bytes()
    assert here.run("key", "rotate").status == UNREACHABLE
    assert (here.keys / "main.key").read_bytes() == before and names(here) == AS_AT_REST


def replies_that_are_lost(here, quick):
    """A fault for every place at which the connection, or the reply, may end; and for what may come in its stead."""
    heals(here)  # the account has a key of the provider's own making and length
    length = len(here.box.ask("POST", "/api/key/get", "username=demo&password=demo",
                              {"Content-Type": "application/x-www-form-urlencoded"})[2])
    for at in range(0, length, 16 if quick else 1):
        yield from (f"cut={at}", f"truncated={at}")
    yield from ("drop-after", "http500", "html", "empty", "garbage", "types", "huge", "error=106")


def test_a_reply_that_is_lost_at_any_byte_is_made_good_by_username_and_password(here, quick):
    for fault in replies_that_are_lost(here, quick):
        here.box.reset()
        here.box.settings(fault=f"key/reset:{fault}:1")
        result = here.run("key", "rotate", "main")
        if fault == "error=106":  # the provider did nothing, and said so
            assert result.status == FAILED and not is_lost(here)
        else:
            assert result.status == FAILED and TO_BE_ENDED in result.err, fault
            assert is_lost(here), fault
        heals(here)


def test_a_request_that_is_lost_leaves_the_old_key(here):
    here.box.settings(fault="key/reset:drop-before:1")
    result = here.run("key", "rotate", "main")
    assert result.status == FAILED and "still accepts the present key" in result.err and TO_BE_ENDED in result.err
    assert not is_lost(here)
    heals(here)


def test_username_and_password_are_asked_for_at_once_where_somebody_can_answer(here):
    here.box.settings(fault="key/reset:drop-after:1")
    terminal = here.terminal("key", "rotate")
    terminal.sees("Username of the account at the provider: ")
    terminal.answers("demo")
    terminal.sees("Password (not shown): ")
    terminal.answers("demo")
    assert terminal.ends() == DONE
    assert terminal.text.count("demo") == 1
    assert not is_lost(here) and names(here) == AS_AT_REST


def test_a_wrong_password_leaves_the_note_for_the_next_run(here):
    here.box.settings(fault="key/reset:drop-after:1")
    result = here.run("key", "rotate", stdin="demo\nwrong\n")
    assert result.status == FAILED and "username or password is wrong" in result.err and "127.0.0.1" in result.err
    assert TO_BE_ENDED in result.err and is_lost(here)
    heals(here)


def test_a_key_put_there_by_hand_ends_an_interrupted_rotation(here):
    here.box.settings(fault="key/reset:drop-after:1")
    here.run("key", "rotate")
    assert is_lost(here)
    new = here.box.call("key/get", key=None, username="demo", password="demo")["key"]
    assert here.run("key", "add", "main", "--replace", "--whitelist", "any", stdin=new + "\n").status == DONE
    assert names(here) == AS_AT_REST and here.run("key", "check").status == DONE
    here.box.settings(fault="key/reset:drop-after:1")
    here.run("key", "rotate")
    assert here.run("key", "remove", "main").status == DONE
    assert names(here) == ["keys.lock"]


def test_a_new_key_that_cannot_be_tried_is_kept(here):
    here.box.settings(fault="key/get:http500:skip=1")
    result = here.run("key", "rotate")
    assert result.status == DONE and "the new key could not be tried" in result.err
    here.box.settings(fault="")
    assert not is_lost(here) and names(here) == AS_AT_REST


def test_a_new_key_that_is_refused_at_first_is_taken_up_by_the_next_run(here):
    here.box.settings(fault="key/get:error=101:skip=1:1")
    result = here.run("key", "rotate")
    assert result.status == FAILED and "refuses the one before" in result.err and TO_BE_ENDED in result.err
    assert here.json("key", "rotate").object["keys"] == [{"name": "main", "result": "resumed", "reloaded": True}]
    assert not is_lost(here) and names(here) == AS_AT_REST
    assert len(here.box.requests("key/reset")) == 1


def test_an_answer_with_another_key_than_the_account_s_leaves_the_old_one_in_place(here):
    def not_carried_out(reply):
        here.box.settings(account=f"demo:demo:{sandbox.KEY}")

    with sandbox.altered(here.box, "key/reset", not_carried_out) as url:
        here.with_key(whitelist="any", url=url)
        before = (here.keys / "main.key").read_bytes()
        result = here.run("key", "rotate")
        assert result.status == FAILED and "a key that it refuses; the present one is still good" in result.err
        assert (here.keys / "main.key").read_bytes() == before and names(here) == AS_AT_REST
        assert here.run("key", "check").status == DONE


def test_where_the_provider_is_down_after_a_reset_the_next_run_finds_out_what_became_of_it(here):
    here.box.settings(fault="key/reset:drop-after:1,key/get:http500:skip=1")
    result = here.run("key", "rotate", stdin=CREDENTIALS)
    assert result.status == FAILED and "Whether the key was replaced cannot be told now" in result.err
    assert TO_BE_ENDED in result.err
    here.box.settings(fault="")
    assert is_lost(here)
    heals(here)


def test_rotations_at_once_take_turns(here):
    running = [subprocess.Popen(here.argv("key", "rotate"), stdin=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(60) for process in running] == [DONE] * 4
    assert len(here.box.requests("key/reset")) == 4
    assert not is_lost(here) and names(here) == AS_AT_REST


def test_one_api_key_under_two_names_is_not_reset(here):
    here.with_key("second", "any")
    result = here.run("key", "rotate")
    assert result.status == FAILED and "key second is the same API key" in result.err
    assert here.box.requests() == []


def test_every_key_is_rotated_whatever_becomes_of_the_others(here):
    here.run("key", "add", "first", "--whitelist", "any", "--no-check", stdin="OTHER-KEY\n")
    result = here.json("key", "rotate")
    assert result.status == FAILED
    assert [(key["name"], key.get("result")) for key in result.object["keys"]] == [("first", None), ("main", "rotated")]


def program(tmp_path, lines):
    path = tmp_path / "reload-program"
    path.write_text("#!/bin/sh\n" + lines)
    path.chmod(0o755)
    return path


def test_what_reload_names_runs_with_an_environment_of_its_own_once_the_new_key_is_there(here, tmp_path):
    told = tmp_path / "told"
    path = program(tmp_path, f'{{ echo "$#|$1|$2"; env; }} > {told}\n{here.argv()[0]} -c {here.conf} key check >> {told}\n')
    here.write(provider__reload=f"{path} -s  $(reload);")
    result = here.run("key", "rotate", env={"SECRET": "x", "PATH": "/nowhere"})
    assert result.status == DONE, result.text
    lines = told.read_text().splitlines()
    assert lines[0] == "2|-s|$(reload);"
    assert {line.split("=")[0] for line in lines if "=" in line} - {"PWD", "_", "OLDPWD", "SHLVL"} == {"PATH", "LC_ALL"}
    assert "accepted by" in lines[-1]


@pytest.mark.parametrize("lines", ["exit 3\n", "kill -9 $$\n", None])
def test_a_reload_that_fails_is_told_and_the_new_key_is_kept(here, tmp_path, lines):
    path = program(tmp_path, lines) if lines else tmp_path / "nobody"
    here.write(provider__reload=path)
    result = here.run("key", "rotate")
    assert result.status == FAILED and str(path) in result.err and "the new key is kept" in result.err
    assert not is_lost(here) and names(here) == AS_AT_REST


def test_a_run_that_is_killed_before_the_reload_leaves_it_to_the_next(here, tmp_path):
    told = tmp_path / "told"
    path = program(tmp_path, f'[ -e {told} ] || kill -9 $PPID\necho reloaded >> {told}\n')
    here.write(provider__reload=path)
    assert here.run("key", "rotate").status == -signal.SIGKILL
    until = time.monotonic() + 10
    while not told.exists():  # by the child, which outlives it
        assert time.monotonic() < until
    assert not is_lost(here) and "main.next" in names(here)
    result = here.json("key", "rotate")
    assert result.object["keys"] == [{"name": "main", "result": "resumed", "reloaded": True}]
    assert told.read_text() == "reloaded\n" * 2 and names(here) == AS_AT_REST
    assert len(here.box.requests("key/reset")) == 1


def test_kill_at_every_step(here, quick):
    every = here.steps("keys.d", "key", "rotate")
    lost = 0
    for step in every[::len(every) // 30 if quick else 1]:
        here.box.reset()
        here.killed_at(step, "key", "rotate")
        lost += is_lost(here)
        heals(here)
    assert lost < len(every) / 3  # between the request and the write of what came back, and at no other time


def test_kills_at_random_moments(here, quick):
    chance = random.Random(365)
    began = time.monotonic()
    here.run("key", "rotate")
    takes = time.monotonic() - began
    for _ in range(20 if quick else 300):
        here.box.reset()
        with subprocess.Popen(here.argv("key", "rotate"), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL) as process:
            try:
                process.wait(chance.uniform(0, takes))
            except subprocess.TimeoutExpired:
                process.kill()
        is_lost(here)
        heals(here)


def test_a_full_disk_is_found_out_before_anything_is_asked_for(small):
    ballast = world.disk_fill(small.keys)
    result = small.run("key", "rotate")
    assert result.status == FAILED and "No space left on device" in result.err
    assert small.box.requests("key/reset") == [] and names(small) == sorted([*AS_AT_REST, "ballast"])
    assert small.run("key", "check", "main").status == DONE
    os.unlink(ballast)
    heals(small)


@pytest.mark.parametrize("lost", [False, True])
def test_a_disk_that_fills_meanwhile_has_room_for_the_new_key(small, lost):
    small.box.settings(fault="key/reset:delay=1000:1" + (",key/reset:drop-after:1" if lost else ""))
    with subprocess.Popen(small.argv("key", "rotate"), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        small.box.wait_request("key/reset")
        ballast = world.disk_fill(small.keys)
        told = process.communicate("")[1]
    assert (process.returncode == DONE, is_lost(small)) == (not lost, lost), told
    assert small.run("key", "rotate", stdin=CREDENTIALS).status == DONE  # the old key left its room, or the note has some
    assert small.run("key", "check", "main").status == DONE
    os.unlink(ballast)
    heals(small)


WRITES = ("openat", "pwrite64", "fsync", "ftruncate", "rename", "unlink")


def test_every_write_may_fail(here, quick):
    """Each in turn finds no room, then all from there on."""
    every = [(name, when) for name, when in here.steps("keys.d", "key", "rotate") if name in WRITES]
    assert {name for name, _ in every} >= {"openat", "pwrite64", "fsync", "rename"}
    for name, when in every:
        for which in (f"{when}+",) if quick else (f"{when}", f"{when}+"):
            here.box.reset()
            done = here.injected(name, f"error=ENOSPC:when={which}", "key", "rotate")
            assert done.status in (DONE, FAILED) or name == "openat", done.err
            is_lost(here)
            heals(here)


def test_a_login_that_waits_for_its_code_meanwhile_goes_on_with_the_new_key(product, sandbox, terminals):
    product.stack("rotated")
    login = terminals(Terminal(pamtester_argv("rotated", "alice")))
    login.sees(PROMPT)
    product.sms365("key", "rotate")
    login.answers(sandbox.messages(NUMBER)[0]["code"])
    login.sees("successfully authenticated")


def test_the_unit_leaves_a_rotation_what_it_needs_and_nothing_else(product, tmp_path):
    """Confined as systemd would: root without capabilities, everything but the keys read-only or hidden."""
    said = unit(UNIT)
    assert said["ProtectSystem"] == ["strict"] and paths(said, "ReadWritePaths") == [f"{CONF}/keys.d"]
    assert paths(said, "InaccessiblePaths") == [f"{CONF}/users", STATE]
    nosy = program(tmp_path, f"cat {CONF}/users; ls {STATE}; touch {CONF}/new {tmp_path}/new /etc/new\nexit 0\n")
    product.configure(reload=nosy)
    limits = ["prlimit", f"--nofile={said['LimitNOFILE'][0]}", f"--core={said['LimitCORE'][0]}"]
    done = subprocess.run([*walled_off(said), *limits, *as_root(said), f"{BUILD}/sms365", "key", "rotate"],
                          capture_output=True, text=True, env={})
    assert done.returncode == DONE, done.stderr
    assert done.stderr.count("Permission denied") == 2 and done.stderr.count("Read-only file system") == 3
    assert product.sms365("key", "check")


def test_the_unit_allows_the_system_calls_of_a_rotation(product, tmp_path):
    trace = tmp_path / "trace"
    world.run("strace", "-f", "-qq", "-o", str(trace), f"{BUILD}/sms365", "key", "rotate")
    used = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M))
    assert {"rename", "fsync", "connect"} <= used and used - allowed_calls(unit(UNIT)) == set()


def test_systemd_takes_the_units(tmp_path):
    """As installed, with our own program in its place: the service, and the timer that starts it."""
    with open(UNIT) as file:
        service = file.read()
    [program] = re.findall(r"^ExecStart=(\S+/sms365) key rotate$", service, re.M)
    assert not re.search(r"@\w+@", service)
    (tmp_path / "sms365-key-rotate.service").write_text(service.replace(program, f"{BUILD}/sms365"))
    timer = tmp_path / "sms365-key-rotate.timer"
    with open(f"{SOURCE}/systemd/sms365-key-rotate.timer") as file:
        timer.write_text(file.read())
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(timer)], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert re.search(r"^RandomizedDelaySec=\d+h$", timer.read_text(), re.M)
