"""The library as a program of somebody else's has it: header, library and pkg-config file as `make install` puts them."""

import glob
import os
import re
import subprocess

import pytest

import world
from product import BUILD, CONF, NUMBER, PROMPT, SOURCE
from programs import Terminal, wrong


@pytest.fixture(scope="session")
def root():
    """Where the library is installed, and nothing else of the product: what is built is not built again for that."""
    path = "/run/installed"
    world.run("make", "-C", BUILD, "install-libLTLIBRARIES", "install-includeHEADERS", "install-pkgconfigDATA",
              f"DESTDIR={path}")
    return path


def found(root, name):
    """The one installed file of that name."""
    [path] = glob.glob(f"{root}/**/{name}", recursive=True)
    return path


@pytest.fixture(scope="session")
def compiled(root):
    """Compiles an example against what is installed alone; its path, and the environment it needs: compiled(name)."""
    environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": root,
                   "PKG_CONFIG_LIBDIR": os.path.dirname(found(root, "sms365.pc"))}
    flags = world.run("pkg-config", "--cflags", "--libs", "sms365", env=environment).split()
    directory = os.path.dirname(found(root, "libsms365.so"))

    def compile_example(name):
        program = f"{root}/{name}"
        world.run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"{SOURCE}/examples/{name}.c", *flags, "-o", program)
        return program, {"LD_LIBRARY_PATH": directory}

    return compile_example


@pytest.fixture(scope="session")
def example(compiled):
    """Starts examples/login.c: example(user)."""
    program, environment = compiled("login")
    return lambda user: Terminal([program, f"{CONF}/sms365.conf", user], env=environment)


def test_the_example_lets_in_by_the_right_code(product, sandbox, example):
    login = example("alice")
    login.sees(PROMPT)
    login.answers(sandbox.wait_message(NUMBER)["code"])
    assert login.ends() == 0, login.text
    assert len(sandbox.messages()) == 1


def test_the_example_denies_a_wrong_code(product, sandbox, example):
    login = example("alice")
    login.sees(PROMPT)
    login.answers(wrong(sandbox.wait_message(NUMBER)))
    assert login.ends() == 1, login.text
    assert len(sandbox.messages()) == 1


def test_the_example_tells_what_a_number_costs(product, sandbox, compiled):
    program, environment = compiled("number")
    product.configure(url=sandbox.base)
    sandbox.settings(balance=12.5)

    def told(number):
        return subprocess.run([program, f"{CONF}/sms365.conf", number], env=environment, capture_output=True, text=True)

    told_of = told("+44 7911 123456")
    assert told_of.stdout == "+447911123456 (UNITED KINGDOM): 1.25 a message, enough for 10\n", told_of.stderr
    refused = told("12")
    assert refused.returncode == 1 and "error 201" in refused.stderr
    sandbox.settings(balance=1000)


def test_the_library_exports_what_its_version_script_names_and_nothing_else(root):
    with open(f"{SOURCE}/libsms365/sms365.sym") as script:
        named = re.findall(r"\b(sms365_\w+);", script.read())
    listing = world.run("nm", "-D", "--defined-only", found(root, "libsms365.so"))
    assert {line.split()[-1] for line in listing.splitlines()} == {"SMS365_0", *(f"{name}@@SMS365_0" for name in named)}


def test_the_library_is_found_by_its_soname(root):
    library = found(root, "libsms365.so")
    assert "SONAME) Library soname: [libsms365.so.0]" in re.sub(" +", " ", world.run("readelf", "-W", "-d", library))
    assert os.path.realpath(f"{os.path.dirname(library)}/libsms365.so.0") == os.path.realpath(library)
