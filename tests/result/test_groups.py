"""A hidden group cannot be solved for: not from its attribute, not from the margins of an intersection, in any table."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from workbench.analysis.disparity import measure_disparity
from workbench.data.dataset import open_dataset
from workbench.predicate import Predicate
from workbench.result import Result
from workbench.result.cells import SMALL_CELL

ROLES = {"prediction": "p", "label": "y", "favorable": 1, "groups": ["a", "b"]}


def log(sizes: list[list[int]], *, seed: int = 0) -> pd.DataFrame:
    """A log with so many rows in every crossing of two attributes."""
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame({"a": f"a{row}", "b": f"b{column}"}, index=range(size))
        for row, line in enumerate(sizes)
        for column, size in enumerate(line)
    ]
    frame = pd.concat(parts, ignore_index=True)
    rows = len(frame)
    return frame.assign(
        p=rng.integers(0, 2, rows), y=rng.integers(0, 2, rows), s=rng.choice(["u", "v", "w"], rows, p=[0.7, 0.25, 0.05])
    )


def measured(frame: pd.DataFrame, **arguments: Any) -> Result:
    return measure_disparity(open_dataset(frame, ROLES), measures=["selection_rate", "fpr", "accuracy"], **arguments)


def possible_range(shown: pd.DataFrame, truth: pd.DataFrame, total: int, at: int, column: str) -> tuple[float, float]:
    """The smallest and largest number that the cell `at` can have, given all shown cells and how cells add up."""
    where = truth["where"].tolist()
    equations, right = [], []
    known = dict(zip(where, shown.set_index("where")[column].reindex(where), strict=True))

    def add(terms: dict[str, float], value: float) -> None:
        row = np.zeros(len(where))
        for name, factor in terms.items():
            row[where.index(name)] = factor
        equations.append(row)
        right.append(value)

    for _, part in truth.groupby("attributes"):
        add(dict.fromkeys(part["where"], 1.0), total)
    conditions = {name: Predicate.parse(name).conditions for name in where}
    for margin in [name for name in where if len(conditions[name]) == 1]:
        children = [name for name in where if name != margin and conditions[margin][0] in conditions[name]]
        add({margin: -1.0, **dict.fromkeys(children, 1.0)}, 0.0)
    for name, value in known.items():
        if not pd.isna(value):
            add({name: 1.0}, float(value))
    goal = np.zeros(len(where))
    goal[at] = 1
    ends = [linprog(sign * goal, A_eq=np.asarray(equations), b_eq=right, bounds=(0, None)) for sign in (1, -1)]
    assert all(end.status == 0 for end in ends)
    return float(ends[0].fun), float(-ends[1].fun)


@settings(max_examples=10)
@given(st.lists(st.lists(st.one_of(st.integers(0, 12), st.integers(0, 60)), min_size=3, max_size=3), min_size=2, max_size=4))
def test_no_small_intersection_follows_from_the_margins(sizes: list[list[int]]) -> None:
    frame = log([*sizes, [80, 70, 90]])
    result = measured(frame)
    truth, shown = result.tables["groups"], result.published().tables["groups"]
    for at, size in enumerate(truth["n"]):
        if 0 < size < SMALL_CELL:
            low, high = possible_range(shown, truth, len(frame), at, "n")
            assert high - low >= 1, (truth["where"][at], low, high)


def test_a_hidden_intersection_takes_a_second_one_of_its_line_along() -> None:
    result = measured(log([[100, 90, 5], [80, 120, 60], [70, 50, 40]]))
    shown = result.published().tables["groups"].set_index("group")["n"]
    assert shown[["a0", "a1", "a2", "b0", "b1", "b2"]].notna().all()
    hidden = [name for name in shown.index[6:] if pd.isna(shown[name])]
    assert "a0, b2" in hidden
    for line in ("a0", "b2"):
        assert sum(line in name for name in hidden) != 1
    assert len(hidden) < 9


def test_every_table_hides_what_the_groups_hide() -> None:
    frame = log([[200, 150, 4], [160, 180, 120]])
    result = measured(frame, bootstrap=20, strata="s", policy="four_fifths")
    shown = result.published().tables
    hidden = set(shown["groups"].loc[shown["groups"]["suppressed"].astype(bool), "where"])
    assert hidden
    for name in ("disparities", "shrunk", "conditional", "strata", "policy"):
        table = shown[name]
        part = table[table["where"].isin(hidden)]
        assert len(part)
        numbers = part.select_dtypes("number").columns.union(["four_fifths", "evidence", "below"]).intersection(part.columns)
        assert part[numbers].isna().all(axis=None), name
    level = shown["functionals"].query("attributes == 'a, b' and functional in ['min', 'ratio', 'difference']")
    assert level[["value", "low", "high"]].isna().all(axis=None)
    [rule] = shown["rule"].query("attributes == 'a, b'").to_dict("records")
    assert pd.isna(rule["lowest_over_highest"])
    assert rule["false_alarm_rate"] > 0


def test_a_small_stratum_is_not_what_its_group_lacks() -> None:
    frame = log([[200, 150, 90], [160, 180, 120]])
    frame.loc[frame.index[:4], "s"] = "x"
    result = measured(frame, strata="s")
    truth, shown = result.tables["strata"], result.published().tables["strata"]
    for column in ("n", "reference_n"):
        hidden = shown[column].isna()
        for _, part in truth.groupby(["attributes", "group"]):
            lost = part.loc[hidden[part.index], column]
            assert len(lost) != 1 or not 0 < lost.iloc[0] < SMALL_CELL
        assert hidden[(truth[column] > 0) & (truth[column] < SMALL_CELL)].all()


@pytest.mark.parametrize("sizes", [[[1, 2, 3], [4, 5, 6]], [[30, 3, 3], [3, 30, 3], [3, 3, 30]], [[500, 1, 500], [500, 500, 1]]])
def test_publishing_twice_is_publishing_once(sizes: list[list[int]]) -> None:
    result = measured(log(sizes), bootstrap=10, strata="s", policy="four_fifths")
    once = result.published()
    assert once.published().to_dict() == once.to_dict()
    assert Result.from_dict(once.to_dict()).digest == result.digest
