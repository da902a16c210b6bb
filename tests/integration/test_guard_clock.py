"""The guard and the clock: set by a day or a month, back or forth, with or without a reboot, it gives nobody a try and
keeps nobody waiting for longer than configured."""

import re

import pytest

from people import ELSEWHERE, HOME, Person

DAY = 24 * 3600
STEPS = (-31 * DAY, -DAY, DAY, 31 * DAY)
LOCKOUT_S = 1800


@pytest.fixture
def stranger(product, sandbox, clock):
    return Person(sandbox, ELSEWHERE, clock.environment)


@pytest.fixture
def owner(product, sandbox, clock):
    return Person(sandbox, HOME, clock.environment)


def checks(sandbox):
    return len(sandbox.requests("2fa/check"))


def waits(person):
    """The seconds that a denial tells to wait, as they are rounded up."""
    login = person.comes()
    told = login.sees_match(r"Too many failed attempts\. Try again in (\d+) (s|min)\. Press Enter: ")
    login.answers("")
    assert login.code() == "PAM_MAXTRIES"
    return int(told[1]) * (60 if told[2] == "min" else 1)


def test_a_lockout_is_as_long_as_configured_whatever_the_wall_clock_says(product, sandbox, clock, stranger, owner):
    product.stack("code", "lockout_after=1", f"lockout={LOCKOUT_S}", "lockout_max=86400", "sends_per_hour=30")
    assert owner.enters() == "PAM_SUCCESS"
    assert stranger.guesses() == "PAM_AUTH_ERR"
    before, tried = waits(stranger), checks(sandbox)
    assert LOCKOUT_S / 2 < before <= LOCKOUT_S
    for step in STEPS:
        clock.set_wall(step)
        assert LOCKOUT_S / 2 < waits(stranger) <= before
        assert owner.enters() == "PAM_SUCCESS"
        clock.set_wall(-step)
    assert checks(sandbox) == tried + len(STEPS)
    for number, step in enumerate(STEPS):
        clock.set_wall(step)
        clock.advance(LOCKOUT_S << number)
        assert stranger.guesses() == "PAM_AUTH_ERR"
        assert waits(stranger) <= LOCKOUT_S << number + 1


@pytest.mark.parametrize("way", ["set", "set, then rebooted"])
def test_no_step_of_the_clock_gives_a_try(product, sandbox, clock, stranger, way):
    product.stack("code", "failed_tries=5", "lockout_after=20", "sends_per_hour=30")
    steps = STEPS[:3] if way == "set, then rebooted" else STEPS  # a month that a machine is off has gone by
    for number in range(5):
        assert stranger.guesses() == "PAM_AUTH_ERR"
        step = steps[number % len(steps)]
        if way == "set":
            clock.set_wall(step)
        else:
            clock.reboot(step)
    for step in (0, *STEPS):
        clock.reboot(step)
        stranger.is_refused("you are locked out. Ask your administrator. Press Enter: ")
    assert checks(sandbox) == 5


def test_failures_are_forgotten_after_their_days_by_no_other_clock_than_the_machine_s(product, sandbox, clock, stranger):
    product.stack("code", "failed_tries=3", "lockout_after=20", "sends_per_hour=30")
    for _ in range(3):
        for _ in range(2):
            assert stranger.guesses() == "PAM_AUTH_ERR"
        clock.set_wall(-31 * DAY)
        clock.advance(30 * DAY)
    # Had they counted still, the third would have locked; a month powered off counts as any other.
    clock.reboot(31 * DAY)
    for _ in range(2):
        assert stranger.guesses() == "PAM_AUTH_ERR"
    assert checks(sandbox) == 8


def test_messages_of_an_hour_are_counted_by_the_machine_s_own_clock(product, sandbox, clock, stranger):
    product.stack("code", "sends_per_hour=2")
    for _ in range(2):
        assert stranger.asked()[0].answers("") is None
    for step in (31 * DAY, -31 * DAY, DAY, -DAY):
        clock.set_wall(step)
        stranger.is_refused("Press Enter: ")
    assert len(sandbox.messages()) == 2
    clock.advance(3600)
    stranger.asked()
    assert len(sandbox.messages()) == 3


@pytest.mark.parametrize("step", STEPS)
def test_a_code_lives_as_long_as_configured_whatever_the_wall_clock_says(product, sandbox, clock, owner, step):
    product.stack("code", "life=600")
    login, message = owner.asked()
    clock.set_wall(step)
    login.answers(message["code"])
    assert login.code() == "PAM_SUCCESS"
    login, message = owner.asked()
    clock.set_wall(step)
    clock.advance(600)
    login.answers(message["code"])
    assert login.code() == "PAM_AUTH_ERR"
    assert checks(sandbox) == 1


@pytest.mark.parametrize("step, over", [(-31 * DAY, False), (-DAY, False), (0, False), (LOCKOUT_S, True), (DAY, True),
                                        (31 * DAY, True)])
def test_a_lockout_goes_on_after_a_reboot_and_ends_when_it_should(product, sandbox, clock, stranger, owner, step, over):
    product.stack("code", "lockout_after=1", f"lockout={LOCKOUT_S}", "lockout_max=86400", "sends_per_hour=30")
    assert owner.enters() == "PAM_SUCCESS"
    assert stranger.guesses() == "PAM_AUTH_ERR"
    clock.reboot(step)
    if not over:
        assert LOCKOUT_S / 2 < waits(stranger) <= LOCKOUT_S
        assert owner.enters() == "PAM_SUCCESS"
        clock.advance(LOCKOUT_S)
    assert stranger.guesses() == "PAM_AUTH_ERR"
