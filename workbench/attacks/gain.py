"""What a defence gains on replay, and whether a fresh attack bears it out.

Three questions, each answered by a test, none by how large a number looks:

*Does it gain on replay?* McNemar's exact test on the recorded inputs. An abstention stops an attack as a right answer does.

*Is it harder to attack?* The fresh attack has the queries of the recorded one, and on each input it either fails or has its cost.
The two are one statistic: an input is *harder* where the defence makes the attack fail, or `HARDER` times as dear, *easier* where
it is the other way round, a tie otherwise (pairs that win, lose or tie with a threshold: Buyse 2010, Stat Med 29:3245). Harder
less easier, over the inputs that fell before, is the gain; McNemar's exact test says whether it is chance, and below `FLOOR` it
is not called safer, however sure it is. A defence that makes every attack a fifth dearer while all succeed gains nothing.

*Was the recording learned?* A retrained model stops some attacks on another one, whoever made them: they end just past that one's
boundary. One that learned the recording stops the recorded attacks more often than attacks of the same kind, on the same
baseline, that it has never seen (Fisher's exact test, mid-p). Or it abstains on the recorded harmless inputs, and far less on the
same inputs moved a little: then a fresh attack that starts from recorded inputs says nothing, either.

An *overfitted defence* learned the recording, and surely less than `MOST` of its gain is borne out.

How often it errs was measured on models it was not chosen on (``benchmarks/defences.py --seeds 1 2 3 4``: Adult, COMPAS, German
credit and made-up numbers, four families of models; 80 recorded attacks, 50 held-out inputs; 44 models, 660 verdicts, 95 %
intervals; seeds 1 and 2 with an attack that asked some inputs twice; what is truly harder is said there, by 150 other rows and
not by this rule):

=======================================================================  ==========  ====================
accused of retrains and blurred inputs, where nothing was done           1 of 220    0.5 % (0.1 to 2.5)
accused of all defences that learned nothing of the recording            2 of 440    0.5 % (0.1 to 1.6)
accused of those that look the recording up, by answering or abstaining  132 of 132  100 % (97 to 100)
called safer, of those that are truly no harder                          1 of 503    0.2 % (0.0 to 1.1)
called safer, of those trained on the recording and truly no harder      0 of 46     0.0 % (0.0 to 7.7)
called safer, of those that are truly harder                             100 of 120  83 % (76 to 89)
=======================================================================  ==========  ====================

A share of what the baseline's attacks cost, which decided before, called 25 of those 503 safer, 7 of those 46, and 106 of those
120. What the twenty that are missed have in common: harder on some inputs and easier on others, or less than twice as dear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from workbench.analysis.exact import fisher_mid_p
from workbench.analysis.stats import wilson
from workbench.attacks.verdict import ABSTAINED, FAIL, PASS, mcnemar, paired_difference

LEVEL: Final = 0.05
"""Significance, two-sided, of a gain on replay and of one against a fresh attack."""
SURE: Final = 0.01
"""Significance, two-sided, of the accusation that a recording was learned: of 200 defences that did not, one."""
HARDER: Final = 2.0
"""An attack that succeeds is materially dearer from this many times the cost on the baseline on."""
FLOOR: Final = 0.25
"""A gain smaller than this share of the baseline's falls is not called safer, nor a loss easier."""
MOST: Final = 0.5
"""Less than this share of a gain on replay borne out: most of it is not there."""
STOPPED: Final = (PASS, ABSTAINED)
"""Outcomes of an attack that came to nothing."""
HARDLY: Final = 0.1
"""Without a baseline to make unseen attacks on: surely fewer recorded ones succeed. Retraining alone left 0.11 or more."""
VERDICTS: Final = ("safer", "safer at a price", "overfitted defence", "not borne out", "easier to attack", "no change")
"""*At a price*: it abstains on more harmless inputs than the baseline. *Not borne out*: a gain on replay, as any other model has
one that did not learn the recording, and no material one against a fresh attack."""


@dataclass(frozen=True, eq=False)
class Falls:
    """Which inputs fall to an attack, and what it cost in scales (NaN where none fell); arrays of shape (inputs,)."""

    success: np.ndarray
    cost: np.ndarray


@dataclass(frozen=True)
class Gain:
    """Inputs harder to attack less those easier, over the baseline's falls; 1: all are harder, below 0: more are easier.

    `low` and `high` are the 95 % interval of the paired difference over the baseline's share, which is taken as given; `p` is
    McNemar's.
    """

    value: float
    low: float
    high: float
    p: float

    @property
    def is_safer(self) -> bool:
        """Whether the fresh attack does materially worse, and that is no chance."""
        return self.p < LEVEL and self.value >= FLOOR

    @property
    def is_easier(self) -> bool:
        """Whether it does materially better, and that is no chance."""
        return self.p < LEVEL and self.value <= -FLOOR


def fresh_gain(before: Falls, after: Falls) -> Gain | None:
    """What a defence gains against a fresh attack of the same budget; None where none fell to begin with.

    Parameters
    ----------
    before, after
        The baseline and the defence, attacked on the same inputs.
    """
    if not (before.success & (before.cost > 0)).any():
        return None
    share = float(before.success.mean())
    first, second = (np.where(found.success, found.cost, np.inf) for found in (before, after))
    harder, easier = int(_dearer(second, first).sum()), int(_dearer(first, second).sum())
    low, high = paired_difference(harder, easier, len(first))
    return Gain((harder - easier) / len(first) / share, low / share, min(1.0, high / share), mcnemar(harder, easier))


def _dearer(cost: np.ndarray, than: np.ndarray) -> np.ndarray:
    """Where an attack fails (infinite cost) or is `HARDER` times as dear; two that fail are alike."""
    return np.asarray((cost > than) & (cost >= HARDER * than * (1 - 1e-9)))


def gained_on_replay(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether recorded inputs fail less often than before, and that is no chance; outcomes, paired by input."""
    stopped = int(((before == FAIL) & np.isin(after, STOPPED)).sum())
    came = int((np.isin(before, STOPPED) & (after == FAIL)).sum())
    return stopped > came and mcnemar(stopped, came) < LEVEL


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


def remembers(known: np.ndarray, moved: np.ndarray) -> bool:
    """Whether a defence abstains on recorded harmless inputs, and surely on less than `MOST` as many of the same ones moved.

    Parameters
    ----------
    known, moved
        Whether it abstains on each input as recorded and moved a little, paired.
    """
    gone, came = int((known & ~moved).sum()), int((moved & ~known).sum())
    return bool(moved.sum() < MOST * known.sum()) and gone > came and mcnemar(gone, came) < SURE


def is_overfitted(
    before: np.ndarray, after: np.ndarray, gain: Gain | None, unseen: np.ndarray | None, *, remembered: bool = False
) -> bool:
    """Whether the recording was learned, and most of the gain on it is not borne out.

    Parameters
    ----------
    before, after
        Outcomes of the recorded inputs, the baseline's and the defence's.
    gain
        Against a fresh attack.
    unseen
        As in `learned`; None where there is no baseline to make unseen attacks on: then `HARDLY` any recorded one may succeed.
    remembered
        As `remembers` has it of the recorded harmless inputs; then no gain from where these stand bears anything out.
    """
    if not gained_on_replay(before, after):
        return False
    if remembered:
        return True
    still = after[_fell(before, after)] == FAIL
    if gain is None or gain.high >= MOST * (1 - float(still.mean())):
        return False
    if unseen is not None:
        return learned(before, after, unseen) < SURE
    return float(wilson(still.sum(), len(still)).high) < HARDLY


def _fell(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Recorded attacks that the baseline falls for, and that the defence answers or abstains on."""
    return np.asarray((before == FAIL) & np.isin(after, (FAIL, *STOPPED)))


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
    if gain.is_safer:
        return VERDICTS[1] if dearer else VERDICTS[0]
    if gain.is_easier:
        return VERDICTS[4]
    return VERDICTS[3] if gained else VERDICTS[5]


def verdict_words(row: Mapping[Any, Any]) -> str:
    """The verdict of a row of a replay's ``targets`` in words, its price with it; empty where there is nothing to say."""
    word = row.get("verdict")
    if word is None or word != word:  # noqa: PLR0124  NaN; and older replays have no such column
        word = VERDICTS[2] if row["overfitted_defence"] else VERDICTS[0] if row["safer"] is True else VERDICTS[5]
    if word == VERDICTS[1]:
        return f"safer, at a price: abstains on {row['abstains']:.0%} of harmless inputs"
    return "" if word == VERDICTS[5] else str(word)
