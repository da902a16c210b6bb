"""Tickets (see session.h) made and read without the library, as somebody would who has the master key, or has not."""

import base64
import hmac
import os
import struct
import time

from product import CONF

SESSION, LOGIN, FORM, REMEMBER, TRUSTED = 1, 2, 3, 4, 5
TITLE = b"sms365 ticket 1\0"


def derived(purpose, master=None):
    """HKDF-SHA256 (RFC 5869) of the master key: no salt, purpose as info."""
    if master is None:
        with open(f"{CONF}/master.key", "rb") as file:
            master = file.read()
    pseudorandom = hmac.digest(b"\0" * 32, master, "sha256")
    return hmac.digest(pseudorandom, purpose.encode() + b"\x01", "sha256")


def enrolment(key, numbers):
    return hmac.digest(key, b"sms365 enrolment\0" + b"".join(n.encode() + b" " for n in numbers), "sha256")[:16]


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make(user="alice", numbers=("306971234567",), service="web", host="127.0.0.1", network=b"", purpose=SESSION,
         issued=0, seen=0, expires=3600, master=None, ident=None):
    """A ticket's text. Times are seconds from now."""
    key = derived("session", master)
    now = int(time.time())
    head = hmac.digest(key, b"sms365 ticket key\0", "sha256")[:4] + (ident or os.urandom(16))
    head += struct.pack("<qqq", now + issued, now + seen, now + expires)
    signed = TITLE + bytes([purpose]) + head + enrolment(key, numbers)
    for part in (service.encode(), host.encode(), user.encode(), network):
        signed += struct.pack(">H", len(part)) + part
    return base64url(head + hmac.digest(key, signed, "sha256"))


def read(text):
    """The id and the times of a ticket."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    issued, seen, expires = struct.unpack("<qqq", data[20:44])
    return {"id": data[4:20], "issued": issued, "seen": seen, "expires": expires}
