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

    def url(self, key=""):
        return f"{self.dialect}://examplebucket/{key}"

    def service(self):
        return mount_options(self.dialect, self.server)

    def tool(self, *words, code=OK, stdin=None, cwd=None):
        """One command; a URL among the words gets the options that reach the server."""
        words = list(words)
        if any(w.startswith(f"{self.dialect}://") for w in words):
            words += self.service()
        done = subprocess.run([BINARY, *words], env=self.env, input=stdin, stdin=None if stdin else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, cwd=cwd)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}\n{done.stderr}")
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        return done

    def copies(self, since=0):
        return sum(entry["kind"] == "copy" and entry["status"] == 200 for entry in self.server.requests()[since:])
