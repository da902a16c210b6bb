"""What bash and zsh complete, really running them on what the command prints."""

import itertools
import os
import re
import subprocess

import pytest

import programs
import sandbox
from api_world import PATHS, TABLE

SMS365 = os.path.join(sandbox.BUILD, "sms365")
CALL = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sms365; printf "%s\\n" "${COMPREPLY[@]}"'


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completion")
    for shell, name in (("bash", "sms365"), ("zsh", "_sms365")):
        text = subprocess.run([SMS365, "completion", shell], check=True, stdout=subprocess.PIPE, env={}).stdout
        (folder / name).write_bytes(text)
    return folder


def bash(scripts, *words, cwd="/"):
    """What bash offers for the last of the words."""
    done = subprocess.run(["bash", "--norc", "-c", CALL, "bash", scripts / "sms365", "sms365", *words], check=True,
                          capture_output=True, text=True, cwd=cwd, env={"PATH": os.environ["PATH"]})
    assert done.stderr == ""
    return done.stdout.split()


def typed(argv, lines, text, shown):
    """The command line at a shell's prompt after keys were pressed."""
    terminal = programs.Terminal(argv, env={"PS1": "ready> ", "PATH": os.environ["PATH"]})
    terminal.sees("ready> ")
    for line in lines:
        terminal.answers(line)
        terminal.sees("ready> ")
    terminal.types(text)
    terminal.sees(shown)
    terminal.kill()


def test_every_command_is_offered_word_by_word(scripts):
    done = subprocess.run([SMS365, "--help"], check=True, stdout=subprocess.PIPE, text=True, env={})
    usages = [line.split() for line in done.stdout.splitlines() if line.startswith("  ") and line[2] != " "]
    assert len(usages) > 45
    for usage in usages:
        words = list(itertools.takewhile(re.compile(r"[a-z0-9][a-z0-9-]*$").match, usage))
        for i, word in enumerate(words):
            assert word in bash(scripts, *words[:i], "")
            assert word in bash(scripts, *words[:i], word[:1])
        offered = bash(scripts, *words, "")
        for option in usage[len(words):]:
            if option.lstrip("[").startswith("--"):
                assert option.strip("[].") in offered, usage


@pytest.mark.parametrize("words, offered", [
    (("--json", "-c", "/etc/x", "contact", "ad"), ["add"]), (("help", "contact", "u"), ["update"]),
    (("contact", "add", "306971234567", "--custom"), [f"--custom{i}" for i in range(1, 6)]),
    (("contact", "add", "306971234567", "--name", ""), []), (("contact", "list", "--format", ""), ["table", "csv"]),
    (("sms", "send", "1", "x", "--flash", "t"), ["true"]), (("sms", "send", "1", "x", "--flash", "=", "f"), ["false"]),
    (("history", "group", ""), ["list", "--help"]), (("account", "comment", "d"), ["delete"]),
    (("completion", ""), ["bash", "zsh", "--help"]), (("api", "viber/b"), ["viber/bulk", "viber/balance"]),
    (("api", "2fa/check", "c"), ["code=-"]), (("api", "sms/send", "to", "=", ""), []),
    (("api", "sms/send", "to", "=", "1", "te"), ["text="]), (("send", "1", "text", "--f"), ["--from"]),
])
def test_bash_offers_what_can_stand_there(scripts, words, offered):
    assert sorted(bash(scripts, *words)) == sorted(offered)


def test_bash_offers_files_where_a_file_is_to_stand(scripts, tmp_path):
    (tmp_path / "draft.conf").write_text("")
    for words in (("-c",), ("config", "--check")):
        assert bash(scripts, *words, "dr", cwd=tmp_path) == ["draft.conf"]


def test_every_endpoint_and_parameter_is_offered_to_api(scripts):
    assert set(bash(scripts, "api", "")) >= set(PATHS) - {"balance/get"}
    for path, endpoint in TABLE.items():
        names = {param["name"] for param in endpoint["params"]} - {"key"}
        assert {word.split("=")[0] for word in bash(scripts, "api", path, "")} == names | {"type"}


def test_the_shells_take_it(scripts):
    typed(["bash", "--norc", "-i"], [f"source {scripts}/sms365"], "sms365 group delete-a\t", "delete-all-contacts")
    load = [f"fpath=({scripts} $fpath); autoload -Uz compinit; compinit -u -d {scripts}/dump"]
    typed(["zsh", "-f", "-i"], load, "sms365 group delete-a\t", "delete-all-contacts")
    typed(["zsh", "-f", "-i"], load, "sms365 contact up\t4711 --birth\t", "4711 --birthday")
    typed(["zsh", "-f", "-i"], load, "sms365 hlr \t\t", "Look up the present network")
    typed(["zsh", "-f", "-i"], load, "sms365 api sms/send fr\t", "from=")
