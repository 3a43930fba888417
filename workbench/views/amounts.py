"""The size of a finding in words, with its 95 % interval: percentage points, a factor or a percentage where the unit allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from workbench.analysis.measures import LABELS, SHARES
from workbench.result import Finding
from workbench.views.render import BLANK

SHARE_UNITS: Final = frozenset(LABELS[measure] for measure in (*SHARES, "error", "balanced_error"))
SHARES_BEGIN: Final = ("share ", "missing share", "total variation")
"""How other units begin that are shares of rows: any other (a mean, powers of ten) is not told in percentage points."""
POWERS: Final = "powers of ten"
CHANGE: Final = "relative change of "
PLAIN: Final = {
    "base rate": "share of positive outcomes",
    "error rate": "share of wrong decisions",
    "selection rate": "share of favourable decisions",
    "false positive rate": "share of negative cases that were decided positive",
    "false negative rate": "share of positive cases that were decided negative",
    "missing share": "share of rows without a value",
    "total variation": "share of rows that would have to change value",
    "share of the former range": "average share of the log's values that lie below",
}
"""Unit of a finding to what it is in words that need no course in statistics."""


class Amount(NamedTuple):
    """How numbers of one unit are written, what stands right after the first of them, and the name of the unit."""

    number: Callable[[float], str]
    after: str
    unit: str


def amount_of(unit: str) -> Amount:
    """How numbers of `unit` are written for people."""
    if is_share_unit(unit):
        return Amount(lambda value: f"{100 * value:+.1f}", " pp", unit)
    if unit == POWERS:
        return Amount(lambda value: f"{10**value:.3g}", "", "times the former values")
    if unit.startswith(CHANGE):
        return Amount(lambda value: f"{100 * value:+.1f}", " %", unit.removeprefix(CHANGE))
    return Amount(lambda value: f"{value:+.3f}", "", unit)


def is_share_unit(unit: str) -> bool:
    """Whether numbers of `unit` are differences of shares."""
    return unit in SHARE_UNITS or unit.startswith(SHARES_BEGIN)


def is_share(finding: Finding) -> bool:
    """Whether its effect is a difference of shares of rows, known with an interval."""
    return _ends(finding) is not None and is_share_unit(finding.unit)


def effect_text(finding: Finding) -> str:
    """Effect, 95 % interval and unit, as a table has them."""
    if finding.effect is None:
        return BLANK
    amount, ends = amount_of(finding.unit), _ends(finding)
    interval = "" if ends is None else f" [{', '.join(amount.number(end).removeprefix('+') for end in ends)}]"
    return f"{amount.number(finding.effect)}{amount.after}{interval} {amount.unit}"


def size_text(finding: Finding) -> str:
    """Effect and interval as a clause; empty where either is not known."""
    ends = _ends(finding)
    if finding.effect is None or ends is None:
        return ""
    amount = amount_of(finding.unit)
    size, low, high = (amount.number(value) for value in (finding.effect, *ends))
    sure = f"(95 % sure: {low} to {high})"
    if is_share_unit(finding.unit):
        return f"the {PLAIN.get(finding.unit, finding.unit)} differs by {size} percentage points {sure}"
    if finding.unit == POWERS:
        return f"its values are {size} {amount.unit} {sure}"
    return f"it differs by {size}{amount.after} in {amount.unit} {sure}"


def _ends(finding: Finding) -> tuple[float, float] | None:
    low, high = finding.interval or (None, None)
    return None if low is None or high is None else (float(low), float(high))
