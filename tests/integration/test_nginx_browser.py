"""The portal in headless Chromium, with JavaScript and without, in both languages."""

import pytest
from selenium.webdriver.common.keys import Keys

import tickets
from browser import person  # noqa: F401: a fixture
from portal import EXAMPLES, PORTAL
from product import FAILS, NUMBER, OTHER_NUMBER
from programs import wrong
from test_nginx_callback import call, reports, token
from test_nginx_pages import WITH_A_FORM, with_reports
from webserver import example, password_file
from world import until


@pytest.fixture
def web(product, nginx, sandbox, alice, bob):
    password_file(alice, bob)
    product.users(alice=[NUMBER, OTHER_NUMBER])
    return nginx(example("access"))


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize("language, button", [("en", "Send the code"), ("el", "Αποστολή κωδικού")])
def test_a_person_gets_to_the_application(web, sandbox, person, alice, language, button, scripts):
    browser = person(language=language, scripts=scripts)
    browser.goes_to(web, "/page?x=1", alice)
    assert browser.sees('form[action$="/send"] button').text == button
    browser.leaves_by("send")
    browser.sees("main", "+30 69****4567")
    message = sandbox.wait_message(NUMBER)
    browser.enters(wrong(message))
    browser.sees(".notice")
    browser.enters(message["code"])
    browser.sees("body", "app GET /page?x=1")
    assert not browser.complaints()
    # Back: the form of before is not there any more, and there is no other message.
    browser.driver.back()
    if not scripts:  # the answer to a form, which the browser does not keep
        browser.goes_to(web, PORTAL)
    browser.sees('form[action$="/logout"]')
    browser.leaves_by("logout")
    browser.sees(".good.notice")
    browser.driver.back()
    browser.sees('form[action$="/send"]')
    browser.goes_to(web, "/page")
    browser.sees('form[action$="/send"] button')
    assert len(sandbox.messages()) == 1


@pytest.mark.parametrize("streams", ["10", "0"], ids=["by events", "where events are refused"])
def test_a_page_that_is_open_tells_of_the_delivery(product, nginx, sandbox, person, alice, streams):
    password_file(alice)
    running = with_reports(nginx, product, streams=streams)
    sandbox.settings(delivery="s")
    browser = person()
    browser.goes_to(running, "/", alice)
    browser.leaves_by("send")
    browser.sees("#delivery", "pending")
    browser.driver.find_element("id", "code").send_keys("12")
    assert call(running, f"t={token(sandbox)}&status=d")[0] == 200
    browser.sees('[aria-live="polite"] #delivery', "delivered")
    assert browser.driver.find_element("id", "code").get_attribute("value") == "12"
    assert not browser.complaints()


def test_a_form_that_is_still_being_sent_becomes_one_that_was(web, product, sandbox, person, alice):
    product.configure(timeout="30")
    web.reload()
    sandbox.settings(fault="2fa/send:delay=10000")
    browser = person()
    browser.goes_to(web, "/", alice)
    browser.presses("send")
    browser.sees("#sending", "is being sent")
    browser.sees("#delivery", "", 40)
    browser.enters(sandbox.wait_message(NUMBER)["code"])
    browser.sees("body", "app GET /")


def test_two_tabs_are_one_login(web, sandbox, person, alice):
    browser = person()
    browser.goes_to(web, "/one", alice)
    browser.leaves_by("send")
    browser.sees("main", "+30 69****4567")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    browser.goes_to(web, "/two")
    browser.sees("main", "+30 69****4567")
    browser.enters(sandbox.wait_message(NUMBER)["code"])
    browser.sees("body", "app GET /two")
    # The form of the first tab is of a message that is used up; it leads on all the same.
    browser.driver.switch_to.window(first)
    browser.goes_to(web, "/one")
    browser.sees("body", "app GET /one")
    assert len(sandbox.messages()) == 1


def test_a_keyboard_is_enough(web, sandbox, person, alice):
    browser = person()
    browser.goes_to(web, "/keys", alice)
    browser.sees('form[action$="/send"]')
    browser.types(Keys.TAB)
    browser.types(Keys.ENTER)
    browser.focuses("code")
    message = sandbox.wait_message(NUMBER)
    reached = []
    for _ in range(4):
        reached.append(browser.driver.switch_to.active_element.get_attribute("textContent"))
        assert browser.driver.execute_script("return document.activeElement.matches(':focus-visible')")
        browser.types(Keys.TAB)
    assert [text.partition(" (")[0] for text in reached] == ["", "Continue", "Send a new code", "Send it to another number"]
    browser.driver.find_element("id", "code").send_keys(wrong(message) + Keys.ENTER)
    browser.sees(".notice", "Wrong code.")
    browser.types(message["code"] + Keys.ENTER)
    browser.sees("body", "app GET /keys")


def test_a_code_may_be_pasted_with_blanks(web, sandbox, person, alice):
    browser = person()
    browser.goes_to(web, "/", alice)
    browser.presses("send")
    browser.sees("#code")
    code = sandbox.wait_message(NUMBER)["code"]
    field = browser.driver.find_element("id", "code")
    assert (field.get_attribute("inputmode"), field.get_attribute("autocomplete")) == ("numeric", "one-time-code")
    field.send_keys("abc")
    browser.presses("verify")
    assert browser.driver.execute_script("return arguments[0].validity.patternMismatch", field)
    field.clear()
    field.send_keys(f" {code[:2]} {code[2:]} ")
    browser.presses("verify")
    browser.sees("body", "app GET /")
    assert len(sandbox.requests("2fa/check")) == 1


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_after_three_wrong_codes_a_person_is_told_until_when(web, sandbox, person, alice, product, scripts):
    product.configure(lockout_after="1", lockout="600")
    web.reload()
    browser = person(scripts=scripts)
    browser.goes_to(web, "/", alice)
    browser.presses("send")
    message = sandbox.wait_message(NUMBER)
    browser.sees("#tries", "3 tries left")
    for left in ("2 tries left", "1 try left"):
        browser.enters(wrong(message))
        browser.sees("#tries", left)
        browser.sees(".notice", "Wrong code.")
    browser.enters(wrong(message))
    browser.sees(".notice", "All tries are used up.")
    browser.goes_to(web, "/")
    browser.sees(".notice", "Try again in ")
    assert not browser.driver.find_elements("tag name", "form")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_new_code_can_be_had_after_a_while(web, sandbox, person, alice, product, scripts):
    browser = person(scripts=scripts)
    browser.goes_to(web, "/", alice)
    browser.presses("send")
    message = sandbox.wait_message(NUMBER)
    browser.sees("#code")
    browser.presses("again")
    if scripts:
        button = browser.sees('form[action$="/again"] button[aria-disabled]', "Send a new code (")
    else:
        browser.sees(".notice", "It is too soon for another message: wait another")
    assert len(sandbox.messages()) == 1
    product.configure(resend_after="5" if scripts else "0")  # with scripts the button tells when
    web.reload()
    browser.goes_to(web, "/")
    if scripts:
        browser.sees('form[action$="/again"] button:not([aria-disabled])')
    browser.leaves_by("again")
    newer = sandbox.wait_message(NUMBER)
    assert newer["id"] != message["id"]
    browser.sees("#code")
    browser.enters(newer["code"])
    browser.sees("body", "app GET /")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_what_is_not_delivered_is_sent_to_another_number(product, nginx, sandbox, person, alice, scripts):
    password_file(alice)
    product.users(alice=[FAILS, OTHER_NUMBER])
    web = with_reports(nginx, product)
    sandbox.settings(delivery_after="3000")  # what is known at once to have failed goes to the next number by itself
    browser = person(scripts=scripts)
    browser.goes_to(web, "/there", alice)
    browser.presses("send")
    sandbox.wait_status(sandbox.wait_message(FAILS), "f")
    if not scripts:
        until(reports)
        browser.driver.refresh()
    browser.sees(".failed #delivery", "ot delivered")
    assert browser.driver.find_element("id", "advice").is_displayed()
    browser.leaves_by("other")
    browser.sees("main", "+30 69****4321")
    assert not browser.driver.find_element("id", "advice").is_displayed()
    browser.enters(sandbox.wait_message(OTHER_NUMBER)["code"])
    browser.sees("body", "app GET /there")


@pytest.mark.parametrize("conf", EXAMPLES)
def test_a_form_that_meets_a_session_that_has_ended_can_be_sent_again(product, nginx, sandbox, person, alice, conf):
    password_file(alice)
    web = nginx(example(conf, WITH_A_FORM))
    browser = person()

    def logs_in():
        browser.presses("send")
        browser.sees("#code")
        browser.enters(sandbox.wait_message(NUMBER)["code"])

    browser.goes_to(web, "/form", alice)
    logs_in()
    browser.sees("h1", "Form")
    browser.goes_to(web, "/form")  # the browser knows the password by now
    browser.sees("h1", "Form")
    browser.driver.delete_cookie("__Host-sms365-app")
    browser.driver.add_cookie({"name": "__Host-sms365-app", "secure": True, "value": tickets.make(service="app", issued=-50000)})
    browser.driver.find_element("tag name", "button").click()
    browser.sees(".notice", "Your session has ended, and what you sent was not taken.")
    # And it still does: a WebSocket or a request of a script is refused as quietly.
    browser.driver.execute_async_script("const done = arguments[0], s = new WebSocket(location.origin.replace('http', 'ws'));"
                                        "s.onclose = () => fetch('/', {method: 'POST'}).then(done);")
    browser.goes_to(web, "/form")
    logs_in()
    browser.sees("h1", "Form")
    browser.driver.find_element("tag name", "button").click()
    browser.sees("body", "app POST /save")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_provider_that_is_down_is_told_and_tried_again(web, sandbox, person, alice, product, scripts):
    product.add_key("main", "https://127.0.0.1:1/api")
    web.reload()
    browser = person(scripts=scripts)
    browser.goes_to(web, "/there", alice)
    browser.presses("send")
    browser.sees(".notice", "The SMS provider cannot be reached. Try again later.")
    product.add_key("main", sandbox.base)
    web.reload()
    browser.follows("Try again")
    browser.sees('form[action$="/send"]')
    browser.presses("send")
    browser.sees("#code")
    browser.enters(sandbox.wait_message(NUMBER)["code"])
    browser.sees("body", "app GET /there")
