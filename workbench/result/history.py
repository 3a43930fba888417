"""What was followed over time, as others may see it: rows in tens, and no small period, nor what would give one back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from workbench.digest import Plain
from workbench.result.blanking import Tables, flag_series, numbers_of, object_column
from workbench.result.cells import hide, rounded_count, rounded_rate, rounded_share, shows_nothing

if TYPE_CHECKING:
    import pandas as pd

FOLLOWED_COLUMNS: Final = {"side", "rows", "value", "low", "high", "suppressed"}
HISTORY_COLUMNS: Final = {"finding", *FOLLOWED_COLUMNS}
SOUNDNESS_COLUMNS: Final = {"series", "start", *FOLLOWED_COLUMNS}
CELLS: Final = ("missing share", "repeated rows", "share of ")
"""How the names of shares begin that are the size of a cell: of the rows that lack a value, or hold a certain one."""
OUTCOMES: Final = "share of positive "
"""How those begin that are a measurement inside a cell."""


def publish_history(tables: Tables, _numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    """Of each finding, each side's periods and all levels taken as a partition of its rows, see `workbench.result.cells.hide`.

    A period that is hidden on one side is hidden on the other: a rate over both sides is published elsewhere.
    """
    named = zip(tables["statistics"]["finding"], tables["statistics"]["statistic"], strict=True)
    cells = {finding for finding, name in named if _is_cell(name)}
    levels = _published(tables["levels"].reset_index(drop=True), ["finding"], cells)
    return tables | {"periods": _published_periods(tables["periods"], "finding", cells), "levels": levels}


def publish_soundness(tables: Tables, _numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    """Each series' periods likewise."""
    cells = {name for name in tables["periods"]["series"].unique() if _is_cell(name)}
    return tables | {"periods": _published_periods(tables["periods"], "series", cells)}


def _is_cell(name: str) -> bool:
    return name.startswith(CELLS) and not name.startswith(OUTCOMES)


def _published_periods(table: pd.DataFrame, of: str, cells: Collection[object]) -> pd.DataFrame:
    return _published(table.reset_index(drop=True), [of, "side"], cells, [of, "start"])


def _published(table: pd.DataFrame, parts: list[str], cells: Collection[object], beside: list[str] | None = None) -> pd.DataFrame:
    rows = numbers_of(table["rows"])
    marks = [False] * len(table)
    partitions = list(table.groupby(parts, sort=False).indices.values())
    for positions in partitions:
        for at, mark in zip(positions, hide([rows[at] for at in positions]), strict=True):
            marks[at] = mark
    for positions in table.groupby(beside, sort=False).indices.values() if beside else ():
        together = any(marks[at] for at in positions)
        for at in positions:
            marks[at] = together
    left = [False] * len(table)
    for positions in partitions:
        nothing = shows_nothing([rows[at] for at in positions], [marks[at] for at in positions])
        for at in positions:
            left[at] = nothing
    counted = [None if mark else rounded_count(count) for count, mark in zip(rows, marks, strict=True)]
    shown = table.assign(rows=object_column(table, counted), suppressed=[count is None for count in counted])
    bare = [low is None for low in numbers_of(table["low"])]
    sized = [key in cells for key in table[parts[0]]]
    values = zip(numbers_of(table["value"]), counted, bare, sized, strict=True)
    shown["value"] = object_column(table, [_value(*each) for each in values])
    hidden = [value is None for value in numbers_of(shown["value"])]
    for name in ("low", "high"):
        ends = zip(numbers_of(table[name]), counted, hidden, strict=True)
        shown[name] = object_column(table, [None if gone else rounded_rate(end, count) for end, count, gone in ends])
    return shown[~flag_series(table, left)].reset_index(drop=True)


def _value(value: float | None, count: int | None, bare: bool, sized: bool) -> float | None:  # noqa: FBT001  positions of a row
    """What is shown of a value: a cell's size in steps of ten rows, a bare count in tens, else as `count` rows can tell."""
    if count is None:
        return None
    if bare and value is not None and not sized:
        return float(count)
    return rounded_share(value, count) if sized else rounded_rate(value, count)
