"""The charts of the disparity panel as pictures that need no script: what `js/disparity/charts.js` draws, on white."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import pandas as pd

from workbench.views.theme import BLUE, FONT, GREY, GRID, INK, ORANGE, PALETTE, WHITE

WIDTH: Final = 900
LEFT: Final = 74
RIGHT: Final = 890
TOP: Final = 18
BOTTOM: Final = 246
KEY: Final = 200
"""Pixels from one entry of the key to the next."""
DASHES: Final = ("", "7 4", "2 3", "9 3 2 3", "4 4", "1 4")
"""A series differs by its dashes too, never by colour alone."""


class Drawing:
    """A picture with a line above and one below it."""

    def __init__(self, title: str, said: str, svg: str) -> None:
        self.title, self.said, self.svg = title, said, svg

    def _repr_html_(self) -> str:
        return f"<p><b>{escape(self.title)}</b></p>{self.svg}<p>{escape(self.said)}</p>"

    def __repr__(self) -> str:
        return f"{self.title}. {self.said}"


class _Place:
    """Where numbers lie on the picture, in pixels."""

    def __init__(self, across: tuple[float, float], up: tuple[float, float]) -> None:
        self.across, self.up = across, up

    def x(self, value: float) -> float:
        low, high = self.across
        return round(LEFT + (RIGHT - LEFT) * (value - low) / ((high - low) or 1), 1)

    def y(self, value: float) -> float:
        """From the top; what lies outside is drawn on the edge."""
        low, high = self.up
        return round(BOTTOM - (BOTTOM - TOP) * (min(max(value, low), high) - low) / (high - low), 1)


def chart_svg(block: Mapping[str, Any]) -> str:
    """A block of `workbench.views.disparity_curves.chart` as SVG."""
    place = _place(block)
    several = len(block["series"]) > 1
    height = 322 if several else 300
    lines = [_across(place, each["y"], each["text"]) for each in block["lines"]]
    parts = [
        *_axes(block, place), *(_span(place, span) for span in block["spans"]), _diagonal(place, block["diagonal"]), *lines,
        *(_series(each, number, place) for number, each in enumerate(block["series"])),
        *(_mark(place, mark, number) for number, mark in enumerate(block["marks"])),
        *(_key(block["series"]) if several else []),
    ]  # fmt: skip
    return _svg(height, f"{block['title']}. {block['said']}", parts)


def dots_svg(block: Mapping[str, Any]) -> str:
    """A block of kind ``dots`` as SVG: a ring for a rate as counted, a point with its interval as drawn towards the mean."""
    ends = [value for dot in block["dots"] for value in (dot["raw"], dot["at"], dot["low"], dot["high"]) if value is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    base = 26 * len(block["dots"]) + 8

    def x(value: float) -> float:
        return round(300 + 560 * (value - low) / ((high - low) or 1), 1)

    parts = [_line(x(block["mean"]), 0, x(block["mean"]), base, INK, "5 3")] if block["mean"] is not None else []
    for number, dot in enumerate(block["dots"]):
        y = 26 * number + 16
        parts.append(_text(290, y + 4, f"{dot['label']} ({dot['n']})", "end"))
        if dot["low"] is not None and dot["high"] is not None:
            parts.append(_line(x(dot["low"]), y, x(dot["high"]), y, BLUE, width=2))
        if dot["raw"] is not None:
            parts.append(f'<circle cx="{x(dot["raw"])}" cy="{y}" r="5" fill="none" stroke="{ORANGE}" stroke-width="2"/>')
        if dot["at"] is not None:
            parts.append(f'<circle cx="{x(dot["at"])}" cy="{y}" r="4" fill="{BLUE}"/>')
    parts += [_text(x(tick), base + 16, _written(tick, "share"), "middle") for tick in _ticks(low, high)]
    parts.append(_text(580, base + 36, block["label"], "middle"))
    return _svg(base + 44, f"{block['title']}. {block['label']}", parts)


def _svg(height: int, said: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"'
        f' aria-label="{escape(said)}" font-family="{escape(FONT)}" font-size="13">'
    )
    return "".join([head, f'<rect width="{WIDTH}" height="{height}" fill="{WHITE}"/>', *parts, "</svg>"])


def _place(block: Mapping[str, Any]) -> _Place:
    across = [value for each in block["series"] for value in each["x"]] + [span["to"] for span in block["spans"]]
    up = [value for each in block["series"] for name in ("y", "low", "high") for value in each[name]]
    low, high = _extent([*up, *(line["y"] for line in block["lines"])])
    low = low if block["least"] is None else max(low, block["least"])
    high = high if block["most"] is None else min(high, block["most"])
    room = 0.05 * ((high - low) or 1)
    first, last = block["across"] or _extent(across)
    return _Place((first, last), (low - room, high + room))


def _extent(values: Sequence[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return (min(known), max(known)) if known else (0.0, 1.0)


def _axes(block: Mapping[str, Any], place: _Place) -> list[str]:
    parts = []
    for tick in _ticks(*place.up):
        parts += [_line(LEFT, place.y(tick), RIGHT, place.y(tick), GRID),
                  _text(LEFT - 6, place.y(tick) + 4, _written(tick, block["unit"]), "end")]  # fmt: skip
    first, last = place.across
    stops = [first + (last - first) * part / 5 for part in range(6)] if block["axis"] == "time" else _ticks(first, last)
    for stop in stops:
        anchor = "end" if stop == last else "middle"
        parts += [_line(place.x(stop), BOTTOM, place.x(stop), BOTTOM + 5, GREY),
                  _text(place.x(stop), BOTTOM + 19, _written(stop, block["axis"]), anchor)]  # fmt: skip
    parts += [_text((LEFT + RIGHT) / 2, 292, block["xlabel"], "middle"), _text(0, 12, block["ylabel"])]
    return parts


def _span(place: _Place, span: Mapping[str, float]) -> str:
    first, last = place.across
    start, end = place.x(max(first, span["from"])), place.x(min(last, span["to"]))
    width = max(2.0, end - start)
    return f'<rect x="{start}" y="{TOP}" width="{width:.1f}" height="{BOTTOM - TOP}" fill="{ORANGE}" opacity="0.25"/>'


def _across(place: _Place, value: float, said: str) -> str:
    return _line(LEFT, place.y(value), RIGHT, place.y(value), INK, "5 3") + _text(RIGHT, place.y(value) - 4, said, "end")


def _diagonal(place: _Place, said: str) -> str:
    low, high = max(place.across[0], place.up[0]), min(place.across[1], place.up[1])
    if not said or low >= high:
        return ""
    line = _line(place.x(low), place.y(low), place.x(high), place.y(high), INK, "5 3")
    return line + _text(place.x(high) - 4, place.y(high) - 6, said, "end")


def _mark(place: _Place, mark: Mapping[str, Any], number: int) -> str:
    if not place.across[0] <= mark["x"] <= place.across[1]:
        return ""
    x = place.x(mark["x"])
    return _line(x, TOP, x, BOTTOM, INK, width=1.5) + _text(x + 3, TOP + 10 + 14 * (number % 3), mark["text"])


def _series(series: Mapping[str, Any], number: int, place: _Place) -> str:
    """A line with its band, broken where nothing is shown."""
    color, dashes = PALETTE[number % len(PALETTE)], DASHES[number % len(DASHES)]
    parts = []
    for run in _runs(series["y"]):
        banded = [at for at in run if series["low"][at] is not None and series["high"][at] is not None]
        ring = [(at, "low") for at in banded] + [(at, "high") for at in reversed(banded)]
        if ring:
            corners = " ".join(f"{place.x(series['x'][at])},{place.y(series[end][at])}" for at, end in ring)
            parts.append(f'<polygon points="{corners}" fill="{color}" opacity="0.2"/>')
        points = [(place.x(series["x"][at]), place.y(series["y"][at])) for at in run]
        drawn = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dashes}"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{color}"/>' for x, y in points] if len(run) < 80 else []
    return "".join(parts)


def _runs(values: Sequence[float | None]) -> list[list[int]]:
    """Positions of values that are known, in unbroken runs."""
    runs: list[list[int]] = []
    for at, value in enumerate(values):
        if value is None:
            continue
        if at and values[at - 1] is not None:
            runs[-1].append(at)
        else:
            runs.append([at])
    return runs


def _key(series: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = []
    step = min(KEY, (RIGHT - LEFT) / len(series))
    for number, each in enumerate(series):
        x = LEFT + step * number
        parts.append(_line(x, 310, x + 22, 310, PALETTE[number % len(PALETTE)], DASHES[number % len(DASHES)], 2))
        name = each["name"] if len(each["name"]) <= step // 8 - 3 else f"{each['name'][: int(step // 8) - 4]}…"
        parts.append(_text(x + 27, 314, name))
    return parts


def _line(  # noqa: PLR0917  two ends, then its look
    x1: float, y1: float, x2: float, y2: float, color: str, dashes: str = "", width: float = 1
) -> str:
    look = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{color}" stroke-width="{width}"{look}/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two ends, about five."""
    rough = (high - low) / 5
    if rough <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.6g}") for number in range(first, last + 1)]


def _written(value: float, kind: str) -> str:
    """A number on an axis: shares in per cent, times as dates."""
    if kind == "time":
        return pd.Timestamp(value, unit="ms").strftime("%Y-%m-%d")
    return f"{100 * value:.4g} %" if kind == "share" else f"{value:g}"
