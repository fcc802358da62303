# SPDX-FileCopyrightText: the xbucket authors
"""xbucket doctor, on services and machines where something is wrong."""

import os
import signal
import subprocess
import unittest

from harness import BINARY, both_dialects
from tool_case import INTERRUPTED, OK, SOME_FAILED, ToolCase, clean_environment


@both_dialects
class Doctor(ToolCase):
    def doctor(self, *more, code=OK, **keywords):
        return self.tool("doctor", f"{self.dialect}://examplebucket", *more, code=code, **keywords).stdout

    def test_a_good_bucket_is_called_good_and_left_clean(self):
        self.client.put("f", b"x")
        said = self.doctor()
        for check in ("fuse", "spool", "settings", "credentials", "list", "clock", "head", "get", "acl",
                      "tags", "put", "copy", "conditions", "create", "multipart", "put-acl", "put-tags", "delete"):
            self.assertRegex(said, rf"(?m)^(ok|note) +{check} ")
        self.assertIn("conditions are honoured", said)
        self.assertIn("nothing stands in the way", said)
        self.assert_left_clean()

    def assert_left_clean(self):
        self.assertNotIn("doctor", self.client.ok("GET", query={"list-type": "2"})[1].decode())
        self.assertNotIn("doctor", self.client.ok("GET", query={"uploads": None})[1].decode())

    def test_an_empty_bucket_is_tried_on_an_object_of_its_own(self):
        said = self.doctor()
        for check in ("head", "get", "acl", "tags"):
            self.assertRegex(said, rf"(?m)^ok +{check} ")
        self.assertRegex(self.doctor("--read-only"), r"(?m)^note +head +there is no object")

    def test_a_key_that_may_not_list_has_its_other_rights_tried(self):
        self.client.put("f", b"x")
        self.server.set_faults("list:*:403:AccessDenied")
        said = self.doctor(code=SOME_FAILED)
        self.assertRegex(said, r"(?m)^FAIL +list .*must allow ListObjects")
        for check in ("put", "head", "get", "copy", "conditions", "delete"):
            self.assertRegex(said, rf"(?m)^ok +{check} ")
        self.assertRegex(said, r"(?m)^(ok|note) +clock ")  # a slow reply is told as a clock that differs
        self.assertIn("1 problem found", said)
        self.server.set_faults()
        self.assert_left_clean()

    def test_a_key_that_may_only_read_is_told_of_read_only_mounts(self):
        self.client.put("f", b"x")
        self.server.set_faults("put:*:403:AccessDenied")
        said = self.doctor(code=SOME_FAILED)
        self.assertRegex(said, r"(?m)^FAIL +put ")
        self.assertIn("--ro", said)
        for check in ("head", "get", "acl", "tags"):
            self.assertRegex(said, rf"(?m)^ok +{check} ")

    def test_a_server_that_is_gone_is_one_problem_with_its_address(self):
        self.server.stop()
        said = self.doctor(code=SOME_FAILED)
        self.assertRegex(said, rf"(?m)^FAIL +list +cannot reach {self.server.endpoint}")
        self.assertIn("1 problem found", said)

    def test_it_takes_the_command_line_of_a_mount_and_looks_at_the_mount_point(self):
        point = os.path.join(self.home, "point")
        small = os.path.join(self.home, "file-in-the-way")
        with open(small, "w", encoding="utf-8"):
            pass
        said = self.doctor(point, "--spool", small + "/spool", "--stat=meta", "-f", code=SOME_FAILED)
        self.assertRegex(said, r"(?m)^FAIL +mountpoint .*mkdir -p")
        self.assertRegex(said, r"(?m)^FAIL +spool .*\n +-> .*--spool")
        shared = os.path.join(self.home, "shared")
        os.mkdir(shared)
        os.chmod(shared, 0o777)
        said = self.doctor(point, f"--spool={shared}", "--file_mode=0600", code=SOME_FAILED)
        self.assertRegex(said, r"(?m)^FAIL +spool .*can be written by others.*\n +-> .*--spool")
        os.mkdir(point)
        self.assertRegex(self.doctor(point, "--ro"), r"(?m)^ok +mountpoint ")
        self.assertNotRegex(self.doctor(point, "--ro"), r"(?m)^\w+ +put ")
        mounted = self.mount()
        self.assertRegex(self.doctor(mounted.path, code=SOME_FAILED), r"(?m)^FAIL +mountpoint .*already")
        mounted.process.kill()
        mounted.process.wait()
        self.assertRegex(self.doctor(mounted.path), r"(?m)^note +mountpoint .*daemon is gone")

    def test_ctrl_c_leaves_nothing_behind(self):
        self.server.set_faults("copy:*:delay:2000")
        run = subprocess.Popen([BINARY, "doctor", f"{self.dialect}://examplebucket", *self.service()], env=self.env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for line in run.stdout:
            if line.startswith("ok    tags"):
                break
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=300)[0]
        self.assertEqual(run.returncode, INTERRUPTED)
        self.assertNotIn("put-tags", said)
        self.assertRegex(said, r"(?m)^ok +delete ")
        self.assert_left_clean()

    def test_a_missing_right_is_named_with_what_to_allow(self):
        for fault, check, right in (("copy:*:403:AccessDenied", "copy", "PutObject"),
                                    ("put:*:403:AccessDenied", "put", "PutObject"),
                                    ("tagging:*:403:AccessDenied", "put-tags", "PutObjectTagging")):
            with self.subTest(fault):
                self.server.stop()
                self.server = type(self.server)(self.data, "--fault", fault)
                self.addCleanup(self.server.stop)
                said = self.doctor(code=SOME_FAILED)
                self.assertRegex(said, rf"(?m)^FAIL +{check} ")
                self.assertIn(right, said)

    def test_a_wrong_key_and_ignored_conditions_are_noticed(self):
        self.env["OSS_ACCESS_KEY_SECRET"] = self.env["AWS_SECRET_ACCESS_KEY"] = "wrong"
        said = self.doctor(code=SOME_FAILED)
        self.assertRegex(said, r"(?m)^FAIL +list ")
        self.env = clean_environment(self.home)
        self.server.stop()
        self.server = type(self.server)(self.data, "--fault", "copy:*:ignore-conditions")
        self.addCleanup(self.server.stop)
        self.assertRegex(self.doctor(), r"(?m)^note +conditions +copy conditions are ignored")

    def test_read_only_writes_nothing(self):
        self.client.put("f", b"x")
        seen = len(self.server.requests())
        self.doctor("--read-only")
        self.assertEqual({k for k in self.count(seen)} - {"GET", "HEAD", "LIST"}, set())


if __name__ == "__main__":
    unittest.main()
