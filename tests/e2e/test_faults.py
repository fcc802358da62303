# SPDX-FileCopyrightText: the xbucket authors
"""Faults of services, networks and machines, and what a mount makes of each: the invariants that the
other files of tests leave open. A fault that passes is invisible, one that stays is an error in time,
and what was there before stays."""

import errno
import json
import os
import re
import subprocess
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import END, both_dialects, error_of, fusermount, read_all, wait_for

KIB, MIB = 1 << 10, 1 << 20


def write_all(path, content):
    with open(path, "wb", buffering=0) as file:
        file.write(content)


def timed(call, *arguments):
    """(what it gives or the name of its error, seconds)"""
    began = time.monotonic()
    try:
        result = call(*arguments)
    except OSError as failure:
        result = errno.errorcode[failure.errno]
    return result, time.monotonic() - began


class FaultCase:
    def kinds(self, since, key):
        return [entry["kind"] for entry in self.server.requests()[since:] if entry.get("key") == key]

    def with_metadata(self, key, body=b"body", **metadata):
        self.client.ok("PUT", key, body=body, headers={self.client.prefix + "meta-" + name: value
                                                       for name, value in metadata.items()})

    def background(self, call, *arguments):
        pool = ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        return pool.submit(timed, call, *arguments)


class Service(FaultCase):
    """The service is busy, fails, or does not answer."""

    def test_retry_after_is_waited_for_by_every_kind_of_request_and_holds_up_no_other_key(self):
        for key in ("head", "get", "copy", "other", "dir/x"):
            self.with_metadata(key, b"content of " + key.encode(), n="1")
        mount = self.mount("-o", "ttl=0s,negative-ttl=0s")
        for key in ("get", "copy", "other"):
            os.stat(mount / key)
        # Long enough for everything up to the look at who still waits.
        self.server.set_faults("list:1:503:SlowDown:8", *(f"{kind}@{kind}:1:503:SlowDown:8"
                                                          for kind in ("head", "get", "put", "copy")))
        waiting = {"list": self.background(os.listdir, mount / "dir")}
        wait_for(lambda: any(entry["status"] == 503 for entry in self.server.requests()), what="the refused listing")
        waiting |= {"head": self.background(os.getxattr, mount / "head", "user.n"),
                    "get": self.background(read_all, mount / "get"),
                    "put": self.background(write_all, mount / "put", b"put"),
                    "copy": self.background(os.setxattr, mount / "copy", "user.n", b"2")}
        self.assertEqual(read_all(mount / "other"), b"content of other")
        self.assertEqual([kind for kind, call in waiting.items() if call.done()], [], "the others still wait")
        for kind, call in waiting.items():
            result, seconds = call.result(END)
            self.assertEqual(result, {"list": ["x"], "head": b"1", "get": b"content of get"}.get(kind), kind)
            self.assertGreaterEqual(seconds, 8, kind)
        self.assertEqual(self.client.get("put"), b"put")
        self.assertEqual(self.client.metadata("copy"), {"n": "2"})

    def test_500_once_is_invisible(self):
        self.with_metadata("f", b"old", n="1")
        mount = self.mount("-o", "ttl=0s,negative-ttl=0s")
        self.server.set_faults(*(f"{kind}:1:500:InternalError" for kind in ("list", "head", "get", "put", "copy", "delete")))
        self.assertEqual(os.listdir(mount.path), ["f"])
        self.assertEqual(read_all(mount / "f"), b"old")
        os.setxattr(mount / "f", "user.n", b"2")
        write_all(mount / "g", b"new")
        self.assertEqual((self.client.metadata("f"), self.client.get("f"), self.client.get("g")),
                         ({"n": "2"}, b"old", b"new"))
        os.unlink(mount / "g")
        self.assertEqual(self.client.request("HEAD", "g")[0], 404)

    def test_a_short_outage_loses_nobody_a_write(self):
        mount = self.mount()
        os.listdir(mount.path)
        self.server.set_faults("any:*:503:SlowDown")
        with ThreadPoolExecutor(48) as pool:
            writing = [pool.submit(timed, write_all, mount / f"f{number}", b"content of %d" % number)
                       for number in range(48)]
            time.sleep(3)  # an outage has its time
            self.assertEqual([writer.result()[0] for writer in writing if writer.done()], [], "nobody has given up")
            self.server.set_faults()
            for number, writer in enumerate(writing):
                self.assertEqual(writer.result(END)[0], None)
                self.assertEqual(self.client.get(f"f{number}"), b"content of %d" % number)

    def test_failed_fsync_leaves_the_object_and_a_later_one_sends_the_data(self):
        self.client.put("f", b"old")
        mount = self.mount()
        self.server.set_faults("put@f:*:403:AccessDenied")
        fd = os.open(mount / "f", os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(fd, b"new content")
            for _ in range(2):
                self.assertEqual(error_of(os.fsync, fd), "EACCES")
                self.assertEqual(self.client.get("f"), b"old")
            self.server.set_faults()
            os.fsync(fd)
            self.assertEqual(self.client.get("f"), b"new content")
        finally:
            os.close(fd)

    @unittest.skipUnless(os.environ.get("XBUCKET_TEST_LONG"), "the patience of ten attempts: --long")
    def test_500_for_ever_is_EIO_in_time(self):
        self.client.put("f", b"old")
        mount = self.mount()
        self.server.set_faults("put@f:*:500:InternalError")
        result, seconds = timed(write_all, mount / "f", b"new content")
        self.assertEqual(result, "EIO")
        self.assertLess(seconds, 300)
        self.assertEqual(self.client.get("f"), b"old")

    def test_wrong_etag_in_the_reply_of_a_put_is_not_believed(self):
        mount = self.mount()
        for key, flags in (("new", os.O_CREAT), ("old", 0)):
            if key == "old":
                self.client.put(key, b"old content")
            self.server.set_faults(f"put@{key}:1:wrong-etag")
            fd = os.open(mount / key, os.O_RDWR | flags)
            try:
                os.write(fd, b"new content")
                os.fsync(fd)
                self.assertEqual(self.client.get(key), b"new content")
                os.write(fd, b", and more")
                self.assertEqual(error_of(os.fsync, fd), "OK", f"{key}: its name is known: {mount.said()}")
            finally:
                os.close(fd)
            self.assertEqual(self.client.get(key), b"new content, and more")
            self.assertEqual(read_all(mount / key), b"new content, and more")
            os.setxattr(mount / key, "user.n", b"1")
            self.assertEqual((self.client.get(key), self.client.metadata(key)["n"]),
                             (b"new content, and more", "1"))

    def test_silence_is_ETIMEDOUT_in_time_and_other_files_answer(self):
        for number in range(40):
            self.client.put(f"stalls/{number}", b"x")
        self.client.put("goes", b"content")
        self.client.put("changes", b"content")
        mount = self.mount("--timeout=10s")  # in which all of them have begun
        self.server.set_faults("head@stalls/*:*:stall", "copy@changes:*:stall")
        os.listdir(mount / "stalls")
        waiting = [self.background(os.getxattr, mount / f"stalls/{number}", "user.n") for number in range(40)]
        waiting.append(self.background(os.setxattr, mount / "changes", "user.n", b"1"))
        result, seconds = timed(read_all, mount / "goes")
        self.assertEqual(result, b"content")
        self.assertFalse(any(call.done() for call in waiting), f"the others still wait: {seconds}")
        for call in waiting:
            result, seconds = call.result(END)
            self.assertEqual(result, "ETIMEDOUT")
            self.assertLess(seconds, 90)
        self.server.set_faults()
        self.assertEqual(error_of(os.getxattr, mount / "stalls/1", "user.n"), "ENODATA")

    def test_changes_that_wait_keep_nobody_from_reading(self):
        names = [f"edits/{number}" for number in range(150)]
        for name in names:
            self.client.put(name, b"x")
        self.client.put("goes", b"content")
        time.sleep(2)  # what is older is edited at once
        mount = self.mount("--timeout=300s")
        os.listdir(mount / "edits")
        self.server.set_faults("copy@edits/*:*:stall")
        seen = len(self.server.requests())
        waiting = [self.background(os.setxattr, mount / name, "user.n", b"1") for name in names]
        wait_for(lambda: {entry.get("key") for entry in self.server.requests()[seen:]} >= set(names),
                 what="all changes to be begun")
        self.assertEqual(read_all(mount / "goes"), b"content")
        self.assertEqual(error_of(os.getxattr, mount / "goes", "user.n"), "ENODATA")
        self.assertFalse(any(call.done() for call in waiting))
        mount.kill()  # what stalls is never answered
        for call in waiting:
            call.result(END)


class Copies(FaultCase):
    """What may come between a change of metadata and its copy."""

    def change(self, mount, while_reading):
        """Sets user.mine on "f"; what another client does comes between the HEAD and the copy."""
        os.stat(mount / "f")
        self.server.set_faults("head@f:1:delay:4000")
        change = self.background(os.setxattr, mount / "f", "user.mine", b"1")
        time.sleep(0.5)  # the service has read the object, and its answer is on the way
        while_reading()
        result, seconds = change.result(END)
        self.assertLess(seconds, 60)
        return result

    def test_object_replaced_between_head_and_copy_keeps_its_new_content_and_metadata(self):
        self.with_metadata("f", b"old body", theirs="old")
        mount = self.mount()
        time.sleep(2.1)  # the object has stood still, and the HEAD is a base
        result = self.change(mount, lambda: self.with_metadata("f", b"new body, and longer", theirs="new"))
        self.assertIn(result, (None, "ESTALE"))
        self.assertEqual(self.client.get("f"), b"new body, and longer")
        self.assertEqual(self.client.metadata("f"), {"theirs": "new", **({} if result else {"mine": "1"})})

    def test_object_deleted_between_head_and_copy_is_ENOENT_and_stays_deleted(self):
        self.with_metadata("f", b"old body", theirs="old")
        mount = self.mount()
        self.assertEqual(self.change(mount, lambda: self.client.ok("DELETE", "f")), "ENOENT")
        self.assertEqual(self.client.request("HEAD", "f")[0], 404)

    def test_success_with_an_error_inside_is_no_success(self):
        self.with_metadata("f", theirs="1")
        time.sleep(2.1)  # the object has stood still, and nothing waits for that
        mount = self.mount("--timeout=10s", "--part-size=5M", "-o", "ttl=0s,negative-ttl=0s")
        self.server.set_faults("copy@f:1:200-with-error")
        os.setxattr(mount / "f", "user.mine", b"1")
        self.assertEqual(self.client.metadata("f"), {"theirs": "1", "mine": "1"})
        self.server.set_faults("copy@f:*:200-with-error")
        self.assertEqual(error_of(os.setxattr, mount / "f", "user.mine", b"2"), "EIO")
        self.assertEqual(os.getxattr(mount / "f", "user.mine"), b"1")
        self.assertEqual(self.client.metadata("f"), {"theirs": "1", "mine": "1"})
        content = os.urandom(12 * MIB)
        self.server.set_faults("complete@g:1:200-with-error")
        write_all(mount / "g", content)
        self.assertTrue(self.client.get("g") == content)

    def test_copy_whose_reply_is_lost_is_looked_for_and_sent_again_only_if_it_did_not_arrive(self):
        for rule, copies in (("apply-drop", 1), ("apply-reset", 1), ("drop", 2), ("reset", 2)):
            self.with_metadata(rule, theirs="1")
        self.with_metadata("first")
        mount = self.mount()
        os.setxattr(mount / "first", "user.mine", b"1")  # learns what the service does with conditions
        for rule, copies in (("apply-drop", 1), ("apply-reset", 1), ("drop", 2), ("reset", 2)):
            self.server.set_faults(f"copy@{rule}:1:{rule}")
            since = len(self.server.requests())
            os.setxattr(mount / rule, "user.mine", b"1")
            self.assertEqual(self.client.metadata(rule), {"theirs": "1", "mine": "1"})
            self.assertEqual(self.client.get(rule), b"body")
            self.assertEqual(self.kinds(since, rule).count("copy"), copies, rule)

    def test_over_the_limit_is_refused_before_anything_is_sent(self):
        limit = 8192 if self.dialect == "oss" else 2048
        self.with_metadata("f", keep="k" * (limit // 2))
        mount = self.mount()
        since = len(self.server.requests())
        self.assertEqual(error_of(os.setxattr, mount / "f", "user.more", b"m" * (limit // 2)), "ENOSPC")
        self.assertEqual(set(self.kinds(since, "f")) - {"head", "acl"}, set())
        self.assertEqual(self.client.metadata("f"), {"keep": "k" * (limit // 2)})


class Names(FaultCase):
    """Names of attributes and keys that are alike, odd, or both."""

    def test_names_that_look_alike_are_attributes_of_their_own(self):
        self.client.put("f", b"x")
        names = ["a", "A", "a-b", "a_b", "a:b", "a b", "a\rb", "a\nb", "a.b", "ä", "a%2db", "=a", "-", "_"]
        mount = self.mount()
        for name in names:
            os.setxattr(mount / "f", "user." + name, b"value of " + name.encode())
        os.removexattr(mount / "f", "user.a_b")
        wanted = {"user." + name: b"value of " + name.encode() for name in names if name != "a_b"}
        for which in (mount, self.mount()):  # the second one has nothing but the headers to go by
            self.assertEqual({name: os.getxattr(which / "f", name) for name in os.listxattr(which / "f")}, wanted)

    def test_keys_that_cannot_be_shown_are_counted_in_the_log_once(self):
        for key in ("a//b", "a/../b", "a/good", "a/" + "x" * 256):
            self.client.put(key, b"x")
        mount = self.mount("-o", "ttl=0s,negative-ttl=0s")
        for _ in range(3):
            self.assertEqual(os.listdir(mount / "a"), ["good"])
        lines = [line for line in mount.said().splitlines() if "unshown_keys=" in line]
        self.assertEqual(len(lines), 1, mount.said())
        self.assertIn("unshown_keys=3", lines[0])

    def test_names_cannot_forge_lines_of_the_log_or_paint_the_terminal(self):
        name = "f\nerror: forged \x1b[31mline"
        mount = self.mount()
        self.server.set_faults("put:*:403:AccessDenied")
        self.assertEqual(error_of(write_all, mount / name, b"x"), "EACCES")
        wait_for(lambda: "forged" in mount.said(), what="the log")
        self.assertNotIn("\x1b", mount.said())
        self.assertEqual([line for line in mount.said().splitlines() if line.startswith("error: forged")], [])

    def test_a_file_and_a_directory_of_one_name_do_not_touch_each_other(self):
        self.client.put("a", b"file")
        self.client.put("a/b", b"below")
        mount = self.mount("-o", "ttl=0s,negative-ttl=0s")
        self.assertEqual((os.listdir(mount.path), os.listdir(mount / "a")), (["a"], ["b"]))
        self.assertIn("hidden_files=1", mount.said())
        os.rename(mount / "a", mount / "c")
        self.assertEqual((self.client.get("a"), self.client.get("c/b")), (b"file", b"below"))
        self.assertEqual(self.client.request("HEAD", "a/b")[0], 404)
        # Nothing hides it any more.
        os.setxattr(mount.path, "user.xbucket.refresh", b"1")
        self.assertEqual(sorted(os.listdir(mount.path)), ["a", "c"])
        self.assertEqual(read_all(mount / "a"), b"file")
        self.client.put("c", b"file again")
        os.unlink(mount / "c/b")
        self.assertEqual(self.client.get("c"), b"file again")
        self.client.put("a/d", b"below again")
        os.setxattr(mount.path, "user.xbucket.refresh", b"1")
        os.unlink(mount / "a/d")
        self.assertEqual(self.client.get("a"), b"file")


class Crashes(FaultCase):
    """kill -9, and what a crash leaves behind."""

    def test_kill_in_a_setxattr_leaves_old_or_new_metadata_and_the_body(self):
        self.with_metadata("first")
        for action, values in (("stall", {"old"}), ("apply-stall", {"new"})):
            self.with_metadata("f", b"body", a="old", b="other")
            mount = self.mount()
            os.setxattr(mount / "first", "user.a", action.encode())  # learns what the service does with conditions
            self.server.set_faults(f"copy@f:1:{action}")
            setting = threading.Thread(target=error_of, args=(os.setxattr, mount / "f", "user.a", b"new"))
            setting.start()
            wait_for(lambda: self.client.metadata("f")["a"] in values and self.stays_in_flight(mount), what=action)
            mount.process.kill()
            mount.process.wait()
            setting.join(END)
            self.assertEqual(error_of(os.listdir, mount.path), "ENOTCONN")
            fusermount("-u", mount.path)
            self.server.set_faults()
            again = self.mount()
            self.assertIn(os.getxattr(again / "f", "user.a").decode(), values)
            self.assertEqual((os.getxattr(again / "f", "user.b"), read_all(again / "f")), (b"other", b"body"))
            again.stop()

    def stays_in_flight(self, mount):
        """A request is under way for longer than one that is answered."""
        for _ in range(20):
            if json.loads(os.getxattr(mount.path, "user.xbucket.stats"))["in_flight"] == 0:
                return False
            time.sleep(0.02)
        return True

    def test_garbage_in_the_spool_stops_nobody_and_is_never_uploaded(self):
        spool = tempfile.mkdtemp(prefix="xbucket-spool-")
        self.addCleanup(subprocess.run, ["rm", "-rf", spool], check=False)
        mount = self.mount("--spool", spool, "--part-size=5M")
        self.server.set_faults("part@big:3:stall")
        writer = threading.Thread(target=error_of, args=(write_all, mount / "big", os.urandom(20 * MIB)), daemon=True)
        writer.start()
        wait_for(lambda: self.kinds(0, "big").count("part") >= 2, what="parts")
        mount.kill()
        writer.join(END)
        self.server.set_faults()
        damaged = 0
        for folder, _, names in os.walk(spool):
            for name in names:
                with open(os.path.join(folder, name), "r+b") as file:  # the end of a write that a crash cut
                    file.seek(0, os.SEEK_END)
                    file.write(b"\0\xffgarbage\n9999999999999999999999 x")
                damaged += 1
        self.assertGreater(damaged, 0, "a log of the uploads under way")
        again = self.mount("--spool", spool)
        write_all(again / "f", b"works")
        self.assertEqual(self.client.get("f"), b"works")
        wait_for(lambda: "<UploadId>" not in self.client.ok("GET", query={"uploads": None})[1].decode(), what="aborts")
        self.assertEqual(sorted(os.listdir(again.path)), ["f"])


class OneVersion(FaultCase):
    """Where a bucket keeps versions, a lost reply makes one."""

    server_options = ("--versioning",)

    def versions(self, key):
        body = self.client.ok("GET", query={"versions": None, "prefix": key})[1].decode()
        return len(re.findall("<Version>", body))

    def test_what_was_applied_and_whose_reply_was_lost_is_not_done_again(self):
        mount = self.mount("--part-size=5M")
        for rule in ("put:1:apply-drop", "put:1:apply-reset", "put:1:reset"):
            before = self.versions("small")
            self.server.set_faults(rule)
            write_all(mount / "small", rule.encode())
            self.assertEqual((self.client.get("small"), self.versions("small")), (rule.encode(), before + 1), rule)
        content = os.urandom(12 * MIB)
        self.server.set_faults("complete@big:1:apply-drop")
        write_all(mount / "big", content)
        self.assertTrue(self.client.get("big") == content)
        self.assertEqual(self.versions("big"), 1)
        self.server.set_faults("copy@small:1:apply-drop")
        before = self.versions("small")
        os.setxattr(mount / "small", "user.n", b"1")
        self.assertEqual((self.client.metadata("small")["n"], self.versions("small")), ("1", before + 1))


for case in (Service, Copies, Names, Crashes, OneVersion):
    both_dialects(case)
