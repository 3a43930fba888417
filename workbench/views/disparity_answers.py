"""The answers to what is asked of a disparity on demand, as blocks of the panel: stand-ins, remedies, slices inside a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from workbench.digest import Plain
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import SMALL_CELL, Result
from workbench.views.disparity_blocks import Block, amount, chance, count, interval, number, table, text

TABS: Final = {"proxies": "why", "slices": "why", "mitigation": "what_if"}
"""Inquiry to the tab of the panel it is asked in."""
MOST_FEATURES: Final = 12
TOP: Final = 5
STAND_INS: Final = (
    "AUC: the chance that a row of the group scores above one of the reference; 50 %: the features tell nothing, 100 %:"
    " everything. A model that never sees the attribute can follow it as far as that."
)
REMEDIES: Final = (
    "Measured on rows that no remedy learnt from; nothing is changed or advised. Groups that are suppressed, or have fewer than"
    f" {SMALL_CELL} people of either outcome on either side, are left out."
)


def answer_blocks(answer: Result, inside: Predicate = ALL_ROWS) -> list[Block]:
    """What an answer shows.

    Parameters
    ----------
    answer
        Of `workbench.analysis.disparity_inquiry.inquire`, published or not.
    inside
        The rows that slices were searched in, as a selection: a slice is selected within them.
    """
    return ANSWERS[answer.kind](answer.published(), inside)


def _proxies(shown: Result, _inside: Predicate) -> list[Block]:
    numbers = shown.numbers
    told = (
        f"{shown.title}: all features together reach an AUC of {amount(numbers['auc'])}; with the group shuffled"
        f" {amount(numbers['auc_shuffled'])} on average (p = {chance(numbers['p'])})."
    )
    spent = (
        f"Spent: {count(numbers['rows'])} rows, {numbers['folds']} folds, {numbers['permutations']} shuffles, Shapley values of"
        f" {count(numbers['explained'])} rows. {STAND_INS}"
    )
    rows = [
        [str(row["feature"]), amount(row["share"]), amount(row["alone"])]
        for row in shown.tables["features"].head(MOST_FEATURES).to_dict("records")
    ]
    columns = ["feature", "share of what tells the group", "AUC alone"]
    return [
        text(told),
        table(f"Stand-ins, the strongest first (at most {MOST_FEATURES})", columns, rows, [1, 2]),
        text(spent, "small"),
    ]


def _remedies(shown: Result, _inside: Predicate) -> list[Block]:
    rows = [_remedy(row) for row in shown.tables["previews"].to_dict("records")]
    columns = [
        "remedy", "gap in selection rate", "in FPR", "in FNR", "accuracy", "change of it (95 %)", "decisions changed",
        "for the person", "against the person",
    ]  # fmt: skip
    lots = [str(row["remedy"]) for row in shown.tables["previews"].to_dict("records") if row["randomised"] is True]
    skipped = [f"{row['remedy']}: {row['why']}" for row in shown.tables["skipped"].to_dict("records")]
    said = [text(f"Draw lots, so that two people alike may be decided differently: {'; '.join(lots)}.", "small")] if lots else []
    said += [text(f"Not tried: {'; '.join(skipped)}.", "small")] if skipped else []
    caption = f"What remedies would do to {count(shown.numbers['held_out'])} held-out decisions, and the price"
    return [table(caption, columns, rows, list(range(1, 9))), *said, text(REMEDIES, "small")]


def _remedy(row: Mapping[Any, Any]) -> list[str]:
    gaps = [amount(row[name]) for name in ("selection_gap", "fpr_gap", "fnr_gap")]
    if number(row["changed"]) == 0:
        return [str(row["remedy"]), *gaps, amount(row["accuracy"]), *["none"] * 4]
    change = f"{amount(row['accuracy_change'], sign=True)} {interval(row['low'], row['high'], sign=True)}"
    moved = f"{count(row['changed'])} ({amount(row['share_changed'])})"
    return [str(row["remedy"]), *gaps, amount(row["accuracy"]), change, moved, count(row["to_favorable"]),
            count(row["to_unfavorable"])]  # fmt: skip


def _slices(shown: Result, inside: Predicate) -> list[Block]:
    found = shown.tables["distinct"]
    rows = [row for row in found[found["suppressed"] != True].to_dict("records") if number(row["rows"])]  # noqa: E712  or missing
    if not rows:
        return [text(f"Inside {inside} no slice that is large enough fails more than the rest.", "small")]
    picks: list[Plain] = [_pick(row, inside) for row in rows[:TOP]]
    overall = amount(shown.numbers["overall"])
    caption = f"Where it fails most inside {inside} ({overall} of its decisions wrong); a button selects the slice"
    spent = f"Counted: {count(shown.numbers['counted'])} slices; p is adjusted for looking at all of them. Rows are told in tens."
    columns: list[Plain] = ["slice", "rows", "decisions wrong", "in the rest of the group", "p"]
    return [{"kind": "picks", "caption": caption, "columns": columns, "rows": picks}, text(spent, "small")]


def _pick(row: Mapping[Any, Any], inside: Predicate) -> Block:
    found = Predicate.parse(row["slice"])
    wrong = f"{amount(row['mean'])} {interval(row['low'], row['high'])}".strip()
    cells = [count(row["rows"]), wrong, amount(row["rest"]), chance(row["p_adjusted"])]
    return {"label": str(found), "where": str(inside & found), "cells": list(cells)}


ANSWERS: Final[Mapping[str, Callable[[Result, Predicate], list[Block]]]] = {
    "proxies": _proxies,
    "mitigation": _remedies,
    "slices": _slices,
}
