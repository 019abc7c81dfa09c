"""Results: a JSON file for each table, and the table as Markdown.

    {"schema": "spate.bench/1", "name", "title", "command", "conditions", "unit", "better", "chart",
     "programs": [columns], "rows": [{"label", "values": {program: median},
     "runs": {program: [a figure for each round]}, "ratio": {"median", "low", "high", "peer"},
     "control": {"median", "low", "high"}, "x": place on a chart's axis}], "notes": [sentences],
     "congestion"}

`better` says whether "lower" or "higher" figures are. `chart` is "bars", "lines" (where rows have
an x) or None. `congestion` is there where --congestion was given: name and title end in it. Keys
are only ever added.
"""

import json

from rounds import CONTROL

SCHEMA = "spate.bench/1"


def result(name, title, unit, rows, better="lower", chart="bars", notes=(), axis=None):
    """Columns are the programs in the order in which rows name them first."""
    programs = list(dict.fromkeys(name for row in rows for name in row["values"]))
    return {"schema": SCHEMA, "name": name, "title": title, "unit": unit, "better": better,
            "chart": chart, "axis": axis, "programs": programs, "rows": rows,
            "notes": list(notes)}


def under(result, congestion):
    """Set apart from the same with the machine's own congestion control."""
    if not congestion:
        return result
    return {**result, "name": f"{result['name']}-{congestion}",
            "title": f"{result['title']}, {congestion}", "congestion": congestion}


def publish(results, settings, conditions):
    """Prints the tables, and writes the files unless that was declined."""
    for each in results:
        each = {**under(each, settings.congestion), "command": settings.command,
                "conditions": conditions}
        print(f"\n{each['title']}{', ' + each['unit'] if each['unit'] else ''}\n")
        print(markdown(each), flush=True)
        if not settings.no_results:
            settings.results.mkdir(parents=True, exist_ok=True)
            file = settings.results / f"{each['name']}.json"
            file.write_text(json.dumps(each, indent=1) + "\n")


def number(value):
    """Three digits that count, more where a number is large."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3g}"


def ratio_text(ratio):
    """Median, and in parentheses the interval that holds the true one 19 times in 20."""
    if ratio is None:
        return "–"
    text = f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"
    return f"{text} {ratio['peer']}" if "peer" in ratio else text


def table(heads, lines):
    """Markdown; the first column is text, the others are figures."""
    marks = ["---"] + ["---:"] * (len(heads) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, marks, *lines))


def markdown(result):
    """A row for each row; the ratios only where some row has them."""
    rows = result["rows"]
    has_ratio = any(row.get("ratio") for row in rows)
    has_control = any(row.get("control") for row in rows)
    programs = [name for name in result["programs"] if name != CONTROL]
    heads = [result.get("axis") or "", *programs]
    heads += ["spate / best peer"] * has_ratio + ["control"] * has_control
    lines = []
    for row in rows:
        cells = [row["label"], *(number(row["values"].get(name)) for name in programs)]
        cells += [ratio_text(row.get("ratio"))] * has_ratio
        cells += [ratio_text(row.get("control"))] * has_control
        lines.append(cells)
    return table(heads, lines)
