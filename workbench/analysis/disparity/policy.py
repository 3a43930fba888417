"""Policy profiles: what a rule measures and where it draws its lines, with citation, status and date; never a verdict.

A profile is a YAML file in ``policies/``. Its numbers are set beside the data's own; whether that is lawful is not for a program
to say, and rules change: `as_of` is the day on which the text was last compared with its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.disparity.cells import floats_of, tally
from workbench.analysis.disparity.counts import GroupCounts, group_cells
from workbench.analysis.disparity.estimates import Mean, Share, p_values
from workbench.analysis.disparity.scores import Moments, group_moments, score_cells
from workbench.analysis.disparity.tables import Level
from workbench.data.dataset import Dataset
from workbench.errors import InputError, ParameterError, UnknownNameError
from workbench.result import SMALL_CELL

FOLDER: Final = Path(__file__).parent / "policies"
QUANTITIES: Final = ("impact_ratio", "scoring_ratio", "smd")
DENOMINATORS: Final = ("highest", "reference")
UNKNOWN: Final = "unknown category"


@dataclass(frozen=True)
class Policy:
    """A rule as data.

    Attributes
    ----------
    name
        The file's name without its ending.
    title, formula, citation, source, status, notes
        Words for people; `status` says whether it is in force, `source` where its text was read.
    denominator
        ``highest`` (the highest rate of any group) or ``reference`` (a group named beforehand).
    quantities
        Some of `QUANTITIES`.
    thresholds
        The lines it, or practice, draws below 1; none where it draws none.
    least_share
        Groups with a smaller share of the rows are shown, but neither judged nor the yardstick.
    significance
        Level below which p counts as significant.
    as_of
        The day on which this profile was last compared with its source, as ISO text.
    """

    name: str
    title: str
    formula: str
    denominator: str
    quantities: tuple[str, ...]
    thresholds: tuple[float, ...]
    least_share: float
    significance: float
    citation: str
    source: str
    status: str
    as_of: str
    notes: str


def policy_names() -> tuple[str, ...]:
    """The profiles that the workbench ships."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def load_policy(name: str) -> Policy:
    """The profile of that name, or in the YAML file of that path.

    Raises
    ------
    UnknownNameError
        If there is none.
    InputError
        If it lacks a field, or has one that is unknown.
    """
    import yaml

    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise UnknownNameError("policy", name, policy_names())
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {item.name for item in fields(Policy)} - {"name"}
    if not isinstance(data, dict) or set(data) != known:
        odd = sorted(known ^ set(data)) if isinstance(data, dict) else [type(data).__name__]
        raise InputError("a policy lacks a field, or has one too many", odd[0], f"Fields: {', '.join(sorted(known))}")
    for field, allowed in (("quantities", QUANTITIES), ("denominator", DENOMINATORS)):
        given = [data[field]] if isinstance(data[field], str) else data[field]
        if unknown := [value for value in given if value not in allowed]:
            raise InputError(f"a policy has an unknown {field}", unknown[0], f"Known: {', '.join(allowed)}")
    words = {key: " ".join(str(value).split()) for key, value in data.items() if not isinstance(value, int | float | list)}
    lists = {"quantities": tuple(data["quantities"]), "thresholds": tuple(float(line) for line in data["thresholds"])}
    return Policy(name=path.stem, **{**data, **words, **lists})


def policy_tables(dataset: Dataset, levels: Sequence[Level], names: Sequence[str], *, named: bool) -> dict[str, pd.DataFrame]:
    """Table ``policy``, a row per profile, quantity and group, and table ``policies``, what the profiles say.

    Parameters
    ----------
    named
        Whether the reference group was named beforehand.

    Raises
    ------
    ParameterError
        If a profile holds groups against a named reference and none was named.
    """
    policies = [load_policy(name) for name in names]
    rows: list[dict[str, Any]] = []
    for policy in policies:
        if policy.denominator == "reference" and not named:
            raise ParameterError("this policy needs a reference group that is named", policy.name, "Pass reference=...")
        for level in levels:
            rows += _level_rows(dataset, level, policy)
    table = pd.DataFrame(rows)
    table["p_adjusted"] = stats.holm(table["p"].to_numpy(dtype=float))
    said = [{item.name: _plain(getattr(policy, item.name)) for item in fields(Policy)} for policy in policies]
    return {"policy": table, "policies": pd.DataFrame(said)}


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _level_rows(dataset: Dataset, level: Level, policy: Policy) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for quantity in policy.quantities:
        if quantity == "impact_ratio":
            rows += _rate_rows(level, policy, quantity, level.counts, "selection_rate")
        elif dataset.has("score") and quantity == "scoring_ratio":
            rows += _rate_rows(level, policy, quantity, _above_median(dataset, level.counts), "selection_rate")
        elif dataset.has("score"):
            rows += _mean_rows(dataset, level, policy)
    return rows


def _judged(level: Level, policy: Policy) -> np.ndarray:
    """Whether each group is judged: known in every attribute, and large enough."""
    known = np.asarray([None not in values for values in level.counts.values])
    share = level.counts.n / level.counts.n.sum()
    return np.asarray(known & (share >= policy.least_share))


def _rate_rows(level: Level, policy: Policy, quantity: str, counts: GroupCounts, measure: str) -> list[dict[str, Any]]:
    judged, rates = _judged(level, policy), counts.share(measure)
    chosen = level.reference
    if policy.denominator == "highest":
        candidates = np.where(judged & ~np.isnan(rates), rates, -1.0)
        chosen = int(np.argmax(candidates)) if (candidates >= 0).any() else None
    if chosen is None:
        return []
    every = np.arange(len(rates))
    share = Share.of(counts, measure)
    apart = share.against(share.take(np.full(len(rates), chosen)), 1 - policy.significance)
    [p] = p_values([apart])
    return [
        {
            **_about(level, policy, quantity, place, chosen, judged=bool(judged[place])),
            "value": rates[place],
            "reference_value": rates[chosen],
            "ratio": apart.ratio.value[place] if judged[place] else np.nan,
            **_lines(policy, apart.ratio.value[place], judged=bool(judged[place])),
            "p": p[place] if judged[place] and place != chosen else np.nan,
            "n": int(counts.people(measure)[place]),
        }
        for place in every.tolist()
    ]


def _mean_rows(dataset: Dataset, level: Level, policy: Policy) -> list[dict[str, Any]]:
    """The standardised mean difference, by the standard deviation over all rows."""
    moments, _ = group_moments(
        score_cells(dataset, level.counts.attributes, ["mean_score"]), level.counts.attributes, "mean_score"
    )
    judged, chosen = _judged(level, policy), level.reference
    if chosen is None:
        return []
    total = Moments(*(part.sum(keepdims=True) for part in moments.parts))
    mean = total.mean()
    spread = float(np.sqrt(np.maximum(total.total_squares / total.weights - mean**2, 0))[0])
    means = moments.mean()
    estimate = Mean(moments, "mean_score")
    apart = estimate.against(estimate.take(np.full(len(means), chosen)), 1 - policy.significance)
    [p] = p_values([apart])
    return [
        {
            **_about(level, policy, "smd", place, chosen, judged=bool(judged[place])),
            "value": means[place],
            "reference_value": means[chosen],
            "ratio": (means[place] - means[chosen]) / spread if spread and judged[place] else np.nan,
            "threshold": None,
            "below": None,
            "p": p[place] if judged[place] and place != chosen else np.nan,
            "n": int(moments.rows[place]),
        }
        for place in range(len(means))
    ]


def _about(level: Level, policy: Policy, quantity: str, place: int, chosen: int, *, judged: bool) -> dict[str, Any]:
    rows = int(level.counts.n[place])
    why = "" if judged else UNKNOWN if None in level.counts.values[place] else f"less than {policy.least_share:.0%} of the rows"
    return {
        "policy": policy.name,
        "quantity": quantity,
        "measure": "mean_score" if quantity == "smd" else "selection_rate",
        "attributes": level.name,
        "group": level.counts.labels[place],
        "reference": level.counts.labels[chosen],
        "share_of_rows": rows / level.counts.n.sum(),
        "left_out": why,
        "where": level.counts.where[place],
        "suppressed": 0 < rows < SMALL_CELL,
    }


def _lines(policy: Policy, ratio: float, *, judged: bool) -> dict[str, Any]:
    """The highest line that the ratio is below; None where it is below none, or is not judged."""
    if not judged or np.isnan(ratio) or not policy.thresholds:
        return {"threshold": None, "below": None}
    crossed = [line for line in policy.thresholds if ratio < line]
    return {"threshold": min(crossed or policy.thresholds), "below": bool(crossed)}


def _above_median(dataset: Dataset, counts: GroupCounts) -> GroupCounts:
    """Rows above the median score of the full sample, in the place of the favourable predictions."""
    column, weight = dataset.require("score"), dataset.roles.weight
    table = dataset.arrow(list(dict.fromkeys([*counts.attributes, column, *([weight] if weight else [])])))
    scores = floats_of(table[column])
    present = ~np.isnan(scores)
    middle = np.median(scores[present]) if present.any() else np.nan
    weights = np.nan_to_num(floats_of(table[weight])) if weight else np.ones(len(scores))
    above = present & (scores > middle)
    cells = tally(table, counts.attributes, lambda _: (
        (f"{name} {part}", np.where(mask, each, 0.0))
        for name, mask in (("above", above), ("rest", present & ~above))
        for part, each in (("rows", np.ones(len(scores))), ("weights", weights), ("squares", weights**2))
    ))  # fmt: skip
    group_of, values = group_cells(cells, counts.attributes)
    arrays = []
    for part in ("rows", "weights", "squares"):
        whole = np.zeros((len(values), 3, 5))
        for name, prediction in (("above", 2), ("rest", 0)):
            whole[:, 2, prediction] = np.bincount(group_of, weights=cells.sums[f"{name} {part}"], minlength=len(values))
        arrays.append(whole)
    return GroupCounts(counts.attributes, values, *arrays)
