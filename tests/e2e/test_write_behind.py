# SPDX-FileCopyrightText: the xbucket authors
"""A mount with -o commit=: what is acknowledged by the journal arrives in the bucket, or is told."""

import collections
import json
import math
import os
import shutil
import sqlite3
import subprocess
import time
import unittest

from harness import BINARY, Client, both_dialects, error_of, wait_for

LATER = "commit=1h"  # than any test: only what is asked for is sent
WRITES = ("put", "copy", "delete", "multi-delete", "initiate", "part", "part-copy", "complete")


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)


def sync(path):
    run(BINARY, "sync", path)


def fsync(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@both_dialects
class WriteBehind:
    def journal(self, mount):
        return json.loads(os.getxattr(mount.path, "user.xbucket.stats"))["journal"]

    def failures(self, path):
        return json.loads(os.getxattr(path, "user.xbucket.failures"))

    def kinds(self, since=0):
        """How many requests of each kind the server carried out, by key. Not those it refused: a mount
        asks a service that it does not know once whether it honours conditions."""
        seen = collections.defaultdict(collections.Counter)
        for entry in self.server.requests()[since:]:
            if entry["status"] // 100 != 2:
                continue
            seen[entry["key"]][entry["kind"]] += 1
        return seen

    def writes(self, since=0):
        """{key: {kind: count}} of what changes objects."""
        return {key: {kind: n for kind, n in kinds.items() if kind in WRITES}
                for key, kinds in self.kinds(since).items()
                if any(kind in WRITES for kind in kinds)}

    def seen(self):
        return len(self.server.requests())

    # ---- when it is sent -------------------------------------------------------------------------

    def test_ten_setfattr_are_one_copy_after_the_commit_time(self):
        self.client.put("a", b"body")
        mount = self.mount("-o", "commit=1")
        seen, began = self.seen(), time.monotonic()
        for i in range(10):
            run("setfattr", "-n", f"user.n{i}", "-v", str(i), mount / "a")
        windows = 1 + math.ceil(time.monotonic() - began)  # a slow machine may need more than two
        self.assertEqual(os.getxattr(mount / "a", "user.n9"), b"9")
        wait_for(lambda: len(self.client.metadata("a")) == 10, what="the update")
        self.assertLessEqual(self.writes(seen)["a"]["copy"], windows)
        self.assertEqual(self.client.get("a"), b"body")

    def test_ten_setfattr_and_a_sync_are_one_copy_in_all(self):
        self.client.put("a", b"body")
        mount = self.mount("-o", LATER)
        seen = self.seen()
        for i in range(10):
            run("setfattr", "-n", f"user.n{i}", "-v", str(i), mount / "a")
        self.assertEqual(self.client.metadata("a"), {})
        sync(mount.path)
        self.assertEqual(self.client.metadata("a"), {f"n{i}": str(i) for i in range(10)})
        self.assertEqual(self.writes(seen), {"a": {"copy": 1}})
        self.assertEqual(self.journal(mount), {"objects": 0, "changes": 0, "failures": 0})

    def test_fsync_of_a_file_and_of_a_directory_send_what_waits(self):
        for key in ("d/a", "d/b", "d/e/c", "other"):
            self.client.put(key)
        mount = self.mount("-o", LATER)
        for key in ("d/a", "d/b", "d/e/c", "other"):
            os.setxattr(mount / key, "user.x", b"1")
        self.assertEqual(self.journal(mount)["objects"], 4)
        fsync(mount / "d/a")
        self.assertEqual(self.client.metadata("d/a")["x"], "1")
        self.assertEqual(self.client.metadata("d/b"), {})
        fsync(mount / "d")
        self.assertEqual(self.client.metadata("d/b")["x"], "1")
        self.assertEqual(self.client.metadata("d/e/c")["x"], "1")
        self.assertEqual(self.client.metadata("other"), {})

    def test_unmounting_sends_everything(self):
        self.client.put("a")
        for end in (lambda mount: run(BINARY, "unmount", mount.path), lambda mount: mount.stop()):
            mount = self.mount("-o", LATER)
            value = os.urandom(4).hex()
            os.setxattr(mount / "a", "user.x", value.encode())
            end(mount)
            mount.process.wait(timeout=300)
            self.assertEqual(mount.process.returncode, 0)
            self.assertEqual(self.client.metadata("a")["x"], value)

    def test_closing_a_file_sends_only_what_was_written(self):
        self.client.put("a", b"body")
        mount = self.mount("-o", LATER)
        os.setxattr(mount / "a", "user.x", b"1")
        seen = self.seen()
        with open(mount / "a", "rb+"):
            pass
        self.assertEqual(self.writes(seen), {})
        with open(mount / "a", "rb+") as file:
            file.write(b"B")
        self.assertEqual(self.client.get("a"), b"Body")
        self.assertEqual(self.client.metadata("a")["x"], "1")
        os.setxattr(mount / "a", "user.x", b"2")
        with open(mount / "a", "wb") as file:
            file.write(b"new")
        self.assertEqual(self.client.metadata("a")["x"], "2")
        self.assertEqual(self.writes(seen)["a"], {"put": 2})

    def test_rename_carries_and_unlink_drops_what_waits(self):
        self.client.put("a")
        self.client.put("gone")
        mount = self.mount("-o", LATER)
        os.setxattr(mount / "a", "user.x", b"1")
        os.setxattr(mount / "gone", "user.x", b"1")
        seen = self.seen()
        os.rename(mount / "a", mount / "b")
        os.unlink(mount / "gone")
        self.assertEqual(self.client.metadata("b")["x"], "1")
        self.assertEqual(self.writes(seen)["b"], {"copy": 1})
        self.assertEqual(self.journal(mount), {"objects": 0, "changes": 0, "failures": 0})

    # ---- crashes and other clients ---------------------------------------------------------------

    def test_what_kill_9_left_is_sent_by_the_next_mount(self):
        for key in ("a", "b"):
            self.client.put(key)
        for options in (["-o", LATER], []):
            mount = self.mount("-o", LATER)
            value = os.urandom(4).hex()
            for key in ("a", "b"):
                os.setxattr(mount / key, "user.x", value.encode())
            mount.kill()
            self.assertNotEqual(self.client.metadata("a").get("x"), value)
            again = self.mount(*options)
            for key in ("a", "b"):
                wait_for(lambda key=key: self.client.metadata(key).get("x") == value, what="the replay")
            self.assertEqual(self.failures(again.path), [])
            again.stop()

    def test_two_mounts_leave_each_others_journal_alone(self):
        self.client.put("a")
        self.client.put("b")
        first, second = self.mount("-o", LATER), self.mount("-o", LATER)
        os.setxattr(first / "a", "user.x", b"1")
        os.setxattr(second / "b", "user.x", b"1")
        second.kill()
        third = self.mount("-o", LATER)
        wait_for(lambda: self.client.metadata("b").get("x") == "1", what="the replay")
        wait_for(lambda: self.journal(third)["changes"] == 0, what="the journal to say so")
        self.assertEqual(self.client.metadata("a"), {})
        self.assertEqual(self.journal(first)["changes"], 1)
        sync(first.path)
        self.assertEqual(self.client.metadata("a")["x"], "1")

    def test_a_spool_of_several_buckets_sends_to_each_what_was_meant_for_it(self):
        spool = os.path.join(self.scratch.name, "spool")
        other = Client(self.dialect, self.server, "otherbucket")
        other.make_bucket()
        for client in (self.client, other):
            client.put("a", b"the same content")
        mount = self.mount("-o", LATER, "--spool", spool)
        os.setxattr(mount / "a", "user.x", b"1")
        mount.kill()
        second = self.mount("-o", LATER, "--spool", spool, bucket="otherbucket")
        wait_for(lambda: "event=journal_of_another_source" in second.said(), what="the line of the log")
        sync(second.path)
        self.assertEqual(self.journal(second), {"objects": 0, "changes": 0, "failures": 0})
        self.assertEqual(other.metadata("a"), {})
        self.assertIn(f"the next mount of {self.dialect}://examplebucket sends them", self.status(code=4))
        again = self.mount("-o", LATER, "--spool", spool)
        wait_for(lambda: self.client.metadata("a").get("x") == "1", what="the replay")
        self.assertEqual(other.metadata("a"), {})
        wait_for(lambda: self.journal(again)["changes"] == 0, what="the journal to say so")

    def test_a_journal_that_names_no_source_is_left_alone_in_a_given_spool(self):
        self.client.put("a")
        options = ("-o", LATER, "--spool", os.path.join(self.scratch.name, "spool"))
        mount = self.mount(*options)
        os.setxattr(mount / "a", "user.x", b"1")
        mount.kill()
        # As an earlier version left it: beside those of all other sources, and without a label.
        top = os.path.join(self.scratch.name, "spool/journal")
        own = os.path.join(top, os.listdir(top)[0])
        for name in os.listdir(own):
            os.rename(os.path.join(own, name), os.path.join(top, name))
        database = next(os.path.join(top, name) for name in os.listdir(top) if name.endswith(".db"))
        with sqlite3.connect(database) as connection:
            connection.execute("UPDATE mount SET source = ''")
        connection.close()
        again = self.mount(*options)
        wait_for(lambda: "event=journal_of_unknown_source" in again.said(), what="the line of the log")
        self.assertIn(f"to {own} and mount again", again.said())
        self.assertIn("it does not say which source that is", self.status(code=4))
        again.stop()
        self.assertEqual(self.client.metadata("a"), {})
        for name in os.listdir(top):
            if os.path.isfile(os.path.join(top, name)):
                os.rename(os.path.join(top, name), os.path.join(own, name))
        last = self.mount(*options)
        wait_for(lambda: self.client.metadata("a").get("x") == "1", what="the replay")
        last.stop()

    def test_a_journal_is_found_however_its_source_is_spelt(self):
        self.client.put("a")
        mount = self.mount("-o", LATER)
        os.setxattr(mount / "a", "user.x", b"1")
        mount.kill()
        again = self.mount("-o", LATER, f"--endpoint={self.server.endpoint}/")
        wait_for(lambda: self.client.metadata("a").get("x") == "1", what="the replay")
        again.stop()

    def test_a_full_service_is_told_by_close_and_fsync_until_there_is_room(self):
        self.client.put("a", b"body")
        mount = self.mount("-o", LATER)
        self.server.set_faults("copy@a:*:507:InsufficientStorage")
        os.setxattr(mount / "a", "user.x", b"1")
        self.assertEqual(error_of(fsync, mount / "a"), "ENOSPC")
        fd = os.open(mount / "a", os.O_RDWR)
        self.assertEqual(error_of(os.close, fd), "ENOSPC")
        self.assertEqual(self.failures(mount.path), [])
        self.server.set_faults()
        sync(mount.path)
        self.assertEqual(self.client.metadata("a"), {"x": "1"})

    def status(self, *words, code=0):
        spool = os.path.join(self.scratch.name, "spool")
        env = dict(os.environ, XDG_STATE_HOME=os.path.join(self.scratch.name, "state"))
        done = subprocess.run([BINARY, "status", "--spool", spool, *words], env=env, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_changes_of_a_mount_that_is_gone_are_told_until_the_next_one_sends_them(self):
        self.client.put("a")
        self.client.put("b")
        options = ("-o", LATER, "--spool", os.path.join(self.scratch.name, "spool"))
        mount = self.mount(*options)
        os.setxattr(mount / "a", "user.x", b"1")
        os.setxattr(mount / "b", "user.x", b"1")
        self.assertNotIn("is gone", self.status(mount.path))
        mount.kill()
        self.assertIn(f"2 changes of attributes to be sent: the next mount of {self.dialect}://examplebucket sends them",
                      self.status(code=4))
        said = [json.loads(line) for line in self.status("--json", code=4).splitlines()]
        ours = [one for one in said if one.get("journal", "").startswith(self.scratch.name)]
        self.assertEqual([(one["changes"], one["failures"]) for one in ours], [(2, 0)])
        # Looking changes nothing: what was acknowledged arrives.
        self.client.ok("DELETE", "b")
        again = self.mount(*options)
        wait_for(lambda: self.client.metadata("a").get("x") == "1", what="the replay")
        wait_for(lambda: self.journal(again)["failures"] == 1, what="the failure")
        again.kill()
        self.assertIn("1 change of attributes could not be sent: "
                      f"the next mount of {self.dialect}://examplebucket lists them", self.status(code=4))
        last = self.mount(*options)
        os.removexattr(last.path, "user.xbucket.failures")
        self.assertNotIn("is gone", self.status(last.path))

    def test_a_journal_that_cannot_be_read_is_named(self):
        folder = os.path.join(self.scratch.name, "spool/journal")
        os.makedirs(folder)
        for ending, text in ((".lock", b""), (".db", b"this is no database, and long enough to be read as one" * 9)):
            with open(f"{folder}/00{ending}", "wb") as file:
                file.write(text)
        self.assertIn(f"cannot be read: {folder}/00.db", self.status(code=4))

    def test_a_conflict_is_told_by_close_and_listed_until_it_is_cleared(self):
        self.client.put("a", b"body")
        mount = self.mount("-o", LATER)
        os.setxattr(mount / "a", "user.x", b"1")
        self.client.put("a", b"other content")
        self.assertEqual(error_of(fsync, mount / "a"), "EIO")
        self.assertEqual(error_of(fsync, mount / "a"), "OK")
        self.assertEqual(self.client.get("a"), b"other content")
        listed = self.failures(mount.path)
        self.assertEqual([(f["key"], f["name"], f["value"]) for f in listed], [("a", "user.x", "1")])
        self.assertEqual(self.failures(mount / "a"), listed)
        self.assertEqual(self.journal(mount)["failures"], 1)
        self.assertNotIn("user.xbucket.failures", os.listxattr(mount / "a"))

        self.client.put("b")
        os.setxattr(mount / "b", "user.x", b"1")
        self.client.ok("DELETE", "b")
        self.assertNotEqual(subprocess.run([BINARY, "sync", mount.path], capture_output=True, check=False).returncode, 0)
        sync(mount.path)
        self.assertEqual(len(self.failures(mount.path)), 2)
        status = subprocess.run([BINARY, "status", mount.path], capture_output=True, text=True, check=False)
        self.assertNotEqual(status.returncode, 0)
        self.assertIn("2 changes of attributes could not be sent", status.stdout)
        self.assertIn("  a: user.x=1: another client replaced the object's content", status.stdout)
        self.assertIn("  b: user.x=1: the object does not exist any more", status.stdout)
        os.removexattr(mount.path, "user.xbucket.failures")
        self.assertEqual(self.failures(mount.path), [])

    # ---- how many requests programs cause --------------------------------------------------------

    FILES = 40

    def make_files(self, where):
        os.mkdir(where)
        for i in range(self.FILES):
            path = os.path.join(where, f"f{i:03}")
            with open(path, "wb") as file:
                file.write(b"content %d" % i)
            for name in ("one", "two", "three"):
                os.setxattr(path, f"user.{name}", f"{name} {i}".encode())

    def check_files(self, prefix):
        for i in (0, self.FILES - 1):
            metadata = self.client.metadata(f"{prefix}f{i:03}")
            self.assertEqual([metadata[name] for name in ("one", "two", "three")],
                             [f"one {i}", f"two {i}", f"three {i}"])

    def source(self):
        where = os.path.join(os.getcwd(), f".xbucket-e2e-{os.getpid()}")
        self.addCleanup(shutil.rmtree, where, ignore_errors=True)
        self.make_files(where)
        return where

    def per_file(self, since, prefix):
        """The largest number of each kind of write that one file took."""
        most = collections.Counter()
        total = 0
        for key, kinds in self.writes(since).items():
            if key.startswith(prefix) and not key.endswith("/"):
                total = max(total, sum(kinds.values()))
                most |= collections.Counter(kinds)
        return most, total

    def test_copies_of_many_small_files_take_few_requests(self):
        source = self.source()
        archive = source + ".tar"
        self.addCleanup(lambda: os.path.exists(archive) and os.unlink(archive))
        run("tar", "-C", source, "--xattrs", "-cf", archive, ".")
        mount = self.mount("-o", LATER)
        os.mkdir(mount / "cp")
        os.mkdir(mount / "tar")
        os.mkdir(mount / "py")
        seen = self.seen()
        run("cp", "-a", source + "/.", mount / "cp")
        run("tar", "-C", mount / "tar", "--xattrs", "--xattrs-include=user.*", "-xf", archive)
        for name in sorted(os.listdir(source)):
            shutil.copy2(os.path.join(source, name), mount / "py")
        sync(mount.path)
        self.assertEqual(self.per_file(seen, "cp/"), ({"put": 1}, 1))
        self.assertLessEqual(self.per_file(seen, "tar/")[1], 2)
        self.assertLessEqual(self.per_file(seen, "py/")[1], 2)
        for prefix in ("cp/", "tar/", "py/"):
            self.check_files(prefix)

    @unittest.skipUnless(shutil.which("rsync"), "rsync is not installed")
    def test_rsync_takes_put_copy_delete_and_then_only_lists(self):
        source = self.source()
        mount = self.mount("-o", LATER)
        os.mkdir(mount / "r")
        seen = self.seen()
        run("rsync", "-aX", source + "/", str(mount / "r") + "/")
        sync(mount.path)
        kinds = collections.Counter()
        for key, writes in self.writes(seen).items():
            if key.startswith("r/") and key != "r/":
                kinds.update(writes)
        self.assertEqual(kinds, {"put": self.FILES, "copy": self.FILES, "delete": self.FILES})
        self.check_files("r/")
        seen = self.seen()
        run("rsync", "-aX", source + "/", str(mount / "r") + "/")
        sync(mount.path)
        self.assertEqual(self.writes(seen), {})


if __name__ == "__main__":
    unittest.main()
