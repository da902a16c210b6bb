"""The play behind scripts/demo: its stage is a private world, its transcript what a person would see."""

import html.parser
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "integration"))

import product  # noqa: E402
import programs  # noqa: E402
import webserver  # noqa: E402
import world  # noqa: E402
from sandbox import Sandbox  # noqa: E402

PASSWORD = "wonderland"
PHONE = product.NUMBER

# What is protected: it knows nothing of passwords and codes, but the name that nginx hands on.
APPLICATION = """
    server {
        listen unix:%DIR%/app;
        location / {
            default_type text/html;
            return 200 '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>An application</title>
                        <h1>Hello $http_x_user</h1>
                        <p>This page stands behind a password and a code.</p>
                        <p><a href="/sms365/">Your session</a></p></html>';
        }
    }
"""


def say(text=""):
    print(text, flush=True)


def show_phone(message):
    say()
    say(f"        .--- the phone of +{message['to']} ---")
    say(f"        |  {message['from'] or 'SMS'}: {message['text']}")
    say("        '---")
    say()


class Play:
    """A person at a terminal: what is shown there, and what the person does."""

    def __init__(self, argv, shown):
        say(f"$ {shown}")
        self._terminal = programs.Terminal(argv)

    def sees(self, text):
        before = self._terminal.sees(text)
        say((before + text).replace("\r", "").strip("\n"))

    def types(self, text, unseen=None):
        """Type a line; unseen says what it is where the terminal does not echo it."""
        if unseen:
            say(f"        [types {unseen}]")
        self._terminal.answers(text)

    def ends(self):
        status = self._terminal.ends()
        if status != 0:
            raise SystemExit(f"demo: the session ended with {status}:\n{self._terminal.text}")


class PageText(html.parser.HTMLParser):
    """What a person reads on a page, a line a paragraph; buttons and links in brackets, fields as such."""

    HIDDEN = ("title", "script", "style")

    def __init__(self, page):
        super().__init__()
        self.lines = [""]
        self._skipped = 0
        self.feed(re.sub(r"<(\w+)[^>]* hidden>.*?</\1>", "", page))

    def handle_starttag(self, tag, attrs):
        if tag in ("h1", "h2", "p", "label"):
            self.lines.append("")
        if tag in ("button", "a"):
            self.lines.append("[ ")
        if tag == "input" and dict(attrs).get("type") != "hidden":
            self.lines.append("[        ]")
        self._skipped += tag in self.HIDDEN

    def handle_endtag(self, tag):
        if tag in ("button", "a"):
            self.lines[-1] += " ]"
        self._skipped -= tag in self.HIDDEN

    def handle_data(self, data):
        if not self._skipped:
            self.lines[-1] += data.replace("\n", " ")

    def __str__(self):
        return "\n".join(line.strip() for line in self.lines if line.strip())


class Visit:
    """A person at a browser without JavaScript: the pages, and what the person does there."""

    def __init__(self, server, user, path):
        self._browser = server.browser(user.name, user.password)
        self._page = self._browser.get(path)
        self._follow()

    def _follow(self):
        while self._page.status == 303:
            say(f"  -> {self._page.headers['location']}")
            self._page = self._browser.follow(self._page)
        for line in str(PageText(self._page.text)).splitlines():
            say(f"  | {line}")

    def sees(self, text):
        if text not in str(PageText(self._page.text)):
            raise SystemExit(f"demo: the page does not say {text!r}")

    def presses(self, button, action, **fields):
        say(f"        [presses {button}]")
        self._page = self._browser.submit(self._page, action, **fields)
        self._follow()


def administrator_types(*words, given=""):
    """A command of the administrator's, shown with what it says."""
    say(f"# sms365 {' '.join(words)}")
    for line in world.run(f"{product.BUILD}/sms365", *words, input=given).splitlines():
        say(f"  {line}")


def furnish(sandbox, directory):
    """The module and its configuration, alice with her phone, the two PAM stacks."""
    alice = world.User("alice", PASSWORD)
    shutil.copy(f"{product.BUILD}/.libs/pam_sms365.so", product.MODULE)
    os.mkdir(product.CONF, 0o755)
    with open(f"{product.CONF}/sms365.conf", "w") as conf:
        conf.write(f"[provider]\nsandbox = yes\nurl = {sandbox.base}\n"
                   "[challenge]\ntext = Your login code is %%CODE%%\nfrom = sms365\n")
    say()
    say("== What the administrator does once ==")
    say()
    administrator_types("key", "init")
    administrator_types("key", "add", "demo", "--whitelist", "127.0.0.0/8", given=sandbox.key + "\n")
    administrator_types("user", "add", "alice", f"+{PHONE}")
    world.write_pam("sshd", "# sshd has checked the key: here comes the code.", "auth required pam_sms365.so",
                    "account required pam_unix.so", "session required pam_unix.so")
    world.write_pam("sudo", "auth requisite pam_unix.so", "auth required pam_sms365.so first_factor=stacked",
                    "account required pam_unix.so", "session required pam_unix.so")
    with open("/etc/sudoers.d/alice", "w") as rule:
        rule.write("alice ALL=(ALL) ALL\n")
    with open(f"{alice.home}/.bashrc", "w") as profile:
        profile.write("PS1='alice$ '\n")
    webserver.password_file(alice)
    # The key stands outside of the private world too, for whoever logs in from there.
    shutil.copy(alice.key, f"{directory}/alice.key")
    return alice


def start(name, server):
    """On the machine's own loopback a port can be taken between being picked and being used: then another."""
    for _ in range(5):
        try:
            return server()
        except (AssertionError, webserver.Refused) as why:
            trouble = why
    raise SystemExit(f"demo: {name} does not start: {trouble}")


def perform_web(server, sandbox, alice):
    say()
    say("== A web page behind nginx: the password, then a code ==")
    say()
    say(f"  https://127.0.0.1:{server.port}/    (the browser asks for alice's password)")
    visit = Visit(server, alice, "/")
    visit.presses("Send the code", "send")
    message = sandbox.wait_message(PHONE)
    show_phone(message)
    say(f"        [types {message['code']}]")
    visit.presses("Continue", "verify", code=message["code"])
    visit.sees("Hello alice")


def perform(server, sandbox, alice):
    say()
    say("== An SSH login: the public key, then a code ==")
    say()
    play = Play(server.client(alice, options=("-tt",)), f"ssh -p {server.port} alice@127.0.0.1")
    play.sees("r = again: ")
    message = sandbox.wait_message(PHONE)
    show_phone(message)
    play.types(message["code"], unseen=message["code"])
    play.sees("alice$ ")
    say()
    say("== sudo in that session: the password, then a code ==")
    say()
    play.types("sudo id")
    play.sees("password for alice: ")
    play.types(PASSWORD, unseen="the password")
    play.sees("r = again: ")
    message = sandbox.wait_message(PHONE)
    show_phone(message)
    play.types(message["code"], unseen=message["code"])
    play.sees("alice$ ")
    play.types("exit")
    play.ends()


def stay(server, web, sandbox, directory):
    say(f"""
== Now you, from another terminal of this machine ==

  open    {sandbox.url}/sandbox/
          the phone: codes appear there as they arrive

  open    https://127.0.0.1:{web.port}/
          user "alice", password "{PASSWORD}", then a code. The browser warns of the certificate: the demo has
          made it for itself.

  type    ssh -p {server.port} -i {directory}/alice.key -o IdentitiesOnly=yes \\
              -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no alice@127.0.0.1
          then, logged in:  sudo id        (the password is "{PASSWORD}")

Ctrl-C here ends everything.""")
    try:
        signal.pause()
    except KeyboardInterrupt:
        say()


def outside(arguments):
    """Start the play in a private world and wait for its end; Ctrl-C is for the play, other signals end all of it."""
    def give_up(number, _frame):
        raise SystemExit(128 + number)

    with tempfile.TemporaryDirectory(prefix="sms365-demo-") as directory:
        anew = world.command([sys.executable, os.path.abspath(__file__), directory, *arguments], network=False)
        signal.signal(signal.SIGTERM, give_up)
        signal.signal(signal.SIGHUP, give_up)
        # Whatever ends the play, what its parts keep in temporary files goes with the directory.
        with subprocess.Popen(anew, env={**os.environ, "TMPDIR": directory}) as play:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                return play.wait()
            finally:
                play.kill()


def main():
    if not world.inside():
        raise SystemExit(outside(sys.argv[1:]))
    directory, keep = sys.argv[1], "--keep" in sys.argv[2:]
    world.build(network=False)
    log = world.Syslog()
    with Sandbox.start(tls=False) as sandbox:
        alice = furnish(sandbox, directory)
        server = start("sshd", lambda: programs.Sshd("sshd"))
        web = start("nginx", lambda: webserver.Nginx(webserver.example("access", APPLICATION)))
        perform(server, sandbox, alice)
        perform_web(web, sandbox, alice)
        say()
        say("== What the log has of it ==")
        say()
        for line in log.matching("event=login"):
            say(line.text)
        if keep:
            stay(server, web, sandbox, directory)
        web.stop()
        server.stop()
    say()
    say("The private namespace is gone, and everything in it.")


if __name__ == "__main__":
    try:
        main()
    except world.CannotEnter as why:
        raise SystemExit(f"demo: {why}")
