"""The guard among many processes at once: no more tries than the policy allows, and nobody waits on another's lock."""

import concurrent.futures
import fcntl
import glob
import os
import re
import signal
import time

import pytest

import world
from people import ELSEWHERE, HOME, PAM_SUCCESS, PROVEN, Crowd, Person, PipedLogin, no_code_of
from product import NUMBER, SOURCE, STATE

ATTACKERS = 200
BUDGET = 10
HOUR = 3600
SYS_FLOCK = {"x86_64": 73, "aarch64": 32}[os.uname().machine]


def guess_together(crowd, sandbox):
    """All come to their prompts, then all type the same wrong code at the same moment."""
    asked = crowd.all_prompted()
    crowd.type(no_code_of(sandbox.messages()))
    assert PAM_SUCCESS not in crowd.ends()
    return asked


@pytest.mark.parametrize("options", [(), ("lockout_after=20", "sends_per_hour=30", "resend_after=0")],
                         ids=["defaults", "nothing but the budget"])
def test_two_hundred_attackers_get_the_tries_of_one(product, sandbox, clock, pamcall_program, options, quick):
    product.stack("code", *options)
    owner = Person(sandbox, HOME, clock.environment)
    assert owner.enters() == "PAM_SUCCESS"
    before = len(sandbox.requests("2fa/check"))
    for wave in range(4):
        crowd = Crowd(pamcall_program, 40 if quick and wave else ATTACKERS, rhost=ELSEWHERE, times=3,
                      env=clock.environment)
        asked = guess_together(crowd, sandbox)
        assert asked > 0 or wave > 0
        assert len(sandbox.requests("2fa/check")) - before <= BUDGET
        clock.advance(2 * HOUR)
    # All that the policy gives was had: it was the policy that ended it.
    assert len(sandbox.requests("2fa/check")) - before == BUDGET
    assert owner.enters() == "PAM_SUCCESS"


def test_two_hundred_processes_of_one_session_try_one_code_three_times(product, sandbox, pamcall_program):
    product.stack("code", "lock_timeout=60")
    crowd = Crowd(pamcall_program, ATTACKERS, rhost=ELSEWHERE, apart=False)
    assert guess_together(crowd, sandbox) == ATTACKERS
    assert len(sandbox.messages()) == 1
    assert len(sandbox.requests("2fa/check")) == 3


def test_two_hundred_processes_with_the_right_code_let_one_in(product, sandbox, pamcall_program):
    product.stack("code", "lock_timeout=60")
    crowd = Crowd(pamcall_program, ATTACKERS, rhost=HOME, apart=False)
    assert crowd.all_prompted() == ATTACKERS
    crowd.type(sandbox.messages(NUMBER)[0]["code"])
    assert crowd.ends().count(PAM_SUCCESS) == 1
    assert len(sandbox.requests("2fa/check")) <= 3


# --- Sixty-four users, of whom one is held up ---

def locked_records():
    """Records that somebody has locked just now."""
    found = []
    for path in glob.glob(f"{STATE}/pam/user.*"):
        with open(path, "rb") as record:
            try:
                fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(path)
    return found


@pytest.fixture
def stopped(pamcall_program, product, sandbox):
    """A login of a user's, stopped at the moment at which it holds the lock of that user's record."""
    stopat = "/run/stopat"
    world.run("cc", "-Wall", "-Wextra", "-o", stopat, f"{SOURCE}/tests/integration/stopat.c")
    started = []

    def start(user, model):
        """model: another user, as whom the moment is looked for."""
        for name in (user, model):
            PipedLogin(pamcall_program, name).ends()
        calls = [int(call) for call in re.findall(r"call (\d+)", world.run(
            stopat, "0", "0", "list", "user.", "0", pamcall_program, *PROVEN, "-r", HOME, "code", model, ""))]
        login = PipedLogin(pamcall_program, user, before=(stopat, "0", "0", "stop", "user.", str(calls.index(SYS_FLOCK) + 1)))
        pid = int(login.line(r"pid (\d+)")[1])
        started.append((login, pid))
        login.line("^stopped")
        return pid

    yield start
    for login, pid in started:
        os.kill(pid, signal.SIGKILL)
        login.close()


def test_sixty_three_users_log_in_while_the_record_of_one_is_held(product, sandbox, pamcall_program, stopped, syslog):
    patience_s = 60
    names = world.make_accounts(65)
    numbers = {name: f"30697{3000005 + 10 * index}" for index, name in enumerate(names)}
    product.users(**{name: [number] for name, number in numbers.items()})
    product.stack("code", f"lock_timeout={patience_s}", "resend_after=0")
    product.stack("impatient", "lock_timeout=1")
    holder = stopped(names[0], names[64])
    held = locked_records()
    assert len(held) == 1
    assert PipedLogin(pamcall_program, names[0], "impatient").ends() != PAM_SUCCESS
    syslog.wait(rf"held by (process {holder}|another process) ")  # an overlay does not tell by whom

    begun = time.monotonic()
    logins = {name: PipedLogin(pamcall_program, name) for name in names[1:64]}
    with concurrent.futures.ThreadPoolExecutor(len(logins)) as pool:
        codes = list(pool.map(lambda name: logins[name].enters(sandbox, numbers[name]), logins))
    assert codes == [PAM_SUCCESS] * 63
    # Whoever had waited for that lock would have waited in vain, and for so long.
    assert time.monotonic() - begun < patience_s
    assert locked_records() == held

    os.kill(holder, signal.SIGCONT)
    assert PipedLogin(pamcall_program, names[0]).enters(sandbox, numbers[names[0]]) == PAM_SUCCESS
