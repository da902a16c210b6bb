"""systemd's units as built: what they say, and a process confined as one of them asks for, without systemd."""

import re

import world


def unit(path):
    """What a unit says: every directive's values, in order."""
    found = {}
    with open(path) as file:
        for name, value in re.findall(r"^(\w+)=(.*)$", file.read(), re.M):
            found.setdefault(name, []).append(value)
    return found


def system_calls(names):
    """System calls that a list of systemd's stands for."""
    found = set()
    for name in names:
        if name.startswith("@"):
            listing = world.run("systemd-analyze", "syscall-filter", "--no-pager", name)
            found |= system_calls(re.findall(r"^ +([@\w-]+)$", listing, re.M))
        else:
            found.add(name)
    return found


def allowed_calls(said):
    return system_calls(" ".join(said["SystemCallFilter"]).split())


def as_root(said):
    """What starts a program as root with the unit's capabilities and no others."""
    kept = ["+" + name.lower().removeprefix("cap_") for name in said["CapabilityBoundingSet"][0].split()]
    return ["setpriv", "--bounding-set=" + ",".join(["-all", *kept]), "--inh-caps=-all", "--no-new-privs"]


def paths(said, directive):
    return [path.removeprefix("-") for path in " ".join(said.get(directive, [])).split()]


def walled_off(said):
    """What starts a program in a file system in which it may write to the unit's paths alone, with others hidden."""
    lines = ["set -e", "chmod 0 /run/hidden-directory /run/hidden-file"]
    lines += [f"mount --bind {path} {path}" for path in paths(said, "ReadWritePaths")]
    lines += [f"if [ -d {path} ]; then mount --bind /run/hidden-directory {path}; else mount --bind /run/hidden-file {path}; fi"
              for path in paths(said, "InaccessiblePaths")]
    kept = "|".join(["/proc", "/proc/*", "/sys", "/sys/*", "/dev", "/dev/*", *paths(said, "ReadWritePaths")])
    lines += ["awk '{print $5}' /proc/self/mountinfo | while read -r path; do "
              f"case $path in {kept}) ;; *) mount -o remount,bind,ro \"$path\" ;; esac; done"]
    return ["unshare", "--mount", "sh", "-c",
            "mkdir -p /run/hidden-directory && touch /run/hidden-file\n" + "\n".join(lines) + '\nexec "$@"', "sh"]
