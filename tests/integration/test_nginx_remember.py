"""Remembered browsers: off by default; where they are on, a session without a code, until somebody or something ends that."""

import json
import time

import pytest

import tickets
from portal import LOGIN, PORTAL, SESSION, SOON_SECONDS, log_in, notice, send
from product import NUMBER, OTHER_NUMBER, STATE
from webserver import example, password_file
from world import until

REMEMBER = "__Host-sms365-app-remember"
DAY = 86400
A_MINUTE = 30  # what ngx_http_sms365_job.c has


def journal():
    with open(f"{STATE}/web/sessions", encoding="ascii") as file:
        return file.read()


@pytest.fixture
def web(product, nginx, alice, bob):
    password_file(alice, bob)
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    product.configure(remember="30")
    return nginx(example("access"))


@pytest.fixture
def browser(web, alice):
    return web.browser(alice.name, alice.password)


def remember(browser, sandbox, number=NUMBER):
    """Log in, and have the browser remembered."""
    page, message = send(browser, sandbox, number)
    reply = browser.submit(page, "verify", code=message["code"], remember="1")
    assert reply.status == 303 and {SESSION, REMEMBER} <= set(browser.cookies)
    return reply


def goes_in(browser, path="/there"):
    """Whether the session has gone, and another begins without a code."""
    browser.cookies.pop(SESSION, None)
    reply = browser.follow(browser.get(path))
    if reply.status != 303:
        return False
    assert reply.headers["location"] == path and SESSION in browser.cookies
    return browser.get(path).status == 200


def test_a_remembered_browser_gets_sessions_without_a_code(web, browser, sandbox, syslog):
    reply = remember(browser, sandbox)
    [line] = [line for line in reply.cookies() if line.startswith(REMEMBER)]
    assert line.endswith(f"; Max-Age={30 * DAY}; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert tickets.read(browser.cookies[REMEMBER])["id"] != tickets.read(browser.cookies[SESSION])["id"]
    before = browser.cookies[REMEMBER]
    assert goes_in(browser) and goes_in(browser)
    assert len(sandbox.messages()) == 1 and browser.cookies[REMEMBER] == before
    syslog.wait('event=login user="alice" service="app" rhost="127.0.0.1" channel=none verdict=bypass reason=remembered')
    assert browser.get("/x").text == "app GET /x [] [alice]\n"


def test_it_is_off_by_default(web, browser, sandbox, product):
    kept = tickets.make(service="app", purpose=tickets.REMEMBER, expires=DAY)
    browser.cookies[REMEMBER] = kept
    assert goes_in(browser)
    product.configure()
    web.reload()
    browser.cookies[REMEMBER] = kept
    assert not goes_in(browser)
    page, message = send(browser, sandbox)
    assert "remember" not in page.text
    browser.submit(page, "verify", code=message["code"], remember="1")
    assert browser.cookies[REMEMBER] == kept and browser.get("/").status == 200


def test_only_who_asks_for_it_is_remembered(web, browser, sandbox):
    page, message = send(browser, sandbox)
    assert "Ask for no code in this browser for\n 30 days" in page.text or "for 30 days" in page.text
    browser.submit(page, "verify", code=message["code"])
    assert REMEMBER not in browser.cookies and not goes_in(browser)


def test_the_first_factor_still_comes_first(web, browser, sandbox, alice):
    remember(browser, sandbox)
    for stranger in (web.browser(), web.browser(alice.name, "wrong")):
        stranger.cookies = {REMEMBER: browser.cookies[REMEMBER]}
        for path in ("/", PORTAL):
            reply = stranger.get(path)
            assert reply.status == 401 and not reply.cookies() and reply.headers["www-authenticate"]


def forgeries():
    def ticket(purpose=tickets.REMEMBER, service="app", **changes):
        return tickets.make(**{"purpose": purpose, "service": service, "expires": DAY, **changes})

    good = ticket()
    return {
        "empty": "",
        "truncated": good[:-1],
        "altered": good[:30] + ("A" if good[30] != "A" else "B") + good[31:],
        "padded": good + "==",
        "another user's": ticket(user="bob", numbers=[OTHER_NUMBER]),
        "another service's": ticket(service="web"),
        "another host's": ticket(host="localhost"),
        "another number's": ticket(numbers=[OTHER_NUMBER]),
        "another key's": ticket(master=b"x" * 32),
        "a session": ticket(purpose=tickets.SESSION),
        "a pre-login cookie": ticket(purpose=tickets.LOGIN),
        "a form's": ticket(purpose=tickets.FORM),
        "expired": ticket(issued=-100, expires=0),
        "older than browsers are remembered": ticket(issued=-30 * DAY, expires=DAY),
        "of a time to come": ticket(issued=100, seen=100),
    }


def test_no_other_cookie_is_a_remembered_browser(web, browser, sandbox):
    for name, value in forgeries().items():
        browser.cookies[REMEMBER] = value
        assert not goes_in(browser), name
    good = tickets.make(service="app", purpose=tickets.REMEMBER, expires=DAY, issued=-29 * DAY, seen=-29 * DAY)
    login = browser.cookies[LOGIN]
    assert browser.get(PORTAL, Cookie=f"{REMEMBER}={good}; {REMEMBER}={good}; {LOGIN}={login}").status == 200
    browser.cookies[REMEMBER] = good
    assert goes_in(browser)
    assert not sandbox.requests()


def test_it_is_no_session(web, browser):
    for name in (SESSION, LOGIN):
        browser.cookies = {name: tickets.make(service="app", purpose=tickets.REMEMBER, expires=DAY)}
        assert browser.get("/").status == 303
        assert browser.get(PORTAL).status == 200


def test_its_sessions_end_with_it(web, browser):
    browser.cookies[REMEMBER] = tickets.make(service="app", purpose=tickets.REMEMBER, issued=-DAY, seen=-DAY, expires=600)
    assert goes_in(browser)
    assert tickets.read(browser.cookies[SESSION])["expires"] == tickets.read(browser.cookies[REMEMBER])["expires"]


@pytest.mark.parametrize("end", ["revoke", "all", "another number", "removed", "logout", "another key"])
def test_what_ends_it(web, browser, sandbox, product, alice, end):
    remember(browser, sandbox)
    kept = browser.cookies[REMEMBER]
    if end == "revoke":
        product.sms365("session", "revoke", "alice")
    elif end == "all":
        product.sms365("session", "revoke", "--all")
    elif end == "another number":
        product.sms365("user", "add", "alice", "306971234568", "--replace", "--no-check")
    elif end == "removed":
        product.sms365("user", "remove", "alice")
        product.sms365("user", "add", "alice", NUMBER, "--no-check")
    elif end == "logout":
        page = browser.submit(browser.get(PORTAL), "logout")
        assert notice(page) == "You are logged out." and not {SESSION, REMEMBER} & set(browser.cookies)
    else:
        product.new_master_key()
        web.reload()
    until = time.monotonic() + SOON_SECONDS
    browser.cookies[REMEMBER] = kept
    while goes_in(browser) and time.monotonic() < until:
        time.sleep(0.05)
    assert not goes_in(browser)
    web.reload()
    assert not goes_in(browser)


def test_with_a_domain_it_is_remembered_and_forgotten_by_all_hosts(web, browser, sandbox, product):
    product.configure(remember="30", domain="example.org")
    web.reload()
    session, remembered = "__Secure-sms365-app", "__Secure-sms365-app-remember"

    def goes_to(host):
        browser.headers["Host"] = host
        browser.cookies.pop(session, None)
        browser.get(PORTAL)
        return session in browser.cookies and browser.get("/").status == 200

    browser.headers["Host"] = "a.example.org"
    page, message = send(browser, sandbox)
    reply = browser.submit(page, "verify", code=message["code"], remember="1")
    assert len([line for line in reply.cookies() if "; Domain=example.org;" in line]) == 2
    assert goes_to("a.example.org") and goes_to("b.example.org")
    kept = browser.cookies[remembered]
    browser.submit(browser.get(PORTAL), "logout")
    assert remembered not in browser.cookies
    browser.cookies[remembered] = kept
    assert not goes_to("a.example.org") and not goes_to("b.example.org")


def test_logging_out_forgets_the_browser_also_where_its_session_has_ended(web, browser, sandbox):
    remember(browser, sandbox)
    page = browser.get(PORTAL)
    kept = browser.cookies[REMEMBER]
    browser.cookies[SESSION] = tickets.make(service="app", issued=-50000)
    login = {LOGIN: browser.cookies[LOGIN]}
    browser.submit(page, "logout")
    browser.cookies = {**login, REMEMBER: kept}
    assert not goes_in(browser)


def test_the_numbers_of_an_expression_bind_it_too(product, nginx, alice):
    password_file(alice)
    product.users(bob=[OTHER_NUMBER])
    product.configure(remember="30")
    running = nginx(example("access").replace("sms365_user $remote_user;", "sms365_user $remote_user; sms365_phone $phone;")
                    .replace("sms365_config", 'map $remote_user $phone { alice "+30 697 1234567"; }\nsms365_config', 1))
    browser = running.browser(alice.name, alice.password)
    for numbers, good in (([NUMBER], True), ([OTHER_NUMBER], False), ([], False)):
        browser.cookies[REMEMBER] = tickets.make(service="app", purpose=tickets.REMEMBER, expires=DAY, numbers=numbers)
        assert goes_in(browser) == good, numbers


def test_it_may_be_held_to_its_network(web, browser, product):
    product.configure(remember="30", session_network="yes")
    web.reload()
    for network, good in ((b"\x7f\0\0", True), (b"", False), (b"\xc0\0\x02", False)):
        browser.cookies[REMEMBER] = tickets.make(service="app", purpose=tickets.REMEMBER, expires=DAY, network=network)
        assert goes_in(browser) == good, network


def test_neither_a_backup_code_nor_a_bypass_has_a_browser_remembered(web, browser, sandbox, product):
    codes = json.loads(product.sms365("--json", "user", "backup-codes", "alice", "--web"))["codes"]
    page, _ = send(browser, sandbox)
    assert browser.submit(page, "backup", code=codes[0], remember="1").status == 200
    assert SESSION in browser.cookies and REMEMBER not in browser.cookies
    browser.cookies[REMEMBER] = tickets.make(service="app", purpose=tickets.REMEMBER, expires=600)
    browser.cookies.pop(SESSION)
    before = browser.cookies[REMEMBER]
    page = browser.get(PORTAL + "?remember=1")
    assert page.status == 303 and browser.cookies[REMEMBER] == before


def test_sessions_without_a_code_are_so_many_a_minute(web, browser, sandbox, syslog, bob):
    """Each is a line in the journal and one in the log; whoever wants more is asked for a code, and gets in with it."""
    keep = {REMEMBER: tickets.make(service="app", purpose=tickets.REMEMBER, expires=DAY)}
    begun = 0
    while time.time() % 60 > 30:  # they are counted by the clock's minute
        time.sleep(0.1)
    while (page := browser.get(PORTAL)).status != 200 or begun == 0:
        browser.cookies = dict(keep)
        begun += page.status == 303
        assert begun <= 10 * A_MINUTE
    assert begun >= A_MINUTE and not sandbox.requests()
    syslog.wait("reason=remembered")
    assert syslog.text().count("reason=remembered") == begun
    until(lambda: journal().count("issued ") >= begun)
    assert journal().count("issued ") == begun
    other = web.browser(bob.name, bob.password)
    other.cookies[REMEMBER] = tickets.make("bob", [OTHER_NUMBER], "app", purpose=tickets.REMEMBER, expires=DAY)
    assert goes_in(other)
    page, message = send(browser, sandbox)
    assert browser.submit(page, "verify", code=message["code"]).status == 303 and browser.get("/").status == 200


def test_it_is_listed_and_told(web, browser, sandbox, product):
    remember(browser, sandbox)
    until = time.monotonic() + 10
    while product.sms365("session", "list").count("\n") < 2 and time.monotonic() < until:
        time.sleep(0.05)
    listed = json.loads(product.sms365("--json", "session", "list", "alice"))["sessions"]
    kinds = {one["kind"]: one for one in listed}
    assert set(kinds) == {"session", "browser"}
    assert kinds["browser"]["id"] == tickets.read(browser.cookies[REMEMBER])["id"].hex()[:8]
    assert "remembered browser" in product.sms365("session", "list")
    assert "remembered" in product.sms365("policy")
    product.sms365("session", "revoke", "alice")
    assert "There is no web session" in product.sms365("session", "list")


def test_a_program_is_told_that_it_may_be(web, browser, sandbox):
    browser.headers["Accept"] = "application/json"
    start = json.loads(browser.get(PORTAL).text)
    state = json.loads(browser.post(PORTAL + "send", token=start["token"]).text)
    assert state["remember_days"] == 30
    code = sandbox.wait_message(NUMBER)["code"]
    assert json.loads(browser.post(PORTAL + "verify", token=state["token"], code=code, remember="1").text)["page"] == "done"
    del browser.cookies[SESSION]
    assert json.loads(browser.get(PORTAL).text)["page"] == "done" and browser.get("/").status == 200


def test_one_service_s_browser_is_not_the_other_s(product, nginx, sandbox, alice):
    password_file(alice)
    product.configure(remember="30", service={"admin": {"remember": "0"}})
    running = nginx(example("per-location"))
    browser = running.browser(alice.name, alice.password)
    remember(browser, sandbox)
    browser.cookies["__Host-sms365-admin-remember"] = browser.cookies[REMEMBER]
    assert browser.follow(browser.get("/admin/")).status == 200
    assert "__Host-sms365-admin" not in browser.cookies
    assert goes_in(browser)


def test_after_a_code_in_this_browser_it_is_asked_for_in_greek_too(web, browser, sandbox):
    browser.headers["Accept-Language"] = "el"
    page, _ = send(browser, sandbox)
    assert "30 ημέρες" in page.text


def test_log_in_without_it_is_as_ever(web, browser, sandbox):
    log_in(browser, sandbox)
    assert set(browser.cookies) == {SESSION}
