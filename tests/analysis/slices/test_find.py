"""From a dataset to the worst slices: the top equals brute force over pandas, windows, losses, and what is refused."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import stats
from workbench.analysis.slices import find_slices
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, RolesError, UnknownNameError
from workbench.predicate import Predicate

ROLES = {"prediction": "p", "label": "y"}
REQUIRED = ["slice", "size", "loss", "mean", "score", "p_adjusted", "low", "high"]


def planted(seed: int = 0, rows: int = 3000, *, bad: float = 0.5) -> pd.DataFrame:
    """An error rate of 0.1 everywhere but where a = 2 and b = "x"."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.integers(0, 5, rows), "b": rng.choice(list("xyz"), rows), "c": rng.normal(size=rows), "y": 0})
    worse = (frame["a"] == 2) & (frame["b"] == "x")
    return frame.assign(p=(rng.random(rows) < np.where(worse, bad, 0.1)).astype(int))


def opened(frame: pd.DataFrame | None = None, **roles: Any) -> Dataset:
    return open_dataset(planted() if frame is None else frame, {**ROLES, **roles})


def by_hand(  # noqa: PLR0917
    frame: pd.DataFrame, loss: np.ndarray, level: int, least: float, k: int, alpha: float
) -> list[float]:
    """Scores of the top k with ties, by SliceLine's formula, over every conjunction of values, missing among them."""
    scores = []
    values = {column: [("missing", frame[column].isna())] for column in frame}
    for column in frame:
        values[column] += [(value, frame[column] == value) for value in frame[column].dropna().unique()]
    average = loss.mean()
    for size in range(1, level + 1):
        for columns in itertools.combinations(frame.columns, size):
            for cell in itertools.product(*(values[column] for column in columns)):
                inside = np.logical_and.reduce([mask for _, mask in cell])
                if inside.sum() >= max(1, least):
                    excess = loss[inside].mean() / average - 1
                    scores.append(alpha * excess - (1 - alpha) * (len(frame) / inside.sum() - 1))
    scores = sorted((round(score, 9) for score in scores if score > 1e-12), reverse=True)
    return [score for score in scores if len(scores) <= k or score >= scores[k - 1]]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000), rows=st.integers(2, 60), level=st.integers(1, 3), k=st.sampled_from([1, 5, 10_000]),
    support=st.sampled_from([0.05, 1, 4]), alpha=st.sampled_from([0.5, 0.95]),
)  # fmt: skip
def test_the_top_is_that_of_brute_force(*, seed: int, rows: int, level: int, k: int, support: float, alpha: float) -> None:
    """Text, numbers, booleans, a constant column, missing values, ties, more slices asked for than there are."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "text": pd.Series(rng.choice(["u", "v", "w"], rows)).mask(rng.random(rows) < 0.2), "number": rng.integers(0, 4, rows),
        "flag": rng.random(rows) < 0.5, "same": "x",
    })  # fmt: skip
    loss = rng.integers(0, 3, rows).astype(float)
    if not loss.any():
        return
    top = find_slices(
        open_dataset(frame, {"features": list(frame)}), loss, level=level, min_support=support, permutations=0, details=False
    ).top(k, alpha=alpha)
    least = support if support >= 1 else int(support * rows)
    expected = by_hand(frame, loss, level, least, k, alpha)
    np.testing.assert_allclose(np.round(top["score"], 9), expected, atol=2e-9)
    for row in top.itertuples():
        inside = Predicate.parse(row.slice).mask(frame)
        assert (row.size, row.loss) == (inside.sum(), pytest.approx(loss[inside].sum()))


def test_the_columns_of_the_top_and_of_the_table_are_those_promised() -> None:
    result = find_slices(opened())
    assert list(result.top(5).columns)[:8] == REQUIRED
    assert list(result.tables["slices"].columns)[:8] == REQUIRED
    pd.testing.assert_frame_equal(result.tables["slices"], result.top(10))


def test_a_planted_slice_is_first_and_its_text_selects_exactly_its_rows() -> None:
    dataset = opened()
    row = find_slices(dataset).tables["distinct"].iloc[0]
    mask = Predicate.parse(row["slice"]).mask(dataset.frame)
    expected = ((dataset.frame["a"] == 2) & (dataset.frame["b"] == "x")).to_numpy()
    assert (mask == expected).all()
    error = (dataset.frame["p"] != dataset.frame["y"]).to_numpy()
    assert (row["size"], row["loss"]) == (expected.sum(), error[mask].sum())
    assert row["low"] < row["mean"] < row["high"]
    assert row["rest"] == pytest.approx(error[~mask].mean(), abs=1e-12)
    assert row["effect"] == pytest.approx(error[mask].mean() - error[~mask].mean(), abs=1e-12)
    assert row["p"] < 1e-20
    assert row["p_adjusted"] == pytest.approx(1 / 200)


def test_without_permutations_p_is_adjusted_for_every_slice_counted() -> None:
    result = find_slices(opened(planted(bad=0.2)), min_support=0.02, level=2, permutations=0)
    table, counted = result.tables["slices"], result.numbers["counted"]
    assert counted == 5 + 3 + 16 + 5 * 3 + 5 * 16 + 3 * 16 - unsupported(0.02)
    assert result.numbers["adjustment"] == f"Bonferroni over {counted} slices"
    np.testing.assert_allclose(table["p_adjusted"], np.minimum(1, table["p"] * counted))
    row = table.iloc[0]
    assert row["p"] == pytest.approx(
        float(stats.two_proportions(row["loss"], row["size"], row["rest"] * (3000 - row["size"]), 3000 - row["size"]))
    )


def unsupported(share: float) -> int:
    """How many of the cells of a x b, a x c and b x c hold fewer than `share` of the planted rows."""
    frame = planted(bad=0.2)
    frame["c"] = pd.qcut(frame["c"], 16, labels=False)
    pairs = (("a", "b"), ("a", "c"), ("b", "c"))
    return sum(int((frame.groupby(list(pair)).size() < share * len(frame)).sum()) for pair in pairs)


def test_ranking_anew_needs_no_search() -> None:
    result = find_slices(opened())
    assert result.top(1, score="lift")["score"][0] == pytest.approx(
        result.top(1, score="lift")["mean"][0] / result.numbers["overall"]
    )
    assert result.top(3, alpha=0.9)["size"].min() > result.top(3, alpha=0.99)["size"].min()
    with pytest.raises(UnknownNameError, match="sliceline"):
        result.top(3, score="nope")
    with pytest.raises(InputError, match="from 1 on"):
        result.top(0)
    with pytest.raises(InputError, match="two windows"):
        result.top(1, score="change")


def test_what_became_worse_is_found_and_what_was_worse_is_not() -> None:
    old = planted(1, bad=0.1).assign(p=lambda frame: np.where(frame["b"] == "z", 1, frame["p"]))
    new = planted(2).assign(p=lambda frame: np.where(frame["b"] == "z", 1, frame["p"]))
    table = find_slices(opened(new), reference=opened(old)).tables["distinct"]
    assert table["slice"][0] == 'a = 2 and b = "x"'
    assert not any(where == 'b = "z"' for where in table["slice"])


def test_windows_are_predicates_their_text_or_datasets() -> None:
    both = pd.concat([planted(1, bad=0.1).assign(day=0), planted(2).assign(day=1)], ignore_index=True)
    dataset = opened(both, features=["a", "b", "c"])
    found = [
        find_slices(dataset, reference=reference, current=current).tables["slices"]
        for reference, current in (
            ("day = 0", None), (Predicate.parse("day = 0"), "day = 1"), (dataset.select(Predicate.parse("day = 0")), "day = 1"),
        )
    ]  # fmt: skip
    pd.testing.assert_frame_equal(found[0], found[1])
    pd.testing.assert_frame_equal(found[0], found[2])
    assert find_slices(dataset, current="day = 1").numbers["rows"] == 3000


def test_the_degradation_is_what_got_worse_and_what_grew() -> None:
    rng = np.random.default_rng(0)
    old = pd.DataFrame({"g": rng.choice(["a", "b"], 4000, p=[0.8, 0.2]), "day": 0})
    new = pd.DataFrame({"g": rng.choice(["a", "b"], 4000, p=[0.5, 0.5]), "day": 1})
    frame = pd.concat([old, new], ignore_index=True).assign(y=0)
    rate = np.where(frame["g"] == "b", 0.4, 0.1) + np.where((frame["day"] == 1) & (frame["g"] == "b"), 0.2, 0)
    frame["p"] = (rng.random(len(frame)) < rate).astype(int)
    result = find_slices(opened(frame, features=["g"]), reference="day = 0", current="day = 1")
    row = result.top(1, score="share").iloc[0]
    errors = frame.groupby(["day", "g"])["p"].agg(["mean", "size"])
    shares = errors["size"] / 4000
    middle = frame.groupby("day")["p"].mean().mean()
    worse = (shares[0, "b"] + shares[1, "b"]) / 2 * (errors["mean"][1, "b"] - errors["mean"][0, "b"])
    grew = (shares[1, "b"] - shares[0, "b"]) * ((errors["mean"][0, "b"] + errors["mean"][1, "b"]) / 2 - middle)
    assert (row["slice"], row["got_worse"], row["grew"]) == ('g = "b"', pytest.approx(worse), pytest.approx(grew))
    whole = frame.groupby("day")["p"].mean().diff().iloc[-1]
    assert row["score"] == pytest.approx((worse + grew) / whole)


def test_the_onset_of_a_slice_is_dated() -> None:
    frame = planted(0, 6000, bad=0.1).assign(day=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(6000) // 60, unit="D"))
    late = (frame["day"] >= "2026-03-12") & (frame["a"] == 1)
    frame["p"] = np.where(late & (np.arange(6000) % 2 == 0), 1, frame["p"])
    dataset = opened(frame, time="day", features=["a", "b"])
    row = find_slices(dataset, reference="day < 2026-02-20").tables["distinct"].iloc[0]
    assert row["slice"] == "a = 1"
    assert row["onset_earliest"] <= pd.Timestamp("2026-03-12") <= row["onset_latest"]
    assert abs(row["onset"] - pd.Timestamp("2026-03-12")) < pd.Timedelta("5D")


def test_weighted_rows_count_as_often_as_their_weight_says() -> None:
    frame = planted(rows=400)
    weight = np.random.default_rng(0).integers(1, 4, 400)
    repeated = frame.loc[frame.index.repeat(weight)].reset_index(drop=True)
    ours = find_slices(opened(frame.assign(w=weight), weight="w"), features=["a", "b"], min_support=20, permutations=0).top(50)
    theirs = find_slices(opened(repeated), features=["a", "b"], min_support=20, permutations=0).top(50)
    pd.testing.assert_frame_equal(ours[["slice", "loss", "mean", "score"]], theirs[["slice", "loss", "mean", "score"]])
    np.testing.assert_allclose(ours["size"], theirs["size"])
    assert (ours["p"] >= theirs["p"]).all(), "a repeated row is no new evidence"


def test_text_of_many_values_is_taken_as_it_is() -> None:
    rng = np.random.default_rng(0)
    frame = planted().assign(zip=[f"z{number}" for number in rng.integers(0, 400, 3000)])
    frame.loc[:59, "zip"] = "z0"
    frame["p"] = np.where(frame["zip"] == "z0", 1, frame["p"])
    result = find_slices(opened(frame), min_support=30)
    assert any('zip = "z0"' in where for where in result.top(20)["slice"])
    assert not any("not in" in where for where in result.top(10_000)["slice"])
    assert result.numbers["notices"] == []
    thin = find_slices(opened(frame), features=["zip"], min_support=2, level=1)
    assert thin.numbers["counted"] == int((frame["zip"].value_counts() >= 2).sum()) > 254


def test_a_numeric_loss_is_compared_by_means() -> None:
    frame = planted().assign(s=lambda data: data["c"] + np.where(data["a"] == 1, 2.0, 0.0))
    table = find_slices(open_dataset(frame, {"score": "s"}), None, features=["a", "b"]).tables["slices"]
    assert table["slice"][0] == "a = 1"
    assert table["effect"][0] == pytest.approx(frame.loc[frame["a"] == 1, "s"].mean() - frame.loc[frame["a"] != 1, "s"].mean())


def test_a_mean_that_moved_everywhere_alike_is_no_slice() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"a": rng.integers(0, 4, 4000), "s": rng.normal(size=4000)})
    later = frame.assign(s=rng.normal(size=4000) + 1)
    roles = {"score": "s", "features": ["a"]}
    table = find_slices(open_dataset(later, roles), None, reference=open_dataset(frame, roles)).tables["slices"]
    assert (table["p_adjusted"] > 0.05).all()


@pytest.mark.parametrize("frame", [planted().assign(p=0), planted().iloc[:1], planted()[["a", "y", "p"]].assign(a=1)])
def test_nothing_is_listed_where_no_slice_is_worse(frame: pd.DataFrame) -> None:
    result = find_slices(opened(frame))
    assert result.tables["slices"].empty
    assert list(result.tables["slices"].columns)[:8] == REQUIRED


def test_no_errors_at_all_is_said() -> None:
    result = find_slices(opened(planted().assign(p=0)))
    assert result.numbers["notices"] == ["no row has a loss: nothing to rank"]
    assert result.numbers["overall"] == 0


def test_a_feature_that_is_the_label_is_said() -> None:
    frame = planted().assign(y=lambda data: (data["c"] > 0).astype(int), copy=lambda data: np.where(data["c"] > 0, "yes", "no"))
    notices = find_slices(opened(frame), features=["a", "copy"]).numbers["notices"]
    assert notices == ["copy tells y in every row: a leak, or the same column twice"]
    assert (
        "y is searched as a feature, and the loss is computed from it"
        in find_slices(opened(frame), features=["a", "y"]).numbers["notices"]
    )  # type: ignore[operator]


def test_the_leaf_of_a_pruned_search_is_exact_and_proves_nothing_else() -> None:
    dataset = opened()
    pruned, full = find_slices(dataset, prune=True, top=5), find_slices(dataset, top=5)
    assert pruned.top(5)["slice"].tolist() == full.top(5)["slice"].tolist()
    with pytest.raises(InputError, match="proves no other ranking"):
        pruned.top(6)
    with pytest.raises(InputError, match="proves no other ranking"):
        pruned.top(2, score="lift")
    with pytest.raises(InputError, match="one window"):
        find_slices(dataset, prune=True, reference="a = 1")


def test_a_result_that_was_read_from_a_file_has_its_tables_only() -> None:
    result = find_slices(opened())
    again = type(result).from_dict(result.to_dict())
    assert again.digest == result.digest
    with pytest.raises(InputError, match="not the cube"):
        again.top(3)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"level": 5}, InputError, "no search at this level: 5"),
        ({"min_support": 0}, InputError, "a share above 0"),
        ({"min_support": -3}, InputError, "a share above 0"),
        ({"features": ["nope"]}, UnknownNameError, "column of that name: nope"),
        ({"features": "a"}, InputError, "a list of columns"),
        ({"loss": "nope"}, UnknownNameError, "measure or column"),
        ({"loss": "b"}, InputError, "only numbers"),
        ({"loss": np.ones(3)}, InputError, "another length than the data: 3 for 3000 rows"),
        ({"loss": np.full(3000, -1.0)}, InputError, "a loss is negative"),
        ({"loss": np.append(np.ones(2999), np.nan)}, InputError, r"missing \(NaN\): row 2999"),
        ({"loss": np.append(np.ones(2999), np.inf)}, InputError, "infinite"),
        ({"loss": "c"}, InputError, "a loss is negative"),
        ({"loss": "log_loss"}, RolesError, "role"),
        ({"reference": "a = 1", "current": 'b = "x"'}, InputError, "the two windows share"),
        ({"reference": "a = 77"}, InputError, "the reference window is empty: a = 77"),
        ({"current": "a = 77"}, InputError, "the current window is empty"),
        ({"reference": 3}, InputError, "no window"),
        ({"budget": 10}, InputError, "the search would visit"),
        ({"permutations": -1}, InputError, "permutations"),
    ],
)  # fmt: skip
def test_refusals(arguments: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        find_slices(opened(), **arguments)


def test_rows_without_a_number_in_the_loss_column_are_left_out_and_said() -> None:
    frame = planted().assign(harm=np.r_[np.full(100, np.nan), np.ones(2900)])
    result = find_slices(opened(frame), "harm", ["a", "b"], 1)
    assert (result.numbers["rows"], result.numbers["measured"]) == (3000, 2900)
    assert "100 rows have no harm: left out, also of the support" in result.numbers["notices"]  # type: ignore[operator]
    assert not any("left out" in said for said in find_slices(opened(frame), "fpr", ["a"], 1).numbers["notices"])  # type: ignore[union-attr]
