"""Real su: set-user-ID, started by someone who wants in and may not be trusted with environment or signals."""

import contextlib
import os
import re
import select
import signal

import pytest

import world
from product import NUMBER, OTHER_NUMBER, PROMPT, SOURCE
from programs import Pamtester, Terminal, su, wrong

FRESH = "Code sent to +30 69****4567 (delivered). Enter it, or r = again: "
TARGETS = "Code sent to +30 69****4321 (delivered). Enter it, or r = again: "


@pytest.fixture
def stack(product):
    """su asks the target's password, then a code. alice and bob have a phone each."""
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    product.stack("su", "first_factor=stacked", before=["auth requisite pam_unix.so nodelay"])
    return product


def test_the_code_goes_to_the_one_who_is_become(stack, sandbox, alice, bob):
    terminal = su(alice, "bob")
    terminal.sees("Password: ")
    terminal.answers(bob.password)
    terminal.sees(TARGETS)
    terminal.answers(sandbox.wait_message(OTHER_NUMBER)["code"])
    terminal.sees("in-as-bob")
    assert terminal.ends() == 0


def test_with_subject_caller_the_code_goes_to_the_one_who_calls(stack, sandbox, alice, bob, syslog):
    stack.configure(service={"su": {"subject": "caller"}})
    terminal = su(alice, "bob")
    terminal.sees("Password: ")
    terminal.answers(bob.password)
    terminal.sees(FRESH)
    terminal.answers(sandbox.wait_message(NUMBER)["code"])
    terminal.sees("in-as-bob")
    assert terminal.ends() == 0
    syslog.wait('user="alice" service="su".*verdict=allow')


def test_a_wrong_password_sends_nothing(stack, sandbox, alice):
    terminal = su(alice, "bob")
    terminal.sees("Password: ")
    terminal.answers("wrong")
    assert terminal.ends() == 1
    assert sandbox.requests() == []


BECOME = "su -c 'echo in-as-$(id -un)' bob"


def proved(terminal, bob):
    """The next su of a shell is past the password."""
    terminal.sees("Password: ")
    terminal.answers(bob.password)
    return terminal


@pytest.mark.parametrize("answer", ["", "not a code", "1234567890"])
def test_what_is_no_code_is_no_try_and_goes_nowhere(stack, sandbox, alice, bob, syslog, answer):
    terminal = Terminal(alice.command("bash", "-c", f"{BECOME}; {BECOME}"))
    proved(terminal, bob).sees(TARGETS)
    terminal.answers(answer)
    proved(terminal, bob).sees("3 tries left. Enter it, or r = again: ")
    assert sandbox.requests("2fa/check") == []
    terminal.answers(sandbox.wait_message(OTHER_NUMBER)["code"])
    terminal.sees("in-as-bob")
    assert terminal.ends() == 0
    assert terminal.text.count("in-as-bob") == 1
    assert len(sandbox.messages()) == 1
    assert not answer or answer not in syslog.text()


def test_a_wrong_code_then_the_right_one_in_the_same_shell_takes_one_message(stack, sandbox, alice, bob):
    terminal = Terminal(alice.command("bash", "-c", f"{BECOME}; {BECOME}"))
    proved(terminal, bob).sees(TARGETS)
    message = sandbox.wait_message(OTHER_NUMBER)
    terminal.answers(wrong(message))
    terminal.sees("Wrong code; 2 tries left.")
    proved(terminal, bob).sees("2 tries left. Enter it")
    terminal.answers(message["code"])
    terminal.sees("in-as-bob")
    assert len(sandbox.messages()) == 1


def test_three_wrong_codes_open_nothing_and_send_nothing_more(stack, sandbox, alice, bob, syslog):
    terminal = Terminal(alice.command("bash", "-c", f"for run in 1 2 3 4; do {BECOME}; done"))
    for told in ("Authentication failure", "Authentication failure", "Have exhausted maximum number of retries"):
        proved(terminal, bob).sees(PROMPT)
        message = sandbox.messages(OTHER_NUMBER)[0]
        terminal.answers(wrong(message))
        terminal.sees(f"su: {told}")
    proved(terminal, bob).sees("All tries are used up. Try again in 5 min. Press Enter: ")
    terminal.answers(message["code"])
    assert terminal.ends() == 1
    assert "in-as" not in terminal.text
    assert len(sandbox.messages()) == 1
    assert len(sandbox.requests("2fa/check")) == 3
    syslog.wait('user="bob" service="su".*reason=tries_used')


def test_a_code_opens_once(stack, sandbox, alice, bob):
    terminal = Terminal(alice.command("bash", "-c", f"{BECOME}; {BECOME}"))
    proved(terminal, bob).sees(TARGETS)
    used = sandbox.wait_message(OTHER_NUMBER)["code"]
    terminal.answers(used)
    terminal.sees("in-as-bob")
    proved(terminal, bob).sees(TARGETS)
    assert sandbox.wait_message(OTHER_NUMBER)["code"] != used
    terminal.answers(used)
    terminal.sees("Wrong code; 2 tries left.")
    assert terminal.ends() == 1
    assert terminal.text.count("in-as-bob") == 1


def test_a_hang_up_at_the_prompt_leaves_no_process_and_the_next_su_works(stack, sandbox, alice, bob):
    terminal = proved(su(alice, "bob"), bob)
    terminal.sees(TARGETS)
    pid = terminal.pid
    terminal.hangs_up()
    assert not os.path.exists(f"/proc/{pid}")
    assert sandbox.requests("2fa/check") == []
    sandbox.wait_message(OTHER_NUMBER)
    again = proved(su(alice, "bob"), bob)
    again.sees(TARGETS)
    again.answers(sandbox.wait_message(OTHER_NUMBER)["code"])
    again.sees("in-as-bob")


def test_what_the_caller_exports_makes_no_file_and_no_difference(stack, sandbox, alice, bob, tmp_path):
    world.run("chown", "-R", "root:", str(tmp_path))
    for directory in (tmp_path, *tmp_path.parents):
        if str(directory).startswith("/run/"):
            directory.chmod(0o755)
    target = tmp_path / "writable"
    target.mkdir()
    target.chmod(0o777)
    environment = {
        "SSLKEYLOGFILE": f"{target}/keys", "SSL_CERT_FILE": "/nonexistent", "SSL_CERT_DIR": "/nonexistent",
        "http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1",
        "ALL_PROXY": "http://127.0.0.1:1", "all_proxy": "http://127.0.0.1:1", "NO_PROXY": "", "CURL_CA_BUNDLE": "/nonexistent",
        "CURL_HOME": str(target), "CURL_SSL_BACKEND": "none", "CURLOPT_VERBOSE": "1", "NETRC": f"{target}/netrc",
        "OPENSSL_CONF": f"{target}/openssl.cnf", "OPENSSL_MODULES": str(target), "HOME": str(target),
        "RES_OPTIONS": "debug", "LOCALDOMAIN": "example.invalid", "TMPDIR": str(target), "TZ": f":{target}/tz",
        "LC_ALL": "el_GR.UTF-8", "LANGUAGE": "el", "MALLOC_CHECK_": "3", "GCONV_PATH": str(target),
        "SMS365_CONF": f"{target}/sms365.conf", "LD_PRELOAD": f"{target}/preloaded.so"}
    terminal = su(alice, "bob", env=environment)
    terminal.sees("assword: ")
    terminal.answers(bob.password)
    terminal.sees(TARGETS)
    terminal.answers(sandbox.wait_message(OTHER_NUMBER)["code"])
    terminal.sees("in-as-bob")
    assert terminal.ends() == 0
    assert os.listdir(target) == []
    assert len(sandbox.requests()) == 2


def test_ctrl_c_at_the_prompt_opens_nothing(stack, sandbox, alice, bob):
    terminal = su(alice, "bob")
    terminal.sees("Password: ")
    terminal.answers(bob.password)
    terminal.sees(TARGETS)
    assert terminal.interrupts() != 0
    assert "in-as" not in terminal.text


# --- Stopped by its caller ---

def logs_in(name, number, sandbox, rhost):
    """A whole login of someone by pamtester, elsewhere."""
    login = Pamtester("code", name, rhost=rhost)
    login.sees("Enter it, or ")
    login.answers(sandbox.messages(number)[-1]["code"])
    assert login.code() == "PAM_SUCCESS"


@pytest.fixture(scope="session")
def stopat():
    program = "/run/stopat"
    world.run("cc", "-Wall", "-Wextra", "-o", program, f"{SOURCE}/tests/integration/stopat.c")
    return program


@pytest.fixture
def open_su(product):
    """A su that asks for nothing but the code: what is tried is what comes after the password."""
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    product.configure(sends_per_hour="30")
    product.stack("su", "first_factor=none", "resend_after=0")
    product.stack("code")
    return product


class StoppedSu:
    """alice's su to her own account, to which something is done after `when` system calls of the module's."""

    def __init__(self, stopat, alice, kind, when, sandbox):
        self._terminal = Terminal([stopat, str(alice.uid), str(alice.gid), kind, "/etc/sms365/", str(when),
                                   "/usr/bin/su", "-c", "true", "alice"])
        self.pid = int(self._terminal.sees_match(r"pid (\d+)\r\n")[1])
        while True:
            seen = self._terminal.sees_match(r"(stopped|protected|ended \d+)\r\n|Enter it, or [^:]*: ")
            if seen[1]:
                break
            self._terminal.answers(sandbox.messages(NUMBER)[-1]["code"])
        self.outcome = seen[1]
        self.calls = [int(number) for number in re.findall(r"call (\d+)\r\n", self._terminal.text)]

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._terminal.kill()


SYS_FLOCK = {"x86_64": 73, "aarch64": 32}[os.uname().machine]


def points(stopat, alice, sandbox, quick):
    """After how many calls to do it: an even sample of all, and every call after a lock was taken."""
    whole = StoppedSu(stopat, alice, "list", 0, sandbox)
    whole.end()
    locks = [index for index, call in enumerate(whole.calls) if call == SYS_FLOCK]
    assert locks
    even = range(0, len(whole.calls), len(whole.calls) // (4 if quick else 20))
    locked = [index + after for index in locks for after in ((2,) if quick else range(1, 8, 2))]
    return sorted({*even, *locked})


@pytest.mark.parametrize("kind", ["stop", "suspend"])
def test_a_caller_who_stops_su_at_any_step_holds_up_nobody(open_su, sandbox, alice, bob, stopat, quick, kind):
    outcomes = []
    for when in points(stopat, alice, sandbox, quick):
        open_su.clear_state()
        sandbox.reset()
        stopped = StoppedSu(stopat, alice, kind, when, sandbox)
        outcomes.append(stopped.outcome)
        logs_in("alice", NUMBER, sandbox, "192.0.2.1")
        logs_in("bob", OTHER_NUMBER, sandbox, "192.0.2.2")
        stopped.end()
    assert "stopped" in outcomes
    assert kind == "suspend" or "protected" in outcomes


def test_a_caller_whose_su_is_frozen_at_any_step_holds_up_nobody_else(open_su, sandbox, alice, bob, stopat, quick):
    hierarchy = "/run/cgroup"
    os.makedirs(hierarchy, exist_ok=True)
    world.run("mount", "-t", "cgroup2", "cgroup2", hierarchy)
    group = f"{hierarchy}/sms365-test-{os.getpid()}"
    outcomes = []
    try:
        for when in points(stopat, alice, sandbox, quick):
            open_su.clear_state()
            logs_in("bob", OTHER_NUMBER, sandbox, "192.0.2.2")  # the tables that all share are there, as after `user add`
            sandbox.reset()
            os.mkdir(group)
            stopped = StoppedSu(stopat, alice, f"freeze:{group}", when, sandbox)
            outcomes.append(stopped.outcome)
            if stopped.outcome == "stopped":
                wait_event(group, "frozen 1")
            logs_in("bob", OTHER_NUMBER, sandbox, "192.0.2.2")
            thaw(group)
            stopped.end()
            remove_group(group)
        assert outcomes.count("stopped") > len(outcomes) // 2, outcomes
    finally:
        if os.path.isdir(group):
            thaw(group)
            remove_group(group)
        world.run("umount", hierarchy)


def thaw(group):
    with open(f"{group}/cgroup.freeze", "w") as freeze:
        freeze.write("0")


def wait_event(group, event):
    with open(f"{group}/cgroup.events", "rb", buffering=0) as events:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while event not in os.pread(events.fileno(), 256, 0).decode().splitlines():
            assert poll.poll(60_000), f"the group never tells: {event}"


def remove_group(group):
    """Once it is empty: its last process is being reaped."""
    wait_event(group, "populated 0")
    os.rmdir(group)


def test_ctrl_z_at_the_prompt_holds_up_nobody_and_goes_on_later(open_su, sandbox, alice, bob, terminals):
    shell = terminals(Terminal(alice.command("bash", "--norc", "-i")))
    shell.sees("$ ")
    shell.answers("su -c 'echo in-as-$(id -un)' alice")
    shell.sees(FRESH)
    code = sandbox.wait_message(NUMBER)["code"]
    # libpam's own conversation holds SIGTSTP back while it reads without echo: su stops once it has its answer.
    shell.types("\x1a")
    shell.answers(code)
    shell.sees("Stopped")
    logs_in("alice", NUMBER, sandbox, "192.0.2.1")
    logs_in("bob", OTHER_NUMBER, sandbox, "192.0.2.2")
    shell.answers("fg")
    shell.sees("in-as-alice")
