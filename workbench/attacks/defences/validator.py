"""Validators: what clean inputs look like, read from them, and signed off by somebody before anything is refused by it.

A validator rejects a row that no clean row is like: a column that is not there, a value that is missing where none ever was, of
another format, outside the range or the values seen, or a relation between columns broken that always held. A new clean row lies
outside the range of n earlier ones with probability ``2 / (n + 1)`` per numeric column (order statistics), so every validator
rejects some honest rows: `try_validator` says how many, and a person says that this is acceptable, by name and date. An attack
that keeps to what can exist passes a validator by definition: what it stops are the others.

The draft is YAML and holds the smallest and largest values seen: it stays where the data may be.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.stats import wilson
from workbench.attacks.constraints import Column, Domain
from workbench.digest import digest
from workbench.errors import InputError, StorageError
from workbench.files import write_whole

SCHEMA: Final = "workbench.validator/1"
MOST_VALUES: Final = 50
"""Values of a category; text with more of them is held to its length and kinds of characters instead."""
CHANCE: Final = 1e-6
"""A relation is drafted where independent columns would show it in all rows with at most this probability, over all pairs."""
KINDS: Final = ("number", "integer", "category", "text")


@dataclass(frozen=True)
class ColumnRule:
    """What clean values of one column are.

    Attributes
    ----------
    kind
        A word of `KINDS`.
    low, high
        Smallest and largest number, or length of a text, both allowed.
    values
        Of a category; of a text the kinds of characters: letter, digit, space, other.
    may_miss
        Whether a value may be missing.
    """

    name: str
    kind: str
    low: float | None = None
    high: float | None = None
    values: tuple[Any, ...] = ()
    may_miss: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"the rule of {self.name} has an unknown kind", self.kind, f"Kinds: {', '.join(KINDS)}")


@dataclass(frozen=True)
class SignOff:
    """Who accepted a validator, on which day, and the digest of what was accepted."""

    by: str
    date: str
    digest: str


@dataclass(frozen=True)
class Validator:
    """Rules of clean inputs.

    Attributes
    ----------
    relations
        As in `Domain`: ``LEFT OP RIGHT``.
    rows
        How many clean rows they were read from.
    signed
        Who accepted them; None for a draft.
    """

    columns: tuple[ColumnRule, ...]
    relations: tuple[str, ...] = ()
    rows: int = 0
    signed: SignOff | None = field(default=None)

    @property
    def digest(self) -> str:
        """Digest of the rules, without the sign-off."""
        return digest(self._rules())

    def _rules(self) -> dict[str, Any]:
        columns = [{**asdict(column), "values": list(column.values)} for column in self.columns]
        return {"schema": SCHEMA, "rows": self.rows, "columns": columns, "relations": list(self.relations)}

    def to_dict(self) -> dict[str, Any]:
        """As its YAML holds it."""
        return {**self._rules(), "signed": None if self.signed is None else asdict(self.signed)}

    def broken(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """From each rule, as text, to the rows that break it; a row with a broken column is not held to its relations too."""
        found: dict[str, np.ndarray] = {}
        for column in self.columns:
            if column.name not in frame.columns:
                found[f"{column.name} is there"] = np.ones(len(frame), dtype=bool)
            else:
                found |= {f"{column.name} {text}": rows for text, rows in _breaks(column, frame[column.name]).items()}
        sound = ~np.any([*found.values(), np.zeros(len(frame), dtype=bool)], axis=0)
        return found | self._broken_relations(frame, sound)

    def rejects(self, frame: pd.DataFrame) -> np.ndarray:
        """Which rows break any rule, bool of shape (rows,)."""
        return np.asarray(np.any([*self.broken(frame).values(), np.zeros(len(frame), dtype=bool)], axis=0))

    def _broken_relations(self, frame: pd.DataFrame, sound: np.ndarray) -> dict[str, np.ndarray]:
        names = [column.name for column in self.columns if column.kind in {"number", "integer"}]
        if not self.relations or any(name not in frame.columns for name in names):
            return {}
        matrix = np.full((len(frame), len(names)), np.nan)
        matrix[sound] = frame.loc[sound, names].to_numpy(dtype=float, na_value=np.nan)
        broken = Domain(tuple(Column(name) for name in names), self.relations).broken_relations(matrix)
        return dict(zip(self.relations, broken, strict=True))


def infer_validator(frame: pd.DataFrame, *, relations: bool = True) -> Validator:
    """The draft of a validator: types, ranges, values, missing values and relations as they are in clean rows.

    A relation ``a <= b`` is drafted for two numeric columns where it holds in every row and independent columns of these values
    would show that with probability ``P(a <= b)^n * pairs`` of at most `CHANCE`.

    Raises
    ------
    InputError
        If there is no row, or for a column of times.
    """
    if not len(frame):
        raise InputError("no clean rows to read rules from", None, "Give rows that are known to be clean.")
    columns = tuple(_infer(str(name), frame[name]) for name in frame.columns)
    numeric = [column.name for column in columns if column.kind in {"number", "integer"} and column.low != column.high]
    return Validator(columns, tuple(_relations(frame, numeric)) if relations else (), len(frame))


def sign_off(validator: Validator, *, by: str, date: dt.date | str) -> Validator:
    """`validator` as accepted by somebody on a day; a change of its rules voids that.

    Raises
    ------
    InputError
        Without a name, or for a date that is none.
    """
    if not by.strip():
        raise InputError("a sign-off without a name", by, "Say who read the rules and accepts them.")
    try:
        day = date if isinstance(date, dt.date) else dt.date.fromisoformat(date)
    except ValueError as exc:
        raise InputError("a sign-off without a date", date, "Write it as 2026-01-31.") from exc
    return replace(validator, signed=SignOff(by.strip(), day.isoformat()[:10], validator.digest))


def require_signed(validator: Validator) -> None:
    """Refuse a draft, and rules that were changed after they were signed off.

    Raises
    ------
    InputError
        With what to do next.
    """
    do = "Read its rules (write_validator) and false alarms (try_validator), then sign_off(validator, by=NAME, date=DAY)."
    if validator.signed is None:
        raise InputError("a validator that nobody signed off", validator.digest, do)
    if validator.signed.digest != validator.digest:
        raise InputError(f"a validator that was changed after {validator.signed.by} signed it off", validator.digest, do)


def try_validator(validator: Validator, clean: pd.DataFrame, attacks: pd.DataFrame) -> pd.DataFrame:
    """What a validator would reject, by rule and in all: read this before signing off.

    Parameters
    ----------
    clean
        Honest rows other than those it was read from, which it cannot reject.

    Returns
    -------
    pandas.DataFrame
        ``rule attacks attacks_low attacks_high false_alarms false_alarms_low false_alarms_high``: shares of rows in [0, 1] with
        95 % intervals; the rule ``any`` first, then the rules that reject anything.
    """
    broken = [{"any": validator.rejects(frame), **validator.broken(frame)} for frame in (attacks, clean)]
    rows = []
    for rule in dict.fromkeys([*broken[0], *broken[1]]):
        hits = [found.get(rule, np.zeros(len(frame), dtype=bool)) for found, frame in zip(broken, (attacks, clean), strict=True)]
        if rule == "any" or any(hit.any() for hit in hits):
            rows.append({"rule": rule, **_share("attacks", hits[0]), **_share("false_alarms", hits[1])})
    return pd.DataFrame(rows)


def write_validator(validator: Validator, path: str | Path) -> None:
    """Write it as YAML that `read_validator` reads back to the same digest.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    import yaml

    write_whole(Path(path), yaml.safe_dump(validator.to_dict(), sort_keys=False, allow_unicode=True, width=110))


def read_validator(path: str | Path) -> Validator:
    """The validator in a YAML file, signed off or not.

    Raises
    ------
    StorageError
        If the file cannot be read.
    InputError
        If it is no validator.
    """
    import yaml

    path = Path(path)
    try:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise StorageError("a validator cannot be read", f"{path} ({exc})", "Give the path of a YAML file.") from exc
    except yaml.YAMLError as exc:
        raise InputError("a validator is not YAML", f"{path}: {exc}", "Mend the file.") from exc
    return _from_dict(form, path.name)


def _from_dict(form: Any, place: str) -> Validator:
    known = {"schema", "rows", "columns", "relations", "signed"}
    if not isinstance(form, Mapping) or set(form) != known or form["schema"] != SCHEMA:
        raise InputError("not a validator", place, f"Give a file of {SCHEMA} with {', '.join(sorted(known))}.")
    try:
        columns = tuple(ColumnRule(**{**column, "values": tuple(column["values"])}) for column in form["columns"])
        signed = None if form["signed"] is None else SignOff(**form["signed"])
        return Validator(columns, tuple(form["relations"]), int(form["rows"]), signed)
    except (TypeError, KeyError, ValueError) as exc:
        raise InputError("not a validator", f"{place} ({exc})", "Mend the file, or write it anew.") from exc


def _infer(name: str, series: pd.Series[Any]) -> ColumnRule:
    present, missing = series.dropna(), bool(series.isna().any())
    if pd.api.types.is_datetime64_any_dtype(series) or pd.api.types.is_timedelta64_dtype(series):
        raise InputError("a validator reads no times", name, "Leave the column out, or give it as a number.")
    if pd.api.types.is_bool_dtype(series) or not pd.api.types.is_numeric_dtype(series):
        values = [value.item() if isinstance(value, np.generic) else value for value in pd.unique(present)]
        if len(values) <= MOST_VALUES:
            return ColumnRule(name, "category", values=tuple(sorted(values, key=str)), may_miss=missing)
        texts = present.astype(str)
        kinds = sorted({kind for text in pd.unique(texts) for kind in map(_character, text)})
        lengths = texts.str.len()
        return ColumnRule(name, "text", int(lengths.min()), int(lengths.max()), tuple(kinds), missing)
    numbers = present.to_numpy(dtype=float)
    if not len(numbers):
        return ColumnRule(name, "number", may_miss=True)
    whole = bool((numbers == np.round(numbers)).all())
    return ColumnRule(name, "integer" if whole else "number", float(numbers.min()), float(numbers.max()), (), missing)


def _relations(frame: pd.DataFrame, names: list[str]) -> list[str]:
    values = {name: frame[name].to_numpy(dtype=float, na_value=np.nan) for name in names}
    pairs, found = max(1, len(names) * (len(names) - 1)), []
    for one, two in permutations(names, 2):
        known = ~np.isnan(values[one]) & ~np.isnan(values[two])
        a, b = values[one][known], values[two][known]
        if not len(a) or (a > b).any() or (a == b).all():
            continue
        independent = float(np.searchsorted(np.sort(a), b, side="right").mean() / len(a))
        if len(a) * math.log(max(independent, 1e-300)) + math.log(pairs) <= math.log(CHANCE):
            found.append(f"{one} <= {two}")
    return found


def _breaks(column: ColumnRule, series: pd.Series[Any]) -> dict[str, np.ndarray]:
    missing = series.isna().to_numpy(dtype=bool)
    found = {} if column.may_miss else {"is not missing": missing}
    if column.kind == "category":
        return {**found, "is one of the values seen": ~missing & ~series.isin(list(column.values)).to_numpy(dtype=bool)}
    if column.kind == "text":
        texts = series.astype(object).where(~missing, "").map(str)
        lengths = texts.str.len().to_numpy()
        odd = np.array([not set(map(_character, text)) <= set(column.values) for text in texts], dtype=bool)
        return {**found, "has a length seen": ~missing & _outside(lengths, column), "has the characters seen": ~missing & odd}
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    present = ~missing & ~np.isnan(numbers)
    found["is a number"] = ~missing & np.isnan(numbers)
    if column.kind == "integer":
        found["is whole"] = present & (numbers != np.round(numbers))
    return {**found, "is within the range seen": present & _outside(numbers, column)}


def _outside(numbers: np.ndarray, column: ColumnRule) -> np.ndarray:
    low = -np.inf if column.low is None else column.low
    high = np.inf if column.high is None else column.high
    with np.errstate(invalid="ignore"):
        return np.asarray((numbers < low) | (numbers > high))


def _character(character: str) -> str:
    if character.isalpha():
        return "letter"
    if character.isdigit():
        return "digit"
    return "space" if character.isspace() else "other"


def _share(name: str, hits: np.ndarray) -> dict[str, Any]:
    if not len(hits):
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    low, high = wilson(int(hits.sum()), len(hits))
    return {name: float(hits.mean()), f"{name}_low": float(low), f"{name}_high": float(high)}
