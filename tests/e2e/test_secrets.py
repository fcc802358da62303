# SPDX-FileCopyrightText: the xbucket authors
"""Planted secrets, and every place where they must not be found: arguments, environments, logs at any
level, errors, statistics, attributes, files, what a crash would dump."""

import base64
import os
import re
import subprocess
import unittest
from urllib.parse import quote

from harness import ACCESS_KEY, BINARY, SANITIZED, BucketCase, Mount, Server, error_of, mount_options
import harness

PLANTED = "PlantedSecret+Key/0123456789abcdefXYZ"
TOKEN = "PlantedToken+/=0123456789abcdefXYZ"


def spellings(secret):
    raw = secret.encode()
    return {raw, base64.b64encode(raw).rstrip(b"="), raw.hex().encode(), quote(secret, safe="").encode(),
            quote(secret).encode()}


class Secrets(BucketCase):
    def setUp(self):
        super().setUp()
        self.old_secret = harness.SECRET
        # A second server over the same folder, which wants the planted pair.
        harness.SECRET = PLANTED
        try:
            self.guarded = Server(self.data, token=TOKEN, log=os.path.join(self.scratch.name, "guarded.log"))
        finally:
            harness.SECRET = self.old_secret
        self.addCleanup(self.guarded.stop)
        self.environment = {"OSS_ACCESS_KEY_ID": ACCESS_KEY, "OSS_ACCESS_KEY_SECRET": PLANTED,
                            "OSS_SESSION_TOKEN": TOKEN, "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                            "AWS_SECRET_ACCESS_KEY": PLANTED, "AWS_SESSION_TOKEN": TOKEN}

    def assert_clean(self, data, where, secrets=(PLANTED, TOKEN)):
        data = data if isinstance(data, bytes) else data.encode(errors="surrogateescape")
        for secret in secrets:
            for spelling in spellings(secret):
                self.assertNotIn(spelling, data, where)

    def use(self, mount):
        """All kinds of requests, some of which fail."""
        for name in ("a", "b"):
            with open(mount / name, "w", encoding="ascii") as file:
                file.write(name * 1000)
        os.setxattr(mount / "a", "user.year", b"2021")
        os.setxattr(mount / "a", "user.tag.project", b"x")
        os.rename(mount / "a", mount / "c")
        with open(mount / "c", encoding="ascii") as file:
            file.read()
        os.listdir(mount.path)
        error_of(os.setxattr, mount / "c", "user.object.etag", b"no")
        error_of(os.stat, mount / "none")
        self.assertIn(b"http", os.getxattr(mount / "c", "user.object.url"))

    def look_at_process(self, pid):
        for name in ("cmdline", "environ", "status", "maps"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                self.assert_clean(file.read(), name)

    def look_at_mount(self, mount):
        for name in ("user.xbucket.stats", "user.xbucket.headers"):
            self.assert_clean(os.getxattr(mount / "c", name), name)
        for name in os.listxattr(mount / "c"):
            self.assert_clean(os.getxattr(mount / "c", name), name)
        with open("/proc/self/mountinfo", "rb") as file:
            self.assert_clean(file.read(), "mountinfo")
        for folder in (harness.STATE, self.scratch.name):
            for path, _, files in os.walk(folder):
                for name in files:
                    try:
                        with open(os.path.join(path, name), "rb") as file:
                            self.assert_clean(file.read(), os.path.join(path, name))
                    except FileNotFoundError:
                        pass  # gone meanwhile

    def look_at_dumpable_memory(self, pid):
        """What a core dump would hold: all memory but the pages that are marked "don't dump". A token
        is in the headers of requests; the secret itself is in no request."""
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
            text = file.read()
        regions = re.findall(r"(?m)^([0-9a-f]+)-([0-9a-f]+) (r\S+) .*\n(?:[A-Z].*\n)*?VmFlags: (.*)$", text)
        self.assertGreater(len(regions), 20)
        marked = 0
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for begin, end, _, flags in regions:
                if "dd" in flags.split():
                    marked += 1
                    continue
                try:
                    memory.seek(int(begin, 16))
                    data = memory.read(int(end, 16) - int(begin, 16))
                except (OSError, ValueError, OverflowError):
                    continue  # the kernel's own pages
                self.assert_clean(data, f"memory {begin}", secrets=(PLANTED,))
        self.assertGreater(marked, 0, "no page is kept out of dumps")

    def test_a_mount_that_logs_everything_shows_none(self):
        for dialect in ("oss", "s3"):
            for options in (["--debug"], ["--log-level=debug"], []):
                with self.subTest(dialect, options=options):
                    mount = Mount(f"{dialect}://examplebucket", *mount_options(dialect, self.guarded), *options,
                                  env=self.environment)
                    self.addCleanup(mount.end)
                    self.use(mount)
                    self.look_at_process(mount.process.pid)
                    self.look_at_mount(mount)
                    # A sanitizer keeps a copy of the first environment for itself.
                    if os.geteuid() == 0 and not SANITIZED:
                        self.look_at_dumpable_memory(mount.process.pid)
                    mount.stop()
                    self.assert_clean(mount.said(), "log")

    def test_core_dumps_are_off_unless_asked_for(self):
        for options, limit in (([], "0"), (["--core-dumps"], None)):
            mount = Mount("oss://examplebucket", *mount_options("oss", self.guarded), *options, env=self.environment)
            self.addCleanup(mount.end)
            with open(f"/proc/{mount.process.pid}/limits", encoding="ascii") as file:
                line = next(line for line in file if line.startswith("Max core file size"))
            if limit is not None:
                self.assertEqual(line.split()[4], limit)
            mount.stop()

    def test_commands_and_refusals_show_none(self):
        wrong = dict(self.environment, OSS_ACCESS_KEY_SECRET=PLANTED + "x", OSS_SESSION_TOKEN=TOKEN + "x")
        service = [f"--endpoint={self.guarded.endpoint}", "--region=cn-hangzhou", "--log-level=debug"]
        for env in (self.environment, wrong):
            for words in (["stat", "oss://examplebucket/a"], ["find", "oss://examplebucket/"],
                          ["doctor", "oss://examplebucket"], ["credentials", "oss://examplebucket"],
                          ["credentials", "oss://examplebucket", "--json"]):
                run = subprocess.run([BINARY, *words, *service], env={**os.environ, **env}, capture_output=True,
                                     stdin=subprocess.DEVNULL, check=False, timeout=300)
                self.assert_clean(run.stdout + run.stderr, words)

    def test_requests_that_the_server_logs_hold_none(self):
        mount = Mount("oss://examplebucket", *mount_options("oss", self.guarded), env=self.environment)
        self.addCleanup(mount.end)
        self.use(mount)
        mount.stop()
        with open(self.guarded.log, "rb") as file:
            self.assert_clean(file.read(), "the server's log")


if __name__ == "__main__":
    unittest.main()
