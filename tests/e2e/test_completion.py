# SPDX-FileCopyrightText: the xbucket authors
"""What Tab offers, asked of real shells: bash with Debian's bash-completion, and zsh under a terminal."""

import os
import pty
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import BINARY

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"


class ShellCase(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="xbucket-completion-")
        self.addCleanup(self.scratch.cleanup)
        os.symlink(os.path.abspath(BINARY), os.path.join(self.scratch.name, "xbucket"))
        self.env = dict(os.environ, PATH=self.scratch.name + ":" + os.environ["PATH"], HOME=self.scratch.name,
                        LC_ALL="C.UTF-8")

    def mount_at(self, name):
        point = os.path.join(self.scratch.name, name)
        os.mkdir(point)
        self.addCleanup(subprocess.run, ["fusermount3", "-u", "-z", "-q", point], check=False)
        subprocess.run([BINARY, "local:" + os.path.join(self.scratch.name, "data"), point], check=True,
                       stdin=subprocess.DEVNULL, timeout=300)
        return point


@unittest.skipUnless(os.path.exists(BASH_COMPLETION), "bash-completion is not installed")
class Bash(ShellCase):
    def offered(self, *words):
        script = f"""
            source {BASH_COMPLETION}
            source {ROOT}/scripts/completion/xbucket.bash
            COMP_WORDS=({" ".join(f"'{w}'" for w in words)})
            COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            COMP_LINE="${{COMP_WORDS[*]}}" COMP_POINT=${{#COMP_LINE}} COMP_TYPE=9
            compopt() {{ :; }}
            _xbucket xbucket "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "--norc", "-c", script], env=self.env, cwd=self.scratch.name, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
        self.assertEqual(done.stderr, "")
        return [line for line in done.stdout.splitlines() if line]

    def test_commands_options_and_values(self):
        first = self.offered("xbucket", "")
        for word in ("stat", "set", "find", "unmount", "doctor", "serve"):
            self.assertIn(word, first)
        self.assertEqual(self.offered("xbucket", "unm"), ["unmount"])
        options = self.offered("xbucket", "set", "--")
        for word in ("--recursive", "--include=", "--resume"):
            self.assertIn(word, options)
        self.assertNotIn("--watch", options)
        self.assertIn("--watch", self.offered("xbucket", "stats", "--w"))
        self.assertIn("--read-only", self.offered("xbucket", "doctor", "--r"))
        self.assertEqual(self.offered("xbucket", "set", "http.cache"), ["http.cache-control="])

    def test_mount_points_as_one_would_type_them(self):
        point = self.mount_at("my b\\ucket")
        self.assertEqual(self.offered("xbucket", "unmount", self.scratch.name),
                         [point.replace("\\", "\\\\").replace(" ", "\\ ")])
        self.assertEqual(self.offered("xbucket", "stats", "/nowhere"), [])

    def test_files_and_every_option_of_every_help(self):
        with open(os.path.join(self.scratch.name, "photo.jpg"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.offered("xbucket", "stat", "pho"), ["photo.jpg"])
        for command in ("stat", "set", "unset", "find", "dump", "restore", "mounts", "stats", "status", "sync",
                        "refresh", "unmount", "credentials", "doctor", "serve"):
            self.assertTrue({"--help", "--listen="} & set(self.offered("xbucket", command, "--")), command)


@unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
class Zsh(ShellCase):
    def screen_after(self, typed):
        """What a zsh on a terminal shows when `typed` and Tab are typed at its prompt."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], self.env)
        text = ""

        def read_until(mark, seconds=180):
            nonlocal text
            deadline = time.monotonic() + seconds
            while mark not in text and time.monotonic() < deadline:
                if select.select([terminal], [], [], 0.1)[0]:
                    try:
                        text += os.read(terminal, 4096).decode(errors="replace")
                    except OSError:
                        break
            return mark in text

        def say(line):
            os.write(terminal, line.encode())

        try:
            say(f"PS1='ready''> '; fpath=({ROOT}/scripts/completion $fpath); autoload -Uz compinit; "
                "compinit -u -D; unsetopt beep; zstyle ':completion:*' list-prompt ''; stty columns 200; "
                "echo set''up\n")
            self.assertTrue(read_until("setup"), text)
            text = ""
            say(typed + "\t\t")
            return read_until, lambda: text, say
        finally:
            self.addCleanup(self.end, pid, terminal)

    @staticmethod
    def end(pid, terminal):
        os.close(terminal)
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
        os.waitpid(pid, 0)

    def test_commands_and_options(self):
        read_until, text, _ = self.screen_after("xbucket unm")
        self.assertTrue(read_until("unmount"), text())
        read_until, text, _ = self.screen_after("xbucket set --")
        self.assertTrue(read_until("--recursive") and read_until("--include="), text())

    def test_mount_points_as_one_would_type_them(self):
        point = self.mount_at("my bucket")
        read_until, text, _ = self.screen_after(f"xbucket unmount {self.scratch.name}/my")
        self.assertTrue(read_until(point.replace(" ", "\\ ")), text())


if __name__ == "__main__":
    unittest.main()
