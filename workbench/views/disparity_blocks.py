"""What the disparity panel is made of: texts, tables, figures as numbers. One form for the browser, the page and the notebook.

A *block* is a plain object with a ``kind``; `js/disparity.js` draws it, `views/disparity_static.py` writes it as HTML. Every word
and every number as text is made here, once, so that what a responder sees and what a stranger reads later is the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from workbench.analysis.definitions import DEFINITIONS
from workbench.analysis.measures import LABELS, SHARES
from workbench.digest import Plain
from workbench.views.render import BLANK

Block = dict[str, Plain]
HARMLESS_IF_HIGH: Final = ("selection_rate", "tpr", "tnr", "ppv", "npv", "accuracy")
"""Measures whose ratio below 0.8 is to the group's disadvantage; of the others the inverse is."""
FOUR_FIFTHS: Final = 0.8


def text(said: str, tone: str = "") -> Block:
    """A sentence; `tone` is ``bad``, ``small`` or empty."""
    return {"kind": "text", "text": said, "tone": tone}


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> Block:
    """A table of texts; `numbers` are the positions of the columns that hold numbers."""
    return {
        "kind": "table", "caption": caption, "columns": list(columns), "rows": [list(row) for row in rows],
        "numbers": list(numbers),
    }  # fmt: skip


def number(value: object) -> float | None:
    """A cell as a number; None where it is missing or infinite."""
    if value is None or isinstance(value, str) or value is pd.NA:
        return None
    found = float(value)  # type: ignore[arg-type]
    return found if math.isfinite(found) else None


def amount(value: object, measure: str = "selection_rate", *, sign: bool = False, digits: int = 1) -> str:
    """A measure's value as text: a share in per cent, another number as it is."""
    found = number(value)
    if found is None:
        return BLANK
    plus = "+" if sign else ""
    return f"{100 * found:{plus}.{digits}f}{' %' if not sign else ' pp'}" if is_share(measure) else f"{found:{plus}.3g}"


def is_share(measure: str) -> bool:
    """Whether a measure is a share of rows, shown in per cent."""
    return measure in SHARES or measure == "balanced_error"


def count(value: object) -> str:
    """A number of rows or people as text."""
    found = number(value)
    return BLANK if found is None else f"{round(found):,}"


def ratio(value: object) -> str:
    """A ratio as text, three digits: the difference between 0.798 and 0.802 matters to a reader."""
    found = number(value)
    return BLANK if found is None else f"{found:.3f}"


def chance(value: object) -> str:
    """A p-value as text."""
    found = number(value)
    return BLANK if found is None else "< 1e-12" if found < 1e-12 else f"{found:.2g}"


def interval(low: object, high: object, measure: str = "selection_rate", *, sign: bool = False) -> str:
    """Two ends as text; empty where one is not known."""
    ends = [number(low), number(high)]
    if None in ends:
        return ""
    if not is_share(measure):
        return f"[{ends[0]:.3g}, {ends[1]:.3g}]"
    plus = "+" if sign else ""
    return f"[{100 * (ends[0] or 0):{plus}.1f}, {100 * (ends[1] or 0):{plus}.1f}]"


def figure_cell(value: object, low: object, high: object, said: str) -> Block:
    """A value with its interval, to be drawn and read."""
    return {"at": number(value), "low": number(low), "high": number(high), "text": said}


def measure_words(measure: str) -> Block:
    """A measure as people read it: label, question, what is counted among whom."""
    made = DEFINITIONS[measure]
    return {
        "name": measure, "label": LABELS[measure], "question": made.question, "counted": made.counted, "among": made.among,
        "criterion": made.criterion, "harm": made.harm, "share": is_share(measure), "good": measure in HARMLESS_IF_HIGH,
    }  # fmt: skip


def evidence_text(row: Mapping[Any, Any]) -> str:
    """What can be said of a difference: that it is there, that it was not found, or how many rows were needed to see it."""
    word = row.get("evidence") or ""
    if word == "not enough data":
        needed = number(row.get("rows_needed"))
        return "not enough data" if needed is None else f"not enough data: {needed:,.0f} needed"
    return f"{word} (p = {chance(row.get('p_adjusted'))})".replace("p = <", "p <") if word else ""
