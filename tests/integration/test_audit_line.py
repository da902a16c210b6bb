"""The audit line of a login: the same from the PAM module, from the web and from `sms365 login`, in both formats."""

import contextlib
import json
import re

import pytest

import world
from portal import PORTAL, send
from product import BUILD, NUMBER, PROMPT
from programs import Pamtester, Terminal, wrong
from webserver import example, password_file

SERVICE = "app"  # that of the shipped example
BOOT_ID = "/proc/sys/kernel/random/boot_id"
FIELD = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')
OWN = ("rhost", "challenge", "msg_id", "delivery")  # where a login comes from, its message, and what is known of it so far


@pytest.fixture(params=["text", "json"])
def form(request, product):
    product.configure(format=request.param)
    product.stack(SERVICE)
    return request.param


@pytest.fixture
def browser(form, nginx, alice):
    password_file(alice)
    return nginx(example("access")).browser(alice.name, alice.password)


def fields(line, form):
    """The fields in their order, as text."""
    if form == "json":
        found = json.loads(line.text[line.text.index("{"):], object_pairs_hook=list)
        return [(name, str(value)) for name, value in found]
    return [(name, quoted or bare) for name, quoted, bare in FIELD.findall(line.text)]


def at_a_prompt(login, sandbox, answer):
    login.sees(PROMPT)
    login.answers(answer(sandbox.wait_message(NUMBER)))
    login.ends()


def by_command():
    return Terminal([f"{BUILD}/sms365", "login", "alice", "--service", SERVICE])


def the_same_line(syslog, form):
    """The one that each of three logins left, without what is each one's own."""
    lines = syslog.wait_count(r"event\W+login\b", 3, seconds=15)
    assert {(line.facility, line.priority) for line in lines} == {(world.LogLine.AUTHPRIV, lines[0].priority)}
    one, *others = [fields(line, form) for line in lines]
    for other in others:
        assert [name for name, _ in other] == [name for name, _ in one]
        assert [field for field in other if field[0] not in OWN] == [field for field in one if field[0] not in OWN]
    assert len(others) == 2
    return dict(one)


@pytest.mark.parametrize("answer, verdict, reason", [(lambda message: message["code"], "allow", "code_accepted"),
                                                     (wrong, "deny", "wrong_code")])
def test_what_is_decided_on_a_code_is_the_same_line_from_every_front_end(form, browser, sandbox, syslog, answer, verdict,
                                                                         reason):
    at_a_prompt(Pamtester(SERVICE, "alice", rhost="192.0.2.7"), sandbox, answer)
    sandbox.reset()
    at_a_prompt(by_command(), sandbox, answer)
    sandbox.reset()
    page, message = send(browser, sandbox)
    browser.submit(page, "verify", code=answer(message))
    found = the_same_line(syslog, form)
    assert list(found) == ["event", "user", "service", "rhost", "channel", "to", "delivery", "challenge", "msg_id", "cost",
                           "tries", "verdict", "reason"]
    assert (found["user"], found["service"], found["verdict"], found["reason"]) == ("alice", SERVICE, verdict, reason)


@contextlib.contextmanager
def no_boot():
    """/proc does not tell which boot this is: no moment of a record can be told, and no challenge made."""
    world.run("mount", "--bind", "/dev/null", BOOT_ID)
    try:
        yield
    finally:
        world.run("umount", BOOT_ID)


def test_a_login_that_fails_before_its_challenge_is_the_same_line_from_every_front_end(form, browser, sandbox, syslog):
    with no_boot():
        Pamtester(SERVICE, "alice", rhost="192.0.2.7").ends()
        by_command().ends()
        assert browser.get(PORTAL).status == 503
    found = the_same_line(syslog, form)
    assert list(found) == ["event", "user", "service", "rhost", "channel", "verdict", "reason"]
    assert (found["user"], found["verdict"], found["reason"]) == ("alice", "deny", "config_unusable")
    assert not sandbox.requests()
