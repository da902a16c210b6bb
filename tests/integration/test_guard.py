"""The guard against guessing, on the real module: lockouts, the budget of failures, and the places that count apart."""

from product import NUMBER
from programs import Pamtester

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.66"
MONTH = 30 * 24 * 3600


def enters(sandbox, clock, rhost):
    """The owner logs in with the right code."""
    login = Pamtester("code", "alice", rhost=rhost, env=clock.environment)
    login.sees("or r = again: ")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    return login.code() == "PAM_SUCCESS"


def guesses(sandbox, clock, rhost):
    """Somebody with the first factor enters a wrong code, once, in a challenge of his own."""
    login = Pamtester("code", "alice", rhost=rhost, env=clock.environment)
    login.sees("or r = again: ")
    login.answers(f"{(int(sandbox.wait_message(NUMBER)['code']) + 1) % 10000:04}")
    assert login.code() == "PAM_AUTH_ERR"


def is_refused(clock, rhost, text):
    login = Pamtester("code", "alice", rhost=rhost, env=clock.environment)
    login.sees(text)
    login.answers("")
    assert login.code() == "PAM_MAXTRIES"


def test_failed_challenges_in_a_row_lock_out_and_the_end_is_named(product, sandbox, clock, syslog):
    product.stack("code", "sends_per_hour=30")
    for _ in range(3):
        guesses(sandbox, clock, ELSEWHERE)
    is_refused(clock, ELSEWHERE, "Too many failed attempts. Try again in 60 s. Press Enter: ")
    assert len(sandbox.messages()) == 3
    syslog.wait("reason=locked_out")
    clock.advance(61)
    guesses(sandbox, clock, ELSEWHERE)
    is_refused(clock, ELSEWHERE, "Too many failed attempts. Try again in 2 min. Press Enter: ")
    clock.advance(121)
    assert enters(sandbox, clock, ELSEWHERE)
    guesses(sandbox, clock, ELSEWHERE)
    assert enters(sandbox, clock, ELSEWHERE)


def test_used_up_failures_lock_for_good(product, sandbox, clock, syslog):
    product.stack("code", "sends_per_hour=30", "failed_tries=3", "lockout_after=20")
    for _ in range(3):
        guesses(sandbox, clock, ELSEWHERE)
    is_refused(clock, ELSEWHERE, "you are locked out. Ask your administrator. Press Enter: ")
    syslog.wait("reason=locked")
    clock.advance(2 * MONTH)
    is_refused(clock, ELSEWHERE, "you are locked out. Ask your administrator. Press Enter: ")
    assert len(sandbox.messages()) == 3


def test_whoever_guesses_elsewhere_does_not_lock_the_owner_out_of_the_usual_place(product, sandbox, clock):
    product.stack("code", "sends_per_hour=4", "failed_tries=3")
    assert enters(sandbox, clock, HOME)
    for _ in range(3):
        guesses(sandbox, clock, ELSEWHERE)
    is_refused(clock, ELSEWHERE, "Press Enter: ")
    for _ in range(4):
        assert enters(sandbox, clock, HOME)
