# SPDX-FileCopyrightText: the xbucket authors
"""What services tell beyond an object itself, through mounts and seen from outside: its versions."""

import json
import os
import re
import unittest

from harness import both_dialects, error_of


@both_dialects
class Versions:
    server_options = ("--versioning",)

    def test_versions_are_listed_from_the_newest(self):
        self.client.put("a.txt", b"one")
        self.client.ok("DELETE", "a.txt")
        self.client.put("a.txt", b"three")
        self.client.put("a.txt.bak", b"another object")
        mount = self.mount()
        newest = os.getxattr(mount / "a.txt", "user.object.version-id").decode()
        lines = [json.loads(line) for line in os.getxattr(mount / "a.txt", "user.object.versions").splitlines()]
        self.assertEqual([v["latest"] for v in lines], [True, False, False])
        self.assertEqual([v["delete_marker"] for v in lines], [False, True, False])
        self.assertEqual([v.get("size") for v in lines], [5, None, 3])
        self.assertEqual(lines[0]["version_id"], newest)
        self.assertEqual(lines[0]["etag"], os.getxattr(mount / "a.txt", "user.object.etag").decode())
        self.assertEqual(self.client.ok("GET", "a.txt", query={"versionId": lines[2]["version_id"]})[1], b"one")
        self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", lines[0]["last_modified"]))
        os.setxattr(mount / "a.txt", "user.x", b"1")
        again = os.getxattr(mount / "a.txt", "user.object.versions").splitlines()
        self.assertEqual(len(again), 4)
        self.assertEqual(json.loads(again[1])["version_id"], newest)
        self.assertNotIn("user.object.versions", os.listxattr(mount / "a.txt"))
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.object.versions", b"x"), "EPERM")


@both_dialects
class NoVersions:
    def test_a_bucket_that_keeps_no_versions_says_so(self):
        self.client.put("a.txt", b"x")
        mount = self.mount()
        self.assertEqual(error_of(os.getxattr, mount / "a.txt", "user.object.versions"), "EOPNOTSUPP")


if __name__ == "__main__":
    unittest.main(verbosity=2)
