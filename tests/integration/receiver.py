"""A small receiver of delivery reports: what the provider calls, it writes into a spool directory (sms365-report(5))."""

import base64
import http.server
import os
import tempfile
import threading
import urllib.parse

QUERY_MAX = 2048


def report_name(query):
    """Name of the spool file for a report, or None where the query carries nothing like a token."""
    tokens = urllib.parse.parse_qs(query).get("t", [])
    if len(tokens) != 1 or len(tokens[0]) != 43:
        return None
    try:
        token = base64.urlsafe_b64decode(tokens[0] + "=")
    except ValueError:
        return None
    return token[:16].hex() + ".report"


HOLD_SECONDS = 20


class Receiver:
    """Listens on a port of 127.0.0.1 that the kernel chose; `url` is what [challenge] callback gets. While `door` is clear
    reports have to wait before it."""

    def __init__(self, spool):
        receiver = self
        self.spool = spool
        self.queries = []
        self.arrived = threading.Condition()
        self.door = threading.Event()
        self.door.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.urlsplit(self.path).query
                name = report_name(query)
                if name is None or len(query) > QUERY_MAX:
                    self.send_error(400)
                    return
                receiver.door.wait(HOLD_SECONDS)
                receiver.write(name, query)
                self.send_response(200)
                self.send_header("Content-Length", "3")
                self.end_headers()
                self.wfile.write(b"OK\n")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/report" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def write(self, name, query):
        """The file appears whole or not at all: written under a name that begins with a dot, then renamed."""
        fd, temporary = tempfile.mkstemp(prefix=".", dir=self.spool)
        with os.fdopen(fd, "w") as file:
            file.write(query)
        os.rename(temporary, os.path.join(self.spool, name))
        with self.arrived:
            self.queries.append(query)
            self.arrived.notify_all()

    def wait(self, count=1, timeout=10):
        """Wait until `count` reports have come in altogether."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.queries) >= count, timeout), "no delivery report came"
            return list(self.queries)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
