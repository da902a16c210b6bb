"""kill -9 at every step of a login: no try and no message is won back, and the next login works."""

import os
import re
import shlex
import signal
import time

import world
from product import NUMBER, PROMPT
from programs import Terminal, code_in, pamtester_argv, wrong

LOG = "/run/strace.log"


def steps(sandbox, user, number, answers):
    """The system calls of a login with a wrong code from the module's first on, each as (name, how often so far)."""
    login = Terminal(["bash", "-c", f"strace -qq -o {LOG} {shlex.join(pamtester_argv('code', user))} < {answers}"])
    with open(answers, "w") as pipe:
        pipe.write(wrong(sandbox.wait_message(number)) + "\n")
        pipe.flush()
        login.ends()
    counts, found, begun = {}, [], False
    with open(LOG) as log:
        for line in log:
            match = re.match(r"(\w+)\(", line)
            if not match:
                continue
            counts[match[1]] = counts.get(match[1], 0) + 1
            begun = begun or "sms365.conf" in line
            if begun and match[1] != "exit_group":
                found.append((match[1], counts[match[1]]))
    return found


def kill_at(step, user, number, sandbox, answers):
    """In one session: a login with a wrong code, killed at a step, then another with the right one. Returns its code.
    answers is a pipe of the first one's own: what it does not live to read must not be typed to the second."""
    argv = shlex.join(pamtester_argv("code", user))
    inject = f"strace -qq -o /dev/null -e trace={step[0]} -e inject={step[0]}:signal=KILL:when={step[1]}"
    pipe = os.open(answers, os.O_RDWR)
    terminal = Terminal(["bash", "-c", f"{inject} {argv} < {answers}; echo NEXT; {argv}"])
    prompted = terminal.sees_match(r"Enter it, or [^:]*: |NEXT\r\n")[0].startswith("Enter")
    if prompted:
        os.write(pipe, (wrong(sandbox.messages(number)[0]) + "\n").encode())
        terminal.sees("NEXT\r\n")
    os.close(pipe)
    seen = terminal.sees_match(r"(?:, (\d) tr(?:y|ies) left)?\. Enter it, or [^:]*: |(a new one: )")
    left, lost = seen[1], seen[2]
    if lost:
        terminal.answers("r")
        terminal.sees(PROMPT)
    terminal.answers(sandbox.messages(number)[-1]["code"])
    terminal.ends()
    sends, checks = (len(sandbox.requests(endpoint)) for endpoint in ("2fa/send", "2fa/check"))
    assert sends == 1 or lost and sends == 2, f"{step}: {sends} messages sent"
    assert left or not prompted, f"{step}: what was sent and shown is not resumed"
    spent = 3 - int(left) if left else 0
    assert spent >= checks - 1, f"{step}: {checks - 1} codes checked, {spent} tries charged"
    return code_in(terminal.text)


def test_no_try_is_won_back_and_the_next_login_works(product, sandbox, quick, tmp_path):
    rounds = 40 if quick else 300
    names = world.make_accounts(rounds + 1)
    numbers = [f"30697{2000005 + 10 * number}" for number in range(rounds + 1)]
    product.users(**{name: [number] for name, number in zip(names, numbers)})
    product.stack("code", "resend_after=0", "sends_per_day_host=100000", "cost_per_day_host=0")
    answers = tmp_path / "answers"
    os.mkfifo(answers)
    every = steps(sandbox, names[rounds], numbers[rounds], answers)
    for number in range(rounds):
        sandbox.reset()
        step = every[number * len(every) // rounds]
        assert kill_at(step, names[number], numbers[number], sandbox, answers) == "PAM_SUCCESS", step


def test_breaking_off_while_a_code_is_checked_wins_no_further_try(product, sandbox):
    product.stack("code", "timeout=60")
    terminal = Terminal(["bash", "-c", f"for run in 1 2 3 4; do {shlex.join(pamtester_argv('code', 'alice'))}; done"])
    for tries in (1, 2, 3):
        terminal.sees(PROMPT)
        sandbox.settings(fault="2fa/check:delay=60000")
        terminal.answers(wrong(sandbox.messages(NUMBER)[0]))
        until = time.monotonic() + 15
        while len(sandbox.requests("2fa/check")) < tries:
            assert time.monotonic() < until
        os.kill(world.children(terminal.pid)[0], signal.SIGKILL)
    terminal.sees("All tries are used up.")
    terminal.kill()
    assert len(sandbox.requests("2fa/check")) == 3 and len(sandbox.messages()) == 1
