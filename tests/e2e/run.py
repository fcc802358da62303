#!/usr/bin/env python3
# SPDX-FileCopyrightText: the xbucket authors
"""Runs the end-to-end tests, some classes side by side: they wait for servers and mounts most of the
time. What a class says is printed as a whole; the end is that of `python3 -m unittest -v`.

usage: run.py [--jobs N] [PATTERN...]     patterns as with unittest's -k
"""
import argparse
import os
import subprocess
import sys
import threading
import time
import unittest
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

from count_unittest import counts_of  # noqa: E402  pylint: disable=wrong-import-position


def tests_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        else:
            yield test


def classes(patterns):
    """The ids of the chosen tests of each class; the classes with most tests first."""
    loader = unittest.TestLoader()
    loader.testNamePatterns = [p if "*" in p else f"*{p}*" for p in patterns] or None
    found = defaultdict(list)
    for test in tests_of(loader.discover(HERE)):
        found[type(test)].append(test.id())
    if loader.errors:
        sys.exit("\n".join(loader.errors))
    return sorted(found.values(), key=len, reverse=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    printing = threading.Lock()

    def run(names):
        began = time.monotonic()
        result = subprocess.run([sys.executable, "-m", "unittest", "-v", *names], text=True, errors="replace",
                                env=dict(os.environ, PYTHONPATH=HERE), check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with printing:
            print(result.stdout, f"{names[0].rpartition('.')[0]}: {time.monotonic() - began:.1f} s\n", flush=True)
        return Counter(counts_of(result.stdout, result.returncode))

    began = time.monotonic()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        total = sum(pool.map(run, classes(arguments.patterns)), Counter())
    print(f"Ran {total['passed'] + total['failed'] + total['skipped']} tests in {time.monotonic() - began:.3f}s\n")
    print(f"{'FAILED' if total['failed'] else 'OK'} (failures={total['failed']}, skipped={total['skipped']})")
    sys.exit(1 if total["failed"] or not total["passed"] + total["skipped"] else 0)


if __name__ == "__main__":
    main()
