"""Scenarios about who is asked, and how often: another mix, another group, a shortcut dealt out anew, the same again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.attribution import attribute
from workbench.analysis.stats import newcombe, ratio_interval, wilson
from workbench.attacks.decisions import MISSING, Vocabulary, decision_texts
from workbench.attacks.generators.stress import judge_pairs, stress
from workbench.attacks.scenarios.trial import Setting, Trial, share_columns
from workbench.attacks.verdict import FAIL, FIRST_ERROR, NOT_JUDGED
from workbench.errors import InputError
from workbench.models.target import Prediction
from workbench.predicate import Predicate
from workbench.registry import scenarios
from workbench.result.cells import hide

TILTS: Final = (0.0, 0.5, 1.0, 2.0)
BEHIND: Final = 10
"""Rows that stand for what the log usually holds where a feature of an explained row is taken away."""
MATERIAL: Final = 0.1
"""Spreads of a column by which two inputs about one entity may differ without a material change."""


@scenarios.register("group flip")
def group_flip(setting: Setting, *, attribute: str | None = None, unchanged: bool = False, favorable: object = None) -> Trial:
    """Every row again as each other group of an attribute the model sees: decisions that change with nothing else.

    Parameters
    ----------
    attribute
        A feature that holds a group; None: the first.
    unchanged
        Ask again with every group as it is: the benign twin.
    favorable
        The decision that is good for the person; None: 1 where every decision is 0 or 1, else unknown.

    Returns
    -------
    Trial
        Table ``cohorts``: for each group a made-up population, all rows as if they were of it, with its selection ``rate`` and
        its ``impact``, the ratio to the highest of these rates, with 95 % intervals over all groups (those of the ratio take the
        cohorts for different people: wider than need be). Empty where the favorable decision is unknown.
    """
    seen = [name for name in setting.groups if name in setting.frame.columns]
    name = setting.choose(attribute, seen, "group")[0] if attribute else (seen[0] if seen else None)
    if name is None:
        raise InputError("no group among the features", list(setting.groups), "The model cannot see one: nothing to flip.")
    values = sorted(pd.Series(setting.groups[name]).dropna().unique().tolist(), key=str)
    rows, failed, places, chosen = [], [], [], {}
    for value in values:
        others = np.flatnonzero(setting.groups[name] != value)
        damaged = setting.frame.iloc[others].reset_index(drop=True)
        if not unchanged:
            damaged[name] = pd.Series([value] * len(others)).astype(setting.frame[name].dtype)
        judged, after = judge_pairs(setting, damaged, others)
        chosen[str(value)] = _selected(setting, after, others, favorable)
        counted = judged != NOT_JUDGED
        hit = ((judged == FAIL) | (judged >= FIRST_ERROR))[counted]
        rows.append({"as": str(value), **share_columns(int(hit.sum()), int(counted.sum()), 1 - 0.05 / len(values))})
        failed.append(hit)
        places.append(others[counted])
    # Who is not of a group, and how many there are in all, gives the group's size.
    table = pd.DataFrame(rows).assign(suppressed=hide([int((setting.groups[name] == value).sum()) for value in values]))
    worst = table.iloc[int(table["rate"].fillna(-1.0).argmax())]
    return Trial(
        f"decisions that change with {name}, worst of {len(values)} groups", _number(worst["rate"]), _number(worst["low"]),
        _number(worst["high"]), {"outcomes": table, "cohorts": _cohorts(chosen)}, {"worst": worst["as"]}, np.concatenate(failed),
        np.concatenate(places),
    )  # fmt: skip


def _selected(setting: Setting, after: Prediction, others: np.ndarray, favorable: object) -> np.ndarray | None:
    """Who of all rows gets the favorable decision in a cohort: `others` as they were decided in it, the rest as they are."""
    vocabulary = Vocabulary()
    codes = vocabulary.encode(setting.clean.decision).copy()
    codes[others] = vocabulary.encode(after.decision)
    if favorable is None and not set(vocabulary.texts) <= {"0", "1"}:
        return None
    wanted = vocabulary.encode([1 if favorable is None else favorable])[0]
    return np.asarray(codes == wanted)


def _cohorts(chosen: Mapping[str, np.ndarray | None]) -> pd.DataFrame:
    known = {name: mask for name, mask in chosen.items() if mask is not None}
    columns = ["cohort", *share_columns(0, 0), "impact", "impact_low", "impact_high"]
    if not known or not any(mask.any() for mask in known.values()):
        return pd.DataFrame(columns=columns).rename(columns={"failures": "selected"})
    level = 1 - 0.05 / len(known)
    best = max(known.values(), key=np.sum)
    rows = []
    for name, mask in known.items():
        ratio = ratio_interval(mask.sum(), len(mask), best.sum(), len(best), level)
        ends = {"impact": float(mask.mean() / best.mean()), "impact_low": float(ratio.low), "impact_high": float(ratio.high)}
        rows.append({"cohort": name, **share_columns(int(mask.sum()), len(mask), level), **ends})
    return pd.DataFrame(rows, columns=columns).rename(columns={"failures": "selected"})


@scenarios.register("shortcut")
def shortcut(
    setting: Setting, *, column: str | None = None, levels: Sequence[float] = (0.0, 0.25, 0.5, 1.0), explain: int = 20
) -> Trial:
    """Values of a suspected shortcut dealt out anew among rows: the share of decisions that hang on it.

    Parameters
    ----------
    column
        The feature; None: each by itself, the worst is reported.
    explain
        Rows whose scores are attributed to features (`workbench.analysis.attribution`), so that what moves the score stands
        beside what turns decisions; 0: none.

    Returns
    -------
    Trial
        Beside each column: ``accuracy_lost`` at the last level, ``attribution``, the mean size of what it moves the score by, its
        share ``attribution_share`` of what all features move, and ``attribution_rank`` among them (1: the most).
    """
    named = setting.choose(column, [*map(str, setting.frame.columns)], "feature")

    def damage_of(name: str) -> Any:
        def deal(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
            hit = np.flatnonzero(rng.random(len(frame)) < strength)
            values = frame[name].copy()
            values.iloc[hit] = frame[name].iloc[rng.permutation(hit)].to_numpy()
            return frame.assign(**{name: values})

        return deal

    trial = stress(setting, {name: damage_of(name) for name in named}, levels)
    points = trial.tables["curve"].groupby("damaged", sort=False)["accuracy"]
    lost = (points.first() - points.last()).rename("accuracy_lost").reset_index()
    outcomes = trial.tables["outcomes"].merge(lost, on="damaged", how="left")
    outcomes = outcomes.merge(_attributed(setting, explain), on="damaged", how="left")
    return replace(trial, tables={**trial.tables, "outcomes": outcomes})


def _attributed(setting: Setting, rows: int) -> pd.DataFrame:
    """What each feature moves the score by; nothing where no rows are asked for, or not all have a score to explain."""
    columns = ["damaged", "attribution", "attribution_share", "attribution_rank"]
    if rows < 1:
        return pd.DataFrame(columns=columns).astype({"damaged": str})
    chance = setting.generator(94)
    drawn = chance.permutation(len(setting))
    frame, behind = (setting.frame.iloc[part].reset_index(drop=True) for part in (drawn[:rows], drawn[-BEHIND:]))
    try:
        values = attribute(setting.target, frame, behind, seed=setting.seed).values
    except InputError:
        return _attributed(setting, 0)
    size = np.abs(values).mean(axis=0)
    if np.isnan(size).any():
        return _attributed(setting, 0)
    ranks = pd.Series(-size).rank(method="min").astype(int)
    share = size / size.sum() if size.sum() > 0 else np.zeros(len(size))
    return pd.DataFrame(dict(zip(columns, (list(map(str, frame.columns)), size, share, ranks), strict=True)))


@scenarios.register("skewed mix")
def skewed_mix(setting: Setting, *, column: str | None = None, tilts: Sequence[float] = TILTS) -> Trial:
    """Rows weighted so that one column leans: how many more decisions are wrong in the most tilted mix than in the log's own.

    The intervals count a mix as so many rows as would tell as much without weights (Kish 1965, section 11.7): few heavy rows are
    few people.

    Parameters
    ----------
    column
        A numeric feature; None: each by itself, the worst is reported.
    tilts
        A row weighs exp(tilt × standardised value); 0 is the log's own mix.
    """
    wrong = setting.wrong(setting.clean)
    named = setting.choose(column, setting.numeric(), "numeric")
    curve: list[dict[str, Any]] = [
        {"column": name, **_tilted(wrong, _standard(setting.frame[name]), tilt)} for name in named for tilt in tilts
    ]
    rows = []
    for name, at in zip(named, range(0, len(curve), len(tilts)), strict=True):
        first, last = curve[at], curve[at + len(tilts) - 1]
        sizes = [point["effective_rows"] for point in (last, first)]
        gap = newcombe(last["rate"] * sizes[0], sizes[0], first["rate"] * sizes[1], sizes[1], 1 - 0.05 / len(named))
        change = float(last["rate"] - first["rate"])
        rows.append({"column": name, "change": change, "low": float(gap.low), "high": float(gap.high)})
    table = pd.DataFrame(rows)
    worst = table.iloc[int(table["change"].argmax())]
    return Trial(
        f"rise of the error rate in the most tilted mix, worst of {len(named)}", float(worst["change"]), float(worst["low"]),
        float(worst["high"]), {"outcomes": table, "curve": pd.DataFrame(curve)}, {"worst": worst["column"]},
    )  # fmt: skip


@scenarios.register("rare combinations")
def rare_combinations(setting: Setting, *, rows: int = 500, common: bool = False) -> Trial:
    """Inputs whose values each occur and whose combination does not: how many get no decision, or an odd one.

    Every column is drawn from another row; what breaks a relation of the domain, or occurs in the log, is left out. Fails: an
    error, no decision without abstaining, a decision that the log never saw, or a score outside 0 to 1.

    Parameters
    ----------
    rows
        Combinations drawn.
    common
        Rows of the log as they are: the benign twin.
    """
    chance = setting.generator(92)
    matrix = setting.domain.encode(setting.frame)
    base = chance.integers(0, len(matrix), rows)
    drawn = (
        matrix[base] if common else np.take_along_axis(matrix, chance.integers(0, len(matrix), (rows, matrix.shape[1])), axis=0)
    )
    seen = {row.tobytes() for row in matrix}
    broken = setting.domain.broken_relations(drawn).any(axis=0) if setting.domain.relations else np.zeros(rows, dtype=bool)
    fresh = np.array([common or row.tobytes() not in seen for row in drawn]) & ~broken
    if not fresh.any():
        raise InputError("every combination of values occurs already", len(seen), "Run it on data with more columns.")
    frame = setting.domain.decode(drawn[fresh], setting.frame.iloc[base[fresh]].reset_index(drop=True))
    answered = setting.target.predict(frame)
    vocabulary = Vocabulary()
    known = np.unique(vocabulary.encode(setting.clean.decision))
    codes = vocabulary.encode(answered.decision)
    silent = (codes == MISSING) & ~answered.abstained.astype(bool)
    odd = (answered.score < 0) | (answered.score > 1) if not _beyond(setting.clean.score) else np.zeros(len(codes), dtype=bool)
    kinds = {
        "error": np.array([text is not None for text in answered.error]), "no decision": silent, "score outside 0 to 1": odd,
        "unknown decision": ~np.isin(codes, known) & (codes != MISSING),
    }  # fmt: skip
    failed = np.any(list(kinds.values()), axis=0)
    counted = share_columns(int(failed.sum()), len(failed))
    table = pd.DataFrame([{"kind": kind, "inputs": int(hit.sum())} for kind, hit in kinds.items()])
    return Trial(
        "combinations that get no decision, or an odd one", counted["rate"], counted["low"], counted["high"],
        {"outcomes": pd.DataFrame([{**counted, "abstained": int(answered.abstained.sum())}]), "kinds": table},
    )  # fmt: skip


@scenarios.register("repeated entity")
def repeated_entity(setting: Setting, *, material: float = MATERIAL, identical: bool = False) -> Trial:
    """Rows about one entity in order of time: decisions that flip without a material change of any feature.

    Parameters
    ----------
    material
        Spreads of a numeric column below which a change is not material; any change of a category is.
    identical
        Ask each row twice instead: the benign twin.
    """
    if setting.entity is None or setting.time is None:
        raise InputError(
            "this scenario follows entities through time", None, "Give the roles `row_id` (whom it concerns) and `time`."
        )
    order = np.lexsort([np.arange(len(setting)), np.asarray(setting.time), decision_texts(setting.entity).astype(str)])
    same = setting.entity[order][1:] == setting.entity[order][:-1]
    before, after = (order[1:], order[1:]) if identical else (order[:-1][same], order[1:][same])
    matrix = setting.domain.encode(setting.frame)
    scales = np.array([column.scale for column in setting.domain.columns])
    step = np.abs(matrix[after] - matrix[before]) / scales
    step = np.where(setting.domain.numeric, step, np.where(step > 0, np.inf, 0))
    missing = np.isnan(matrix[after]) != np.isnan(matrix[before])
    small = (np.nan_to_num(step) <= material).all(axis=1) & ~missing.any(axis=1)
    if not small.any():
        raise InputError("no entity decided twice without a material change", len(before), "Give a log in which row_id repeats.")
    vocabulary = Vocabulary()
    again = setting.target.predict(setting.frame) if identical else setting.clean
    failed = (vocabulary.encode(setting.clean.decision)[before] != vocabulary.encode(again.decision)[after])[small]
    counted = share_columns(int(failed.sum()), len(failed))
    return Trial(
        "decisions that flip without a material change", counted["rate"], counted["low"], counted["high"],
        {"outcomes": pd.DataFrame([counted])}, {}, failed, after[small],
    )  # fmt: skip


@scenarios.register("segment")
def segment(setting: Setting, *, rows: str, rest: bool = False) -> Trial:
    """Error rate on the rows of a predicate less that on the others; what a finding about a slice becomes.

    Parameters
    ----------
    rows
        The predicate's text.
    rest
        Compare two random halves of the other rows: the benign twin.
    """
    wrong = setting.wrong(setting.clean)
    mask = Predicate.parse(rows).mask(setting.rows if setting.rows is not None else setting.frame)
    if not mask.any() or mask.all():
        raise InputError("no rows to compare", rows, "Choose rows that the data has, and not all of them.")
    inside, outside = np.flatnonzero(mask), np.flatnonzero(~mask)
    if rest:
        inside, outside = np.array_split(setting.generator(93).permutation(outside), 2)
    parts = [share_columns(int(wrong[part].sum()), len(part)) for part in (inside, outside)]
    gap = newcombe(parts[0]["failures"], parts[0]["trials"], parts[1]["failures"], parts[1]["trials"])
    value = parts[0]["rate"] - parts[1]["rate"]
    names = ("half", "other half") if rest else (rows, "other rows")
    table = pd.DataFrame([{"rows": name, **part} for name, part in zip(names, parts, strict=True)])
    table["suppressed"] = hide([len(inside), len(outside)])
    return Trial(
        "error rate in the segment less elsewhere",
        value,
        float(gap.low),
        float(gap.high),
        {"outcomes": table},
        {},
        wrong[inside],
        inside,
    )


def _tilted(wrong: np.ndarray, standard: np.ndarray, tilt: float) -> dict[str, float]:
    weight = np.exp(np.clip(tilt * standard, -30, 30))
    rate = float((weight * wrong).sum() / weight.sum())
    size = float(weight.sum() ** 2 / (weight**2).sum())
    ends = wilson(rate * size, size)
    return {"tilt": tilt, "rate": rate, "low": float(ends.low), "high": float(ends.high), "effective_rows": size}


def _standard(series: pd.Series[Any]) -> np.ndarray:
    values = series.to_numpy(dtype=float, na_value=np.nan)
    spread = float(np.nanstd(values)) or 1.0
    return np.asarray(np.nan_to_num((values - np.nanmean(values)) / spread))


def _beyond(score: np.ndarray) -> bool:
    return bool((score < 0).any() or (score > 1).any())


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
