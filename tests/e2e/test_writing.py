# SPDX-FileCopyrightText: the xbucket authors
"""Writing through a mount: in the bucket when close returns, the old object or the new one whatever
happens on the way, and nothing left behind."""

import functools
import json
import mmap
import os
import random
import re
import signal
import subprocess
import sys
import threading

from harness import BINARY, STATE, both_dialects, error_of, wait_for, waits_in_fuse

KIB = 1 << 10
MIB = 1 << 20


@functools.lru_cache(maxsize=None)
def content_of(size, seed=1):
    return random.Random(seed).randbytes(size)


def write_all(path, content):
    with open(path, "wb", buffering=0) as file:
        for at in range(0, len(content), MIB):
            file.write(content[at:at + MIB])


def kept_files():
    """What lies in the recovery folders of this test run."""
    return [os.path.join(folder, name) for folder, _, names in os.walk(STATE)
            if folder.endswith("/recovery") for name in names if not name.endswith(".json")]


class Writing:
    def uploads(self):
        body = self.client.ok("GET", query={"uploads": None})[1].decode()
        return re.findall("<UploadId>([^<]*)</UploadId>", body)

    def kinds(self, since, key):
        kinds = {}
        for entry in self.server.requests()[since:]:
            if entry.get("key") == key:
                kinds[entry["kind"]] = kinds.get(entry["kind"], 0) + 1
        return kinds

    def test_small_file_is_one_put(self):
        mount = self.mount()
        since = len(self.server.requests())
        write_all(mount / "f", content_of(100 * KIB))
        self.assertEqual(self.client.get("f"), content_of(100 * KIB))
        self.assertEqual(self.kinds(since, "f").get("put"), 1)

    def test_big_file_goes_up_while_it_is_written(self):
        mount = self.mount("--part-size=5M")
        with open(mount / "f", "wb", buffering=0) as file:
            for at in range(0, 32 * MIB, MIB):
                file.write(content_of(32 * MIB)[at:at + MIB])
            wait_for(lambda: self.kinds(0, "f").get("part", 0) >= 6, what="parts")
        self.assertTrue(self.client.get("f") == content_of(32 * MIB))
        self.assertEqual(self.kinds(0, "f")["part"], 7)
        self.assertEqual(self.uploads(), [])

    def test_big_object_is_changed_without_being_downloaded(self):
        content = bytearray(content_of(64 * MIB))
        self.client.put("f", bytes(content))
        mount = self.mount("--part-size=5M")
        since = len(self.server.requests())
        fd = os.open(mount / "f", os.O_RDWR)
        os.pwrite(fd, b"changed", 30 * MIB)
        content[30 * MIB:30 * MIB + 7] = b"changed"
        self.assertEqual(os.pread(fd, 20, 30 * MIB - 5), bytes(content[30 * MIB - 5:30 * MIB + 15]))
        os.close(fd)
        got = sum(entry["bytes_out"] for entry in self.server.requests()[since:]
                  if entry["kind"] == "get" and entry["key"] == "f")
        self.assertTrue(self.client.get("f") == bytes(content))
        self.assertLess(got, 16 * MIB)
        self.assertGreater(self.kinds(since, "f")["part-copy"], 0)

    def test_attributes_survive_every_kind_of_rewrite(self):
        for size in (1000, 20 * MIB):
            self.client.put("f", content_of(size), Content_Type="text/x-own", Cache_Control="no-store",
                            **{self.client.prefix.replace("-", "_") + "meta_year": "2021"})
            mount = self.mount("--part-size=5M")
            os.setxattr(mount / "f", "user.tag.team", b"blue")
            with open(mount / "f", "ab") as file:
                file.write(b"tail")
            os.truncate(mount / "f", size - 10)
            os.truncate(mount / "f", size + 10)
            write_all(mount / "f", content_of(size, 2))
            mount.stop()
            head = self.client.head("f")
            self.assertEqual((head["content-type"], head["cache-control"]), ("text/x-own", "no-store"))
            self.assertEqual(self.client.metadata("f")["year"], "2021")
            self.assertEqual(self.client.tags("f"), {"team": "blue"})
            self.assertTrue(self.client.get("f") == content_of(size, 2))

    def test_size_and_time_are_seen_by_others_while_a_file_is_written(self):
        mount = self.mount()
        with open(mount / "f", "wb", buffering=0) as file:
            file.write(b"12345")
            seen = os.stat(mount / "f")
            self.assertEqual(seen.st_size, 5)
            file.write(b"678")
            self.assertEqual(os.stat(mount / "f").st_size, 8)
            self.assertGreaterEqual(os.stat(mount / "f").st_mtime_ns, seen.st_mtime_ns)
            with open(mount / "f", "rb") as reader:
                self.assertEqual(reader.read(), b"12345678")

    def test_other_mount_sees_what_was_closed_when_it_opens(self):
        one, other = self.mount("-o", "ttl=0s,negative-ttl=0s"), self.mount("-o", "ttl=0s,negative-ttl=0s")
        for number in range(5):
            write_all(one / "f", content_of(100 * KIB, number))
            with open(other / "f", "rb") as file:
                self.assertEqual(file.read(), content_of(100 * KIB, number))
            write_all(other / "f", content_of(70 * KIB, number))
            with open(one / "f", "rb") as file:
                self.assertEqual(file.read(), content_of(70 * KIB, number))

    def test_exclusive_creation_of_one_name_by_two_mounts_succeeds_once(self):
        """As two programs take a lock by fopen(name, "wx"), each on its own machine."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_TRUNC
        one, other = self.mount(), self.mount()
        first, second = os.open(one / "lock", flags), os.open(other / "lock", flags)
        os.write(first, b"first")
        os.write(second, b"second")
        os.close(second)
        self.assertEqual(error_of(os.close, first), "ESTALE")
        self.assertEqual(self.client.get("lock"), b"second")

    def test_open_makes_a_file_anew_that_others_deleted(self):
        mount = self.mount()
        write_all(mount / "f", b"old")
        self.client.ok("DELETE", "f")
        os.setxattr(mount / "f", "user.xbucket.refresh", b"1")  # the kernel keeps the name
        write_all(mount / "f", b"new")
        self.assertEqual(self.client.get("f"), b"new")
        self.client.ok("DELETE", "f")
        os.setxattr(mount / "f", "user.xbucket.refresh", b"1")
        self.assertEqual(error_of(os.stat, mount / "f"), "ENOENT")

    def test_file_whose_close_failed_is_made_anew_by_the_next_open(self):
        mount = self.mount()
        for turn in range(30):
            name = f"f{turn}"
            self.server.set_faults("put:1:403:AccessDenied")
            self.assertEqual(error_of(write_all, mount / name, b"refused"), "EACCES")
            write_all(mount / name, b"kept")  # while the mount is giving the first one up
            self.assertEqual(self.client.get(name), b"kept")

    # reliability.md 2, row 3
    def test_lost_replies_and_requests_of_an_upload(self):
        mount = self.mount("--part-size=5M")
        for rules in (["put:1:apply-drop"], ["put:1:reset"], ["put:1-2:drop"]):
            self.server.set_faults(*rules)
            write_all(mount / "small", content_of(KIB, len(rules[0])))
            self.assertEqual(self.client.get("small"), content_of(KIB, len(rules[0])), rules)
        for number, rules in enumerate((["part:2:apply-drop", "part:3:reset"], ["complete:1:apply-drop"],
                                        ["complete:1:reset"], ["initiate:1:503:SlowDown"])):
            self.server.set_faults(*rules)
            write_all(mount / "big", content_of(20 * MIB, number))
            self.assertTrue(self.client.get("big") == content_of(20 * MIB, number), rules)

    def test_lost_replies_and_requests_of_a_copy(self):
        self.client.put("source", content_of(9 * MIB))
        mount = self.mount()
        for rule in ("copy:1:apply-drop", "copy:1:reset"):
            self.server.set_faults(rule)
            since = len(self.server.requests())
            with open(mount / "source", "rb") as source, open(mount / rule, "xb", buffering=0) as copy:
                while os.copy_file_range(source.fileno(), copy.fileno(), 1 << 30):
                    pass
            self.assertTrue(self.client.get(rule) == content_of(9 * MIB), rule)
            kinds = self.kinds(since, rule)
            self.assertEqual((kinds.get("put"), kinds.get("part")), (None, None), "the service copied it")

    def test_mode_that_is_set_when_a_big_file_is_whole(self):
        mount = self.mount("--part-size=5M")
        fd = os.open(mount / "f", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "wb", buffering=0) as file:
            for _ in range(20):
                file.write(content_of(MIB))
            wait_for(lambda: self.uploads() != [], what="the begin of the upload")
            os.fchmod(fd, 0o644)
        mount.stop()
        self.assertEqual(os.stat(self.mount() / "f").st_mode & 0o7777, 0o644)

    # row 2
    def test_error_that_stays_fails_close_keeps_the_data_and_leaves_the_object(self):
        self.client.put("f", b"old")
        mount = self.mount()
        self.server.set_faults("put@f:*:400:InvalidArgument")
        before = set(kept_files())
        self.assertNotEqual(error_of(write_all, mount / "f", b"new content"), "OK")
        kept = wait_for(lambda: set(kept_files()) - before, what="the kept file")
        with open(kept.pop(), "rb") as file:
            self.assertEqual(file.read(), b"new content")
        self.assertEqual(self.client.get("f"), b"old")
        said = subprocess.run([BINARY, "status", mount.path], capture_output=True, text=True, check=False)
        self.assertIn("f", said.stdout)
        self.server.set_faults()
        write_all(mount / "f", b"works again")
        self.assertEqual(self.client.get("f"), b"works again")

    # row 6
    def test_wrong_etag_in_the_reply_of_a_part_is_not_believed(self):
        mount = self.mount("--part-size=5M")
        self.server.set_faults("part:2:wrong-etag")
        error = error_of(write_all, mount / "f", content_of(20 * MIB))
        if error == "OK":
            self.assertTrue(self.client.get("f") == content_of(20 * MIB))
        else:
            self.assertEqual(self.client.request("HEAD", "f")[0], 404)

    # row 36
    def test_full_spool_is_enospc_and_the_old_object_stands(self):
        self.client.put("f", b"old")
        mount = self.mount("--spool-size=16M")
        fd = os.open(mount / "f", os.O_WRONLY | os.O_TRUNC)
        try:
            with self.assertRaises(OSError) as failure:
                for _ in range(64):
                    os.write(fd, bytes(MIB))
            self.assertEqual(failure.exception.errno, 28)
            self.assertEqual(self.client.get("f"), b"old")
            os.setxattr(mount / "f", "user.still", b"works")
        finally:
            os.close(fd)

    # row 37
    def test_sigterm_sends_what_is_still_open_and_dirty(self):
        mount = self.mount("--part-size=5M")
        fd = os.open(mount / "f", os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"not closed")
        self.assertEqual(mount.stop(signal.SIGTERM), 0)
        os.close(fd) if error_of(os.fstat, fd) == "OK" else None
        self.assertEqual(self.client.get("f"), b"not closed")

    # row 48
    def test_sigterm_sends_what_was_written_to_a_mapping(self):
        self.client.put("f", bytes(64 * KIB))
        mount = self.mount()
        fd = os.open(mount / "f", os.O_RDWR)
        self.addCleanup(error_of, os.close, fd)  # ENOTCONN: the mount is gone
        with mmap.mmap(fd, 0) as mapping:
            mapping[5000:5008] = b"by a map"
            self.assertEqual(mount.stop(), 0)
            self.assertEqual(self.client.get("f")[4999:5009], b"\0by a map\0")

    def test_sigterm_sends_what_was_written_to_a_mapping_beside_a_long_upload(self):
        """The kernel's pages wait for it, longer than for anything else at the end of a mount."""
        self.client.put("f", bytes(4 * MIB))
        mount = self.mount()
        fd = os.open(mount / "f", os.O_RDWR)
        self.addCleanup(error_of, os.close, fd)  # ENOTCONN: the mount is gone
        with mmap.mmap(fd, 0) as mapping:
            places = [number * 4096 for number in (100, 300, 500, 700, 900)]
            os.pwrite(fd, b"x", 10)
            self.server.set_faults("put@f:1:delay:12000")
            sender = threading.Thread(target=os.fsync, args=(fd,))
            since = len(self.server.requests())
            sender.start()
            self.addCleanup(sender.join)
            wait_for(lambda: waits_in_fuse(os.getpid()), what="the upload")
            for place in places:
                mapping[place] = 7
            self.assertEqual(mount.stop(), 0)
            content = self.client.get("f")
        self.assertEqual([content[place] for place in places], [7] * len(places))
        self.assertEqual(content[10:11], b"x")
        self.assertGreater(len(self.server.requests()), since)

    def test_writes_attributes_renames_and_deletes_of_one_key_at_once(self):
        mount = self.mount()
        failures = []

        def go(action):
            for number in range(30):
                try:
                    action(number)
                except FileNotFoundError:
                    pass
                except OSError as failure:
                    if failure.errno not in (116,):  # ESTALE: deleted or replaced meanwhile
                        failures.append(failure)

        def write(number):
            write_all(mount / "a", b"w%d" % number)

        actions = [write, lambda n: os.setxattr(mount / "a", "user.n", b"%d" % n),
                   lambda n: os.rename(mount / "a", mount / "b"), lambda n: os.rename(mount / "b", mount / "a"),
                   lambda n: os.unlink(mount / "b")]
        threads = [threading.Thread(target=go, args=(action,)) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
        self.assertEqual(failures, [])
        names = set(os.listdir(mount.path))
        mount.stop()
        again = self.mount()
        self.assertEqual(set(os.listdir(again.path)), names)
        for name in names:
            with open(again / name, "rb") as file:
                self.assertRegex(file.read(), rb"^(w\d+)?$")


both_dialects(Writing)


class Killed:
    """kill -9 of a mount in every phase of an upload: rows 32 and 34."""

    def uploads(self):
        body = self.client.ok("GET", query={"uploads": None})[1].decode()
        return re.findall("<UploadId>([^<]*)</UploadId>", body)

    def killed_while(self, rule, content, reached):
        """Kills the mount while the request that `rule` holds up is under way; the object then."""
        self.client.put("f", b"old object")
        self.server.set_faults()
        mount = self.mounted = self.mount("--part-size=5M")
        self.server.set_faults(rule)
        since = len(self.server.requests())
        writer = threading.Thread(target=lambda: error_of(write_all, mount / "f", content), daemon=True)
        writer.start()
        wait_for(lambda: reached(self.server.requests()[since:]), what=rule)
        mount.kill()
        writer.join(300)
        self.server.set_faults()
        return self.client.get("f")

    def check(self, rule, content, reached):
        found = self.killed_while(rule, content, reached)
        self.assertIn(found, (b"old object", content), f"{rule}: {len(found)} bytes")
        mount = self.mount("--part-size=5M")
        wait_for(lambda: not self.uploads(), what=f"{rule}: the aborts of the next mount")
        with open(mount / "f", "rb") as file:
            self.assertEqual(file.read(), found)
        mount.stop()
        return found

    def test_kill_during_a_put(self):
        self.check("put@f:1:stall", content_of(MIB), lambda seen: self.waits() and any(entry["kind"] == "head" for entry in seen))

    def test_kill_after_a_put_was_applied(self):
        found = self.check("put@f:1:apply-stall", content_of(MIB), lambda seen: self.is_there(MIB))
        self.assertEqual(found, content_of(MIB))

    def test_kill_while_parts_are_sent(self):
        found = self.check("part@f:3:stall", content_of(32 * MIB),
                           lambda seen: sum(entry["kind"] == "part" for entry in seen) >= 2)
        self.assertEqual(found, b"old object")

    def test_kill_while_the_upload_is_created(self):
        found = self.check("initiate@f:1:apply-stall", content_of(32 * MIB), lambda seen: self.uploads())
        self.assertEqual(found, b"old object")

    def test_kill_before_complete(self):
        found = self.check("complete@f:1:stall", content_of(32 * MIB),
                           lambda seen: sum(entry["kind"] == "part" for entry in seen) >= 7 and
                           self.waits())
        self.assertEqual(found, b"old object")

    def test_kill_after_complete_was_applied(self):
        found = self.check("complete@f:1:apply-stall", content_of(32 * MIB), lambda seen: self.is_there(32 * MIB))
        self.assertTrue(found == content_of(32 * MIB))

    def change_one_byte(self, path):
        with open(path, "r+b", buffering=0) as file:
            file.seek(13 * MIB)
            file.write(b"changed")

    def test_kill_while_parts_are_copied(self):
        before = content_of(32 * MIB)
        self.client.put("f", before)
        mount = self.mounted = self.mount("--part-size=5M")
        self.server.set_faults("part-copy@f:2:stall")
        writer = threading.Thread(target=lambda: error_of(self.change_one_byte, mount / "f"), daemon=True)
        writer.start()
        wait_for(lambda: self.uploads() and self.waits() and any(
            entry["kind"] == "part-copy" for entry in self.server.requests()), what="a copied part")
        mount.kill()
        writer.join(300)
        self.server.set_faults()
        self.assertTrue(self.client.get("f") == before)
        again = self.mount("--part-size=5M")
        wait_for(lambda: not self.uploads(), what="the aborts of the next mount")
        self.change_one_byte(again / "f")
        self.assertTrue(self.client.get("f") == before[:13 * MIB] + b"changed" + before[13 * MIB + 7:])

    def test_kill_while_a_copy_is_made_in_parts_for_a_change_of_metadata_or_a_rename(self):
        for change in (lambda path: os.setxattr(path, "user.year", b"2021"),
                       lambda path: os.rename(path, path[:-1] + "g")):
            self.client.put("f", b"content")
            mount = self.mounted = self.mount()
            # As of an object that is too large for a single one.
            self.server.set_faults("copy:*:400:EntityTooLarge", "part-copy:*:stall")
            changer = threading.Thread(target=lambda: error_of(change, mount / "f"), daemon=True)
            changer.start()
            wait_for(lambda: self.uploads() and self.waits(), what="a part that is copied")
            mount.kill()
            changer.join(20)
            self.server.set_faults()
            self.assertEqual(self.client.get("f"), b"content")
            again = self.mount()
            wait_for(lambda: not self.uploads(), what="the abort by the next mount")
            again.stop()

    def test_kill_while_an_upload_is_aborted(self):
        self.client.put("f", b"old object")
        mount = self.mounted = self.mount("--part-size=5M", "--timeout=2s")
        self.server.set_faults("part@f:*:403:AccessDenied", "abort:*:stall")
        self.assertEqual(error_of(write_all, mount / "f", content_of(32 * MIB)), "EACCES")
        self.assertEqual(len(self.uploads()), 1)
        mount.kill()
        # The next one is killed at it, too.
        second = self.mounted = self.mount("--part-size=5M")
        wait_for(self.waits, what="an abort")
        second.kill()
        self.server.set_faults()
        third = self.mount("--part-size=5M")
        wait_for(lambda: not self.uploads(), what="the aborts of the third mount")
        self.assertEqual(self.client.get("f"), b"old object")
        third.stop()

    def is_there(self, size):
        return self.client.head("f")["content-length"] == str(size)

    def waits(self):
        """A request that stalls is in no log: the mount knows that it is under way."""
        return json.loads(os.getxattr(self.mounted.path, "user.xbucket.stats"))["in_flight"] > 0

    def test_other_mounts_uploads_and_those_of_strangers_stay(self):
        stranger = self.client.ok("POST", "other", query={"uploads": None})[1].decode()
        stranger = re.search("<UploadId>([^<]*)</UploadId>", stranger).group(1)
        live = self.mount("--part-size=5M")
        # In a process of its own, which has no child: each close of a copy of its descriptor sends the file.
        program = "import sys; f = open(sys.argv[1], 'wb', 0); f.write(bytes(16777216)); sys.stdin.readline()"
        writer = subprocess.Popen([sys.executable, "-c", program, live / "live"], stdin=subprocess.PIPE)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        wait_for(lambda: len(self.uploads()) == 2, what="the upload")
        second = self.mount("--part-size=5M")
        os.listdir(second.path)
        second.stop()
        self.assertEqual(len(self.uploads()), 2, live.said() + second.said())
        writer.communicate(b"\n", timeout=300)
        wait_for(lambda: self.uploads() == [stranger], what="the end of the upload")


both_dialects(Killed)
