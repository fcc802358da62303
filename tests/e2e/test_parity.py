# SPDX-FileCopyrightText: the xbucket authors
"""A mount beside a plain directory: the same system calls must have the same results and leave the
same files behind. The cases are in parity_*.py."""

import os
import shutil
import unittest

import parity_attributes  # the files of cases: importing them fills CASES
import parity_cases
import parity_content
import parity_names
from harness import both_dialects


@both_dialects
class Parity:
    """One test a case, in directories of its own."""

    def compare(self, case):
        plain = os.path.join(self.scratch.name, "plain")
        os.mkdir(plain)
        self.addCleanup(shutil.rmtree, plain, ignore_errors=True)
        try:
            os.setxattr(plain, "user.probe", b"")
        except OSError:
            self.skipTest("the scratch file system has no user xattrs")
        mount = self.mount()
        os.mkdir(mount / "dir")
        expected, seen = run(case, plain), run(case, mount / "dir")
        self.maxDiff = None
        self.assertEqual(seen, expected)
        self.assertEqual(tree(mount / "dir"), tree(plain))
        # What another mount shows is what the bucket really holds.
        mount.stop()
        other = self.mount()
        self.assertEqual(tree(other / "dir"), tree(plain))


def run(case, directory):
    before = os.getcwd()
    os.chdir(directory)
    try:
        return case(directory)
    finally:
        os.chdir(before)


def tree(top):
    """Every file below with its content and attributes."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in folders + files:
            path = os.path.join(folder, name)
            link = os.path.islink(path)
            key = os.path.relpath(path, os.fsencode(top))
            what = os.readlink(path) if link else read(path) if os.path.isfile(path) else None
            found[key] = what, parity_cases.xattrs(path, follow_symlinks=False)
    return found


def read(path):
    with open(path, "rb") as file:
        return file.read()


def add_tests():
    for case in parity_cases.CASES:
        def test(self, case=case):
            self.compare(case)
        for name in ("ParityOss", "ParityS3"):
            setattr(globals()[name], f"test_{case.__name__}", test)


add_tests()

if __name__ == "__main__":
    unittest.main()
