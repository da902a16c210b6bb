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
    assert (four["digits"], six["digits"]) == (4, 6)
    assert four["per_run"]["chance"] <= 1 / 1000 and four["per_run"]["one_in"] == 1000
    assert four["per_year"]["percent"] <= 2.5
    assert six["per_year"]["chance"] == pytest.approx(four["per_year"]["chance"] / 100)
    assert told["tries_per_year"] == pytest.approx(10 * 365 / 30 * 2)
    assert (told["messages_per_hour"], told["messages_per_day"], told["host_attempts_per_hour"]) == (20, 480, 30)
    for code in told["codes"]:
        assert "restricted authenticator" in code["meant_for"] and "proved" in code["meant_for"]
    text = place.run("policy").out
    for part in ("243.3 tries in a year", "1 in 1000 (0.1 %)", "1 in 41 (2.43 %)", "1 in 100000 (0.001 %)",
                 "20 in an hour, 480 in a day", "30 in an hour"):
        assert part in text


def test_the_figures_follow_the_configuration_and_a_service_s_own(place):
    place.write(limits__failed_tries=5, limits__failed_tries_days=365, limits__stores=3, limits__sends_per_hour=4)
    with place.conf.open("a") as conf:
        conf.write("[service sudo]\nfailed_tries = 20\nfailed_tries_days = 1\nstores = 100\nfirst_factor = none\n")
    told = place.json("policy").object
    assert (told["tries_per_year"], told["messages_per_hour"]) == (30, 24)
    assert told["codes"][0]["per_year"]["one_in"] == 333
    told = place.json("policy", "--service", "sudo").object
    assert told["codes"][0]["per_run"]["one_in"] == 500
    assert told["codes"][0]["per_year"]["percent"] == 100
    assert "first_factor = none" in told["notes"][0]
