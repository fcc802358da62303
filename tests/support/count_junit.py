#!/usr/bin/env python3
# SPDX-FileCopyrightText: the xbucket authors
"""Prints "PASSED FAILED SKIPPED" of a JUnit report (meson's or gtest's), and the names of what failed.

usage: count_junit.py REPORT STATUS     STATUS: the exit status of what wrote it

A run that failed without a failed case in its report (a crash, a timeout) counts as one failure. No
report, or one that cannot be read: exit status 1.
"""
import sys
import xml.etree.ElementTree as ElementTree


def main():
    report, status = sys.argv[1], int(sys.argv[2])
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError) as problem:
        print(problem, file=sys.stderr)
        return 1
    passed = failed = skipped = 0
    names = []
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            names.append(f'{case.get("classname", "")}.{case.get("name", "")}'.replace(" ", "_"))
        elif case.find("skipped") is not None or case.get("status") == "notrun" or \
                case.get("result") in ("skipped", "suppressed"):
            skipped += 1
        else:
            passed += 1
    if status not in (0, 77) and failed == 0:
        failed = 1
    print(passed, failed, skipped, *names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
