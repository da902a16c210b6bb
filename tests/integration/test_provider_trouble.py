"""When the provider is down, slow, refuses or talks nonsense: nobody gets in by it, nothing is sent twice."""

import contextlib
import socket
import time

import pytest

from product import NUMBER, OTHER_NUMBER, PROMPT
from programs import Pamtester, free_port
from sandbox import Sandbox

LOST = "The provider did not answer: a code may have been sent to +30 69****4567, but it cannot be used. " \
       "r = send a new one: "


def denied(product, told, code="PAM_AUTHINFO_UNAVAIL", *arguments):
    """One login that must end with this text in a prompt, and this PAM code."""
    login = Pamtester(product.stack("code", *arguments), "alice")
    login.sees(f"{told} Press Enter: ")
    login.answers("")
    assert login.code() == code
    return login


def test_a_provider_that_is_down(product, sandbox, syslog):
    port = free_port()
    product.add_key("main", f"https://127.0.0.1:{port}/api")
    start = time.monotonic()
    denied(product, "The SMS provider cannot be reached. Try again later.")
    assert time.monotonic() - start < 3
    syslog.wait(f"2fa/send: https://127.0.0.1:{port}/api")
    syslog.wait("verdict=deny reason=unreachable")


def test_what_was_never_sent_is_not_counted(product, sandbox):
    product.add_key("main", f"https://127.0.0.1:{free_port()}/api")
    for _ in range(3):
        denied(product, "The SMS provider cannot be reached. Try again later.", "PAM_AUTHINFO_UNAVAIL",
               "sends_per_hour=1")
    product.add_key("main", sandbox.base)
    login = Pamtester("code", "alice")
    login.sees(PROMPT)


def test_the_next_base_url_is_tried_when_one_is_down(product, sandbox):
    product.add_key("main", f"https://127.0.0.1:{free_port()}/api", sandbox.base)
    login = Pamtester(product.stack("code"), "alice")
    login.sees(PROMPT)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_a_provider_that_accepts_and_says_nothing_is_left_after_connect_timeout(product, sandbox):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        product.add_key("main", f"https://127.0.0.1:{silent.getsockname()[1]}/api")
        start = time.monotonic()
        denied(product, "The SMS provider cannot be reached. Try again later.", "PAM_AUTHINFO_UNAVAIL",
               "connect_timeout=1", "timeout=20")
        assert 0.9 < time.monotonic() - start < 3


def test_a_slow_provider_meets_the_deadline(product, sandbox):
    sandbox.settings(fault="2fa/send:delay=60000")
    start = time.monotonic()
    login = Pamtester(product.stack("code", "timeout=1", "wait=1"), "alice")
    login.sees(LOST)
    assert 1.9 < time.monotonic() - start < 4
    login.answers("")
    assert login.code() == "PAM_AUTHINFO_UNAVAIL"


def test_a_slow_check_is_no_success(product, sandbox):
    login = Pamtester(product.stack("code", "timeout=1"), "alice")
    login.sees(PROMPT)
    sandbox.settings(fault="2fa/check:delay=60000")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    login.sees("The SMS provider did not answer. Try again.")
    assert login.code() == "PAM_AUTHINFO_UNAVAIL"


@pytest.mark.parametrize("fault", ["http500", "truncated", "cut", "html", "huge", "garbage", "empty"])
def test_nonsense_after_a_send_is_a_lost_reply(product, sandbox, syslog, fault):
    sandbox.settings(fault=f"2fa/send:{fault}")
    login = Pamtester(product.stack("code"), "alice")
    login.sees(LOST)
    login.answers("1234")
    assert login.code() == "PAM_AUTHINFO_UNAVAIL"
    assert sandbox.requests("2fa/check") == []
    assert len(sandbox.requests("2fa/send")) == 1
    syslog.wait("verdict=deny reason=(bad_reply|reply_lost)")


@pytest.mark.parametrize("fault", ["http500", "truncated", "cut", "html", "huge", "garbage", "empty", "drop-after", "types",
                                   "escapes"])
def test_nonsense_in_answer_to_the_right_code_lets_nobody_in(product, sandbox, syslog, fault):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(PROMPT)
    sandbox.settings(fault=f"2fa/check:{fault}")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_AUTHINFO_UNAVAIL"
    syslog.wait("verdict=deny reason=(bad_reply|reply_lost|provider_refused)")


def test_wrong_types_are_read_or_refused_but_never_taken_for_more(product, sandbox):
    """Scalars as numbers or as text are the provider's habit: a login works with them, and a wrong code stays wrong."""
    sandbox.settings(fault="*:types")
    login = Pamtester(product.stack("code"), "alice")
    shown = login.sees_match("Enter it, or|it cannot be used")[0]
    login.answers("0000" if sandbox.messages()[0]["code"] != "0000" else "0001")
    assert login.code() in ("PAM_AUTH_ERR", "PAM_AUTHINFO_UNAVAIL"), shown


def test_escapes_from_the_provider_never_reach_terminal_or_log(product, sandbox, syslog):
    sandbox.settings(fault="*:escapes")
    login = Pamtester(product.stack("code"), "alice")
    login.sees_match("[:] $")
    login.answers("1234")
    login.code()
    sandbox.settings(fault="2fa/check:escapes")
    again = Pamtester("code", "alice")
    again.sees_match("[:] $")
    again.answers("1234")
    again.code()
    for text in [login.text, again.text]:
        assert not [c for c in text if ord(c) < 32 and c not in "\r\n" or 127 <= ord(c) < 160], repr(text)
    for line in syslog.all():
        assert not [byte for byte in line.raw if byte < 32 or byte == 127], line.raw
        assert "\u009b" not in line.text


def test_a_reply_lost_after_the_send_is_charged_and_can_be_followed_by_a_new_message(product, sandbox):
    sandbox.settings(fault="2fa/send:drop-after:1")
    login = Pamtester(product.stack("code", "resend_after=0"), "alice")
    login.sees(LOST)
    assert len(sandbox.requests("2fa/send")) == 1
    login.answers("r")
    login.sees("(delivered). Enter it")
    login.answers(sandbox.messages(NUMBER)[-1]["code"])
    assert login.code() == "PAM_SUCCESS"
    assert len(sandbox.requests("2fa/send")) == 2


def test_a_send_on_a_kept_connection_that_drops_is_not_repeated(product, sandbox):
    product.users(alice=[NUMBER, OTHER_NUMBER])
    sandbox.settings(fault="2fa/send:drop-after:kept")
    login = Pamtester(product.stack("code", "resend_after=0"), "alice")
    login.sees("o = other number: ")
    login.answers("o")
    login.sees("The provider did not answer: a code may have been sent to +30 69****4321")
    assert [each["number"] for each in sandbox.requests("2fa/send")] == [1, 2]
    assert len(sandbox.messages(OTHER_NUMBER)) <= 1


def test_a_dropped_send_on_a_fresh_connection_is_not_repeated(product, sandbox):
    sandbox.settings(fault="2fa/send:drop-after")
    login = Pamtester(product.stack("code"), "alice")
    login.sees(LOST)
    assert len(sandbox.requests("2fa/send")) == 1


@pytest.mark.parametrize("fault", ["drop-after", "http500"])
@pytest.mark.parametrize("way", ["another base URL", "another key"])
def test_a_send_whose_reply_is_lost_goes_to_no_other_base_url_or_key(product, sandbox, fault, way):
    elsewhere = sandbox.base.replace("127.0.0.1", "localhost")
    if way == "another base URL":
        product.add_key("main", sandbox.base, elsewhere)
    else:
        product.add_key("next", elsewhere)
    sandbox.settings(fault=f"2fa/send:{fault}:1")
    login = Pamtester(product.stack("code"), "alice")
    login.sees(LOST)
    login.answers("")
    assert login.code() == "PAM_AUTHINFO_UNAVAIL"
    assert len(sandbox.requests()) == 1


def test_send_and_check_share_one_connection(product, sandbox):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(PROMPT)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    assert len({each["connection"] for each in sandbox.requests()}) == 1


def test_a_connection_the_provider_dropped_meanwhile_does_not_cost_the_code(product, sandbox):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(PROMPT)
    sandbox.settings(fault="2fa/check:drop-before:kept")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_a_refused_key_names_both_causes(product, sandbox, syslog):
    sandbox.settings(account="demo:demo:ANOTHER-KEY")
    denied(product, "The SMS provider does not accept this machine's key or address. Tell your administrator.")
    line = syslog.wait("2fa/send:.*101").text
    assert "key" in line and ("whitelist" in line or "address" in line)
    syslog.wait("verdict=deny reason=key_refused")


def test_an_address_the_provider_does_not_know_names_both_causes(product, sandbox, syslog):
    sandbox.settings(whitelist="192.0.2.1")
    denied(product, "The SMS provider does not accept this machine's key or address. Tell your administrator.")
    line = syslog.wait("2fa/send:.*101").text
    assert "key" in line and ("whitelist" in line or "address" in line)


def test_an_empty_account_is_told(product, sandbox, syslog):
    sandbox.settings(balance="0")
    denied(product, "The SMS account is out of credit. Tell your administrator.")
    syslog.wait("verdict=deny reason=no_balance")


def test_an_error_of_the_provider_s_lets_nobody_in(product, sandbox):
    sandbox.settings(fault="2fa/send:error=999")
    # An error that the reference does not have: nobody knows whether a message went out, so it stays charged.
    login = Pamtester(product.stack("code", "sends_per_hour=1"), "alice")
    login.sees("a code may have been sent to")
    login.answers("1234")
    login.sees("The SMS provider refused. Try again, or tell your administrator.")
    assert login.code() == "PAM_AUTHINFO_UNAVAIL"
    denied(product, "Too many messages were sent to you. Try again in 60 min.", "PAM_MAXTRIES", "sends_per_hour=1")


def test_what_fails_on_this_machine_costs_no_message(product, sandbox):
    for _ in range(2):
        denied(product, "You cannot be logged in now. Tell your administrator.", "PAM_SERVICE_ERR", "sends_per_hour=1",
               "bind=no-such-if")
    login = Pamtester(product.stack("code", "sends_per_hour=1"), "alice")
    login.sees(PROMPT)


def test_a_challenge_the_provider_has_forgotten_is_over(product, sandbox):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(PROMPT)
    sandbox.settings(fault="2fa/check:error=302")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    login.sees("The code is too old.")
    assert login.code() == "PAM_AUTH_ERR"


def test_from_a_wrong_address_no_byte_of_the_request_leaves(product, sandbox, syslog):
    product.add_key("main", sandbox.base, whitelist="192.0.2.0/24,2001:db8::/32")
    before = sandbox.stats()
    denied(product, "This machine may not use its SMS key from its present address. Tell your administrator.",
           "PAM_SERVICE_ERR")
    assert sandbox.requests() == []
    assert sandbox.stats()["request_bytes"] == before["request_bytes"]
    syslog.wait("2fa/send:.*to 127.0.0.1 leaves from 127.0.0.1.*whitelist")


def test_of_two_keys_the_one_that_fits_this_address_is_used(product, sandbox):
    product.add_key("first", sandbox.base, key="KEY-OF-ELSEWHERE", whitelist="192.0.2.0/24")
    login = Pamtester(product.stack("code"), "alice")
    login.sees(PROMPT)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    assert len(sandbox.requests()) == 2


def test_a_service_s_own_key_is_used_and_no_other(product, sandbox, syslog):
    product.add_key("other", sandbox.base, key="WRONG-KEY")
    product.configure(service={"code": {"key": "other"}})
    denied(product, "The SMS provider does not accept this machine's key or address. Tell your administrator.")
    product.configure(service={"code": {"key": "no-such-key"}})
    denied(product, "You cannot be logged in now. Tell your administrator.", "PAM_SERVICE_ERR")
    syslog.wait("there is no key named no-such-key")


def test_the_source_address_can_be_chosen(product, sandbox):
    product.add_key("main", sandbox.base, whitelist="127.0.0.9")
    login = Pamtester(product.stack("code", "bind=127.0.0.9"), "alice")
    login.sees(PROMPT)
    assert sandbox.requests()[0]["remote"].startswith("127.0.0.9")


def test_a_certificate_that_cannot_be_verified_gets_nothing(product, sandbox, syslog):
    before = sandbox.stats()
    denied(product, "The SMS provider cannot be reached. Try again later.", "PAM_AUTHINFO_UNAVAIL", "ca=/etc/ssl/certs")
    assert sandbox.stats()["request_bytes"] == before["request_bytes"]
    syslog.wait("2fa/send:.*certificate")


def test_a_certificate_for_another_name_gets_nothing(product, sandbox):
    product.add_key("main", sandbox.base.replace("127.0.0.1", "127.0.0.2"))
    denied(product, "The SMS provider cannot be reached. Try again later.")
    assert sandbox.requests() == []


def test_plain_http_to_loopback_works_with_sandbox_and_only_with_it(product, sandbox, syslog):
    with Sandbox.start(tls=False, delivery_after=0) as plain:
        product.add_key("main", plain.base)
        login = Pamtester(product.stack("code"), "alice")
        login.sees(PROMPT)
        assert len(plain.requests()) == 1
        product.configure(sandbox="no")
        assert Pamtester("code", "alice").code() == "PAM_SERVICE_ERR"
        assert len(plain.requests()) == 1


@pytest.mark.parametrize("fault, told", [
    ("error=101", "The SMS provider does not accept this machine's key or address. Tell your administrator."),
    ("error=105", "The SMS account is out of credit. Tell your administrator."),
    ("error=102", "The SMS provider does not accept your phone number. Tell your administrator.")])
def test_a_message_that_cannot_be_sent_leaves_the_code_before_it_good(product, sandbox, fault, told):
    login = Pamtester(product.stack("code", "resend_after=0"), "alice")
    login.sees(PROMPT)
    code = sandbox.wait_message(NUMBER)["code"]
    sandbox.settings(fault=f"2fa/send:{fault}:1")
    login.answers("r")
    login.sees(f"{told} The code you have still counts. Code sent to +30 69****4567 ")
    login.sees(" ago (delivered), 3 tries left. Enter it")
    login.answers(code)
    assert login.code() == "PAM_SUCCESS"


def test_while_the_balance_is_used_up_the_code_that_was_sent_still_counts(product, sandbox):
    product.stack("code", "resend_after=0")
    login = Pamtester("code", "alice")
    login.sees(PROMPT)
    code = sandbox.wait_message(NUMBER)["code"]
    sandbox.settings(fault="2fa/send:error=105:1")
    denied(product, "The SMS account is out of credit. Tell your administrator.")
    login.answers("r")
    login.sees("The SMS account is out of credit. Tell your administrator. The code you have still counts. Code sent to ")
    login.sees(" ago (delivered), 3 tries left. Enter it")
    assert len(sandbox.requests("2fa/send")) == 2
    login.answers(code)
    assert login.code() == "PAM_SUCCESS"
