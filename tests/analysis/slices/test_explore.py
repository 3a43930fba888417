"""Walking in: the charts, the search inside a scope, and what is asked of two cohorts, against plain pandas."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.slices import SliceResult, find_slices
from workbench.analysis.slices.explore import Exploration
from workbench.analysis.slices.result import Ranking
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, PredicateError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import Result

SOUTH = Predicate.parse('region = "south"')


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({
        "age": rng.integers(18, 70, 3000),
        "region": rng.choice(["north", "south", "east"], 3000),
        "sex": rng.choice(["f", "m"], 3000),
        "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 60, 3000), unit="D"),
    })  # fmt: skip
    frame["wrong"] = rng.random(3000) < np.where((frame["age"] < 30) & (frame["region"] == "south"), 0.5, 0.1)
    return frame


@pytest.fixture(scope="module")
def dataset(frame: pd.DataFrame) -> Dataset:
    return open_dataset(frame, {"features": ["age", "region", "sex"]})


@pytest.fixture
def there(dataset: Dataset) -> Exploration:
    return Exploration(find_slices(dataset, "column:wrong", permutations=0))


def bins(there: Exploration, frame: pd.DataFrame, chart: str, inside: np.ndarray) -> list[int]:
    return [int((Predicate.parse(text).mask(frame) & inside).sum()) for text in there.labels(chart)]


def test_the_columns_of_the_worst_slices_come_first(there: Exploration) -> None:
    assert set(there.charts[:2]) == {"age", "region"}
    assert there.charts[2] == "sex"


def test_a_brush_filters_the_other_charts_and_not_its_own(there: Exploration, frame: pd.DataFrame) -> None:
    code = there.labels("region").index(str(SOUTH))
    assert there.brush("region", [code]) == SOUTH
    assert there.histogram("age")[0].tolist() == bins(there, frame, "age", SOUTH.mask(frame))
    assert there.histogram("region")[0].tolist() == bins(there, frame, "region", ALL_ROWS.mask(frame))
    assert there.scope == ALL_ROWS


def test_two_brushes_are_one_conjunction_and_taking_both_back_is_all_rows(there: Exploration, frame: pd.DataFrame) -> None:
    there.brush("region", [there.labels("region").index(str(SOUTH))])
    scope = there.brush("age", [1, 2, 3])
    assert set(scope.columns) == {"age", "region"}
    assert there.histogram("sex")[0].tolist() == bins(there, frame, "sex", scope.mask(frame))
    there.brush("age", None)
    assert there.brush("region", None) == ALL_ROWS


def test_the_search_inside_is_the_search_of_those_rows_alone(there: Exploration, frame: pd.DataFrame) -> None:
    there.enter(SOUTH)
    cube = there.found.cube
    assert cube is not None
    inside = frame[SOUTH.mask(frame)]
    for index in range(0, len(cube), 7):
        mask = cube.where(index).mask(inside)
        assert (cube.counts[-1, index], cube.sums[-1, index]) == (mask.sum(), inside["wrong"][mask].sum())
    assert there.found.numbers["measured"] == len(inside)
    assert cube.least == len(inside) // 100
    assert all("region" not in cube.where(index).columns for index in range(len(cube)))


def test_what_is_no_brush_cuts_the_rows_before(there: Exploration, frame: pd.DataFrame) -> None:
    late = Predicate.parse('day >= 2026-02-01 and sex = "f"')
    there.enter(late)
    assert there.brushes == {"sex": frozenset({there.labels("sex").index('sex = "f"')})}
    assert there.histogram("region")[0].tolist() == bins(there, frame, "region", late.mask(frame))
    there.enter(ALL_ROWS)
    assert int(there.histogram("sex")[0].sum()) == len(frame)


def test_only_the_current_rows_are_counted(dataset: Dataset, frame: pd.DataFrame) -> None:
    before, now = "day < 2026-02-01", "day >= 2026-02-01"
    there = Exploration(find_slices(dataset, "column:wrong", reference=before, current=now, permutations=0))
    late = Predicate.parse(now).mask(frame)
    assert there.histogram("sex")[0].tolist() == bins(there, frame, "sex", late)
    there.enter(SOUTH)
    assert there.found.cube is not None
    assert there.found.cube.windows == 2
    assert there.found.numbers["measured"] == (late & SOUTH.mask(frame)).sum()
    assert there.cohort(SOUTH).rows == (late & SOUTH.mask(frame)).sum()


def test_ranking_anew_keeps_the_support_and_the_level(there: Exploration) -> None:
    shown = there.ranked(Ranking(20, "effect"), least=300, level=1).tables["distinct"]
    assert (shown["size"] >= 300).all()
    assert (shown["level"] == 1).all()
    assert shown["size"].dtype == np.int64
    wide = there.ranked(Ranking(20, "effect")).tables["slices"].set_index("slice")
    narrow = there.ranked(Ranking(20, "effect"), least=300).tables["slices"].set_index("slice")
    both = wide.index.intersection(narrow.index)
    assert (wide.loc[both, "p_adjusted"] == narrow.loc[both, "p_adjusted"]).all()


def test_the_lattice_holds_every_conjunction_of_the_conditions(there: Exploration, frame: pd.DataFrame) -> None:
    texts = [text for text in there.labels("age") if text != "age is missing"]
    where = f'{texts[1]} and region = "south"'
    nodes = there.lattice(where)
    assert [node["conditions"] for node in nodes] == [[], [0], [1], [0, 1]]
    masks = [ALL_ROWS, Predicate.parse(texts[1]), SOUTH, Predicate.parse(where)]
    for node, part in zip(nodes, masks, strict=True):
        assert node["rows"] == part.mask(frame).sum()
        assert node["mean"] == pytest.approx(frame["wrong"][part.mask(frame)].mean())


def test_two_features_are_the_cross_table(there: Exploration, frame: pd.DataFrame) -> None:
    rows, means = there.cross("region", "sex")
    expected = pd.crosstab(frame["region"], frame["sex"])
    assert rows[1:, 1:].tolist() == expected.to_numpy().tolist()
    assert means[1, 1] == pytest.approx(frame["wrong"][(frame["region"] == "east") & (frame["sex"] == "f")].mean())


def test_the_overlap_is_jaccards(there: Exploration, frame: pd.DataFrame) -> None:
    slices = ['region = "south"', 'region = "south" and sex = "f"', 'region = "north"']
    masks = [Predicate.parse(each).mask(frame) for each in slices]
    assert there.overlap(slices) == pytest.approx(np.array([[(a & b).sum() / (a | b).sum() for b in masks] for a in masks]))


def test_two_cohorts_are_told_apart_by_what_they_differ_in(there: Exploration, frame: pd.DataFrame) -> None:
    told = there.contrast(SOUTH, Predicate.parse('region = "north"'))
    means = [frame["wrong"][frame["region"] == region].mean() for region in ("south", "north")]
    assert [side["mean"] for side in told["sides"]] == pytest.approx(means)
    value, low, high = told["difference"]
    assert value == pytest.approx(means[0] - means[1])
    assert low < value < high
    assert told["apart"][0] == ["region", 1.0]


def test_an_empty_cohort_has_no_difference(there: Exploration) -> None:
    told = there.contrast(SOUTH, Predicate.parse("age > 900"))
    assert told["difference"] is None
    assert told["sides"][1]["rows"] == 0


def test_what_cannot_be_entered_changes_nothing(there: Exploration) -> None:
    there.enter(SOUTH)
    with pytest.raises(InputError, match="no row is selected"):
        there.enter(Predicate.parse("age > 900"))
    with pytest.raises(PredicateError, match="no column"):
        there.enter(Predicate.parse("colour = 1"))
    assert there.scope == SOUTH
    assert there.found.where == SOUTH


def test_a_brush_that_no_conjunction_says_is_refused(there: Exploration) -> None:
    with pytest.raises(PredicateError):
        there.brush("region", [0, 1])
    assert there.brushes == {}


def test_an_unknown_chart_lists_those_there_are(dataset: Dataset) -> None:
    result = find_slices(dataset, "column:wrong", permutations=0)
    with pytest.raises(UnknownNameError, match="age"):
        Exploration(result, ["colour"])


def test_a_result_from_a_file_cannot_be_explored(dataset: Dataset) -> None:
    read = Result.from_dict(find_slices(dataset, "column:wrong", permutations=0).to_dict())
    bare = SliceResult(read.kind, read.title, read.tables, read.numbers)
    with pytest.raises(InputError, match="tables only"):
        Exploration(bare)
