"""Every page of the portal, and the sandbox's phone, against the rules of axe-core: in both languages, light and dark,
narrow and wide. SMS365_SCREENSHOTS=DIR leaves a picture of each there."""

import os

import pytest

import tickets
from browser import person  # noqa: F401: a fixture
from product import FAILS, NUMBER, OTHER_NUMBER
from programs import wrong
from test_nginx_callback import CALLBACK, SPOOL
from test_nginx_portal import PORTAL
from webserver import APPLICATION, example, password_file

# A page of the application's that holds a form.
WITH_A_FORM = APPLICATION.replace("location / {", """location = /form {
        default_type text/html;
        return 200 '<!DOCTYPE html><html lang="en"><title>Form</title><main><h1>Form</h1>
                    <form method="post" action="/save"><button>Save</button></form></main></html>';
    }
    location / {""")


def with_reports(nginx, product, application=APPLICATION, **options):
    """The example behind which delivery reports arrive, too."""
    running = nginx(example("access", application) + CALLBACK, start=False)
    product.configure(callback=f"http://127.0.0.1:{running.other_port}/sms365/callback", **options)
    os.makedirs(SPOOL, exist_ok=True)
    os.chown(SPOOL, 33, 33)
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
    # With the password in the address: Chromium forgets one that it had asked for when it is answered 401.
    browser.goes_to(web, "/form", alice)
    browser.driver.delete_cookie("__Host-sms365-app")
    browser.driver.add_cookie({"name": "__Host-sms365-app", "secure": True, "value": tickets.make(service="app", issued=-50000)})
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
def test_the_sandboxs_phone_can_be_used_by_everybody(sandbox, person, language):
    browser = person(language=language)
    browser.driver.get(f"{sandbox.url}/sandbox/")
    browser.sees(".empty button")
    browser.inspects(f"phone-empty-{language}")
    for number in (NUMBER, FAILS):
        sandbox.call("2fa/send", to=number, text="Your code: %%CODE%%", wait=0)
    browser.sees(".f .state")
    browser.inspects(f"phone-{language}")
