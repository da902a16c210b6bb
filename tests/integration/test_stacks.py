"""Every PAM stack that is shipped, on the real libpam: it lets in exactly whom it should, whatever the module says."""

import os
import shutil

import pytest

import programs
import world
from product import MODULE, NUMBER, OTHER_NUMBER, PROMPT, SOURCE
from programs import Terminal

SHIPPED = f"{SOURCE}/examples/pam"
STACKS = sorted(os.listdir(SHIPPED))
PAM_SUCCESS, PAM_IGNORE, PAM_CODES = 0, 25, 32


@pytest.fixture(params=STACKS)
def stack(request, product, alice, bob):
    """A shipped stack in its place. Both users are enrolled; by su, bob is become, and the caller alice is asked."""
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    service = request.param.split("-")[0]
    target = f"/etc/pam.d/{service}"
    kept = world.read_if_there(target)
    shutil.copy(f"{SHIPPED}/{request.param}", target)
    yield Stack(request.param, service, alice, bob)
    world.put_back(target, kept)


class Stack:
    def __init__(self, name, service, alice, bob):
        self.name, self.service, self.alice, self.bob = name, service, alice, bob
        self.user, self.password = ("bob", bob.password) if service == "su" else ("alice", alice.password)
        self.asks_password = name != "sshd-publickey"

    def attempt(self, password=None):
        """Someone wants in, and gives a password where it is asked for: a terminal before what comes next."""
        proven = None if self.asks_password else "publickey"
        if self.service == "su":
            terminal = programs.su(self.alice, "bob")
        else:
            terminal = programs.Pamtester(self.service, self.user, "authenticate", "setcred", proven=proven)
        if self.asks_password:
            terminal.sees("Password: ")
            terminal.answers(password or self.password)
        return terminal

    @staticmethod
    def lets_in(terminal):
        terminal.ends()
        return "in-as-bob" in terminal.text or "credential info has successfully been set" in terminal.text


def test_the_right_code_is_let_in(stack, sandbox):
    terminal = stack.attempt()
    terminal.sees(PROMPT)
    terminal.answers(sandbox.wait_message(NUMBER)["code"])
    assert stack.lets_in(terminal)
    assert len(sandbox.messages()) == 1


@pytest.mark.parametrize("answer", ["", "0000", "not a code"])
def test_anything_else_is_not(stack, sandbox, answer):
    terminal = stack.attempt()
    terminal.sees(PROMPT)
    assert sandbox.wait_message(NUMBER)["code"] != "0000"
    terminal.answers(answer)
    assert not stack.lets_in(terminal)


def test_a_wrong_password_is_not_and_sends_nothing(stack, sandbox):
    if not stack.asks_password:
        stack.service = "sshd"  # a key is sshd's business: without one nothing is proved
        terminal = programs.Pamtester("sshd", "alice", "authenticate", "setcred", proven=None)
        terminal.sees("Verification code: ")
        terminal.answers("1234")
    else:
        terminal = stack.attempt("wrong")
        if terminal.prompted():
            terminal.answers("1234")
    assert not stack.lets_in(terminal)
    assert sandbox.requests() == []


def test_one_who_is_not_enrolled_is_not(stack, product, sandbox):
    product.users(carol=[NUMBER])
    terminal = stack.attempt()
    terminal.sees("Press Enter: ")
    terminal.answers("")
    assert not stack.lets_in(terminal)
    assert sandbox.requests() == []


def test_nobody_is_while_the_provider_is_down(stack, product, sandbox):
    product.add_key("main", f"https://127.0.0.1:{programs.free_port()}/api")
    terminal = stack.attempt()
    terminal.sees("Press Enter: ")
    terminal.answers("")
    assert not stack.lets_in(terminal)


def test_nobody_is_while_the_configuration_is_unusable(stack, product, sandbox):
    product.write("sms365.conf", "nonsense\n")
    assert not stack.lets_in(stack.attempt())
    assert sandbox.requests() == []


@pytest.fixture
def fixed(installed):
    """In the module's place one that returns a given code: fixed(code)."""
    kept = world.read_if_there(MODULE)
    world.run("cc", "-shared", "-fPIC", "-o", MODULE, f"{SOURCE}/tests/integration/pam_fixed.c", "-lpam")
    program = "/run/pamcall-as-caller"
    world.run("cc", "-o", program, f"{SOURCE}/tests/integration/pamcall.c", "-lpam")
    os.chmod(program, 0o4755)  # like su: the real user is the caller, and pam_rootok must not take it for root

    def set_code(code):
        with open("/run/fixed-code", "w") as file:
            file.write(str(code))
        return program

    yield set_code
    world.put_back(MODULE, kept)


def test_of_all_codes_a_module_can_return_two_let_in(stack, fixed):
    """PAM_SUCCESS, and PAM_IGNORE of a bypass, which alone would be refused: hence the pam_permit at the end."""
    let_in = []
    for code in range(PAM_CODES):
        program = fixed(code)
        answers = [stack.password] if stack.asks_password else []
        terminal = Terminal(stack.alice.command(program, "-s", stack.service, stack.user, *answers))
        terminal.ends()
        assert "code: " in terminal.text
        if "code: 0\r\n" in terminal.text:
            assert "setcred: 0\r\n" in terminal.text
            let_in.append(code)
    assert let_in == [PAM_SUCCESS, PAM_IGNORE]


def test_a_wrong_password_is_not_made_good_by_any_code(stack, fixed):
    if stack.asks_password:
        terminal = Terminal(stack.alice.command(fixed(PAM_SUCCESS), "-s", stack.service, stack.user, "wrong"))
        terminal.ends()
        assert "code: 0\r\n" not in terminal.text and "code: " in terminal.text


def test_a_module_that_ignores_alone_in_its_stack_lets_nobody_in(product, fixed, alice):
    product.stack("lone")
    terminal = Terminal([fixed(PAM_IGNORE), "-s", "lone", "alice"])
    terminal.ends()
    assert "code: 0\r\n" not in terminal.text and "code: " in terminal.text


@pytest.mark.parametrize("name, methods", [("sshd-publickey", "publickey,keyboard-interactive"),
                                           ("sshd-password", "keyboard-interactive")])
def test_a_real_sshd_opens_a_session_with_the_shipped_stack(product, sandbox, alice, sshd, name, methods):
    shutil.copy(f"{SHIPPED}/{name}", "/etc/pam.d/shipped-sshd")
    server = sshd("shipped-sshd", methods)
    login = server.login(alice, key=name == "sshd-publickey")
    if name == "sshd-password":
        login.sees("Password: ")
        login.answers(alice.password)
    login.sees(PROMPT)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    login.sees("in-as-alice")
    assert login.ends() == 0


def test_a_real_sudo_opens_a_session_with_the_shipped_stack(product, sandbox, alice):
    shutil.copy(f"{SHIPPED}/sudo", "/etc/pam.d/shipped-sudo")
    with open("/etc/sudoers.d/alice", "w") as rule:
        rule.write("Defaults:alice pam_service=shipped-sudo\nalice ALL=(ALL) ALL\n")
    terminal = programs.sudo(alice)
    terminal.sees("password for alice: ")
    terminal.answers(alice.password)
    terminal.sees(PROMPT)
    terminal.answers(sandbox.wait_message(NUMBER)["code"])
    terminal.sees("in-as-root")
    os.unlink("/etc/sudoers.d/alice")
    assert terminal.ends() == 0
