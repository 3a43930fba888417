"""What others may see of measures by group: no small group, no rate over few rows, and nothing that gives them back.

Groups of one attribute add up to all rows, and intersections add up to the groups of each attribute. A hidden cell must not be
the only unknown of such a sum, nor follow from several of them: what is hidden beside the small cells is chosen so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from workbench.digest import Plain
from workbench.result.blanking import Tables, blank, blank_rows, numbers_of, suppressed_flags
from workbench.result.cells import hide, is_small, shows_nothing

if TYPE_CHECKING:
    import pandas as pd

JOINT: Final = ("tpr", "fpr", "fnr", "tnr", "ppv", "npv", "accuracy", "balanced_error")
"""Rates that read label and prediction: any three of them, with the margins, give all the others."""
GROUP_COLUMNS: Final = {
    "groups": {"attributes", "group", "n", "where"},
    "disparities": {"attributes", "group", "reference", "measure", "where"},
}
TELLING: Final = ("four_fifths", "evidence", "below", "sounds", "sign_change")
"""Columns of words and truth values that are read off the numbers beside them."""
PARTS: Final = ("stratum", "bin_low")
"""Columns whose rows part a group further, so that they add up to it."""
HARMLESS: Final = ("overall",)
"""What is said of all groups together and tells of none."""
ENDS: Final = ("", "_low", "_high", "_n")


class Sums(NamedTuple):
    """Which cells add up to which; cells are named by their position.

    Attributes
    ----------
    levels
        Cells that add up to all rows.
    margins
        A cell, and the cells of an intersection that add up to it.
    """

    levels: list[list[int]]
    margins: list[tuple[int, list[int]]]


def publish_disparity(tables: Tables, _numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    """The tables of a result of kind ``disparity`` as others may see them."""
    groups = tables["groups"].reset_index(drop=True)
    families, sums = _families(groups), _sums_of(groups)
    sizes = numbers_of(groups["n"])
    rows = _hidden_cells(sizes, sums, [False] * len(groups))
    gone = {
        groups["attributes"][level[0]]
        for level in sums.levels
        if shows_nothing([sizes[at] for at in level], [rows[at] for at in level])
    }
    hidden = {"rows": rows}
    for name, family in families.items():
        hidden[name] = _hidden_cells(_fewest(groups, family), sums, rows)
    shown = blank_rows(groups.assign(suppressed=rows), rows)
    for name, family in families.items():
        shown = blank(
            shown, [f"{measure}{end}" for measure in family for end in ENDS if f"{measure}{end}" in shown], hidden[name]
        )
    secret = _Secret(groups, hidden, {measure: name for name, family in families.items() for measure in family})
    others = {name: _publish_other(table, secret) for name, table in tables.items() if name != "groups"}
    published = {"groups": shown, **others}
    return {name: table[~table["attributes"].isin(gone)] if "attributes" in table else table for name, table in published.items()}


class _Secret:
    """Which groups, and which of their measures, are not told."""

    def __init__(self, groups: pd.DataFrame, hidden: Mapping[str, Sequence[bool]], family_of: Mapping[str, str]) -> None:
        keys = list(zip(groups["attributes"], groups["group"], strict=True))
        self.hidden = {name: {key for key, mark in zip(keys, marks, strict=True) if mark} for name, marks in hidden.items()}
        self.touched = {name: {attributes for attributes, _ in keys} for name, keys in self.hidden.items()}
        self.family_of = family_of

    def of(self, row: Any) -> bool:
        """Whether a row of some table tells of a hidden group, on either side; without a group, of any of its level."""
        families = {"rows", self.family_of.get(getattr(row, "measure", ""), "rows")}
        group = getattr(row, "group", None)
        if getattr(row, "functional", "") in HARMLESS:
            return False
        if not isinstance(group, str):
            return any(row.attributes in self.touched[name] for name in families)
        sides = {(row.attributes, group), (row.attributes, getattr(row, "reference", group))}
        return any(sides & self.hidden[name] for name in families)


def _publish_other(table: pd.DataFrame, secret: _Secret) -> pd.DataFrame:
    """A table whose rows speak of groups or levels, without the numbers of the hidden ones."""
    if "attributes" not in table or not ({"group", "measure"} & set(table.columns)):
        return table
    table = table.reset_index(drop=True)
    marks = [mark or secret.of(row) for mark, row in zip(suppressed_flags(table), table.itertuples(), strict=True)]
    marks = _hide_parts(table, marks)
    if "false_alarm_rate" in table:
        return blank(table, ["lowest_over_highest", "sounds"], marks)
    shown = blank_rows(table.assign(suppressed=marks), marks)
    return blank(shown, [name for name in TELLING if name in shown], marks)


def _hide_parts(table: pd.DataFrame, marks: list[bool]) -> list[bool]:
    """`marks`, and what must be hidden beside them where the rows of a group add up to it."""
    if not set(PARTS) & set(table.columns):
        return marks
    for name in [name for name in ("n", "reference_n") if name in table]:
        sizes = numbers_of(table[name])
        for positions in table.groupby(["attributes", "group"], sort=False).indices.values():
            hide_in(marks, sizes, [int(at) for at in positions])
    return marks


def _families(groups: pd.DataFrame) -> dict[str, list[str]]:
    """Measures that give each other away, together."""
    measures = [str(name) for name in groups.columns if {f"{name}_low", f"{name}_high", f"{name}_n"} <= set(groups.columns)]
    families = {measure: [measure] for measure in measures if measure not in JOINT}
    return families | {"joint": [measure for measure in measures if measure in JOINT]}


def _sums_of(groups: pd.DataFrame) -> Sums:
    """The sums that the cells obey, read from their conditions."""
    from workbench.predicate import Predicate

    place = {where: at for at, where in enumerate(groups["where"])}
    children: dict[int, list[int]] = {}
    for at, where in enumerate(groups["where"]):
        conditions = Predicate.parse(where).conditions
        for condition in conditions if len(conditions) > 1 else ():
            parent = place.get(str(Predicate((condition,))))
            if parent is not None:
                children.setdefault(parent, []).append(at)
    levels = [list(map(int, positions)) for positions in groups.groupby("attributes", sort=False).indices.values()]
    return Sums(levels, list(children.items()))


def _fewest(groups: pd.DataFrame, measures: Sequence[str]) -> list[float | None]:
    """The fewest rows that one of `measures` is the rate of, per group; 0 or None where none of them is a rate of any row.

    A rate over no row says nothing; it must not stand for the others, which may be over few.
    """
    columns = [numbers_of(groups[f"{measure}_n"]) for measure in measures]
    return [_least(sizes) for sizes in zip(*columns, strict=True)] or [None] * len(groups)


def _least(sizes: Sequence[float | None]) -> float | None:
    known = [size for size in sizes if size is not None]
    return min((size for size in known if size), default=min(known, default=None))


def _hidden_cells(sizes: Sequence[float | None], sums: Sums, marks: Sequence[bool]) -> list[bool]:
    """The cells to hide so that no small one can be solved for, those of `marks` among them."""
    hidden = [mark or size is None for mark, size in zip(marks, sizes, strict=True)]
    while True:
        before = list(hidden)
        for level in sums.levels:
            hide_in(hidden, sizes, level)
        for margin, cells in sums.margins:
            if hidden[margin]:
                for at in cells:
                    hidden[at] = True
            else:
                hide_in(hidden, sizes, cells)
        if hidden == before and not _hide_more(hidden, sizes, sums):
            return hidden


def hide_in(hidden: list[bool], sizes: Sequence[float | None], cells: Sequence[int]) -> None:
    """Hide what the small ones among `cells` need beside them, counting the larger ones that are hidden already."""
    marks = hide([sizes[at] for at in cells], [hidden[at] and not is_small(sizes[at]) for at in cells])
    for at, mark in zip(cells, marks, strict=True):
        hidden[at] = hidden[at] or mark


def _hide_more(hidden: list[bool], sizes: Sequence[float | None], sums: Sums) -> bool:
    """Hide one more intersection where all sums together still give away a small one; whether there was need, and one to hide.

    Where none is left to hide, the whole level is left out, and with it the knowledge of which intersections are empty.
    """
    known = {at for at in _solvable(hidden, sums) if is_small(sizes[at])}
    lines = [cells for _, cells in sums.margins if known & set(cells)] if known else []
    near = [at for cells in lines for at in cells if not hidden[at]]
    shown = near or [at for _, cells in sums.margins for at in cells if known and not hidden[at]]
    if not shown:
        return False
    hidden[min(shown, key=lambda at: (sizes[at] or 0, at))] = True
    return True


def _solvable(hidden: Sequence[bool], sums: Sums) -> list[int]:
    """Hidden cells that the totals and the shown cells determine: those on which no solution of the sums can differ."""
    unknown = [at for at, mark in enumerate(hidden) if mark]
    if not unknown or not sums.margins:
        return []
    column = {at: number for number, at in enumerate(unknown)}
    equations = [[(at, 1.0) for at in level] for level in sums.levels]
    equations += [[(margin, -1.0), *((at, 1.0) for at in cells)] for margin, cells in sums.margins]
    matrix = np.zeros((len(equations), len(unknown)))
    for number, terms in enumerate(equations):
        for at, factor in terms:
            if at in column:
                matrix[number, column[at]] = factor
    _, singular, basis = np.linalg.svd(matrix, full_matrices=True)
    rank = int((singular > 1e-9).sum())
    free = np.abs(basis[rank:]).max(axis=0, initial=0.0) > 1e-9
    return [at for at, loose in zip(unknown, free, strict=True) if not loose]
