# SPDX-FileCopyrightText: the xbucket authors
"""Programs that get signals while a request of theirs waits (reliability.md 2, row 38): a harmless one
breaks nothing, a fatal one ends the program although the server never answers."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

from harness import BucketCase, wait_for, waits_in_fuse


def ends_within(process, seconds):
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


class Harmless(BucketCase):
    """The FUSE_INTERRUPTs of harmless signals break nothing."""

    PROGRAM = """
import os, signal, sys
got = 0
def count(*_):
    global got
    got += 1
signal.signal(signal.SIGALRM, count)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
for turn in range(40):
    name = f"{sys.argv[1]}/{turn}"
    with open(name, "wb", buffering=0) as file:
        assert file.write(b"x" * 200_000) == 200_000
        os.fsync(file.fileno())
    os.setxattr(name, "user.turn", b"%d" % turn)
    with open(name, "rb") as file:
        assert len(file.read()) == 200_000
    os.rename(name, name + "-done")
signal.setitimer(signal.ITIMER_REAL, 0)
assert got > 20, got
print("done")
"""

    def test_program_that_gets_a_signal_every_2_ms_sees_no_error(self):
        mount = self.mount()
        self.server.set_faults("put:*:delay:10", "copy:*:delay:10", "get:*:delay:5")
        run = subprocess.run([sys.executable, "-c", self.PROGRAM, mount.path], capture_output=True, text=True,
                             check=False, timeout=300)
        self.assertEqual((run.stdout.strip(), run.stderr), ("done", ""))
        self.assertEqual(self.client.metadata("39-done")["turn"], "39")

    def test_request_whose_caller_handles_ignores_or_blocks_signals_is_waited_for(self):
        """SIGURG and SIGPROF are what Go's and git's runtimes send to themselves; SIGCHLD and SIGWINCH do
        nothing by default; SIGSTOP only pauses. All come while the request is with the daemon for long
        enough that the daemon looks at the caller several times."""
        self.client.put("f", b"x")
        mount = self.mount("-o", "ttl=0,negative_ttl=0")
        os.stat(mount / "f")
        self.server.set_faults("head@f:*:delay:3000", "copy@f:*:delay:3000")
        program = ("import os, signal, sys\n"
                   "signal.signal(signal.SIGURG, lambda *_: None)\n"
                   "signal.signal(signal.SIGPROF, lambda *_: None)\n"
                   "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                   "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])\n"
                   "print('begins', flush=True)\n"
                   "os.setxattr(sys.argv[1], 'user.a', b'v')\n"
                   "print('done', flush=True)\n"
                   "os._exit(0)")
        with subprocess.Popen([sys.executable, "-c", program, mount / "f"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            self.assertEqual(process.stdout.readline(), "begins\n")
            for one in (signal.SIGURG, signal.SIGPROF, signal.SIGCHLD, signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP,
                        signal.SIGTSTP, signal.SIGCONT):
                time.sleep(0.1)  # each is to meet the request, not the one before
                process.send_signal(one)
            out, err = process.communicate(timeout=300)
        self.assertEqual((process.returncode, out, err), (0, "done\n", ""))
        self.server.set_faults()
        self.assertEqual(self.client.metadata("f")["a"], "v")


class Fatal(BucketCase):
    """Not beside a desktop: its volume monitor looks up names in every new mount, and what waits in the
    kernel for a lookup of another program's in the same directory ends when that does."""

    QUICK = 90  # seconds: much for a busy machine, and far less than a request is waited for

    def setUp(self):
        super().setUp()
        self.client.put("f", b"x" * 100_000)
        self.client.put("g", b"y")
        self.client.put("d/inner", b"z")
        self.mounted = self.mount("-o", "stat=meta,timeout=300s")
        self.started = []
        self.addCleanup(self.end_all)

    def end_all(self):
        self.mounted.kill()  # an orderly end would go on asking
        for process in self.started:
            process.kill()
            process.wait(timeout=300)

    def start(self, *words):
        process = subprocess.Popen([sys.executable, "-c", *words] if words[0].startswith("import") else words,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.started.append(process)
        return process

    def waits(self, process):
        """Until a request of the program's is with the daemon."""
        def in_fuse():
            self.assertIsNone(process.poll(), "ended before the signal")
            return waits_in_fuse(process.pid)
        wait_for(in_fuse, what="a request that waits")
        time.sleep(0.3)  # for the daemon to have it

    def sends(self):
        """Whether the daemon has a request under way, for longer than one that is answered."""
        for _ in range(20):
            if json.loads(os.getxattr(self.mounted.path, "user.xbucket.stats"))["in_flight"] == 0:
                return False
            time.sleep(0.02)
        return True

    def dies_while(self, call, *paths):
        """Kills a program in the last call of `call`, which it tells before, when the daemon has sent what
        that asks for."""
        call = "import os, sys; say = lambda: print('now', flush=True); " + call
        process = subprocess.Popen([sys.executable, "-c", call, *paths], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE)
        self.started.append(process)
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), b"now\n")
        wait_for(self.sends, what="a request that waits")
        process.kill()
        self.assertTrue(ends_within(process, self.QUICK))

    @staticmethod
    def programs(path, unique):
        """That all ask something of the server; `unique` makes new names."""
        # Python handles SIGINT, and what is handled is waited for.
        default = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        return {
            "ls": ["ls", path + "/d"],
            "stat": ["stat", path + "/none"],
            "cat": ["cat", path + "/f"],
            "cp": ["cp", path + "/f", path + "/copy-" + unique],
            "write": ["cp", "/etc/hostname", path + "/new-" + unique],
            "mkdir": ["mkdir", path + "/made-" + unique],
            "mv": ["mv", path + "/g", path + "/moved-" + unique],
            "setxattr": [default + "os.setxattr(sys.argv[1], 'user.a', b'v')", path + "/f"],
            "fsync": [default + "f = os.open(sys.argv[1], 66); os.write(f, b'x'); os.fsync(f)",
                      path + "/synced-" + unique],
        }

    def test_programs_end_by_a_fatal_signal_while_the_server_does_not_answer(self):
        mount = self.mounted
        path = mount.path
        self.server.set_faults("any:*:stall")
        for one in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            for name, words in self.programs(path, one.name).items():
                # Each way into the daemon with the one, some with the others.
                if one != signal.SIGKILL and name not in ("ls", "setxattr", "fsync"):
                    continue
                with self.subTest(name, signal=one.name):
                    process = self.start(*words)
                    self.waits(process)
                    process.send_signal(one)
                    self.assertTrue(ends_within(process, self.QUICK), "waits for the server")
        self.server.set_faults()
        self.assertTrue(os.path.ismount(path))

    def test_fatal_signal_after_a_harmless_one_ends_it(self):
        """The kernel tells the daemon of the first signal only."""
        self.server.set_faults("any:*:stall")
        process = self.start("import os, signal, sys\nsignal.signal(signal.SIGUSR1, lambda *_: None)\n"
                             "os.setxattr(sys.argv[1], 'user.a', b'v')", self.mounted / "f")
        self.waits(process)
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.7)
        self.assertIsNone(process.poll(), "a harmless signal ended it")
        process.kill()
        self.assertTrue(ends_within(process, self.QUICK))

    def test_one_thread_of_many_that_waits_does_not_keep_the_program(self):
        self.server.set_faults("any:*:stall")
        process = self.start("import os, sys, threading\n"
                             "for n in range(8):\n"
                             "    threading.Thread(target=lambda n=n: os.setxattr(sys.argv[1], f'user.a{n}', b'v')).start()\n"
                             "os.setxattr(sys.argv[1], 'user.b', b'v')",
                             self.mounted / "f")
        self.waits(process)
        process.kill()
        self.assertTrue(ends_within(process, self.QUICK))

    def test_what_a_killed_program_wrote_is_sent_when_the_server_answers_again(self):
        """Its close is answered early, and still is a close: nothing of what was written is lost."""
        mount = self.mounted
        self.server.set_faults("put@kept:1:delay:8000")
        self.dies_while("f = os.open(sys.argv[1], 66); os.write(f, b'data'); say(); os.close(f)", mount / "kept")
        wait_for(lambda: self.client.request("HEAD", "kept")[0] == 200, what="the upload")
        self.assertEqual(self.client.get("kept"), b"data")
        with open(mount / "kept", "rb") as file:
            self.assertEqual(file.read(), b"data")

    def test_name_that_a_killed_rename_left_is_a_new_file_for_who_writes_to_it(self):
        mount = self.mounted
        self.client.put("from", b"precious")
        os.stat(mount / "from")
        self.server.set_faults("copy@to:1:delay:8000")
        self.dies_while("say(); os.rename(*sys.argv[1:])", mount / "from", mount / "to")
        os.stat(mount / "from")  # it is there still, and the kernel keeps that
        wait_for(lambda: self.client.request("HEAD", "from")[0] == 404, what="the rename")
        wait_for(lambda: not os.path.exists(mount / "from"), what="the kernel to forget the name")
        with open(mount / "from", "w", encoding="ascii") as file:
            file.write("new")
        self.assertEqual((self.client.get("from"), self.client.get("to")), (b"new", b"precious"))

    def test_mount_works_and_ends_in_order_after_many_were_killed(self):
        mount = self.mounted
        self.server.set_faults("head:*:delay:2000", "list:*:delay:2000", "put:*:delay:2000", "copy:*:delay:2000")
        for turn in range(5):
            crowd = [self.start(*words) for words in (
                ["ls", "-l", mount.path], ["cat", mount / "f"], ["cp", "/etc/hostname", mount / f"n{turn}"],
                ["import os, sys; os.setxattr(sys.argv[1], 'user.a', b'v')", mount / "f"],
                ["stat", mount / f"none{turn}"], ["mkdir", mount / f"made{turn}"])]
            time.sleep(0.2)
            for process in crowd:
                process.kill()
            for process in crowd:
                self.assertTrue(ends_within(process, self.QUICK))
        self.server.set_faults()
        with open(mount / "after", "w", encoding="ascii") as file:
            file.write("x")
        self.assertEqual(self.client.get("after"), b"x")
        self.assertEqual(os.listdir(mount / "d"), ["inner"])
        self.assertEqual(mount.stop(), 0)
        self.assertNotIn("exception", mount.said())


if __name__ == "__main__":
    unittest.main()
