#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the panels of every dashboard as a Prometheus answers them, for who has no Grafana at hand.

    deploy/grafana/draw.py http://127.0.0.1:9090 FOLDER [--seconds 300] [--rate 1m]

Writes FOLDER/DASHBOARD.html, and .png where there is Chromium. It shows whether queries, legends and units make sense
together; it isn't how Grafana looks.
"""
import argparse
import glob
import html
import json
import math
import os
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dashboards")
CELL_WIDTH, CELL_HEIGHT = 60, 34  # Of Grafana's grid, 24 columns wide.
WIDTH = 24 * CELL_WIDTH
TITLE, LEGEND = 26, 15  # Heights: of a panel's title, of a line of its legend.
MOST_LEGENDS = 5
POINTS = 200
COLOURS = ["#3b82c4", "#e08a1e", "#3f9b57", "#c4443b", "#8560b8", "#8a6d4b", "#c971a8", "#6d7680", "#a5a52a", "#2aa5a5"]
STEPS = {"bytes": (1024, ["B", "KiB", "MiB", "GiB"]), "Bps": (1000, ["B/s", "kB/s", "MB/s", "GB/s"]),
         "ops": (1000, ["/s", "k/s", "M/s"]), "short": (1000, ["", "k", "M", "G"])}
STYLE = """body{margin:0;background:#eef0f2;font:12px sans-serif;color:#24292e;position:relative}
.panel{position:absolute;background:#fff;border:1px solid #d5d9dd;box-sizing:border-box;overflow:hidden}
.title{font-weight:bold;padding:5px 8px} .row{position:absolute;font-size:15px;font-weight:bold;padding:9px 4px}
.legend{padding:0 8px;font-size:11px;line-height:15px;white-space:nowrap} .none{color:#c4443b;padding:8px}
.stat{font-size:30px;padding:12px 8px} svg{display:block} text{font-size:10px;fill:#68717a}"""


class Source:
    def __init__(self, url, seconds, rate):
        self.url, self.seconds, self.rate, self.end = url.rstrip("/"), seconds, rate, time.time()

    def ask(self, expression):
        """[(labels, [(time from 0 to 1, value)])] over the whole time."""
        query = expression.replace("$instance", ".*").replace("$__rate_interval", self.rate)
        begin = self.end - self.seconds
        words = urllib.parse.urlencode({"query": query, "start": begin, "end": self.end, "step": self.seconds / POINTS})
        with urllib.request.urlopen(f"{self.url}/api/v1/query_range?{words}", timeout=30) as answer:
            found = json.load(answer)["data"]["result"]
        points = [(one["metric"], [((at - begin) / self.seconds, float(value)) for at, value in one["values"]])
                  for one in found]
        return [(labels, [point for point in line if math.isfinite(point[1])]) for labels, line in points]


def readable(value, unit):
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s" and 0 < abs(value) < 1:
        value, unit = (value * 1e3, "ms") if abs(value) >= 1e-3 else (value * 1e6, "µs")
    if unit not in STEPS:
        return f"{value:.3g} {unit}"
    base, names = STEPS[unit]
    step = min(len(names) - 1, int(math.log(abs(value), base))) if abs(value) >= 1 else 0
    return f"{value / base ** step:.4g} {names[step]}".strip()


def lines_of(panel, source):
    """[(legend, points)] of all its queries that found something."""
    for target in panel["targets"]:
        for labels, points in source.ask(target["expr"]):
            name = re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), target["legendFormat"])
            if points:
                yield name, points


def stack(lines):
    """Each on top of those before it."""
    below = {}
    for name, points in lines:
        for at, value in points:
            below[at] = below.get(at, 0) + value
        yield name, [(at, below[at]) for at, _ in points]


def unbroken(points):
    """Its parts between gaps."""
    part = []
    for point in points:
        if part and point[0] - part[-1][0] > 1.5 / POINTS:
            yield part
            part = []
        part.append(point)
    yield part


def chart(panel, lines, width, height):
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal"
    drawn = list(stack(lines)) if stacked else lines
    top = defaults.get("max") or max(value for _, points in drawn for _, value in points) * 1.05 or 1
    left, right, bottom = 62, width - 8, height - 6

    def place(at, value):
        return f"{left + at * (right - left):.1f},{bottom - min(value / top, 1) * (bottom - 8):.1f}"
    marks = [f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e6e8"/>'
             f'<text x="{left - 4}" y="{y + 3:.1f}" text-anchor="end">{readable(top * part, defaults["unit"])}</text>'
             for part in (0, 0.5, 1) for y in [bottom - part * (bottom - 8)]]
    paths = [f'<polyline fill="none" stroke-width="1.5" stroke="{COLOURS[i % len(COLOURS)]}" '
             f'points="{" ".join(place(*point) for point in part)}"/>'
             for i, (_, points) in enumerate(drawn) for part in unbroken(points)]
    return f'<svg width="{width}" height="{height}">{"".join(marks + paths)}</svg>'


def timeline(lines, width, height):
    """A bar for each, green where it is 1 and red where it is 0."""
    left, bar = 110, min(26, height / len(lines))
    parts = []
    for i, (name, points) in enumerate(lines):
        parts.append(f'<text x="{left - 6}" y="{i * bar + bar / 2 + 3:.1f}" text-anchor="end">{html.escape(name)}</text>')
        step = (width - left - 8) / POINTS
        parts += [f'<rect x="{left + at * (width - left - 8 - step):.1f}" y="{i * bar + 2:.1f}" width="{step + 0.5:.1f}" '
                  f'height="{bar - 4:.1f}" fill="{"#3f9b57" if value else "#c4443b"}"/>' for at, value in points]
    return f'<svg width="{width}" height="{height}">{"".join(parts)}</svg>'


def legend(panel, lines):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    said = [f'<span style="color:{COLOURS[i % len(COLOURS)]}">&#9632;</span> {html.escape(name)}: '
            f'{readable(points[-1][1], unit)}' for i, (name, points) in enumerate(lines)]
    more = [f"and {len(said) - MOST_LEGENDS} more"] if len(said) > MOST_LEGENDS else []
    return "".join(f'<div class="legend">{line}</div>' for line in said[:MOST_LEGENDS] + more)


def inside(panel, source, width, height):
    lines = list(lines_of(panel, source))
    if not lines:
        return '<div class="none">no data</div>'
    if panel["type"] == "stat":
        return f'<div class="stat">{readable(lines[0][1][-1][1], panel["fieldConfig"]["defaults"]["unit"])}</div>'
    if panel["type"] == "state-timeline":
        return timeline(lines, width, height - TITLE - 8)
    below = LEGEND * min(len(lines), MOST_LEGENDS + 1) + 8
    return chart(panel, lines, width, height - TITLE - below) + legend(panel, lines)


def page(board, source):
    """The page, and how high it is."""
    parts, bottom = [], 0
    for panel in board["panels"]:
        grid = panel["gridPos"]
        width, height = grid["w"] * CELL_WIDTH, grid["h"] * CELL_HEIGHT
        place = f'style="left:{grid["x"] * CELL_WIDTH}px;top:{grid["y"] * CELL_HEIGHT}px;width:{width}px;height:{height}px"'
        title = html.escape(panel["title"])
        bottom = max(bottom, grid["y"] * CELL_HEIGHT + height)
        if panel["type"] == "row":
            parts.append(f'<div class="row" {place}>{title}</div>')
        else:
            parts.append(f'<div class="panel" {place}><div class="title">{title}</div>'
                         f'{inside(panel, source, width - 2, height)}</div>')
    return f'<!doctype html><meta charset="utf-8"><title>{board["title"]}</title><style>{STYLE}</style>{"".join(parts)}', bottom


def photograph(path, height):
    browser = shutil.which("chromium")
    if browser is not None:
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                        f"--window-size={WIDTH},{height}", f"--screenshot={path}.png", f"file://{path}.html"],
                       check=True, capture_output=True, timeout=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prometheus")
    parser.add_argument("folder")
    parser.add_argument("--seconds", type=int, default=300, help="how far back")
    parser.add_argument("--rate", default="1m", help="Grafana's $__rate_interval")
    options = parser.parse_args()
    source = Source(options.prometheus, options.seconds, options.rate)
    os.makedirs(options.folder, exist_ok=True)
    for name in sorted(glob.glob(FOLDER + "/*.json")):
        with open(name, encoding="utf-8") as file:
            board = json.load(file)
        text, height = page(board, source)
        path = os.path.join(os.path.abspath(options.folder), board["uid"])
        with open(path + ".html", "w", encoding="utf-8") as file:
            file.write(text)
        photograph(path, height)


if __name__ == "__main__":
    main()
