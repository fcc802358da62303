# SPDX-FileCopyrightText: the xbucket authors
"""What programs do with names: opening, directories, renames, removals, links."""

import os
import stat

from parity_cases import case, outcome, read, rename_with, write, xattrs


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


@case
def regular_files_by_mknod(_):
    os.mknod("f", stat.S_IFREG | 0o640)
    return oct(os.stat("f").st_mode), os.stat("f").st_size, os.listdir(".")


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
