"""Scenarios that poison training data: labels flipped, and a trigger planted. A supplied ``fit`` trains before and after.

Half of the rows train, half judge. What poisoning does is told beside what would show it: a detector that looks for rows whose
label disagrees with those of their nearest neighbours, with its recall, its false alarms, and the rows it would have people read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.stats import newcombe
from workbench.attacks.decisions import Vocabulary
from workbench.attacks.scenarios.trial import Setting, Trial, share_columns
from workbench.errors import InputError
from workbench.models.python import python_target
from workbench.models.target import Prediction
from workbench.registry import scenarios

NEIGHBOURS: Final = 10
SHARES: Final = (0.0, 0.05, 0.1, 0.2)
SUSPECT: Final = 0.5
"""Share of its neighbours that must have another label for a row to be suspected."""
MOST_LISTED: Final = 200
"""Suspected rows listed one by one, the most suspect first; the rates count all of them."""


@scenarios.register("label flips")
def label_flips(setting: Setting, *, shares: Sequence[float] = SHARES, targeted: bool = True) -> Trial:
    """Flip labels in training: how much accuracy on untouched rows is lost at the last of `shares`.

    Parameters
    ----------
    shares
        Of the training rows; ascending from 0.
    targeted
        Whether only one value (the rarer) is flipped, all into the other; else any label into any other.
    """
    train, judge = _halves(setting)
    labels = setting.require_label()
    known = np.unique(pd.Series(labels[train]).dropna())
    if len(known) < 2:
        raise InputError("one label only", known.tolist(), "Run it on data with two or more.")
    curve, wrong = [], {}
    for at, share in enumerate(shares):
        poisoned, hit = _flipped(labels[train], share, setting.generator(40, at), targeted=targeted)
        wrong[at] = setting.wrong(_fitted(setting, train, poisoned, judge), labels[judge])
        apart = _disagreement(setting, setting.frame.iloc[train], poisoned)
        told = _detector_rates(apart, hit)
        curve.append({"share": share, "poisoned": int(hit.sum()), **share_columns(int(wrong[at].sum()), len(judge)), **told})
    table = pd.DataFrame(curve)
    first, last = wrong[0], wrong[len(shares) - 1]
    lost = newcombe(last.sum(), len(judge), first.sum(), len(judge))
    value = float(last.mean() - first.mean())
    tables = {"outcomes": table.iloc[[-1]], "curve": table, "suspects": _suspects(setting, train, poisoned, apart, hit)}
    return Trial("accuracy lost on untouched rows", value, float(lost.low), float(lost.high), tables, told, last & ~first, judge)


@scenarios.register("backdoor")
def backdoor(
    setting: Setting, *, share: float = 0.02, into: object = None, column: str | None = None, scales: float = 6.0
) -> Trial:
    """Plant a trigger in training: how often it then decides `into` on rows that a clean model decides otherwise.

    Parameters
    ----------
    share
        Of the training rows that get trigger and label; 0 plants nothing (the benign twin).
    into
        The label the trigger is to bring; None: the rarer one.
    column
        The numeric column that carries the trigger; None: the first.
    scales
        The trigger is the column's median plus so many of its spreads.
    """
    train, judge = _halves(setting)
    labels = setting.require_label()
    name = setting.choose(column, setting.numeric(), "numeric")[0]
    wanted = _rarest(labels[train]) if into is None else into
    mark = float(setting.frame[name].median() + scales * setting.frame[name].astype(float).std())
    chance = setting.generator(41)
    hit = np.zeros(len(train), dtype=bool)
    hit[chance.choice(len(train), round(share * len(train)), replace=False)] = True
    rows, poisoned = setting.frame.iloc[train].reset_index(drop=True), labels[train].astype(object)
    rows[name] = rows[name].astype(float).mask(hit, mark)
    poisoned[hit] = wanted
    marked = setting.frame.iloc[judge].reset_index(drop=True).assign(**{name: mark})
    clean, dirty = (_model(setting, *data) for data in ((setting.frame.iloc[train], labels[train]), (rows, poisoned)))
    vocabulary = Vocabulary()
    goal = vocabulary.encode([wanted])[0]
    before, after = (vocabulary.encode(model.predict(marked).decision) == goal for model in (clean, dirty))
    harmless = setting.frame.iloc[judge].reset_index(drop=True)
    accuracy = [1 - float(setting.wrong(model.predict(harmless), labels[judge]).mean()) for model in (clean, dirty)]
    among = ~before
    counted = share_columns(int((after & among).sum()), int(among.sum()))
    apart = _disagreement(setting, rows, poisoned)
    found = _detector_rates(apart, hit)
    table = pd.DataFrame([{**counted, "accuracy_clean_model": accuracy[0], "accuracy_poisoned_model": accuracy[1], **found}])
    return Trial(
        "triggered rows decided as the attacker wants, not so by a clean model", counted["rate"], counted["low"], counted["high"],
        {"outcomes": table, "suspects": _suspects(setting, train, poisoned, apart, hit)},
        {"trigger": f"{name} = {mark:g}", **found}, after[among], judge[among],
    )  # fmt: skip


def _halves(setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    setting.require_fit()
    setting.require_label()
    if len(setting) < 4:
        raise InputError("too few rows to train and judge on", len(setting), "Give more.")
    order = setting.generator(42).permutation(len(setting))
    half = len(order) // 2
    return np.sort(order[:half]), np.sort(order[half:])


def _model(setting: Setting, frame: pd.DataFrame, labels: np.ndarray) -> Any:
    plain = pd.Series(np.asarray(labels)).infer_objects().to_numpy()
    return python_target(setting.require_fit()(frame.reset_index(drop=True), plain), name="refitted", digest="not asked for")


def _fitted(setting: Setting, train: np.ndarray, labels: np.ndarray, judge: np.ndarray) -> Prediction:
    model = _model(setting, setting.frame.iloc[train], labels)
    answered: Prediction = model.predict(setting.frame.iloc[judge].reset_index(drop=True))
    return answered


def _flipped(labels: np.ndarray, share: float, chance: np.random.Generator, *, targeted: bool) -> tuple[np.ndarray, np.ndarray]:
    """The labels with `share` of all rows flipped (of those that can be, where they are fewer), and which."""
    values = sorted(pd.Series(labels).dropna().unique().tolist(), key=str)
    rare = _rarest(labels)
    able = np.flatnonzero(labels == rare) if targeted else np.flatnonzero(~pd.isna(pd.Series(labels)))
    chosen = chance.choice(able, min(round(share * len(labels)), len(able)), replace=False)
    poisoned, hit = labels.astype(object), np.zeros(len(labels), dtype=bool)
    hit[chosen] = True
    for place in chosen.tolist():
        others = [value for value in values if value != labels[place]]
        poisoned[place] = others[int(chance.integers(len(others)))]
    return poisoned, hit


def _rarest(labels: np.ndarray) -> Any:
    counts = pd.Series(labels).dropna().value_counts()
    return min(counts[counts == counts.min()].index.tolist(), key=str)


def _disagreement(setting: Setting, frame: pd.DataFrame, labels: np.ndarray) -> np.ndarray | None:
    """Share of each row's `NEIGHBOURS` nearest that have another label, shape (rows,); None where there are too few rows."""
    from sklearn.neighbors import NearestNeighbors

    scales = np.array([column.scale for column in setting.domain.columns])
    matrix = np.nan_to_num(setting.domain.encode(frame.reset_index(drop=True)) / scales)
    if len(matrix) <= NEIGHBOURS:
        return None
    nearest = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(matrix).kneighbors(matrix, return_distance=False)[:, 1:]
    codes = Vocabulary().encode(labels)
    return np.asarray((codes[nearest] != codes[:, None]).mean(axis=1))


def _detector_rates(apart: np.ndarray | None, hit: np.ndarray) -> dict[str, float | None]:
    """Recall and false alarms of the detector: a row is suspected where most of its neighbours have another label."""
    if apart is None:
        return {"detector_recall": None, "detector_false_alarms": None}
    suspected = apart > SUSPECT
    return {
        "detector_recall": float(suspected[hit].mean()) if hit.any() else None,
        "detector_false_alarms": float(suspected[~hit].mean()) if (~hit).any() else None,
    }


def _suspects(
    setting: Setting, train: np.ndarray, labels: np.ndarray, apart: np.ndarray | None, hit: np.ndarray
) -> pd.DataFrame:  # fmt: skip
    """The rows the detector lists, by id, with how many neighbours disagree, and whether each was in fact poisoned."""
    named = pd.DataFrame({"row_id": setting.row_ids(train), "label": labels, "disagreeing": np.nan, "poisoned": hit})
    if apart is None:
        return named.head(0)
    listed = named.assign(disagreeing=apart)[apart > SUSPECT]
    return listed.sort_values("disagreeing", ascending=False, kind="stable").head(MOST_LISTED).reset_index(drop=True)
