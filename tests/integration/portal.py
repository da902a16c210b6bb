"""What a person does on the portal's pages, as the shipped examples have it."""

import html
import re
import time
import urllib.parse

import tickets
from product import NUMBER

PORTAL = "/sms365/"
FORMS = ("send", "again", "other", "verify", "backup", "logout")
EXAMPLES = ("access", "auth-request")
SESSION = "__Host-sms365-app"  # the cookies of their service
LOGIN = "__Host-sms365-app-login"


def send(browser, sandbox, number=NUMBER, next_page="/", portal=PORTAL):
    """Have a code sent: the page that asks for it, and the message."""
    page = browser.get(portal + "?next=" + urllib.parse.quote(next_page, safe=""))
    page = browser.follow(browser.submit(page, "send"))
    return page, sandbox.wait_message(number)


def notice(page):
    found = re.search(r'<p id="notice" class="(?:good )?notice" role="(?:alert|status)">(.*?)</p>', page.text)
    return html.unescape(found[1]) if found else None


def log_in(browser, sandbox, number=NUMBER, portal=PORTAL, where="/"):
    page, message = send(browser, sandbox, number, portal=portal)
    assert browser.submit(page, "verify", code=message["code"]).status == 303
    assert browser.get(where).status == 200


def serve_others(web, user, number):
    """Whoever has no password, a page of the portal for this user, and a session of hers: the longest that one of them took."""
    session = web.browser(user.name, user.password)
    session.cookies[SESSION] = tickets.make(user=user.name, numbers=[number], service="app")
    longest = 0
    for browser, path, status in ((web.browser(), "/", 401), (web.browser(user.name, user.password), PORTAL, 200),
                                  (session, "/", 200)):
        start = time.monotonic()
        assert browser.get(path).status == status
        longest = max(longest, time.monotonic() - start)
    return longest


SOON_SECONDS = 2  # as `sms365 session revoke` says


def ends_within(browser, seconds):
    """Whether the session is over by then; it must not come back."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if browser.get("/").status != 200:
            return browser.get("/").status == 303
        time.sleep(0.05)
    return False
