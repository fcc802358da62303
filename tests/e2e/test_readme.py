# SPDX-FileCopyrightText: the xbucket authors
"""The commands in README.md, run line by line as a newcomer would, in a home of its own."""

import os
import re
import subprocess
import tempfile
import unittest

from harness import ACCESS_KEY, BINARY, SECRET, BucketCase, Client

README = os.path.join(os.path.dirname(__file__), "../../README.md")


def read():
    with open(README, encoding="utf-8") as file:
        return file.read()


def command_of(line):
    """An indented line without what is said behind two or more blanks or a '#'."""
    return re.split(r"\s{2,}|\s+#\s", line[4:])[0]


def commands_of(heading):
    """The indented lines below a heading, without comments."""
    section = read().split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("    ")]
    return [command_of(line) for line in lines if not line.lstrip().startswith("#")]


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
        done = subprocess.run(["bash", "-c", line], env=self.env, cwd=self.home.name, timeout=300,
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


def plain_environment(server, home):
    """What a newcomer's shell knows, and the way to a server that stands in for the services."""
    env = {k: v for k, v in os.environ.items() if not re.match(r"OSS_|AWS_|ALIBABA_|XBUCKET_", k)}
    env.update(HOME=home, XDG_STATE_HOME=home, XBUCKET_ENDPOINT=server.endpoint, OSS_ACCESS_KEY_ID=ACCESS_KEY,
               OSS_ACCESS_KEY_SECRET=SECRET, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET)
    return env


class Mounting(BucketCase):
    """The lines of "Mounting" against a server of our own, which stands in for the services."""

    def test_every_line_mounts(self):
        for bucket in ("photos", "data", "public-data"):
            Client("oss", self.server, bucket).make_bucket()
            Client("oss", self.server, bucket).put("2024/a.txt", b"x")
        Client("oss", self.server, "public-data").ok("PUT", query={"acl": None}, headers={"x-oss-acl": "public-read"})
        home = os.path.join(self.scratch.name, "home")
        os.makedirs(os.path.join(home, ".aws"))
        with open(os.path.join(home, ".aws/credentials"), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"[work]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET}\n")
        env = plain_environment(self.server, home)
        mounted = 0
        os.makedirs(os.path.join(self.scratch.name, "srv/photos/2024"))
        os.makedirs(os.path.join(home, "buckets/b-1"))
        for line in commands_of("## Mounting"):
            if not line.startswith("xbucket "):
                continue  # exports of keys, and the line of /etc/fstab
            point = os.path.join(self.scratch.name, f"mnt{mounted}")
            os.mkdir(point)
            self.addCleanup(subprocess.run, ["fusermount3", "-u", "-z", "-q", point], check=False)
            line = line.replace("/mnt/b", point).replace("xbucket", os.path.abspath(BINARY), 1)
            line = line.replace("/srv/buckets", os.path.join(self.scratch.name, "srv"))
            line = re.sub(r" --endpoint=\S+", "", line)
            here = dict(env)
            if "--anonymous" in line:
                here.update({name: "wrong" for name in env if "_ACCESS_KEY_" in name})
            if "local:" in line:
                here.pop("XBUCKET_ENDPOINT")
            done = subprocess.run(["bash", "-c", line], env=here, timeout=300, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}")
            self.assertTrue(os.path.ismount(point), line)
            subprocess.run([BINARY, "unmount", point], env=here, check=True)
            mounted += 1
        self.assertEqual(mounted, 7)


class Elsewhere(BucketCase):
    """The commands that stand outside those sections: at the top, in /etc/fstab, in sentences and tables."""

    # Where indented lines are, and what runs them. A new place must be named here.
    PLACES = {
        "# xbucket": "Elsewhere", "### One minute with it": "Tour", "## Mounting": "Mounting, Elsewhere",
        "## Commands": "Tour",
        # On a fresh system, with those above, as their words stand:
        "## Try it": "tests/package/newcomer.sh", "### Install it": "tests/package/newcomer.sh",
        "## Building by hand": "tests/package/newcomer.sh", "### Tests": "tests/package/newcomer.sh",
        "## Source map": "a drawing",
    }
    # In sentences; each stands for a run in which nothing real is meant by it.
    CANNOT = ("modprobe fuse", "timedatectl set-ntp true",  # change this machine
              "systemctl reload",  # test_admin.py: SIGHUP
              "meson ", "scripts/")  # as "### Tests"
    PROGRAMS = ("xbucket", "setfattr", "getfattr", "gio", "fusermount3", "umount", "scripts/", "man", "modprobe",
                "timedatectl", "systemctl", "meson", "chmod")

    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.scratch.name, "home")
        tools = os.path.join(self.home, "bin")
        os.makedirs(tools)
        os.symlink(os.path.abspath(BINARY), os.path.join(tools, "xbucket"))
        self.env = plain_environment(self.server, self.home)
        self.env["PATH"] = tools + ":" + self.env["PATH"]
        self.point = os.path.join(self.scratch.name, "point")
        os.mkdir(self.point)
        self.addCleanup(subprocess.run, ["fusermount3", "-u", "-z", "-q", self.point], check=False)

    def run_line(self, line):
        done = subprocess.run(["bash", "-c", line], env=self.env, cwd=os.path.dirname(os.path.abspath(README)),
                              timeout=300, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}")
        return done.stdout

    def test_no_command_stands_where_no_test_runs_it(self):
        places, heading = set(), ""
        for line in read().splitlines():
            if line.startswith("#"):
                heading = line
            if line.startswith("    "):
                places.add(heading)
        self.assertEqual(places, set(self.PLACES))

    def test_the_first_lines_do_what_they_say(self):
        self.client.put("exampleobject.txt", b"x")
        shown = ""
        for line in read().split("\n## ", 1)[0].splitlines():
            if line.startswith("    "):
                shown = self.run_line(command_of(line).replace("/mnt/b", self.point))
        self.assertIn('user.year="2021"', shown)
        self.assertEqual(self.client.metadata("exampleobject.txt"), {"year": "2021"})
        self.run_line(f"xbucket unmount {self.point}")

    def test_the_fstab_line_mounts(self):
        Client("oss", self.server, "photos").make_bucket()
        source, point, kind, options, *_ = next(c for c in commands_of("## Mounting") if "fuse.xbucket" in c).split()
        self.assertEqual((point, kind), ("/mnt/b", "fuse.xbucket"))
        helper = os.path.join(self.home, "bin/mount.fuse.xbucket")
        os.symlink(os.path.abspath(BINARY), helper)
        if os.geteuid() != 0:
            options = options.replace("allow_other,", "")  # which needs a line in /etc/fuse.conf
        self.run_line(f"{helper} {source} {self.point} -o {options}")
        self.assertTrue(os.path.ismount(self.point))
        self.assertEqual(os.stat(self.point).st_uid, 1000)
        self.run_line(f"xbucket unmount {self.point}")

    def test_commands_in_sentences_and_tables_run(self):
        self.client.put("f", b"x", **{"x-oss-storage-class": "Archive"})
        ran = 0
        for span in re.findall(r"`([^`\n]+)`", read().replace("\\|", "|")):
            if not span.startswith(tuple(p + " " for p in self.PROGRAMS)) or span.startswith(self.CANNOT):
                continue
            if re.fullmatch(r"xbucket (\w+)", span) or "chmod" in span or span in ("xbucket set -r", "getfattr -R"):
                continue  # a name that is spoken of; which commands there are is tested by test_tool.py
            if span.startswith("xbucket doctor"):
                if os.path.ismount(self.point):
                    self.run_line(f"xbucket unmount {self.point}")
            elif not os.path.ismount(self.point):
                self.run_line(f"xbucket oss://examplebucket {self.point} --region=cn-hangzhou")
            for word, here in (("/mnt/b", self.point), ("MOUNTPOINT", self.point), ("COMMAND", "stat"),
                               ("FILE", f"{self.point}/f"), ("SOURCE", "oss://examplebucket --region=cn-hangzhou")):
                span = re.sub(rf"(?<!\w){word}(?!\w)", here, span)
            with self.subTest(span):
                self.run_line(span)
                ran += 1
        self.assertGreater(ran, 6)
        for script in ("scripts/demo", "scripts/test", "scripts/bench", "scripts/package", "scripts/install-packages"):
            self.run_line(f"bash -n {script}")
        self.assertIn("libfuse3-dev", self.run_line("scripts/install-packages --list test"))


if __name__ == "__main__":
    unittest.main()
