"""Fuzzing: inputs from around the schema of the data, and the smallest one that goes wrong in each way.

Hypothesis (the extra ``[fuzz]``) makes the inputs and shrinks those that fail. Ways to go wrong: ``error`` (an exception, no
answer), ``not a number`` (a score or decision that is none), ``silent acceptance`` (a decision, without abstaining, on an input
that cannot exist). A minimal input is made up from medians and odd values: it is nobody's row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.constraints import Column
from workbench.attacks.scenarios.trial import Setting, Trial, share_columns
from workbench.errors import InputError, shorten
from workbench.models.target import Prediction
from workbench.registry import scenarios

WAYS: Final = ("error", "not a number", "silent acceptance")
INSTALL: Final = "Install it: pip install 'ml-incident-workbench[fuzz]'."


@scenarios.register("fuzz")
def fuzz(setting: Setting, *, examples: int = 100, ways: tuple[str, ...] | list[str] = WAYS, inside: bool = False) -> Trial:
    """Make up inputs, find what fails, and shrink it; measure: share of the made-up inputs that go wrong in one of `ways`.

    Parameters
    ----------
    examples
        Inputs made up, before the search for small ones.
    inside
        Only inputs that can exist: the benign twin.
    """
    try:
        import hypothesis  # noqa: F401  asked for, because it is an extra
    except ImportError as exc:
        raise InputError("fuzzing needs hypothesis", None, INSTALL) from exc
    if odd := sorted(set(ways) - set(WAYS)):
        raise InputError("no such way to go wrong", odd[0], f"Ways: {', '.join(WAYS)}")
    base = _base(setting)
    inputs = _inputs(setting, inside=inside)
    judged = _tally(setting, base, inputs, examples)
    rows = []
    for way in ways:
        hits = [way in found for found in judged]
        minimal = _smallest(setting, base, inputs, way, examples) if any(hits) else None
        rows.append({"way": way, **share_columns(sum(hits), len(hits)), "minimal_input": _shown(minimal, base)})
    wrong = [bool(found & set(ways)) for found in judged]
    counted = share_columns(sum(wrong), len(wrong))
    return Trial(
        "made-up inputs that go wrong", counted["rate"], counted["low"], counted["high"], {"outcomes": pd.DataFrame(rows)},
        {"ways": [row["way"] for row in rows if row["failures"]]},
    )  # fmt: skip


def _inputs(setting: Setting, *, inside: bool) -> Any:
    """A strategy of inputs, each one to three changed columns of a typical one."""
    from hypothesis import strategies as st

    columns = st.lists(st.sampled_from(list(setting.domain.columns)), min_size=1, max_size=3, unique_by=lambda item: item.name)
    return columns.flatmap(lambda some: st.fixed_dictionaries({item.name: _values(item, inside=inside) for item in some}))


def _tally(setting: Setting, base: dict[str, Any], inputs: Any, examples: int) -> list[set[str]]:
    """In which ways each of the made-up inputs goes wrong."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    judged: list[set[str]] = []

    @seed(setting.seed)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
    )
    @given(inputs)
    def ask(changes: dict[str, Any]) -> None:
        judged.append(_ways_wrong(setting, base, changes))

    ask()
    return judged


def _smallest(setting: Setting, base: dict[str, Any], inputs: Any, way: str, examples: int) -> dict[str, Any] | None:
    """The smallest input that goes wrong in one way; None where the search does not find one again."""
    import random

    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import NoSuchExample

    quiet = settings(
        max_examples=examples, database=None, deadline=None, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        found: dict[str, Any] = find(
            inputs,
            lambda changes: way in _ways_wrong(setting, base, changes),
            settings=quiet,
            random=random.Random(setting.seed),  # noqa: S311
        )
    except NoSuchExample:
        return None
    for name in list(found):
        fewer = {other: value for other, value in found.items() if other != name}
        if fewer and way in _ways_wrong(setting, base, fewer):
            found = fewer
    return found


def _ways_wrong(setting: Setting, base: dict[str, Any], changes: dict[str, Any]) -> set[str]:
    row = {**base, **changes}
    possible = not any(_impossible(setting, *item) for item in changes.items())
    answered = setting.target.predict(pd.DataFrame({name: _typed(value, setting.frame[name]) for name, value in row.items()}))
    return {way for way, judge in JUDGES.items() if judge(answered, possible)}


def _values(column: Column, *, inside: bool) -> Any:
    """Values of a column: those that can exist, and unless `inside` those around them that cannot."""
    from hypothesis import strategies as st

    if column.kind == "category":
        fine = st.sampled_from(list(column.values) or [None])
        odd = st.one_of(st.just(""), st.text(max_size=5), st.none(), st.just("\x00"))
    else:
        low, high = column.low or 0.0, column.high or 0.0
        fine = st.integers(round(low), round(high)) if column.kind == "integer" else st.floats(low, high)
        edges = st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 0.0, high * 1e6 + 1, -high * 1e6 - 1, 2.0**63])
        odd = st.one_of(edges, st.just("n/a"), st.none(), st.floats(high, high + 1e9, allow_nan=False))
    return fine if inside else st.one_of(odd, fine)


def _impossible(setting: Setting, name: str, value: Any) -> bool:
    """Whether a value is outside what the column may hold; missing counts as possible where it occurs."""
    column = next(item for item in setting.domain.columns if item.name == name)
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return bool(setting.frame[name].notna().all())
    if column.kind == "category":
        return value not in column.values
    if not isinstance(value, int | float):
        return True
    return not (column.low is not None and column.high is not None and column.low <= value <= column.high)


def _typed(value: Any, like: pd.Series[Any]) -> pd.Series[Any]:
    """One cell, of its column's type where that can hold it."""
    try:
        typed = pd.Series([value], dtype=like.dtype)
    except (ValueError, TypeError, OverflowError):
        return pd.Series([value])
    return typed if value is None or typed.iloc[0] == value else pd.Series([value])


def _error(answered: Prediction, possible: bool) -> bool:  # noqa: FBT001  one of a table of judges
    del possible
    return answered.error[0] is not None


def _not_a_number(answered: Prediction, possible: bool) -> bool:  # noqa: FBT001
    del possible
    nothing = pd.isna(answered.decision[0]) and not answered.abstained[0]
    return answered.error[0] is None and bool(nothing or np.isinf(answered.score[0]))


def _silent(answered: Prediction, possible: bool) -> bool:  # noqa: FBT001
    return not possible and bool(answered.decided[0])


JUDGES: Final[dict[str, Callable[[Prediction, bool], bool]]] = dict(zip(WAYS, (_error, _not_a_number, _silent), strict=True))


def _base(setting: Setting) -> dict[str, Any]:
    """A typical input: medians and most frequent values."""
    typical = {}
    for column in setting.domain.columns:
        series = setting.frame[column.name]
        if column.kind == "category":
            typical[column.name] = series.mode(dropna=True).iloc[0] if series.notna().any() else None
        else:
            middle = float(series.median()) if series.notna().any() else 0.0
            typical[column.name] = round(middle) if column.kind == "integer" else middle
    return typical


def _shown(minimal: dict[str, Any] | None, base: dict[str, Any]) -> str | None:
    """What of a minimal input differs from the typical one."""
    if minimal is None:
        return None
    odd = {name: value for name, value in minimal.items() if name not in base or value != base[name]}
    return shorten(", ".join(f"{name} = {value!r}" for name, value in odd.items()) or "the typical input")
