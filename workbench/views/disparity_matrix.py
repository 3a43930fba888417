"""Groups side by side: the matrix of groups and measures, and the map of intersections, as blocks of the disparity panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from workbench.analysis.measures import MEASURES
from workbench.digest import Plain
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Result
from workbench.views.disparity_blocks import (
    Block,
    amount,
    count,
    evidence_text,
    figure_cell,
    interval,
    is_share,
    measure_words,
    number,
    ratio,
    text,
)

MAIN: Final = ("selection_rate", "base_rate", "fpr", "fnr", "ppv", "accuracy", "mean_score", "mean_residual", "mae")
"""Measures shown at first; the others on demand."""
MOST_GROUPS: Final = 40
"""Of one attribute in a matrix, and of one side of a map: the largest."""
Rows = Mapping[tuple[str, str], Mapping[Any, Any]]


def measures_of(groups: Result) -> list[str]:
    """The measures a result of kind ``disparity`` holds, in the order of `workbench.analysis.measures.MEASURES`.

    A result that was read from a file has its columns in another order than one that was just made.
    """
    table = groups.tables["groups"]
    return [measure for measure in MEASURES if f"{measure}_low" in table]


def levels_of(groups: Result) -> tuple[list[str], str | None]:
    """The attributes that part people alone, and the intersection of all where it was measured."""
    first = groups.tables["groups"].drop_duplicates("attributes")
    crossed = [len(Predicate.parse(where).conditions) > 1 for where in first["where"]]
    names = [str(name) for name in first["attributes"]]
    alone = [name for name, cross in zip(names, crossed, strict=True) if not cross]
    return alone, next((name for name, cross in zip(names, crossed, strict=True) if cross), None)


def suppressed_text(shown: Result) -> str:
    """How many groups are not told, and why; empty where all are."""
    table = shown.tables["groups"]
    hidden = int(table["suppressed"].sum())
    if not hidden:
        return ""
    return (
        f"Suppressed: {hidden} of {len(table)} groups and intersections, those of fewer than {SMALL_CELL} people and what would"
        " give them back."
    )


def matrix_block(shown: Result, attribute: str, *, with_hidden: bool = True) -> Block:
    """The groups of one attribute by measures; each cell with its interval, its distance and its ratio to the reference.

    Parameters
    ----------
    shown
        A published result of kind ``disparity``.
    with_hidden
        List suppressed groups too, by name; they are told of in number either way.
    """
    table = shown.tables["groups"]
    if not with_hidden:
        table = table[~table["suppressed"].astype(bool)]
    part = table[table["attributes"] == attribute].sort_values("n", ascending=False, na_position="last")
    apart = shown.tables["disparities"]
    apart = apart[apart["attributes"] == attribute]
    rows = {(str(row["group"]), str(row["measure"])): row for row in apart.to_dict("records")}
    measures = measures_of(shown)
    references = sorted({str(name) for name in apart["reference"]})
    groups = [_group(row, rows, measures, references) for row in part.head(MOST_GROUPS).to_dict("records")]
    words: list[Plain] = [{**measure_words(measure), "main": measure in MAIN} for measure in measures]
    return {
        "kind": "matrix", "attribute": attribute, "reference": ", ".join(references), "measures": words, "groups": groups,
        "more": max(0, len(part) - MOST_GROUPS),
    }  # fmt: skip


def _group(row: Mapping[Any, Any], rows: Rows, measures: list[str], references: list[str]) -> Plain:
    name = str(row["group"])
    hidden = bool(row["suppressed"])
    return {
        "label": name, "where": str(row["where"]), "hidden": hidden, "reference": name in references, "n": count(row["n"]),
        "cells": [_cell(row, rows.get((name, measure), {}), measure) for measure in measures],
    }  # fmt: skip


def _cell(row: Mapping[Any, Any], apart: Mapping[Any, Any], measure: str) -> Plain:
    value, low, high, among = (row[f"{measure}{end}"] for end in ("", "_low", "_high", "_n"))
    if number(value) is None:
        return None
    ends = interval(apart.get("low"), apart.get("high"), measure, sign=True)
    gap = f"{amount(apart.get('difference'), measure, sign=True)} {ends}"
    times = interval(apart.get("ratio_low"), apart.get("ratio_high"), "mae")
    return {
        "value": figure_cell(value, low, high, f"{amount(value, measure)} {interval(low, high, measure)}".strip()),
        "difference": figure_cell(apart.get("difference"), apart.get("low"), apart.get("high"), gap.strip()),
        "ratio": figure_cell(apart.get("ratio"), apart.get("ratio_low"), apart.get("ratio_high"),
                             f"{ratio(apart.get('ratio'))} {times}".strip()),
        "evidence": evidence_text(apart), "differs": apart.get("evidence") == "differs", "among": count(among),
    }  # fmt: skip


def map_block(shown: Result, level: str, measure: str = "selection_rate") -> Block:
    """The intersections as a map: the first attribute down, the others across; a cell holds a rate and its people."""
    table = shown.tables["groups"]
    part = table[table["attributes"] == level]
    attributes = [name for name in levels_of(shown)[0] if name in level]
    columns = [f"{name}_2" if f"{name}_2" in part else name for name in attributes]
    down = _names(part[columns[0]])
    across = part[columns[1:]].map(_name).agg(", ".join, axis=1)
    sizes = part.assign(down=down, across=across)
    tops = [
        sizes.groupby(side)["n"].sum().sort_values(ascending=False).index[:MOST_GROUPS].tolist() for side in ("down", "across")
    ]
    found = {(row["down"], row["across"]): row for row in sizes.to_dict("records")}
    used = measure if measure in measures_of(shown) else measures_of(shown)[0]
    cells: list[Plain] = [[_place(found.get((one, other)), used) for other in sorted(tops[1])] for one in tops[0]]
    return {
        "kind": "map", "title": f"{measure_words(used)['label']} by {level}", "down": tops[0], "across": sorted(tops[1]),
        "cells": cells, "of": columns[0], "by": ", ".join(attributes[1:]), "share": is_share(used),
    }  # fmt: skip


def _place(row: Mapping[Any, Any] | None, measure: str) -> Plain:
    if row is None:
        return None
    value = row[measure]
    told = f"{amount(value, measure)} {interval(row[f'{measure}_low'], row[f'{measure}_high'], measure)}".strip()
    return {"at": number(value), "text": amount(value, measure), "said": told, "n": count(row["n"]), "where": str(row["where"]),
            "hidden": bool(row["suppressed"]) or number(value) is None}  # fmt: skip


def _names(column: pd.Series[Any]) -> list[str]:
    return [_name(value) for value in column]


def _name(value: object) -> str:
    return "missing" if value is None or value != value else str(value)  # noqa: PLR0124  NaN


def rule_blocks(shown: Result) -> list[Block]:
    """Whether the four-fifths rule sounds, beside how often it would if nothing were wrong."""
    if "rule" not in shown.tables:
        return []
    return [text(_rule(row), "small") for row in shown.tables["rule"].to_dict("records")]


def _rule(row: Mapping[Any, Any]) -> str:
    often = amount(row["false_alarm_rate"], digits=0)
    alarm = f"on {count(row['groups'])} groups of these sizes it would in {often} of logs without any disparity"
    sounds = row["sounds"]
    if sounds is None or number(row["lowest_over_highest"]) is None:
        said = "not told, for it would tell of a small group"
    else:
        said = f"{'sounds' if sounds else 'is silent'} (lowest over highest rate {ratio(row['lowest_over_highest'])})"
    return f"Four-fifths rule by {row['attributes']}: {said}; {alarm}."
