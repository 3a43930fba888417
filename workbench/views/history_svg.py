"""A finding's history as one small picture that needs no script: lines on white, for a page and for print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import pandas as pd

from workbench.views.history import SIDES, shortened
from workbench.views.theme import GREY, INK, ORANGE, WHITE

LEFT: Final = 60
RIGHT: Final = 700
TOP: Final = 30
BOTTOM: Final = 150
KEY: Final = 330
"""Pixels from one entry of the key to the next."""
OPENING: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="720" height="192" viewBox="0 0 720 192" font-family="sans-serif"'
    ' font-size="12">'
    f'<rect width="720" height="192" fill="{WHITE}"/>'
)


def history_svg(form: Mapping[str, Any]) -> str:
    """The picture of what `workbench.views.history.history_form` gives; empty where nothing was followed over time."""
    values = [value for side in form["sides"] for value in side["values"] if value is not None]
    if len(form["starts"]) < 2 or not values:
        return ""
    moments = [pd.Timestamp(start).timestamp() for start in form["starts"]]
    from_zero = form["share"] or form["statistic"] == "rows"
    low, high = min(0.0, *values) if from_zero else min(values), max(values)
    place = Place(moments[0], moments[-1], low, high if high > low else low + 1)
    lines = [
        _polyline(side["values"], moments, place, color, _dashes(dash))
        for side, (color, _, dash) in zip(form["sides"], SIDES, strict=False)
    ]
    return "".join([OPENING, _onset(form, place), *lines, _axes(form, place), _key(form), "</svg>"])


class Place:
    """Where a moment and a value lie on the picture, in pixels."""

    def __init__(self, first: float, last: float, low: float, high: float) -> None:
        self.first, self.last, self.low, self.high = first, last, low, high

    def x(self, moment: float) -> float:
        """From the left; a moment outside lies on the edge."""
        share = (min(max(moment, self.first), self.last) - self.first) / (self.last - self.first)
        return round(LEFT + (RIGHT - LEFT) * share, 1)

    def y(self, value: float) -> float:
        """From the top."""
        return round(BOTTOM - (BOTTOM - TOP) * (value - self.low) / (self.high - self.low), 1)


def _dashes(dash: str) -> str:
    return ' stroke-dasharray="3 3"' if dash == "dot" else ""


def _polyline(values: Sequence[float | None], moments: Sequence[float], place: Place, color: str, dashes: str) -> str:
    """The line of one side, broken where a period is not shown; a period between two such is a dot."""
    parts: list[list[str]] = [[]]
    for moment, value in zip(moments, values, strict=True):
        if value is None:
            parts.append([])
        else:
            parts[-1].append(f"{place.x(moment)},{place.y(value)}")
    drawn = [
        f'<polyline points="{" ".join(part)}" fill="none" stroke="{color}" stroke-width="2"{dashes}/>'
        for part in parts
        if len(part) > 1
    ]
    for x, y in (part[0].split(",") for part in parts if len(part) == 1):
        drawn.append(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{color}"/>')
    return "".join(drawn)


def _onset(form: Mapping[str, Any], place: Place) -> str:
    if form["onset"] is None:
        return ""
    at, left, right = (place.x(pd.Timestamp(form[name]).timestamp()) for name in ("onset", "earliest", "latest"))
    sides = f'y="{TOP}" height="{BOTTOM - TOP}"'
    band = f'<rect x="{left}" width="{max(0.0, right - left):.1f}" {sides} fill="{ORANGE}" fill-opacity="0.15"/>'
    line = f'<line x1="{at}" y1="{TOP}" x2="{at}" y2="{BOTTOM}" stroke="{ORANGE}" stroke-width="2" stroke-dasharray="5 4"/>'
    early = at < (LEFT + RIGHT) / 2
    text = _text(at + (5 if early else -5), TOP + 11, f"began {form['onset'][:10]}", "start" if early else "end")
    return f"{band}{line}{text}"


def _axes(form: Mapping[str, Any], place: Place) -> str:
    show = "{:.0%}".format if form["share"] else "{:,.3g}".format
    labels = [_text(LEFT - 6, place.y(value) + 4, show(value), "end") for value in (place.low, place.high)]
    dates = [_text(LEFT, BOTTOM + 17, form["starts"][0][:10]), _text(RIGHT, BOTTOM + 17, form["starts"][-1][:10], "end")]
    frame = f'<path d="M{LEFT},{TOP} V{BOTTOM} H{RIGHT}" fill="none" stroke="{GREY}"/>'
    name = _text(LEFT, 16, f"{form['statistic']} of each {form['period']}")
    return "".join([frame, *labels, *dates, name])


def _key(form: Mapping[str, Any]) -> str:
    entries = []
    for number, (side, (color, _, dash)) in enumerate(zip(form["sides"], SIDES, strict=False)):
        x = LEFT + KEY * number
        entries.append(f'<line x1="{x}" y1="182" x2="{x + 24}" y2="182" stroke="{color}" stroke-width="2"{_dashes(dash)}/>')
        entries.append(_text(x + 30, 186, shortened(side["name"], 44)))
    return "".join(entries)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'
