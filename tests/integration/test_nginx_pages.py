"""Every page of the portal, and the sandbox's phone, against the rules of axe-core: in both languages, light and dark,
narrow and wide. SMS365_SCREENSHOTS=DIR leaves a picture of each there."""

import json
import re
import shutil

import pytest

import tickets
from browser import person  # noqa: F401: a fixture
from portal import LOGIN, PORTAL, SESSION
from product import CONF, FAILS, NUMBER, OTHER_NUMBER, SOURCE
from programs import wrong
from test_nginx_callback import CALLBACK, make_spool, reports
from webserver import APPLICATION, example, password_file
from world import until

# A page of the application's that holds a form.
WITH_A_FORM = APPLICATION.replace("location / {", """location = /form {
        default_type text/html;
        return 200 '<!DOCTYPE html><html lang="en"><title>Form</title><main><h1>Form</h1>
                    <form method="post" action="/save"><button>Save</button></form></main></html>';
    }
    location / {""")


def with_reports(nginx, product, application=APPLICATION, location="", **options):
    """The example behind which delivery reports arrive, too, with another location."""
    conf = example("access", application).replace("    location / {", f"    {location}\n    location / {{", 1)
    running = nginx(conf + CALLBACK, start=False)
    product.configure(callback=f"http://127.0.0.1:{running.other_port}/sms365/callback", **options)
    make_spool()
    running.start()
    return running


@pytest.fixture
def web(product, nginx, sandbox, alice, bob):
    password_file(alice, bob)
    product.users(alice=[FAILS, NUMBER, OTHER_NUMBER])
    return with_reports(nginx, product, WITH_A_FORM, resend_after="0", lockout_after="1")


@pytest.mark.parametrize("language", ["en", "el"])
def test_every_page_can_be_used_by_everybody(web, product, sandbox, person, alice, bob, language):
    browser = person(language=language)

    def inspects(page):
        browser.inspects(f"{page}-{language}")

    browser.goes_to(web, "/form", bob)
    browser.sees("h1")
    inspects("unknown")
    browser.goes_to(web, "/form", alice)
    browser.sees('form[action$="/send"]')
    inspects("send")
    sandbox.settings(delivery_after="3000")  # what is known at once to have failed goes to the next number by itself
    browser.presses("send")
    browser.sees(".failed #delivery")
    inspects("failed")
    sandbox.settings(fault="2fa/send:cut", delivery_after="0")
    browser.presses("other")
    browser.sees("#sending")
    inspects("sending")
    sandbox.settings(fault="")
    sandbox.reset()
    browser.presses("again")
    browser.sees(".delivered #delivery")
    inspects("code")
    [message] = sandbox.messages()
    browser.enters(wrong(message))
    browser.sees(".notice")
    inspects("wrong")
    browser.enters(message["code"])
    browser.sees("h1", "Form")
    browser.goes_to(web, PORTAL)
    browser.sees('form[action$="/logout"]')
    inspects("done")
    browser.goes_to(web, "/form")
    browser.driver.delete_cookie(SESSION)
    browser.driver.add_cookie({"name": SESSION, "secure": True, "value": tickets.make(service="app", issued=-50000)})
    browser.driver.find_element("css selector", "button").click()
    browser.sees(".notice")
    inspects("gate")
    browser.goes_to(web, PORTAL)
    sandbox.reset()
    product.users(alice=[NUMBER])
    web.reload()
    browser.goes_to(web, PORTAL)
    browser.presses("send")
    browser.sees("#code")
    [message] = sandbox.messages()
    for _ in range(3):
        browser.sees("#code")
        browser.enters(wrong(message))
    browser.sees(".notice")
    inspects("used-up")
    browser.goes_to(web, PORTAL)
    browser.sees(".notice")
    inspects("locked")
    assert not browser.complaints()


@pytest.mark.parametrize("language", ["en", "el"])
def test_backup_codes_and_remembered_browsers_are_for_everybody(product, nginx, sandbox, person, alice, language):
    password_file(alice)
    product.configure(remember="30", resend_after="0", lockout_after="1", tries="1", lockout="600")
    web = nginx(example("access"))
    codes = json.loads(product.sms365("--json", "user", "backup-codes", "alice", "--web"))["codes"]
    browser = person(language=language)

    def inspects(page):
        browser.inspects(f"{page}-{language}")

    def enters_backup(code):
        browser.driver.find_element("id", "backup").send_keys(code)
        browser.leaves_by("backup")

    browser.goes_to(web, "/", alice)
    browser.presses("send")
    browser.sees(".sent #delivery")
    sandbox.wait_message(NUMBER)
    box = browser.driver.find_element("name", "remember")
    browser.driver.find_element("css selector", ".check").click()  # what a label says is part of the box
    assert box.is_selected()
    inspects("remember")
    browser.driver.find_element("tag name", "summary").click()
    inspects("backup")
    enters_backup("00000000")
    browser.sees(".notice")
    inspects("backup-wrong")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "backup"
    enters_backup(codes[0])
    browser.sees(".good.notice", "9")
    inspects("backup-used")
    browser.leaves_by("logout")
    browser.sees(".good.notice")
    browser.goes_to(web, "/")
    browser.presses("send")
    browser.sees("#code")
    browser.enters(wrong(sandbox.wait_message(NUMBER)))
    browser.sees(".notice")
    browser.driver.delete_cookie(LOGIN)
    browser.goes_to(web, PORTAL)
    browser.sees("#backup")
    inspects("backup-instead")
    enters_backup(codes[1])
    browser.sees(".good.notice", "8")
    # With the code of a message the browser is remembered.
    product.sms365("user", "unlock", "alice", "--web")
    browser.leaves_by("logout")
    browser.goes_to(web, "/")
    browser.presses("send")
    browser.sees("#code")
    browser.driver.find_element("name", "remember").click()
    browser.driver.find_element("id", "code").click()
    browser.enters(sandbox.wait_message(NUMBER)["code"])
    browser.sees("body", "app GET /")
    browser.driver.delete_cookie(SESSION)
    browser.goes_to(web, "/again")
    browser.sees("body", "app GET /again")
    assert not browser.complaints()


@pytest.mark.parametrize("language", ["en", "el"])
def test_pages_that_tell_of_trouble_are_for_everybody(product, nginx, sandbox, person, alice, language):
    password_file(alice)
    product.configure(calls="1", timeout="30")
    web = nginx(example("access"))
    browser = person(language=language)

    def inspects(page, selector=".notice"):
        browser.sees(selector)
        browser.inspects(f"{page}-{language}")

    browser.goes_to(web, "/", alice)
    browser.driver.delete_cookie(LOGIN)
    browser.presses("send")
    inspects("stale")
    # Somebody else has the only call that a worker may have under way.
    other = web.browser(alice.name, alice.password)
    sandbox.settings(fault="2fa/send:delay=8000")
    other.submit(other.get(PORTAL), "send")
    browser.goes_to(web, PORTAL)
    inspects("busy")
    assert browser.driver.execute_script("return performance.getEntriesByType('navigation')[0].responseStatus") == 503
    product.configure(calls="2")
    product.add_key("main", "https://127.0.0.1:1/api")
    web.reload(seconds=40)
    browser.goes_to(web, PORTAL)
    browser.presses("send")
    inspects("provider-down")
    sandbox.settings(fault="2fa/send:error=102")
    product.add_key("main", sandbox.base)
    web.reload()
    browser.goes_to(web, PORTAL)
    browser.presses("send")
    inspects("refused")
    sandbox.settings(fault="")
    sandbox.reset()
    browser.goes_to(web, PORTAL)
    browser.sees('form[action$="/send"]')
    browser.presses("send")
    inspects("sent", ".sent #delivery")
    browser.driver.execute_script("document.querySelector('form[action$=\"/again\"]').submit()")
    inspects("too-soon")
    browser.enters(sandbox.wait_message(NUMBER)["code"])
    browser.sees("body", "app GET /")
    browser.goes_to(web, PORTAL)
    browser.leaves_by("logout")
    inspects("logged-out")
    assert not browser.complaints()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_the_example_of_an_organisation_s_own_page_works(product, nginx, sandbox, person, alice, scripts):
    password_file(alice)
    shutil.copytree(f"{SOURCE}/examples/nginx/pages", f"{CONF}/pages")
    with open(f"{SOURCE}/docs/guide.md") as guide:
        [location] = re.findall(r"^ +(location \^~ /sms365/own/ .*)$", guide.read(), re.M)
    web = with_reports(nginx, product, location=location.replace("alias", "types { text/css css; } alias"), templates=f"{CONF}/pages", remember="30", resend_after="0")
    codes = json.loads(product.sms365("--json", "user", "backup-codes", "alice", "--web"))["codes"]
    sandbox.settings(delivery_after="2000")
    browser = person(scripts=scripts)
    browser.goes_to(web, "/there", alice)
    browser.leaves_by("send")
    brand = browser.sees(".brand", "Example Ltd")
    assert brand.value_of_css_property("color") == "rgba(106, 27, 122, 1)"
    sandbox.wait_status(sandbox.wait_message(NUMBER), "d")
    if not scripts:
        until(reports)
        browser.driver.refresh()
    browser.sees(".delivered #delivery")
    if scripts:
        browser.inspects("own")
        browser.driver.find_element("tag name", "summary").click()
        browser.inspects("own-backup")
    browser.leaves_by("again")
    browser.sees("#code")
    message = sandbox.wait_message(NUMBER)
    browser.enters(wrong(message))
    browser.sees(".notice", "Wrong code.")
    if not scripts:
        browser.driver.find_element("tag name", "summary").click()
        browser.driver.find_element("id", "backup").send_keys(codes[0])
        browser.leaves_by("backup")
        browser.sees(".good.notice", "9")
        return
    browser.driver.find_element("name", "remember").click()
    browser.driver.find_element("id", "code").click()
    browser.enters(message["code"])
    browser.sees("body", "app GET /there")
    assert browser.driver.get_cookie(f"{SESSION}-remember") and not browser.complaints()


@pytest.mark.parametrize("language", ["en", "el"])
def test_the_sandboxs_phone_can_be_used_by_everybody(sandbox, person, language):
    browser = person(language=language)
    browser.driver.get(f"{sandbox.url}/sandbox/")
    browser.sees(".empty button")
    browser.inspects(f"phone-empty-{language}")
    for number in (NUMBER, FAILS):
        sandbox.call("2fa/send", to=number, text="Your code: %%CODE%%", wait=0)
    browser.sees(".f .state")
    browser.inspects(f"phone-{language}")
