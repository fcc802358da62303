# SPDX-FileCopyrightText: the xbucket authors
"""What else a change must carry or say, through mounts and seen from outside: versions, a customer's own
encryption key, who pays, persistent headers of OSS, checksums of S3."""

import base64
import hashlib
import json
import os
import re
import unittest

from harness import BucketCase, both_dialects, error_of


@both_dialects
class Versions:
    server_options = ("--versioning",)

    def test_versions_are_listed_from_the_newest(self):
        self.client.put("a.txt", b"one")
        self.client.ok("DELETE", "a.txt")
        self.client.put("a.txt", b"three")
        self.client.put("a.txt.bak", b"another object")
        mount = self.mount()
        newest = os.getxattr(mount / "a.txt", "user.object.version-id").decode()
        lines = [json.loads(line) for line in os.getxattr(mount / "a.txt", "user.object.versions").splitlines()]
        self.assertEqual([v["latest"] for v in lines], [True, False, False])
        self.assertEqual([v["delete_marker"] for v in lines], [False, True, False])
        self.assertEqual([v.get("size") for v in lines], [5, None, 3])
        self.assertEqual(lines[0]["version_id"], newest)
        self.assertEqual(lines[0]["etag"], os.getxattr(mount / "a.txt", "user.object.etag").decode())
        self.assertEqual(self.client.ok("GET", "a.txt", query={"versionId": lines[2]["version_id"]})[1], b"one")
        self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", lines[0]["last_modified"]))
        os.setxattr(mount / "a.txt", "user.x", b"1")
        again = os.getxattr(mount / "a.txt", "user.object.versions").splitlines()
        self.assertEqual(len(again), 4)
        self.assertEqual(json.loads(again[1])["version_id"], newest)
        self.assertNotIn("user.object.versions", os.listxattr(mount / "a.txt"))
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.object.versions", b"x"), "EPERM")


@both_dialects
class NoVersions:
    def test_a_bucket_that_keeps_no_versions_says_so(self):
        self.client.put("a.txt", b"x")
        mount = self.mount()
        self.assertEqual(error_of(os.getxattr, mount / "a.txt", "user.object.versions"), "EOPNOTSUPP")


@both_dialects
class ForcedDownload:
    def stored(self):
        self.server.set_faults()
        disposition = self.client.head("a.jpg").get("content-disposition")
        self.server.set_faults("head:*:force-download", "get:*:force-download")
        return disposition

    def test_what_the_service_adds_for_browsers_is_neither_shown_nor_stored(self):
        self.client.put("a.jpg", b"x", **{"cache-control": "no-store"})
        self.assertIsNone(self.stored())
        mount = self.mount()
        name = "user.http.content-disposition"
        os.setxattr(mount / "a.jpg", "user.x", b"1")
        os.chmod(mount / "a.jpg", 0o600)
        self.assertIsNone(self.stored())
        with open(mount / "a.jpg", "r+b") as file:
            file.write(b"longer")
        self.assertIsNone(self.stored())
        self.assertNotIn(name, os.listxattr(mount / "a.jpg"))
        self.assertEqual(os.getxattr(mount / "a.jpg", "user.http.cache-control"), b"no-store")
        self.assertEqual(error_of(os.setxattr, mount / "a.jpg", name, b"attachment"), "EINVAL")
        self.assertIsNone(self.stored())
        os.setxattr(mount / "a.jpg", name, b"attachment; filename=b.jpg")
        self.assertEqual(self.stored(), "attachment; filename=b.jpg")
        os.setxattr(mount / "a.jpg", "user.x", b"2")
        self.assertEqual(self.stored(), "attachment; filename=b.jpg")


@both_dialects
class CustomerKey:
    KEY = bytes(range(32))

    def key_headers(self, copy_source=False):
        name = self.client.prefix + ("copy-source-" if copy_source else "") + "server-side-encryption-customer-"
        return {name + "algorithm": "AES256", name + "key": base64.b64encode(self.KEY).decode(),
                name + "key-MD5": base64.b64encode(hashlib.md5(self.KEY).digest()).decode()}

    def mount_with_key(self, *options):
        path = os.path.join(self.scratch.name, "key")
        with open(path, "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
            file.write(base64.b64encode(self.KEY) + b"\n")
        return self.mount("-o", f"sse_c_key={path}", *options)

    def test_objects_under_a_key_of_ones_own_are_read_changed_renamed_and_stay_under_it(self):
        p = self.client.prefix
        self.client.ok("PUT", "a.txt", headers={**self.key_headers(), p + "meta-year": "2020", "cache-control": "no-store"},
                       body=b"secret")
        log = os.path.join(self.scratch.name, "mount.log")
        mount = self.mount_with_key("-o", f"log={log},log_level=debug")
        with open(mount / "a.txt", "rb") as file:
            self.assertEqual(file.read(), b"secret")
        self.assertEqual(os.getxattr(mount / "a.txt", "user.year"), b"2020")
        self.assertEqual(os.getxattr(mount / "a.txt", "user.object.encryption"), b"customer-key")
        os.setxattr(mount / "a.txt", "user.year", b"2021")
        os.setxattr(mount / "a.txt", "user.more", b"1")
        with open(mount / "new.txt", "wb") as file:
            file.write(b"written here")
        os.setxattr(mount / "new.txt", "user.x", b"1")
        os.rename(mount / "new.txt", mount / "renamed.txt")
        with open(mount / "a.txt", "ab") as file:
            file.write(b" and more")
        for key, body in (("a.txt", b"secret and more"), ("renamed.txt", b"written here")):
            self.assertEqual(self.client.request("GET", key)[0], 400, "it is under the key")
            self.assertEqual(self.client.ok("GET", key, headers=self.key_headers())[1], body)
        head = self.client.ok("HEAD", "a.txt", headers=self.key_headers())[0]
        self.assertEqual((head[p + "meta-year"], head[p + "meta-more"], head["cache-control"]), ("2021", "1", "no-store"))
        self.assertEqual(error_of(os.getxattr, mount / "a.txt", "user.object.url"), "EOPNOTSUPP")
        mount.stop()
        said = mount.said()
        for path in (log, self.server.log):
            with open(path, encoding="utf-8") as file:
                said += file.read()
        self.assertIn("a.txt", said)
        self.assertNotIn(base64.b64encode(self.KEY).decode(), said)

    def test_without_the_key_or_with_one_too_many_the_log_says_what_to_do(self):
        self.client.ok("PUT", "a.txt", headers=self.key_headers(), body=b"x")
        self.client.put("open.txt", b"x")
        mount = self.mount()
        self.assertEqual(error_of(os.getxattr, mount / "a.txt", "user.x"), "EACCES")
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.x", b"1"), "EACCES")
        self.assertIn("mount with --sse-c-key", mount.said())
        mount = self.mount_with_key()
        self.assertEqual(error_of(os.getxattr, mount / "open.txt", "user.x"), "EACCES")
        self.assertIn("mount without it", mount.said())
        self.assertEqual(self.client.get("open.txt"), b"x")

    def test_large_files_go_up_under_the_key(self):
        content = os.urandom(12 << 20)
        mount = self.mount_with_key("-o", "part_size=5M")
        with open(mount / "large", "wb") as file:
            file.write(content)
        os.setxattr(mount / "large", "user.x", b"1")
        self.assertEqual(self.client.ok("GET", "large", headers=self.key_headers())[1], content)
        with open(self.mount_with_key() / "large", "rb") as file:
            self.assertEqual(file.read(), content)

    def test_a_key_file_that_cannot_be_used_ends_the_mount_with_what_to_do(self):
        path = os.path.join(self.scratch.name, "open-key")
        with open(path, "wb") as file:
            file.write(self.KEY)
        os.chmod(path, 0o644)
        with self.assertRaisesRegex(AssertionError, "chmod"):
            self.mount("-o", f"sse_c_key={path}")


@both_dialects
class RequesterPays:
    def test_every_request_says_that_the_requester_pays(self):
        self.client.put("a.txt", b"x")
        self.server.stop()
        self.server.__init__(self.data, "--requester-pays")
        pays = {self.client.prefix + "request-payer": "requester"}
        self.assertEqual(self.client.request("HEAD", "a.txt")[0], 403)
        mount = self.mount("-o", "requester_pays")
        os.setxattr(mount / "a.txt", "user.year", b"2021")
        os.setxattr(mount / "a.txt", "user.tag.t", b"1")
        self.assertEqual(os.listdir(mount.path), ["a.txt"])
        with open(mount / "b.txt", "wb") as file:
            file.write(b"y")
        os.rename(mount / "b.txt", mount / "c.txt")
        os.remove(mount / "c.txt")
        head = self.client.ok("HEAD", "a.txt", headers=pays)[0]
        self.assertEqual(head[self.client.prefix + "meta-year"], "2021")
        mount.stop()
        refused = [r for r in self.server.requests() if r["status"] == 403]
        self.assertEqual(len(refused), 1, "the one without a word about it")


class PersistentHeaders(BucketCase):
    def test_persistent_headers_of_oss_survive_changes_and_renames(self):
        value = base64.b64encode(b"kept, as it is").decode()
        self.client.ok("PUT", "a.txt", headers={"x-oss-persistent-headers": f"x-own:{value},x-two:{value}"}, body=b"x")
        self.assertEqual(self.client.head("a.txt")["x-own"], "kept, as it is")
        mount = self.mount()
        self.assertIn("x-own: kept, as it is", os.getxattr(mount / "a.txt", "user.xbucket.headers").decode().lower())
        os.setxattr(mount / "a.txt", "user.year", b"2021")
        os.rename(mount / "a.txt", mount / "b.txt")
        os.setxattr(mount / "b.txt", "user.http.cache-control", b"no-store")
        with open(mount / "b.txt", "ab") as file:
            file.write(b"y")
        head = self.client.head("b.txt")
        self.assertEqual((head["x-own"], head["x-two"]), ("kept, as it is", "kept, as it is"))
        self.assertEqual((head["x-oss-meta-year"], head["cache-control"]), ("2021", "no-store"))
        self.assertEqual(self.client.get("b.txt"), b"xy")


class Checksums(BucketCase):
    dialect = "s3"

    def test_a_change_of_metadata_keeps_the_checksum(self):
        sha256 = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
        self.client.ok("PUT", "a.txt", headers={"x-amz-checksum-sha256": sha256}, body=b"content")
        asked = {"x-amz-checksum-mode": "ENABLED"}
        self.assertEqual(self.client.ok("HEAD", "a.txt", headers=asked)[0]["x-amz-checksum-sha256"], sha256)
        mount = self.mount()
        os.setxattr(mount / "a.txt", "user.year", b"2021")
        os.rename(mount / "a.txt", mount / "b.txt")
        head = self.client.ok("HEAD", "b.txt", headers=asked)[0]
        self.assertEqual(head["x-amz-checksum-sha256"], sha256)
        self.assertEqual(head["x-amz-meta-year"], "2021")


if __name__ == "__main__":
    unittest.main(verbosity=2)
