"""What a defence gains on replay, and whether a fresh attack bears it out.

Three questions, each answered by a test, none by how large a number looks:

*Does it gain on replay?* McNemar's exact test on the recorded inputs.

*Is it harder to attack?* A fresh attack within reach of the recorded one: the same queries per input, and changes that cost no
more than `REACH` of the fresh successes against the baseline. Which inputs fall within reach is paired with the baseline's.

*Was the recording learned?* A retrained model stops some attacks on another one, whoever made them: they end just past that one's
boundary. One that learned the recording stops the recorded attacks more often than attacks of the same kind, on the same
baseline, that it has never seen (Fisher's exact test, mid-p).

An *overfitted defence* learned the recording, and surely less than `MOST` of its gain is borne out.

How often it errs was measured on models it was not chosen on (``benchmarks/defences.py --seeds 1 2``: Adult, COMPAS, German
credit and made-up numbers, four families of models each, 80 recorded attacks, 50 held-out inputs, 448 verdicts; 95 % intervals):

========================================================================  ==========  ====================
accused of retrains and blurred inputs, where nothing was done            1 of 160    0.6 % (0.1 to 3.5)
accused of all defences that learned nothing of the recording             2 of 320    0.6 % (0.2 to 2.2)
accused of those that surely know it by heart (all 64 that look it up)    87 of 100   87 % (79 to 92)
called safer, of those that 150 other rows show to be no harder           9 of 293    3.1 % (1.6 to 5.7)
called safer, of those that they show to be harder                        99 of 155   64 % (56 to 71)
========================================================================  ==========  ====================

Fifty inputs miss a small gain. The fixed ratios used before accused 87 of 152 retrains and blurred inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from workbench.analysis.exact import fisher_mid_p
from workbench.analysis.stats import wilson
from workbench.attacks.verdict import ABSTAINED, FAIL, PASS, mcnemar, pair, paired_difference

LEVEL: Final = 0.05
"""Significance, two-sided, of a gain on replay and of one against a fresh attack."""
SURE: Final = 0.01
"""Significance, two-sided, of the accusation that a recording was learned: of 200 defences that did not, one."""
REACH: Final = 0.9
"""A fresh attack counts where it costs no more than this share of those on the baseline: all but the dearest ones."""
MOST: Final = 0.5
"""Less than this share of a gain on replay borne out: most of it is not there."""
HARDLY: Final = 0.1
"""Without a baseline to make unseen attacks on: surely fewer recorded ones succeed. Retraining alone left 0.11 or more."""
VERDICTS: Final = ("safer", "safer at a price", "overfitted defence", "not borne out", "easier to attack", "no change")
"""*At a price*: it abstains on more harmless inputs than the baseline. *Not borne out*: a gain on replay only, as any other model
has one that did not learn the recording."""


@dataclass(frozen=True, eq=False)
class Falls:
    """Which inputs fall to an attack, and what it cost in scales (NaN where none fell); arrays of shape (inputs,)."""

    success: np.ndarray
    cost: np.ndarray


@dataclass(frozen=True)
class Gain:
    """The share of the baseline's falls that is gone; negative where more inputs fall.

    `low` and `high` are the 95 % interval of the paired difference over the baseline's share, which is taken as given; `p` is
    McNemar's.
    """

    value: float
    low: float
    high: float
    p: float


def fresh_gain(before: Falls, after: Falls) -> Gain | None:
    """What a defence gains against a fresh attack within `REACH`; None where none fell to begin with.

    Parameters
    ----------
    before, after
        The baseline and the defence, attacked on the same inputs.
    """
    moved = before.success & (before.cost > 0)
    if not moved.any():
        return None
    reach = float(np.quantile(before.cost[moved], REACH)) * (1 + 1e-9)
    fell, falls = (found.success & (found.cost <= reach) for found in (before, after))
    gone, came = int((fell & ~falls).sum()), int((~fell & falls).sum())
    low, high = paired_difference(gone, came, len(fell))
    share = float(fell.mean())
    return Gain((gone - came) / len(fell) / share, low / share, min(1.0, high / share), mcnemar(gone, came))


def gained_on_replay(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether recorded inputs fail less often than before, and that is no chance; outcomes, paired by input."""
    found = pair(before, after)
    return len(found.newly_fixed) > len(found.newly_failing) and found.p < LEVEL


def learned(before: np.ndarray, after: np.ndarray, unseen: np.ndarray) -> float:
    """Two-sided p-value that recorded attacks are stopped no more often than unseen ones; 1 where they are stopped less often.

    Parameters
    ----------
    before, after
        Outcomes of the recorded inputs; attacks that the baseline does not fall for say nothing here.
    unseen
        Whether each attack on the baseline that is in no recording succeeds on the defence.
    """
    recorded = after[_fell(before, after)] == FAIL
    if not len(recorded) or not len(unseen) or recorded.mean() >= unseen.mean():
        return 1.0
    return float(fisher_mid_p(recorded.sum(), len(recorded), unseen.sum(), len(unseen)))


def is_overfitted(before: np.ndarray, after: np.ndarray, gain: Gain | None, unseen: np.ndarray | None) -> bool:
    """Whether the recording was learned, and most of the gain on it is not borne out.

    Parameters
    ----------
    before, after
        Outcomes of the recorded inputs, the baseline's and the defence's.
    gain
        Against a fresh attack.
    unseen
        As in `learned`; None where there is no baseline to make unseen attacks on: then `HARDLY` any recorded one may succeed.
    """
    if gain is None or not gained_on_replay(before, after):
        return False
    still = after[_fell(before, after)] == FAIL
    if gain.high >= MOST * (1 - float(still.mean())):
        return False
    if unseen is not None:
        return learned(before, after, unseen) < SURE
    return float(wilson(still.sum(), len(still)).high) < HARDLY


def _fell(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Recorded attacks that the baseline falls for, and that the defence answers or abstains on."""
    return np.asarray((before == FAIL) & np.isin(after, (PASS, FAIL, ABSTAINED)))


def verdict_word(gain: Gain | None, *, gained: bool, overfitted: bool, dearer: bool) -> str | None:
    """One word of `VERDICTS`; None where no fresh attack was measured.

    Parameters
    ----------
    gained, gain, overfitted
        As `gained_on_replay`, `fresh_gain` and `is_overfitted` have it.
    dearer
        Whether it abstains on more harmless inputs than the baseline.
    """
    if gain is None:
        return None
    if overfitted:
        return VERDICTS[2]
    if gain.p < LEVEL:
        return VERDICTS[4] if gain.value < 0 else VERDICTS[1] if dearer else VERDICTS[0]
    return VERDICTS[3] if gained else VERDICTS[5]


def verdict_words(row: Mapping[Any, Any]) -> str:
    """The verdict of a row of a replay's ``targets`` in words, its price with it; empty where there is nothing to say."""
    word = row.get("verdict")
    if word is None or word != word:  # noqa: PLR0124  NaN; and older replays have no such column
        word = VERDICTS[2] if row["overfitted_defence"] else VERDICTS[0] if row["safer"] is True else VERDICTS[5]
    if word == VERDICTS[1]:
        return f"safer, at a price: abstains on {row['abstains']:.0%} of harmless inputs"
    return "" if word == VERDICTS[5] else str(word)
