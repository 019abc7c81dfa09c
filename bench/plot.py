"""Static charts as SVG, without scripts, light or dark as the reader's system is.

`bars`: a group of bars for each row, each group to its own scale, the figure written at the end of
each bar. `lines`: a line for each program over logarithmic axes; equal steps are equal ratios.
"""

import math
from xml.sax.saxutils import escape, quoteattr

from results import number

COLOURS = ("#2f7de1", "#d9822b", "#3a9d6b", "#a05fc4", "#c9504c", "#6f8296", "#b59a1f", "#3aa3b5")
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-weight: 600; font-size: 14px }
.small { font-size: 11px; fill: #666 } .grid { stroke: #ddd } .line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
 text { fill: #ddd } .small { fill: #aaa } .grid { stroke: #444 } }
</style>"""
WIDTH = 760


def colour(index):
    return COLOURS[index % len(COLOURS)]


def text(x, y, content, style="", anchor="start"):
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind} text-anchor="{anchor}">{escape(content)}</text>'


def document(height, title, parts):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label={quoteattr(title)}>',
        STYLE, text(12, 20, title, "title"), *parts, "</svg>", ""])


def legend(names, y):
    """The names in their colours, in as many lines as they need; and where the next line begins."""
    parts, x = [], 12
    for index, name in enumerate(names):
        width = 26 + 7.2 * len(name)
        if x + width > WIDTH:
            x, y = 12, y + 18
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour(index)}"/>')
        parts.append(text(x + 15, y, name))
        x += width
    return parts, y + 14


def bars(title, programs, groups):
    """`groups`: [(label, {program: figure})]. Programs without a figure have no bar."""
    parts, y = legend(programs, 42)
    left = 20 + min(280, max((7 * len(label) for label, _ in groups), default=0))
    room = WIDTH - left - 80
    for label, figures in groups:
        shown = [name for name in programs if figures.get(name) is not None]
        most = max((figures[name] for name in shown), default=0) or 1
        parts.append(text(left - 8, y + 5 + 7 * max(len(shown), 1), label, anchor="end"))
        for name in shown:
            width = max(1.0, room * figures[name] / most)
            fill = colour(programs.index(name))
            parts.append(f'<rect x="{left}" y="{y}" width="{width:.1f}" height="12" '
                         f'fill="{fill}"/>')
            parts.append(text(left + width + 5, y + 10, number(figures[name]), "small"))
            y += 14
        y += 10
    return document(y, title, parts)


def decades(low, high):
    """Powers of ten around what is shown; at least one decade."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def places(values, start, length):
    """The decades of these values, and the function that puts a value between them."""
    ticks = decades(min(values), max(values))
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    return ticks, lambda value: start + length * (math.log10(value) - low) / (high - low)


def short(value):
    """1, 10, ... 1k, 10k, 1M."""
    for scale, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:g}{unit}"
    return f"{value:g}"


def lines(title, series, axis):
    """`series`: {program: [(x, y)]}, all above zero; `axis` says what x is."""
    series = {name: [(x, y) for x, y in points if x > 0 and y > 0]
              for name, points in series.items()}
    points = [point for each in series.values() for point in each]
    if not points:
        return document(30, title, [])
    parts, top = legend(list(series), 42)
    left, height = 60, 240
    xs, across = places([x for x, _ in points], left, WIDTH - left - 40)
    ys, up = places([y for _, y in points], top + height, -height)
    for tick in xs:
        parts.append(f'<line class="grid" x1="{across(tick):.1f}" x2="{across(tick):.1f}" '
                     f'y1="{top}" y2="{top + height}"/>')
        parts.append(text(across(tick), top + height + 16, short(tick), "small", "middle"))
    for tick in ys:
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - 40}" y1="{up(tick):.1f}" '
                     f'y2="{up(tick):.1f}"/>')
        parts.append(text(left - 6, up(tick) + 4, short(tick), "small", "end"))
    for index, path in enumerate(series.values()):
        place = [(across(x), up(y)) for x, y in sorted(path)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in place)
        parts.append(f'<polyline class="line" stroke="{colour(index)}" points="{drawn}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour(index)}"/>'
                  for x, y in place]
    parts.append(text((left + WIDTH - 40) / 2, top + height + 34, axis, "small", "middle"))
    return document(top + height + 44, title, parts)
