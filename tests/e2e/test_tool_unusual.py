# SPDX-FileCopyrightText: the xbucket authors
"""The commands where things are not as usual: outputs that are closed or full, links, odd names and
patterns in any language, nothing to work on, and exit codes that say which of it it was."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import unittest

from harness import BINARY, BucketCase, both_dialects, error_of, wait_for
from tool_case import INTERRUPTED, OK, SOME_FAILED, SYSTEM, UNREACHABLE, USAGE, ToolCase

NAMES = ["-dash", "--", "with blank", "new\nline", "tab\there", "é.txt", "日本.txt", "a=b", "back\\slash", "quo\"te",
         "*", "#hash", "100%", "~", "{x}", "user.year",
         "[x]", "[a,b]", "[]", "{}"]


@both_dialects
class Unusual(ToolCase):
    def setUp(self):
        super().setUp()
        self.client.put("d/f", b"x", **{self.client.prefix + "meta-year": "2020"})

    def places(self):
        return {"mount": self.mount().path + "/", "url": self.url()}

    def run_raw(self, *words, **keywords):
        return subprocess.run([BINARY, *words, *(self.service() if any("://" in w for w in words) else [])],
                              env=self.env, stdin=subprocess.DEVNULL, timeout=300, **keywords)

    def test_an_output_that_is_full_is_no_success(self):
        for words in (("dump", "-r", self.url()), ("stat", self.url("d/f")), ("stat", "--json", self.url("d/f")),
                      ("find", self.url()), ("find", self.url(), "--count"), ("set", "-n", "year=1", self.url("d/f")),
                      ("credentials", "oss://"), ("doctor", "--read-only", self.url()), ("find", "--help"),
                      ("--help",), ("--version",), ("serve", "--help")):
            with self.subTest(words), open("/dev/full", "wb") as full:
                done = self.run_raw(*words, stdout=full, stderr=subprocess.PIPE, text=True)
                if words[0] != "serve":
                    self.assertIn("No space left on device", done.stderr)
                self.assertIn(done.returncode, (SYSTEM, INTERRUPTED))
                self.assertNotEqual(done.returncode, OK)

    def test_who_stops_reading_stops_the_search_without_a_word(self):
        for i in range(400):
            self.client.put(f"many/{'x' * 200}{i}", b"")
        read, write = os.pipe()
        os.close(read)
        done = self.run_raw("find", self.url(), stdout=write, stderr=subprocess.PIPE, text=True)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (INTERRUPTED, ""))

    def test_streams_that_are_closed_end_nothing_and_no_file_takes_their_place(self):
        dumped = os.path.join(self.scratch.name, "dumped")
        with open(dumped, "w", encoding="utf-8") as file:
            file.write('# file: d/f\nuser.from="dump"\n\n# file: gone\nuser.from="dump"\n')
        for closed in ((0, 1, 2), (2,), (1, 2)):
            with self.subTest(closed):
                def close(streams=closed):
                    for fd in streams:
                        os.close(fd)
                log = os.path.join(self.scratch.name, f"log{len(closed)}")
                done = self.run_raw("restore", dumped, self.url(), f"--log-file={log}", preexec_fn=close)
                self.assertEqual(done.returncode, SOME_FAILED)
                # What is said of the failure went nowhere: the log of the run has its own lines only.
                with open(log, encoding="utf-8") as file:
                    kinds = [line.split()[0] for line in file]
                self.assertEqual(sorted(kinds), ["done", "failed", "xbucket-work"])
                self.assertEqual(self.client.metadata("d/f")["from"], "dump")

    def test_exit_codes_are_those_of_the_manual(self):
        mounted = self.mount()
        plain = os.path.join(self.scratch.name, "plain")
        with open(plain, "wb"):
            pass
        elsewhere = f"{self.dialect}://no-such-bucket/x"
        cases = [
            (("stat", mounted / "d/f"), OK), (("stat", mounted / "none"), SOME_FAILED), (("stat", plain), SYSTEM),
            (("stat", elsewhere), UNREACHABLE), (("stat", mounted / "d/f", plain), SOME_FAILED),
            (("set", "a=1", plain), SYSTEM), (("set", "a=1", mounted / "none"), SOME_FAILED),
            (("set", "-r", "a=1", elsewhere), UNREACHABLE), (("set", "a=1", mounted / "d/f", plain), SOME_FAILED),
            (("unset", "a", plain), SYSTEM), (("find", plain), SYSTEM), (("find", mounted / "none"), SOME_FAILED),
            (("find", elsewhere), UNREACHABLE), (("dump", plain), SYSTEM), (("dump", elsewhere), UNREACHABLE),
            (("dump", mounted / "none"), SOME_FAILED), (("restore", mounted / "none"), SYSTEM),
            (("restore", mounted / "d", mounted.path), SYSTEM), (("stats", plain), SYSTEM), (("sync", plain), SYSTEM),
            (("status", plain), SYSTEM), (("unmount", plain), SYSTEM), (("find", mounted.path, "("), USAGE),
            (("stat", f"{self.dialect}://"), USAGE), (("set", "=x", plain), USAGE), (("mounts", "x"), USAGE),
        ]
        for words, code in cases:
            with self.subTest(words):
                done = self.tool(*words, code=code)
                self.assertEqual(bool(done.stderr) and "done, " not in done.stderr.split("\n")[0], code != OK)

    def test_a_link_that_is_named_stands_for_what_it_points_to(self):
        mounted = self.mount()
        os.symlink("d/f", mounted / "to-file")
        os.symlink("d", mounted / "to-folder")
        outside = os.path.join(self.scratch.name, "outside")
        os.symlink(mounted / "d/f", outside)
        for i, link in enumerate((mounted / "to-file", outside)):
            self.tool("set", f"n={i}", link)
            self.assertEqual(self.client.metadata("d/f")["n"], str(i))
            self.assertEqual(json.loads(self.tool("stat", "--json", link).stdout)["metadata"]["year"], "2020")
            self.assertIn('user.year="2020"', self.tool("dump", link).stdout)
        self.assertEqual(self.tool("find", mounted / "to-folder", "year=2020").stdout, mounted / "to-folder/f\n")
        self.tool("set", "-r", "n=folder", mounted / "to-folder")
        self.assertEqual(self.client.metadata("d/f")["n"], "folder")

    def test_odd_names_are_found_shown_changed_dumped_and_restored(self):
        for name in NAMES:
            self.client.put(f"odd/{name}", b"x")
        for how, root in self.places().items():
            with self.subTest(how):
                self.tool("set", "-r", f"how={how}", root + "odd")
                found = self.tool("find", root + "odd", "type=f and how", "-0").stdout
                self.assertEqual(sorted(found.split("\0")[:-1]), sorted(f"{root}odd/{name}" for name in NAMES))
                for name in NAMES:
                    self.tool("set", f"n={name}", f"{root}odd/{name}")
                    said = json.loads(self.tool("stat", "--json", f"{root}odd/{name}").stdout)
                    self.assertEqual((said["path"], said["metadata"]), (f"{root}odd/{name}", {"how": how, "n": name}))
                    one_line = self.tool("find", f"{root}odd", f"name='{name}'" if "\\" not in name else
                                         "name='back\\\\slash'", "--count").stdout
                    self.assertEqual(one_line, "1\n", name)
        mounted = self.mount()
        os.chdir(mounted / "odd")
        self.addCleanup(os.chdir, "/")
        self.tool("set", "there=yes", "--", "-dash", "--")
        self.assertEqual(self.client.metadata("odd/-dash")["there"], "yes")
        self.assertEqual(self.client.metadata("odd/--")["there"], "yes")
        for name in ("[x]", "[a,b]", "[]", "{}"):
            self.tool("set", "listed=" + name, name)
            self.assertEqual(self.client.metadata(f"odd/{name}")["listed"], name)
            self.tool("unset", "user.listed", name)
        self.assertEqual(self.tool("find", ".", "type=f", "name", "~", "[.]", "--count").stdout, "3\n")
        kept = self.tool("dump", "-r", ".").stdout
        self.tool("unset", "-r", "user.there", "user.how", "user.n", ".")
        self.assertEqual(self.client.metadata("odd/new\nline"), {})
        self.tool("restore", "-", ".", stdin=kept)
        self.assertEqual(self.tool("dump", "-r", ".").stdout, kept)
        os.chdir("/")

    def test_patterns_stand_for_characters_whatever_the_language(self):
        for name in ("é.txt", "日.txt", "xy.txt"):
            self.client.put(f"p/{name}", b"x", **{self.client.prefix + "meta-n": "1"})
        self.env["LC_ALL"] = "C"
        for how, root in self.places().items():
            with self.subTest(how):
                found = self.tool("find", root + "p", "name like '?.txt'").stdout.splitlines()
                self.assertEqual(sorted(found), sorted([root + "p/é.txt", root + "p/日.txt"]))
                self.assertEqual(self.tool("find", root + "p", "name ~ '^.[.]txt$'", "--count").stdout, "2\n")
                self.assertIn("2 objects done", self.tool("set", "-r", "--include=?.txt", "n=2", root + "p").stderr)

    def test_nothing_to_work_on_is_said_and_is_no_failure(self):
        self.client.ok("DELETE", "d/f")
        for how, root in self.places().items():
            with self.subTest(how):
                self.assertIn("0 objects done", self.tool("set", "-r", "a=1", root).stderr)
                self.assertEqual(self.tool("dump", "-r", root).stdout, "")
                self.assertEqual(self.tool("find", root, "type=f").stdout, "")
                self.assertEqual(self.tool("find", root, "--count", "name=none").stdout, "0\n")
                self.assertIn("0 objects done", self.tool("restore", "/dev/null", root).stderr)

    def test_looking_at_a_folder_makes_no_bucket_in_it(self):
        for name in ("missing", "empty"):
            folder = os.path.join(self.scratch.name, name)
            if name == "empty":
                os.mkdir(folder)
            for command in ("stat", "find", "dump"):
                said = self.tool(command, f"local:{folder}", code=UNREACHABLE).stderr
                self.assertIn("holds no bucket yet", said)
            self.assertIn("nothing stands in the way", self.tool("doctor", f"local:{folder}").stdout)
            self.assertEqual(os.path.exists(folder) and os.listdir(folder), [] if name == "empty" else False)

    def test_in_a_local_bucket_too_a_number_sign_is_a_letter_of_keys(self):
        folder = os.path.join(self.scratch.name, "c#", "buckets")
        keys = ["a#b.txt", "d/#1", "e#like-a-bucket", "plain"]
        for key in keys:
            os.makedirs(os.path.dirname(os.path.join(folder, "photos", key)), exist_ok=True)
            with open(os.path.join(folder, "photos", key), "w", encoding="ascii"):
                pass
        url = f"local:{folder}#photos"
        for key in ("a#b.txt", "d/#1"):
            self.tool("set", "of=one", f"{url}/{key}")
        self.tool("set", "-r", "of=first", url)
        dumped = self.tool("dump", "-r", url).stdout
        self.assertEqual(dumped.count('user.of="first"'), len(keys))
        self.tool("set", "-r", "of=second", url)
        self.assertIn("4 of 4 objects would change", self.tool("restore", "-n", "-", url, stdin=dumped).stderr)
        self.assertIn("4 objects done", self.tool("restore", "-", url, stdin=dumped).stderr)
        self.assertEqual(self.tool("dump", "-r", url).stdout, dumped)

    def test_what_an_attribute_cannot_be_is_said_in_words(self):
        for how, root in self.places().items():
            with self.subTest(how):
                for change in ("object.acl=no acl", "http.content-type="):
                    said = self.tool("set", change, root + "d/f", code=SOME_FAILED).stderr
                    for errno_text in ("Invalid argument", "Numerical result out of range"):
                        self.assertNotIn(errno_text, said)
                    self.assertIn("d/f: ", said)
                said = self.tool("set", "x" * 251 + "=1", root + "d/f", code=USAGE).stderr
                self.assertIn("the name has 256 bytes, and an attribute's has at most 255", said)

    def test_a_spool_directory_that_is_not_there_is_no_good_news(self):
        for words in ((), ("--json",)):
            said = self.tool("status", "--spool", self.home + "/mistyped", *words, code=SYSTEM)
            self.assertIn("mistyped is no directory", said.stderr)
            self.assertEqual(said.stdout, "")

    def test_a_mistyped_command_is_told_where_to_look(self):
        for word in ("sta", "frobnicate"):
            said = self.tool(word, "x", code=USAGE).stderr
            self.assertIn(f"'{word}' is no command", said)
            self.assertIn("--help", said)

    def test_a_dump_of_absolute_paths_is_restored_below_a_root(self):
        for how, root in self.places().items():
            with self.subTest(how):
                self.tool("restore", "-", root, stdin=f'# file: /d/f\nuser.how="{how}"\n')
                self.assertEqual(self.client.metadata("d/f")["how"], how)

    def test_one_attribute_that_cannot_be_set_keeps_no_other_from_it(self):
        for how, root in self.places().items():
            with self.subTest(how):
                text = f'# file: d/f\nsecurity.selinux="x"\nuser.object.etag="x"\nuser.tag.a="{how}"\nuser.how="{how}"\n'
                said = self.tool("restore", "-", root, stdin=text, code=SOME_FAILED).stderr
                self.assertIn("1 failed", said)
                self.assertEqual(self.client.metadata("d/f")["how"], how)
                self.assertEqual(self.client.tags("d/f"), {"a": how})

    def test_a_read_only_mount_says_so(self):
        mounted = self.mount("--ro")
        self.assertIn("read-only", self.tool("set", "a=1", mounted / "d/f", code=SOME_FAILED).stderr)
        self.assertEqual(error_of(os.setxattr, mounted / "d/f", "user.a", b"1"), "EROFS")

    def test_by_url_a_process_with_keys_is_as_closed_as_a_mount_and_says_only_what_is_asked(self):
        done = self.tool("set", "-r", "a=1", self.url("d"))
        self.assertRegex(done.stdout + done.stderr, r"\Axbucket: 1 object done, in [\d.]+ s\n\Z")
        self.server.set_faults("head@d/f:*:stall")
        words = [BINARY, "stat", self.url("d/f"), *self.service()]
        run = subprocess.Popen(words, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, umask=0o22)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)

        def umask():
            with open(f"/proc/{run.pid}/status", encoding="utf-8") as status:
                return next(line for line in status if line.startswith("Umask:")).split()[1]
        # Set together with: no core dumps, not readable by others (daemonize.h).
        wait_for(lambda: umask() == "0077", what="a closed process")

    def test_values_at_the_limit_fit_and_above_it_are_refused_with_a_reason(self):
        limit = 8191 - len("x-oss-meta-") - len("big") if self.dialect == "oss" else 2048 - len("big")
        self.client.put("big", b"x")
        for how, root in self.places().items():
            with self.subTest(how):
                self.tool("set", "big=" + "v" * limit, root + "big")
                self.assertEqual(len(self.client.metadata("big")["big"]), limit)
                said = self.tool("set", "big=" + "v" * (limit + 1), root + "big", code=SOME_FAILED).stderr
                self.assertRegex(said, "limit|can never fit")
                self.tool("unset", "user.big", root + "big")

    def test_the_bar_fits_terminals_of_any_width(self):
        for i in range(30):
            self.client.put(f"w/{i}", b"x")
        for columns in (1, 2, 7, 12, 40):
            with self.subTest(columns):
                parent, child = pty.openpty()
                fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
                run = subprocess.Popen([BINARY, "set", "-r", f"c={columns}", self.url("w"), *self.service()],
                                       env=self.env, stdin=subprocess.DEVNULL, stderr=child)
                os.close(child)
                shown = b""
                try:
                    while piece := os.read(parent, 4096):
                        shown += piece
                except OSError:
                    pass
                os.close(parent)
                self.assertEqual(run.wait(timeout=300), OK)
                bars = [line for part in shown.decode().split("\r") for line in part.split("\n")
                        if line.startswith("\x1b[K") and "xbucket:" not in line]
                self.assertTrue(bars)
                for bar in bars:
                    # A line that is full would make some terminals scroll.
                    self.assertLess(len(bar.replace("\x1b[K", "")), max(columns, 2), bars)


if __name__ == "__main__":
    unittest.main()
