"""One decision from every side, in words: a sentence, then a table for each side. It is about one person, and for no page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pandas as pd

from workbench.result import Result
from workbench.views.render import BLANK, Table

SIDES: Final = {
    "inputs": "What went in",
    "cases": "How others were decided",
    "slices": "The worst slices that hold it",
    "flip": "The smallest change found that flips it",
    "attacks": "Recorded attacks that it matches",
    "upstream": "What the version that decided was made from",
    "unknown": "What could not be told",
}
"""Table of the dossier to its title, in the order of reading."""
QUESTIONS: Final = {
    "cases": "how others were decided",
    "slices": "which bad slices hold it",
    "moves": "what moved its score",
    "flip": "what would flip it",
    "attacks": "whether it matches an attack",
    "upstream": "what decided it was made from",
}
HEADS: Final = {
    "who": "cases", "same_decision": "decided alike", "mean_score": "mean score", "error": "decided wrongly",
    "where": "rows where", "n": "rows", "mean": "mean loss in it", "rest": "elsewhere", "p_adjusted": "p, adjusted",
    "instead": "value that flips it", "exact": "the very input", "gap": "distance", "certain": "sure",
    "moves": "moves the score by (shap)", "part": "could not tell",
}  # fmt: skip
"""Column of a table to what readers see for it; any other is shown by its name."""
SHARES: Final = ("same_decision", "error")


def dossier_sentence(result: Result) -> str:
    """What was decided and when, how the nearest cases fared, and what would have changed it.

    Parameters
    ----------
    result
        Of `workbench.triage.dossier.make_dossier`.
    """
    decision = result.tables["decision"].dropna(subset="value")
    said = dict(zip(decision["role"], decision["value"], strict=True))
    parts = [
        f"Decided {said.get('prediction') or 'nothing'}",
        *(f"{word} {said[role]}" for role, word in (("time", "on"), ("model_version", "by version")) if said.get(role)),
        *(f"{word} {said[role]}" for role, word in (("score", "with the score"), ("label", "and turned out")) if said.get(role)),
    ]
    return " ".join([f"{' '.join(parts)}.", *_beside(result)])


def _beside(result: Result) -> list[str]:
    """The sentences on the nearest cases and on the smallest change, where there are such."""
    told = []
    cases, flip = result.tables.get("cases"), result.tables.get("flip")
    if cases is not None and cases["same_decision"].notna().all():
        counted: Any = cases.itertuples()
        near, every = (f"{round(row.same_decision * row.n):,} of {row.n:,}" for row in counted)
        told.append(f"Of the nearest other cases {near} were decided alike, of all cases {every}.")
    if flip is not None and not flip.empty:
        changes = " and ".join(f"{row.column} {row.instead} instead of {row.value}" for row in flip.itertuples())
        told.append(f"The smallest change found that flips it: {changes}.")
    return told


def dossier_tables(result: Result) -> list[Table]:
    """A table for each side of which something is known, without the id."""
    rows = int(str(result.numbers["rows"]))
    shown = ((title, result.tables.get(name)) for name, title in SIDES.items())
    return [Table(_told(table, rows), title) for title, table in shown if table is not None and not table.empty]


def _told(table: pd.DataFrame, rows: int) -> pd.DataFrame:
    """The table with heads and cells in words; a share of the log's `rows` decisions is counted."""
    columns = {}
    for name in table.columns.drop("row_id"):
        head = f"of {rows:,} decisions: the same value, or a number at or below it" if name == "share" else HEADS.get(name, name)
        columns[head] = [BLANK if _missing(value) else _writer(name, rows)(value) for value in table[name]]
    return pd.DataFrame(columns)


def _writer(name: str, rows: int) -> Callable[[Any], str]:
    """How the values of a column are written."""
    if name == "share":
        return lambda value: f"{round(value * rows):,} ({100 * value:.1f} %)"
    if name == "part":
        return lambda value: QUESTIONS.get(value, str(value))
    if name in SHARES:
        return lambda value: f"{100 * value:.1f} %"
    if name == "moves":
        return lambda value: f"{value:+.3g}"
    return lambda value: f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)


def _missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))
