"""The cube equals counting by hand, and the list of the worst is short, distinct and findable."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import stats
from workbench.analysis.slices import OVERLAP, code_window, find_slices, slice_cube
from workbench.data.dataset import open_dataset
from workbench.data.encode import fit_codings
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import Predicate

ROLES = {"prediction": "p", "label": "y"}
ROW = st.tuples(
    st.one_of(st.none(), st.sampled_from(["u", "v"])), st.one_of(st.none(), st.integers(0, 2)), st.just("same"),
    st.booleans(), st.integers(0, 1), st.one_of(st.none(), st.integers(0, 1)),
)  # fmt: skip
FRAMES = st.lists(ROW, min_size=2, max_size=25).map(
    lambda rows: pd.DataFrame(rows, columns=["text", "number", "constant", "flag", "p", "y"]).astype(
        {"y": "Int64", "number": "Int64"}
    )
)
COLUMNS = ("text", "number", "constant", "flag")


def planted(seed: int = 0, rows: int = 3000, *, bad: float = 0.5) -> pd.DataFrame:
    """An error rate of 0.1 everywhere but where a = 2 and b = "x"."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.integers(0, 5, rows), "b": rng.choice(list("xyz"), rows), "c": rng.normal(size=rows), "y": 0})
    worse = (frame["a"] == 2) & (frame["b"] == "x")
    return frame.assign(p=(rng.random(rows) < np.where(worse, bad, 0.1)).astype(int))


@settings(max_examples=12)
@given(before=FRAMES, now=FRAMES, level=st.integers(1, 2), support=st.sampled_from([0.0, 0.2, 1.0]), two=st.booleans())
def test_the_cube_equals_brute_force(before: pd.DataFrame, now: pd.DataFrame, level: int, support: float, two: bool) -> None:  # noqa: FBT001
    frames = [before, now] if two else [now]
    if any(frame["y"].isna().all() for frame in frames):
        return
    datasets = [open_dataset(frame, ROLES) for frame in frames]
    codings = fit_codings(pd.concat([dataset.frame for dataset in datasets], ignore_index=True), COLUMNS)
    windows = [code_window(dataset, codings, "error") for dataset in datasets]
    cube = slice_cube(windows, codings, level=level, min_support=support)
    counted = {}
    for row in cube.astype(int).itertuples():
        where = codings[row.first].conditions[row.first_code]
        where = where & codings[row.second].conditions[row.second_code] if row.second >= 0 else where
        counted[str(where)] = (row.rows, row.total, *((row.rows_before, row.total_before) if two else ()))
    assert counted == brute_force(frames, codings, level, support)


def brute_force(frames: list[pd.DataFrame], codings: list[Any], level: int, support: float) -> dict[str, tuple[int, ...]]:
    found = {}
    least = max(1, support * int(frames[-1]["y"].notna().sum()))
    for size in range(1, level + 1):
        for chosen in itertools.combinations(codings, size):
            for conditions in itertools.product(*(coding.conditions for coding in chosen)):
                where = conditions[0] & conditions[1] if size == 2 else conditions[0]
                sums: list[int] = []
                for frame in reversed(frames):
                    inside = frame[where.mask(frame) & frame["y"].notna().to_numpy()]
                    sums += [len(inside), int((inside["p"] != inside["y"]).sum())]
                if sums[0] >= least:
                    found[str(where)] = tuple(sums)
    return found


def test_a_planted_slice_is_first_and_its_text_selects_exactly_its_rows() -> None:
    dataset = open_dataset(planted(), ROLES)
    table = find_slices(dataset).tables["slices"]
    mask = Predicate.parse(table["where"][0]).mask(dataset.frame)
    expected = ((dataset.frame["a"] == 2) & (dataset.frame["b"] == "x")).to_numpy()
    assert (mask == expected).all()
    error = (dataset.frame["p"] != dataset.frame["y"]).to_numpy()
    assert table["rows"][0] == expected.sum()
    assert table["mean"][0] == pytest.approx(error[mask].mean(), abs=1e-12)
    assert table["rest"][0] == pytest.approx(error[~mask].mean(), abs=1e-12)
    assert table["effect"][0] == pytest.approx(error[mask].mean() - error[~mask].mean(), abs=1e-12)
    assert table["p"][0] < 1e-20


@settings(max_examples=6)
@given(seed=st.integers(0, 1000))
def test_no_two_listed_slices_share_half_their_rows(seed: int) -> None:
    dataset = open_dataset(planted(seed, 300, bad=0.9), ROLES)
    masks = [Predicate.parse(where).mask(dataset.frame) for where in find_slices(dataset, top=30).tables["slices"]["where"]]
    for left, right in itertools.combinations(masks, 2):
        assert (left & right).sum() < OVERLAP * (left | right).sum()


def test_p_is_adjusted_for_every_slice_counted() -> None:
    result = find_slices(open_dataset(planted(bad=0.2), ROLES), min_support=0.02)
    table, counted = result.tables["slices"], result.numbers["counted"]
    assert counted == 5 + 3 + 16 + 5 * 3 + 5 * 16 + 3 * 16 - unsupported(0.02)
    np.testing.assert_allclose(table["p_adjusted"], np.minimum(1, table["p"] * counted))
    row = table.iloc[0]
    hits, rest = round(row["mean"] * row["rows"]), round(row["rest"] * (3000 - row["rows"]))
    assert row["p"] == pytest.approx(float(stats.two_proportions(hits, row["rows"], rest, 3000 - row["rows"])))


def unsupported(share: float) -> int:
    """How many of the cells of a x b, a x c and b x c hold fewer than `share` of the planted rows."""
    frame = planted(bad=0.2)
    [coding] = fit_codings(frame, ["c"])
    frame["c"] = coding.apply(frame["c"])
    pairs = (("a", "b"), ("a", "c"), ("b", "c"))
    return sum(int((frame.groupby(list(pair)).size() < share * len(frame)).sum()) for pair in pairs)


def test_what_became_worse_is_found_and_what_was_worse_is_not() -> None:
    old = planted(1, bad=0.1).assign(p=lambda frame: np.where(frame["b"] == "z", 1, frame["p"]))
    new = planted(2).assign(p=lambda frame: np.where(frame["b"] == "z", 1, frame["p"]))
    table = find_slices(open_dataset(new, ROLES), reference=open_dataset(old, ROLES)).tables["slices"]
    assert str(table["where"][0]) == 'a = 2 and b = "x"'
    assert not any(where == 'b = "z"' for where in table["where"])


def test_a_slice_that_improved_less_than_the_rest_did_not_become_worse() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"a": np.repeat([0, 1], 2000), "y": 0})
    old = frame.assign(p=(rng.random(4000) < np.where(frame["a"] == 1, 0.3, 0.5)).astype(int))
    new = frame.assign(p=(rng.random(4000) < np.where(frame["a"] == 1, 0.2, 0.1)).astype(int))
    assert find_slices(open_dataset(new, ROLES), reference=open_dataset(old, ROLES)).tables["slices"].empty


def test_a_mean_that_moved_everywhere_alike_is_no_slice() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"a": rng.integers(0, 4, 4000), "s": rng.normal(size=4000)})
    later = frame.assign(s=rng.normal(size=4000) + 1)
    roles = {"score": "s", "features": ["a"]}
    table = find_slices(open_dataset(later, roles), reference=open_dataset(frame, roles)).tables["slices"]
    assert (table["p_adjusted"] > 0.05).all()


def test_a_numeric_loss_is_compared_by_means() -> None:
    frame = planted().assign(s=lambda data: data["c"] + np.where(data["a"] == 1, 2.0, 0.0))
    table = find_slices(open_dataset(frame, {"score": "s"}), features=["a", "b"]).tables["slices"]
    assert table["where"][0] == "a = 1"
    assert table["effect"][0] == pytest.approx(frame.loc[frame["a"] == 1, "s"].mean() - frame.loc[frame["a"] != 1, "s"].mean())


@pytest.mark.parametrize("frame", [planted().assign(p=0), planted().iloc[:1], planted()[["a", "y", "p"]].assign(a=1)])
def test_nothing_is_listed_where_no_slice_is_worse(frame: pd.DataFrame) -> None:
    assert find_slices(open_dataset(frame, ROLES)).tables["slices"].empty


def test_refusals() -> None:
    dataset = open_dataset(planted(), ROLES)
    with pytest.raises(InputError, match="no search at this level: 3"):
        find_slices(dataset, level=3)
    with pytest.raises(InputError, match="support is a share"):
        find_slices(dataset, min_support=1.5)
    with pytest.raises(UnknownNameError, match="column"):
        find_slices(dataset, features=["nope"])
