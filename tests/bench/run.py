# SPDX-FileCopyrightText: the xbucket authors
"""Runs the benchmarks; see scripts/bench, which builds what this needs."""

import argparse
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../e2e")]


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="all but the slow ones unless given")
    parser.add_argument("--all", action="store_true", help="the slow ones too")
    parser.add_argument("--list", action="store_true", help="say what cases there are")
    parser.add_argument("--rounds", type=int, help="instead of each case's own number (5)")
    parser.add_argument("--candidates", help="comma separated: xbucket,s3fs,rclone")
    parser.add_argument("--smoke", action="store_true",
                        help="small sizes, one round: does everything run; no figure means anything")
    parser.add_argument("--json", metavar="FILE", help="write every sample there too")
    parser.add_argument("--seed", type=int, default=None, help="of the order of candidates in a round")
    parser.add_argument("--binary", required=True, help="the xbucket to measure")
    parser.add_argument("--tools", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


class Bench:
    def __init__(self, options, candidates):
        self.smoke = options.smoke
        self.rounds = options.rounds
        self.candidates = candidates
        self.only = options.candidates.split(",") if options.candidates else None
        self.seed = options.seed if options.seed is not None else random.randrange(2**32)
        self.random = random.Random(self.seed)

    def wanted(self, case):
        return [name for name in case.candidates if not self.only or name.split()[0] in self.only]

    def run(self, case, site):
        from case import Failed, Results, Sample, Series
        results = Results((name, Series()) for name in self.wanted(case))
        try:
            case.prepare(site)
            for _ in range(1 if self.smoke else self.rounds or case.rounds):
                names = [name for name in results if results[name].cannot is None]
                self.random.shuffle(names)
                for name, found in case.measure_round(site, names).items():
                    if isinstance(found, Sample):
                        results[name].samples.append(found)
                    else:
                        results[name].cannot = str(found)
                        results[name].failed = isinstance(found, Failed)
        finally:
            case.finish()
        return results


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return (f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}), Linux {platform.release()}, "
            f"load {os.getloadavg()[0]:.1f}")


def keep_programs(options, folder):
    """Copies what is measured and measures, so that a build meanwhile changes nothing."""
    tools = os.path.join(folder, "tools")
    os.mkdir(tools)
    for name in ("bare_fuse", "bucket_load", "bulk_transfer", "engine_rate", "xattr_latency"):
        shutil.copy(os.path.join(options.tools, name), tools)
    options.tools = tools
    os.environ["XBUCKET"] = shutil.copy(options.binary, os.path.join(folder, "xbucket"))


def end(*ignored):
    raise KeyboardInterrupt  # so that what was mounted is unmounted


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    with tempfile.TemporaryDirectory(prefix="xbucket-bench-") as programs:
        keep_programs(options, programs)
        return measure(options)


def measure(options):
    import candidates
    import cases_data
    import cases_metadata
    import cases_tool
    import report
    from bench_site import Site

    known = {case.name: case for case in [*cases_metadata.CASES, *cases_tool.CASES, *cases_data.CASES]}
    if options.list:
        for name, case in known.items():
            print(f"{name:18} {case.title}{' (slow)' if case.slow else ''}")
        return 0
    unknown = [name for name in options.cases if name not in known]
    if unknown:
        print(f"scripts/bench: no case {unknown[0]}; --list shows them", file=sys.stderr)
        return 2
    names = options.cases or [n for n, case in known.items() if options.all or options.smoke or not case.slow]

    bench = Bench(options, candidates.ALL)
    for name, candidate in candidates.ALL.items():
        print(f"{name}: {candidate.version() or 'not installed'}")
    print(f"{machine()}, seed {bench.seed}\n")
    failed, documents = [], []
    for name in names:
        case = known[name](bench)
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="xbucket-bench-") as scratch:
            site = None
            try:
                site = Site(scratch, options.tools, 0 if options.smoke else case.latency_ms)
                results = bench.run(case, site)
                print(report.render(case, results, goals=not options.smoke))
                documents.append(report.as_json(case, results))
                # Others may fail at what xbucket is built for.
                if any(series.failed for name, series in results.items() if name.startswith("xbucket")):
                    failed.append(case.name)
            except Exception:
                traceback.print_exc()
                failed.append(name)
            finally:
                if site:
                    site.stop()
        print(f"({name}: {time.monotonic() - begun:.0f} s)\n", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"machine": machine(), "seed": bench.seed, "cases": documents}, out, indent=1)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
