# SPDX-FileCopyrightText: the xbucket authors
"""The tour in README.md, run line by line as a newcomer would, in a home of its own."""

import os
import re
import subprocess
import tempfile
import unittest

from harness import BINARY

README = os.path.join(os.path.dirname(__file__), "../../README.md")


def tour():
    with open(README, encoding="utf-8") as file:
        section = file.read().split("### One minute with it", 1)[1].split("\n#", 1)[0]
    return [line[4:] for line in section.splitlines() if line.startswith("    ")]


class Tour(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory(prefix="xbucket-readme-")
        self.addCleanup(self.home.cleanup)
        self.mountpoint = os.path.join(self.home.name, "b")
        self.addCleanup(self.unmount)
        tools = os.path.join(self.home.name, "bin")
        os.mkdir(tools)
        os.symlink(os.path.abspath(BINARY), os.path.join(tools, "xbucket"))
        self.env = {k: v for k, v in os.environ.items()
                    if not re.match(r"OSS_|AWS_|ALIBABA_|XBUCKET_", k)}
        self.env.update(HOME=self.home.name, PATH=tools + ":" + os.environ["PATH"])

    def unmount(self):
        if os.path.ismount(self.mountpoint):
            subprocess.run(["fusermount3", "-u", "-z", "-q", self.mountpoint], check=False)

    def run_line(self, line):
        done = subprocess.run(["bash", "-c", line], env=self.env, cwd=self.home.name, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}")
        return done.stdout

    def test_every_line_of_the_tour_succeeds_and_shows_what_it_says(self):
        lines = tour()
        self.assertGreater(len(lines), 8)
        shown = ""
        for line in lines:
            # The last look before the unmount: the copy has the attributes of the original.
            if line.startswith("fusermount3"):
                copied = self.run_line("getfattr -d ~/b/copy.txt")
                self.assertIn('user.people="eliot"', copied)
                self.assertIn('user.http.cache-control="max-age=60"', copied)
                self.assertIn('user.tag.project="demo"', copied)
            shown += self.run_line(line)
        self.assertIn('user.year="2020"', shown)
        self.assertRegex(shown, r'user\.object\.etag="[0-9A-Fa-f]{32}"')
        self.assertRegex(shown, r"(?im)^x-oss-meta-people: eliot$")
        self.assertFalse(os.path.ismount(self.mountpoint))


if __name__ == "__main__":
    unittest.main()
