"""The provider's API as libsms365/pure/endpoints.def has it, for generators and tests."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "libsms365/pure/endpoints.def"
COMMANDS = ROOT / "cli/families.def"
MACROS = {TABLE: {"ENDPOINT": 5, "ALIAS": 2, "PARAM": 9, "WAY": 2, "FIELD": 3, "SUBFIELD": 4, "LIST": 4, "VALUES": 4,
                  "FAULT": 2, "ALREADY": 2, "ERROR_TEXT": 3},
          COMMANDS: {"GROUP": 2, "FAMILY": 4}}
MARK = "@row@"
LITERALS = re.compile(r'"((?:[^"\\]|\\.)*)"')


def _rows(table):
    """Every use of a macro, after the compiler expanded those of the table's own: its name, and its arguments."""
    source = ""
    for name, count in MACROS[table].items():
        arguments = [f"a{i}" for i in range(count)]
        source += f"#define {name}({', '.join(arguments)}) {MARK} {name} @ {' @ '.join(arguments)}\n"
    source += f'#include "{table}"\n'
    done = subprocess.run([os.environ.get("CC", "cc"), "-E", "-P", "-x", "c", "-"], input=source, check=True,
                          stdout=subprocess.PIPE, text=True)
    for row in done.stdout.split(MARK)[1:]:
        # No text of the table has an at sign.
        yield [_value(part) for part in row.split("@")]


def _value(part):
    """Literals that stand together are one."""
    texts = LITERALS.findall(part)
    return "".join(text.replace('\\"', '"') for text in texts) if texts else " ".join(part.split())


def load():
    """The endpoints by path, in the table's order, and the errors: {code: (the reference's text, advice)}."""
    by_id, errors = {}, {}
    for macro, *row in _rows(TABLE):
        if macro == "ENDPOINT":
            by_id[row[0]] = {"id": row[0], "path": row[1], "auth": row[2], "costs": row[3] == "COSTS", "help": row[4],
                             "params": [], "aliases": [], "ways": [], "fields": [], "faults": [], "already": []}
        elif macro == "ERROR_TEXT":
            errors[int(row[0])] = (row[1], row[2])
        elif macro == "PARAM":
            names = ("name", "type", "min", "max", "need", "err_empty", "err_bad", "help")
            param = dict(zip(names, row[1:]))
            for number in ("min", "max", "err_empty", "err_bad"):
                param[number] = int(param[number])
            by_id[row[0]]["params"].append(param)
        elif macro == "ALIAS":
            by_id[row[0]]["aliases"].append(row[1])
        elif macro == "WAY":
            by_id[row[0]]["ways"].append(row[1].split())
        elif macro in ("FAULT", "ALREADY"):
            by_id[row[0]]["faults" if macro == "FAULT" else "already"].append(int(row[1]))
        else:
            within = None if macro == "FIELD" or row[1] == "NULL" else row[1]
            name, kind = row[1:3] if macro == "FIELD" else row[2:4]
            listed = macro in ("LIST", "VALUES")
            by_id[row[0]]["fields"].append({"object": within, "name": name, "type": macro if listed else kind,
                                            "item": kind if listed else None})
    return {endpoint["path"]: endpoint for endpoint in by_id.values()}, errors


def families():
    """The commands of cli/families.def: {group: (help, [(words, path, price)])}."""
    paths = {endpoint["id"]: path for path, endpoint in load()[0].items()}
    groups = {}
    for macro, *row in _rows(COMMANDS):
        if macro == "GROUP":
            groups[row[0]] = (row[1], [])
        else:
            group, name, identity, price = row
            groups[group][1].append((f"{group} {name}", paths[identity], price))
    return groups
