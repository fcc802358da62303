# SPDX-FileCopyrightText: the xbucket authors
"""Metadata: how fast it is read, what changing it costs, what it takes in memory. The goals are those
that the project has set itself, on 2 cores."""

import base64
import json
import os
import subprocess
import tempfile
import time
import urllib.parse

import harness
from candidates import ALL, Cannot
from case import Case, Failed, Goal, Sample, Timer, run

SETTLED = 3  # seconds: a metadata change waits until an object is two seconds old


def attributes(index, count):
    return {f"name{n}": f"value {n} of object {index}" for n in range(count)}


def headers(index, count):
    return {f"x-amz-meta-{name}": value for name, value in attributes(index, count).items()}


def packed_headers(index, count):
    """The same as s3fs stores them, and what it records of every file beside."""
    packed = {f"user.{name}": base64.b64encode(value.encode()).decode()
              for name, value in attributes(index, count).items()}
    return {"x-amz-meta-xattr": urllib.parse.quote(json.dumps(packed, separators=(",", ":")), safe=""),
            "x-amz-meta-mode": "33188", "x-amz-meta-uid": str(os.getuid()), "x-amz-meta-gid": str(os.getgid()),
            "x-amz-meta-mtime": "1700000000"}


def bucket_for(candidate):
    return "packed" if ALL[candidate.split()[0]].packs_attributes else "plain"


def mount(site, candidate, *options, **keywords):
    """"xbucket commit=1" is xbucket with that option; "xbucket oss" with that dialect."""
    name, *words = candidate.split()
    for word in words:
        if word in ("oss", "s3"):
            keywords["dialect"] = word
        else:
            options = (*options, "-o", word)
    return ALL[name].mount(site, bucket_for(candidate), *options, **keywords)


def walk(mounted, attribute_count=None):
    """Reads every attribute below; makes sure that they came."""
    text = run("getfattr", "-R", "-d", "--absolute-names", mounted / "dir")
    found = text.count(b"\nuser.")
    if attribute_count is not None and found != attribute_count:
        raise Failed(f"{found} attributes came, there are {attribute_count}")


def sync(candidate, mounted):
    """Until everything is in the bucket."""
    if candidate.split()[0] == "xbucket" and "commit=" in candidate:
        result = subprocess.run([harness.BINARY, "sync", mounted.path], capture_output=True, text=True)
        if result.returncode != 0:
            raise Cannot(result.stderr.strip() or result.stdout.strip())


class Walk(Case):
    """Shared by what walks one directory of objects with one to three attributes."""

    def prepare(self, site):
        self.count = self.size(1000, 40)
        for bucket, make in (("plain", headers), ("packed", packed_headers)):
            site.make_bucket(bucket)
            site.fill(bucket, ((f"dir/file{i:06}.bin", make(i, 1 + i % 3)) for i in range(self.count)))
        self.attributes = sum(1 + i % 3 for i in range(self.count))


class ColdWalk(Walk):
    name = "cold-walk"
    title = "getfattr -R -d over 1,000 objects in one directory, nothing known (rclone has no xattrs: find's stat)"
    figures = ("seconds", "cpu_seconds", "list_seconds")

    def measure(self, site, candidate):
        mounted = mount(site, candidate)
        try:
            with Timer(site, mounted) as sample:
                if candidate == "rclone":
                    run("find", mounted / "dir", "-type", "f", "-printf", "%T@ %s\n")
                else:
                    walk(mounted, self.attributes)
        finally:
            mounted.stop()
        if candidate == "xbucket":
            sample.figures["list_seconds"] = self.list_alone(site, candidate)
        return sample

    def list_alone(self, site, candidate):
        mounted = mount(site, candidate)
        try:
            with Timer(site, mounted) as sample:
                run("ls", "-f", mounted / "dir")
        finally:
            mounted.stop()
        return sample.figures["seconds"]

    def goals(self, results):
        listing = results["xbucket"].median("list_seconds") if "xbucket" in results else None
        limit = None if listing is None else 1.5 * self.count / 64 * self.latency_ms / 1000 + listing + 0.15
        return [
            results.at_most("1.5 x (objects / 64) x latency, and the listing, and 0.15 s", "xbucket", "seconds", limit),
            results.requests_at_most("one HEAD an object", "xbucket", {("head",): self.count}),
            results.faster("1.8 x faster than s3fs", "s3fs", "xbucket", 1.8),
            results.faster("20 x faster than rclone's stat", "rclone", "xbucket", 20),
        ]


class SecondWalk(Walk):
    name = "second-walk"
    title = "the same again when everything has expired and nothing has changed"
    candidates = ("xbucket", "s3fs")
    life = 2

    def prepare(self, site):
        super().prepare(site)
        time.sleep(SETTLED)  # what was written in the last second cannot be told from what comes after

    def measure(self, site, candidate):
        life = f"ttl={self.life},negative-ttl={self.life}" if candidate == "xbucket" else f"stat_cache_expire={self.life}"
        mounted = mount(site, candidate, "-o", life)
        try:
            walk(mounted, self.attributes)
            time.sleep(self.life + 1)
            with Timer(site, mounted) as sample:
                walk(mounted, self.attributes)
        finally:
            mounted.stop()
        return sample

    def goals(self, results):
        goal = results.requests_at_most("list requests only", "xbucket", {("head",): 0})
        if goal.reached:
            goal.reached = set(results["xbucket"].requests()) <= {"list"}
        return [goal]


class Rate(Case):
    name = "rate"
    title = "100,000 objects with five attributes, no latency added: HEADs a second, and by CPU second"
    latency_ms = 0
    candidates = ("curl", "engine", "xbucket", "s3fs")
    figures = ("seconds", "cpu_seconds", "rate", "rate_per_cpu", "busy")
    ratio_of = "rate_per_cpu"

    def prepare(self, site):
        self.count = self.size(100_000, 200)
        keys = [f"dir/d{i // 1000:03}/file{i:06}.bin" for i in range(self.count)]
        self.lines = "\n".join(keys) + "\n"
        for bucket, make in (("plain", headers), ("packed", packed_headers)):
            site.make_bucket(bucket)
            site.fill(bucket, ((key, make(i, 5)) for i, key in enumerate(keys)))

    def wanted_tool(self, candidate):
        return {"curl": ("bucket_load", "head"), "engine": ("engine_rate",)}.get(candidate)

    def measure(self, site, candidate):
        busy = CpuOfMachine()
        tool = self.wanted_tool(candidate)
        if tool:
            site.counter.take()
            told = site.run_tool(*tool, site.server.endpoint, "plain", lines=self.lines)
            sample = Sample({name: told[name] for name in ("seconds", "cpu_seconds")}, site.counter.take())
        else:
            mounted = mount(site, candidate)
            try:
                with Timer(site, mounted) as sample:
                    walk(mounted, 5 * self.count)
            finally:
                mounted.stop()
        sample.figures["busy"] = busy.share()
        heads = sample.requests["head"]
        sample.figures["rate"] = heads / sample.figures["seconds"]
        if sample.figures["cpu_seconds"] > 0:
            sample.figures["rate_per_cpu"] = heads / sample.figures["cpu_seconds"]
        return sample

    def goals(self, results):
        def share(candidate, least, text):
            ratio = results.ratio(candidate, "curl", "rate_per_cpu")
            return Goal(text, "no figure" if ratio is None else f"{ratio:.2f}", ratio and ratio >= least)

        busy = results["xbucket"].median("busy") if "xbucket" in results else None
        return [
            share("engine", 0.7, "engine alone: 0.7 of the plain libcurl loop's HEADs by CPU second"),
            share("xbucket", 0.2, "through the kernel: 0.2 of it"),
            Goal("limited by the machine, not by round trips",
                 "no figure" if busy is None else f"processors {100 * busy:.0f} % busy", busy and busy >= 0.8),
            results.requests_at_most("one HEAD an object", "xbucket", {("head",): self.count}),
        ]


class CpuOfMachine:
    """The share of all processors that was busy since it was made."""

    def __init__(self):
        self.before = self.read()

    @staticmethod
    def read():
        with open("/proc/stat", encoding="ascii") as stat:
            ticks = [int(word) for word in stat.readline().split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)

    def share(self):
        busy, total = (now - before for now, before in zip(self.read(), self.before))
        return busy / total if total else 0.0


class WarmGet(Case):
    name = "warm-getxattr"
    title = "one getxattr that memory knows, next to the least that libfuse can do"
    latency_ms = 0
    candidates = ("libfuse", "xbucket", "s3fs")
    rounds = 20
    figures = ("us",)
    ratio_of = "us"

    def __init__(self, bench):
        super().__init__(bench)
        self.targets = {}
        self.stops = []

    def prepare(self, site):
        for bucket, make in (("plain", headers), ("packed", packed_headers)):
            site.make_bucket(bucket)
            site.fill(bucket, [("dir/file", make(0, 5))])
        for name in self.bench.wanted(self):
            if name == "libfuse":
                bare = Bare(site)
                self.stops.append(bare.stop)
                self.targets[name] = (os.path.join(bare.path, "file"), "user.name0")
            else:
                mounted = mount(site, name, *(["-o", "ttl=1h"] if name == "xbucket" else []))
                self.stops.append(mounted.stop)
                self.targets[name] = (mounted / "dir/file", "user.name0")

    def finish(self):
        for stop in self.stops:
            stop()

    def measure_round(self, site, names):
        words = [word for name in names for word in self.targets[name]]
        times = site.run_tool("xattr_latency", 1, self.size(5000, 50), *words)[0]
        return {name: Sample({"us": us}) for name, us in zip(names, times)}

    def goals(self, results):
        ratio = results.ratio("xbucket", "libfuse", "us")
        return [Goal("1.15 x the bare low-level program", "no figure" if ratio is None else f"{ratio:.2f} x",
                     None if ratio is None else ratio <= 1.15)]


class Bare:
    """bare_fuse on a mount point of its own."""

    def __init__(self, site):
        self.path = tempfile.mkdtemp(prefix="mnt-", dir=site.scratch)
        self.process = subprocess.Popen([os.path.join(site.tools, "bare_fuse"), self.path])
        harness.wait_for(lambda: os.path.ismount(self.path), what="bare_fuse")

    def stop(self):
        subprocess.run(["fusermount3", "-u", self.path], check=False)
        self.process.wait(timeout=30)


class TenSets(Case):
    name = "ten-sets"
    title = "ten setfattr on one object"
    candidates = ("xbucket oss", "xbucket s3", "xbucket commit=1", "s3fs")

    def prepare(self, site):
        self.turn = 0
        objects = [(f"dir/{word}{i:03}", {}) for i in range(40) for word in ("object", "other")]
        for bucket, more in (("plain", {}), ("packed", packed_headers(0, 0))):
            site.make_bucket(bucket)
            site.fill(bucket, ((key, more) for key, _ in objects))
        time.sleep(SETTLED)

    def measure(self, site, candidate):
        self.turn += 1
        mounted = mount(site, candidate)
        try:
            if candidate != "s3fs":  # the first updates of a mount find out what the service does
                for name in ("user.a", "user.b", "user.c"):
                    os.setxattr(mounted / f"dir/other{self.turn:03}", name, b"1")
                sync(candidate, mounted)
            path = mounted / f"dir/object{self.turn:03}"
            os.stat(path)
            with Timer(site, mounted) as sample:
                for i in range(10):
                    run("setfattr", "-n", f"user.name{i}", "-v", f"value{i}", path)
                sync(candidate, mounted)
        finally:
            mounted.stop()
        return sample

    def goals(self, results):
        limits = {("copy", "copy 412"): 10, ("head",): 1, ("GET acl",): 1}
        return [
            results.requests_at_most("ten copies, one HEAD, one ACL (oss)", "xbucket oss", limits),
            results.requests_at_most("ten copies, one HEAD, one ACL (s3)", "xbucket s3", limits),
            results.requests_at_most("commit=1: one copy in all", "xbucket commit=1", {("copy", "copy 412"): 1}),
        ]


class ThousandSets(Case):
    name = "thousand-sets"
    title = "setfattr on 1,000 objects from one shell loop, until all is durable"
    candidates = ("xbucket commit=1", "xbucket", "s3fs")

    def prepare(self, site):
        self.turn = 0
        self.count = self.size(1000, 10)
        for bucket, more in (("plain", {}), ("packed", packed_headers(0, 0))):
            site.make_bucket(bucket)
            site.fill(bucket, ((f"dir/file{i:04}", more) for i in range(self.count)))
        time.sleep(SETTLED)

    def measure(self, site, candidate):
        self.turn += 1
        mounted = mount(site, candidate)
        try:
            loop = 'cd "$1" && for file in *; do setfattr -n user.turn -v "$2" "$file" || exit 1; done'
            with Timer(site, mounted) as sample:
                run("sh", "-c", loop, "sh", mounted / "dir", self.turn)
                sync(candidate, mounted)
        finally:
            mounted.stop()
        self.check(site, candidate)
        return sample

    def check(self, site, candidate):
        found = site.client(bucket_for(candidate)).metadata(f"dir/file{self.count - 1:04}")
        if candidate.startswith("xbucket") and found.get("turn") != str(self.turn):
            raise Failed(f"{candidate}: the last object has {found}")

    def goals(self, results):
        return [results.faster("commit=1: 10 x faster than s3fs", "s3fs", "xbucket commit=1", 10)]


class Copies(Case):
    """500 small files with three attributes each, copied in by one program."""

    latency_ms = 2  # what counts here are requests
    candidates = ("xbucket commit=1", "xbucket", "s3fs")
    rounds = 3
    copy = ()  # the program; {source} and {target}
    limits = {}  # requests a file
    goal = ""
    writing = ("put", "copy", "delete", "copy 412", "put 412", "upload", "POST upload", "part", "part copy")

    def prepare(self, site):
        self.turn = 0
        self.count = self.size(500, 8)
        self.source = os.path.join(site.scratch, "source")
        os.mkdir(self.source)
        for i in range(self.count):
            path = os.path.join(self.source, f"file{i:04}.txt")
            with open(path, "w", encoding="ascii") as file:
                file.write(f"content of {i}\n" * (1 + i % 100))
            for name, value in attributes(i, 3).items():
                os.setxattr(path, "user." + name, value.encode())
        self.archive = os.path.join(site.scratch, "source.tar")
        run("tar", "--xattrs", "-cf", self.archive, "-C", self.source, ".")
        for bucket in ("plain", "packed"):
            site.make_bucket(bucket)

    def measure(self, site, candidate):
        self.turn += 1
        mounted = mount(site, candidate)
        target = mounted / f"copy{self.turn}"
        try:
            os.mkdir(target)
            self.before(target)
            with Timer(site, mounted) as sample:
                self.send(target)
                sync(candidate, mounted)
            self.check(target)
        finally:
            mounted.stop()
        return sample

    def before(self, target):
        pass

    def send(self, target):
        run(*(word.format(source=self.source, target=target, archive=self.archive) for word in self.copy))

    def check(self, target):
        for i in (0, self.count - 1):
            path = os.path.join(target, f"file{i:04}.txt")
            for name, value in attributes(i, 3).items():
                if os.getxattr(path, "user." + name).decode() != value:
                    raise Failed(f"{path} lacks user.{name}")

    def goals(self, results):
        return [results.requests_at_most(f"{self.goal} a file", "xbucket commit=1", self.limits, self.count)]


class CopyCp(Copies):
    name = "copy-cp"
    title = "500 small files with three attributes: cp -a"
    copy = ("cp", "-a", "{source}/.", "{target}")
    goal = "one PUT"
    limits = {("put",): 1.01, ("copy", "copy 412", "delete"): 0.01}


class CopyTar(Copies):
    name = "copy-tar"
    title = "500 small files with three attributes: tar -x --xattrs"
    copy = ("tar", "--xattrs", "-xf", "{archive}", "-C", "{target}")
    goal = "two writing requests"
    limits = {Copies.writing: 2.01}


class CopyGio(Copies):
    name = "copy-gio"
    title = "500 small files with three attributes: gio copy"
    goal = "two writing requests"
    limits = {Copies.writing: 2.01}

    def send(self, target):
        for name in sorted(os.listdir(self.source)):
            run("gio", "copy", os.path.join(self.source, name), os.path.join(target, name))


class CopyPython(Copies):
    name = "copy-copy2"
    title = "500 small files with three attributes: python's shutil.copy2"
    goal = "two writing requests"
    limits = {Copies.writing: 2.01}
    program = ("import os, shutil, sys\nfor name in sorted(os.listdir(sys.argv[1])):\n"
               "    shutil.copy2(os.path.join(sys.argv[1], name), os.path.join(sys.argv[2], name))\n")
    copy = ("/usr/bin/python3", "-c", program, "{source}", "{target}")


class CopyRsync(Copies):
    name = "copy-rsync"
    title = "500 small files with three attributes: rsync -aX"
    copy = ("rsync", "-aX", "{source}/", "{target}/")
    goal = "PUT, COPY and DELETE"
    limits = {("put",): 1.01, ("copy", "copy 412"): 1.01, ("delete",): 1.01}


class CopyRsyncAgain(CopyRsync):
    name = "copy-rsync-again"
    title = "the same rsync -aX a second time"

    def before(self, target):
        self.send(target)

    def goals(self, results):
        goal = results.requests_at_most("lists only", "xbucket commit=1", {("head",): 0, Copies.writing: 0})
        return [goal]


class Memory(Case):
    name = "memory"
    title = "memory of a cached object with five attributes, beyond the strings themselves"
    latency_ms = 0
    candidates = ("engine", "xbucket", "s3fs")
    rounds = 1
    figures = ("bytes_per_object",)
    ratio_of = "bytes_per_object"

    def prepare(self, site):
        self.count = self.size(100_000, 200)
        keys = [f"dir/d{i // 1000:03}/file{i:06}.bin" for i in range(self.count)]
        self.lines = "\n".join(keys) + "\n"
        for bucket, make in (("plain", headers), ("packed", packed_headers)):
            site.make_bucket(bucket)
            site.fill(bucket, ((key, make(i, 5)) for i, key in enumerate(keys)))
        self.string_bytes = site.run_tool("engine_rate", site.server.endpoint, "plain", lines=self.lines)["string_bytes"]

    def measure(self, site, candidate):
        if candidate == "engine":
            told = site.run_tool("engine_rate", site.server.endpoint, "plain", lines=self.lines)
            grown = told["heap_bytes"]
        else:
            big = (["-o", "cache-size=4G,ttl=1h"] if candidate == "xbucket"
                   else ["-o", f"max_stat_cache_size={2 * self.count}"])
            mounted = mount(site, candidate, *big)
            try:
                os.listdir(mounted / "dir")
                before = mounted.memory()
                walk(mounted, 5 * self.count)
                grown = mounted.memory() - before
            finally:
                mounted.stop()
        return Sample({"bytes_per_object": (grown - self.string_bytes) / self.count})

    def goals(self, results):
        return [results.at_most("the engine's cache: 600 bytes", "engine", "bytes_per_object", 600, "bytes")]


class Million(Case):
    name = "million"
    title = "getfattr -R -d over 1,000,000 objects with a cache of 64 MiB"
    latency_ms = 0
    candidates = ("xbucket",)
    rounds = 1
    slow = True
    figures = ("seconds", "cpu_seconds", "cache_mib", "most_mib")
    cache_mib = 64

    def prepare(self, site):
        self.count = self.size(1_000_000, 1000)
        site.make_bucket("plain")
        site.fill("plain", ((f"dir/d{i // 1000:04}/file{i:07}.bin", headers(i, 5)) for i in range(self.count)))

    def measure(self, site, candidate):
        mounted = mount(site, candidate, "-o", f"cache-size={self.cache_mib}M")
        try:
            os.listdir(mounted / "dir")
            before = mounted.memory()
            with Timer(site, mounted) as sample:
                subprocess.run(["getfattr", "-R", "-d", "--absolute-names", mounted / "dir"], check=True,
                               stdout=subprocess.DEVNULL)
            stats = json.loads(os.getxattr(mounted.path, "user.xbucket.stats"))
            sample.figures["cache_mib"] = stats["cache_bytes"] / 2**20
            sample.figures["most_mib"] = (mounted.memory("VmHWM") - before) / 2**20
        finally:
            mounted.stop()
        return sample

    def goals(self, results):
        return [
            results.at_most("what the cache counts", "xbucket", "cache_mib", self.cache_mib, "MiB"),
            results.at_most("growth of the process at its most (twice the cache: inodes, buffers)", "xbucket",
                            "most_mib", 2 * self.cache_mib, "MiB"),
        ]


CASES = (ColdWalk, SecondWalk, Rate, WarmGet, TenSets, ThousandSets, CopyCp, CopyTar, CopyGio, CopyPython, CopyRsync,
         CopyRsyncAgain, Memory, Million)
