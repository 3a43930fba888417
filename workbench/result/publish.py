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
a slice, by what is outside it                         blanked; other slices count in tens, so that no difference is exact
a period, by the rows before and after an onset        periods and changes count in tens, rates have no more digits than that
a rare text that names a cell of its own               the cell is left out, not blanked
a longest run of fewer than ten rows                   blanked with its value and dates
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
from workbench.result.cells import (
    SMALL_CELL,
    hide,
    is_small,
    rounded_count,
    rounded_rate,
    rounded_share,
    sample_size,
    share_step,
    shows_nothing,
    significant,
    to_step,
)

if TYPE_CHECKING:
    import pandas as pd

Tables = dict[str, "pd.DataFrame"]
Change = Callable[[float | None], float | None]
JOINT: Final = ("tpr", "fpr", "fnr", "tnr", "ppv", "npv", "accuracy")
"""Rates that read label and prediction: any three of them, with the margins, give all the others."""
MARGINS: Final = ("selection_rate", "base_rate")
COUNTED: Final = ("rows", "measured", "repeated")
"""How the numbers of a result that count rows begin."""
OTHER_VALUES: Final = " not in {"
"""In the condition of the cell that holds all values without a cell of their own."""
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
    if any(is_small(_total(numbers, name)) for name in ("rows", "rows_before")):
        return {name: _blank_rows(table, [True] * len(table)) for name, table in tables.items()}
    shown = {name: _blank_rows(table, _flags(table)) for name, table in tables.items()}
    needed, publish = PUBLISHERS.get(kind, ({}, None))
    if publish is None or any(not columns <= set(shown.get(name, ())) for name, columns in needed.items()):
        return shown
    return publish(dict(tables), numbers, roles if isinstance(roles, Mapping) else {})


def publish_numbers(numbers: Mapping[str, Plain]) -> dict[str, Plain]:
    """`numbers` with small counts of rows missing."""
    return {
        name: None if name.startswith(COUNTED) and is_small(_total(numbers, name)) else number for name, number in numbers.items()
    }


def hidden_conditions(tables: Mapping[str, pd.DataFrame], shown: Mapping[str, pd.DataFrame]) -> frozenset[str]:
    """The conditions that `tables` measure and their published form `shown` says nothing of, as predicates' texts."""
    from workbench.predicate import equals

    found: set[str] = set()
    for name, table in tables.items():
        left = shown.get(name)
        if "where" in table:
            found |= set(table["where"])
            found -= set() if left is None or "where" not in left else set(left["where"][~_series(left, _flags(left))])
        if {"attribute", "group", "rows"} <= set(table.columns) and left is not None:
            open_groups = left[~_series(left, _flags(left))]
            keys = set(zip(table["attribute"], table["group"], strict=True))
            keys -= set(zip(open_groups["attribute"], open_groups["group"], strict=True))
            found |= {str(equals(attribute, group)) for attribute, group in keys}
    return frozenset(found)


def _disparity(tables: Tables, _numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    groups, distances = tables["groups"].reset_index(drop=True), tables["disparities"].reset_index(drop=True)
    measures = [str(name) for name in groups.columns if {f"{name}_low", f"{name}_high"} <= set(groups.columns)]
    families = {measure: [measure] for measure in measures if measure in MARGINS}
    families |= {"joint": [measure for measure in measures if measure in JOINT]}
    sizes, gone = _values(groups["rows"]), set()
    hidden = {name: [False] * len(groups) for name in ("rows", *families)}
    for attribute, positions in groups.groupby("attribute", sort=False).indices.items():
        rows = [sizes[at] for at in positions]
        marks = hide(rows)
        gone |= {attribute} if shows_nothing(rows, marks) else set()
        parts = {"rows": marks}
        for name, family in families.items():
            parts[name] = hide([_fewest(groups.loc[at], family) for at in positions], marks)
        for name, part in parts.items():
            for at, mark in zip(positions, part, strict=True):
                hidden[name][at] = mark
    shown = _blank_rows(groups.assign(suppressed=hidden["rows"]), hidden["rows"])
    for name, family in families.items():
        shown = _blank(shown, [f"{measure}{end}" for measure in family for end in ("", "_low", "_high")], hidden[name])
    keys = list(zip(groups["attribute"], groups["group"], strict=True))
    secret = {name: {key for key, mark in zip(keys, marks, strict=True) if mark} for name, marks in hidden.items()}
    small = _flags(distances)
    marks = [mark or _is_secret(row, secret) for mark, row in zip(small, distances.itertuples(), strict=True)]
    distances = _blank_rows(distances.assign(suppressed=marks), marks)
    both = (("groups", shown), ("disparities", distances))
    return tables | {name: table[~table["attribute"].isin(gone)] for name, table in both}


def _is_secret(row: Any, secret: Mapping[str, set[tuple[Any, Any]]]) -> bool:
    """Whether a distance tells of a hidden group, on either side."""
    family = row.measure if row.measure in MARGINS else "joint"
    sides = ((row.attribute, row.group), (row.attribute, row.reference))
    return any(side in secret["rows"] or side in secret.get(family, ()) for side in sides)


def _fewest(row: Any, measures: Sequence[str]) -> float | None:
    """The fewest rows that one of `measures` is the rate of, in one group; None where it shows none of them."""
    sizes = [sample_size(*(_value(row[f"{measure}{end}"]) for end in ("", "_low", "_high"))) for measure in measures]
    return min((size for size in sizes if size is not None), default=None)


def _drift(tables: Tables, numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    cells, columns = tables["cells"].reset_index(drop=True), tables["columns"]
    marks, vague, touched = [False] * len(cells), [False] * len(cells), set(_touched(columns))
    for column, positions in cells.groupby("column", sort=False).indices.items():
        windows = [[_values(cells[name])[at] for at in positions] for name in ("rows", "rows_before")]
        hidden = [hide(window) for window in windows]
        if not any(map(any, hidden)):
            continue
        touched.add(str(column))
        nothing = any(shows_nothing(window, marked) for window, marked in zip(windows, hidden, strict=True))
        rest = any(OTHER_VALUES in cells["where"][at] for at in positions)
        for number, at in enumerate(positions):
            marks[at], vague[at] = nothing or any(marked[number] for marked in hidden), rest
    totals = {"": _total(numbers, "rows"), "_before": _total(numbers, "rows_before")}
    kept = cells[~_series(cells, marks)]
    loose = _series(cells, vague)[~_series(cells, marks)].tolist()
    kept = kept.assign(suppressed=loose)
    for end, total in totals.items():
        kept = _rewrite(kept, f"share{end}", _as_share(total), loose)
        kept = _blank(kept, [f"rows{end}"], loose)
        columns = _rewrite(columns, f"missing{end}", _as_share(total))
    least = min((total for total in totals.values() if total), default=None)
    tight = columns["column"].isin(touched).tolist()
    columns = _rewrite(columns, "distance", _as_distance(least), tight)
    columns = _blank(columns, ["psi"], tight)
    for name in ("p", "p_holm"):
        columns = _rewrite(columns, name, _as_digits(1), tight)
    return tables | {"cells": kept, "columns": columns}


def _touched(columns: pd.DataFrame) -> list[str]:
    """The columns of which a cell was hidden before: publishing again must round them again."""
    return [str(name) for name, psi in zip(columns["column"], columns["psi"], strict=True) if _value(psi) is None]


def _as_share(rows: float | None) -> Change:
    return lambda share: rounded_share(share, rows)


def _as_digits(digits: int) -> Change:
    return lambda number: significant(number, digits)


def _as_distance(rows: float | None) -> Change:
    """For a distance between distributions of `rows` rows: in steps of `SMALL_CELL` of them."""
    return lambda distance: None if distance is None or not rows else to_step(distance, share_step(rows))


def _integrity(tables: Tables, numbers: Mapping[str, Plain], roles: Mapping[str, Any]) -> Tables:
    columns = tables["columns"]
    for end, total in (("", _total(numbers, "rows")), ("_before", _total(numbers, "rows_before"))):
        for name in SHARES:
            columns = _rewrite(columns, f"{name}{end}", _as_share(total))
    columns = _rewrite(columns, "gone", _as_share(_total(numbers, "rows_before")))
    for name in [str(name) for name in columns if str(name).endswith("_p")]:
        measured = [f"{name.removesuffix('_p')}{end}" for end in ("", "_before")]
        columns = _rewrite(columns, name, _as_digits(1))
        columns = _blank(columns, [name], _lacking(columns, [part for part in measured if part in columns]))
    stray = [not _is_category(column, roles) for column in columns["column"]]
    for name in [name for name in ("new_value", "gone_value") if name in columns]:
        lacking = _lacking(columns, [name.removesuffix("_value")])
        columns = _blank(columns, [name], [mark or none for mark, none in zip(stray, lacking, strict=True)])
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
        rows = [rounded_count(count) for count in _values(table[f"rows_{end}"])]
        values = []
        for series, value, count in zip(table["series"], _values(table[end]), rows, strict=True):
            if series.startswith("missing share"):
                values.append(rounded_share(value, count))
            elif series.startswith("rate of"):
                values.append(rounded_rate(value, count))
            else:
                values.append(None if count is None else significant(value, 3))
        table = table.assign(**{f"rows_{end}": _column(table, rows), end: _column(table, values)})
    for name, digits in (("statistic", 3), ("spread", 3), ("p", 1)):
        table = _rewrite(table, name, _as_digits(digits))
    return table


def _timeline(table: pd.DataFrame) -> pd.DataFrame:
    """Periods in tens of rows; where they are too few to keep the small ones secret, more are hidden, the smallest first."""
    rows = _values(table["rows"])
    hidden = [count is None or is_small(count) for count in rows]
    while any(is_small(count) for count in rows) and not all(hidden) and _solvable(rows, hidden):
        smallest = min(count for count, mark in zip(rows, hidden, strict=True) if not mark and count is not None)
        hidden = [mark or count == smallest for count, mark in zip(rows, hidden, strict=True)]
    if shows_nothing(rows, hidden):
        return table[:0]
    counts = [None if mark else rounded_count(count) for count, mark in zip(rows, hidden, strict=True)]
    shown = table.assign(rows=_column(table, counts), suppressed=hidden)
    for name in [name for name in table if name not in ("start", "rows", "suppressed")]:
        values = zip(_values(table[name]), counts, strict=True)
        shown[name] = _column(table, [rounded_rate(value, count) for value, count in values])
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
    few = [count is None or is_small(count) for count in _values(table["run"])]
    table = _blank(table, [str(name) for name in table if name != "column"], few)
    table = _rewrite(table, "p", _as_digits(1))
    stray = [bool(roles.get("features")) and not _is_category(column, roles) for column in table["column"]]
    return _blank(table, ["value"], stray)


def _slices(tables: Tables, numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    table, total = tables["slices"], _total(numbers, "measured")
    rows = _values(table["rows"])
    before = _values(table["rows_before"]) if "rows_before" in table else rows
    rounded = [rounded_count(count) for count in rows]
    left = [_less(total, count) for count in rounded]
    sizes = zip(rows, before, left, (_less(total, count) for count in rows), strict=True)
    marks = [count is None or any(map(is_small, (count, *others))) for count, *others in sizes]
    counts = [None if mark else count for count, mark in zip(rounded, marks, strict=True)]
    pairs = zip(counts, left, strict=True)
    least = [min(count, rest) if count is not None and rest and rest > 0 else count for count, rest in pairs]
    shown = table.assign(rows=_column(table, counts), suppressed=marks)
    if "rows_before" in table:
        shown["rows_before"] = _column(table, [rounded_count(count) for count in before])
    for name in ("mean", "rest", "effect", "low", "high", "mean_before"):
        if name in table:
            values = zip(_values(table[name]), least, strict=True)
            shown[name] = _column(table, [rounded_rate(value, count) for value, count in values])
    for name, digits in (("score", 2), ("excess", 2), ("p", 1), ("p_adjusted", 1)):
        shown = _rewrite(shown, name, _as_digits(digits))
    return tables | {"slices": _blank_rows(shown, marks)}


def _less(total: float | None, count: float | None) -> float | None:
    return None if total is None or count is None else total - count


def _flags(table: pd.DataFrame) -> list[bool]:
    return table["suppressed"].astype(bool).tolist() if "suppressed" in table else [False] * len(table)


def _series(table: pd.DataFrame, marks: Sequence[bool]) -> pd.Series[bool]:
    import pandas as pd

    return pd.Series(list(marks), index=table.index, dtype=bool)


def _column(table: pd.DataFrame, values: Sequence[object]) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(list(values), index=table.index, dtype=object)


def _blank_rows(table: pd.DataFrame, marks: Sequence[bool]) -> pd.DataFrame:
    """`table` with every number missing in the rows that are marked; names and conditions stay."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    texts = [
        str(name)
        for name, column in table.items()
        if is_bool_dtype(column) or not (is_numeric_dtype(column) or any(_is_number(value) for value in column))
    ]
    return _blank(table, [str(name) for name in table if str(name) not in texts], marks)


def _blank(table: pd.DataFrame, names: Sequence[Any], marks: Sequence[bool]) -> pd.DataFrame:
    if not any(marks):
        return table
    hidden = _series(table, marks)
    return table.assign(**{str(name): table[name].astype(object).mask(hidden, None) for name in names})


def _rewrite(table: pd.DataFrame, name: str, change: Change, marks: Sequence[bool] | None = None) -> pd.DataFrame:
    """`table` with `change` applied to the numbers of one column, where it has it, in the rows that are marked (None: all)."""
    if name not in table or (marks is not None and not any(marks)):
        return table
    marks = [True] * len(table) if marks is None else marks
    old = zip(_values(table[name]), table[name].astype(object), marks, strict=True)
    return table.assign(**{name: _column(table, [change(value) if mark else raw for value, raw, mark in old])})


def _lacking(table: pd.DataFrame, names: Sequence[str]) -> list[bool]:
    """The rows in which one of the columns `names` is missing."""
    return table[list(names)].isna().any(axis=1).tolist() if len(names) else [False] * len(table)


def _total(numbers: Mapping[str, Plain], name: str) -> float | None:
    number = numbers.get(name)
    return float(number) if _is_number(number) else None  # type: ignore[arg-type]


def _values(column: pd.Series[Any]) -> list[float | None]:
    return [_value(value) for value in column]


def _value(value: Any) -> float | None:
    """A cell as a float; None where it is missing."""
    import pandas as pd

    return None if pd.isna(value) else float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Publisher = Callable[[Tables, Mapping[str, Plain], Mapping[str, Any]], Tables]
GROUP_COLUMNS: Final = {
    "groups": {"attribute", "group", "rows"},
    "disparities": {"attribute", "group", "reference", "measure"},
}
CELL_COLUMNS: Final = {
    "cells": {"column", "where", "share_before", "share", "rows_before", "rows"},
    "columns": {"column", "psi"},
}
PUBLISHERS: Final[Mapping[str, tuple[Mapping[str, set[str]], Publisher]]] = {
    "disparity": (GROUP_COLUMNS, _disparity),
    "drift": (CELL_COLUMNS, _drift),
    "integrity": ({"columns": {"column"}}, _integrity),
    "slices": ({"slices": {"where", "rows", "mean"}}, _slices),
}
"""Kind of result to the columns that its tables must have, and the function that publishes them."""
