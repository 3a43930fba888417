"""Slices as others may see them: in tens of rows, so that no difference of two nested slices is the size of a small cell.

So are the conjunctions of a worklist, and those that complaints have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from workbench.digest import Plain
from workbench.result.blanking import Tables, blank, blank_rows, numbers_of, object_column, rewrite, total_of
from workbench.result.cells import is_small, rounded_count, rounded_rate, significant

if TYPE_CHECKING:
    import pandas as pd

SLICE_COLUMNS: Final = {"slice", "size", "rows", "mean"}
CONJUNCTION_COLUMNS: Final = {"where", "rows", "suppressed"}
RATES: Final = (
    "mean", "rest", "effect", "low", "high", "effect_low", "effect_high", "mean_before", "got_worse", "grew", "gain",
    "refined_mean", "found_mean", "kept_mean", "conflicts", "effect_corrected", "corrected_low", "corrected_high",
)  # fmt: skip
DIGITS: Final = (
    ("loss", 2), ("score", 2), ("excess", 2), ("p", 1), ("p_adjusted", 1), ("refined_p", 1),
    ("kept_p", 1), ("kept_p_adjusted", 1), ("harm", 2), ("needed", 2), ("expected", 2), ("lift", 2),
)  # fmt: skip
COUNTS: Final = ("size_before", "refined_size", "found_size", "kept_size", "people")
TEXTS: Final = ("reason",)
"""That tell what was counted: no number, and blank with the numbers."""


def publish_slices(tables: Tables, numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    """Every table of slices with sizes in tens, and nothing in the rows where the slice, or what is outside it, is small."""
    total = total_of(numbers, "measured")
    return {name: _publish(table, total) if set(table) >= SLICE_COLUMNS else table for name, table in tables.items()}


def publish_conjunctions(tables: Tables, numbers: Mapping[str, Plain], _roles: Mapping[str, Any]) -> Tables:
    """Every table of conjunctions and their rows likewise."""
    total = total_of(numbers, "rows")
    return {name: _publish(table, total) if set(table) >= CONJUNCTION_COLUMNS else table for name, table in tables.items()}


def _publish(table: pd.DataFrame, total: float | None) -> pd.DataFrame:
    rows = numbers_of(table["rows"])
    before = next((numbers_of(table[name]) for name in ("size_before", "people") if name in table), rows)
    rounded = [rounded_count(count) for count in rows]
    left = [_less(total, count) for count in rounded]
    sizes = zip(rows, before, left, (_less(total, count) for count in rows), strict=True)
    marks = [count is None or any(map(is_small, (count, *others))) for count, *others in sizes]
    counts = [None if mark else count for count, mark in zip(rounded, marks, strict=True)]
    least = [min(count, rest) if count and rest and rest > 0 else count for count, rest in zip(counts, left, strict=True)]
    shown = table.assign(rows=object_column(table, counts), suppressed=marks)
    if "size" in table:
        sizes_told = numbers_of(table["size"])
        shown["size"] = object_column(table, counts if sizes_told == rows else [significant(size, 2) for size in sizes_told])
    for name in [name for name in COUNTS if name in table]:
        shown[name] = object_column(table, [rounded_count(count) for count in numbers_of(table[name])])
    for name in [name for name in RATES if name in table]:
        values = zip(numbers_of(table[name]), least, strict=True)
        shown[name] = object_column(table, [rounded_rate(value, count) for value, count in values])
    for name, digits in DIGITS:
        shown = rewrite(shown, name, lambda value, digits=digits: significant(value, digits))  # type: ignore[misc]
    return blank_rows(blank(shown, [name for name in TEXTS if name in shown], marks), marks)


def _less(total: float | None, count: float | None) -> float | None:
    return None if total is None or count is None else total - count
