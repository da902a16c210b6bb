"""The sandbox's API: what the provider's reference and its real replies promise."""

import concurrent.futures
import http.client
import http.server
import json
import os
import queue
import re
import ssl
import threading
import time
import urllib.parse
import xml.etree.ElementTree

import pytest

from sandbox import KEY, Sandbox, certificate

ALICE = "306971234567"
FAILS, PENDING, SLOW = "306971230001", "306971230002", "306971230003"
ENDPOINTS = os.path.join(os.path.dirname(__file__), "..", "..", "libsms365", "pure", "endpoints.def")
OK = {"status": "1", "error": "0", "remarks": "Success"}


@pytest.fixture(scope="module")
def running():
    with Sandbox.start(tls=False, delivery_after=50) as sandbox:
        yield sandbox


@pytest.fixture
def box(running):
    running.restore()
    return running


@pytest.fixture
def receiver():
    """A web server for callbacks: .url, and .calls, a queue of (path, parameters)."""
    with Receiver() as server:
        yield server


class Receiver:
    def __init__(self, tls=False):
        self.calls = calls = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                self.send_response(404 if parts.path == "/refuse" else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"OK")
                calls.put((parts.path, dict(urllib.parse.parse_qsl(parts.query)), self.path))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate())
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def timed(function, *args, **kwargs):
    start = time.monotonic()
    result = function(*args, **kwargs)
    return time.monotonic() - start, result


def multipart(**fields):
    lines = []
    for name, value in fields.items():
        lines += ["--limit", f'Content-Disposition: form-data; name="{name}"', "", value]
    return "\r\n".join(lines + ["--limit--", ""]).encode(), {"Content-Type": "multipart/form-data; boundary=limit"}


# Wire format

def test_reply_mixes_texts_and_numbers_as_the_provider_does(box):
    assert box.call("mobile/check", key=None, mobile="+30 (697) 123-4567") == {
        "status": "1", "remarks": "Success", "error": "0", "total": 1, "mobile": {
            "msisdn": "306971234567", "national": "6971234567", "country": "GREECE", "countryCode": 30,
            "gsmCode": "697", "number": "1234567", "mcc": "202", "mnc": "05", "cost": 1}}


def test_get_form_and_multipart_are_the_same(box):
    wanted = box.call("mobile/check", "GET", mobile=ALICE)
    assert wanted["mobile"]["msisdn"] == ALICE
    assert box.call("mobile/check", mobile=ALICE) == wanted
    _, _, body = box.ask("POST", "/api/mobile/check", *multipart(mobile=ALICE))
    assert json.loads(body) == wanted


@pytest.mark.parametrize("form, text", [
    ("text=a+b%2Bc", "a b+c"),
    ("text=a=b%3Dc", "a=b=c"),
    ("text=100%25+%zz", "100% %zz"),
    ("text=&text=second", None),
    ("text=%CE%A9+%ff", "Ω ?"),
], ids=["plus", "equals", "percent", "first value counts", "not UTF-8"])
def test_forms_are_decoded(box, form, text):
    reply = json.loads(box.ask("POST", "/api/sms/send", f"key={KEY}&to={ALICE}&ucs=true&{form}")[2])
    assert [m["text"] for m in box.messages()] == ([text] if text else [])
    assert reply["error"] == ("0" if text else "104")


def test_multipart_text_arrives_whole(box):
    text = "Ωραίος " * 200
    box.ask("POST", "/api/sms/send", *multipart(key=KEY, to=ALICE, ucs="true", text=text))
    assert box.messages()[0]["text"] == text


def fields_of(document):
    root = xml.etree.ElementTree.fromstring(document)
    return {child.tag: child.text if len(child) == 0 else {c.tag: c.text for c in child} for child in root}


def test_xml_has_one_root_and_one_child_a_field(box):
    _, mime, body = box.ask("GET", f"/api/mobile/check?mobile={ALICE}&type=xml")
    assert mime.startswith("text/xml") and body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    reply = fields_of(body)
    assert {**reply, **OK} == reply
    assert reply["mobile"]["msisdn"] == ALICE and reply["mobile"]["mcc"] == "202"
    assert fields_of(box.ask("GET", "/api/key/get?key=a%26b&type=xml")[2])["error"] == "101"


def test_xml_escapes_what_it_must(box):
    box.settings(key="<a&\"b'>\x01")
    _, _, body = box.ask("POST", "/api/key/get", "username=demo&password=demo&type=xml")
    assert fields_of(body)["key"] == "<a&\"b'>"


@pytest.mark.parametrize("request_, reply", [
    ("mobile/check?mobile=" + ALICE, "1|306971234567|6971234567|GREECE|30|697|1234567|202|05|1"),
    (f"key/get?key={KEY}", f"1|{KEY}"),
    (f"me/balance?key={KEY}", "1|1000"),
    ("key/get?key=wrong", "0|101|Check your credentials"),
])
def test_v2_is_fields_joined_by_bars(box, request_, reply):
    status, mime, body = box.ask("GET", f"/api/{request_}&type=v2")
    assert (status, mime, body.decode()) == (200, "text/plain; charset=utf-8", reply)


@pytest.mark.parametrize("shape, lists", [
    ("rows", {"0": {"smsId": "ID", "status": "s"}, "total": 1}),
    ("arrays", {"sms": [{"smsId": "ID", "status": "s"}], "total": 1}),
    ("wrapped", {"sms": {"smsId": "ID", "status": "s"}, "total": 1}),
])
def test_lists_take_the_shape_that_is_set(box, shape, lists):
    box.settings(shape=shape)
    id_ = box.call("sms/send", to=PENDING, text="x")["smsId"]
    reply = box.call("status/sms", smsId=id_)
    assert json.loads(json.dumps(reply).replace(id_, "ID")) == {**OK, **lists}
    form = f"key={KEY}&smsId={id_}&type="
    assert box.ask("POST", "/api/status/sms", form + "v2")[2].decode() == f"{id_}|s"
    assert fields_of(box.ask("POST", "/api/status/sms", form + "xml")[2])["sms"] == {"smsId": id_, "status": "s"}


def test_unknown_endpoint_and_method_are_http_errors(box):
    assert box.ask("GET", "/api/2fa/guess")[0] == 404
    assert box.ask("GET", "/2fa/send")[0] == 404
    assert box.ask("PUT", "/api/2fa/send")[0] == 405


def test_too_large_a_body_is_refused(box):
    assert box.ask("POST", "/api/sms/send", f"key={KEY}&to={ALICE}&text={'x' * 100000}")[0] == 413
    assert box.messages() == []


# Errors of the reference

ERRORS = [
    ("mobile/check", {"mobile": "2101234567"}, 201), ("mobile/check", {"mobile": "no digits"}, 201),
    ("mobile/check", {"mobile": "9" * 65}, 201), ("mobile/check", {"mobile": ""}, 205), ("mobile/check", {}, 205),
    ("key/get", {"key": "wrong"}, 101), ("key/get", {"key": None, "username": "demo", "password": "x"}, 101),
    ("key/get", {"key": None}, 101), ("key/get", {"key": None, "username": "demo"}, 101),
    ("key/reset", {"key": "wrong"}, 101),
    ("me/balance", {"key": None}, 101), ("balance/get", {"key": ""}, 101),
    ("sms/send", {"key": "wrong", "to": ALICE, "text": "x"}, 101), ("sms/send", {"text": "x"}, 102),
    ("sms/send", {"to": "", "text": "x"}, 102), ("sms/send", {"to": "12", "text": "x"}, 103),
    ("sms/send", {"to": ALICE}, 104), ("sms/send", {"to": ALICE, "text": ""}, 104),
    ("sms/send", {"to": ALICE, "text": "x" * 1601}, 104),
    ("sms/send", {"balance": 0.999, "to": ALICE, "text": "x"}, 105),
    ("sms/send", {"fault": "sms/send:error=106", "to": ALICE, "text": "x"}, 106),
    ("2fa/send", {"key": "wrong", "to": ALICE}, 101), ("2fa/send", {}, 102), ("2fa/send", {"to": "+30 210 1234567"}, 103),
    ("2fa/send", {"balance": 0, "to": ALICE}, 105), ("2fa/send", {"fault": "2fa/send:error=106", "to": ALICE}, 106),
    ("2fa/check", {"key": "wrong", "authId": "x", "code": "1"}, 101), ("2fa/check", {"code": "1"}, 300),
    ("2fa/check", {"authId": "x"}, 301), ("2fa/check", {"authId": "x", "code": ""}, 301),
    ("2fa/check", {"authId": "x", "code": "1234"}, 302), ("2fa/check", {"authId": "x" * 200, "code": "1234"}, 302),
    ("status/sms", {"key": "wrong", "smsId": "1"}, 101),
]


@pytest.mark.parametrize("endpoint, params, error", ERRORS)
def test_documented_error(box, endpoint, params, error):
    params = dict(params)
    settings = {name: params.pop(name) for name in ("balance", "fault") if name in params}
    if settings:
        box.settings(**settings)
    reply = box.call(endpoint, **params)
    with open(ENDPOINTS, encoding="utf-8") as table:
        words = re.search(rf'ERROR_TEXT\({error}, "([^"]*)"', table.read())[1]
    assert reply == {"status": "0", "error": str(error), "remarks": words}
    assert box.messages() == []


def test_every_documented_error_is_tried():
    with open(ENDPOINTS, encoding="utf-8") as table:
        text = table.read()
    paths = dict(re.findall(r'^ENDPOINT\((\w+), "([^"]+)"', text, re.M))
    documented = {(paths[id_], int(code)) for id_, code in re.findall(r"^FAULT\((\w+), (\d+)\)", text, re.M)}
    served = {endpoint for endpoint, _, _ in ERRORS}
    tried = {(endpoint, code) for endpoint, _, code in ERRORS}
    assert {row for row in documented if row[0] in served} <= tried


def test_error_that_the_reference_does_not_name_has_no_number(box):
    assert box.call("status/sms", smsId="999") == {"status": "0", "remarks": "Message not found"}
    assert box.call("status/sms")["status"] == "0"
    assert box.ask("POST", "/api/status/sms", f"key={KEY}&smsId=1&type=v2")[2] == b"0||Message not found"


def test_wrong_address_looks_exactly_like_a_wrong_key(box):
    wrong_key = box.ask("POST", "/api/key/get", "key=wrong")
    box.settings(whitelist="10.0.0.0/8,::1")
    assert box.ask("POST", "/api/key/get", f"key={KEY}") == wrong_key
    assert box.ask("POST", "/api/key/get", "username=demo&password=demo") == wrong_key
    assert box.call("2fa/send", to=ALICE)["error"] == "101"
    assert box.call("mobile/check", mobile=ALICE)["status"] == "1"
    box.settings(whitelist="")
    assert box.call("me/balance")["error"] == "101"


@pytest.mark.parametrize("whitelist, allowed", [
    ("127.0.0.1", True), ("127.0.0.0/31", True), ("127.0.0.2", False), ("126.0.0.0/7", True), ("128.0.0.0/1", False),
    ("0.0.0.0/0", True), ("::/0", True), ("::1", False), ("10.0.0.0/8,127.0.0.1/32", True), ("::ffff:127.0.0.1", True),
])
def test_whitelist_ranges(box, whitelist, allowed):
    box.settings(whitelist=whitelist)
    assert box.call("key/get")["error"] == ("0" if allowed else "101")


def test_ipv6_clients_are_held_against_ipv6_ranges():
    with Sandbox.start(tls=False, listen="[::1]:0", whitelist="::1") as box:
        assert box.call("key/get")["error"] == "0"
        box.settings(whitelist="127.0.0.0/8,fe80::/10")
        assert box.call("key/get")["error"] == "101"


# Account

def test_key_by_password_by_key_and_anew(box):
    assert box.call("key/get", key=None, username="demo", password="demo") == {**OK, "key": KEY}
    assert box.call("key/get") == {**OK, "key": KEY}
    fresh = box.call("key/reset")["key"]
    assert re.fullmatch("[0-9a-f]{32}", fresh)
    assert box.call("key/get", key=KEY)["error"] == "101"
    assert box.call("key/get", key=fresh)["key"] == fresh


def test_balance_falls_by_what_messages_cost_to_the_last_fraction(box):
    box.settings(balance=2.5)
    sent = box.call("sms/send", to="447700900123", text="x")
    assert (sent["cost"], sent["balance"], sent["mcc"], sent["mnc"]) == (1.25, 1.25, "234", "10")
    assert box.call("2fa/send", to="447700900123", wait=0)["status"] == "1"
    assert box.call("me/balance") == {**OK, "balance": 0}
    assert box.call("balance/get") == {**OK, "balance": 0}
    assert box.call("sms/send", to="447700900123", text="x")["error"] == "105"
    assert len(box.messages()) == 2


# Codes

def test_code_takes_the_place_of_its_mark_and_is_accepted_as_often_as_asked(box):
    reply = box.call("2fa/send", to=ALICE, text="a %%CODE%% b %%CODE%%", wait=0, **{"from": "Bank"})
    message = box.messages(ALICE)[0]
    code = message["code"]
    assert re.fullmatch("[0-9]{4}", code)
    assert (message["text"], message["from"], message["to"]) == (f"a {code} b {code}", "Bank", ALICE)
    assert reply == {**OK, "authId": message["authId"], "authStatus": "s"}
    wrong = "0000" if code != "0000" else "1111"
    for given, auth in [(wrong, "nok"), (code, "ok"), (code, "ok"), (code + "1", "nok"), (wrong, "nok"), (code, "ok")]:
        assert box.call("2fa/check", authId=message["authId"], code=given) == {**OK, "auth": auth}


def test_text_of_its_own_or_without_a_mark(box):
    box.call("2fa/send", to=ALICE, wait=0)
    box.call("2fa/send", to=ALICE, wait=0, text="no mark")
    first, second = box.messages()
    assert first["code"] in first["text"] and first["text"] != first["code"]
    assert second["text"] == "no mark"
    assert box.call("2fa/check", authId=second["authId"], code=second["code"])["auth"] == "ok"


def test_codes_are_apart_and_a_code_opens_its_own_challenge_only(box):
    for _ in range(40):
        box.call("2fa/send", to=ALICE, wait=0)
    messages = box.messages()
    assert len({m["authId"] for m in messages}) == len({m["id"] for m in messages}) == 40
    assert len({m["code"] for m in messages}) > 30
    one, other = next((a, b) for a in messages for b in messages if a["code"] != b["code"])
    assert box.call("2fa/check", authId=one["authId"], code=other["code"])["auth"] == "nok"


def test_seed_makes_codes_and_ids_reproducible():
    def throw(**flags):
        with Sandbox.start(tls=False, **flags) as box:
            box.call("2fa/send", to=ALICE, wait=0)
            return box.call("sms/send", to=ALICE, text="x")["smsId"], box.messages()[0]["code"], \
                box.messages()[0]["authId"], box.call("key/reset")["key"]
    assert throw(seed=7) == throw(seed=7)
    assert throw(seed=7) != throw(seed=8)
    assert throw() != throw()


@pytest.mark.parametrize("text, ucs, shown, parts", [
    ("x" * 160, "false", None, 1), ("x" * 161, "false", None, 2), ("x" * 307, "false", None, 3),
    ("€" * 80, "false", None, 1), ("[" * 81, "false", None, 2), ("ΔΦΓΛΩΠΨΣΘΞ", "false", None, 1),
    ("Ωραία α", "false", "Ω???? ?", 1), ("α" * 70, "true", None, 1), ("α" * 71, "1", None, 2), ("😀" * 36, "true", None, 2),
])
def test_alphabet_and_parts(box, text, ucs, shown, parts):
    cost = box.call("sms/send", to=ALICE, text=text, ucs=ucs)["cost"]
    message = box.messages()[0]
    assert (message["text"], message["parts"], cost) == (shown or text, parts, parts)


# Delivery

@pytest.mark.parametrize("number, status", [(ALICE, "d"), (FAILS, "f"), (SLOW, "d")])
def test_send_without_wait_is_held_until_the_report(box, number, status):
    seconds, reply = timed(box.call, "2fa/send", to=number)
    assert reply["authStatus"] == status
    assert seconds >= (3 if number == SLOW else 0.05) - 0.001  # its clock counts whole milliseconds


def test_send_without_wait_is_held_ten_seconds_at_most_and_holds_up_nobody(box):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(timed, box.call, "2fa/send", to=PENDING)
        assert box.wait_message(PENDING)["status"] == "s"
        seconds, _ = timed(lambda: [box.call("2fa/send", to=ALICE) for _ in range(5)])
        assert seconds < 5 and not held.done()
        seconds, reply = held.result()
    assert 9.9 <= seconds < 13 and reply["authStatus"] == "s"


def test_wait_bounds_the_hold(box):
    seconds, reply = timed(box.call, "2fa/send", to=PENDING, wait=1)
    assert 1 <= seconds < 3 and reply["authStatus"] == "s"


@pytest.mark.parametrize("params", [{"wait": 0}, {"callback": "URL"}, {"callback": "URL", "wait": 20}])
def test_send_returns_at_once(box, receiver, params):
    box.settings(delivery_after=60000)
    params = {**params, **({"callback": receiver.url} if "callback" in params else {})}
    seconds, reply = timed(box.call, "2fa/send", to=ALICE, **params)
    assert seconds < 8 and reply["authStatus"] == "s"


def test_setting_decides_the_fate_of_other_numbers(box):
    box.settings(delivery="f", delivery_after=0)
    assert box.call("2fa/send", to=ALICE)["authStatus"] == "f"
    box.settings(delivery="s")
    assert box.call("2fa/send", to=ALICE, wait=1)["authStatus"] == "s"


def test_status_follows_the_report(box):
    id_ = box.call("sms/send", to=FAILS, text="x")["smsId"]
    assert box.wait_status(id_, "f")["id"] == id_
    assert box.call("status/sms", smsId=id_)["0"] == {"smsId": id_, "status": "f"}


def test_scheduled_message_arrives_at_its_time(box):
    at = int(time.time()) + 6
    id_ = box.call("sms/send", to=ALICE, text="later", timestamp=at)["smsId"]
    assert box.messages() == [] and box.call("status/sms", smsId=id_)["0"]["status"] == "s"
    message = box.wait_message(ALICE)
    assert time.time() >= at and message["text"] == "later"
    box.wait_status(id_, "d")


@pytest.mark.parametrize("url, joined", [("/report", "?"), ("/report?a=b", "&"), ("/report?a=b#part", "&")])
@pytest.mark.parametrize("endpoint", ["2fa/send", "sms/send"])
def test_callback_is_called_with_the_report(box, receiver, endpoint, url, joined):
    for number, status, cost in [(ALICE, "d", "1"), ("447700900001", "f", "1.25")]:
        box.call(endpoint, to=number, text="x %%CODE%%", callback=receiver.url + url)
        path, params, raw = receiver.calls.get(timeout=10)
        id_ = box.messages(number)[0]["id"]
        assert path == "/report" and f"{joined}msgid={id_}&status={status}" in raw
        network = {"mcc": "202", "mnc": "05"} if number == ALICE else {"mcc": "234", "mnc": "10"}
        own = {"a": "b"} if "a=b" in url else {}
        assert params == {**own, "msgid": id_, "status": status, "cost": cost, "to": number, **network}


def test_callbacks_that_cannot_be_made_are_counted_and_hold_up_nothing(box, receiver):
    unused = Receiver()
    unused.server.server_close()
    for url in (receiver.url + "/refuse", unused.url, "file:///etc/passwd", "nonsense"):
        box.call("2fa/send", to=ALICE, callback=url)
    box.call("2fa/send", to=ALICE, callback=receiver.url + "/good")
    assert {receiver.calls.get(timeout=10)[0] for _ in range(2)} == {"/refuse", "/good"}
    deadline = time.monotonic() + 10
    while sum(box.stats()["callbacks"].values()) < 5 and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert box.stats()["callbacks"] == {"done": 1, "failed": 4}


def test_pending_message_calls_nobody(box, receiver):
    box.call("sms/send", to=PENDING, text="x", callback=receiver.url + "/pending")
    box.call("sms/send", to=ALICE, text="x", callback=receiver.url + "/delivered")
    assert receiver.calls.get(timeout=10)[0] == "/delivered" and receiver.calls.empty()


def test_callback_over_https_goes_to_trusted_servers_only():
    with Receiver(tls=True) as receiver:
        with Sandbox.start(tls=False, delivery_after=0, callback_ca=certificate()[0]) as box:
            box.call("sms/send", to=ALICE, text="x", callback=receiver.url + "/trusted")
            assert receiver.calls.get(timeout=10)[0] == "/trusted"
        with Sandbox.start(tls=False, delivery_after=0) as box:
            box.call("sms/send", to=ALICE, text="x", callback=receiver.url + "/unknown")
            deadline = time.monotonic() + 10
            while box.stats()["callbacks"]["failed"] == 0 and time.monotonic() < deadline:
                threading.Event().wait(0.02)
            assert box.stats()["callbacks"] == {"done": 0, "failed": 1}
            assert receiver.calls.empty()
