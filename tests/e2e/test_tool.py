# SPDX-FileCopyrightText: the xbucket authors
"""The commands of xbucket(1) as a person uses them: on paths in a mount and on URLs without one, in
both dialects; what they change is looked at through a client of its own."""

import concurrent.futures
import json
import os
import pty
import re
import signal
import subprocess
import sys
import unittest

from harness import BINARY, BucketCase, both_dialects, wait_for
from tool_case import CHANGES_LOST, INTERRUPTED, OK, SOME_FAILED, SYSTEM, UNREACHABLE, USAGE, ToolCase


@both_dialects
class Tool(ToolCase):
    def setUp(self):
        super().setUp()
        meta = self.client.prefix + "meta-"
        for i in range(1, 7):
            self.client.put(f"photos/{i}.jpg", b"x" * i, content_type="image/jpeg",
                            **{meta + "year": str(2017 + i)})
        self.client.put("photos/notes.txt", b"hello", content_type="text/plain")
        self.client.put("top.txt", b"top", content_type="text/plain", cache_control="max-age=5",
                        **{meta + "people": "eliot"})

    def places(self):
        """The bucket's root, through a mount and as a URL."""
        return {"mount": self.mount().path + "/", "url": self.url()}

    def test_stat_shows_everything_as_text_and_as_json(self):
        for how, root in self.places().items():
            with self.subTest(how):
                text = self.tool("stat", root + "top.txt").stdout
                for part in ("people", "eliot", "cache-control", "max-age=5", "etag", "storage-class", "acl"):
                    self.assertIn(part, text)
                said = json.loads(self.tool("stat", "--json", root + "top.txt").stdout)
                self.assertEqual(said["size"], 3)
                self.assertEqual(said["metadata"], {"people": "eliot"})
                self.assertEqual(said["http"]["cache-control"], "max-age=5")
                self.assertEqual(said["http"]["content-type"], "text/plain")
                self.assertRegex(said["facts"]["etag"], "^[0-9A-Fa-f]{32}$")
                self.assertIn("eliot", said["headers"].values())
                two = self.tool("stat", "--json", root + "photos/1.jpg", root + "photos/2.jpg").stdout
                self.assertEqual([json.loads(line)["size"] for line in two.splitlines()], [1, 2])
                self.assertIn("no such", self.tool("stat", root + "nothing", code=SOME_FAILED).stderr)

    def test_set_and_unset_change_one_object_and_nothing_else_of_it(self):
        for how, root in self.places().items():
            with self.subTest(how):
                value = f"by {how}"
                self.tool("set", f"year=2021", f"user.who={value}", "tag.project=demo", root + "top.txt")
                self.assertEqual(self.client.metadata("top.txt"),
                                 {"people": "eliot", "year": "2021", "who": value})
                self.assertEqual(self.client.tags("top.txt"), {"project": "demo"})
                self.assertEqual(self.client.head("top.txt")["cache-control"], "max-age=5")
                self.tool("unset", "year", "user.who", "tag.project", "user.neverset", root + "top.txt")
                self.assertEqual(self.client.metadata("top.txt"), {"people": "eliot"})
                self.assertEqual(self.client.tags("top.txt"), {})

    def test_several_metadata_changes_by_url_are_one_copy(self):
        seen = len(self.server.requests())
        self.tool("set", "a=1", "b=2", "c=3", "http.cache-control=no-cache", self.url("top.txt"))
        self.assertEqual(self.copies(seen), 1)

    def test_recursive_with_a_pattern_changes_what_fits(self):
        for how, root in self.places().items():
            with self.subTest(how):
                done = self.tool("set", "-r", "--include=*.jpg", f"album={how}", root + "photos")
                self.assertIn("6 objects done", done.stderr)
                for i in range(1, 7):
                    self.assertEqual(self.client.metadata(f"photos/{i}.jpg"),
                                     {"year": str(2017 + i), "album": how})
                self.assertEqual(self.client.metadata("photos/notes.txt"), {})
                self.assertEqual(self.client.metadata("top.txt"), {"people": "eliot"})

    def test_dry_run_shows_the_change_and_sends_none(self):
        for how, root in self.places().items():
            with self.subTest(how):
                seen = len(self.server.requests())
                done = self.tool("set", "-n", "-r", "--include=photos/*.jpg", "year=2019", root)
                self.assertEqual(self.copies(seen), 0)
                self.assertIn('photos/1.jpg: user.year: "2018" -> "2019"', done.stdout)
                self.assertNotIn("photos/2.jpg", done.stdout)  # has it already
                self.assertIn("5 of 6 objects would change", done.stderr)

    def test_find_by_attributes_names_sizes_and_times(self):
        for how, root in self.places().items():
            cases = {
                "user.year>=2020 and http.content-type~image/*": [3, 4, 5, 6],
                "year<2020 and size>1": [2],
                "not year and name like '*.txt' or size=6": ["notes", 6],
                "type=f and (year=2018 or year=2023) and mtime>-1d": [1, 6],
                "year!=2020 and year": [1, 2, 4, 5, 6],
            }
            for expression, wanted in cases.items():
                with self.subTest(how=how, expression=expression):
                    found = self.tool("find", root + "photos", expression).stdout.splitlines()
                    names = [root + "photos/notes.txt" if w == "notes" else f"{root}photos/{w}.jpg"
                             for w in wanted]
                    self.assertEqual(sorted(found), sorted(names))
            with self.subTest(how + ", other forms"):
                zero = self.tool("find", root + "photos", "year>2021", "-0").stdout
                self.assertEqual(sorted(zero.rstrip("\0").split("\0")),
                                 [f"{root}photos/{i}.jpg" for i in (5, 6)])
                self.assertEqual(self.tool("find", root, "--count", "size>=3 and type=f").stdout, "6\n")
                wrong = self.tool("find", root, "year >= (", code=USAGE).stderr
                self.assertIn("character", wrong)

    def test_find_by_name_and_size_asks_for_no_attribute(self):
        seen = len(self.server.requests())
        self.tool("find", self.url(), "size>2 and name like '*.jpg'")
        self.assertEqual(self.count(seen).get("HEAD", 0), 0)

    def test_dump_is_what_getfattr_writes_and_each_restores_the_other(self):
        odd = {"user.text": b'a "quoted" \\ value', "user.bytes": b"\x00\xff\n", "user.utf": "é".encode(),
               "user.two lines": b"a\nb"}
        mounted = self.mount()
        for name, value in odd.items():
            os.setxattr(mounted / "top.txt", name, value)
        ours = self.tool("dump", "top.txt", "photos/1.jpg", cwd=mounted.path).stdout
        theirs = subprocess.run(["getfattr", "-d", "top.txt", "photos/1.jpg"], cwd=mounted.path, check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(parse_dump(ours), parse_dump(theirs))
        by_url = self.tool("dump", self.url("top.txt"), self.url("photos/1.jpg")).stdout
        self.assertEqual(parse_dump(by_url), parse_dump(theirs))
        # Theirs restored by us, into the bucket and by URL; ours restored by setfattr.
        self.client.put("top.txt", b"top", content_type="text/plain")
        self.tool("restore", "-", self.url(), stdin=theirs)
        os.setxattr(mounted.path, "user.xbucket.refresh", b"1")
        for name, value in odd.items():
            self.assertEqual(os.getxattr(mounted / "top.txt", name), value)
        self.client.put("top.txt", b"top", content_type="text/plain")
        os.setxattr(mounted.path, "user.xbucket.refresh", b"1")
        subprocess.run(["setfattr", "--restore=-"], input=ours, cwd=mounted.path, check=True, text=True)
        for name, value in odd.items():
            self.assertEqual(os.getxattr(mounted / "top.txt", name), value)

    def test_a_dump_with_a_mistake_names_its_line(self):
        wrong = self.tool("restore", "-", self.url(), stdin="user.a=\"1\"\n", code=USAGE).stderr
        self.assertIn("line 1", wrong)
        # And what stands before it is not restored.
        seen = len(self.server.requests())
        wrong = self.tool("restore", "-", self.url(), code=USAGE,
                          stdin="# file: top.txt\nuser.a=\"1\"\n\n# file: photos/1.jpg\nuser.b=\"1\n").stderr
        self.assertIn("line 5", wrong)
        self.assertEqual(self.copies(seen), 0)

    def test_what_is_missing_is_told_and_the_rest_of_a_dump_restored(self):
        for how, root in self.places().items():
            with self.subTest(how):
                text = f'# file: gone\nuser.a="1"\n\n# file: top.txt\nuser.how="{how}"\n'
                said = self.tool("restore", "-", root, stdin=text, code=SOME_FAILED).stderr
                self.assertIn("gone", said)
                self.assertIn("1 object done, 1 failed", said)
                self.assertEqual(self.client.metadata("top.txt")["how"], how)
        for place in ("oss://no-such-bucket", "s3://no-such-bucket"):
            if place.startswith(self.dialect):
                said = self.tool("restore", "-", place, *self.service(), stdin=text, code=UNREACHABLE).stderr
                # Once, not for each of its files.
                self.assertEqual(said.count("does not exist at"), 1, said)

    def test_dumps_of_odd_paths_and_of_every_encoding_of_getfattr_are_understood(self):
        mounted = self.mount()
        names = ["with blank.txt", "back\\slash", "new\nline", "西湖.txt", "#hash", "a=b"]
        for i, name in enumerate(names):
            self.client.put(name, b"x", **{self.client.prefix + "meta-number": str(i)})
        for encoding in ("text", "hex", "base64"):
            with self.subTest(encoding):
                theirs = subprocess.run(["getfattr", "-d", "-e", encoding, "--", *names], cwd=mounted.path, check=True,
                                        stdout=subprocess.PIPE).stdout.decode("utf-8", "surrogateescape")
                for name in names:
                    self.client.put(name, b"x")
                self.tool("restore", "-", self.url(), stdin=theirs)
                for i, name in enumerate(names):
                    self.assertEqual(self.client.metadata(name), {"number": str(i)}, name)
        ours = self.tool("dump", *(self.url(name) for name in names)).stdout
        self.assertEqual(sorted(parse_dump(ours)), sorted(parse_dump(theirs)))

    def test_failures_are_told_and_a_resumed_run_does_only_what_is_left(self):
        self.server.stop()
        self.server = type(self.server)(self.data, "--fault", "copy@photos/3.jpg:1:403:AccessDenied")
        self.addCleanup(self.server.stop)
        self.client.server = self.server
        words = ("set", "-r", "album=x", self.url("photos"))
        failed = self.tool(*words, code=SOME_FAILED).stderr
        self.assertIn("photos/3.jpg", failed)
        self.assertIn("6 objects done, 1 failed", failed)
        self.assertIn("--resume", failed)
        seen = len(self.server.requests())
        resumed = self.tool(*words, "--resume").stderr
        self.assertIn("1 object done, 6 were done before", resumed)
        self.assertEqual(self.copies(seen), 1)
        keys = {entry.get("key") for entry in self.server.requests()[seen:]} - {None, ""}
        self.assertEqual(keys - {"photos"}, {"photos/3.jpg"})
        self.assertEqual(self.client.metadata("photos/3.jpg")["album"], "x")
        # All is done: nothing is remembered.
        self.assertEqual(os.listdir(os.path.join(self.home, "state/xbucket/runs")), [])

    def test_a_wrong_command_line_says_what_to_write(self):
        for words, part in ((("set", "year=1"), "NAME=VALUE"), (("set", "top.txt"), "NAME=VALUE"),
                            (("find",), "no path"), (("unmount",), "--all"),
                            (("set", "object.etag=x", "f"), "cannot be changed"),
                            (("set", "a=1", "a=2", "f"), "twice"), (("doctor",), "SOURCE"),
                            (("set", "a" * 251 + "=1", self.url("top.txt")), "at most 255"),
                            (("find", self.url(), "year in (2020)"), "there is no 'in'"),
                            (("stat", "--nonsense", "f"), "--help")):
            with self.subTest(words):
                self.assertIn(part, self.tool(*words, code=USAGE).stderr)

    def test_every_command_has_a_help(self):
        overview = self.tool("--help").stdout
        commands = re.findall(r"^  xbucket (\w+) ", overview, re.M)
        self.assertGreaterEqual(len(commands), 12)
        for command in set(commands) - {"local", "oss", "s3"}:
            self.assertIn(f"xbucket {command}", self.tool(command, "--help").stdout)
            self.assertEqual(self.tool("help", command).stdout, self.tool(command, "--help").stdout)


def parse_dump(text):
    """A getfattr -d text as {path: {name: raw value text}}; base64 and quoted text compare as bytes."""
    import base64
    files, current = {}, None
    for line in text.splitlines():
        if line.startswith("# file: "):
            current = files.setdefault(line[8:], {})
        elif line:
            name, value = line.split("=", 1)
            if value.startswith("0s"):
                value = base64.b64decode(value[2:])
            else:
                value = re.sub(rb"\\([0-7]{3}|.)",
                               lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else m[1],
                               value[1:-1].encode("utf-8", "surrogateescape"))
            current[name] = value
    return files


class Interrupted(ToolCase, BucketCase):
    """Runs that are long enough to be interrupted: 300 objects, 50 ms a request, 4 at a time."""

    server_options = ("--latency-ms", "0")
    total = 300

    def setUp(self):
        super().setUp()
        for i in range(self.total):
            self.client.put(f"many/{i:04}", b"x")
        self.server.stop()
        self.server = type(self.server)(self.data, "--latency-ms", "50")
        self.addCleanup(self.server.stop)
        self.client.server = self.server

    place = None  # in a mount, instead of by URL

    def words(self):
        where = [self.place] if self.place else [self.url("many"), *self.service()]
        return [BINARY, "set", "-r", "k=v", "--jobs=4", *where]

    def start(self, *more, **keywords):
        words = [*self.words(), *more]
        return subprocess.Popen(words, env=self.env, stdin=subprocess.DEVNULL, **keywords)

    def wait_for_copies(self, count):
        def so_far():
            with open(self.server.log, encoding="utf-8") as log:
                return log.read().count('"kind":"copy"')

        wait_for(lambda: so_far() >= count, what=f"{count} copies")

    def resume(self):
        seen = len(self.server.requests())
        done = subprocess.run([*self.words(), "--resume"], env=self.env, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, check=True, timeout=300)
        before = int(re.search(r"([\d,]+) were done before", done.stderr)[1].replace(",", ""))
        after = int(re.search(r"([\d,]+) objects? done", done.stderr)[1].replace(",", ""))
        self.assertEqual(before + after, self.total)
        self.assertGreaterEqual(self.count(seen).get("HEAD", 0), after)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:  # every answer takes 50 ms
            found = list(pool.map(self.client.metadata, [f"many/{i:04}" for i in range(self.total)]))
        self.assertEqual(found, [{"k": "v"}] * self.total)
        return before, self.copies(seen)

    def test_ctrl_c_finishes_what_is_under_way_and_resume_does_the_rest(self):
        run = self.start(stderr=subprocess.PIPE, text=True)
        self.wait_for_copies(20)
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=300)[1]
        self.assertEqual(run.returncode, INTERRUPTED)
        self.assertIn("interrupted", said)
        sent = self.copies()
        before, again = self.resume()
        # Not one object is copied twice.
        self.assertEqual(before, sent)
        self.assertEqual(again, self.total - sent)

    def test_ctrl_c_of_a_run_through_a_mount_is_resumed_too(self):
        self.place = self.mount() / "many"
        self.test_ctrl_c_finishes_what_is_under_way_and_resume_does_the_rest()

    def test_a_killed_run_repeats_at_most_what_was_under_way(self):
        run = self.start(stderr=subprocess.DEVNULL)
        self.wait_for_copies(20)
        run.kill()
        run.wait()
        sent = self.copies()
        before, again = self.resume()
        self.assertLessEqual(sent - before, 4)
        self.assertGreater(before, 10)
        self.assertLessEqual(sent + again, self.total + 4)

    def test_the_progress_bar_never_claims_too_much_and_ends_at_all(self):
        parent, child = pty.openpty()
        run = self.start(stderr=child)
        os.close(child)
        shown = b""
        while True:
            try:
                piece = os.read(parent, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(parent)
        self.assertEqual(run.wait(timeout=300), OK)
        steps = [(int(a.replace(",", "")), int(b.replace(",", "")))
                 for a, b in re.findall(r"([\d,]+) of ([\d,]+)", shown.decode())]
        self.assertGreater(len(steps), 5)
        for (done, found), (later, more) in zip(steps, steps[1:]):
            self.assertLessEqual(done, found)
            self.assertLessEqual(done, later)
            self.assertLessEqual(found, more)
        self.assertEqual(steps[-1], (self.total, self.total))


class Mounts(ToolCase, BucketCase):
    def test_mounts_stats_status_sync_and_unmount_of_a_living_mount(self):
        mounted = self.mount()
        listed = [json.loads(line) for line in self.tool("mounts", "--json").stdout.splitlines()]
        mine = next(m for m in listed if m["mountpoint"] == mounted.path)
        self.assertEqual((mine["source"], mine["alive"], mine["pid"]),
                         ("oss://examplebucket", True, mounted.process.pid))
        self.assertIn(mounted.path, self.tool("mounts").stdout)
        stats = json.loads(self.tool("stats", "--json", mounted.path).stdout)
        self.assertEqual(stats["pid"], mounted.process.pid)
        self.assertIn("requests", stats)
        self.assertIn("cache_hits", self.tool("stats", mounted.path).stdout)
        with open(mounted / "f", "wb") as file:
            file.write(b"x")
            file.flush()
            self.tool("sync", mounted / "f")
            self.assertEqual(self.client.get("f"), b"x")
        self.assertIn("nothing waits", self.tool("status", mounted.path).stdout)
        os.utime(mounted / "f", (1, 1))
        self.tool("unmount", mounted.path)
        self.assertFalse(os.path.ismount(mounted.path))
        # The daemon is gone when the command returns, and what was recorded late is there.
        self.assertIsNotNone(mounted.process.poll())
        self.assertEqual(float(self.client.metadata("f")["mtime"]), 1)
        self.assertIn("not inside a mount", self.tool("unmount", mounted.path, code=SYSTEM).stderr)

    def test_sync_of_a_directory_sends_what_open_files_have_so_far(self):
        mounted = self.mount()
        # Another process that starts none: whatever inherits the file sends it when it closes it. So do
        # redirections of a shell.
        script = ("import sys; file = open(sys.argv[1], 'wb', buffering=0); file.write(b'one'); "
                  "print('ready', flush=True); sys.stdin.readline(); file.write(b' two')")
        with subprocess.Popen([sys.executable, "-c", script, mounted / "log"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as writer:
            self.assertEqual(writer.stdout.readline(), "ready\n")
            directory = os.open(mounted.path, os.O_RDONLY)
            os.fsync(directory)  # a neighbour's
            os.close(directory)
            self.assertEqual(self.client.request("HEAD", "log")[0], 404)
            self.tool("sync", mounted.path)
            self.assertEqual(self.client.get("log"), b"one")
            writer.communicate("go\n")
        self.assertEqual(self.client.get("log"), b"one two")

    def umount(self, *words, code=OK):
        """As umount(8) runs the helper of a file system of this type."""
        helper = os.path.join(self.scratch.name, "umount.fuse.xbucket")
        if not os.path.exists(helper):
            os.symlink(os.path.abspath(BINARY), helper)
        done = subprocess.run([helper, *words], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def test_umount_returns_when_all_is_sent_and_the_daemon_is_gone(self):
        mounted = self.mount()
        with open(mounted / "f", "wb") as file:
            file.write(b"x")
        os.utime(mounted / "f", (1, 1))
        self.umount(mounted.path, "-n", "-t", "fuse.xbucket")
        self.assertFalse(os.path.ismount(mounted.path))
        self.assertIsNotNone(mounted.process.poll())
        self.assertEqual(float(self.client.metadata("f")["mtime"]), 1)
        self.assertIn("not inside a mount", self.umount(mounted.path, code=SYSTEM))

    def test_umount_keeps_the_mount_where_something_cannot_be_sent_unless_forced(self):
        mounted = self.mount("-o", "commit=1h")
        with open(mounted / "f", "wb") as file:
            file.write(b"x")
        self.server.set_faults("copy@f:*:403:AccessDenied")
        os.setxattr(mounted / "f", "user.a", b"1")
        self.assertIn("not everything could be sent", self.umount(mounted.path, code=CHANGES_LOST))
        self.assertTrue(os.path.ismount(mounted.path))
        self.assertIn("unmounted all the same", self.umount(mounted.path, "-f", code=CHANGES_LOST))
        self.assertFalse(os.path.ismount(mounted.path))

    def test_umount_takes_away_what_is_dead_and_with_l_what_is_in_use(self):
        mounted = self.mount()
        mounted.process.kill()
        mounted.process.wait()
        self.umount("-n", mounted.path)
        self.assertFalse(os.path.ismount(mounted.path))
        mounted = self.mount()
        self.client.put("f", b"x")
        with open(mounted / "f", "rb") as file:
            self.assertIn("fuser", self.umount(mounted.path, code=SYSTEM))
            self.umount(mounted.path, "-l")
            self.assertFalse(os.path.ismount(mounted.path))
            self.assertEqual(file.read(), b"x")

    def hang(self, mounted):
        # The leak check of a sanitizer build stops all threads before a program ends; it would wait for
        # the one that asks the hanging mount.
        self.hangs = True
        self.env = dict(self.env, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        mounted.process.send_signal(signal.SIGSTOP)

    def test_a_mount_that_hangs_can_be_unmounted_by_force(self):
        mounted = self.mount()
        self.hang(mounted)
        try:
            self.assertIn("does not answer", self.tool("unmount", mounted.path, code=SYSTEM).stderr)
            self.tool("unmount", "--force", mounted.path)
            self.assertNotIn(mounted.path, self.tool("mounts").stdout)
        finally:
            mounted.process.send_signal(signal.SIGCONT)

    def test_a_read_only_mount_tells_its_figures_too(self):
        mounted = self.mount("--ro")
        stats = json.loads(self.tool("stats", "--json", mounted.path).stdout)
        self.assertEqual((stats["spool_bytes"], stats["spool"]), (0, ""))
        self.tool("unmount", mounted.path)

    def test_a_mount_that_hangs_is_named_and_takes_nobody_along(self):
        mounted = self.mount()
        self.hang(mounted)
        try:
            self.assertIn("does not answer", self.tool("mounts").stdout)
            self.assertIn("does not answer", self.tool("status", mounted.path, code=SOME_FAILED).stdout)
        finally:
            mounted.process.send_signal(signal.SIGCONT)

    def test_stats_watch_shows_what_changed_until_interrupted(self):
        mounted = self.mount()
        watch = subprocess.Popen([BINARY, "stats", "--watch", "--interval=1", mounted.path], env=self.env,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.assertIn(mounted.path, watch.stdout.readline())
        os.setxattr(mounted.path, "user.xbucket.refresh", b"1")
        os.listdir(mounted.path)
        line = ""
        while not re.search(r"requests\.LIST .* \+[1-9]", line):
            line = watch.stdout.readline()
            self.assertNotEqual(line, "")
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(timeout=300), OK)
        watch.stdout.close()

    def test_other_file_systems_and_folders_of_a_mount_are_not_taken_for_mounts(self):
        plain = os.path.join(self.scratch.name, "plain.txt")
        with open(plain, "w", encoding="utf-8"):
            pass
        self.assertIn("not inside a mount", self.tool("set", "year=1", plain, code=SYSTEM).stderr)
        self.assertIn("not inside a mount", self.tool("find", plain, code=SYSTEM).stderr)
        mounted = self.mount()
        self.client.put("dir/f", b"x")
        self.assertIn("no mount point", self.tool("unmount", mounted / "dir", code=SYSTEM).stderr)
        self.assertTrue(os.path.ismount(mounted.path))

    def test_unmount_refuses_while_files_are_open_and_says_so(self):
        mounted = self.mount()
        self.client.put("f", b"x")
        with open(mounted / "f", "rb"):
            self.assertIn("fuser", self.tool("unmount", mounted.path, code=SYSTEM).stderr)
            self.assertTrue(os.path.ismount(mounted.path))
        self.tool("unmount", mounted.path)

    def test_status_names_a_dead_mount_and_unmount_takes_it_away(self):
        mounted = self.mount()
        mounted.process.kill()
        mounted.process.wait()
        self.assertIn("daemon is gone", self.tool("status", mounted.path, code=SOME_FAILED).stdout)
        self.assertIn("dead", self.tool("mounts").stdout)
        self.assertIn("--force", self.tool("unmount", mounted.path, code=CHANGES_LOST).stderr)
        self.tool("unmount", "--force", mounted.path)
        self.assertFalse(os.path.ismount(mounted.path))

    def test_status_shows_content_whose_upload_failed(self):
        spool = os.path.join(self.scratch.name, "spool")
        os.mkdir(spool)
        self.server.stop()
        self.server = type(self.server)(self.data, "--fault", "put@lost.txt:*:403:AccessDenied")
        self.addCleanup(self.server.stop)
        mounted = self.mount("--spool", spool)
        with self.assertRaises(OSError):
            with open(mounted / "lost.txt", "wb") as file:
                file.write(b"precious")
        # Kept when the last handle is released, which close(2) does not wait for.
        wait_for(lambda: any(name.endswith(".json") for _, _, names in os.walk(spool) for name in names), what="the rescue")
        said = self.tool("status", mounted.path, code=SOME_FAILED).stdout
        self.assertRegex(said, r"not uploaded: lost\.txt \(8 bytes, .*, of \w+://examplebucket\)")
        path = re.search(r"its content is in (\S+)", said)[1]
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"precious")
        # The power went before the note was there.
        os.unlink(path + ".json")
        said = self.tool("status", mounted.path, code=SOME_FAILED).stdout
        self.assertIn("a file of 8 bytes", said)
        self.assertIn(path, said)


if __name__ == "__main__":
    unittest.main()
