"""nginx with the module in it when things go wrong around it, and for long: workers that die, reloads, memory."""

import contextlib
import functools
import json
import os
import re
import signal
import subprocess

import pytest

import http2
import tickets
import world
from portal import PORTAL, SESSION, send
from product import NUMBER, SOURCE
from programs import CLEAN
from webserver import NGINX, Nginx, example
from world import beside, repeating, until

A_CONNECTION = 1000  # requests, after which nginx closes it


@pytest.fixture
def start(product, nginx):
    """Start the example behind a proxy that logs people in: start(workers=2)."""

    def begin(**settings):
        return nginx(example("behind-sso"), **settings)

    return begin


def person(running, name="alice", **headers):
    return running.browser(**{"X-Remote-User": name, **headers})


def kill(running):
    """One of the workers, at once; returns when another is there."""
    worker = running.workers()[0]
    count = len(running.workers())
    os.kill(worker, signal.SIGKILL)
    until(lambda: worker not in running.workers() and len(running.workers()) == count)


def test_a_message_whose_sender_was_killed_may_have_been_sent(start, sandbox, product):
    """The person is told so, and has another one sent, which costs no more than it says."""
    product.configure(timeout="6", resend_after="0")
    running = start()
    browser = person(running)
    page = browser.get(PORTAL)
    sandbox.settings(fault="2fa/send:delay=5000")

    def ask():
        with contextlib.suppress(AssertionError, ConnectionError):  # the connection is closed without an answer
            browser.submit(page, "send")

    with beside(ask):
        until(lambda: sandbox.requests("2fa/send"))
        kill(running)
    running.forgive()
    sandbox.settings(fault="")
    told = browser.get(PORTAL)
    assert "being sent, or may have been sent" in told.text, told.text
    state = json.loads(browser.get(PORTAL, Accept="application/json").text)
    assert state["page"] == "code" and not state["usable"]
    # Nothing was sent again by itself; a person who asks for it gets another message.
    assert len(sandbox.requests("2fa/send")) == 1
    until(lambda: len(sandbox.messages()) == 1)
    reply = browser.submit(told, "again")
    page = browser.follow(reply)
    until(lambda: len(sandbox.messages()) == 2)
    assert browser.submit(page, "verify", code=sandbox.messages()[-1]["code"]).status == 303
    assert len(sandbox.requests("2fa/send")) == 2


def test_workers_that_are_killed_take_no_session_and_no_challenge_with_them(start, sandbox):
    running = start(workers=2)
    browser = person(running)
    session = person(running)
    session.cookies[SESSION] = tickets.make(service="app")
    page, message = send(browser, sandbox)
    for _ in range(3):
        kill(running)
        assert session.get("/").status == 200
        assert "one-time-code" in browser.get(PORTAL).text
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    assert len(sandbox.messages()) == 1
    running.forgive()


def test_nothing_fails_while_it_is_reloaded(start, sandbox, product):
    """Requests with and without a session, pages, and messages on their way."""
    people = [f"user{number}" for number in range(4)]
    product.users(alice=[NUMBER], **{name: [f"3069712{i:05d}"] for i, name in enumerate(people)})
    sandbox.settings(fault="2fa/send:delay=300")
    running = start()
    session = person(running)
    session.cookies[SESSION] = tickets.make(service="app")

    def ask():
        return session.get("/").status, person(running).get("/").status, person(running).get(PORTAL).status

    def log_in(name):
        browser = person(running, name)
        page = browser.follow(browser.submit(browser.get(PORTAL), "send"))
        until(lambda: sandbox.messages(f"3069712{int(name[4:]):05d}"))
        [message] = sandbox.messages(f"3069712{int(name[4:]):05d}")
        return browser.submit(page, "verify", code=message["code"]).status, browser.get("/").status

    with repeating(ask, ask) as answers, beside(*(functools.partial(log_in, name) for name in people)) as logins:
        for _ in range(3):
            running.reload()
    assert len(answers) > 5 and set(answers) == {(200, 303, 200)}
    assert [login.result() for login in logins] == [(303, 200)] * len(people)
    assert len(sandbox.messages()) == len(people)


def test_a_new_binary_takes_over_challenges_and_messages_on_their_way(start, sandbox):
    running = start()
    browser = person(running)
    page, message = send(browser, sandbox)
    sandbox.settings(fault="2fa/send:delay=1500")
    other = person(running)
    under_way = other.submit(other.get(PORTAL), "send")
    running.upgrade()
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    page = other.follow(under_way)
    assert other.submit(page, "verify", code=sandbox.wait_message(NUMBER)["code"]).status == 303
    assert len(sandbox.requests("2fa/send")) == 2


def test_many_messages_at_once_are_each_sent_once(start, sandbox, product):
    """More than a worker begins in one turn of its event loop."""
    people = {f"user{number}": [f"3069712{number:05d}"] for number in range(40)}
    product.users(**people)
    product.configure(sends_per_day_address="1000", cost_per_day_address="0", timeout="60", connect_timeout="30")
    running = start()
    browsers = [person(running, name) for name in people]
    pages = [browser.get(PORTAL) for browser in browsers]
    with beside(*(functools.partial(browser.submit, page, "send") for browser, page in zip(browsers, pages))) as sent:
        pass
    assert [each.result().status for each in sent] == [303] * len(people)
    until(lambda: len(sandbox.messages()) == len(people))
    assert sorted(message["to"] for message in sandbox.messages()) == sorted(number for [number] in people.values())


def test_pages_asked_for_at_once_come_in_later_turns_but_to_those_who_left(start, product):
    """The worker stands still until all have asked, which is more than it does in one turn of its event loop."""
    product.configure(calls="1000")
    running = start()
    [worker] = running.workers()
    connections = [running.connect() for _ in range(120)]
    for connection in connections:
        connection.connect()
    os.kill(worker, signal.SIGSTOP)
    try:
        for connection in connections:
            connection.request("GET", PORTAL, headers={"X-Remote-User": "alice"})
        for connection in connections[::3]:
            connection.close()
    finally:
        os.kill(worker, signal.SIGCONT)
    stayed = [connection for index, connection in enumerate(connections) if index % 3]
    assert [connection.getresponse().status for connection in stayed] == [200] * len(stayed)
    for connection in stayed:
        connection.close()
    assert running.workers() == [worker]


def kept(pid):
    """Memory in kB, and descriptors."""
    return world.written_kb(pid), len(os.listdir(f"/proc/{pid}/fd"))


def ask_at_once(running, requests):
    """Requests with a session and refused ones, as many at once as nginx takes on one connection."""
    head = f"HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Remote-User: alice\r\nCookie: x=y; %s={tickets.make(service='app')}\r\n\r\n"
    each = [f"GET {path} {head % name}" for path, name in (("/", SESSION), ("/", "other"), ("/a", SESSION), ("/b", SESSION))]
    for _ in range(requests // A_CONNECTION):
        connection = running.connect()
        connection.connect()
        asked = "".join(each * (A_CONNECTION // len(each))).encode()
        text = b""
        with beside(functools.partial(connection.sock.sendall, asked)):
            while read := connection.sock.recv(1 << 20):
                text += read
        connection.close()
        assert (text.count(b"HTTP/1.1 200 "), text.count(b"HTTP/1.1 303 ")) == (A_CONNECTION * 3 // 4, A_CONNECTION // 4)


@pytest.mark.slow
def test_nothing_grows_with_requests_and_logins(nginx, sandbox, product):
    """Neither memory nor descriptors of a worker, over 100,000 requests and 1,000 logins."""
    users = {f"user{i}": [f"3069712{i:05d}"] for i in range(1100)}
    product.users(alice=[NUMBER], **users)
    product.configure(sends_per_day_address="10000", cost_per_day_address="0", sends_per_day_host="100000",
                      cost_per_day_host="0")
    sandbox.settings(balance="100000")
    # From many addresses: one with a thousand messages could share its counter's place with somebody's number.
    proxy = "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;\n"
    running = nginx(proxy + example("behind-sso").replace(" ssl http2", ""), start=False)
    running.plain = True
    running.start()

    def log_in_all(names):
        for number, name in enumerate(names):
            someone = person(running, name, **{"X-Forwarded-For": f"192.0.2.{number % 250}"})
            page = someone.follow(someone.submit(someone.get(PORTAL), "send"))
            until(lambda name=name: sandbox.messages(users[name][0]))
            [message] = sandbox.messages(users[name][0])
            assert someone.submit(page, "verify", code=message["code"]).status == 303
            assert someone.get("/").status == 200

    names = list(users)
    log_in_all(names[:550])
    ask_at_once(running, 50_000)
    [worker] = running.workers()
    before = kept(worker)  # when each thread has done its share
    ask_at_once(running, 50_000)
    log_in_all(names[550:])
    after = kept(worker)
    assert running.workers() == [worker]
    assert after[1] <= before[1] + 2
    assert after[0] <= before[0] + 512, (before, after)


class Watched(Nginx):
    """An nginx whose processes run in valgrind, each with a report of its own."""

    def start(self):
        argv = ["valgrind", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
                "--num-callers=30", f"--suppressions={SOURCE}/tests/integration/nginx.supp",
                f"--log-file={self.directory}/valgrind.%p", NGINX, "-c", f"{self.directory}/nginx.conf", "-e",
                f"{self.directory}/error.log", "-g", "daemon off;"]
        self.process = subprocess.Popen(argv, env=CLEAN, stdin=subprocess.DEVNULL)
        until(lambda: os.path.exists(f"{self.directory}/pid") and world.children(self.pid), seconds=120)
        self.running = True

    def stop(self):
        super().stop()
        self.process.wait(60)

    def reports(self):
        texts = {}
        for name in os.listdir(self.directory):
            if name.startswith("valgrind."):
                with open(f"{self.directory}/{name}") as report:
                    texts[name] = report.read()
        return texts


@pytest.mark.slow
def test_valgrind_finds_nothing_in_a_login(product, sandbox):
    """Nor in what goes before and after it: a wrong code, a refusal, a session, a logout, a message whose request is given
    up, over HTTP/2, and the end of nginx."""
    product.configure(timeout="60", connect_timeout="30", resend_after="0")
    running = Watched(example("behind-sso"), start=False)
    running.start()
    try:
        browser = person(running)
        assert browser.get("/").status == 303
        page, message = send(browser, sandbox)
        page = browser.submit(page, "verify", code=f"{(int(message['code']) + 1) % 10000:04}")
        assert page.status == 403
        assert browser.submit(page, "verify", code=message["code"]).status == 303
        assert browser.get("/").status == 200
        assert browser.submit(browser.get(PORTAL), "logout").status == 200
        sandbox.settings(fault="2fa/send:delay=500")
        token = browser.get(PORTAL).token
        with http2.Connection(running) as connection:
            given_up = connection.ask(browser, "POST", PORTAL + "send", f"token={token}")
            until(lambda: len(sandbox.requests("2fa/send")) == 2)
            connection.give_up(given_up)
            assert "<form" in connection.get(browser, PORTAL)
        assert sandbox.wait_message(NUMBER)["id"] != message["id"]
    finally:
        running.stop()
    reports = running.reports()
    assert len(reports) >= 2
    for name, text in reports.items():
        found = re.search(r"ERROR SUMMARY: (\d+) errors", text)
        assert found and found[1] == "0", f"{name}:\n{text}"
