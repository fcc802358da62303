# SPDX-FileCopyrightText: the xbucket authors
"""A mount among the users of a machine: mounted by an ordinary one, and entered by others."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import unittest

from harness import ACCESS_KEY, BINARY, SECRET, BucketCase, error_of, mount_options, wait_for

SOMEBODY = 65534  # nobody: an ordinary user who is always there


def as_somebody(call, *arguments):
    """What a call gives another user, or the name of its errno; in a child of ours, for not everybody may
    start this interpreter."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(SOMEBODY)
            os.setuid(SOMEBODY)
            said = str(call(*arguments))
        except OSError as failure:
            said = errno.errorcode[failure.errno]
        except BaseException as failure:  # the child must not go on as this test
            said = repr(failure)
        os.write(writable, said.encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


def read(path):
    with open(path, "rb") as file:
        return file.read().decode()


def write(path, text):
    with open(path, "wb") as file:
        file.write(text.encode())


def is_mounted(path):
    """Also where root itself may not look."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        return any(line.split()[4] == path for line in mounts)


@unittest.skipIf(os.geteuid() != 0, "only root can be several users")
class OtherUsers(BucketCase):
    """reliability.md 2, row 46: the kernel checks modes and owners."""

    def test_others_may_do_what_modes_and_owners_let_them(self):
        mount = self.mount("-o", "allow_other,stat=meta")
        for name, mode in (("mine", 0o600), ("readable", 0o644), ("everybodys", 0o666)):
            write(mount / name, name)
            os.chmod(mount / name, mode)
        self.assertEqual(as_somebody(read, mount / "mine"), "EACCES")
        self.assertEqual(as_somebody(os.getxattr, mount / "mine", "user.x"), "EACCES")
        self.assertEqual(as_somebody(read, mount / "readable"), "readable")
        self.assertEqual(as_somebody(write, mount / "readable", "x"), "EACCES")
        self.assertEqual(as_somebody(os.setxattr, mount / "readable", "user.year", b"2021"), "EACCES")
        self.assertEqual(as_somebody(os.chmod, mount / "readable", 0o777), "EPERM")
        self.assertEqual(as_somebody(os.chown, mount / "readable", SOMEBODY, SOMEBODY), "EPERM")
        self.assertEqual(self.client.get("readable"), b"readable")
        self.assertEqual(as_somebody(os.setxattr, mount / "everybodys", "user.year", b"2021"), "None")
        self.assertEqual(self.client.metadata("everybodys")["year"], "2021")
        self.assertEqual(as_somebody(write, mount / "everybodys", "x"), "None")
        self.assertEqual(self.client.get("everybodys"), b"x")
        self.assertEqual(as_somebody(write, mount / "new", "x"), "EACCES")
        self.assertEqual(as_somebody(os.mkdir, mount / "d"), "EACCES")
        self.assertEqual(as_somebody(os.remove, mount / "everybodys"), "EACCES")
        for name in ("user.object.url", "user.xbucket.failures"):
            self.assertIn(as_somebody(os.getxattr, mount / "readable", name), ("EACCES", "EPERM"), name)

    def test_names_outside_user_are_nobodys_not_even_roots(self):
        mount = self.mount()
        write(mount / "f", "x")
        before = len(self.server.requests())
        for name in ("trusted.a", "security.a", "system.a"):
            self.assertEqual(error_of(os.setxattr, mount / "f", name, b"v"), "EOPNOTSUPP", name)
        self.assertEqual(len(self.server.requests()), before)

    def test_without_allow_other_nobody_else_enters(self):
        mount = self.mount()
        self.assertEqual(as_somebody(os.listdir, mount.path), "EACCES")

    def test_owner_and_modes_are_what_the_options_say(self):
        self.client.put("d/f", b"x")
        mount = self.mount("-o", f"allow_other,uid={SOMEBODY},gid=7,umask=027")
        found = os.stat(mount / "d/f")
        self.assertEqual((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)), (SOMEBODY, 7, 0o640))
        self.assertEqual(stat.S_IMODE(os.stat(mount / "d").st_mode), 0o750)
        self.assertEqual(as_somebody(write, mount / "d/f", "y"), "None")
        self.assertEqual(self.client.get("d/f"), b"y")

    def test_what_is_made_in_a_directory_with_set_group_id_has_its_group(self):
        mount = self.mount("-o", "stat=meta")
        os.mkdir(mount / "d")
        os.chown(mount / "d", -1, 77)
        os.chmod(mount / "d", 0o2775)
        write(mount / "d/f", "x")
        os.mkdir(mount / "d/sub")
        os.symlink("nowhere", mount / "d/link")
        for _ in range(2):
            for name in ("f", "sub", "link"):
                self.assertEqual(os.lstat(mount / f"d/{name}").st_gid, 77, name)
            self.assertEqual(stat.S_IMODE(os.stat(mount / "d/sub").st_mode) & 0o7000, 0o2000)
            mount.stop()
            mount = self.mount("-o", "stat=meta")


@unittest.skipIf(os.geteuid() != 0, "an ordinary user runs all the tests as one")
@unittest.skipUnless(os.stat("/dev/fuse").st_mode & 0o006 == 0o006, "only root may open /dev/fuse on this machine")
class OrdinaryUser(BucketCase):
    def test_mounts_uses_and_unmounts_under_the_filter(self):
        home = os.path.join(self.scratch.name, "home")
        point = os.path.join(home, "mnt")
        os.makedirs(point)
        binary = shutil.copy(BINARY, home)  # the original may lie where only we may look
        for path in (self.scratch.name, home, point):
            os.chown(path, SOMEBODY, SOMEBODY)
        env = {"PATH": os.environ["PATH"], "HOME": home, "OSS_ACCESS_KEY_ID": ACCESS_KEY,
               "OSS_ACCESS_KEY_SECRET": SECRET}
        with open(os.path.join(self.scratch.name, "said"), "w+b") as said:
            daemon = subprocess.Popen([binary, "oss://examplebucket", point, "--foreground",
                                       *mount_options("oss", self.server)], env=env, user=SOMEBODY, group=SOMEBODY,
                                      extra_groups=[], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            self.addCleanup(subprocess.run, ["umount", "-q", "-l", point], check=False)
            self.addCleanup(daemon.wait, 60)
            self.addCleanup(daemon.terminate)
            wait_for(lambda: is_mounted(point) or daemon.poll() is not None, what="the mount")
            said.seek(0)
            self.assertTrue(is_mounted(point), said.read())
            self.assertEqual(as_somebody(write, point + "/f", "data"), "None")
            self.assertEqual(as_somebody(os.setxattr, point + "/f", "user.year", b"2021"), "None")
            self.assertEqual(as_somebody(lambda: os.stat(point + "/f").st_uid), str(SOMEBODY))
            self.assertEqual(self.client.get("f"), b"data")
            daemon.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(timeout=300), 0)
            self.assertFalse(is_mounted(point))
            said.seek(0)
            self.assertNotIn(b"syscall_refused", said.read())


if __name__ == "__main__":
    unittest.main()
