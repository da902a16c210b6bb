"""Several services in one nginx: each with sessions, cookies and a portal of its own, on one host or on several."""

import re

import pytest

import tickets
from portal import FORMS, PORTAL, SOON_SECONDS, ends_within, log_in, send
from product import CONF, NUMBER, OTHER_NUMBER
from programs import wrong
from webserver import APPLICATION, example, password_file
from world import until

ADMIN_PORTAL = "/admin/sms365/"
APP, ADMIN = "__Host-sms365-app", "__Host-sms365-admin"


@pytest.fixture
def web(product, nginx, alice, bob):
    """The example with a service for a location."""
    password_file(alice, bob)
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    product.configure(service={"admin": {"session_life": "1800", "session_idle": "300"}})
    return nginx(example("per-location"))


@pytest.fixture
def browser(web, alice):
    return web.browser(alice.name, alice.password)


def test_each_location_leads_to_the_portal_of_its_service_and_back(web, browser, sandbox, syslog):
    for path, portal, cookie in (("/page?x=1", PORTAL, APP), ("/admin/page", ADMIN_PORTAL, ADMIN)):
        reply = browser.get(path)
        assert reply.headers["location"].startswith(portal + "?next=")
        page = browser.follow(browser.submit(browser.follow(reply), "send"))
        reply = browser.submit(page, "verify", code=sandbox.wait_message(NUMBER)["code"])
        assert reply.headers["location"] == path
        assert browser.follow(reply).text == f"app GET {path} [] [alice]\n"
        assert cookie in browser.cookies
        syslog.wait(f'service="{cookie[14:]}".*verdict=allow')
    assert set(browser.cookies) == {APP, ADMIN}
    assert browser.get("/page").status == 200


def test_a_session_of_one_service_opens_nothing_of_the_other(web, browser, sandbox):
    log_in(browser, sandbox)
    for path in ("/admin/", "/admin/page"):
        assert browser.get(path).headers["location"].startswith(ADMIN_PORTAL)
    # Not under the other's name either.
    browser.cookies[ADMIN] = browser.cookies[APP]
    assert browser.get("/admin/").status == 303
    del browser.cookies[APP], browser.cookies[ADMIN]
    log_in(browser, sandbox, portal=ADMIN_PORTAL, where="/admin/")
    browser.cookies[APP] = browser.cookies[ADMIN]
    assert browser.get("/").status == 303 and browser.get("/admin/").status == 200


def test_logging_out_of_one_service_leaves_the_other(web, browser, sandbox):
    log_in(browser, sandbox)
    log_in(browser, sandbox, portal=ADMIN_PORTAL, where="/admin/")
    browser.submit(browser.get(ADMIN_PORTAL), "logout")
    assert browser.get("/admin/").status == 303 and browser.get("/").status == 200


def test_a_form_and_a_code_of_one_service_are_nothing_to_the_other(web, browser, sandbox):
    page, message = send(browser, sandbox)
    other, others_message = send(browser, sandbox, portal=ADMIN_PORTAL)
    token = page.token
    browser.post(ADMIN_PORTAL + "verify", token=token, code=others_message["code"])
    assert ADMIN not in browser.cookies
    browser.submit(other, "verify", code=message["code"] if message["code"] != others_message["code"] else wrong(message))
    assert ADMIN not in browser.cookies
    assert browser.submit(other, "verify", code=others_message["code"]).status == 303
    assert browser.submit(page, "verify", code=message["code"]).status == 303


def test_each_service_has_its_own_lives(web, browser):
    for issued, seen, opens in ((-1700, -200, True), (-1900, -200, False), (-1700, -400, False)):
        browser.cookies[ADMIN] = tickets.make(service="admin", issued=issued, seen=seen)
        browser.cookies[APP] = tickets.make(service="app", issued=issued, seen=seen)
        assert (browser.get("/admin/").status == 200) == opens
        assert browser.get("/").status == 200


def test_nothing_happens_without_a_first_factor(web, sandbox):
    paths = ["/", "/admin/", *(portal + form for portal in (PORTAL, ADMIN_PORTAL) for form in ("", *FORMS))]
    for browser in (web.browser(), web.browser("alice", "wrong"), web.browser("", "")):
        for path in paths:
            for method in ("GET", "POST", "HEAD"):
                reply = browser.ask(method, path, "code=1234&token=x" if method == "POST" else None)
                assert reply.status == 401 and not reply.cookies(), (method, path)
                assert reply.headers["www-authenticate"] == 'Basic realm="app.example.org"'
    assert not sandbox.requests()


def test_revoking_a_user_ends_the_sessions_of_all_services(web, browser, sandbox, product):
    log_in(browser, sandbox)
    log_in(browser, sandbox, portal=ADMIN_PORTAL, where="/admin/")
    product.sms365("session", "revoke", "alice")
    assert ends_within(browser, SOON_SECONDS)
    until(lambda: browser.get("/admin/").status == 303, SOON_SECONDS)  # each service looks by itself


def test_one_named_location_leads_to_the_portal_of_whatever_was_asked_for(product, nginx, sandbox, alice):
    """With auth_request: the location that refused is forgotten by nginx, but not which service it was."""
    password_file(alice)
    running = nginx(example("auth-request").replace("    # Where nginx goes", """
    location ^~ /admin/ {
        sms365_service admin;
        proxy_pass http://unix:%DIR%/app;
        location ^~ /admin/sms365/ { auth_request off; sms365_portal; }
    }
    # Where nginx goes""", 1))
    browser = running.browser(alice.name, alice.password)
    assert browser.get("/x").headers["location"] == PORTAL + "?next=%2Fx"
    assert browser.get("/admin/x").headers["location"] == ADMIN_PORTAL + "?next=%2Fadmin%2Fx"
    log_in(browser, sandbox, portal=ADMIN_PORTAL, where="/admin/x")
    assert browser.get("/x").status == 303
    assert running.browser().get("/admin/x").headers["www-authenticate"]


HOSTS = ("app.example.org", "wiki.example.org")


@pytest.fixture
def two_servers(product, nginx, alice, bob):
    """One host with the service app, another with wiki, each with a portal; alice alone has a number."""
    password_file(alice, bob)
    conf = example("access")
    other = conf.partition("server {")[2].partition(APPLICATION)[0].replace("app.example.org", HOSTS[1])
    return nginx(conf + "server {" + other.replace("sms365_service app;", "sms365_service wiki;"), workers=2)


def visitors(running, user):
    """A browser of theirs for each host."""
    return [running.browser(user.name, user.password, Host=host) for host in HOSTS]


def test_two_servers_have_a_portal_each(two_servers, sandbox, alice):
    visits = visitors(two_servers, alice)
    sent = [send(browser, sandbox) for browser in visits]
    for browser, (page, message) in zip(visits, sent):
        assert browser.get("/x").headers["location"] == PORTAL + "?next=%2Fx"
        assert browser.submit(page, "verify", code=message["code"]).status == 303
        assert browser.get("/x").text == "app GET /x [] [alice]\n"
    app, wiki = visits
    assert set(app.cookies) == {APP} and set(wiki.cookies) == {"__Host-sms365-wiki"}
    wiki.cookies = {name: app.cookies[APP] for name in (APP, "__Host-sms365-wiki")}
    assert wiki.get("/x").status == 303
    assert len(sandbox.messages()) == 2


def test_a_reload_takes_up_key_users_and_options_at_once_and_drops_nobody(two_servers, product, sandbox, alice, bob):
    """One session, and on the other server a code that was sent before and is entered after it."""
    app, wiki = visitors(two_servers, alice)
    log_in(app, sandbox)
    page, message = send(wiki, sandbox)
    assert all(browser.get(PORTAL).status == 403 for browser in visitors(two_servers, bob))
    sandbox.settings(account="demo:demo:NEW-KEY")
    assert sandbox.call("me/balance", key="DEMO-KEY")["error"] == "101"
    product.add_key("main", sandbox.base, key="NEW-KEY")
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    product.configure(text="New words: %%CODE%%", service={"wiki": {"session_life": "1800"}})
    two_servers.reload()
    assert app.get("/").status == 200
    assert wiki.submit(page, "verify", code=message["code"]).status == 303
    assert wiki.get("/").status == 200
    for browser in visitors(two_servers, bob):
        log_in(browser, sandbox, OTHER_NUMBER)
    assert [message["text"].startswith("New words: ") for message in sandbox.messages()] == [False, False, True, True]
    [session] = map(tickets.read, wiki.cookies.values())
    assert session["expires"] - session["issued"] == 1800


def test_a_cookie_of_one_server_is_refused_by_another(product, nginx, alice):
    """Also under the name that the other looks for, and where a domain makes browsers send it there."""
    password_file(alice)
    server = """
        server {{
            listen %PORT% ssl; server_name {name};
            auth_basic x; auth_basic_user_file {conf}/htpasswd;
            sms365_service {service}; sms365_user $remote_user; sms365_access on;
            location / {{ proxy_pass http://unix:%DIR%/app; }}
        }}"""
    product.configure(service={"b": {"domain": "example.org"}, "c": {"domain": "example.org"}})
    places = {"a.example.org": ("a", "__Host-sms365-a", "a.example.org"), "b.example.org": ("b", "__Secure-sms365-b", "example.org"),
              "c.example.org": ("c", "__Secure-sms365-c", "example.org"), "d.example.org": ("a", "__Host-sms365-a", "d.example.org")}
    running = nginx(f"sms365_config {CONF}/sms365.conf; server {{ listen unix:%DIR%/app; return 200 app; }}" + "".join(
        server.format(name=name, service=service, conf=CONF) for name, (service, _, _) in places.items()))
    browser = running.browser(alice.name, alice.password)
    for owner, (service, _, host) in places.items():
        ticket = tickets.make(service=service, host=host)
        for name, (_, cookie, _) in places.items():
            browser.cookies = {cookie: ticket}
            assert browser.get("/", Host=name).status == (200 if name == owner else 401), (owner, name)


@pytest.mark.parametrize("one, other, first", [("web", "login", 3), ("a", "a-login", 3), (None, "login", 1)])
def test_services_whose_cookies_would_be_the_same_are_refused_with_both_places(product, nginx, one, other, first):
    """The service that none is named for is there because of sms365_config."""
    named = f"sms365_service {one};" if one else ""
    http = "\n".join([f"sms365_config {CONF}/sms365.conf; server {{ listen %PORT%;", "",
                      f"location /a {{ {named} sms365_user $remote_user; }}", "location /b { sms365_user $remote_user;",
                      f"sms365_service {other}; }} }}"])
    running = nginx(http, start=False)
    with open(f"{running.directory}/nginx.conf") as conf:
        [before] = [number for number, line in enumerate(conf) if "sms365_config" in line]
    file = f"{running.directory}/nginx.conf"
    good, said = running.test()
    assert not good
    assert re.search(rf'the services "{one or "web"}" in {file}:{before + first} and "{other}" would both have a cookie .* '
                     rf'in {file}:{before + 5}$', said, re.M), said
    product.configure(service={other: {"cookie": "elsewhere"}})
    good, said = running.test()
    assert good, said
