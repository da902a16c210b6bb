"""Fixtures of the integration tests: a private world with users, real servers and clients, and their log."""

import sys

import pytest

import programs
import world
from administrator import cli_box, place, running_cli_box  # noqa: F401: fixtures of the administrator's command


def pytest_configure(config):
    """Tests touch nothing of the machine: start this session anew in a private world if it is not in one."""
    if not world.inside():
        capture = config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.stop_global_capturing()
        sys.stdout.flush()
        try:
            world.enter([sys.executable, "-m", "pytest", *config.invocation_params.args])
        except world.CannotEnter as why:
            pytest.exit(str(why), returncode=2)
    world.build()
    config.option.basetemp = config.option.basetemp or "/run/pytest"


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="fewer rounds of what is repeated many times")


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
