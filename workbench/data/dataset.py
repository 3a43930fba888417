"""A Dataset: a decision log whose columns have roles, ready to be analysed, and nothing in it that names a person.

``open_dataset`` reads a source, settles the roles, derives the columns that roles describe by a predicate, and drops the
identifiers. What an analysis needs comes out as pandas columns, read once; rows are chosen by a `Predicate`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.content import odd_value, totals
from workbench.data.engine import Source, read_source, require_rows, unique_names
from workbench.data.fingerprint import fingerprint
from workbench.data.frames import frame_of, holds_plainly
from workbench.data.labels import join_labels, read_labels
from workbench.data.predicate import compile_predicate
from workbench.data.roles import Roles
from workbench.errors import RolesError
from workbench.predicate import ALL_ROWS, Predicate

MOST_GROUP_VALUES: Final = 1_000


@dataclass(frozen=True, eq=False)
class Dataset:
    """A decision log with roles.

    Attributes
    ----------
    table
        The rows selected, without identifiers, with one more column per role that is a predicate.
    source
        The table as it was read, all rows and columns; only the fingerprint reads it.
    roles
        Where `prediction`, `label` and `groups` are names of columns of `table`.
    given
        The roles as they were given or inferred.
    where
        The rows selected.
    notices
        What was changed or inferred on the way in, a sentence each.
    whole
        The dataset these rows were selected from; None where nothing was.
    """

    table: ibis.Table
    source: Source
    roles: Roles
    given: Roles
    where: Predicate = ALL_ROWS
    notices: tuple[str, ...] = ()
    whole: Dataset | None = None

    @property
    def name(self) -> str:
        """What to call it."""
        return self.source.name

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns analysis may see."""
        return tuple(self.table.columns)

    @functools.cached_property
    def rows(self) -> int:
        """How many rows are selected."""
        return int(self.table.count().to_pyarrow().as_py())

    @functools.cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the whole source, whatever rows are selected; computed once."""
        return _fingerprint_once(self.source)

    @property
    def features(self) -> tuple[str, ...]:
        """Columns the model sees: `Roles.features` and what stands behind the groups."""
        return tuple(column for column in self.given.feature_columns(self.source.table.columns) if column in self.columns)

    def select(self, predicate: Predicate) -> Dataset:
        """The rows of this dataset for which `predicate` holds.

        Raises
        ------
        PredicateError
            If it names no column of this dataset, or compares unlike types.
        """
        if predicate == ALL_ROWS:
            return self
        table = self.table.filter(compile_predicate(predicate, self.table))
        return replace(self, table=table, where=self.where & predicate, whole=self.whole or self)

    def exclude(self, predicate: Predicate) -> Dataset:
        """The rows for which `predicate` does not hold; `where` stays, for no conjunction says "not"."""
        table = self.table.filter(~compile_predicate(predicate, self.table))
        return replace(self, table=table, whole=self.whole or self)

    @functools.cached_property
    def frame(self) -> pd.DataFrame:
        """The selected rows of every column, as pandas; read once."""
        return frame_of(self.table)

    def arrow(self, columns: Sequence[str]) -> pa.Table:
        """The selected rows of `columns` as Arrow, not copied where a frame in memory holds them; NaN may stand for missing."""
        held = self.source.arrow
        seen = held is not None and self.whole is None and set(columns) <= set(self.columns)
        if held is not None and seen and all(holds_plainly(held, column) for column in columns):
            return held.select(list(columns))
        return self.table.select(*columns).to_pyarrow()

    def role(self, role: str) -> pd.Series[Any]:
        """The column that plays `role`.

        Raises
        ------
        RolesError
            If no column does.
        """
        return self.frame[self.require(role)]

    def require(self, role: str) -> str:
        """The name of the column that plays `role`; refused where none does."""
        column = getattr(self.roles, role)
        if column is None:
            raise RolesError("this analysis needs a role that is not set", role, f"Add `{role}: <column>` to the roles.")
        return str(column)

    def has(self, *roles: str) -> bool:
        """Whether every one of `roles` is played by a column."""
        return all(getattr(self.roles, role) not in (None, ()) for role in roles)

    @functools.cached_property
    def positive_label(self) -> np.ndarray:
        """1.0 where the label is the positive value, 0.0 where it is not, NaN where it is missing."""
        return self._positives("label")

    @functools.cached_property
    def positive_prediction(self) -> np.ndarray:
        """1.0 where the prediction is the positive value, 0.0 where it is not, NaN where it is missing."""
        return self._positives("prediction")

    @functools.cached_property
    def favorable_prediction(self) -> np.ndarray:
        """1.0 where the prediction is good for the person, 0.0 where it is not, NaN where it is missing."""
        return self._indicator("prediction", self.favorable_value, "favorable")

    @property
    def favorable_value(self) -> bool | float | str:
        """The prediction that is good for the person; refused where the roles do not say."""
        if self.roles.favorable is None:
            do = "Add `favorable: <value>` to the roles; it is never guessed."
            raise RolesError("which prediction is good for the person?", self.roles.prediction, do)
        return self.roles.favorable

    def _positives(self, role: str) -> np.ndarray:
        return self._indicator(role, self.positive_value(role), "positive")

    def positive_value(self, role: str) -> bool | float | str:
        """What of `role` is called positive; refused where the roles do not say and its values are not 0 and 1."""
        if self.roles.positive is not None:
            return self.roles.positive
        if not _is_binary(present := self.distinct(role)):
            seen = ", ".join(map(str, present[:5]))
            raise RolesError(f"which value of {role} is the positive one?", seen, "Add `positive: <value>` to the roles.")
        return 1

    def _indicator(self, role: str, wanted: object, meaning: str) -> np.ndarray:
        """As `indicator`, but whether `wanted` occurs is judged by the whole dataset: a window without it is no error."""
        hits = _equal(self.role(role), wanted)
        if not np.nanmax(hits, initial=0.0):
            self.require_value(role, wanted, meaning)
        return hits

    def require_value(self, role: str, wanted: object, meaning: str) -> None:
        """Refuse a `wanted` value that `role` never has in the whole dataset, unless it is the other one of 0 and 1."""
        _require_value(self.distinct(role), wanted, meaning)

    def distinct(self, role: str) -> pd.Series[Any]:
        """The values of the column that plays `role`, each once, in the whole dataset; missing left out."""
        column, whole = self.require(role), self.whole or self
        if column not in whole.found_values:
            whole.found_values[column] = frame_of(whole.table.select(column).distinct().order_by(column))[column].dropna()
        return whole.found_values[column]

    @functools.cached_property
    def found_values(self) -> dict[str, pd.Series[Any]]:
        """Column to what `distinct` found, each asked for once."""
        return {}

    @functools.cached_property
    def weights(self) -> np.ndarray:
        """The weight of each row, finite and at least 0, or refused at opening; 1.0 without that role. Missing counts as 0."""
        if self.roles.weight is None:
            return np.ones(len(self.frame))
        return self.role("weight").fillna(0).to_numpy(dtype=float)

    def people(self, mask: np.ndarray | None = None) -> int | None:
        """Distinct ``row_id`` in the selected rows, or in those of `mask`; None without that role."""
        if self.roles.row_id is None:
            return None
        ids = self.role("row_id")
        return int((ids if mask is None else ids[mask]).nunique())


def open_dataset(
    source: object,
    roles: Roles | Mapping[str, Any] | str | Path | None = None,
    *,
    labels: object | None = None,
    on: str | None = None,
) -> Dataset:
    """Open a decision log.

    Parameters
    ----------
    source
        A path, glob or URL; a pandas, polars or Arrow frame; an ibis table.
    roles
        Roles, a mapping or a YAML file. None: ``SOURCE.roles.yaml`` beside a file, else by exact column names.
    labels, on
        A second source that holds the labels, and the column both share; a row without a label keeps a missing one.

    Returns
    -------
    Dataset
        Without identifiers, and with at least one row.

    Raises
    ------
    SourceError
        If the source cannot be read, or has no rows.
    RolesError
        If a role names a column that does not exist or is of the wrong type.
    """
    found = read_source(source)
    require_rows(found)
    right = None if labels is None else read_labels(found, labels, on)
    if labels is None and on is not None:
        raise RolesError("a column to join on, but no labels", on, "Give the labels' file too, or leave it out.")
    columns = [*found.table.columns, *(column for column in (right.table.columns if right else ()) if column != on)]
    given, said = _settle_roles(source, roles, columns)
    given.check(columns)
    if right is not None and on is not None:
        found = join_labels(found, right, on, show=on not in given.identifiers)
    table, resolved = _derive(found.table, given)
    table = table.drop(*given.identifiers) if given.identifiers else table
    dataset = Dataset(table, found, resolved, given, notices=(*found.notices, *said))
    _check_content(dataset)
    return dataset


def indicator(values: pd.Series[Any], wanted: object, role: str) -> np.ndarray:
    """1.0 where `values` equal `wanted`, 0.0 elsewhere, NaN where missing.

    Raises
    ------
    RolesError
        If no value equals `wanted`: then every rate would be 0, in silence. Where all values are 0 or 1, both may be absent.
    """
    hits = _equal(values, wanted)
    if not np.nanmax(hits, initial=0.0):
        _require_value(values.dropna(), wanted, role)
    return hits


def _equal(values: pd.Series[Any], wanted: object) -> np.ndarray:
    hit = (values == wanted).fillna(False).to_numpy(dtype=bool)  # noqa: FBT003  pandas' own signature
    return np.where(values.isna().to_numpy(), np.nan, hit.astype(float))


def _require_value(present: pd.Series[Any], wanted: object, role: str) -> None:
    """Raise RolesError unless `wanted` is among the values `present`, or is the other one of 0 and 1."""
    absent = len(present) and not (present == wanted).any()
    if absent and not (_is_binary(present) and wanted in (0, 1)):
        seen = ", ".join(repr(value) for value in present.unique()[:5].tolist())
        quoting = " YAML reads a bare yes or no as true or false: quote it." if isinstance(wanted, bool) else ""
        raise RolesError(f"no row has the {role} value", repr(wanted), f"Values: {seen}.{quoting}")


def _is_binary(values: pd.Series[Any]) -> bool:
    return set(values.dropna().unique().tolist()) <= {0, 1}


def _settle_roles(source: object, roles: object, columns: Sequence[str]) -> tuple[Roles, tuple[str, ...]]:
    if isinstance(roles, Roles):
        return roles, ()
    if isinstance(roles, Mapping):
        return Roles.of(roles), ()
    if isinstance(roles, str | Path):
        return Roles.load(roles), ()
    if roles is not None:
        raise RolesError("not roles", type(roles).__name__, "Give Roles, a mapping or a YAML file.")
    if isinstance(source, str | Path) and (beside := Path(f"{source}.roles.yaml")).is_file():
        return Roles.load(beside), (f"roles read from {beside}",)
    inferred = Roles.infer(columns)
    said = ", ".join(f"{role}: {value}" for role, value in inferred.said().items())
    return inferred, (f"roles inferred from column names: {said or 'none'}",)


def _derive(table: ibis.Table, given: Roles) -> tuple[ibis.Table, Roles]:
    """`table` with a column for every role that is a predicate, and the roles naming those columns."""
    columns = list(table.columns)
    resolved: dict[str, Any] = {}

    def named(text: str, name: str) -> str:
        nonlocal table
        if text in columns:
            return text
        (*_, fresh), _ = unique_names([*table.columns, name])
        table = table.mutate(**{fresh: _predicate_column(Predicate.parse(text), table)})
        return fresh

    for role in ("prediction", "label"):
        if (text := getattr(given, role)) is not None:
            resolved[role] = named(text, role)
    resolved["groups"] = tuple([named(text, text) for text in given.groups])
    return table, replace(given, identifiers=(), **resolved)


def _predicate_column(predicate: Predicate, table: ibis.Table) -> Any:
    """True or false as the predicate says; missing where a column it reads is missing."""
    missing = functools.reduce(lambda left, right: left | right, [table[name].isnull() for name in predicate.columns])
    return missing.ifelse(ibis.null("boolean"), compile_predicate(predicate, table))


def _check_content(dataset: Dataset) -> None:
    _check_counts(dataset)
    schema = dataset.table.schema()
    for role in ("score", "weight"):
        column = getattr(dataset.roles, role)
        if column is not None and not schema[column].is_numeric():
            odd = odd_value(dataset.table, column, "float64")
            raise RolesError(f"role {role} needs numbers", odd, "Mend it, or name another column.")
    _check_weights(dataset)
    time = dataset.roles.time
    if time is not None and not (schema[time].is_timestamp() or schema[time].is_date()):
        do = "Convert it, for example with pandas.to_datetime, or name another column."
        raise RolesError("role time needs dates or times", odd_value(dataset.table, time, "timestamp"), do)
    for role, wanted, meaning in (
        ("prediction", dataset.roles.favorable, "favorable"),
        ("label", dataset.roles.positive, "positive"),
    ):
        if wanted is not None and dataset.has(role):
            _require_value(dataset.distinct(role), wanted, meaning)


def _check_counts(dataset: Dataset) -> None:
    """A label and a prediction somewhere, and groups few enough to compare: one query."""
    table, roles = dataset.table, dataset.roles
    needed = [role for role in ("label", "prediction") if dataset.has(role)]
    present = [table[getattr(roles, role)].count() for role in needed]
    numbers = totals(table, [*present, *(table[group].nunique() for group in roles.groups)])
    for role, number in zip(needed, numbers, strict=False):
        if not number:
            do = f"Name another column as {role}, or leave it out."
            raise RolesError(f"the {role} is missing in every row", getattr(dataset.given, role), do)
    for group, number in zip(roles.groups, numbers[len(needed) :], strict=True):
        if number > MOST_GROUP_VALUES:
            raise RolesError("a group has too many values", f"{group} has {number}", f"At most {MOST_GROUP_VALUES}; bin it.")


def _check_weights(dataset: Dataset) -> None:
    """Weights of which averages can be taken: none negative, none infinite, and one above 0."""
    if (column := dataset.roles.weight) is None:
        return
    values = dataset.table[column]
    lowest, highest = (float(value or 0) for value in totals(dataset.table, [values.min(), values.max()]))
    do = "A weight says how many rows a row stands for: mend it, or name another column."
    if lowest < 0 or math.isinf(highest):
        raise RolesError("a weight is negative or infinite", f"{column} has {lowest if lowest < 0 else highest:g}", do)
    if not highest:
        raise RolesError("no weight is above 0", f"{column} is 0 or missing in every row", do)


_FINGERPRINTS: WeakKeyDictionary[Source, str] = WeakKeyDictionary()


def _fingerprint_once(source: Source) -> str:
    """One per source that was read, however many windows are selected from it; two readings of one place may differ."""
    if source not in _FINGERPRINTS:
        _FINGERPRINTS[source] = fingerprint(source.table)
    return _FINGERPRINTS[source]


__all__ = ["Dataset", "indicator", "open_dataset"]
