"""Debian's nginx with the module in it, over TLS, on a port of 127.0.0.1, and a client that keeps cookies."""

import base64
import html
import http.client
import http.cookies
import os
import re
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.parse

import world
from product import BUILD, CONF, SOURCE
from programs import CLEAN, SANITIZER_LOG, free_port
from sandbox import certificate

NGINX = "/usr/sbin/nginx"
MODULE = f"{BUILD}/.libs/ngx_http_sms365_module.so"
TROUBLE = re.compile(r"\[(?:alert|emerg|crit)\]|runtime error:|exited on signal|exited with code [^0]")
STOP_SECONDS = 20

FRAME = """
load_module {module};
user {user};
worker_processes {workers};
pid {directory}/pid;
error_log {directory}/error.log info;
env LD_PRELOAD;
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
{main}
events {{ worker_connections 1024; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    default_type text/plain;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    {http}
}}
"""

APPLICATION = """
    server { listen unix:%DIR%/app; location / { return 200 "app $request_method $request_uri [$http_cookie] [$http_x_user]\\n"; } }
"""


class Refused(Exception):
    """nginx does not take its configuration; the text is what it wrote."""


def preload():
    """What a program needs that loads a module built with sanitizers."""
    if "SMS365_PRELOAD" not in os.environ:
        return {}
    # Workers are nobody in particular, and write theirs where they may.
    os.makedirs(SANITIZER_LOG, exist_ok=True)
    os.chmod(SANITIZER_LOG, 0o1777)
    options = f"detect_leaks=0:log_path={SANITIZER_LOG}/nginx"
    return {"LD_PRELOAD": os.environ["SMS365_PRELOAD"], "ASAN_OPTIONS": options, "UBSAN_OPTIONS": options}


class Nginx:
    """A running nginx: Nginx("server { listen %PORT% ssl; … }"). %PORT% and %DIR% are filled in.

    It listens on `listen`; clients come to `host`.
    """

    def __init__(self, http, main="", workers=1, user="www-data", start=True, module=MODULE, listen="127.0.0.1"):
        self.directory = tempfile.mkdtemp(prefix="nginx-", dir="/run")
        os.chmod(self.directory, 0o755)
        self.port, self.other_port = free_port(), free_port()
        self._frame = {"main": main, "workers": workers, "user": user, "module": module}
        self._listen = listen
        self._forgiven = 0
        self.host = "127.0.0.1"
        self.plain = False
        self.environment = {}
        self.configure(http)
        self.running = False
        if start:
            self.start()

    def configure(self, http):
        """Write nginx.conf; reload() or start() takes it up."""
        cert, key = certificate()
        text = FRAME.format(directory=self.directory, cert=cert, key=key, http=http, **self._frame)
        text = text.replace("%PORT%", f"{self._listen}:{self.port}").replace("%DIR%", self.directory)
        text = text.replace("%OTHER%", f"{self._listen}:{self.other_port}")
        with open(f"{self.directory}/nginx.conf", "w") as file:
            file.write(text)

    def _run(self, *arguments):
        done = subprocess.run([NGINX, "-c", f"{self.directory}/nginx.conf", "-e", f"{self.directory}/error.log",
                               *arguments], env={**CLEAN, **preload(), **self.environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        return done.returncode, done.stdout

    def test(self):
        """nginx -t: whether it takes the configuration, and what it says."""
        status, said = self._run("-t")
        return status == 0, said

    def start(self):
        """nginx goes into the background once it listens."""
        status, said = self._run()
        if status != 0:
            raise Refused(said)
        self.running = True

    @property
    def pid(self):
        """Of the master process; while one takes over from another there is none for a moment."""
        until = time.monotonic() + 10
        while True:
            try:
                with open(f"{self.directory}/pid") as file:
                    return int(file.read())
            except (FileNotFoundError, ValueError):
                assert time.monotonic() < until
                time.sleep(0.01)

    def workers(self, seconds=10):
        """Their process ids; the first are there a moment after start()."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = world.children(self.pid)
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError(f"nginx has no worker:\n{self.log()}")

    def reload(self, seconds=20):
        """Take up a new configuration; returns when no worker of the old one is left, or with what nginx refused it for."""
        before, log = set(self.workers()), len(self.log())
        os.kill(self.pid, signal.SIGHUP)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            refused = [line for line in self.log()[log:].splitlines() if "[emerg]" in line]
            if refused:
                raise Refused("\n".join(refused))
            if not set(self.workers()) & before:
                return
            time.sleep(0.02)
        raise AssertionError(f"nginx did not reload:\n{self.log()[log:]}")

    def forgive(self):
        """What is in the log until now was to be expected."""
        self._forgiven = len(self.log())

    def upgrade(self, seconds=20):
        """Hand over to a new master process, as for a new binary (USR2, then QUIT to the old)."""
        old = self.pid
        os.kill(old, signal.SIGUSR2)
        until = time.monotonic() + seconds
        while not os.path.exists(f"{self.directory}/pid.oldbin") or self.pid == old or not world.children(self.pid):
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)
        os.kill(old, signal.SIGQUIT)
        while os.path.exists(f"/proc/{old}/exe"):
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def log(self):
        with open(f"{self.directory}/error.log", errors="backslashreplace") as file:
            return file.read()

    def access_log(self):
        with open(f"{self.directory}/access.log") as file:
            return file.read().splitlines()

    def stop(self):
        """End it as an administrator would; it must have nothing to complain about."""
        if not self.running:
            return
        self.running = False
        pid = self.pid
        os.kill(pid, signal.SIGQUIT)
        until = time.monotonic() + STOP_SECONDS
        while os.path.exists(f"/proc/{pid}/exe"):
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"nginx did not end:\n{self.log()}")
            time.sleep(0.02)
        trouble = [line for line in self.log()[self._forgiven:].splitlines() if TROUBLE.search(line)]
        assert not trouble, "\n".join(trouble)

    def connect(self, timeout=30):
        """A connection, over TLS unless `plain`; it is kept between requests."""
        if self.plain:
            return http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout,
                                           context=ssl.create_default_context(cafile=certificate()[0]))

    def browser(self, user=None, password=None, **headers):
        return Browser(self, user, password, headers)


class Reply:
    """What came back: status, headers (the last of each name), all cookies, text."""

    def __init__(self, reply):
        self.status = reply.status
        self.all_headers = reply.getheaders()
        self.headers = {name.lower(): value for name, value in self.all_headers}
        self.body = reply.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def token(self):
        """What the forms of a page carry."""
        return re.search(r'name="token" value="([^"]*)"', self.text)[1]

    def cookies(self):
        return [value for name, value in self.all_headers if name.lower() == "set-cookie"]


class Browser:
    """A client that keeps cookies, and sends a name and password with every request once it has them."""

    def __init__(self, server, user=None, password=None, headers=None):
        self._server = server
        self.cookies = {}
        self.headers = dict(headers or {})
        if user is not None:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            self.headers["Authorization"] = f"Basic {token}"

    def ask(self, method, path, body=None, **headers):
        """One request on a connection of its own."""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies and "Cookie" not in sent:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = self._server.connect()
        try:
            connection.request(method, path, body, sent)
            reply = Reply(connection.getresponse())
        except http.client.RemoteDisconnected:
            raise AssertionError(f"nginx closed the connection:\n{self._server.log()}") from None
        finally:
            connection.close()
        for line in reply.cookies():
            for name, morsel in http.cookies.SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return reply

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, **fields):
        """A form, as a page holds it."""
        return self.ask("POST", path, urllib.parse.urlencode(fields),
                        Content_Type="application/x-www-form-urlencoded")

    def submit(self, page, action, **fields):
        """Send the form of a page that goes to this address, with its hidden fields."""
        for address, content in re.findall(r'<form method="post" action="([^"]*)">(.*?)</form>', page.text, re.S):
            if address.endswith("/" + action):
                hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', content)
                return self.post(address, **{name: html.unescape(value) for name, value in hidden}, **fields)
        raise AssertionError(f"there is no form {action} in:\n{page.text}")

    def follow(self, reply):
        """Where a redirect leads, as a browser goes there."""
        assert reply.status in (302, 303), (reply.status, reply.text)
        return self.get(reply.headers["location"])


def password_file(*users):
    """A file for auth_basic_user_file with these world.Users in it."""
    path = f"{CONF}/htpasswd"
    with open(path, "w") as file:
        for user in users:
            crypted = world.run("openssl", "passwd", "-apr1", "-stdin", input=user.password + "\n").strip()
            file.write(f"{user.name}:{crypted}\n")
    os.chmod(path, 0o644)
    return path


def example(name, application=APPLICATION):
    """The http block of a shipped example, on this test's port and in front of its application."""
    with open(f"{SOURCE}/examples/nginx/{name}.conf") as file:
        text = file.read()
    listed = [("/etc/nginx/app.htpasswd", f"{CONF}/htpasswd")] if "auth_basic" in text else [("192.0.2.10", "127.0.0.1")]
    for shipped, here in (*listed, ("listen 443 ssl http2;", "listen %PORT% ssl http2;"),
                          ("    ssl_certificate /etc/ssl/app.pem;\n", ""),
                          ("    ssl_certificate_key /etc/ssl/private/app.key;\n", ""),
                          ("http://127.0.0.1:8080", "http://unix:%DIR%/app")):
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    return text + application
