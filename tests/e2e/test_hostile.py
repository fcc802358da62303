# SPDX-FileCopyrightText: the xbucket authors
"""Hostile inputs: a table of what a server, a bucket, a file or a program may put before xbucket,
and what each gets. None of them ends the process by a signal, fills memory, or takes for ever; a
refusal is one line that a terminal can show. Under sanitizers: XBUCKET=build-asan/src/app/xbucket."""

import errno
import os
import resource
import stat
import subprocess
import unittest

from hostile_server import RawServer, endless, entry, head, listing, message, sized, url_key
from harness import ACCESS_KEY, BINARY, SANITIZED, SECRET, BucketCase, Mount, error_of

MEMORY_MAX = 400 << 20  # of a command; a sanitizer's own needs are above it

FAILS, WORKS = "fails", "works"

# name, reply to HEAD, what `xbucket stat` makes of it, and what it says
HEADS = [
    ("no reply at all", b"", FAILS, ""),
    ("bytes without a status line", b"hello\r\n\r\n", FAILS, ""),
    ("status line and nothing else", b"HTTP/1.1 200 OK\r\n", FAILS, ""),
    ("status that is no number", b"HTTP/1.1 abc OK\r\n\r\n", FAILS, ""),
    ("status 999", head(status="999 What"), FAILS, "999|HTTP"),
    ("status 000", head(status="000 What"), FAILS, ""),
    ("interim replies without end", lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), FAILS, ""),
    ("headers without end", lambda: endless(b"HTTP/1.1 200 OK\r\n", b"x-oss-meta-a: b\r\n"), FAILS, ""),
    ("one header of 1 MiB", head({"x-oss-meta-a": "b" * (1 << 20)}), FAILS, ""),
    ("100,000 headers", head([(f"x-oss-meta-{n}", "v") for n in range(100_000)]), FAILS, ""),
    ("301 headers", head([(f"x-oss-meta-{n}", "v") for n in range(301)]), FAILS, ""),
    ("200 headers", head([(f"x-oss-meta-n{n}", "v") for n in range(200)]), WORKS, "n199"),
    ("a header line without a colon", b"HTTP/1.1 200 OK\r\nnonsense\r\n" + head()[17:], FAILS, "colon"),
    ("NUL in a header", head({"x-oss-meta-a": b"x\0y"}), FAILS, ""),
    ("length that is negative", head({"Content-Length": "-1"}), FAILS, ""),
    ("length of 2^63", head({"Content-Length": str(1 << 63)}), FAILS, ""),
    ("length of 2^64", head({"Content-Length": str(1 << 64)}), FAILS, ""),
    ("length that is no number", head({"Content-Length": "12abc"}), FAILS, ""),
    ("two lengths that differ", head([("Content-Length", "7")]), FAILS, ""),
    ("length of 2^63 - 1", head({"Content-Length": str((1 << 63) - 1)}), WORKS, str((1 << 63) - 1)),
    ("date in the year 100000", head({"Last-Modified": "Wed, 28 Dec 100000 10:27:41 GMT"}), FAILS, ""),
    ("date that is no date", head({"Last-Modified": "yesterday"}), FAILS, ""),
    ("no date", head({"Last-Modified": None}), FAILS, ""),
    ("no ETag", head({"ETag": None}), FAILS, ""),
    ("type of object that nobody knows", head({"x-oss-object-type": "Quantum"}), WORKS, "Quantum"),
    ("checksum beyond 64 bits", head({"x-oss-hash-crc64ecma": "99999999999999999999999"}), FAILS, "no number"),
    ("control bytes in a value", head({"x-oss-meta-a": b"\x1b[31mred"}), None, r"(?s)^[^\x1b]*$"),
    ("broken RFC 2047 in a value", head({"x-oss-meta-a": "=?UTF-8?B?@@@?="}), WORKS, r"=\?UTF-8\?B\?@@@"),
    ("bytes that are no UTF-8 in a value", head({"x-oss-meta-a": b"\xff\xfe"}), WORKS, "a"),
    ("a name that no xattr can have", head({"x-oss-meta-" + "n" * 2000: "v"}), None, ""),
    ("cookies", head({"Set-Cookie": "a=b; Domain=.com"}), WORKS, "a"),
    ("a page of a captive portal", message(headers={"Content-Type": "text/html", "Content-Length": "6"}, fine=False,
                                           body=b""), FAILS, ""),
]

BOMB = (b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;">' % ((98 + n,) + (97 + n,) * 8) for n in range(9))
        + b"]><ListBucketResult><Name>&j;</Name></ListBucketResult>")

# name, reply to the listing, what `xbucket find` makes of it, and what it says
LISTS = [
    ("XML that is cut", sized(b"<ListBucketResult><Contents><Key>a</Key>"), FAILS, ""),
    ("another root", listing(entry(), root=b"ListAllMyBucketsResult"), FAILS, ""),
    ("a page of HTML", sized(b"<!DOCTYPE html><html><body>Welcome</body></html>"), FAILS, ""),
    ("no body", sized(b""), FAILS, ""),
    ("entities that multiply", sized(BOMB), FAILS, "document type"),
    ("an entity of the server's disk", sized(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
                                             b"<ListBucketResult>&x;</ListBucketResult>"), FAILS, "document type"),
    ("10,000 levels", sized(b"<a>" * 10_000 + b"</a>" * 10_000), FAILS, "deep"),
    ("a million elements", sized(b"<ListBucketResult>" + b"<a/>" * 1_000_000 + b"</ListBucketResult>"), FAILS,
     "elements"),
    ("17 MiB", sized(b"<ListBucketResult><Name>" + b"x" * (17 << 20) + b"</Name></ListBucketResult>"), FAILS, ""),
    ("a body without end", lambda: endless(message(headers={"Content-Type": "application/xml"}), b"<a>x</a>"), FAILS,
     ""),
    ("an error without end", lambda: endless(message("403 Forbidden", {"Content-Length": str(1 << 40)}), b"x"), FAILS,
     ""),
    ("a chunk of 2^64 bytes", message(headers={"Transfer-Encoding": "chunked"},
                                      body=b"FFFFFFFFFFFFFFFFF\r\n<a>"), FAILS, ""),
    ("a chunk of negative size", message(headers={"Transfer-Encoding": "chunked"}, body=b"-5\r\n<a>\r\n"), FAILS, ""),
    ("chunks of one byte without end", lambda: endless(message(headers={"Transfer-Encoding": "chunked"}),
                                                       b"1\r\n \r\n"), FAILS, ""),
    ("a body said to be compressed", listing(entry()).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1),
     None, ""),
    ("more to come without a token", listing(entry(), more=b"<IsTruncated>true</IsTruncated>"), FAILS, ""),
    ("the same token for ever", listing(entry(), more=b"<IsTruncated>true</IsTruncated><NextContinuationToken>t"
                                                      b"</NextContinuationToken>"), FAILS, ""),
    ("a size below zero", listing(entry(size="-1")), FAILS, ""),
    ("a size of 2^64", listing(entry(size=str(1 << 64))), FAILS, ""),
    ("a size of 2^63", listing(entry(size=str(1 << 63))), FAILS, ""),
    ("a size that is no number", listing(entry(size="1e5")), FAILS, ""),
    ("no size", listing(entry(size="")), FAILS, ""),
    ("a date in the year 99999", listing(entry(date="99999-12-28T10:27:41.000Z")), FAILS, ""),
    ("a date that is none", listing(entry(date="0000-00-00T99:99:99Z")), FAILS, ""),
    ("a key without a name", listing(entry(b"")), FAILS, ""),
    ("a key whose escape is broken", listing(entry(b"a%zz")), FAILS, ""),
    ("a key with NUL", listing(entry(b"a%00b")), WORKS, ""),
    ("a key that is no UTF-8", listing(entry(b"a%FF%FE")), WORKS, ""),
    ("a key that paints the terminal", listing(entry(url_key("a\x1b[31mred"))), WORKS, ""),
    ("a key in a comment", listing(entry(b"<!-- a -->k")), None, ""),
    ("a character that XML forbids", listing(entry(b"a&#0;b")), None, r"(?s)^[^\0]*$"),
    ("UTF-16", sized("<ListBucketResult/>".encode("utf-16")), FAILS, ""),
    ("a code that paints the terminal", sized(b"<Error><Code>No\x1b[31m\nforged line</Code></Error>",
                                              "403 Forbidden"), FAILS, r"(?s)^[^\x1b]*$"),
    ("wait a billion seconds", message("503 Slow", {"Retry-After": "1000000000", "Content-Length": "0"}), FAILS, ""),
    ("wait minus one second", message("503 Slow", {"Retry-After": "-1", "Content-Length": "0"}), FAILS, ""),
]


class CommandCase(unittest.TestCase):
    def run_against(self, answer, *words, timeout):
        server = RawServer(answer)
        self.addCleanup(server.stop)
        env = dict(os.environ, OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET)
        words += (f"--endpoint={server.endpoint}", "--region=cn-hangzhou", f"--timeout={timeout}")
        return subprocess.run([BINARY, *words], env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=300)

    def judge(self, run, outcome, pattern):
        out, err = run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace")
        self.assertGreaterEqual(run.returncode, 0, f"ended by a signal: {err}")
        self.assertNotIn("Sanitizer", err)
        self.assertNotIn("runtime error", err)
        self.assertLessEqual(len(err.splitlines()), 3, err)
        if outcome == FAILS:
            self.assertNotEqual(run.returncode, 0, out)
            self.assertNotEqual(err.strip(), "")
        elif outcome == WORKS:
            self.assertEqual(run.returncode, 0, err)
        if pattern:
            self.assertRegex(out + err, pattern)

    def check_table(self, method, table, words):
        """What is asked by another method, or before (a command first looks whether there is a bucket),
        is answered as it should be."""
        for name, reply, outcome, pattern in table:
            def answer(asked, target, reply=reply):
                is_list = asked == "GET" and "?" in target
                if is_list != (method == "LIST"):
                    return listing(entry(b"a")) if is_list else head()
                return reply() if callable(reply) else reply

            with self.subTest(name):
                # What must not end by its time has enough of it.
                timeout = "30s" if outcome == WORKS or pattern else "3s"
                self.judge(self.run_against(answer, *words, timeout=timeout), outcome, pattern)

    def tearDown(self):
        if not SANITIZED:
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
            self.assertLess(peak, MEMORY_MAX, "memory of the largest command so far")


class Replies(CommandCase):
    def test_replies_to_head(self):
        self.check_table("HEAD", HEADS, ["stat", "oss://examplebucket/a"])

    def test_replies_to_list(self):
        self.check_table("LIST", LISTS, ["find", "oss://examplebucket/"])

    def test_the_table_is_long_enough(self):
        names = [row[0] for row in HEADS + LISTS]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 60)


class Keys(BucketCase):
    """Keys that no path can express, and names that paths can express and terminals cannot."""

    def test_keys_that_are_no_paths_are_not_shown_and_do_no_harm(self):
        for key in ("..", ".", "a/../b", "a//b", "/lead", "../../etc/passwd", "good", "dir/good",
                    "x" * 256, "dir/" + "y" * 300):
            status, _, _ = self.client.request("PUT", key, body=b"x")
            self.assertIn(status, (200, 400), key)
        mount = self.mount()
        self.assertEqual(set(os.listdir(mount.path)) - {"a"}, {"good", "dir"})
        self.assertEqual(os.listdir(mount / "dir"), ["good"])
        for path, said in ((mount / ("x" * 256), "ENAMETOOLONG"), (mount / "a/..b", "ENOENT")):
            self.assertEqual(error_of(os.stat, path), said)

    def test_names_with_control_bytes_and_any_other_bytes_are_themselves(self):
        names = [b"new\nline", b"\x1b[31mred", b"\xff\xfe", b"tab\t", b"\x7f", b" lead", b"trail ", b"a\\b", b"%41",
                 "ü\u202e".encode()]
        mount = self.mount()
        for name in names:
            with open(os.path.join(os.fsencode(mount.path), name), "wb") as file:
                file.write(name)
        os.setxattr(mount.path, "user.xbucket.refresh", b"1")
        self.assertEqual(set(os.listdir(os.fsencode(mount.path))), set(names))
        for name in names:
            with open(os.path.join(os.fsencode(mount.path), name), "rb") as file:
                self.assertEqual(file.read(), name)
        self.assertNotIn("\x1b", mount.said())

    def test_a_key_above_the_services_limit_is_ENAMETOOLONG(self):
        mount = self.mount()
        path = mount.path
        for _ in range(4):
            path = os.path.join(path, "d" * 250)
            try:
                os.mkdir(path)
            except OSError as failure:
                self.assertEqual(failure.errno, errno.ENAMETOOLONG)
                break
        self.assertEqual(error_of(os.mkdir, os.path.join(path, "e" * 250)), "ENAMETOOLONG")

    def test_line_ends_never_reach_a_header(self):
        mount = self.mount()
        self.client.put("f", b"x")
        os.setxattr(mount / "f", "user.a", b"b\r\nx-oss-object-acl: public-read")
        os.setxattr(mount / "f", "user.c\r\nx-oss-meta-d: e", b"v")
        self.assertEqual(os.getxattr(mount / "f", "user.a"), b"b\r\nx-oss-object-acl: public-read")
        self.assertIn("user.c\r\nx-oss-meta-d: e", os.listxattr(mount / "f"))
        self.assertNotIn("d", self.client.metadata("f"))
        self.assertNotIn("public-read", self.client.acl("f"))
        for name in ("user.http.content-type", "user.http.cache-control"):
            self.assertEqual(error_of(os.setxattr, mount / "f", name, b"a\r\nx-oss-meta-e: f"), "EINVAL", name)
        self.assertNotIn("e", self.client.metadata("f"))

    def test_modes_and_owners_of_a_bucket_are_within_what_the_mount_says(self):
        """However a file became known: by its own name, or by a listing."""
        prefix = self.client.prefix
        names = ["first", "then"]
        for name in names:
            self.client.put(name, b"x", **{f"{prefix}meta-mode": "33206", f"{prefix}meta-uid": "65534",
                                           f"{prefix}meta-gid": "65534"})  # 0100666

        def shown(mount, name):
            of = os.stat(mount / name)
            return oct(of.st_mode), of.st_uid, of.st_gid

        options = "allow_other,umask=077,uid=7,gid=8"
        mount = self.mount("-o", options)
        alone = shown(mount, "first")
        self.assertLessEqual(set(names), set(os.listdir(mount.path)))
        self.assertEqual({alone, *(shown(mount, name) for name in names)}, {("0o100600", 7, 8)})
        mount.stop()
        mount = self.mount("-o", options + ",stat=meta")
        self.assertEqual(shown(mount, "first"), ("0o100600", 65534, 65534))

    def test_symbolic_links_out_of_the_mount_are_the_kernels_to_follow(self):
        mount = self.mount("-o", "stat=meta")
        for name, target in (("abs", "/etc/hostname"), ("up", "../../../../etc/hostname"), ("loop", "loop")):
            os.symlink(target, mount / name)
            self.assertEqual(os.readlink(mount / name), target)
        with open("/etc/hostname", "rb") as file, open(mount / "abs", "rb") as link:
            self.assertEqual(link.read(), file.read())
        self.assertEqual(error_of(os.stat, mount / "loop"), "ELOOP")
        self.assertNotIn("hostname", " ".join(entry.get("key") or "" for entry in self.server.requests()))

    def test_symbolic_links_out_of_the_mount_lead_nowhere_where_that_is_wanted(self):
        """What another client put there, not what was made here."""
        link = {f"{self.client.prefix}meta-mode": "41471"}  # 0120777
        self.client.put("abs", b"/etc/hostname", **link)
        self.client.put("d/up", b"../../x", **link)
        self.client.put("d/inside", b"../f", **link)
        self.client.put("f", b"content")
        mount = self.mount("-o", "stat=meta,links=inside")
        for name in ("abs", "d/up"):
            self.assertTrue(os.path.islink(mount / name), name)
            self.assertEqual(error_of(os.readlink, mount / name), "EPERM", name)
            self.assertEqual(error_of(os.open, mount / name, os.O_RDONLY), "EPERM", name)
        with open(mount / "d/inside", "rb") as file:
            self.assertEqual(file.read(), b"content")
        self.assertEqual(error_of(os.symlink, "/etc", mount / "new"), "EPERM")
        self.assertEqual(sorted(os.listdir(mount.path)), ["abs", "d", "f"])

    def test_modes_and_kinds_from_the_bucket_are_harmless(self):
        self.client.put("suid", b"#!/bin/sh\n", **{"x-oss-meta-mode": "35309", "x-oss-meta-uid": "0"})  # 0104755
        self.client.put("device", b"", **{"x-oss-meta-mode": "25008"})  # 060660
        self.client.put("odd", b"", **{"x-oss-meta-mode": "99999999999999999999", "x-oss-meta-uid": "-5",
                                       "x-oss-meta-mtime": "1e400"})
        mount = self.mount("-o", "stat=meta")
        self.assertEqual(stat.S_IMODE(os.stat(mount / "suid").st_mode), 0o755)
        os.chmod(mount / "suid", 0o6711)
        self.assertEqual(stat.S_IMODE(os.stat(mount / "suid").st_mode), 0o6711)  # set here, by its owner
        mount.stop()
        self.assertEqual(int(self.client.metadata("suid")["mode"]), 0o106711)
        mount = self.mount("-o", "stat=meta")
        for name in ("suid", "device", "odd"):
            found = os.lstat(mount / name)
            self.assertTrue(stat.S_ISREG(found.st_mode), name)
            self.assertFalse(found.st_mode & (stat.S_ISUID | stat.S_ISGID), name)
        with open("/proc/mounts", encoding="utf-8") as mounts:
            options = next(line.split()[3] for line in mounts if mount.path in line)
        self.assertIn("nosuid", options)
        self.assertIn("nodev", options)
        self.assertIn("default_permissions", options)


class Bodies(unittest.TestCase):
    """Content from a server that lies about it."""

    def read(self, respond):
        def answer(method, target):
            if "?" in target or target.endswith("examplebucket/"):
                return listing(entry(b"k"))
            return respond(method)

        server = RawServer(answer)
        self.addCleanup(server.stop)
        mount = Mount("oss://examplebucket", "-o", f"endpoint={server.endpoint},region=cn-hangzhou,timeout=3s,ro")
        self.addCleanup(mount.end)
        try:
            with open(mount / "k", "rb") as file:
                return file.read()
        except OSError as failure:
            return errno.errorcode[failure.errno]

    def test_bodies_that_are_not_what_their_headers_say_are_never_shown(self):
        ranged = {"Content-Range": "bytes 0-4/5", "Content-Length": "5"}
        for name, reply in (
                ("short", message("206 Partial Content", ranged, b"hel")),
                ("another range", message("206 Partial Content", {**ranged, "Content-Range": "bytes 7-11/12"}, b"hello")),
                ("range of 2^63", message("206 Partial Content",
                                          {**ranged, "Content-Range": f"bytes 0-{(1 << 63)}/{1 << 64}"}, b"hello")),
                ("range that is none", message("206 Partial Content", {**ranged, "Content-Range": "bytes x"}, b"hello")),
                ("another object", message("206 Partial Content", {**ranged, "ETag": '"other"'}, b"HELLO")),
                ("portal", message("200 OK", {"Content-Length": "5", "ETag": None}, b"<htm>"))):
            with self.subTest(name):
                def respond(method, reply=reply):
                    return head() if method == "HEAD" else reply
                got = self.read(respond)
                self.assertIsInstance(got, str, got)


class Files(BucketCase):
    """Configuration and key files that somebody else prepared."""

    def refused(self, path, *more):
        run = subprocess.run([BINARY, "stat", "oss://examplebucket/a", f"--endpoint={self.server.endpoint}",
                              "--region=cn-hangzhou", *more], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                             timeout=300, env=dict(os.environ, HOME=self.scratch.name))
        said = run.stderr.decode(errors="replace")
        self.assertGreater(run.returncode, 0, said)
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertIn(os.path.basename(path), said)
        self.assertNotIn("hunter2", said)
        self.assertNotIn("\x1b", said)

    def test_files_are_refused_in_one_line_without_their_text(self):
        path = os.path.join(self.scratch.name, "the-file")
        texts = {
            "nul": b"[default]\nregion = a\0hunter2\n", "section": b"[default\nhunter2 = 1\n",
            "no value": b"hunter2\n", "long": b"# " + b"hunter2" * 20_000, "unknown": b"\x1b[31m = hunter2\n",
            "binary": bytes(range(256)) * 4,
        }
        for name, text in texts.items():
            for option in ("--config", "--credentials-file"):
                with self.subTest(name, option=option):
                    with open(path, "wb") as file:
                        file.write(text)
                    os.chmod(path, 0o600)
                    self.refused(path, f"{option}={path}")

    def test_what_is_no_file_of_ones_own_is_refused(self):
        target = os.path.join(self.scratch.name, "target")
        with open(target, "w", encoding="ascii") as file:
            file.write("[Credentials]\naccessKeyID=a\naccessKeySecret=hunter2\n")
        os.chmod(target, 0o600)
        path = os.path.join(self.scratch.name, "the-file")
        kinds = {"link": lambda: os.symlink(target, path), "fifo": lambda: os.mkfifo(path), "folder": lambda: os.mkdir(path)}
        for kind, make in kinds.items():
            make()
            for option in ("--config", "--credentials-file"):
                with self.subTest(kind, option=option):
                    self.refused(path, f"{option}={path}")
            (os.rmdir if kind == "folder" else os.unlink)(path)
        if os.geteuid() == 0:
            os.rename(target, path)
            os.chown(path, 12345, -1)
            self.refused(path, f"--credentials-file={path}")

    def test_keys_that_would_forge_a_header_are_refused(self):
        for name in ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"):
            env = dict(os.environ, OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET)
            env[name] = "hunter2\r\nx-oss-object-acl: public-read"
            run = subprocess.run([BINARY, "stat", "oss://examplebucket/a", f"--endpoint={self.server.endpoint}",
                                  "--region=cn-hangzhou"], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                                 text=True, check=False, timeout=300)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("visible ASCII", run.stderr)
            self.assertNotIn("hunter2", run.stderr)
        self.assertEqual(len(self.server.requests()), 1, "the bucket's making alone")


if __name__ == "__main__":
    unittest.main()
