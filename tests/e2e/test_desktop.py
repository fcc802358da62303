# SPDX-FileCopyrightText: the xbucket authors
"""A mount under a desktop: what GIO (Nautilus, Thunar, PCManFM) does to files, desktop attributes, the
model behind the properties page, and, with XBUCKET_TEST_DESKTOP=1 (scripts/test desktop), file managers
in windows of their own on a folder of 1,000 images, held to a budget of requests."""

import datetime
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import zlib

from harness import BucketCase, both_dialects, wait_for, waits_in_fuse

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "scripts/nautilus"))
import xbucket_model as model  # noqa: E402


@unittest.skipUnless(shutil.which("gio"), "gio is not installed")
@both_dialects
class Gio:
    def setUp(self):
        BucketCase.setUp(self)
        self.meta = self.client.prefix + "meta-"
        self.home = os.path.join(self.scratch.name, "home")
        os.mkdir(self.home)
        self.mnt = self.mount()

    def gio(self, *words):
        env = dict(os.environ, HOME=self.home, XDG_DATA_HOME=self.home, LC_ALL="C.UTF-8", GIO_USE_VFS="local")
        done = subprocess.run(["gio", *words], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}")
        return done.stdout

    def test_gio_info_shows_metadata_and_gio_set_writes_it(self):
        self.client.put("a.txt", b"hello", content_type="text/plain", **{self.meta + "people": "eliot"})
        self.assertIn("xattr::people: eliot", self.gio("info", "-a", "xattr::*", self.mnt / "a.txt"))
        self.gio("set", self.mnt / "a.txt", "xattr::year", "2021")
        self.gio("set", self.mnt / "a.txt", "xattr::tag.project", "demo")
        self.assertEqual(self.client.metadata("a.txt"), {"people": "eliot", "year": "2021"})
        self.assertEqual(self.client.tags("a.txt"), {"project": "demo"})
        self.gio("set", "-d", self.mnt / "a.txt", "xattr::people")
        self.assertEqual(self.client.metadata("a.txt"), {"year": "2021"})

    def test_tags_comments_and_origins_of_the_desktop_are_metadata_both_ways(self):
        self.client.put("a.txt", b"x")
        names = {"user.xdg.tags": "travel,Hangzhou", "user.xdg.comment": "西湖, at dawn",
                 "user.xdg.origin.url": "https://example.org/a?b=c"}
        for name, value in names.items():
            os.setxattr(self.mnt / "a.txt", name, value.encode())
        stored = self.client.metadata("a.txt")
        self.assertEqual(stored["xdg--2etags" if self.dialect == "oss" else "xdg.tags"], "travel,Hangzhou")
        self.client.put("copy.txt", b"x", **{self.meta + name: value for name, value in stored.items()})
        for name, value in names.items():
            self.assertEqual(os.getxattr(self.mnt / "copy.txt", name).decode(), value)

    def test_copies_in_and_out_keep_attributes(self):
        outside = os.path.join(self.scratch.name, "out.txt")
        self.client.put("a.txt", b"hello", content_type="text/plain", cache_control="no-cache",
                        **{self.meta + "people": "eliot"})
        self.gio("copy", self.mnt / "a.txt", outside)
        self.assertEqual(os.getxattr(outside, "user.people"), b"eliot")
        self.assertEqual(os.getxattr(outside, "user.http.cache-control"), b"no-cache")
        self.gio("copy", outside, self.mnt / "back.txt")
        self.assertEqual(self.client.metadata("back.txt")["people"], "eliot")
        self.assertEqual(self.client.head("back.txt")["cache-control"], "no-cache")
        self.gio("copy", self.mnt / "a.txt", self.mnt / "beside.txt")
        self.assertEqual(self.client.metadata("beside.txt")["people"], "eliot")

    def test_new_folder_rename_move_and_delete(self):
        self.client.put("a.txt", b"hello", **{self.meta + "people": "eliot"})
        self.gio("mkdir", self.mnt / "New Folder")
        self.gio("rename", self.mnt / "a.txt", "b.txt")
        self.gio("move", self.mnt / "b.txt", self.mnt / "New Folder/b.txt")
        self.assertEqual(self.client.metadata("New Folder/b.txt")["people"], "eliot")
        self.assertEqual(sorted(os.listdir(self.mnt.path)), ["New Folder"])
        self.gio("remove", self.mnt / "New Folder/b.txt")
        self.gio("remove", self.mnt / "New Folder")
        self.assertEqual(os.listdir(self.mnt.path), [])


@both_dialects
class PropertiesPage:
    """The model of scripts/nautilus against a mount."""

    def setUp(self):
        BucketCase.setUp(self)
        self.meta = self.client.prefix + "meta-"
        self.client.put("a.txt", b"a", content_type="text/plain", **{self.meta + "year": "2020", self.meta + "x": "1"})
        self.client.put("b.txt", b"b", content_type="text/plain", cache_control="no-cache",
                        **{self.meta + "year": "2021", self.meta + "x": "1"})
        self.mnt = self.mount()
        self.files = [self.mnt / "a.txt", self.mnt / "b.txt"]

    def test_one_file_shows_all_groups(self):
        groups = model.Selection(self.files[:1]).groups
        self.assertEqual(groups["metadata"], {"x": "1", "year": "2020"})
        self.assertEqual(groups["headers"]["content-type"], "text/plain")
        self.assertRegex(groups["facts"]["etag"], "^[0-9A-Fa-f]{32}$")

    def test_many_files_show_what_they_share_and_change_together(self):
        selection = model.Selection(self.files)
        self.assertEqual(selection.groups["metadata"], {"x": "1", "year": model.DIFFERENT})
        self.assertIs(selection.groups["headers"]["cache-control"], model.DIFFERENT)
        self.assertEqual(selection.change("metadata", "year", "2022"), [])
        self.assertEqual(selection.groups["metadata"]["year"], "2022")
        self.assertEqual(selection.change("tags", "project", "demo"), [])
        self.assertEqual(selection.change("headers", "cache-control", None), [])
        for key in ("a.txt", "b.txt"):
            self.assertEqual(self.client.metadata(key), {"year": "2022", "x": "1"})
            self.assertEqual(self.client.tags(key), {"project": "demo"})
            self.assertNotIn("cache-control", self.client.head(key))

    def test_what_cannot_be_set_is_told_for_each_file_and_the_rest_is_done(self):
        selection = model.Selection(self.files)
        failed = selection.change("metadata", "big", "x" * 9000)
        self.assertEqual([path for path, _ in failed], self.files)
        self.assertIn("limit", model.explain(failed[0][1]))
        self.assertEqual(self.client.metadata("a.txt"), {"year": "2020", "x": "1"})

    def test_names_round_trip_between_page_and_attributes(self):
        for attribute in ("user.year", "user.http.expires", "user.tag.a b", "user.meta.http.x", "user.meta.mime_type"):
            group, name = model.group_of(attribute)
            self.assertEqual(model.attribute_of(group, name), attribute)
        self.assertEqual(model.group_of("user.xbucket.stats"), (None, None))
        self.assertEqual(model.group_of("security.selinux"), (None, None))

    def enter(self, selection, name, text=None):
        """What the window does on Enter in a field of the metadata; without `text` an untouched one."""
        value = selection.groups["metadata"][name]
        if model.asks_for_change(value, model.shown(value) if text is None else text):
            self.assertEqual(selection.change("metadata", name, text), [])

    def test_enter_in_an_untouched_field_changes_nothing(self):
        selection = model.Selection(self.files)
        self.assertIs(selection.groups["metadata"]["year"], model.DIFFERENT)
        for name in ("year", "x"):
            self.enter(selection, name)
        self.assertEqual([self.client.metadata(key) for key in ("a.txt", "b.txt")],
                         [{"year": "2020", "x": "1"}, {"year": "2021", "x": "1"}])
        self.enter(selection, "year", "2022")
        self.assertEqual([self.client.metadata(key)["year"] for key in ("a.txt", "b.txt")], ["2022", "2022"])

    def test_values_that_are_no_text_are_shown_and_cannot_be_edited(self):
        os.setxattr(self.files[0], "user.bytes", b"a\0\xff")
        os.setxattr(self.files[1], "user.bytes", b"a\\x00\\xff")
        selection = model.Selection(self.files[:1])
        value = selection.groups["metadata"]["bytes"]
        self.assertEqual(value, "a\\x00\\xff")
        self.assertFalse(model.is_editable(value))
        self.enter(selection, "bytes")
        self.enter(selection, "bytes", "a\\x00\\xff and more")
        self.assertEqual(os.getxattr(self.files[0], "user.bytes"), b"a\0\xff")
        # The text that looks like them is another value, and can be given to all.
        selection = model.Selection(self.files)
        self.assertIs(selection.groups["metadata"]["bytes"], model.DIFFERENT)
        self.enter(selection, "bytes", "a\\x00\\xff")
        for path in self.files:
            self.assertEqual(os.getxattr(path, "user.bytes"), b"a\\x00\\xff")

    def test_only_files_of_a_mount_of_ours_have_the_page(self):
        self.assertTrue(model.is_on_mount(self.files[0]))
        self.assertFalse(model.is_on_mount("/etc/passwd"))


def png(path, seed):
    """A picture of 96 x 96 points that does not compress: about 27 KiB."""
    import random
    noise = random.Random(seed)
    rows = b"".join(b"\0" + noise.randbytes(96 * 3) for _ in range(96))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 96, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def programs_of_session(session):
    """The process id and the rest of the fields of /proc/PID/stat of each, from the state on."""
    for entry in os.scandir("/proc"):
        try:
            with open(f"/proc/{int(entry.name)}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except (ValueError, OSError):
            continue
        if int(fields[3]) == session:
            yield int(entry.name), fields


def cpu_seconds_of_session(session):
    ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in programs_of_session(session))
    return ticks / os.sysconf("SC_CLK_TCK")


def end(window):
    try:
        os.killpg(window.pid, signal.SIGTERM)
        window.wait(timeout=60)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass


def is_listing(entry, prefix):
    asked = urllib.parse.parse_qs(entry["query"])
    return entry["kind"] == "list" and asked.get("prefix") == [prefix] and asked.get("delimiter") == ["/"]


@unittest.skipUnless(os.environ.get("XBUCKET_TEST_DESKTOP") or os.environ.get("XBUCKET_TEST_LONG"),
                     "takes minutes; XBUCKET_TEST_DESKTOP=1")
@unittest.skipUnless(shutil.which("Xvfb") and shutil.which("dbus-run-session"),
                     "no Xvfb or dbus-run-session; scripts/install-packages desktop")
class FileManagers(BucketCase):
    """1,000 images in one folder. A screenshot goes to XBUCKET_SCREENSHOTS, if that is set."""

    images = 1000

    def setUp(self):
        super().setUp()
        self.server.stop()
        album = os.path.join(self.data, "examplebucket/album")
        os.makedirs(album)
        for i in range(self.images):
            png(os.path.join(album, f"img{i:04}.png"), i)
        self.bytes = sum(os.path.getsize(os.path.join(album, name)) for name in os.listdir(album))
        self.server = type(self.server)(self.data)
        self.addCleanup(self.server.stop)
        self.client.server = self.server
        self.mnt = self.mount()
        self.home = os.path.join(self.scratch.name, "home")
        os.makedirs(os.path.join(self.home, "run"), mode=0o700)

    def browse(self, program):
        """Opens the folder for as long as requests come, at most a minute: the requests."""
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed")
        env = dict(os.environ, HOME=self.home, XDG_RUNTIME_DIR=os.path.join(self.home, "run"), LC_ALL="C.UTF-8")
        for name in ("DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY"):
            env.pop(name, None)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        screen = subprocess.Popen(["Xvfb", "-displayfd", "1", "-screen", "0", "1280x900x24"],
                                  **{**quiet, "stdout": subprocess.PIPE}, text=True)
        self.addCleanup(screen.stdout.close)
        self.addCleanup(screen.wait)
        self.addCleanup(screen.terminate)
        env["DISPLAY"] = ":" + screen.stdout.readline().strip()  # written when it can be used
        self.assertRegex(env["DISPLAY"], r"^:\d+$", "Xvfb")
        window, before = self.open_folder(program, env, quiet)
        # It has shown what it wants to show when it asks for nothing and does nothing, for five seconds.
        seen, worked, still, deadline = -1, 0, 0, time.monotonic() + 1800
        while still < 5:
            self.assertLess(time.monotonic(), deadline, f"{program} does not come to rest")
            asked, busy = len(self.server.requests()), cpu_seconds_of_session(window.pid)
            still = still + 1 if asked == seen and busy - worked < 0.4 else 0
            seen, worked = asked, busy
            time.sleep(1)
        folder = os.environ.get("XBUCKET_SCREENSHOTS")
        if folder and shutil.which("import"):
            subprocess.run(["import", "-window", "root", os.path.join(folder, f"{program}.png")], env=env, check=False)
        end(window)
        return self.server.requests()[before:]

    def open_folder(self, program, env, quiet):
        """A window that has asked for what is in the folder, and how many requests there were before it. At
        times Nautilus waits for its own services, for minutes: as long as nobody waits for the mount, it is
        started again."""
        for _ in range(3):
            before = len(self.server.requests())
            window = subprocess.Popen(["dbus-run-session", "--", program, self.mnt / "album"], env=env,
                                      start_new_session=True, **quiet)
            self.addCleanup(end, window)
            try:
                wait_for(lambda: any(is_listing(e, "album/") for e in self.server.requests()[before:]), 180,
                         "the folder's listing")
                return window, before
            except AssertionError:
                waiting = [pid for pid, _ in programs_of_session(window.pid) if waits_in_fuse(pid)]
                self.assertEqual(waiting, [], f"{program} gets no answer")
                print(f"{program} did not come as far as the folder: once more", file=sys.stderr)
                end(window)
        raise AssertionError(f"{program} never asked for the folder")

    def judge(self, requests):
        """The listing, the names that are probed for, each again only when it is forgotten, and content at
        most once."""
        kinds, lists, probes = {}, {}, {}
        for entry in requests:
            kinds.setdefault(entry["kind"], []).append(entry)
            if entry["kind"] == "list":
                asked = urllib.parse.parse_qs(entry["query"])
                prefix = asked.get("prefix", [""])[0]
                lists[prefix] = lists.get(prefix, 0) + 1
            if entry["kind"] == "head" and entry["status"] == 404 and entry["key"] != "album":
                probes[entry["key"]] = probes.get(entry["key"], 0) + 1
        first, last = (datetime.datetime.fromisoformat(requests[i]["time"].replace("Z", "+00:00")) for i in (0, -1))
        seconds = (last - first).total_seconds()
        print({kind: len(entries) for kind, entries in kinds.items()}, f"in {seconds:.0f} s;",
              sum(e["bytes_out"] for e in kinds.get("get", [])), "bytes of content; names probed for:", probes,
              file=sys.stderr)
        # A name that is not there is remembered for negative_ttl, 5 s.
        again = 2 + seconds / 5
        self.assertLessEqual(len(probes), 8, probes)
        for key, times in probes.items():
            self.assertLessEqual(times, again, key)
            # Looking for a name is a HEAD of it and a LIST of what may be below it. The kernel counts in ticks:
            # it may ask once in the last one that the HEAD's answer is good for, and that look is a LIST alone.
            self.assertLessEqual(lists.pop(key + "/", 0), 2 * again, key)
        # What is left is the folder itself, in two pages, looked at by way of its name, too. A slow machine
        # is still at it when what was listed expires: then the first images are asked for by their names.
        self.assertLessEqual(sum(lists.values()), 6 + seconds / 10, lists)
        self.assertLessEqual(len(kinds.get("head", [])) - sum(probes.values()), 4 + seconds / 10)
        self.assertEqual({e["method"] for e in requests} - {"GET", "HEAD"}, set())
        self.assertLessEqual(sum(e["bytes_out"] for e in kinds.get("get", [])), self.bytes * 1.05)
        reads = [e["key"] for e in kinds.get("get", [])]
        self.assertLessEqual(len(reads), self.images * 2)

    def test_thunar(self):
        self.judge(self.browse("thunar"))

    def test_pcmanfm(self):
        self.judge(self.browse("pcmanfm"))

    def test_nautilus(self):
        self.judge(self.browse("nautilus"))


if __name__ == "__main__":
    unittest.main()
