"""Who has not proved the first factor gets nowhere: not to the application, not to the portal, not to a message.

Every example that is shipped is tried, whatever it is named: a new one is tested by being there.
"""

import base64
import os
import re

import pytest

import tickets
from portal import FORMS, log_in
from product import NUMBER, OTHER_NUMBER, SOURCE, STATE
from webserver import APPLICATION, example, password_file

EXAMPLES = sorted(name.removesuffix(".conf") for name in os.listdir(f"{SOURCE}/examples/nginx") if name.endswith(".conf"))
FILES = ("style.css", "script.js", "events", "nowhere", "../", "send/")


def basic(credentials):
    return "Basic " + base64.b64encode(credentials).decode()


# Of one who has no password, or a wrong one; alice is enrolled, and her password is another.
WRONG = {
    "nobody": basic(b":"),
    "no password": basic(b"alice:"),
    "no colon": basic(b"alice"),
    "a wrong password": basic(b"alice:wrong"),
    "a wrong password with a NUL": basic(b"alice\0:wrong"),
    "an unknown name": basic(b"mallory:wrong"),
    "another scheme": "Bearer alice",
    "no base64": "Basic alice:wrong",
    "nothing in it": "Basic ",
}


def places(text):
    """What an example protects, and its portals: every prefix that it names."""
    prefixes = re.findall(r"location (?:\^~ )?(/[^ ]*) \{", text)
    portals = re.findall(r"location \^~ (/[^ ]*/) \{(?:(?!location)[^}])*sms365_portal;", text)
    asked = [prefix + page for prefix in prefixes for page in ("", "page", "page?user=alice&next=/x")]
    asked += [portal + page for portal in portals for page in (*FORMS, *FILES, "?next=/x", "send?token=x")]
    assert portals and "/" in prefixes
    return asked + [portal.rstrip("/") for portal in portals]


def apart(text):
    """Locations by an exact name: those that nginx asks itself, and those that a provider calls."""
    return re.findall(r"location = (/[^ ]*) \{", text)


def state():
    """Everything that is stored: counters, challenges, sessions."""
    kept = {}
    for directory, _, names in os.walk(STATE):
        for name in names:
            with open(f"{directory}/{name}", "rb") as file:
                kept[f"{directory}/{name}"] = file.read()
    return kept


@pytest.fixture(params=EXAMPLES)
def text(request, product, alice, bob):
    password_file(alice, bob)
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    return example(request.param)


def gets_nowhere(browser, text, realm, asked=("GET", "POST", "HEAD", "PUT"), ends=""):
    """Asks for everything (that ends so), also with a session that would be good if a first factor were proved."""
    good = {service: tickets.make(service=service) for service in re.findall(r"sms365_service (\w+);", text)}
    browser.headers["Cookie"] = "; ".join(f"__Host-sms365-{service}={ticket}" for service, ticket in good.items())
    for path in filter(lambda path: path.endswith(ends), places(text)):
        for method in asked:
            body = f"code=1234&next=/&token={good['app']}" if method in ("POST", "PUT") else None
            reply = browser.ask(method, path, body, Content_Type="application/x-www-form-urlencoded")
            told = (method, path, browser.headers)
            assert reply.status == 401, told
            assert reply.headers.get("www-authenticate") == (realm and f'Basic realm="{realm}"'), told
            assert not reply.cookies() and "location" not in reply.headers and b"app " not in reply.body, told
    for path in apart(text):
        assert browser.ask("GET", path).status == 404, path


def test_without_a_first_factor_there_is_only_the_question_for_it(text, nginx, sandbox):
    running = nginx(text)
    before = state()
    if "auth_basic_user_file" in text:
        gets_nowhere(running.browser(), text, "app.example.org")
        for value in WRONG.values():
            gets_nowhere(running.browser(Authorization=value), text, "app.example.org", ("GET", "POST"), ("/", "/send"))
    else:
        # The proxy in front has logged nobody in, or what calls is not the proxy.
        for name in ({}, {"X-Remote-User": ""}, {"X-User": "alice"}):
            gets_nowhere(running.browser(**name), text, None)
        elsewhere = nginx(text.replace("127.0.0.1 1;", "192.0.2.10 1;"))
        gets_nowhere(elsewhere.browser(**{"X-Remote-User": "alice"}), text, None)
    assert sandbox.requests() == []
    assert state() == before


def test_with_a_first_factor_each_place_is_led_to_the_portal(text, nginx, sandbox, alice):
    """That it is the first factor which is missing above, and nothing else."""
    running = nginx(text)
    browser = (running.browser(alice.name, alice.password) if "auth_basic_user_file" in text
               else running.browser(**{"X-Remote-User": "alice"}))
    for path in places(text):
        reply = browser.get(path)
        assert reply.status in (200, 204, 301, 303, 404), (path, reply.status)
        if reply.status == 303:
            assert "sms365/" in reply.headers["location"]
        assert b"app " not in reply.body
    assert sandbox.requests() == []


# A server that auth_request asks who somebody is, in place of a password of nginx's own.
SIGN_ON = """
    sms365_config /etc/sms365/sms365.conf;
    map $http_authorization $signed_on { "Bearer of-alice" alice; "Bearer of-bob" bob; default ""; }
    server {
        listen unix:%DIR%/sign-on;
        location / {
            add_header X-Name $signed_on;
            if ($signed_on = "") { return 401; }
            return 204;
        }
    }
""" + APPLICATION + """
    server {
        listen %PORT% ssl;
        auth_request /sign-on;
        auth_request_set $name $upstream_http_x_name;
        sms365_service app;
        sms365_user $name;
        sms365_access on;
        location = /sign-on { internal; auth_request off; sms365_access off; proxy_pass http://unix:%DIR%/sign-on; }
        location / { proxy_set_header X-User $sms365_user; proxy_pass http://unix:%DIR%/app; }
        location ^~ /sms365/ { sms365_access off; sms365_portal; }
    }
"""


def test_a_server_that_auth_request_asks_may_say_who_somebody_is(product, nginx, sandbox):
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    running = nginx(SIGN_ON)
    for headers in ({}, {"Authorization": "Bearer of-nobody"}, {"X-Name": "alice"}):
        gets_nowhere(running.browser(**headers), SIGN_ON, None)
    assert sandbox.requests() == []
    browser = running.browser(Authorization="Bearer of-alice")
    log_in(browser, sandbox)
    assert browser.get("/page").text == "app GET /page [] [alice]\n"
    browser.headers["Authorization"] = "Bearer of-bob"  # her session is not his
    assert browser.get("/page").status == 303
    browser.headers["Authorization"] = "Bearer of-nobody"
    assert browser.get("/page").status == 401
