"""What messages may cost: caps of users, numbers, addresses and the machine; countries; a balance that is used up."""

import json

import pytest

from people import ELSEWHERE, HOME
from product import FAILS, NUMBER, OTHER_NUMBER
from programs import Pamtester

ASKED = "Code sent to"


def sends(sandbox, user="alice", **options):
    """A login up to the prompt, given up there: one message."""
    before = len(sandbox.messages())
    login = Pamtester("code", user, **options)
    login.sees(ASKED)
    login.kill()
    assert len(sandbox.messages()) == before + 1


def refused(sandbox, text, user="alice", **options):
    before = len(sandbox.requests())
    login = Pamtester("code", user, **options)
    login.sees(text)
    login.answers("")
    result = login.code()
    assert len(sandbox.requests()) == before
    return result


def sends_or_shares(sandbox, user, **options):
    """The same, of a user whose number may have a counter together with another's: in a hundredth of all stores two of
    some numbers do. Whether there was a message."""
    before = len(sandbox.messages())
    login = Pamtester("code", user, **options)
    seen = login.sees_match(f"{ASKED}|Too many messages were sent to you")[0]
    login.kill()
    assert len(sandbox.messages()) == before + (seen == ASKED)
    return seen == ASKED


def first_accounts(count):
    """Names that every machine's /etc/passwd begins with."""
    with open("/etc/passwd") as passwd:
        return [line.split(":")[0] for line in passwd][:count]


def test_a_number_has_a_cap_whoever_is_asked_at_it(product, sandbox, syslog):
    product.configure(sends_per_day=3)
    product.stack("code")
    product.users(alice=[NUMBER], bob=[NUMBER])
    sends(sandbox, "alice")
    sends(sandbox, "bob")
    sends(sandbox, "bob")
    assert refused(sandbox, "Too many messages were sent to you. Try again in ", "alice") == "PAM_MAXTRIES"
    syslog.wait('user="alice".*reason=too_many_sends')


def test_an_address_has_a_cap_and_others_have_their_own(product, sandbox, syslog):
    product.configure(sends_per_day_address=2)
    product.stack("code")
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    sends(sandbox, "alice", rhost=HOME)
    sends(sandbox, "bob", rhost=HOME)
    assert refused(sandbox, "Too many attempts.", "alice", rhost=HOME) == "PAM_MAXTRIES"
    syslog.wait("reason=too_many_from_host")
    sends(sandbox, "alice", rhost=ELSEWHERE)
    sends(sandbox, "alice")


def test_the_machine_has_a_cap_and_one_user_takes_a_tenth_of_it(product, sandbox, syslog):
    product.configure(sends_per_day_host=20, sends_per_day=20)
    product.stack("code")
    users = {f"user{i}": [f"3069712345{i:02}"] for i in range(10, 32)}
    product.users(alice=[NUMBER], **users)
    sends(sandbox)
    assert refused(sandbox, "Too many messages were sent to you.") == "PAM_MAXTRIES"


def test_cost_counts_as_enrolled(product, sandbox):
    product.configure(cost_per_day=5)
    product.stack("code")
    product.write("users", f"alice: {NUMBER};cost=2.5\n")
    sends(sandbox)
    sends(sandbox)
    assert refused(sandbox, "Too many messages were sent to you.") == "PAM_MAXTRIES"


def test_a_number_has_a_cap_in_cost_too_whoever_is_asked_at_it(product, sandbox, syslog):
    product.configure(cost_per_day=6)
    product.stack("code")
    product.write("users", "".join(f"{name}: {NUMBER};cost=2.5\n" for name in ("alice", "bob")))
    sends(sandbox, "alice")
    sends(sandbox, "bob")
    assert refused(sandbox, "Too many messages were sent to you.", "bob") == "PAM_MAXTRIES"
    assert refused(sandbox, "Too many messages were sent to you.", "alice") == "PAM_MAXTRIES"
    syslog.wait('user="alice".*verdict=deny reason=too_many_sends')


def enroll(product, names, cost):
    """Everybody a number of their own, of which every message costs so much."""
    product.write("users", "".join(f"{name}: 3069712345{i:02};cost={cost}\n" for i, name in enumerate(names, 10)))


def test_what_one_address_causes_has_a_cap_in_cost_too(product, sandbox, syslog):
    product.configure(cost_per_day_address=6)
    product.stack("code")
    enroll(product, ("alice", "bob", "root"), 2.5)
    for user in ("alice", "bob"):
        sends(sandbox, user, rhost=HOME)
    assert refused(sandbox, "Too many attempts.", "root", rhost=HOME) == "PAM_MAXTRIES"
    syslog.wait('user="root".*verdict=deny reason=too_many_from_host')
    sends(sandbox, "root", rhost=ELSEWHERE)
    sends(sandbox, "root")


def test_the_machine_has_a_cap_in_cost_too(product, sandbox, syslog):
    product.configure(cost_per_day_host=100, wait=0)  # 5 for one user, 75 from places that are not usual
    product.stack("code")
    names = first_accounts(16)
    enroll(product, names, 5)
    for name in names[:15]:
        sends(sandbox, name, rhost=ELSEWHERE)
    assert refused(sandbox, "No more messages are sent from here today.", names[15]) == "PAM_MAXTRIES"
    syslog.wait(f'user="{names[15]}".*verdict=deny reason=store_spent')


def test_the_cost_that_a_report_tells_replaces_the_one_that_was_expected(product, sandbox):
    product.configure(code="local", cost_per_day=4)
    product.stack("code")
    product.write("users", f"alice: {NUMBER};cost=2.5\n")
    for _ in range(2):  # sms/send says that each cost 1
        sends(sandbox)
    refused(sandbox, "Too many messages were sent to you.")


def is_refused_by_the_provider(env):
    login = Pamtester("code", "alice", rhost=HOME, env=env)
    login.sees("The SMS provider refused.")
    login.answers("")
    login.ends()


def test_what_was_certainly_not_sent_is_given_back_everywhere(product, sandbox, clock):
    product.configure(sends_per_day=1, sends_per_hour=1, sends_per_day_address=1)
    product.stack("code")
    sandbox.settings(fault="2fa/send:error=106:2")
    for _ in range(2):
        is_refused_by_the_provider(clock.environment)
        clock.advance(30)
    sends(sandbox, rhost=HOME, env=clock.environment)
    refused(sandbox, "Too many", rhost=HOME, env=clock.environment)


def test_what_the_provider_refuses_is_not_asked_for_without_end(product, sandbox, clock):
    product.configure(sends_per_hour=2, resend_after=60)
    product.stack("code")
    sandbox.settings(fault="2fa/send:error=106")
    for _ in range(2):
        for _ in range(2):
            is_refused_by_the_provider(clock.environment)
        refused(sandbox, "Too many messages were sent to you. Try again in ", rhost=HOME, env=clock.environment)
        clock.advance(61)
    assert len(sandbox.requests("2fa/send")) == 4


def test_a_lost_reply_stays_charged(product, sandbox):
    product.configure(sends_per_day=1)
    product.stack("code")
    sandbox.settings(fault="2fa/send:drop-after:1")
    login = Pamtester("code", "alice")
    login.sees("The provider did not answer")
    login.kill()
    sandbox.settings(fault="")
    refused(sandbox, "Too many messages were sent to you.")


def test_caps_survive_the_process_and_the_day_ends_them(product, sandbox, clock):
    product.configure(sends_per_day=1)
    product.stack("code")
    sends(sandbox, env=clock.environment)
    clock.advance(23 * 3600)
    refused(sandbox, "Try again in 60 min", env=clock.environment)
    clock.advance(3600)
    sends(sandbox, env=clock.environment)


def test_numbers_of_other_countries_are_refused_before_any_request(product, sandbox, syslog):
    product.configure(countries="357 44")
    product.stack("code")
    assert refused(sandbox, "No messages are sent to your number's country.") == "PAM_AUTH_ERR"
    assert sandbox.requests() == []
    syslog.wait("reason=country_refused")
    product.users(alice=[NUMBER, "35799123456"])
    login = Pamtester("code", "alice")
    login.sees("Code sent to +357 ****3456")
    login.kill()
    assert sandbox.messages(NUMBER) == []


def test_a_used_up_balance_stops_sending_for_a_while(product, sandbox, clock, syslog):
    product.stack("code")
    product.users(alice=[NUMBER], bob=[OTHER_NUMBER])
    sandbox.settings(balance="0")
    login = Pamtester("code", "alice", env=clock.environment)
    login.sees("The SMS account is out of credit.")
    login.answers("")
    assert login.code() == "PAM_AUTHINFO_UNAVAIL"
    assert len(sandbox.requests("2fa/send")) == 1
    sandbox.settings(balance="100")
    refused(sandbox, "The SMS account is out of credit.", "bob", env=clock.environment)
    clock.advance(301)
    sends(sandbox, "bob", env=clock.environment)
    sends(sandbox, "alice", env=clock.environment)


def test_a_low_balance_is_told_in_the_log(product, sandbox, syslog):
    product.configure(code="local", low_balance=50)
    product.stack("code")
    sandbox.settings(balance="49.5")
    login = Pamtester("code", "alice")
    login.sees(ASKED)
    login.answers("")
    login.ends()
    syslog.wait("balance=low")


def test_the_audit_line_is_an_object_where_the_configuration_says_so(product, sandbox, syslog):
    product.configure(format="json")
    product.stack("code")
    login = Pamtester("code", "alice", rhost='a"b\\c')
    login.sees(ASKED)
    message = sandbox.wait_message(NUMBER)
    login.answers(message["code"])
    assert login.code() == "PAM_SUCCESS"
    line = syslog.wait('"verdict":"allow"').text
    found = json.loads(line[line.index("{"):])
    assert found.pop("challenge") and found.pop("msg_id")
    assert found == {"event": "login", "user": "alice", "service": "code", "rhost": 'a"b\\c', "channel": "sms",
                     "to": "+30 69****4567", "delivery": "delivered", "cost": 1, "tries": 1, "verdict": "allow",
                     "reason": "code_accepted"}


@pytest.mark.parametrize("hlr, code, reason", [("warn", "PAM_SUCCESS", "code_accepted"),
                                               ("block", None, "sim_changed")])
def test_a_number_that_moved_to_another_network_is_told_or_refused(product, sandbox, syslog, clock, hlr, code, reason):
    product.configure(hlr=hlr, hlr_every=7)
    product.stack("code")
    product.write("users", f"alice: {NUMBER};mcc=202;mnc=05;ported=no;cost=1\n")
    sandbox.settings(hlr=f"{NUMBER}:202:05:no")
    env = clock.environment

    def enters():
        login = Pamtester("code", "alice", env=env)
        login.sees(ASKED)
        login.answers(sandbox.wait_message(NUMBER)["code"])
        return login

    assert enters().code() == "PAM_SUCCESS"
    assert len(sandbox.requests("hlr/lookup")) == 1
    sandbox.settings(hlr=f"{NUMBER}:202:10:yes")
    assert enters().code() == "PAM_SUCCESS"  # looked at a short time ago
    assert len(sandbox.requests("hlr/lookup")) == 1
    clock.advance(8 * 24 * 3600)
    login = enters()
    if code is None:
        login.sees("Your number has moved to another network.")
        login.answers("")
        assert login.code() == "PAM_AUTH_ERR"
        refused(sandbox, "Your number has moved to another network.", env=env)
        product.write("users", f"alice: {NUMBER};mcc=202;mnc=10;ported=yes;cost=1\n")  # confirmed
        assert enters().code() == "PAM_SUCCESS"
    else:
        assert login.code() == code
    syslog.wait(f"sim=changed .*reason={reason}")


@pytest.mark.parametrize("now", ["204:05:no", "202:10:no", "202:05:yes"], ids=["country", "network", "ported"])
def test_whatever_has_changed_of_a_network_is_a_move_and_a_backup_code_opens(product, sandbox, syslog, now):
    product.configure(hlr="block")
    product.stack("code")
    product.write("users", f"alice: {NUMBER};mcc=202;mnc=05;ported=no;cost=1\n")
    [code, *_] = json.loads(product.sms365("--json", "user", "backup-codes", "alice"))["codes"]
    sandbox.settings(hlr=f"{NUMBER}:{now}")
    login = Pamtester("code", "alice")
    login.sees(ASKED)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    login.sees("Your number has moved to another network.")
    login.answers("")
    assert login.code() == "PAM_AUTH_ERR"
    login = Pamtester("code", "alice")
    login.sees("Backup code (10 left), or Enter: ")
    login.answers(code)
    assert login.code() == "PAM_SUCCESS"
    syslog.wait("reason=sim_changed")
    assert len(sandbox.messages()) == 1


def test_a_look_that_fails_shuts_nobody_out(product, sandbox):
    product.configure(hlr="block")
    product.stack("code")
    product.write("users", f"alice: {NUMBER};mcc=202;mnc=05;ported=no;cost=1\n")
    sandbox.settings(fault="hlr/lookup:http500")
    login = Pamtester("code", "alice")
    login.sees(ASKED)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_a_look_that_says_nothing_is_told_in_the_log(product, sandbox, syslog):
    product.configure(hlr="block")
    product.stack("code")
    product.write("users", f"alice: {NUMBER};mcc=202;mnc=05;ported=no;cost=1\n")
    sandbox.settings(hlr=f"{NUMBER}:none")
    login = Pamtester("code", "alice")
    login.sees(ASKED)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    syslog.wait("sim=unknown .*verdict=allow")


@pytest.mark.parametrize("hlr, told", [("off", False), ("warn", True), ("block", True)])
def test_a_number_whose_network_nobody_confirmed_is_told_in_the_log(product, sandbox, syslog, hlr, told):
    product.configure(hlr=hlr)
    login = Pamtester(product.stack("code"), "alice")
    login.sees(ASKED)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    line = syslog.wait("event=login .*verdict=allow").text
    assert (" sim=unwatched " in line) == told
    assert sandbox.requests("hlr/lookup") == []


def test_a_number_that_is_watched_is_not_told_as_one_that_is_not(product, sandbox, syslog):
    product.configure(hlr="block")
    product.write("users", f"alice: {NUMBER};mcc=202;mnc=05;ported=no;cost=1\n")
    sandbox.settings(hlr=f"{NUMBER}:202:05:no")
    login = Pamtester(product.stack("code"), "alice")
    login.sees(ASKED)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    assert " sim=" not in syslog.wait("event=login .*verdict=allow").text


def test_the_cost_in_a_report_by_callback_counts_and_an_impossible_one_does_not(product, sandbox, receiver):
    product.configure(callback=receiver.url, cost_per_day=6)
    product.stack("code")
    write = receiver.write
    for cost in ("4", "1000000"):
        receiver.write = lambda name, query, cost=cost: write(name, query.replace("cost=1", f"cost={cost}"))
        login = Pamtester("code", "alice")
        login.sees("Code sent to +30 69****4567 (delivered)")
        login.kill()
    receiver.write = write
    sends(sandbox)  # 4 + 1 + 1
    refused(sandbox, "Too many messages were sent to you.")


def test_passwords_of_many_users_leave_a_quarter_of_the_machine_s_messages_to_usual_places(product, sandbox, syslog):
    product.configure(sends_per_day_host=40, sends_per_day_address=1000, resend_after=0)
    product.stack("code")
    names = first_accounts(16)
    numbers = {name: [f"3069712345{i:02}"] for i, name in enumerate(names)}
    product.users(alice=[NUMBER], **numbers)
    login = Pamtester("code", "alice", rhost=HOME)
    login.sees(ASKED)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    sent = 1
    for name in 2 * names:
        sent += sent < 30 and sends_or_shares(sandbox, name, rhost=ELSEWHERE)
    assert sent == 30
    for name in (names[-1], "alice"):
        assert refused(sandbox, "No more messages are sent from here today.", name, rhost=ELSEWHERE) == "PAM_MAXTRIES"
    syslog.wait("reason=store_spent")
    sends(sandbox, "alice", rhost=HOME)
