#!/usr/bin/env python3
# SPDX-FileCopyrightText: the xbucket authors
"""The manual is clean to `mandoc -T lint`, matters of style included, and its pages refer to each
other by names that exist. What mandoc says about manuals that are not installed here, and about
long lines, which people wrap when they next touch a paragraph, does not count.

usage: man_pages.py MANDOC PAGE...
"""
import pathlib
import re
import subprocess
import sys

NOT_OURS = ("referenced manual not found", "outdated mandoc.db", "input text line longer than 80 bytes")


def problems_of(mandoc, pages):
    run = subprocess.run([mandoc, "-T", "lint", "-W", "style", *pages], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, check=False)
    # Each by itself: mandoc writes the one in blocks, and lines of the other would tear its lines.
    said = run.stdout.splitlines() + run.stderr.splitlines()
    yield from (line for line in said if not any(part in line for part in NOT_OURS))
    names = {page.name for page in pages}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for name, chapter in sorted(set(re.findall(r"\bXr (xbucket\S*) (\d)", text))):
            if f"{name}.{chapter}" not in names:
                yield f"{page}: {name}({chapter}) does not exist"


def main():
    problems = list(problems_of(sys.argv[1], [pathlib.Path(word) for word in sys.argv[2:]]))
    print("\n".join([*problems, f"{len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
