# SPDX-FileCopyrightText: the xbucket authors
"""Reading through a mount: the right bytes or an error, few requests, and only what is asked for."""

import base64
import errno
import functools
import hashlib
import os
import random
import subprocess
import threading
import unittest

from harness import BINARY, both_dialects, error_of, read_all, wait_for

KIB = 1 << 10
MIB = 1 << 20


@functools.lru_cache(maxsize=None)
def content_of(size, seed=1):
    return random.Random(seed).randbytes(size)


def open_file(test, path, flags=os.O_RDONLY):
    """A descriptor that is closed at the test's end, whatever comes of it."""
    fd = os.open(path, flags)
    test.addCleanup(lambda: os.close(fd))
    return fd


class Reading:
    def gets(self, since, key):
        """[(status, bytes sent)] of the GETs of a key's content."""
        return [(entry["status"], entry["bytes_out"]) for entry in self.server.requests()[since:]
                if entry["kind"] == "get" and entry["key"] == key]

    def test_content_is_read_as_it_was_put(self):
        for size in (0, 1, 4095, 4096, 128 * KIB, MIB, MIB + 1, 20 * MIB + 123):
            self.client.put(f"f{size}", content_of(size, size))
        mount = self.mount()
        for size in (0, 1, 4095, 4096, 128 * KIB, MIB, MIB + 1, 20 * MIB + 123):
            self.assertEqual(read_all(mount / f"f{size}"), content_of(size, size), size)

    def test_cold_small_file_is_one_get_after_its_lookup(self):
        self.client.put("small", content_of(100 * KIB))
        mount = self.mount()
        since = len(self.server.requests())
        self.assertEqual(read_all(mount / "small"), content_of(100 * KIB))
        self.assertEqual(self.count(since, "small"), {"HEAD": 1, "GET": 1})

    def test_sequential_read_takes_few_requests(self):
        self.client.put("big", content_of(64 * MIB))
        for _ in range(5):  # somebody else may have had the kernel drop its pages
            mount = self.mount()
            since = len(self.server.requests())
            self.assertTrue(read_all(mount / "big") == content_of(64 * MIB))
            gets = self.gets(since, "big")
            if sum(sent for _, sent in gets) == 64 * MIB:
                break
        self.assertLess(len(gets), 60)
        self.assertEqual(sum(sent for _, sent in gets), 64 * MIB)

    def test_random_preads_fetch_at_most_128_kib_each(self):
        content = content_of(64 * MIB)
        self.client.put("big", content)
        fd = open_file(self, self.mount() / "big")
        since = len(self.server.requests())
        order = random.Random(5)
        for _ in range(100):
            offset = order.randrange(64 * MIB // 4096) * 4096
            self.assertEqual(os.pread(fd, 4096, offset), content[offset:offset + 4096])
        self.assertLess(sum(sent for _, sent in self.gets(since, "big")), 100 * 128 * KIB)

    def test_pages_are_kept_across_opens_while_the_content_stands(self):
        self.client.put("f", content_of(3 * MIB))
        mount = self.mount()
        for attempt in range(5):  # somebody else may have had the kernel drop its pages
            read_all(mount / "f")
            since = len(self.server.requests())
            self.assertEqual(read_all(mount / "f"), content_of(3 * MIB))
            os.setxattr(mount / "f", "user.year", b"%d" % attempt)
            self.assertEqual(read_all(mount / "f"), content_of(3 * MIB))
            if not self.gets(since, "f"):
                break
        self.assertEqual(self.gets(since, "f"), [])
        self.client.put("f", content_of(3 * MIB, 2))
        os.setxattr(mount / "f", "user.xbucket.refresh", b"1")
        self.assertEqual(read_all(mount / "f"), content_of(3 * MIB, 2))
        # An own edit goes on top of what somebody else has put there.
        self.client.put("f", content_of(3 * MIB, 3))
        os.setxattr(mount / "f", "user.year", b"2021")
        self.assertEqual(read_all(mount / "f"), content_of(3 * MIB, 3))

    def test_what_another_made_is_there_after_a_refresh(self):
        self.client.put("d/f", b"")
        mount = self.mount("-o", "negative_ttl=60s")
        self.assertFalse(os.path.exists(mount / "d/new"))
        self.client.put("d/new", b"")
        self.assertFalse(os.path.exists(mount / "d/new"))
        os.setxattr(mount / "d", "user.xbucket.refresh", b"1")
        wait_for(lambda: os.path.exists(mount / "d/new"), what="the new name")

    def test_refresh_shows_on_a_read_only_mount_what_another_made(self):
        self.client.put("d/f", b"old")
        mount = self.mount("--ro", "-o", "ttl=1h,negative_ttl=1h")
        self.assertFalse(os.path.exists(mount / "d/new"))
        self.assertEqual(read_all(mount / "d/f"), b"old")
        self.client.put("d/new", b"")
        self.client.put("d/f", b"newer")
        self.assertEqual(error_of(os.setxattr, mount / "d", "user.xbucket.refresh", b"1"), "EROFS")
        self.assertEqual(read_all(mount / "d/f"), b"old")
        subprocess.run([BINARY, "refresh", mount / "d/f"], check=True)
        self.assertEqual(read_all(mount / "d/f"), b"newer")
        subprocess.run([BINARY, "refresh", mount / "d"], check=True)
        wait_for(lambda: os.path.exists(mount / "d/new"), what="the new name")

    def test_object_replaced_while_it_is_open_is_stale(self):
        self.client.put("f", content_of(40 * MIB))
        fd = open_file(self, self.mount() / "f")
        self.assertEqual(os.pread(fd, 4096, 0), content_of(40 * MIB)[:4096])
        self.client.put("f", content_of(40 * MIB, 2))
        self.assertEqual(error_of(os.pread, fd, 4096, 30 * MIB), "ESTALE")

    def test_object_deleted_while_it_is_open_is_stale(self):
        self.client.put("f", content_of(40 * MIB))
        fd = open_file(self, self.mount() / "f")
        os.pread(fd, 4096, 0)
        self.client.ok("DELETE", "f")
        self.assertEqual(error_of(os.pread, fd, 4096, 30 * MIB), "ESTALE")

    # reliability.md 2, row 4
    def test_body_that_ends_early_is_resumed_where_it_ended(self):
        self.client.put("f", content_of(3 * MIB))
        mount = self.mount()
        self.server.set_faults("get@f:1:truncate-body", "get@f:3:truncate-body")
        since = len(self.server.requests())
        self.assertTrue(read_all(mount / "f") == content_of(3 * MIB))
        self.assertLess(sum(sent for _, sent in self.gets(since, "f")), 6 * MIB)

    @unittest.skipUnless(os.environ.get("XBUCKET_TEST_LONG"), "the patience of ten attempts: --long")
    def test_body_that_always_ends_early_is_an_error_and_no_short_file(self):
        self.client.put("f", content_of(200))
        mount = self.mount()
        self.server.set_faults("get@f:*:truncate-body")
        # Half of what is left comes each time; the last byte never does.
        self.assertEqual(error_of(read_all, mount / "f"), "EIO")

    # row 1
    def test_slow_down_is_waited_for(self):
        self.client.put("f", content_of(2 * MIB))
        mount = self.mount()
        self.server.set_faults("get@f:1-3:503:SlowDown")
        self.assertTrue(read_all(mount / "f") == content_of(2 * MIB))

    # row 7
    def test_file_whose_reads_stall_holds_up_no_other(self):
        self.client.put("stalls", content_of(8 * MIB))
        self.client.put("goes", content_of(8 * MIB, 2))
        mount = self.mount()
        self.server.set_faults("get@stalls:*:stall")
        readers = [threading.Thread(target=lambda: error_of(read_all, mount / "stalls"), daemon=True)
                   for _ in range(8)]
        for reader in readers:
            reader.start()
        self.assertTrue(read_all(mount / "goes") == content_of(8 * MIB, 2))
        self.assertEqual(sorted(os.listdir(mount.path)), ["goes", "stalls"])
        # What still waits ends with the mount.
        self.assertEqual(mount.stop(), 0)
        for reader in readers:
            reader.join(300)
            self.assertFalse(reader.is_alive())

    def test_sixteen_readers_at_once_within_the_budget(self):
        for i in range(16):
            self.client.put(f"f{i}", content_of(24 * MIB, i))
        mount = self.mount("--read-memory=32M")
        wrong = []

        def read(i):
            if read_all(mount / f"f{i}") != content_of(24 * MIB, i):
                wrong.append(i)

        readers = [threading.Thread(target=read, args=(i,)) for i in range(16)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual(wrong, [])


def crc64nvme(content):
    """As S3 writes it."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x9A6C9329AC4BC9B5 if byte & 1 else 0)
        table.append(byte)
    crc = (1 << 64) - 1
    for byte in content:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    return base64.b64encode((crc ^ ((1 << 64) - 1)).to_bytes(8, "big")).decode()


class Checksums:
    """What came is compared with what the service says of it: OSS a CRC64, S3 an MD5 or a checksum."""

    def put(self, key, content):
        """With a checksum, as the SDKs of S3 do; without one an ETag is all there is."""
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        self.client.put(key, content, **({"x_amz_checksum_sha256": digest} if self.dialect == "s3" else {}))

    # row 5
    def test_flipped_bit_in_a_small_object_is_read_again(self):
        self.client.put("f", content_of(MIB))
        mount = self.mount()
        self.server.set_faults("get@f:1:corrupt-body")
        self.assertTrue(read_all(mount / "f") == content_of(MIB))

    def test_object_that_stays_damaged_is_an_error(self):
        self.put("f", content_of(MIB))
        mount = self.mount()
        self.server.set_faults("get@f:*:corrupt-body")
        self.assertEqual(error_of(read_all, mount / "f"), "EIO")
        self.server.set_faults()
        self.assertTrue(read_all(mount / "f") == content_of(MIB), "no damaged page is kept")

    def test_what_a_change_starts_from_is_checked_as_well(self):
        self.client.put("f", content_of(MIB // 2))
        mount = self.mount()
        self.server.set_faults("get@f:1:corrupt-body")
        with open(mount / "f", "ab", buffering=0) as file:
            file.write(b"more")
        self.assertTrue(self.client.get("f") == content_of(MIB // 2) + b"more")
        self.put("f", content_of(MIB // 2))
        self.server.set_faults("get@f:*:corrupt-body")
        again = self.mount()
        with self.assertRaises(OSError) as failure, open(again / "f", "ab", buffering=0) as file:
            file.write(b"never")
        self.assertEqual(failure.exception.errno, errno.EIO)
        self.server.set_faults()
        self.assertTrue(self.client.get("f") == content_of(MIB // 2), "damage is not written back")

    def test_flipped_bit_in_a_large_object_is_an_error_before_its_end(self):
        size = 6 * MIB
        checksum = {"x_amz_checksum_crc64nvme": crc64nvme(content_of(size))} if self.dialect == "s3" else {}
        self.client.put("f", content_of(size), **checksum)
        mount = self.mount()
        self.server.set_faults("get@f:3:corrupt-body")
        self.assertEqual(error_of(read_all, mount / "f"), "EIO")
        self.server.set_faults()
        since = len(self.server.requests())
        self.assertTrue(read_all(mount / "f") == content_of(size), "no damaged page is kept")
        heads = [entry for entry in self.server.requests()[since:] if entry["kind"] == "head"]
        self.assertLessEqual(len(heads), 1, "the checksum is asked for once")


both_dialects(Reading)
both_dialects(Checksums)
