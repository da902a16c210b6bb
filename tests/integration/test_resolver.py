"""Name servers that never answer: a login ends in its time, and says why."""

import os
import socket
import time

import pytest

import world
from programs import Pamtester
from sandbox import BUILD

CONNECT_TIMEOUT = 3  # of each name


@pytest.fixture
def silent_name_servers():
    """Name servers that take every question and answer none; returns how many there were."""
    servers = []

    def start(count, *lines):
        for number in range(1, count + 1):
            servers.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            servers[-1].bind((f"127.0.0.{number}", 53))
        with open("/etc/resolv.conf", "w", encoding="ascii") as config:
            config.writelines(f"nameserver 127.0.0.{number}\n" for number in range(1, count + 1))
            config.writelines(f"{line}\n" for line in lines)
        return servers

    with open("/etc/resolv.conf", encoding="ascii") as config:
        before = config.read()
    yield start
    with open("/etc/resolv.conf", "w", encoding="ascii") as config:
        config.write(before)
    for server in servers:
        server.close()


@pytest.fixture
def installation(tmp_path, alice):
    """A PAM service whose provider has two names that nobody knows; the second is tried when the first is not found."""
    tmp_path.chmod(0o755)
    for part in ("keys.d", "store", "spool"):
        (tmp_path / part).mkdir(mode=0o700)
    world.run(f"{BUILD}/tests/key_setup", str(tmp_path), "https://provider.example/api", "any",
              "https://other.example/api")
    for name, text in {
        "users": f"{alice.name}: 306971234567\n",
        "sms365.conf": f"[provider]\nsandbox = yes\nkeys = {tmp_path}/keys.d\nmaster = {tmp_path}/master.key\n"
                       f"timeout = 30\nconnect_timeout = {CONNECT_TIMEOUT}\n[challenge]\nspool = {tmp_path}/spool\n"
                       f"[users]\nfile = {tmp_path}/users\n[store]\ndir = {tmp_path}/store\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="ascii")
        (tmp_path / name).chmod(0o600)
    module = os.path.abspath(f"{BUILD}/.libs/pam_sms365.so")
    return world.write_pam("sms365-resolver", f"auth required {module} conf={tmp_path}/sms365.conf")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_silent_name_servers_do_not_hold_a_login_beyond_the_connect_timeout(
        count, silent_name_servers, installation, alice, syslog):
    servers = silent_name_servers(count)
    start = time.monotonic()
    # What the caller's environment asks of the resolver does not count.
    login = Pamtester(installation, alice, env={"RES_OPTIONS": "timeout:30 attempts:5"})
    login.sees("cannot be reached")
    assert time.monotonic() - start < 2 * CONNECT_TIMEOUT + 1
    login.answers("")
    assert login.code() == "PAM_AUTHINFO_UNAVAIL"
    syslog.wait(r"other\.example cannot be resolved")
    # It was asked for, at each of them.
    for server in servers:
        assert b"provider" in server.recv(512, socket.MSG_DONTWAIT)


def test_names_of_a_search_list_are_not_asked_for(silent_name_servers, installation, alice):
    server = silent_name_servers(1, "search one.example two.example three.example", "options ndots:5 timeout:30")[0]
    start = time.monotonic()
    login = Pamtester(installation, alice)
    login.sees("cannot be reached")
    assert time.monotonic() - start < 2 * CONNECT_TIMEOUT + 1
    questions = []
    with pytest.raises(BlockingIOError):
        while True:
            questions.append(server.recv(512, socket.MSG_DONTWAIT))
    # As it stands in the question: each label after its length, a zero byte at the end.
    assert {question[12:question.index(b"\0", 12)] for question in questions} == {
        b"\x08provider\x07example", b"\x05other\x07example"}
