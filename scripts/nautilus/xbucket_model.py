# SPDX-FileCopyrightText: the xbucket authors
"""What the properties page of a file manager shows and changes: the attributes of one or many files
of an xbucket mount. Knows nothing of any desktop, so that it can be tested without one."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

HEADERS = ("content-type", "cache-control", "content-disposition", "content-encoding", "content-language",
           "expires")
FACTS = ("etag", "storage-class", "last-modified", "type", "version-id", "encryption", "restore", "acl")
# What the files' attributes differ in; no value of an attribute can be this object.
DIFFERENT = object()
_MISSING = (errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES)


def is_on_mount(path, mountinfo="/proc/self/mountinfo"):
    """Whether a path lies in a mount of xbucket: the innermost mount above it decides."""
    best, kind = "", None
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            fields = line.split(" ")
            if "-" not in fields[6:]:
                continue
            point = fields[4].encode("utf-8", "surrogateescape").decode("unicode_escape").encode(
                "latin-1", "surrogateescape").decode("utf-8", "surrogateescape")
            inside = path == point or path.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, fields[fields.index("-", 6) + 1]
    return kind == "fuse.xbucket"


def group_of(name):
    """The group that an attribute is shown in, and its name there; (None, None) for what is not shown."""
    if not name.startswith("user."):
        return None, None
    bare = name[5:]
    if bare == "mime_type":
        return "headers", "content-type"
    for prefix, group in (("http.", "headers"), ("tag.", "tags"), ("object.", "facts"), ("meta.", "metadata")):
        if bare.startswith(prefix):
            return group, bare[len(prefix):]
    return (None, None) if bare.startswith("xbucket.") else ("metadata", bare)


def attribute_of(group, name):
    """The attribute for a name that a person gave within a group; the inverse of group_of()."""
    if group != "metadata":
        return {"headers": "user.http.", "tags": "user.tag.", "facts": "user.object."}[group] + name
    reserved = name.startswith(("http.", "tag.", "object.", "meta.", "xbucket.")) or name == "mime_type"
    return ("user.meta." if reserved else "user.") + name


class Escaped(str):
    """The text that stands for bytes which no field of a window can hold. It is shown, and never sent: those
    bytes would become the text."""


def _text(value):
    """As a field of a window can hold it: other bytes than UTF-8 are written out, and so is NUL, where a
    field would end."""
    text = value.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return text if text.encode() == value else Escaped(text)


def shown(value):
    """What stands in the field of a value at first."""
    return "" if value is DIFFERENT else value


def is_editable(value):
    return not isinstance(value, Escaped)


def asks_for_change(value, text):
    """Whether Enter in the field of `value` means anything, where it holds `text`. Untouched it does not: of
    different values none is the one for all."""
    return is_editable(value) and text != shown(value)


def _get(path, name):
    try:
        return os.getxattr(path, name)
    except OSError as error:
        if error.errno in _MISSING:
            return None
        raise


def read(path):
    """{group: {name: bytes}} of one file. Raises OSError where the file cannot be read."""
    groups = {"headers": {}, "metadata": {}, "tags": {}, "facts": {}}
    for name in os.listxattr(path):
        group, bare = group_of(name)
        if group in ("metadata", "tags"):
            value = _get(path, name)
            if value is not None:
                groups[group][bare] = value
    if os.path.isfile(path):
        for group, names in (("headers", HEADERS), ("facts", FACTS)):
            for bare in names:
                value = _get(path, attribute_of(group, bare))
                if value is not None:
                    groups[group][bare] = value
    return groups


def _parallel(call, items):
    """call(item) for all, many at a time: [(item, result, error)] in their order."""
    def one(item):
        try:
            return item, call(item), None
        except OSError as error:
            return item, None, error
    with ThreadPoolExecutor(max_workers=32) as pool:
        return list(pool.map(one, items))


class Selection:
    """The attributes of the files that are selected, as one table."""

    def __init__(self, paths):
        self.paths = list(paths)
        self.groups = {}
        self.errors = []
        self.reload()

    def reload(self):
        self.errors = []
        tables = []
        for path, table, error in _parallel(read, self.paths):
            if error:
                self.errors.append((path, error))
            else:
                tables.append(table)
        self.groups = {}
        for group in ("headers", "metadata", "tags", "facts"):
            names = sorted({name for table in tables for name in table[group]})
            self.groups[group] = {name: self._common([table[group].get(name) for table in tables])
                                  for name in names}

    @staticmethod
    def _common(values):
        return _text(values[0]) if all(value == values[0] for value in values) else DIFFERENT

    def change(self, group, name, value):
        """Sets an attribute of every file, or removes it (value None). Only files that differ are
        written. Gives [(path, OSError)] of those that failed; the others are done."""
        attribute = attribute_of(group, name)
        wanted = None if value is None else value.encode("utf-8", "surrogateescape")

        def one(path):
            if wanted is not None:
                if _get(path, attribute) != wanted:
                    os.setxattr(path, attribute, wanted)
                return
            try:
                os.removexattr(path, attribute)
            except OSError as error:
                if error.errno != errno.ENODATA:
                    raise
        failed = [(path, error) for path, _, error in _parallel(one, self.paths) if error]
        self.reload()
        return failed


def explain(error):
    """A sentence for a person."""
    return {
        errno.ENOSPC: "the object's metadata or tags would be over the service's limit",
        errno.E2BIG: "the value is over the service's limit",
        errno.EPERM: "this cannot be set",
        errno.EACCES: "permission denied",
        errno.EROFS: "the mount is read-only",
        errno.EINVAL: "this name or value cannot be stored",
    }.get(error.errno, os.strerror(error.errno or 0))
