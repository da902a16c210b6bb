"""The product as built, put into this world the way an administrator would: module, commands, configuration, keys."""

import contextlib
import os
import re
import shutil

import world

BUILD = os.path.abspath(os.environ.get("SMS365_BUILDDIR", os.path.join(os.path.dirname(__file__), "..", "..", "build")))
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
CONF = "/etc/sms365"
STATE = "/var/lib/sms365"
MODULE = f"{world.PAM_MODULES}/pam_sms365.so"

# Numbers whose last four digits decide what becomes of a message (see sms365-sandbox).
NUMBER = "306971234567"
OTHER_NUMBER = "306987654321"
FAILS = "306971230001"
PENDING = "306971230002"

PROMPT = "Enter it, or "
GENERIC = "Verification code: "


class Product:
    """What stands in /etc/sms365 and /var/lib/sms365. clean() puts it back to a state in which alice can log in."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        shutil.copy(f"{BUILD}/.libs/pam_sms365.so", MODULE)
        self.clean()

    def clean(self):
        for path in (CONF, STATE):
            shutil.rmtree(path, ignore_errors=True)
            os.mkdir(path, 0o755)
        os.mkdir(f"{CONF}/keys.d", 0o700)
        shutil.copy(self.sandbox.ca, f"{CONF}/ca.pem")
        self.users(alice=[NUMBER])
        self.configure()
        self.sms365("key", "init")
        self.add_key("main", self.sandbox.base)

    def new_master_key(self):
        """What was made under the master key before is void."""
        self.write("master.key", os.urandom(32), 0o600)
        self.add_key("main", self.sandbox.base)

    def clear_state(self):
        """Forget counters and challenges."""
        shutil.rmtree(f"{STATE}/pam", ignore_errors=True)

    def write(self, name, content, mode=0o644):
        """Write a file below /etc/sms365; returns its path."""
        path = f"{CONF}/{name}"
        with open(path, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def users(self, **numbers):
        """The user map: name=[number, …]."""
        self.write("users", "".join(f"{name}: {' '.join(each)}\n" for name, each in numbers.items()))

    def configure(self, **changes):
        """Write sms365.conf; changes are option="value", and service={"NAME": {option: value}} for sections of services."""
        services = changes.pop("service", {})
        options = {"sandbox": "yes", "ca": f"{CONF}/ca.pem", "timeout": "5", "wait": "5", **changes}
        sections = {}
        for name, value in options.items():
            sections.setdefault(section_of(name), []).append(f"{name} = {value}")
        for name, values in services.items():
            sections[f"service {name}"] = [f"{option} = {value}" for option, value in values.items()]
        self.write("sms365.conf", "".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items()))

    def add_key(self, name, *urls, key="DEMO-KEY", whitelist="127.0.0.0/8,::1"):
        """Put a key into the key store, unchecked: many a test has one that does not work."""
        arguments = [argument for url in urls for argument in ("--url", url)]
        self.sms365("key", "add", name, *arguments, "--whitelist", whitelist, "--replace", "--no-check", input=key + "\n")

    @staticmethod
    def sms365(*arguments, **options):
        """The administrator's command, which must succeed; its output."""
        return world.run(f"{BUILD}/sms365", *arguments, **options)

    def stack(self, service, *arguments, before=()):
        """Write a PAM stack whose last word is the module's; returns the service's name."""
        return world.write_pam(service, *before, " ".join(["auth required pam_sms365.so", *arguments]),
                               "account required pam_permit.so", "session required pam_permit.so")


@contextlib.contextmanager
def sudoers(user, service, *defaults):
    """user may run anything by sudo, through this PAM service; the rule's path."""
    path = f"/etc/sudoers.d/{user}-{service}"
    with open(path, "w") as file:
        os.fchmod(file.fileno(), 0o440)
        file.write(f"Defaults:{user} {', '.join([f'pam_service={service}', *defaults])}\n{user} ALL=(ALL) ALL\n")
    try:
        yield path
    finally:
        os.unlink(path)


def section_of(option):
    """The section that options.def has for an option."""
    with open(f"{SOURCE}/libsms365/pure/options.def") as table:
        found = re.search(rf'^OPTION\((\w+), "{option}",', table.read(), re.M)
    if found is None:
        raise KeyError(option)
    return found[1]
