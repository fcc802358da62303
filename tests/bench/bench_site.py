# SPDX-FileCopyrightText: the xbucket authors
"""One place to measure at: a folder served twice, at once with latency for what is measured and
without for filling it and looking at it, and the counts of what has been asked."""

import collections
import json
import os
import subprocess

import harness


class RequestCounter:
    """Reads a server's log from where it stood, so that no line is read twice."""

    def __init__(self, server):
        self.server = server
        self.offset = self._size()

    def _size(self):
        try:
            return os.path.getsize(self.server.log)
        except FileNotFoundError:
            return 0

    def take(self):
        """Requests by kind since the last take(), all that were answered; waits until the log stands
        still, for what the mount asks for besides."""
        def size_now():
            self.server.settle_log()
            return self._size()

        size, before = size_now(), None
        while size != before:
            harness.time.sleep(0.1)
            size, before = size_now(), size
        kinds = collections.Counter()
        try:
            with open(self.server.log, encoding="utf-8", errors="replace") as log:
                log.seek(self.offset)
                for line in log:
                    kinds[kind_of(json.loads(line))] += 1
                self.offset = log.tell()
        except FileNotFoundError:
            pass
        return kinds


def kind_of(entry):
    kind = entry["kind"]
    if kind in ("tagging", "acl", "restore", "upload", "bucket"):
        return f"{entry['method']} {kind}"
    # HEADs and ranged GETs of objects that are not there are asked for names, not for content.
    return kind + ("" if entry["status"] < 400 else f" {entry['status']}")


class Site:
    """The servers of one case. `tools` is the folder of the built measuring programs."""

    def __init__(self, scratch, tools, latency_ms):
        self.scratch, self.tools = scratch, tools
        self.directory = os.path.join(scratch, "data")
        os.makedirs(self.directory, exist_ok=True)
        self.fill_server = harness.Server(self.directory, log=os.path.join(scratch, "fill.log"))
        self.server = harness.Server(self.directory, "--latency-ms", str(latency_ms),
                                     log=os.path.join(scratch, "requests.log"))
        self.counter = RequestCounter(self.server)
        self.env = dict(os.environ, OSS_ACCESS_KEY_ID=harness.ACCESS_KEY, OSS_ACCESS_KEY_SECRET=harness.SECRET)

    def stop(self):
        self.server.stop()
        self.fill_server.stop()

    def client(self, bucket, dialect="s3"):
        """For looking at a bucket without being counted."""
        return harness.Client(dialect, self.fill_server, bucket)

    def make_bucket(self, bucket):
        self.client(bucket).make_bucket()

    def run_tool(self, name, *arguments, lines=None):
        """Runs a measuring program; what it prints, parsed."""
        result = subprocess.run([os.path.join(self.tools, name), *map(str, arguments)], env=self.env,
                                input=lines, capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"{name}: {result.stderr.strip()}")
        return json.loads(result.stdout)

    def fill(self, bucket, objects, size=0):
        """Puts objects: (key, {header: value}) each, all with `size` bytes."""
        lines = "".join(
            key + "".join(f"\t{name}: {value}" for name, value in headers.items()) + "\n"
            for key, headers in objects)
        self.run_tool("bucket_load", "put", self.fill_server.endpoint, bucket, "--bytes", size, lines=lines)
