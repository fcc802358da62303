# SPDX-FileCopyrightText: the xbucket authors
"""What a mount promises about metadata, seen from outside through an independent HTTP client."""

import base64
import os
import subprocess
import time
import unittest
from urllib.parse import quote

from harness import both_dialects, BucketCase, error_of


def xattrs(path):
    return {n: os.getxattr(path, n) for n in os.listxattr(path)}


@both_dialects
class Metadata:
    def test_what_getfattr_shows_is_what_the_object_carries(self):
        p = self.client.prefix
        self.client.ok("PUT", "a.txt", headers={p + "meta-year": "2020", p + "meta-people": "eliot",
                                                "content-type": "text/plain"}, body=b"x")
        mount = self.mount()
        self.assertEqual(xattrs(mount / "a.txt"), {"user.year": b"2020", "user.people": b"eliot"})
        self.assertEqual(os.getxattr(mount / "a.txt", "user.mime_type"), b"text/plain")
        self.assertEqual(os.getxattr(mount / "a.txt", "user.object.size"), b"1")
        headers = os.getxattr(mount / "a.txt", "user.xbucket.headers").decode().lower()
        self.assertIn(p + "meta-year: 2020", headers)

    def test_a_value_already_there_costs_no_copy(self):
        p = self.client.prefix
        self.client.ok("PUT", "a.txt", headers={p + "meta-year": "2020"}, body=b"x")
        modified = self.client.head("a.txt")["last-modified"]
        time.sleep(1.1)  # the service's resolution: a copy would show
        mount = self.mount()
        mark = len(self.server.requests())
        os.setxattr(mount / "a.txt", "user.year", b"2020")
        self.assertEqual([r for r in self.server.requests()[mark:] if r["method"] == "PUT"], [])
        self.assertEqual(self.client.head("a.txt")["last-modified"], modified)

    def test_foreign_names_never_cause_a_request(self):
        self.client.ok("PUT", "a.txt", body=b"x")
        mount = self.mount()
        os.stat(mount / "a.txt")
        mark = len(self.server.requests())
        for name in ("security.capability", "security.selinux", "system.posix_acl_access",
                     "system.posix_acl_default", "trusted.x", "com.apple.quarantine"):
            self.assertIn(error_of(os.getxattr, mount / "a.txt", name), ("ENODATA", "EOPNOTSUPP"))
            # The kernel itself judges the bytes of ACLs and capabilities before anybody is asked.
            judged = "posix_acl" in name or name == "security.capability"
            expected = ("EOPNOTSUPP", "EINVAL") if judged else ("EOPNOTSUPP",)
            self.assertIn(error_of(os.setxattr, mount / "a.txt", name, b"1"), expected)
        self.assertEqual(self.server.requests()[mark:], [])

    def test_tags_and_acl_are_attributes_without_a_copy(self):
        self.client.ok("PUT", "a.txt", body=b"x")
        mount = self.mount()
        os.setxattr(mount / "a.txt", "user.tag.project", b"apollo 11")
        os.setxattr(mount / "a.txt", "user.object.acl", b"public-read")
        self.assertEqual(self.client.tags("a.txt"), {"project": "apollo 11"})
        self.assertEqual(os.getxattr(mount / "a.txt", "user.tag.project"), b"apollo 11")
        self.assertIn("user.tag.project", os.listxattr(mount / "a.txt"))
        self.assertEqual(os.getxattr(mount / "a.txt", "user.object.acl"), b"public-read")
        os.removexattr(mount / "a.txt", "user.tag.project")
        self.assertEqual(self.client.tags("a.txt"), {})

    def test_read_only_facts_refuse_other_values_and_accept_their_own(self):
        self.client.ok("PUT", "a.txt", body=b"x")
        mount = self.mount()
        etag = os.getxattr(mount / "a.txt", "user.object.etag")
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.object.etag", b"other"), "EPERM")
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.object.etag", etag), "OK")
        self.assertEqual(error_of(os.removexattr, mount / "a.txt", "user.object.etag"), "EPERM")

    def test_values_of_any_byte_come_back(self):
        self.client.ok("PUT", "a.txt", body=b"x")
        mount = self.mount()
        values = [b"", b" ", b"a\r\nx-oss-acl: public", bytes(range(256)), "h\u00e9llo \u4e16\u754c".encode(),
                  b"=?UTF-8?B?aGk=?=", b"%41", b"a  b", b"\x00", b"\xff\xfe", b"tab\there", b"\x7f"]
        for value in values:
            os.setxattr(mount / "a.txt", "user.v", value)
            self.assertEqual(os.getxattr(mount / "a.txt", "user.v"), value, value)
        # A second mount has nothing but the headers to go by.
        other = self.mount()
        for value in values:
            os.setxattr(mount / "a.txt", "user.v", value)
            os.setxattr(other / "a.txt", "user.xbucket.refresh", b"1")
            self.assertEqual(os.getxattr(other / "a.txt", "user.v"), value, value)

    def test_over_the_limit_is_ENOSPC_or_E2BIG_and_changes_nothing(self):
        self.client.ok("PUT", "a.txt", body=b"x")
        mount = self.mount()
        limit = 8192 if self.dialect == "oss" else 2048
        os.setxattr(mount / "a.txt", "user.keep", b"k" * (limit // 2))
        before = self.client.metadata("a.txt")
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.more", b"m" * (limit // 2)), "ENOSPC")
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.big", b"m" * (limit + 1)), "E2BIG")
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.big", b"m" * 65536), "E2BIG")
        self.assertEqual(self.client.metadata("a.txt"), before)

    def test_directories_carry_attributes_on_their_marker(self):
        self.client.ok("PUT", "implicit/a.txt", body=b"x")
        mount = self.mount()
        os.setxattr(mount / "implicit", "user.d", b"dir")
        self.assertEqual(os.getxattr(mount / "implicit", "user.d"), b"dir")
        self.assertEqual(self.client.metadata("implicit/").get("d"), "dir")
        self.assertEqual(os.listdir(mount / "implicit"), ["a.txt"])

    def test_a_change_made_elsewhere_is_kept_when_another_attribute_is_set(self):
        p = self.client.prefix
        self.client.ok("PUT", "a.txt", headers={p + "meta-one": "1"}, body=b"x")
        mount = self.mount()
        self.assertEqual(os.getxattr(mount / "a.txt", "user.one"), b"1")
        self.client.ok("PUT", "a.txt", headers={p + "meta-one": "1", p + "meta-elsewhere": "yes"}, body=b"x")
        os.setxattr(mount / "a.txt", "user.two", b"2")
        self.assertEqual({k: v for k, v in self.client.metadata("a.txt").items() if k in ("one", "two", "elsewhere")},
                         {"one": "1", "two": "2", "elsewhere": "yes"})

    def test_attributes_that_s3fs_packed_are_shown_and_become_headers(self):
        p = self.client.prefix

        def packed(attributes):
            pairs = (f'"{n}":"{base64.b64encode(v).decode()}"' for n, v in attributes.items())
            return quote("{" + ",".join(pairs) + "}", safe="-._~")

        values = {"user.year": b"2021", "user.Title": "h\u00e9llo".encode(), "user.bytes": bytes(range(256))}
        hidden = {"security.selinux": b"label\0"}
        self.client.ok("PUT", "a.txt", headers={p + "meta-xattr": packed(values), p + "meta-mode": "33188",
                                                "cache-control": "no-store", "content-type": "text/plain"}, body=b"x")
        self.client.ok("PUT", "b.txt", headers={p + "meta-xattr": packed({**values, **hidden})}, body=b"x")
        mount = self.mount()
        listed = {**values, "user.http.cache-control": b"no-store"}
        self.assertEqual(xattrs(mount / "a.txt"), listed)
        mark = len(self.server.requests())
        os.setxattr(mount / "a.txt", "user.new", b"1")
        # Whether a service honours conditions is asked with one that is false.
        puts = [r for r in self.server.requests()[mark:] if r["method"] == "PUT" and r["status"] != 412]
        self.assertEqual(len(puts), 1, puts)
        metadata = self.client.metadata("a.txt")
        self.assertNotIn("xattr", metadata)
        self.assertEqual({n: metadata[n] for n in ("year", "new", "mode")}, {"year": "2021", "new": "1", "mode": "33188"})
        self.assertEqual(self.client.head("a.txt")["cache-control"], "no-store")
        # A second mount has nothing but the headers to go by.
        self.assertEqual(xattrs(self.mount() / "a.txt"), {**listed, "user.new": b"1"})

        os.removexattr(mount / "b.txt", "user.year")
        self.assertEqual(self.client.metadata("b.txt")["xattr"], packed(hidden))
        self.assertEqual(os.getxattr(mount / "b.txt", "user.xattr").decode(), packed(hidden))
        self.assertEqual(os.getxattr(mount / "b.txt", "user.bytes"), values["user.bytes"])


@both_dialects
class Requests:
    def test_ls_l_of_ten_thousand_objects_is_ten_lists_and_no_head(self):
        os.makedirs(os.path.join(self.data, "many", "d"))
        for i in range(10_000):
            with open(os.path.join(self.data, "many", "d", f"{i:05}"), "wb"):
                pass
        self.server.stop()
        self.server.__init__(self.data)
        mount = self.mount("-o", "ttl=1h", bucket="many")  # however long it takes
        os.stat(mount / "d")
        mark = len(self.server.requests())
        listing = subprocess.run(["ls", "-l", mount / "d"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(len(listing.splitlines()), 10_001)
        made = self.server.requests()[mark:]
        self.assertEqual({r["method"] for r in made}, {"GET"})
        self.assertLessEqual(len(made), 10)

    def test_cp_a_of_a_new_file_with_five_attributes_is_one_put(self):
        mount = self.mount()
        source = os.path.join(self.scratch.name, "source.txt")
        with open(source, "wb") as file:
            file.write(b"content")
        try:
            for i in range(5):
                os.setxattr(source, f"user.a{i}", b"%d" % i)
        except OSError:
            self.skipTest("the scratch file system has no user xattrs")
        os.chmod(source, 0o640)
        os.utime(source, (1_600_000_000, 1_600_000_000))
        mark = len(self.server.requests())
        subprocess.run(["cp", "-a", source, mount / "copy.txt"], check=True)
        time.sleep(2.5)  # whatever would be recorded late has been by now
        puts = [r for r in self.server.requests()[mark:] if r["method"] in ("PUT", "POST", "DELETE")]
        self.assertEqual(len(puts), 1, puts)
        self.assertEqual(xattrs(mount / "copy.txt"), {f"user.a{i}": b"%d" % i for i in range(5)})
        self.assertEqual(int(os.stat(mount / "copy.txt").st_mtime), 1_600_000_000)
        self.assertEqual(os.stat(mount / "copy.txt").st_mode & 0o777, 0o640)

    def test_rsync_aX_twice_sends_nothing_the_second_time(self):
        mount = self.mount()
        source = os.path.join(self.scratch.name, "tree")
        os.makedirs(os.path.join(source, "sub"))
        for name in ("a.txt", "b.png", "sub/c"):
            with open(os.path.join(source, name), "wb") as file:
                file.write(name.encode() * 100)
            try:
                os.setxattr(os.path.join(source, name), "user.note", name.encode())
            except OSError:
                self.skipTest("the scratch file system has no user xattrs")
        subprocess.run(["rsync", "-aX", source + "/", mount / "in/"], check=True)
        mark = len(self.server.requests())
        second = subprocess.run(["rsync", "-aXi", source + "/", mount / "in/"], check=True, capture_output=True, text=True)
        self.assertEqual(second.stdout, "")
        self.assertEqual({r["method"] for r in self.server.requests()[mark:]} - {"GET", "HEAD"}, set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
