"""sms365 user import and export of twenty thousand users over TLS: whole, few requests too many after a kill, in memory
that stays as it is."""

import os
import random
import re
import statistics
import subprocess
import time

import pytest

import sandbox
from administrator import DONE, FAILED

CONNECTIONS = 16
BEGUN = 64  # rows that are begun at a time, and asked about again after a kill
KILLS = 3
NO_MOBILE = "2101234567"  # the provider says so: this one is asked about

# How lines are bad; the first user stands on a good line.
BAD = ["user{i}", ",{number}", "user{i},12x", f"user{{i}},{NO_MOBILE}", "=user{i},{number}", 'user{i},{number}"',
       '"user{i}" ,{number}', "user0,{number}", "u" * 5000 + ",{number}", "user{i};{number}", "us:er{i},{number}"]


def number(i):
    return f"3069{i:08d}"


class People:
    """A CSV file with bad lines strewn in: who is good, and which lines are bad."""

    def __init__(self, path, count):
        seed = random.randrange(2**32)
        print(f"seed {seed}")  # shown when a test fails
        self.random, self.path, self.count = random.Random(seed), path, count
        self.good, self.bad, self.asked = {}, [], 0
        with open(path, "w", encoding="ascii") as file:
            file.write("user,number\n")
            for i in range(count):
                how = self.random.choice(BAD) if i > 0 and self.random.random() < 0.02 else "user{i},{number}"
                file.write(how.format(i=i, number=number(i)) + "\n")
                if how in BAD:
                    self.bad.append(i + 2)
                else:
                    self.good[f"user{i}"] = number(i)
                self.asked += how not in BAD or NO_MOBILE in how


@pytest.fixture
def people(tmp_path, quick):
    return People(tmp_path / "people.csv", 2000 if quick else 20000)


@pytest.fixture
def here(place):
    place.write(provider__timeout=60)  # an answer is waited for, however busy the machine is
    return place.with_key()


def names_and_numbers(place):
    """Of each line of the users file, as they stand there."""
    return [tuple(re.match(r"(.+): (\d+);[^ ]*$", line).groups()) for line in place.users.read_text().splitlines()]


def checks(box):
    return box.stats()["requests"]["mobile/check"]


def answers(place):
    """How many are kept of an import that is not at its end."""
    path = place.path / "users.import"
    return path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def killed_after(place, people, count):
    """An import is killed when it has so many answers, wherever it is then."""
    with subprocess.Popen(place.argv("user", "import", people.path, "--force"), env={}, stdin=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        while answers(place) < count:
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
    assert not place.users.exists()


def test_import_that_is_killed_again_and_again_has_every_good_line_once(here, cli_box, people):
    # Answers stop before the end: however late the kill comes, it comes in the middle.
    cli_box.settings(fault=f"mobile/check:delay=60000:skip={people.asked * 9 // 10}")
    for kill in range(KILLS):
        killed_after(here, people, people.random.randrange(*(people.asked * (2 * kill + end) // 10 for end in (1, 3))))
    cli_box.settings(fault="")
    known = answers(here)
    before = cli_box.stats()["connections"]
    result = here.run("user", "import", people.path, "--force")
    assert result.status == FAILED and f"{known} lines were checked by an earlier run" in result.err
    assert f"{len(people.good)} users added, 0 changed, 0 as before." in result.out
    assert names_and_numbers(here) == list(people.good.items())
    assert sorted(int(line) for line in re.findall(r"people\.csv:(\d+): left out: ", result.err)) == people.bad
    assert f"{len(people.bad)} lines of {people.path} were left out" in result.err
    assert people.asked <= checks(cli_box) <= people.asked + KILLS * BEGUN
    assert cli_box.stats()["connections"] - before <= CONNECTIONS


def test_export_gives_back_whom_import_added(here, cli_box, people):
    assert here.run("user", "import", people.path, "--force").status == FAILED  # for the bad lines
    stats = cli_box.stats()
    assert stats["requests"]["mobile/check"] == people.asked and 1 < stats["connections"] <= CONNECTIONS
    exported = here.run("user", "export")
    assert exported.status == DONE and exported.err == ""
    assert exported.out.splitlines() == ["user,number1", *(f"{name},+{at}" for name, at in people.good.items())]
    before = here.users.read_bytes()
    here.users.unlink()
    people.path.write_text(exported.out)
    assert here.run("user", "import", people.path, "--force").status == DONE and here.users.read_bytes() == before


def most_memory(place, *words):
    """The most memory that a command had, in bytes, which must do what it is told."""
    told = place.path / "measured"
    argv = ["sh", "-c", 'exec 3>"$0"; exec "$@"', str(told), os.path.join(sandbox.BUILD, "tests/bench/bench_measure")]
    subprocess.run(argv + place.argv(*words), check=True, stdout=subprocess.DEVNULL, env={})
    _, _, most, status = map(int, told.read_text().split())
    assert status == 0
    return most * 1024


def imports(here, path, count):
    """An import of so many users into no file; the most memory it took, in bytes."""
    most = most_memory(here, "user", "import", path, "--force")
    assert here.users.read_bytes().count(b"\n") == count
    here.users.unlink()
    return most


def test_memory_is_the_same_with_ten_times_the_lines(here, tmp_path):
    """Eight bytes of each name and a mark a user are kept, in doubled steps: less than half a megabyte. 18000 more of even
    the shortest texts of a line, its numbers, would be 18000 blocks of 32 bytes or more each: more than one."""
    path, most = tmp_path / "people.csv", {}
    for count in (2000, 20000):
        with open(path, "w", encoding="ascii") as file:
            file.write("user,number1,number2,remark\n")
            file.writelines(f"{'u' * 100}{i},{number(i)},{number(count + i)},{'r' * 300}\n" for i in range(count))
        most[count] = statistics.median(imports(here, path, count) for _ in range(3))
    assert most[20000] - most[2000] < 2**20
