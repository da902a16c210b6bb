"""The guard against guessing, on the real module: lockouts, the budget of failures, and the places that count apart."""

import pytest

from people import ELSEWHERE, HOME, Person
from product import GENERIC
from programs import Pamtester

MONTH = 30 * 24 * 3600


@pytest.fixture
def stranger(product, sandbox, clock):
    return Person(sandbox, ELSEWHERE, clock.environment)


def test_failed_challenges_in_a_row_lock_out_and_the_end_is_named(product, clock, sandbox, stranger, syslog):
    product.stack("code", "sends_per_hour=30", "lockout=600")
    for _ in range(3):
        assert stranger.guesses() == "PAM_AUTH_ERR"
    stranger.is_refused("Too many failed attempts. Try again in 10 min. Press Enter: ")
    assert len(sandbox.messages()) == 3
    syslog.wait("reason=locked_out")
    clock.advance(600)
    assert stranger.guesses() == "PAM_AUTH_ERR"
    stranger.is_refused("Too many failed attempts. Try again in 20 min. Press Enter: ")
    clock.advance(1200)
    assert stranger.enters() == "PAM_SUCCESS"
    assert stranger.guesses() == "PAM_AUTH_ERR"
    assert stranger.enters() == "PAM_SUCCESS"


def test_used_up_failures_lock_for_good(product, sandbox, clock, stranger, syslog):
    product.stack("code", "sends_per_hour=30", "failed_tries=3", "lockout_after=20")
    for _ in range(3):
        assert stranger.guesses() == "PAM_AUTH_ERR"
    stranger.is_refused("you are locked out. Ask your administrator. Press Enter: ")
    syslog.wait("reason=locked")
    clock.advance(2 * MONTH)
    stranger.is_refused("you are locked out. Ask your administrator. Press Enter: ")
    assert len(sandbox.messages()) == 3


def test_whoever_guesses_elsewhere_does_not_lock_the_owner_out_of_the_usual_place(product, sandbox, clock, stranger):
    product.stack("code", "sends_per_hour=4", "failed_tries=3")
    owner = Person(sandbox, HOME, clock.environment)
    assert owner.enters() == "PAM_SUCCESS"
    for _ in range(3):
        assert stranger.guesses() == "PAM_AUTH_ERR"
    stranger.is_refused("Press Enter: ")
    for _ in range(4):
        assert owner.enters() == "PAM_SUCCESS"


def test_another_address_of_the_same_ipv6_network_is_the_same_place(product, sandbox, clock):
    product.stack("code", "sends_per_hour=4", "failed_tries=3")
    assert Person(sandbox, "2001:db8:1:2::1", clock.environment).enters() == "PAM_SUCCESS"
    for last in range(3):
        assert Person(sandbox, f"2001:db8:1:3::{last}", clock.environment).guesses() == "PAM_AUTH_ERR"
    Person(sandbox, "2001:db8:1:4::1", clock.environment).is_refused("Press Enter: ")
    assert Person(sandbox, "2001:db8:1:2:aaaa::7", clock.environment).enters() == "PAM_SUCCESS"


def test_whoever_has_an_ipv6_network_has_the_attempts_of_one_address(product, sandbox, clock):
    product.stack("code", "host_attempts_per_hour=3")

    def attempt(address):
        login = Pamtester("code", "nobody-here", proven=None, rhost=address, env=clock.environment)
        login.sees(GENERIC)
        login.answers("1234")
        return login.code()

    for last in range(3):
        assert attempt(f"2001:db8:1:2::{last}") == "PAM_USER_UNKNOWN"
    assert Pamtester("code", "nobody-here", proven=None, rhost="2001:db8:1:2::99", env=clock.environment).code() == \
        "PAM_MAXTRIES"
    assert attempt("2001:db8:1:3::99") == "PAM_USER_UNKNOWN"
