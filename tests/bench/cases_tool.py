# SPDX-FileCopyrightText: the xbucket authors
"""The commands: `xbucket set --recursive` beside a loop over another mount."""

import os
import subprocess
import time

import harness
from candidates import ALL
from case import Case, Failed, Sample, Timer, run

SETTLED = 3  # objects younger than this make the first edit of each wait


class SetRecursive(Case):
    name = "set-recursive"
    title = "one attribute on 10,000 objects (s3fs: find -exec setfattr on a sample, scaled up)"
    candidates = ("xbucket url", "xbucket url s3", "xbucket mount", "xbucket mount s3", "s3fs")
    rounds = 3
    figures = ("seconds", "objects_per_second")

    def prepare(self, site):
        self.turn = 0
        self.count = self.size(10_000, 30)
        self.sample = self.size(300, 5)
        site.make_bucket("plain")
        site.fill("plain", ((f"dir/file{i:05}", {}) for i in range(self.count)))
        # What s3fs has written once looks like this; a mode makes it a file for s3fs.
        site.make_bucket("sample")
        site.fill("sample", ((f"dir/file{i:05}", {"x-amz-meta-mode": "33188"}) for i in range(self.sample)))
        time.sleep(SETTLED)

    def measure(self, site, candidate):
        self.turn += 1
        if candidate.startswith("xbucket url"):
            sample = self.by_url(site, "s3" if candidate.endswith("s3") else "oss")
        else:
            sample = self.by_mount(site, candidate)
        bucket = "sample" if candidate == "s3fs" else "plain"
        last = (self.sample if candidate == "s3fs" else self.count) - 1
        found = site.client(bucket).metadata(f"dir/file{last:05}")
        if candidate != "s3fs" and found.get("turn") != str(self.turn):
            raise Failed(f"{candidate}: the last object has {found}")
        return sample

    def command(self, site, place, *more):
        env = dict(os.environ, OSS_ACCESS_KEY_ID=harness.ACCESS_KEY, OSS_ACCESS_KEY_SECRET=harness.SECRET,
                   AWS_ACCESS_KEY_ID=harness.ACCESS_KEY, AWS_SECRET_ACCESS_KEY=harness.SECRET,
                   XDG_STATE_HOME=site.scratch)
        done = subprocess.run([harness.BINARY, "set", "-r", f"turn={self.turn}", place, *more], env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"status {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")

    def by_url(self, site, dialect):
        site.counter.take()
        begun = time.monotonic()
        self.command(site, f"{dialect}://plain/dir", f"--endpoint={site.server.endpoint}", "--region=us-east-1")
        return self.scaled(Sample(requests=site.counter.take()), time.monotonic() - begun, self.count)

    def by_mount(self, site, candidate):
        s3fs = candidate == "s3fs"
        mounted = ALL["s3fs" if s3fs else "xbucket"].mount(
            site, "sample" if s3fs else "plain", dialect="s3" if candidate.endswith("s3") else "oss")
        try:
            with Timer(site, mounted) as sample:
                if s3fs:
                    run("find", mounted / "dir", "-type", "f", "-exec", "setfattr", "-n", "user.turn", "-v",
                        self.turn, "{}", ";")
                else:
                    self.command(site, mounted / "dir")
        finally:
            mounted.stop()
        return self.scaled(sample, sample.figures["seconds"], self.sample if s3fs else self.count)

    def scaled(self, sample, seconds, count):
        """Seconds for all of the objects, from those that were changed."""
        sample.figures.update(seconds=seconds * self.count / count, objects_per_second=count / seconds)
        return sample

    def goals(self, results):
        return [
            results.faster("40 x faster than find -exec setfattr over s3fs (OSS, by URL)", "s3fs", "xbucket url", 40),
            results.faster("40 x faster than find -exec setfattr over s3fs (a service that speaks S3, by URL)", "s3fs",
                           "xbucket url s3", 40),
            results.faster("40 x faster than find -exec setfattr over s3fs (OSS, in a mount)", "s3fs", "xbucket mount",
                           40),
            results.faster("40 x faster than find -exec setfattr over s3fs (a service that speaks S3, in a mount)", "s3fs",
                           "xbucket mount s3", 40),
        ]


CASES = (SetRecursive,)
