"""What must not be found anywhere: keys, codes, whole phone numbers."""

import os
import re

import pytest

import world
from product import CONF, NUMBER, PROMPT
from programs import Pamtester, free_port, wrong

KEY = "Kxq7-secret-API-key-2f81"


@pytest.fixture
def keyed(product, sandbox):
    """A key that is like no other text."""
    sandbox.settings(account=f"demo:demo:{KEY}")
    product.add_key("main", sandbox.base, key=KEY)
    return product


def whole_log(syslog):
    return b"\n".join(line.raw for line in syslog.all())


def test_no_key_code_or_whole_number_in_the_log(keyed, sandbox, syslog):
    codes = []
    keyed.stack("code")
    for right in (True, False):
        login = Pamtester("code", "alice")
        login.sees(PROMPT)
        message = sandbox.wait_message(NUMBER)
        code = message["code"]
        typed = code if right else wrong(message)
        codes += [code, typed]
        login.answers(typed)
        login.code()
    sandbox.settings(account="demo:demo:ANOTHER")
    refused = Pamtester("code", "alice")
    refused.sees("Press Enter")
    refused.answers("")
    refused.code()
    keyed.add_key("main", f"https://127.0.0.1:{free_port()}/api", key=KEY)
    down = Pamtester("code", "alice")
    down.sees("Press Enter")
    down.answers("")
    down.code()
    log = whole_log(syslog)
    assert b"verdict=allow" in log and b"reason=wrong_code" in log and b"reason=key_refused" in log
    assert KEY.encode() not in log
    assert NUMBER.encode() not in log and NUMBER[2:].encode() not in log
    assert b"+30 69****4567" in log
    text = re.sub(rb"\[\d+\]|challenge=\w+|unknown#\w+|127\.0\.0\.1:\d+", b"", log)
    for code in codes:
        assert not re.search(rb"(?<!\d)" + code.encode() + rb"(?!\d)", text), (code, text)


def test_no_key_in_urls_or_in_what_the_person_sees(keyed, sandbox):
    login = Pamtester(keyed.stack("code"), "alice")
    login.sees(PROMPT)
    login.answers("")
    login.code()
    assert KEY not in login.text and NUMBER not in login.text
    for request in sandbox.requests():
        assert request["method"] == "POST" and "?" not in request["path"] and KEY not in request["path"]


def test_no_process_is_started_that_could_show_secrets(keyed, sandbox):
    login = Pamtester(keyed.stack("code"), "alice")
    login.sees(PROMPT)
    assert world.children(login.pid) == []
    with open(f"/proc/{login.pid}/cmdline", "rb") as arguments, open(f"/proc/{login.pid}/environ", "rb") as environment:
        assert KEY.encode() not in arguments.read() + environment.read()


def dumped_memory(pid):
    """What a core dump of the process would hold: its mappings, but those marked not to be dumped."""
    mappings, current = [], None
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line)
            if match:
                current = [int(match[1], 16), int(match[2], 16), match[3], match[4]]
            elif line.startswith("VmFlags:") and "dd" not in line.split():
                mappings.append(current)
    pieces = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, rights, name in mappings:
            if "r" in rights and name not in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                memory.seek(start)
                pieces.append(memory.read(end - start))
    return b"".join(pieces)


def test_a_core_dump_at_the_prompt_holds_no_key(keyed, sandbox):
    login = Pamtester(keyed.stack("code"), "alice")
    login.sees(PROMPT)
    sandbox.wait_message(NUMBER)
    content = dumped_memory(login.pid)
    assert b"Enter it, or" in content  # the memory was read
    with open(f"{CONF}/master.key", "rb") as master:
        assert master.read() not in content
    assert KEY.encode() not in content


def test_a_core_dump_while_a_message_is_sent_holds_no_key(keyed, sandbox):
    sandbox.settings(fault="2fa/send:delay=600000")
    login = Pamtester(keyed.stack("code", "timeout=60"), "alice")
    sandbox.wait_request("2fa/send")
    content = dumped_memory(login.pid)
    login.kill()
    assert b"/2fa/send" in content  # it was read while the request was under way
    with open(f"{CONF}/master.key", "rb") as master:
        assert master.read() not in content
    assert KEY.encode() not in content


def test_a_core_dump_while_a_code_is_checked_holds_neither_the_key_nor_what_was_typed(keyed, sandbox):
    sandbox.settings(fault="2fa/check:delay=600000")
    login = Pamtester(keyed.stack("code"), "alice")
    login.sees(PROMPT)
    code = sandbox.wait_message(NUMBER)["code"].encode()
    alone = rb"(?<!\d)" + code + rb"(?!\d)"
    before = len(re.findall(alone, dumped_memory(login.pid)))
    login.answers(f"  {code.decode()} \t  ")
    sandbox.wait_request("2fa/check")
    content = dumped_memory(login.pid)
    login.kill()
    assert b"/2fa/check" in content  # it was read while the request was under way
    assert KEY.encode() not in content
    assert b"  " + code + b" \t" not in content
    assert len(re.findall(alone, content)) <= before


def test_files_of_the_store_are_for_root_alone_and_hold_no_code(keyed, sandbox):
    login = Pamtester(keyed.stack("code"), "alice")
    login.sees(PROMPT)
    code = sandbox.wait_message(NUMBER)["code"]
    found = []
    for directory, _, names in os.walk("/var/lib/sms365/pam"):
        assert os.stat(directory).st_mode & 0o077 == 0
        for name in names:
            path = f"{directory}/{name}"
            found.append(path)
            assert os.stat(path).st_mode & 0o077 == 0, path
            assert "alice" not in name
            with open(path, "rb") as file:
                assert KEY.encode() not in file.read()
    assert found and code


def test_a_name_with_control_characters_cannot_forge_a_log_line(keyed, sandbox, syslog):
    login = Pamtester(keyed.stack("code"), "eve\nsms365: event=login verdict=allow", proven=None, rhost="192.0.2.1\n<13>x")
    login.sees("Verification code: ")
    login.answers("1")
    login.code()
    syslog.wait("verdict=deny")
    for line in syslog.all():
        if b"sms365" in line.raw.split(b"]")[0] or b"event=login" in line.raw:
            assert b"\n" not in line.raw
    assert not syslog.matching("event=login.*verdict=allow")
