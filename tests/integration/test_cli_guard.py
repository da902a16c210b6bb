"""The administrator's command: users who are locked, what is counted for them, and what the limits amount to."""

import re
import subprocess

import pytest

from administrator import DONE, FAILED, NUMBER, USAGE

OTHER_NUMBER = "306979998888"
CLEAN = {"locked": False, "lockout_s": 0, "failed_tries": 0, "sends_last_hour": 0, "sends_of_day": 0, "cost_of_day": 0}


class Login:
    """A login in a session of its own: no other resumes what it leaves open."""

    def __init__(self, place, name):
        self.place = place
        self.process = subprocess.Popen(place.argv("login", name), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env={}, start_new_session=True)

    def answers(self, right):
        code = self.place.box.wait_message(NUMBER)["code"]
        wrong = "0000" if code != "0000" else "1111"
        self.text = self.process.communicate((code if right else wrong) + "\n", timeout=60)[0]
        return self.process.returncode

    def is_refused(self):
        self.text = self.process.communicate("", timeout=60)[0]
        assert self.process.returncode == FAILED
        return self.text


def enrolled(place, **limits):
    place.write(**{f"limits__{name}": value for name, value in limits.items()})
    place.with_key()
    assert place.run("user", "add", "alice", NUMBER).status == DONE
    return place


def fail(place, times):
    for _ in range(times):
        login = Login(place, "alice")
        assert login.answers(right=False) == FAILED
        assert "denied: the code was wrong" in login.text


def state(place, name="alice"):
    shown = place.json("user", "show", name).object
    assert "notes" not in shown
    listed, = (one for one in place.json("user", "list").object["users"] if one["name"] == name)
    assert listed["state"] == shown["user"]["state"] or shown["user"]["state"]["lockout_s"] > 0
    return shown["user"]["state"]


def records(place):
    return sorted(path.name for path in (place.path / "state/pam").glob("user.*"))


# --- user unlock, show, list ---


def test_a_user_locked_by_wrong_codes_gets_in_once_unlocked(place, alice, syslog):
    enrolled(place, failed_tries=3, lockout_after=20)
    fail(place, 3)
    sent = len(place.box.messages())
    assert "denied: too many failed attempts: locked until an administrator unlocks" in Login(place, "alice").is_refused()
    assert len(place.box.messages()) == sent

    shown = state(place)
    assert (shown["locked"], shown["failed_tries"], shown["sends_last_hour"], shown["open_challenges"]) == (True, 3, 3, 3)
    assert shown["shares"]["elsewhere"]["locked"] and shown["shares"]["usual"] == CLEAN
    assert "Locked from elsewhere, until: sms365 user unlock alice\n" in place.run("user", "show", "alice").out
    assert re.search(r"^alice .*  locked, 3 failed tries$", place.run("user", "list").out, re.M)

    unlocked = place.run("user", "unlock", "alice")
    assert (unlocked.status, unlocked.out) == (DONE, "Lifted for alice: the lock, 3 failed tries.\n")
    assert 'event=unlock user="alice" locked=yes failed_tries=3' in str(syslog.wait("event=unlock"))
    shown = state(place)
    assert (shown["locked"], shown["failed_tries"], shown["sends_last_hour"]) == (False, 0, 3)
    login = Login(place, "alice")
    assert login.answers(right=True) == DONE, login.text
    assert state(place)["usual_places"] == 1


def test_a_user_locked_out_for_a_while_is_shown_and_unlocked(place, alice):
    enrolled(place, lockout_after=1, lockout=3600)
    fail(place, 1)
    assert "locked out for a while" in Login(place, "alice").is_refused()
    shown = state(place)
    assert not shown["locked"] and 3500 < shown["lockout_s"] <= 3600
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["lockout_until"])
    assert re.search(r"^Locked out from elsewhere until \S+Z \(for 3\d\d\d s\)$", place.run("user", "show", "alice").out,
                     re.M)
    lifted = place.json("user", "unlock", "alice").object
    assert lifted["user"] == "alice" and 3500 < lifted["lifted"].pop("lockout_s") <= 3600
    assert lifted["lifted"] == {"locked": False, "failed_tries": 1, "wrong_backup_codes": 0}
    assert Login(place, "alice").answers(right=True) == DONE


def test_unlocking_who_is_not_locked_is_done_and_said(place, alice):
    enrolled(place)
    for _ in range(2):
        result = place.run("user", "unlock", "alice")
        assert (result.status, result.out) == (DONE, "alice was not locked: there was nothing to lift.\n")
    assert place.json("user", "unlock", "alcie").object["error"] == "not_found"


def test_what_is_shown_of_open_challenges_is_no_secret(place, alice):
    enrolled(place)
    login = Login(place, "alice")
    code = place.box.wait_message(NUMBER)["code"]
    text = place.run("user", "show", "alice").text + place.run("--json", "user", "show", "alice").text
    assert not re.search(rf"\b{code}\b", text.replace(NUMBER, ""))
    shown = state(place)
    assert shown["open_challenges"] == 1
    assert set(shown) == set(CLEAN) | {"usual_places", "open_challenges", "shares", "backup_codes_left",
                                       "wrong_backup_codes", "moved_numbers"}
    login.is_refused()


def test_a_store_that_cannot_be_used_is_a_note_to_what_is_shown(place, alice):
    enrolled(place)
    (place.path / "state/pam").chmod(0o755)
    for words in (("user", "show", "alice"), ("user", "list")):
        result = place.run(*words)
        assert result.status == DONE and "chmod 0700" in result.err
        assert len(place.json(*words).object["notes"]) == 1
    result = place.run("user", "unlock", "alice")
    assert result.status == USAGE and "chmod 0700" in result.err
    (place.path / "state/pam").chmod(0o700)
    record, = records(place)
    (place.path / "state/pam" / record).write_bytes(b"x" * 8192)
    shown = place.run("user", "show", "alice")
    assert shown.status == DONE and NUMBER in shown.out and "cannot be shown" in shown.err
    assert place.json("user", "unlock", "alice").object["error"] == "corrupt"
    assert place.run("user", "remove", "alice").status == DONE
    assert place.run("user", "add", "alice", NUMBER).status == DONE
    assert state(place)["failed_tries"] == 0


def test_a_store_of_another_user_is_used_as_that_user(place, alice, bob):
    enrolled(place, lockout_after=1)
    fail(place, 1)
    place.path.chmod(0o755)
    place.path.parent.chmod(0o755)
    (place.path / "state").chmod(0o755)
    pam = place.path / "state/pam"
    subprocess.run(["chown", "-R", "bob", pam], check=True)
    assert state(place)["failed_tries"] == 1
    assert place.run("user", "unlock", "alice").out.startswith("Lifted for alice: the lockout of another ")
    assert place.run("user", "add", "bob", OTHER_NUMBER).text.count("state") == 0
    assert len(records(place)) == 2
    assert {path.owner() for path in pam.iterdir()} == {"bob"}


# --- user add, remove ---


def test_a_record_is_made_with_the_user_and_deleted_with_the_user(place, alice):
    place.with_key()
    assert place.run("user", "add", "alice", NUMBER).err == ""
    assert len(records(place)) == 1
    assert place.json("user", "show", "alice").object["user"]["state"]["shares"] == {"elsewhere": CLEAN, "usual": CLEAN}
    assert place.run("user", "add", "root", NUMBER).status == DONE
    assert len(records(place)) == 2
    assert place.run("user", "remove", "alice").status == DONE
    assert len(records(place)) == 1


def test_a_user_is_enrolled_also_where_there_is_no_store_yet(place, alice):
    result = place.run("user", "add", "alice", NUMBER)
    assert result.status == DONE and "no state is kept for alice yet" in result.err
    assert "state" not in place.json("user", "show", "alice").object["user"]
    assert "sms365 key init" in place.run("user", "unlock", "alice").err


def test_another_number_ends_open_challenges_and_places_but_not_what_was_counted(place, alice):
    enrolled(place)
    assert Login(place, "alice").answers(right=True) == DONE
    fail(place, 1)
    assert place.run("user", "add", "alice", NUMBER, "--replace").status == DONE
    before = state(place)
    assert (before["open_challenges"], before["usual_places"], before["failed_tries"]) == (1, 1, 1)
    assert place.run("user", "add", "alice", OTHER_NUMBER, "--replace").status == DONE
    after = state(place)
    assert (after["open_challenges"], after["usual_places"], after["failed_tries"]) == (0, 0, 1)
    assert after["sends_last_hour"] == before["sends_last_hour"] == 2


# --- policy ---


def test_the_defaults_keep_guessers_at_one_in_a_thousand_a_run_and_two_and_a_half_percent_a_year(place):
    told = place.json("policy").object
    four, six = told["codes"]
    assert [(code["digits"], code["in_use"]) for code in (four, six)] == [(4, True), (6, False)]
    assert four["per_run"]["chance"] <= 1 / 1000 and four["per_run"]["one_in"] == 1000
    assert four["per_year"]["percent"] <= 2.5
    assert six["per_year"]["chance"] == pytest.approx(four["per_year"]["chance"] / 100)
    assert six["per_year"]["chance"] <= 1 / 4000
    assert told["tries_per_year"] == (13 * 9 + 1) * 2
    for code in told["codes"]:
        assert "restricted authenticator" in code["meant_for"] and "proved" in code["meant_for"]
    text = place.run("policy").out
    for part in ("236 tries in a year", "4 digits (the provider's; IN USE)", "1 in 1000 (0.1 %)", "1 in 42 (2.36 %)",
                 "1 in 100000 (0.001 %)", "30 in an hour", "gets in without a code, once the first factor is proved:\n  nobody\n"):
        assert part in text


def test_the_messages_that_can_be_caused_are_told_for_user_number_address_and_store(place):
    told = place.json("policy").object
    assert told["host_attempts_per_hour"] == 30
    assert told["messages"] == {
        "user": {"per_hour": 20, "per_day": 60, "any_day": 118, "cost_per_day": 200},
        "number": {"per_hour": 118, "per_day": 60, "any_day": 118, "cost_per_day": 200},
        "address": {"per_hour": 199, "per_day": 100, "any_day": 199, "cost_per_day": 300},
        "store": {"per_hour": 2000, "per_day": 1000, "any_day": 2000, "cost_per_day": 3000}}
    place.write(limits__stores=3, limits__sends_per_hour=2, limits__sends_per_day=20, limits__sends_per_day_host=100,
                limits__cost_per_day=0, limits__cost_per_day_host=0, limits__cost_per_day_address=0)
    told = place.json("policy").object["messages"]
    assert told["user"] == {"per_hour": 12, "per_day": 30, "any_day": 54, "cost_per_day": None}  # a twentieth of the store's
    assert told["address"]["per_day"] == 300 and told["store"]["per_day"] == 300
    assert re.search(r"^  to one user \(both shares\) +12 +30 +54 +no cap$", place.run("policy").out, re.M)


def test_what_an_administrator_sends_is_under_no_cap(place, alice):
    enrolled(place, sends_per_day=1, sends_per_day_host=20)
    for _ in range(21):
        assert place.run("send", NUMBER, "hello").status == DONE
    assert state(place)["sends_of_day"] == 0
    place.box.reset()
    login = Login(place, "alice")
    assert login.answers(right=True) == DONE, login.text
    assert "What an administrator sends (send, announcements of changed numbers) is under no cap.\n" in place.run("policy").out


def test_the_figures_follow_the_configuration_and_a_service_s_own(place):
    place.write(limits__failed_tries=5, limits__failed_tries_days=365, limits__stores=3, limits__sends_per_hour=4)
    with place.conf.open("a") as conf:
        conf.write("[service sudo]\nfailed_tries = 20\nfailed_tries_days = 1\nstores = 100\nfirst_factor = none\n"
                   "code = local\ncode_digits = 8\n")
    told = place.json("policy").object
    assert (told["tries_per_year"], told["messages"]["user"]["per_hour"]) == (54, 24)
    assert told["codes"][0]["per_year"]["one_in"] == 185
    told = place.json("policy", "--service", "sudo").object
    assert told["codes"][0]["per_run"]["one_in"] == 500
    assert told["codes"][0]["per_year"]["percent"] == 100
    assert [(code["digits"], code["in_use"]) for code in told["codes"]] == [(4, False), (6, False), (8, True)]
    assert "first_factor = none" in told["notes"][0]


def test_whoever_gets_in_without_a_code_is_listed(place):
    place.write(challenge__trusted="192.0.2.0/24, 2001:db8::/32", challenge__grace=600, users__unenrolled="ignore",
                users__groups="wheel sudo !backup", challenge__on_outage="backup-codes")
    told = place.json("policy").object
    assert told["without_code"] == [
        {"reason": "trusted_network", "who": "whoever comes from 192.0.2.0/24, 2001:db8::/32"},
        {"reason": "grace", "who": "whoever entered a code there in the last 600 s"},
        {"reason": "group_exempt", "who": "members of backup"},
        {"reason": "group_exempt", "who": "everybody who is not a member of wheel, sudo"},
        {"reason": "unenrolled", "who": "users without a phone number"}]
    assert told["backup_codes"]["while_provider_is_unreachable"] is True
    assert told["backup_codes"]["per_year"]["one_in"] > 35000
    text = place.run("policy").out
    assert "  members of backup (group_exempt)\n" in text
    assert "While the provider cannot be reached they are taken (on_outage).\n" in text
