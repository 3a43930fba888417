"""Scenarios for text targets: look-alike letters, hidden spaces, typing errors, and templates that name groups of people.

A text target sees a column ``text``. The shipped templates are harmless sentences of our own: what is tested is whether an answer
depends on who is named, not whether a model can be made to say something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.decisions import Vocabulary, decision_texts
from workbench.attacks.generators.stress import stress
from workbench.attacks.scenarios.trial import Setting, Trial, share_columns
from workbench.errors import InputError, UnknownNameError
from workbench.registry import scenarios

LOOKALIKES: Final = str.maketrans(
    "aceiopsxyABEHKMOPT",
    "\u0430\u0441\u0435\u0456\u043e\u0440\u0455\u0445\u0443\u0410\u0412\u0415\u041d\u041a\u041c\u041e\u0420\u0422",
)
"""Latin letters and the Cyrillic ones drawn the same way (Unicode TR 39, confusables)."""
HIDDEN: Final = ("\u200b", "\u200d", "\u2060", "\u00ad")
"""Zero-width space, zero-width joiner, word joiner, soft hyphen: nothing of them shows."""
TRICKS: Final = ("look-alike letters", "hidden characters", "extra spaces", "typing errors", "letter case")
KEYBOARD: Final = "qwertyuiopasdfghjklzxcvbnm"
TEXT: Final = "text"


def disguise(text: str, trick: str, strength: float, rng: np.random.Generator) -> str:
    """`text` with a trick of `TRICKS` on about `strength` of its characters; 0 leaves it as it is."""
    if trick not in TRICKS:
        raise UnknownNameError("text trick", trick, TRICKS)
    return "".join(_changed(letter, trick, rng) if rng.random() < strength else letter for letter in text)


@scenarios.register("text trick")
def text_trick(
    setting: Setting, *, trick: str, column: str = TEXT, levels: Sequence[float] = (0.0, 0.1, 0.25, 0.5, 1.0),
    options: Mapping[str, Any] | None = None,
) -> Trial:  # fmt: skip
    """A trick on the text of every row: whether the answer changes although a reader sees the same."""
    _require_text(setting, column)
    if trick not in TRICKS:
        raise UnknownNameError("text trick", trick, TRICKS)

    def damage(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
        return frame.assign(**{column: [disguise(str(text), trick, strength, rng) for text in frame[column]]})

    return stress(setting, {trick: damage}, levels, options=options)


@scenarios.register("identity terms")
def identity_terms(
    setting: Setting, *, templates: Sequence[str], terms: Mapping[str, Sequence[str]], column: str = TEXT
) -> Trial:
    """Sentences that differ in who is named only: the share of sentences that two groups get different answers to.

    Parameters
    ----------
    templates
        Sentences with ``{person}``.
    terms
        From a group to the words for it, as many for each; the first words are compared with each other, the second with the
        second.

    Returns
    -------
    Trial
        Table ``outcomes``: one row per pair of groups, paired over template and word; ``answers``: how each group is answered.
    """
    _require_text(setting, column)
    if len(terms) < 2 or len({len(words) for words in terms.values()}) != 1 or not all("{person}" in item for item in templates):
        raise InputError(
            "templates that compare nothing", list(terms), "Give two or more groups, as many words each, and {person}."
        )
    groups = list(terms)
    texts = [[template.replace("{person}", word) for template in templates for word in terms[group]] for group in groups]
    answered = setting.target.predict(pd.DataFrame({column: [text for part in texts for text in part]}))
    codes = Vocabulary().encode(answered.decision).reshape(len(groups), -1)
    score = answered.score.reshape(len(groups), -1)
    pairs = list(combinations(range(len(groups)), 2))
    rows = [
        {"group": groups[a], "other": groups[b],
         **share_columns(int((codes[a] != codes[b]).sum()), codes.shape[1], 1 - 0.05 / len(pairs)),
         "score_gap": None if np.isnan(score).all() else float(np.nanmean(score[a] - score[b]))}
        for a, b in pairs
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    worst = table.iloc[int(table["rate"].argmax())]
    said = decision_texts(answered.decision).reshape(len(groups), -1)
    answers = pd.DataFrame([
        {"group": group, "decision": str(name), "sentences": int((said[at] == name).sum())}
        for at, group in enumerate(groups) for name in sorted({str(item) for item in said.ravel()})
    ])  # fmt: skip
    return Trial(
        f"sentences answered differently, worst of {len(pairs)} pairs of groups", float(worst["rate"]), float(worst["low"]),
        float(worst["high"]), {"outcomes": table, "answers": answers}, {"worst": f"{worst['group']} and {worst['other']}"},
    )  # fmt: skip


def _changed(letter: str, trick: str, rng: np.random.Generator) -> str:
    if trick == "look-alike letters":
        return letter.translate(LOOKALIKES)
    if trick == "hidden characters":
        return letter + HIDDEN[int(rng.integers(len(HIDDEN)))]
    if trick == "extra spaces":
        return letter + "  " if letter == " " else letter
    if trick == "letter case":
        return letter.swapcase()
    return KEYBOARD[int(rng.integers(len(KEYBOARD)))] if letter.isalpha() else letter


def _require_text(setting: Setting, column: str) -> None:
    if column not in setting.frame.columns:
        raise InputError("no column of text", column, f"Columns: {', '.join(map(str, setting.frame.columns))}")
