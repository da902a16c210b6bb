"""What strangers invent, names and addresses, finds its room in the store and no more; people log in all the while."""

import os
import re
import subprocess

from people import HOME, Person
from product import BUILD, CONF, STATE

MILLION = 1_000_000


def room():
    """The store's files, and the bytes that each takes on disk; but for the one word in which it keeps, once in a while,
    how far it has swept."""
    directory = f"{STATE}/pam"
    return {name: os.stat(f"{directory}/{name}").st_blocks * 512 for name in os.listdir(directory) if name != "sweep"}


def come(count, first=0):
    """So many strangers log in to no end, two at a time; how many were asked something."""
    half = count // 2
    running = [subprocess.Popen([f"{BUILD}/tests/strangers", f"{CONF}/sms365.conf", str(start), str(number)],
                                stdout=subprocess.PIPE, text=True)
               for start, number in ((first, half), (first + half, count - half))]
    told = [re.fullmatch(r"denied (\d+), asked (\d+)\n", process.communicate()[0]) for process in running]
    assert sum(int(each[1]) for each in told) == count
    return sum(int(each[2]) for each in told)


def test_a_million_invented_names_and_addresses_take_no_more_room_than_the_first(product, sandbox, clock, quick):
    product.stack("code")
    owner = Person(sandbox, HOME, clock.environment)
    assert owner.enters() == "PAM_SUCCESS"
    come(2)
    before = room()
    assert sum(before.values()) < 8 << 20
    count = MILLION // 10 if quick else MILLION
    asked = come(count, first=2)
    assert 0 < asked < count  # addresses that share a bucket share its limit
    assert room() == before
    assert [owner.enters() for _ in range(2)] == ["PAM_SUCCESS"] * 2
    assert room() == before
    assert len(sandbox.messages()) == 3


def test_strangers_at_the_module_itself_leave_a_table_and_no_records(product, sandbox, clock, pamcall_program):
    product.stack("code")
    before = None
    for _ in range(3):
        told = subprocess.run([pamcall_program, "-n", "1000", "-r", "198.51.100.#", "code", "nobody-#", "1234"],
                              stdout=subprocess.PIPE, text=True, env=clock.environment)
        assert told.stdout.count("\ncode: ") == 1000 and "\ncode: 0\n" not in told.stdout
        assert before in (None, room())
        before = room()
    assert not any(name.startswith("user.") for name in before)
    owner = Person(sandbox, HOME, clock.environment)
    assert owner.enters() == "PAM_SUCCESS"
    assert sum(name.startswith("user.") for name in room()) == 1
    assert len(sandbox.messages()) == 1
