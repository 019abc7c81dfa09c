"""Interleaved rounds, and what may be said of them.

The unit is a run of one program. A round runs each program once, in random order, so that what the
machine does meanwhile meets all of them. A figure is the median over the rounds. A ratio is the
median of the rounds' ratios, with the interval that holds the true median 19 times in 20; one that
spans 1 shows no difference. The control is the ratio of spate to itself, run as another program:
what it differs from 1 is noise.
"""

import json
import math
import statistics
import subprocess
import sys

from programs import RunFailed

OURS, CONTROL = "spate", "spate again"


def measured(run, name):
    """What the system refuses, what ends too late and what is no report is a failed run, too."""
    try:
        return run(name)
    except (OSError, subprocess.SubprocessError, json.JSONDecodeError) as failure:
        raise RunFailed(f"{type(failure).__name__}: {failure}") from failure


def attempt(run, name):
    """A run that fails is made once more: one hiccup shall not cost hours."""
    try:
        return measured(run, name)
    except RunFailed as failure:
        print(f"{name} once more: {failure}", file=sys.stderr)
        return measured(run, name)


def is_ours(name):
    """spate, its control, and spate with other options."""
    return name.startswith(OURS)


def interleave(names, settings, run):
    """{metric: {name: [a figure for each round]}}, of run(name), which gives {metric: figure}.

    A program beside ours that fails is left out from there on; its name has no figures then."""
    figures, left = {}, list(names)
    for _ in range(settings.rounds):
        for name in settings.chance.sample(left, len(left)):
            try:
                found = attempt(run, name)
            except RunFailed as failure:
                if is_ours(name):
                    raise
                print(f"{name} is left out: {failure}", file=sys.stderr)
                left.remove(name)
                for runs in figures.values():
                    runs.pop(name, None)
                continue
            for metric, figure in found.items():
                figures.setdefault(metric, {}).setdefault(name, []).append(figure)
    return {metric: {name: runs[name] for name in names if name in runs}
            for metric, runs in figures.items()}


def median_interval(values):
    """The median, and the order statistics that enclose the true one with 95 % at least (fewer
    than six values cannot promise that: then the least and the greatest)."""
    ordered = sorted(values)
    count, outside, low = len(ordered), 0.0, 0
    while low < count // 2:
        outside += 2 * math.comb(count, low) / 2**count
        if outside > 0.05:
            break
        low += 1
    low = max(low - 1, 0)
    return statistics.median(ordered), ordered[low], ordered[count - 1 - low]


def ratio(above, below):
    """Of two programs' figures, round by round."""
    middle, low, high = median_interval([a / b for a, b in zip(above, below, strict=True)])
    return {"median": middle, "low": low, "high": high}


def best_peer(medians, better):
    """The name of the program, among those beside ours, with the best figure; None if none is."""
    peers = {name: value for name, value in medians.items() if name not in (OURS, CONTROL)}
    choose = min if better == "lower" else max
    return choose(peers, key=peers.get) if peers else None


def row(label, runs, better="lower", rivals=None, x=None):
    """A row of a result from {name: [figures]}. Only `rivals` can be the best peer, if given."""
    medians = {name: statistics.median(values) for name, values in runs.items()}
    made = {"label": label, "values": {k: v for k, v in medians.items() if k != CONTROL},
            "runs": runs, "ratio": None, "control": None}
    if x is not None:
        made["x"] = x
    peer = best_peer({name: value for name, value in medians.items()
                      if rivals is None or name in rivals}, better)
    if peer and OURS in runs:
        made["ratio"] = {**ratio(runs[OURS], runs[peer]), "peer": peer}
    if CONTROL in runs and OURS in runs:
        made["control"] = ratio(runs[OURS], runs[CONTROL])
    return made
