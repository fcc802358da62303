#!/usr/bin/env python3
# SPDX-FileCopyrightText: the xbucket authors
"""Every long option that `xbucket --help` and `xbucket COMMAND --help` print is in the manual, in the
section that belongs to it, and the other way round.

usage: options_documented.py XBUCKET xbucket.1 xbucket-commands.1
"""
import re
import subprocess
import sys

# An option at the start of a line of --help: "  --name", "  -f, --name", "  -h, --help; -V, --version".
HELP_LINE = re.compile(r"^ {1,8}(-\S+(?: -\S+)*)")
LONG = re.compile(r"--([a-z][-a-z0-9]*)")
ITEM = re.compile(r"^\.It (?:Fl \w , -|Fl -)([a-z][-a-z0-9]*)")
# Which section of xbucket(1) says what which command takes; in xbucket-commands(1) each command has a
# subsection of its name.
SECTIONS = {"OPTIONS": ["--help"], "SERVING BUCKETS": ["serve", "--help"]}
COMMANDS = ("stat", "set", "unset", "find", "dump", "restore", "mounts", "stats", "status", "sync", "refresh",
            "unmount", "credentials", "doctor")


def options_of_program(program, arguments):
    run = subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True,
                         stdin=subprocess.DEVNULL)
    found = set()
    for line in run.stdout.splitlines():
        if match := HELP_LINE.match(line):
            found.update(LONG.findall(match.group(1)))
    return found


def options_of_page(text, sections, heading):
    found = {section: set() for section in sections}
    section = None
    for line in text.splitlines():
        if line.startswith(heading):
            section = line[4:].strip()
        elif section in found and (match := ITEM.match(line)):
            found[section].add(match.group(1))
    return found


def main():
    program, *pages = sys.argv[1:]
    sections = dict(SECTIONS)
    sections.update({command: [command, "--help"] for command in COMMANDS})
    documented = {}
    for page, heading, names in zip(pages, (".Sh ", ".Ss "), (SECTIONS, COMMANDS)):
        with open(page, encoding="utf-8") as file:
            documented.update(options_of_page(file.read(), names, heading))
    bad = 0
    for section, arguments in sections.items():
        page = pages[0] if section in SECTIONS else pages[1]
        printed = options_of_program(program, arguments)
        if not printed and section not in ("sync", "refresh"):
            print(f"xbucket {' '.join(arguments)} prints no options")
            bad += 1
        # Whoever reads the help has found --help.
        printed.discard("help")
        known = documented[section] - {"help"}
        for name in sorted(printed - known):
            print(f"--{name} is not in {page}, {section}")
            bad += 1
        for name in sorted(known - printed):
            print(f"{page}, {section}: --{name} is not in xbucket {' '.join(arguments)}")
            bad += 1
        print(f"{section}: {len(printed)} options")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
