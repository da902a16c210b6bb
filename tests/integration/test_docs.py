"""What the documentation says is what the tables, headers and sources say."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page for folder in ("docs", "cli", "sandbox") for page in (ROOT / folder).glob("*.[1-8]"))
TEXTS = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "NEWS", DOCS / "guide.md",
         DOCS / "threat-model.md"]
OPTION = re.compile(r'^OPTION\((\w+), "(\w+)", (\w+), \w+, (.*?), (\d+), (\d+),', re.M)
DIRECTORIES = {"SMS365_SYSCONFDIR ": "/etc/sms365", "SMS365_STATEDIR ": "/var/lib/sms365"}


def read(path):
    return (ROOT / path).read_text()


def options():
    """Section, name, type, default, minimum and maximum of every option of the table."""
    for section, name, kind, default, low, high in OPTION.findall(read("libsms365/pure/options.def")):
        for macro, directory in DIRECTORIES.items():
            default = default.replace(macro, '"' + directory + '"')
        yield section, name, kind, default.replace('"', ""), int(low), int(high)


def shown(page):
    """A page as a person reads it, in one long line a paragraph."""
    settings = {"MANWIDTH": "1000", "LC_ALL": "C.UTF-8", "MANPAGER": "cat",
                "MANOPT": "--no-hyphenation --no-justification"}
    return subprocess.run(["man", "-E", "UTF-8", "-l", str(page)], check=True, stdout=subprocess.PIPE, encoding="utf-8",
                          env={"PATH": os.environ["PATH"], **settings}).stdout


def literal(page):
    """The examples of a page, as they were before roff."""
    text = page.read_text()
    for escape, plain in (("\\-", "-"), ("\\(aq", "'"), ("\\(dq", '"'), ("\\e", "\\"), ("\\fB", ""), ("\\fR", "")):
        text = text.replace(escape, plain)
    return re.findall(r"^\.EX\n(.*?)^\.EE$", text, re.M | re.S)


def squeezed(text):
    return re.sub(r"\s+", " ", text).replace("( ", "(").strip()


def prototypes(text):
    """Functions that a header or a synopsis declares, by name."""
    found = {}
    for statement in re.sub(r"^#[^\n]*$|/\*.*?\*/", "", text, flags=re.M | re.S).split(";"):
        match = re.search(r"\b(sms365_\w+)\([^()]*\)$", statement)
        if match:
            found[match[1]] = squeezed(statement)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_manual_pages_are_set_without_a_warning(page):
    for argv in (["groff", "-man", "-ww", "-Tutf8", "-Kutf8", page],
                 ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page]):
        done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_manual_pages_are_installed_and_refer_to_pages_that_are_there():
    makefiles = "".join(read(f"{folder}/Makemodule.am") for folder in ("docs", "cli", "nginx_module", "sandbox"))
    ours = {page.stem: page.suffix[1:] for page in PAGES}
    for page in PAGES:
        assert f"{page.parent.name}/{page.name}" in makefiles
        for name, section in re.findall(r"^\.BR \"?([\w.\\-]*sms365[\w.\\-]*) \((\d)\)", page.read_text(), re.M):
            assert ours.get(name.replace("\\", "")) == section, f"{page.name} refers to {name}({section})"
    for text in TEXTS:
        for name in re.findall(r"`man ([\w.-]+)`", text.read_text()):
            assert name in ours, f"{text.name} refers to {name}"


def test_every_option_is_in_the_manual_with_its_default_and_bounds():
    page = shown(DOCS / "sms365.conf.5")
    table = list(options())
    assert len(table) == read("libsms365/pure/options.def").count("\nOPTION(")
    for _, name, kind, default, low, high in table:
        entry = re.search(rf"^ *{name} = (.*)\n *Default: (.*)\.$", page, re.M)
        assert entry, f"{name} is not in sms365.conf(5)"
        assert entry[2] == (default or "empty")
        if kind == "NUMBER":
            assert entry[1] == f"number from {low} to {high}"
        elif kind in ("TEXT", "PATH"):
            assert entry[1] == f"{kind.lower()} of {low} to {high} bytes"


def test_the_manual_s_options_are_what_the_generator_writes():
    done = subprocess.run([sys.executable, ROOT / "scripts/options-man", "--check"], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_manual_are_what_the_generator_writes():
    done = subprocess.run([sys.executable, ROOT / "scripts/commands-man", "--check"], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def test_the_page_of_the_api_is_what_the_generator_writes():
    done = subprocess.run([sys.executable, ROOT / "scripts/api-doc", "--check"], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def test_the_example_configuration_shows_every_option_with_its_default():
    text = read("examples/sms365.conf")
    section, seen = None, {}
    for line in text.splitlines():
        header = re.fullmatch(r"\[(.*)\]", line)
        setting = re.fullmatch(r"(#?)(\w+) =(?: (.*))?", line)
        if header:
            section = header[1]
        elif setting:
            seen.setdefault(setting[2], (section, setting[1], setting[3] or ""))
    for wanted, name, _, default, _, _ in options():
        assert name in seen, f"{name} is not in examples/sms365.conf"
        section, commented, value = seen[name]
        assert section == wanted
        assert not commented or value == default


def test_every_exported_function_is_in_the_manual_as_the_header_declares_it():
    exported = set(re.findall(r"^ +(sms365_\w+);$", read("libsms365/sms365.sym"), re.M))
    declared = {}
    for part in re.findall(r"^SMS365_API ([^;]*;)", read("libsms365/sms365.h"), re.M):
        declared.update(prototypes(part))
    page = DOCS / "libsms365.3"
    synopsis = prototypes(literal(page)[0])
    assert set(declared) == exported
    assert synopsis == declared
    sections = set(re.findall(r"^\.SS (sms365_\w+)\(\)$", page.read_text(), re.M))
    assert sections == exported
    named = re.search(r"^\.SH NAME\n(.*?)^\.SH", page.read_text(), re.M | re.S)[1]
    assert exported <= set(re.findall(r"sms365_\w+", named))


def test_every_field_that_a_program_sets_or_reads_is_in_the_manual():
    header = re.sub(r"/\*.*?\*/", "", read("libsms365/sms365.h"), flags=re.S)
    page = squeezed(shown(DOCS / "libsms365.3"))
    for name in ("options", "subject", "dialogue", "outcome"):
        body = re.search(rf"struct sms365_{name} \{{(.*?)\n\}};", header, re.S)[1]
        fields = [squeezed(field) for field in body.split(";") if field.strip()]
        assert fields
        for field in fields:
            assert field in page, f"struct sms365_{name}: {field}"


def test_every_error_and_reason_is_in_the_manual():
    header = read("libsms365/sms365.h")
    page = shown(DOCS / "libsms365.3")
    entries = [(f"SMS365_{name}", text) for name, text in re.findall(r'SMS365_ERR\((\w+), "(.*?)"\)', header)]
    entries += [(name, text) for name, text in re.findall(r'SMS365_REASON\((\w+), "\w+",\s*"(.*?)"\)', header)]
    assert len(entries) == len(re.findall(r"^    SMS365_(?:ERR|REASON)\(.*\\$|^    SMS365_(?:ERR|REASON)\(\w+, .*[^\\]$",
                                          header, re.M))
    for name, text in entries:
        assert re.search(rf"^ *{name}\s+{text[0].upper()}{re.escape(text[1:])}\.$", page, re.M), name


def test_the_library_s_example_is_the_one_that_is_compiled():
    source = read("examples/login.c")
    assert literal(DOCS / "libsms365.3")[-1].rstrip() == source[source.index("#include"):].rstrip()


def test_return_codes_of_the_pam_module_are_in_its_manual_with_their_reasons():
    source = read("pam_sms365/pam_sms365.c")
    body = re.search(r"static int return_code\(.*?^}", source, re.M | re.S)[0]
    machine = "".join(path.read_text() for path in (ROOT / "libsms365/pure").glob("challenge*.c"))
    let_in = {code: re.findall(rf"{step}\(ch, SMS365_REASON_(\w+)\)", machine)
              for code, step in (("PAM_SUCCESS", "challenge_allow"), ("PAM_IGNORE", "challenge_bypass"))}
    assert all(let_in.values())
    body = body.replace("default:", "".join(
        f"case SMS365_REASON_{name}:\n" for name in re.findall(r'SMS365_REASON\((\w+), "', read("libsms365/sms365.h"))
        if f"SMS365_REASON_{name}:" not in body and name not in ("NONE", *sum(let_in.values(), []))))
    page = shown(DOCS / "pam_sms365.8")
    values = re.search(r"^RETURN VALUES\n(.*?)^\w", page, re.M | re.S)[1]
    told = dict(re.findall(r"^ +(PAM_\w+)\s+(.*)$", values, re.M))
    groups = re.findall(r"((?:\s*case SMS365_REASON_\w+:\n)+)\s*return (.*?);", body)
    assert groups
    for cases, code in groups:
        for name in re.findall(r"SMS365_REASON_(\w+)", cases):
            for single in re.findall(r"PAM_\w+", code):
                assert f"({name.lower()})" in told[single], f"{name} under {single}"
    for code, names in let_in.items():
        for name in names:
            assert re.search(rf"\b{name.lower()}\b", told[code]), f"{name} under {code}"
    assert set(re.findall(r"return .*?(PAM_\w+)", source)) - {"PAM_IGNORE"} <= set(told)


def test_every_reason_of_the_log_is_in_the_guide():
    reasons = set(re.findall(r'SMS365_REASON\(\w+, "(\w+)"', read("libsms365/sms365.h"))) - {"none"}
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|.*\|.*\|$", read("docs/guide.md").split("## What the log says")[1], re.M)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == reasons


def test_every_event_and_field_of_the_audit_lines_is_in_the_manual():
    page = shown(DOCS / "sms365-audit.5")
    machine = read("libsms365/pure/challenge_audit.c") + read("libsms365/pure/audit.c")
    fields = set(re.findall(r'(?:put_\w+|begin_field|sms365_audit_(?:text|word|number|cost))\(&?line, "(\w+)"', machine))
    assert {"user", "service", "rhost", "channel", "verdict", "reason", "cost"} <= fields
    for name in fields:
        assert re.search(rf"^ +{name}( |$)", page, re.M) or name == "event", name
    commands = "".join(path.read_text() for path in (ROOT / "cli").glob("*.c"))
    events = re.findall(r'cli_audit_begin\(cli, &line, "(\w+)"', commands)
    assert len(events) >= 5
    for event in events:
        assert re.search(rf"^ +event={event}\b", page, re.M), event
    for name in re.findall(r'sms365_audit_\w+\(&line, "(\w+)"', commands):
        assert re.search(rf"\b{name}\b", page), name
    for line in re.findall(r"event=report[^\"]*", read("cli/listen_http.c")):
        for name in re.findall(r"(\w+)=", line):
            assert re.search(rf"^ +{name}\b", page, re.M) or name in ("event", "reason", "error"), name


def test_formats_of_users_and_keys_are_those_of_the_headers():
    def constant(path, name):
        return int(re.search(rf"#define {name} (\d+)", read(path))[1])

    users = squeezed(shown(DOCS / "sms365-users.5"))
    most = constant("libsms365/edges/users.h", "SMS365_USER_NUMBERS_MAX")
    name = constant("libsms365/base/record.h", "SMS365_RECORD_NAME_MAX")
    assert "SMS365_USER_NAME_SIZE (SMS365_RECORD_NAME_MAX + 1)" in read("libsms365/edges/users.h")
    digits = constant("libsms365/pure/msisdn.h", "SMS365_MSISDN_SIZE") - 1
    assert f"At most {most}, separated by blanks" in users
    assert f"It has at most {name} bytes" in users
    assert f"8 to {digits} digits" in users
    example = re.search(r"\*   (alice: .*)", read("libsms365/edges/users.h"))[1]
    assert example in literal(DOCS / "sms365-users.5")[0]

    keys = squeezed(shown(DOCS / "sms365-keys.5"))
    header = "libsms365/edges/keys.h"
    assert f"1 to {constant(header, 'SMS365_KEY_NAME_MAX')} letters" in keys
    assert f"1 to {constant(header, 'SMS365_KEY_URLS_MAX')} base URLs" in keys
    assert f"At most {constant(header, 'SMS365_KEYS_MAX')} keys" in keys
    assert f"at most {constant('libsms365/pure/cidr.h', 'SMS365_CIDR_MAX')}, never none" in keys
    labels = re.findall(r'"([\w-]+) "', re.search(r"labels\[\w+\] = \{(.*?)\}", read("libsms365/edges/key_file.c"))[1])
    assert [line.split()[0] for line in literal(DOCS / "sms365-keys.5")[1].splitlines()] == labels


def test_the_receiver_in_the_manual_writes_reports_as_the_manual_says(tmp_path):
    program = literal(DOCS / "sms365-report.5")[-1].replace("/var/lib/sms365/spool", str(tmp_path))
    compile(program, "receiver", "exec")
    identity = bytes(range(16))
    token = "AAECAwQFBgcICQoLDA0OD_______________________"[:43]
    for query, written in ((f"t={token}&msgid=1&status=d", True), ("t=short&status=d", False), ("", False),
                           (f"t={token}&status=d&x={'x' * 2048}", False)):
        done = subprocess.run([sys.executable, "-c", program], env={"QUERY_STRING": query}, check=True, text=True,
                              stdout=subprocess.PIPE)
        assert done.stdout.startswith("Content-Type: text/plain\n\n")
        report = tmp_path / f"{identity.hex()}.report"
        assert [path.name for path in tmp_path.iterdir()] == ([report.name] if written else [])
        if written:
            assert report.read_text() == query
            report.unlink()


def test_pam_lines_in_the_documentation_are_those_of_the_examples():
    """Whoever copies from a page gets what is tested: auth lines stand in a complete stack, word for word."""
    stacks = {line for path in (ROOT / "examples/pam").iterdir() for line in map(squeezed, path.read_text().splitlines())}
    texts = [path.read_text() for path in TEXTS] + ["\n".join(literal(DOCS / "pam_sms365.8"))]
    lines = [line for text in texts for line in map(squeezed, text.splitlines())
             if re.match(r"auth\s+\w+\s+pam_", line)]
    assert lines
    for line in lines:
        assert line in stacks, line


def test_commands_in_the_documentation_exist():
    """`sms365 user add` and its like, wherever they are written as something to type."""
    table = "".join(path.read_text() for path in (ROOT / "cli").glob("*.c"))
    commands = {f"{group} {name}" if group else name for group, name in
                re.findall(r'^    \{(?:"(\w+)"|NULL), "([\w-]+)",\s+"', table, re.M)}
    assert len(commands) > 10
    commands |= set(re.findall(r'^FAMILY\("(\w+)",', read("cli/families.def"), re.M))
    texts = {path.name: path.read_text() for path in TEXTS}
    sources = [*(ROOT / "libsms365").rglob("*.c"), *(ROOT / "libsms365").rglob("*.def"), *(ROOT / "cli").glob("*.c")]
    texts.update({path.name: re.sub(r'"\s*"', "", path.read_text()) for path in sources})
    texts.update({page.name: page.read_text().replace("\\-", "-") for page in PAGES})
    typed = re.compile(r"(?:^ {4}|`|^\.BR? \"?|run: )sms365 (?:-c \S+ )?(?:--json )?([a-z\d]+)(?: ([a-z][a-z-]*))?", re.M)
    found = [(name, *match) for name, text in texts.items() for match in typed.findall(text)]
    assert len(found) > 30
    for name, first, second in found:
        assert first in commands or f"{first} {second}" in commands, f"{name}: sms365 {first} {second}"


def test_links_lead_somewhere():
    for text in TEXTS:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text.read_text()):
            if "://" not in target:
                assert (text.parent / target).exists(), f"{text.name}: {target}"


def test_every_value_and_word_of_the_portals_pages_is_in_the_manual():
    page = squeezed(shown(DOCS / "ngx_http_sms365_module.8"))
    own = page[page.index("Pages of your own"):page.index("No request waits for another")]
    values = re.findall(r'ngx_strcmp\(name, "(\w+)"\) == 0|^        \{ "(\w+)", ',
                        read("nginx_module/ngx_http_sms365_page.c").partition("/* --- Responses --- */")[0], re.M)
    words = re.findall(r'^    \{ "(\w+)", \{', read("nginx_module/ngx_http_sms365_pages.c"), re.M)
    used = re.findall(r"\{\{[?!/]?t\.([a-z_]+)\}\}", read("examples/nginx/pages/code.html"))
    values = {*map("".join, values)}
    assert len(values) > 15 and len(words) > 20 and set(used) <= set(words)
    for name in [*values, *words]:
        assert re.search(rf"\b{name}\b", own), f"{name} is not in ngx_http_sms365_module(8)"
    guide = read("docs/guide.md").partition("\n## Pages of your own\n")[2].partition("\n## ")[0]
    files, names = (re.findall(rf"^\| ({names}(?:, {names})*) \|", guide, re.M) for names in (r"`\w+\.html`", r"`\w+`"))
    pages = re.search(r"page_names\[\w+\] = \{(.*?)\}", read("nginx_module/ngx_http_sms365_page.c"), re.S)[1]
    assert [f"`{name}.html`" for name in re.findall(r'"(\w+)"', pages)] == files
    assert values == {name for row in names for name in re.findall(r"\w+", row)}


def test_everything_that_programs_and_events_are_told_is_in_the_manual():
    page = squeezed(shown(DOCS / "ngx_http_sms365_module.8"))
    portal, events = page[page.index("go the same way"):page.index("Backup codes Who")].split("Events GET to")
    source = read("nginx_module/ngx_http_sms365_json.c")
    pages = read("nginx_module/ngx_http_sms365_page.c")

    def names(pattern, text=source):
        return re.findall(r'"(\w+)"', re.search(pattern, text, re.S)[1])

    message, rest = names(r"message\[\] = (.*?);"), names(r"rest\[\] = (.*?);")
    whole = names(r"if \(whole && view(.*?)\n    }\n")
    fields = re.findall(r'cJSON_Add\w+ToObject\(object, "(\w+)"', source)
    assert (len(message), len(rest), len(whole)) == (3, 3, 2) and len(fields) > 6
    for name in (*fields, *message, *rest):
        assert re.search(rf"\b{name}\b", portal), f"{name} is not told to programs"
        assert name in (*rest, *whole) or re.search(rf"\b{name}\b", events), f"{name} is not told of events"
    states = re.findall(r'\{ "(\w+)", SMS365_TEXT_\w+ \}', pages)
    assert len(states) == 5
    for name in (*states, *names(r"page_names\[\w+\] = \{(.*?)\}", pages)):
        assert re.search(rf"\b{name}\b", page), name
