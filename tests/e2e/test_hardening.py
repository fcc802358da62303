# SPDX-FileCopyrightText: the xbucket authors
"""The filter of system calls that a mount is under, and the keeper beside it: everything that a mount
does goes on, and what it could be abused for does not."""

import ctypes
import glob
import json
import os
import shutil
import signal
import unittest

from harness import SANITIZED, BucketCase, Mount, error_of, fusermount, mount_options, wait_for


def status_of(pid):
    """The lines of /proc/PID/status, of a process or a thread."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def keepers_of(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*/status"):
        try:
            status = status_of(path.split("/")[2])
        except OSError:
            continue
        if status["Name"] == "xbucket-keeper" and status["PPid"] == str(pid):
            found.append(int(status["Pid"]))
    return found


def is_there(pid):
    try:
        return status_of(pid)["State"][0] != "Z"
    except OSError:
        return False


def text_of(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def has_landlock():
    """In its second version, which can move files."""
    return ctypes.CDLL(None).syscall(444, None, 0, 1) >= 2


@unittest.skipIf(SANITIZED, "the runtime of a sanitizer needs more than the filter lets through")
class Hardening(BucketCase):
    def filtered(self, *options, **keywords):
        mount = self.mount(*options, **keywords)
        wait_for(lambda: status_of(mount.process.pid)["Seccomp"] == "2", what="the filter")
        return mount

    def test_every_thread_of_a_serving_mount_is_under_the_filter(self):
        mount = self.filtered()
        os.listdir(mount.path)
        threads = os.listdir(f"/proc/{mount.process.pid}/task")
        self.assertGreater(len(threads), 4)
        for thread in threads:
            try:
                status = status_of(f"{mount.process.pid}/task/{thread}")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
            self.assertEqual((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), status["Name"])
            # Of root's rights those to open files: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER.
            for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                self.assertEqual(int(status[name], 16) & ~0xe, 0, (status["Name"], name))
            if os.geteuid() == 0:
                self.assertEqual(int(status["CapBnd"], 16), 0, status["Name"])

    def test_everything_that_a_mount_does_goes_on_under_it(self):
        spool = os.path.join(self.scratch.name, "spool")
        numbers = os.path.join(self.scratch.name, "metrics")
        os.mkdir(spool, 0o700)
        mount = self.filtered("-o", f"commit=1s,spool={spool},metrics={numbers},stat=meta", "--part-size=5M")
        self.use_files(mount)
        self.use_attributes(mount)
        self.client.put("elsewhere/a", b"x")
        os.setxattr(mount.path, "user.xbucket.refresh", b"1")
        self.assertEqual(sorted(os.listdir(mount.path)), ["big", "d", "elsewhere", "f2"])
        wait_for(lambda: os.path.exists(numbers), what="metrics")
        mount.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "event=reloaded" in mount.said(), what="the settings, read again")
        self.assertEqual(mount.stop(), 0)
        self.assertNotIn("syscall_refused", mount.said())
        self.assertFalse(os.path.exists(mount.path))
        self.assertEqual(self.client.metadata("f2"), {"year": "2021"} | self.client.metadata("f2"))

    def use_files(self, mount):
        with open(mount / "f", "w", encoding="ascii") as file:
            file.write("content")
            file.flush()
            os.fsync(file.fileno())
        with open(mount / "big", "wb") as file:
            file.write(os.urandom(12 << 20))
        self.assertEqual(len(self.client.get("big")), 12 << 20)
        os.mkdir(mount / "d")
        os.rename(mount / "f", mount / "d/f")
        shutil.copy2(mount / "d/f", mount / "f2")
        os.symlink("f2", mount / "link")
        self.assertEqual(os.readlink(mount / "link"), "f2")
        os.remove(mount / "link")
        os.truncate(mount / "f2", 3)
        self.assertEqual(self.client.get("f2"), b"con")
        os.chmod(mount / "f2", 0o600)
        os.utime(mount / "f2", (1, 1))
        self.assertGreater(os.statvfs(mount.path).f_bavail, 0)

    def use_attributes(self, mount):
        os.setxattr(mount / "f2", "user.year", b"2021")
        os.setxattr(mount / "f2", "user.tag.team", b"blue")
        self.assertIn("user.year", os.listxattr(mount / "f2"))
        self.assertEqual(os.getxattr(mount / "f2", "user.year"), b"2021")
        self.assertTrue(os.getxattr(mount / "f2", "user.object.url").startswith(b"http"))
        self.assertGreater(json.loads(os.getxattr(mount.path, "user.xbucket.stats"))["pid"], 0)
        self.assertEqual(error_of(os.getxattr, mount / "f2", "user.none"), "ENODATA")

    def swap_log_folder(self, *options):
        """What a mount says that is told to open its log anew where another folder stands now."""
        folder = os.path.join(self.scratch.name, "log")
        os.mkdir(folder)
        log = os.path.join(folder, "xbucket.log")
        mount = self.filtered(f"--log={log}", *options)
        wait_for(lambda: "event=mounted" in text_of(log), what="the log")
        os.rename(log, log + ".1")  # as logrotate does
        mount.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "event=reloaded" in text_of(log), what="the rotated log")
        os.rename(folder, folder + ".old")
        os.mkdir(folder)
        mount.process.send_signal(signal.SIGHUP)
        old = os.path.join(folder + ".old", "xbucket.log")
        wait_for(lambda: (text_of(log) + text_of(old)).count("event=reloaded") == 2, what="the second reload")
        return text_of(log) + text_of(old)

    @unittest.skipUnless(has_landlock(), "this kernel has no Landlock")
    def test_log_is_rotated_and_no_folder_but_its_own_is_written(self):
        self.assertRegex(self.swap_log_folder(), "cannot open log file .*Permission denied")

    def test_filter_of_files_can_be_left_out(self):
        self.assertNotIn("cannot open log file", self.swap_log_folder("--file-filter=no"))

    def test_folder_on_this_machine_works_under_it(self):
        folder = os.path.join(self.scratch.name, "buckets")
        os.makedirs(os.path.join(folder, "photos"))
        mount = Mount(f"local:{folder}")
        self.addCleanup(mount.end)
        wait_for(lambda: status_of(mount.process.pid)["Seccomp"] == "2", what="the filter")
        with open(mount / "f", "wb") as file:
            file.write(os.urandom(1 << 20))
        os.setxattr(mount / "f", "user.year", b"2021")
        os.rename(mount / "f", mount / "g")
        self.assertEqual(os.getxattr(mount / "g", "user.year"), b"2021")
        os.remove(mount / "g")
        self.assertEqual(mount.stop(), 0)
        self.assertNotIn("Permission denied", mount.said())

    def test_it_can_be_left_out(self):
        mount = self.mount("--syscall-filter=no")
        os.listdir(mount.path)
        self.assertEqual(status_of(mount.process.pid)["Seccomp"], status_of("self")["Seccomp"])
        self.assertEqual(keepers_of(mount.process.pid), [])
        self.assertEqual(mount.stop(), 0)

    def test_others_unmount_it_and_the_keeper_goes_with_it(self):
        mount = self.filtered()
        keeper, = keepers_of(mount.process.pid)
        fusermount("-u", mount.path)
        self.assertEqual(mount.process.wait(timeout=300), 0)
        wait_for(lambda: not is_there(keeper), what="the keeper's end")

    def test_mount_that_is_busy_ends_when_told(self):
        mount = self.filtered()
        file = os.open(mount / "f", os.O_CREAT | os.O_WRONLY)
        os.write(file, b"kept")
        self.assertEqual(mount.stop(), 0)
        self.assertFalse(os.path.ismount(mount.path))
        self.assertEqual(error_of(os.close, file), "ENOTCONN")
        self.assertEqual(self.client.get("f"), b"kept")

    def test_keeper_ends_with_a_mount_that_is_killed_and_holds_nothing_of_it(self):
        mount = self.filtered()
        keeper, = keepers_of(mount.process.pid)
        self.assertEqual([os.readlink(f"/proc/{keeper}/fd/{n}") for n in range(3)], ["/dev/null"] * 3)
        self.assertEqual(len(os.listdir(f"/proc/{keeper}/fd")), 4)
        with open(f"/proc/{keeper}/limits", encoding="ascii") as limits:
            self.assertRegex(limits.read(), r"Max core file size +0 +0 ")
        with open(f"/proc/{keeper}/cmdline", encoding="utf-8") as words:
            self.assertEqual(words.read().split("\0")[:2], ["xbucket-keeper", mount.path])
        for name in ("environ", "cmdline"):
            with open(f"/proc/{keeper}/{name}", "rb") as file:
                self.assertNotIn(self.server.secret.encode(), file.read())
        mount.kill()
        wait_for(lambda: not is_there(keeper), what="the keeper's end")

    def test_credential_program_that_changes_is_not_run(self):
        home = os.path.join(self.scratch.name, "home")
        marker = os.path.join(home, "ran")
        os.makedirs(os.path.join(home, ".aws"))
        self.write_profile(home, f"{self.program(home, 'a')}")
        mount = Mount("s3://examplebucket", *mount_options("s3", self.server),
                      env={"HOME": home, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
                           "OSS_ACCESS_KEY_ID": "", "OSS_ACCESS_KEY_SECRET": ""})
        self.addCleanup(mount.end)
        wait_for(lambda: status_of(mount.process.pid)["Seccomp"] == "2", what="the filter")
        with open(mount / "f", "w", encoding="ascii") as file:
            file.write("x")
        self.write_profile(home, f"touch {marker}")

        def asked_again():
            os.setxattr(mount.path, "user.xbucket.refresh", b"1")
            error_of(os.listdir, mount.path)
            return "event=renewal_failed" in mount.said()

        wait_for(asked_again, what="a renewal")
        self.assertIn("mount anew", mount.said())
        self.assertFalse(os.path.exists(marker))
        self.assertEqual(mount.stop(), 0)

    def write_profile(self, home, command):
        path = os.path.join(home, ".aws/config")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(f"[default]\ncredential_process = {command}\n")
        os.chmod(path + ".new", 0o600)
        os.rename(path + ".new", path)

    def program(self, home, name):
        """A program that prints the server's own key, which ends in 8 seconds each time."""
        path = os.path.join(home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""#!/usr/bin/python3
import datetime, json
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=8)
print(json.dumps({{"Version": 1, "AccessKeyId": "{self.server.access_key}", "SecretAccessKey": "{self.server.secret}",
                   "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}}))
""")
        os.chmod(path, 0o700)
        return path


if __name__ == "__main__":
    unittest.main()
