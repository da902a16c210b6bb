"""The nginx module in Debian's nginx: that it loads, what it leaves to be read, what it refuses at nginx -t."""

import os
import pwd
import shutil
import subprocess

import pytest

import tickets
import world
from portal import log_in
from product import CONF, SOURCE
from test_nginx_load import kill
from webserver import Refused, example, password_file

SERVER = "sms365_config /etc/sms365/sms365.conf; server { listen %PORT% ssl; location / { sms365_service app; sms365_user $remote_user; } }"


def test_it_loads_and_answers(product, nginx):
    running = nginx(SERVER.replace("sms365_user", "return 200 ok; sms365_user"))
    assert running.browser().get("/").text == "ok"


def test_nobody_may_read_a_workers_memory(product, nginx):
    running = nginx(SERVER)
    running.browser().get("/")  # a worker that answers has become what it is to be
    for worker in running.workers():
        with open(f"/proc/{worker}/status") as status:
            assert f"\nUid:\t{pwd.getpwnam('www-data').pw_uid}\t" in status.read()
        # The kernel gives what belongs to a process that is not dumpable to root.
        assert os.stat(f"/proc/{worker}/environ").st_uid == 0
    peek = subprocess.run(["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups", "cat",
                           f"/proc/{running.workers()[0]}/maps"], capture_output=True, text=True)
    assert peek.returncode != 0 and "Permission denied" in peek.stderr


def test_no_process_of_nginx_keeps_the_master_key_in_memory(product, nginx, sandbox, alice):
    """Neither after the start, nor after a reload, nor in what takes a dead worker's place."""
    password_file(alice)
    product.configure(resend_after="0")
    with open(f"{CONF}/master.key", "rb") as file:
        master = file.read()
    running = nginx(example("access"))
    for change in (lambda: None, running.reload, lambda: kill(running)):
        change()
        log_in(running.browser(alice.name, alice.password), sandbox)
        for pid in (running.pid, *running.workers()):
            held = b"".join(world.memory(pid))
            assert tickets.derived("store") in held and master not in held
    running.forgive()


def test_every_mistake_in_the_configuration_is_told_with_its_line(product, nginx):
    product.write("sms365.conf", "[provider]\ntimeout = soon\n[challenge]\nlive = 3\n")
    good, said = nginx(SERVER, start=False).test()
    assert not good
    assert "/etc/sms365/sms365.conf:2: \"timeout\" must be a number" in said
    assert "/etc/sms365/sms365.conf:4: there is no option \"live\"; did you mean \"life\"" in said
    assert "sms365, service \"app\": /etc/sms365/sms365.conf: 2 mistakes" in said and "nginx.conf:" in said


@pytest.mark.parametrize("wrong, told", [
    ("sms365_config sms365.conf;", "the path \"sms365.conf\" has to begin with /"),
    ("sms365_config /etc/sms365/sms365.conf; sms365_config /etc/sms365/sms365.conf;", "is duplicate"),
    ("sms365_config /etc/sms365/nowhere.conf;", "/etc/sms365/nowhere.conf"),
    ("sms365_service \"a b\";", "the name of a service is made of"),
    ("sms365_service \"\";", "the name of a service is made of"),
    ("server { sms365_config /etc/sms365/sms365.conf; }", "directive is not allowed here"),
])
def test_a_wrong_directive_is_refused_with_file_and_line(product, nginx, wrong, told):
    good, said = nginx(f"{wrong} server {{ listen %PORT%; location / {{ }} }}", start=False).test()
    assert not good
    assert told in said and "nginx.conf:" in said


@pytest.mark.parametrize("missing", ["master.key", "keys.d/main.key"])
def test_without_its_keys_it_does_not_start(product, nginx, missing):
    os.unlink(f"{CONF}/{missing}")
    good, said = nginx(SERVER, start=False).test()
    assert not good and "/etc/sms365/" in said


def test_a_reload_with_a_mistake_keeps_what_runs(product, nginx):
    running = nginx(SERVER.replace("sms365_user", "return 200 ok; sms365_user"))
    product.write("sms365.conf", "nonsense\n")
    with pytest.raises(Refused, match="sms365.conf:1"):
        running.reload()
    assert running.browser().get("/").text == "ok"
    product.configure()
    running.reload()
    assert running.browser().get("/").text == "ok"
    running.forgive()


@pytest.mark.slow
def test_nginxs_own_configure_builds_it(product, nginx, tmp_path):
    """As ngx_http_sms365_module(8) has it, over Debian's nginx-dev, without writing there."""
    objs = tmp_path / "objs"
    shutil.copytree(f"{SOURCE}/nginx_module", tmp_path / "sms365/nginx_module")
    shutil.copytree(f"{SOURCE}/libsms365", tmp_path / "sms365/libsms365")
    shutil.copy(f"{SOURCE}/configure.ac", tmp_path / "sms365")
    script = (f'. ./conf_flags && ./configure "${{NGX_CONF_FLAGS[@]}}" --builddir={objs} '
              f'--add-dynamic-module={tmp_path}/sms365/nginx_module && make -f {objs}/Makefile modules')
    world.run("bash", "-c", script, cwd="/usr/share/nginx/src")
    built = f"{objs}/ngx_http_sms365_module.so"
    exported = world.run("nm", "-D", "--defined-only", built)
    assert sorted(line.split()[-1] for line in exported.splitlines()) == [
        "ngx_http_sms365_module", "ngx_module_names", "ngx_module_order", "ngx_modules"]
    running = nginx(SERVER, start=False, module=built)
    assert running.test() == (True, running.test()[1])


@pytest.mark.slow
def test_nginxs_own_configure_says_what_it_needs(tmp_path):
    """An nginx without threads."""
    script = (f'. ./conf_flags && flags=() && for flag in "${{NGX_CONF_FLAGS[@]}}"; do '
              f'[[ $flag == --with-threads ]] || flags+=("$flag"); done; '
              f'./configure "${{flags[@]}}" --builddir={tmp_path}/objs --add-dynamic-module={SOURCE}/nginx_module')
    configured = subprocess.run(["bash", "-c", script], cwd="/usr/share/nginx/src", capture_output=True, text=True)
    assert configured.returncode != 0
    assert "the sms365 module needs nginx's threads: use --with-threads" in configured.stdout + configured.stderr
    built_in = script.replace("--add-dynamic-module", "--add-module").replace(" == --with-threads ", " == '' ")
    configured = subprocess.run(["bash", "-c", built_in], cwd="/usr/share/nginx/src", capture_output=True, text=True)
    assert configured.returncode != 0
    assert "the sms365 module cannot be built in: use --add-dynamic-module" in configured.stdout + configured.stderr
