"""The sandbox as a tool: faults on demand, what it records and shows, and how it starts and ends."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import statistics
import struct
import subprocess
import threading
import time

import pytest

from sandbox import BUILD, KEY, Sandbox, certificate

ALICE = "306971234567"
PROGRAM = os.path.join(BUILD, "sms365-sandbox")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SEND = f"key={KEY}&to={ALICE}&wait=0"
WHOLE = {"status": "1", "error": "0", "remarks": "Success"}


@pytest.fixture(scope="module", params=["http", "https"])
def running(request):
    with Sandbox.start(tls=request.param == "https", delivery_after=50) as sandbox:
        yield sandbox


@pytest.fixture
def box(running):
    running.restore()
    return running


def send(box, connection=None):
    """A 2fa/send, on a connection of its own or a kept one: (HTTP status, body)."""
    if connection is None:
        status, _, body = box.ask("POST", "/api/2fa/send", SEND, FORM)
        return status, body
    connection.request("POST", "/api/2fa/send", SEND, FORM)
    reply = connection.getresponse()
    return reply.status, reply.read()


# Faults

def test_body_faults_spoil_the_reply_of_a_request_that_was_carried_out(box):
    kinds = ["http500", "html", "empty", "truncated", "garbage", "types", "huge=300000"]
    box.settings(fault=",".join(f"2fa/send:{kind}:1" for kind in kinds))
    replies = dict(zip(kinds, (send(box) for _ in kinds)))
    assert replies["http500"][0] == 500 and b"<html>" in replies["http500"][1]
    assert replies["html"][0] == 200 and replies["html"][1].startswith(b"<!DOCTYPE html>")
    assert replies["empty"] == (200, b"")
    assert replies["truncated"][1].startswith(b'{"status":"1"') and not replies["truncated"][1].endswith(b"}")
    assert len(replies["garbage"][1]) == 512
    assert json.loads(replies["huge=300000"][1])["status"] == "1" and len(replies["huge=300000"][1]) > 300000
    types = json.loads(replies["types"][1])
    assert types["status"] is True and types["error"] == ["0"] and isinstance(types["authId"], list)
    assert len(box.messages()) == len(kinds)
    sound = json.loads(send(box)[1])
    assert {**sound, **WHOLE} == sound
    assert box.settings()["fault"] == ""


def test_cut_breaks_the_connection_within_the_body(box):
    box.settings(fault="2fa/send:cut:1")
    with pytest.raises(http.client.IncompleteRead):
        send(box)
    assert len(box.messages()) == 1


@pytest.mark.parametrize("kind, complete, messages", [("drop-before", False, 0), ("drop-after", True, 1)])
def test_dropped_connection_gives_no_reply(box, kind, complete, messages):
    box.settings(fault=f"*:{kind}:1")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        send(box)
    assert len(box.messages()) == messages
    assert [(r["fault"], r["complete"]) for r in box.requests()] == [(kind, complete)]
    assert send(box)[0] == 200


@pytest.mark.parametrize("kind, messages", [("drop-before", 1), ("drop-after", 2)])
def test_kept_connection_is_dropped_at_its_second_request(box, kind, messages):
    box.settings(fault=f"2fa/send:{kind}:kept:1")
    with contextlib.closing(box.connect()) as connection:
        assert send(box, connection)[0] == 200
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            send(box, connection)
    assert send(box)[0] == 200
    assert len(box.messages()) == messages + 1
    assert [(r["connection"] == box.requests()[0]["connection"], r["number"], r["fault"]) for r in box.requests()] == [
        (True, 1, None), (True, 2, kind), (False, 1, None)]


def test_delays_add_up_and_hold_up_nobody_else(box):
    box.settings(fault="*:delay=400,2fa/send:delay=2600:1")
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = [pool.submit(box.call, "2fa/send", to=ALICE), pool.submit(box.call, "mobile/check", mobile=ALICE)]
        assert both[1].result()["status"] == "1"
        quick = time.monotonic() - start
        assert not both[0].done()
        assert both[0].result()["authStatus"] == "d"
    slow = time.monotonic() - start
    assert quick >= 0.4 and slow >= 3


def test_fault_goes_with_another(box):
    box.settings(fault="2fa/send:delay=300,2fa/send:http500:1")
    start = time.monotonic()
    assert send(box)[0] == 500 and time.monotonic() - start >= 0.3
    assert box.requests()[0]["fault"] == "http500"


def test_errors_on_demand_are_not_carried_out(box):
    box.settings(fault="2fa/send:error=106:1,2fa/send:error=777:1,2fa/send:escapes:1")
    assert box.call("2fa/send", to=ALICE) == {
        "status": "0", "error": "106", "remarks": "Failed to queue the message"}
    assert box.call("2fa/send", to=ALICE)["error"] == "777"
    assert {"\x1b", "\x07", "\r", "\n", "\x9b", "\u202e"} <= set(box.call("2fa/send", to=ALICE)["remarks"])
    assert box.messages() == []


def test_skip_and_count(box):
    box.settings(fault="2fa/send:http500:skip=2:2,2fa/check:empty:1")
    assert [send(box)[0] for _ in range(6)] == [200, 200, 500, 500, 200, 200]
    assert box.settings()["fault"] == "2fa/check:empty:1"


def test_alias_and_endpoint_share_their_faults(box):
    box.settings(fault="balance/get:http500:1")
    assert box.settings()["fault"] == "me/balance:http500:1"
    assert box.ask("POST", "/api/me/balance", f"key={KEY}", FORM)[0] == 500


@pytest.mark.parametrize("spec", [
    "2fa/send", "2fa/send:", ":html", "2fa/guess:html", "2fa/send:html=1", "2fa/send:delay", "2fa/send:delay=-1",
    "2fa/send:delay=600001", "2fa/send:html:0", "2fa/send:html:x", "2fa/send:html:skip=", "2fa/send:error=0",
    ",".join(["*:html"] * 33), "*:" + "x" * 200,
])
def test_mistaken_fault_is_refused_and_changes_nothing(box, spec):
    box.settings(fault="2fa/send:html")
    with pytest.raises(ValueError, match="^fault: "):
        box.settings(balance=5, fault=spec)
    assert (box.settings()["fault"], box.settings()["balance"]) == ("2fa/send:html", 1000)


# Settings

def test_settings_come_as_form_or_json(box):
    status, _, body = box.ask("POST", "/sandbox/settings", "balance=12.5&fault=*:delay=1&shape=arrays", FORM)
    assert status == 200 and {"balance": 12.5, "fault": "*:delay=1", "shape": "arrays"}.items() <= json.loads(body).items()
    now = box.settings(key="other", username="u", password="p", whitelist=["127.0.0.1", "fe80::/10"], delivery="s",
                       delivery_after=7, fault="", balance="0.001", shape="wrapped", hlr=["306900000001:none"],
                       hlr_balance=3, senders=["Shop"], optout="6900000001", older="yes")
    assert now == {"key": "other", "username": "u", "password": "p", "whitelist": "127.0.0.1/32,fe80::/10",
                   "delivery": "s", "delivery_after": 7, "fault": "", "balance": 0.001, "shape": "wrapped",
                   "hlr": "306900000001:none", "hlr_balance": 3, "senders": "Shop",
                   "optout": "306900000001", "older": "yes"}
    assert box.call("key/get", key="other")["status"] == "1"


@pytest.mark.parametrize("name, value", [
    ("balance", "-1"), ("balance", "1.2345"), ("balance", "1e3"), ("balance", ""), ("delivery", "x"),
    ("delivery_after", "3600001"), ("shape", "list"), ("whitelist", "127.0.0.1/33"), ("whitelist", "localhost"),
    ("key", ""), ("key", "x" * 300), ("account", "user:password"), ("colour", "red"),
])
def test_mistaken_setting_is_refused_by_name(box, name, value):
    before = box.settings()
    with pytest.raises(ValueError, match=f"^{name}: "):
        box.settings(**{"delivery": "f", name: value})
    assert box.settings() == before


# What it records

def test_requests_are_recorded_without_their_secrets(box):
    box.call("2fa/send", to=ALICE, wait=0, bogus="surprise")
    code = box.messages()[0]["code"]
    box.call("2fa/check", "GET", authId="some-id", code=code)
    box.call("key/get", key=None, username="demo", password="demo")
    box.ask("GET", "/api/none")
    first, second, third, fourth = box.requests()
    assert (first["endpoint"], first["path"], first["method"], first["remote"], first["number"], first["complete"]) == (
        "2fa/send", "/api/2fa/send", "POST", "127.0.0.1", 1, True)
    assert first["params"] == {"key": "***", "to": ALICE, "wait": "0", "bogus": "***"}
    assert (second["method"], second["params"]) == ("GET", {"key": "***", "authId": "some-id", "code": "***"})
    assert third["params"] == {"username": "demo", "password": "***"}
    assert (fourth["endpoint"], fourth["path"]) == (None, "/api/none")
    assert first["connection"] < second["connection"] < third["connection"]
    assert box.requests("2fa/check") == [second]
    assert KEY not in json.dumps(box.requests()) and "surprise" not in json.dumps(box.requests())
    stats = box.stats()
    assert (stats["connections"], stats["requests"]["2fa/send"], stats["unknown_requests"]) == (4, 1, 1)


def test_connection_on_which_nothing_is_said_shows_as_such(box):
    with socket.create_connection((box.host, box.port)):
        pass
    if box.ca:
        with contextlib.closing(box.connect()) as connection:
            connection.connect()
    stats = box.stats()
    assert stats["connections"] == (2 if box.ca else 1)
    assert stats["request_bytes"] == 0 and sum(stats["requests"].values()) == 0 and box.requests() == []
    assert box.ca or stats["socket_bytes"] == 0


def test_part_of_a_request_shows_in_the_bytes():
    with Sandbox.start(tls=False) as box:
        with socket.create_connection((box.host, box.port)) as half:
            half.sendall(b"POST /api/2fa/send HT")
            assert box.stats()["socket_bytes"] == 21
            half.sendall(b"TP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nkey=")
            assert wait_for(lambda: box.requests()) and box.requests()[0]["complete"] is False
            assert box.stats()["request_bytes"] > 21
        assert box.messages() == []


def wait_for(happened, seconds=10):
    deadline = time.monotonic() + seconds
    while not happened() and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return happened()


def test_reset_forgets_messages_and_requests(box):
    sent = box.call("2fa/send", to=ALICE, wait=0)
    assert box.ask("DELETE", "/sandbox/reset")[0] == 200
    assert box.messages() == box.requests() == []
    assert box.stats()["connections"] == box.stats()["request_bytes"] == 0
    assert box.call("2fa/check", authId=sent["authId"], code="1")["error"] == "302"


def test_messages_of_one_number_in_order_of_arrival(box):
    for text in ("one", "two"):
        box.call("sms/send", to=ALICE, text=text)
        box.call("sms/send", to="306990000000", text="another")
    mine = box.messages(ALICE)
    assert [m["text"] for m in mine] == ["one", "two"] and len(box.messages()) == 4
    assert {"id", "to", "from", "text", "code", "status", "time"} <= mine[0].keys()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", mine[0]["time"])
    asked = box.messages("+30 697 123 4567".replace(" ", "%20").replace("+", "%2B"))
    assert [m["id"] for m in asked] == [m["id"] for m in mine]
    assert box.messages("306999999999") == []


def test_oldest_messages_and_requests_make_room():
    with Sandbox.start(tls=False, balance=1000000, delivery="s") as box, contextlib.closing(box.connect()) as connection:
        for number in range(10003):
            connection.request("POST", "/api/sms/send", f"key={KEY}&to={ALICE}&text={number}", FORM)
            connection.getresponse().read()
        kept = box.messages()
        assert [len(kept), kept[0]["text"], kept[-1]["text"]] == [10000, "3", "10002"]
        assert [len(box.requests()), box.requests()[0]["number"], box.stats()["requests"]["sms/send"]] == [10000, 4, 10003]


# Events and the phone

def test_events_tell_arrival_and_delivery_and_go_on_where_a_listener_left_off(box):
    box.call("2fa/send", to=ALICE, wait=0)
    seen = []
    for event, id_, message in box.events(10):
        seen.append((event, message["status"]))
        if message["status"] == "d":
            break
    assert seen in ([("message", "s"), ("message", "d")], [("message", "d")])
    box.call("sms/send", to=ALICE, text="meanwhile")
    assert next(box.events(10, id_))[2]["text"] == "meanwhile"
    assert next(box.events(10, "12345-6"))[0] == "reset"
    box.reset()
    assert [event for event, _, _ in [next(box.events(10, id_))]] == ["reset"]


def test_many_listeners_come_and_go(box):
    for _ in range(150):
        with contextlib.closing(box.connect()) as connection:
            connection.request("GET", "/sandbox/events")
            assert connection.getresponse().status == 200
    box.call("2fa/send", to=ALICE, wait=0)
    assert box.wait_message(ALICE)
    assert wait_for(lambda: box.stats()["open_connections"] < 5)


@pytest.mark.parametrize("accepts, language", [
    ("el-GR,el;q=0.9,en;q=0.8", "el"), ("en-GB,el;q=0.5", "en"), ("de", "en"), (None, "en"),
])
def test_phone_is_one_page_in_the_reader_s_language(box, accepts, language):
    _, mime, body = box.ask("GET", "/sandbox/", headers={"Accept-Language": accepts} if accepts else {})
    page = body.decode()
    assert mime == "text/html; charset=utf-8" and f'<html lang="{language}">' in page
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", page)
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)


# The program

@pytest.mark.parametrize("arguments, complaint", [
    (["--listen", "localhost:1"], "--listen"), (["--listen", "127.0.0.1"], "--listen"),
    (["--listen", "::1:80"], "--listen"), (["--listen", "127.0.0.1:65536"], "--listen"), (["--tls", "cert"], "--tls"),
    (["--tls", "cert", "--seed", "1"], "--tls"), (["--account", "demo"], "--account"),
    (["--whitelist", "10.0.0.0/40"], "--whitelist"), (["--balance", "much"], "--balance"),
    (["--delivery", "q"], "--delivery"), (["--delivery-after", "-1"], "--delivery-after"), (["--shape", "x"], "--shape"),
    (["--fault", "x"], "--fault"), (["--seed", "x"], "--seed"), (["--ready-fd", "x"], "--ready-fd"),
    (["--listen"], "listen"), (["--colour", "red"], "colour"), (["word"], "word"),
    (["--tls", "/none/cert", "/none/key"], "/none/cert"), (["--callback-ca", "/none/ca"], "/none/ca"),
])
def test_mistaken_flag_ends_it_with_2_and_its_name(arguments, complaint):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and complaint in done.stderr and done.stdout == ""


def test_bad_certificate_and_port_in_use_end_it_with_1(tmp_path):
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate\n")
    done = subprocess.run([PROGRAM, "--listen", "127.0.0.1:0", "--tls", bad, bad], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "PEM" in done.stderr
    with Sandbox.start(tls=False) as box:
        done = subprocess.run([PROGRAM, "--listen", box.address], capture_output=True, text=True, timeout=20)
        assert done.returncode == 1 and box.address in done.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly_with_requests_held_and_listeners_waiting(how):
    box = Sandbox.start(tls=True)
    with concurrent.futures.ThreadPoolExecutor(1) as pool, contextlib.closing(box.connect()) as listener:
        listener.request("GET", "/sandbox/events")
        stream = listener.getresponse()
        held = pool.submit(box.call, "2fa/send", to="306971230002", wait=60)
        box.wait_message()
        box.process.send_signal(how)
        assert box.process.wait(10) == 0
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            held.result()
        with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
            stream.read()


def test_without_ready_fd_it_says_where_it_is():
    with subprocess.Popen([PROGRAM, "--listen", "[::1]:0", "--tls", *certificate()], stdout=subprocess.PIPE, text=True) as process:
        hint = "".join(process.stdout.readline() for _ in range(3))
        process.terminate()
        assert re.search(r"https://\[::1\]:\d+/api ", hint) and re.search(r"https://\[::1\]:\d+/sandbox/\n", hint)
        assert process.wait(10) == 0


def test_help_and_version():
    for flag in ("--help", "--version"):
        done = subprocess.run([PROGRAM, flag], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and "sms365-sandbox" in done.stdout


# Speed and crowds

def test_requests_on_a_kept_connection_do_not_wait_for_delayed_acknowledgements(box):
    with contextlib.closing(box.connect()) as connection:
        send(box, connection)
        seconds = []
        for _ in range(40):
            start = time.monotonic()
            connection.request("POST", "/api/mobile/check", f"mobile={ALICE}", FORM)
            assert connection.getresponse().read().startswith(b'{"status":"1"')
            seconds.append(time.monotonic() - start)
        assert statistics.median(seconds) < 0.04
    assert box.stats()["connections"] == 1


def test_crowd_of_clients_is_served_each_its_own(box):
    def login(number):
        to = f"30697000{number:04d}"
        with contextlib.closing(box.connect()) as connection:
            connection.request("POST", "/api/2fa/send", f"key={KEY}&to={to}", FORM)
            sent = json.loads(connection.getresponse().read())
            code = box.messages(to)[0]["code"]
            connection.request("POST", "/api/2fa/check", f"key={KEY}&authId={sent['authId']}&code={code}", FORM)
            return sent["authStatus"], json.loads(connection.getresponse().read())["auth"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(login, range(1000, 1100))) == {("d", "ok")}


def test_clients_that_reset_or_vanish_do_no_harm(box):
    for _ in range(30):
        client = socket.create_connection((box.host, box.port))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"GET /sandbox/events HTTP/1.1\r\nHost: x\r\n\r\n")
        client.close()
        with contextlib.closing(box.connect()) as connection:
            connection.request("POST", "/api/2fa/send", SEND.replace("&wait=0", ""), FORM)
    assert wait_for(lambda: len(box.messages()) > 0)
    assert box.call("2fa/send", to=ALICE)["authStatus"] == "d"


# The manual

def test_manual_names_every_flag_fault_fate_setting_and_endpoint():
    top = os.path.join(os.path.dirname(__file__), "..", "..")

    def text_of(*path):
        with open(os.path.join(top, *path), encoding="utf-8") as file:
            return file.read()

    manual = text_of("docs", "sms365-sandbox.1").replace("\\-", "-")
    flags = ["--" + name for name in re.findall(r'\{"([a-z-]+)", (?:required|no)_argument', text_of("sandbox", "options.c"))]
    faults = re.findall(r'\{FAULT_\w+, "([a-z0-9-]+)"', text_of("sandbox", "faults.c"))
    fates = re.findall(r'\{"(\d{4})", \'[dfs]\'', text_of("sandbox", "sandbox.c"))
    settings = re.findall(r'\{"(\w+)", set_', text_of("sandbox", "settings.c"))
    control = [f"{method} /sandbox/{path}" for path, method in
               re.findall(r'\{"(\w*)", "(\w+)", (?:get|post)_', text_of("sandbox", "control.c"))]
    paths = dict(re.findall(r'^ENDPOINT\((\w+), "([^"]+)"', text_of("libsms365", "pure", "endpoints.def"), re.M))
    endpoints = [paths[id_] for id_ in re.findall(r"(?m)^ +\[EP_(\w+)\]", text_of("sandbox", "api.c"))]
    endpoints += re.findall(r'\{"([a-z0-9/]+)", "', text_of("sandbox", "endpoints.c"))
    assert [len(names) > 0 for names in (flags, faults, fates, settings, control, endpoints)] == [True] * 6
    assert [name for name in flags + faults + fates + settings + control + endpoints
            if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", manual)] == []
