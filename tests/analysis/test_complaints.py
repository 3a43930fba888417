"""What complaints share is found by looking at everything they share; chance is told by an exact test; ids stay out."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from workbench.analysis.complaints import find_cohort
from workbench.data.dataset import open_dataset
from workbench.data.encode import fit_codings
from workbench.errors import InputError, RolesError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate

ROLES = {"row_id": "id", "features": ["a", "b", "c"]}
ROW = st.tuples(st.sampled_from("xy"), st.integers(0, 2), st.none() | st.sampled_from("uvw"))


def frame_of(rows: list[tuple[str, int, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["a", "b", "c"]).assign(id=range(len(rows)))


def planted() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 5, 2000), "b": rng.choice([*"pqrs"], 2000), "c": rng.normal(size=2000)})
    return frame.assign(id=[f"case {number}" for number in range(2000)])


@settings(max_examples=40)
@given(rows=st.lists(ROW, min_size=4, max_size=20), count=st.integers(1, 4), level=st.integers(1, 3))
def test_each_set_of_complaints_has_its_smallest_conjunction(
    rows: list[tuple[str, int, str | None]], count: int, level: int
) -> None:
    frame = frame_of(rows)
    dataset = open_dataset(frame, ROLES)
    table = find_cohort(dataset, range(count), level=level, least_lift=0, top=1000).tables["predicates"]
    smallest: dict[frozenset[int], int] = {}
    codings = fit_codings(dataset.frame, ["a", "b", "c"], derive=True)
    for size in range(1, level + 1):
        for chosen in itertools.combinations(codings, size):
            for parts in itertools.product(*(coding.conditions for coding in chosen)):
                where = ALL_ROWS
                for part in parts:
                    where = where & part
                mask = where.mask(dataset.frame)
                covered = frozenset(np.flatnonzero(mask[:count]).tolist())
                if len(covered) >= min(2, count):
                    smallest[covered] = min(smallest.get(covered, len(frame)), int(mask.sum()))
    expected = {covered: rows for covered, rows in smallest.items() if rows < len(frame)}
    shown = {
        frozenset(np.flatnonzero(Predicate.parse(row.where).mask(dataset.frame)[:count]).tolist()): row.rows
        for row in table.itertuples()
    }
    assert shown == expected


def test_p_is_fishers_and_lift_is_a_ratio_of_shares() -> None:
    frame = planted()
    dataset = open_dataset(frame, ROLES)
    ids = frame.index[frame["a"] == 2][:8].map(frame["id"])
    row = find_cohort(dataset, ids, level=1).tables["predicates"].iloc[0]
    size = int((frame["a"] == 2).sum())
    assert (row["where"], row["covered"], row["rows"]) == ("a = 2", 8, size)
    assert row["p"] == pytest.approx(fisher_exact([[8, size - 8], [0, 2000 - size]], alternative="greater").pvalue)
    assert row["lift"] == pytest.approx(2000 / size)
    assert row["expected"] == pytest.approx(8 * size / 2000)
    result = find_cohort(dataset, ids, level=1)
    assert result.numbers["family"] == 5 + 4 + 16
    assert row["p_adjusted"] == pytest.approx(row["p"] * 25)


def test_two_causes_need_two_predicates() -> None:
    frame = planted()
    first = frame.index[(frame["a"] == 2) & (frame["b"] == "p")][:6]
    second = frame.index[(frame["a"] == 4) & (frame["b"] == "q")][:6]
    result = find_cohort(open_dataset(frame, ROLES), frame["id"][first.union(second)])
    cover = result.tables["cover"]
    assert len(cover) == 2
    assert set(cover["covered"]) == {6}
    assert (result.numbers["cover"], result.numbers["uncovered"]) == ("exact", 0)
    assert all(text.startswith(("a = 2 and", "a = 4 and")) for text in cover["where"])


def test_more_than_two_causes_are_covered_greedily() -> None:
    frame = pd.DataFrame({"a": [*"xxyyzz", *"w" * 94], "id": range(100)})
    result = find_cohort(open_dataset(frame, {"row_id": "id", "features": ["a"]}), range(6))
    assert result.numbers["cover"] == "greedy"
    assert sorted(result.tables["cover"]["where"]) == ['a = "x"', 'a = "y"', 'a = "z"']


def test_complaints_with_nothing_in_common_are_counted() -> None:
    frame = pd.DataFrame({"a": [0, 0, 1, *[2] * 97], "id": range(100)})
    result = find_cohort(open_dataset(frame, {"row_id": "id", "features": ["a"]}), [0, 1, 2])
    assert result.numbers["uncovered"] == 1


def test_no_id_comes_out() -> None:
    frame = planted()
    result = find_cohort(open_dataset(frame, ROLES), frame["id"][:4])
    assert "case 0" not in str(result.to_dict())
    assert result.digest == type(result).from_dict(result.to_dict()).digest


def test_ids_are_compared_as_text() -> None:
    frame = frame_of([("x", 1, "u"), ("x", 2, "v"), ("y", 1, "w"), ("y", 0, None)])
    dataset = open_dataset(frame, ROLES)
    assert find_cohort(dataset, ["0", "1"]).digest == find_cohort(dataset, [0, 1]).digest


def test_ids_that_no_row_has_are_listed() -> None:
    dataset = open_dataset(planted(), ROLES)
    with pytest.raises(InputError, match="no row has 2 of these ids: case 9001, case 9002"):
        find_cohort(dataset, ["case 1", "case 9001", "case 9002"])


def test_bad_questions_are_refused() -> None:
    frame = planted()
    dataset = open_dataset(frame, ROLES)
    with pytest.raises(InputError, match="this many complaints: 0"):
        find_cohort(dataset, [])
    with pytest.raises(InputError, match="this many complaints: 2000"):
        find_cohort(dataset, frame["id"])
    with pytest.raises(InputError, match="no search at this level: 4"):
        find_cohort(dataset, ["case 1"], level=4)
    with pytest.raises(UnknownNameError, match="no column of that name: z"):
        find_cohort(dataset, ["case 1"], features=["z"])
    with pytest.raises(RolesError, match="row_id"):
        find_cohort(open_dataset(frame, {"features": ["a"]}), ["case 1"])


def test_the_search_says_how_far_it_is_and_ends_where_it_is_told_to() -> None:
    dataset = open_dataset(planted(), ROLES)
    ids = [f"case {number}" for number in range(20)]
    told: list[tuple[int, int]] = []
    find_cohort(dataset, ids, tell=lambda done, steps: told.append((done, steps)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {done for done, _ in told} == set(range(told[0][1]))

    class EnoughError(Exception):
        pass

    def stop(done: int, steps: int) -> None:
        if done:
            raise EnoughError
        told.append((done, steps))

    with pytest.raises(EnoughError):
        find_cohort(dataset, ids, tell=stop)
