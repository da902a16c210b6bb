"""What the threat model claims: tests that exist, figures that the product itself tells, reasons that the log has."""

import json
import os
import pathlib
import re
import subprocess

import pytest

import sandbox

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/threat-model.md").read_text()
ATTACKERS = TEXT.split("\n## Who can do what\n")[1].split("\n## ")[0]
NIST = TEXT.split("\n## NIST SP 800-63B\n")[1].split("\n## ")[0]
MISTAKES = TEXT.split("\n## Classic mistakes of PAM modules\n")[1].split("\n## ")[0]
REFERENCE = re.compile(r"`(rule|[\w/]+\.(?:py|c))::(\w+)`")
ANSWERS = ["gains", "stopped or limited by", "logged", "remains open", "shown by"]
VERDICTS = {"met", "partly", "not met", "the operator's"}


def rows(text):
    """The cells of every row of tables, without the heads."""
    lines = text.splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line, following in zip(lines, [*lines[1:], ""])
            if line.startswith("|") and not line.startswith("|---") and not following.startswith("|---")]


def is_there(place, name):
    if place == "rule":
        return f"RULE({name})" in (ROOT / "tests/unit/explore_rules.h").read_text()
    path = ROOT / ("tests/integration" if place.endswith(".py") else "tests/unit") / place
    if not path.is_file():
        return False
    source = path.read_text()
    if place.endswith(".py"):
        return re.search(rf"^def {name}\(", source, re.M) is not None
    # Written, and handed to cmocka somewhere; in a program that `make check` runs.
    return (re.search(rf"^static void {name}\(void \*\*", source, re.M) is not None and
            len(re.findall(rf"\b{name}\b", source)) > 1 and
            f"tests/unit/{place}" in (ROOT / "tests/Makemodule.am").read_text())


def test_every_test_that_it_names_exists():
    references = REFERENCE.findall(TEXT)
    assert len(references) > 100
    assert TEXT.count("::") == len(references), "a reference that is not written as one"
    assert [f"{place}::{name}" for place, name in references if not is_there(place, name)] == []


@pytest.mark.parametrize("attacker", re.findall(r"^### (.*)$", ATTACKERS, re.M))
def test_each_attacker_has_all_the_answers(attacker):
    table = dict(cells for cells in rows(ATTACKERS.split(f"\n### {attacker}\n")[1].split("\n### ")[0]) if len(cells) == 2)
    assert list(table) == ANSWERS
    for answer in ANSWERS:
        assert len(table[answer]) > 3, answer
    assert REFERENCE.search(table["shown by"]) or table["shown by"].startswith("nothing here:")


def test_each_requirement_has_a_verdict_and_what_is_met_or_partly_met_has_a_test():
    requirements = [cells for cells in rows(NIST) if len(cells) == 4]
    assert len(requirements) > 20
    for section, requirement, verdict, how in requirements:
        assert verdict in VERDICTS, section
        assert verdict not in ("met", "partly") or REFERENCE.search(how), f"{section} {requirement}"


def test_each_mistake_has_a_test():
    mistakes = [cells for cells in rows(MISTAKES) if len(cells) == 3]
    assert len(mistakes) > 20
    for mistake, _, shown in mistakes:
        assert REFERENCE.search(shown) or shown.startswith("by reading:"), mistake


def test_reasons_that_it_names_are_those_of_the_log():
    reasons = set(re.findall(r'SMS365_REASON\(\w+, "(\w+)"', (ROOT / "libsms365/sms365.h").read_text()))
    for cells in rows(ATTACKERS):
        if cells[0] == "logged":
            assert set(re.findall(r"`([a-z_]+)`", cells[1])) <= reasons


def test_its_figures_are_those_of_the_program(tmp_path):
    conf = tmp_path / "sms365.conf"
    conf.write_text("")

    def told(command):
        argv = [os.path.join(sandbox.BUILD, "sms365"), "-c", conf, "--json", command]
        return json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE, env={}).stdout)

    options = {option["name"]: option["value"] for option in told("config")["options"]}
    policy = told("policy")
    figures = re.findall(r"^\| .* \| `(policy|config) ([\w.]+)` \| (\S+)(?: \S+)? \|$", TEXT, re.M)
    assert len(figures) > 15
    for command, name, value in figures:
        found = options.get(name) if command == "config" else policy
        for part in name.split(".") if command == "policy" else ():
            found = found[int(part)] if part.isdigit() else found[part]
        if command == "policy":
            assert float(value) == pytest.approx(found, rel=0.005), name
        else:
            assert value == str(found), name


def test_figures_in_its_sentences_are_those_of_its_table():
    table = re.findall(r"^\| .* \| `(?:policy|config) [\w.]+` \| (\S+)(?: \S+)? \|$", TEXT, re.M)
    for odds in re.findall(r"\b1 in\s+(\d+)", TEXT):
        assert odds in table, f"1 in {odds}"
    for percent in re.findall(r"([\d.]+) %", TEXT):
        assert percent in table, f"{percent} %"


def test_its_table_of_contents_has_every_part():
    for heading in re.findall(r"^## (.*)$", TEXT, re.M):
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        assert f"](#{anchor})" in TEXT, heading
