"""The administrator's command: requests of the provider."""

import json
import re
import subprocess

import pytest

import sandbox
from administrator import DONE, FAILED, NOWHERE, NUMBER, UNREACHABLE, USAGE


# --- send, check, balance ---


def test_a_text_is_sent_and_its_cost_told(place):
    place.with_key()
    result = place.run("send", "+30 697 123 4567", "Hello & goodbye = 100%")
    assert result.status == DONE
    assert re.fullmatch(r"Sent to \+30 69\*\*\*\*4567 in 1 part: id \d+, cost 1, balance 999\.\n", result.out)
    assert [(one["to"], one["text"]) for one in place.box.messages()] == [(NUMBER, "Hello & goodbye = 100%")]


def test_a_text_from_standard_input_goes_in_the_alphabet_it_needs(place):
    place.with_key()
    sent = place.json("send", NUMBER, "-", "--from", "Office", stdin="Καλημέρα\nκόσμε\n").object
    assert (sent["to"], sent["parts"], sent["cost"], sent["balance"]) == (NUMBER, 1, 1, 999)
    assert (sent["mcc"], sent["mnc"]) == ("202", "05")
    message, = place.box.messages()
    assert (message["text"], message["from"], message["id"]) == ("Καλημέρα\nκόσμε", "Office", sent["smsId"])
    params = place.box.requests("sms/send")[0]["params"]
    assert params["ucs"] == "true" and params["key"] == "***"


@pytest.mark.parametrize("text", ["", "\n", "x" * 7000, "nul\0byte", b"\xff".decode("utf-8", "surrogateescape")])
def test_a_text_that_cannot_be_sent_is_refused(place, text):
    place.with_key()
    done = subprocess.run(place.argv("send", NUMBER, "-"), input=text.encode("utf-8", "surrogateescape"),
                          capture_output=True, env={})
    assert done.returncode == USAGE
    assert place.box.requests() == []


def test_the_provider_s_refusals_come_with_advice(place):
    place.with_key()
    place.box.settings(balance=0)
    result = place.run("send", NUMBER, "text")
    assert result.status == FAILED and "105" in result.err and "Top up" in result.err
    assert place.json("send", NUMBER, "text").object["provider_error"] == 105
    place.box.settings(key="ANOTHER")
    result = place.run("balance")
    assert result.status == FAILED and "The key is wrong, or it is right" in result.err


@pytest.mark.parametrize("fault", ["drop-after", "html", "garbage", "cut", "http500"])
def test_a_message_whose_reply_is_lost_is_told_and_not_sent_again(place, fault):
    place.with_key()
    place.box.settings(fault=f"sms/send:{fault}:1")
    result = place.run("send", NUMBER, "text")
    assert result.status == FAILED and "may have been sent" in result.err
    assert len(place.box.messages()) == 1


@pytest.mark.parametrize("words", [("send", NUMBER, "text"), ("balance",), ("check", "id"), ("api", "me/balance")])
def test_an_unreachable_provider_ends_with_3(place, words):
    place.run("key", "init")
    place.run("key", "add", "main", "--no-check", "--whitelist", "any", "--url", NOWHERE, stdin=sandbox.KEY + "\n")
    result = place.json(*words, stdin="1234\n")
    assert (result.status, result.object["error"]) == (UNREACHABLE, "unreachable")


def test_a_code_is_checked_from_standard_input(place):
    place.with_key()
    sent = place.json("api", "2fa/send", f"to={NUMBER}").object["reply"]
    code = place.box.messages()[0]["code"]
    wrong = str((int(code) + 1) % 10000).zfill(4)
    assert place.run("check", sent["authId"], stdin=wrong + "\n").status == FAILED
    result = place.run("check", sent["authId"], stdin=f" {code} \n")
    assert (result.status, result.out) == (DONE, "The code is right.\n")
    assert code not in place.run("check", sent["authId"], stdin=code + "\n").text
    gone = place.json("check", "no-such-id", stdin="1234\n")
    assert (gone.status, gone.object["provider_error"]) == (FAILED, 302)


@pytest.mark.parametrize("answer", ["", "\n", "my password\n", "12a4\n", "1" * 100 + "\n"])
def test_what_is_no_code_does_not_leave_the_machine(place, answer):
    place.with_key()
    assert place.json("check", "some-id", stdin=answer).status == USAGE
    assert place.box.requests() == []


@pytest.mark.parametrize("fault", ["types", "html", "escapes", "empty"])
def test_only_a_clear_yes_is_a_right_code(place, fault):
    place.with_key()
    sent = place.json("api", "2fa/send", f"to={NUMBER}").object["reply"]
    place.box.settings(fault=f"2fa/check:{fault}:1")
    assert place.run("check", sent["authId"], stdin=place.box.messages()[0]["code"] + "\n").status == FAILED


def test_the_balance_is_told(place):
    place.with_key()
    place.box.settings(balance=12.5)
    assert place.run("balance").out == "Balance: 12.5\n"
    assert place.json("balance").object == {"balance": 12.5}


# --- api ---


def test_an_endpoint_can_be_asked_and_keys_are_masked(place):
    place.with_key()
    result = place.run("api", "mobile/check", "mobile=6971234567")
    assert json.loads(result.out)["mobile"]["msisdn"] == NUMBER
    result = place.run("api", "key/get")
    assert result.status == DONE and sandbox.KEY not in result.text and '"key"' in result.out
    assert sandbox.KEY not in place.json("api", "key/get").out
    assert place.json("api", "key/get", "--reveal").object["reply"]["key"] == sandbox.KEY


def test_endpoints_that_need_no_key_work_without_a_key_store(place):
    assert place.run("api", "mobile/check", "mobile=6971234567").status == DONE
    got = place.json("api", "key/get", "username=demo", "password=-", "--reveal", stdin="demo\n")
    assert got.object["reply"]["key"] == sandbox.KEY
    assert place.run("api", "--list").out.count("mobile/check") == 1


def test_secrets_on_the_command_line_are_refused_and_not_repeated(place):
    place.with_key()
    for words in (("key/get", "username=demo", "password=hunter2"), ("2fa/check", "authId=x", "code=1234567"),
                  ("key/get", "key=hunter2"), ("me/balance", "hunter2")):
        result = place.run("api", *words)
        assert result.status == USAGE
        assert "hunter2" not in result.text and "1234567" not in result.text
    assert place.box.requests() == []


def test_values_are_read_from_standard_input_one_a_line(place):
    got = place.json("api", "key/get", "username=-", "password=-", stdin="demo\ndemo\n")
    assert got.status == DONE
    assert place.json("api", "key/get", "username=-", "password=-", stdin="demo\n").status == USAGE


def test_wrong_parameters_are_named_and_not_sent(place):
    place.with_key()
    result = place.run("api", "sms/send", "too=1", "ucs=maybe")
    assert result.status == USAGE
    for part in ("too is not a parameter", "ucs is neither", "to is missing", "text is missing"):
        assert part in result.err
    assert place.box.requests() == []


def test_other_formats_are_shown_as_they_come_unless_they_hold_a_key(place):
    place.with_key()
    assert "<msisdn>306971234567</msisdn>" in place.run("api", "mobile/check", "mobile=6971234567", "type=xml").out
    assert place.json("api", "me/balance", "type=v2").object["body"].startswith("1|")
    for kind in ("xml", "v2"):
        refused = place.run("api", "key/get", f"type={kind}")
        assert refused.status == USAGE and sandbox.KEY not in refused.text
        assert sandbox.KEY in place.run("api", "key/get", f"type={kind}", "--reveal").out


def test_a_key_is_not_reset_unless_the_new_one_is_seen(place):
    place.with_key()
    assert place.run("api", "key/reset").status == USAGE
    assert place.run("balance").status == DONE
    fresh = place.json("api", "key/reset", "--reveal").object["reply"]["key"]
    assert fresh != sandbox.KEY
    assert place.run("balance").status == FAILED
    assert place.run("key", "add", "main", "--replace", stdin=fresh + "\n").status == DONE
    assert place.run("balance").status == DONE


def test_control_characters_of_the_provider_do_not_reach_the_terminal(place):
    place.with_key()
    place.box.settings(fault="*:escapes")
    for words in (("api", "me/balance"), ("balance",), ("key", "check"), ("user", "add", "root", NUMBER),
                  ("api", "me/balance", "type=xml"), ("api", "me/balance", "type=v2")):
        result = place.run(*words)
        for character in result.text.replace("\n", ""):
            assert character.isprintable(), (words, result.text)


@pytest.mark.parametrize("balance, limit, low", [
    (1000, 50, False), (50, 50, False), (49.999, 50, True), (0.5, 1, True), (0, 1, True), (0, 0, False),
])
def test_a_low_balance_is_an_exit_status_and_one_line(place, balance, limit, low):
    place.write(limits__low_balance=limit)
    place.with_key()
    place.box.settings(balance=balance)
    result = place.run("balance", "--check")
    assert (result.status, result.err) == (FAILED if low else DONE, "")
    assert result.out == f"Balance: {balance:g}, {'low: ' if low else 'not '}below {limit}\n"
    told = place.json("balance", "--check")
    assert (told.status, told.object["low"], told.object["low_balance"]) == (result.status, low, limit)
    assert told.object["balance"] == balance
    assert told.object.get("error") == ("low_balance" if low else None)


def test_a_balance_that_cannot_be_had_is_not_taken_for_one(place):
    place.with_key()
    for fault in ("types", "html", "error=101"):
        place.box.settings(fault=f"me/balance:{fault}")
        assert place.json("balance", "--check").status == FAILED
    place.box.settings(fault="")
    place.with_key(url=NOWHERE)
    assert place.json("balance", "--check").status == UNREACHABLE
