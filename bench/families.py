"""Google Benchmark's JSON as tables: a family a table, its arguments rows, its ways columns.

    tcp_echo/spate/64/1000/iterations:1/manual_time
    family   way   arguments            (what remains says how it was run)

A figure is the median over the repetitions of CPU time per unit of work, in ns: the counter cpu_ns
(of both threads, where there are two), else the benchmark's own CPU time.
"""

import re
import statistics
from collections import defaultdict

from rounds import median_interval

TECHNICAL = re.compile(r"^(iterations|repeats|min_time|min_warmup_time|threads):|"
                       r"^(manual_time|real_time|process_time)$")
TO_NS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
OURS = ("spate", "spate_automatic")  # What a user gets; other ways of ours are beside it.


def split_name(name):
    """(family, way, arguments); without a way it is ''."""
    family, *parts = [part for part in name.split("/") if not TECHNICAL.match(part)]
    way = parts.pop(0) if parts and not re.match(r"^(\w+:)?-?\d", parts[0]) else ""
    return family, way, tuple(parts)


def cost_ns(run):
    return run["cpu_ns"] if "cpu_ns" in run else run["cpu_time"] * TO_NS[run["time_unit"]]


def families(report):
    """{family: {arguments: {way: [the JSON of each repetition]}}}, in the order of the report."""
    found = {}
    for run in report["benchmarks"]:
        if run.get("run_type", "iteration") != "iteration" or run.get("error_occurred"):
            continue
        family, way, arguments = split_name(run.get("run_name", run["name"]))
        rows = found.setdefault(family, {})
        rows.setdefault(arguments, defaultdict(list))[way].append(run)
    return found


def medians(ways, figure):
    """{way: median of figure(run)} of those that have it."""
    listed = {way: [value for value in map(figure, runs) if value is not None]
              for way, runs in ways.items()}
    return {way: statistics.median(values) for way, values in listed.items() if values}


def ratio_to(ways, ours, other):
    """Of CPU per unit, repetition by repetition; None where one of them is not there."""
    if ours not in ways or other not in ways:
        return None
    pairs = zip(map(cost_ns, ways[ours]), map(cost_ns, ways[other]))
    ratios = [above / below for above, below in pairs if below > 0]
    if not ratios:
        return None
    middle, low, high = median_interval(ratios)
    return {"median": middle, "low": low, "high": high, "peer": other}


def numbers(arguments):
    """To sort by: the numbers of arguments such as 64 or size:64."""
    return [[int(digits) for digits in re.findall(r"\d+", word)] for word in arguments]


def counter(name):
    return lambda run: run.get(name)


def family_result(family, rows):
    """In the shape of bench/results.py, without what only comparisons of programs have."""
    made = []
    for arguments in sorted(rows, key=numbers):
        ways = rows[arguments]
        values = medians(ways, cost_ns)
        ours = next((way for way in OURS if way in values), None)
        others = {way: value for way, value in values.items() if "spate" not in way}
        best = min(others, key=others.get) if others else None
        made.append({"label": " / ".join(arguments) or family, "values": values,
                     "ratio": ratio_to(ways, ours, best), "control": None,
                     "work": medians(ways, counter("work/s")),
                     "times": medians(ways, counter("x_blocking"))})
    columns = list(dict.fromkeys(way for row in made for way in row["values"]))
    return {"name": f"micro-{family}", "title": family, "unit": "ns of CPU per unit of work",
            "programs": columns, "rows": made, "better": "lower"}


def plain_families(found):
    """Families that are one figure each, which share a table."""
    return [family for family, rows in found.items()
            if all(set(ways) == {""} for ways in rows.values())]
