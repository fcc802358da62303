# SPDX-FileCopyrightText: the xbucket authors
"""What a case of the benchmarks is. To add one, derive from Case in a cases_*.py, name it in that
file's CASES, and give it what is measured and its goals; selection, rounds, order, medians and the
table come from here and from run.py."""

import collections
import dataclasses
import statistics
import subprocess
import time

from candidates import Cannot


class Failed(RuntimeError):
    """A program that was run on a mount failed."""


@dataclasses.dataclass
class Sample:
    """One candidate's figures of one round, by name ("seconds", "cpu_seconds", ...)."""

    figures: dict = dataclasses.field(default_factory=dict)
    requests: collections.Counter = dataclasses.field(default_factory=collections.Counter)


@dataclasses.dataclass
class Goal:
    text: str
    found: str
    reached: bool | None  # None: could not be judged


class Series:
    """One candidate's samples, a round each."""

    def __init__(self):
        self.samples = []
        self.cannot = None
        self.failed = False  # it should have been able to

    def values(self, figure):
        return [sample.figures[figure] for sample in self.samples if figure in sample.figures]

    def median(self, figure):
        values = self.values(figure)
        return statistics.median(values) if values else None

    def requests(self):
        """Medians by kind."""
        kinds = sorted({kind for sample in self.samples for kind in sample.requests})
        return {kind: statistics.median([sample.requests[kind] for sample in self.samples]) for kind in kinds}

    def requests_of(self, *kinds):
        """Median of the rounds' sums over kinds; no kind: all."""
        if not self.samples:
            return None
        return statistics.median([sum(count for kind, count in sample.requests.items() if not kinds or kind in kinds)
                                  for sample in self.samples])


class Results(dict):
    """Series by candidate."""

    def ratio(self, slow, fast, figure="seconds"):
        """Median of the rounds' ratios: the two of a round met the same weather."""
        pairs = [(a.figures[figure], b.figures[figure])
                 for a, b in zip(self[slow].samples, self[fast].samples)
                 if figure in a.figures and figure in b.figures] if slow in self and fast in self else []
        return statistics.median([a / b for a, b in pairs]) if pairs else None

    def at_most(self, text, candidate, figure, limit, unit="s"):
        value = self[candidate].median(figure) if candidate in self else None
        if value is None or limit is None:
            return Goal(text, self.why(candidate), None)
        return Goal(text, f"{value:.3g} {unit} of {limit:.3g}", value <= limit)

    def faster(self, text, slow, fast, times, figure="seconds"):
        ratio = self.ratio(slow, fast, figure)
        if ratio is None:
            return Goal(text, self.why(fast) if fast in self and not self[fast].samples else self.why(slow), None)
        return Goal(text, f"{ratio:.2f} x", ratio >= times)

    def requests_at_most(self, text, candidate, limits, each=1):
        """`limits`: {(kind, ...): most}; kinds that are in none of them are not judged."""
        if candidate not in self or not self[candidate].samples:
            return Goal(text, self.why(candidate), None)
        found = {kinds: self[candidate].requests_of(*kinds) / each for kinds in limits}
        return Goal(text, ", ".join(f"{'+'.join(kinds)}: {count:g}" for kinds, count in found.items()),
                    all(count <= limits[kinds] for kinds, count in found.items()))

    def why(self, candidate):
        if candidate not in self:
            return f"{candidate} was not run"
        return f"{candidate} cannot" if self[candidate].cannot else "no figure"


class Case:
    name = ""
    title = ""
    latency_ms = 20
    candidates = ("xbucket", "s3fs", "rclone")
    rounds = 5
    slow = False  # minutes: only when named, or with --all
    figures = ("seconds", "cpu_seconds")  # columns of the table, in order
    ratio_of = "seconds"  # the figure that the ratio column compares

    def __init__(self, bench):
        self.bench = bench

    # ---- to be written by each case ----
    def prepare(self, site):
        """Fills buckets, once."""

    def measure(self, site, candidate):
        """One round of one candidate (by name, which may carry a variant): a Sample. Raises Cannot."""
        raise NotImplementedError

    def measure_round(self, site, names):
        """One round of all of `names`, in that order: {name: Sample or Cannot}. Where they have to be
        measured together, a case writes this instead of measure()."""
        found = {}
        for name in names:
            try:
                found[name] = self.measure(site, name)
            except (Cannot, Failed) as reason:
                found[name] = reason
        return found

    def finish(self):
        """Undoes what prepare() did outside the site's own folder."""

    def goals(self, results):
        return []

    # ---- for their use ----
    def size(self, full, smoke):
        return smoke if self.bench.smoke else full


class Timer:
    """Seconds, the daemon's CPU and the requests of what happens inside `with`."""

    def __init__(self, site, mounted):
        self.site, self.mounted = site, mounted
        self.sample = Sample()

    def __enter__(self):
        self.site.counter.take()
        self.cpu = self.mounted.cpu()
        self.begun = time.monotonic()
        return self.sample

    def __exit__(self, kind, *ignored):
        seconds = time.monotonic() - self.begun
        if kind is None:
            self.sample.figures.update(seconds=seconds, cpu_seconds=self.mounted.cpu() - self.cpu)
            self.sample.requests = self.site.counter.take()


def run(*command, cwd=None):
    """Runs a program that must succeed; what it printed."""
    result = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True)
    if result.returncode != 0:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise Failed(f"{command[0]}: status {result.returncode}: {said[0] if said else 'silent'}")
    return result.stdout
