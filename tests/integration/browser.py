"""Headless Chromium as a person uses it: in a language, in the dark, on a narrow screen, without JavaScript."""

import functools
import os
import urllib.parse

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expect
from selenium.webdriver.support.wait import WebDriverWait

from product import SOURCE

SCREENSHOTS = os.environ.get("SMS365_SCREENSHOTS")
AXE = f"{SOURCE}/tests/browser/node_modules/axe-core/axe.min.js"
SCHEMES = ("light", "dark")
NARROW, WIDE = 360, 1000
PATIENCE = 60


def chromium(profile, language="en", scripts=True):
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors",
                     "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"--lang={language}",
                     f"--window-size={WIDE},900"):
        options.add_argument(argument)
    preferences = {"intl.accept_languages": language}
    if not scripts:
        preferences["profile.managed_default_content_settings.javascript"] = 2
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(options=options, service=webdriver.chrome.service.Service("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(PATIENCE)  # a browser that asks for a password waits for ever
    return driver


@functools.lru_cache(maxsize=None)
def _axe():
    try:
        with open(AXE) as script:
            return script.read()
    except FileNotFoundError:
        raise AssertionError(f"{AXE} is missing: run `npm ci` in tests/browser (scripts/test does)") from None


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

    def goes_to(self, web, path, user=None):
        """Type an address; the name and password that the browser asks for at the first visit with it."""
        secret = f"{user.name}:{urllib.parse.quote(user.password, safe='')}@" if user else ""
        self.driver.get(f"https://{secret}127.0.0.1:{web.port}{path}")

    def sees(self, selector, text="", seconds=20):
        place = (By.CSS_SELECTOR, selector)
        try:
            WebDriverWait(self.driver, seconds).until(expect.text_to_be_present_in_element(place, text))
        except TimeoutException:
            raise AssertionError(f"{selector} with {text!r} is not on {self.driver.current_url}:\n"
                                 f"{self.driver.page_source}") from None
        return self.driver.find_element(*place)

    def presses(self, form):
        self.sees(f'form[action$="/{form}"] button').click()

    def leaves_by(self, form):
        """Press a button, and wait until another page is there, whole."""
        self.driver.execute_script("window.isTheOldPage = true")
        self.presses(form)
        WebDriverWait(self.driver, PATIENCE).until(lambda driver: driver.execute_script(
            "return !window.isTheOldPage && document.readyState === 'complete'"))

    def follows(self, text):
        """A link."""
        self.driver.find_element(By.LINK_TEXT, text).click()

    def enters(self, code):
        """Type where the focus is, which has to be the field for the code."""
        self.focuses("code")
        self.types(code)
        self.leaves_by("verify")

    def focuses(self, name):
        """The focus is, or comes by itself, where it has to be."""
        WebDriverWait(self.driver, PATIENCE).until(
            lambda driver: driver.execute_script("return document.activeElement.id === arguments[0]", name))

    def types(self, keys):
        self.driver.switch_to.active_element.send_keys(keys)

    def screen(self, scheme="light", width=WIDE, height=900):
        """What the person looks at."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": scheme},
                                                  {"name": "prefers-reduced-motion", "value": "reduce"}]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def shoots(self, name):
        """A screenshot, for whoever wants to look at it."""
        if SCREENSHOTS:
            self.keeps(name, self.driver.get_screenshot_as_png())

    @staticmethod
    def keeps(name, picture):
        if SCREENSHOTS:
            with open(f"{SCREENSHOTS}/{name}.png", "wb") as file:
                file.write(picture)

    def inspects(self, name):
        """Hold the page against the rules of axe-core, light and dark, narrow and wide; nothing may stand out sideways."""
        self.driver.execute_script(_axe())
        for scheme in SCHEMES:
            for width in (NARROW, WIDE):
                self.screen(scheme, width)
                found = self.driver.execute_async_script(
                    "const done = arguments[0]; axe.run(document).then(r => done(r.violations.flatMap(v => "
                    "v.nodes.map(n => v.id + ': ' + n.html + ' ' + n.failureSummary))), e => done([String(e)]));")
                assert not found, f"{name}, {scheme}, {width} wide:\n" + "\n".join(found)
                over = self.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
                assert over <= 0, f"{name} is {over} wider than the window of {width}"
                self.shoots(f"{name}-{scheme}-{width}")
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def complaints(self):
        """What the browser found wrong with the pages: above all, what the policy forbids."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["message"].startswith("https:")
                and "responded with a status of" not in entry["message"]]
