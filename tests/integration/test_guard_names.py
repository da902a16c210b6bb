"""Names under a name service that takes them in any spelling, and one that fails: one set of counters, a code needed."""

import os

import pytest

import world
from people import ELSEWHERE, HOME, Person
from product import GENERIC, NUMBER, PROMPT, SOURCE
from programs import Pamtester, wrong

SPELLINGS = ("alice", "ALICE", "Alice", "DOM\\alice", "dom\\ALICE")
TROUBLE = "/run/nss-trouble"
FILES = ("/etc/nsswitch.conf", "/etc/ld.so.conf.d/world.conf", "/etc/ld.so.cache")


@pytest.fixture
def folding():
    """A name service that folds case and takes a domain for none (see nss_fold.c); whether it works is told to it."""
    before = {path: world.read_if_there(path) for path in FILES}
    directory = "/run/nss"
    os.makedirs(directory, exist_ok=True)
    world.run("cc", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", f"{directory}/libnss_fold.so.2",
              f"{SOURCE}/tests/integration/nss_fold.c")
    with open(FILES[1], "w") as path:
        path.write(directory + "\n")
    world.run("ldconfig", "-X")  # the cache alone, which is this world's own

    def order(services, groups="files"):
        with open(FILES[0], "w") as switch:
            switch.write(f"passwd: {services}\ngroup: {groups}\nshadow: files\nhosts: files\n")

    order("files fold")
    yield order
    set_trouble(False)
    for path, content in before.items():
        if os.path.exists(path):
            world.put_back(path, content)


def set_trouble(there):
    if there:
        open(TROUBLE, "w").close()
    elif os.path.exists(TROUBLE):
        os.unlink(TROUBLE)


@pytest.fixture
def stranger(product, sandbox, clock):
    return Person(sandbox, ELSEWHERE, clock.environment)


@pytest.mark.parametrize("services", ["files fold", "fold files", "fold"])
def test_no_spelling_gives_a_try_more(product, sandbox, folding, stranger, services, syslog):
    folding(services)
    product.stack("code", f"failed_tries={len(SPELLINGS)}", "lockout_after=20", "sends_per_hour=30")
    for name in SPELLINGS:
        assert stranger.guesses(name) == "PAM_AUTH_ERR"
    for name in SPELLINGS:
        stranger.is_refused("you are locked out. Ask your administrator. Press Enter: ", name)
    assert len(sandbox.requests("2fa/check")) == len(sandbox.messages(NUMBER)) == len(SPELLINGS)
    assert {line.text.split(' user="')[1].split('"')[0] for line in syslog.matching("event=login")} == {"alice"}


def test_no_spelling_gives_a_message_more(product, sandbox, folding, stranger):
    product.stack("code", "sends_per_hour=2")
    stranger.asked("ALICE")
    stranger.asked("DOM\\alice")
    for name in SPELLINGS:
        stranger.is_refused("Press Enter: ", name)
    assert len(sandbox.messages()) == 2


def test_whoever_logs_in_by_another_spelling_is_at_the_usual_place(product, sandbox, folding, clock, stranger):
    product.stack("code", "failed_tries=3", "lockout_after=20", "sends_per_hour=30")
    owner = Person(sandbox, HOME, clock.environment)
    assert owner.enters("DOM\\Alice") == "PAM_SUCCESS"
    for name in SPELLINGS[:3]:
        assert stranger.guesses(name) == "PAM_AUTH_ERR"
    for name in SPELLINGS:
        stranger.is_refused("you are locked out. Ask your administrator. Press Enter: ", name)
        assert owner.enters(name) == "PAM_SUCCESS"


def test_a_name_service_out_of_order_lets_nobody_in_and_costs_no_message(product, sandbox, folding, clock):
    folding("fold")
    product.stack("code", "host_attempts_per_hour=6")
    set_trouble(True)
    for name in SPELLINGS:
        attempt = Pamtester("code", name, rhost=HOME, env=clock.environment)
        attempt.sees(GENERIC)
        attempt.answers("1234")
        assert attempt.code() != "PAM_SUCCESS"
    assert sandbox.requests() == []
    set_trouble(False)
    assert Person(sandbox, HOME, clock.environment).enters() == "PAM_SUCCESS"


def test_attempts_while_the_name_service_is_out_of_order_count_against_the_address(product, sandbox, folding, clock):
    folding("fold")
    product.stack("code", "host_attempts_per_hour=3")
    set_trouble(True)
    for _ in range(3):
        attempt = Pamtester("code", "alice", rhost=ELSEWHERE, env=clock.environment)
        attempt.sees(GENERIC)
        attempt.answers("")
        attempt.code()
    assert Pamtester("code", "ALICE", rhost=ELSEWHERE, env=clock.environment).code() == "PAM_MAXTRIES"
    set_trouble(False)
    assert Person(sandbox, ELSEWHERE, clock.environment).enters() == "PAM_SUCCESS"


def test_a_name_service_that_fails_during_a_login_changes_nothing_of_it(product, sandbox, folding, stranger):
    folding("fold")
    product.stack("code", "failed_tries=3", "lockout_after=20")
    for name in SPELLINGS[:3]:
        login, message = stranger.asked(name)
        set_trouble(True)
        login.answers(wrong(message))
        assert login.code() == "PAM_AUTH_ERR"
        set_trouble(False)
    stranger.is_refused("you are locked out. Ask your administrator. Press Enter: ", "alice")
    assert len(sandbox.requests("2fa/check")) == 3


def test_the_right_code_lets_in_though_the_name_service_fails_at_the_prompt(product, sandbox, folding, clock):
    folding("fold")
    product.stack("code")
    login, message = Person(sandbox, HOME, clock.environment).asked("DOM\\alice")
    set_trouble(True)
    login.answers(message["code"])
    assert login.code() == "PAM_SUCCESS"


@pytest.mark.parametrize("source, exempt", [
    ("files", True), ("files systemd # local", True), ("files [NOTFOUND=return] fold", False), ("fold files", False),
    ("files\ninitgroups: files fold", False), ("files\ninitgroups : files fold", False),
    ("files\n\tinitgroups\tfiles fold", False)])
def test_being_in_no_group_exempts_only_where_all_groups_are_this_machine_s(product, sandbox, folding, syslog, source,
                                                                            exempt):
    folding("files", source)
    product.configure(groups="games")
    login = Pamtester(product.stack("code"), "alice", rhost=HOME)
    if exempt:
        login.code()
        syslog.wait("verdict=bypass reason=group_exempt")
        assert sandbox.requests() == []
    else:
        login.sees(PROMPT)
        login.kill()
        syslog.wait("a code is needed: that alice is in none of the groups cannot be told")
