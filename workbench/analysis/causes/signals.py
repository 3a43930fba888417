"""The signals of a log, stage by stage: arrival, columns, score, decision, outcome."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from workbench.analysis.causes.expected import decision_rule, given_codes, given_columns, given_score
from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.rows import Condition, TimedRows

ARRIVAL, COLUMN, SCORE, DECISION, OUTCOME = range(5)
LEAST_VALUE: Final = 20
"""Rows a value must hold to be followed over time."""
RECENT: Final = 0.02
"""A row is held against the rows just before it, this part of all, to see whether it is a repeat."""
EARLY: Final = 0.3
TOP_VERSIONS: Final = 5
FEWEST_DISTINCT: Final = 8
"""Numbers of fewer distinct values are followed value by value."""


def all_signals(rows: TimedRows, seed: int = 0) -> list[Signal]:
    """Every signal the roles allow."""
    found = [*arrival_signals(rows), *column_signals(rows), *version_signals(rows), *score_signals(rows, seed)]
    return [*found, *decision_signals(rows), *outcome_signals(rows, seed)]


def arrival_signals(rows: TimedRows) -> Iterator[Signal]:
    """Repeated rows, and the time of day."""
    for aspect, values in _repeat_values(rows).items():
        if np.nansum(values) >= 3:
            name = "share of rows with the id of another" if aspect == "repeat id" else "share of rows that repeat an earlier row"
            column = rows.dataset.roles.row_id if aspect == "repeat id" else None
            yield Signal(name, ARRIVAL, column, values, "share", aspect, rising=True)
    hour = (rows.times - rows.days) / np.timedelta64(24, "h")
    if len(np.unique(rows.hours)) < 3:
        return
    waves = {
        f"clock {name} {harmonic}": wave(2 * np.pi * harmonic * hour)
        for harmonic in (1, 2) for name, wave in (("cos", np.cos), ("sin", np.sin))
    }  # fmt: skip
    expected = given_codes(rows, rows.conditions, waves)
    for aspect, values in waves.items():
        yield Signal("time of day", ARRIVAL, rows.dataset.roles.time, values - expected[aspect], "mean", aspect)


def _repeat_values(rows: TimedRows) -> dict[str, np.ndarray]:
    """Whether each row has the id of an earlier one, all of an earlier one but the id, or all but id and time."""
    roles = rows.dataset.roles
    contents = rows.frame[[column for column in rows.frame.columns if column not in (roles.row_id, roles.time)]]
    keys = np.asarray(pd.util.hash_pandas_object(contents, index=False).to_numpy())
    found = dict(zip(("repeat recent", "repeat early"), repeats(keys), strict=True))
    dated = keys ^ (rows.times.astype(np.int64).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    found["repeat dated"] = pd.Series(dated).duplicated().to_numpy().astype(float)
    if roles.row_id is not None and roles.row_id in rows.frame:
        ids = rows.frame[roles.row_id]
        found["repeat id"] = np.where(ids.isna(), np.nan, ids.duplicated().to_numpy().astype(float))
    return found


def repeats(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row repeats one of those just before it, and whether it repeats one of the first; NaN where not asked."""
    size = len(keys)
    _, codes = np.unique(keys, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    same = np.append(False, codes[order][1:] == codes[order][:-1])
    gap = np.full(size, size)
    gap[order[1:]] = np.where(same[1:], np.diff(order), size)
    reach, first = max(10, int(RECENT * size)), int(EARLY * size)
    recent = (gap <= reach).astype(float)
    recent[:reach] = np.nan
    early = np.full(size, np.nan)
    early[first:] = np.isin(codes[first:], codes[:first])
    return recent, early


def column_signals(rows: TimedRows) -> Iterator[Signal]:
    """Per feature: missing, level and spread, or the share of each value, and how it goes with the other columns."""
    features = set(rows.dataset.features)
    used = [condition for condition in rows.conditions if condition.coding.column in features]
    ranks = {item.coding.column: _ranks(rows.frame[item.coding.column]) for item in used if _is_ranked(item, rows)}
    expected = given_codes(rows, used, ranks, apart=True)
    for condition in used:
        column = condition.coding.column
        absent = rows.frame[column].isna().to_numpy().astype(float)
        if absent.sum() >= 3:
            yield Signal(f"missing share of {column}", COLUMN, column, absent, "share", "missing")
        if column not in ranks:
            yield from _value_signals(condition)
            continue
        rank = ranks[column]
        yield Signal(f"level of {column}", COLUMN, column, rank, "mean", "level")
        yield Signal(f"spread of {column}", COLUMN, column, np.abs(rank - 0.5), "mean", "spread")
        repeat = np.append(np.nan, (rank[1:] == rank[:-1]).astype(float))
        yield Signal(f"repeats of {column}", COLUMN, column, repeat, "share", "repeat")
        if column in expected:
            together = (rank - np.nanmean(rank)) * (expected[column] - expected[column].mean())
            spread = float(np.nanstd(together))
            together /= max(spread, 1e-12)
            yield Signal(f"relation of {column} with other columns", COLUMN, column, together, "mean", "relation")


def _is_ranked(condition: Condition, rows: TimedRows) -> bool:
    return condition.ordered and rows.frame[condition.coding.column].nunique() >= FEWEST_DISTINCT


def _ranks(series: pd.Series[Any]) -> np.ndarray:
    """Mid-ranks in [0, 1], NaN where missing."""
    values = series.to_numpy(dtype=float, na_value=np.nan)
    known = ~np.isnan(values)
    ranks = np.full(len(values), np.nan)
    ranks[known] = (rankdata(values[known]) - 0.5) / max(1, known.sum())
    return ranks


def _value_signals(condition: Condition) -> Iterator[Signal]:
    column, present = condition.coding.column, condition.codes > 0
    held = np.bincount(condition.codes, minlength=condition.size)
    codes = [code for code in range(1, condition.size) if LEAST_VALUE <= held[code] < present.sum()]
    for code in codes[:1] if condition.size == 3 else codes:
        values = np.where(present, (condition.codes == code).astype(float), np.nan)
        where = condition.coding.conditions[code]
        yield Signal(f"share of rows with {where}", COLUMN, column, values, "share", "value", detail=code)


def score_signals(rows: TimedRows, seed: int) -> Iterator[Signal]:
    """How far the score, or the decision where there is none, lies from what the columns lead to expect."""
    name = "score" if "score" in rows.outcomes else "prediction"
    values = rows.outcomes.get(name)
    if values is None or not np.isfinite(values).any():
        return
    expected = given_columns(rows, np.where(np.isfinite(values), values, np.nan), seed=seed)
    if expected is None:
        return
    column = rows.dataset.require(name)
    apart = values - expected
    low, high = np.nanquantile(values, [0.001, 0.999])
    share = np.clip((expected - low) / max(high - low, 1e-12), 0.02, 0.98)
    room = (share * (1 - share),) * 2
    yield Signal(f"{name} beyond what the columns lead to expect", SCORE, column, apart, "mean", "residual", room=room)
    size = np.log(np.abs(apart) + 0.1 * np.nanmedian(np.abs(apart)) + 1e-9)
    yield Signal(f"distance of the {name} from what the columns lead to expect", SCORE, column, size, "mean", "distance")


def version_signals(rows: TimedRows) -> Iterator[Signal]:
    """The share of each version of the model."""
    column = rows.dataset.roles.model_version
    if column is None or column not in rows.frame:
        return
    versions = rows.frame[column]
    counts = versions.value_counts()
    for version in counts[counts >= LEAST_VALUE].index[:TOP_VERSIONS] if len(counts) > 1 else []:
        values = np.where(versions.isna(), np.nan, (versions == version).astype(float))
        yield Signal(f"share of rows by version {version}", SCORE, column, values, "share", "version", detail=str(version))


def decision_signals(rows: TimedRows) -> Iterator[Signal]:
    """Decisions that the rule of the early rows would not have made."""
    score, decision = rows.outcomes.get("score"), rows.outcomes.get("prediction")
    if score is None or decision is None:
        return
    column = rows.dataset.require("prediction")
    rule = decision_rule(score, decision)
    if rule is not None:
        threshold, direction = rule
        ruled = (score >= threshold) if direction > 0 else (score < threshold)
        broken = np.where(np.isnan(score) | np.isnan(decision), np.nan, (ruled != (decision == 1)).astype(float))
        if np.nansum(broken) >= 3:
            name = "share of decisions that the score does not explain"
            yield Signal(name, DECISION, column, broken, "share", "rule", detail=rule, scale=score)
        return
    expected = given_score(score, decision)
    if expected is not None:
        yield Signal("decisions beyond what the score leads to expect", DECISION, column, decision - expected, "mean", "decision")


def outcome_signals(rows: TimedRows, seed: int) -> Iterator[Signal]:
    """Missing labels, labels beyond what columns and score lead to expect, and errors."""
    label = rows.outcomes.get("label")
    if label is None:
        return
    column = rows.dataset.require("label")
    absent = np.isnan(label).astype(float)
    if absent.sum() >= 3:
        yield Signal("missing share of the label", OUTCOME, column, absent, "share", "label missing")
    expected = given_columns(rows, label, seed=seed)
    if expected is not None:
        likely = np.clip(expected, 0.02, 0.98)
        room = (likely, 1 - likely)
        apart = label - expected
        yield Signal("label beyond what the columns lead to expect", OUTCOME, column, apart, "mean", "label", room=room)
        leaning, room = apart * np.sign(likely - 0.5), (np.abs(2 * likely - 1) + 0.02,) * 2
        yield Signal("label against what the columns lead to expect", OUTCOME, column, leaning, "mean", "leaning", room=room)
    score = rows.outcomes.get("score")
    if score is not None and (calibrated := given_score(score, label)) is not None:
        room = (np.clip(calibrated, 0.02, 0.98), 1 - np.clip(calibrated, 0.02, 0.98))
        apart = label - calibrated
        yield Signal("label beyond what the score leads to expect", OUTCOME, column, apart, "mean", "calibration", room=room)
    decision = rows.outcomes.get("prediction")
    if decision is not None:
        wrong = np.where(np.isnan(label) | np.isnan(decision), np.nan, (label != decision).astype(float))
        yield Signal("error rate", OUTCOME, column, wrong, "share", "error")
