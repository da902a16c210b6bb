"""The programs under test as a person meets them: terminals with sshd, ssh, sudo, su and pamtester behind them."""

import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pexpect

import world

SSH = ("ssh", "-F", "none", "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no",
       "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-o", "ControlMaster=no")
SANITIZER_LOG = "/run/sanitizer"
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TERM": "dumb"}


def wrong(message):
    """A code that is not the message's."""
    return f"{(int(message['code']) + 1) % 10000:04}"


def _signals_of_a_login():
    """What is ignored or held back stays so in new programs: a shell that starts the tests in the background (and nohup)
    leaves Ctrl-C ignored, and Python a broken pipe."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


class Terminal:
    """A program on a terminal of its own (and so in a session of its own)."""

    def __init__(self, argv, env=None, cwd="/"):
        self._child = pexpect.spawn(argv[0], list(argv[1:]), env={**CLEAN, **(env or {})}, cwd=cwd, timeout=20,
                                    encoding="utf-8", codec_errors="backslashreplace", echo=True, maxread=65536,
                                    preexec_fn=_signals_of_a_login)
        self._child.delaybeforesend = None
        self.pid = self._child.pid
        self._seen = []

    def sees(self, text, seconds=20):
        """Wait until text appears; returns what stood before it."""
        return self._wait(lambda: self._child.expect_exact(text, timeout=seconds), repr(text))

    def sees_match(self, pattern, seconds=20):
        """Wait until a regular expression matches; returns the match."""
        self._wait(lambda: self._child.expect(pattern, timeout=seconds), pattern)
        return self._child.match

    def prompted(self, seconds=20):
        """Wait for any prompt of the module's, which is returned, or for the end: then ""."""
        which = self._child.expect([r"[^\r\n]*(?:Enter it, or [^:]*|Press Enter|code|a new one): ", pexpect.EOF],
                                   timeout=seconds)
        self._seen.append(self._child.before + (self._child.after if which == 0 else ""))
        return self._child.after if which == 0 else ""

    def _wait(self, expect, wanted):
        try:
            expect()
        except (pexpect.EOF, pexpect.TIMEOUT) as why:
            raise AssertionError(f"{wanted} was not seen ({type(why).__name__}), but:\n{self.text}{self._child.before}"
                                 ) from None
        self._seen.append(self._child.before + self._child.after)
        return self._child.before

    def answers(self, text):
        """Type text and Enter."""
        self._child.send(text + "\r")

    def types(self, text):
        """Type without Enter; control characters as they are."""
        self._child.send(text)

    def hangs_up(self):
        """The line drops: the terminal is closed."""
        self._child.close(force=False)

    def ends(self, seconds=30):
        """Wait for the end; returns the exit status (128 + signal when killed)."""
        try:
            self._child.expect(pexpect.EOF, timeout=seconds)
        except pexpect.TIMEOUT:
            raise AssertionError(f"it does not end:\n{self.text}{self._child.before}") from None
        self._seen.append(self._child.before)
        self._child.wait()
        self._child.close()
        status = self._child.exitstatus
        return status if status is not None else 128 + self._child.signalstatus

    def interrupts(self, seconds=30):
        """Press Ctrl-C until the program ends, which may miss it between its prompt and its read; returns as ends()."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.types("\x03")
            if self._child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=1) == 0:
                self._seen.append(self._child.before)
                break
        return self.ends(seconds=1)

    def alive(self):
        return self._child.isalive()

    def kill(self):
        if not self._child.closed:
            self._child.close(force=True)

    @property
    def text(self):
        """Everything seen so far."""
        return "".join(self._seen)


def free_port():
    """A port the kernel picks. In a network namespace of our own nobody else takes it meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Sshd:
    """A real sshd on a port of 127.0.0.1. Its PAM service is its base name: hence the symbolic link."""

    def __init__(self, service="sshd", methods="publickey,keyboard-interactive", **settings):
        self.directory = tempfile.mkdtemp(prefix="sshd-", dir="/run")
        self.log = world.Lines()
        self.port = free_port()
        binary = f"{self.directory}/{service}"
        os.symlink("/usr/sbin/sshd", binary)
        world.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.directory}/host_key")
        chosen = {"ListenAddress": "127.0.0.1", "Port": self.port, "HostKey": f"{self.directory}/host_key",
                  "PidFile": "none", "UsePAM": "yes", "AuthenticationMethods": methods, "PasswordAuthentication": "no",
                  "KbdInteractiveAuthentication": "yes", "PermitRootLogin": "no", "PrintMotd": "no",
                  "LogLevel": "VERBOSE", "Subsystem": "sftp internal-sftp", "UseDNS": "no", **settings}
        with open(f"{self.directory}/config", "w") as config:
            config.writelines(f"{name} {value}\n" for name, value in chosen.items())
        self._process = subprocess.Popen([binary, "-D", "-e", "-f", f"{self.directory}/config"], env=CLEAN,
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        threading.Thread(target=self._collect, daemon=True).start()
        self.log.wait(f"Server listening on 127.0.0.1 port {self.port}")

    def _collect(self):
        for line in self._process.stderr:
            self.log.add(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))

    def client(self, user, *command, options=(), key=True):
        """The command line of a client that logs in as user. Of an option that is given twice the first counts."""
        return [SSH[0], *options, *SSH[1:], *(("-i", user.key) if key else ("-o", "PubkeyAuthentication=no")),
                "-p", str(self.port), f"{user.name}@127.0.0.1", *command]

    def login(self, user, *command, options=(), key=True):
        """A person at a terminal runs the client."""
        return Terminal(self.client(user, *(command or ("echo", "in-as-$(id -un)")), options=options, key=key))

    def copy(self, user, source, target, options=()):
        """A person copies a file there with scp."""
        return Terminal(["scp", *SSH[1:], "-i", user.key, *options, "-P", str(self.port), source,
                         f"{user.name}@127.0.0.1:{target}"])

    def wait_idle(self, seconds=15):
        """Until no process of a connection is left; fails when one stays."""
        until = time.monotonic() + seconds
        while children := world.children(self._process.pid):
            assert time.monotonic() < until, f"still there: {children}"
            time.sleep(0.02)

    def stop(self):
        self._process.terminate()
        self._process.wait()


def sudo(user, *command, env=None, options=()):
    """user runs a command as root by sudo. env is what the user has exported."""
    assignments = [f"{name}={value}" for name, value in (env or {}).items()]
    return Terminal(user.command("env", *assignments, "sudo", *options, *(command or ("echo", "in-as-root"))))


def su(user, target, env=None, command="echo in-as-$(id -un)"):
    """user becomes target by su."""
    assignments = [f"{name}={value}" for name, value in (env or {}).items()]
    return Terminal(user.command("env", *assignments, "su", "-c", command, target))


# What pamtester prints for the codes of pam_authenticate (pam_strerror of Linux-PAM).
PAM_TEXTS = {
    "successfully authenticated": "PAM_SUCCESS",
    "Authentication failure": "PAM_AUTH_ERR",
    "Have exhausted maximum number of retries for service": "PAM_MAXTRIES",
    "Authentication service cannot retrieve authentication info": "PAM_AUTHINFO_UNAVAIL",
    "Error in service module": "PAM_SERVICE_ERR",
    "Conversation error": "PAM_CONV_ERR",
    "User not known to the underlying authentication module": "PAM_USER_UNKNOWN",
    "Permission denied": "PAM_PERM_DENIED",
    "The return value should be ignored by PAM dispatch": "PAM_IGNORE",
    "Memory buffer error": "PAM_BUF_ERR",
    "System error": "PAM_SYSTEM_ERR",
    "Critical error - immediate abort": "PAM_ABORT",
    "Module is unknown": "PAM_MODULE_UNKNOWN",
}


def sanitized(leaks):
    """What stands before a program that loads a module built with sanitizers, which SMS365_PRELOAD names; else nothing.
    Leaks cannot be looked for in a program that is traced."""
    if "SMS365_PRELOAD" not in os.environ:
        return []
    return ["sh", "-c", 'LD_PRELOAD="$0:$LD_PRELOAD" exec env "$@"', os.environ["SMS365_PRELOAD"],
            f"ASAN_OPTIONS=log_path={SANITIZER_LOG}:detect_leaks={int(leaks)}",
            f"UBSAN_OPTIONS=log_path={SANITIZER_LOG}:print_stacktrace=1"]


def pamtester_argv(service, user, *operations, proven="publickey", leaks=True, **items):
    """The command line of pamtester. proven is what sshd says of the first factor; None: it says nothing. items are PAM's:
    rhost, tty, ruser."""
    argv = [*sanitized(leaks), "pamtester"]
    if proven is not None:
        argv += ["-E", f"SSH_AUTH_INFO_0={proven}"]
    for item, value in items.items():
        argv += ["-I", f"{item}={value}"] if value is not None else []
    return argv + [service, getattr(user, "name", user), *(operations or ("authenticate",))]


class Pamtester(Terminal):
    """pamtester: a PAM application without a first factor of its own."""

    def __init__(self, service, user, *operations, proven="publickey", env=None, before=(), cwd="/", **items):
        argv = pamtester_argv(service, user, *operations, proven=proven, leaks="strace" not in before, **items)
        super().__init__([*before, *argv], env=env, cwd=cwd)

    def code(self, seconds=30):
        """Wait for the end; the name of the PAM code that the last operation returned."""
        self.ends(seconds)
        return code_in(self.text)


class Session:
    """A shell's session in which pamtester runs several times: all its runs are one holder.

    One run begins as soon as the one before it is over: a test counts messages only where none is left to begin."""

    def __init__(self, service, user, *operations, runs=2, **options):
        argv = shlex.join(pamtester_argv(service, user, *operations, **options))
        # The shell survives Ctrl-C; every run ends with a line of its own.
        self.terminal = Terminal(["bash", "-c", f"trap : INT; for run in $(seq {runs}); do {argv}; echo \\\\; done"])
        self.sees, self.answers, self.types = self.terminal.sees, self.terminal.answers, self.terminal.types
        self.kill = self.terminal.kill

    def code(self):
        """The PAM code of the run that comes to its end."""
        return code_in(self.sees("\r\n\\\r\n") + "\r\n")


def code_in(text):
    """The PAM code that pamtester's last line tells."""
    told = re.findall(r"pamtester: (.*?)\r?$", text, re.M)
    if not told:
        raise AssertionError(f"pamtester told no result:\n{text}")
    return PAM_TEXTS.get(told[-1].strip(), told[-1].strip())
