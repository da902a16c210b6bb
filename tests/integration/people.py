"""Who meets the guard: the owner at the usual place, somebody who guesses elsewhere, and whole crowds of those."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import threading

import world
from product import NUMBER
from programs import CLEAN, Pamtester, wrong

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.66"
CODE_ASKED = r"Enter it, or [^:]*: "
PROVEN = ("-e", "SSH_AUTH_INFO_0=publickey")
PAM_SUCCESS = 0
CROWD_SECONDS = 120


class Person:
    """Somebody who has alice's first factor (proven: what sshd says of it), at a place (no rhost, but tty and ruser: at
    this machine); every login is a session of its own."""

    def __init__(self, sandbox, rhost="", env=None, service="code", proven="publickey", **items):
        self.sandbox, self.rhost, self.service = sandbox, rhost, service
        self.options = {"rhost": rhost or None, "env": env, "proven": proven, **items}

    def comes(self, name="alice"):
        return Pamtester(self.service, name, **self.options)

    def asked(self, name="alice"):
        """A login up to the prompt, and the message for it: the last one, or where texts name addresses (%a) the last one
        that names this person's."""
        login = self.comes(name)
        login.sees_match(CODE_ASKED)
        messages = self.sandbox.messages(NUMBER)
        return login, ([message for message in messages if self.rhost in message["text"]] or messages)[-1]

    def enters(self, name="alice"):
        """Logs in with the right code; the PAM code."""
        login, message = self.asked(name)
        login.answers(message["code"])
        return login.code()

    def guesses(self, name="alice"):
        """Enters a wrong code, once; the PAM code."""
        login, message = self.asked(name)
        login.answers(wrong(message))
        return login.code()

    def is_refused(self, text, name="alice"):
        """Is shown text at once, and has nothing to answer."""
        login = self.comes(name)
        login.sees(text)
        login.answers("")
        assert login.code() == "PAM_MAXTRIES"


class PipedLogin:
    """A login by pamcall with pipes of its own."""

    def __init__(self, pamcall, user, service="code", before=()):
        argv = [*before, pamcall, *PROVEN, "-r", HOME, service, user, "-code"]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=CLEAN,
                                         start_new_session=True)
        self.pid = self._process.pid

    def line(self, pattern):
        """Read up to the first line that matches; the match."""
        for line in self._process.stdout:
            if match := re.search(pattern, line):
                return match
        raise EOFError(f"it ended without {pattern!r}")

    def enters(self, sandbox, number):
        self.line(CODE_ASKED)
        return self.ends(sandbox.messages(number)[-1]["code"])

    def ends(self, answer="none"):
        """Answer (four characters) and wait for the end; the PAM code."""
        self.types(answer)
        code = int(self.line(r"^code: (\d+)")[1])
        self.close()
        return code

    def types(self, answer):
        self._process.stdin.write(answer + "\n")
        self._process.stdin.flush()

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Crowd:
    """Many processes that log in as one user at once, each in a session of its own (or, apart=False, all in one, which
    has a message already). They come to their prompts; what is typed then is typed by all."""

    def __init__(self, pamcall, count, user="alice", rhost=None, apart=True, times=1, env=None, service="code"):
        host = () if rhost is None else ("-r", rhost, "-t", "ssh")  # as sshd's, below the leader of a session
        call = shlex.join([pamcall, *PROVEN, *host, "-n", str(times), service, user])
        opener = "" if apart else f"{call} </dev/null >/dev/null; "
        member = f"setsid sh -c {shlex.quote(call + ' -code; exit $?')}" if apart else f"{call} -code"
        script = f"{opener}for member in $(seq {count}); do {member} <&3 & done; wait"
        self.count, self.times = count, times
        self.lines = world.Lines()
        self._process = subprocess.Popen(["bash", "-c", f"exec 3<&0; {script}"], start_new_session=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                         env={**CLEAN, **(env or {})})
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def _collect(self):
        for line in self._process.stdout:
            self.lines.add(line.decode("utf-8", "backslashreplace").rstrip("\n"))

    def all_prompted(self):
        """Wait until everybody is at a prompt; how many are asked for a code."""
        self.lines.wait_count("^prompt: ", self.count, CROWD_SECONDS)
        return len(self.lines.matching(CODE_ASKED))

    def type(self, code):
        """Everybody answers, at every prompt there will be."""
        self._process.stdin.write(f"{code}\n".encode() * self.count * self.times)
        self._process.stdin.flush()

    def kill(self):
        """kill -9 them all, wherever each of them is."""
        for line in self.lines.wait_count("^pid: ", self.count, CROWD_SECONDS):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(line.split()[1]), signal.SIGKILL)

    def ends(self):
        """Wait until all are gone; the PAM codes of all their calls."""
        self._process.wait(CROWD_SECONDS)
        self._reader.join(CROWD_SECONDS)
        self._process.stdin.close()
        return [int(line.split()[1]) for line in self.lines.matching("^code: ")]


def no_code_of(messages):
    """Four digits that are the code of none of these messages."""
    codes = {message["code"] for message in messages}
    return next(code for code in (f"{number:04}" for number in range(10000)) if code not in codes)
