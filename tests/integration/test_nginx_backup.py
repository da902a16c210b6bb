"""Backup codes on the portal's pages: beside the field for the code, and in the place of a denial."""

import json
import re

import pytest

from portal import LOGIN, PORTAL, SESSION, notice, send
from product import NUMBER, OTHER_NUMBER
from programs import wrong
from webserver import example, password_file

OFFER = 'action="/sms365/backup"'


@pytest.fixture
def web(product, nginx, alice, bob):
    password_file(alice, bob)
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    return nginx(example("access"))


@pytest.fixture
def browser(web, alice):
    return web.browser(alice.name, alice.password)


@pytest.fixture
def codes(web, product):
    """alice's, for the web; nginx has made the store by now."""
    return json.loads(product.sms365("--json", "user", "backup-codes", "alice", "--web"))["codes"]


def other_than(codes):
    return next(code for code in (f"{number:08}" for number in range(100)) if code not in
                [each.replace(" ", "") for each in codes])


def left(page):
    found = re.search(r"Backup codes left: (\d+)", page.text)
    return int(found[1]) if found else None


def test_a_set_for_the_web_opens_once_and_tells_how_many_are_left(web, browser, sandbox, product, codes, syslog):
    page, _ = send(browser, sandbox, next_page="/there")
    assert left(page) == 10
    before = browser.cookies[LOGIN]
    page = browser.submit(page, "backup", code=codes[3])
    assert page.status == 200 and notice(page) == "Backup codes left: 9."
    assert 'href="/there"' in page.text and set(browser.cookies) == {SESSION, LOGIN}
    assert browser.cookies[LOGIN] != before
    assert browser.get("/there").text.startswith("app GET /there")
    syslog.wait('user="alice" service="app".*channel=backup .*verdict=allow reason=backup_code')
    assert json.loads(product.sms365("--json", "user", "backup-codes", "alice", "--for", "web", "--left"))["left"] == 9
    page = browser.submit(page, "logout")
    assert notice(page) == "You are logged out." and SESSION not in browser.cookies
    browser.cookies.clear()
    page, message = send(browser, sandbox)
    page = browser.submit(page, "backup", code=codes[3])
    assert page.status == 403 and notice(page) == "Wrong backup code, or used before."
    assert SESSION not in browser.cookies and left(page) == 9
    # The message's code is as good as before.
    assert "3 tries left" in page.text
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    assert not sandbox.requests("2fa/check")[1:]


def test_a_set_for_logins_to_the_machine_opens_nothing_here(web, browser, sandbox, product):
    made = json.loads(product.sms365("--json", "user", "backup-codes", "alice"))["codes"]
    page, _ = send(browser, sandbox)
    assert OFFER not in page.text
    token = page.token
    page = browser.post(PORTAL + "backup", token=token, code=made[0])
    assert page.status == 403 and notice(page) == "You have no backup codes." and SESSION not in browser.cookies


@pytest.mark.parametrize("written", ["{0}{1}", " {0}-{1}\n", "{0}  {1}"])
def test_it_may_be_grouped_in_any_way(web, browser, sandbox, codes, written):
    page, _ = send(browser, sandbox)
    assert browser.submit(page, "backup", code=written.format(*codes[0].split())).status == 200
    assert browser.get("/").status == 200


@pytest.mark.parametrize("answer", ["", "b", "1234", "1234567", "123456789", "1234 567x", "<script>", "1" * 400])
def test_what_is_no_backup_code_is_not_counted(web, browser, sandbox, product, codes, answer):
    page, _ = send(browser, sandbox)
    page = browser.submit(page, "backup", code=answer)
    assert notice(page) == "Enter the eight digits of a backup code." and "<script>" not in page.text
    state = json.loads(product.sms365("--json", "user", "show", "alice", "--web"))["user"]["state"]
    assert state["backup_codes_left"] == 10 and "wrong_backup_codes\": 1" not in json.dumps(state)
    assert browser.submit(page, "backup", code=codes[0]).status == 200


def test_wrong_ones_have_a_budget_of_their_own(web, browser, sandbox, product, codes):
    product.configure(failed_tries="3", resend_after="0")
    web.reload()
    page, message = send(browser, sandbox)
    for _ in range(3):
        page = browser.submit(page, "backup", code=other_than(codes))
        assert notice(page) == "Wrong backup code, or used before."
    page = browser.submit(page, "backup", code=codes[0])
    assert page.status == 403 and "used up" in notice(page) and SESSION not in browser.cookies
    product.sms365("user", "unlock", "alice", "--web")
    page = browser.get(PORTAL)
    assert browser.submit(page, "backup", code=codes[0]).status == 200


def locked_out(web, sandbox, product, alice, **settings):
    """Another browser of somebody who is locked out for a while."""
    product.configure(lockout_after="1", tries="1", **settings)
    web.reload()
    first, other = web.browser(alice.name, alice.password), web.browser(alice.name, alice.password)
    page, message = send(first, sandbox)
    first.submit(page, "verify", code=wrong(message) if "code" not in settings else "00000000")
    return other


def test_who_is_locked_out_is_offered_one_in_the_place_of_the_denial(web, sandbox, product, alice, codes):
    browser = locked_out(web, sandbox, product, alice)
    page = browser.get(PORTAL + "?next=/there")
    assert page.status == 403 and "Try again in" in notice(page) and left(page) == 10
    assert 'id="code"' not in page.text
    wrong_one = browser.submit(page, "backup", code=other_than(codes))
    assert wrong_one.status == 403 and notice(wrong_one) == "Wrong backup code, or used before." and left(wrong_one) == 10
    page = browser.submit(wrong_one, "backup", code=codes[0])
    assert page.status == 200 and left(page) == 9 and 'href="/there"' in page.text
    # Its owner is there: the lock is gone.
    browser.cookies.clear()
    assert "one-time-code" in send(browser, sandbox)[0].text
    assert len(sandbox.messages()) == 2


def test_a_message_s_code_is_not_taken_for_a_backup_code(web, sandbox, product, alice, codes):
    """Eight digits that come from a form for the message's code, when nothing but a backup code would do."""
    browser = locked_out(web, sandbox, product, alice, code="local", code_digits="8")
    token = browser.get(PORTAL).token
    page = browser.post(PORTAL + "verify", token=token, code=codes[0])
    assert page.status == 403 and OFFER in page.text
    assert json.loads(product.sms365("--json", "user", "backup-codes", "alice", "--web", "--left"))["left"] == 10


@pytest.mark.parametrize("on_outage", ["deny", "backup-codes"])
def test_while_the_provider_is_down_they_count_as_configured(web, browser, sandbox, product, codes, on_outage):
    product.configure(on_outage=on_outage)
    product.add_key("main", "https://127.0.0.1:1/api")
    web.reload()
    page = browser.submit(browser.get(PORTAL), "send")
    assert page.status == 403 and "cannot be reached" in notice(page)
    assert (OFFER in page.text) == (on_outage == "backup-codes")
    token = browser.get(PORTAL).token
    page = browser.post(PORTAL + "backup", token=token, code=codes[0])
    assert page.status == (200 if on_outage == "backup-codes" else 403)
    assert browser.get("/").status == (200 if on_outage == "backup-codes" else 303)


def test_nobody_else_s_opens_and_no_form_without_its_token(web, browser, sandbox, product, alice, bob, codes):
    page, _ = send(browser, sandbox)
    assert notice(browser.post(PORTAL + "backup", token="x", code=codes[0])) == "The page was too old. Please try again."
    other = web.browser(bob.name, bob.password)
    page, _ = send(other, sandbox, OTHER_NUMBER)
    assert OFFER not in page.text
    token = page.token
    assert other.post(PORTAL + "backup", token=token, code=codes[0]).status == 403
    stranger = web.browser(alice.name, "wrong")
    stranger.cookies = {LOGIN: browser.cookies[LOGIN]}
    assert stranger.post(PORTAL + "backup", token=token, code=codes[0]).status == 401
    assert browser.submit(browser.get(PORTAL), "backup", code=codes[0]).status == 200


def test_a_program_goes_the_same_way(web, browser, sandbox, product, codes):
    browser.headers["Accept"] = "application/json"
    start = json.loads(browser.get(PORTAL).text)
    state = json.loads(browser.post(PORTAL + "send", token=start["token"]).text)
    assert (state["page"], state["backup_codes_left"]) == ("code", 10)
    reply = browser.post(PORTAL + "backup", token=state["token"], code=other_than(codes))
    state = json.loads(reply.text)
    assert (reply.status, state["page"], state["notice"]) == (403, "code", "Wrong backup code, or used before.")
    reply = browser.post(PORTAL + "backup", token=state["token"], code=codes[9], next="/there")
    state = json.loads(reply.text)
    assert (reply.status, state["page"], state["next"], state["backup_codes_left"]) == (200, "done", "/there", 9)
    assert browser.get("/").status == 200


def test_in_greek(web, browser, sandbox, codes):
    browser.headers["Accept-Language"] = "el"
    page, _ = send(browser, sandbox)
    assert "Χρήση εφεδρικού κωδικού" in page.text and "Εφεδρικοί κωδικοί που απομένουν: 10." in page.text
    page = browser.submit(page, "backup", code=other_than(codes))
    assert notice(page) == "Λάθος εφεδρικός κωδικός, ή ήδη χρησιμοποιημένος."
    assert notice(browser.submit(page, "backup", code=codes[1])) == "Εφεδρικοί κωδικοί που απομένουν: 9."


def test_removing_the_user_takes_the_codes_for_the_web_too(web, browser, sandbox, product, codes):
    product.sms365("user", "remove", "alice")
    product.sms365("user", "add", "alice", NUMBER, "--no-check")
    web.reload()
    assert OFFER not in send(browser, sandbox)[0].text


def test_a_set_for_the_web_needs_the_web_s_store(product):
    with pytest.raises(RuntimeError, match="nginx makes it"):
        product.sms365("user", "backup-codes", "alice", "--web")
