"""Real logins over a real sshd."""

import contextlib
import os
import re

import paramiko
import pytest

import programs
from product import FAILS, GENERIC, NUMBER, OTHER_NUMBER, PROMPT
from programs import wrong

FRESH = "Code sent to +30 69****4567 (delivered). Enter it, or r = again: "
PASSWORD_FIRST = "auth requisite pam_unix.so nodelay"
ONE_PROMPT = ("-o", "NumberOfPasswordPrompts=1")
SHOWN = ("-o", "LogLevel=INFO")  # the client's default: what sshd says between two prompts is shown


@pytest.fixture
def key_server(product, sshd):
    """Public key, then code."""
    return sshd(product.stack("sshd-key"), MaxAuthTries=10)


@pytest.fixture
def password_server(product, sshd):
    """Password, then code, both by keyboard-interactive."""
    product.stack("sshd-password", "first_factor=stacked", before=[PASSWORD_FIRST])
    return sshd("sshd-password", "keyboard-interactive", MaxAuthTries=10)


class Door:
    """A server as one meets it who has the first factor, a key or a password."""

    def __init__(self, server, by_password):
        self.server, self.by_password = server, by_password

    def login(self, user, options=()):
        """A login that has proved the first factor."""
        return self.proves(self.server.login(user, options=options, key=not self.by_password), user)

    def proves(self, login, user):
        """A password is asked before every code, a key but once."""
        if self.by_password:
            login.sees("Password: ")
            login.answers(user.password)
        return login

    def paramiko(self, client, user, answer):
        """What is left to be proved after an attempt with this answer by another client than OpenSSH's."""
        return client.auth_interactive(user.name, lambda title, text, prompts: [
            user.password if prompt == "Password: " else answer for prompt, echo in prompts])


@pytest.fixture(params=["key", "password"])
def door(request):
    return Door(request.getfixturevalue(f"{request.param}_server"), request.param == "password")


def test_a_key_and_the_right_code(key_server, sandbox, alice, syslog):
    login = key_server.login(alice)
    login.sees(f"(alice@127.0.0.1) {FRESH}")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    login.sees("in-as-alice")
    assert login.ends() == 0
    assert len(sandbox.messages()) == 1
    syslog.wait('user="alice" service="sshd-key" rhost="127.0.0.1".*verdict=allow')


def test_a_password_and_the_right_code(password_server, sandbox, alice):
    login = password_server.login(alice, key=False)
    login.sees("Password: ")
    login.answers(alice.password)
    login.sees(FRESH)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    login.sees("in-as-alice")
    assert login.ends() == 0
    assert len(sandbox.messages()) == 1


def test_a_wrong_password_sends_nothing(password_server, sandbox, alice):
    login = password_server.login(alice, key=False, options=ONE_PROMPT)
    login.sees("Password: ")
    login.answers("wrong")
    assert login.ends() == 255
    assert sandbox.requests() == []


def test_wrong_then_right_in_one_connection_takes_one_message(door, sandbox, alice):
    login = door.login(alice)
    login.sees(FRESH)
    message = sandbox.wait_message(NUMBER)
    login.answers(wrong(message))
    door.proves(login, alice).sees("(delivered), 2 tries left. Enter it, or r = again: ")
    login.answers(message["code"])
    login.sees("in-as-alice")
    assert login.ends() == 0
    assert len(sandbox.messages()) == 1


def test_three_wrong_codes_end_the_connection_s_chances(door, sandbox, alice, syslog):
    login = door.login(alice, options=(*SHOWN, "-o", "NumberOfPasswordPrompts=4", "-o",
                                       "PreferredAuthentications=publickey,keyboard-interactive"))
    for tries_left in (3, 2, 1):
        login.sees(PROMPT)
        login.answers(wrong(sandbox.messages(NUMBER)[0]))
        if tries_left > 1:
            door.proves(login, alice)
    login.sees("All tries are used up.")
    assert login.ends() == 255
    assert "in-as" not in login.text
    assert len(sandbox.messages()) == 1
    assert len(sandbox.requests("2fa/check")) == 3
    syslog.wait("reason=tries_used")


@pytest.mark.parametrize("kind, told", [
    ("wrong", "Wrong code; 2 tries left."), ("none", "That is not a code."),
    ("old", "The code is too old. Log in again for a new one."),
    ("unchecked", "The SMS provider did not answer. Try again.")])
def test_why_a_code_opens_nothing_is_told_before_the_next_prompt(door, sandbox, alice, clock, kind, told):
    with clock.everywhere():
        login = door.login(alice, options=SHOWN)
        login.sees(FRESH)
        message = sandbox.wait_message(NUMBER)
        if kind == "old":
            clock.advance(301)
        elif kind == "unchecked":
            sandbox.settings(fault="2fa/check:drop-after")
        login.answers({"wrong": wrong(message), "none": "no code at all"}.get(kind, message["code"]))
        assert "Code sent" not in login.sees(told)
        door.proves(login, alice).sees(PROMPT)


@pytest.mark.parametrize("answer", ["", "My-Login-Password", "12345", pytest.param("1" * 900, id="900 digits")])
def test_what_is_no_code_goes_nowhere_and_the_right_one_still_opens(door, sandbox, alice, syslog, answer):
    login = door.login(alice)
    login.sees(FRESH)
    login.answers(answer)
    door.proves(login, alice).sees("3 tries left. Enter it, or")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    login.sees("in-as-alice")
    assert len(sandbox.messages()) == 1
    assert len(sandbox.requests("2fa/check")) == 1
    if answer:
        assert answer not in syslog.text() and answer not in door.server.log.text()


def test_an_answer_of_100_kilobytes_is_no_try_and_the_right_one_still_opens(door, sandbox, alice, syslog):
    """OpenSSH's own client sends no more than 1023 bytes."""
    answer = "7" * 100_000
    with contextlib.closing(paramiko.Transport(("127.0.0.1", door.server.port))) as client:
        client.start_client()
        if not door.by_password:
            key = paramiko.Ed25519Key.from_private_key_file(alice.key)
            assert client.auth_publickey("alice", key) == ["keyboard-interactive"]
        with pytest.raises(paramiko.AuthenticationException):
            door.paramiko(client, alice, answer)
        syslog.wait("reason=not_a_code")
        assert sandbox.requests("2fa/check") == []
        assert door.paramiko(client, alice, sandbox.wait_message(NUMBER)["code"]) == []
    assert len(sandbox.messages()) == 1
    assert answer[:100] not in syslog.text() + door.server.log.text()


def test_ctrl_c_at_the_prompt_then_a_new_login(door, sandbox, alice):
    login = door.login(alice)
    login.sees(FRESH)
    login.interrupts()
    sandbox.wait_message(NUMBER)
    again = door.login(alice)
    again.sees(FRESH)
    again.answers(sandbox.wait_message(NUMBER)["code"])
    again.sees("in-as-alice")


def test_a_hang_up_at_the_prompt_leaves_no_process(door, sandbox, alice):
    login = door.login(alice)
    login.sees(FRESH)
    login.hangs_up()
    door.server.log.wait("Connection closed by|Connection reset by|Received disconnect")
    door.server.wait_idle()
    again = door.login(alice)
    again.sees(FRESH)


def test_another_connection_of_the_same_user_and_address_cannot_use_this_code(door, sandbox, alice):
    mine = door.login(alice)
    mine.sees(FRESH)
    my_message = sandbox.wait_message(NUMBER)
    other = door.login(alice, options=ONE_PROMPT)
    other.sees(FRESH)
    assert sandbox.wait_message(NUMBER)["code"] != my_message["code"]
    other.answers(my_message["code"])
    assert other.ends() == 255
    mine.answers(my_message["code"])
    mine.sees("in-as-alice")


def test_the_code_of_a_finished_login_does_not_open_another(door, sandbox, alice):
    first = door.login(alice)
    first.sees(FRESH)
    old = sandbox.wait_message(NUMBER)["code"]
    first.answers(old)
    assert first.ends() == 0
    second = door.login(alice, options=ONE_PROMPT)
    second.sees(FRESH)
    assert sandbox.wait_message(NUMBER)["code"] != old
    second.answers(old)
    assert second.ends() == 255


def test_ssh_and_scp_of_one_user_side_by_side(key_server, sandbox, alice, tmp_path):
    source = tmp_path / "letter"
    source.write_text("curiouser")
    shell = key_server.login(alice)
    shell.sees(FRESH)
    shell_message = sandbox.wait_message(NUMBER)
    copy = key_server.copy(alice, str(source), "side-by-side")
    copy.sees(FRESH)
    copy.answers(sandbox.wait_message(NUMBER)["code"])
    assert copy.ends() == 0
    shell.answers(shell_message["code"])
    shell.sees("in-as-alice")
    assert shell.ends() == 0
    with open(f"{alice.home}/side-by-side") as letter:
        assert letter.read() == "curiouser"


def test_one_who_is_not_enrolled_is_told_in_the_prompt(door, sandbox, bob):
    login = door.login(bob, options=ONE_PROMPT)
    login.sees("You have no phone number here for the code that is needed. Ask your administrator. Press Enter: ")
    login.answers("")
    assert login.ends() == 255
    assert sandbox.requests() == []


def test_trouble_is_told_in_the_prompt(door, product, sandbox, alice):
    sandbox.settings(balance="0")
    login = door.login(alice, options=ONE_PROMPT)
    login.sees("The SMS account is out of credit. Tell your administrator. Press Enter: ")
    login.answers("")
    assert login.ends() == 255


def test_keyboard_interactive_alone_proves_nothing(product, sshd, sandbox, alice, syslog):
    server = sshd(product.stack("sshd-key"), "keyboard-interactive")
    login = server.login(alice, key=False, options=ONE_PROMPT)
    login.sees(GENERIC)
    login.answers("1234")
    assert login.ends() == 255
    assert sandbox.requests() == []
    syslog.wait("first_factor=proven.*SSH_AUTH_INFO_0")


def test_an_unknown_user_sees_what_everybody_sees_who_proved_nothing(product, sshd, sandbox, alice):
    server = sshd(product.stack("sshd-key"), "keyboard-interactive")
    prompts = []
    for name in ("alice", "nobody-here"):
        login = programs.Terminal([*programs.SSH, *ONE_PROMPT, "-o", "PubkeyAuthentication=no", "-p", str(server.port),
                                   f"{name}@127.0.0.1", "true"])
        login.sees(GENERIC)
        login.answers("1234")
        assert login.ends() == 255
        prompts.append(re.sub(name, "NAME", login.text))
    assert prompts[0] == prompts[1]
    assert sandbox.requests() == []


@pytest.mark.parametrize("methods, key", [("password", False), ("publickey,password", True)])
def test_sshd_s_password_method_is_denied_before_any_send(product, sshd, sandbox, alice, syslog, methods, key):
    server = sshd(product.stack("sshd-key", "first_factor=none"), methods, PasswordAuthentication="yes")
    login = server.login(alice, key=key, options=(*ONE_PROMPT, "-o", "PreferredAuthentications=publickey,password"))
    login.sees("password: ")
    login.answers(alice.password)
    assert login.ends() == 255
    assert sandbox.requests() == []
    syslog.wait("password method")
    syslog.wait('event=login user="alice" service="sshd-key" rhost="127.0.0.1" channel=none verdict=deny reason=not_a_code')
    assert alice.password not in syslog.text()


def test_a_login_password_typed_at_the_code_prompt_is_not_sent_or_logged(door, sandbox, alice, syslog):
    login = door.login(alice, options=ONE_PROMPT)
    login.sees(FRESH)
    login.answers(alice.password)
    assert login.ends() == 255
    syslog.wait("reason=not_a_code")
    assert sandbox.requests("2fa/check") == []
    assert alice.password not in syslog.text() + door.server.log.text()


def test_a_message_that_fails_is_told_and_the_other_number_works(door, product, sandbox, alice):
    product.users(alice=[FAILS, OTHER_NUMBER])
    login = door.login(alice)
    login.sees("Not delivered to +30 69****0001. Code sent to +30 69****4321 (delivered).")
    login.answers(sandbox.wait_message(OTHER_NUMBER)["code"])
    login.sees("in-as-alice")
    assert login.ends() == 0


def test_askpass_programs_can_answer(key_server, sandbox, alice, tmp_path):
    """A login without a terminal: the client asks a program, which gets the prompt and answers from the phone."""
    answer = tmp_path / "answer"
    os.mkfifo(answer)
    askpass = tmp_path / "askpass"
    askpass.write_text(f"#!/bin/sh\nexec cat {answer}\n")
    askpass.chmod(0o755)
    login = programs.Terminal(key_server.client(alice, "echo", "in-as-alice"),
                              env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"})
    with open(answer, "w") as pipe:
        pipe.write(sandbox.wait_message(NUMBER)["code"] + "\n")
    login.sees("in-as-alice")
    assert login.ends() == 0
