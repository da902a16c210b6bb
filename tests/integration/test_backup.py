"""Backup codes at the prompt: in the place of a message, of a lock, and of a provider that cannot be reached."""

import glob
import json
import subprocess

import pytest

from people import ELSEWHERE, HOME, PROVEN, Person
from product import NUMBER
from programs import CLEAN, Pamtester, wrong

ASKED = "Code sent to +30 69****4567 (delivered). Enter it, or r = again, b = backup code: "
OFFERED = "Backup code (10 left), or Enter: "


@pytest.fixture
def codes(product, sandbox):
    """alice's ten codes."""
    made = json.loads(product.sms365("--json", "user", "backup-codes", "alice"))["codes"]
    assert len(made) == 10
    return made


def other_than(codes):
    return next(code for code in (f"{number:08}" for number in range(100)) if code not in
                [each.replace(" ", "") for each in codes])


def test_b_asks_for_a_backup_code_which_opens_once(product, sandbox, codes, syslog):
    product.stack("code")
    for expected in ("Backup code (10 left): ", "Backup code (9 left): "):
        login = Pamtester("code", "alice")
        login.sees(ASKED)
        login.answers("b")
        login.sees(expected)
        login.answers(codes[3])
        if "10" in expected:
            assert login.code() == "PAM_SUCCESS"
            syslog.wait("channel=backup .*verdict=allow reason=backup_code")
        else:
            login.sees("Wrong backup code, or used before.")
            assert login.code() == "PAM_AUTH_ERR"
    assert sandbox.requests("2fa/check") == []
    assert codes[3] not in syslog.text() and codes[3].replace(" ", "") not in syslog.text()


def test_without_backup_codes_b_says_so(product, sandbox):
    product.stack("code")
    login = Pamtester("code", "alice")
    login.sees("Enter it, or r = again: ")
    login.answers("b")
    login.sees("You have no backup codes. Code sent to")
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.code() == "PAM_SUCCESS"


def test_of_many_processes_with_one_backup_code_one_gets_in(product, sandbox, codes, pamcall_program):
    product.configure(countries="357")  # so that the first prompt asks for one
    product.stack("code")
    crowd = [subprocess.Popen([pamcall_program, *PROVEN, "code", "alice", codes[0]], start_new_session=True, env=CLEAN,
                              stdout=subprocess.PIPE, text=True) for _ in range(40)]
    told = [each.communicate(timeout=120)[0] for each in crowd]
    assert sum("code: 0" in each for each in told) == 1, told
    assert sandbox.requests() == []


def test_wrong_backup_codes_have_a_budget_of_their_own(product, sandbox, codes, syslog):
    product.configure(failed_tries=3, sends_per_hour=30)
    product.stack("code")
    for _ in range(3):
        login = Pamtester("code", "alice")
        login.sees(ASKED)
        login.answers("b")
        login.sees("Backup code")
        login.answers(other_than(codes))
        login.sees("Wrong backup code")
        login.ends()
    login = Pamtester("code", "alice")
    login.sees(ASKED)
    login.answers("b")
    login.sees("Backup code")
    login.answers(codes[0])
    login.sees("All tries are used up.")
    assert login.code() == "PAM_MAXTRIES"
    again = Pamtester("code", "alice")
    again.sees(ASKED)
    again.answers(sandbox.messages(NUMBER)[-1]["code"])
    assert again.code() == "PAM_SUCCESS"


def test_a_backup_code_opens_a_lock_for_its_owner(product, sandbox, codes, clock):
    product.configure(failed_tries=3, sends_per_hour=30)
    product.stack("code")
    stranger = Person(sandbox, ELSEWHERE, clock.environment)
    for _ in range(3):
        login, message = stranger.asked()
        login.answers(wrong(message))
        login.ends()
    locked = stranger.comes()
    locked.sees("you are locked out. Ask your administrator. " + OFFERED)
    locked.answers("")
    assert locked.code() == "PAM_MAXTRIES"
    owner = stranger.comes()
    owner.sees(OFFERED)
    owner.answers(codes[0].replace(" ", "-"))
    assert owner.code() == "PAM_SUCCESS"
    assert stranger.enters() == "PAM_SUCCESS"


@pytest.mark.parametrize("on_outage, offered", [("deny", False), ("backup-codes", True)])
def test_while_the_provider_is_down_they_count_as_configured(product, sandbox, codes, on_outage, offered):
    product.configure(on_outage=on_outage)
    product.add_key("main", "https://127.0.0.1:1/api")
    product.stack("code")
    login = Pamtester("code", "alice")
    login.sees("The SMS provider cannot be reached. Try again later. ")
    if offered:
        login.sees(OFFERED)
        login.answers(codes[0])
        assert login.code() == "PAM_SUCCESS"
    else:
        login.sees("Press Enter: ")
        login.answers(codes[0])
        assert login.code() == "PAM_AUTHINFO_UNAVAIL"


def test_a_store_that_cannot_be_read_is_no_outage(product, sandbox, codes):
    product.configure(on_outage="backup-codes")
    for path in glob.glob("/var/lib/sms365/pam/user.*"):
        with open(path, "r+b") as file:
            file.write(b"\xff" * 16384)
    login = Pamtester(product.stack("code"), "alice")
    login.sees("Press Enter: ")
    login.answers(codes[0])
    assert login.code() == "PAM_SERVICE_ERR"


def test_a_new_set_ends_the_old_one(product, sandbox, codes):
    product.stack("code")
    product.sms365("user", "backup-codes", "alice")
    login = Pamtester("code", "alice", rhost=HOME)
    login.sees(ASKED)
    login.answers("b")
    login.sees("Backup code (10 left): ")
    login.answers(codes[0])
    login.sees("Wrong backup code")
    assert login.code() == "PAM_AUTH_ERR"


def test_a_set_for_one_service_belongs_to_its_store(product, sandbox):
    product.configure(service={"vpn": {"dir": "/var/lib/sms365/vpn"}})
    product.sms365("user", "backup-codes", "alice", "--for", "vpn")
    login = Pamtester(product.stack("code"), "alice")
    login.sees("Enter it, or r = again: ")
    login.kill()


def test_wrong_backup_codes_elsewhere_leave_the_owner_s_own_budget(product, sandbox, codes, clock):
    product.configure(failed_tries=3, sends_per_hour=30)
    product.stack("code")
    owner = Person(sandbox, HOME, clock.environment)
    assert owner.enters() == "PAM_SUCCESS"
    for _ in range(4):
        login, _ = Person(sandbox, ELSEWHERE, clock.environment).asked()
        login.answers("b")
        login.sees("Backup code")
        login.answers(other_than(codes))
        login.ends()
    login, _ = owner.asked()
    login.answers("b")
    login.sees("Backup code")
    login.answers(codes[0])
    assert login.code() == "PAM_SUCCESS"
