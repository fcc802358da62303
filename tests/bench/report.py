# SPDX-FileCopyrightText: the xbucket authors
"""Tables of results: medians, ratios, requests by kind, and each goal with what was found."""

UNITS = {"seconds": "s", "cpu_seconds": "CPU s", "rate": "/s", "rate_per_cpu": "/CPU s", "us": "us",
         "bytes_per_object": "B/object", "list_seconds": "s listing", "busy": "machine busy",
         "cache_mib": "MiB cached", "most_mib": "MiB grown"}


def number(value):
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value)}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def spread(series, figure):
    values = series.values(figure)
    if not values:
        return "-"
    if len(values) == 1:
        return number(values[0])
    return f"{number(series.median(figure))} [{number(min(values))}-{number(max(values))}]"


def render(case, results, goals=True):
    reference = next((name for name in results if results[name].samples), None)
    rows = [["candidate", *(UNITS.get(figure, figure) for figure in case.figures),
             f"ratio to {reference}", "requests (median)"]]
    for name, series in results.items():
        if not series.samples:
            rows.append([name, *("-" for _ in case.figures), "-", "failed" if series.failed else "cannot"])
            continue
        ratio = results.ratio(name, reference, case.ratio_of)
        kinds = ", ".join(f"{number(count)} {kind}" for kind, count in series.requests().items())
        rows.append([name, *(spread(series, figure) for figure in case.figures),
                     "-" if ratio is None else f"{ratio:.2f}", kinds or "none"])
    lines = [f"## {case.name}: {case.title}", "", table(rows)]
    lines += [f"  {'failed' if series.failed else 'cannot':8} {name}: {series.cannot}"
              for name, series in results.items() if series.cannot]
    for goal in case.goals(results) if goals else []:
        mark = {True: "reached", False: "MISSED", None: "open"}[goal.reached]
        lines.append(f"  {mark:8} {goal.text}: {goal.found}")
    return "\n".join(lines) + "\n"


def as_json(case, results):
    return {
        "case": case.name,
        "latency_ms": case.latency_ms,
        "candidates": {
            name: {"cannot": series.cannot, "samples": [s.figures for s in series.samples],
                   "requests": [dict(s.requests) for s in series.samples]}
            for name, series in results.items()},
        "goals": [vars(goal) for goal in case.goals(results)],
    }
