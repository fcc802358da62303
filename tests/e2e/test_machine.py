# SPDX-FileCopyrightText: the xbucket authors
"""What happens to the machine that a mount runs on: memory, open files, disks, the resolver, and the
end of the mount."""

import ctypes
import datetime
import errno
import json
import mmap
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import BINARY, SANITIZED, STATE, Mount, both_dialects, error_of, wait_for
from test_faults import KIB, MIB, FaultCase, read_all, write_all


def kept_in(disk):
    """Content and note of what lies in a recovery folder, by key."""
    kept = {}
    folder = os.path.join(disk, "recovery")
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                note = json.load(file)
            kept[note["key"]] = (read_all(os.path.join(folder, name.removesuffix(".json"))), note)
    return kept


class Machine(FaultCase):
    """Memory, open files, full disks, and the end of a mount."""

    @unittest.skipIf(SANITIZED, "a sanitizer's memory is its own")
    def test_memory_stays_bounded_with_many_open_files_and_readers(self):
        size, files = 24 * MIB, 12
        content = os.urandom(size)
        for number in range(files):
            self.client.put(f"f{number}", content)
        mount = self.mount("--read-memory=16M")
        fds = [os.open(mount / f"f{number % files}", os.O_RDONLY) for number in range(900)]
        try:
            with ThreadPoolExecutor(files) as pool:
                sizes = list(pool.map(lambda fd: sum(len(os.pread(fd, MIB, at)) for at in range(0, size, MIB)), fds[:files]))
            self.assertEqual(sizes, [size] * files)
            self.assertLess(self.peak(mount), (16 + 64 + 64) * MIB, "its budget, what it may take besides, and the program")
        finally:
            for fd in fds:
                os.close(fd)

    @unittest.skipIf(SANITIZED, "a sanitizer's memory is its own")
    def test_ten_thousand_open_files_take_a_few_kilobytes_each(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = min(10_000, most - 500)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        for number in range(100):
            self.client.put(f"f{number}", b"content")
        mount = self.mount("--read-memory=16M")
        fds = []
        try:
            for number in range(files):
                fds.append(os.open(mount / f"f{number % 100}", os.O_RDONLY))
                self.assertEqual(os.pread(fds[-1], 7, 0), b"content")
            self.assertLess(self.peak(mount), (16 + 64 + 64) * MIB)
        finally:
            for fd in fds:
                os.close(fd)

    def test_more_files_are_written_at_once_than_a_process_may_open_by_default(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, before[1]))
        try:
            mount = self.mount()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        fds = []
        try:
            for number in range(300):
                fds.append(os.open(mount / f"f{number}", os.O_WRONLY | os.O_CREAT))
                os.write(fds[-1], b"content of %d" % number)
        finally:
            for fd in fds:
                os.close(fd)
        for number in range(300):
            self.assertEqual(self.client.get(f"f{number}"), b"content of %d" % number)

    @staticmethod
    def peak(mount):
        with open(f"/proc/{mount.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1]) * KIB

    def small_disk(self, size="8m"):
        if os.getuid() != 0:
            self.skipTest("only root can make a small disk")
        disk = tempfile.mkdtemp(prefix="xbucket-disk-")
        self.addCleanup(os.rmdir, disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", disk], check=False).returncode:
            self.skipTest("no disk can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        return disk

    def test_full_disk_is_ENOSPC_for_who_writes_and_nobody_else(self):
        self.with_metadata("old", b"old", n="1")
        mount = self.mount("--spool", self.small_disk(), "--write-memory=0")
        small = os.open(mount / "small", os.O_WRONLY | os.O_CREAT)
        os.write(small, b"written before")
        fd = os.open(mount / "old", os.O_WRONLY | os.O_TRUNC)
        with self.assertRaises(OSError) as failure:
            for _ in range(32):
                os.write(fd, bytes(MIB))
            os.fsync(fd)
        self.assertEqual(failure.exception.errno, errno.ENOSPC)
        os.setxattr(mount / "old", "user.n", b"2")
        self.assertEqual((self.client.get("old"), self.client.metadata("old")), (b"old", {"n": "2"}))
        os.close(small)
        self.assertEqual(self.client.get("small"), b"written before")
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"fits", 0)
        os.close(fd)
        self.assertEqual(self.client.get("old"), b"fits")

    def test_mapping_that_finds_no_room_is_an_error_and_the_old_object_stands(self):
        self.with_metadata("old", b"old", n="1")
        disk = self.small_disk("900k")
        mount = self.mount("--spool", disk, "--write-memory=0")
        fd = os.open(mount / "old", os.O_RDWR)
        os.ftruncate(fd, MIB)
        with mmap.mmap(fd, MIB) as mapping:
            mapping[:] = bytes([7]) * MIB
            failures = {error_of(mapping.flush), error_of(os.fsync, fd)}
        failures.add(error_of(os.close, fd))
        self.assertIn("ENOSPC", failures)
        wait_for(lambda: kept_in(disk), what="recovery")
        self.assertEqual((self.client.get("old"), self.client.metadata("old")), (b"old", {"n": "1"}))

    def test_what_was_taken_into_memory_is_kept_however_full_the_disk_is_by_then(self):
        disk = self.small_disk()
        mount = self.mount("--spool", disk)
        self.server.set_faults("put:*:403:AccessDenied")
        names = ["one", "two", "three"]
        fds = {name: os.open(mount / name, os.O_WRONLY | os.O_CREAT) for name in names}
        taken = {name: b"" for name in names}
        with self.assertRaises(OSError) as failure:
            while sum(map(len, taken.values())) < 16 * MIB:
                for name in names:
                    piece = os.urandom(192 * KIB)
                    taken[name] += piece[:os.write(fds[name], piece)]
        self.assertEqual(failure.exception.errno, errno.ENOSPC)
        self.assertGreater(sum(map(len, taken.values())), 4 * MIB, "as much as the disk has")
        with open(os.path.join(disk, "filler"), "wb", buffering=0) as filler, self.assertRaises(OSError):
            while True:
                filler.write(bytes(4 * KIB))
        for fd in fds.values():
            self.assertEqual(error_of(os.close, fd), "EACCES")
        wait_for(lambda: len(kept_in(disk)) == len(names), what="recovery")
        self.assertEqual({name: content == taken[name] for name, (content, _) in kept_in(disk).items()},
                         dict.fromkeys(names, True))
        self.assertEqual([note["damage"] for _, note in kept_in(disk).values()], [""] * len(names))

    def failing_disk(self):
        """One with more room than what it lies on: it takes what is written and loses it later."""
        below = self.small_disk("24m")
        image = os.path.join(below, "image")
        if not shutil.which("mkfs.ext4"):
            self.skipTest("no mkfs.ext4")
        with open(image, "wb") as file:
            file.truncate(300 * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", "-E", "nodiscard", image], check=True)
        disk = tempfile.mkdtemp(prefix="xbucket-disk-")
        self.addCleanup(os.rmdir, disk)
        if subprocess.run(["mount", "-o", "loop,errors=continue", image, disk], check=False).returncode:
            self.skipTest("no disk can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        return disk

    def test_disk_that_loses_what_it_took_is_an_error_and_the_old_object_stands(self):
        self.with_metadata("f", b"old", n="1")
        disk = self.failing_disk()
        mount = self.mount("--spool", os.path.join(disk, "spool"), "--write-memory=0", "--part-size=64M")
        fd = os.open(mount / "f", os.O_WRONLY | os.O_TRUNC)
        for _ in range(60):
            os.write(fd, os.urandom(MIB))
        folder = os.open(disk, os.O_RDONLY)
        try:
            self.assertEqual(ctypes.CDLL(None).syncfs(folder), -1, "it has lost something")
        finally:
            os.close(folder)
        for _ in range(2):
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
                file.write("1")
        # What the disk below said, where it is told of a write, or that a read failed.
        self.assertIn(error_of(os.close, fd), ("EIO", "ENOSPC"))
        self.assertEqual(self.client.get("f"), b"old")

    def test_disk_that_becomes_read_only_is_an_error_for_who_writes_and_nobody_else(self):
        self.with_metadata("f", b"old", n="1")
        disk = self.small_disk()
        mount = self.mount("--spool", disk, "--write-memory=0")
        # Even the log of uploads is open for writing: the disk goes as it would go by itself.
        if subprocess.run(["mount", "-o", "remount,ro", disk], check=False, stderr=subprocess.DEVNULL).returncode:
            subprocess.run(["mount", "-o", "remount,size=4k,nr_inodes=1", disk], check=False, stderr=subprocess.DEVNULL)
            self.skipTest("the disk is held open for writing")
        self.assertIn(error_of(write_all, mount / "f", b"new"), ("EROFS", "EIO"))
        os.setxattr(mount / "f", "user.n", b"2")
        self.assertEqual((self.client.get("f"), self.client.metadata("f"), read_all(mount / "f")),
                         (b"old", {"n": "2"}, b"old"))

    def test_lazy_unmount_sends_what_is_open_and_dirty_when_it_is_closed(self):
        mount = self.mount()
        fd = os.open(mount / "f", os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"written")
        busy = subprocess.run(["fusermount3", "-u", mount.path], capture_output=True, text=True, check=False)
        self.assertNotEqual(busy.returncode, 0)
        self.assertIn("busy", busy.stderr)
        subprocess.run(["fusermount3", "-u", "-z", mount.path], check=True)
        self.assertEqual(os.listdir(mount.path), [], "nothing can be opened any more")
        os.write(fd, b" and more")
        os.close(fd)
        self.assertEqual(self.client.get("f"), b"written and more")
        self.assertEqual(mount.process.wait(300), 0, mount.said())

    def test_sigterm_names_the_files_that_could_not_be_sent(self):
        mount = self.mount("--timeout=2s")
        names = ["one", "two"]
        fds = [os.open(mount / name, os.O_WRONLY | os.O_CREAT) for name in names]
        for fd in fds:
            os.write(fd, b"the only copy")
        self.server.set_faults("put:*:403:AccessDenied")
        mount.process.send_signal(signal.SIGTERM)
        self.assertNotIn(mount.process.wait(300), (0, None), mount.said())
        for name, fd in zip(names, fds):
            self.assertRegex(mount.said(), rf"key='{name}'")
            error_of(os.close, fd)
        kept = [os.path.join(folder, name) for folder, _, files in os.walk(STATE) for name in files
                if folder.endswith("/recovery") and not name.endswith(".json")]
        self.assertGreaterEqual([read_all(path) for path in kept].count(b"the only copy"), 2)


class Preloading(FaultCase):
    def preloaded(self, name, program):
        """A library to be loaded before all others."""
        compiler = shutil.which("cc")
        if not compiler:
            self.skipTest("no C compiler")
        source, library = (os.path.join(self.scratch.name, name + end) for end in (".c", ".so"))
        with open(source, "w", encoding="ascii") as file:
            file.write(program)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        return library


BAD_DISK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

static int script = -1;
typedef int (*syncs)(int);
typedef int (*range_syncs)(int, off64_t, off64_t, unsigned);
typedef ssize_t (*reads)(int, void*, size_t, off_t);
typedef ssize_t (*writes)(int, const void*, size_t, off_t);

__attribute__((constructor)) static void start(void) { script = open(getenv("TEST_DISK"), O_RDONLY | O_CLOEXEC); }

/* "r": what is read at an offset fails, "w": what is written; the spool is what is. "l": what was
   written there is lost, as a disk tells it, once and late. */
static int fails(char what) {
    char now = 0;
    reads next = (reads)dlsym(RTLD_NEXT, "pread");
    if (next(script, &now, 1, 0) == 1 && now == what) errno = EIO;
    return now == what;
}

ssize_t pread(int fd, void* to, size_t n, off_t at) {
    return fails('r') ? -1 : ((reads)dlsym(RTLD_NEXT, "pread"))(fd, to, n, at);
}
ssize_t pread64(int fd, void* to, size_t n, off_t at) { return pread(fd, to, n, at); }
ssize_t __pread64_chk(int fd, void* to, size_t n, off_t at, size_t room) { return n > room ? -1 : pread(fd, to, n, at); }
ssize_t pwrite(int fd, const void* from, size_t n, off_t at) {
    return fails('w') ? -1 : ((writes)dlsym(RTLD_NEXT, "pwrite"))(fd, from, n, at);
}
ssize_t pwrite64(int fd, const void* from, size_t n, off_t at) { return pwrite(fd, from, n, at); }

int fsync(int fd) {
    struct stat now;
    if (fstat(fd, &now) == 0 && now.st_nlink == 0 && fails('l')) return -1;
    return ((syncs)dlsym(RTLD_NEXT, "fsync"))(fd);
}
int sync_file_range(int fd, off64_t at, off64_t n, unsigned flags) {
    return fails('l') ? -1 : ((range_syncs)dlsym(RTLD_NEXT, "sync_file_range"))(fd, at, n, flags);
}
"""


SLOW_DISK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

int fdatasync(int fd) {
    usleep(700 * 1000);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"""


RESOLVER = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int script = -1, log_fd = -1;

__attribute__((constructor)) static void start(void) {
    script = open(getenv("TEST_ADDRESSES"), O_RDONLY | O_CLOEXEC);
    log_fd = open(getenv("TEST_LOOKUPS"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

/* The addresses of bucket.test are the lines of a file; without any, the resolver fails for now. */
int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints, struct addrinfo** result) {
    int (*next)(const char*, const char*, const struct addrinfo*, struct addrinfo**) = dlsym(RTLD_NEXT, "getaddrinfo");
    if (node == NULL || strcmp(node, "bucket.test") != 0) return next(node, service, hints, result);
    if (write(log_fd, ".", 1) != 1) return EAI_SYSTEM;
    char text[256] = "";
    if (pread(script, text, sizeof text - 1, 0) <= 0) return EAI_AGAIN;
    struct addrinfo** end = result;
    *end = NULL;
    for (char* address = strtok(text, "\n"); address; address = strtok(NULL, "\n")) {
        int failed = next(address, service, hints, end);
        if (failed) return failed;
        while (*end) end = &(*end)->ai_next;
    }
    return 0;
}
"""


@unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
class BadDisk(Preloading):
    """The spool's disk fails, told by a library that is loaded before it."""

    def disk(self, state):
        with open(os.path.join(self.scratch.name, "disk"), "w", encoding="ascii") as file:
            file.write(state)

    def test_error_of_the_disk_is_the_writers_and_the_old_object_stands(self):
        library = self.preloaded("disk", BAD_DISK)
        self.disk("-")
        mount = self.mount("--write-memory=0", env={"LD_PRELOAD": library, "TEST_DISK": os.path.join(self.scratch.name, "disk")})
        for state, failing in (("w", os.write), ("r", os.fsync)):
            self.with_metadata("f", b"old", n="1")
            self.client.put("other", b"content")
            fd = os.open(mount / "f", os.O_WRONLY | os.O_TRUNC)
            try:
                if state == "r":
                    os.write(fd, b"new content")
                self.disk(state)
                self.assertEqual(error_of(failing, fd, *([b"new content"] if state == "w" else [])), "EIO")
                self.assertEqual(read_all(mount / "other"), b"content")
                os.setxattr(mount / "other", "user.n", b"1")
                self.assertEqual(self.client.get("f"), b"old")
                self.disk("-")
                os.pwrite(fd, b"new content", 0)
                os.fsync(fd)
                self.assertEqual(self.client.get("f"), b"new content")
            finally:
                os.close(fd)

    def test_what_the_disk_lost_is_never_sent_and_said_to_be_lost_where_it_is_kept(self):
        library = self.preloaded("disk", BAD_DISK)
        spool = os.path.join(self.scratch.name, "spool")
        os.mkdir(spool, 0o700)
        self.with_metadata("f", b"old", n="1")
        self.disk("-")
        mount = self.mount("--write-memory=0", "--spool", spool,
                           env={"LD_PRELOAD": library, "TEST_DISK": os.path.join(self.scratch.name, "disk")})
        fd = os.open(mount / "f", os.O_WRONLY | os.O_TRUNC)
        os.write(fd, b"new content")
        self.disk("l")
        self.assertEqual(error_of(os.fsync, fd), "EIO")
        self.disk("-")
        self.assertEqual(error_of(os.fsync, fd), "EIO", "the disk says it once, and it stays true")
        self.assertEqual(error_of(os.close, fd), "EIO")
        wait_for(lambda: kept_in(spool), what="recovery")
        self.assertEqual(self.client.get("f"), b"old")
        content, note = kept_in(spool)["f"]
        self.assertEqual(content, b"new content")
        self.assertIn("lost what was written", note["damage"])
        # The log says so after the note is safe.
        wait_for(lambda: "what is left of it" in mount.said(), what="a line about it in the log")
        status = subprocess.run([BINARY, "status", "--spool", spool], capture_output=True, text=True, check=False)
        self.assertIn("not all of it is there", status.stdout)
        write_all(mount / "f", b"written anew")
        self.assertEqual(self.client.get("f"), b"written anew")


@unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
class SlowDisk(Preloading):
    """What must outlive the machine is waited for, told by a disk that takes its time."""

    def test_no_part_is_sent_before_the_log_of_uploads_is_durable(self):
        mount = self.mount("--part-size=5M", env={"LD_PRELOAD": self.preloaded("slow", SLOW_DISK)})
        write_all(mount / "f", bytes(16 * MIB))
        self.assertEqual(len(self.client.get("f")), 16 * MIB)
        times = {}
        for entry in self.server.requests():
            times.setdefault(entry["kind"], datetime.datetime.fromisoformat(entry["time"].replace("Z", "+00:00")))
        self.assertGreater((times["part"] - times["initiate"]).total_seconds(), 0.6)


@unittest.skipIf(SANITIZED, "a sanitizer wants to be loaded first")
class Resolver(Preloading):
    """What the resolver says of the endpoint, told by a library that is loaded before it."""

    def mount_by_name(self, addresses):
        self.addresses, self.lookups = (os.path.join(self.scratch.name, name) for name in ("addresses", "lookups"))
        library = self.preloaded("resolver", RESOLVER)
        self.resolve(addresses)
        region = "cn-hangzhou" if self.dialect == "oss" else "us-east-1"
        mounted = Mount(f"{self.dialect}://examplebucket", f"--endpoint=http://bucket.test:{self.server.port}",
                        f"--region={region}", "--addressing=path", "--allow-http",
                        env={"LD_PRELOAD": library, "TEST_ADDRESSES": self.addresses, "TEST_LOOKUPS": self.lookups})
        self.addCleanup(mounted.end)
        return mounted

    def resolve(self, addresses):
        with open(self.addresses, "w", encoding="ascii") as file:
            file.write("\n".join(addresses))

    def asked(self):
        return os.path.exists(self.lookups) and os.path.getsize(self.lookups)

    def test_every_address_of_a_name_is_tried(self):
        self.client.put("f", b"content")
        mount = self.mount_by_name(["127.0.0.2", "127.0.0.3", "127.0.0.1"])  # nobody listens on the first two
        self.assertEqual(read_all(mount / "f"), b"content")
        write_all(mount / "g", b"new")
        self.assertEqual(self.client.get("g"), b"new")

    def test_a_resolver_that_fails_for_a_while_is_asked_again(self):
        self.client.put("f", b"content")
        self.addresses = os.path.join(self.scratch.name, "addresses")
        self.lookups = os.path.join(self.scratch.name, "lookups")
        recovery = threading.Thread(target=lambda: (wait_for(lambda: self.asked() >= 2, what="lookups"),
                                                    self.resolve(["127.0.0.1"])))
        recovery.start()
        mount = self.mount_by_name([])
        recovery.join()
        self.assertEqual(read_all(mount / "f"), b"content")


for case in (Machine, BadDisk, SlowDisk, Resolver):
    both_dialects(case)
