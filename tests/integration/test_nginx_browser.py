"""The portal in headless Chromium, with JavaScript and without, in both languages."""

import os
import urllib.parse

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expect
from selenium.webdriver.support.wait import WebDriverWait

from product import NUMBER, OTHER_NUMBER
from programs import wrong
from test_nginx_callback import CALLBACK, SPOOL
from test_nginx_portal import PORTAL, example
from webserver import password_file

SCREENSHOTS = os.environ.get("SMS365_SCREENSHOTS")


def chromium(profile, language="en", scripts=True, dark=False, width=1000):
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors",
                     "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"--lang={language}",
                     f"--window-size={width},900", *(["--force-dark-mode"] if dark else [])):
        options.add_argument(argument)
    preferences = {"intl.accept_languages": language}
    if not scripts:
        preferences["profile.managed_default_content_settings.javascript"] = 2
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    return webdriver.Chrome(options=options, service=webdriver.chrome.service.Service("/usr/bin/chromedriver"))


@pytest.fixture
def person(tmp_path, monkeypatch):
    """Start a browser: person(language="el", scripts=False)."""
    monkeypatch.setenv("HOME", str(tmp_path))
    running = []

    def start(**settings):
        running.append(Person(chromium(tmp_path / f"profile{len(running)}", **settings)))
        return running[-1]

    yield start
    for browser in running:
        browser.driver.quit()


class Person:
    """Somebody at a browser."""

    def __init__(self, driver):
        self.driver = driver

    def goes_to(self, web, path, user):
        self.driver.get(f"https://{user.name}:{urllib.parse.quote(user.password, safe='')}@127.0.0.1:{web.port}{path}")

    def sees(self, selector, text="", seconds=20):
        place = (By.CSS_SELECTOR, selector)
        WebDriverWait(self.driver, seconds).until(expect.text_to_be_present_in_element(place, text))
        return self.driver.find_element(*place)

    def presses(self, form):
        self.driver.find_element(By.CSS_SELECTOR, f'form[action$="/{form}"] button').click()

    def enters(self, code):
        field = self.driver.find_element(By.ID, "code")
        assert self.driver.switch_to.active_element == field
        field.send_keys(code)
        self.presses("verify")

    def shoots(self, name):
        """A screenshot, for whoever wants to look at it."""
        if SCREENSHOTS:
            self.driver.save_screenshot(f"{SCREENSHOTS}/{name}.png")

    def complaints(self):
        """What the browser found wrong with the pages: above all, what the policy forbids."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["message"].startswith("https:")
                and "favicon" not in entry["message"] and "status of 40" not in entry["message"]]


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
    browser.shoots(f"send-{language}")
    browser.presses("send")
    browser.sees("main", "+30 69****4567")
    message = sandbox.wait_message(NUMBER)
    browser.shoots(f"code-{language}-{'scripts' if scripts else 'plain'}")
    browser.enters(wrong(message))
    browser.sees(".notice")
    browser.shoots(f"wrong-{language}")
    browser.enters(message["code"])
    browser.sees("body", "app GET /page?x=1")
    assert not browser.complaints()
    # Back: the form of before is no way in, and no message.
    browser.driver.back()
    browser.driver.get(f"https://127.0.0.1:{web.port}{PORTAL}")
    browser.sees("main", "alice")
    browser.shoots(f"done-{language}")
    browser.presses("logout")
    browser.sees(".notice")
    browser.driver.get(f"https://127.0.0.1:{web.port}/page")
    browser.sees('form[action$="/send"] button')
    assert len(sandbox.messages()) == 1


def test_a_page_that_is_open_tells_of_the_delivery(product, nginx, sandbox, person, alice):
    password_file(alice)
    running = nginx(example("access") + CALLBACK, start=False)
    product.configure(callback=f"http://127.0.0.1:{running.other_port}/sms365/callback")
    os.makedirs(SPOOL, exist_ok=True)
    os.chown(SPOOL, 33, 33)
    running.start()
    sandbox.settings(delivery_after="2500")
    browser = person()
    browser.goes_to(running, "/", alice)
    browser.presses("send")
    browser.sees("#delivery", "pending")
    browser.driver.find_element(By.ID, "code").send_keys("12")
    browser.sees("#delivery", "delivered", 10)
    assert browser.driver.find_element(By.ID, "code").get_attribute("value") == "12"
    assert not browser.complaints()


def test_a_form_that_is_still_being_sent_becomes_one_that_was(web, sandbox, person, alice):
    sandbox.settings(fault="2fa/send:delay=3000")
    browser = person()
    browser.goes_to(web, "/", alice)
    browser.presses("send")
    browser.sees("#sending", "is being sent")
    browser.sees("#delivery", "", 15)
    browser.enters(sandbox.wait_message(NUMBER)["code"])
    browser.sees("body", "app GET /")


def test_two_tabs_and_a_narrow_dark_window(web, sandbox, person, alice):
    browser = person(dark=True, width=500)
    browser.goes_to(web, "/one", alice)
    browser.presses("send")
    browser.sees("main", "+30 69****4567")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    browser.driver.get(f"https://127.0.0.1:{web.port}/two")
    browser.sees("main", "+30 69****4567")
    browser.shoots("dark-narrow")
    browser.enters(sandbox.wait_message(NUMBER)["code"])
    browser.sees("body", "app GET /two")
    browser.driver.switch_to.window(first)
    browser.driver.get(f"https://127.0.0.1:{web.port}/one")
    browser.sees("body", "app GET /one")
    assert len(sandbox.messages()) == 1


def test_everything_has_a_label_and_can_be_reached_by_keyboard(web, sandbox, person, alice):
    browser = person()
    browser.goes_to(web, "/", alice)
    browser.presses("send")
    browser.sees("main", "+30 69****4567")
    driver = browser.driver
    assert driver.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    assert driver.find_element(By.CSS_SELECTOR, "label[for=code]").is_displayed()
    field = driver.find_element(By.ID, "code")
    assert field.get_attribute("inputmode") == "numeric" and field.get_attribute("autocomplete") == "one-time-code"
    assert driver.find_element(By.ID, "delivery").get_attribute("aria-live") == "polite"
    reached = {driver.switch_to.active_element.get_attribute("outerHTML")}
    for _ in range(6):
        driver.switch_to.active_element.send_keys("\ue004")
        reached.add(driver.switch_to.active_element.text)
    assert {"Continue", "Send a new code", "Send it to another number"} <= reached
