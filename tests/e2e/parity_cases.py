# SPDX-FileCopyrightText: the xbucket authors
"""What programs do with files, as functions of one empty directory (the current one) that return
what they saw. The same function on another file system must return the same: see test_parity.py. They
are in parity_names.py, parity_content.py and parity_attributes.py; here is what these share."""

import ctypes
import errno
import os

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
CASES = []


def case(function):
    CASES.append(function)
    return function


def outcome(call, *arguments, **keywords):
    """What a call returns, or the name of its errno."""
    try:
        return call(*arguments, **keywords)
    except OSError as failure:
        return errno.errorcode[failure.errno].replace("ENOTSUP", "EOPNOTSUPP")


def of_libc(result):
    return result if result >= 0 else errno.errorcode[ctypes.get_errno()]


def rename_with(flags, old, new):
    return of_libc(LIBC.renameat2(AT_FDCWD, old.encode(), AT_FDCWD, new.encode(), flags))


def write(path, data=b"x", flags=os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode=0o644):
    fd = os.open(path, flags, mode)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def xattrs(path, **keywords):
    return {name: os.getxattr(path, name, **keywords) for name in sorted(os.listxattr(path, **keywords))
            if name.startswith("user.")}
