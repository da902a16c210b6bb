"""A web session in Debian's nginx: which cookie is one, what it opens, and what the application sees of it."""

import base64
import time

import pytest

import tickets
import world
from product import CONF, NUMBER, OTHER_NUMBER
from webserver import password_file

COOKIE = "__Host-sms365"
OTHER = "__Host-sms365-other"
APPLICATION = """
    server {
        listen unix:%DIR%/app;
        location / {
            default_type text/plain;
            return 200 "app $request_method cookie=[$http_cookie] user=[$http_x_user] until=[$http_x_until]\\n";
        }
    }
"""
PROXY = """
            proxy_set_header X-User $sms365_user;
            proxy_set_header X-Until $sms365_expires;
            proxy_pass http://unix:%DIR%/app;
"""
SERVER = f"""
    sms365_config /etc/sms365/sms365.conf;
    log_format reasons "$status $uri $sms365_reason";
    {APPLICATION}
    server {{
        listen %PORT% ssl http2;
        access_log %DIR%/reasons.log reasons;
        auth_basic "first factor";
        auth_basic_user_file {CONF}/htpasswd;
        sms365_user $remote_user;
        location / {{ %DEMAND% {PROXY} }}
        location /other/ {{ sms365_service other; %DEMAND% {PROXY} }}
        location = /auth {{ internal; auth_basic off; auth_request off; sms365_auth; }}
        location = /open-auth {{ sms365_auth; }}
        location /free/ {{ {PROXY} }}
        location /moved/ {{ %DEMAND% try_files /nowhere /app.txt; }}
        location /to-other/ {{ %DEMAND% try_files /nowhere /other/app.txt; }}
        location = /app.txt {{ %DEMAND% {PROXY} }}
    }}
"""
DEMANDS = {"auth_request": "auth_request /auth;", "access": "sms365_access on;"}


@pytest.fixture(params=sorted(DEMANDS))
def web(request, product, nginx, alice, bob):
    """An application that wants both factors, the second through auth_request or in the access phase."""
    password_file(alice, bob)
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    running = nginx(SERVER.replace("%DEMAND%", DEMANDS[request.param]))
    running.demand = request.param
    return running


@pytest.fixture
def browser(web, alice):
    return web.browser(alice.name, alice.password)


def seen(reply):
    """What the application saw, as a dict."""
    assert reply.text.startswith("app "), reply.text
    return dict(part.rstrip("]").split("=[") for part in reply.text.split()[2:])


def logged(web, *expected, seconds=10):
    """Whether the last request's line in the log is this one; nginx writes it after the reply."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with open(f"{web.directory}/reasons.log") as log:
            lines = log.read().splitlines()
        if lines and lines[-1] == " ".join(expected):
            return True
        time.sleep(0.01)
    raise AssertionError(f"the last line is not {expected}: {lines[-3:]}")


def test_a_session_opens_the_application(web, browser):
    ticket = tickets.make()
    browser.cookies[COOKIE] = ticket
    reply = browser.get("/")
    assert reply.status == 200
    assert seen(reply)["user"] == "alice"
    assert int(seen(reply)["until"]) == tickets.read(ticket)["expires"]
    assert logged(web, "200", "/", "ok")


def test_without_a_session_nothing_is_opened(web, browser):
    reply = browser.get("/")
    assert reply.status == 401
    assert not reply.cookies() and "app" not in reply.text
    assert logged(web, "401", "/", "no_cookie")


def test_the_first_factor_comes_first(web, alice):
    for browser in (web.browser(), web.browser("alice", "wrong"), web.browser("alice", "")):
        browser.cookies[COOKIE] = tickets.make()
        reply = browser.get("/")
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == 'Basic realm="first factor"'


def forgeries():
    good = tickets.make()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(good[-1])
    return {
        "empty": "",
        "one character": "A",
        "not base64": good[:-1] + "!",
        "truncated": good[:-1],
        "longer": good + "A",
        "padded": good + "==",
        "quoted": f'"{good}"',
        "not canonical": good[:-1] + alphabet[last ^ 1],
        "altered": good[:30] + ("A" if good[30] != "A" else "B") + good[31:],
        "altered MAC": good[:90] + ("A" if good[90] != "A" else "B") + good[91:],
        "twice in one value": good + good,
        "another user's": tickets.make(user="bob", numbers=[OTHER_NUMBER]),
        "the name in capitals": tickets.make(user="Alice"),
        "another service's": tickets.make(service="other"),
        "another host's": tickets.make(host="localhost"),
        "another number's": tickets.make(numbers=[OTHER_NUMBER]),
        "no number's": tickets.make(numbers=[]),
        "a pre-login cookie": tickets.make(purpose=tickets.LOGIN),
        "a form's": tickets.make(purpose=tickets.FORM),
        "a remembered browser's": tickets.make(purpose=tickets.REMEMBER),
        "of no purpose": tickets.make(purpose=0),
        "another network's": tickets.make(network=b"\x7f\0\0"),
        "another key's": tickets.make(master=b"x" * 32),
        "expired": tickets.make(issued=-100, seen=-10, expires=0),
        "idle": tickets.make(issued=-5000, seen=-3601, expires=3600),
        "of a time to come": tickets.make(issued=100, seen=100),
        "older than sessions get": tickets.make(issued=-43200, seen=-1, expires=3600),
    }


def test_no_other_cookie_is_a_session(web, browser):
    for name, value in forgeries().items():
        browser.cookies[COOKIE] = value
        reply = browser.get("/")
        assert reply.status == 401, name
        assert not reply.cookies(), name
    browser.cookies[COOKIE] = tickets.make()
    assert browser.get("/").status == 200


def test_a_cookie_that_is_there_twice_is_none(web, browser):
    good, other = tickets.make(), tickets.make()
    for line in (f"{COOKIE}={good}; {COOKIE}={other}", f"{COOKIE}={good}; a=b; {COOKIE}={good}", f"{COOKIE}=; {COOKIE}={good}"):
        assert browser.get("/", Cookie=line).status == 401
        assert logged(web, "401", "/", "doubled")
    connection = web.connect()
    connection.putrequest("GET", "/")
    for name, value in (*browser.headers.items(), ("Cookie", f"{COOKIE}={good}"), ("Cookie", f"{COOKIE}={good}")):
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


def test_a_huge_cookie_is_nginxs_own_affair(web, browser):
    assert browser.get("/", Cookie=f"{COOKIE}={'A' * 65536}").status == 400
    assert browser.get("/", Cookie=f"{COOKIE}={'A' * 6000}").status == 401


def test_names_of_cookies_are_matched_whole(web, browser):
    good = tickets.make()
    for name in (COOKIE.lower(), COOKIE + "x", "x" + COOKIE, "sms365", "__Secure-sms365"):
        assert browser.get("/", Cookie=f"{name}={good}").status == 401, name
    assert browser.get("/", Cookie=f"a=b;{COOKIE}={good};  c=d").status == 200


def test_the_application_never_sees_the_cookie(web, browser):
    good = tickets.make()
    for sent, left in ((f"{COOKIE}={good}", ""), (f"a=b; {COOKIE}={good}", "a=b"), (f"{COOKIE}={good}; a=b", "a=b"),
                       (f"a=b; {COOKIE}={good}; c=d", "a=b; c=d"), (f"a=b; {COOKIE}-login=x; {COOKIE}={good};", "a=b")):
        for path in ("/", "/free/", "/moved/x"):
            reply = browser.get(path, Cookie=sent)
            assert reply.status == 200, (path, sent)
            assert f"cookie=[{left}]" in reply.text, (path, sent)


def test_a_header_that_held_our_cookie_alone_is_gone(product, nginx, alice):
    """Among many headers, wherever it stands: the others reach the application, each once."""
    password_file(alice)
    running = nginx(SERVER.replace("%DEMAND%", "sms365_access on;"))
    good = tickets.make()
    browser = running.browser(alice.name, alice.password)
    for before in (0, 1, 5, 19, 20, 21, 45):
        many = {f"X-Before-{i}": "b" for i in range(before)}
        connection = running.connect()
        connection.putrequest("GET", "/")
        for name, value in {**many, **browser.headers}.items():
            connection.putheader(name, value)
        for value in (f"{COOKIE}={good}", "a=b", f"{COOKIE}-login=zz", "c=d"):
            connection.putheader("Cookie", value)
        connection.putheader("X-After", "a")
        connection.endheaders()
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        assert reply.status == 200
        assert good not in text and "login" not in text
        assert "a=b" in text and "c=d" in text, text


def test_a_session_is_its_services_own(web, browser):
    browser.cookies[COOKIE] = tickets.make()
    browser.cookies[OTHER] = tickets.make()
    assert browser.get("/").status == 200
    assert browser.get("/other/").status == 401
    browser.cookies[COOKIE] = tickets.make(service="other")
    browser.cookies[OTHER] = tickets.make(service="other")
    assert browser.get("/other/").status == 200
    assert browser.get("/").status == 401


def test_sessions_of_several_services_stand_side_by_side(web, browser):
    """Neither the one nor the other application sees either cookie."""
    browser.cookies[COOKIE] = tickets.make()
    browser.cookies[OTHER] = tickets.make(service="other")
    browser.cookies["theme"] = "dark"
    for path in ("/", "/other/", "/moved/x", "/free/"):
        reply = browser.get(path)
        assert reply.status == 200 and seen(reply)["cookie"] == "theme=dark", path
    del browser.cookies[COOKIE]
    assert browser.get("/").status == 401 and browser.get("/other/").status == 200


def test_an_internal_redirect_asks_for_the_session_of_where_it_leads(web, browser):
    browser.cookies[COOKIE] = tickets.make()
    assert browser.get("/to-other/").status == 401
    browser.cookies[OTHER] = tickets.make(service="other")
    assert browser.get("/to-other/").status == 200
    del browser.cookies[COOKIE]
    assert browser.get("/to-other/").status == 401


def test_a_session_is_renewed_once_a_minute(web, browser):
    browser.cookies[COOKIE] = tickets.make(issued=-200, seen=-50)
    assert not browser.get("/").cookies()
    old = tickets.make(issued=-200, seen=-70, ident=b"i" * 16)
    browser.cookies[COOKIE] = old
    reply = browser.get("/")
    [line] = reply.cookies()
    assert line.startswith(f"{COOKIE}=") and line.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    renewed = tickets.read(browser.cookies[COOKIE])
    before = tickets.read(old)
    assert {**renewed, "seen": before["seen"]} == before
    assert abs(renewed["seen"] - time.time()) < 30
    assert browser.get("/").status == 200


def test_a_short_idle_time_ends_no_session_in_use(web, browser, product):
    """It is renewed in the first half of it, however short that is."""
    product.configure(session_idle="60")
    web.reload()
    for seen, renewed in ((-10, False), (-35, True), (-55, True)):
        browser.cookies[COOKIE] = tickets.make(issued=-100, seen=seen)
        reply = browser.get("/")
        assert reply.status == 200 and bool(reply.cookies()) == renewed, seen


def test_a_method_and_a_body_pass_unharmed(web, browser):
    browser.cookies[COOKIE] = tickets.make()
    for size in (0, 10, 100_000):
        reply = browser.ask("POST", "/", b"x" * size)
        assert reply.status == 200 and reply.text.startswith("app POST")
    browser.cookies[COOKIE] = "none"
    assert browser.ask("POST", "/", b"x" * 100_000).status == 401


def test_the_auth_location_answers_nothing_else(web, browser):
    for cookie, status in ((tickets.make(), 204), ("none", 401), ("", 401)):
        browser.cookies[COOKIE] = cookie
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            reply = browser.ask(method, "/open-auth", b"x" * 50_000 if method in ("POST", "PUT") else None)
            assert (reply.status, reply.body) == (status, b"" if status == 204 or method == "HEAD" else reply.body)
    assert browser.get("/auth").status == 404
    for name, value in forgeries().items():
        assert browser.get("/open-auth", Cookie=f"{COOKIE}={value}").status == 401, name
    assert browser.get("/open-auth", Cookie=f"{COOKIE}={'A' * 65536}").status == 400
    assert browser.get("/open-auth", Cookie=f"{COOKIE}={'A' * 6000}").status == 401


def test_where_it_cannot_be_told_who_it_is_the_auth_location_answers_403(product, nginx, alice):
    """The location that was asked for names no user."""
    password_file(alice)
    running = nginx(SERVER.replace("%DEMAND%", "").replace("location /free/", """
        location /nobody/ { auth_request /auth; proxy_pass http://unix:%DIR%/app; }
        location /free/""").replace("        sms365_user $remote_user;\n", "").replace("sms365_auth; }", "sms365_user $remote_user; sms365_auth; }"))
    browser = running.browser(alice.name, alice.password)
    browser.cookies[COOKIE] = tickets.make()
    assert browser.get("/nobody/").status == 403
    assert browser.get("/open-auth").status == 204


def test_variables_stand_in_headers_and_in_the_log(product, nginx, alice):
    password_file(alice)
    running = nginx(SERVER.replace("%DEMAND%", """sms365_access on;
            add_header X-Sms365 "[$sms365_user] [$sms365_expires] $sms365_reason" always;""")
                    .replace('"$status $uri $sms365_reason"', '"$status $uri $sms365_reason [$sms365_user] [$sms365_expires]"'))
    browser = running.browser(alice.name, alice.password)
    ticket = tickets.make()
    browser.cookies[COOKIE] = ticket
    expires = tickets.read(ticket)["expires"]
    assert browser.get("/").headers["x-sms365"] == f"[alice] [{expires}] ok"
    assert logged(running, "200", "/", "ok", "[alice]", f"[{expires}]")
    browser.cookies[COOKIE] = tickets.make(user="bob")
    assert browser.get("/").headers["x-sms365"] == "[] [] forged"
    assert logged(running, "401", "/", "forged", "[-]", "[-]")


def test_strange_names_open_nothing(product, nginx):
    """Names as a trusted server in front might give them."""
    running = nginx(SERVER.replace("%DEMAND%", "sms365_access on;").replace("auth_basic \"first factor\";", "")
                    .replace("sms365_user $remote_user", "sms365_user $name")
                    .replace("log_format", "map $http_x_name $name { default $http_x_name; } log_format"))
    browser = running.browser()
    browser.cookies[COOKIE] = tickets.make()
    assert browser.get("/", X_Name="alice").status == 200
    for name in ("", "bob", "Alice", "alice\x7f", "a" * 129, "a" * 5000, "é" * 70):
        assert browser.get("/", X_Name=name.encode()).status == 401, name


def test_another_number_ends_a_session_at_the_reload(web, browser, product):
    browser.cookies[COOKIE] = tickets.make()
    product.users(alice=[OTHER_NUMBER])
    assert browser.get("/").status == 200
    web.reload()
    assert browser.get("/").status == 401
    assert logged(web, "401", "/", "forged")
    product.users(bob=[OTHER_NUMBER])
    web.reload()
    assert browser.get("/").status == 401
    assert logged(web, "401", "/", "not_enrolled")


def test_a_reload_keeps_sessions(web, browser):
    browser.cookies[COOKIE] = tickets.make()
    web.reload()
    assert browser.get("/").status == 200


def test_a_new_binary_keeps_sessions(web, browser):
    browser.cookies[COOKIE] = tickets.make()
    assert browser.get("/").status == 200
    web.upgrade()
    assert browser.get("/").status == 200
    browser.cookies[COOKIE] = "none"
    assert browser.get("/").status == 401


def test_reloads_under_load_fail_no_request(web, browser):
    browser.cookies[COOKIE] = tickets.make()
    with world.repeating(*[lambda: browser.get("/").status] * 4) as statuses:
        for _ in range(5):
            web.reload()
    assert len(statuses) > 20 and set(statuses) == {200}


def test_a_new_master_key_ends_all_sessions(web, browser, product):
    browser.cookies[COOKIE] = tickets.make()
    product.new_master_key()
    web.reload()
    assert browser.get("/").status == 401
    assert logged(web, "401", "/", "other_key")


def test_a_session_ends_when_it_is_old_and_when_it_is_idle(web, browser, product):
    product.configure(session_life="600", session_idle="120")
    web.reload()
    for issued, seen, opens in ((-590, -50, True), (-601, -50, False), (-300, -110, True), (-300, -121, False)):
        browser.cookies[COOKIE] = tickets.make(issued=issued, seen=seen, expires=3600)
        assert (browser.get("/").status == 200) == opens, (issued, seen)
    # It is kept up by use, but not beyond its life.
    browser.cookies[COOKIE] = tickets.make(issued=-300, seen=-110, expires=300)
    assert browser.get("/").status == 200
    renewed = tickets.read(browser.cookies[COOKIE])
    assert renewed["seen"] - renewed["issued"] >= 300 and renewed["expires"] - renewed["issued"] == 600
    assert not browser.get("/").cookies()


def test_a_session_may_be_held_to_its_network(web, browser, product):
    product.configure(session_network="yes")
    web.reload()
    browser.cookies[COOKIE] = tickets.make()
    assert browser.get("/").status == 401
    browser.cookies[COOKIE] = tickets.make(network=b"\x7f\0\0")
    assert browser.get("/").status == 200


def test_with_a_domain_a_session_holds_for_all_its_hosts(web, browser, product):
    product.configure(domain="example.org", cookie="app", session_idle="100", session_life="100000")
    web.reload()
    browser.cookies["__Secure-app"] = tickets.make(host="example.org", issued=-90000, seen=-90)
    reply = browser.get("/", Host="a.example.org")
    assert reply.status == 200
    assert reply.cookies()[0].endswith("; Domain=example.org; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert browser.get("/", Host="b.example.org").status == 200


def test_a_phone_may_come_from_an_expression(product, nginx, alice):
    password_file(alice)
    product.users(alice=[OTHER_NUMBER])
    running = nginx(SERVER.replace("%DEMAND%", "sms365_access on;")
                    .replace("sms365_user $remote_user;", "sms365_user $remote_user; sms365_phone $phone;")
                    .replace("log_format", 'map $remote_user $phone { alice "+30 697 1234567"; } log_format'))
    browser = running.browser(alice.name, alice.password)
    browser.cookies[COOKIE] = tickets.make(numbers=[NUMBER])
    assert browser.get("/").status == 200
    browser.cookies[COOKIE] = tickets.make(numbers=[OTHER_NUMBER])
    assert browser.get("/").status == 401


@pytest.mark.parametrize("expression", ["$http_x_user", "${http_x_user}", "$arg_user", "$cookie_user", "x$HTTP_USER",
                                        "$remote_user$request_uri", "$args", "$host", "$proxy_add_x_forwarded_for",
                                        "$ssl_server_name"])
@pytest.mark.parametrize("directive", ["sms365_user", "sms365_phone"])
def test_what_the_client_says_is_no_user_and_no_phone(product, nginx, directive, expression):
    good, said = nginx(f"sms365_config {CONF}/sms365.conf; server {{ listen %PORT%; {directive} {expression}; }}",
                       start=False).test()
    assert not good
    assert "is what the client says" in said and "nginx.conf:" in said


@pytest.mark.parametrize("wrong, told", [
    ("location / { sms365_auth; }", "sms365_user is missing"),
    ("location / { sms365_access on; }", "sms365_user is missing"),
    ("sms365_user $remote_user; sms365_user $remote_user;", "is duplicate"),
    ("sms365_user $remote_user; location / { sms365_auth; sms365_auth; }", "in one location"),
    ("sms365_access maybe;", "it must be \"on\" or \"off\""),
])
def test_a_wrong_use_is_refused_with_file_and_line(product, nginx, wrong, told):
    good, said = nginx(f"sms365_config {CONF}/sms365.conf; server {{ listen %PORT%; {wrong} }}", start=False).test()
    assert not good
    assert told in said and "nginx.conf:" in said


def test_it_does_not_go_without_its_configuration(product, nginx):
    good, said = nginx("server { listen %PORT%; sms365_user $remote_user; }", start=False).test()
    assert not good and "sms365_config is missing" in said


@pytest.mark.parametrize("demand", ["sms365_access on;", "auth_request /auth;"])
def test_satisfy_any_is_warned_of(product, nginx, demand):
    good, said = nginx(f"sms365_config {CONF}/sms365.conf; server {{ listen %PORT%; sms365_user $remote_user; "
                       f"location /x/ {{ satisfy any; allow all; {demand} }} location = /auth {{ internal; sms365_auth; }} }}",
                       start=False).test()
    assert good
    assert "[warn]" in said and "without the second factor" in said


def test_over_http_2_it_is_the_same(web, alice):
    for cookie, status in ((tickets.make(), "200"), ("none", "401")):
        token = base64.b64encode(f"{alice.name}:{alice.password}".encode()).decode()
        said = world.run("curl", "-s", "--http2", "--cacert", "/etc/sms365/ca.pem", "-o", "/dev/null", "-w",
                         "%{http_version} %{http_code}", "-H", f"Authorization: Basic {token}", "-b",
                         f"{COOKIE}={cookie}", f"https://127.0.0.1:{web.port}/")
        assert said == f"2 {status}"
