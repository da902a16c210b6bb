"""The picture in the README: the page on which a code is entered, and the phone beside it.
SMS365_SCREENSHOTS=DIR leaves it there as portal.png, which is docs/portal.png where pages, fonts and browser are the same.
Wherever they are not, the words on it are: the picture carries them as its description."""

import base64
import struct
import zlib

import pytest

from browser import person  # noqa: F401: a fixture
from product import FAILS, NUMBER, SOURCE
from sandbox import Sandbox
from test_nginx_pages import with_reports
from webserver import password_file

# Everything that a page shows is of this moment, which is no one's time zone's tomorrow.
STOPPED = """const Real = Date, moment = new Real(2026, 0, 15, 9, 41).getTime();
             Date = class extends Real { constructor() { super(moment); } static now() { return moment; } };"""
BACK = "#e3e7ef"
TOGETHER = f"""<!DOCTYPE html><title>Both</title><style>
  body {{ margin: 0; display: inline-flex; align-items: center; gap: 32px; padding: 32px; background: {BACK}; }}
  </style>"""


@pytest.fixture
def provider(product):
    """Whose first codes are the same every time."""
    with Sandbox.start(seed=365, delivery_after=2000) as running:
        product.add_key("main", running.base)
        yield running


def size(png):
    """Width and height, from the header of the format."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and png[12:16] == b"IHDR"
    return struct.unpack(">II", png[16:24])


HEADER_BYTES = 33  # signature and IHDR
DESCRIPTION = b"iTXtDescription" + bytes(5)  # UTF-8, not compressed, in no language


def described(png, words):
    chunk = DESCRIPTION + words.encode()
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:HEADER_BYTES] + chunk + png[HEADER_BYTES:]


def description(png):
    length, = struct.unpack(">I", png[HEADER_BYTES:HEADER_BYTES + 4])
    chunk = png[HEADER_BYTES + 4:HEADER_BYTES + 8 + length]
    return chunk.removeprefix(DESCRIPTION).decode(errors="replace")


def portrait(browser, selector):
    """A part of the page on the picture's ground, without what blinks or reaches beyond it; and its words."""
    part = browser.sees(selector)
    browser.driver.execute_script("document.body.style.background = arguments[0]; arguments[1].style.boxShadow = 'none';"
                                  "arguments[1].style.caretColor = 'transparent'", BACK, part)
    return part.screenshot_as_png, " ".join(part.get_property("innerText").split())


def test_both_are_shown_in_one_picture(nginx, product, provider, person, alice, tmp_path):
    password_file(alice)
    product.users(alice=[FAILS, NUMBER])
    web = with_reports(nginx, product, resend_after="0", **{"from": "sms365"})
    browser = person()
    driver = browser.driver
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": STOPPED})
    browser.screen(height=736)
    browser.goes_to(web, "/", alice)
    browser.presses("send")
    browser.sees(".failed #delivery")
    browser.presses("other")
    browser.sees(".delivered #delivery")
    parts = [portrait(browser, "main")]
    driver.get(f"{provider.url}/sandbox/")
    browser.sees(".d .state")
    browser.sees(".f .state")
    parts.append(portrait(browser, ".phone"))
    words = "\n".join(text for _, text in parts)
    parts = [picture for picture, _ in parts]
    (portal, high), (phone, higher) = map(size, parts)
    assert 380 < portal < 450 and 380 < phone < 450 and 400 < high < higher < 700

    images = "".join(f'<img src="data:image/png;base64,{base64.b64encode(part).decode()}" alt="">' for part in parts)
    (tmp_path / "both.html").write_text(TOGETHER + images)
    browser.screen()
    driver.get(f"file://{tmp_path}/both.html")
    shown = driver.execute_script("return [...document.images].map(i => [i.naturalWidth, i.naturalHeight])")
    assert shown == [[portal, high], [phone, higher]]
    picture = driver.find_element("tag name", "body").screenshot_as_png
    assert size(picture) == (portal + phone + 3 * 32, higher + 2 * 32)
    assert 20_000 < len(picture) < 200_000
    browser.keeps("portal", described(picture, words))
    with open(f"{SOURCE}/docs/portal.png", "rb") as file:
        assert description(file.read()) == words, "the pages have changed: put what this leaves in SMS365_SCREENSHOTS there"
