# SPDX-FileCopyrightText: the xbucket authors
"""What programs do with what stands beside the bytes: mode, owner, times, links, extended attributes."""

import ctypes
import os
import threading

from parity_cases import LIBC, case, of_libc, outcome, read, write, xattrs


@case
def modes(_):
    before = os.umask(0o027)
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, 0o666))
    os.mkdir("d", 0o777)
    os.umask(before)
    seen = [oct(os.stat("f").st_mode), oct(os.stat("d").st_mode)]
    for mode in (0o600, 0o755, 0, 0o444, 0o4755, 0o2755, 0o1777):
        os.chmod("f", mode)
        os.chmod("d", mode)
        seen.append((oct(os.stat("f").st_mode), oct(os.stat("d").st_mode)))
    fd = os.open("unwritable", os.O_CREAT | os.O_WRONLY, 0o400)
    os.write(fd, b"x")
    os.close(fd)
    return seen, oct(os.stat("unwritable").st_mode)


@case
def owners(_):
    write("f")
    seen = []
    for owner in ((1000, 1001), (-1, 5), (7, -1)):
        seen.append((outcome(os.chown, "f", *owner), os.stat("f").st_uid, os.stat("f").st_gid))
    return seen


@case
def times(_):
    write("f")
    os.mkdir("d")
    seen = []
    for ns in (1_600_000_000_987_654_321, 0, 1, -5_000_000_000, 4_102_444_800_000_000_000):
        os.utime("f", ns=(ns, ns))
        os.utime("d", ns=(ns, ns))
        seen.append((os.stat("f").st_mtime_ns, os.stat("d").st_mtime_ns))
    os.setxattr("f", "user.k", b"v")
    return seen, os.stat("f").st_mtime_ns


@case
def symbolic_links(_):
    write("f", b"x")
    targets = ["f", "nowhere/at all", "/abs/path", "\u00e9\n" * 20, "t" * 1000]
    for i, target in enumerate(targets):
        os.symlink(target, f"l{i}")
    seen = [(os.readlink(f"l{i}"), os.lstat(f"l{i}").st_size, oct(os.lstat(f"l{i}").st_mode)) for i in range(len(targets))]
    seen += [outcome(os.symlink, "x", "l0"), outcome(os.symlink, "", "e"), outcome(os.symlink, "x", "n" * 256),
             outcome(os.readlink, "f"), outcome(os.stat, "l1"), read("l0")]
    os.rename("l0", "m")
    seen.append((os.readlink("m"), sorted(os.listdir("."))))
    os.unlink("m")
    return seen, read("f")


@case
def inode_numbers_last(_):
    write("f")
    first = os.stat("f").st_ino
    os.setxattr("f", "user.a", b"1")
    write("f", b"longer")
    os.rename("f", "g")
    fd = os.open("g", os.O_RDONLY)
    same = {first, os.stat("g").st_ino, os.fstat(fd).st_ino, next(os.scandir(".")).inode()}
    os.close(fd)
    return len(same)


@case
def xattr_values(_):
    write("f")
    values = [b"", b"1", bytes(range(256)), "\u00e9".encode(), b"\0" * 10, b" lead", b"trail ", b"\r\n", b"x" * 1000,
              b"=?UTF-8?B?eA==?="]
    seen = []
    for i, value in enumerate(values):
        os.setxattr("f", f"user.v{i}", value)
        seen.append(os.getxattr("f", f"user.v{i}") == value)
    seen.append(xattrs("f"))
    for name in os.listxattr("f"):
        os.removexattr("f", name)
    return seen, os.listxattr("f")


@case
def xattr_flags(_):
    write("f")
    create, replace = os.XATTR_CREATE, os.XATTR_REPLACE
    seen = [outcome(os.setxattr, "f", "user.a", value, flags) for value, flags in (
        (b"1", replace), (b"1", create), (b"2", create), (b"3", replace), (b"4", create | replace), (b"5", 4))]
    seen.append(os.getxattr("f", "user.a"))
    os.removexattr("f", "user.a")
    return seen, [outcome(os.setxattr, "f", "user.a", b"9", flags) for flags in (create | replace, replace, create)]


@case
def xattr_names(_):
    write("f")
    names = ["", "user.", "user", "u", "user." + "n" * 250, "user." + "n" * 251, "nothing.x", "USER.a", "user..",
             " user.a", "user.a b", "user.\u00fc", "user.\x01", "user.A", "user.a", "user.a.b.c", "user.-", "user.--",
             "user.--2d", "user._", "user.%", "user.=", "user.:", "user.rsync.%stat", "user.DosStream.a:$DATA"]
    seen = [outcome(os.setxattr, "f", name, name.encode()[:20]) for name in names]
    return seen, xattrs("f")


@case
def xattrs_that_are_not_there(_):
    write("f")
    names = ("user.none", "trusted.none", "security.none", "user.", "", "user." + "n" * 251)
    return [outcome(os.getxattr, "f", name) for name in names], \
        [outcome(os.removexattr, "f", name) for name in ("user.none", "user.", "", "nothing.x")], \
        [outcome(call, "none", *rest) for call, *rest in (
            (os.getxattr, "user.a"), (os.setxattr, "user.a", b""), (os.listxattr,), (os.removexattr, "user.a"))]


@case
def xattr_buffers(_):
    write("f")
    os.setxattr("f", "user.s", b"0123456789")
    room = ctypes.create_string_buffer(100_000)
    return [of_libc(LIBC.getxattr(b"f", b"user.s", room, size)) for size in (0, 1, 9, 10, 11, 65_536, 100_000)], \
        [of_libc(LIBC.listxattr(b"f", room, size)) for size in (0, 1, 6, 7, 8, 65_536, 100_000)]


@case
def xattrs_of_directories(_):
    os.mkdir("d")
    os.setxattr("d", "user.a", b"1")
    write("d/f")
    seen = [xattrs("d")]
    os.rename("d", "e")
    seen.append(xattrs("e"))
    os.removexattr("e", "user.a")
    return seen, xattrs("e"), os.listdir("e")


@case
def xattrs_of_links(_):
    write("f")
    os.symlink("f", "l")
    seen = [outcome(os.setxattr, "l", "user.a", b"1", follow_symlinks=False),
            outcome(os.getxattr, "l", "user.a", follow_symlinks=False),
            outcome(os.listxattr, "l", follow_symlinks=False),
            outcome(os.removexattr, "l", "user.a", follow_symlinks=False)]
    os.setxattr("l", "user.b", b"2")
    return seen, xattrs("f"), xattrs("l")


@case
def xattrs_through_a_descriptor_for_reading(_):
    fd = os.open("f", os.O_CREAT | os.O_RDONLY, 0o644)
    os.setxattr(fd, "user.a", b"1")
    seen = [xattrs(fd)]
    os.removexattr(fd, "user.a")
    seen.append(xattrs(fd))
    os.close(fd)
    return seen, read("f")


@case
def xattrs_between_writes(_):
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    for i in range(5):
        os.write(fd, b"%d" % i)
        os.setxattr(fd, f"user.k{i}", b"%d" % i)
    os.removexattr("f", "user.k2")
    seen = [xattrs("f")]
    os.fsync(fd)
    os.write(fd, b"z")
    os.setxattr("f", "user.k0", b"new")
    os.close(fd)
    return seen, xattrs("f"), read("f")


@case
def xattrs_outlast_other_changes(_):
    write("f")
    os.setxattr("f", "user.a", b"1")
    os.chmod("f", 0o600)
    os.utime("f", (1, 1))
    os.chown("f", 1, 1)
    write("f", b"zz")
    os.truncate("f", 0)
    seen = xattrs("f")
    os.unlink("f")
    write("f")
    return seen, xattrs("f")


@case
def a_hundred_xattrs(_):
    write("f")
    for i in range(100):
        os.setxattr("f", f"user.k{i}", b"v%d" % i)
    return xattrs("f")


@case
def xattrs_of_eight_threads(_):
    for i in range(4):
        write(f"f{i}")
    failures = []

    def edit(which):
        try:
            for i in range(20):
                os.setxattr(f"f{which % 4}", f"user.t{which}", b"%d" % i)
        except OSError as failure:
            failures.append(failure)

    threads = [threading.Thread(target=edit, args=(which,)) for which in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures, [xattrs(f"f{i}") for i in range(4)]
