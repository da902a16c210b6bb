"""Somebody with the owner's password goes up to every limit there is: the owner still gets in from the usual place."""

import pytest

from people import CODE_ASKED, ELSEWHERE, HOME, Crowd, Person, no_code_of
from product import GENERIC, NUMBER
from programs import Pamtester

HOUR, DAY = 3600, 24 * 3600


@pytest.fixture
def owner(product, sandbox, clock):
    """Has logged in at the usual place, an hour ago: the first time it was one like any other."""
    product.stack("code", "resend_after=0")
    owner = Person(sandbox, HOME, clock.environment)
    assert owner.enters() == "PAM_SUCCESS"
    clock.advance(HOUR)
    return owner


def stack_and_stranger(product, sandbox, clock, *options):
    product.stack("code", "resend_after=0", *options)
    return Person(sandbox, ELSEWHERE, clock.environment)


def test_messages_of_an_hour_used_up_elsewhere(product, sandbox, clock, owner):
    stranger = stack_and_stranger(product, sandbox, clock, "sends_per_hour=4")
    for _ in range(4):
        stranger.asked()
    stranger.is_refused("Press Enter: ")
    assert [owner.enters() for _ in range(3)] == ["PAM_SUCCESS"] * 3
    stranger.is_refused("Press Enter: ")


def locks_itself_out_alone(other, owner, *at_the_usual_place):
    """By wrong codes: the owner gets in before, and again after, and whoever else is at the usual place."""
    assert owner.enters() == "PAM_SUCCESS"
    for _ in range(3):
        assert other.guesses() == "PAM_AUTH_ERR"
    other.is_refused("you are locked out. Ask your administrator. Press Enter: ")
    for person in (owner, *at_the_usual_place):
        assert person.enters() == "PAM_SUCCESS"
    other.is_refused("you are locked out. Ask your administrator. Press Enter: ")


KEY, OTHER_KEY = (f"publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{name}" for name in ("owner", "other"))


def test_another_key_at_the_usual_address_is_another_place(product, sandbox, clock):
    product.stack("code", "resend_after=0", "failed_tries=3", "lockout_after=20")
    owner = Person(sandbox, HOME, clock.environment, proven=KEY)
    locks_itself_out_alone(Person(sandbox, HOME, clock.environment, proven=OTHER_KEY), owner)


@pytest.mark.parametrize("other, usual", [
    ({"tty": "tty2"}, [{"tty": "tty1"}]),
    ({"tty": "pts/1", "ruser": "bob"}, [{"tty": "pts/1", "ruser": "alice"}, {"tty": "pts/7", "ruser": "alice"}]),
    ({"ruser": "bob"}, [{"tty": "bob"}, {"tty": "bob", "ruser": ""}]),
])
def test_another_terminal_or_caller_at_the_machine_is_another_place(product, sandbox, other, usual):
    product.stack("code", "resend_after=0", "failed_tries=3", "lockout_after=20")
    locks_itself_out_alone(*(Person(sandbox, **items) for items in (other, *usual)))


@pytest.mark.parametrize("options", [["sends_per_day=3", "sends_per_hour=3"], ["cost_per_day=3", "sends_per_hour=3"]])
def test_messages_of_a_day_are_counted_at_the_usual_place_and_elsewhere(product, sandbox, clock, options):
    product.stack("code", "resend_after=0", *options)
    owner = Person(sandbox, HOME, clock.environment, proven=KEY)
    other = Person(sandbox, HOME, clock.environment, proven=OTHER_KEY)
    assert owner.enters() == "PAM_SUCCESS"  # at a place like any other, the first time
    clock.advance(HOUR)
    for _ in range(2):
        other.asked()
        clock.advance(HOUR)
    other.is_refused("Press Enter: ")
    for _ in range(3):
        assert owner.enters() == "PAM_SUCCESS"
        clock.advance(HOUR)
    owner.is_refused("Press Enter: ")
    assert len(sandbox.messages(NUMBER)) == 6
    clock.advance(DAY)
    assert owner.enters() == "PAM_SUCCESS"
    assert other.asked()


def test_messages_asked_for_again_and_again_in_one_login_elsewhere(product, sandbox, clock, owner):
    stranger = stack_and_stranger(product, sandbox, clock, "sends_per_hour=4")
    before = len(sandbox.messages())
    login, _ = stranger.asked()
    for _ in range(3):
        login.answers("r")
        login.sees_match(CODE_ASKED)
    login.answers("r")
    login.sees("Enter it, or ")
    assert len(sandbox.messages()) == before + 4
    assert owner.enters() == "PAM_SUCCESS"


def test_lockouts_elsewhere_up_to_the_longest(product, sandbox, clock, owner):
    stranger = stack_and_stranger(product, sandbox, clock, "lockout_after=1", "failed_tries=20")
    for _ in range(8):
        assert stranger.guesses() == "PAM_AUTH_ERR"
        stranger.is_refused("Too many failed attempts. Try again in ")
        assert owner.enters() == "PAM_SUCCESS"
        stranger.is_refused("Too many failed attempts. Try again in ")
        clock.advance(HOUR)


def test_the_budget_used_up_elsewhere(product, sandbox, clock, owner):
    stranger = stack_and_stranger(product, sandbox, clock, "failed_tries=3", "lockout_after=20")
    for _ in range(3):
        assert stranger.guesses() == "PAM_AUTH_ERR"
    for _ in range(8):  # for forty days
        clock.advance(5 * DAY)
        stranger.is_refused("you are locked out. Ask your administrator. Press Enter: ")
        assert owner.enters() == "PAM_SUCCESS"


def test_codes_sent_to_many_logins_elsewhere_at_once(product, sandbox, clock, owner, pamcall_program):
    product.stack("code", "resend_after=0", "sends_per_hour=30")
    crowd = Crowd(pamcall_program, 40, rhost=ELSEWHERE, env=clock.environment)
    assert crowd.all_prompted() == 8  # half of what may be open at a time; the rest is for the usual places
    assert owner.enters() == "PAM_SUCCESS"
    crowd.type(no_code_of(sandbox.messages()))
    crowd.ends()
    assert owner.enters() == "PAM_SUCCESS"


def test_attempts_without_a_first_factor_from_the_owner_s_own_address(product, sandbox, clock, owner):
    product.stack("code", "resend_after=0", "host_attempts_per_hour=3")
    for name in ("alice", "nobody-at-all", "alice"):
        attempt = Pamtester("code", name, proven=None, rhost=HOME, env=clock.environment)
        attempt.sees(GENERIC)
        attempt.answers("1234")
        attempt.code()
    assert Pamtester("code", "alice", proven=None, rhost=HOME, env=clock.environment).code() == "PAM_MAXTRIES"
    assert owner.enters() == "PAM_SUCCESS"


def test_every_limit_at_once(product, sandbox, clock, owner, pamcall_program):
    product.configure(text="%%CODE%% for %a")
    product.stack("code", "resend_after=0")
    for _ in range(3):
        for _ in range(2):
            crowd = Crowd(pamcall_program, 30, rhost=ELSEWHERE, times=3, env=clock.environment)
            assert owner.enters() == "PAM_SUCCESS"  # in the midst of them
            crowd.all_prompted()
            crowd.type(no_code_of(sandbox.messages()))
            assert 0 not in crowd.ends()
            assert owner.enters() == "PAM_SUCCESS"
            clock.advance(2 * HOUR)
        clock.advance(DAY)
    assert len(sandbox.messages(NUMBER)) <= 13 + 6 * 10
