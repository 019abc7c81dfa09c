"""The page of results: reads every JSON file of bench/results, writes README.md and the charts
beside them.

    scripts/bench page [--results FOLDER]
"""

import argparse
import json
import sys
from pathlib import Path

import families
import plot
from results import SCHEMA, markdown, number, table, under

ROOT = Path(__file__).resolve().parents[1]
# In this order; what is named otherwise comes after.
ORDER = ("serve", "get", "load", "relay", "stream", "line", "cold", "scale")
INTRODUCTION = """# Results

Written by `scripts/bench page` from the JSON files beside it; losses stand here like wins.

A figure is the median over the rounds; a round runs every program once, in random order. "spate /
best peer" is the median of the rounds' ratios, with the interval that holds the true median 19
times in 20; the best is the lowest, or the highest of what is counted per second. An interval that
spans 1 shows no difference. "control" is spate beside itself, run as one program more: what it
differs from 1 is noise. In charts with bars, each group has its own scale.
"""


def anchor(title):
    kept = (letter for letter in title.lower().replace(" ", "-") if letter.isalnum()
            or letter in "-_")
    return "".join(kept)


def heading(result):
    unit = result.get("unit")
    return f"{result['title']} ({unit})" if unit else result["title"]


def place(result):
    """In the order of the page, then by name; with another congestion control after its like."""
    congestion = result.get("congestion") or ""
    name = result["name"].removesuffix(f"-{congestion}")
    first = name.split("-")[0]
    return ORDER.index(first) if first in ORDER else len(ORDER), name, congestion


def chart(result):
    """The SVG, or None."""
    kind, title = result.get("chart", "bars"), heading(result)
    if kind == "lines":
        series = {name: [(row["x"], row["values"][name]) for row in result["rows"]
                         if row["values"].get(name) is not None]
                  for name in result["programs"]}
        return plot.lines(title, series, result.get("axis") or "")
    if kind == "bars":
        return plot.bars(title, result["programs"],
                         [(row["label"], row["values"]) for row in result["rows"]])
    return None


def section(result, folder):
    """A result as Markdown, its chart written beside it."""
    parts = [f"## {heading(result)}", markdown(result)]
    drawn = chart(result)
    if drawn:
        (folder / f"{result['name']}.svg").write_text(drawn)
        parts.append(f"![{result['title']}]({result['name']}.svg)")
    if result.get("notes"):
        parts.append("\n".join(f"- {note}" for note in result["notes"]))
    return "\n\n".join(parts)


def conditions(result):
    """How and where it was measured."""
    found = result["conditions"]
    versions = (text if name in text.lower() else f"{name} {text}"
                for name, text in found["versions"].items())
    return (f"By `{result['command']}`: {found['rounds']} rounds of {found['seconds']:g} s, seed "
            f"{found['seed']}; {found['date']}, Linux {found['kernel']}, {found['processors']} "
            f"processors ({found['cpu']}), {found['congestion_control']}; "
            f"{', '.join(versions)}.")


def sections(results, folder):
    """Tables that were measured together have their conditions once, below the last of them."""
    parts = []
    for result, following in zip(results, [*results[1:], None]):
        parts.append(section(result, folder))
        if not following or conditions(following) != conditions(result):
            parts.append(conditions(result))
    return parts


def micro_section(name, report, folder):
    """All families of one Google Benchmark program."""
    found = families.families(report)
    plain = families.plain_families(found)
    parts = [f"## {micro_title(name, report)}", micro_conditions(name, report)]
    if plain:
        lines = [["/".join([family, *arguments]), number(
            families.medians(ways, families.cost_ns)[""])]
            for family in plain for arguments, ways in found[family].items()]
        parts.append(table(["", "ns of CPU"], lines))
    for family in (each for each in found if each not in plain):
        result = families.family_result(family, found[family])
        parts += family_parts(under(result, report["context"].get("congestion")), folder)
    return "\n\n".join(parts)


def family_parts(result, folder):
    """Cost and, where they are counted, work per second and how many times the blocking twin's
    that is; and the chart of the cost."""
    parts = [f"### {result['title']}", f"CPU per unit of work, ns:\n\n{markdown(result)}"]
    for kind, said in (("work", "Work per second"), ("times", "Times the blocking twin's work")):
        if any(row[kind] for row in result["rows"]):
            shown = {**result, "rows": [{"label": row["label"], "values": row[kind]}
                                        for row in result["rows"]]}
            parts.append(f"{said}:\n\n{markdown(shown)}")
    (folder / f"{result['name']}.svg").write_text(chart(result))
    return [*parts, f"![{result['title']}]({result['name']}.svg)"]


def micro_name(name, report):
    """(the program's, the congestion control that was asked for)."""
    congestion = report["context"].get("congestion") or ""
    return name.removesuffix(f"-{congestion}"), congestion


def micro_title(name, report):
    return f"Microbenchmarks: {', '.join(filter(None, micro_name(name, report)))}"


def micro_conditions(name, report):
    found = report["context"]["conditions"]
    program, congestion = micro_name(name, report)
    command = f"scripts/bench micro {program}{' --congestion ' * bool(congestion)}{congestion}"
    return (f"By `{command}`: {found['date']}, Linux {found['kernel']}, "
            f"{found['processors']} processors ({found['cpu']}), {found['congestion_control']}; "
            "medians over the repetitions.")


def read(folder):
    """(results, {name: Google Benchmark's report}) of a folder; complains of what is neither."""
    results, micro = [], {}
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
        try:
            found = json.loads(path.read_text())
        except ValueError as error:
            sys.exit(f"page: {path}: {error}")
        if found.get("schema") == SCHEMA:
            results.append(found)
        elif "benchmarks" in found:
            micro[path.stem.removeprefix("micro-")] = found
        else:
            print(f"page: {path} is no result: left out", file=sys.stderr)
    return sorted(results, key=place), micro


def write(folder):
    results, micro = read(folder)
    titles = [heading(each) for each in results]
    titles += [micro_title(name, report) for name, report in micro.items()]
    contents = "\n".join(f"- [{title}](#{anchor(title)})" for title in titles)
    parts = sections(results, folder)
    parts += [micro_section(name, report, folder) for name, report in micro.items()]
    page = "\n\n".join([INTRODUCTION.strip(), contents, *parts]) + "\n"
    (folder / "README.md").write_text(page)
    return folder / "README.md"


def main(arguments):
    parser = argparse.ArgumentParser(prog="scripts/bench page", description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "bench/results", metavar="FOLDER")
    folder = parser.parse_args(arguments).results
    if not folder.is_dir() or not any(folder.glob("*.json")):
        print(f"page: no results in {folder}", file=sys.stderr)
        return 1
    print(write(folder))
    return 0
