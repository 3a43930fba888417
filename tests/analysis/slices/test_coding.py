"""Every text that has the support is a condition of its own, however many there are, and no slice asks one column twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.slices import SliceResult, find_slices
from workbench.analysis.slices.explore import Exploration
from workbench.analysis.slices.result import Ranking
from workbench.data.dataset import open_dataset
from workbench.data.encode import MOST_CODES
from workbench.predicate import Predicate

CATEGORIES = 300
LEAST = 3


def log(seed: int, *, categories: int = CATEGORIES, each: int = 4, absent: float = 0.02) -> pd.DataFrame:
    """Two columns of so many texts, nearly all above the support, and one of three; some missing."""
    rng = np.random.default_rng(seed)
    rows = categories * each
    cities = np.resize([f"c{number}" for number in range(categories)], rows)
    frame = pd.DataFrame(
        {"city": rng.permutation(cities), "shop": rng.permutation(cities), "kind": rng.choice(list("xyz"), rows)}
    )
    for column in ("city", "shop"):
        frame.loc[rng.random(rows) < absent, column] = None
    return frame.assign(
        wrong=rng.integers(0, 2, rows), weight=rng.integers(0, 3, rows).astype(float), late=rng.random(rows) < 0.7
    )


def by_hand(frame: pd.DataFrame, rows: pd.Series[Any], least: float, sizes: pd.Series[Any]) -> dict[tuple[str, ...], float]:
    """The slices of city, shop and kind, one or two conditions, by pandas' groupby: conditions to size."""
    said = {column: frame[column].map(lambda text, column=column: f'{column} = "{text}"').where(
        frame[column].notna(), f"{column} is missing") for column in ("city", "shop", "kind")}  # fmt: skip
    texts = pd.DataFrame(said)[rows]
    found: dict[tuple[str, ...], float] = {}
    for columns in (["city"], ["shop"], ["kind"], ["city", "shop"], ["city", "kind"], ["shop", "kind"]):
        held = sizes[rows].groupby([texts[column] for column in columns]).sum()
        for key, size in held[(held >= least) & (held > 0)].items():
            found[key if isinstance(key, tuple) else (key,)] = size
    return found


def in_hand(result: SliceResult) -> dict[tuple[str, ...], float]:
    cube = result.cube
    assert cube is not None
    texts = [tuple(map(str, cube.where(index).conditions)) for index in range(len(cube))]
    assert len(set(texts)) == len(texts)
    return dict(zip(texts, cube.counts[-1].tolist(), strict=True))


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), weighted=st.booleans(), two=st.booleans())
def test_the_slices_of_three_hundred_categories_are_those_of_groupby(*, seed: int, weighted: bool, two: bool) -> None:
    frame = log(seed)
    roles = {"features": ["city", "shop", "kind"]} | ({"weight": "weight"} if weighted else {})
    windows = {"reference": "late = false"} if two else {}
    result = find_slices(
        open_dataset(frame, roles), "column:wrong", level=2, min_support=LEAST, permutations=0, details=False, **windows
    )
    rows = frame["late"] if two else pd.Series(data=True, index=frame.index)
    expected = by_hand(frame, rows, LEAST, frame["weight"] if weighted else pd.Series(1.0, index=frame.index))
    assert in_hand(result) == expected
    assert result.numbers["notices"] == [] or weighted


def test_more_values_than_two_parts_hold_are_all_there() -> None:
    frame = log(1, categories=2 * MOST_CODES + 40, each=8, absent=0.01)
    result = find_slices(
        open_dataset(frame, {"features": ["city", "kind"]}), "column:wrong", level=3, min_support=LEAST, details=False
    )
    cube = result.cube
    assert cube is not None
    assert [coding.column for coding in cube.codings] == ["city", "city", "city", "kind"]
    assert sum(len(key) == 1 and key[0].startswith("city") for key in in_hand(result)) == frame["city"].nunique() + 1
    assert not any(sum(part.startswith("city") for part in key) > 1 for key in in_hand(result))


def test_the_top_alone_is_the_same_with_pruning() -> None:
    frame = log(2, each=8)
    dataset = open_dataset(frame, {"features": ["city", "shop", "kind"]})
    asked: dict[str, Any] = {"min_support": LEAST, "top": 20, "details": False, "permutations": 0, "score": "sliceline"}
    whole, pruned = (find_slices(dataset, "column:wrong", prune=prune, **asked) for prune in (False, True))
    columns = ["slice", "size", "loss", "score"]
    pd.testing.assert_frame_equal(whole.tables["slices"][columns], pruned.tables["slices"][columns])


def test_a_slice_of_a_rare_value_is_taken_apart_and_brushed_like_any_other() -> None:
    frame = log(3, each=8)
    rare = frame["city"].value_counts().index[-1]
    frame["wrong"] = np.where(frame["city"] == rare, 1, frame["wrong"])
    result = find_slices(open_dataset(frame, {"features": ["city", "kind"]}), "column:wrong", min_support=LEAST, permutations=0)
    there = Exploration(result)
    assert there.charts.count("city") == 1
    where = f'city = "{rare}"'
    assert [node["rows"] for node in there.lattice(where)] == [len(frame), int((frame["city"] == rare).sum())]
    missing = there.lattice("city is missing")
    assert missing[1]["rows"] == frame["city"].isna().sum()
    there.enter(Predicate.parse(where))
    assert there.found.numbers["rows"] == (frame["city"] == rare).sum()
    there.close()


@pytest.mark.parametrize("inside", ['kind = "x"', 'kind != "x"'])
def test_inside_a_part_the_values_that_have_the_support_there_are_conditions(inside: str) -> None:
    """In all rows 1 % is more than any city holds; among those of one kind each may have it."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"kind": ["x"] * 600 + ["y"] * 9400, "wrong": rng.integers(0, 2, 10_000)})
    frame["city"] = [f"r{number % 290}" for number in range(600)] + [f"c{number % 260}" for number in range(9400)]
    result = find_slices(open_dataset(frame, {"features": ["kind", "city"]}), "column:wrong", permutations=0)
    there = Exploration(result)
    there.enter(Predicate.parse(inside))
    part = frame.query(inside.replace("=", "==").replace("!==", "!="))
    counts = part["city"].value_counts()
    least = max(1, len(part) // 100)
    cities = {key[0]: size for key, size in in_hand(there.found).items() if len(key) == 1 and key[0].startswith("city")}
    assert cities == {f'city = "{city}"': size for city, size in counts[counts >= least].items()}
    listed = there.ranked(Ranking(5, "effect")).tables["slices"]["slice"]
    assert {tuple(where.split(" and ")) for where in listed} <= in_hand(there.found).keys()
    there.close()
