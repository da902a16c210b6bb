"""The administrator's command: backup codes, numbers that move, are looked up, are refused, and change."""

import json
import re
import subprocess

import pytest

from administrator import DONE, FAILED, NOWHERE, NUMBER, UNREACHABLE, USAGE

OTHER_NUMBER = "306979998888"
THIRD_NUMBER = "306945556666"
FOREIGN = "447911123456"
PRICE = "costs 0.1 credits. Go on? [y/N] "
CODE = re.compile(r"^  (\d{4} \d{4})$", re.M)


class Login:
    """A login in a session of its own."""

    def __init__(self, place, *words):
        self.process = subprocess.Popen(place.argv("login", *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env={}, start_new_session=True)

    def answers(self, *lines):
        self.text = self.process.communicate("".join(line + "\n" for line in lines), timeout=60)[0]
        return self.process.returncode


@pytest.fixture
def enrolled(place, alice):
    place.with_key()
    assert place.run("user", "add", "alice", NUMBER).status == DONE
    return place


@pytest.fixture
def watched(place, alice, cli_box):
    """alice is enrolled where numbers are watched, and refused once they have moved."""
    cli_box.settings(hlr="", hlr_balance=0)
    place.write(users__hlr="block")
    place.with_key()
    assert place.run("user", "add", "alice", NUMBER).status == DONE
    yield place
    cli_box.settings(hlr="", hlr_balance=0)


def codes(place, *words):
    result = place.run("user", "backup-codes", "alice", *words)
    assert (result.status, result.err) == (DONE, "")
    found = CODE.findall(result.out)
    assert len(set(found)) == 10
    return found


def left(place, *words):
    return place.json("user", "backup-codes", "alice", "--left", *words).object["left"]


# --- user backup-codes ---


def test_backup_codes_let_in_once_each_and_are_asked_of_nobody(enrolled):
    enrolled.box.reset()
    first, second, *_ = codes(enrolled)
    assert enrolled.box.requests() == []
    assert left(enrolled) == 10
    login = Login(enrolled, "alice")
    assert login.answers("b", first) == DONE, login.text
    assert left(enrolled) == 9
    login = Login(enrolled, "alice")
    assert login.answers("b", first) == FAILED and "wrong, or used before" in login.text
    assert Login(enrolled, "alice").answers("b", second.replace(" ", "-")) == DONE
    assert enrolled.run("user", "backup-codes", "alice", "--left").out == "alice has 8 backup codes left.\n"
    shown = enrolled.run("user", "show", "alice").out
    assert "Backup codes: 8 of 10 left\n" in shown
    assert enrolled.json("user", "show", "alice").object["user"]["state"]["backup_codes_left"] == 8


def test_a_new_set_of_backup_codes_replaces_the_old_one_as_a_whole(enrolled):
    old = codes(enrolled)
    assert Login(enrolled, "alice").answers("b", old[0]) == DONE
    told = enrolled.json("user", "backup-codes", "alice").object
    assert (told["left"], told["replaced"], len(told["codes"])) == (10, 9, 10)
    assert not set(told["codes"]) & set(old)
    assert all(re.fullmatch(r"\d{4} \d{4}", code) for code in told["codes"])
    assert Login(enrolled, "alice").answers("b", old[1]) == FAILED
    assert Login(enrolled, "alice").answers("b", told["codes"][0]) == DONE
    assert "The 9 codes left of the old set are good no more.\n" in enrolled.run("user", "backup-codes", "alice").out


def test_backup_codes_are_logged_as_made_and_never_themselves(enrolled, syslog):
    made = codes(enrolled)
    line = str(syslog.wait("event=backup_codes"))
    assert 'event=backup_codes user="alice" service="" made=10 replaced=0' in line
    assert Login(enrolled, "alice").answers("b", made[0]) == DONE
    syslog.wait("reason=backup_code")
    digits = re.sub(r"\D", "", syslog.text())
    state = b"".join(path.read_bytes() for path in (enrolled.path / "state/pam").iterdir())
    for code in made:
        assert code not in syslog.text() and code.replace(" ", "") not in digits
        assert code.replace(" ", "").encode() not in state


def test_whoever_sees_backup_codes_on_a_screen_is_told_to_put_them_on_paper(enrolled, terminals):
    screen = terminals(enrolled.terminal("user", "backup-codes", "alice"))
    assert screen.ends() == DONE
    assert "shown this once" in screen.text and "on paper" in screen.text


def test_backup_codes_belong_to_the_store_of_one_service(enrolled):
    with enrolled.conf.open("a") as conf:
        conf.write(f"[service vpn]\ndir = {enrolled.path}/state/vpn\n")
    told = enrolled.json("user", "backup-codes", "alice", "--for", "vpn").object
    assert told["service"] == "vpn" and told["store"].endswith("/state/vpn")
    assert (left(enrolled), left(enrolled, "--for", "vpn")) == (0, 10)
    assert enrolled.json("user", "show", "alice", "--for", "vpn").object["user"]["state"]["backup_codes_left"] == 10
    assert Login(enrolled, "alice", "--service", "vpn").answers("b", told["codes"][0]) == DONE
    assert Login(enrolled, "alice").answers("b", told["codes"][1]) == FAILED
    assert left(enrolled, "--for", "vpn") == 9


@pytest.fixture
def with_vpn(enrolled):
    """Two services with stores of their own; the users of one stand in a file of their own, too."""
    for name in ("vpn", "guests", "web"):
        (enrolled.path / f"state/{name}").mkdir(mode=0o700)
    others = enrolled.path / "others"
    others.write_text(f"alice: {THIRD_NUMBER}\n")
    others.chmod(0o600)
    with enrolled.conf.open("a") as conf:
        conf.write(f"[service vpn]\ndir = {enrolled.path}/state/vpn\n[service sudo]\nwait = 1\n"
                   f"[service guests]\ndir = {enrolled.path}/state/guests\nfile = {others}\n")
    return enrolled


STORES = ([], ["--for", "vpn"], ["--web"])


def test_backup_codes_of_every_store_go_with_the_user(with_vpn):
    for words in (*STORES, ["--for", "guests"]):
        codes(with_vpn, *words)
    removed = with_vpn.run("user", "remove", "alice")
    assert (removed.status, "stays" in removed.text) == (DONE, False)
    assert with_vpn.run("user", "add", "alice", OTHER_NUMBER).status == DONE
    assert [left(with_vpn, *words) for words in STORES] == [0, 0, 0]
    assert left(with_vpn, "--for", "guests") == 10  # another alice


@pytest.mark.parametrize("change", ["add", "import", "import again"])
def test_another_number_ends_what_belonged_to_the_old_one_in_every_store(with_vpn, change):
    def login():
        assert Login(with_vpn, "alice", "--service", "vpn").answers("0" * 4) == FAILED
        return opened()

    def opened():
        return with_vpn.json("user", "show", "alice", "--for", "vpn").object["user"]["state"]["open_challenges"]

    assert login() == 1
    path = with_vpn.path / "people.csv"
    path.write_text(f"alice,{OTHER_NUMBER}\n")
    if change == "import again":
        with_vpn.users.unlink()
    words = ["add", "alice", OTHER_NUMBER, "--replace"] if change == "add" else ["import", path, "--confirm", "alice"]
    assert with_vpn.run("user", *words, "--no-notice").status == DONE
    assert opened() == 0


def test_a_store_of_a_service_that_cannot_be_looked_into_is_told(with_vpn):
    (with_vpn.path / "state/vpn").chmod(0o755)
    result = with_vpn.run("user", "add", "alice", OTHER_NUMBER, "--replace", "--no-notice")
    assert result.status == FAILED and "sms365 user remove alice" in result.err
    assert f"what was remembered of alice stays in {with_vpn.path}/state/vpn: " in result.err
    result = with_vpn.run("user", "remove", "alice")
    assert result.status == FAILED and "sms365 user remove alice" in result.err
    with_vpn.write()
    with with_vpn.conf.open("a") as conf:
        conf.write("[service vpn]\nwait = 99\n")
    with_vpn.run("user", "add", "alice", OTHER_NUMBER)
    result = with_vpn.run("user", "add", "alice", NUMBER, "--replace", "--no-notice")
    assert "what was remembered of alice stays in the store of [service vpn], if it has one: " in result.err


@pytest.mark.parametrize("words", [["remove", "alice"], ["add", "alice", OTHER_NUMBER, "--replace", "--no-notice"],
                                   ["import", "--confirm", "alice", "--no-notice"]])
def test_web_sessions_that_could_not_be_ended_fail_the_command_after_all_else_is_done(with_vpn, words):
    if words[0] == "import":
        path = with_vpn.path / "people.csv"
        path.write_text(f"alice,{OTHER_NUMBER}\n")
        words = [*words, path]
    journal = with_vpn.path / "state/web/sessions"
    codes(with_vpn, "--for", "vpn")
    journal.touch(mode=0o600)
    journal.chmod(0o644)
    result = with_vpn.run("user", *words)
    assert result.status == FAILED and "web sessions" in result.err and "sms365 session revoke" in result.err
    assert NUMBER not in with_vpn.users.read_text()
    if words[0] == "remove":
        assert with_vpn.run("user", "add", "alice", NUMBER).status == FAILED
        assert left(with_vpn, "--for", "vpn") == 0
    journal.unlink()
    assert with_vpn.run("session", "revoke", "alice").status == DONE


def test_backup_codes_are_made_for_enrolled_users_only(place, alice):
    place.with_key()
    assert place.run("user", "backup-codes", "alice").status == USAGE  # there is no users file yet
    assert place.run("user", "add", "alice", NUMBER).status == DONE
    assert place.json("user", "backup-codes", "alcie").object["error"] == "not_found"
    place.master.unlink()
    assert place.run("user", "backup-codes", "alice").status == USAGE


def test_wrong_backup_codes_use_up_a_budget_that_unlocking_gives_back(place, alice, syslog):
    place.write(limits__failed_tries=3, limits__lockout_after=20)
    place.with_key()
    assert place.run("user", "add", "alice", NUMBER).status == DONE
    made = codes(place)
    wrong = next(f"{n:08d}" for n in range(11) if f"{n:04d} {n:04d}" not in made and f"0000 {n:04d}" not in made)
    for _ in range(3):
        assert Login(place, "alice").answers("b", wrong) == FAILED
    login = Login(place, "alice")
    assert login.answers("b", made[0]) == FAILED and "tries are used up" in login.text
    assert "Wrong backup codes: 3 of 3 in 30 days\n" in place.run("user", "show", "alice").out
    assert place.run("user", "unlock", "alice").out == "Lifted for alice: 0 failed tries, 3 wrong backup codes.\n"
    syslog.wait("wrong_backup_codes=3")
    assert Login(place, "alice").answers("b", made[0]) == DONE


def test_audit_lines_of_commands_are_objects_where_the_log_s_format_is_json(place, alice, syslog):
    place.write(log__format="json")
    place.with_key()
    assert place.run("user", "add", "alice", NUMBER).status == DONE
    assert codes(place) and place.run("user", "remove", "alice").status == DONE
    syslog.wait('"event":"remove"')
    found = [json.loads(line) for line in re.findall(r"\{.*\}", syslog.text())]
    assert found == [{"event": "enrol", "user": "alice", "numbers": 1, "changed": "yes"},
                     {"event": "backup_codes", "user": "alice", "service": "", "made": 10, "replaced": 0},
                     {"event": "remove", "user": "alice"}]


# --- user confirm ---


def test_a_number_that_moved_is_shown_confirmed_and_used_again(watched, syslog):
    box = watched.box
    assert watched.users.read_text() == f"alice: {NUMBER};mcc=202;mnc=05;ported=no;cost=1\n"
    box.settings(hlr=f"{NUMBER}:202:01:yes")
    login = Login(watched, "alice")
    code = box.wait_message(NUMBER)["code"]
    assert login.answers(code) == FAILED and "moved to another network" in login.text
    assert f"+{NUMBER} has moved to another network, and is not used until: sms365 user confirm alice\n" \
        in watched.run("user", "show", "alice").out
    assert watched.json("user", "show", "alice").object["user"]["state"]["moved_numbers"] == [NUMBER]
    sent = len(box.messages())
    assert Login(watched, "alice").answers() == FAILED
    assert len(box.messages()) == sent

    result = watched.run("user", "confirm", "alice", "--yes")
    assert (result.status, result.err) == (DONE, "")
    assert f"+{NUMBER}: before: network 202/05, not ported; now: network 202/01, ported\n" in result.out
    assert watched.users.read_text() == f"alice: {NUMBER};mcc=202;mnc=01;ported=yes;cost=1\n"
    syslog.wait('event=confirm user="alice" service="" numbers=1 changed=1')
    assert watched.json("user", "show", "alice").object["user"]["state"]["moved_numbers"] == []
    login = Login(watched, "alice")
    assert login.answers(box.wait_message(NUMBER)["code"]) == DONE, login.text


def test_a_number_that_went_and_came_back_is_used_again_once_confirmed(watched):
    watched.box.settings(hlr=f"{NUMBER}:202:01:yes")
    assert Login(watched, "alice").answers(watched.box.wait_message(NUMBER)["code"]) == FAILED
    watched.box.settings(hlr="")
    told = watched.json("user", "confirm", "alice", "--yes").object
    assert (told["changed"], told["numbers"][0]["changed"]) == (0, False)
    assert watched.json("user", "show", "alice").object["user"]["state"]["moved_numbers"] == []
    assert Login(watched, "alice").answers(watched.box.wait_message(NUMBER)["code"]) == DONE


def confirming(place, terminals):
    """A terminal at which the lookups are paid for, and the word is asked for."""
    screen = terminals(place.terminal("user", "confirm", "alice"))
    screen.sees(PRICE)
    screen.answers("y")
    screen.sees("are codes to go there? [y/N] ")
    return screen


def test_confirming_asks_first_and_no_is_the_answer_of_who_says_nothing(watched, terminals):
    watched.box.settings(hlr=f"{NUMBER}:202:10:no")
    before = watched.users.read_text()
    assert watched.run("user", "confirm", "alice").status == USAGE
    asked = len(watched.box.requests("hlr/lookup"))
    for answer in ("", "n", "maybe"):
        screen = terminals(watched.terminal("user", "confirm", "alice"))
        screen.sees(f"To look up the network of 1 number {PRICE}")
        screen.answers(answer)
        assert screen.ends() == FAILED and "nothing was asked and nothing changed" in screen.text
    assert len(watched.box.requests("hlr/lookup")) == asked
    for answer in ("", "n", "maybe"):
        screen = confirming(watched, terminals)
        screen.answers(answer)
        assert screen.ends() == FAILED and "nothing was confirmed" in screen.text
        assert watched.users.read_text() == before
    screen = confirming(watched, terminals)
    screen.answers("y")
    assert screen.ends() == DONE
    assert "mnc=10;ported=no" in watched.users.read_text()


def test_what_cannot_be_looked_up_stays_as_it_was(watched):
    assert watched.run("user", "add", "alice", NUMBER, OTHER_NUMBER, "--replace", "--no-notice").status == DONE
    before = watched.users.read_text()
    watched.box.settings(hlr=f"{NUMBER}:none,{OTHER_NUMBER}:202:01:yes")
    result = watched.run("user", "confirm", "alice", "--yes")
    assert result.status == FAILED and f"+{NUMBER} stays as it was: no network knows" in result.err
    assert watched.users.read_text() == before.replace(
        f"{OTHER_NUMBER};mcc=202;mnc=05;ported=no", f"{OTHER_NUMBER};mcc=202;mnc=01;ported=yes")
    before = watched.users.read_text()
    for fault, error in (("types", "bad_reply"), ("html", "bad_reply"), ("error=105", "refused")):
        watched.box.settings(fault=f"hlr/lookup:{fault}")
        assert watched.json("user", "confirm", "alice", "--yes").object["error"] == error
    watched.box.settings(fault="")
    watched.with_key(url=NOWHERE)
    assert watched.run("user", "confirm", "alice", "--yes").status == UNREACHABLE
    assert watched.users.read_text() == before
    watched.write(users__hlr="off")
    assert watched.json("user", "confirm", "alice", "--yes").object["error"] == "hlr_off"


# --- user add ---


def test_the_network_is_what_the_register_says_and_the_cost_what_the_check_does(place, cli_box):
    cli_box.settings(hlr=f"{NUMBER}:202:01:yes", hlr_balance=10)
    place.write(users__hlr="warn")
    place.with_key()
    result = place.run("user", "add", "root", NUMBER)
    assert (result.status, result.err) == (DONE, "")
    assert f"{NUMBER} is +{NUMBER} (GREECE, network 202/01, ported, 1 a message)\n" in result.out
    assert place.users.read_text() == f"root: {NUMBER};mcc=202;mnc=01;ported=yes;cost=1\n"
    number, = place.json("user", "show", "root").object["user"]["numbers"]
    assert number == {"msisdn": NUMBER, "mcc": "202", "mnc": "01", "ported": True, "cost": 1}
    cli_box.settings(hlr="", hlr_balance=0)


def test_who_sits_in_front_of_it_is_asked_before_numbers_are_looked_up(place, cli_box, terminals):
    place.write(users__hlr="warn")
    place.with_key()
    asked = cli_box.stats()["requests"].get("hlr/lookup", 0)
    screen = terminals(place.terminal("user", "add", "root", NUMBER, OTHER_NUMBER))
    screen.sees("To look up the networks of 2 numbers costs 0.2 credits. Go on? [y/N] ")
    screen.answers("n")
    assert screen.ends() == FAILED and not place.users.exists()
    assert cli_box.stats()["requests"].get("hlr/lookup", 0) == asked
    for words, lookups in ((["--yes"], 1), (["--no-check", "--replace", "--no-notice"], 0)):
        screen = terminals(place.terminal("user", "add", "root", NUMBER, *words))
        assert screen.ends() == DONE and "Go on?" not in screen.text
        assert cli_box.stats()["requests"].get("hlr/lookup", 0) - asked == lookups
        asked += lookups


def test_the_cost_that_is_kept_is_the_one_that_was_told(place, cli_box):
    place.with_key()
    assert place.run("user", "add", "root", "447911123456").status == DONE
    assert place.users.read_text().endswith(";cost=1.25\n")


def test_a_number_that_cannot_be_looked_up_is_refused_or_not_watched(place, cli_box):
    cli_box.settings(hlr=f"{NUMBER}:none")
    place.write(users__hlr="block")
    assert place.run("user", "add", "root", NUMBER).status == USAGE  # there is no key
    place.with_key()
    result = place.run("user", "add", "root", NUMBER)
    assert result.status == FAILED and "--no-check" in result.err
    assert not place.users.exists()
    place.write(users__hlr="warn")
    result = place.run("user", "add", "root", NUMBER)
    assert result.status == DONE and "not watched until `sms365 user confirm`" in result.err
    assert place.users.read_text() == f"root: {NUMBER};cost=1\n"
    cli_box.settings(hlr="")


@pytest.mark.parametrize("typed, asked", [
    ("+44 7911 123456", 0), ("0044 7911 123456", 0), (FOREIGN, 0), ("+357 99 123456", None), ("697 123 4567", None),
])
def test_numbers_of_other_countries_are_refused_before_anything_is_asked(place, typed, asked):
    place.write(limits__countries="30 357")
    result = place.json("user", "add", "root", typed)
    if asked is None:
        assert result.status == DONE
        return
    assert result.object["error"] == "country_refused" and "30 357" in result.object["text"]
    assert len(place.box.requests()) == asked and not place.users.exists()
    assert place.json("user", "add", "root", typed, "--no-check").object["error"] == "country_refused"
    assert not place.users.exists()


def test_what_the_provider_reads_as_a_number_of_another_country_is_refused_too(place):
    place.write(limits__countries="357")
    assert place.json("user", "add", "root", "697 123 4567").object["error"] == "country_refused"
    assert not place.users.exists()


def test_a_changed_number_is_announced_to_the_old_one(enrolled, syslog):
    result = enrolled.run("user", "add", "alice", OTHER_NUMBER, "--replace")
    assert (result.status, result.err) == (DONE, "")
    assert "The change was announced to +30 69****4567 (cost 1).\n" in result.out
    message, = enrolled.box.messages()
    assert message["to"] == NUMBER and message["parts"] == 1
    assert re.fullmatch(r"Login codes for alice on \S+ now go to \+30 69\*\*\*\*8888\. If you did not ask for that, "
                        r"tell your administrator at once\.", message["text"])
    assert 'event=enrol user="alice" numbers=1 changed=yes' in str(syslog.wait("changed=yes"))


def test_a_further_number_is_announced_to_the_first_one_and_fewer_to_nobody(enrolled):
    told = enrolled.json("user", "add", "alice", NUMBER, OTHER_NUMBER, THIRD_NUMBER, "--replace").object
    assert told["notices"] == [{"to": NUMBER, "sent": True, "cost": 1}]
    assert [one["to"] for one in enrolled.box.messages()] == [NUMBER]
    for numbers in ((OTHER_NUMBER, NUMBER), (NUMBER,), (NUMBER,)):
        assert "notices" not in enrolled.json("user", "add", "alice", *numbers, "--replace").object
    assert "notices" not in enrolled.json("user", "add", "alice", OTHER_NUMBER, "--replace", "--no-notice").object
    assert len(enrolled.box.messages()) == 1
    enrolled.write(messages__language="el")
    told = enrolled.json("user", "add", "alice", THIRD_NUMBER, "--replace").object
    assert told["notices"][0]["to"] == OTHER_NUMBER
    text = enrolled.box.messages()[-1]["text"]
    assert "Αν δεν το ζητήσατε" in text and "alice" in text and "+30 69****6666" in text


def test_an_announcement_that_fails_is_told_and_the_number_is_changed(enrolled):
    for fault, words in (("sms/send:error=105", "was not announced to +30 69****4567"),
                         ("sms/send:drop-after", "may not have been announced to +30 69****")):
        enrolled.box.settings(fault=fault)
        result = enrolled.run("user", "add", "alice", OTHER_NUMBER, "--replace")
        assert result.status == DONE and words in result.err
        assert enrolled.json("user", "add", "alice", NUMBER, "--replace").object["notices"][0]["sent"] is False
        assert NUMBER in enrolled.users.read_text()
    enrolled.box.settings(fault="")
    enrolled.write(limits__countries="357")
    result = enrolled.run("user", "add", "alice", "+35799123456", "--replace")
    assert result.status == DONE and "no messages go to the country of that number" in result.err


def test_the_first_login_writes_to_disk_as_often_as_every_other(enrolled, tmp_path):
    """Tables and record are made at enrolment: a login has nothing to make."""
    def durable():
        trace = tmp_path / "trace"
        login = subprocess.Popen(["strace", "-f", "-qq", "-o", trace, "-e", "trace=fdatasync,fsync,sync_file_range,syncfs",
                                  *enrolled.argv("login", "alice")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 text=True, env={}, start_new_session=True)
        login.communicate(enrolled.box.wait_message(NUMBER)["code"] + "\n", timeout=60)
        assert login.returncode == DONE
        return len(re.findall(r"^\d+ +(?:fdatasync|fsync|sync_file_range|syncfs)\(", trace.read_text(), re.M))

    tables = {path.name for path in (enrolled.path / "state/pam").glob("*.table")}
    assert tables == {"host.table", "spend.table", "shard.table", "flag.table"}
    assert durable() <= 4
    assert durable() <= 4
