# SPDX-FileCopyrightText: the xbucket authors
"""The commands in README.md, run line by line as a newcomer would, in a home of its own."""

import os
import re
import subprocess
import tempfile
import unittest

from harness import ACCESS_KEY, BINARY, SECRET, BucketCase, Client

README = os.path.join(os.path.dirname(__file__), "../../README.md")


def commands_of(heading):
    """The indented lines below a heading, without what is said behind two or more blanks or a '#'."""
    with open(README, encoding="utf-8") as file:
        section = file.read().split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    return [re.split(r"\s{2,}|\s+#\s", line)[0] for line in lines if not line.lstrip().startswith("#")]


def tour():
    return commands_of("### One minute with it")


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

    def test_every_command_of_the_commands_section_succeeds(self):
        lines = tour()
        for line in lines[:-1]:
            self.run_line(line)
        shown = ""
        commands = commands_of("## Commands")
        self.assertGreater(len(commands), 10)
        for line in commands:
            # "status" has nothing to complain about here, and the last line unmounts.
            shown += self.run_line(line)
        self.assertIn(os.path.join(self.home.name, "b/note.txt"), shown)
        self.assertIn("nothing stands in the way", shown)
        self.assertFalse(os.path.ismount(self.mountpoint))


class Mounting(BucketCase):
    """The lines of "Mounting" against a server of our own, which stands in for the services."""

    def test_every_line_mounts(self):
        for bucket in ("photos", "data", "public-data"):
            Client("oss", self.server, bucket).make_bucket()
            Client("oss", self.server, bucket).put("2024/a.txt", b"x")
        home = os.path.join(self.scratch.name, "home")
        os.makedirs(os.path.join(home, ".aws"))
        with open(os.path.join(home, ".aws/credentials"), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"[work]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET}\n")
        env = {k: v for k, v in os.environ.items() if not re.match(r"OSS_|AWS_|ALIBABA_|XBUCKET_", k)}
        env.update(HOME=home, XDG_STATE_HOME=home, XBUCKET_ENDPOINT=self.server.endpoint,
                   OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET,
                   AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET)
        mounted = 0
        os.makedirs(os.path.join(self.scratch.name, "srv/photos/2024"))
        os.makedirs(os.path.join(home, "buckets/b-1"))
        for line in commands_of("## Mounting"):
            if not line.startswith("xbucket ") or "--anonymous" in line:
                continue  # exports of keys; what needs a public bucket
            point = os.path.join(self.scratch.name, f"mnt{mounted}")
            os.mkdir(point)
            self.addCleanup(subprocess.run, ["fusermount3", "-u", "-z", "-q", point], check=False)
            line = line.replace("/mnt/b", point).replace("xbucket", os.path.abspath(BINARY), 1)
            line = line.replace("/srv/buckets", os.path.join(self.scratch.name, "srv"))
            line = re.sub(r" --endpoint=\S+", "", line)
            here = dict(env)
            if "local:" in line:
                here.pop("XBUCKET_ENDPOINT")
            done = subprocess.run(["bash", "-c", line], env=here, timeout=60, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}")
            self.assertTrue(os.path.ismount(point), line)
            subprocess.run([BINARY, "unmount", point], env=here, check=True)
            mounted += 1
        self.assertGreaterEqual(mounted, 5)


if __name__ == "__main__":
    unittest.main()
