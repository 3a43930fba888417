"""What each column of a decision log is for.

A role says which column is the prediction, the label, the time …; analysis asks for roles, never for column names. They come
from a YAML file, a mapping, or exact column names (`INFERRED`), and what was inferred is said.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from workbench.errors import PredicateError, RolesError
from workbench.predicate import Predicate

INFERRED: Final[Mapping[str, tuple[str, ...]]] = {
    "row_id": ("row_id", "record_id", "decision_id", "id"),
    "time": ("time", "timestamp", "event_time", "decided_at", "decision_time"),
    "model_version": ("model_version",),
    "prediction": ("prediction", "predicted", "decision", "y_pred"),
    "score": ("score", "y_score", "probability"),
    "label": ("label", "outcome", "y_true"),
    "weight": ("weight", "sample_weight"),
}
"""Role to the exact column names it is inferred from, in order of preference."""

IDENTIFIER_NAMES: Final = frozenset({
    "name", "first", "last", "first_name", "last_name", "full_name", "dob", "date_of_birth", "birth_date",
    "email", "phone", "address", "ssn", "ip_address", "case_number",
})  # fmt: skip
"""Column names, in upper or lower case, taken as identifiers where no roles are given."""

ONE_COLUMN: Final = ("row_id", "time", "model_version", "score", "weight")
MANY_COLUMNS: Final = ("features", "identifiers")


@dataclass(frozen=True)
class Roles:
    """Which column plays which part.

    Attributes
    ----------
    row_id, time, model_version, score, weight
        A column each. Naive times are UTC.
    prediction, label
        A column, or a predicate's text (``decile_score >= 5``).
    favorable
        The prediction that is good for the person; selection rates count it. Never inferred.
    positive
        The value called positive in TPR … NPV. Default 1 only where the values are {0, 1} or booleans.
    groups
        Columns or predicates' texts that part people into groups. Never inferred.
    features
        Columns the model sees. None: every column that has no other role.
    identifiers
        Columns that name people. Dropped at load; they never leave.
    """

    row_id: str | None = None
    time: str | None = None
    model_version: str | None = None
    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    weight: str | None = None
    favorable: bool | int | float | str | None = None
    positive: bool | int | float | str | None = None
    groups: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    identifiers: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Roles:
        """Roles from a mapping; an unknown role or a value of the wrong shape is refused.

        Raises
        ------
        RolesError
        """
        known = [item.name for item in fields(cls)]
        for name in data:
            if name not in known:
                raise RolesError("unknown role", name, f"{_near(str(name), known)}Roles: {', '.join(known)}.")
        values: dict[str, Any] = {name: _shaped(name, value) for name, value in data.items() if value is not None}
        return cls(**values)

    @classmethod
    def load(cls, path: str | Path) -> Roles:
        """Roles from a YAML file.

        Raises
        ------
        RolesError
            If there is no such file, it is not YAML, or it is not a mapping of roles.
        """
        import yaml

        path = Path(path)
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as exc:
            raise RolesError("no roles file here", str(path), "Give the path of a YAML file such as `label: outcome`.") from exc
        except (OSError, UnicodeDecodeError) as exc:
            raise RolesError("the roles file cannot be read", str(path), f"{exc}".split("\n")[0]) from exc
        except yaml.YAMLError as exc:
            raise RolesError("the roles file is not YAML", str(path), _place(exc)) from exc
        if not isinstance(data, Mapping):
            raise RolesError("the roles file holds no mapping", str(path), "Write one `role: column` per line.")
        return cls.of(data)

    @classmethod
    def infer(cls, columns: Sequence[str]) -> Roles:
        """Roles by exact column name only; identifiers by name in upper or lower case, for a `Name` that stays would leave."""
        found = {role: next((name for name in names if name in columns), None) for role, names in INFERRED.items()}
        return cls(**found, identifiers=tuple(name for name in columns if name.lower() in IDENTIFIER_NAMES))  # type: ignore[arg-type]

    def said(self) -> dict[str, Any]:
        """The roles that are set, as a mapping that `of` reads back."""
        given = {name: value for name, value in asdict(self).items() if value is not None and (value != () or name == "features")}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}

    def check(self, columns: Sequence[str]) -> Roles:
        """These roles, once every column they name exists among `columns`, and none that plays a part is an identifier.

        Raises
        ------
        RolesError
            Naming the role, the column and the columns there are.
        """
        for role in ONE_COLUMN:
            if (column := getattr(self, role)) is not None:
                require_column(role, column, columns)
        for role in MANY_COLUMNS:
            for column in getattr(self, role) or ():
                require_column(role, column, columns)
        for role, text in [("prediction", self.prediction), ("label", self.label), *(("groups", group) for group in self.groups)]:
            if text is not None:
                for column in columns_behind(role, text, columns):
                    require_column(role, column, columns)
        self._check_identifiers()
        return self

    def _check_identifiers(self) -> None:
        """Identifiers are dropped, so no other role may name one; a predicate may read one, for its truth names nobody."""
        named = [(role, getattr(self, role)) for role in (*ONE_COLUMN, "prediction", "label")]
        named += [("groups", group) for group in self.groups] + [("features", feature) for feature in self.features or ()]
        for role, column in named:
            if column is not None and column in self.identifiers:
                raise RolesError(f"role {role} names an identifier, which is dropped", column, "Take it out of one of the two.")

    def feature_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """`features` and the columns behind `groups`; without `features`, every column that has no other role, in file order."""
        group_columns = [column for group in self.groups for column in columns_behind("groups", group, columns)]
        if self.features is not None:
            return tuple(dict.fromkeys([*self.features, *group_columns]))
        taken = {getattr(self, role) for role in ONE_COLUMN} | set(self.identifiers)
        for role, text in (("prediction", self.prediction), ("label", self.label)):
            if text is not None:
                taken |= set(columns_behind(role, text, columns))
        return tuple(dict.fromkeys([column for column in columns if column not in taken or column in group_columns]))


def columns_behind(role: str, text: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that `text`, a column's name or a predicate's text, reads; at least one."""
    if text in columns:
        return (text,)
    try:
        behind = Predicate.parse(text).columns
    except PredicateError as exc:
        do = f"{_near(text, columns)}Columns: {', '.join(columns)}."
        raise RolesError(f"role {role} names neither a column nor a predicate", text, do) from exc
    if not behind:
        raise RolesError(f"role {role} names a predicate that reads no column", text, "Write one such as `age >= 30`.")
    return behind


def require_column(role: str, column: str, columns: Sequence[str]) -> None:
    """Raise RolesError unless `column` exists."""
    if column not in columns:
        do = f"{_near(column, columns)}Columns: {', '.join(columns)}."
        raise RolesError(f"role {role} names a column that does not exist", column, do)


def _place(exc: Any) -> str:
    """Where the YAML breaks off and why, without the text that stands there: it may be a row of somebody's data."""
    mark, problem = getattr(exc, "problem_mark", None), getattr(exc, "problem", None) or "it cannot be read"
    where = "" if mark is None else f"Line {mark.line + 1}, column {mark.column + 1}: "
    return f"{where}{problem}. Write one `role: column` per line."


def _near(name: str, known: Sequence[str]) -> str:
    """A suggestion, where one of `known` is written nearly as `name` is."""
    folded = {item.lower(): item for item in known}
    near = difflib.get_close_matches(name.lower(), list(folded), n=1)
    return f"Did you mean {folded[near[0]]}? " if near else ""


def _shaped(name: str, value: object) -> object:
    if name in ("groups", *MANY_COLUMNS):
        items = [value] if isinstance(value, str) else value
        if isinstance(items, Sequence) and all(isinstance(item, str) for item in items):
            return tuple(dict.fromkeys(items))
        raise RolesError(f"role {name} takes a list of columns", value, f"Write `{name}: [a, b]`.")
    takes_value = name in ("favorable", "positive")
    if isinstance(value, bool | int | float | str if takes_value else str):
        return value
    raise RolesError(f"role {name} takes one {'value' if takes_value else 'column'}", value, f"Write `{name}: x`.")
