"""Cells of tables made missing or rounded: what every kind of publishing does alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.digest import Plain

if TYPE_CHECKING:
    import pandas as pd

Tables = dict[str, "pd.DataFrame"]
Change = Callable[[float | None], float | None]


def suppressed_flags(table: pd.DataFrame) -> list[bool]:
    """Whether each row is marked ``suppressed``."""
    return table["suppressed"].astype(bool).tolist() if "suppressed" in table else [False] * len(table)


def flag_series(table: pd.DataFrame, marks: Sequence[bool]) -> pd.Series[bool]:
    """`marks` as a column beside `table`."""
    import pandas as pd

    return pd.Series(list(marks), index=table.index, dtype=bool)


def object_column(table: pd.DataFrame, values: Sequence[object]) -> pd.Series[Any]:
    """`values` as a column beside `table`; None stays None."""
    import pandas as pd

    return pd.Series(list(values), index=table.index, dtype=object)


def blank_rows(table: pd.DataFrame, marks: Sequence[bool]) -> pd.DataFrame:
    """`table` with every number missing in the rows that are marked; names and conditions stay."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    texts = [
        str(name)
        for name, column in table.items()
        if is_bool_dtype(column) or not (is_numeric_dtype(column) or any(is_number(value) for value in column))
    ]
    return blank(table, [str(name) for name in table if str(name) not in texts], marks)


def blank(table: pd.DataFrame, names: Sequence[Any], marks: Sequence[bool]) -> pd.DataFrame:
    """`table` with the columns `names` missing in the rows that are marked."""
    if not any(marks):
        return table
    hidden = flag_series(table, marks)
    return table.assign(**{str(name): table[name].astype(object).mask(hidden, None) for name in names})


def rewrite(table: pd.DataFrame, name: str, change: Change, marks: Sequence[bool] | None = None) -> pd.DataFrame:
    """`table` with `change` applied to the numbers of one column, where it has it, in the rows that are marked (None: all)."""
    if name not in table or (marks is not None and not any(marks)):
        return table
    marks = [True] * len(table) if marks is None else marks
    old = zip(numbers_of(table[name]), table[name].astype(object), marks, strict=True)
    return table.assign(**{name: object_column(table, [change(value) if mark else raw for value, raw, mark in old])})


def lacking_any(table: pd.DataFrame, names: Sequence[str]) -> list[bool]:
    """The rows in which one of the columns `names` is missing."""
    return table[list(names)].isna().any(axis=1).tolist() if len(names) else [False] * len(table)


def total_of(numbers: Mapping[str, Plain], name: str) -> float | None:
    """A number of a result; None where it has none of that name."""
    number = numbers.get(name)
    return float(number) if is_number(number) else None  # type: ignore[arg-type]


def numbers_of(column: pd.Series[Any]) -> list[float | None]:
    """The cells of a column as floats, missing as None."""
    return [number_of(value) for value in column]


def number_of(value: Any) -> float | None:
    """A cell as a float; None where it is missing."""
    import pandas as pd

    return None if pd.isna(value) else float(value)


def is_number(value: object) -> bool:
    """Whether `value` is a number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
