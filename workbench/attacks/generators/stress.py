"""Scenarios that damage inputs step by step and ask again: the same row before and after, an oracle, a curve, a label.

A *damage* makes a copy of the setting's rows with a fault of some strength. A request that ends in an error counts as failed (it
got no answer); one on which the target abstains counts as held, and is reported beside.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from workbench.attacks.corruption import find_fault
from workbench.attacks.decisions import MISSING, Vocabulary
from workbench.attacks.generators.degradation import label_degradation
from workbench.attacks.health import downstream_status, health_point, health_table, resident_megabytes
from workbench.attacks.oracles import Case, find_oracle
from workbench.attacks.recording import Recording
from workbench.attacks.scenarios.trial import Setting, Trial, share_columns
from workbench.attacks.verdict import ABSTAINED, FAIL, FIRST_ERROR, NOT_JUDGED, gather
from workbench.errors import InputError
from workbench.models.target import Prediction
from workbench.predicate import ALL_ROWS
from workbench.registry import scenarios
from workbench.result.cells import hide

Damage = Callable[[pd.DataFrame, float, np.random.Generator], pd.DataFrame]
"""From a frame, a strength and a generator of random numbers to the damaged frame, row for row."""
LEVELS: Final = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)
CALIBRATION_BINS: Final = 10


@dataclass(frozen=True, eq=False)
class Pairs:
    """Stands for the recording that an oracle may look into: rows before and after, in memory."""

    frame: pd.DataFrame

    def column(self, name: str) -> np.ndarray:
        """The values of a feature in every row."""
        return np.asarray(self.frame[name].to_numpy())


def judge_pairs(
    setting: Setting, damaged: pd.DataFrame, places: np.ndarray, options: Mapping[str, Any] | None = None
) -> tuple[np.ndarray, Prediction]:
    """The setting's oracle on rows made from the setting's rows at `places`.

    Returns
    -------
    outcomes : numpy.ndarray
        Places in `verdict.OUTCOMES`, one per damaged row.
    prediction : Prediction
        What the target answered on them.
    """
    clean, after = setting.clean, setting.target.predict(damaged)
    vocabulary = Vocabulary()
    recorded = gather([clean, after], vocabulary)
    label = np.full(len(setting), MISSING) if setting.label is None else vocabulary.encode(setting.label)
    origins = np.append(np.full(len(setting), -1), places)
    both = Pairs(pd.concat([setting.frame, damaged], ignore_index=True))
    case = Case(cast("Recording", both), vocabulary, np.append(label, label[places]), origins, recorded, recorded)
    judged = find_oracle(setting.oracle, **(options or {})).outcomes(case)
    return judged[len(setting) :], after


def stress(
    setting: Setting, damages: Mapping[str, Damage], levels: Sequence[float] = LEVELS, *, permissive: object = None,
    options: Mapping[str, Any] | None = None,
) -> Trial:  # fmt: skip
    """Damage the rows in each way at each level, and measure the worst of them at the last level.

    Parameters
    ----------
    damages
        From what is damaged (a column) to how.
    levels
        Ascending; the last is what the expected outcome is held against.
    permissive
        The decision that lets through, for the label *fail-open*; None: no such decision.
    options
        Of the oracle.

    Returns
    -------
    Trial
        Its interval is simultaneous over the damages (Bonferroni), for the worst of several is chosen after looking. Table
        ``scores`` counts the scores that the worst damage leaves at each level, and how many of them turned out positive.
    """
    if not damages or not len(levels):
        raise InputError("nothing to damage, or no level", list(levels), "Give one or more of both.")
    curve, points, failures, scores = [], [], {}, {}
    for stream, (name, damage) in enumerate(damages.items()):
        for at, level in enumerate(levels):
            frame = damage(setting.frame, float(level), setting.generator(20, stream, at))
            judged, after = judge_pairs(setting, frame, np.arange(len(setting)), options)
            curve.append({"damaged": name, "level": float(level), **_point(setting, judged, after, permissive)})
            points.append(_health(name, float(level), judged, after, curve[-1]["accuracy"]))
            failures[name], scores[name, float(level)] = judged, after.score
    table = pd.DataFrame(curve)
    outcomes = _outcomes(table, 1 - 0.05 / len(damages), permissive=permissive is not None)
    worst = outcomes.iloc[int(outcomes["rate"].fillna(-1.0).argmax())]
    among = failures[str(worst["damaged"])]
    judged_rows = np.flatnonzero(_counted(among))
    left = {level: score for (name, level), score in scores.items() if name == worst["damaged"]}
    return Trial(
        f"{setting.oracle}: share failing, worst of {len(damages)}", _number(worst["rate"]), _number(worst["low"]),
        _number(worst["high"]),
        {"outcomes": outcomes, "curve": table, "health": health_table(points), "scores": score_histogram(left, setting.label)},
        {"worst": str(worst["damaged"]), "label": worst["label"], "threshold": _number(worst["threshold"])},
        _failing(among)[judged_rows], judged_rows,
    )  # fmt: skip


@scenarios.register("fault")
def fault(
    setting: Setting, *, fault: str, columns: object = None, kind: str = "numeric", levels: Sequence[float] = LEVELS,
    permissive: object = None, options: Mapping[str, Any] | None = None, **settings: Any,
) -> Trial:  # fmt: skip
    """A fault of `corruption.FAULTS` in each column by itself.

    Parameters
    ----------
    fault
        Its name.
    columns
        A column or a list; None: every feature of that `kind`.
    kind
        ``numeric``, ``category`` or ``any``.
    settings
        What else the fault takes (``factor``).
    """
    damaging = find_fault(fault)
    require_options(damaging, settings, fault)
    by_kind = {"numeric": setting.numeric(), "category": setting.categories(), "any": [*map(str, setting.frame.columns)]}
    if kind not in by_kind:
        raise InputError("unknown kind of column", kind, f"Kinds: {', '.join(by_kind)}")
    named = setting.choose(columns, by_kind[kind], kind)

    def damage_of(name: str) -> Damage:
        return lambda frame, strength, rng: damaging(frame, name, where=ALL_ROWS, strength=strength, rng=rng, **settings)

    return stress(setting, {name: damage_of(name) for name in named}, levels, permissive=permissive, options=options)


def require_options(function: Callable[..., Any], options: Mapping[str, Any], name: str) -> None:
    """Refuse an option that the fault `name` does not take."""
    known = set(inspect.signature(function).parameters) - {"frame", "columns", "where", "strength", "rng"}
    if odd := sorted(set(options) - known):
        raise InputError(f"the fault {name} takes no such option", odd[0], f"Options: {', '.join(sorted(known)) or 'none'}")


@scenarios.register("missing fields")
def missing_fields(
    setting: Setting, *, levels: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0), permissive: object = None
) -> Trial:
    """More and more features missing in every row: which are, is drawn for each row; at level 1 all of them are."""

    def blank(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
        order = np.argsort(rng.random(frame.shape), axis=1)
        return frame.mask(order < round(strength * frame.shape[1]))

    return stress(setting, {"features": blank}, levels, permissive=permissive)


@scenarios.register("company")
def company(setting: Setting, *, repeats: int = 1, batch: int = 1, rows: int = 400) -> Trial:
    """The same rows in another order and in calls of `batch` rows: a decision must not depend on its company.

    At most `rows` of the rows, drawn by the seed anew for each of `repeats`.
    """
    from dataclasses import replace

    frame, places, parts = setting.frame, [], []
    for repeat in range(repeats):
        order = setting.generator(21, repeat).permutation(len(frame))[:rows]
        places.append(order)
        parts += [setting.target.predict(frame.iloc[order[at : at + batch]].reset_index(drop=True))
                  for at in range(0, len(order), batch)]  # fmt: skip
    vocabulary = Vocabulary()
    made = np.concatenate(places)
    before = vocabulary.encode(setting.clean.decision)[made]
    after = np.concatenate([vocabulary.encode(part.decision) for part in parts])
    failed = before != after
    counted = share_columns(int(failed.sum()), len(failed))
    trial = Trial("decisions that depend on the other rows of a call", counted["rate"], counted["low"], counted["high"])
    return replace(trial, tables={"outcomes": pd.DataFrame([counted])}, failed=failed, places=made)


def _point(setting: Setting, judged: np.ndarray, after: Prediction, permissive: object) -> dict[str, Any]:
    counted = _counted(judged)
    point = share_columns(int(_failing(judged)[counted].sum()), int(counted.sum()))
    point |= {"abstained": int((judged == ABSTAINED).sum()), "errors": int((judged >= FIRST_ERROR).sum())}
    vocabulary = Vocabulary()
    codes = vocabulary.encode(after.decision)
    point["permissive"] = None if permissive is None else int((codes == vocabulary.encode([permissive])[0]).sum())
    point["accuracy"] = None if setting.label is None else float(1 - setting.wrong(after).mean())
    point["mean_score"] = None if np.isnan(after.score).all() else float(np.nanmean(after.score))
    point["ece"] = _ece(after, setting)
    return point


def _health(name: str, level: float, judged: np.ndarray, after: Prediction, accuracy: float | None) -> dict[str, Any]:
    return health_point(
        "level of the fault", level, len(judged), int((judged >= FIRST_ERROR).sum()), part=name,
        seconds=float(after.latency.mean()) if len(after) else None, memory=resident_megabytes(),
        downstream=downstream_status(after.error), accuracy=accuracy,
    )  # fmt: skip


def score_histogram(scores: Mapping[float, np.ndarray], label: np.ndarray | None) -> pd.DataFrame:
    """How sure the target is at each level: its scores in `CALIBRATION_BINS` equal bins, and what came of them.

    Parameters
    ----------
    scores
        From each level to the scores of all rows; NaN where there is none.
    label
        0 or 1 for each row; anything else, or None: not known.

    Returns
    -------
    pandas.DataFrame
        A row per level and bin: ``low`` (inclusive), ``high``, ``rows``, their ``mean_score``, and ``positive``, the share with
        label 1. Empty where scores are no probabilities; small bins, and those that would give them back, are ``suppressed``.
    """
    known = [score[~np.isnan(score)] for score in scores.values()]
    columns = ["level", "low", "high", "rows", "mean_score", "positive", "suppressed"]
    if not any(map(len, known)) or any((score < 0).any() or (score > 1).any() for score in known):
        return pd.DataFrame(columns=columns)
    positive = None if label is None else pd.to_numeric(pd.Series(label), errors="coerce").to_numpy(float, na_value=np.nan)
    rows: list[dict[str, Any]] = []
    for level, score in scores.items():
        bins = np.where(np.isnan(score), -1, np.minimum(score * CALIBRATION_BINS, CALIBRATION_BINS - 1)).astype(int)
        counts = [int((bins == at).sum()) for at in range(CALIBRATION_BINS)]
        for at, small in enumerate(hide(counts)):
            inside = bins == at
            judged = np.array([]) if positive is None else positive[inside & np.isin(positive, (0, 1))]
            rows.append({
                "level": level, "low": at / CALIBRATION_BINS, "high": (at + 1) / CALIBRATION_BINS, "rows": counts[at],
                "mean_score": float(score[inside].mean()) if counts[at] else None,
                "positive": float(judged.mean()) if len(judged) else None, "suppressed": small,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _ece(prediction: Prediction, setting: Setting) -> float | None:
    """Expected calibration error over `CALIBRATION_BINS` equal bins, where labels are 0/1 and scores probabilities."""
    if setting.label is None:
        return None
    label = pd.to_numeric(pd.Series(setting.label), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    known = ~np.isnan(prediction.score) & np.isin(label, (0, 1))
    score = prediction.score[known]
    if not known.any() or score.min() < 0 or score.max() > 1:
        return None
    bins = np.minimum((score * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, score - label[known], minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / known.sum())


def _outcomes(curve: pd.DataFrame, level: float, *, permissive: bool) -> pd.DataFrame:
    rows = []
    for name, points in curve.groupby("damaged", sort=False):
        last = points.iloc[-1]
        shape = _shape(points, permissive=permissive)
        rows.append({
            "damaged": name, "level": last["level"], **share_columns(int(last["failures"]), int(last["trials"]), level),
            "abstained": last["abstained"], "errors": last["errors"], **shape,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _shape(points: pd.DataFrame, *, permissive: bool) -> dict[str, Any]:
    if len(points) < 3 or not (points["trials"] > 0).all():
        return {"label": None, "threshold": None}
    let_through = points["permissive"].tolist() if permissive else None
    found = label_degradation(points["level"].tolist(), points["failures"].tolist(), points["trials"].tolist(), let_through)
    return {"label": found.label, "threshold": found.threshold}


def _counted(judged: np.ndarray) -> np.ndarray:
    return np.asarray(judged != NOT_JUDGED)


def _failing(judged: np.ndarray) -> np.ndarray:
    return np.asarray((judged == FAIL) | (judged >= FIRST_ERROR))


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
