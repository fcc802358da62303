# SPDX-FileCopyrightText: the xbucket authors
"""What programs do with files, as functions of one empty directory (the current one) that return
what they saw. The same function on another file system must return the same: see test_parity.py."""

import ctypes
import errno
import fcntl
import mmap
import os
import stat
import threading

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


# ---- opening, names, directories ------------------------------------------------------------------


@case
def opening(_):
    write("f")
    os.mkdir("d")
    os.symlink("f", "l")
    return [outcome(os.open, *arguments) for arguments in (
        ("f", os.O_CREAT | os.O_EXCL | os.O_WRONLY), ("f", os.O_DIRECTORY), ("l", os.O_NOFOLLOW),
        ("d", os.O_WRONLY), ("d", os.O_RDWR), ("d", os.O_CREAT), ("none", os.O_RDONLY),
        ("f/below", os.O_CREAT | os.O_WRONLY), ("none/f", os.O_CREAT | os.O_WRONLY), ("f/", os.O_RDONLY),
        ("new/", os.O_CREAT | os.O_WRONLY))]


@case
def loops_of_links(_):
    os.symlink("two", "one")
    os.symlink("one", "two")
    return [outcome(os.stat, "one"), outcome(os.open, "one", os.O_RDONLY), outcome(os.getxattr, "one", "user.a")]


@case
def a_file_is_no_directory(_):
    write("f")
    return [outcome(os.stat, "f/x"), outcome(os.mkdir, "f/x"), outcome(os.rmdir, "f"), outcome(os.unlink, "f/x"),
            outcome(os.listdir, "f"), outcome(os.rename, "f/x", "g"), outcome(os.getxattr, "f/x", "user.a")]


@case
def slashes_at_the_end(_):
    write("f")
    os.mkdir("d")
    return [outcome(os.stat, "f/"), outcome(os.unlink, "f/"), outcome(os.mkdir, "new/"),
            outcome(os.rename, "d/", "e/"), outcome(os.rmdir, "e/"), sorted(os.listdir("."))]


@case
def removing_directories(_):
    os.makedirs("d/e")
    write("d/f")
    return [outcome(os.unlink, "d"), outcome(os.rmdir, "d"), outcome(os.rmdir, "d/."), outcome(os.rmdir, "d/e/.."),
            outcome(os.rmdir, "d/e"), outcome(os.unlink, "d/f"), outcome(os.rmdir, "d"), outcome(os.rmdir, "d"),
            os.listdir(".")]


@case
def making_directories(_):
    os.mkdir("d")
    write("f")
    return [outcome(os.mkdir, "d"), outcome(os.mkdir, "f"), outcome(os.mkdir, "none/x"), outcome(os.mkdir, "n" * 256),
            os.stat("d/..").st_ino == os.stat(".").st_ino]


@case
def names_of_any_bytes(_):
    names = [b"a" * 255, "\u00fc".encode() * 127, b"\xff\xfe", b"new\nline", b"tab\t", b" lead", b"trail ", b"*?[]",
             b"a\\b", b"%41", b"a+b", b"a&b<c>", b"\x01\x7f", b"-rf", b"...", b"~", b"#x", b"a:b", b"con.", b'q"uote',
             b"'", b"a;b", b"a=b", b"a?b", b"caf\xc3\xa9", b"cafe\xcc\x81", "\u202e".encode()]
    seen = []
    for name in names:
        write(name, name)
        os.setxattr(name, "user.k", name[:20])
    seen.append(sorted(os.listdir(b".")))
    for name in names:
        moved = name[:-1] + b"_"
        seen.append((read(name) == name, xattrs(name)))
        os.rename(name, moved)
        seen.append((read(moved) == name, xattrs(moved)))
        os.unlink(moved)
    return seen, os.listdir("."), outcome(write, b"a" * 256)


@case
def paths_that_are_deep(here):
    for _ in range(20):
        os.mkdir("d" * 40)
        os.chdir("d" * 40)
    write("f", b"deep")
    os.setxattr("f", "user.k", b"v")
    seen = (read("f"), xattrs("f"))
    os.chdir(here)
    return seen


@case
def entries_tell_their_kind(_):
    write("f")
    os.mkdir("d")
    os.symlink("f", "l")
    return sorted((entry.name, entry.is_file(follow_symlinks=False), entry.is_dir(follow_symlinks=False),
                   entry.is_symlink()) for entry in os.scandir("."))


@case
def removing_while_listing(_):
    for i in range(200):
        write(f"{i:03}", b"")
    with os.scandir(".") as entries:
        removed = [os.unlink(entry.path) for entry in entries]
    return len(removed), os.listdir(".")


@case
def a_directory_that_is_gone(here):
    os.mkdir("d")
    os.chdir("d")
    os.rmdir("../d")
    seen = outcome(os.listdir, "."), outcome(os.open, "f", os.O_CREAT | os.O_WRONLY)
    os.chdir(here)
    return seen


# ---- renames and removals --------------------------------------------------------------------------


@case
def renames_of_files(_):
    write("a", b"A")
    write("b", b"B")
    os.setxattr("a", "user.x", b"1")
    os.setxattr("b", "user.y", b"2")
    return [outcome(os.rename, "a", "b"), read("b"), xattrs("b"), outcome(os.stat, "a"),
            outcome(os.rename, "none", "z"), outcome(os.rename, "b", "b"), read("b")]


@case
def renames_of_directories(_):
    os.makedirs("a/b/c")
    write("a/b/f", b"F")
    os.setxattr("a/b/f", "user.k", b"v")
    os.mkdir("empty")
    os.makedirs("full/x")
    write("file")
    return [outcome(os.rename, "a", "a/b/z"), outcome(os.rename, "a", "empty"), read("empty/b/f"),
            xattrs("empty/b/f"), outcome(os.rename, "empty", "full"), outcome(os.rename, "empty", "file"),
            outcome(os.rename, "file", "empty"), outcome(os.rename, "empty", "full/y"), sorted(os.listdir("full")),
            read("full/y/b/f"), sorted(os.listdir("."))]


@case
def renames_that_must_not_replace(_):
    write("a", b"A")
    write("b", b"B")
    os.mkdir("d")
    os.mkdir("e")
    no_replace = 1
    return [rename_with(no_replace, *pair) for pair in (("a", "b"), ("a", "c"), ("d", "e"), ("d", "f"))], \
        read("c"), sorted(os.listdir("."))


@case
def a_file_renamed_while_it_is_written(_):
    fd = os.open("a", os.O_CREAT | os.O_RDWR)
    os.write(fd, b"one")
    os.rename("a", "b")
    os.write(fd, b"two")
    os.setxattr(fd, "user.k", b"v")
    os.close(fd)
    return read("b"), xattrs("b"), os.listdir(".")


@case
def a_file_removed_while_it_is_open(_):
    write("a", b"data")
    fd = os.open("a", os.O_RDWR)
    os.unlink("a")
    write("a", b"another")
    seen = [os.read(fd, 10), os.write(fd, b"more"), os.fstat(fd).st_nlink, os.ftruncate(fd, 2),
            os.fstat(fd).st_size, read("a"), os.listdir(".")]
    os.close(fd)
    return seen, read("a")


@case
def a_new_file_removed_while_it_is_open(_):
    fd = os.open("a", os.O_CREAT | os.O_RDWR)
    os.write(fd, b"data")
    os.unlink("a")
    seen = os.pread(fd, 10, 0), os.fstat(fd).st_nlink
    os.close(fd)
    return seen, os.listdir(".")


# ---- content ---------------------------------------------------------------------------------------


@case
def truncation(_):
    write("f", b"0123456789")
    seen = []
    for size in (4, 8, 0, 100_000):
        os.truncate("f", size)
        seen.append((os.stat("f").st_size, read("f")))
    os.mkdir("d")
    write("g", b"old")
    os.close(os.open("g", os.O_RDONLY | os.O_TRUNC))
    return seen, outcome(os.truncate, "f", -1), outcome(os.truncate, "d", 0), outcome(os.truncate, "none", 0), read("g")


@case
def appending(_):
    write("f", b"1")
    for text in (b"2", b"3"):
        write("f", text, os.O_WRONLY | os.O_APPEND)
    fd = os.open("f", os.O_RDWR | os.O_APPEND)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, b"E")
    os.pwrite(fd, b"P", 0)
    os.close(fd)
    return read("f")


@case
def two_descriptors_of_one_file(_):
    one = os.open("f", os.O_CREAT | os.O_RDWR)
    two = os.open("f", os.O_RDWR)
    os.write(one, b"aaaa")
    seen = [os.read(two, 4)]
    os.pwrite(two, b"B", 1)
    seen.append(os.pread(one, 4, 0))
    os.close(one)
    seen.append(read("f"))
    os.pwrite(two, b"C", 2)
    os.close(two)
    return seen, read("f")


@case
def descriptors_that_were_duplicated_or_inherited(_):
    fd = os.open("f", os.O_CREAT | os.O_WRONLY)
    copy = os.dup(fd)
    os.write(fd, b"1")
    os.close(fd)
    child = os.fork()
    if child == 0:
        os.write(copy, b"2")
        os._exit(0)
    os.waitpid(child, 0)
    os.write(copy, b"3")
    os.close(copy)
    return read("f")


@case
def writes_in_the_middle(_):
    data = bytearray(bytes(range(256)) * 1200)
    write("f", bytes(data))
    fd = os.open("f", os.O_RDWR)
    for offset in (0, 4095, 4096, 131_071, 131_072, len(data) - 2):
        os.pwrite(fd, b"ZZZZ", offset)
        data[offset:offset + 4] = b"ZZZZ"
    os.close(fd)
    fd = os.open("sparse", os.O_CREAT | os.O_RDWR)
    os.pwrite(fd, b"end", 100_000)
    os.close(fd)
    sparse = read("sparse")
    return read("f") == bytes(data), len(sparse), sparse[-3:], sparse.count(b"\0")


@case
def reading_at_and_behind_the_end(_):
    write("f", b"abc")
    fd = os.open("f", os.O_RDONLY)
    seen = [os.pread(fd, 10, 0), os.pread(fd, 10, 3), os.pread(fd, 10, 100), outcome(os.write, fd, b"x"),
            outcome(os.lseek, fd, 0, os.SEEK_DATA), outcome(os.lseek, fd, 0, os.SEEK_HOLE),
            outcome(os.lseek, fd, 3, os.SEEK_DATA), outcome(os.lseek, fd, -1, os.SEEK_SET)]
    os.close(fd)
    fd = os.open("f", os.O_WRONLY)
    seen.append(outcome(os.read, fd, 1))
    os.close(fd)
    return seen


@case
def memory_that_is_mapped(_):
    write("f", b"a" * 10_000)
    fd = os.open("f", os.O_RDWR)
    with mmap.mmap(fd, 0) as memory:
        memory[5000] = 90
        memory.flush()
    os.close(fd)
    return read("f")[4999:5002]


@case
def copies_that_the_kernel_makes(_):
    write("a", bytes(range(256)) * 800)
    source, target = os.open("a", os.O_RDONLY), os.open("b", os.O_CREAT | os.O_WRONLY)
    copied = 0
    while (n := os.copy_file_range(source, target, 1 << 20)) > 0:
        copied += n
    sent = os.open("c", os.O_CREAT | os.O_WRONLY)
    os.sendfile(sent, source, 0, 1 << 20)
    for fd in (source, target, sent):
        os.close(fd)
    return copied, read("a") == read("b") == read("c")


@case
def space_and_syncing(_):
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    seen = [outcome(os.posix_fallocate, fd, 0, 5000), os.fstat(fd).st_size, outcome(os.fsync, fd),
            outcome(os.fdatasync, fd)]
    os.close(fd)
    directory = os.open(".", os.O_RDONLY)
    seen.append(outcome(os.fsync, directory))
    os.close(directory)
    return seen, os.statvfs(".").f_bavail > 0, os.statvfs(".").f_namemax


@case
def locks(_):
    write("f")
    one, two = os.open("f", os.O_RDWR), os.open("f", os.O_RDWR)
    fcntl.flock(one, fcntl.LOCK_EX)
    seen = [outcome(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)]
    fcntl.flock(one, fcntl.LOCK_UN)
    seen.append(outcome(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB))
    os.close(one)
    os.close(two)
    return seen


# ---- mode, owner, times, links ---------------------------------------------------------------------


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


# ---- extended attributes ---------------------------------------------------------------------------


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


@case
def regular_files_by_mknod(_):
    os.mknod("f", stat.S_IFREG | 0o640)
    return oct(os.stat("f").st_mode), os.stat("f").st_size, os.listdir(".")
