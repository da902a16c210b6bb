"""How `sms365 listen` starts and ends: what it demands, whom it becomes, what it can still do, and its systemd service."""

import json
import os
import re
import signal
import socket
import subprocess

import pytest

import listener
import world
from listener import PATH, SPOOL, USER, DidNotStart, Listener
from product import BUILD, CONF, SOURCE
from sandbox import certificate
from test_listen import account, listen, place, token  # noqa: F401: fixtures
from units import allowed_calls, as_root, unit

UNIT = f"{BUILD}/systemd/sms365-listen.service"
STATE_DIRECTORY = "/var/lib/sms365"


def ids():
    return tuple(int(world.run("id", flag, USER)) for flag in ("-u", "-g"))


def status_of(pid):
    """/proc/PID/status, as a dictionary."""
    with open(f"/proc/{pid}/status") as file:
        return {name: value.split() for name, _, value in (line.partition(":") for line in file)}


def refusal(*arguments, **options):
    """How it ended instead of starting: status and text."""
    with pytest.raises(DidNotStart) as why:
        Listener(*arguments, **options)
    return why.value.status, why.value.text


def test_privileges_are_gone_for_good(listen, token):
    here = listen()
    uid, gid = ids()
    for _ in range(2):  # before the first request, and after one that was written
        status = status_of(here.pid)
        assert status["Uid"] == [str(uid)] * 4 and status["Gid"] == [str(gid)] * 4 and status["Groups"] == [str(gid)]
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[name][0], 16) == 0
        assert status["NoNewPrivs"] == ["1"] and status["Threads"] == ["1"]
        assert os.stat(f"/proc/{here.pid}/mem").st_uid == 0  # not dumpable: its own user cannot trace it
        with open(f"/proc/{here.pid}/limits") as limits:
            assert re.search(r"Max core file size +0 +0 ", limits.read())
        assert here.get(f"t={token}&status=d") == 200


def test_capabilities_that_outlive_a_change_of_user_are_dropped(listen):
    here = listen(before=("setpriv", "--inh-caps=+chown,+setuid", "--ambient-caps=+chown,+setuid",
                          "--securebits=+no_setuid_fixup"))
    status = status_of(here.pid)
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[name][0], 16) == 0


def test_nothing_is_accepted_before_privileges_are_gone(listen, tmp_path):
    trace = tmp_path / "trace"
    here = listen(before=("strace", "-f", "-o", str(trace), "-e", "signal=none"))
    assert here.get("t=x") == 404
    assert here.stop() == 0
    calls = re.findall(r"^\d+ +(\w+)\((.*)$", trace.read_text(), re.M)
    names = [name for name, _ in calls]
    uid, gid = ids()
    for call, done in (("setgroups", f"1, [{gid}]) "), ("setresgid", f"{gid}, {gid}, {gid}) "),
                       ("setresuid", f"{uid}, {uid}, {uid}) "), ("capset", ""), ("prctl", "PR_SET_NO_NEW_PRIVS, 1"),
                       ("prctl", "PR_SET_DUMPABLE, SUID_DUMP_DISABLE")):
        [place] = [at for at, (name, rest) in enumerate(calls) if name == call and rest.startswith(done)]
        assert calls[place][1].endswith("= 0"), calls[place]
        assert place < names.index("accept4")
    [back] = [rest for name, rest in calls[names.index("setresuid"):] if name == "setuid"]
    assert back.startswith("0)") and "EPERM" in back
    landlock = [rest for name, rest in calls if name == "landlock_restrict_self"]
    assert all(rest.endswith("= 0") for rest in landlock)
    assert bool(landlock) != ("this kernel has no Landlock" in here.err)
    if landlock:
        assert names.index("landlock_restrict_self") < names.index("accept4")
    reads = [rest for name, rest in calls[names.index("accept4"):] if name in ("open", "openat", "execve", "connect")]
    assert reads == []


def test_open_descriptors_lead_to_the_spool_and_the_network_alone(listen):
    here = listen()
    connection = here.connect()
    assert here.get("t=x") == 404
    spool = os.stat(SPOOL)
    for number in os.listdir(f"/proc/{here.pid}/fd"):
        try:
            target = os.readlink(f"/proc/{here.pid}/fd/{number}")
        except FileNotFoundError:  # of the request before, closed meanwhile
            continue
        if re.match(r"socket:|pipe:|anon_inode:\[(eventpoll|signalfd|eventfd)\]|/dev/null", target):
            continue
        found = os.stat(f"/proc/{here.pid}/fd/{number}")
        assert (found.st_dev, found.st_ino) == (spool.st_dev, spool.st_ino), target
    connection.close()


def test_the_master_key_is_not_kept(listen):
    with open(f"{CONF}/master.key", "rb") as file:
        master = file.read()
    here = listen()
    here.get("t=x")
    assert PATH.encode() in b"".join(world.memory(here.pid))
    assert all(master not in piece for piece in world.memory(here.pid))


def test_it_takes_its_own_user_for_another(place, listen, bob):
    world.run("chown", "bob", SPOOL)
    here = listen("--user", "bob")
    assert status_of(here.pid)["Uid"] == [str(bob.uid)] * 4


def chmod(path, mode):
    return lambda: os.chmod(path, mode)


TROUBLE = {
    "no spool": (lambda: os.rmdir(SPOOL), (), f"run: install -d -o {USER} -g root -m 0750 {SPOOL}"),
    "another's spool": (lambda: os.chown(SPOOL, 0, 0), (), f"the user {USER} cannot write to it"),
    "everybody's spool": (chmod(SPOOL, 0o777), (), f"run: chmod o-w {SPOOL}"),
    "the spool is a link": (lambda: (os.rmdir(SPOOL), os.symlink("/tmp", SPOOL)), (), "Not a directory"),
    "no master key": (lambda: os.unlink(f"{CONF}/master.key"), (), "sms365 key init"),
    "no such user": (lambda: None, ("--user", "nobody-there"), "useradd --system"),
    "root": (lambda: None, ("--user", "root"), "name a user that can do nothing else"),
    "half of TLS": (lambda: None, ("--tls-cert", "/etc/hosts"), "--tls-cert and --tls-key go together"),
    "no certificate": (lambda: None, ("--tls-cert", "/nowhere/cert", "--tls-key", "/nowhere/key"), "/nowhere/cert: No"),
    "a key that others read": (lambda: None, ("--tls-cert", "/etc/hosts", "--tls-key", "/etc/hosts"), "chmod"),
    "no PEM": (chmod("/etc/hosts", 0o600), ("--tls-cert", "/etc/hosts", "--tls-key", "/etc/hosts"), "belong together"),
    "no range": (lambda: None, ("--from", "10.0.0.0/8,any-one"), "--from takes addresses"),
    "no number": (lambda: None, ("--ready-fd", "-1"), "given too often"),
    "a word": (lambda: None, ("now",), "too many words"),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_it_says_what_is_missing(place, name):
    spoil, arguments, text = TROUBLE[name]
    spoil()
    try:
        status, said = refusal(*arguments)
    finally:
        os.chmod("/etc/hosts", 0o644)
    assert text in said and status in (1, 2)
    assert said.count("\n") == 1


def test_without_a_callback_there_is_nothing_to_listen_for(place):
    place.configure()
    status, said = refusal()
    assert status == 2 and "callback in [challenge] is empty" in said


@pytest.mark.parametrize("address", ["localhost:8365", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:8365", "[::1]",
                                     "[127.0.0.1]:1", ":8365", "127.0.0.1:+1", "x" * 100 + ":1"])
def test_an_address_is_numeric_and_has_a_port(place, address):
    status, said = refusal(address=address)
    assert status == 2 and "--listen takes a numeric address and a port" in said


def test_a_port_that_is_taken_is_told(listen):
    here = listen()
    status, said = refusal(address=here.address)
    assert f"cannot listen on {here.address}: Address already in use" in said and status == 1


def test_who_is_not_root_is_told_to_be(place, alice):
    status, said = refusal(before=alice.command())
    assert status == 2 and "start this as root" in said
    status, said = refusal("--user", "bob", before=alice.command(), options=("-c", own_conf(alice)))
    assert status == 2 and "only root can become the user bob" in said


def own_conf(user):
    """A configuration, a master key and a spool that belong to a person."""
    home = f"{user.home}/own"
    world.run("install", "-d", "-o", user.name, "-g", user.name, "-m", "0700", home, f"{home}/spool")
    world.run("install", "-o", user.name, "-m", "0600", f"{CONF}/master.key", f"{home}/master.key")
    with open(f"{home}/conf", "w") as conf:
        conf.write(f"[provider]\nmaster = {home}/master.key\n"
                   f"[challenge]\ncallback = http://127.0.0.1:1{PATH}\nspool = {home}/spool\n")
    world.run("chown", user.name, f"{home}/conf")
    return f"{home}/conf"


def test_a_person_may_run_it_on_files_of_their_own(place, listen, alice):
    here = listen(before=alice.command(), options=("-c", own_conf(alice)))
    assert status_of(here.pid)["Uid"] == [str(alice.uid)] * 4 and status_of(here.pid)["NoNewPrivs"] == ["1"]
    assert here.get("t=x") == 404


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_cleanly(listen, number):
    here = listen(before=("env", "--default-signal"))  # whoever runs the tests may ignore them
    connection = here.connect()
    connection.sendall(b"GET ")
    os.kill(here.pid, number)
    assert here.wait() == 0
    assert listener.until_closed(connection) == b"" and "Reports kept: 0" in here.out and here.err == ""


def test_nohup_keeps_it_from_ending_with_its_terminal(listen):
    here = listen(before=("nohup",))
    os.kill(here.pid, signal.SIGHUP)
    assert here.get("t=x") == 404
    assert here.stop() == 0


def test_json_is_one_object_at_the_end(listen, token):
    here = listen(options=("--json",))
    assert here.get(f"t={token}&status=d") == 200
    assert here.stop() == 0
    assert json.loads(here.out) == {"address": here.address, "reports": 1} and here.out.count("\n") == 1


@pytest.mark.parametrize("name", ["/run/notify", "@notify"])
def test_the_service_manager_is_told(listen, name):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(20)
        if name.startswith("/"):
            os.chmod(name, 0o777)
        try:
            here = listen(env={"NOTIFY_SOCKET": name})
            assert manager.recv(100) == b"READY=1"
            assert here.get("t=x") == 404
            here.stop()
            assert manager.recv(100) == b"STOPPING=1"
        finally:
            if name.startswith("/"):
                os.unlink(name)


@pytest.mark.parametrize("name", ["", "/run/nobody", "relative", "@", "/" + "x" * 200])
def test_a_service_manager_that_is_not_there_is_not_missed(listen, name):
    assert listen(env={"NOTIFY_SOCKET": name}).get("t=x") == 404


def test_in_the_clear_from_afar_is_told(listen):
    here = listen(address="0.0.0.0:0")
    here.stop()
    assert "reports come in the clear" in here.err
    here = listen()
    here.stop()
    assert here.err == "" or "no Landlock" in here.err


def test_neither_the_library_nor_the_module_knows_an_http_server():
    for name, knows in ((".libs/libsms365.so", False), (".libs/pam_sms365.so", False), ("sms365", True)):
        assert ("libmicrohttpd" in world.run("readelf", "-W", "-d", f"{BUILD}/{name}")) == knows, name


def test_systemd_takes_the_unit(tmp_path):
    program = re.match(r"(\S+) listen$", unit(UNIT)["ExecStart"][0])[1]
    assert program.endswith("/sms365") and not re.search(r"@\w+@", "".join(sum(unit(UNIT).values(), [])))
    copy = tmp_path / "sms365-listen.service"
    with open(UNIT) as file:
        copy.write_text(file.read().replace(program, f"{BUILD}/sms365"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_allows_the_system_calls_that_are_made(listen, token, tmp_path):
    cert, key = certificate()
    used = set()
    for arguments, options in (((), {}), (("--tls-cert", cert, "--tls-key", key), {"ca": cert})):
        trace = tmp_path / f"trace-{len(arguments)}"
        here = listen(*arguments, before=("strace", "-f", "-o", str(trace)), **options)
        assert here.get(f"t={token}&status=d") == 200 and here.get("t=x") == 404
        for report in os.listdir(SPOOL):
            os.unlink(f"{SPOOL}/{report}")
        assert here.stop() == 0
        used |= set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M))
    assert {"setresuid", "accept4", "linkat"} <= used
    assert used - allowed_calls(unit(UNIT)) == set()


def test_the_unit_s_capabilities_are_enough(place, listen):
    """As systemd would start it: root with the unit's capabilities and no others."""
    os.chmod(SPOOL, 0o700)
    here = listen(before=as_root(unit(UNIT)))
    status = status_of(here.pid)
    assert bin(int(status["CapBnd"][0], 16)).count("1") == 4 and int(status["CapEff"][0], 16) == 0
    assert here.get("t=x") == 404


def test_systemd_makes_the_user_and_the_spool(product, account):  # noqa: F811
    assert "nologin" in world.run("getent", "passwd", USER)
    assert os.stat(SPOOL).st_uid == 0  # `sms365 key init` made it
    world.run("systemd-tmpfiles", "--create", f"{BUILD}/systemd/tmpfiles.d/sms365.conf")
    found = os.stat(SPOOL)
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (ids()[0], 0, 0o750)
    product.configure(callback="http://127.0.0.1:1" + PATH)
    here = Listener()
    assert here.stop() == 0


def test_the_unit_walls_off_everything_but_the_spool():
    said = unit(UNIT)
    assert said["Type"] == ["notify"] and said["ProtectSystem"] == ["strict"]
    assert said["ReadWritePaths"] == [f"-{SPOOL}"]
    for path in (f"{CONF}/keys.d", f"{CONF}/users", f"{STATE_DIRECTORY}/pam"):
        assert f"-{path}" in said["InaccessiblePaths"][0].split()
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "MemoryDenyWriteExecute",
                 "RestrictNamespaces", "LockPersonality", "RestrictSUIDSGID", "ProtectKernelModules"):
        assert said[name] == ["yes"]
    assert "AF_NETLINK" not in said["RestrictAddressFamilies"][0]


def test_the_manual_has_the_usage_and_the_bounds_of_the_program():
    with open(f"{SOURCE}/docs/sms365.8") as file:
        page = file.read().replace("\\-", "-").replace("\\\n", "")
    usage = subprocess.run([f"{BUILD}/sms365", "listen", "--help"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^  (listen .*)$", usage, re.M)[1] in page
    with open(f"{SOURCE}/cli/listen.h") as header, open(f"{SOURCE}/libsms365/edges/spool.h") as spool:
        values = dict(re.findall(r"#define (?:LISTEN|SMS365)_(\w+) (\d+)", header.read() + spool.read()))
    text = re.sub(r"\s+", " ", page)
    assert (f"at most {values['CONNECTIONS_MAX']} connections at a time, {values['PEER_CONNECTIONS_MAX']} of them from one "
            f"address (IPv6: one /64; loopback is not limited); each carries one request of at most {values['REQUEST_MAX']} "
            f"bytes and ends after {int(values['CONNECTION_MS']) // 1000} seconds") in text
    assert f"or {values['SPOOL_FILES_MAX']} files lie in the spool" in text
    assert values["TOLD_PER_MINUTE"] == "10" and "ten a minute of each at most" in text
