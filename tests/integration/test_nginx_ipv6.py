"""IPv6 where the web takes networks: the one a session is held to, trusted ones, the provider's callbacks, a key's whitelist.

The server listens on one socket for both families, on which IPv4 clients come as ::ffff:a.b.c.d.
"""

import pytest

import tickets
from portal import PORTAL, SESSION, log_in, notice, send
from product import NUMBER
from sandbox import Sandbox
from test_nginx_callback import CALLBACK, call, make_spool, reports, token
from test_nginx_trusted import opened_from
from webserver import example, password_file

BOTH_FAMILIES = {"127.0.0.1": b"\x7f\0\0", "::1": b"\0" * 8}
HERE, NEIGHBOUR, ELSEWHERE = "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"
IPV4, IPV4_NEIGHBOUR, IPV4_ELSEWHERE = "::ffff:192.0.2.9", "::ffff:192.0.2.200", "::ffff:192.0.3.9"


@pytest.fixture
def start(product, nginx, alice):
    """Start a web server that believes its clients where they are; changes are options."""

    def begin(**changes):
        password_file(alice)
        product.users(alice=[NUMBER])
        conf = "set_real_ip_from 127.0.0.1; set_real_ip_from ::1; real_ip_header X-Real-IP;" + example("access") + CALLBACK
        running = nginx(conf.replace("%PORT%", "%PORT% ipv6only=off").replace("%OTHER%", "%OTHER% ipv6only=off"),
                        listen="[::]", start=False)
        callback = {"callback": f"http://[::1]:{running.other_port}/sms365/callback"} if "callback_from" in changes else {}
        product.configure(**callback, **changes)
        running.start()
        return running

    return begin


@pytest.mark.parametrize("home, opened", [(HERE, [HERE, NEIGHBOUR]), (IPV4, [IPV4, IPV4_NEIGHBOUR])])
def test_a_session_is_held_to_its_network(start, sandbox, alice, home, opened):
    """64 bits of an IPv6 address, and 24 of an IPv4 one, however that is written."""
    web = start(session_network="yes")
    browser = web.browser(alice.name, alice.password, **{"X-Real-IP": home})
    log_in(browser, sandbox)
    assert opened_from(browser, HERE, NEIGHBOUR, ELSEWHERE, IPV4, IPV4_NEIGHBOUR, IPV4_ELSEWHERE) == opened
    assert (browser.get("/there", X_Real_IP="192.0.2.77").status == 200) == (home == IPV4)


def test_clients_of_either_family_have_a_network_of_their_own(start, alice):
    web = start(session_network="yes")
    for web.host in BOTH_FAMILIES:
        for host, network in BOTH_FAMILIES.items():
            browser = web.browser(alice.name, alice.password, Host="app.example.org")
            browser.cookies[SESSION] = tickets.make(service="app", host="app.example.org", network=network)
            assert (browser.get("/").status == 200) == (host == web.host), (host, web.host)


def test_networks_are_trusted_by_their_first_bits(start, sandbox, alice):
    web = start(trusted="2001:db8:1:2::/64 2001:db8:8000::/33 192.0.2.0/25")
    inside = [HERE, NEIGHBOUR, "2001:db8:8000::", "2001:db8:ffff:ffff::1", IPV4, "192.0.2.9"]
    outside = [ELSEWHERE, "2001:db8:1:1:ffff:ffff:ffff:ffff", "2001:db8:7fff::1", "2001:db9::", "::1", IPV4_NEIGHBOUR, "127.0.0.1"]
    browser = web.browser(alice.name, alice.password)
    for address in inside + outside:
        browser.cookies.clear()
        assert (browser.get(PORTAL, X_Real_IP=address).status == 303) == (address in inside), address
    browser.cookies[SESSION] = tickets.make(service="app", purpose=tickets.TRUSTED)
    assert opened_from(browser, *inside, *outside) == inside
    assert not sandbox.requests()


@pytest.mark.parametrize("allowed, hosts", [
    ("::1", ["::1"]), ("::/127", ["::1"]), ("127.0.0.0/8", ["127.0.0.1"]), ("::ffff:127.0.0.0/104", ["127.0.0.1"]),
    ("2001:db8::/32 192.0.2.0/24", []), ("2001:db8::/32, ::1, 127.0.0.1", ["127.0.0.1", "::1"]),
])
def test_the_providers_networks_may_call(start, sandbox, alice, allowed, hosts):
    web = start(callback_from=allowed)
    make_spool()
    sandbox.settings(delivery="s")
    for web.host in BOTH_FAMILIES:
        before = len(reports())
        send(web.browser(alice.name, alice.password), sandbox)
        assert call(web, f"t={token(sandbox)}&status=d")[0] == (200 if web.host in hosts else 403), web.host
        assert len(reports()) - before == (web.host in hosts)


@pytest.mark.parametrize("whitelist, let_in", [("::1", True), ("::/64", True), ("2001:db8::/32,127.0.0.0/8", False)])
def test_a_key_leaves_from_the_networks_of_its_whitelist(start, product, alice, whitelist, let_in):
    with Sandbox.start(listen="[::1]:0", whitelist="::1") as provider:
        product.add_key("main", provider.base, whitelist=whitelist)
        web = start()
        web.host = "::1"
        browser = web.browser(alice.name, alice.password)
        if let_in:
            log_in(browser, provider)
        else:
            assert notice(browser.submit(browser.get(PORTAL), "send"))
            assert "::1" in web.log()
        assert len(provider.requests("2fa/send")) == let_in
