"""The private world works before any module of ours is in it: real programs, plain PAM stacks."""

import os
import signal
import threading

import pytest

import programs
import world


def test_ssh_with_a_key_then_the_password_by_keyboard_interactive(sshd, alice):
    world.write_pam("plain-sshd", "auth required pam_unix.so", "account required pam_unix.so",
                    "session required pam_permit.so")
    server = sshd("plain-sshd")
    terminal = server.login(alice)
    terminal.sees("Password: ")
    terminal.answers(alice.password)
    terminal.sees("in-as-alice")
    assert terminal.ends() == 0


def test_ssh_refuses_a_wrong_password_after_the_key(sshd, alice):
    world.write_pam("plain-sshd", "auth required pam_unix.so nodelay", "account required pam_unix.so")
    server = sshd("plain-sshd")
    terminal = server.login(alice, options=("-o", "NumberOfPasswordPrompts=1"))
    terminal.sees("Password: ")
    terminal.answers("wrong")
    assert terminal.ends() == 255
    assert "in-as" not in terminal.text


def test_scp_copies_a_file(sshd, alice, tmp_path):
    world.write_pam("open-sshd", "auth required pam_permit.so", "account required pam_permit.so",
                    "session required pam_permit.so")
    server = sshd("open-sshd")
    source = tmp_path / "letter"
    source.write_text("off with their heads")
    assert server.copy(alice, str(source), "letter").ends() == 0
    with open(f"{alice.home}/letter") as letter:
        assert letter.read() == "off with their heads"


def test_sudo_asks_the_password_of_its_own_stack(alice):
    world.write_pam("plain-sudo", "auth required pam_unix.so", "account required pam_unix.so",
                    "session required pam_permit.so")
    with open("/etc/sudoers.d/alice", "w") as rule:
        rule.write("Defaults:alice pam_service=plain-sudo\nalice ALL=(ALL) ALL\n")
    terminal = programs.sudo(alice, "id", "-un")
    terminal.sees("password for alice: ")
    terminal.answers(alice.password)
    terminal.sees("root")
    assert terminal.ends() == 0
    os.unlink("/etc/sudoers.d/alice")


def test_su_asks_the_target_s_password(alice, bob):
    world.write_pam("su", "auth required pam_unix.so", "account required pam_unix.so", "session required pam_permit.so")
    terminal = programs.su(alice, "bob")
    terminal.sees("Password: ")
    terminal.answers(bob.password)
    terminal.sees("in-as-bob")
    assert terminal.ends() == 0


def test_pamtester_tells_codes_apart(alice, syslog):
    world.write_pam("plain", "auth required pam_unix.so nodelay")
    right = programs.Pamtester("plain", alice)
    right.sees("Password: ")
    right.answers(alice.password)
    assert right.code() == "PAM_SUCCESS"
    wrong = programs.Pamtester("plain", alice)
    wrong.sees("Password: ")
    wrong.answers("wrong")
    assert wrong.code() == "PAM_AUTH_ERR"
    line = syslog.wait(r"pam_unix\(plain:auth\): authentication failure.*user=alice")
    assert line.facility == line.AUTHPRIV


def test_nothing_of_the_machine_is_touched():
    assert os.readlink("/proc/self/ns/mnt") != os.environ[world.OUTER]
    with open("/proc/self/mounts") as mounts:
        points = {line.split()[1]: line.split()[0] for line in mounts}
    assert points["/etc"] == points["/var"] == points[world.PAM_MODULES] == "overlay"
    assert points["/run"] == points["/dev"] == "tmpfs"
    with open("/proc/net/dev") as devices:
        assert [line.split(":")[0].strip() for line in devices if ":" in line] == ["lo"]


@pytest.fixture
def background():
    """This process as a shell leaves what it starts in the background."""
    signals = (signal.SIGINT, signal.SIGQUIT)
    before = [signal.signal(number, signal.SIG_IGN) for number in signals]
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    for number, handler in zip(signals, before):
        signal.signal(number, handler)


def test_keys_that_send_signals_work_where_the_tests_run_in_the_background(background):
    terminal = programs.Terminal(["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"])
    assert terminal.ends() == 0
    assert terminal.text.split() == ["SigBlk:", "0" * 16, "SigIgn:", "0" * 16]
    terminal = programs.Terminal(["cat"])
    terminal.answers("up and running")
    terminal.sees("up and running\r\nup and running\r\n")
    terminal.types("\x03")
    assert terminal.ends() == 128 + signal.SIGINT


def fail():
    raise ConnectionResetError


@pytest.mark.xfail(raises=pytest.PytestUnhandledThreadExceptionWarning, strict=True)
def test_a_thread_that_fails_fails_its_test():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


@pytest.mark.parametrize("way", [world.beside, world.repeating])
def test_a_call_beside_that_fails_fails_its_test(way):
    with pytest.raises(ConnectionResetError), way(fail, lambda: None):
        pass
