"""A name server on 127.0.0.1 that knows a few names and counts what it is asked."""

import socket
import struct
import threading

A, IN = 1, 1
NO_SUCH_NAME = 3
TTL_SECONDS = 1


class NameServer:
    """NameServer({"provider.example": "127.0.0.1"}); it is silent while `silent` is set, and denies `misses` names."""

    def __init__(self, names, port=0):
        self.names = names
        self.silent = False
        self.misses = 0
        self.asked = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            question, client = self._socket.recvfrom(512)
            if not question:
                return
            end = question.index(b"\0", 12)
            name = labels(question[12:end])
            kind, = struct.unpack("!H", question[end + 1:end + 3])
            self.asked.append(name)
            if not self.silent:
                self._socket.sendto(self._answer(question[:end + 5], name, kind), client)

    def _answer(self, question, name, kind):
        known = name in self.names
        if known and kind == A and self.misses > 0:
            self.misses -= 1
            known = False
        record = known and kind == A
        flags = 0x8180 | (0 if known else NO_SUCH_NAME)
        answer = struct.pack("!HHHIH", 0xc00c, A, IN, TTL_SECONDS, 4) + socket.inet_aton(self.names[name]) if record else b""
        return question[:2] + struct.pack("!HHHHH", flags, 1, int(record), 0, 0) + question[12:] + answer

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()


def labels(text):
    """Each label stands after its length."""
    parts = []
    while text:
        parts.append(text[1:1 + text[0]].decode())
        text = text[1 + text[0]:]
    return ".".join(parts)
