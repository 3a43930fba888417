"""One decision, looked at from every side: what went in, what came out, how others like it were decided, and what would flip it.

It is about one person. Every table carries the ``row_id``, and `workbench.result.publish` leaves such tables out of all that
others see: a dossier can be read where it was made, and is never part of a record, a page or a bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.attribution import attribute, model_columns
from workbench.analysis.losses import default_loss, row_loss
from workbench.analysis.slices import find_slices
from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.constraints import Domain
from workbench.attacks.evasion import evade
from workbench.attacks.recording import Recording
from workbench.attacks.recurrence import scenario_of, short_id
from workbench.attacks.recurrence.matching import Index, match_rows, spread
from workbench.data.dataset import Dataset
from workbench.errors import InputError, UnknownNameError, WorkbenchError
from workbench.lineage.consumed import consumed
from workbench.lineage.graph import Lineage
from workbench.models.target import Target
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Result, provenance

NEAREST: Final = 50
QUERIES: Final = 400
BACKGROUND: Final = 100
MOST_SLICES: Final = 10


def make_dossier(
    dataset: Dataset,
    row_id: object,
    *,
    target: Target | None = None,
    approval: Approval | None = None,
    immutable: Sequence[str] | None = None,
    recordings: Sequence[Recording] = (),
    lineage: Lineage | None = None,
    nearest: int = NEAREST,
    seed: int = 0,
) -> Result:
    """All that is known of one decision.

    Parameters
    ----------
    dataset
        The decision log, with the role ``row_id``.
    row_id
        Of the decision; compared as text.
    target
        The model, to explain the score (shap) and to search for the smallest change that flips the decision.
    approval
        For a target in production.
    immutable
        Features that nobody can change; None: the groups.
    recordings
        Recorded attacks to hold the inputs against.
    lineage
        Events that tell what the model's version was made from.
    nearest
        How many of the nearest cases are told of, together: `SMALL_CELL` or more.
    seed
        For shap's background and the search.

    Returns
    -------
    Result
        Of kind ``dossier``; every table has the ``row_id``. ``decision``: what was decided and when, by which version, score,
        label. ``inputs``: ``column, value, share`` (of all rows with this value; a number: at or below it) and with a target
        ``moves`` (shap value, in the units of the score). ``cases``: ``who, n, same_decision, mean_score, error`` for the nearest
        cases and for all. ``slices``: the worst slices that hold it, ``where, n, mean, rest, p_adjusted``. ``flip``: ``column,
        value, instead``, the smallest change found. ``attacks``: ``recording, scenario, exact, gap``. ``upstream``: ``node,
        certain, how``. ``unknown``: ``part, why`` for each part that could not be answered.

    Raises
    ------
    InputError
        If no row, or more than one, has this id, or the log has no ids, or fewer cases than `SMALL_CELL` are asked for.
    """
    if nearest < SMALL_CELL:
        raise InputError(f"fewer than {SMALL_CELL} nearest cases would show single people", nearest, "Ask for more of them.")
    if target is not None:
        require_approval([target], approval)
    place = _place_of(dataset, row_id)
    frame = dataset.frame.reset_index(drop=True)
    ways = list(dataset.roles.groups) if immutable is None else list(immutable)
    tables: dict[str, pd.DataFrame] = {"decision": _decision(dataset, place), "inputs": _inputs(dataset, frame, place)}
    unknown: list[dict[str, str]] = []

    def ask(part: str, answer: Callable[[], pd.DataFrame | None], lacking: str) -> None:
        """One part; what it lacks, or why it failed, is said in its place."""
        try:
            table = answer()
        except WorkbenchError as exc:
            table, lacking = None, str(exc)
        if table is None:
            unknown.append({"part": part, "why": lacking})
        else:
            tables[part] = table

    ask("cases", lambda: _cases(dataset, frame, place, nearest), "")
    ask("slices", lambda: _slices(dataset, frame, place, seed), "")
    no_model = "No model was given to ask. Give --target."
    no_events = "No events of the pipeline were given, or no model version. Give --lineage, and the role model_version."
    ask("moves", lambda: _moves(target, dataset, frame, place, seed), no_model)
    ask("flip", lambda: _flip(target, dataset, frame, place, approval=approval, immutable=ways, seed=seed), no_model)
    ask("attacks", lambda: _attacks(recordings, dataset, frame, place), "No recorded attacks were given. Give --recordings.")
    ask("upstream", lambda: _upstream(lineage, dataset, place), no_events)
    if (moves := tables.pop("moves", None)) is not None:
        tables["inputs"] = tables["inputs"].merge(moves, on="column", how="left")
    tables["unknown"] = pd.DataFrame(unknown, columns=["part", "why"])
    arguments = {"immutable": ways, "nearest": nearest, "model": None if target is None else target.name,
                 "roles": dataset.given.said()}  # fmt: skip
    return Result(
        kind="dossier",
        title="One decision",
        tables={name: table.assign(row_id=str(row_id)) for name, table in tables.items()},
        numbers={"rows": dataset.rows},
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )


def _place_of(dataset: Dataset, row_id: object) -> int:
    column = dataset.require("row_id")
    places = np.flatnonzero((dataset.frame[column].astype(str) == str(row_id)).to_numpy())
    if len(places) != 1:
        said = "no decision of that id" if not len(places) else f"{len(places)} decisions have that id"
        advice = f"Look it up in the column {column}." if not len(places) else f"Choose a column that is unique, not {column}."
        raise InputError(said, row_id, advice)
    return int(places[0])


def _decision(dataset: Dataset, place: int) -> pd.DataFrame:
    """What the roles tell of the row, one row per role."""
    roles = [role for role in ("time", "model_version", "prediction", "score", "label") if dataset.has(role)]
    values = [dataset.role(role).iloc[place] for role in roles]
    return pd.DataFrame({"role": roles, "value": [None if pd.isna(value) else str(value) for value in values]})


def _inputs(dataset: Dataset, frame: pd.DataFrame, place: int) -> pd.DataFrame:
    rows = []
    for column in dataset.features:
        values, value = frame[column], frame[column].iloc[place]
        if pd.isna(value):
            share = float(values.isna().mean())
        elif pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            share = float((values <= value).mean())
        else:
            share = float((values == value).mean())
        rows.append({"column": column, "value": None if pd.isna(value) else str(value), "share": share})
    return pd.DataFrame(rows, columns=["column", "value", "share"])


def _cases(dataset: Dataset, frame: pd.DataFrame, place: int, count: int) -> pd.DataFrame:
    """The decisions on the nearest other rows (Gower's distance over the features), and on all."""
    distance = _gower(frame[list(dataset.features)], place)
    distance[place] = np.inf
    near = np.argsort(distance, kind="stable")[: min(count, len(frame) - 1)]
    if len(near) < SMALL_CELL:
        raise InputError("too few other rows to tell of", len(near), f"Give a log of more than {SMALL_CELL} decisions.")
    return pd.DataFrame([_judged(dataset, f"the {len(near)} nearest", near, place),
                         _judged(dataset, "all", np.arange(len(frame)), place)])  # fmt: skip


def _judged(dataset: Dataset, who: str, rows: np.ndarray, place: int) -> dict[str, object]:
    found: dict[str, object] = {"who": who, "n": len(rows), "same_decision": np.nan, "mean_score": np.nan, "error": np.nan}
    if dataset.has("prediction"):
        said = dataset.role("prediction")
        found["same_decision"] = float((said.iloc[rows] == said.iloc[place]).mean())
    if dataset.has("score"):
        found["mean_score"] = float(pd.to_numeric(dataset.role("score").iloc[rows], errors="coerce").mean())
    if dataset.has("prediction", "label"):
        found["error"] = float(pd.Series(row_loss(dataset, "error").values[rows]).mean())
    return found


def _gower(features: pd.DataFrame, place: int) -> np.ndarray:
    """Mean over columns of the distance to one row: numbers in spreads, at most 1; anything else 0 where equal, 1 where not.

    After Gower (1971, Biometrics 27:857), with the spread in place of the range, which one wild value can set.
    """
    total = np.zeros(len(features))
    for name in features:
        column = features[name]
        value = column.iloc[place]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column) and not pd.isna(value):
            values = column.to_numpy(dtype=float, na_value=np.nan)
            total += np.nan_to_num(np.minimum(np.abs(values - float(value)) / spread(values)[1], 1.0), nan=1.0)
        else:
            alike = column.isna() if pd.isna(value) else (column == value)
            total += 1.0 - alike.to_numpy(dtype=float, na_value=0.0)
    return total / max(1, features.shape[1])


def _slices(dataset: Dataset, frame: pd.DataFrame, place: int, seed: int) -> pd.DataFrame:
    """The worst slices by the log's own measure that hold the row."""
    table = find_slices(dataset, default_loss(dataset), seed=seed, top=200).tables["distinct"]
    if table.empty:
        return pd.DataFrame(columns=["where", "n", "mean", "rest", "p_adjusted"])
    one = frame.iloc[[place]]
    held = [bool(Predicate.parse(where).mask(one)[0]) for where in table["slice"]]
    kept = table[held].head(MOST_SLICES).rename(columns={"slice": "where", "rows": "n"})
    return kept[["where", "n", "mean", "rest", "p_adjusted"]].reset_index(drop=True)


def _moves(target: Target | None, dataset: Dataset, frame: pd.DataFrame, place: int, seed: int) -> pd.DataFrame | None:
    if target is None:
        return None
    columns = _columns_of(target, dataset)
    background = frame[columns].sample(min(BACKGROUND, len(frame)), random_state=seed)
    made = attribute(target, frame[columns].iloc[[place]], background, seed=seed)
    return pd.DataFrame({"column": columns, "moves": made.values[0]})


def _flip(
    target: Target | None, dataset: Dataset, frame: pd.DataFrame, place: int, *, approval: Approval | None,
    immutable: Sequence[str], seed: int,
) -> pd.DataFrame | None:  # fmt: skip
    """The smallest change that the seeded search finds within the values of the log."""
    if target is None:
        return None
    columns = _columns_of(target, dataset)
    domain = Domain.infer(frame[columns], immutable=[name for name in immutable if name in columns])
    found = evade(target, frame[columns].iloc[[place]], domain, budget=QUERIES, seed=seed, approval=approval)
    if not found.success[0]:
        raise InputError(f"no change that flips it in {QUERIES} queries", target.name, "That is no proof that there is none.")
    before, after = found.original.iloc[0], found.adversarial.iloc[0]
    rows = [
        {"column": name, "value": str(before[name]), "instead": str(after[name])}
        for name in columns
        if not _same(before[name], after[name])
    ]
    return pd.DataFrame(rows, columns=["column", "value", "instead"])


def _columns_of(target: Target, dataset: Dataset) -> list[str]:
    columns = model_columns(target, dataset.features)
    if absent := [name for name in columns if name not in dataset.columns]:
        raise UnknownNameError("column of the model", absent[0], dataset.columns)
    return list(columns)


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) or bool(pd.isna(left) and pd.isna(right))


def _attacks(recordings: Sequence[Recording], dataset: Dataset, frame: pd.DataFrame, place: int) -> pd.DataFrame | None:
    """The recordings that hold this very input, or one near to it."""
    if not recordings:
        return None
    rows = []
    for recording in recordings:
        columns = [name for name in dataset.features if name in recording.input_columns]
        if not columns:
            continue
        matched = match_rows(Index.of(recording, [dataset], columns), frame[columns].iloc[[place]])
        if matched.hits[0]:
            rows.append({"recording": short_id(recording), "scenario": scenario_of(recording), "exact": bool(matched.exact[0]),
                         "gap": float(matched.gap[0])})  # fmt: skip
    return pd.DataFrame(rows, columns=["recording", "scenario", "exact", "gap"])


def _upstream(lineage: Lineage | None, dataset: Dataset, place: int) -> pd.DataFrame | None:
    """What the version that decided was made from."""
    if lineage is None or not dataset.has("model_version"):
        return None
    version = str(dataset.role("model_version").iloc[place])
    rows = [
        {"node": snapshot.node, "certain": snapshot.certain, "how": snapshot.how}
        for snapshot in consumed(lineage, version).snapshots
    ]
    return pd.DataFrame(rows, columns=["node", "certain", "how"])
