#!/usr/bin/env python3
# SPDX-FileCopyrightText: the xbucket authors
"""Prints "PASSED FAILED SKIPPED" of the output of `python3 -m unittest -v`, and the names of what failed.

usage: count_unittest.py LOG STATUS
"""
import re
import sys


def counts_of(text, status):
    """A dictionary of "passed", "failed" and "skipped". Output without an end is one failure."""
    ran = re.findall(r"^Ran (\d+) tests? in ", text, re.MULTILINE)
    end = re.findall(r"^(?:OK|FAILED)(?: \((.*)\))?$", text, re.MULTILINE)
    if not ran or not end:
        return {"passed": 0, "failed": 1, "skipped": 0}
    counts = dict(re.findall(r"([a-z ]+)=(\d+)", end[-1]))
    counts = {name.strip(): int(number) for name, number in counts.items()}
    failed = counts.get("failures", 0) + counts.get("errors", 0) + counts.get("unexpected successes", 0)
    skipped = counts.get("skipped", 0)
    if status != 0 and failed == 0:
        failed = 1
    return {"passed": max(int(ran[-1]) - failed - skipped, 0), "failed": failed, "skipped": skipped}


def failed_in(text):
    """As unittest tells them, each once: "module.Class.test"."""
    told = re.findall(r"^(?:FAIL|ERROR): (\w+) \(([\w.]+)\)", text, re.MULTILINE)
    return list(dict.fromkeys(place if place.endswith(name) else f"{place}.{name}" for name, place in told))


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        text = log.read()
    counts = counts_of(text, int(sys.argv[2]))
    print(counts["passed"], counts["failed"], counts["skipped"], *failed_in(text))


if __name__ == "__main__":
    main()
