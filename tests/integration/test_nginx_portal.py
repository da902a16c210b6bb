"""The portal in Debian's nginx, without JavaScript: a code is sent, entered, and leads back to where a person was going."""

import functools
import json
import os
import re
import signal
import time

import pytest

import tickets
from portal import (EXAMPLES, FORMS, LOGIN, PORTAL, SESSION, SOON_SECONDS, ends_within, log_in, notice, send,
                    serve_others)
from product import CONF, FAILS, NUMBER, OTHER_NUMBER
from programs import wrong
from webserver import example, password_file
from world import beside, until


@pytest.fixture(params=EXAMPLES)
def web(request, product, nginx, alice, bob):
    password_file(alice, bob)
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    return nginx(example(request.param))


@pytest.fixture
def browser(web, alice):
    return web.browser(alice.name, alice.password)


def test_a_code_leads_back_to_where_a_person_was_going(web, browser, sandbox, syslog):
    page = browser.follow(browser.get("/some/page?x=1&y=%26"))
    assert page.status == 200 and "+30 69****4567" in page.text
    page = browser.follow(browser.submit(page, "send"))
    message = sandbox.wait_message(NUMBER)
    assert page.status == 200 and "one-time-code" in page.text
    reply = browser.submit(page, "verify", code=message["code"])
    assert reply.status == 303 and reply.headers["location"] == "/some/page?x=1&y=%26"
    assert browser.follow(reply).text == "app GET /some/page?x=1&y=%26 [] [alice]\n"
    assert set(browser.cookies) == {SESSION}
    assert len(sandbox.messages()) == 1
    syslog.wait('^sms365.*user="alice" service="app" rhost="127.0.0.1".*verdict=allow')


def test_nothing_happens_without_a_first_factor(web, sandbox, alice, bob):
    """On the application and every portal path: the Basic prompt, no cookie, no message, nobody's counters."""
    paths = ["/", "/page", PORTAL, PORTAL + "?next=/x", "/sms365", *(PORTAL + form for form in FORMS)]
    for browser in (web.browser(), web.browser("alice", "wrong"), web.browser("", ""), web.browser("nobody", "x")):
        for path in paths:
            for method in ("GET", "POST", "HEAD"):
                body = "code=1234&token=x" if method == "POST" else None
                reply = browser.ask(method, path, body, Content_Type="application/x-www-form-urlencoded")
                assert reply.status == 401, (method, path, reply.status)
                assert reply.headers["www-authenticate"] == 'Basic realm="app.example.org"'
                assert not reply.cookies()
    assert not sandbox.requests()
    assert not [name for name in os.listdir("/var/lib/sms365/web") if name.startswith("user.")]


def test_a_get_sends_nothing(web, browser, sandbox):
    for path in ("", "?next=/x", *FORMS, "send?token=x", "style.css", "nowhere", "?sent=1"):
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            browser.ask(method, PORTAL + path)
    assert not sandbox.requests()


def test_reloading_after_a_form_shows_the_page(web, browser, sandbox):
    send(browser, sandbox)
    for form in FORMS:
        page = browser.follow(browser.get(PORTAL + form + "?next=%2Fx"))
        assert page.status == 200 and "one-time-code" in page.text
    assert len(sandbox.messages()) == 1


def test_a_form_is_taken_from_the_browser_that_was_shown_it_alone(web, browser, sandbox, alice, bob):
    page = browser.get(PORTAL)
    other = web.browser(alice.name, alice.password)
    others_page = other.get(PORTAL)
    [token] = set(re.findall(r'name="token" value="([^"]*)"', page.text))
    [others] = set(re.findall(r'name="token" value="([^"]*)"', others_page.text))
    assert token != others
    login = browser.cookies[LOGIN]
    strange = ["", "x", others, token[:-1], token + "A", login, tickets.make(service="app", purpose=tickets.FORM),
               tickets.make(service="app", purpose=tickets.FORM, ident=tickets.read(login)["id"], expires=0)]
    for wrong_token in strange:
        reply = browser.post(PORTAL + "send", token=wrong_token, next="/")
        assert reply.status == 200 and notice(reply) == "The page was too old. Please try again."
    assert web.browser(alice.name, alice.password).post(PORTAL + "send", token=token, next="/").status == 200
    stranger = web.browser(bob.name, bob.password)
    stranger.cookies = dict(browser.cookies)
    assert notice(stranger.post(PORTAL + "send", token=token)) == "The page was too old. Please try again."
    for body, kind in (("token=" + token, "text/plain"), ('{"token":"' + token + '"}', "application/json"),
                       ("next=/", "application/x-www-form-urlencoded")):
        if kind != "text/plain":
            browser.ask("POST", PORTAL + "send", body, Content_Type=kind)
    assert not sandbox.requests()
    assert browser.submit(page, "send").status == 303
    assert len(sandbox.requests("2fa/send")) == 1


def test_wrong_codes_are_counted_and_end_the_message(web, browser, sandbox):
    page, message = send(browser, sandbox)
    for left in ("2 tries left", "1 try left"):
        page = browser.submit(page, "verify", code=wrong(message))
        assert page.status == 403 and notice(page) == "Wrong code."
        assert left in page.text
    page = browser.submit(page, "verify", code=wrong(message))
    assert page.status == 403 and "used up" in notice(page)
    assert SESSION not in browser.cookies
    page = browser.get(PORTAL)
    assert page.status == 403 and "Try again in" in notice(page)
    assert len(sandbox.messages()) == 1 and len(sandbox.requests("2fa/check")) == 3


def test_a_wrong_code_then_the_right_one(web, browser, sandbox):
    page, message = send(browser, sandbox, next_page="/there")
    page = browser.submit(page, "verify", code=wrong(message))
    reply = browser.submit(page, "verify", code=" " + message["code"] + "\n")
    assert reply.status == 303 and reply.headers["location"] == "/there"
    assert browser.get("/").status == 200


@pytest.mark.parametrize("answer", ["", "r", "o", "b", "12a4", "R", "../", "<script>", "1234; DROP", "\0", "1" * 400])
def test_what_is_no_code_is_no_try(web, browser, sandbox, answer):
    page, message = send(browser, sandbox)
    page = browser.submit(page, "verify", code=answer)
    assert notice(page) == "Enter the digits of the code." and "<script>" not in page.text
    assert len(sandbox.requests("2fa/send")) == 1 and not sandbox.requests("2fa/check")
    assert browser.submit(page, "verify", code=message["code"]).status == 303


def test_a_code_is_the_browsers_own(web, browser, sandbox, alice):
    page, message = send(browser, sandbox)
    other = web.browser(alice.name, alice.password)
    others_page = other.get(PORTAL)
    assert "one-time-code" not in others_page.text
    others_page, others_message = send(other, sandbox)
    other.submit(others_page, "verify", code=message["code"])
    assert SESSION not in other.cookies
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    assert other.submit(others_page, "verify", code=others_message["code"]).status == 303


def test_two_tabs_are_one_browser(web, browser, sandbox):
    first = browser.get(PORTAL + "?next=/one")
    second = browser.get(PORTAL + "?next=/two")
    browser.submit(first, "send")
    message = sandbox.wait_message(NUMBER)
    page = browser.follow(browser.submit(second, "send"))
    assert len(sandbox.messages()) == 1
    assert browser.submit(page, "verify", code=message["code"]).headers["location"] == "/two"
    assert "You are logged in" in browser.get(PORTAL + "?next=/one").text


def test_a_code_works_once(web, browser, sandbox):
    page, message = send(browser, sandbox)
    before = dict(browser.cookies)
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    browser.cookies = before
    reply = browser.submit(page, "verify", code=message["code"])
    assert reply.status == 200 and SESSION not in browser.cookies
    assert notice(reply) == "That code is too old. Have a new one sent."
    assert len(sandbox.messages()) == 1


def test_a_new_code_may_be_sent_after_a_while(web, browser, sandbox, product):
    page, message = send(browser, sandbox)
    again = browser.submit(page, "again")
    assert again.status == 200 and "too soon for another message: wait another" in notice(again)
    assert len(sandbox.messages()) == 1
    product.configure(resend_after="0")
    web.reload()
    page = browser.follow(browser.submit(again, "again"))
    newer = sandbox.wait_message(NUMBER)
    assert newer["id"] != message["id"] and notice(page) == "Only the code of the newest message counts."
    assert browser.submit(page, "verify", code=newer["code"]).status == 303


def test_after_a_failed_delivery_another_number_is_tried(web, browser, sandbox, product):
    product.users(alice=[FAILS, OTHER_NUMBER])
    product.configure(resend_after="0")
    web.reload()
    page, _ = send(browser, sandbox, FAILS)
    page = browser.follow(browser.submit(page, "other"))
    message = sandbox.wait_message(OTHER_NUMBER)
    assert "+30 69****4321" in page.text
    assert browser.submit(page, "verify", code=message["code"]).status == 303


def test_one_number_offers_no_other(web, browser, sandbox):
    page, _ = send(browser, sandbox)
    assert "another number" not in page.text
    assert browser.post(PORTAL + "other", token=page.token).status == 200
    assert len(sandbox.messages()) == 1


def test_who_has_no_number_is_told_whom_to_ask(web, product, bob):
    product.users(alice=[NUMBER])
    product.configure(contact="the helpdesk <help@example.org>")
    web.reload()
    page = web.browser(bob.name, bob.password).get(PORTAL)
    assert page.status == 403
    assert "Ask the helpdesk &lt;help@example.org&gt;." in page.text


@pytest.mark.parametrize("where", ["//evil.example", "/\\evil.example", "https://evil.example/", "evil", "",
                                   "/\t/evil.example", "/x\r\nSet-Cookie: a=b", "\\\\evil", "/ /evil", "javascript:alert(1)",
                                   "/é", "/" + "a" * 3000, '/"><script>', "/%00" + "\0"])
def test_redirects_stay_here(web, browser, sandbox, where):
    page, message = send(browser, sandbox, next_page=where)
    assert "evil" not in page.text and "<script>" not in page.text
    token = page.token
    reply = browser.post(PORTAL + "verify", token=token, code=message["code"], next=where)
    assert reply.status == 303 and reply.headers["location"] == "/"
    assert len(reply.cookies()) == 2


@pytest.mark.parametrize("where", ["/%2F/evil.example", "/%5Cevil", "/a?b=//c", "/a%0d%0aX: y".replace(" ", "%20"), "/x:y"])
def test_local_addresses_are_kept_as_they_are(web, browser, sandbox, where):
    page, message = send(browser, sandbox, next_page=where)
    assert browser.submit(page, "verify", code=message["code"]).headers["location"] == where


def test_pages_are_hardened(web, browser, sandbox):
    pages = [browser.get(PORTAL), send(browser, sandbox)[0], browser.get(PORTAL + "style.css"),
             browser.get(PORTAL + "send"), browser.ask("POST", "/x", "y")]
    for page in pages:
        assert page.headers["cache-control"] == "no-store"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "style=" not in page.text and not re.search(r"<script(?! src=)| on\w+=", page.text)
    for line in browser.get(PORTAL).cookies() + pages[0].cookies():
        assert line.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax") and line.startswith(f"{LOGIN}=")


@pytest.mark.parametrize("accepted, language", [
    ("el", "el"), ("el-GR,el;q=0.9,en;q=0.8", "el"), ("en-US,en;q=0.9,el;q=0.8", "en"), ("fr,el;q=0.2", "el"), ("", "en"),
    ("fr", "en"), ("el;q=0,en;q=0.1", "en"), ("elx", "en"), ("*", "en"), (",,;q=,el;q=0.001", "el"),
])
def test_pages_speak_the_persons_language(web, browser, sandbox, accepted, language):
    page = browser.get(PORTAL, Accept_Language=accepted)
    assert f'<html lang="{language}">' in page.text
    assert ("Αποστολή κωδικού" in page.text) == (language == "el")


def test_a_whole_login_in_greek(web, browser, sandbox):
    browser.headers["Accept-Language"] = "el"
    page, message = send(browser, sandbox)
    assert "Κωδικός από το μήνυμα" in page.text
    page = browser.submit(page, "verify", code=wrong(message))
    assert "απομένουν 2 προσπάθειες" in page.text
    assert browser.submit(page, "verify", code=message["code"]).status == 303


def test_logout_ends_the_session_in_the_browser(web, browser, sandbox):
    page, message = send(browser, sandbox)
    browser.submit(page, "verify", code=message["code"])
    page = browser.get(PORTAL)
    assert "You are logged in" in page.text
    assert browser.post(PORTAL + "logout", token="x").status == 200
    assert browser.get("/").status == 200
    page = browser.submit(page, "logout")
    assert notice(page) == "You are logged out."
    assert browser.get("/").status == 303


def test_a_session_that_was_logged_out_is_over_for_whoever_kept_its_cookie(web, browser, sandbox):
    log_in(browser, sandbox)
    kept = dict(browser.cookies)
    browser.submit(browser.get(PORTAL), "logout")
    browser.cookies = kept
    assert browser.get("/").status == 303
    web.reload()
    assert browser.get("/").status == 303


@pytest.mark.parametrize("end", ["revoke", "all", "another number", "removed"])
def test_an_administrator_ends_sessions(web, browser, sandbox, product, bob, end):
    other = web.browser(bob.name, bob.password)
    log_in(browser, sandbox)
    log_in(other, sandbox, OTHER_NUMBER)
    if end == "revoke":
        assert "The web sessions of alice end" in product.sms365("session", "revoke", "alice")
    elif end == "all":
        product.sms365("session", "revoke", "--all")
    elif end == "another number":
        product.sms365("user", "add", "alice", "306971234568", "--replace", "--no-check")
    else:
        product.sms365("user", "remove", "alice")
    assert ends_within(browser, SOON_SECONDS)
    if end == "all":
        assert ends_within(other, SOON_SECONDS)
    else:
        assert other.get("/").status == 200
    # A session that begins later holds.
    if end in ("revoke", "all"):
        time.sleep(1.1)
        page = browser.follow(browser.get("/"))
        assert page.status == 200


def test_sessions_are_listed(web, browser, sandbox, product, bob):
    assert "There is no web session." in product.sms365("session", "list")
    other = web.browser(bob.name, bob.password)
    log_in(browser, sandbox)
    log_in(other, sandbox, OTHER_NUMBER)
    until(lambda: product.sms365("session", "list").count("\n") >= 2)
    listed = json.loads(product.sms365("--json", "session", "list"))["sessions"]
    assert {(one["user"], one["service"], one["address"]) for one in listed} == {
        ("alice", "app", "127.0.0.1"), ("bob", "app", "127.0.0.1")}
    [alices] = json.loads(product.sms365("--json", "session", "list", "alice"))["sessions"]
    assert alices["id"] == tickets.read(browser.cookies[SESSION])["id"].hex()[:8]
    product.sms365("session", "revoke", "alice")
    assert "alice" not in product.sms365("session", "list") and "bob" in product.sms365("session", "list")


def test_no_session_holds_while_nobody_can_tell_what_is_revoked(web, browser, sandbox):
    log_in(browser, sandbox)
    journal = "/var/lib/sms365/web/sessions"
    until(lambda: os.path.exists(journal))
    os.chmod(journal, 0o644)
    assert ends_within(browser, 15)
    os.chmod(journal, 0o600)
    until(lambda: browser.get("/").status == 200)
    assert "revoked sessions cannot be told" in web.log()


def test_a_program_is_told_where_to_log_in(web, browser):
    reply = browser.get("/api?a=1", Accept="application/json")
    assert reply.status == 401 and reply.headers["content-type"] == "application/json"
    assert reply.text == '{"error":"code_needed","login":"/sms365/?next=%2Fapi%3Fa%3D1"}\n'
    assert browser.get("/", Accept="text/html,application/json").status == 303
    assert browser.get("/", Connection="Upgrade", Upgrade="websocket").status == 401
    # What comes from a page in a browser, which would take 401 for a wrong password.
    origin = {"Origin": f"https://127.0.0.1:{web.port}"}
    assert browser.get("/", Connection="Upgrade", Upgrade="websocket", **origin).status == 403
    assert browser.ask("POST", "/", "x=1", **origin).status == 403
    assert browser.get("/", Accept="application/json", **origin).status == 401


def test_a_program_goes_the_same_way(web, browser, sandbox):
    browser.headers["Accept"] = "application/json"
    start = json.loads(browser.get(PORTAL + "?next=/there").text)
    assert (start["page"], start["number"], start["next"]) == ("send", "+30 69****4567", "/there")
    assert "usable" not in start
    reply = browser.post(PORTAL + "send", token=start["token"], next="/there")
    assert reply.headers["content-type"] == "application/json"
    state = json.loads(reply.text)
    message = sandbox.wait_message(NUMBER)
    assert (state["page"], state["usable"], state["tries_left"], state["numbers"]) == ("code", True, 3, 1)
    assert 0 < state["resend_after_s"] <= 30
    reply = browser.post(PORTAL + "verify", token=state["token"], code=wrong(message))
    state = json.loads(reply.text)
    assert (reply.status, state["page"], state["notice"], state["tries_left"]) == (403, "code", "Wrong code.", 2)
    reply = browser.post(PORTAL + "verify", token=state["token"], code=message["code"], next="/there")
    state = json.loads(reply.text)
    assert (reply.status, state["page"], state["next"]) == (200, "done", "/there")
    assert browser.get("/").status == 200
    assert browser.post(PORTAL + "logout", token=state["token"]).status == 200
    assert browser.get("/").status == 401
    assert not sandbox.requests("2fa/send")[1:]


def step(browser, name, state, **fields):
    """One step of a program, with the token of what it was told before: what it is told, once a message is not on its way."""
    reply = browser.post(PORTAL + name, token=state["token"], next="/there", **fields)
    told = [json.loads(reply.text)]
    if name in ("send", "again", "other") and told[0]["page"] == "code" and not told[0]["usable"]:
        until(lambda: told.append(json.loads(browser.get(PORTAL).text)) or told[-1]["usable"])
    return reply.status, told[-1]


def begin(browser):
    """A program that has had a message sent: what it is told."""
    browser.headers["Accept"] = "application/json"
    status, state = step(browser, "send", json.loads(browser.get(PORTAL).text))
    assert (status, state["page"], state["usable"]) == (200, "code", True)
    return state


def test_a_program_has_another_message_sent_when_it_is_time(web, browser, sandbox, product):
    state = begin(browser)
    old = sandbox.wait_message(NUMBER)
    status, state = step(browser, "again", state)
    assert (status, state["page"], state["usable"]) == (200, "code", True)
    assert state["notice"].startswith("It is too soon for another message") and 0 < state["resend_after_s"] <= 30
    assert len(sandbox.messages()) == 1
    product.configure(resend_after="0")
    web.reload()
    status, state = step(browser, "again", state)
    new = sandbox.wait_message(NUMBER)
    assert (status, state["page"], state["tries_left"]) == (200, "code", 3)
    assert state["notice"] == "Only the code of the newest message counts."
    assert new["id"] != old["id"] and len(sandbox.messages()) == len(sandbox.requests("2fa/send")) == 2
    if old["code"] != new["code"]:
        status, state = step(browser, "verify", state, code=old["code"])
        assert (status, state["page"], state["tries_left"]) == (403, "code", 2)
    status, state = step(browser, "verify", state, code=new["code"])
    assert (status, state["page"], state["next"]) == (200, "done", "/there")
    assert browser.get("/").status == 200 and len(sandbox.messages()) == 2


def test_a_program_has_a_message_sent_to_another_number(web, browser, sandbox, product):
    product.users(alice=[FAILS, OTHER_NUMBER])
    product.configure(resend_after="0")
    web.reload()
    state = begin(browser)
    assert (state["number"], state["numbers"]) == ("+30 69****0001", 2)
    status, state = step(browser, "other", state)
    message = sandbox.wait_message(OTHER_NUMBER)
    assert (status, state["page"], state["number"], state["numbers"]) == (200, "code", "+30 69****4321", 2)
    assert [message["to"] for message in sandbox.messages()] == [FAILS, OTHER_NUMBER]
    status, state = step(browser, "verify", state, code=message["code"])
    assert (status, state["page"]) == (200, "done")
    assert browser.get("/").status == 200 and len(sandbox.requests("2fa/send")) == 2


def test_a_program_without_its_token_or_another_number_has_nothing_sent(web, browser, sandbox, product):
    product.configure(resend_after="0")
    web.reload()
    state = begin(browser)
    for name in ("again", "other"):
        assert step(browser, name, {"token": "x"})[1]["notice"] == "The page was too old. Please try again."
    status, state = step(browser, "other", state)
    assert (status, state["page"], state["number"]) == (200, "code", "+30 69****4567"), state
    assert state["notice"] and len(sandbox.messages()) == len(sandbox.requests("2fa/send")) == 1
    assert step(browser, "verify", state, code=sandbox.wait_message(NUMBER)["code"])[1]["page"] == "done"


def test_the_page_can_follow_what_becomes_of_the_message(web, browser, sandbox):
    """What script.js asks for, every second: the state, without a message or a try."""
    page, _ = send(browser, sandbox)
    assert f'<script src="{PORTAL}script.js" defer></script>' in page.text
    assert browser.get(PORTAL + "script.js").headers["content-type"] == "text/javascript"
    for _ in range(5):
        state = json.loads(browser.get(PORTAL, Accept="application/json").text)
        assert state["page"] == "code" and state["state"] == "sent"
    assert len(sandbox.requests()) == 1


def test_a_form_that_meets_an_expired_session_is_not_taken(web, browser, sandbox):
    browser.cookies[SESSION] = tickets.make(service="app", issued=-50000)
    for size in (10, 1_000_000):
        page = browser.ask("POST", "/form", b"x" * size)
        assert page.status == 401 and "what you sent was not taken" in notice(page)
        assert f'href="{PORTAL}?next=%2F"' in page.text and "app" not in page.text


@pytest.mark.parametrize("page, after", [
    ("https://{host}/a/form?x=1", "%2Fa%2Fform%3Fx%3D1"), ("https://{host}//evil.example/", "%2F"), ("https://{host}", "%2F"),
    ("https://evil.example/{host}/x", "%2F"), ("https://{host}.evil.example/x", "%2F"), ("https:/{host}/x", "%2F"), ("", "%2F")])
def test_after_a_form_that_was_not_taken_a_person_gets_back_to_its_page(web, browser, page, after):
    reply = browser.ask("POST", "/save", "x=1", Referer=page.format(host=f"127.0.0.1:{web.port}"))
    assert reply.status == 401 and f'href="{PORTAL}?next={after}"' in reply.text


@pytest.mark.parametrize("fault, told", [
    ("2fa/send:refuse", "cannot be reached"), ("2fa/send:101", "does not accept this machine"),
    ("2fa/send:105", "out of credit"), ("2fa/send:103", "does not accept your phone number")])
def test_trouble_with_the_provider_is_told_apart(web, browser, sandbox, product, fault, told):
    code = fault.partition(":")[2]
    if code == "refuse":
        product.add_key("main", "https://127.0.0.1:1/api")
        web.reload()
    elif code == "101":
        sandbox.settings(whitelist="192.0.2.0/24")
    elif code == "105":
        sandbox.settings(balance="0")
    else:
        product.users(alice=["99912345678"])
        web.reload()
    page = browser.submit(browser.get(PORTAL), "send")
    assert page.status == 403 and told in notice(page), page.text
    assert "Try again" in page.text


def test_a_message_whose_tries_are_lost_locks_out_for_a_while(web, browser, sandbox, product):
    product.configure(lockout_after="1", resend_after="0")
    web.reload()
    page, message = send(browser, sandbox)
    for _ in range(3):
        page = browser.submit(page, "verify", code=wrong(message))
    page = browser.get(PORTAL)
    assert page.status == 403 and "Try again in" in notice(page)


def test_a_message_that_takes_long_does_not_keep_the_form_from_a_person(web, browser, sandbox):
    sandbox.settings(fault="2fa/send:delay=4500")
    page = browser.get(PORTAL + "?next=/there")
    start = time.monotonic()
    reply = browser.submit(page, "send")
    assert time.monotonic() - start < 2.5
    page = browser.follow(reply)
    assert "being sent" in page.text and "one-time-code" in page.text
    message = sandbox.wait_message(NUMBER)
    reply = browser.submit(page, "verify", code=message["code"])
    assert reply.status == 303 and reply.headers["location"] == "/there"
    assert len(sandbox.requests("2fa/send")) == 1


def test_a_provider_that_hangs_harms_no_other_request(web, browser, sandbox, product, bob):
    product.configure(timeout="20")
    web.reload()
    sandbox.settings(fault="2fa/send:delay=10000")
    page = browser.get(PORTAL)
    with beside(functools.partial(browser.submit, page, "send")) as [reply]:
        sandbox.wait_request("2fa/send")
        serve_others(web, bob, OTHER_NUMBER)
    assert reply.result().status == 303
    assert "being sent" in browser.get(PORTAL).text, "the provider had answered by then"


def test_who_goes_away_leaves_a_challenge_behind(web, browser, sandbox):
    """The connection is closed while the message is being sent; it is there, once, when the person comes back."""
    page = browser.get(PORTAL)
    token = page.token
    sandbox.settings(fault="2fa/send:delay=500")
    connection = web.connect()
    connection.request("POST", PORTAL + "send", f"token={token}", {**browser.headers,
                       "Cookie": f"{LOGIN}={browser.cookies[LOGIN]}"})
    sandbox.wait_request("2fa/send")
    connection.close()
    message = sandbox.wait_message(NUMBER)
    page = browser.get(PORTAL)
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    assert len(sandbox.requests("2fa/send")) == 1


def test_who_goes_away_takes_an_answer_along(web, browser, sandbox):
    """It was held until its message was sent; nobody is left to be let in by it, and it costs no try."""
    sandbox.settings(fault="2fa/send:delay=4500")
    page = browser.follow(browser.submit(browser.get(PORTAL), "send"))
    assert "being sent" in page.text
    token = page.token
    connection = web.connect()
    connection.request("POST", PORTAL + "verify", f"token={token}&code=0000", {**browser.headers,
                       "Content-Type": "application/x-www-form-urlencoded",
                       "Cookie": f"{LOGIN}={browser.cookies[LOGIN]}"})
    for _ in range(2):
        web.browser().get("/")  # the one worker has read what came before this
    connection.close()
    until(lambda: any('verify HTTP/1.1" 499' in line for line in web.access_log()))
    message = sandbox.wait_message(NUMBER)
    until(lambda: "being sent" not in browser.get(PORTAL).text)
    page = browser.get(PORTAL)
    assert "3 tries left" in page.text and not sandbox.requests("2fa/check")
    assert browser.submit(page, "verify", code=message["code"]).status == 303


def test_another_worker_takes_up_a_challenge(web, browser, sandbox):
    page, message = send(browser, sandbox)
    [worker] = web.workers()
    os.kill(worker, signal.SIGKILL)
    until(lambda: worker not in web.workers())
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    web.forgive()


def test_a_reload_keeps_a_challenge(web, browser, sandbox):
    page, message = send(browser, sandbox)
    web.reload()
    assert browser.submit(page, "verify", code=message["code"]).status == 303


def test_a_reload_waits_for_a_message_that_is_being_sent(web, browser, sandbox):
    sandbox.settings(fault="2fa/send:delay=1500")
    page = browser.get(PORTAL)
    reply = browser.submit(page, "send")
    web.reload()
    page = browser.follow(reply)
    message = sandbox.wait_message(NUMBER)
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    assert len(sandbox.requests("2fa/send")) == 1


def test_more_requests_than_a_worker_may_have_are_sent_away(web, browser, sandbox, product, bob):
    product.configure(calls="1")
    sandbox.settings(fault="2fa/send:delay=4500")
    web.reload()
    page = browser.get(PORTAL)
    with beside(functools.partial(browser.submit, page, "send")) as [reply]:
        sandbox.wait_request("2fa/send")
        other = web.browser(bob.name, bob.password).get(PORTAL)
        assert other.status == 503 and other.headers["retry-after"] == "5"
    assert reply.result().status == 303


STATUS_OF_PAGES = {"gate": 401, "denied": 403, "send": 200, "code": 200, "done": 200}
OWN_FORM = ('<form method="post" action="{{base}}%s"><input type="hidden" name="token" value="{{token}}">'
            '<input type="hidden" name="next" value="{{next}}"></form>')


@pytest.mark.parametrize("replaced", STATUS_OF_PAGES)
def test_an_administrators_page_takes_the_place_of_ours_and_the_others_stay(web, browser, sandbox, product, bob, replaced):
    """With the status, the headers and the forms that ours have."""
    os.mkdir(f"{CONF}/pages", 0o755)
    product.write(f"pages/{replaced}.html", '<p class="own">{{user}}: {{?notice}}{{notice}}{{/notice}}{{!notice}}{{t.%s_title}}'
                  "{{/notice}}</p>" % replaced + OWN_FORM % "send" + OWN_FORM % "verify" + OWN_FORM % "logout")
    product.users(alice=[NUMBER])
    product.configure(templates=f"{CONF}/pages")
    web.reload()
    seen = {"gate": browser.ask("POST", "/x", "y"), "denied": web.browser(bob.name, bob.password).get(PORTAL)}
    seen["send"] = browser.get(PORTAL + "?next=/there")
    seen["code"] = browser.follow(browser.submit(seen["send"], "send"))
    reply = browser.submit(seen["code"], "verify", code=sandbox.wait_message(NUMBER)["code"])
    assert (reply.status, reply.headers["location"]) == (303, "/there")
    seen["done"] = browser.get(PORTAL)
    for name, page in seen.items():
        person = "bob" if name == "denied" else "alice"
        assert page.text.startswith(f'<p class="own">{person}: ' if name == replaced else "<!DOCTYPE html>"), (name, page.text)
        assert page.text.count("{{") == 0 and page.status == STATUS_OF_PAGES[name], name
        assert page.headers["content-type"].startswith("text/html") and page.headers["cache-control"] == "no-store", name
        assert page.headers["content-security-policy"] == seen["send"].headers["content-security-policy"], name
    assert "You are logged out." in browser.submit(seen["done"], "logout").text
    assert browser.get("/").status == 303 and len(sandbox.messages()) == 1


@pytest.mark.parametrize("text, told", [
    ("a\n{{nobody}}", "code.html:2: there is no {{nobody}}"), ("{{?notice}}", "code.html:1: not ended"),
    ("{{code", "code.html:1: {{ is not closed")])
def test_a_page_with_a_mistake_is_refused_with_its_line(product, nginx, text, told, alice):
    password_file(alice)
    os.mkdir(f"{CONF}/pages", 0o755)
    product.write("pages/code.html", text)
    product.configure(templates=f"{CONF}/pages")
    good, said = nginx(example("access"), start=False).test()
    assert not good and told in said
    product.write("pages/code.html", "fine", 0o666)
    good, said = nginx(example("access"), start=False).test()
    assert not good and "code.html" in said


def test_behind_a_single_sign_on_the_proxys_word_counts_alone(product, nginx, sandbox):
    product.users(alice=[NUMBER])
    running = nginx(example("behind-sso"))
    browser = running.browser(**{"X-Remote-User": "alice"})
    page, message = send(browser, sandbox)
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    assert browser.get("/").text == "app GET / [] [alice]\n"
    # Nobody's session opens anything for another name.
    browser.headers["X-Remote-User"] = "bob"
    assert browser.get("/").status == 303
    elsewhere = nginx(example("behind-sso").replace("127.0.0.1 1;", "192.0.2.10 1;"))
    stranger = elsewhere.browser(**{"X-Remote-User": "alice"})
    for path in ("/", PORTAL, *(PORTAL + form for form in FORMS)):
        for method in ("GET", "POST"):
            reply = stranger.ask(method, path, "code=1" if method == "POST" else None)
            assert reply.status == 401 and not reply.cookies()
    assert len(sandbox.messages()) == 1


def test_a_portal_leads_to_its_own_service_alone(product, nginx, sandbox, alice):
    password_file(alice)
    running = nginx(example("access").replace("    location / {", """    location /other/ {
        sms365_service other;
        proxy_pass http://unix:%DIR%/app;
    }
    location / {""", 1))
    browser = running.browser(alice.name, alice.password)
    log_in(browser, sandbox)
    reply = browser.get("/other/")
    assert reply.status == 401 and "location" not in reply.headers and "app" not in reply.text


def test_nothing_secret_is_in_nginxs_logs(web, browser, sandbox, syslog):
    page, message = send(browser, sandbox)
    browser.submit(page, "verify", code=wrong(message))
    browser.submit(page, "verify", code=message["code"])
    syslog.wait("verdict=allow")
    logs = web.log() + "\n".join(web.access_log()) + syslog.text()
    for secret in (message["code"] + " ", "DEMO-KEY", browser.cookies[SESSION], NUMBER):
        assert secret not in logs, secret


@pytest.mark.parametrize("wrong_use, told", [
    ("location ^~ /sms365/ { sms365_portal; }", "auth_basic is not on"),
    ("auth_basic x; auth_basic_user_file /x; location ^~ /sms365/ { auth_basic off; sms365_portal; }", "auth_basic is not on"),
    ("auth_basic $host; auth_basic_user_file /x; location ^~ /sms365/ { sms365_portal; }", "auth_basic is not on"),
    ("auth_basic x; location ^~ /sms365/ { sms365_portal; }", "auth_basic is not on"),
    ("auth_basic x; satisfy any; auth_basic_user_file /x; location ^~ /sms365/ { sms365_portal; }", "lets a request in without"),
    ("auth_basic x; auth_basic_user_file /x; location /sms365/ { satisfy any; sms365_portal; }", "lets a request in without"),
    ("auth_basic x; auth_basic_user_file /x; location ~ /sms365/ { sms365_portal; }", "ends with a slash"),
    ("auth_basic x; auth_basic_user_file /x; location = /sms365/ { sms365_portal; }", "ends with a slash"),
    ("auth_basic x; auth_basic_user_file /x; location /sms365 { sms365_portal; }", "ends with a slash"),
    ("auth_basic x; auth_basic_user_file /x; location /a/ { sms365_portal; } location /b/ { sms365_portal; }", "twice"),
    ("auth_basic x; auth_basic_user_file /x; location /a/ { sms365_portal; sms365_auth; }", "in one location"),
    ("auth_basic x; auth_basic_user_file /x; location /a/ { sms365_portal; proxy_pass http://127.0.0.1:9; }",
     "of their own: another directive of \"location /a/\""),
])
def test_a_portal_that_would_be_unsafe_is_refused(product, nginx, wrong_use, told):
    good, said = nginx(f"sms365_config {CONF}/sms365.conf; server {{ listen %PORT%; sms365_user $remote_user; {wrong_use} }}",
                       start=False).test()
    assert not good
    assert told in said and "nginx.conf:" in said


@pytest.mark.parametrize("use", [
    "auth_basic x; auth_basic_user_file $host; location /sms365/ { sms365_portal; }",
    "auth_basic x; location /sms365/ { auth_basic_user_file /x; sms365_portal; }",
    "auth_basic x; auth_basic_user_file /x; satisfy any; allow all; location /sms365/ { satisfy all; sms365_portal; }",
    "set $who ''; satisfy any; location /sms365/ { sms365_user $who; sms365_portal; }",
])
def test_a_portal_that_is_safe_is_not_refused(product, nginx, use):
    good, said = nginx(f"sms365_config {CONF}/sms365.conf; server {{ listen %PORT%; sms365_user $remote_user; {use} }}",
                       start=False).test()
    assert good, said


def test_an_administrator_unlocks_a_user_of_the_web(web, browser, sandbox, product):
    product.configure(lockout_after="1", lockout="3600", lockout_max="3600", tries="1")
    web.reload()
    page, message = send(browser, sandbox)
    assert browser.submit(page, "verify", code=wrong(message)).status == 403
    product.sms365("user", "unlock", "alice")
    page = browser.get(PORTAL)
    assert page.status == 403 and "Try again in" in notice(page)
    assert "Lifted for alice" in product.sms365("user", "unlock", "alice", "--web")
    other = web.browser(**browser.headers)
    page, message = send(other, sandbox)
    assert other.submit(page, "verify", code=message["code"]).status == 303


def test_a_code_of_our_own_names_the_site_that_it_is_for(request, product, nginx, sandbox, alice, bob):
    password_file(alice, bob)
    product.configure(code="local", origin="app.example.org")
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    browser = nginx(example("access")).browser(alice.name, alice.password)
    page, message = send(browser, sandbox)
    told = re.fullmatch(r"Your code: (\d{6})\n@app\.example\.org #(\d{6})", message["text"])
    assert told is not None and told[1] == told[2], message["text"]
    assert browser.submit(page, "verify", code=told[1]).status == 303
    assert sandbox.requests("2fa/check") == []


def test_a_code_goes_to_the_number_of_the_expression(product, nginx, sandbox, alice):
    """sms365_phone: the users file, which has another, is not asked."""
    password_file(alice)
    product.users(alice=[NUMBER])
    elsewhere = OTHER_NUMBER.removeprefix("30")
    conf = example("access").replace("sms365_user $remote_user;", "sms365_user $remote_user; sms365_phone $phone;", 1)
    running = nginx(f'map $remote_user $phone {{ alice "+30 {elsewhere}"; }}\n' + conf)
    browser = running.browser(alice.name, alice.password)
    page = browser.follow(browser.get("/there"))
    assert "+30 69****4321" in page.text
    page = browser.follow(browser.submit(page, "send"))
    message = sandbox.wait_message(OTHER_NUMBER)
    reply = browser.submit(page, "verify", code=message["code"])
    assert browser.follow(reply).text.startswith("app GET /there")
    assert [message["to"] for message in sandbox.messages()] == [OTHER_NUMBER]
