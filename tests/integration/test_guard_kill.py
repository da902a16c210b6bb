"""kill -9 at any moment: what was tried and sent stays counted against the user, and the record stays whole."""

import contextlib
import json
import os
import re
import signal

import world
from people import CODE_ASKED, ELSEWHERE, HOME, Crowd, Person, PipedLogin, no_code_of
from product import GENERIC
from programs import Pamtester, wrong

LOG = "/run/guard-strace.log"
HOUR = 3600
BUDGET = 20


def guess(pamcall, name, number, sandbox, *tracer):
    """A login with a wrong code under strace, to its end, whatever that is."""
    login = PipedLogin(pamcall, name, before=("strace", "-qq", *tracer))
    with contextlib.suppress(EOFError, BrokenPipeError):
        login.line(CODE_ASKED)
        login.ends(wrong(sandbox.messages(number)[-1]))
    with contextlib.suppress(BrokenPipeError):
        login.close()


def steps():
    """The system calls that strace has seen from the module's first on, each as (name, how often so far)."""
    counts, found, begun = {}, [], False
    with open(LOG) as log:
        for line in log:
            if match := re.match(r"(\w+)\(", line):
                counts[match[1]] = counts.get(match[1], 0) + 1
                begun = begun or "sms365.conf" in line
                if begun and match[1] != "exit_group":
                    found.append((match[1], counts[match[1]]))
    return found


def test_what_is_tried_and_sent_is_counted_before_wherever_it_is_killed(product, sandbox, pamcall_program, quick):
    rounds = 30 if quick else 200
    names = world.make_accounts(rounds + 1)
    numbers = [f"30697{2000005 + 10 * number}" for number in range(rounds + 1)]
    product.users(**{name: [number] for name, number in zip(names, numbers)})
    product.configure(lockout_after="1", lockout="3600", sends_per_day_address="100000", sends_per_day_host="100000",
                      cost_per_day_address="0", cost_per_day_host="0")
    product.stack("code")
    guess(pamcall_program, names[rounds], numbers[rounds], sandbox, "-o", LOG)
    every = steps()
    checks_seen = 0
    for name, number, index in zip(names, numbers, range(rounds)):
        sandbox.reset()
        call, when = every[index * len(every) // rounds]
        guess(pamcall_program, name, number, sandbox, "-o", "/dev/null", "-e", f"trace={call}", "-e",
              f"inject={call}:signal=KILL:when={when}")
        sends, checks = (len(sandbox.requests(endpoint)) for endpoint in ("2fa/send", "2fa/check"))
        counted = json.loads(product.sms365("--json", "user", "show", name))["user"]["state"]["shares"]["elsewhere"]
        assert counted["sends_last_hour"] >= sends, (call, when)
        assert counted["failed_tries"] >= checks, (call, when)
        assert counted["lockout_s"] > 0 or checks == 0, (call, when)
        checks_seen += checks
    assert 0 < checks_seen < rounds


def test_attackers_who_are_killed_in_the_middle_get_no_more_tries(product, sandbox, clock, pamcall_program):
    product.stack("code", f"failed_tries={BUDGET}", "lockout_after=20", "sends_per_hour=15", "resend_after=0",
                  "sends_per_day=1000", "sends_per_day_host=20000", "sends_per_day_address=1000", "cost_per_day=0",
                  "cost_per_day_host=0", "cost_per_day_address=0")
    owner = Person(sandbox, HOME, clock.environment)
    assert owner.enters() == "PAM_SUCCESS"
    before = len(sandbox.requests("2fa/check"))
    for wave in range(6):
        clock.advance(HOUR)
        crowd = Crowd(pamcall_program, 20, rhost=ELSEWHERE, times=3, env=clock.environment)
        if wave % 3 == 2:
            crowd.lines.wait_count("^prompt: ", 3)
        else:
            asked = crowd.all_prompted()
            crowd.type(no_code_of(sandbox.messages()))
            crowd.lines.wait_count("^code: ", 1 if asked else 20)
        crowd.kill()
        crowd.ends()
        assert len(sandbox.requests("2fa/check")) - before <= BUDGET
        assert owner.enters() == "PAM_SUCCESS"
        before += 1
    stranger = Person(sandbox, ELSEWHERE, clock.environment)
    for _ in range(BUDGET + 1):  # what the killed ones have left
        clock.advance(HOUR)
        login = stranger.comes()
        if "Ask your administrator" in login.prompted():
            break
        login.answers(no_code_of(sandbox.messages()))
        login.ends()
    stranger.is_refused("you are locked out. Ask your administrator.")
    assert len(sandbox.requests("2fa/check")) - before <= BUDGET


def test_attempts_that_are_killed_at_the_prompt_count_against_their_address(product, sandbox, clock):
    product.stack("code", "host_attempts_per_hour=3")
    for name in ("alice", "nobody-1", "nobody-2"):
        attempt = Pamtester("code", name, proven=None, rhost=ELSEWHERE, env=clock.environment)
        attempt.sees(GENERIC)
        os.kill(attempt.pid, signal.SIGKILL)
        assert attempt.ends() == 128 + signal.SIGKILL
    attempt = Pamtester("code", "nobody-3", proven=None, rhost=ELSEWHERE, env=clock.environment)
    assert attempt.code() == "PAM_MAXTRIES"
    assert sandbox.requests() == []
