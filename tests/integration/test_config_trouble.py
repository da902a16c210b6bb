"""Configuration, keys, users or store that cannot be trusted or used: denied, with every reason in the log."""

import glob
import json
import os
import re
import shutil

import pytest

import world
from product import CONF, NUMBER, PROMPT, STATE
from programs import Pamtester, code_in


def denied(service, syslog, *patterns, **options):
    """A login that ends without a prompt and without success, for reasons that the log has."""
    login = Pamtester(service, "alice", **options)
    code = login.code()
    assert code == "PAM_SERVICE_ERR", login.text
    assert PROMPT not in login.text
    for pattern in patterns:
        line = syslog.wait(pattern)
        assert line.facility == line.AUTHPRIV and line.priority <= 4, line
    line = syslog.wait(f'event=login user="alice" service="{service}" rhost="" channel=none verdict=deny '
                       "reason=config_unusable")
    assert line.facility == line.AUTHPRIV and line.priority == 4, line
    return login


def test_a_denial_without_keys_is_audited_as_the_configuration_says(product, syslog):
    product.configure(format="json")
    os.unlink(f"{CONF}/master.key")
    for name, told in (("alice", "alice"), ("Hunter2", "unknown")):
        assert Pamtester(product.stack("code"), name, rhost="192.0.2.7").code() == "PAM_SERVICE_ERR"
        line = syslog.wait(f'"user":"{told}"').text
        assert json.loads(line[line.index("{"):]) == {
            "event": "login", "user": told, "service": "code", "rhost": "192.0.2.7", "channel": "none",
            "verdict": "deny", "reason": "config_unusable"}
    assert "Hunter2" not in syslog.text()


@pytest.mark.parametrize("path", ["sms365.conf", "users", "master.key", "keys.d/main.key"])
@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_not_trusted(product, sandbox, syslog, path, mode):
    os.chmod(f"{CONF}/{path}", mode)
    denied(product.stack("code"), syslog, rf"{CONF}/{path}.*chmod")
    assert sandbox.requests() == []


@pytest.mark.parametrize("path", ["master.key", "keys.d/main.key"])
def test_a_key_that_others_may_read_is_not_used(product, sandbox, syslog, path):
    os.chmod(f"{CONF}/{path}", 0o644)
    denied(product.stack("code"), syslog, rf"{CONF}/{path}.*chmod")


@pytest.mark.parametrize("path", ["sms365.conf", "users", "master.key", "keys.d/main.key"])
def test_a_file_of_another_owner_is_not_trusted(product, sandbox, syslog, alice, path):
    os.chown(f"{CONF}/{path}", alice.uid, alice.gid)
    denied(product.stack("code"), syslog, rf"{CONF}/{path}.*chown")


@pytest.mark.parametrize("path", ["sms365.conf", "users", "master.key", "keys.d/main.key"])
def test_a_symbolic_link_is_not_followed(product, sandbox, syslog, path):
    os.rename(f"{CONF}/{path}", f"{CONF}/elsewhere")
    os.symlink(f"{CONF}/elsewhere", f"{CONF}/{path}")
    denied(product.stack("code"), syslog, rf"{CONF}/{path}")


def test_a_directory_that_others_may_write_is_not_trusted(product, sandbox, syslog):
    os.chmod(CONF, 0o777)
    denied(product.stack("code"), syslog, CONF)


def test_every_mistake_is_told_in_one_go_with_file_and_line(product, sandbox, syslog):
    path = product.write("sms365.conf", "[provider]\nsandbox = yes\nsandbax = yes\ntimeout = 0\n[nonsense]\nx = y\n"
                                        "[challenge]\nwait = soon\ntries = 4\nno equals sign\n")
    denied(product.stack("code"), syslog, rf"{path}:3: .*sandbax", rf"{path}:4: .*timeout", rf"{path}:5: .*nonsense",
           rf"{path}:8: .*wait", rf"{path}:9: .*tries", rf"{path}:10: ")


@pytest.mark.parametrize("content", [b"[provider]\nsandbox = yes\0\n", b"\xff\xfe[provider]\n", b"x" * 70000,
                                     b"sandbox = yes\n", b"[provider\nsandbox = yes\n"])
def test_what_is_no_configuration_is_refused(product, sandbox, syslog, content):
    product.write("sms365.conf", content)
    denied(product.stack("code"), syslog, f"{CONF}/sms365.conf")


def test_a_mistake_in_a_section_that_pam_does_not_read_is_logged_and_shuts_nobody_out(product, sandbox, syslog):
    product.configure()
    with open(f"{CONF}/sms365.conf", "a") as conf:
        conf.write("[web]\nsuch_nonsense = yes\n")
    login = Pamtester(product.stack("code"), "alice")
    login.sees(PROMPT)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    syslog.wait(r"sms365\.conf:\d+: .*such_nonsense")


@pytest.mark.parametrize("argument, pattern", [
    ("wiat=5", "wiat"), ("wait=999", "wait"), ("nullok", "nullok"), ("wait", "wait"), ("=5", "="),
    ("conf=relative.conf", "relative.conf"), ("first_factor=nothing", "first_factor")])
def test_an_unknown_or_bad_argument_denies(product, sandbox, syslog, argument, pattern):
    denied(product.stack("code", argument), syslog, re.escape(pattern))


@pytest.mark.parametrize("path", ["sms365.conf", "./sms365.conf", ""])
def test_a_configuration_of_the_working_directory_is_not_read(product, sandbox, syslog, path):
    """A good one is there, and the caller stands where it is."""
    denied(product.stack("code", f"conf={path}"), syslog, re.escape(f"conf={path}: the path has to begin with /"),
           cwd=CONF)
    assert sandbox.requests() == []


def test_the_configuration_can_stand_elsewhere(product, sandbox):
    shutil.copy(f"{CONF}/sms365.conf", f"{CONF}/other.conf")
    os.unlink(f"{CONF}/sms365.conf")
    login = Pamtester(product.stack("code", f"conf={CONF}/other.conf"), "alice")
    login.sees(PROMPT)


@pytest.mark.parametrize("path, pattern", [
    ("sms365.conf", "sms365.conf"), ("master.key", "sms365 key init"), ("users", f"{CONF}/users")])
def test_a_missing_file_denies(product, sandbox, syslog, path, pattern):
    os.unlink(f"{CONF}/{path}")
    denied(product.stack("code"), syslog, pattern)
    assert not os.path.exists(f"{CONF}/{path}")  # never made anew in passing


def test_without_any_key_everybody_is_denied(product, sandbox, syslog):
    os.unlink(f"{CONF}/keys.d/main.key")
    denied(product.stack("code"), syslog, "no.* key")


@pytest.mark.parametrize("content", [
    b"", b"# nobody yet\n", b"alice\n", b"alice: 12\n", b"alice: 306971234567\nalice: 306971234567\n",
    b"alice: 306971234567\nbo\0b: 306971234567\n", b"alice: 306971234567\nbroken line\n"])
def test_a_users_file_that_is_empty_or_has_a_bad_line_denies_all(product, sandbox, syslog, content):
    product.write("users", content)
    denied(product.stack("code"), syslog, f"{CONF}/users")
    assert sandbox.requests() == []


@pytest.mark.parametrize("change", [
    lambda text: text.replace("whitelist 127.0.0.0/8", "whitelist 0.0.0.0/0"),
    lambda text: re.sub(r"url \S+", "url https://127.0.0.1:1/api", text),
    lambda text: text.replace("name main", "name mine"),
    lambda text: re.sub(r"sealed (.)", lambda m: "sealed " + ("A" if m[1] != "A" else "B"), text),
    lambda text: text[:-20], lambda text: "", lambda text: text + "more\n"])
def test_an_altered_key_file_denies(product, sandbox, syslog, change):
    with open(f"{CONF}/keys.d/main.key") as file:
        text = file.read()
    altered = change(text)
    assert altered != text
    product.write("keys.d/main.key", altered, 0o600)
    denied(product.stack("code"), syslog, f"{CONF}/keys.d/main.key")
    assert sandbox.requests() == []


def test_a_key_under_another_master_key_denies(product, sandbox, syslog):
    product.write("master.key", b"\x5a" * 32, 0o600)
    denied(product.stack("code"), syslog, f"{CONF}/keys.d/main.key")


@pytest.mark.parametrize("content", [b"", b"\0" * 32, b"short", b"x" * 33])
def test_what_is_no_master_key_denies(product, sandbox, syslog, content):
    product.write("master.key", content, 0o600)
    denied(product.stack("code"), syslog, f"{CONF}/master.key")


# --- The store ---

def records():
    """The files of the store that hold a user's record."""
    return sorted(glob.glob(f"{STATE}/pam/user.*"))


@pytest.fixture
def used_store(product, sandbox):
    """A store with a record of alice's, of one login that was given up."""
    login = Pamtester(product.stack("code"), "alice")
    login.sees(PROMPT)
    login.answers("")
    login.code()
    assert records()
    return records()


def test_a_store_of_another_owner_is_not_used(product, sandbox, syslog, used_store, alice):
    os.chown(f"{STATE}/pam", alice.uid, alice.gid)
    denied("code", syslog, f"{STATE}/pam")


def test_a_store_that_others_may_write_is_not_used(product, sandbox, syslog, used_store):
    os.chmod(f"{STATE}/pam", 0o777)
    denied("code", syslog, f"{STATE}/pam")


def store_denies(syslog):
    """A login that meets trouble with the store: no message, denied with the reason in the log."""
    login = Pamtester("code", "alice")
    shown = login.sees_match("Press Enter: |pamtester: ")[0]
    if shown.startswith("Press"):
        login.answers("")
    assert login.code() == "PAM_SERVICE_ERR"
    syslog.wait("state store: |denied: ")


@pytest.mark.parametrize("content", ["torn", "zeros", "empty", "noise"])
def test_a_damaged_record_denies(product, sandbox, syslog, used_store, content):
    """A single damaged slot may be survived by the other; with both gone nothing may be given away."""
    sandbox.reset()
    for path in used_store:
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            if content == "torn":
                file.truncate(size // 2 - 7)
            elif content == "empty":
                file.truncate(0)
            else:
                file.write((b"\0" if content == "zeros" else b"\xa5") * size)
    store_denies(syslog)
    assert sandbox.requests() == []


def test_swapped_records_deny(product, sandbox, syslog, used_store):
    product.users(alice=[NUMBER], bob=[NUMBER])
    before = set(records())
    login = Pamtester("code", "bob")
    login.sees(PROMPT)
    login.answers("")
    login.code()
    new = sorted(set(records()) - before)
    assert len(new) == 1
    mine = next(path for path in used_store if os.path.basename(path).split(".")[0] == os.path.basename(new[0]).split(".")[0])
    os.rename(new[0], mine)
    sandbox.reset()
    store_denies(syslog)
    assert sandbox.requests() == []


def test_a_record_of_another_owner_denies(product, sandbox, syslog, used_store, alice):
    for path in used_store:
        os.chown(path, alice.uid, alice.gid)
    store_denies(syslog)


def test_a_full_disk_denies(product, sandbox, syslog):
    product.stack("code")
    with world.disk(STATE):
        world.disk_fill(STATE)
        store_denies(syslog)
    assert sandbox.requests() == []


# --- Errors of the system, made by strace ---

def strace(*options):
    return ["strace", "-f", "-qq", "-o", "/run/strace.log", *options]


def failing(call, error, when):
    """What makes a call fail as the kernel would: brk(2) has no error, but answers a break below the one asked for."""
    answer = "retval=0" if call == "brk" else f"error={error}"
    return strace("-e", f"trace={call}", "-e", f"inject={call}:{answer}:when={when}")


def calls_of_a_login(call, sandbox):
    """Which of these calls of a login is the first after the configuration was opened, and how many there are."""
    login = Pamtester("code", "alice", before=strace("-e", f"trace={call},openat"))
    login.sees(PROMPT)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"
    with open("/run/strace.log") as file:
        lines = [line.split(maxsplit=1)[1] for line in file]
    begin = next(index for index, line in enumerate(lines) if "sms365.conf" in line)
    counted = [line.startswith(f"{call}(") for line in lines]
    return sum(counted[:begin]) + 1, sum(counted)


def wrongly_answered(login, sandbox):
    """Answer whatever is asked, never with the right code, up to an end that no signal makes; returns all that was seen."""
    while prompt := login.prompted():
        codes = [message["code"] for message in sandbox.messages()]
        login.answers("" if "Press" in prompt else next(code for code in ("0000", "1111", "2222") if code not in codes))
    status = login.ends()
    assert status < 128, f"ended by signal {status - 128}:\n{login.text}"
    return login.text


@pytest.mark.parametrize("call, error", [
    ("openat", "EMFILE"), ("openat", "EACCES"), ("mmap", "ENOMEM"), ("brk", "ENOMEM"), ("pwrite64", "ENOSPC"),
    ("fdatasync", "ENOSPC"), ("fdatasync", "EIO"), ("flock", "EINTR"), ("newfstatat", "EIO"), ("pread64", "EIO"),
    ("read", "EIO"), ("getrandom", "ENOSYS"), ("socket", "EMFILE"), ("connect", "ECONNREFUSED"), ("close", "EIO"),
    ("lseek", "EINVAL"), ("setresuid", "EAGAIN")])
def test_an_error_of_the_system_never_lets_in(product, sandbox, syslog, quick, call, error):
    """Every call of the module's in turn fails once (a sample of them): with a wrong code nobody gets in by it."""
    product.stack("code")
    begin, total = calls_of_a_login(call, sandbox)
    rounds = min(5 if quick else 30, total - begin + 1)
    for when in (begin + number * (total - begin + 1) // rounds for number in range(rounds)):
        product.clear_state()
        sandbox.reset()
        syslog.clear()
        login = Pamtester("code", "alice", before=failing(call, error, when))
        assert "successfully authenticated" not in wrongly_answered(login, sandbox), f"{call} {error} at {when}"
        if call not in ("socket", "connect"):  # the one that fails may be the log's own
            syslog.wait("event=login .*verdict=deny")


@pytest.mark.parametrize("call, error", [
    ("openat", "EMFILE"), ("pwrite64", "ENOSPC"), ("fdatasync", "ENOSPC"), ("mmap", "ENOMEM"), ("flock", "EIO"),
    ("getrandom", "ENOSYS")])
def test_a_system_without_room_denies_with_a_reason(product, sandbox, syslog, call, error):
    """From the module's first call on, all of these fail."""
    product.stack("code")
    begin, _ = calls_of_a_login(call, sandbox)
    product.clear_state()
    sandbox.reset()
    syslog.clear()
    login = Pamtester("code", "alice", before=failing(call, error, f"{begin}+"))
    wrongly_answered(login, sandbox)
    assert code_in(login.text) == "PAM_SERVICE_ERR"
    syslog.wait("state store: |denied: |no randomness: ")
    syslog.wait("event=login .*verdict=deny")
    assert sandbox.requests() == []


def prompted_within(limit, sandbox):
    """Whether a login comes as far as the prompt for a code with so little of a resource; it never gets in."""
    seen = wrongly_answered(Pamtester("code", "alice", before=["prlimit", limit]), sandbox)
    assert "successfully authenticated" not in seen
    return PROMPT in seen


def test_few_descriptors_never_let_in(product, sandbox, syslog):
    """The limit leaves room for the start of the program, not for all of the module's work."""
    product.stack("code")
    enough = next(limit for limit in range(4, 16) if prompted_within(f"--nofile={limit}", sandbox))
    assert enough > 4
    syslog.wait("Too many open files")
    syslog.wait("verdict=deny reason=config_unusable")


def test_little_memory_never_lets_in(product, sandbox, syslog):
    """Address space by megabytes, until there is enough; then in small steps up to there, through the module's own work."""
    product.stack("code")
    step = 64 << 10
    enough = next(size for size in range(8 << 20, 64 << 20, 1 << 20) if prompted_within(f"--as={size}", sandbox))
    syslog.clear()
    for size in range(enough - (2 << 20) + step, enough, step):  # its work takes less than the second of them
        prompted_within(f"--as={size}", sandbox)
    syslog.wait("verdict=deny reason=(config_unusable|unreachable|internal)")
