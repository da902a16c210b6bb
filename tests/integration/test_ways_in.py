"""What holds on every way in: real sshd (with a key), sudo and su, each asking alice for a code."""

import pytest

from product import FAILS, NUMBER, OTHER_NUMBER, PENDING, sudoers
from programs import su, sudo

DELIVERED = "Code sent to +30 69****4567 (delivered). Enter it, or r = again: "
PASSWORD_FIRST = "auth requisite pam_unix.so nodelay"


class Way:
    """A program that asks once. begin() starts it and goes as far as the first factor; `opened` shows who is in."""

    def __init__(self, begin, opened):
        self._begin, self.opened = begin, opened

    def asks(self, prompt):
        terminal = self._begin()
        terminal.sees(prompt)
        return terminal

    def opens(self, terminal, code):
        terminal.answers(code)
        terminal.sees(self.opened)
        assert terminal.ends() == 0

    def stays_shut(self, terminal):
        assert terminal.ends() != 0
        assert self.opened not in terminal.text


def after_password(start, asked, password):
    terminal = start()
    terminal.sees(asked)
    terminal.answers(password)
    return terminal


@pytest.fixture
def way_by_sshd(product, sshd, alice):
    product.stack("sshd-key")
    return Way(lambda: sshd("sshd-key").login(alice, options=("-o", "NumberOfPasswordPrompts=1")), "in-as-alice")


@pytest.fixture
def way_by_sudo(product, alice):
    product.stack("sudo-code", "first_factor=stacked", before=[PASSWORD_FIRST])
    with sudoers("alice", "sudo-code", "passwd_tries=1"):
        yield Way(lambda: after_password(lambda: sudo(alice), "password for alice: ", alice.password), "in-as-root")


@pytest.fixture
def way_by_su(product, alice, bob):
    product.stack("su", "first_factor=stacked", before=[PASSWORD_FIRST])
    return Way(lambda: after_password(lambda: su(bob, "alice"), "Password: ", alice.password), "in-as-alice")


@pytest.fixture(params=["sshd", "sudo", "su"])
def way(request):
    return request.getfixturevalue(f"way_by_{request.param}")


def test_an_expired_code_opens_nothing_and_is_not_sent(way, sandbox, syslog, clock):
    with clock.everywhere():
        terminal = way.asks(DELIVERED)
        clock.advance(301)
        terminal.answers(sandbox.wait_message(NUMBER)["code"])
        way.stays_shut(terminal)
    syslog.wait("verdict=deny reason=expired")
    assert sandbox.requests("2fa/check") == []


def test_a_code_whose_message_nobody_reported_opens(way, product, sandbox):
    product.users(alice=[PENDING])
    product.configure(wait="1")
    terminal = way.asks("Code sent to +30 69****0002 (pending). Enter it, or r = again: ")
    way.opens(terminal, sandbox.wait_message(PENDING)["code"])


def test_a_code_opens_once(way, sandbox):
    terminal = way.asks(DELIVERED)
    code = sandbox.wait_message(NUMBER)["code"]
    way.opens(terminal, code)
    terminal = way.asks(DELIVERED)
    assert sandbox.wait_message(NUMBER)["code"] != code
    terminal.answers(code)
    way.stays_shut(terminal)
    assert len(sandbox.requests("2fa/check")) == 2


def test_a_message_that_fails_goes_to_the_next_number(way, product, sandbox):
    product.users(alice=[FAILS, OTHER_NUMBER])
    terminal = way.asks("Not delivered to +30 69****0001. Code sent to +30 69****4321 (delivered). ")
    way.opens(terminal, sandbox.wait_message(OTHER_NUMBER)["code"])


def test_who_is_not_enrolled_is_told_so(way, product, sandbox):
    product.users(carol=[NUMBER])
    terminal = way.asks("no phone number")
    terminal.answers("")
    way.stays_shut(terminal)
    assert not sandbox.requests()


def test_a_report_by_callback_after_the_prompt_is_up_is_seen_at_the_next(way, product, sandbox, receiver):
    receiver.door.clear()
    product.configure(callback=receiver.url, wait="0")
    terminal = way.asks(DELIVERED.replace("delivered", "pending"))
    receiver.door.set()
    receiver.wait()
    terminal.answers("r")
    terminal.sees(DELIVERED)
    way.opens(terminal, sandbox.wait_message(NUMBER)["code"])
    assert len(sandbox.messages()) == 1


@pytest.mark.parametrize("program, reason", [("sudo", "no_answer"), ("su", "not_a_code")])
def test_100_kilobytes_typed_at_the_prompt_are_no_try_and_go_nowhere(request, program, reason, sandbox, syslog):
    """su hands on what its terminal took of them, sudo nothing. sshd hands on all: see test_ssh.py."""
    way = request.getfixturevalue(f"way_by_{program}")
    answer = "7" * 100_000
    terminal = way.asks(DELIVERED)
    terminal.answers(answer)
    way.stays_shut(terminal)
    syslog.wait(f"verdict=deny reason={reason}")
    assert sandbox.requests("2fa/check") == []
    assert answer[:100] not in syslog.text() + terminal.text
