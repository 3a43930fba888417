"""What others may see of a result: its tables without small cells, and without what would give them back.

Readers of a bundle are taken to know every total, every published table and this file. What could tell them the size of a small
cell, and what is done about it:

=====================================================  ======================================================================
a total less the other cells                           `workbench.result.cells.hide` hides more cells of the attribute or column
a group's size or rates, repeated in ``disparities``   blanked there too, also where it is the reference
a rate over fewer than ten of a group's rows           blanked with all joint rates of the group: the others would give it back
a joint rate, by adding up another attribute's groups  a second group's joint rates are blanked as well
a share times its rows                                 blanked with them
a distance or p-value over all cells of a column       rounded, psi left out, where a cell of the column is hidden
missing, new and unseen values as shares of a column   blanked where small, else in steps of ten rows or more
an intersection, by the groups it adds up to           more of its line are hidden, until no sum is solved for a small one
a slice, by what is outside it                         blanked; other slices count in tens, so that no difference is exact;
                                                       so do a worklist, and what complaints have in common
a period, by the rows before and after an onset        periods and changes count in tens, rates have no more digits than that;
                                                       so do the histories of findings, on both of their sides alike
a rare text that names a cell of its own               the cell is left out, not blanked
a replay's verdict on one input, by its id             left out, with what an error says; counts per target stay
rows that a repair changes, by the finding's           counted in tens
where a replay first diverges                          its call, where ten inputs or more were in it; no input, no score
a group's classes of people, by the other groups'       blanked as groups are; of other parts of the rows nothing is told
a longest run of fewer than ten rows                   blanked with its value and dates
a table with a row per person                          left out: the ids would name them
a whole result over fewer than ten rows                every number blanked
=====================================================  ======================================================================

What is counted *inside* a cell of ten or more (3 of 40 rows with a false positive) is the measurement itself and stays: it is
true of one of forty people, and nobody can tell of which. Publishing twice is publishing once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workbench.digest import Plain
from workbench.result.blanking import (
    Change,
    Tables,
    blank,
    blank_rows,
    flag_series,
    lacking_any,
    number_of,
    numbers_of,
    object_column,
    rewrite,
    suppressed_flags,
    total_of,
)
from workbench.result.cells import (
    SMALL_CELL,
    hide,
    is_small,
    rounded_count,
    rounded_rate,
    rounded_share,
    share_step,
    shows_nothing,
    significant,
    to_step,
)
from workbench.result.groups import GROUP_COLUMNS, hide_in, publish_disparity
from workbench.result.history import HISTORY_COLUMNS, SOUNDNESS_COLUMNS, publish_history, publish_soundness
from workbench.result.slices import CONJUNCTION_COLUMNS, SLICE_COLUMNS, publish_conjunctions, publish_slices

if TYPE_CHECKING:
    import pandas as pd

COUNTED: Final = ("rows", "measured", "repeated", "explained")
"""How the numbers of a result that count rows begin."""
AROUND_A_SLICE: Final = ("rows_inside", "explained_inside", "explained_outside", "evaluations")
"""Numbers of an explanation that give back how many rows are inside the slice, or outside."""
OTHER_VALUES: Final = " not in {"
"""In the condition of the cell that holds all values without a cell of their own."""
ROW_ID: Final = "row_id"
"""The column of a result's table that names one row of the log."""
OF_ONE: Final[Mapping[tuple[str, str], list[str]]] = {
    ("replay", "divergence"): [ROW_ID, "recorded_score", "score"],
    ("replay", "errors"): ["error"],
}
"""Kind of result and table to the columns that say something about one row; what is left of the table says nothing of it."""
SHARES: Final = ("missing", "mixed", "outside", "new")


def publish_tables(kind: str, tables: Mapping[str, pd.DataFrame], numbers: Mapping[str, Plain], roles: Any = None) -> Tables:
    """`tables` of a result of this kind as others may see them.

    Parameters
    ----------
    numbers
        Of the same result; totals are read from them.
    roles
        What columns are for, as the provenance holds it: only values of features, groups and outcomes are ever shown.
    """
    tables = {name: table.drop(columns=OF_ONE.get((kind, name), []), errors="ignore") for name, table in tables.items()}
    tables = {name: table for name, table in tables.items() if ROW_ID not in table}
    if any(is_small(total_of(numbers, name)) for name in ("rows", "rows_before", "rows_reference")):
        return {name: blank_rows(table, [True] * len(table)) for name, table in tables.items()}
    shown = {name: _without_marked(table) for name, table in tables.items()}
    needed, publish = PUBLISHERS.get(kind, ({}, None))
    if publish is None or any(not columns <= set(shown.get(name, ())) for name, columns in needed.items()):
        return shown
    return publish(dict(tables), numbers, roles if isinstance(roles, Mapping) else {})


def _without_marked(table: pd.DataFrame) -> pd.DataFrame:
    """`table` without the numbers of its marked rows, and without the sentences that hold them."""
    marks = suppressed_flags(table)
    return blank(blank_rows(table, marks), ["statement"] if "statement" in table else [], marks)


def publish_numbers(numbers: Mapping[str, Plain]) -> dict[str, Plain]:
    """`numbers` with small counts of rows missing."""
    small = {name for name in numbers if name.startswith(COUNTED) and is_small(total_of(numbers, name))}
    rows, inside = total_of(numbers, "rows"), total_of(numbers, "rows_inside")
    hidden = inside is None or rows is None or is_small(inside) or is_small(rows - inside)
    if hidden and "rows_inside" in numbers:
        small |= {name for name in numbers if name in AROUND_A_SLICE}
    return {name: None if name in small else number for name, number in numbers.items()}


def hidden_conditions(tables: Mapping[str, pd.DataFrame], shown: Mapping[str, pd.DataFrame]) -> frozenset[str]:
    """The conditions that `tables` measure and their published form `shown` says nothing of, as predicates' texts."""
    found: set[str] = set()
    for name, table in tables.items():
        left = shown.get(name)
        for column in [column for column in ("where", "slice") if column in table]:
            found |= set(table[column])
            if left is not None and column in left:
                found -= set(left[column][~flag_series(left, suppressed_flags(left))])
    return frozenset(found)


def _drift(tables: Tables, numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    cells, columns = tables["cells"].reset_index(drop=True), tables["columns"]
    marks, vague, touched = [False] * len(cells), [False] * len(cells), set(_touched(columns))
    for column, positions in cells.groupby("column", sort=False).indices.items():
        windows = [[numbers_of(cells[name])[at] for at in positions] for name in ("rows", "rows_before")]
        hidden = [hide(window) for window in windows]
        if not any(map(any, hidden)):
            continue
        touched.add(str(column))
        nothing = any(shows_nothing(window, marked) for window, marked in zip(windows, hidden, strict=True))
        rest = any(OTHER_VALUES in cells["where"][at] for at in positions)
        for number, at in enumerate(positions):
            marks[at], vague[at] = nothing or any(marked[number] for marked in hidden), rest
    totals = {"": total_of(numbers, "rows"), "_before": total_of(numbers, "rows_before")}
    kept = cells[~flag_series(cells, marks)]
    loose = flag_series(cells, vague)[~flag_series(cells, marks)].tolist()
    kept = kept.assign(suppressed=loose)
    for end, total in totals.items():
        kept = rewrite(kept, f"share{end}", _as_share(total), loose)
        kept = blank(kept, [f"rows{end}"], loose)
        columns = rewrite(columns, f"missing{end}", _as_share(total))
    least = min((total for total in totals.values() if total), default=None)
    tight = columns["column"].isin(touched).tolist()
    for name in ("distance", "low", "high", "by_chance"):
        columns = rewrite(columns, name, _as_distance(least), tight)
    columns = blank(columns, ["psi"], tight)
    for name in ("p", "p_holm"):
        columns = rewrite(columns, name, _as_digits(1), tight)
    return tables | {"cells": kept, "columns": columns}


def _touched(columns: pd.DataFrame) -> list[str]:
    """The columns of which a cell was hidden before: publishing again must round them again."""
    return [str(name) for name, psi in zip(columns["column"], columns["psi"], strict=True) if number_of(psi) is None]


def _as_share(rows: float | None) -> Change:
    return lambda share: rounded_share(share, rows)


def _as_digits(digits: int) -> Change:
    return lambda number: significant(number, digits)


def _as_distance(rows: float | None) -> Change:
    """For a distance between distributions of `rows` rows: in steps of `SMALL_CELL` of them."""
    return lambda distance: None if distance is None or not rows else to_step(distance, share_step(rows))


def _integrity(tables: Tables, numbers: Mapping[str, Plain], roles: Mapping[str, Any]) -> Tables:
    columns = tables["columns"]
    for end, total in (("", total_of(numbers, "rows")), ("_before", total_of(numbers, "rows_before"))):
        for name in SHARES:
            columns = rewrite(columns, f"{name}{end}", _as_share(total))
    columns = rewrite(columns, "gone", _as_share(total_of(numbers, "rows_before")))
    for name in [str(name) for name in columns if str(name).endswith("_p")]:
        measured = [f"{name.removesuffix('_p')}{end}" for end in ("", "_before")]
        columns = rewrite(columns, name, _as_digits(1))
        columns = blank(columns, [name], lacking_any(columns, [part for part in measured if part in columns]))
    stray = [not _is_category(column, roles) for column in columns["column"]]
    for name in [name for name in ("new_value", "gone_value") if name in columns]:
        lacking = lacking_any(columns, [name.removesuffix("_value")])
        columns = blank(columns, [name], [mark or none for mark, none in zip(stray, lacking, strict=True)])
    shown = tables | {"columns": columns}
    for name, publish in (("changes", _changes), ("timeline", _timeline)):
        if len(tables.get(name, ())):
            shown[name] = publish(tables[name])
    if not len(shown.get("timeline", [0])):
        del shown["timeline"]
    if len(tables.get("frozen", ())):
        shown["frozen"] = _frozen(tables["frozen"], roles)
    return shown


def _is_category(column: str, roles: Mapping[str, Any]) -> bool:
    """Whether roles call the column a feature, a group or an outcome; text of any other column may be about one person."""
    named = [*(roles.get("features") or ()), *(roles.get("groups") or ())]
    return column in [*named, *(roles.get(role) for role in ("prediction", "label", "score"))]


def _changes(table: pd.DataFrame) -> pd.DataFrame:
    for end in ("before", "after"):
        rows = [rounded_count(count) for count in numbers_of(table[f"rows_{end}"])]
        values = []
        for series, value, count in zip(table["series"], numbers_of(table[end]), rows, strict=True):
            if series.startswith("missing share"):
                values.append(rounded_share(value, count))
            elif series.startswith("rate of"):
                values.append(rounded_rate(value, count))
            else:
                values.append(None if count is None else significant(value, 3))
        table = table.assign(**{f"rows_{end}": object_column(table, rows), end: object_column(table, values)})
    for name, digits in (("statistic", 3), ("spread", 3), ("p", 1)):
        table = rewrite(table, name, _as_digits(digits))
    return table


def _timeline(table: pd.DataFrame) -> pd.DataFrame:
    """Periods in tens of rows; where they are too few to keep the small ones secret, more are hidden, the smallest first."""
    rows = numbers_of(table["rows"])
    hidden = [count is None or is_small(count) for count in rows]
    while any(is_small(count) for count in rows) and not all(hidden) and _solvable(rows, hidden):
        smallest = min(count for count, mark in zip(rows, hidden, strict=True) if not mark and count is not None)
        hidden = [mark or count == smallest for count, mark in zip(rows, hidden, strict=True)]
    if shows_nothing(rows, hidden):
        return table[:0]
    counts = [None if mark else rounded_count(count) for count, mark in zip(rows, hidden, strict=True)]
    shown = table.assign(rows=object_column(table, counts), suppressed=hidden)
    for name in [name for name in table if name not in ("start", "rows", "suppressed")]:
        values = zip(numbers_of(table[name]), counts, strict=True)
        shown[name] = object_column(table, [rounded_rate(value, count) for value, count in values])
    return shown


def _solvable(rows: Sequence[float | None], hidden: Sequence[bool]) -> bool:
    """Whether the total and the rounded periods leave a single possibility for the rows of the hidden ones together."""
    secret = [count for count, mark in zip(rows, hidden, strict=True) if mark and count is not None]
    shown = [count for count, mark in zip(rows, hidden, strict=True) if not mark and count]
    near = [rounded_count(count) or 0 for count in shown]
    most = sum(SMALL_CELL - 1 if is_small(count) else math.inf for count in secret)
    low = max(sum(secret) + sum(shown) - sum(count + SMALL_CELL // 2 - 1 for count in near), len(secret))
    high = min(sum(secret) + sum(shown) - sum(max(count - SMALL_CELL // 2, SMALL_CELL) for count in near), most)
    return high - low < 1


def _frozen(table: pd.DataFrame, roles: Mapping[str, Any]) -> pd.DataFrame:
    few = [count is None or is_small(count) for count in numbers_of(table["run"])]
    table = blank(table, [str(name) for name in table if name != "column"], few)
    table = rewrite(table, "p", _as_digits(1))
    stray = [bool(roles.get("features")) and not _is_category(column, roles) for column in table["column"]]
    return blank(table, ["value"], stray)


def _people(tables: Tables, _numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    """Groups as parts of all rows; parts that were asked for overlap them in any way, so that no count of them is safe."""
    from workbench.predicate import ALL_ROWS

    table = tables["slices"]
    table = table[(table["attribute"] != "") | (table["where"] == str(ALL_ROWS))].reset_index(drop=True)
    marks = suppressed_flags(table)
    sizes = numbers_of(table["n"])
    for attribute, places in table.groupby("attribute", sort=False).indices.items():
        if attribute:
            hide_in(marks, sizes, [int(at) for at in places])
    return {**tables, "slices": blank_rows(table.assign(suppressed=marks), marks)}


def _exposure(tables: Tables, numbers: Mapping[str, Plain], roles: Mapping[str, Any]) -> Tables:
    """As people, where a part has as many as the smaller of its members and its others."""
    table = tables["slices"]
    shown = _people({"slices": table.assign(n=table[["members", "others"]].min(axis=1))}, numbers, roles)["slices"]
    return {**tables, "slices": shown.assign(n=shown["members"] + shown["others"])}


def _replay(tables: Tables, _numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    """Where a version first diverges by its call, unless too few inputs were sent in that call; the level and the cause stay."""
    table = tables["divergence"]
    few = [count is None or is_small(count) for count in numbers_of(table["inputs"])]
    return tables | {"divergence": blank(table, ["call", "inputs"], few)}


def _hunt(tables: Tables, _numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    shown = {name: _without_marked(table) for name, table in tables.items()}
    return shown | {"activity": _timeline(tables["activity"])} if len(tables["activity"]) else shown


def _repair(tables: Tables, _numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    """Rows in tens, so that no difference to a finding's rows is the size of a small cell; what is gone to three digits."""
    shown = {name: _without_marked(table) for name, table in tables.items()}
    for table, names, change in (
        ("repairs", ("rows", "sampled", "rows_asked"), rounded_count),
        ("repairs", ("gone", "total"), _as_digits(3)),
        ("model", ("rows", "rows_asked"), rounded_count),
    ):
        for name in names:
            shown[table] = rewrite(shown[table], name, change)
    return shown


Publisher = Callable[[Tables, Mapping[str, Plain], Mapping[str, Any]], Tables]
CELL_COLUMNS: Final = {
    "cells": {"column", "where", "share_before", "share", "rows_before", "rows"},
    "columns": {"column", "psi"},
}
PUBLISHERS: Final[Mapping[str, tuple[Mapping[str, set[str]], Publisher]]] = {
    "complaints": ({"predicates": CONJUNCTION_COLUMNS}, publish_conjunctions),
    "disparity": (GROUP_COLUMNS, publish_disparity),
    "drift": (CELL_COLUMNS, _drift),
    "exposure": ({"slices": {"attribute", "n", "members", "others"}}, _exposure),
    "history": ({"periods": HISTORY_COLUMNS | {"start"}, "levels": HISTORY_COLUMNS | {"span"}}, publish_history),
    "hunt": ({"activity": {"start", "rows", "suppressed"}}, _hunt),
    "integrity": ({"columns": {"column"}}, _integrity),
    "privacy": ({"slices": {"attribute", "n"}}, _people),
    "repair": ({"repairs": {"rows", "sampled", "gone", "total"}, "model": {"rows"}}, _repair),
    "replay": ({"divergence": {"call", "inputs"}}, _replay),
    "slices": ({"slices": SLICE_COLUMNS}, publish_slices),
    "soundness": ({"periods": SOUNDNESS_COLUMNS}, publish_soundness),
    "worklist": ({"worklist": CONJUNCTION_COLUMNS}, publish_conjunctions),
}
"""Kind of result to the columns that its tables must have, and the function that publishes them."""
