"""The administrator's command, on a configuration, keys, users and state of its own, against a sandbox."""

import json
import os
import re
import stat
import subprocess

import pytest

import programs
import sandbox
import world

DONE, FAILED, USAGE, UNREACHABLE = range(4)
NUMBER = "306971234567"
NOWHERE = "https://127.0.0.1:1/api"  # nobody listens there


class Result:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.text = self.out + self.err


class Place:
    """A machine's configuration, keys, users and state in a directory of their own."""

    def __init__(self, path, box):
        self.path, self.box = path, box
        self.conf = path / "sms365.conf"
        self.keys, self.master, self.users = path / "keys.d", path / "master.key", path / "users"
        self.options = {("provider", "url"): box.base, ("provider", "ca"): box.ca, ("provider", "sandbox"): "yes",
                        ("provider", "keys"): self.keys, ("provider", "master"): self.master,
                        ("provider", "timeout"): 5, ("users", "file"): self.users,
                        ("store", "dir"): path / "state/pam", ("web", "web_dir"): path / "state/web",
                        ("challenge", "spool"): path / "state/spool"}
        self.write()

    def write(self, **changes):
        """Write the configuration; changes are provider__url=..."""
        for name, value in changes.items():
            self.options[tuple(name.split("__"))] = value
        sections = {}
        for (section, name), value in self.options.items():
            sections.setdefault(section, []).append(f"{name} = {value}\n")
        self.conf.write_text("".join(f"[{name}]\n{''.join(lines)}" for name, lines in sections.items()))
        self.conf.chmod(0o644)

    def argv(self, *words):
        return [os.path.join(sandbox.BUILD, "sms365"), "-c", str(self.conf), *map(str, words)]

    def run(self, *words, stdin="", env=None, **options):
        return Result(subprocess.run(self.argv(*words), input=stdin, text=True, capture_output=True, env=env or {},
                                     timeout=60, **options))

    def json(self, *words, stdin=""):
        """The object of --json: the only thing on standard output, and nothing beside it."""
        result = self.run("--json", *words, stdin=stdin)
        assert result.out.count("\n") == 1 and result.err == ""
        result.object = json.loads(result.out)
        assert ("error" in result.object) == (result.status != DONE)
        if result.status != DONE:
            assert result.object["text"]
        return result

    def steps(self, begin, *words):
        """Run a command, which must succeed: its system calls from the one on that names begin, each as (name, how often
        so far)."""
        log = self.path / "strace.log"
        world.run("strace", "-qq", "-o", str(log), *self.argv(*words), stdin=subprocess.DEVNULL)
        counts, found, begun = {}, [], False
        for line in log.read_text().splitlines():
            if match := re.match(r"(\w+)\(", line):
                counts[match[1]] = counts.get(match[1], 0) + 1
                begun = begun or begin in line
                if begun and match[1] != "exit_group":
                    found.append((match[1], counts[match[1]]))
        return found

    def injected(self, call, what, *words):
        """Run a command while strace does to one of its system calls what it is told to."""
        return Result(subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                      f"inject={call}:{what}", *self.argv(*words)], stdin=subprocess.DEVNULL,
                                     capture_output=True, text=True))

    def killed_at(self, step, *words):
        """Run a command that is killed before it makes this system call; its status."""
        name, when = step
        return self.injected(name, f"signal=KILL:when={when}", *words).status

    def terminal(self, *words):
        return programs.Terminal(self.argv(*words))

    def with_key(self, name="main", whitelist="127.0.0.0/8", url=None):
        """The demo account's key under this name, in place of one that is there, for this base URL or the configured one."""
        if not self.master.exists():
            assert self.run("key", "init").status == DONE
        result = self.run("key", "add", name, "--whitelist", whitelist, "--replace", "--no-check",
                          *(["--url", url] if url else []), stdin=sandbox.KEY + "\n")
        assert result.status == DONE, result.text
        return self


@pytest.fixture(scope="module")
def running_cli_box():
    with sandbox.Sandbox.start(delivery_after=0) as box:
        yield box


@pytest.fixture
def cli_box(running_cli_box):
    running_cli_box.restore()
    running_cli_box.settings(account=f"demo:demo:{sandbox.KEY}")
    return running_cli_box


@pytest.fixture
def place(tmp_path, cli_box):
    return Place(tmp_path, cli_box)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)
