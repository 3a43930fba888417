"""Any threshold gives what the rows themselves give; edges, weights, discrete scores and refusals are as documented."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import stats
from workbench.analysis.threshold_rates import MEASURES, Move
from workbench.analysis.thresholds import Thresholds
from workbench.data.dataset import open_dataset
from workbench.errors import ParameterError, RolesError, UnknownNameError


def confusion_rates(called: pd.Series, label: pd.Series, weight: pd.Series) -> dict[str, float]:
    """The measures of one group by plain sums, positive and favourable being above."""

    def share(hit: pd.Series, among: pd.Series) -> float:
        return float(weight[hit & among].sum() / weight[among].sum()) if weight[among].sum() else np.nan

    yes, no = label == 1, label == 0
    everybody = pd.Series(data=True, index=label.index)
    return {
        "selection_rate": share(called, everybody), "base_rate": share(yes, yes | no), "tpr": share(called, yes),
        "fpr": share(called, no),
        "fnr": share(~called, yes), "tnr": share(~called, no), "ppv": share(yes, called & (yes | no)),
        "npv": share(no, ~called & (yes | no)), "accuracy": share((called & yes) | (~called & no), yes | no),
    }  # fmt: skip


def assert_move_is(move: Move, frame: pd.DataFrame) -> None:
    for at, group in enumerate(move.groups):
        rows = frame[frame["group"] == group]
        expected = confusion_rates(rows["score"] >= move.thresholds[at], rows["label"], rows["weight"])
        assert dict(zip(MEASURES, move.rates[:, at], strict=True)) == pytest.approx(expected, nan_ok=True)


SCORES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5, 0.1, 0.3, 1 / 3]))
ROWS = st.lists(
    st.tuples(SCORES, st.sampled_from([0.0, 1.0, np.nan]), st.sampled_from("abc"), st.sampled_from([1.0, 0.5, 2.0, 0.0])),
    min_size=1,
    max_size=60,
)


@settings(max_examples=80)
@given(rows=ROWS, threshold=st.floats(-0.1, 1.1), bins=st.integers(1, 40))
def test_a_move_is_what_the_rows_give_at_the_threshold_used(rows: list[Any], threshold: float, bins: int) -> None:
    frame = pd.DataFrame(rows, columns=["score", "label", "group", "weight"])
    found = Thresholds(frame["score"], frame["label"], frame["group"], weights=frame["weight"], bins=bins)
    move = found.move(threshold)
    assert_move_is(move, frame)
    if found.exact:
        assert ((frame["score"] >= threshold) == (frame["score"] >= found.snap(threshold))).all()
    elif 0 <= threshold <= 1:
        assert abs(found.snap(threshold) - threshold) <= 0.5 / bins + 1e-12


@settings(max_examples=30)
@given(rows=ROWS, thresholds=st.tuples(*[st.floats(0, 1)] * 3))
def test_each_group_may_have_its_own_threshold(rows: list[Any], thresholds: tuple[float, ...]) -> None:
    frame = pd.DataFrame([*rows, *((0.5, 1.0, group, 1.0) for group in "abc")], columns=["score", "label", "group", "weight"])
    found = Thresholds(frame["score"], frame["label"], frame["group"], weights=frame["weight"])
    assert_move_is(found.move(dict(zip("abc", thresholds, strict=True))), frame)


def test_zero_takes_everybody_and_one_those_who_score_one() -> None:
    scores = np.append(np.random.default_rng(0).random(3000), [1.0, 1.0, 0.0, np.nextafter(1.0, 0)])
    found = Thresholds(scores, None, np.zeros(len(scores), dtype=int))
    assert not found.exact
    assert found.move(0.0).rates[0, 0] == 1
    assert found.move(1.0).rates[0, 0] == 2 / len(scores)
    assert found.move(1.01).rates[0, 0] == 0


def test_every_edge_counts_the_rows_themselves() -> None:
    """Scores on and beside each edge of equal bins, where rounding could put them on the wrong side."""
    edges = np.arange(1001) / 1000
    scores = np.concatenate([edges, np.nextafter(edges, 2)[:-1], np.nextafter(edges, -1)[1:]])
    found = Thresholds(scores, None, np.zeros(len(scores), dtype=int))
    for edge in edges:
        assert found.move(edge).thresholds[0] == edge
        assert found.move(edge).rates[0, 0] * len(scores) == pytest.approx((scores >= edge).sum(), abs=1e-6)


def test_shortfall_has_three_definitions() -> None:
    """100 of a, 30 selected; 200 of b, 120 selected: 30 to b's 60 %, 20 to the 50 % of both, 18 to four fifths of 60 %."""
    scores = np.concatenate([np.repeat([1, 0], [30, 70]), np.repeat([1, 0], [120, 80])])
    move = Thresholds(scores, None, np.repeat(["a", "b"], [100, 200])).move(1)
    assert move.reference == "b"
    assert (move.shortfall_pooled[0], move.shortfall_reference[0]) == pytest.approx((20, 30))
    assert move.shortfall_four_fifths[0] == pytest.approx(18)
    assert (move.ratio[0, 0], move.difference[0, 0]) == pytest.approx((0.5, -0.3))
    assert (move.shortfall_reference[1], move.shortfall_four_fifths[1]) == pytest.approx((0, -24))


def test_accuracy_and_cost_are_of_all_groups_together() -> None:
    move = Thresholds([0.1, 0.6, 0.7, 0.9], [1, 0, 1, 1], ["a", "a", "b", "b"]).move(0.5, cost_fp=10, cost_fn=3)
    assert (move.accuracy, move.cost) == (0.5, 13)


def test_what_is_good_may_lie_below_and_what_is_positive_too() -> None:
    move = Thresholds([1, 2, 3, 4], [1, 1, 0, 0], ["a"] * 4, positive="below", favorable="below").move(3)
    assert dict(zip(MEASURES, move.rates[:, 0], strict=True))["tpr"] == 1
    assert move.rates[0, 0] == 0.5
    assert move.accuracy == 1


def test_curve_is_the_moves_with_their_intervals() -> None:
    rng = np.random.default_rng(1)
    scores, groups = rng.integers(0, 10, 400), rng.choice(["a", "b"], 400)
    found = Thresholds(scores, rng.integers(0, 2, 400), groups, reference="b")
    curve = found.curve("tpr")
    assert len(curve) == 10
    for row in curve.itertuples():
        move = found.move(row.threshold)
        at = MEASURES.index("tpr")
        assert (row.value, row.reference_value, row.accuracy, row.cost) == pytest.approx(
            (*move.rates[at], move.accuracy, move.cost)
        )
    a, b = ((groups == name) for name in "ab")
    selection = found.curve().set_index("threshold").loc[5]
    low, high = stats.ratio_interval((scores >= 5)[a].sum(), a.sum(), (scores >= 5)[b].sum(), b.sum())
    assert (selection["ratio_low"], selection["ratio_high"]) == pytest.approx((float(low), float(high)))


def test_compas_deciles_are_exact_and_give_the_published_rates(compas: Path, compas_roles: dict[str, Any]) -> None:
    """ProPublica's table at decile 5: false positive rates .4485 and .2345, false negative rates .2799 and .4772."""
    dataset = open_dataset(compas, compas_roles)
    found = Thresholds.of(dataset, "race", reference="Caucasian")
    assert found.exact
    assert found.current == 5
    table = found.move(5).table().set_index("group")
    assert table.loc["African-American", ["fpr", "fnr"]].tolist() == pytest.approx([0.4485, 0.2799], abs=5e-5)
    assert table.loc["Caucasian", ["fpr", "fnr"]].tolist() == pytest.approx([0.2345, 0.4772], abs=5e-5)
    assert table.loc["African-American", "ratio"] == pytest.approx(0.632, abs=5e-4)


def test_a_setting_can_be_pinned_beside_what_is_now(compas: Path, compas_roles: dict[str, Any]) -> None:
    dataset = open_dataset(compas, compas_roles)
    found = Thresholds.of(dataset, "race", reference="Caucasian")
    result = found.result(dataset, {group: 7.0 if group == "African-American" else 5.0 for group in found.groups})
    moved = ((dataset.frame["race"] == "African-American") & dataset.frame["decile_score"].isin([5, 6])).sum()
    assert result.numbers["decisions_changed"] == moved
    assert set(result.tables) == {"groups", "now"}
    small = result.tables["groups"].loc[lambda table: table["suppressed"], "group"].tolist()
    assert small == [group for group, rows in zip(found.groups, found.rows, strict=True) if rows < 10]


def test_histogram_counts_every_row_once_and_marks_small_cells() -> None:
    rng = np.random.default_rng(2)
    scores, labels = rng.random(2000) ** 4, rng.integers(0, 2, 2000)
    table = Thresholds(scores, labels, rng.choice(["a", "b"], 2000)).histogram(20)
    assert (table["rows"].sum(), table["positive"].sum()) == (2000, labels.sum())
    small = (table["rows"] > 0) & (table["rows"] < 10)
    assert small.any()
    assert table.loc[small, "suppressed"].all()
    for _, part in table.groupby("group"):
        assert part["suppressed"].sum() != 1


def test_a_row_without_a_score_is_left_out_and_a_missing_group_is_a_group() -> None:
    found = Thresholds([0.2, np.nan, 0.8], [0, 1, 1], pd.Series(["a", "a", None], dtype="str"))
    assert found.groups == ("a", "missing")
    assert found.rows.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("scores", "labels", "groups", "options"),
    [
        ([0.1, np.inf], [0, 1], ["a", "b"], {}),
        ([0.1, 0.2], [0, 2], ["a", "b"], {}),
        ([0.1], [0, 1], ["a", "b"], {}),
        ([np.nan], [0], ["a"], {}),
        ([0.1, 0.2], [0, 1], ["a", "b"], {"weights": [1, -1]}),
        ([0.1, 0.2], [0, 1], ["a", "b"], {"bins": 0}),
    ],
)
def test_what_cannot_be_counted_is_refused(scores: Any, labels: Any, groups: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        Thresholds(scores, labels, groups, **options)


def test_unknown_groups_and_measures_are_listed() -> None:
    found = Thresholds([0.1, 0.2], [0, 1], ["a", "b"])
    with pytest.raises(UnknownNameError, match="a, b"):
        found.move({"a": 0.1, "b": 0.1, "c": 0.1})
    with pytest.raises(UnknownNameError, match="threshold for group"):
        found.move({"a": 0.1})
    with pytest.raises(UnknownNameError, match="tpr"):
        found.curve("shine")
    with pytest.raises(ParameterError):
        found.move(float("nan"))


def test_which_side_is_good_is_never_guessed() -> None:
    dataset = open_dataset(pd.DataFrame({"s": [0.1, 0.9], "g": ["a", "b"]}), {"score": "s", "groups": ["g"]})
    with pytest.raises(RolesError, match="good for the person"):
        Thresholds.of(dataset)
    assert Thresholds.of(dataset, favorable="below").move(0.5).rates[0].tolist() == [1, 0]
