"""Who is not asked for a code: only what the configuration names, and never without a first factor."""

import json
import os

import pytest

import world
from people import ELSEWHERE, HOME
from product import NUMBER, sudoers
from programs import Pamtester, Terminal, sudo

ASKED = "Code sent to +30 69****4567"


def stack(product):
    """As every example has it: the module, whose bypass is PAM_IGNORE, and behind it one that succeeds."""
    return world.write_pam("code", "auth requisite pam_sms365.so", "auth required pam_permit.so",
                           "account required pam_permit.so")


def test_a_stack_in_which_every_module_ignores_is_refused(product, sandbox):
    product.configure(trusted="192.0.2.0/24")
    login = Pamtester(product.stack("alone"), "alice", rhost="192.0.2.1")
    assert login.code() == "PAM_PERM_DENIED"


def enters(sandbox, **options):
    login = Pamtester("code", "alice", **options)
    login.sees(ASKED)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def is_asked(*arguments, **options):
    login = Pamtester(*arguments, **options)
    login.sees(ASKED)
    login.kill()


@pytest.mark.parametrize("rhost", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::7"])
def test_a_trusted_network_needs_no_code(product, sandbox, syslog, rhost):
    product.configure(trusted="192.0.2.0/24 2001:db8::/32")
    assert Pamtester(stack(product), "alice", rhost=rhost).code() == "PAM_SUCCESS"
    assert sandbox.requests() == []
    syslog.wait("verdict=bypass reason=trusted_network")
    assert not os.path.exists("/var/lib/sms365/pam/spend.table")


@pytest.mark.parametrize("rhost", [ELSEWHERE, "127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.1.example.com",
                                   "trusted.example.com", "", None])
def test_everywhere_else_a_code_is_needed(product, sandbox, rhost):
    product.configure(trusted="192.0.2.0/24 127.0.0.0/8 ::1")
    is_asked(stack(product), "alice", rhost=rhost)


def test_this_machine_s_own_address_is_no_trusted_network(product, sandbox):
    product.configure(trusted="192.0.2.0/24")
    stack(product)
    world.run("ip", "address", "add", "192.0.2.77/32", "dev", "lo")
    try:
        is_asked("code", "alice", rhost="192.0.2.77")
        is_asked("code", "alice", rhost="::ffff:192.0.2.77")
        assert Pamtester("code", "alice", rhost="192.0.2.78").code() == "PAM_SUCCESS"
    finally:
        world.run("ip", "address", "del", "192.0.2.77/32", "dev", "lo")


def test_a_trusted_network_does_not_replace_the_first_factor(product, sandbox):
    product.configure(trusted="192.0.2.0/24")
    login = Pamtester(stack(product), "alice", proven=None, rhost="192.0.2.1")
    login.sees("Verification code: ")
    login.answers("1234")
    assert login.code() == "PAM_AUTH_ERR"
    assert sandbox.requests() == []


KEY = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"


def test_a_grace_period_is_for_the_same_address_and_key(product, sandbox, clock, syslog):
    product.configure(grace="600")
    stack(product)
    here = {"rhost": HOME, "proven": KEY, "env": clock.environment}
    enters(sandbox, **here)
    assert Pamtester("code", "alice", **here).code() == "PAM_SUCCESS"
    syslog.wait("verdict=bypass reason=grace")
    is_asked("code", "alice", rhost=ELSEWHERE, proven=KEY, env=clock.environment)
    is_asked("code", "alice", rhost=HOME, proven=KEY + "other", env=clock.environment)
    is_asked("code", "alice", rhost=HOME, proven="password", env=clock.environment)
    clock.advance(601)
    is_asked("code", "alice", **here)


def test_a_backup_code_begins_no_grace_period_and_ends_none(product, sandbox, clock):
    product.configure(grace="600")
    stack(product)
    here = {"rhost": HOME, "proven": KEY, "env": clock.environment}
    codes = json.loads(product.sms365("--json", "user", "backup-codes", "alice"))["codes"]

    def enters_by_backup_code():
        login = Pamtester("code", "alice", **here)
        login.sees("b = backup code: ")
        sandbox.wait_message(NUMBER)
        login.answers("b")
        login.sees("Backup code (")
        login.answers(codes.pop())
        assert login.code() == "PAM_SUCCESS"

    enters_by_backup_code()
    enters(sandbox, **here)
    clock.advance(550)
    assert Pamtester("code", "alice", **here).code() == "PAM_SUCCESS"
    clock.advance(51)
    enters_by_backup_code()
    is_asked("code", "alice", **here)


def test_a_grace_period_is_for_the_very_address_of_an_ipv6_network(product, sandbox):
    product.configure(grace="600")
    stack(product)
    enters(sandbox, rhost="2001:db8:1:2::1", proven=KEY)
    assert Pamtester("code", "alice", rhost="2001:db8:1:2::1", proven=KEY).code() == "PAM_SUCCESS"
    is_asked("code", "alice", rhost="2001:db8:1:2::2", proven=KEY)


def test_a_bypass_does_not_lengthen_the_grace_period(product, sandbox, clock):
    product.configure(grace="600")
    stack(product)
    here = {"rhost": HOME, "proven": KEY, "env": clock.environment}
    enters(sandbox, **here)
    clock.advance(400)
    assert Pamtester("code", "alice", **here).code() == "PAM_SUCCESS"
    clock.advance(201)
    is_asked("code", "alice", **here)


def test_a_password_alone_has_no_grace_period_over_the_network(product, sandbox):
    product.configure(grace="600")
    stack(product)
    enters(sandbox, rhost=HOME, proven="password")
    is_asked("code", "alice", rhost=HOME, proven="password")


def test_a_changed_number_ends_the_grace_period(product, sandbox):
    product.configure(grace="600")
    stack(product)
    enters(sandbox, rhost=HOME, proven=KEY)
    product.users(alice=[NUMBER, "306987654321"])
    is_asked("code", "alice", rhost=HOME, proven=KEY)


@pytest.fixture
def sudo_rule(product):
    product.configure(grace="600")
    product.stack("sudo-code", "first_factor=stacked", before=["auth requisite pam_unix.so nodelay"])
    with sudoers("alice", "sudo-code", "timestamp_timeout=0") as path:
        yield path


def test_sudo_asks_again_in_another_terminal_alone(sudo_rule, sandbox, alice):
    terminal = Terminal(alice.command("sh", "-c", "sudo echo first; sudo echo second"))
    terminal.sees("password for alice: ")
    terminal.answers(alice.password)
    terminal.sees("Enter it")
    terminal.answers(sandbox.wait_message(NUMBER)["code"])
    terminal.sees("first")
    terminal.sees("password for alice: ")
    terminal.answers(alice.password)
    terminal.sees("second")
    assert terminal.ends() == 0
    other = sudo(alice)
    other.sees("password for alice: ")
    other.answers(alice.password)
    other.sees("Enter it")
    other.kill()


@pytest.fixture
def groups(alice):
    """The group staff, with alice in it, and the group needy, with nobody."""
    world.run("groupadd", "needy")
    world.run("groupadd", "spared")
    yield
    world.run("groupdel", "needy")
    world.run("groupdel", "spared")


@pytest.mark.parametrize("option, member_of, asked", [
    ("needy", [], False), ("needy", ["needy"], True), ("!spared", ["spared"], False), ("!spared", [], True),
    ("needy !spared", ["needy", "spared"], False), ("needy missing", [], True), ("!missing !spared", ["spared"], True),
    ("", [], True)])
def test_groups_need_a_code_or_are_exempt(product, sandbox, groups, syslog, option, member_of, asked):
    product.configure(groups=option)
    stack(product)
    for group in member_of:
        world.run("gpasswd", "-a", "alice", group)
    try:
        if asked:
            is_asked("code", "alice")
        else:
            assert Pamtester("code", "alice").code() == "PAM_SUCCESS"
            syslog.wait("verdict=bypass reason=group_exempt")
            assert sandbox.requests() == []
    finally:
        for group in member_of:
            world.run("gpasswd", "-d", "alice", group)


def test_users_without_a_number_are_let_by_where_the_configuration_says_so(product, sandbox, syslog):
    product.configure(unenrolled="ignore")
    stack(product)
    assert Pamtester("code", "bob").code() == "PAM_SUCCESS"
    syslog.wait('user="bob".*verdict=bypass reason=unenrolled')
    is_asked("code", "alice")


def test_an_unreadable_users_file_is_no_missing_number(product, sandbox):
    product.configure(unenrolled="ignore")
    product.write("users", "")
    assert Pamtester(stack(product), "alice").code() == "PAM_SERVICE_ERR"
    product.write("users", "alice: 306971234567\n", mode=0o666)
    assert Pamtester("code", "alice").code() == "PAM_SERVICE_ERR"
