"""Delivery reports that the provider brings to nginx, and what a person sees of them."""

import http.client
import json
import os
import shutil

import pytest

from portal import EXAMPLES, PORTAL, send
from product import STATE
from webserver import example, password_file
from world import until

SPOOL = f"{STATE}/spool"
CALLBACK = """
    server {
        listen %OTHER%;
        location = /sms365/callback { access_log off; sms365_callback; }
    }
"""


def make_spool(mode=0o750):
    os.makedirs(SPOOL, exist_ok=True)
    os.chmod(SPOOL, mode)
    shutil.chown(SPOOL, "www-data", "www-data")


@pytest.fixture
def web(product, nginx, sandbox, alice):
    password_file(alice)
    running = nginx(example("access") + CALLBACK, start=False)
    product.configure(callback=f"http://127.0.0.1:{running.other_port}/sms365/callback")
    make_spool()
    running.start()
    return running


@pytest.fixture
def browser(web, alice):
    return web.browser(alice.name, alice.password)


def call(web, query, method="GET"):
    connection = http.client.HTTPConnection(web.host, web.other_port, timeout=10)
    try:
        connection.request(method, f"/sms365/callback?{query}")
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def reports():
    return sorted(name for name in os.listdir(SPOOL) if name.endswith(".report"))


def token(sandbox):
    """The token of the last message, as the provider was given it."""
    return sandbox.requests("2fa/send")[-1]["params"]["callback"].partition("t=")[2]


def test_where_a_session_is_demanded_the_portal_and_reports_need_none(product, nginx, sandbox, alice):
    password_file(alice)
    demanding = example("access").replace("sms365_access off;", "")
    assert demanding != example("access")
    running = nginx(demanding + CALLBACK.replace("location", "sms365_user $remote_user; sms365_access on; location"),
                    start=False)
    product.configure(callback=f"http://127.0.0.1:{running.other_port}/sms365/callback")
    make_spool()
    running.start()
    browser = running.browser(alice.name, alice.password)
    assert browser.get("/").status == 303
    page, message = send(browser, sandbox)
    until(reports)
    assert 'id="delivery">delivered</span>' in browser.get(PORTAL).text
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    assert browser.get("/").status == 200 and running.browser().get(PORTAL).status == 401


@pytest.mark.parametrize("delivery, told", [("d", "delivered"), ("f", "not delivered")])
def test_a_report_is_shown_on_the_page(web, browser, sandbox, delivery, told):
    sandbox.settings(delivery=delivery)
    send(browser, sandbox)
    until(reports)
    assert f'id="delivery">{told}</span>' in browser.get(PORTAL).text


def test_what_a_page_asks_for_tells_of_a_report_as_soon_as_it_was_taken(web, browser, sandbox):
    sandbox.settings(delivery="s")
    send(browser, sandbox)
    assert json.loads(browser.get(PORTAL, Accept="application/json").text)["pending"]
    call(web, f"t={token(sandbox)}&status=d")
    state = json.loads(browser.get(PORTAL, Accept="application/json").text)
    assert (state["pending"], state["delivery"]) == (False, "delivered")


@pytest.mark.parametrize("conf", EXAMPLES)
def test_the_location_of_an_example_takes_reports_without_a_password(product, nginx, sandbox, alice, conf):
    """And keeps their tokens out of its log."""
    password_file(alice)
    running = nginx(example(conf), start=False)
    product.configure(callback=f"https://127.0.0.1:{running.port}/sms365/callback")
    make_spool()
    running.start()
    sandbox.settings(delivery="s")
    browser = running.browser(alice.name, alice.password)
    send(browser, sandbox)
    assert running.browser().get(f"/sms365/callback?t={token(sandbox)}&status=d").status == 200
    assert len(reports()) == 1
    assert "delivered</span>" in browser.get(PORTAL).text
    assert not [line for line in running.access_log() if "callback" in line]


def test_a_report_comes_once(web, browser, sandbox):
    sandbox.settings(delivery="s")
    send(browser, sandbox)
    mine = token(sandbox)
    for _ in range(3):
        assert call(web, f"t={mine}&status=d&msgid=1") == (200, b"")
    [name] = reports()
    with open(f"{SPOOL}/{name}") as report:
        kept = report.read()
    assert call(web, f"t={mine}&status=f") == (200, b"")
    with open(f"{SPOOL}/{name}") as report:
        assert report.read() == kept
    assert "delivered</span>" in browser.get(PORTAL).text


def test_without_its_token_a_report_changes_nothing(web, browser, sandbox):
    sandbox.settings(delivery="s")
    page, message = send(browser, sandbox)
    mine = token(sandbox)
    for query in ("", "status=d", "t=", "t=x&status=d", f"t={mine[:-1]}&status=d", f"t={mine}A&status=d",
                  f"T={mine}&status=d", f"t={'A' * 43}&status=d", "t=../../x&status=d", "a" * 5000):
        assert call(web, query)[0] == 404, query
    for method in ("POST", "PUT", "DELETE"):
        assert call(web, f"t={mine}&status=d", method)[0] == 405
    assert call(web, f"t={mine}&status=s") == (200, b"")
    assert call(web, f"t={mine}&status=x") == (200, b"")
    assert not reports()
    assert "pending</span>" in browser.get(PORTAL).text
    assert browser.submit(page, "verify", code=message["code"]).status == 303


def test_only_the_providers_addresses_may_call(web, browser, sandbox, product):
    sandbox.settings(delivery="s")
    product.configure(callback=f"http://127.0.0.1:{web.other_port}/sms365/callback", callback_from="192.0.2.0/24")
    web.reload()
    send(browser, sandbox)
    assert call(web, f"t={token(sandbox)}&status=d")[0] == 403
    assert not reports()
    product.configure(callback=f"http://127.0.0.1:{web.other_port}/sms365/callback", callback_from="127.0.0.0/8")
    web.reload()
    assert call(web, f"t={token(sandbox)}&status=d")[0] == 200
    assert len(reports()) == 1


def test_a_spool_that_cannot_be_written_is_told(web, browser, sandbox):
    sandbox.settings(delivery="s")
    send(browser, sandbox)
    shutil.rmtree(SPOOL)
    assert call(web, f"t={token(sandbox)}&status=d")[0] == 503
    assert f"{SPOOL}" in web.log()
