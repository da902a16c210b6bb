"""sms365 key rotate while the connection to the provider is lost after any number of bytes, to it or from it, of the
connection's beginning, a request or a reply: the key store holds a key that is accepted, or the next run gets one."""

import contextlib
import itertools
import os

import pytest

from administrator import DONE, Place
from relay import DOWN, UP, Relay
from sandbox import Sandbox

NAMES = [f"key{i:02}" for i in range(16)]  # as many as a key store takes
AT_REST = sorted(["keys.lock", *(f"{name}.key" for name in NAMES)])
CREDENTIALS = "demo\ndemo\n" * len(NAMES)
WHOLE = [{}] * len(NAMES)
LOSSES = {}, {"reset": True, "for_good": True}
TLS_DIFFERS = 32  # bytes: signatures, and whether the end of a connection is answered


class Network:
    """A full key store, each key for a provider of its own behind a relay of its own: one run makes as many rotations, and
    each can lose its connection elsewhere."""

    def __init__(self, path, boxes, relays):
        self.boxes, self.relays = boxes, relays
        self.place = Place(path, boxes[0])
        if boxes[0].ca is None:
            del self.place.options["provider", "ca"]
        self.place.write(provider__timeout=30, provider__connect_timeout=30)  # a loss is noticed, not waited for
        self.keys = self.place.keys
        assert self.place.run("key", "init").status == DONE
        for name, box, relay in zip(NAMES, boxes, relays):
            box.settings(account=f"demo:demo:{name}")
            done = self.place.run("key", "add", name, "--whitelist", "127.0.0.1", "--no-check", "--url",
                                  f"{box.scheme}://127.0.0.1:{relay.port}/api", stdin=f"{name}\n")
            assert done.status == DONE, done.text
        self.survives(WHOLE)  # from here on they are keys of the provider's own making, and length

    def run(self, command, losses=WHOLE, stdin=""):
        """One run, with what Relay.open() takes for each key; its exit status, and what it says of each key by name."""
        with contextlib.ExitStack() as stack:
            for relay, loss in zip(self.relays, losses):
                stack.enter_context(relay.open(**loss))
            result = self.place.json("key", command, stdin=stdin)
        return result.status, {key["name"]: key for key in result.object["keys"]}

    def accepted(self):
        """Names of the keys that their providers accept."""
        _, checked = self.run("check")
        return {name for name in NAMES if all(trial["accepted"] for trial in checked[name]["trials"])}

    def survives(self, losses, stdin=""):
        """One run with these losses, and the next one. For each key: how many resets the first asked for, whether it lost
        its connection, and how many bytes were carried each way."""
        for box in self.boxes:
            box.reset()
        status, told = self.run("rotate", losses, stdin)
        resets = [max(relay.heard.count(b"POST /api/key/reset "), len(box.requests("key/reset")))
                  for relay, box in zip(self.relays, self.boxes)]
        seen = [(count, relay.lost, relay.carried) for count, relay in zip(resets, self.relays)]
        noted = {name for name in NAMES if (self.keys / f"{name}.next").exists()}
        _, healed = self.run("rotate", stdin=CREDENTIALS)
        assert sorted(os.listdir(self.keys)) == AT_REST
        assert (status == DONE) == all("result" in key for key in told.values()), (status, told)
        for name, loss in zip(NAMES, losses):
            text = told[name].get("text", "")
            assert ("result" in told[name]) == (not text) and "in time" not in text, (loss, text)
            if name in noted:  # the new key may be known to the provider alone
                assert f"(to bring it to its end, run: sms365 key rotate {name})" in text, (loss, text)
                assert "result" in healed[name], (loss, text, healed[name])
            else:  # what is there is rotated only if it is accepted
                assert healed[name].get("result") == "rotated", (loss, text, healed[name])
        return seen


@pytest.fixture(scope="module", params=["http", "https"])
def network(request, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        boxes = [stack.enter_context(Sandbox.start(tls=request.param == "https")) for _ in NAMES]
        relays = [stack.enter_context(contextlib.closing(Relay(box.port))) for box in boxes]
        yield Network(tmp_path_factory.mktemp("network"), boxes, relays)


def survives_everywhere(network, quick, resets, stdin="", before=lambda: None):
    """At every number of bytes of a run, each way; with TLS at every 32nd; with --quick at as many as there are keys."""
    tls = network.boxes[0].ca is not None
    before()
    whole = network.survives(WHOLE, stdin)
    assert {(count, lost) for count, lost, _ in whole} == {(resets, False)}
    for way in UP, DOWN:
        length = max(carried[way] for _, _, carried in whole)
        step = length // (len(NAMES) - 1) if quick else 32 if tls else 1
        for begin, loss in itertools.product(range(0, length + 1, step * len(NAMES)), LOSSES):
            before()
            places = [min(begin + step * i, length) for i in range(len(NAMES))]
            seen = network.survives([{"way": way, "after": place, **loss} for place in places], stdin)
            for place, (count, lost, _) in zip(places, seen):
                assert count <= resets, (way, place, loss)
                assert lost or tls and place > length - TLS_DIFFERS, (way, place, loss)
    assert network.accepted() == set(NAMES)


def test_a_rotation_that_loses_the_provider_at_any_byte(network, quick):
    survives_everywhere(network, quick, resets=1)


def test_a_recovery_that_loses_the_provider_at_any_byte(network, quick):
    """The new key was lost on the way, and is asked for by username and password: no other reset is."""
    for box in network.boxes:
        box.settings(fault="key/reset:drop-after:1")
    network.run("rotate")
    assert network.accepted() == set()
    lost = {path: path.read_bytes() for path in network.keys.iterdir()}

    def as_lost():
        for path, content in lost.items():
            path.write_bytes(content)
            path.chmod(0o600)

    survives_everywhere(network, quick, resets=0, stdin=CREDENTIALS, before=as_lost)
