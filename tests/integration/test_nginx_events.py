"""Pages that are open learn what becomes of their message, through server-sent events."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import time

import pytest

import listener
import tickets
from portal import LOGIN, PORTAL, log_in, send
from product import SOURCE
from sandbox import certificate
from test_nginx_callback import CALLBACK, SPOOL, call, make_spool, token
from webserver import example, password_file
from world import until

EVENTS = PORTAL + "events"
USERS = [f"user{number}" for number in range(6)]
SECOND = 1.0  # from the report to the page
LAST_CHUNK = b"\r\n0\r\n\r\n"
TABS = 4      # what ngx_http_sms365_events.c has


@pytest.fixture
def start(product, nginx, sandbox, alice):
    """Start a web server that is called with reports; nothing is reported until a test does."""
    def start(workers=1, conf="access", **changes):
        password_file(alice)
        running = nginx("add_header X-Worker $pid always;\n" + example(conf) + CALLBACK, start=False, workers=workers)
        product.configure(**{"callback": f"http://127.0.0.1:{running.other_port}/sms365/callback", **changes})
        make_spool()
        sandbox.settings(delivery="s")
        running.start()
        return running
    return start


@pytest.fixture
def web(start):
    return start()


@pytest.fixture
def browser(web, alice):
    return web.browser(alice.name, alice.password)


class Stream:
    """A page's stream of events."""

    def __init__(self, web, browser, method="GET", **headers):
        self.connection = web.connect()
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        self.connection.request(method, EVENTS, headers={**browser.headers, "Cookie": cookies, **headers})
        self.socket = self.connection.sock
        self.reply = self.connection.getresponse()

    @property
    def status(self):
        return self.reply.status

    def lines(self, seconds=10):
        """Its lines, until it ends; TimeoutError when the time is over."""
        end = time.monotonic() + seconds
        while True:
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            line = self.reply.readline().decode()
            if not line:
                return
            yield line.rstrip("\n")

    def next(self, seconds=10):
        """The next state that is told."""
        for line in self.lines(seconds):
            if line.startswith("data: "):
                return json.loads(line.removeprefix("data: "))
        raise EOFError

    def ended(self, seconds=10):
        """Whether it ends without telling more."""
        return not [line for line in self.lines(seconds) if line.startswith("data: ")]

    def close(self):
        self.reply.close()
        self.connection.close()


@pytest.fixture
def stream():
    """Open streams: stream(web, browser)."""
    with contextlib.ExitStack() as streams:
        yield lambda *args, **options: streams.enter_context(contextlib.closing(Stream(*args, **options)))


@pytest.fixture
def http2():
    """Open streams over HTTP/2, by curl: its output is theirs."""
    running = []

    def start(web, browser):
        headers = {**browser.headers, "Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
        running.append(subprocess.Popen(
            ["curl", "-sfN", "--http2", "--cacert", certificate()[0], *[argument for name, value in headers.items()
             for argument in ("-H", f"{name}: {value}")], f"https://127.0.0.1:{web.port}{EVENTS}"],
            stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.communicate()


def heard(curl):
    """The next state that curl is told."""
    for line in curl.stdout:
        if line.startswith("data: "):
            return json.loads(line.removeprefix("data: "))
    raise EOFError


@pytest.mark.parametrize("status, told, other", [("d", "delivered", "f"), ("f", "not delivered", "d")])
def test_a_report_is_told_within_a_second(web, browser, sandbox, stream, status, told, other):
    send(browser, sandbox)
    events = stream(web, browser)
    assert events.status == 200 and events.reply.headers["Content-Type"] == "text/event-stream"
    assert events.reply.headers["Cache-Control"] == "no-store" and events.reply.headers["X-Accel-Buffering"] == "no"
    assert events.next() == {"page": "code", "number": "+30 69****4567", "delivery": "pending", "state": "pending",
                             "usable": True, "pending": True, "tries_left": 3, "resend_after_s": 30, "numbers": 1}
    start = time.monotonic()
    assert call(web, f"t={token(sandbox)}&status={status}")[0] == 200
    state = events.next()
    assert time.monotonic() - start < SECOND
    assert (state["page"], state["delivery"], state["pending"]) == ("code", told, False)
    # What is final is followed by nothing, also for whoever asks again.
    assert events.ended()
    assert call(web, f"t={token(sandbox)}&status={other}")[0] == 200
    assert stream(web, browser).status == 204
    assert len(sandbox.requests()) == 1


def report(connection, query):
    """What a worker answers to a report, and which it is."""
    connection.request("GET", f"/sms365/callback?{query}")
    reply = connection.getresponse()
    reply.read()
    return reply.status, int(reply.headers["X-Worker"])


def stands_still(pid):
    with open(f"/proc/{pid}/status") as status:
        return "\nState:\tT" in status.read()


@contextlib.contextmanager
def to_another_worker(web, worker):
    """A connection for reports that another worker has taken: this one stands still until then."""
    with contextlib.closing(http.client.HTTPConnection(web.host, web.other_port, timeout=30)) as connection:
        os.kill(worker, signal.SIGSTOP)
        try:
            until(lambda: stands_still(worker))
            assert report(connection, "t=none")[0] == 404
        finally:
            os.kill(worker, signal.SIGCONT)
        yield connection


def test_whichever_worker_gets_a_report_it_is_told(start, product, sandbox, stream):
    product.users(**{user: [f"3069712345{number:02d}"] for number, user in enumerate(USERS)})
    web = start(workers=4, conf="behind-sso", sends_per_day_address="1000")
    people = [web.browser(**{"X-Remote-User": user}) for user in USERS]
    waiting = []
    for number, person in enumerate(people):
        send(person, sandbox, f"3069712345{number:02d}")
        waiting.append((stream(web, person), token(sandbox)))
    for events, _ in waiting:
        assert events.next()["pending"]
    for events, mine in reversed(waiting):
        told_by = int(events.reply.headers["X-Worker"])
        with to_another_worker(web, told_by) as connection:
            start_time = time.monotonic()
            status, taken_by = report(connection, f"t={mine}&status=d")
            assert status == 200 and taken_by != told_by
            assert not events.next()["pending"]
            assert time.monotonic() - start_time < SECOND


def test_what_another_receiver_writes_is_told(start, product, sandbox, alice, stream):
    """`sms365 listen`, whose spool the workers may read, and which they do not write."""
    listener.make_user()
    web = start()
    shutil.chown(SPOOL, listener.USER, "www-data")
    os.chmod(SPOOL, 0o2750)
    receiver = listener.Listener()
    try:
        browser = web.browser(alice.name, alice.password)
        send(browser, sandbox)
        events = stream(web, browser)
        assert events.next()["pending"]
        start_time = time.monotonic()
        assert receiver.get(f"t={token(sandbox)}&status=d", path="/sms365/callback") == 200
        assert events.next()["delivery"] == "delivered"
        assert time.monotonic() - start_time < SECOND
    finally:
        receiver.stop()


def test_a_spool_that_comes_later_is_watched(web, browser, sandbox, stream):
    os.rmdir(SPOOL)
    send(browser, sandbox)
    events = stream(web, browser)
    assert events.next()["pending"]
    make_spool()
    assert call(web, f"t={token(sandbox)}&status=d")[0] == 200
    assert events.next()["delivery"] == "delivered"


def test_a_message_that_is_being_sent_is_told_once_it_was(web, browser, sandbox, stream):
    sandbox.settings(delivery="s", fault="2fa/send:delay=4500")
    browser.follow(browser.submit(browser.get(PORTAL), "send"))
    events = stream(web, browser)
    state = events.next()
    assert (state["page"], state["usable"]) == ("code", False)
    assert events.next()["usable"]
    assert len(sandbox.requests("2fa/send")) == 1


def test_where_nothing_is_reported_there_is_nothing_to_wait_for(start, sandbox, alice, stream):
    web = start(callback="")
    browser = web.browser(alice.name, alice.password)
    send(browser, sandbox)
    assert stream(web, browser).status == 204


def test_a_stream_is_the_holders_own(web, browser, sandbox, alice, stream):
    send(browser, sandbox)
    stranger = web.browser(alice.name, alice.password)
    assert stream(web, stranger).status == 403
    stranger.get(PORTAL)
    assert stream(web, stranger).status == 204
    stranger.cookies = {LOGIN: tickets.make(service="app", purpose=tickets.FORM)}
    assert stream(web, stranger).status == 403
    stranger.cookies = dict(browser.cookies)
    stranger.headers = {}
    assert stream(web, stranger).status == 401
    assert stream(web, browser).status == 200


def test_a_stream_begins_nothing(web, browser, sandbox, stream):
    browser.get(PORTAL)
    for method in ("HEAD", "POST", "PUT"):
        assert browser.ask(method, EVENTS).status in (404, 405)
    assert stream(web, browser).status == 204
    log_in(browser, sandbox)
    assert stream(web, browser).status == 204
    assert len(sandbox.requests("2fa/send")) == 1


def test_streams_over_http2(start, sandbox, alice, http2):
    web = start(streams="1")
    browser = web.browser(alice.name, alice.password)
    send(browser, sandbox)
    first = http2(web, browser)
    assert heard(first)["pending"]
    assert http2(web, browser).wait(10) == 22  # 503
    first.kill()
    opened = []
    until(lambda: opened.append(http2(web, browser)) or opened[-1].stdout.readline())
    web.reload()
    assert opened[-1].wait(10) == 0
    last = http2(web, browser)
    assert heard(last)["pending"]
    assert call(web, f"t={token(sandbox)}&status=d")[0] == 200
    assert heard(last)["delivery"] == "delivered"
    assert last.wait(10) == 0


def test_a_message_of_another_tab_is_told(web, browser, sandbox, product, stream):
    product.configure(callback=f"http://127.0.0.1:{web.other_port}/sms365/callback", resend_after="0", life="60")
    web.reload()
    page, _ = send(browser, sandbox)
    events = stream(web, browser)
    events.next()
    browser.follow(browser.submit(page, "again"))
    # Nobody tells of that: it is seen with the next sign of life.
    call(web, f"t={token(sandbox)}&status=d")
    assert events.next(20)["delivery"] == "delivered"


def test_a_browser_and_a_worker_have_so_many_streams(start, sandbox, alice, stream):
    web = start(streams="5")
    browser = web.browser(alice.name, alice.password)
    send(browser, sandbox)
    mine = [stream(web, browser) for _ in range(TABS)]
    assert [one.status for one in mine] == [200] * TABS
    refused = stream(web, browser)
    assert refused.status == 503 and refused.reply.headers["Retry-After"] == "5"
    other = web.browser(alice.name, alice.password)
    send(other, sandbox)
    assert stream(web, other).status == 200
    assert stream(web, other).status == 503
    # Who goes away makes room, over TLS too.
    mine[0].close()
    until(lambda: stream(web, other).status == 200)
    # And the page asks by itself meanwhile.
    assert json.loads(browser.get(PORTAL, Accept="application/json").text)["pending"]


def test_no_streams_where_none_are_wanted(start, sandbox, alice, stream):
    web = start(streams="0")
    browser = web.browser(alice.name, alice.password)
    send(browser, sandbox)
    assert stream(web, browser).status == 503


def test_a_stream_ends_once(web, browser, sandbox):
    """Also where nginx keeps its connection for a while, for whatever else the client may send."""
    web.configure((example("access") + CALLBACK).replace("server {", "lingering_close always;\nserver {", 1))
    web.reload()
    send(browser, sandbox)
    with contextlib.closing(web.connect()) as connection:
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        connection.request("GET", EVENTS, headers={**browser.headers, "Cookie": cookies})
        connection.sock.settimeout(10)
        told = b""
        while b"data: " not in told:
            told += connection.sock.recv(65536)
        os.kill(web.pid, signal.SIGHUP)
        with contextlib.suppress(TimeoutError, ssl.SSLError):
            while more := connection.sock.recv(65536):
                told += more
                if LAST_CHUNK in told:
                    connection.sock.settimeout(1)
    assert told.count(LAST_CHUNK) == 1
    web.reload(seconds=10)


def test_a_reload_waits_for_no_stream(web, browser, sandbox, stream):
    send(browser, sandbox)
    events = stream(web, browser)
    events.next()
    web.reload()
    assert events.ended()
    # The browser comes back, and is told by the new worker.
    again = stream(web, browser)
    assert again.next()["pending"]
    call(web, f"t={token(sandbox)}&status=d")
    assert not again.next()["pending"]


def test_a_proxy_in_front_hands_them_on(product, nginx, sandbox, alice, stream):
    """nginx, set up as the guide has it."""
    password_file(alice)
    with open(f"{SOURCE}/docs/guide.md") as guide:
        section = guide.read().partition("\n## nginx behind another proxy\n")[2].partition("\n## ")[0]
    front, inner = re.findall(r"(?:^    .*\n)+", section, re.M)
    inner = inner.replace("10.0.0.1", "unix:")
    behind = example("access").replace("listen %PORT% ssl http2;", f"listen unix:%DIR%/behind;\n{inner}")
    front = front.replace("https://10.0.0.2", "http://unix:%DIR%/behind")
    web = nginx(f"{behind}{CALLBACK} server {{ listen %PORT% ssl; {front} }}", start=False)
    product.configure(callback=f"http://127.0.0.1:{web.other_port}/sms365/callback")
    make_spool()
    sandbox.settings(delivery="s")
    web.start()
    browser = web.browser(alice.name, alice.password)
    _, message = send(browser, sandbox)
    events = stream(web, browser)
    assert events.next()["pending"]
    start_time = time.monotonic()
    assert call(web, f"t={token(sandbox)}&status=d")[0] == 200
    assert events.next()["delivery"] == "delivered"
    assert time.monotonic() - start_time < SECOND
    assert events.ended()
    assert browser.submit(browser.get(PORTAL), "verify", code=message["code"]).status == 303
    assert browser.get("/").status == 200


@pytest.mark.slow
def test_a_stream_is_alive_and_ends_with_its_code(start, sandbox, alice, stream):
    web = start(life="60")
    browser = web.browser(alice.name, alice.password)
    send(browser, sandbox)
    events = stream(web, browser)
    lines = list(events.lines(90))
    assert [line for line in lines if line == ":"]
    states = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert [state["page"] for state in states] == ["code", "send"]
    assert stream(web, browser).status == 204


def test_a_worker_with_streams_is_idle(web, browser, sandbox, stream):
    """Neither a thread nor the processor has to do with streams in which nothing happens."""
    send(browser, sandbox)
    for _ in range(TABS):
        stream(web, browser).next()
    [worker] = web.workers()

    def ticks():
        with open(f"/proc/{worker}/stat") as stat:
            return sum(int(field) for field in stat.read().rpartition(")")[2].split()[11:13])

    before = ticks()
    start = time.monotonic()
    while time.monotonic() - start < 3:
        assert browser.get(PORTAL + "style.css").status == 200
        time.sleep(0.5)
    assert ticks() - before < 30
