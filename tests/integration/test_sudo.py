"""Real sudo: the password, then a code to the caller's phone."""

import os
import re

import pytest

import world
from product import NUMBER, PROMPT, sudoers
from programs import sudo, wrong

FRESH = "Code sent to +30 69****4567 (delivered). Enter it, or r = again: "
ASKED = "password for alice: "
PASSWORD_FIRST = "auth requisite pam_unix.so nodelay"


@pytest.fixture
def rule(product):
    """alice may run anything by sudo, through a stack that asks her password and a code."""
    product.stack("sudo-code", "first_factor=stacked", before=[PASSWORD_FIRST])
    with sudoers("alice", "sudo-code") as path:
        yield path


def proved(terminal, user):
    """The next attempt is past the password."""
    terminal.sees(ASKED)
    terminal.answers(user.password)
    return terminal


def test_the_right_code_opens(rule, sandbox, alice, syslog):
    terminal = sudo(alice, "id", "-un")
    proved(terminal, alice).sees(FRESH)
    terminal.answers(sandbox.wait_message(NUMBER)["code"])
    terminal.sees("root")
    assert terminal.ends() == 0
    assert len(sandbox.messages()) == 1
    syslog.wait('user="alice" service="sudo-code".*verdict=allow')


def test_a_wrong_password_sends_nothing(rule, sandbox, alice):
    terminal = sudo(alice)
    for _ in range(3):
        terminal.sees(ASKED)
        terminal.answers("wrong")
    assert terminal.ends() == 1
    assert sandbox.requests() == []


def test_wrong_then_right_takes_one_message(rule, sandbox, alice):
    terminal = sudo(alice)
    proved(terminal, alice).sees(FRESH)
    message = sandbox.wait_message(NUMBER)
    terminal.answers(wrong(message))
    proved(terminal, alice).sees("2 tries left. Enter it, or r = again: ")  # sudo wants PAM silent: only prompts are shown
    terminal.answers(message["code"])
    terminal.sees("in-as-root")
    assert terminal.ends() == 0
    assert len(sandbox.messages()) == 1


def test_three_wrong_codes_open_nothing_and_send_nothing_more(product, sandbox, alice, syslog):
    """sudo takes one denial like another: here pam_warn logs those that are PAM_MAXTRIES."""
    world.write_pam("sudo-code", PASSWORD_FIRST,
                    "auth [success=2 maxtries=ignore default=die] pam_sms365.so first_factor=stacked",
                    "auth optional pam_warn.so", "auth requisite pam_deny.so", "auth required pam_permit.so",
                    "account required pam_permit.so", "session required pam_permit.so")
    with sudoers("alice", "sudo-code", "passwd_tries=4"):
        terminal = sudo(alice)
        for _ in range(3):
            proved(terminal, alice).sees(PROMPT)
            message = sandbox.messages(NUMBER)[0]
            terminal.answers(wrong(message))
        proved(terminal, alice).sees("All tries are used up. Try again in 5 min. Press Enter: ")
        terminal.answers(message["code"])
        assert terminal.ends() == 1
    syslog.wait("4 incorrect password attempts")
    denials = [re.search(r"pam_warn|reason=\w+", line.text)[0] for line in syslog.matching(r"pam_warn|event=login")]
    assert denials == ["reason=wrong_code"] * 2 + ["reason=tries_used", "pam_warn"] * 2
    assert "in-as-root" not in terminal.text
    assert len(sandbox.messages()) == 1
    assert len(sandbox.requests("2fa/check")) == 3


@pytest.mark.parametrize("answer", ["", "no code at all"])
def test_what_is_no_code_goes_nowhere(rule, sandbox, alice, syslog, answer):
    terminal = sudo(alice)
    proved(terminal, alice).sees(FRESH)
    terminal.answers(answer)
    proved(terminal, alice).sees("3 tries left. Enter it")
    terminal.answers(sandbox.wait_message(NUMBER)["code"])
    terminal.sees("in-as-root")
    assert len(sandbox.messages()) == 1
    assert len(sandbox.requests("2fa/check")) == 1
    assert not answer or answer not in syslog.text()


def test_ctrl_c_at_the_prompt_opens_nothing(rule, sandbox, alice):
    terminal = sudo(alice)
    proved(terminal, alice).sees(FRESH)
    assert terminal.interrupts() != 0
    assert "in-as-root" not in terminal.text
    assert sandbox.requests("2fa/check") == []


def test_a_hang_up_at_the_prompt_leaves_no_process(rule, sandbox, alice):
    terminal = sudo(alice)
    proved(terminal, alice).sees(FRESH)
    pid = terminal.pid
    terminal.hangs_up()
    assert not os.path.exists(f"/proc/{pid}")


def test_without_a_password_in_the_stack_nothing_is_proved(product, rule, sandbox, alice, syslog):
    product.stack("sudo-code", "first_factor=stacked")
    terminal = sudo(alice)
    terminal.sees("Verification code: ")
    terminal.answers("1234")
    terminal.sees("Verification code: ")
    assert sandbox.requests() == []
    syslog.wait("first_factor=stacked")


def test_what_the_caller_exports_changes_nothing(rule, sandbox, alice, tmp_path):
    tmp_path.chmod(0o777)
    terminal = sudo(alice, env={"SSLKEYLOGFILE": f"{tmp_path}/keys", "https_proxy": "http://127.0.0.1:1",
                                "SSL_CERT_FILE": "/nonexistent", "LC_ALL": "el_GR.UTF-8"})
    proved(terminal, alice).sees(FRESH)
    terminal.answers(sandbox.wait_message(NUMBER)["code"])
    terminal.sees("in-as-root")
    assert os.listdir(tmp_path) == []
