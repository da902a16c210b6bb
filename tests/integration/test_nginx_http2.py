"""Requests over HTTP/2: those that a client gives up while they wait, on a connection that it keeps, and their cookies."""

import os
import urllib.parse

import pytest

import tickets
from http2 import Connection
from portal import LOGIN, PORTAL, SESSION
from product import NUMBER
from test_nginx_portal import browser, web  # noqa: F401: fixtures
from world import until


@pytest.fixture
def connection(web):
    with Connection(web) as opened:
        yield opened


def form(page, **fields):
    """The body of a page's form."""
    return urllib.parse.urlencode({"token": page.token, **fields})


def test_a_message_whose_request_was_given_up_arrives_once_and_lets_in(browser, sandbox, connection):
    page = browser.get(PORTAL)
    sandbox.settings(fault="2fa/send:delay=500")
    given_up = connection.ask(browser, "POST", PORTAL + "send", form(page))
    sandbox.wait_request("2fa/send")
    connection.give_up(given_up)
    assert "<form" in connection.get(browser, PORTAL)
    message = sandbox.wait_message(NUMBER)
    until(lambda: "3 tries left" in browser.get(PORTAL).text)
    assert browser.submit(browser.get(PORTAL), "verify", code=message["code"]).status == 303
    assert connection.get(browser, "/x").startswith("app GET /x")
    assert len(sandbox.messages()) == len(sandbox.requests("2fa/send")) == 1


def test_answers_that_were_given_up_while_they_were_held_cost_nothing(web, browser, sandbox, product):
    """Each is one of the few requests that a worker may have under way, and holds a store: what stayed would be missed."""
    product.configure(calls="2", timeout="20")
    web.reload()
    [worker] = web.workers()
    page = browser.get(PORTAL)
    sandbox.settings(fault="2fa/send:delay=6000")
    assert "being sent" in browser.follow(browser.submit(page, "send")).text
    open_files = []
    with Connection(web) as connection:
        for _ in range(10):
            held = connection.ask(browser, "POST", PORTAL + "verify", form(page, code="0000"))
            connection.get(browser, "/")  # the one worker has read what came before this
            connection.give_up(held)
            until(lambda: "being sent" in connection.get(browser, PORTAL))  # there is room for it again
            open_files.append(len(os.listdir(f"/proc/{worker}/fd")))
    message = sandbox.wait_message(NUMBER)
    until(lambda: "3 tries left" in browser.get(PORTAL).text)
    assert len([line for line in web.access_log() if 'verify HTTP/2.0" 499' in line]) == 10
    assert open_files[-1] <= max(open_files[:3])
    assert not sandbox.requests("2fa/check")
    assert browser.submit(browser.get(PORTAL), "verify", code=message["code"]).status == 303
    assert len(sandbox.requests("2fa/send")) == 1 and web.workers() == [worker]


def test_the_application_sees_every_cookie_but_ours(browser, connection):
    """A client may send a header for each of them, which nginx puts together."""
    ours, login, longer = f"{SESSION}={tickets.make(service='app')}", f"{LOGIN}=x", f"a={'b' * 3000}"
    for sent, left in (([ours], ""), ([ours, "a=b"], "a=b"), (["a=b", ours], "a=b"), (["a=b", ours, "c=d"], "a=b; c=d"),
                       (["a=b", ours, login, "c=d"], "a=b; c=d"), ([f"a=b; {ours}; c=d"], "a=b; c=d"),
                       ([f"a=b; {login}", f"{ours}; c=d", "e=f"], "a=b; c=d; e=f"), ([longer, ours, "c=d"], f"{longer}; c=d")):
        answer = connection.body(connection.ask(browser, "GET", "/x", cookies=sent))
        assert answer == f"app GET /x [{left}] [alice]\n", sent
