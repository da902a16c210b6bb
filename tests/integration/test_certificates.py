"""Which certificate authorities are read: those that a chain needs, never the bundle of all, which takes longer than a login."""

import contextlib
import os

import pytest

import world
from portal import EXAMPLES, log_in
from product import CONF, NUMBER, PROMPT
from programs import Pamtester
from webserver import example, password_file

HASHED = "/etc/ssl/certs"
BUNDLE = f"{HASHED}/ca-certificates.crt"
TRACE = "/run/certificates.trace"


@contextlib.contextmanager
def holding(path, text):
    """Meanwhile there is a file with this text."""
    before = world.read_if_there(path)
    with open(path, "w") as file:
        file.write(text)
    try:
        yield
    finally:
        world.put_back(path, before)


@pytest.fixture(params=[HASHED, f"{CONF}/ca.pem"], ids=["directory", "file"])
def trusted(request, product, sandbox):
    """The provider's authority stands where `ca` names it, and libcurl's default, the bundle, is of no use to anybody."""
    with open(sandbox.ca) as file:
        authority = file.read()
    name = world.run("openssl", "x509", "-noout", "-hash", "-in", sandbox.ca).strip()
    with holding(f"{HASHED}/{name}.0", authority), holding(BUNDLE, "no certificate\n"):
        product.configure(ca=request.param)
        yield request.param


def test_a_login_opens_what_is_configured_and_not_the_bundle(product, trusted, sandbox):
    login = Pamtester(product.stack("code"), "alice", before=["strace", "-f", "-qq", "-o", TRACE, "-e", "trace=/^open"])
    login.sees(PROMPT)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    with open(TRACE) as trace:
        opened = trace.read()
    assert f'"{trusted}' in opened
    assert os.path.basename(BUNDLE) not in opened


def test_a_worker_of_nginx_does_without_the_bundle(product, trusted, sandbox, nginx, alice, bob):
    password_file(alice, bob)
    web = nginx(example(EXAMPLES[0]))
    log_in(web.browser(alice.name, alice.password), sandbox)
