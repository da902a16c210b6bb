"""Codes of our own, the ways in which they go, and what follows a message that does not arrive."""

import re
import socket

import pytest

from product import FAILS, NUMBER, OTHER_NUMBER, PENDING
from programs import Pamtester, Session

SENT = "Code sent to +30 69****4567"


def code_of(message):
    """The digits in a message's text."""
    return re.search(r"\d{4,10}", message["text"])[0]


def other_than(code):
    return str((int(code) + 1) % 10 ** len(code)).zfill(len(code))


@pytest.fixture
def local(product):
    product.configure(code="local")
    product.stack("code")
    return product


def test_a_code_of_our_own_opens_and_is_checked_here(local, sandbox, syslog):
    login = Pamtester("code", "alice")
    login.sees(f"{SENT} (delivered). Enter it, or r = again: ")
    message = sandbox.wait_message(NUMBER)
    assert re.fullmatch(r"Your code: \d{6}", message["text"])
    login.answers(code_of(message))
    assert login.code() == "PAM_SUCCESS"
    assert sandbox.requests("2fa/send") == [] and sandbox.requests("2fa/check") == []
    assert len(sandbox.requests("sms/send")) == 1
    syslog.wait(f'channel=sms .*delivery=delivered .*msg_id="{message["id"]}" cost=1 .*verdict=allow')
    assert code_of(message) not in syslog.text()


@pytest.mark.parametrize("digits", [6, 10])
def test_its_length_is_configured_and_no_other_is_a_try(product, sandbox, digits):
    product.configure(code="local", code_digits=digits)
    product.stack("code")
    login = Pamtester("code", "alice")
    login.sees(SENT)
    code = code_of(sandbox.wait_message(NUMBER))
    assert len(code) == digits
    login.answers(code[:4])
    login.sees("That is not a code.")
    again = Pamtester("code", "alice")
    again.sees("Enter it")
    again.kill()


def test_three_wrong_codes_use_up_the_message(local, sandbox, terminals):
    session = terminals(Session("code", "alice", runs=4))
    for told, result in (("Wrong code; 2 tries left.", "PAM_AUTH_ERR"), ("Wrong code; 1 try left.", "PAM_AUTH_ERR"),
                         ("All tries are used up.", "PAM_MAXTRIES")):
        session.sees("Enter it, or r = again: ")
        code = code_of(sandbox.messages(NUMBER)[0])
        session.answers(other_than(code))
        session.sees(told)
        assert session.code() == result
    session.sees("All tries are used up. Try again in 5 min. Press Enter: ")
    session.answers(code)
    assert session.code() == "PAM_MAXTRIES"
    assert len(sandbox.messages()) == 1


@pytest.mark.parametrize("rhost, told", [
    ("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7"), ("abc.de", ""), ("bad.cafe", ""), ("fe80::1%eth0", "")])
def test_a_message_names_numeric_addresses_alone(product, sandbox, rhost, told):
    product.configure(code="local", text="%%CODE%% for %a.")
    login = Pamtester(product.stack("code"), "alice", rhost=rhost)
    login.sees(SENT)
    message = sandbox.wait_message(NUMBER)
    assert message["text"] == f"{code_of(message)} for {told}."
    login.kill()


@pytest.mark.parametrize("code", ["local", "provider"])
def test_a_message_names_the_machine_the_service_and_the_user(product, sandbox, code):
    product.configure(code=code, text="%h|%s|%u %%CODE%%")
    login = Pamtester(product.stack("code"), "alice")
    login.sees(SENT)
    message = sandbox.wait_message(NUMBER)
    assert re.fullmatch(rf"{re.escape(socket.gethostname())}\|code\|alice \d{{4,10}}", message["text"])
    login.kill()


def test_codes_differ(product, sandbox, clock):
    """Six digits drawn ten times: the same each time would be no draw."""
    product.configure(code="local", sends_per_hour=20)
    product.stack("code")
    for _ in range(10):
        login = Pamtester("code", "alice", env=clock.environment)
        login.sees(SENT)
        login.kill()
        clock.advance(61)
    codes = [code_of(message) for message in sandbox.messages(NUMBER)]
    assert len(codes) == 10 and len(set(codes)) >= 8


def test_a_right_code_is_good_once(local, sandbox):
    login = Pamtester("code", "alice")
    login.sees(SENT)
    code = code_of(sandbox.wait_message(NUMBER))
    login.answers(code)
    assert login.code() == "PAM_SUCCESS"
    again = Pamtester("code", "alice")
    again.sees(SENT)
    second = code_of(sandbox.wait_message(NUMBER))
    again.answers(code if code != second else other_than(second))
    again.sees("Wrong code")


def test_the_code_is_kept_as_a_hash_alone(local, sandbox):
    login = Pamtester("code", "alice")
    login.sees(SENT)
    code = code_of(sandbox.wait_message(NUMBER)).encode()
    import glob
    for path in glob.glob("/var/lib/sms365/pam/*"):
        with open(path, "rb") as file:
            assert code not in file.read(), path
    login.kill()


def test_another_master_key_does_not_take_what_the_old_one_made(local, sandbox, terminals, syslog):
    session = terminals(Session("code", "alice", runs=2))
    session.sees(f"{SENT} (delivered). Enter it, or r = again: ")
    local.new_master_key()
    session.answers("")  # with the old one, to the end
    assert session.code() == "PAM_AUTH_ERR"
    session.sees("You cannot be logged in now. Tell your administrator. Press Enter: ")
    session.answers(code_of(sandbox.messages(NUMBER)[0]))
    assert session.code() == "PAM_SERVICE_ERR"
    syslog.wait("was altered, or written with another master key")
    assert len(sandbox.messages()) == 1


def test_a_code_whose_reply_was_lost_can_still_be_entered(local, sandbox):
    sandbox.settings(fault="sms/send:drop-after:1")
    login = Pamtester("code", "alice")
    login.sees(f"{SENT} (delivery unknown). Enter it, or r = again: ")
    login.answers(code_of(sandbox.wait_message(NUMBER)))
    assert login.code() == "PAM_SUCCESS"
    assert len(sandbox.messages()) == 1


def test_the_status_is_asked_for_until_it_is_known(local, sandbox):
    sandbox.settings(delivery_after="900")
    login = Pamtester("code", "alice")
    login.sees(f"{SENT} (delivered). Enter it")
    assert 1 <= len(sandbox.requests("status/sms")) <= 4
    login.kill()


def test_a_message_that_failed_is_followed_by_the_other_number(local, sandbox, syslog):
    local.users(alice=[FAILS, OTHER_NUMBER])
    login = Pamtester("code", "alice")
    login.sees("Not delivered to +30 69****0001. Code sent to +30 69****4321 (delivered). Enter it, or r = again, "
               "o = other number: ")
    failed = sandbox.messages(FAILS)[0]
    login.answers(code_of(failed))
    login.sees("Wrong code")
    assert len(sandbox.messages()) == 2


def test_viber_carries_the_code_and_its_state_is_unknown(product, sandbox, syslog):
    product.configure(code="local", channels="viber sms")
    product.stack("code")
    login = Pamtester("code", "alice")
    login.sees(f"{SENT} by Viber (delivery unknown). Enter it, or r = again, o = by SMS: ")
    message = sandbox.wait_message(NUMBER)
    assert message["channel"] == "viber"
    login.answers(code_of(message))
    assert login.code() == "PAM_SUCCESS"
    request = sandbox.requests("viber/send")[0]
    assert "sms_fallback" in str(request) and sandbox.requests("status/sms") == []
    syslog.wait("channel=viber .*delivery=unknown .*verdict=allow")


def test_the_way_named_first_is_followed_by_the_next_when_it_fails(product, sandbox):
    product.configure(code="local", channels="sms viber sms:2")
    product.users(alice=[FAILS, OTHER_NUMBER])
    product.stack("code")
    login = Pamtester("code", "alice")
    login.sees("Not delivered to +30 69****0001. Code sent to +30 69****0001 by Viber (delivery unknown). "
               "Enter it, or r = again, o = other number: ")
    login.kill()


def test_a_message_without_a_report_is_given_up_for_the_next(product, sandbox):
    product.configure(give_up_after=1, wait=5)
    product.users(alice=[PENDING, OTHER_NUMBER])
    product.stack("code")
    login = Pamtester("code", "alice")
    login.sees("No report from +30 69****0002. Only the newest code counts. Code sent to +30 69****4321 (delivered). ")
    login.answers(sandbox.messages(OTHER_NUMBER)[0]["code"])
    assert login.code() == "PAM_SUCCESS"


def test_only_the_newest_code_counts_and_the_prompt_says_so(product, sandbox):
    product.configure(code="local", resend_after=0)
    product.stack("code")
    login = Pamtester("code", "alice")
    login.sees(SENT)
    old = code_of(sandbox.wait_message(NUMBER))
    login.answers("r")
    login.sees(f"Only the newest code counts. {SENT}")
    new = code_of(sandbox.wait_message(NUMBER))
    login.answers(old if old != new else other_than(new))
    login.sees("Wrong code")


def test_a_number_that_the_provider_refuses_is_followed_by_the_next(product, sandbox):
    product.users(alice=[NUMBER, OTHER_NUMBER])
    sandbox.settings(fault="2fa/send:error=103:1")
    login = Pamtester(product.stack("code"), "alice")
    login.sees("Code sent to +30 69****4321 (delivered)")
    assert len(sandbox.messages()) == 1
    login.kill()


@pytest.mark.parametrize("changes, wrong", [
    ({"channels": "viber"}, "viber needs code = local"),
    ({"channels": "pigeon"}, "must be words like sms, viber"),
    ({"give_up_after": "9", "wait": "5"}, "longer than wait"),
    ({"code": "local", "code_digits": "10", "text": "%%CODE%%" + "x" * 151}, "more than one message"),
    ({"countries": "+30"}, "country codes"),
    ({"trusted": "10.0.0.1/8"}, "networks like"),
    ({"groups": "wheel !"}, "without a group's name"),
])
def test_what_cannot_work_is_refused_when_the_configuration_is_read(product, sandbox, syslog, changes, wrong):
    product.configure(**changes)
    assert Pamtester(product.stack("code"), "alice").code() == "PAM_SERVICE_ERR"
    assert wrong in syslog.text() or syslog.wait(re.escape(wrong))
    assert sandbox.requests() == []
