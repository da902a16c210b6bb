"""What the generators of manual pages share."""

import re
import sys


def literal(text):
    """Text as roff takes it literally; `words` in backquotes come out bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)


def between_marks(page, what, generator, table, text, usage):
    """Put the text into the page, between its two marks; with --check among the arguments, say whether it is there."""
    begin = f'.\\" {what} begin here: {generator} writes them from {table.name}.\n'
    end = f'.\\" {what} end here.\n'
    present = page.read_text()
    if present.count(begin) != 1 or present.count(end) != 1:
        raise SystemExit(f"{page}: the marks between which {what.lower()} stand are missing")
    before, rest = present.split(begin)
    wanted = before + begin + text + end + rest.split(end)[1]
    if sys.argv[1:] == ["--check"]:
        if present != wanted:
            raise SystemExit(f"{page} is not what {table} says: run {generator}")
    elif sys.argv[1:]:
        raise SystemExit(usage)
    else:
        page.write_text(wanted)
