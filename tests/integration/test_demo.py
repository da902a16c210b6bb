"""scripts/demo: what --keep leaves up is as it says, and gone afterwards; where it cannot run it says so in one sentence."""

import base64
import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request

import pytest

import world
from product import BUILD, SOURCE
from programs import CLEAN, Terminal

# The tests' world has people and settings of its own: the play begins with the machine's files, as they are below.
BELOW = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
         f'umount --lazy /etc /var {world.PAM_MODULES} && exec "$@"', "sh"]
PLAY = f"{SOURCE}/scripts/demo.py"
WITHOUT_THE_RIGHT = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]


def descendants(pid):
    return [found for child in world.children(pid) for found in (child, *descendants(child))]


class Demo:
    """A demo that stays up. Its temporary files are in a directory that is the same in its world and in ours."""

    def __init__(self, directory):
        self.directory = directory
        self.terminal = Terminal([*BELOW, "/usr/bin/python3", PLAY, "--keep"], env={
            "SMS365_BUILDDIR": BUILD, "TMPDIR": directory, "PYTHONDONTWRITEBYTECODE": "1"})
        self.terminal.sees("Ctrl-C here ends everything.", 120)
        told = self.terminal.text.replace("\r", "")
        self.phone = re.search(r"open +(http://\S+/sandbox/)\n", told)[1]
        self.page = re.search(r"open +(https://\S+/)\n", told)[1]
        self.login = shlex.split(re.search(r"type +(ssh (?:.*\\\n)+.*)\n", told)[1].replace("\\\n", ""))
        self.password = re.search(r'user "alice", password "(.*?)"', told)[1]
        self.processes = descendants(self.terminal.pid)

    def messages(self):
        with urllib.request.urlopen(f"{self.phone}messages") as reply:
            return json.load(reply)

    def visit(self, **headers):
        """The page's address asked for by a browser that takes any certificate: the status, and where it led."""
        request = urllib.request.Request(self.page, headers=headers)
        try:
            with urllib.request.urlopen(request, context=ssl._create_unverified_context()) as reply:
                return reply.status, reply.url
        except urllib.error.HTTPError as error:
            return error.code, error.url

    def is_gone(self, seconds=20):
        """Wait until no process of it is left; fails when one stays."""
        world.until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in self.processes), seconds)


@pytest.fixture
def demo():
    with tempfile.TemporaryDirectory() as directory:
        running = Demo(directory)
        yield running
        running.terminal.kill()
        running.is_gone()


def test_what_it_tells_to_open_and_to_type_works(demo, terminals):
    with urllib.request.urlopen(demo.phone) as reply:
        assert "text/html" in reply.headers["Content-Type"]
    assert demo.visit()[0] == 401
    proof = base64.b64encode(f"alice:{demo.password}".encode()).decode()
    assert demo.visit(Authorization=f"Basic {proof}") == (200, f"{demo.page}sms365/")
    before = len(demo.messages())
    login = terminals(Terminal(demo.login))
    for question, typed in (("Enter it, or", None), ("alice$ ", "sudo id"), ("password for alice: ", demo.password),
                            ("Enter it, or", None), ("uid=0(root)", "exit")):
        login.sees(question)
        login.answers(typed or demo.messages()[-1]["code"])
    assert len(demo.messages()) == before + 2
    assert login.ends() == 0


@pytest.mark.parametrize("end", ["INT", "TERM", "HUP"])
def test_nothing_is_left_when_it_is_ended(demo, end):
    accounts = world.read_if_there("/etc/passwd")
    assert len(demo.processes) > 5 and os.listdir(demo.directory)
    number = signal.Signals[f"SIG{end}"]
    if end == "INT":
        demo.terminal.types("\x03")
        demo.terminal.sees("The private namespace is gone, and everything in it.")
    else:
        os.kill(demo.terminal.pid, number)
    assert demo.terminal.ends() == 128 + number
    demo.is_gone()
    assert os.listdir(demo.directory) == []
    assert world.read_if_there("/etc/passwd") == accounts


@pytest.mark.parametrize("argv, status", [([f"{SOURCE}/scripts/demo"], 1), (["/usr/bin/python3", PLAY], 1),
                                          (["/usr/bin/python3", "-m", "pytest", f"{SOURCE}/tests/integration"], 2)])
def test_without_the_right_to_make_a_namespace_it_says_so_in_one_sentence(argv, status):
    done = subprocess.run([*BELOW, *WITHOUT_THE_RIGHT, *argv], env={**CLEAN, "PYTHONDONTWRITEBYTECODE": "1"}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == status
    assert re.fullmatch(r"(?:demo|demo\.py|Exit)?:? ?.*needs .*private mount namespace.*: run it as root, outside of an "
                        r"unprivileged container\.\n", done.stdout), done.stdout


def test_an_argument_that_it_does_not_know_is_refused_with_its_usage():
    done = subprocess.run([f"{SOURCE}/scripts/demo", "--kepe"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "demo: usage: scripts/demo [--keep]\n"
