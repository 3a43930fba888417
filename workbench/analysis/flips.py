"""Would the model have decided otherwise, had only this attribute been another? Every row of a group, asked twice.

Only the attribute's own column is changed; everything that goes along with it (a postcode, a first name, what the attribute has
caused earlier in a life) stays. So flips prove that the model uses the attribute itself; no flips do not prove that it is fair:
what stands in for the attribute is shown by `workbench.analysis.proxies`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.disparity.counts import effective_sample
from workbench.analysis.pairs import code_groups
from workbench.data.dataset import Dataset, indicator
from workbench.errors import InputError, ParameterError, RolesError, UnknownNameError
from workbench.models.target import Prediction, Target
from workbench.result import Result, provenance
from workbench.result.cells import is_small

MOST_ROWS: Final = 20_000
"""Rows asked per group, drawn at random where there are more: intervals are then within a percentage point."""


def flip_test(
    dataset: Dataset,
    target: Target,
    attribute: str | None = None,
    *,
    groups: Sequence[object] | None = None,
    favorable: Any = None,
    most: int = MOST_ROWS,
    seed: int = 0,
    approval: str | None = None,
) -> Result:
    """Ask the model about every row as it is, and as it would be with another group.

    Parameters
    ----------
    target
        What decides; it is given the dataset's columns.
    attribute
        A column that the model sees; None: the first of the role ``groups``.
    groups
        The values to try; None: those that hold a tenth of the rows.
    favorable
        The decision that is good for the person; None: the role ``favorable``.
    most
        Rows asked per group at most (drawn with `seed`).
    approval
        What allows asking a production target, such as the digest of an entry of the record.

    Returns
    -------
    Result
        Table ``flips``: one row per group ``from`` and value tried ``to``: ``asked``, ``changed`` (decisions that differ),
        ``to_favorable`` and ``to_unfavorable`` among them, ``share`` changed with ``low, high`` (Wilson), ``p`` (exact test of
        whether changes go one way more than the other, McNemar) and after Holm, ``score_change`` (mean), ``suppressed``.
        Weights count in ``share``, its interval (Kish's effective size) and ``score_change``; numbers of decisions are rows,
        and the test counts rows alike.
        Rows without a decision on either side are left out and counted in ``failed``. No row leaves.
        ``numbers``: ``reads_attribute`` is False where no answer, score included, ever changed.

    Raises
    ------
    InputError
        If the target is in production and no approval is given, if nothing could be decided, or fewer than two groups are left.
    ParameterError
        If the attribute is made by a predicate: there is no column to change.
    """
    column = _attribute(dataset, attribute)
    good = dataset.roles.favorable if favorable is None else favorable
    if good is None:
        raise RolesError("which decision is good for the person?", None, "Add `favorable: <value>` to the roles, or pass it.")
    if target.production and approval is None:
        raise InputError("the target is in production", target.name, "Pass approval=, or ask a copy of it.")
    values = _values(dataset, column, groups)
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for name, places, value in values:
        chosen = np.sort(rng.choice(places, most, replace=False)) if len(places) > most else places
        frame = dataset.frame.iloc[chosen]
        now = target.predict(frame)
        others = [(other, tried) for other, _, tried in values if tried != value]
        weights = dataset.weights[chosen]
        rows += [_row(name, other, now, target.predict(_changed(frame, column, tried)), good, weights) for other, tried in others]
    table = pd.DataFrame(rows)
    if not table["asked"].any():
        raise InputError("the target decided on no row", target.name, f"It said: {_first_error(dataset, target)}")
    table["p_adjusted"] = stats.holm(table["p"].to_numpy(dtype=float))
    arguments = {
        "attribute": column, "groups": [name for name, _, _ in values], "favorable": good, "most": most, "approval": approval,
        "target": target.name, "target_version": target.version, "target_digest": target.digest, "roles": dataset.given.said(),
    }  # fmt: skip
    read = bool(table["changed"].any() or (table["largest_score_change"] > 0).any())
    return Result(
        kind="flips",
        title=f"Decisions of {target.name} with another {column}",
        tables={"flips": table},
        numbers={"rows": int(table.drop_duplicates("from")["asked"].sum()), "reads_attribute": read},
        where=dataset.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )


def _attribute(dataset: Dataset, attribute: str | None) -> str:
    column = attribute or next(iter(dataset.roles.groups), None)
    if column is None:
        raise RolesError("no attribute to change", None, "Add `groups: [column, ...]` to the roles; they are never guessed.")
    if column not in dataset.columns:
        raise UnknownNameError("group column", column, dataset.columns)
    if column not in dataset.source.table.columns:
        raise ParameterError("this attribute is made by a predicate, no column holds it", column, "Name the column behind it.")
    return column


def _values(dataset: Dataset, column: str, groups: Sequence[object] | None) -> list[tuple[str, np.ndarray, Any]]:
    """Name, rows and value of each group to try; a missing value is never tried."""
    codes, _, labels = code_groups(dataset, column)
    frame = dataset.frame[column]
    wanted = None if groups is None else [str(value) for value in groups]
    if wanted is not None and (unknown := [name for name in wanted if name not in labels]):
        raise UnknownNameError(f"group of {column}", unknown[0], labels)
    found = []
    for code, label in enumerate(labels):
        places = np.flatnonzero(codes == code)
        large = len(places) >= 0.1 * len(codes)
        if (label in wanted if wanted is not None else large) and frame.iloc[places[:1]].notna().all():
            found.append((label, places, frame.iloc[places[0]]))
    if len(found) < 2:
        raise InputError("fewer than two groups to try", [label for label, _, _ in found], "Name two values with `groups`.")
    return found


def _changed(frame: pd.DataFrame, column: str, value: Any) -> pd.DataFrame:
    """`frame` with one value in `column`, which keeps its type: a model that knows categories must still know them."""
    return frame.assign(**{column: pd.Series([value] * len(frame), index=frame.index, dtype=frame[column].dtype)})


def _row(  # noqa: PLR0917  two groups, two answers, how to judge and to weigh them
    name: str, other: str, now: Prediction, then: Prediction, favorable: Any, weights: np.ndarray
) -> dict[str, Any]:
    known = now.decided & then.decided
    before, after = (_is_favorable(answer.decision[known], favorable) for answer in (now, then))
    gained, lost = int((~before & after).sum()), int((before & ~after).sum())
    differs, worth = np.asarray(now.decision[known] != then.decision[known]), weights[known]
    sums = (np.asarray(part.sum()) for part in (worth * differs, worth, worth**2))
    hits, trials = effective_sample(*sums)
    low, high = stats.wilson(hits, trials)
    moved = then.score[known] - now.score[known]
    there = ~np.isnan(moved)
    scored, scored_worth = moved[there], worth[there].sum()
    return {
        "from": name, "to": other, "asked": int(known.sum()), "failed": int((~known).sum()), "changed": int(differs.sum()),
        "to_favorable": gained, "to_unfavorable": lost, "share": float(hits / trials) if trials else np.nan,
        "low": float(low), "high": float(high), "p": _mcnemar(gained, lost),
        "score_change": float((worth[there] * scored).sum() / scored_worth) if scored_worth else np.nan,
        "largest_score_change": float(np.abs(scored).max(initial=0.0)),
        "suppressed": any(map(is_small, (known.sum(), len(known)))),
    }  # fmt: skip


def _is_favorable(decisions: np.ndarray, favorable: Any) -> np.ndarray:
    return indicator(pd.Series(decisions), favorable, "favorable") == 1 if len(decisions) else np.zeros(0, dtype=bool)


def _mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p that changes go either way alike (McNemar 1947, Psychometrika 12:153); 1 without changes."""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def _first_error(dataset: Dataset, target: Target) -> str:
    answer = target.predict(dataset.frame.head(1))
    return str(next((text for text in answer.error if text is not None), "it abstained"))
