# SPDX-FileCopyrightText: the xbucket authors
"""The three promises that must hold on every service: one change keeps everything else, two mounts
lose none of each other's edits, and what was acknowledged survives kill -9."""

import concurrent.futures
import os
import random
import subprocess
import threading
import time

from harness import every_service

LONG = "XBUCKET_TEST_LONG" in os.environ


@every_service
class Promises:
    def headers_of(self, key):
        """All that a metadata update must keep."""
        kept = {}
        for name, value in self.client.head(key).items():
            if name.startswith(self.client.prefix) or name in (
                    "content-type", "cache-control", "content-disposition", "content-encoding",
                    "content-language", "expires", "etag", "content-length"):
                kept[name] = value
        for volatile in ("request-id", "id-2", "server-time", "version-id", "date"):
            kept.pop(self.client.prefix + volatile, None)
        return kept

    def put_rich_object(self, key):
        p = self.client.prefix
        headers = {f"{p}meta-key{i:02}": f"value {i}" for i in range(20)}
        headers.update({
            "content-type": "text/x-rich; charset=utf-8", "cache-control": "max-age=60",
            "content-disposition": 'attachment; filename="a b.txt"', "content-encoding": "identity",
            "content-language": "de", "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
            p + "tagging": "t0=0&t1=1&t2=2&t3=3&t4=4",
            p + ("object-acl" if self.dialect == "oss" else "acl"): "public-read"})
        if "encryption" in self.features:
            headers[p + "server-side-encryption"] = "AES256"
        if "storage-class" in self.features:
            headers[p + "storage-class"] = "IA" if self.dialect == "oss" else "STANDARD_IA"
        self.client.ok("PUT", key, headers=headers, body=b"rich")

    def test_one_setfattr_changes_one_header_and_nothing_else(self):
        self.put_rich_object("rich.txt")
        before, acl, tags = self.headers_of("rich.txt"), self.client.acl("rich.txt"), self.client.tags("rich.txt")
        self.assertIn("public-read" if self.dialect == "oss" else "AllUsers", acl)
        self.assertEqual(len(tags), 5)
        mount = self.mount()
        subprocess.run(["setfattr", "-n", "user.year", "-v", "2021", mount / "rich.txt"], check=True)
        after = self.headers_of("rich.txt")
        self.assertEqual(after.pop(self.client.prefix + "meta-year"), "2021")
        self.assertEqual(after, before)
        self.assertEqual(self.client.acl("rich.txt"), acl)
        self.assertEqual(self.client.tags("rich.txt"), tags)
        self.assertEqual(self.client.get("rich.txt"), b"rich")

    def test_every_http_header_can_be_set_and_removed_alone(self):
        self.put_rich_object("rich.txt")
        mount = self.mount()
        wanted = {"cache-control": "no-cache", "content-disposition": "inline", "content-encoding": "br",
                  "content-language": "fr", "expires": "Thu, 22 Oct 2026 07:28:00 GMT",
                  "content-type": "image/x-test"}
        for name, value in wanted.items():
            before = self.headers_of("rich.txt")
            os.setxattr(mount / "rich.txt", "user.http." + name, value.encode())
            before[name] = value
            self.assertEqual(self.headers_of("rich.txt"), before)
        for name in wanted:
            if name == "content-type":
                continue
            os.removexattr(mount / "rich.txt", "user.http." + name)
            self.assertNotIn(name, self.client.head("rich.txt"))

    def test_storage_class_is_written_by_a_copy_that_keeps_the_rest(self):
        if "storage-class" not in self.features:
            self.skipTest("the service has one storage class")
        self.put_rich_object("rich.txt")
        mount = self.mount()
        before = self.headers_of("rich.txt")
        target = "Standard" if self.dialect == "oss" else "STANDARD"
        os.setxattr(mount / "rich.txt", "user.object.storage-class", target.encode())
        after = self.headers_of("rich.txt")
        for side in (before, after):
            side.pop(self.client.prefix + "storage-class", None)
        self.assertEqual(after, before)
        self.assertEqual(len(self.client.tags("rich.txt")), 5)

    def test_two_mounts_edit_one_object_in_a_tight_loop_and_lose_nothing(self):
        self.client.ok("PUT", "a.txt", body=b"x")
        mounts = [self.mount("-o", "timeout=600s"), self.mount("-o", "timeout=600s")]
        edits = 500
        failures, done = [], [0, 0]

        def edit(which):
            for i in range(edits):
                done[which] = i
                name = f"user.m{which}-{i % 25}"
                try:
                    os.setxattr(mounts[which] / "a.txt", name, str(i).encode())
                except OSError as failure:
                    failures.append((name, i, failure))

        threads = [threading.Thread(target=edit, args=(i,)) for i in (0, 1)]
        for thread in threads:
            thread.start()
        seen, moved = [0, 0], [time.monotonic()] * 2
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.05)
            for which, thread in enumerate(threads):
                if done[which] != seen[which] or not thread.is_alive():
                    seen[which], moved[which] = done[which], time.monotonic()
                self.assertLess(time.monotonic() - moved[which], 120, f"starved: {done}")
        self.assertEqual(failures, [])
        expected = {f"m{w}-{i % 25}": str(i) for w in (0, 1) for i in range(edits)}
        found = self.client.metadata("a.txt")
        self.assertEqual({k: found.get(k) for k in expected}, expected)

    def test_two_mounts_that_edit_at_the_same_moment_lose_nothing(self):
        self.client.ok("PUT", "a.txt", body=b"x")
        mounts = [self.mount(), self.mount()]
        for round_number in range(4):
            time.sleep(2.2)  # both find an object that has stood still, and so a base at once
            barrier = threading.Barrier(len(mounts))

            def edit(which):
                barrier.wait()
                os.setxattr(mounts[which] / "a.txt", f"user.m{which}", b"%d" % round_number)

            with concurrent.futures.ThreadPoolExecutor() as pool:
                for done in [pool.submit(edit, which) for which in range(len(mounts))]:
                    done.result()
            found = self.client.metadata("a.txt")
            self.assertEqual(found, {"m0": str(round_number), "m1": str(round_number)})

    def test_kill_9_loses_no_acknowledged_attribute_and_damages_no_object(self):
        seed = int(os.environ.get("XBUCKET_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed}")
        rng = random.Random(seed)
        for n in range(4):
            self.client.ok("PUT", f"o{n}.txt", body=b"body %d" % n)
        acknowledged = {}
        for round_number in range(40 if LONG else 4):
            mount = self.mount()
            stop = threading.Event()

            def edit(n):
                i = 0
                while not stop.is_set():
                    i += 1
                    value = f"{round_number}-{i}"
                    try:
                        os.setxattr(mount / f"o{n}.txt", f"user.r{round_number}", value.encode())
                    except OSError:
                        return
                    acknowledged[n, f"r{round_number}"] = i

            threads = [threading.Thread(target=edit, args=(n,)) for n in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.2 + rng.random())  # the moment is random on purpose
            mount.kill()
            stop.set()
            for thread in threads:
                thread.join(300)
            for n in range(4):
                found = self.client.metadata(f"o{n}.txt")
                for r in range(round_number + 1):
                    least = acknowledged.get((n, f"r{r}"), 0)
                    got = int(found.get(f"r{r}", f"{r}-0").split("-")[1])
                    self.assertIn(got, (least, least + 1))
                self.assertEqual(self.client.get(f"o{n}.txt"), b"body %d" % n)
