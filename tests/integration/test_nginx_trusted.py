"""Trusted networks on the web: no code is asked for there, and what begins there holds nowhere else."""

import pytest

import tickets
from portal import PORTAL, SESSION, log_in
from product import NUMBER, OTHER_NUMBER
from webserver import example, password_file

OFFICE, NEXT_DOOR, GUESTS, ELSEWHERE = "192.0.2.9", "192.0.2.100", "192.0.2.130", "198.51.100.7"


@pytest.fixture
def web(product, nginx, alice):
    """A server behind a proxy that says where clients are; it trusts one half of a network."""
    password_file(alice)
    product.users(alice=[NUMBER])
    product.configure(trusted="192.0.2.0/25")
    return nginx(example("access").replace("server {", "set_real_ip_from 127.0.0.1;\nreal_ip_header X-Real-IP;\nserver {", 1))


@pytest.fixture
def browser(web, alice):
    return web.browser(alice.name, alice.password)


def opened_from(browser, *addresses):
    """From which of these what is protected is to be seen, with the cookies of now."""
    before = dict(browser.cookies)
    opened = []
    for address in addresses:
        browser.cookies = dict(before)
        opened += [address] if browser.get("/there", X_Real_IP=address).status == 200 else []
    browser.cookies = before
    return opened


def test_a_session_without_a_code_holds_where_the_network_is_trusted(browser, sandbox, syslog):
    assert browser.get(PORTAL, X_Real_IP=OFFICE).status == 303
    assert opened_from(browser, OFFICE, NEXT_DOOR, GUESTS, ELSEWHERE, "127.0.0.1") == [OFFICE, NEXT_DOOR]
    syslog.wait("reason=trusted_network")
    assert not sandbox.requests()


def test_outside_a_code_is_asked_for_whose_session_holds_everywhere(browser, sandbox):
    browser.headers["X-Real-IP"] = ELSEWHERE
    log_in(browser, sandbox)
    assert opened_from(browser, OFFICE, GUESTS, ELSEWHERE) == [OFFICE, GUESTS, ELSEWHERE]


@pytest.mark.parametrize("ticket", [{"user": "bob", "numbers": [OTHER_NUMBER]}, {"numbers": [OTHER_NUMBER]}, {"service": "web"},
                                    {"host": "localhost"}, {"master": b"x" * 32}, {"issued": -100000}, {"seen": -5000}])
def test_no_other_cookie_is_such_a_session(browser, ticket):
    browser.cookies[SESSION] = tickets.make(**{"service": "app", "purpose": tickets.TRUSTED, **ticket})
    assert not opened_from(browser, OFFICE, ELSEWHERE)


def test_it_stays_what_it_is_when_it_is_renewed(browser):
    browser.cookies[SESSION] = tickets.make(service="app", purpose=tickets.TRUSTED, issued=-200, seen=-70)
    assert browser.get("/there", X_Real_IP=OFFICE).cookies()
    assert opened_from(browser, OFFICE, ELSEWHERE) == [OFFICE]


def test_it_ends_when_the_network_is_trusted_no_more(web, browser, product):
    browser.cookies[SESSION] = tickets.make(service="app", purpose=tickets.TRUSTED)
    assert opened_from(browser, OFFICE)
    product.configure()
    web.reload()
    assert not opened_from(browser, OFFICE)


def test_with_a_domain_it_holds_for_all_its_hosts(web, browser, product):
    product.configure(trusted="192.0.2.0/25", domain="example.org")
    web.reload()
    browser.cookies["__Secure-sms365-app"] = tickets.make(service="app", purpose=tickets.TRUSTED, host="example.org")
    assert browser.get("/there", X_Real_IP=OFFICE, Host="a.example.org").status == 200
