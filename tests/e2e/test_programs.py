# SPDX-FileCopyrightText: the xbucket authors
"""What people run on files, run in a mount. A program that is not installed is skipped."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import unittest
import unittest.mock
import zipfile

from harness import BINARY, both_dialects

REPOSITORY = os.path.join(os.path.dirname(__file__), "..", "..")


def needs(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")


class Programs:
    def run_in(self, folder, *command, env=None):
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300,
                                stdin=subprocess.DEVNULL, check=False, env=dict(os.environ, LC_ALL="C", **(env or {})))
        self.assertEqual(result.returncode, 0, f"{command}: {result.stdout[-1000:]}{result.stderr[-2000:]}")
        return result.stdout

    def source_tree(self):
        """Some of our own sources, as a folder on disk."""
        tree = os.path.join(self.scratch.name, "tree")
        shutil.copytree(os.path.join(REPOSITORY, "src", "base"), os.path.join(tree, "base"))
        shutil.copytree(os.path.join(REPOSITORY, "man"), os.path.join(tree, "man"))
        return tree

    def same_trees(self, one, other):
        self.run_in("/", "diff", "-r", one, other)

    def fio(self, mount, *options):
        return self.run_in(mount.path, "fio", "--name=job", f"--directory={mount.path}", "--verify=crc32c",
                           "--verify_fatal=1", "--do_verify=1", "--output-format=terse", "--ioengine=psync",
                           "--fallocate=none", *options)

    @needs("fio")
    def test_fio_verifies_sequential_random_and_mixed_writes(self):
        mount = self.mount("--part-size=5M")
        self.fio(mount, "--rw=write", "--bs=128k", "--size=24M", "--filename=sequential")
        self.fio(mount, "--rw=randwrite", "--bs=4k", "--size=4M", "--filename=random")
        self.fio(mount, "--rw=randwrite", "--bsrange=1k-64k", "--bs_unaligned", "--size=12M", "--filename=mixed")
        self.fio(mount, "--rw=write", "--bs=64k", "--size=4M", "--numjobs=4", "--nrfiles=1")

    @needs("git")
    def test_git_clones_commits_and_finds_nothing_changed(self):
        origin = os.path.join(self.scratch.name, "origin")
        tree = self.source_tree()
        who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
               "GIT_COMMITTER_EMAIL": "a@example.com", "HOME": self.scratch.name, "GIT_CONFIG_NOSYSTEM": "1"}
        self.run_in(tree, "git", "init", "-q", "-b", "main", env=who)
        self.run_in(tree, "git", "add", ".", env=who)
        self.run_in(tree, "git", "commit", "-q", "-m", "first", env=who)
        shutil.move(tree, origin)
        mount = self.mount("-o", "stat=meta")
        self.run_in(mount.path, "git", "clone", "-q", "--no-hardlinks", origin, "clone", env=who)
        clone = mount / "clone"
        self.assertEqual(self.run_in(clone, "git", "status", "--porcelain", env=who), "")
        with open(os.path.join(clone, "new"), "w", encoding="ascii") as file:
            file.write("text\n")
        self.run_in(clone, "git", "add", "new", env=who)
        self.run_in(clone, "git", "commit", "-q", "-m", "second", env=who)
        self.run_in(clone, "git", "fsck", "--strict", env=who)
        mount.stop()
        again = self.mount("-o", "stat=meta")
        self.assertEqual(self.run_in(again / "clone", "git", "status", "--porcelain", env=who), "")

    def test_sqlite_makes_and_changes_a_database(self):
        mount = self.mount()
        with sqlite3.connect(mount / "data.db") as database:
            database.execute("create table t (n integer primary key, text text)")
            database.executemany("insert into t values (?, ?)", ((n, "x" * n) for n in range(500)))
            database.commit()
            database.execute("delete from t where n % 3 = 0")
            database.commit()
            database.execute("vacuum")
        database.close()
        mount.stop()
        again = self.mount()
        database = sqlite3.connect(again / "data.db")
        self.assertEqual(database.execute("pragma integrity_check").fetchone(), ("ok",))
        self.assertEqual(database.execute("select count(*), sum(length(text)) from t").fetchone(),
                         (333, sum(n for n in range(500) if n % 3)))
        database.close()

    @needs("vim.tiny")
    def test_vim_saves(self):
        self.client.put("f.txt", b"one\ntwo\n")
        mount = self.mount()
        self.run_in(mount.path, "vim.tiny", "-u", "NONE", "-es", "-c", "%s/two/three/", "-c", "wq", "f.txt",
                    env={"TERM": "dumb"})
        self.assertEqual(self.client.get("f.txt"), b"one\nthree\n")
        self.assertEqual(os.listdir(mount.path), ["f.txt"])

    def test_sed_edits_in_place(self):
        self.client.put("f.txt", b"one\ntwo\n")
        mount = self.mount()
        self.run_in(mount.path, "sed", "-i", "s/two/three/", "f.txt")
        self.assertEqual(self.client.get("f.txt"), b"one\nthree\n")
        self.assertEqual(os.listdir(mount.path), ["f.txt"])

    def test_tar_extracts_and_packs(self):
        tree = self.source_tree()
        archive = os.path.join(self.scratch.name, "tree.tar")
        self.run_in(tree, "tar", "cf", archive, ".")
        mount = self.mount("-o", "stat=meta")
        os.mkdir(mount / "out")
        self.run_in(mount / "out", "tar", "xf", archive)
        self.same_trees(tree, mount / "out")
        self.run_in(mount / "out", "tar", "df", archive)  # contents, modes and times
        # What tar set is recorded within two seconds, and moves the time of the last change.
        self.run_in("/", BINARY, "sync", mount.path)
        self.run_in(mount.path, "tar", "cf", "packed.tar", "out")
        self.run_in(mount.path, "tar", "df", "packed.tar")

    @needs("unzip")
    def test_unzip_extracts(self):
        tree = self.source_tree()
        archive = os.path.join(self.scratch.name, "tree.zip")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for folder, _, names in os.walk(tree):
                for name in names:
                    full = os.path.join(folder, name)
                    packed.write(full, os.path.relpath(full, tree))
        mount = self.mount()
        os.mkdir(mount / "out")
        self.run_in(mount / "out", "unzip", "-q", archive)
        self.same_trees(tree, mount / "out")

    @needs("rsync")
    def test_second_rsync_sends_nothing(self):
        tree = self.source_tree()
        mount = self.mount()
        self.run_in("/", "rsync", "-a", tree + "/", mount / "out/")
        self.assertEqual(self.run_in("/", "rsync", "-a", "--itemize-changes", tree + "/", mount / "out/"), "")
        self.same_trees(tree, mount / "out")

    @needs("rsync")
    def test_rsync_from_another_machine_sends_nothing_either(self):
        tree = self.source_tree()
        os.chmod(os.path.join(tree, sorted(os.listdir(tree))[0]), 0o750)
        first = self.mount("-o", "stat=meta")
        self.run_in("/", "rsync", "-a", tree + "/", first / "out/")
        subprocess.run([BINARY, "sync", first.path], check=True)
        # Nothing but the bucket is shared with the other one: other state, an empty cache.
        state = tempfile.TemporaryDirectory(prefix="xbucket-state-")
        self.addCleanup(state.cleanup)
        with unittest.mock.patch.dict(os.environ, XDG_STATE_HOME=state.name):
            other = self.mount("-o", "stat=meta")
        since = len(self.server.requests())
        self.assertEqual(self.run_in("/", "rsync", "-a", "--itemize-changes", tree + "/", other / "out/"), "")
        writes = {"PUT", "POST", "DELETE"}
        self.assertEqual([r for r in self.server.requests()[since:] if r["method"] in writes], [])

    def test_cp_copies_within_a_mount_by_the_service(self):
        content = os.urandom(3 << 20)
        self.client.put("a", content)
        mount = self.mount()
        since = len(self.server.requests())
        self.run_in(mount.path, "cp", "a", "b")
        self.assertEqual(self.client.get("b"), content)
        kinds = [(entry["kind"], entry["key"]) for entry in self.server.requests()[since:]]
        if ("copy", "b") not in kinds:  # a cp that asks for no copy_file_range reads and writes
            self.skipTest("this cp copies by itself")
        self.assertNotIn(("get", "a"), kinds)

    def test_rm_of_ten_thousand_files(self):
        count = 10_000 if os.environ.get("XBUCKET_TEST_LONG") else 1_000
        names = [f"d/{n % 10}/{n}" for n in range(count)]

        def put(part):
            for name in part:
                self.client.put(name, b"x")
        threads = [threading.Thread(target=put, args=(names[at::8],)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mount = self.mount()
        self.run_in(mount.path, "rm", "-rf", "d")
        self.assertEqual(os.listdir(mount.path), [])
        self.assertNotIn(b"<Key>", self.client.ok("GET", query={"list-type": "2"})[1])


both_dialects(Programs)
