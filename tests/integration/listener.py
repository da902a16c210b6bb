"""`sms365 listen` as the tests use it: started on a port of the kernel's choice, asked, and ended."""

import base64
import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import urllib.parse

import world
from product import BUILD, NUMBER, STATE
from programs import Pamtester

USER = "sms365"
PATH = "/sms365/report"
SPOOL = f"{STATE}/spool"
START_SECONDS = 20


def make_user():
    """The user of the listener, as the installed snippet has systemd make it."""
    world.run("systemd-sysusers", os.path.join(os.path.dirname(__file__), "../../systemd/sysusers.d/sms365.conf"))


def make_spool():
    world.run("install", "-d", "-o", USER, "-g", "root", "-m", "0750", SPOOL)


class DidNotStart(Exception):
    def __init__(self, status, text):
        super().__init__(status, text)
        self.status, self.text = status, text


class Listener:
    """A running listener; DidNotStart tells how it ended when it does not come to that."""

    def __init__(self, *arguments, address="127.0.0.1:0", before=(), options=(), env=None, ca=None):
        ready, tell = os.pipe()
        argv = [*before, f"{BUILD}/sms365", *options, "listen", "--listen", address, "--ready-fd", str(tell), *arguments]
        with open(ready, encoding="ascii") as line:
            self.process = subprocess.Popen(argv, pass_fds=[tell], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE, text=True, env=env or {"PATH": os.environ["PATH"]})
            os.close(tell)
            self.address = line.readline().strip()
        if not self.address:
            out, err = self.process.communicate(timeout=START_SECONDS)
            raise DidNotStart(self.process.returncode, out + err)
        self.host, _, port = self.address.rpartition(":")
        self.host, self.port = self.host.strip("[]"), int(port)
        self.ca = ca
        self.url = f"{'https' if ca else 'http'}://{self.address}{PATH}"

    @property
    def pid(self):
        """Of the listener itself, also behind a tracer."""
        return (world.children(self.process.pid) or [self.process.pid])[0]

    def connect(self, tls=True, source=None, timeout=30):
        """A connection on which nothing was asked yet."""
        plain = socket.create_connection((self.host, self.port), timeout, source and (source, 0))
        if self.ca is None or not tls:
            return plain
        return ssl.create_default_context(cafile=self.ca).wrap_socket(plain, server_hostname=self.host)

    def say(self, *pieces, source=None):
        """All that comes back for these bytes until the connection ends."""
        with contextlib.closing(self.connect(source=source)) as connection:
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    connection.sendall(piece)
            return until_closed(connection)

    def get(self, query, path=PATH, method="GET", body=None):
        """Status of one request."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        connection.sock = self.connect()
        with contextlib.closing(connection):
            connection.request(method, f"{path}?{query}", body)
            reply = connection.getresponse()
            assert reply.getheader("Connection") == "close" and reply.getheader("Content-Type") == "text/plain"
            assert method == "HEAD" or 0 < len(reply.read()) < 80
            return reply.status

    def wait(self):
        """Wait for its end; the exit status. What it wrote is in `out` and `err`."""
        self.out, self.err = self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode

    def stop(self):
        if self.process.poll() is None:
            os.kill(self.pid, 15)
        return self.wait() if self.process.stdout and not self.process.stdout.closed else self.process.returncode


def until_closed(connection):
    """What a connection has to say until the other side ends it."""
    said = b""
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while block := connection.recv(65536):
            said += block
    return said


def reports():
    """What lies in the spool, by name."""
    found = {}
    for name in os.listdir(SPOOL):
        with open(f"{SPOOL}/{name}") as file:
            found[name] = file.read()
    return found


def report_name(token):
    """Name of the spool file that belongs to a token."""
    return base64.urlsafe_b64decode(token + "=")[:16].hex() + ".report"


def token_of_a_login(product, sandbox):
    """The token of a message that was sent and about which nothing is reported."""
    sandbox.settings(delivery="s")
    product.configure(callback="http://127.0.0.1:1" + PATH, wait="0", sends_per_hour="30", resend_after="0")
    login = Pamtester(product.stack("code"), "alice")
    login.sees("(pending)")
    login.kill()
    url = sandbox.requests("2fa/send")[-1]["params"]["callback"]
    assert sandbox.messages(NUMBER)
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["t"][0]
