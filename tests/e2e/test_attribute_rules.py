# SPDX-FileCopyrightText: the xbucket authors
"""Rules of xbucket-attributes(7) that only a kernel and a whole mount can show. The comment behind
each rule in the page's source names its test here."""

import ctypes
import errno
import os

from harness import both_dialects, BucketCase, error_of, read_all

XATTR_CREATE, XATTR_REPLACE = os.XATTR_CREATE, os.XATTR_REPLACE
LIBC = ctypes.CDLL(None, use_errno=True)


def get_into(path, name, size):
    """getxattr(2) with a buffer of `size` bytes, which Python's own function hides: its result or
    the name of its error."""
    buffer = ctypes.create_string_buffer(max(size, 1))
    got = LIBC.getxattr(os.fsencode(path), name.encode(), buffer if size else None, size)
    return got if got >= 0 else errno.errorcode[ctypes.get_errno()]


def list_into(path, size):
    buffer = ctypes.create_string_buffer(max(size, 1))
    got = LIBC.listxattr(os.fsencode(path), buffer if size else None, size)
    return got if got >= 0 else errno.errorcode[ctypes.get_errno()]


@both_dialects
class AttributeRules:
    def object(self, key="a.txt", **metadata):
        headers = {self.client.prefix + "meta-" + k: v for k, v in metadata.items()}
        self.client.ok("PUT", key, headers={"content-type": "text/plain", **headers}, body=b"x")

    def test_a_header_over_2048_bytes_is_E2BIG_and_changes_nothing(self):
        self.object(year="2020")
        mount = self.mount()
        before = self.client.head("a.txt")["last-modified"], self.client.metadata("a.txt")
        path = mount / "a.txt"
        self.assertEqual(error_of(os.setxattr, path, "user.http.cache-control", b"x" * 2049), "E2BIG")
        self.assertEqual((self.client.head("a.txt")["last-modified"], self.client.metadata("a.txt")), before)

    def test_the_kernel_refuses_long_names_and_values_before_any_request(self):
        self.object()
        mount = self.mount()
        path = mount / "a.txt"
        os.stat(path)
        since = len(self.server.requests())
        self.assertEqual(error_of(os.setxattr, path, "user." + "n" * 251, b"1"), "ERANGE")
        self.assertEqual(error_of(os.setxattr, path, "user.v", b"x" * 65537), "E2BIG")
        self.assertEqual(len(self.server.requests()), since)

    def test_flags_are_judged_against_the_object_as_it_is_not_the_cache(self):
        self.object()
        mount = self.mount("-o", "ttl=1h")
        path = mount / "a.txt"
        self.assertEqual(os.listxattr(path), [])
        self.object(year="2020")
        self.assertEqual(error_of(os.getxattr, path, "user.year"), "ENODATA", "cached, as ttl says")
        self.assertEqual(error_of(os.setxattr, path, "user.year", b"2021", XATTR_CREATE), "EEXIST")
        self.object()
        self.assertEqual(error_of(os.setxattr, path, "user.year", b"2021", XATTR_REPLACE), "ENODATA")
        self.assertEqual(self.client.metadata("a.txt").get("year"), None)

    def test_both_flags_together_can_only_fail(self):
        self.object(year="2020")
        mount = self.mount()
        both = XATTR_CREATE | XATTR_REPLACE
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.year", b"1", both), "EEXIST")
        self.assertEqual(error_of(os.setxattr, mount / "a.txt", "user.none", b"1", both), "ENODATA")
        self.assertEqual(self.client.metadata("a.txt"), {"year": "2020"})

    def test_size_zero_gives_the_size_and_a_short_buffer_is_ERANGE(self):
        self.object(year="2020")
        path = self.mount() / "a.txt"
        self.assertEqual(get_into(path, "user.year", 0), 4)
        self.assertEqual(get_into(path, "user.year", 3), "ERANGE")
        self.assertEqual(get_into(path, "user.year", 4), 4)
        whole = sum(len(name) + 1 for name in os.listxattr(path))
        self.assertEqual(list_into(path, 0), whole)
        self.assertEqual(list_into(path, whole - 1), "ERANGE")
        self.assertEqual(list_into(path, whole), whole)

    def test_a_type_that_nobody_chose_is_not_listed_and_cannot_be_removed(self):
        self.client.ok("PUT", "a.txt", body=b"x")
        self.client.ok("PUT", "b.txt", headers={"content-type": "text/x-own"}, body=b"x")
        mount = self.mount()
        self.assertEqual(os.listxattr(mount / "a.txt"), [])
        self.assertEqual(os.getxattr(mount / "a.txt", "user.mime_type").decode(),
                         self.client.head("a.txt")["content-type"])
        self.assertEqual(error_of(os.removexattr, mount / "a.txt", "user.mime_type"), "ENODATA")
        self.assertEqual(os.listxattr(mount / "b.txt"), ["user.mime_type"])
        os.removexattr(mount / "b.txt", "user.mime_type")
        self.assertEqual(self.client.head("b.txt")["content-type"], "text/plain")

    def test_names_that_cannot_exist_are_EINVAL(self):
        self.object()
        path = self.mount() / "a.txt"
        for name in ("user.", "user.meta.", "user.tag.", "user.object.", "user.http.x-foo",
                     "user.xbucket.other", "user.object.url.0", "user.object.url.604801"):
            self.assertEqual(error_of(os.setxattr, path, name, b"1"), "EINVAL", name)

    def test_symbolic_links_have_no_attributes(self):
        self.object()
        mount = self.mount()
        link = mount / "link"
        os.symlink("a.txt", link)
        self.assertEqual(error_of(os.setxattr, link, "user.a", b"1", follow_symlinks=False), "EPERM")
        self.assertEqual(error_of(os.getxattr, link, "user.a", follow_symlinks=False), "ENODATA")
        self.assertEqual(os.listxattr(link, follow_symlinks=False), [])
        os.setxattr(link, "user.a", b"1")
        self.assertEqual(self.client.metadata("a.txt").get("a"), "1", "what it points to has")

    def test_an_archived_object_can_be_looked_at_and_not_changed(self):
        name = {"oss": "Archive", "s3": "GLACIER"}[self.dialect]
        self.client.ok("PUT", "a.txt", body=b"x", headers={
            self.client.prefix + "storage-class": name, self.client.prefix + "meta-year": "2020"})
        path = self.mount() / "a.txt"
        self.assertEqual(os.getxattr(path, "user.year"), b"2020")
        self.assertEqual(os.getxattr(path, "user.object.storage-class").decode(), name)
        self.assertEqual(error_of(os.setxattr, path, "user.year", b"2021"), "EACCES")
        self.assertEqual(self.client.metadata("a.txt"), {"year": "2020"})
        os.setxattr(path, "user.object.restore", b"1")
        if self.dialect == "oss":
            os.setxattr(path, "user.year", b"2021")
            self.assertEqual(os.getxattr(path, "user.object.storage-class").decode(), name)
            self.assertEqual(read_all(path), b"x", "as restored as before")
            return
        # The copy would be a new object, and archived again.
        self.assertEqual(error_of(os.setxattr, path, "user.year", b"2021"), "EACCES")
        self.assertEqual(error_of(os.rename, path, path[:-5] + "b.txt"), "EACCES")
        self.assertEqual(read_all(path), b"x")
        os.setxattr(path, "user.object.storage-class", b"STANDARD")
        os.setxattr(path, "user.year", b"2021")
        self.assertEqual(self.client.metadata("a.txt"), {"year": "2021"})
        self.assertEqual(read_all(path), b"x")

    def test_a_name_that_cannot_be_shown_is_kept_by_updates(self):
        long = "n" * 252
        self.object(**{long: "kept"})
        path = self.mount() / "a.txt"
        self.assertEqual(os.listxattr(path), [])
        os.setxattr(path, "user.year", b"2021")
        self.assertEqual(self.client.metadata("a.txt"), {long: "kept", "year": "2021"})

    def test_a_rename_sets_the_content_type_anew_only_where_it_was_the_default(self):
        self.client.ok("PUT", "a.txt", headers={"content-type": "text/plain"}, body=b"x")
        self.client.ok("PUT", "b.txt", headers={"content-type": "text/x-own"}, body=b"x")
        mount = self.mount()
        os.rename(mount / "a.txt", mount / "a.png")
        os.rename(mount / "b.txt", mount / "b.png")
        self.assertEqual(self.client.head("a.png")["content-type"], "image/png")
        self.assertEqual(self.client.head("b.png")["content-type"], "text/x-own")

    def test_a_presigned_url_can_be_fetched_without_a_key_and_never_enters_the_log(self):
        import urllib.request
        self.object()
        log = os.path.join(self.scratch.name, "mount.log")
        mount = self.mount("-o", f"log={log},log_level=debug")
        url = os.getxattr(mount / "a.txt", "user.object.url").decode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=300) as reply:
            self.assertEqual(reply.read(), b"x")
        mount.stop()
        with open(log, encoding="utf-8") as text:
            self.assertNotIn("ignature=", text.read())
