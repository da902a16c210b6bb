"""The module in the hands of pamtester: what a person sees, what is sent, and the PAM code that comes of it."""

import os
import shlex
import time
import urllib.parse

import pytest

import world
from product import FAILS, GENERIC, NUMBER, OTHER_NUMBER, PENDING, PROMPT
from programs import Pamtester, Session, Terminal, code_in, pamtester_argv, wrong

MASKED = "+30 69****4567"
FRESH = f"Code sent to {MASKED} (delivered). Enter it, or r = again: "


def test_the_right_code_lets_in(product, sandbox, syslog):
    login = Pamtester(product.stack("code"), "alice")
    assert login.sees(FRESH).strip() == ""
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    assert len(sandbox.messages()) == 1
    line = syslog.wait("event=login")
    assert line.facility == line.AUTHPRIV
    assert 'user="alice" service="code"' in line.text and "verdict=allow reason=code_accepted" in line.text


def test_blanks_around_the_code_do_not_matter(product, sandbox):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(FRESH)
    login.answers(f"  {sandbox.wait_message(NUMBER)['code']}\t ")
    assert login.code() == "PAM_SUCCESS"


def test_the_code_is_not_shown_while_it_is_typed(product, sandbox):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(FRESH)
    code = sandbox.wait_message(NUMBER)["code"]
    login.answers(code)
    login.code()
    assert code not in login.text


def test_wrong_then_right_takes_one_message(product, sandbox, terminals):
    session = terminals(Session(product.stack("code"), "alice"))
    session.sees(FRESH)
    message = sandbox.wait_message(NUMBER)
    session.answers(wrong(message))
    session.sees("Wrong code; 2 tries left.")
    assert session.code() == "PAM_AUTH_ERR"
    session.sees(f"Code sent to {MASKED} ")
    assert session.sees(" ago (delivered), 2 tries left. Enter it, or r = again: ").endswith(" s")
    session.answers(message["code"])
    assert session.code() == "PAM_SUCCESS"
    assert len(sandbox.messages()) == 1


def test_three_wrong_codes_end_it_and_send_nothing_more(product, sandbox, terminals, syslog):
    session = terminals(Session(product.stack("code"), "alice", runs=4))
    for expected in ("PAM_AUTH_ERR", "PAM_AUTH_ERR", "PAM_MAXTRIES"):
        session.sees(PROMPT)
        session.sees(": ")
        message = sandbox.messages(NUMBER)[0]
        session.answers(wrong(message))
        assert session.code() == expected
    session.sees("All tries are used up. Try again in 5 min. Press Enter: ")
    session.answers(message["code"])
    assert session.code() == "PAM_MAXTRIES"
    assert len(sandbox.messages()) == 1
    assert len(sandbox.requests("2fa/check")) == 3
    assert syslog.matching("reason=tries_used")


@pytest.mark.parametrize("answer, reason", [
    ("", "no_answer"), ("   ", "no_answer"), ("letmein-Hunter2", "not_a_code"), ("123", "not_a_code"),
    ("12345", "not_a_code"), ("12 34", "not_a_code"), ("-123", "not_a_code"), ("١٢٣٤", "not_a_code"),
    ("0x1f", "not_a_code"), pytest.param("9" * 3000, "not_a_code", id="3000 digits")])
def test_what_is_no_code_is_no_try_and_goes_nowhere(product, sandbox, terminals, syslog, answer, reason):
    session = terminals(Session(product.stack("code"), "alice"))
    session.sees(FRESH)
    session.answers(answer)
    assert session.code() == "PAM_AUTH_ERR"
    syslog.wait(f"reason={reason}")
    assert sandbox.requests("2fa/check") == []
    if answer.strip():
        assert answer not in syslog.text()
    session.sees("3 tries left. Enter it")
    session.answers(sandbox.wait_message(NUMBER)["code"])
    assert session.code() == "PAM_SUCCESS"
    assert len(sandbox.messages()) == 1


def test_ctrl_c_at_the_prompt_costs_nothing(product, sandbox, terminals):
    session = terminals(Session(product.stack("code"), "alice"))
    session.sees(FRESH)
    session.types("\x03")
    session.sees("\\\r\n")
    session.sees("3 tries left. Enter it, or r = again: ")
    session.answers(sandbox.wait_message(NUMBER)["code"])
    assert session.code() == "PAM_SUCCESS"
    assert len(sandbox.messages()) == 1


def test_end_of_input_is_a_failed_conversation(product, sandbox, syslog):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(FRESH)
    login.types("\x04")
    assert login.code() == "PAM_CONV_ERR"
    syslog.wait("verdict=deny reason=no_answer")
    assert sandbox.requests("2fa/check") == []


def test_a_hang_up_at_the_prompt_leaves_no_process_and_the_next_login_works(product, sandbox):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(FRESH)
    pid = login.pid
    login.hangs_up()
    assert not os.path.exists(f"/proc/{pid}")
    sandbox.wait_message(NUMBER)
    again = Pamtester("code", "alice")
    again.sees(FRESH)
    again.answers(sandbox.wait_message(NUMBER)["code"])
    assert again.code() == "PAM_SUCCESS"


def test_an_expired_code_is_refused_without_asking_the_provider(product, sandbox, clock):
    login = Pamtester(product.stack("code"), "alice", env=clock.environment)
    login.sees(FRESH)
    clock.advance(301)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    login.sees("The code is too old. Log in again for a new one.")
    assert login.code() == "PAM_AUTH_ERR"
    assert sandbox.requests("2fa/check") == []


def test_a_code_is_good_until_its_life_is_over(product, sandbox, clock):
    login = Pamtester(product.stack("code", "life=600"), "alice", env=clock.environment)
    login.sees(FRESH)
    clock.advance(540)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_a_code_opens_once(product, sandbox, terminals):
    session = terminals(Session(product.stack("code"), "alice"))
    session.sees(FRESH)
    first = sandbox.wait_message(NUMBER)
    session.answers(first["code"])
    assert session.code() == "PAM_SUCCESS"
    session.sees(FRESH)
    second = sandbox.wait_message(NUMBER)
    assert second["code"] != first["code"]
    session.answers(first["code"])
    session.sees("Wrong code; 2 tries left.")
    assert session.code() == "PAM_AUTH_ERR"


def test_another_session_cannot_see_spend_or_use_this_one_s_challenge(product, sandbox, terminals):
    options = {"rhost": "192.0.2.7"}
    mine = Pamtester(product.stack("code"), "alice", **options)
    mine.sees(FRESH)
    my_message = sandbox.wait_message(NUMBER)
    other = terminals(Session("code", "alice", tty="ssh", runs=3, **options))  # as sshd has it: a session of its own
    for expected in ("PAM_AUTH_ERR", "PAM_AUTH_ERR", "PAM_MAXTRIES"):
        other.sees("Enter it")
        assert len(sandbox.messages()) == 2
        assert sandbox.messages()[1]["code"] != my_message["code"]
        other.answers(my_message["code"])
        assert other.code() == expected
    mine.answers(my_message["code"])
    assert mine.code() == "PAM_SUCCESS"


def test_another_service_in_the_same_session_has_a_challenge_of_its_own(product, sandbox, terminals):
    services = product.stack("one"), product.stack("two")
    commands = "; ".join(shlex.join(pamtester_argv(service, "alice")) for service in services)
    terminal = terminals(Terminal(["bash", "-c", commands]))
    terminal.sees(FRESH)
    terminal.answers("")
    terminal.sees(FRESH)
    assert len(sandbox.messages()) == 2


def test_fifty_processes_with_the_right_code_let_one_in(product, sandbox, tmp_path, terminals):
    product.stack("code")
    command = shlex.join(pamtester_argv("code", "alice"))
    count = 50
    pipes = [tmp_path / f"in{number}" for number in range(count)]
    for pipe in pipes:
        os.mkfifo(pipe)
    script = f"{command} < /dev/null; for i in $(seq 0 {count - 1}); do " \
             f"{command} < {tmp_path}/in$i > {tmp_path}/out$i 2>&1 & done; wait"
    terminal = terminals(Terminal(["bash", "-c", script]))
    terminal.sees(FRESH)
    code = sandbox.wait_message(NUMBER)["code"]
    inputs = [open(pipe, "w") for pipe in pipes]
    for number in range(count):
        wait_for_text(tmp_path / f"out{number}", PROMPT)
    for each in inputs:
        each.write(code + "\n")
        each.flush()
    terminal.ends(60)
    for each in inputs:
        each.close()
    codes = [code_in((tmp_path / f"out{number}").read_text()) for number in range(count)]
    assert codes.count("PAM_SUCCESS") == 1
    assert set(codes) <= {"PAM_SUCCESS", "PAM_AUTH_ERR", "PAM_MAXTRIES"}
    assert len(sandbox.messages()) == 1
    assert len(sandbox.requests("2fa/check")) <= 3


def wait_for_text(path, text):
    """Until a file is there and holds text."""
    until = time.monotonic() + 60
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < until, f"{path} does not come to hold {text!r}"
        time.sleep(0.01)


@pytest.mark.parametrize("proven", [None, "none"])
@pytest.mark.parametrize("user, code, reason", [
    ("alice", "PAM_AUTH_ERR", "no_first_factor"), ("bob", "PAM_AUTH_ERR", "no_first_factor"),
    ("nobody-here", "PAM_USER_UNKNOWN", "unknown_user")])
def test_without_a_first_factor_everybody_meets_the_same_prompt(product, sandbox, syslog, user, code, reason, proven):
    login = Pamtester(product.stack("code"), user, proven=proven)
    assert login.sees(GENERIC).strip() == ""
    login.answers("1234")
    assert login.code() == code
    assert login.text.count("\n") == 2  # the answer's end of line, and pamtester's own
    syslog.wait(f"verdict=deny reason={reason}")
    syslog.wait("first_factor=proven.*SSH_AUTH_INFO_0")
    assert sandbox.requests() == []


def test_an_unknown_user_s_name_is_not_logged_as_it_was_typed(product, sandbox, syslog):
    login = Pamtester(product.stack("code"), "My-Secret-Password!", proven="publickey")
    login.sees(GENERIC)
    login.answers("1234")
    assert login.code() == "PAM_USER_UNKNOWN"
    syslog.wait("user=unknown#")
    assert not [line for line in syslog.matching("My-Secret-Password!") if "sms365" in line.text]
    assert sandbox.requests() == []


def test_first_factor_none_sends_for_a_name_alone(product, sandbox):
    login = Pamtester(product.stack("code", "first_factor=none"), "alice", proven=None)
    login.sees(FRESH)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_a_password_in_the_stack_is_a_first_factor(product, sandbox, alice):
    product.stack("both", "first_factor=stacked", before=["auth requisite pam_unix.so nodelay"])
    login = Pamtester("both", "alice", proven=None)
    login.sees("Password: ")
    login.answers(alice.password)
    login.sees(FRESH)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_a_wrong_password_in_the_stack_sends_nothing(product, sandbox):
    product.stack("both", "first_factor=stacked", before=["auth requisite pam_unix.so nodelay"])
    login = Pamtester("both", "alice", proven=None)
    login.sees("Password: ")
    login.answers("wrong")
    assert login.code() == "PAM_AUTH_ERR"
    assert sandbox.requests() == []


def test_a_misordered_stack_sends_nothing_and_says_so_in_the_log(product, sandbox, alice, syslog):
    world.write_pam("misordered", "auth required pam_sms365.so first_factor=stacked", "auth required pam_unix.so nodelay")
    login = Pamtester("misordered", "alice", proven=None)
    login.sees(GENERIC)
    login.answers("1234")
    login.sees("Password: ")
    login.answers(alice.password)
    assert login.code() == "PAM_AUTH_ERR"
    syslog.wait("first_factor=stacked.*requisite pam_unix.so")
    assert sandbox.requests() == []


def test_one_who_is_not_enrolled_is_told_so_and_whom_to_ask(product, sandbox, syslog):
    product.configure(contact="the help desk, room 101")
    login = Pamtester(product.stack("code"), "bob")
    login.sees("You have no phone number here for the code that is needed. Ask the help desk, room 101. Press Enter: ")
    login.answers("")
    assert login.code() == "PAM_AUTH_ERR"
    syslog.wait('user="bob".*verdict=deny reason=not_enrolled')
    assert sandbox.requests() == []


def test_a_number_that_fails_is_followed_by_the_next_one(product, sandbox):
    product.users(alice=[FAILS, OTHER_NUMBER])
    login = Pamtester(product.stack("code"), "alice")
    login.sees("Not delivered to +30 69****0001. Code sent to +30 69****4321 (delivered). Enter it, or r = again, "
               "o = other number: ")
    assert [message["to"] for message in sandbox.messages()] == [FAILS, OTHER_NUMBER]
    login.answers(sandbox.wait_message(OTHER_NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_only_the_newest_code_counts(product, sandbox):
    product.users(alice=[NUMBER, OTHER_NUMBER])
    login = Pamtester(product.stack("code", "resend_after=0"), "alice")
    login.sees("o = other number: ")
    first = sandbox.wait_message(NUMBER)
    login.answers("o")
    login.sees("o = other number: ")
    assert sandbox.wait_message(OTHER_NUMBER)["code"] != first["code"]
    login.answers(first["code"])
    login.sees("Wrong code")
    assert login.code() == "PAM_AUTH_ERR"


def test_the_other_number_waits_like_a_resend_unless_the_message_failed(product, sandbox):
    product.users(alice=[NUMBER, OTHER_NUMBER])
    login = Pamtester(product.stack("code"), "alice")
    login.sees("o = other number: ")
    login.answers("o")
    login.sees("Too soon: r works again in ")
    assert len(sandbox.messages()) == 1


def test_with_one_number_there_is_no_other(product, sandbox):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(FRESH)
    login.answers("o")
    login.sees(f"There is no other way. {FRESH}")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_again_waits_for_the_cool_down_then_sends_once_more(product, sandbox, clock):
    login = Pamtester(product.stack("code"), "alice", env=clock.environment)
    login.sees(FRESH)
    first = sandbox.wait_message(NUMBER)
    login.answers("r")
    login.sees("Too soon: r works again in ")
    login.sees(PROMPT)
    assert len(sandbox.messages()) == 1
    clock.advance(31)
    login.answers("r")
    login.sees(FRESH)
    second = sandbox.wait_message(NUMBER)
    assert second["id"] != first["id"]
    login.answers(second["code"])
    assert login.code() == "PAM_SUCCESS"


def test_at_most_five_prompts_in_one_login(product, sandbox):
    login = Pamtester(product.stack("code"), "alice")
    login.sees(FRESH)
    for _ in range(4):
        login.answers("r")
        login.sees("Too soon")
        login.sees("r = again: ")
    login.answers("r")
    login.sees("No code was entered.")
    assert login.code() == "PAM_AUTH_ERR"
    assert len(sandbox.messages()) == 1


def test_a_message_without_a_report_is_pending(product, sandbox):
    product.users(alice=[PENDING])
    product.configure(wait="1")
    login = Pamtester(product.stack("code"), "alice")
    login.sees("Code sent to +30 69****0002 (pending). Enter it, or r = again: ")
    login.answers(sandbox.wait_message(PENDING)["code"])
    assert login.code() == "PAM_SUCCESS"
    assert not sandbox.requests("status/sms")  # which knows nothing of 2fa/send


def test_wait_holds_the_prompt_until_the_report(product, sandbox):
    sandbox.settings(delivery_after="700")
    login = Pamtester(product.stack("code", "wait=5"), "alice")
    login.sees(FRESH)


def test_a_report_by_callback_reaches_the_prompt(product, sandbox, receiver):
    sandbox.settings(delivery_after="300")
    product.configure(callback=receiver.url)
    login = Pamtester(product.stack("code"), "alice")
    login.sees(FRESH)
    assert sandbox.requests("2fa/send")[0]["params"].get("wait") is None
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_a_report_by_callback_after_the_prompt_is_up_is_seen_at_the_next(product, sandbox, receiver):
    receiver.door.clear()
    product.configure(callback=receiver.url, wait="0")
    login = Pamtester(product.stack("code"), "alice")
    login.sees(f"Code sent to {MASKED} (pending). Enter it, or r = again: ")
    receiver.door.set()
    receiver.wait()
    login.answers("r")
    login.sees(FRESH)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_a_failed_report_by_callback_allows_another_message_at_once(product, sandbox, receiver):
    sandbox.settings(delivery="f", delivery_after="100")
    product.configure(callback=receiver.url)
    login = Pamtester(product.stack("code"), "alice")
    login.sees(f"Code sent to {MASKED} (not delivered). Enter it, or r = again: ")
    sandbox.settings(delivery="d")
    sandbox.wait_message(NUMBER)
    login.answers("r")
    login.sees(FRESH)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


@pytest.mark.parametrize("forge", [
    lambda query: query.replace("t=", "t=A", 1), lambda query: "status=d&" + urllib.parse.urlencode({"t": "A" * 43}),
    lambda query: "", lambda query: query.replace("status=d", "status=delivered"), lambda query: "\0" * 3000])
def test_a_forged_report_changes_nothing(product, sandbox, receiver, forge):
    write = receiver.write
    receiver.write = lambda name, query: write(name, forge(query))
    sandbox.settings(delivery_after="100")
    product.configure(callback=receiver.url, wait="1")
    login = Pamtester(product.stack("code"), "alice")
    login.sees(f"Code sent to {MASKED} (pending). Enter it")
    receiver.wait()


def test_what_was_mistyped_before_the_right_code_is_given_back(product, sandbox, terminals):
    product.stack("code", "failed_tries=3", "sends_per_hour=30")
    for _ in range(4):
        session = terminals(Session("code", "alice", runs=2))
        session.sees(FRESH)
        message = sandbox.wait_message(NUMBER)
        session.answers(wrong(message))
        assert session.code() == "PAM_AUTH_ERR"
        session.sees("2 tries left. Enter it, or r = again: ")
        session.answers(message["code"])
        assert session.code() == "PAM_SUCCESS"


def test_messages_to_one_user_in_an_hour_are_limited(product, sandbox, clock):
    product.stack("code", "sends_per_hour=2")
    for _ in range(3):  # the first from anywhere, the others from where the user has got in before
        login = Pamtester("code", "alice", env=clock.environment)
        login.sees(FRESH)
        login.answers(sandbox.wait_message(NUMBER)["code"])
        assert login.code() == "PAM_SUCCESS"
    fourth = Pamtester("code", "alice", env=clock.environment)
    fourth.sees("Too many messages were sent to you. Try again in 60 min. Press Enter: ")
    fourth.answers("")
    assert fourth.code() == "PAM_MAXTRIES"
    assert len(sandbox.messages()) == 3
    clock.advance(3601)
    later = Pamtester("code", "alice", env=clock.environment)
    later.sees(FRESH)


def test_strangers_from_one_address_are_counted_and_others_are_not_shut_out(product, sandbox, syslog):
    product.stack("code", "host_attempts_per_hour=3")
    for _ in range(3):
        stranger = Pamtester("code", "alice", proven=None, rhost="198.51.100.9")
        stranger.sees(GENERIC)
        stranger.answers("1234")
        assert stranger.code() == "PAM_AUTH_ERR"
    fourth = Pamtester("code", "alice", proven=None, rhost="198.51.100.9")
    assert fourth.code() == "PAM_MAXTRIES"
    assert GENERIC not in fourth.text
    syslog.wait("reason=too_many_from_host")
    elsewhere = Pamtester("code", "alice", proven=None, rhost="198.51.100.10")
    elsewhere.sees(GENERIC)
    proved = Pamtester("code", "alice", rhost="198.51.100.9")
    proved.sees(FRESH)


def test_the_prompt_speaks_greek_when_told_to(product, sandbox):
    login = Pamtester(product.stack("code", "language=el"), "alice")
    login.sees(f"Στάλθηκε κωδικός στο {MASKED} (παραδόθηκε). Πληκτρολογήστε τον, ή r = ξανά: ")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_a_section_of_the_service_overrides(product, sandbox):
    product.configure(service={"code": {"text": "Your code is %%CODE%%", "from": "Wonderland"}})
    login = Pamtester(product.stack("code"), "alice")
    login.sees(FRESH)
    message = sandbox.wait_message(NUMBER)
    assert message["text"] == f"Your code is {message['code']}" and message["from"] == "Wonderland"


def test_setcred_and_silence_are_no_way_in(product, sandbox):
    login = Pamtester(product.stack("code"), "alice", "authenticate(PAM_SILENT)")
    login.sees(PROMPT)
    login.answers("0000x")
    assert login.code() == "PAM_AUTH_ERR"


def test_a_service_that_asks_for_everybody_from_one_session_lets_nobody_take_up_another_s_challenge(product, sandbox,
                                                                                                   terminals):
    product.stack("code")
    owner, stranger = (shlex.join(pamtester_argv("code", "alice", rhost=host)) for host in ("192.0.2.1", "198.51.100.66"))
    session = terminals(Terminal(["bash", "-c", f"{owner}; {stranger}"]))
    session.sees(FRESH)
    first = sandbox.wait_message(NUMBER)
    session.answers(wrong(first))
    session.sees("Wrong code")
    session.sees(FRESH)  # not "3 s ago, 2 tries left"
    second = sandbox.wait_message(NUMBER)
    session.answers(first["code"] if first["code"] != second["code"] else wrong(second))
    session.sees("Wrong code")
    session.ends()
    assert len({request["params"]["authId"] for request in sandbox.requests("2fa/check")}) == 2
