"""sms365-sandbox as the tests use it: started on a port of the kernel's choice, asked, changed, and ended."""

import contextlib
import functools
import http.client
import http.server
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

BUILD = os.environ.get("SMS365_BUILDDIR", os.path.join(os.path.dirname(__file__), "..", "..", "build"))
KEY = "DEMO-KEY"
START_SECONDS = 20


@functools.lru_cache(maxsize=None)
def _directory():
    return tempfile.TemporaryDirectory(prefix="sms365-sandbox-")


@functools.lru_cache(maxsize=None)
def certificate():
    """Paths of a certificate for 127.0.0.1, ::1 and localhost that signs itself, and of its key."""
    cert, key = (os.path.join(_directory().name, name) for name in ("cert.pem", "key.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "30", "-subj", "/CN=sms365 sandbox", "-addext",
                    "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:provider.example", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


class Sandbox:
    """A running sandbox: `with Sandbox.start(delivery="f") as box: ...`"""

    @classmethod
    def start(cls, binary=None, tls=True, listen="127.0.0.1:0", **flags):
        """Flags are those of the command line: delivery_after=0 is --delivery-after 0."""
        argv = [binary or os.path.join(BUILD, "sms365-sandbox"), "--listen", listen]
        for name, value in flags.items():
            argv += ["--" + name.replace("_", "-"), str(value)]
        if tls:
            argv += ["--tls", *certificate()]
        ready, tell = os.pipe()
        with open(ready, encoding="ascii") as line:
            process = subprocess.Popen(argv + ["--ready-fd", str(tell)], pass_fds=[tell], stdin=subprocess.DEVNULL)
            os.close(tell)
            address = line.readline().strip()
        if not address:
            raise RuntimeError(f"{argv[0]} did not start: it ended with {process.wait(START_SECONDS)}")
        return cls(process, address, tls)

    def __init__(self, process, address, tls):
        self.process = process
        self.address = address
        self.host, self.port = address.rsplit(":", 1)[0].strip("[]"), int(address.rsplit(":", 1)[1])
        self.scheme = "https" if tls else "http"
        self.url = f"{self.scheme}://{address}"
        self.base = self.url + "/api"
        self.ca = certificate()[0] if tls else None
        self.key = KEY
        self._taken = set()
        self._start_settings = self.settings()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, seconds=20):
        """End it as an administrator would; it must end cleanly."""
        if self.process.returncode is None:
            self.process.terminate()
        status = self.process.wait(seconds)
        if status != 0:
            raise RuntimeError(f"the sandbox ended with {status}")

    def connect(self, timeout=30):
        """A connection of its own; it is kept between requests."""
        if self.ca is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout,
                                           context=ssl.create_default_context(cafile=self.ca))

    def ask(self, method, path, body=None, headers=None, timeout=30):
        """One request on a connection of its own: (status, content type, body)."""
        with contextlib.closing(self.connect(timeout)) as connection:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, reply.getheader("Content-Type"), reply.read()

    def call(self, endpoint, method="POST", **params):
        """An API request; the JSON reply. The key is added where none is given (key=None: leave it out)."""
        params = {"key": self.key, **params}
        form = urllib.parse.urlencode({k: v for k, v in params.items() if v is not None})
        if method == "GET":
            _, _, body = self.ask("GET", f"/api/{endpoint}?{form}")
        else:
            _, _, body = self.ask("POST", f"/api/{endpoint}", form,
                                  {"Content-Type": "application/x-www-form-urlencoded"})
        return json.loads(body)

    def _control(self, method, path, body=None):
        status, _, text = self.ask(method, "/sandbox/" + path, body)
        if status != 200:
            raise ValueError(text.decode())
        return json.loads(text)

    def messages(self, to=None):
        """What was sent to that number, or to all, oldest first."""
        return self._control("GET", "messages" + (f"?to={to}" if to else ""))

    def settings(self, **changes):
        """Change settings (all of them or, with ValueError, none); returns what holds now."""
        return self._control("POST", "settings", json.dumps(changes)) if changes else self._control("GET", "settings")

    def requests(self, endpoint=None):
        """What arrived at the API, oldest first."""
        return self._control("GET", "requests" + (f"?endpoint={endpoint}" if endpoint else ""))

    def wait_request(self, endpoint, seconds=20):
        """Wait until a request to that endpoint has arrived; it need not be answered yet."""
        until = time.monotonic() + seconds
        while not self.requests(endpoint):
            if time.monotonic() > until:
                raise TimeoutError(f"no request to {endpoint} in {seconds} s")
            time.sleep(0.02)

    def stats(self):
        return self._control("GET", "stats")

    def reset(self):
        """Forget messages and requests."""
        self._control("POST", "reset")
        self._taken.clear()

    def restore(self):
        """As it was after its start, but for the numbers that it gives out."""
        self.settings(**self._start_settings)
        self.reset()

    def events(self, seconds, last_id=None):
        """The event stream, as (event, id, data), until the time is over: then TimeoutError."""
        deadline = time.monotonic() + seconds
        with contextlib.closing(self.connect(seconds)) as connection:
            connection.request("GET", "/sandbox/events", headers={"Last-Event-ID": last_id} if last_id else {})
            reply = connection.getresponse()
            fields = {}
            while True:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError(f"nothing of that kind in {seconds} s")
                connection.sock.settimeout(remaining)
                line = reply.readline().decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "event" in fields:
                    yield fields["event"], fields["id"], json.loads(fields["data"])
                    fields = {}

    def wait_message(self, to=None, timeout=10):
        """The oldest message to that number that was not returned before; waits for it."""
        for event, _, message in self.events(timeout):
            if event == "message" and to in (None, message["to"]) and message["id"] not in self._taken:
                self._taken.add(message["id"])
                return message
        raise EOFError("the sandbox ended")

    def wait_status(self, message, status, timeout=10):
        """Wait until a message (or the one of that id) has that status; returns it."""
        wanted = message["id"] if isinstance(message, dict) else message
        for event, _, seen in self.events(timeout):
            if event == "message" and seen["id"] == wanted and seen["status"] == status:
                return seen
        raise EOFError("the sandbox ended")


@contextlib.contextmanager
def altered(box, endpoint, alter):
    """Stands before the sandbox, and passes on what `alter` makes of that endpoint's replies; a base URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            form = self.rfile.read(int(self.headers["Content-Length"]))
            _, mime, body = box.ask("POST", self.path, form, {"Content-Type": self.headers["Content-Type"]})
            if self.path == f"/api/{endpoint}":
                reply = json.loads(body)
                alter(reply)
                body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", mime)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
