"""A client of HTTP/2 (RFC 9113) that does what curl does not: it gives up a request and keeps the connection."""

import socket
import ssl

from sandbox import certificate

DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8
END_STREAM, END_HEADERS = 1, 4
CANCEL = 8
WIDE = 1 << 30  # bytes that may come without asking for more


def _text(text):
    """A string literal of HPACK (RFC 7541, 5.2), not compressed."""
    data = text.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, length = len(data) - 127, b"\x7f"
    while rest >= 128:
        length += bytes([rest % 128 + 128])
        rest //= 128
    return length + bytes([rest]) + data


class Connection:
    """A connection to a webserver.Nginx."""

    def __init__(self, web):
        context = ssl.create_default_context(cafile=certificate()[0])
        context.set_alpn_protocols(["h2"])
        self._socket = context.wrap_socket(socket.create_connection((web.host, web.port), 30), server_hostname=web.host)
        self._file = self._socket.makefile("rb")
        self._stream = -1
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self._write(SETTINGS)
        self._write(WINDOW_UPDATE, payload=WIDE.to_bytes(4, "big"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()

    def _write(self, kind, flags=0, stream=0, payload=b""):
        self._socket.sendall(len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload)

    def _read(self):
        """The next frame: kind, flags, stream, payload."""
        head = self._file.read(9)
        assert len(head) == 9, "the connection was closed"
        return head[3], head[4], int.from_bytes(head[5:], "big"), self._file.read(int.from_bytes(head[:3], "big"))

    def ask(self, browser, method, path, body=None, cookies=None):
        """Send a request with a webserver.Browser's headers and cookies, or with these Cookie headers; the number of its
        stream."""
        self._stream += 2
        if cookies is None:
            cookies = ["; ".join(f"{name}={value}" for name, value in browser.cookies.items())]
        headers = [(":method", method), (":scheme", "https"), (":authority", "127.0.0.1"), (":path", path),
                   *(("cookie", value) for value in cookies),
                   *((name.lower(), value) for name, value in browser.headers.items())]
        if body is not None:
            headers.append(("content-type", "application/x-www-form-urlencoded"))
        fields = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers)
        self._write(HEADERS, END_HEADERS | (END_STREAM if body is None else 0), self._stream, fields)
        if body is not None:
            self._write(DATA, END_STREAM, self._stream, body.encode())
        return self._stream

    def give_up(self, stream):
        self._write(RST_STREAM, 0, stream, CANCEL.to_bytes(4, "big"))

    def body(self, stream):
        """What is answered on it."""
        text = b""
        while True:
            kind, flags, which, payload = self._read()
            if which == stream:
                assert kind != RST_STREAM, "the answer was given up"
                text += payload if kind == DATA else b""
                if flags & END_STREAM and kind in (DATA, HEADERS):
                    return text.decode()

    def get(self, browser, path):
        return self.body(self.ask(browser, "GET", path))
