"""`sms365 listen` and what reaches it: real callbacks during real logins, and everything else that may come in."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import stat
import subprocess
import time

import pytest

import listener
import world
from listener import PATH, SPOOL, Listener, report_name, reports, token_of_a_login, until_closed
from product import NUMBER, SOURCE
from programs import Pamtester
from sandbox import Sandbox, certificate

MASKED = "+30 69****4567"
OUTSIDE = "192.0.2.1"  # an address of this machine that is not loopback
# What listen.h has.
CONNECTIONS, PEER_CONNECTIONS, CONNECTION_SECONDS, TOLD = 64, 8, 10, 10


@pytest.fixture(scope="session")
def account():
    listener.make_user()


@pytest.fixture
def place(product, account):
    """The product with a spool and a callback; nobody listens yet."""
    listener.make_spool()
    product.configure(callback="http://127.0.0.1:1" + PATH)
    return product


@pytest.fixture
def listen(place):
    """Start listeners: listen(arguments…)."""
    running = []

    def start(*arguments, **options):
        running.append(Listener(*arguments, **options))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def token(place, sandbox):
    return token_of_a_login(place, sandbox)


@pytest.fixture(scope="session")
def outside():
    world.run("ip", "address", "add", f"{OUTSIDE}/32", "dev", "lo")
    return OUTSIDE


def refused(reason):
    return f"event=report rhost=\"[0-9.]+\" verdict=refused reason={reason}$"


@pytest.mark.parametrize("delivery, told", [("d", "delivered"), ("f", "not delivered")])
def test_a_login_is_told_what_the_callback_says(place, listen, sandbox, syslog, delivery, told):
    here = listen()
    sandbox.settings(delivery=delivery, delivery_after="300")
    place.configure(callback=here.url)
    login = Pamtester(place.stack("code"), "alice")
    login.sees(f"Code sent to {MASKED} ({told}). Enter it, or r = again: ")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    line = syslog.wait("event=report").text
    challenge = syslog.wait("event=login").text.split("challenge=")[1].split()[0]
    assert f'rhost="127.0.0.1" challenge={challenge} ' in line and line.endswith(" verdict=kept")
    [(name, text)] = reports().items()
    assert name.startswith(challenge) and f"&status={delivery}&" in text and f"&to={NUMBER}&" in text
    assert NUMBER[2:] not in "".join(map(str, syslog.all()))
    file = os.stat(f"{SPOOL}/{name}")
    assert (stat.S_IMODE(file.st_mode), file.st_uid) == (0o640, os.stat(SPOOL).st_uid) and file.st_uid != 0


def test_a_login_is_told_over_tls(place, listen):
    cert, key = certificate()
    os.symlink(key, "/run/linked.pem")  # as certbot leaves them
    try:
        here = listen("--tls-cert", cert, "--tls-key", "/run/linked.pem", ca=cert)
    finally:
        os.unlink("/run/linked.pem")
    with Sandbox.start(seed=7, callback_ca=cert, delivery_after=200) as box:
        place.add_key("main", box.base)
        place.configure(callback=here.url)
        login = Pamtester(place.stack("code"), "alice")
        login.sees(f"Code sent to {MASKED} (delivered). Enter it, or r = again: ")
        login.kill()
    with contextlib.closing(here.connect(tls=False)) as plain:
        plain.sendall(f"GET {PATH}?t=x HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert not until_closed(plain).startswith(b"HTTP")
    with contextlib.closing(here.connect()) as connection:
        assert connection.version() == "TLSv1.3"


def test_what_does_not_verify_changes_nothing(place, sandbox, listen, token, syslog):
    here = listen()
    os.rename("/etc/sms365/master.key", "/etc/sms365/master.away")
    for name in os.listdir("/etc/sms365/keys.d"):
        os.unlink(f"/etc/sms365/keys.d/{name}")
    place.sms365("key", "init")  # another machine, as far as tokens go
    place.add_key("main", sandbox.base)
    place.clear_state()
    foreign = token_of_a_login(place, sandbox)
    queries = ["", "status=d", "t=&status=d", f"t={'A' * 43}&status=d", f"t={token[:-1]}&status=d", f"t={foreign}&status=d",
               f"t={token}A&status=d", f"t={token[::-1]}&status=d", f"t=x&t={token}&status=d", f"x=1%26t={token}&status=d"]
    for query in queries:
        assert here.get(query) == 404, query
    assert reports() == {}
    assert here.get(f"t={token}&status=d") == 200
    assert list(reports()) == [report_name(token)]
    assert here.stop() == 0
    syslog.wait("listening ended")
    assert len(syslog.matching(refused("token"))) == len(queries)


def test_the_first_final_report_stays(listen, token):
    here = listen()
    for status in ("s", "1", "", "delivered", "dd"):
        assert here.get(f"t={token}&status={status}") == 200
    assert here.get(f"t={token}") == 200
    assert reports() == {}
    assert here.get(f"t={token}&status=f&msgid=7&evil=%0A&cost=1%0A") == 200
    kept = {report_name(token): f"t={token}&msgid=7&status=f"}
    assert reports() == kept
    before = os.stat(f"{SPOOL}/{report_name(token)}")
    for status in ("f", "d", "s", "3", "2"):
        assert here.get(f"t={token}&status={status}") == 200
    assert reports() == kept
    after = os.stat(f"{SPOOL}/{report_name(token)}")
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (before.st_ino, before.st_mtime_ns, before.st_ctime_ns)
    assert here.stop() == 0 and "Reports kept: 1" in here.out


def test_a_late_report_is_kept_for_an_hour_and_swept(listen, token):
    """The login is over: nobody asks for it, and it does not stay for ever."""
    here = listen()
    assert here.get(f"t={token}&status=d") == 200
    long_ago = time.time() - 3700
    os.utime(f"{SPOOL}/{report_name(token)}", (long_ago, long_ago))
    os.close(os.open(f"{SPOOL}/.{'0' * 32}.1", os.O_CREAT))
    os.utime(f"{SPOOL}/.{'0' * 32}.1", (long_ago, long_ago))
    os.rename(f"{SPOOL}/{report_name(token)}", f"{SPOOL}/{'0' * 32}.report")
    assert here.get(f"t={token}&status=d") == 200
    assert list(reports()) == [report_name(token)]


def test_the_path_must_end_as_the_callback_s_does(listen, token):
    here = listen()
    query = f"t={token}&status=d"
    for path in ("/", "/report", PATH + "/", PATH + "x", PATH[1:], "/sms365/REPORT", PATH.replace("s", "%73", 1)):
        assert here.get(query, path) == 404, path
    assert reports() == {}
    assert here.get(query, "/behind/a/proxy" + PATH) == 200
    assert list(reports()) == [report_name(token)]


def test_only_get_is_taken_and_no_body_is_waited_for(listen, token):
    here = listen()
    for method in ("POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"):
        assert here.get(f"t={token}&status=d", method=method) == 405, method
    assert here.get(f"t={token}&status=d", method="POST", body="x" * 1000) == 405
    head = f"POST {PATH}?t={token}&status=d HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    assert here.say(head.encode()).startswith(b"HTTP/1.1 405 ")
    assert reports() == {}
    head = f"GET {PATH}?t={token}&status=d HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    assert here.say(head.encode()).startswith(b"HTTP/1.1 200 ")


def test_what_is_too_long_or_no_http_is_refused(listen, token):
    here = listen()
    query = f"t={token}&status=d&x="
    longest = query + "y" * (2048 - len(query))
    assert here.get(longest + "y") == 414
    assert reports() == {}
    request = f"GET {PATH}?{query}".encode()
    for pieces in ([request + b"y" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
                   [request + b" HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9000 + b"\r\n\r\n"],
                   [request + b" HTTP/1.1\r\n", *[b"X: y\r\n"] * 5000, b"\r\n"],
                   [b"y" * 100000], [request + b" HTTP/1.1\r\nno header\r\n\r\n"], [b"\0" * 10000],
                   [b"\x16\x03\x01\x02\x00\x01" + os.urandom(600) + b"\r\n\r\n"], [request + b" HTTP/9.9\r\n\r\n"]):
        assert not here.say(*pieces).startswith(b"HTTP/1.1 200"), pieces[0][:80]
    assert reports() == {}
    assert here.get(longest) == 200


def test_refusals_and_failures_fill_no_log(listen, token, syslog):
    here = listen()
    for _ in range(4 * TOLD):
        assert here.get("t=x") == 404
    os.chmod(SPOOL, 0o500)
    for _ in range(2 * TOLD):
        assert here.get(f"t={token}&status=d") == 503
    assert here.stop() == 0
    syslog.wait("listening ended")
    assert len(syslog.matching(refused("token"))) == TOLD
    assert len(syslog.matching('verdict=failed error=".*Permission denied"$')) == TOLD  # not hidden behind refusals
    assert syslog.matching(f"event=report verdict=refused untold={3 * TOLD}$")
    assert syslog.matching(f"event=report verdict=failed untold={TOLD}$")


def test_who_is_slow_is_cut_off_and_holds_up_nobody(listen, token):
    """Nothing said, a header that does not end, one that goes on byte by byte, and a TLS handshake that does not end."""
    cert, key = certificate()
    here, over_tls = listen(), listen("--tls-cert", cert, "--tls-key", key, ca=cert)
    began = time.monotonic()
    silent, half, drip = (here.connect() for _ in range(3))
    silent_tls, half_tls = (over_tls.connect(tls=False) for _ in range(2))
    started_tls = over_tls.connect()
    half.sendall(f"GET {PATH}?t={token}&status=d HTTP/1.1\r\nHost: x\r\nX".encode())
    half_tls.sendall(b"\x16\x03\x01\x02\x00\x01\x00")

    def keep_dripping():
        with contextlib.suppress(OSError):
            for byte in b"GET " + b"/" * 1000:
                drip.sendall(bytes([byte]))
                time.sleep(0.1)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(keep_dripping)
        ends = [pool.submit(lambda c=c: (until_closed(c), time.monotonic() - began))
                for c in (silent, half, drip, silent_tls, half_tls, started_tls)]
        assert here.get("t=x") == 404 and over_tls.get("t=x") == 404
        assert time.monotonic() - began < CONNECTION_SECONDS / 2
        for end in ends:
            said, seconds = end.result()
            assert not said.startswith(b"HTTP/1.1 200")
            assert CONNECTION_SECONDS - 0.5 < seconds < CONNECTION_SECONDS + 3
    assert reports() == {}
    assert here.get(f"t={token}&status=d") == 200


def test_so_many_connections_and_the_next_waits(listen):
    here = listen()
    held = [here.connect() for _ in range(CONNECTIONS)]
    for connection in held:
        connection.sendall(b"GET ")
    waiting = here.connect()
    waiting.sendall(f"GET {PATH}?t=x HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    waiting.settimeout(0.5)
    with pytest.raises(socket.timeout):
        waiting.recv(1)
    waiting.settimeout(30)
    ticks = cpu_ticks(here.pid)
    held.pop().close()
    assert until_closed(waiting).startswith(b"HTTP/1.1 404")
    assert cpu_ticks(here.pid) - ticks < 20
    for connection in held:
        connection.close()
    assert here.get("t=x") == 404


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:13]))


def test_one_address_has_a_few_connections_at_a_time(listen, outside, syslog):
    here = listen(address="0.0.0.0:0")
    here.host = outside
    held = []
    for _ in range(PEER_CONNECTIONS):
        held.append(here.connect(source=outside))
        held[-1].sendall(b"GET ")
    assert here.say(b"GET /", source=outside) == b""
    syslog.wait(refused("connections"))
    here.host = "127.0.0.1"
    assert here.get("t=x") == 404
    held.pop().close()
    here.host = outside
    until = time.monotonic() + 10  # it sees that one has gone, a little later
    while here.say(f"GET {PATH} HTTP/1.0\r\n\r\n".encode(), source=outside) == b"":
        assert time.monotonic() < until
    for connection in held:
        connection.close()


def test_connections_from_elsewhere_are_closed(listen, token, syslog):
    here = listen("--from", "127.0.0.2,2001:db8::/32")
    request = f"GET {PATH}?t={token}&status=d HTTP/1.0\r\n\r\n".encode()
    assert here.say(request, source="127.0.0.1") == b""
    syslog.wait(refused("address"))
    assert reports() == {}
    assert here.say(request, source="127.0.0.2").startswith(b"HTTP/1.1 200") and len(reports()) == 1


def test_ipv6_and_both_families_on_one_socket(listen, token, syslog):
    here = listen("--from", "127.0.0.1", address="[::]:0")
    for host, status in (("127.0.0.1", b"HTTP/1.1 200"), ("::1", b"")):
        here.host = host
        assert here.say(f"GET {PATH}?t={token}&status=d HTTP/1.0\r\n\r\n".encode())[:12] == status
    syslog.wait('event=report rhost="127.0.0.1" challenge=')
    syslog.wait('event=report rhost="::1" verdict=refused reason=address')
    assert listen(address="[::1]:0").get("t=x") == 404


def test_a_full_spool_takes_no_more_and_loses_nothing(listen, token, syslog):
    here = listen()
    for number in range(4096):
        os.close(os.open(f"{SPOOL}/{number:032}.report", os.O_CREAT))
    assert here.get(f"t={token}&status=d") == 503
    assert len(os.listdir(SPOOL)) == 4096
    syslog.wait('event=report challenge=[0-9a-f]{16} verdict=failed error="4096 files')
    os.unlink(f"{SPOOL}/{77:032}.report")
    assert here.get(f"t={token}&status=d") == 200
    assert reports()[report_name(token)]


def test_a_full_disk_leaves_nothing_half_written(listen, token, syslog):
    world.run("mount", "-t", "tmpfs", "-o", f"size=8k,mode=0750,uid={os.stat(SPOOL).st_uid}", "tmpfs", SPOOL)
    try:
        here = listen()
        with open(f"{SPOOL}/ballast", "wb", buffering=0) as ballast, pytest.raises(OSError):
            while True:
                ballast.write(b"x" * 4096)
        assert here.get(f"t={token}&status=d") == 503
        assert os.listdir(SPOOL) == ["ballast"]
        syslog.wait('event=report challenge=[0-9a-f]{16} verdict=failed error=".*No space left')
        os.unlink(f"{SPOOL}/ballast")
        assert here.get(f"t={token}&status=d") == 200
        here.stop()
    finally:
        world.run("umount", SPOOL)


def test_a_spool_that_was_removed_ends_it(listen, token):
    here = listen()
    os.rmdir(SPOOL)
    request = f"GET {PATH}?t={token}&status=d HTTP/1.0\r\n\r\n".encode()
    assert not here.say(request).startswith(b"HTTP/1.1 200")
    assert here.wait() == 1
    assert f"the spool {SPOOL} was removed; start this anew" in here.err
    listener.make_spool()
    assert listen().get(f"t={token}&status=d") == 200


@pytest.mark.parametrize("call", ["openat:signal=KILL:when=3", "write:signal=KILL", "fchmod:signal=KILL",
                                  "linkat:signal=KILL", "unlinkat:signal=KILL:when=2"])
def test_killed_in_the_middle_it_leaves_a_whole_report_or_none(listen, token, call):
    here = listen()
    killer = subprocess.Popen(["strace", "-e", f"inject={call}", "-p", str(here.pid)], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    assert "attached" in killer.stderr.readline()
    text = f"t={token}&status=d"
    assert not here.say(f"GET {PATH}?{text} HTTP/1.0\r\n\r\n".encode())
    assert here.wait() == -signal.SIGKILL
    killer.communicate(timeout=20)
    left = reports()
    assert left.pop(report_name(token), text) == text
    assert all(name.startswith(".") for name in left)
    assert listen().get(text) == 200
    assert reports()[report_name(token)] == text


def test_the_constants_here_are_the_program_s():
    with open(f"{SOURCE}/cli/listen.h") as header:
        text = header.read()
    for name, value in (("CONNECTIONS_MAX", CONNECTIONS), ("PEER_CONNECTIONS_MAX", PEER_CONNECTIONS),
                        ("CONNECTION_MS", CONNECTION_SECONDS * 1000), ("TOLD_PER_MINUTE", TOLD)):
        assert f"#define LISTEN_{name} {value} " in text
