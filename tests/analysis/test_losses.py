"""Each loss is the published one, defined where its columns are."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from workbench.analysis.losses import Loss, default_loss, outcome_columns, row_loss, row_values
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, ParameterError, RolesError, UnknownNameError

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({
    "label": RNG.integers(0, 2, 200), "score": RNG.random(200).round(3), "amount": RNG.normal(50, 9, 200).round(2),
    "guess": RNG.normal(50, 9, 200).round(2), "kind": RNG.choice(["a", "b", "c"], 200), "said": RNG.choice(["a", "b", "c"], 200),
})  # fmt: skip
FRAME["decision"] = (FRAME["score"] > 0.5).astype(int)
CLASSES = {"label": "label", "prediction": "decision", "score": "score", "favorable": 0}


def opened(frame: pd.DataFrame = FRAME, **roles: object) -> Dataset:
    return open_dataset(frame, roles or CLASSES)


def mean(loss: Loss) -> float:
    return float(np.nanmean(loss.values))


def test_shares_are_those_of_the_confusion_matrix() -> None:
    (tn, fp), (fn, tp) = metrics.confusion_matrix(FRAME["label"], FRAME["decision"])
    expected = {"error": (fp + fn) / 200, "fpr": fp / (fp + tn), "fnr": fn / (fn + tp), "selection_rate": (tn + fn) / 200}
    for name, value in expected.items():
        assert mean(row_loss(opened(), name)) == pytest.approx(value), name


@pytest.mark.parametrize("measure", ["ece", "calibration", "balanced_error"])
def test_what_only_groups_have_is_no_loss_of_a_row_and_the_error_says_what_is(measure: str) -> None:
    with pytest.raises(ParameterError, match=f"no single row has: {measure}. Use "):
        row_loss(opened(), measure)
    named = opened(FRAME.assign(**{measure: FRAME["score"]}), **CLASSES)
    assert mean(row_loss(named, f"column:{measure}")) == pytest.approx(FRAME["score"].mean())


def test_scores_are_judged_as_scikit_learn_does() -> None:
    assert mean(row_loss(opened(), "brier")) == pytest.approx(metrics.brier_score_loss(FRAME["label"], FRAME["score"]))
    assert mean(row_loss(opened(), "log_loss")) == pytest.approx(metrics.log_loss(FRAME["label"], FRAME["score"]))


def test_numbers_are_judged_as_scikit_learn_does() -> None:
    dataset = opened(label="amount", prediction="guess")
    assert mean(row_loss(dataset, "absolute_error")) == pytest.approx(
        metrics.mean_absolute_error(FRAME["amount"], FRAME["guess"])
    )
    assert mean(row_loss(dataset, "squared_error")) == pytest.approx(metrics.mean_squared_error(FRAME["amount"], FRAME["guess"]))
    np.testing.assert_allclose(row_loss(dataset, "residual").values, FRAME["amount"] - FRAME["guess"])


def test_the_residual_of_a_classifier_is_label_less_score() -> None:
    np.testing.assert_allclose(row_loss(opened(), "residual").values, FRAME["label"] - FRAME["score"])
    assert outcome_columns(opened(), "residual") == ("label", "score")


def test_each_mistake_costs_what_it_costs() -> None:
    values = row_loss(opened(), "cost", cost=(2.0, 5.0)).values
    expected = 2 * ((FRAME["decision"] == 1) & (FRAME["label"] == 0)) + 5 * ((FRAME["decision"] == 0) & (FRAME["label"] == 1))
    np.testing.assert_array_equal(values, expected)
    with pytest.raises(ParameterError, match="a cost"):
        row_loss(opened(), "cost", cost=(1.0, -1.0))


def test_many_classes_are_compared_by_value() -> None:
    values = row_loss(opened(label="kind", prediction="said"), "error").values
    np.testing.assert_array_equal(values, (FRAME["kind"] != FRAME["said"]).astype(float))


def test_a_row_without_label_or_score_has_no_loss() -> None:
    frame = FRAME.assign(
        label=FRAME["label"].where(FRAME.index > 9).astype("Int64"), score=FRAME["score"].where(FRAME.index < 190)
    )
    for name in ("brier", "log_loss"):
        values = row_loss(opened(frame, **CLASSES), name).values
        assert np.isnan(values[:10]).all()
        assert np.isnan(values[190:]).all()
        assert np.isfinite(values[10:190]).all()


def test_a_sure_mistake_is_not_infinite() -> None:
    frame = pd.DataFrame({"label": [1, 0], "score": [0.0, 0.0]})
    assert row_loss(opened(frame, label="label", score="score"), "log_loss").values[0] == pytest.approx(-np.log(1e-15))


def test_a_measure_beats_a_column_of_its_name_unless_forced() -> None:
    frame = FRAME.assign(error=7.0)
    assert mean(row_loss(opened(frame, **CLASSES), "error")) < 1
    assert mean(row_loss(opened(frame, **CLASSES), "column:error")) == 7


def test_an_array_is_taken_as_it_is() -> None:
    np.testing.assert_array_equal(row_loss(opened(), np.arange(200)).values, np.arange(200.0))
    np.testing.assert_array_equal(row_loss(opened(), FRAME["score"]).values, FRAME["score"])


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (np.ones(199), "another length than the data: 199 for 200 rows"),
        (np.ones((200, 2)), "200 x 2 for 200 rows"),
        (np.append(np.ones(199), np.nan), r"missing \(NaN\): row 199"),
        (np.append(np.ones(199), -1), "a loss is negative"),
        (np.append(np.ones(199), np.inf), "infinite"),
        (np.array(["x"] * 200), "only numbers can be a loss"),
        ("kind", "only numbers can be a loss"),
    ],
)
def test_what_is_no_loss_is_refused(loss: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        row_loss(opened(), loss)  # type: ignore[arg-type]


def test_a_column_may_be_negative_only_where_that_is_meant() -> None:
    dataset = opened(FRAME.assign(shift=FRAME["score"] - 0.5), **CLASSES)
    with pytest.raises(InputError, match="a loss is negative: shift holds"):
        row_loss(dataset, "shift")
    assert np.nanmin(row_loss(dataset, "shift", signed=True).values) < 0
    assert np.nanmin(row_loss(dataset, "residual").values) < 0


def test_a_score_that_is_no_probability_has_no_log_loss() -> None:
    with pytest.raises(InputError, match="between 0 and 1: amount holds"):
        row_loss(opened(label="label", score="amount"), "log_loss")


def test_measures_of_scores_and_amounts_are_losses_whose_mean_they_are() -> None:
    """``mae``, ``mean_residual`` and ``mean_score``, as scikit-learn and pandas have them."""
    dataset = opened(label="amount", prediction="guess", score="score")
    assert mean(row_loss(dataset, "mae")) == pytest.approx(
        metrics.mean_absolute_error(FRAME["amount"], FRAME["guess"]), abs=1e-12
    )
    assert mean(row_loss(dataset, "mean_residual")) == pytest.approx((FRAME["amount"] - FRAME["guess"]).mean(), abs=1e-12)
    assert mean(row_loss(dataset, "mean_score")) == pytest.approx(FRAME["score"].mean(), abs=1e-12)
    assert outcome_columns(dataset, "mae") == ("amount", "guess")
    assert outcome_columns(dataset, "mean_score") == ("score",)


def test_an_unknown_name_lists_losses_and_columns() -> None:
    with pytest.raises(UnknownNameError, match=r"brier.*residual"):
        row_loss(opened(), "nope")


def test_the_default_follows_the_roles() -> None:
    assert default_loss(opened()) == "error"
    assert default_loss(opened(prediction="decision", favorable=1)) == "selection_rate"
    assert default_loss(opened(score="score")) == "column:score"
    with pytest.raises(RolesError, match="no loss"):
        default_loss(opened(groups=["kind"]))


def test_row_values_say_where_they_belong() -> None:
    values, among = row_values(opened(FRAME.assign(score=FRAME["score"].where(FRAME.index > 4)), **CLASSES), "score")
    assert among.tolist() == [False] * 5 + [True] * 195
    assert np.isfinite(values).all()
