"""Whether a defence holds against attacks it was not made for: recorded against fresh, on rows nobody attacked before.

The recorded attack was made on the baseline; every defence is sent exactly that. The held-out attack is made on the defence
itself: another seed, other rows, the same queries per row. A defence that learned the recorded attack, by answering or by
abstaining, while the held-out one is no harder, is *overfitted*, by the rules of `workbench.attacks.gain`. What an abstention
costs shows as false alarms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.defences.bench import Measurement, decided_texts, judged, lay_bench, measure_defence
from workbench.attacks.defences.paired import compare_paired
from workbench.attacks.defences.training import (
    Training,
    attack_rows,
    train_adversarial,
    train_augmented,
    train_distilled,
    train_ensemble,
    train_plain,
    train_regularised,
)
from workbench.attacks.evasion import Evasion
from workbench.attacks.gain import LEVEL, fresh_gain, gained_on_replay, is_overfitted, verdict_word
from workbench.attacks.scenarios.trial import Setting
from workbench.attacks.triple import APART, BUDGET, knows_by_heart, move_away, unseen_attacks
from workbench.attacks.verdict import FAIL, rate
from workbench.errors import InputError, UnknownNameError
from workbench.models.target import Target
from workbench.result import Result, provenance

BASELINE: Final = "baseline"


@dataclass(frozen=True, eq=False)
class _Judged:
    """One version on the bench, the outcomes of the recorded attack, which unseen attacks succeed.

    `remembered` says whether it abstains on the rows that were attacked as they were, but not a little away from them.
    """

    measured: Measurement
    replayed: np.ndarray
    unseen: np.ndarray
    remembered: bool


TRAINED: Final[Mapping[str, Callable[[Training], Target]]] = {
    "adversarial": train_adversarial, "selective": lambda training: train_adversarial(training, selective=0.5),
    "augmented": train_augmented, "regularised": train_regularised, "distilled": train_distilled, "ensemble": train_ensemble,
}  # fmt: skip
"""Ways of training a defence with a supplied ``fit``, by name."""


def train_and_judge(
    setting: Setting, ways: Sequence[str] = ("adversarial",), *, rows: int = 100, queries: int = BUDGET
) -> tuple[Result, dict[str, str]]:
    """Train defences on half of the rows, and hold them against attacks on the other half.

    Parameters
    ----------
    setting
        Rows with labels and a ``fit``; its target is not asked.
    ways
        Words of `TRAINED`.
    rows, queries
        Rows attacked in each half at most; queries per row.

    Returns
    -------
    tuple
        As `judge_defences` returns it, the plain model as baseline; and why a way could not be trained, by its name.

    Raises
    ------
    UnknownNameError
        For a way there is not.
    InputError
        Without labels or ``fit``, or where no way could be trained.
    """
    if unknown := [way for way in ways if way not in TRAINED]:
        raise UnknownNameError("way of training a defence", unknown[0], TRAINED)
    order = setting.generator(61).permutation(len(setting))
    taught, others = (setting.take(np.sort(half)) for half in (order[: len(order) // 2], order[len(order) // 2 :]))
    training = Training(setting.require_fit(), taught.frame, taught.require_label(), setting.domain, seed=setting.seed)
    plain = train_plain(training)
    made: dict[str, Target] = {}
    refused: dict[str, str] = {}
    for way in ways:
        try:
            made[way] = TRAINED[way](training)
        except InputError as exc:
            refused[way] = str(exc)
    if not made:
        raise InputError("no defence could be trained", "; ".join(refused.values()), "Give another --fit, or another way.")
    attacked = attack_rows(plain, training, np.arange(min(rows, len(taught))), queries)
    held_out = replace(others, seed=attacked.seed + 2)
    return judge_defences(plain, made, attacked, held_out, rows=rows), refused


def judge_defences(
    baseline: Target, defences: Mapping[str, Target], recorded: Evasion, held_out: Setting, *, rows: int = 100
) -> Result:
    """Hold defences against the recorded attack and against fresh ones.

    Parameters
    ----------
    recorded
        The attack on the baseline that the defences may have been trained on; its budget is that of the fresh ones.
    held_out
        Rows with labels that no defence was trained on; those equal to a recorded one are left out. Its target is not asked, its
        seed has to differ from that of the recorded attack.
    rows
        Rows attacked at most.

    Returns
    -------
    Result
        Of kind ``defences``: table ``defences``, the baseline first: ``defence``, ``replayed``, ``unseen`` (the baseline's own
        held-out attack, sent to the defence), ``held_out`` (valid success of the attack made on it), ``clean_accuracy``,
        ``false_alarms``, each with ``_low`` and ``_high``; ``held_out_cost`` (median change of the successes, in scales);
        ``fresh_gain fresh_gain_low fresh_gain_high``; ``verdict`` (one of `workbench.attacks.gain.VERDICTS`, None for the
        baseline).

    Raises
    ------
    InputError
        For the seed of the recorded attack, a defence called ``baseline``, or too few rows left.
    """
    if BASELINE in defences:
        raise InputError("a defence that is called as what it is held against", BASELINE, "Name it differently.")
    if held_out.seed in {recorded.seed, recorded.seed - 1}:
        do = "Give a setting with a seed 2 or more away."
        raise InputError("a held-out attack with the seed of the recorded one", held_out.seed, do)
    bench = lay_bench(_fresh_rows(held_out, recorded, baseline), rows=rows, budget=recorded.budget, domain=recorded.domain)
    sent, away = _sent(baseline, recorded)
    versions = {BASELINE: baseline, **defences}
    found = {name: measure_defence(target, bench) for name, target in versions.items()}
    unseen = unseen_attacks(baseline, found[BASELINE].fresh, bench.away, recorded.generator)
    beside = move_away(recorded.original, recorded.domain, np.random.default_rng([held_out.seed, 5]), APART)
    rows_of = {
        name: _Judged(
            found[name],
            judged(target.predict(sent), away),
            unseen.succeeds(target),
            knows_by_heart(target, recorded.original, beside),
        )
        for name, target in versions.items()
    }
    table = pd.DataFrame([_row(name, one, rows_of[BASELINE]) for name, one in rows_of.items()])
    numbers: dict[str, Any] = {
        "rows": len(bench.should), "attacked": len(bench.places), "replayed": len(away), "budget": bench.budget,
    }  # fmt: skip
    asked = {name: [target.name, target.digest] for name, target in versions.items()}
    made = provenance({"defences": asked, "recorded_seed": recorded.seed, **numbers}, seed=held_out.seed)
    return Result("defences", f"{len(defences)} defences on held-out attacks", {"defences": table}, numbers, provenance=made)


def _sent(baseline: Target, recorded: Evasion) -> tuple[pd.DataFrame, np.ndarray]:
    """The recorded inputs that succeeded, and the decision each moved the baseline away from, as text."""
    places = np.flatnonzero(recorded.success & (recorded.cost > 0))
    if not len(places):
        raise InputError("a recorded attack that never succeeded", len(recorded.success), "There is nothing to defend against.")
    origin, sent = (frame.iloc[places].reset_index(drop=True) for frame in (recorded.original, recorded.adversarial))
    return sent, decided_texts(baseline.predict(origin))


def _fresh_rows(held_out: Setting, recorded: Evasion, baseline: Target) -> Setting:
    """The rows that the recorded attack did not start from, to be asked of the baseline."""
    names = list(held_out.frame.columns)
    known = pd.MultiIndex.from_frame(recorded.original[names].astype(object))
    fresh = ~pd.MultiIndex.from_frame(held_out.frame[names].astype(object)).isin(known)
    return replace(held_out.take(np.flatnonzero(fresh)), target=baseline)


def _row(name: str, own: _Judged, base: _Judged) -> dict[str, Any]:
    cost = own.measured.fresh.cost[own.measured.fresh.success]
    shares = {
        "replayed": own.replayed == FAIL, "unseen": own.unseen, "held_out": own.measured.fresh.success,
        "clean_accuracy": own.measured.right, "false_alarms": own.measured.refused,
    }  # fmt: skip
    return {
        "defence": name, **{key: value for part, hits in shares.items() for key, value in _share(part, hits).items()},
        "held_out_cost": float(np.median(cost)) if len(cost) else None, **_worth(own, base),
    }  # fmt: skip


def _worth(own: _Judged, base: _Judged) -> dict[str, Any]:
    """What a fresh attack loses by the defence, and the verdict; nothing of the baseline against itself."""
    gain = None if own is base else fresh_gain(base.measured.falls, own.measured.falls)
    ends = (None, None, None) if gain is None else (gain.value, gain.low, gain.high)
    alarms = compare_paired(own.measured.refused, base.measured.refused)
    word = verdict_word(
        gain, gained=gained_on_replay(base.replayed, own.replayed),
        overfitted=is_overfitted(base.replayed, own.replayed, gain, own.unseen, remembered=own.remembered),
        dearer=alarms.difference > 0 and alarms.p < LEVEL,
    )  # fmt: skip
    return {**dict(zip(("fresh_gain", "fresh_gain_low", "fresh_gain_high"), ends, strict=True)), "verdict": word}


def _share(name: str, hits: np.ndarray) -> dict[str, Any]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), rate(int(hits.sum()), len(hits)), strict=True))
