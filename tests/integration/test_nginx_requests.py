"""Requests of every kind through both ways to demand a session: what nginx's own tests of auth_request look at, and more.

Conditions that are combined, variables, bodies, kept connections, HTTP/2, upgrades, pages for errors, and headers that
somebody tries to write through whatever they send.
"""

import base64
import contextlib
import os
import socket
import threading

import pytest

import tickets
import world
from product import CONF, NUMBER
from test_nginx_session import APPLICATION, COOKIE, DEMANDS
from webserver import password_file
from world import until

SERVER = f"""
    sms365_config /etc/sms365/sms365.conf;
    map $http_x_proven $name {{ default $http_x_proven; }}
    {APPLICATION}
    server {{ listen unix:%DIR%/grpc http2; location / {{ return 200 "[$http_cookie] [$http_x_own]"; }} }}
    server {{
        listen %PORT% ssl http2;
        sms365_user $name;
        client_max_body_size 4m;
        location / {{ %DEMAND% proxy_set_header X-User $sms365_user; proxy_pass http://unix:%DIR%/app; }}
        location /portal/ {{ sms365_portal; }}
        location = /auth {{ internal; auth_request off; sms365_auth; }}
        %LOCATIONS%
    }}
"""
GREETING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


@pytest.fixture(params=sorted(DEMANDS))
def start(request, product, nginx, alice):
    """Start such a server: start("location …") has these locations, too, in which %DEMAND% demands a session."""
    password_file(alice)
    product.users(alice=[NUMBER])

    def begin(locations="", **settings):
        running = nginx(SERVER.replace("%LOCATIONS%", locations).replace("%DEMAND%", DEMANDS[request.param]), **settings)
        running.demand = request.param
        return running

    return begin


def person(running, session=True, **headers):
    browser = running.browser(**{"X-Proven": "alice", **headers})
    if session:
        browser.cookies[COOKIE] = tickets.make()
    return browser


# What each asks for besides the session (which the second of a pair is without), and what comes of it.
TOGETHER = {
    "satisfy all; allow all;": (200, 401),
    "satisfy all; deny all;": (403, 403),
    "satisfy any; allow all;": (200, 200),
    "satisfy any; deny all;": (200, 401),
    f"satisfy all; auth_basic x; auth_basic_user_file {CONF}/htpasswd;": (401, 401),
    f"satisfy any; auth_basic x; auth_basic_user_file {CONF}/htpasswd;": (200, 401),
    f"satisfy any; deny all; auth_basic x; auth_basic_user_file {CONF}/htpasswd;": (200, 401),
}


def test_it_stands_beside_other_conditions(start, alice):
    """satisfy all and any, with addresses and passwords."""
    pairs = list(TOGETHER.items())
    running = start("".join(f"location = /{i} {{ {text} %DEMAND% proxy_pass http://unix:%DIR%/app; }}"
                            for i, (text, _) in enumerate(pairs)))
    proved = {"Authorization": "Basic " + base64.b64encode(f"{alice.name}:{alice.password}".encode()).decode()}
    for i, (text, (has, has_not)) in enumerate(pairs):
        found = person(running).get(f"/{i}").status, person(running, session=False).get(f"/{i}", Accept="*/*").status
        # Without one, a person is led to the portal where it is the module that answers.
        assert found[0] == has and found[1] in (has_not, 303 if has_not == 401 else has_not), (text, found)
        if "auth_basic" in text:
            assert person(running, **proved).get(f"/{i}").status == 200, text


def test_what_is_known_of_the_session_can_be_handed_on(start):
    running = start("location /told/ { %DEMAND% add_header X-Reason $sms365_reason always; "
                    "add_header X-Who [$sms365_user] always; proxy_pass http://unix:%DIR%/app; }"
                    "location /set/ { auth_request /auth; auth_request_set $who $sms365_user; auth_request_set $why "
                    "$sms365_reason; proxy_set_header X-User $who; proxy_set_header X-Until $why; "
                    "proxy_pass http://unix:%DIR%/app; }")
    assert "user=[alice] until=[ok]" in person(running).get("/set/").text
    for session, status, reason, who in ((True, 200, "ok", "[alice]"), (False, 401, "no_cookie", "[]")):
        reply = person(running, session).get("/told/", Accept="application/json")
        assert (reply.status, reply.headers["x-reason"], reply.headers["x-who"]) == (status, reason, who)


def test_an_error_page_takes_the_place_of_an_answer(start):
    running = start("location /own/ { %DEMAND% error_page 401 403 /sorry; proxy_pass http://unix:%DIR%/app; }"
                    "location /json/ { %DEMAND% error_page 401 = @sorry; proxy_pass http://unix:%DIR%/app; }"
                    "location = /sorry { sms365_access off; auth_request off; return 200 sorry; }"
                    "location @sorry { sms365_access off; auth_request off; return 418; }")
    assert person(running).get("/own/").text.startswith("app GET")
    stranger = running.browser()
    for method in ("GET", "POST"):
        reply = stranger.ask(method, "/own/", b"x" * 100_000 if method == "POST" else None)
        assert (reply.status, reply.text) == (401, "sorry")
        assert stranger.ask(method, "/json/").status == 418


def test_what_a_page_includes_comes_with_it(start):
    """nginx asks for access once, for the main request; an application that is included sees no cookie of ours either."""
    running = start("location = /page.txt { %DEMAND% ssi on; ssi_types *; root %DIR%; } "
                    "location = /part { proxy_pass http://unix:%DIR%/app; }")
    with open(f"{running.directory}/page.txt", "w") as page:
        page.write('whole <!--#include virtual="/part" --> page')
    text = person(running).get("/page.txt").text
    assert text.startswith("whole app GET cookie=[] ") and text.endswith(" page")
    reply = person(running, session=False).get("/page.txt")
    assert reply.status in (303, 401) and b"whole" not in reply.body


def test_a_connection_is_kept_over_every_answer(start):
    """Refusals with and without bodies leave it in step."""
    running = start()
    good = tickets.make()
    connection = running.connect()
    for _ in range(2):
        for cookie, method, size in ((good, "GET", 0), ("none", "GET", 0), (good, "POST", 100_000), ("none", "POST", 100_000),
                                     (tickets.make(issued=-50000), "POST", 1_000_000), ("none", "PUT", 10), (good, "HEAD", 0),
                                     ("none", "HEAD", 0), (good, "POST", 1_000_000)):
            body = b"x" * size if size else None
            connection.request(method, "/", body, {"X-Proven": "alice", "Cookie": f"{COOKIE}={cookie}"})
            reply = connection.getresponse()
            text = reply.read()
            assert (reply.status == 200) == (cookie == good), (cookie, method, reply.status)
            assert text.startswith(b"app ") == (cookie == good and method != "HEAD")
            assert not reply.will_close, (cookie, method)
    connection.close()


def test_a_body_in_pieces_is_taken_or_refused_whole(start):
    running = start()
    for cookie, status in ((tickets.make(), 200), ("none", 401)):
        connection = running.connect()
        connection.request("POST", "/", iter([b"x" * 50_000] * 10), encode_chunked=True,
                           headers={"X-Proven": "alice", "Cookie": f"{COOKIE}={cookie}", "Transfer-Encoding": "chunked"})
        reply = connection.getresponse()
        assert reply.status == status, reply.read()
        reply.read()
        connection.request("GET", "/", headers={"X-Proven": "alice", "Cookie": f"{COOKIE}={tickets.make()}"})
        assert connection.getresponse().status == 200
        connection.close()


def test_a_body_that_expects_to_be_asked_for_is_not_asked_for_in_vain(start):
    running = start()
    connection = running.connect()
    connection.connect()
    connection.sock.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Proven: alice\r\nExpect: 100-continue\r\n"
                            b"Content-Length: 1000000\r\n\r\n")
    assert connection.sock.recv(65536).startswith(b"HTTP/1.1 401 ")
    connection.close()


def test_over_http_2_bodies_and_refusals_share_a_connection(start, tmp_path):
    running = start()
    body = tmp_path / "body"
    body.write_bytes(b"x" * 1_000_000)
    asked = []
    for cookie in (tickets.make(), "none", tickets.make(), tickets.make(issued=-50000), tickets.make()):
        for post in (("--data-binary", f"@{body}"), ()):
            asked += ["--next"] if asked else []
            asked += ["-s", "--http2", "--cacert", "/etc/sms365/ca.pem", "-o", "/dev/null", "-w",
                      "%{http_version} %{http_code} %{num_connects}\n", "-H", "X-Proven: alice", "-H", "Accept: */*",
                      "-b", f"{COOKIE}={cookie}", *post, f"https://127.0.0.1:{running.port}/"]
    said = world.run("curl", *asked).split("\n")[:-1]
    refused = "401" if running.demand == "auth_request" else "303"
    assert said == ["2 200 1", "2 200 0", "2 401 0", f"2 {refused} 0", "2 200 0", "2 200 0", "2 401 0", f"2 {refused} 0",
                    "2 200 0", "2 200 0"]


@contextlib.contextmanager
def application(path, answer):
    """An application behind a socket: answer(client, heard) has each connection, and adds what it heard to the list."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        world.run("chmod", "666", path)
        listening.listen()
        heard = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with client:
                        answer(client, heard)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield heard
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        os.unlink(path)


def take(client, is_whole):
    """What comes until that is a whole request, or the client leaves."""
    taken = b""
    while not is_whole(taken) and (piece := client.recv(65536)):
        taken += piece
    return taken


def echo(client, heads):
    """Takes every upgrade, tells what it was sent, and then says everything twice."""
    heads.append(take(client, lambda head: b"\r\n\r\n" in head).decode())
    client.sendall(GREETING.encode())
    while said := client.recv(65536):
        client.sendall(said * 2)


def upgrade(running, cookie):
    connection = running.connect()
    connection.connect()
    connection.sock.sendall(f"GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Proven: alice\r\nCookie: a=b; {COOKIE}={cookie}\r\n"
                            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    return connection


def test_a_websocket_is_for_who_has_a_session(start):
    """An upgrade is let through, or refused with 401 before the application hears of it: nobody could follow a redirect."""
    running = start("location = /socket { %DEMAND% proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
                    "proxy_set_header Connection upgrade; proxy_pass http://unix:%DIR%/socket; }")
    with application(f"{running.directory}/socket", echo) as heads:
        for cookie in ("none", "", tickets.make(issued=-50000)):
            refused = upgrade(running, cookie)
            assert refused.sock.recv(65536).startswith(b"HTTP/1.1 401 ")
            refused.close()
        assert heads == []
        taken = upgrade(running, tickets.make())
        assert taken.sock.recv(65536).startswith(b"HTTP/1.1 101 ")
        for said in (b"one", b"another"):
            taken.sock.sendall(said)
            assert taken.sock.recv(65536) == said * 2
        taken.close()
    [head] = heads
    assert "Cookie: a=b\r\n" in head and COOKIE not in head


FASTCGI_OUT, FASTCGI_IN_ENDS = b"\x01\x06\0\x01", b"\x01\x05\0\x01" + bytes(4)
FASTCGI_END = b"\x01\x03\0\x01\0\x08\0\0" + bytes(8)
CGI_ANSWER = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nok"
# How nginx speaks to applications: when a request without a body is whole, and an answer.
PROTOCOLS = {
    "fastcgi": (lambda taken: taken.endswith(FASTCGI_IN_ENDS),
                FASTCGI_OUT + len(CGI_ANSWER).to_bytes(2, "big") + b"\0\0" + CGI_ANSWER + FASTCGI_END),
    "scgi": (lambda taken: taken.endswith(b"\0,"), CGI_ANSWER),
    "uwsgi": (lambda taken: len(taken) > 4 and len(taken) >= 4 + int.from_bytes(taken[1:3], "little"), CGI_ANSWER),
    "proxy": (lambda taken: taken.endswith(b"\r\n\r\n"), b"HTTP/1.0 200 OK\r\n\r\nok"),
}


def application_of(running, protocol):
    """An application that is spoken to so; what it heard is all that nginx wrote."""
    is_whole, answer = PROTOCOLS[protocol]

    def serve(client, heard):
        heard.append(take(client, is_whole))
        client.sendall(answer)

    return application(f"{running.directory}/{protocol}.app", serve)


def ask_with_cookies(running, path, cookies):
    """A request with these Cookie headers, and a session among them that opens the path."""
    connection = running.connect()
    with contextlib.closing(connection):
        connection.putrequest("GET", path)
        for name, value in (("X-Proven", "alice"), *(("Cookie", value) for value in cookies)):
            connection.putheader(name, value)
        connection.endheaders()
        reply = connection.getresponse()
        return reply.status, reply.read().decode()


def cookie_headers():
    """The ways in which our cookies stand beside those of the application, theme=dark and x=1."""
    ours, login = f"{COOKIE}={tickets.make()}", f"{COOKIE}-login={tickets.make(purpose=tickets.LOGIN)}"
    return ([f"theme=dark; {ours}; x=1"], [f"{ours}; theme=dark; x=1; {login}"], [ours, "theme=dark", login, "x=1"],
            ["theme=dark; x=1", ours])


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi", "uwsgi"])
def test_no_application_sees_our_cookies_in_whatever_way_it_is_spoken_to(start, protocol):
    """Neither among the headers that nginx hands on nor in a parameter that is made of them."""
    running = start(f"location /{protocol}/ {{ %DEMAND% {protocol}_pass unix:%DIR%/{protocol}.app; {protocol}_param OWN $http_cookie; }}")
    with application_of(running, protocol) as heard:
        for headers in cookie_headers():
            assert ask_with_cookies(running, f"/{protocol}/", headers) == (200, "ok")
    assert len(heard) == len(cookie_headers())
    for text in heard:
        assert b"OWN" in text and text.count(b"theme=dark") == text.count(b"x=1") == 2, text
        assert COOKIE.encode() not in text, text


def test_no_application_behind_grpc_sees_our_cookies(start):
    running = start("location /grpc/ { %DEMAND% grpc_pass unix:%DIR%/grpc; grpc_set_header X-Own $http_cookie; }")
    for headers in cookie_headers():
        status, text = ask_with_cookies(running, "/grpc/", headers)
        assert status == 200 and text.count("theme=dark") == text.count("x=1") == 2 and COOKIE not in text, text


def test_what_asks_on_behalf_of_a_request_takes_no_cookie_of_ours_along(start):
    """A mirror, and an auth server beside us."""
    running = start("location /mirrored/ { %DEMAND% mirror /aside; proxy_pass http://unix:%DIR%/app; }"
                    "location /asked/ { sms365_access on; auth_request /aside; proxy_pass http://unix:%DIR%/app; }"
                    "location = /aside { internal; auth_request off; proxy_pass http://unix:%DIR%/proxy.app; }")
    for path in ("/mirrored/", "/asked/"):
        with application_of(running, "proxy") as heard:
            for headers in cookie_headers():
                status, text = ask_with_cookies(running, path, headers)
                assert status == 200 and "theme=dark" in text and COOKIE not in text, text
            until(lambda heard=heard: len(heard) == len(cookie_headers()))
        for text in heard:
            assert b"theme=dark" in text and COOKIE.encode() not in text, (path, text)


INJECTED = ("\r\nX-Injected: yes", "%0d%0aX-Injected:%20yes", "%0D%0A%0D%0A<injected>", "%250d%250aX-Injected: yes",
            "\nX-Injected: yes", "\rX-Injected: yes", "\u010d\u010aX-Injected: yes", "%00%0aX-Injected: yes")


def ways(piece):
    """Every place of a request in which a piece of text can stand, as (method, path, headers, body)."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    quoted = piece.replace(" ", "%20").replace("\r", "%0d").replace("\n", "%0a")
    for path in (f"/{quoted}", f"/?{quoted}", f"/portal/?next=/{quoted}", f"/portal/{quoted}", f"/portal/send?next=/{quoted}",
                 f"/portal?{quoted}"):
        yield "GET", path, {}, None
        yield "POST", path, form, "token=x"
    if not set(piece) & set("\r\n"):
        for name in ("Cookie", "Accept-Language", "Accept", "Origin", "Referer", "User-Agent", "X-Proven"):
            yield "GET", "/", {name: piece.encode()}, None
            yield "GET", "/portal/", {name: piece.encode()}, None
        yield "GET", "/portal/", {"Cookie": f"{COOKIE}-login={piece}".encode()}, None
    for body in (f"next=/{quoted}", f"next={quoted}&token=x", f"token={quoted}", f"code={quoted}&token=x", quoted):
        for name in ("send", "verify", "again", "other", "logout"):
            yield "POST", f"/portal/{name}", form, body.encode()


@pytest.mark.parametrize("piece", INJECTED, ids=range(len(INJECTED)))
def test_nobody_writes_a_header_or_a_page_for_us(start, sandbox, piece):
    running = start()
    for method, path, headers, body in ways(piece):
        browser = person(running, session=False)
        reply = browser.ask(method, path.encode("latin-1", "replace").decode("latin-1"), body, **headers)
        names = [name.lower() for name, _ in reply.all_headers]
        assert "x-injected" not in names and b"<injected>" not in reply.body, (method, path, headers, body)
        assert all(value.isprintable() for _, value in reply.all_headers), (method, path, headers, body)
        assert names.count("location") <= 1
        if "location" in names:
            assert reply.headers["location"].startswith("/portal/"), (method, path)
        assert all(line.startswith(f"{COOKIE}") for line in reply.cookies())
    assert sandbox.requests() == []
