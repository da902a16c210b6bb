"""A private world on this machine: namespaces of its own for mounts, processes, the network and the host name.

Users, PAM stacks, logs and state that are made inside vanish at its end: /etc, /var and the directory of PAM modules are
overlays whose upper layers are in memory, /run and /dev are new.
"""

import array
import concurrent.futures
import contextlib
import functools
import itertools
import os
import re
import socket
import stat
import subprocess
import threading
import time

OUTER = "SMS365_OUTER_WORLD"
UPPER = "/run/world"
HOMES = "/run/home"
PAM_MODULES = f"/usr/lib/{os.uname().machine}-linux-gnu/security"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


class CannotEnter(Exception):
    """There is no private world to be had; the text says why in one sentence."""


def run(*argv, **options):
    """Run a program that must succeed; its output is the answer, and part of the error when it fails."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def _mount_namespace():
    return os.readlink("/proc/self/ns/mnt")


def inside():
    """Whether this process is in a world of its own already."""
    return os.environ.get(OUTER, _mount_namespace()) != _mount_namespace()


def command(argv, network=True):
    """argv, to be started anew in a private world. A shell as the first process there reaps what is orphaned."""
    unshare = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc",
               "--propagation", "private"] + (["--net"] if network else [])
    try:
        trial = subprocess.run(unshare + ["true"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise CannotEnter("unshare (package util-linux) is missing, so no private namespace can be made.") from None
    if trial.returncode != 0:
        raise CannotEnter("This needs a private mount namespace, and making one is not allowed here "
                          f"({trial.stderr.strip()}): run it as root, outside of an unprivileged container.")
    os.environ[OUTER] = _mount_namespace()
    return unshare + ["sh", "-c", '"$@"; exit $?', "sh", *argv]


def overlay(path):
    """Make path writable without touching what lies below."""
    upper = UPPER + path
    for part in ("upper", "work"):
        os.makedirs(f"{upper}/{part}")
    run("mount", "-t", "overlay", "-o", f"lowerdir={path},upperdir={upper}/upper,workdir={upper}/work", "overlay", path)


def _new_dev():
    """A /dev of our own: the machine's has no room for a private /dev/log."""
    new = UPPER + "/dev"
    os.makedirs(new)
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", new)
    for name in DEVICES:
        open(f"{new}/{name}", "w").close()
        run("mount", "--bind", f"/dev/{name}", f"{new}/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"{new}/{name}")
    run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=0620,gid=5", "devpts", new + "/pts")
    run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", new + "/shm")
    for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                         ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):
        os.symlink(target, f"{new}/{name}")
    run("mount", "--move", new, "/dev")


def build(network=True):
    """Furnish the world. Only once, and only inside."""
    if not inside():
        raise CannotEnter("This process is not in a private world.")
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run")
    os.makedirs("/run/sshd", 0o755)
    os.mkdir(HOMES, 0o755)
    for path in ("/etc", "/var", PAM_MODULES):
        overlay(path)
    _new_dev()
    if network:
        run("ip", "link", "set", "lo", "up")
    socket.sethostname("world")
    with open("/etc/hosts", "w") as hosts:
        hosts.write("127.0.0.1 localhost world\n::1 localhost\n")
    # Nobody but the tests may decide here who gets in, and nothing of the machine's own sudo rules or PAM lines counts.
    with open("/etc/sudoers", "w") as sudoers:
        sudoers.write("Defaults timestamp_timeout=0, lecture=never, !mail_badpass\n@includedir /etc/sudoers.d\n")
    with open("/etc/pam.d/common-auth") as file:
        common = file.read()
    with open("/etc/pam.d/common-auth", "w") as file:  # as it is, but for the seconds of penance after every denial
        file.write(common.replace("pam_unix.so", "pam_unix.so nodelay"))
    write_pam("other", *(f"{kind} required pam_deny.so" for kind in ("auth", "account", "password", "session")))


@contextlib.contextmanager
def disk(path):
    """A small disk of its own at path."""
    mode = stat.S_IMODE(os.stat(path).st_mode)
    run("mount", "-t", "tmpfs", "-o", f"size=64k,mode={mode:o}", "tmpfs", str(path))
    try:
        yield
    finally:
        run("umount", "--lazy", str(path))


def disk_fill(path):
    """Leave no free byte there; returns the file that takes them."""
    ballast = f"{path}/ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


class User:
    """An account of the world, with a password and an SSH key."""

    def __init__(self, name, password):
        self.name = name
        self.password = password
        self.home = f"{HOMES}/{name}"
        self.key = f"{self.home}/.ssh/id_ed25519"
        run("useradd", "--create-home", "--base-dir", HOMES, "--shell", "/bin/bash", name)
        # Few rounds: what is tried here is not how slow crypt(3) can be.
        run("chpasswd", "--crypt-method", "SHA512", "--sha-rounds", "1000", input=f"{name}:{password}\n")
        self.uid, self.gid = (int(run("id", flag, name)) for flag in ("-u", "-g"))
        os.mkdir(os.path.dirname(self.key), 0o700)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        with open(f"{self.key}.pub") as public, open(f"{self.home}/.ssh/authorized_keys", "w") as authorized:
            authorized.write(public.read())
        run("chown", "-R", f"{name}:", f"{self.home}/.ssh")

    def command(self, *argv):
        """argv, started as this user with a clean environment."""
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", "--reset-env", *argv]


def make_accounts(count):
    """Accounts by the quick way: nobody logs in to them but through PAM. Their names, the same ones every time."""
    names = [f"user{number}" for number in range(count)]
    with open("/etc/passwd", "r+") as passwd:
        present = {line.split(":")[0] for line in passwd}
        passwd.writelines(f"{name}:x:{5000 + number}:{5000 + number}::/nonexistent:/usr/sbin/nologin\n"
                          for number, name in enumerate(names) if name not in present)
    return names


def until(condition, seconds=20):
    """Returns once condition() holds; fails where it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


@contextlib.contextmanager
def beside(*calls):
    """Each call in a thread of its own, beside the block and waited for at its end; their futures. None may raise."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(call) for call in calls]
        yield futures
    for future in futures:
        future.result()


@contextlib.contextmanager
def repeating(*calls):
    """Each call again and again in a thread of its own until the block ends; all that they returned. None may raise."""
    over, returned = threading.Event(), []

    def repeat(call):
        while not over.is_set():
            returned.append(call())

    with beside(*(functools.partial(repeat, call) for call in calls)):
        try:
            yield returned
        finally:
            over.set()


def children(pid):
    """The processes that pid has started and that have not ended."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                state, parent = stat.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(name))
    return found


def written_kb(pid):
    """Memory that the process has written to. Pages of files are its own or not as others come and go, and do not count."""
    with open(f"/proc/{pid}/smaps_rollup") as smaps:
        return sum(int(line.split()[1]) for line in smaps if line.startswith("Private_Dirty"))


def memory(pid):
    """What the process has in memory and may write, as root sees it, in runs of pages: most of what is mapped never came."""
    size = os.sysconf("SC_PAGE_SIZE")
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb") as pagemap, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as content:
        for line in maps:
            first, last, modes = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if "w" not in modes:
                continue
            first, last = int(first, 16) // size, int(last, 16) // size
            pagemap.seek(8 * first)
            pages = array.array("Q", pagemap.read(8 * (last - first)))
            for is_there, run in itertools.groupby(range(len(pages)), lambda page, pages=pages: pages[page] >> 62 > 0):
                run = list(run)
                if is_there:
                    content.seek((first + run[0]) * size)
                    yield content.read(len(run) * size)


def write_pam(service, *lines):
    """Write the stack of a PAM service."""
    with open(f"/etc/pam.d/{service}", "w") as stack:
        stack.write("\n".join(lines) + "\n")
    return service


def read_if_there(path):
    """A file's bytes, or None."""
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def put_back(path, content):
    """Make a file what read_if_there() found. A new file: the old one may be in use."""
    os.unlink(path)
    if content is not None:
        with open(path, "xb") as file:
            file.write(content)
        os.chmod(path, 0o644)


class Lines:
    """Lines that arrive from elsewhere, to be waited for."""

    def __init__(self):
        self._lines = []
        self._news = threading.Condition()

    def add(self, line):
        with self._news:
            self._lines.append(line)
            self._news.notify_all()

    def clear(self):
        with self._news:
            self._lines.clear()

    def all(self):
        with self._news:
            return list(self._lines)

    def text(self):
        return "\n".join(str(line) for line in self.all())

    def matching(self, pattern):
        return [line for line in self.all() if re.search(pattern, str(line))]

    def wait_count(self, pattern, count, seconds=300):
        """Until so many lines match; they are returned. Fails after some seconds with all there are."""
        until = time.monotonic() + seconds
        with self._news:
            while True:
                found = [line for line in self._lines if re.search(pattern, str(line))]
                left = until - time.monotonic()
                if len(found) >= count:
                    return found
                if left <= 0:
                    raise AssertionError(f"{len(found)} of {count} lines match {pattern!r} among:\n"
                                         + "\n".join(map(str, self._lines)))
                self._news.wait(left)

    def wait(self, pattern, seconds=15):
        """The first line that matches; fails after some seconds with all there are."""
        until = time.monotonic() + seconds
        with self._news:
            while True:
                for line in self._lines:
                    if re.search(pattern, str(line)):
                        return line
                left = until - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no line matches {pattern!r} among:\n" + "\n".join(map(str, self._lines)))
                self._news.wait(left)


class LogLine:
    """One line of syslog: facility, priority, and TAG[PID]: TEXT."""

    AUTHPRIV = 10

    def __init__(self, datagram):
        match = re.match(rb"<(\d+)>(?:\w{3} [ \d]\d [\d:]{8} )?(.*)", datagram.rstrip(b"\0\n"), re.S)
        number = int(match[1]) if match else 0
        self.facility, self.priority = number >> 3, number & 7
        self.raw = match[2] if match else datagram
        self.text = self.raw.decode("utf-8", "backslashreplace")

    def __str__(self):
        return self.text


class Syslog(Lines):
    """Whatever is written to /dev/log."""

    def __init__(self):
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        while True:
            self.add(LogLine(self._socket.recv(65536)))
