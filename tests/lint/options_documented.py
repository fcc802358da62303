#!/usr/bin/env python3
# SPDX-FileCopyrightText: the xbucket authors
"""Every long option that `xbucket --help` and `xbucket serve --help` print is in man/xbucket.1, in
the section that belongs to it, and the other way round.

usage: options_documented.py XBUCKET MAN_PAGE
"""
import re
import subprocess
import sys

# An option at the start of a line of --help: "  --name", "  -f, --name", "  -h, --help; -V, --version".
HELP_LINE = re.compile(r"^ {1,8}(-\S+(?: -\S+)*)")
LONG = re.compile(r"--([a-z][-a-z0-9]*)")
ITEM = re.compile(r"^\.It (?:Fl \w , -|Fl -)([a-z][-a-z0-9]*)")
# Which section of the page says what which command takes.
SECTIONS = {"OPTIONS": ["--help"], "SERVING BUCKETS": ["serve", "--help"]}


def options_of_program(program, arguments):
    run = subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True,
                         stdin=subprocess.DEVNULL)
    found = set()
    for line in run.stdout.splitlines():
        if match := HELP_LINE.match(line):
            found.update(LONG.findall(match.group(1)))
    return found


def options_of_page(text):
    found = {section: set() for section in SECTIONS}
    section = None
    for line in text.splitlines():
        if line.startswith(".Sh "):
            section = line[4:].strip()
        elif section in found and (match := ITEM.match(line)):
            found[section].add(match.group(1))
    return found


def main():
    program, page = sys.argv[1:]
    with open(page, encoding="utf-8") as file:
        documented = options_of_page(file.read())
    bad = 0
    for section, arguments in SECTIONS.items():
        printed = options_of_program(program, arguments)
        if not printed:
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
