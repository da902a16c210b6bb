"""A relay between the product and the provider which loses the connection where a test wants it lost."""

import concurrent.futures
import contextlib
import select
import socket
import struct

UP, DOWN = "up", "down"  # to the provider, from the provider
BLOCK = 65536


class Relay:
    """Carries connections to `port` of 127.0.0.1 (the kernel's choice) on to another port, one after the other; while it
    is not open they are refused."""

    def __init__(self, port):
        self._to = ("127.0.0.1", port)
        self._place = self._bound(0)  # keeps the port, never listens
        self.port = self._place.getsockname()[1]
        self._thread = concurrent.futures.ThreadPoolExecutor(1)

    @staticmethod
    def _bound(port):
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        return bound

    def close(self):
        self._thread.shutdown()
        self._place.close()

    @contextlib.contextmanager
    def open(self, way=None, after=0, reset=False, for_good=False):
        """Listen. As soon as `after` bytes went that way, over all connections, the one of that moment is `lost`: to the
        product by FIN, or RST if `reset`; the provider hears nothing of it. `for_good`: later ones are refused.

        `carried` counts the bytes each way, `heard` is all that the product said, whether it was carried or not."""
        self.carried, self.heard, self.lost = {UP: 0, DOWN: 0}, bytearray(), False
        self._way, self._after, self._reset, self._for_good = way, after, reset, for_good
        with self._bound(self.port) as listener, contextlib.ExitStack() as left:
            listener.listen()
            served = self._thread.submit(self._serve, listener, left)
            try:
                yield self
            finally:
                with contextlib.suppress(OSError):  # lost for good, it is closed
                    listener.shutdown(socket.SHUT_RDWR)
                served.result()

    def _serve(self, listener, left):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # no longer open
                return
            with contextlib.suppress(OSError), client, contextlib.ExitStack() as here:  # one of the two is gone
                provider = here.enter_context(socket.create_connection(self._to))
                for side in client, provider:  # Nagle's algorithm would wait 40 ms for an answer to half a message
                    side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._carry(client, provider):
                    left.push(here.pop_all())
                    self._lose(client, listener)

    def _is_due(self):
        return self._way is not None and not self.lost and self.carried[self._way] >= self._after

    def _carry(self, client, provider):
        """Until one of the two ends the connection, or it is to be lost: then True."""
        ways = {client: (UP, provider), provider: (DOWN, client)}
        while not self._is_due():
            for side in select.select(list(ways), [], [])[0]:
                way, other = ways[side]
                block = side.recv(BLOCK)
                if not block:
                    return False
                if way == UP:
                    self.heard += block
                if way == self._way and not self.lost:
                    block = block[:self._after - self.carried[way]]
                other.sendall(block)
                self.carried[way] += len(block)
        return True

    def _lose(self, client, listener):
        self.lost = True
        if self._for_good:
            listener.close()
        if self._reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        client.shutdown(socket.SHUT_WR)
        while block := client.recv(BLOCK):  # what is left unread when it is closed would make it RST
            self.heard += block
