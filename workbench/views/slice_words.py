"""How the numbers of slices are said to people: what the loss is called, how a value of it is written, a condition in short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.analysis.measures import LABELS
from workbench.digest import Plain, to_plain
from workbench.predicate.conditions import column_text
from workbench.result import Result
from workbench.views.render import BLANK


def loss_label(result: Result) -> str:
    """What the loss is called, for people."""
    loss = str(result.numbers["loss"])
    return LABELS.get(loss) or f"mean {loss.removeprefix('column:').replace('_', ' ')}"


def is_share(result: Result) -> bool:
    """Whether the loss is a share of rows."""
    return str(result.numbers["loss"]) in LABELS


def loss_writer(result: Result) -> Callable[[Any], str]:
    """How a value of the loss is written."""
    share = is_share(result)
    return lambda value: written(value, share=share)


def written(value: float | None, *, share: bool) -> str:
    """A value of the loss."""
    return BLANK if value is None else f"{100 * value:.1f} %" if share else significant(value)


def significant(value: float | None) -> str:
    """A number with three digits."""
    return BLANK if value is None else f"{value:.3g}"


def finite(value: Any) -> Plain:
    """A number, None where it is missing or no number."""
    plain = to_plain(value)
    return float(plain) if isinstance(plain, int | float) and np.isfinite(plain) else None


def short_label(text: str, column: str) -> str:
    """A condition without the name of its column: ``[18, 25)``, ``Female``, ``missing``."""
    rest = text.removeprefix(column).removeprefix(column_text(column)).strip()
    for prefix in ("= ", "in ", "is "):
        rest = rest.removeprefix(prefix)
    return rest.strip('"').strip() or text
