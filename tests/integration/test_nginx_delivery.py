"""What the pages say of a message's delivery, where nobody reports it."""

import json
import re

import pytest

from portal import PORTAL, send
from product import NUMBER, OTHER_NUMBER
from webserver import example, password_file


@pytest.fixture
def browser(product, nginx, sandbox, alice):
    """Of the example with these options: browser(wait="0")."""
    password_file(alice)

    def start(**options):
        product.configure(**options)
        return nginx(example("access")).browser(alice.name, alice.password)

    return start


def told(browser, language="en"):
    """The page's words, its state, and what a program is told of the same."""
    page = browser.get(PORTAL, Accept_Language=language).text
    state = json.loads(browser.get(PORTAL, Accept="application/json").text)
    words = re.search(r'<div id="state" class="(\w+) state".*?<span id="delivery">(.*?)</span>', page, re.S)
    assert words[1] == state["state"]
    return words[2], state["state"], state["pending"]


def test_without_a_callback_a_message_was_sent_and_no_more_is_awaited(browser, sandbox):
    sandbox.settings(delivery_after="300")
    someone = browser()
    page, message = send(someone, sandbox)
    sandbox.wait_status(message, "d")
    assert told(someone) == ("sent", "sent", False)
    assert told(someone, "el")[0] == "στάλθηκε"
    assert someone.submit(page, "verify", code=message["code"]).status == 303


def test_what_the_provider_tells_with_its_reply_is_shown(browser, product, sandbox):
    """It is asked to wait for the report where the next number's turn depends on it."""
    product.users(alice=[NUMBER, OTHER_NUMBER])
    someone = browser(give_up_after="5")
    send(someone, sandbox)
    assert told(someone) == ("delivered", "delivered", False)


def test_of_viber_nothing_is_known(browser, sandbox):
    someone = browser(code="local", channels="viber sms")
    someone.submit(someone.get(PORTAL), "send")
    code = re.search(r"\d{6,}", sandbox.wait_message(NUMBER)["text"])[0]
    assert told(someone) == ("delivery unknown", "unknown", False)
    assert someone.submit(someone.get(PORTAL), "verify", code=code).status == 303


def test_of_a_message_whose_reply_was_lost_nothing_is_known(browser, sandbox):
    sandbox.settings(fault="sms/send:cut")
    someone = browser(code="local")
    someone.submit(someone.get(PORTAL), "send")
    sandbox.wait_message(NUMBER)
    assert told(someone) == ("delivery unknown", "unknown", False)


@pytest.mark.parametrize("contact, language, said", [
    ("", "en", "Ask your administrator."), ("", "el", "Επικοινωνήστε με: τον διαχειριστή σας."),
    ("room 101", "el", "Επικοινωνήστε με: room 101.")])
def test_whoever_has_no_number_is_told_whom_to_ask_in_their_language(browser, product, contact, language, said):
    product.users(bob=[NUMBER])
    page = browser(**({"contact": contact} if contact else {})).get(PORTAL, Accept_Language=language)
    assert page.status == 403 and said in page.text
