"""From slices to work: what to relabel, collect or fix, the most harmful first, each with the predicate of its rows.

What is to be done with a slice is read from its rows, in this order:

=========  ====================================================================================================================
fix data   a condition of the slice is *missing*: the model fails where a value is not there
relabel    rows with the very same features have different labels, so that no model can be right on all of them: the share of
           rows in the minority among their twins exceeds that outside (Newcombe's 95 % interval above 0) and, where the loss
           is 0 or 1, by at least half of the effect; or a feature is missing that tells them apart
collect    the slice has fewer rows than are needed to know its loss to within half of its effect: a change of the model could
           not be judged
fix model  none of these: the model is wrong where the data are there, agree, and suffice
=========  ====================================================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.losses import default_loss, row_loss
from workbench.data.dataset import Dataset
from workbench.digest import canonical_json
from workbench.errors import InputError, StorageError
from workbench.files import write_whole
from workbench.predicate import Missing, Predicate
from workbench.result import SMALL_CELL, Result, provenance, records

NORMAL_95: Final = 1.959963984540054
FORMATS: Final = (".csv", ".json")


@dataclass(frozen=True, eq=False)
class Measured:
    """What the rows of a slice say of it: its loss inside and outside, and how its labels agree."""

    rows: int
    mean: float
    rest: float
    spread: float
    conflicts: tuple[int, int, int, int]
    share: bool

    @property
    def effect(self) -> float:
        """How much worse it is than the rest."""
        return self.mean - self.rest

    @property
    def is_contradictory(self) -> bool:
        """Whether labels that contradict each other explain it."""
        hits, size, other_hits, other_size = self.conflicts
        if not size or not other_size:
            return False
        enough = not self.share or hits / size - other_hits / other_size >= self.effect / 2
        return enough and float(stats.newcombe(hits, size, other_hits, other_size).low) > 0

    @property
    def needed(self) -> int:
        """Rows for a 95 % interval of the mean no wider than half of the effect to either side."""
        return int(np.ceil((2 * NORMAL_95 * self.spread / self.effect) ** 2)) if self.effect > 0 else 0


def make_worklist(
    dataset: Dataset,
    slices: Result | pd.DataFrame | Sequence[Predicate | str],
    *,
    loss: str | np.ndarray | None = None,
    features: Sequence[str] | None = None,
) -> Result:
    """What to do about `slices`.

    Parameters
    ----------
    slices
        Predicates, or what `find_slices` returned (its Result, or the table of ``.top``). Rows count alike.
    loss
        As in `row_loss`; None: what the roles allow.
    features
        The columns that twins have in common; None: the dataset's features.

    Returns
    -------
    Result
        Table ``worklist``, most harmful first: ``action``, ``where``, ``reason``, rows, people, mean, rest, ``harm`` (loss beyond
        the rest's level, in rows x loss), ``needed`` (rows to know the loss to within half the effect), ``conflicts`` (share of
        its rows with another label than most of their twins; missing without labels). Slices that are no worse than the rest are
        left out; ``numbers["left_out"]`` counts them.

    Raises
    ------
    InputError
        For a table without a column ``slice`` or ``where``, and for a slice that holds no measured row, or all.
    """
    chosen = default_loss(dataset) if loss is None else loss
    values = row_loss(dataset, chosen, signed=True).values
    columns = tuple(features if features is not None else dataset.features)
    conflicting = _conflicting(dataset, columns)
    wheres = _predicates(slices)
    measured = [_measure(where, where.mask(dataset.frame), values, conflicting) for where in wheres]
    listed = [
        {"action": action, "where": str(where), "reason": reason, **_row(dataset, where, found)}
        for where, found in zip(wheres, measured, strict=True)
        if found.effect > 0
        for action, reason in [_action(where, found)]
    ]
    names = ["action", "where", "reason", "rows", "people", "mean", "rest", "harm", "needed", "conflicts", "suppressed"]
    table = pd.DataFrame(listed, columns=names).sort_values("harm", ascending=False, kind="stable", ignore_index=True)
    said = chosen if isinstance(chosen, str) else "given"
    arguments = {"slices": [str(where) for where in wheres], "loss": said, "features": columns, "roles": dataset.given.said()}
    return Result(
        kind="worklist",
        title="What to do about the slices",
        tables={"worklist": table},
        numbers={"rows": dataset.rows, "loss": said, "left_out": len(wheres) - len(table)},
        where=dataset.where,
        provenance=provenance(arguments, fingerprint=dataset.fingerprint),
    )


def export_worklist(result: Result, path: str | Path) -> Path:
    """Write the worklist with each predicate as text and as JSON; CSV or JSON by the ending of `path`.

    Raises
    ------
    InputError
        For another ending.
    StorageError
        If the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError("no such form of a worklist", path.name, f"Endings: {', '.join(FORMATS)}.")
    if not path.parent.is_dir():
        raise StorageError("no such folder", str(path.parent), "Make it first.")
    table = result.tables["worklist"].copy()
    forms = [Predicate.parse(where).to_dict() for where in table["where"]]
    if path.suffix.lower() == ".csv":
        write_whole(path, table.assign(predicate=[canonical_json(form).decode() for form in forms]).to_csv(index=False))
    else:
        rows = [{**cast("dict[str, Any]", row), "predicate": form} for row, form in zip(records(table), forms, strict=True)]
        write_whole(path, canonical_json({"schema": "workbench.worklist/1", "worklist": rows}))
    return path


def _predicates(slices: Result | pd.DataFrame | Sequence[Predicate | str]) -> list[Predicate]:
    table = slices.tables.get("slices") if isinstance(slices, Result) else slices
    if isinstance(table, pd.DataFrame):
        name = next((name for name in ("slice", "where") if name in table), None)
        if name is None:
            raise InputError("no slices in this table", ", ".join(map(str, table.columns)), "Give what find_slices returned.")
        table = table[name].tolist()
    if table is None:
        raise InputError("no slices in this result", getattr(slices, "kind", None), "Give what find_slices returned.")
    return [Predicate.parse(where) if isinstance(where, str) else where for where in table]


def _conflicting(dataset: Dataset, columns: Sequence[str]) -> np.ndarray | None:
    """Whether each row has another label than most rows with the same features; None without labels."""
    if not dataset.has("label"):
        return None
    label = dataset.role("label")
    codes, _ = pd.factorize(label)
    twins = dataset.frame.groupby(list(columns), dropna=False, sort=False, observed=True).ngroup().to_numpy()
    alike = pd.DataFrame({"twins": twins, "label": codes})[codes >= 0]
    votes = alike.groupby(["twins", "label"]).size().rename("votes").reset_index()
    most = votes.sort_values("votes", kind="stable").drop_duplicates("twins", keep="last").set_index("twins")["label"]
    return np.asarray((codes >= 0) & (most.reindex(twins).to_numpy() != codes))


def _measure(where: Predicate, inside: np.ndarray, values: np.ndarray, conflicting: np.ndarray | None) -> Measured:
    defined = ~np.isnan(values)
    within, beyond = values[inside & defined], values[~inside & defined]
    if not len(within) or not len(beyond):
        shown = f"{where} has {len(within)} of {len(within) + len(beyond)} measured rows"
        raise InputError("nothing to hold the slice against", shown, "Leave it out.")
    sides = (inside, ~inside)
    conflicts = [(0, 0)] * 2 if conflicting is None else [(int(conflicting[side].sum()), int(side.sum())) for side in sides]
    share = bool(np.isin(values[defined], (0, 1)).all())
    means = float(within.mean()), float(beyond.mean())
    return Measured(len(within), *means, float(within.std()), (*conflicts[0], *conflicts[1]), share)


def _action(where: Predicate, found: Measured) -> tuple[str, str]:
    """What to do, and why."""
    absent = [condition.column for condition in where.conditions if isinstance(condition, Missing) and not condition.negated]
    if absent:
        return "fix data", f"{' and '.join(absent)} missing"
    if found.is_contradictory:
        hits, size, other_hits, other_size = found.conflicts
        return "relabel", f"{hits / size:.0%} of its rows contradict their twins, {other_hits / other_size:.0%} outside"
    if found.rows < found.needed:
        return "collect", f"{found.needed - found.rows} more rows to know its loss to within half of its effect"
    return "fix model", "its rows are there, agree, and suffice"


def _row(dataset: Dataset, where: Predicate, found: Measured) -> dict[str, Any]:
    hits, size, *_ = found.conflicts
    people = dataset.people(where.mask(dataset.frame))
    return {"rows": found.rows, "people": people, "mean": found.mean, "rest": found.rest,
            "harm": found.effect * found.rows, "needed": found.needed, "conflicts": hits / size if size else None,
            "suppressed": min(found.rows, found.rows if people is None else people) < SMALL_CELL}  # fmt: skip
