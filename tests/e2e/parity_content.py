# SPDX-FileCopyrightText: the xbucket authors
"""What programs do with the bytes of files."""

import fcntl
import mmap
import os

from parity_cases import case, outcome, read, write


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
def appending_that_begins_and_ends_while_it_is_open(_):
    write("f", b"12345")
    fd = os.open("f", os.O_RDWR | os.O_APPEND)
    os.write(fd, b"6")
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags & ~os.O_APPEND)
    os.pwrite(fd, b"A", 0)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags)
    os.pwrite(fd, b"7", 0)
    os.close(fd)
    fd = os.open("f", os.O_RDWR)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
    os.pwrite(fd, b"8", 0)
    os.close(fd)
    return read("f")


@case
def memory_that_is_mapped(_):
    seen = []
    for flags in (0, os.O_APPEND):
        write("f", b"a" * 10_000)
        fd = os.open("f", os.O_RDWR | flags)
        with mmap.mmap(fd, 0) as memory:
            memory[5000] = 90
            memory.flush()
        seen.append((os.fstat(fd).st_size, os.pread(fd, 3, 4999)))
        os.close(fd)
        seen.append((os.stat("f").st_size, read("f")[4999:5002]))
    return seen


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
