"""The built module as a guest in another program: what it exports, what it leaves behind, what it survives."""

import ctypes
import os
import re
import subprocess

import pytest

import world
from product import BUILD, GENERIC, MODULE, NUMBER, SOURCE
from programs import Pamtester, Terminal, free_port, wrong

PAM_SUCCESS, PAM_SERVICE_ERR, PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL, PAM_CONV_ERR = 0, 3, 7, 9, 19
PROVEN = ("-e", "SSH_AUTH_INFO_0=publickey")


@pytest.fixture(scope="session")
def pamcall(pamcall_program):
    """pamcall(arguments…) calls the program and returns what it printed."""

    def call(*arguments, **options):
        done = subprocess.run([pamcall_program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              start_new_session=True, timeout=120, **options)
        return done.stdout

    return call


def test_it_exports_two_functions_and_nothing_else():
    listing = world.run("nm", "-D", "--defined-only", f"{BUILD}/.libs/pam_sms365.so")
    assert sorted(line.split()[-1] for line in listing.splitlines()) == ["pam_sm_authenticate", "pam_sm_setcred"]


@pytest.mark.parametrize("path, flag", [
    (".libs/pam_sms365.so", "NODELETE"), (".libs/ngx_http_sms365_module.so", "NODELETE"), (".libs/libsms365.so", ""),
    ("sms365", "PIE"), ("sms365-sandbox", "PIE")])
def test_what_is_built_is_linked_hard(path, flag):
    headers = world.run("readelf", "-W", "-h", "-l", "-d", f"{BUILD}/{path}")
    assert re.search(r"Type: +DYN ", headers)
    assert "BIND_NOW" in headers and "GNU_RELRO" in headers
    assert flag in re.search(r"\(FLAGS_1\) +Flags: (.*)", headers)[1].split() + [""]
    assert re.search(r"GNU_STACK\s+\S+ \S+ \S+ \S+ \S+ RW ", headers)
    assert "TEXTREL" not in headers and "RPATH" not in headers and "RUNPATH" not in headers
    imported = world.run("nm", "-D", "--undefined-only", f"{BUILD}/{path}")
    assert "__stack_chk_fail" in imported
    # _FORTIFY_SOURCE, which a build with sanitizers goes without
    assert re.search(r"__v?snprintf_chk\b", imported) or "SMS365_PRELOAD" in os.environ


def test_it_survives_a_thousand_loads(installed):
    program = f"""
import _ctypes, os
for _ in range(1000):
    _ctypes.dlclose(_ctypes.dlopen({MODULE!r}, os.RTLD_NOW))
print(len(os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task')))
"""
    done = subprocess.run(["/usr/bin/python3", "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split()[1] == "1"
    assert int(done.stdout.split()[0]) <= 5


def test_it_loads_with_all_symbols_bound(installed):
    ctypes.CDLL(MODULE, os.RTLD_NOW | os.RTLD_LOCAL)


@pytest.mark.parametrize("answer", ["", "1234x", "-fail", "-null"])
def test_a_denied_login_leaves_nothing_behind(product, sandbox, pamcall, answer):
    product.stack("code")
    printed = pamcall("-i", *PROVEN, "code", "alice", answer)
    assert "prompt: Code sent to" in printed
    assert "left: nothing\n" in printed, printed


@pytest.mark.parametrize("kind, fault, code", [
    ("right", "", PAM_SUCCESS), ("wrong", "", PAM_AUTH_ERR), ("right", "2fa/check:drop-after", PAM_AUTHINFO_UNAVAIL),
    ("right", "2fa/send:drop-after", PAM_AUTHINFO_UNAVAIL)])
def test_a_login_with_a_code_leaves_nothing_behind(product, sandbox, pamcall_program, kind, fault, code):
    sandbox.settings(fault=fault)
    login = Terminal([pamcall_program, "-i", *PROVEN, product.stack("code"), "alice", "-code"])
    login.sees("prompt: ")
    message = sandbox.wait_message(NUMBER)
    login.answers(wrong(message) if kind == "wrong" else message["code"])
    login.ends()
    assert f"code: {code}\r\n" in login.text
    assert "left: nothing\r\n" in login.text, login.text


def test_ten_logins_in_one_process_leave_nothing_behind(product, sandbox, pamcall):
    product.stack("code")
    printed = pamcall("-i", "-n", "10", *PROVEN, "code", "alice", "")
    assert printed.count("code: ") == 10
    assert "left: nothing\n" in printed, printed


def test_an_unreachable_provider_leaves_nothing_behind(product, sandbox, pamcall):
    product.add_key("main", "https://no-such-host.invalid/api")
    product.stack("code")
    printed = pamcall("-i", *PROVEN, "code", "alice", "")
    assert "cannot be reached" in printed
    assert "left: nothing\n" in printed, printed


def test_an_unusable_configuration_leaves_nothing_behind(product, pamcall):
    product.write("sms365.conf", "nonsense\n")
    printed = pamcall("-i", *PROVEN, product.stack("code"), "alice")
    assert f"code: {PAM_SERVICE_ERR}\n" in printed
    assert "left: nothing\n" in printed, printed


def test_an_answer_of_100_kilobytes_is_no_try_and_harms_nothing(product, sandbox, pamcall, tmp_path, syslog):
    product.stack("code")
    for content in ("7" * 100_000, "x" * 100_000, " " * 100_000, "1234" + " " * 100_000):
        answer = tmp_path / "answer"
        answer.write_text(content)
        printed = pamcall("-i", *PROVEN, "code", "alice", f"@{answer}")
        assert f"code: {PAM_AUTH_ERR}\n" in printed
        assert "left: nothing\n" in printed, printed
    assert "7777" not in syslog.text()


@pytest.mark.parametrize("answer", ["-fail", "-null"])
def test_a_conversation_that_fails_is_told_apart(product, sandbox, pamcall, answer):
    printed = pamcall(*PROVEN, product.stack("code"), "alice", answer)
    assert f"code: {PAM_CONV_ERR}\n" in printed


def test_a_null_answer_at_the_generic_prompt_is_no_way_in(product, sandbox, pamcall):
    printed = pamcall(product.stack("code"), "alice", "-null")
    assert f"prompt: {GENERIC}\n" in printed
    assert f"code: {PAM_SUCCESS}\n" not in printed and "code: " in printed


def test_a_module_alone_in_its_stack_sets_no_credentials_after_a_denial(product, sandbox, pamcall):
    printed = pamcall("-s", *PROVEN, product.stack("code"), "alice", "")
    assert f"code: {PAM_AUTH_ERR}\n" in printed
    assert re.search(r"^setcred: (\d+)$", printed, re.M)[1] != str(PAM_SUCCESS)


def test_a_module_alone_in_its_stack_sets_credentials_after_the_right_code(product, sandbox, pamcall_program):
    login = Terminal([pamcall_program, "-s", *PROVEN, product.stack("code"), "alice", "-code"])
    login.sees("prompt: ")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    login.ends()
    assert f"code: {PAM_SUCCESS}\r\nsetcred: {PAM_SUCCESS}\r\n" in login.text


@pytest.mark.slow
@pytest.mark.parametrize("kind, fault, code", [
    ("right", "", "PAM_SUCCESS"), ("wrong", "", "PAM_AUTH_ERR"), ("callback", "", "PAM_SUCCESS"),
    ("right", "2fa/check:error=302", "PAM_AUTH_ERR"), ("right", "2fa/check:garbage", "PAM_AUTHINFO_UNAVAIL"),
    ("none", "2fa/send:error=101", "PAM_AUTHINFO_UNAVAIL"), ("none", "2fa/send:drop-after", "PAM_AUTHINFO_UNAVAIL"),
    ("down", "", "PAM_AUTHINFO_UNAVAIL")])
def test_valgrind_finds_nothing(product, sandbox, receiver, tmp_path, kind, fault, code):
    """A whole login, to each of its ends."""
    sandbox.settings(fault=fault, delivery_after="300")
    product.configure(wait="30", timeout="60", **({"callback": receiver.url} if kind == "callback" else {}))
    if kind == "down":
        product.add_key("main", f"https://127.0.0.1:{free_port()}/api")
    log = tmp_path / "valgrind.log"
    login = Pamtester(product.stack("code"), "alice", before=[
        "valgrind", "--leak-check=full", "--errors-for-leak-kinds=definite", "--error-exitcode=99", "--track-fds=no",
        f"--log-file={log}", "--num-callers=30"])
    prompt = login.sees_match(r"\((\w+)\)\. Enter it, or|Press Enter|a new one: ", 120)
    message = sandbox.wait_message(NUMBER) if prompt[1] else None
    assert prompt[1] == (None if kind in ("none", "down") else "delivered")
    login.answers("" if message is None else wrong(message) if kind == "wrong" else message["code"])
    assert login.code(120) == code
    report = log.read_text()
    assert "ERROR SUMMARY: 0 errors" in report, report
