"""Fixtures of the integration tests: a private world with users, real servers and clients, and their log."""

import contextlib
import glob
import os
import sys
import time
import uuid

import pytest

import programs
import webserver
import world
from administrator import cli_box, place, running_cli_box  # noqa: F401: fixtures of the administrator's command
from product import SOURCE, STATE, Product
from receiver import Receiver
from sandbox import Sandbox


def pytest_configure(config):
    """Tests touch nothing of the machine: start this session anew in a private world if it is not in one."""
    if not world.inside():
        capture = config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.stop_global_capturing()
        sys.stdout.flush()
        try:
            anew = world.command([sys.executable, "-m", "pytest", *config.invocation_params.args])
        except world.CannotEnter as why:
            pytest.exit(str(why), returncode=2)
        os.execvp(anew[0], anew)
    world.build()
    config.option.basetemp = config.option.basetemp or "/run/pytest"
    config.addinivalue_line("markers", "slow: left out with --quick")
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnhandledThreadExceptionWarning")


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="without what is slow, and fewer rounds of what is repeated")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--quick"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("slow")])
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what went to the log meanwhile."""
    report = (yield).get_result()
    log = getattr(item, "funcargs", {}).get("syslog_collector")
    if report.failed and log is not None:
        report.sections.append(("syslog", log.text()))


@pytest.fixture(autouse=True)
def nothing_found_by_sanitizers():
    """Where the module is built with them, each test fails on what they wrote."""
    yield
    found = ""
    for path in glob.glob(f"{programs.SANITIZER_LOG}[./]*"):
        with open(path) as report:
            found += report.read()
        os.unlink(path)
    assert not found, found


@pytest.fixture(scope="session")
def quick(pytestconfig):
    """Whether to do fewer rounds."""
    return pytestconfig.getoption("--quick")


@pytest.fixture(scope="session")
def alice():
    return world.User("alice", "Wonder-land 1865")


@pytest.fixture(scope="session")
def bob():
    return world.User("bob", "Built of bricks!")


@pytest.fixture(scope="session")
def syslog_collector():
    return world.Syslog()


@pytest.fixture
def syslog(syslog_collector):
    """The log as of this test's start."""
    syslog_collector.clear()
    return syslog_collector


@pytest.fixture
def sshd():
    """Start real SSH servers: sshd(service, methods, Setting=value…)."""
    running = []

    def start(*args, **settings):
        running.append(programs.Sshd(*args, **settings))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def nginx():
    """Start real web servers with the module: nginx("server { … }", …); what they complain about fails the test."""
    running = []

    def start(*args, **settings):
        running.append(webserver.Nginx(*args, **settings))
        return running[-1]

    yield start
    for server in running:
        server.stop()


# What a test finds, whatever those before it did.
SANDBOX_SETTINGS = {"account": "demo:demo:DEMO-KEY", "whitelist": "127.0.0.0/8,::1", "balance": "1000", "delivery": "d",
                    "delivery_after": "0", "shape": "rows", "fault": "", "hlr": "", "hlr_balance": "0"}


@pytest.fixture(scope="session")
def running_sandbox():
    with Sandbox.start(seed=365) as running:
        yield running


@pytest.fixture
def sandbox(running_sandbox):
    """The provider's stand-in, over TLS, with an empty phone; messages are delivered at once."""
    running_sandbox.settings(**SANDBOX_SETTINGS)
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture(scope="session")
def installed(running_sandbox):
    return Product(running_sandbox)


@pytest.fixture
def product(installed, sandbox, alice, bob, syslog):
    """The product as installed, its state and configuration as in the beginning: alice has a phone, bob has none."""
    installed.clean()
    return installed


@pytest.fixture(scope="session")
def pamcall_program():
    """A PAM application of our own (see pamcall.c); its path."""
    program = "/run/pamcall"
    world.run("cc", "-Wall", "-Wextra", "-o", program, f"{SOURCE}/tests/integration/pamcall.c", "-lpam")
    return program


@pytest.fixture
def terminals():
    """Programs on terminals of their own that a test leaves to be ended: terminals(Terminal(…)) returns it."""
    opened = []

    def keep(terminal):
        opened.append(terminal)
        return terminal

    yield keep
    for terminal in opened:
        terminal.kill()


class Clock:
    """Clocks that can be set for processes started with `environment` (or everywhere()), and the machine's reboots, as they
    see them."""

    BOOT_ID = "/proc/sys/kernel/random/boot_id"
    EVERYWHERE = "/etc/ld.so.preload"

    def __init__(self, directory):
        self._directory = directory
        self._file = f"{directory}/clocks"
        self._library = f"{directory}/clockshift.so"
        world.run("cc", "-shared", "-fPIC", f'-DCLOCKS="{self._file}"', "-o", self._library,
                  f"{SOURCE}/tests/integration/clockshift.c")
        self.environment = {"LD_PRELOAD": self._library}
        self._seconds = self._wall = self._boot = 0
        self._rebooted = False

    def _write(self):
        with open(self._file + ".new", "w") as file:
            file.write(f"{self._seconds} {self._wall} {self._boot}")
        os.rename(self._file + ".new", self._file)

    @contextlib.contextmanager
    def everywhere(self):
        """For all programs that are started meanwhile: set-user-ID ones heed no environment. Others than root's go without."""
        before = world.read_if_there(self.EVERYWHERE)
        with open(self.EVERYWHERE, "w") as preload:
            preload.write(self._library + "\n")
        try:
            yield
        finally:
            world.put_back(self.EVERYWHERE, before)

    def advance(self, seconds):
        """Time goes by."""
        self._seconds += seconds
        self._write()

    def set_wall(self, seconds):
        """Somebody sets the wall clock, from what it says, by so much."""
        self._wall += seconds
        self._write()

    def reboot(self, seconds=0):
        """The machine comes up again: /proc names another boot. By the wall clock so many seconds went by."""
        self.put_back()
        with open(f"{self._directory}/boot_id", "w") as boot:
            boot.write(f"{uuid.uuid4()}\n")
        world.run("mount", "--bind", f"{self._directory}/boot_id", self.BOOT_ID)
        self._rebooted = True
        self._boot = -int(time.clock_gettime(time.CLOCK_BOOTTIME)) - self._seconds
        self.set_wall(seconds)

    def put_back(self):
        if self._rebooted:
            world.run("umount", self.BOOT_ID)
        self._rebooted = False


@pytest.fixture
def clock(tmp_path):
    clock = Clock(tmp_path)
    yield clock
    clock.put_back()


@pytest.fixture
def receiver(product):
    spool = f"{STATE}/spool"
    os.makedirs(spool, 0o755, exist_ok=True)
    running = Receiver(spool)
    yield running
    running.stop()
