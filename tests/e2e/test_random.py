# SPDX-FileCopyrightText: the xbucket authors
"""Random operations on a mount and on a plain file or directory beside it: the same calls, the same
results. A failure prints its seed and the last operations; XBUCKET_TEST_SEED repeats it.
XBUCKET_TEST_LONG runs 25,000 operations in each of four settings, otherwise what a few seconds allow."""

import mmap
import os
import random
import shutil
import tempfile
import time

from harness import both_dialects, error_of

KIB = 1 << 10
MIB = 1 << 20
LONG = bool(os.environ.get("XBUCKET_TEST_LONG"))
SECONDS = 9.0

# Each is survived: retried, resumed, or looked after.
FAULTS = ("put:%7:503:SlowDown", "put:%5:apply-drop", "get:%6:truncate-body", "get:%11:reset", "head:%13:drop",
          "part:%5:reset", "part:%7:apply-drop", "part-copy:%4:503", "complete:%3:apply-drop", "initiate:%4:503")


class Pair:
    """One file through the mount and one beside it."""

    def __init__(self, order, paths, size_max):
        self.order, self.paths, self.size_max = order, paths, size_max
        self.log = []
        self.fds = [os.open(path, os.O_RDWR | os.O_CREAT, 0o644) for path in paths]

    def close(self):
        fds, self.fds = self.fds, []
        for fd in fds:
            os.close(fd)

    def both(self, what, call):
        """Calls with each descriptor; the results must be equal."""
        self.log.append(what)
        mine, plain = (call(fd) for fd in self.fds)
        if mine != plain:
            raise AssertionError(f"{what}: {summary(mine)} instead of {summary(plain)}")
        return plain

    def size(self):
        return os.fstat(self.fds[1]).st_size

    def place(self, room=0):
        """An offset and a length; many begin or end at edges of pages, blocks and parts."""
        at = self.order.randrange(self.size_max)
        if self.order.random() < 0.4:
            at -= at % self.order.choice((4096, 64 * KIB, 128 * KIB))
        length = self.order.choice((1, 100, 4096, 10_000, 70_000, 200 * KIB))
        return at, max(0, min(self.order.randrange(length) + 1, self.size_max - at - room))

    def bytes(self, length):
        return self.order.randbytes(length)

    # ---- operations
    def read(self):
        at, length = self.place()
        self.both(f"pread {at} {length}", lambda fd: os.pread(fd, length, at))

    def write(self):
        at, length = self.place()
        data = self.bytes(length)
        self.both(f"pwrite {at} {length}", lambda fd: os.pwrite(fd, data, at))

    def write_in_order(self):
        at, _ = self.place()
        data = self.bytes(min(self.size_max - at, 64 * KIB))
        for _ in range(self.order.randrange(8)):
            if at + len(data) > self.size_max:
                break
            self.both(f"pwrite {at} {len(data)}", lambda fd, at=at: os.pwrite(fd, data, at))
            at += len(data)

    def append(self):
        data = self.bytes(self.order.randrange(5000) + 1)
        if self.size() + len(data) > self.size_max:
            return
        self.log.append(f"append {len(data)}")
        for path in self.paths:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND)
            os.write(fd, data)
            os.close(fd)

    def truncate(self):
        size = self.order.choice((0, self.order.randrange(self.size_max), self.size() // 2))
        self.both(f"ftruncate {size}", lambda fd: os.ftruncate(fd, size))

    def truncate_by_path(self):
        size = self.order.randrange(self.size_max)
        self.log.append(f"truncate {size}")
        for path in self.paths:
            os.truncate(path, size)

    def map_read(self):
        size = self.size()
        if size:
            at = self.order.randrange(size)
            self.both(f"mmap read {at}", lambda fd: self.mapped(fd, size, lambda m: m[at:at + 5000]))

    def map_write(self):
        size = self.size()
        if size:
            at = self.order.randrange(size)
            data = self.bytes(min(self.order.randrange(9000) + 1, size - at))

            def change(mapping):
                mapping[at:at + len(data)] = data
                mapping.flush()
            self.both(f"mmap write {at} {len(data)}", lambda fd: self.mapped(fd, size, change))

    @staticmethod
    def mapped(fd, size, use):
        with mmap.mmap(fd, size) as mapping:
            return use(mapping)

    def copy_range(self):
        size = self.size()
        if size < 2:
            return
        length = self.order.randrange(size // 2) + 1
        source = self.order.randrange(size // 2 - length + 1) if size // 2 >= length else 0
        target = source + length + self.order.randrange(10_000)
        if source + length > size or target + length > self.size_max:
            return

        def copy(fd):
            done = 0
            while done < length:
                n = os.copy_file_range(fd, fd, length - done, source + done, target + done)
                if n == 0:
                    break
                done += n
            return done
        self.both(f"copy_file_range {source} -> {target} {length}", copy)

    def copy_whole(self):
        """As cp does, onto a second file and back by rename."""
        self.log.append("cp, mv")
        for path, fd in zip(self.paths, self.fds):
            copy = os.open(path + ".copy", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            os.fsync(fd)
            while os.copy_file_range(fd, copy, 1 << 30):
                pass
            os.lseek(fd, 0, os.SEEK_SET)
            os.close(copy)
        self.close()
        for path in self.paths:
            os.rename(path + ".copy", path)
        self.fds = [os.open(path, os.O_RDWR) for path in self.paths]

    def copy_between(self):
        """From or to a second file, at any offset: of the same offsets the service copies some."""
        others = [os.open(path + ".other", os.O_RDWR | os.O_CREAT) for path in self.paths]
        try:
            if self.order.random() < 0.5:
                data = self.bytes(self.order.randrange(self.size_max // 2) + 1)
                self.log.append(f"other {len(data)}")
                for fd in others:
                    os.pwrite(fd, data, 0)
                    if len(data) % 2:
                        os.ftruncate(fd, len(data))
            if self.order.random() < 0.7:
                for fd in others + self.fds:
                    os.fsync(fd)
            here = self.order.random() < 0.7
            source = self.order.choice((0, 0, self.order.randrange(self.size_max)))
            target = self.order.choice((source, self.order.randrange(self.size_max // 2)))
            length = self.order.choice((1 << 30, self.order.randrange(self.size_max) + 1))
            length = min(length, self.size_max - target)

            def copy(fd, other):
                done = 0
                one, two = (other, fd) if here else (fd, other)
                while done < length:
                    n = os.copy_file_range(one, two, length - done, source + done, target + done)
                    if n == 0:
                        break
                    done += n
                return done, os.fstat(two).st_size
            what = f"copy_file_range {'from' if here else 'to'} other {source} -> {target} {length}"
            self.log.append(what)
            mine, plain = (copy(fd, other) for fd, other in zip(self.fds, others))
            if mine != plain:
                raise AssertionError(f"{what}: {mine} instead of {plain}")
            mine, plain = (os.pread(fd, self.size_max + 1, 0) for fd in others)
            if mine != plain:
                raise AssertionError(f"{what}: the other file is {summary(mine)} instead of {summary(plain)}")
        finally:
            for fd in others:
                os.close(fd)

    def sync(self):
        self.both("fsync", os.fsync)

    def reopen(self):
        self.close()
        flags = self.order.choice((os.O_RDWR,) * 6 + (os.O_RDWR | os.O_TRUNC,))
        self.log.append(f"reopen {flags:#o}")
        self.fds = [os.open(path, flags) for path in self.paths]

    def compare(self):
        self.both("size", lambda fd: os.fstat(fd).st_size)
        self.both("all", lambda fd: os.pread(fd, self.size_max + 1, 0))

    def step(self):
        operations = [(self.read, 14), (self.write, 18), (self.write_in_order, 6), (self.append, 4),
                      (self.truncate, 5), (self.truncate_by_path, 2), (self.map_read, 5), (self.map_write, 5),
                      (self.copy_range, 4), (self.copy_whole, 1), (self.copy_between, 2), (self.sync, 3), (self.reopen, 5), (self.compare, 2)]
        calls, weights = zip(*operations)
        self.order.choices(calls, weights)[0]()


def summary(value):
    return f"{len(value)} bytes {hash(value):#x}" if isinstance(value, bytes) else repr(value)


class RandomFiles:
    def run_pairs(self, faults, size_max, *options):
        seed = int(os.environ.get("XBUCKET_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
        order = random.Random(seed)
        mount = self.mount(*options)
        plain = tempfile.mkdtemp(prefix="xbucket-plain-")
        self.addCleanup(shutil.rmtree, plain, ignore_errors=True)
        deadline, count = time.monotonic() + SECONDS, 0
        pair = Pair(order, (mount / "f", os.path.join(plain, "f")), size_max)
        try:
            if faults:
                self.server.set_faults(*FAULTS)
            while count < 25_000 if LONG else time.monotonic() < deadline:
                pair.step()
                count += 1
            pair.compare()
            pair.close()
            self.server.set_faults()
            with open(pair.paths[1], "rb") as file:
                self.assertTrue(self.client.get("f") == file.read(), "the object is another than the file")
        except Exception as failure:
            raise AssertionError(f"seed {seed}, operation {count}: {failure!r}\n" + "\n".join(pair.log[-15:]) +
                                 "\n" + mount.said()[-3000:]) from failure
        finally:
            pair.close()
        print(f"[seed {seed}: {count} operations]", end=" ", flush=True)

    def settings(self):
        # S3 takes no parts below 5 MiB.
        return (MIB, "--part-size=128K") if self.dialect == "oss" else (12 * MIB, "--part-size=5M")

    def test_random_operations_are_those_of_a_plain_file(self):
        self.run_pairs(False, *self.settings())

    def test_random_operations_while_the_service_fails_now_and_then(self):
        self.run_pairs(True, *self.settings())


both_dialects(RandomFiles)


class RandomTrees:
    """Two directories with the same life; attributes are compared with what was set."""

    def names(self):
        return self.order.choice(("a", "b", "c", "d.txt", "e with space", "\u00fc"))

    def path(self):
        return "/".join(self.names() for _ in range(self.order.choice((1, 1, 2, 2, 3))))

    def both(self, what, call):
        """`call` with each root: the same errno, or success in both."""
        self.log.append(what)
        mine, plain = (error_of(call, root) for root in self.roots)
        same = {mine, plain} <= {"ENOTEMPTY", "EEXIST"} or {mine, plain} <= {"EISDIR", "EPERM"} or mine == plain
        self.assertTrue(same, f"{what}: {mine} instead of {plain}")
        return plain == "OK"

    def step(self):
        path, other = self.path(), self.path()
        kind = self.order.choice(("write", "write", "append", "mkdir", "rename", "rename", "unlink", "rmdir", "setxattr",
                                  "symlink", "truncate", "exchange", "compare"))
        if kind == "write":
            data = self.order.randbytes(self.order.choice((0, 10, 5000, 300_000)))
            if self.both(f"write {path} {len(data)}", lambda root: self.put(root / path, data)):
                pass
        elif kind == "append":
            self.both(f"append {path}", lambda root: self.add(root / path))
        elif kind == "mkdir":
            self.both(f"mkdir {path}", lambda root: os.mkdir(root / path))
        elif kind == "rename":
            if self.both(f"rename {path} {other}", lambda root: os.rename(root / path, root / other)) and path != other:
                self.moved(path, other)
        elif kind == "unlink":
            if self.both(f"unlink {path}", lambda root: os.unlink(root / path)):
                self.attributes.pop(path, None)
        elif kind == "rmdir":
            self.both(f"rmdir {path}", lambda root: os.rmdir(root / path))
        elif kind == "symlink":
            self.both(f"symlink {path}", lambda root: os.symlink("target", root / path))
        elif kind == "truncate":
            self.both(f"truncate {path}", lambda root: os.truncate(root / path, 77))
        elif kind == "exchange":
            self.swap(path, other)
        elif kind == "setxattr":
            self.set_attribute(path)
        else:
            self.compare()

    @staticmethod
    def put(path, data):
        with open(path, "wb") as file:
            file.write(data)

    @staticmethod
    def add(path):
        fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.write(fd, b"more")
        os.close(fd)

    def swap(self, path, other):
        """Two open files that trade names."""
        if path == other or not all(os.path.isfile(self.roots[1] / p) and not os.path.islink(self.roots[1] / p)
                                    for p in (path, other)):
            return

        def trade(root):
            with open(root / path, "rb") as one, open(root / other, "rb") as two:
                before = one.read(10), two.read(10)
                os.rename(root / path, root / "swap")
                os.rename(root / other, root / path)
                os.rename(root / "swap", root / other)
                one.seek(0)
                two.seek(0)
                if (one.read(10), two.read(10)) != before:
                    raise AssertionError(f"files that were open when {path} and {other} changed names")
        self.both(f"swap {path} {other}", trade)
        mine, theirs = self.attributes.pop(path, None), self.attributes.pop(other, None)
        if theirs:
            self.attributes[path] = theirs
        if mine:
            self.attributes[other] = mine

    def set_attribute(self, path):
        plain = self.roots[1] / path
        if not os.path.isfile(plain) or os.path.islink(plain):
            return
        value = b"%d" % self.order.randrange(1000)
        self.log.append(f"setxattr {path} {value}")
        os.setxattr(self.roots[0] / path, "user.value", value)
        self.attributes[path] = value

    def moved(self, path, other):
        kept = {p: v for p, v in self.attributes.items() if p != other and not p.startswith(other + "/")}
        self.attributes = {other + p[len(path):] if p == path or p.startswith(path + "/") else p: v
                           for p, v in kept.items()}

    def tree(self, root):
        found = {}
        for folder, directories, files in os.walk(root.path):
            for name in directories + files:
                full = os.path.join(folder, name)
                short = os.path.relpath(full, root.path)
                if os.path.islink(full):
                    found[short] = "-> " + os.readlink(full)
                elif os.path.isdir(full):
                    found[short] = "directory"
                else:
                    with open(full, "rb") as file:
                        found[short] = file.read()
        return found

    def compare(self):
        self.log.append("compare")
        mine, plain = (self.tree(root) for root in self.roots)
        for path in sorted(set(mine) | set(plain)):
            if mine.get(path) != plain.get(path):
                self.fail(f"{path}: {mine.get(path, 'nothing')!r:.80} instead of {plain.get(path, 'nothing')!r:.80}")
        for path, value in self.attributes.items():
            self.assertEqual(os.getxattr(self.roots[0] / path, "user.value"), value, path)

    def test_random_operations_are_those_of_a_plain_directory(self):
        seed = int(os.environ.get("XBUCKET_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
        self.order, self.log, self.attributes = random.Random(seed), [], {}
        plain = Root(tempfile.mkdtemp(prefix="xbucket-plain-"))
        self.addCleanup(shutil.rmtree, plain.path, ignore_errors=True)
        mount = self.mount("-o", "stat=meta")
        self.roots = (mount, plain)
        deadline, count = time.monotonic() + SECONDS, 0
        try:
            while count < 20_000 if LONG else time.monotonic() < deadline:
                self.step()
                count += 1
            self.compare()
            mount.stop()
            self.roots = (self.mount("-o", "stat=meta"), plain)
            self.compare()
        except Exception as failure:
            raise AssertionError(f"seed {seed}, operation {count}: {failure!r}\n" + "\n".join(self.log[-15:])) from failure
        print(f"[seed {seed}: {count} operations]", end=" ", flush=True)


class Root:
    def __init__(self, path):
        self.path = path

    def __truediv__(self, name):
        return os.path.join(self.path, name)


both_dialects(RandomTrees)
