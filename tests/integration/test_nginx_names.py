"""The provider's host has a name: by nginx's resolver, or by the system's, and neither holds up what does not need it."""

import time

import pytest

from nameserver import NameServer
from portal import serve_others
from product import NUMBER, OTHER_NUMBER
from test_nginx_portal import PORTAL, example, notice, send
from webserver import password_file
from world import beside, until

HOST = "provider.example"
CONNECT_TIMEOUT = 2


@pytest.fixture
def system_names():
    """The name server that /etc/resolv.conf names."""
    with open("/etc/resolv.conf", encoding="ascii") as config:
        before = config.read()
    server = NameServer({HOST: "127.0.0.1"}, port=53)
    with open("/etc/resolv.conf", "w", encoding="ascii") as config:
        config.write("nameserver 127.0.0.1\n")
    yield server
    with open("/etc/resolv.conf", "w", encoding="ascii") as config:
        config.write(before)
    server.stop()


@pytest.fixture
def names():
    """The name server that nginx's resolver asks."""
    server = NameServer({HOST: "127.0.0.1"})
    yield server
    server.stop()


@pytest.fixture
def start(product, nginx, sandbox, alice, bob):
    """Start a web server whose provider has a name."""
    def start(resolver="", workers=1):
        password_file(alice, bob)
        product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
        product.configure(connect_timeout=str(CONNECT_TIMEOUT), resend_after="0")
        product.add_key("main", f"https://{HOST}:{sandbox.port}/api")
        conf = example("access")
        marker = "    auth_basic "
        assert marker in conf
        running = nginx(conf.replace(marker, f"    {resolver}\n{marker}", 1), workers=workers)
        running.bob = bob
        return running
    return start


def resolver(server):
    return f"resolver 127.0.0.1:{server.port} ipv6=off valid=1s;"


def log_in(web, sandbox, alice):
    browser = web.browser(alice.name, alice.password)
    page, message = send(browser, sandbox, NUMBER)
    assert browser.submit(page, "verify", code=message["code"]).status == 303


def is_unreachable(web, alice):
    """Nothing can be sent, which is told in time, and no other request waits meanwhile."""
    browser = web.browser(alice.name, alice.password)
    page = browser.get(PORTAL)
    replies, took = [], []

    def ask():
        reply = browser.submit(page, "send")
        if reply.status == 303:     # it took more than a second: the page that follows
            until(lambda: "is being sent" not in (told := browser.get(PORTAL)).text and replies.append(told) is None)
        else:
            replies.append(reply)
        took.append(time.monotonic() - begun)

    begun = time.monotonic()
    slowest = 0
    with beside(ask) as [asked]:
        while not asked.done():
            slowest = max(slowest, serve_others(web, web.bob, OTHER_NUMBER))
            time.sleep(0.02)
    assert slowest < CONNECT_TIMEOUT - 0.2
    assert replies and took[0] < CONNECT_TIMEOUT + 4
    return notice(replies[-1])


def test_nginxs_resolver_finds_the_provider(start, sandbox, alice, names, system_names):
    web = start(resolver(names))
    log_in(web, sandbox, alice)
    assert set(names.asked) == {HOST}
    # Nobody else is asked.
    assert HOST not in system_names.asked


def test_a_resolver_that_does_not_answer_is_no_stall(start, sandbox, alice, names):
    names.silent = True
    web = start(resolver(names))
    is_unreachable(web, alice)
    assert names.asked and not sandbox.requests()
    assert f"the host {HOST} cannot be resolved by nginx's resolver" in web.log()
    names.silent = False
    log_in(web, sandbox, alice)


def test_a_name_that_the_resolver_does_not_know_is_told_at_once(start, sandbox, alice, names):
    names.names = {}
    web = start(resolver(names))
    assert "cannot be reached" in is_unreachable(web, alice)
    names.names = {HOST: "127.0.0.1"}
    log_in(web, sandbox, alice)


def test_an_address_that_is_wrong_is_asked_for_again(start, sandbox, alice, names):
    names.names = {HOST: "127.0.0.2"}
    web = start(resolver(names))
    assert "cannot be reached" in is_unreachable(web, alice)
    names.names = {HOST: "127.0.0.1"}
    time.sleep(2)  # valid=1s, in whole seconds
    log_in(web, sandbox, alice)


def test_without_a_resolver_the_name_is_looked_up_at_the_start(start, sandbox, alice, system_names):
    web = start()
    until(lambda: HOST in system_names.asked)
    log_in(web, sandbox, alice)
    before = len(system_names.asked)
    system_names.silent = True
    log_in(web, sandbox, alice)
    assert len(system_names.asked) == before


def test_a_system_that_knows_no_name_is_no_stall(start, sandbox, alice, system_names):
    system_names.silent = True
    web = start()
    is_unreachable(web, alice)
    assert not sandbox.requests()
    assert f"the host {HOST} cannot be resolved" in web.log()
    system_names.silent = False
    log_in(web, sandbox, alice)


def test_a_host_that_was_not_found_is_looked_up_again_for_the_next_base_url(product, start, sandbox, alice, system_names):
    """Whoever was told that it was not found asks at once, and waits for the next answer, not for that one."""
    web = start()
    product.add_key("main", f"https://{HOST}:1/api", f"https://{HOST}:{sandbox.port}/api")
    until(lambda: system_names.asked.count(HOST) == 2)  # an address of either kind: the first worker asks no more
    system_names.misses = 2
    web.reload()
    until(lambda: system_names.misses == 1)
    log_in(web, sandbox, alice)
    assert system_names.misses == 0


def test_after_a_failed_connection_the_name_is_looked_up_anew(start, sandbox, alice, system_names):
    system_names.names = {HOST: "127.0.0.2"}
    web = start()
    assert "cannot be reached" in is_unreachable(web, alice)
    system_names.names = {HOST: "127.0.0.1"}
    log_in(web, sandbox, alice)
