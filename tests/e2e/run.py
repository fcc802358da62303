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


# Seconds with ASan, of the classes that take long: these begin first, so that at the end not one of
# them runs alone.
LONG = {
    "test_credentials.EverySource": 110, "test_tool_unusual.UnusualOss": 90, "test_tool_unusual.UnusualS3": 90,
    "test_credentials.Trouble": 100, "test_parity.ParityOss": 75, "test_parity.ParityS3": 75,
    "test_providers.AliyunModes": 57, "test_tool.Interrupted": 50, "test_tool.ToolOss": 50, "test_tool.ToolS3": 50,
    "test_promises.PromisesOss": 45, "test_promises.PromisesS3": 45, "test_writing.KilledOss": 45,
    "test_writing.KilledS3": 45, "test_tool.Mounts": 40, "test_providers.OtherSources": 38,
    "test_faults.ServiceOss": 40, "test_faults.ServiceS3": 40, "test_signals.Fatal": 43,
}


def tests_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        else:
            yield test


def classes(patterns):
    """The ids of the chosen tests of each class; what takes longest, or has most tests, first."""
    loader = unittest.TestLoader()
    loader.testNamePatterns = [p if "*" in p else f"*{p}*" for p in patterns] or None
    found = defaultdict(list)
    for test in tests_of(loader.discover(HERE)):
        found[type(test)].append(test.id())
    if loader.errors:
        sys.exit("\n".join(loader.errors))

    def cost(kind):
        return LONG.get(f"{kind.__module__}.{kind.__qualname__}", 0), len(found[kind])

    return [found[kind] for kind in sorted(found, key=cost, reverse=True)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count() + 1)
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
