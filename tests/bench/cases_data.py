# SPDX-FileCopyrightText: the xbucket authors
"""Data: large files read and written in order, beside plain libcurl with four connections, which is
what the network and the server allow. A write counts until it is in the bucket."""

import os
import time

from candidates import ALL, Cannot
from case import Case, Goal, Sample, Timer

MIB = 1 << 20
PIECE = bytes(MIB)


class Bulk(Case):
    """Shared by both directions."""

    candidates = ("xbucket", "s3fs", "rclone", "libcurl")
    figures = ("seconds", "cpu_seconds", "mib_per_second")
    of_libcurl = 0.85

    def prepare(self, site):
        self.bytes = self.size(1 << 30, 24 * MIB)
        site.make_bucket("plain")
        site.run_tool("bulk_transfer", "put", site.fill_server.endpoint, "plain", "big", "--bytes", self.bytes)
        self.round = 0

    def transfer(self, site, mounted):
        raise NotImplementedError

    def measure(self, site, candidate):
        if candidate == "libcurl":
            site.counter.take()
            figures = site.run_tool("bulk_transfer", self.direction, site.server.endpoint, "plain", self.key("libcurl"),
                                    "--bytes", self.bytes)
            sample = Sample(figures, site.counter.take())
        else:
            mounted = ALL[candidate].mount(site, "plain")
            try:
                with Timer(site, mounted) as sample:
                    self.transfer(mounted, candidate, site)
            finally:
                mounted.stop()
        sample.figures["mib_per_second"] = self.bytes / MIB / sample.figures["seconds"]
        return sample

    def goals(self, results):
        ratio = results.ratio("libcurl", "xbucket")
        found = "no figure" if ratio is None else f"{ratio:.2f} of it"
        goals = [Goal(f"at least {self.of_libcurl} of libcurl's speed", found,
                      None if ratio is None else ratio >= self.of_libcurl)]
        return goals + [results.faster(f"3 x faster than {name}", name, "xbucket", 3) for name in self.rivals]


class SequentialRead(Bulk):
    name = "sequential-read"
    title = "1 GiB read in order from a fresh mount"
    direction = "get"
    rivals = ("s3fs", "rclone")

    def key(self, candidate):
        return "big"

    def transfer(self, mounted, candidate, site):
        buffer, found = bytearray(MIB), 0
        with open(mounted / "big", "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                found += count
        if found != self.bytes:
            raise Cannot(f"{found} bytes came, there are {self.bytes}")


class SequentialWrite(Bulk):
    name = "sequential-write"
    title = "1 GiB written in order, until it is in the bucket"
    direction = "put"
    rivals = ("s3fs",)

    def key(self, candidate):
        self.round += 1
        return f"new-{candidate}-{self.round}"

    def transfer(self, mounted, candidate, site):
        key = self.key(candidate)
        with open(mounted / key, "wb", buffering=0) as file:
            for _ in range(self.bytes // MIB):
                file.write(PIECE)
        # rclone sends after close has succeeded.
        deadline = time.monotonic() + 300
        while site.client("plain").request("HEAD", key)[0] != 200:
            if time.monotonic() > deadline:
                raise Cannot("it never came")
            time.sleep(0.05)


class LoopbackRead(SequentialRead):
    name = "loopback-read"
    title = "1 GiB read in order, no latency: two cores carry server, daemon and reader"
    latency_ms = 0
    of_libcurl = 0.5


class LoopbackWrite(SequentialWrite):
    name = "loopback-write"
    title = "1 GiB written in order, no latency"
    latency_ms = 0
    of_libcurl = 0.5


class ManyReaders(Case):
    name = "many-readers"
    title = "16 files of 1 GiB read at once: memory of the daemon"
    latency_ms = 0
    candidates = ("xbucket",)
    rounds = 1
    slow = True
    figures = ("seconds", "memory_mib")
    budget = 256 * MIB

    def prepare(self, site):
        self.bytes, self.count = self.size(1 << 30, 4 * MIB), 16
        site.make_bucket("plain")
        for number in range(self.count):
            site.run_tool("bulk_transfer", "put", site.fill_server.endpoint, "plain", f"big{number}", "--bytes",
                          self.bytes)

    def measure(self, site, candidate):
        mounted = ALL[candidate].mount(site, "plain")
        try:
            with Timer(site, mounted) as sample:
                readers = [os.spawnlp(os.P_NOWAIT, "cp", "cp", mounted / f"big{number}", "/dev/null")
                           for number in range(self.count)]
                for reader in readers:
                    os.waitpid(reader, 0)
            sample.figures["memory_mib"] = mounted.memory("VmHWM") / MIB
        finally:
            mounted.stop()
        return sample

    def goals(self, results):
        return [results.at_most("its budget and 64 MiB", "xbucket", "memory_mib", self.budget / MIB + 64, "MiB")]


CASES = [SequentialRead, SequentialWrite, LoopbackRead, LoopbackWrite, ManyReaders]
