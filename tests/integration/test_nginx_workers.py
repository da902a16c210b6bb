"""Workers among themselves and with the provider: connections that are kept, records that are held, sessions that end in all."""

import contextlib
import fcntl
import glob
import time

import pytest

import tickets
from portal import LOGIN, PORTAL, SESSION, log_in, send
from product import NUMBER, OTHER_NUMBER, STATE
from test_nginx_load import person
from webserver import example
from world import beside, until

NAMES = {"alice": NUMBER, "bob": OTHER_NUMBER, "carol": "306941234567"}
PATIENCE = 20


@pytest.fixture
def start(product, nginx):
    """Start the example behind a proxy that logs people in; each answer names its worker: start(workers=2)."""
    product.users(**{name: [number] for name, number in NAMES.items()})

    def begin(**settings):
        conf = example("behind-sso").replace("listen %PORT% ssl http2;", "listen %PORT% ssl http2 reuseport;", 1)
        return nginx("add_header X-Worker $pid always;\n" + conf, **settings)

    return begin


def test_one_worker_has_one_connection_to_the_provider_for_logins_in_a_row(start, sandbox):
    running = start()
    for name, number in NAMES.items():
        log_in(person(running, name), sandbox, number)
    assert len(sandbox.requests("2fa/send")) == len(sandbox.requests("2fa/check")) == len(NAMES)
    assert sandbox.stats()["connections"] == 1


# --- A record that somebody holds ---

@contextlib.contextmanager
def held(path):
    with open(path, "rb") as record:
        fcntl.flock(record, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(record, fcntl.LOCK_UN)


def test_a_record_that_is_held_keeps_nobody_waiting_but_its_user(start, sandbox, product):
    product.configure(lock_timeout="60")
    running = start()
    alice, bob, session = person(running), person(running, "bob"), person(running, "carol")
    session.cookies[SESSION] = tickets.make(user="carol", numbers=[NAMES["carol"]], service="app")
    page, message = send(alice, sandbox)
    token = page.token
    [record] = glob.glob(f"{STATE}/web/user.*")
    headers = {**alice.headers, "Cookie": f"{LOGIN}={alice.cookies[LOGIN]}", "Content-Type": "application/x-www-form-urlencoded"}
    with held(record) as release, contextlib.closing(running.connect(60)) as connection:
        connection.request("POST", PORTAL + "verify", f"token={token}&code={message['code']}", headers)
        with beside(connection.getresponse) as [answer]:
            for _ in range(5):
                assert bob.get(PORTAL).status == 200
                assert session.get("/").status == 200
            log_in(bob, sandbox, OTHER_NUMBER)
            assert not answer.done(), "the record was not waited for"
            release()
        assert answer.result().status == 303


# --- A session that ends ---

def statuses(running, name, ticket):
    """What each of the workers answers to this session, over connections of their own."""
    found = {}
    end = time.monotonic() + PATIENCE
    while set(found) != set(map(str, running.workers())):
        assert time.monotonic() < end, f"not all workers answered: {found}"
        reply = person(running, name).get("/", Cookie=f"{SESSION}={ticket}")
        found[reply.headers["x-worker"]] = reply.status
    return set(found.values())


@pytest.mark.parametrize("end", ["logout", "revoke"])
def test_a_session_that_ends_is_over_in_every_worker(start, sandbox, product, end):
    running = start(workers=4)
    until(lambda: len(running.workers()) == 4)
    alice, bob = person(running), person(running, "bob")
    log_in(alice, sandbox, NUMBER)
    log_in(bob, sandbox, OTHER_NUMBER)
    ticket, others = alice.cookies[SESSION], bob.cookies[SESSION]
    assert statuses(running, "alice", ticket) == {200}
    if end == "logout":
        alice.submit(alice.get(PORTAL), "logout")
    else:
        product.sms365("session", "revoke", "alice")
    until(lambda: statuses(running, "alice", ticket) == {303})
    for _ in range(3):
        assert statuses(running, "alice", ticket) == {303}
    assert statuses(running, "bob", others) == {200}
