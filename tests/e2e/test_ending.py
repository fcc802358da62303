# SPDX-FileCopyrightText: the xbucket authors
"""The end of a mount while the service does not answer: within --stop-timeout, and nothing is lost."""

import glob
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from harness import ACCESS_KEY, BINARY, SANITIZED, SECRET, BucketCase, Mount, mount_options
from test_lifecycle import daemons

CHANGES_LOST, MOUNT_FAILED = 3, 32
# For a process to start and end, beside the times that are set.
SLACK = 40 if SANITIZED else 15


class Ending(BucketCase):
    FILES = 20

    def setUp(self):
        super().setUp()
        self.state = os.path.join(self.scratch.name, "state")

    def mount_with(self, *options):
        mount = Mount("oss://examplebucket", *mount_options("oss", self.server), *options,
                      env={"XDG_STATE_HOME": self.state})
        self.addCleanup(mount.end)
        return mount

    def open_dirty_files(self, mount):
        for number in range(self.FILES):
            file = os.open(mount / f"f{number}", os.O_CREAT | os.O_WRONLY)
            os.write(file, f"content of {number}".encode())
            self.addCleanup(self.close, file)

    @staticmethod
    def close(file):
        try:
            os.close(file)
        except OSError:
            pass  # its mount is gone

    def kept(self):
        """Contents in the recovery folder, without their notes."""
        contents = []
        for path in glob.glob(os.path.join(self.state, "xbucket/*/recovery/*")):
            with open(path, "rb") as file:
                content = file.read()
            if content.startswith(b"content of"):
                contents.append(content.decode())
        return sorted(contents)

    def expect_all_kept(self, mount, within):
        begun = time.monotonic()
        mount.process.send_signal(signal.SIGTERM)
        self.assertEqual(mount.process.wait(timeout=100), CHANGES_LOST, mount.said())
        self.assertLess(time.monotonic() - begun, within + SLACK)
        self.assertEqual(self.kept(), sorted(f"content of {n}" for n in range(self.FILES)), mount.said())
        self.assertFalse(os.path.ismount(mount.path))

    def test_sigterm_keeps_every_dirty_file_within_the_stop_timeout_where_the_service_hangs(self):
        mount = self.mount_with("-o", "timeout=10m,stop_timeout=4s")
        self.open_dirty_files(mount)
        self.server.set_faults("any:*:stall")
        self.expect_all_kept(mount, 4)
        self.assertIn("event=stop_timeout seconds=4", mount.said())

    def test_sigterm_asks_a_service_that_hangs_no_more_than_once_for_all_files(self):
        mount = self.mount_with("-o", "timeout=3s")
        self.open_dirty_files(mount)
        self.server.set_faults("any:*:stall")
        self.expect_all_kept(mount, 6)
        self.assertNotIn("event=stop_timeout", mount.said())

    def test_the_stop_timeout_holds_for_uploads_that_began_before(self):
        mount = self.mount_with("-o", "timeout=10m,stop_timeout=4s")
        self.open_dirty_files(mount)
        self.server.set_faults("any:*:stall")
        child = os.fork()
        if child == 0:
            try:
                with open(mount / "closing", "wb") as file:
                    file.write(b"content of 0")
            finally:
                os._exit(0)
        self.addCleanup(os.waitpid, child, 0)
        time.sleep(0.5)  # its close is with the daemon
        mount.process.send_signal(signal.SIGTERM)
        self.assertEqual(mount.process.wait(timeout=100), CHANGES_LOST, mount.said())
        self.assertEqual(len(self.kept()), self.FILES + 1, mount.said())

    def test_second_sigterm_ends_at_once_and_keeps_every_dirty_file(self):
        mount = self.mount_with("-o", "timeout=10m")
        self.open_dirty_files(mount)
        self.server.set_faults("any:*:stall")
        mount.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        self.expect_all_kept(mount, 1)

    def test_unmount_by_force_says_that_not_everything_was_sent(self):
        self.client.put("f", b"x")
        mount = self.mount_with("-o", "timeout=2s")
        os.stat(mount / "f")
        self.server.set_faults("copy@f:*:503")
        os.utime(mount / "f", (1, 1))
        for words, mounted in ((["unmount"], True), (["unmount", "--force"], False)):
            done = subprocess.run([BINARY, *words, mount.path], capture_output=True, text=True, check=False, timeout=100)
            self.assertEqual(done.returncode, CHANGES_LOST, done.stderr)
            self.assertIn("not everything could be sent", done.stderr)
            self.assertEqual(os.path.ismount(mount.path), mounted)
        self.assertEqual(mount.process.wait(timeout=100), CHANGES_LOST, mount.said())

    def test_signal_before_the_mount_answers_is_said_and_leaves_no_mount(self):
        mountpoint = tempfile.mkdtemp(prefix="xbucket-mnt-")
        self.addCleanup(os.rmdir, mountpoint)
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(64)
            env = dict(os.environ, OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET,
                       XDG_STATE_HOME=self.state)
            process = subprocess.Popen(
                [BINARY, "oss://examplebucket", mountpoint, "-o",
                 f"endpoint=http://127.0.0.1:{silent.getsockname()[1]},region=cn-hangzhou"],
                env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            silent.accept()  # it asks for the bucket
            for pid in daemons(mountpoint):
                if pid != process.pid:
                    os.kill(pid, signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, errors),
                         (MOUNT_FAILED, "xbucket: ended by a signal before the mount answered\n"))
        self.assertFalse(os.path.ismount(mountpoint))


if __name__ == "__main__":
    unittest.main()
