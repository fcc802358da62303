# SPDX-FileCopyrightText: the xbucket authors
"""What the tests of the commands share."""

import os
import subprocess

from harness import ACCESS_KEY, BINARY, SECRET, mount_options

OK, USAGE, SYSTEM, CHANGES_LOST, SOME_FAILED, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 32, 130


def clean_environment(home):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("OSS_", "AWS_", "ALIBABA_", "XBUCKET_", "XDG_"))}
    env.update(HOME=home, XDG_STATE_HOME=home + "/state", OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET,
               AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET)
    return env


class ToolCase:
    """Runs commands on a bucket; beside a BucketCase."""

    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.scratch.name, "home")
        os.mkdir(self.home)
        self.env = clean_environment(self.home)
        self.mounts, self.hangs = [], False

    def mount(self, *options, **keywords):
        self.mounts.append(super().mount(*options, **keywords))
        return self.mounts[-1]

    def url(self, key=""):
        return f"{self.dialect}://examplebucket/{key}"

    def service(self):
        return mount_options(self.dialect, self.server)

    def tool(self, *words, code=OK, stdin=None, cwd=None):
        """One command; a URL among the words gets the options that reach the server."""
        words = list(words)
        if any(w.startswith(f"{self.dialect}://") for w in words):
            words += self.service()
        for _ in range(1 if self.hangs else 10):
            done = subprocess.run([BINARY, *words], env=self.env, input=stdin,
                                  stdin=None if stdin else subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, cwd=cwd)
            if not self.was_slow(done.stdout + done.stderr):
                break
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}\n{done.stderr}")
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        return done

    def was_slow(self, said):
        """Whether a mount that answers did not do so in the seconds that a command waits for it."""
        return any("does not answer" in line and mount.path in line
                   for line in said.splitlines() for mount in self.mounts)

    def copies(self, since=0):
        return sum(entry["kind"] == "copy" and entry["status"] == 200 for entry in self.server.requests()[since:])
