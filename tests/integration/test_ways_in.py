"""What holds on every way in: real sshd (with a key, with a password), sudo and su, each asking alice for a code."""

import pytest

import world
from product import FAILS, GENERIC, NUMBER, OTHER_NUMBER, PENDING, sudoers
from programs import su, sudo, wrong

DELIVERED = "Code sent to +30 69****4567 (delivered). Enter it, or r = again: "
PASSWORD_FIRST = "auth requisite pam_unix.so nodelay"
ONE_PROMPT = ("-o", "NumberOfPasswordPrompts=1")


class Way:
    """A program that asks once, through a PAM service. start() begins it; it asks for a password, or has seen a key."""

    def __init__(self, service, start, opened, password_prompt=None, password=None):
        self.service, self.start, self.opened = service, start, opened
        self._password_prompt, self._password = password_prompt, password

    def proves(self, terminal):
        """The first factor."""
        if self._password_prompt:
            terminal.sees(self._password_prompt)
            terminal.answers(self._password)
        return terminal

    def asks(self, prompt):
        terminal = self.proves(self.start())
        terminal.sees(prompt)
        return terminal

    def opens(self, terminal, code):
        terminal.answers(code)
        terminal.sees(self.opened)
        assert terminal.ends() == 0

    def stays_shut(self, terminal):
        assert terminal.ends() != 0
        assert self.opened not in terminal.text


@pytest.fixture
def way_by_key(product, sshd, alice):
    server = sshd(product.stack("sshd-key"))
    return Way("sshd-key", lambda: server.login(alice, options=ONE_PROMPT), "in-as-alice")


@pytest.fixture
def way_by_password(product, sshd, alice):
    product.stack("sshd-password", "first_factor=stacked", before=[PASSWORD_FIRST])
    server = sshd("sshd-password", "keyboard-interactive")
    return Way("sshd-password", lambda: server.login(alice, options=ONE_PROMPT, key=False), "in-as-alice",
               "Password: ", alice.password)


@pytest.fixture
def way_by_sudo(product, alice):
    product.stack("sudo-code", "first_factor=stacked", before=[PASSWORD_FIRST])
    with sudoers("alice", "sudo-code", "passwd_tries=1"):
        yield Way("sudo-code", lambda: sudo(alice), "in-as-root", "password for alice: ", alice.password)


@pytest.fixture
def way_by_su(product, alice, bob):
    product.stack("su", "first_factor=stacked", before=[PASSWORD_FIRST])
    return Way("su", lambda: su(bob, "alice"), "in-as-alice", "Password: ", alice.password)


@pytest.fixture(params=["key", "password", "sudo", "su"])
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


def test_another_connection_or_terminal_cannot_see_use_or_spend_this_one_s_challenge(way, product, sandbox):
    product.configure(lockout_after="20")  # which counts all of a user's failures
    mine = way.asks(DELIVERED)
    my_message = sandbox.wait_message(NUMBER)
    for answer_to in (lambda message: my_message["code"], wrong, wrong):
        other = way.asks(DELIVERED)  # nothing of mine: resumed it would tell when it was sent, and the tries left
        message = sandbox.wait_message(NUMBER)
        assert my_message["code"] not in (message["code"], wrong(message))
        other.answers(answer_to(message))
        way.stays_shut(other)
    assert len(sandbox.requests("2fa/check")) == 3  # as many as one challenge has tries
    way.opens(mine, my_message["code"])


@pytest.mark.parametrize("way", ["password", "sudo", "su"], indirect=True)
@pytest.mark.parametrize("after", [[], [PASSWORD_FIRST]], ids=["no password", "misordered"])
def test_a_stack_that_asked_no_password_before_asks_everybody_the_same_and_sends_nothing(way, sandbox, syslog, after):
    world.write_pam(way.service, "auth required pam_sms365.so first_factor=stacked", *after,
                    "account required pam_permit.so", "session required pam_permit.so")
    terminal = way.start()
    terminal.sees(GENERIC)
    terminal.answers("1234")
    if after:
        way.proves(terminal)
    way.stays_shut(terminal)
    assert "Code sent" not in terminal.text
    assert sandbox.requests() == []
    syslog.wait("first_factor=stacked")


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
