"""Damage step by step: what a planted weakness gives, and what the curve says."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.attacks.generators.stress import company, fault, judge_pairs, missing_fields, score_histogram
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError, UnknownNameError
from workbench.models import python_target


def test_a_unit_error_changes_decisions_only_through_columns_the_model_uses(make_setting: Callable[..., Setting]) -> None:
    trial = fault(make_setting(), fault="unit error", factor=1000.0, levels=[0.0, 0.5, 1.0])
    rates = trial.tables["outcomes"].set_index("damaged")["rate"]
    assert trial.numbers["worst"] in {"income", "debts"}
    assert rates["income"] > 0.3
    assert fault(make_setting(), fault="recoded categories", kind="category", levels=[0.0, 0.5, 1.0]).value == 0.0


def test_the_rate_is_the_share_of_rows_decided_otherwise(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    trial = fault(setting, fault="unit error", columns="income", factor=0.5, levels=[1.0])
    after = setting.target.predict(setting.frame.assign(income=setting.frame["income"] * 0.5)).decision
    assert trial.value == (after != setting.clean.decision).mean()
    assert trial.low is not None
    assert trial.low < trial.value < (trial.high or 0)


def test_abstaining_counts_as_held_and_an_error_as_failed(make_setting: Callable[..., Setting]) -> None:
    def careful(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        odd = frame["income"].isna().to_numpy()
        return {"decision": np.where(odd, None, 1), "abstained": odd}

    def fragile(frame: pd.DataFrame) -> np.ndarray:
        if frame.isna().any(axis=None):
            raise ValueError("missing")
        return np.ones(len(frame), dtype=int)

    words = {"fault": "missing values", "columns": "income", "levels": [0.0, 0.5, 1.0]}
    held, broken = (fault(make_setting(python_target(model, digest="sha256:x")), **words) for model in (careful, fragile))  # type: ignore[arg-type]
    assert (held.value, broken.value) == (0.0, 1.0)
    assert held.tables["curve"]["abstained"].tolist() == [0, 400, 800]
    assert broken.tables["curve"]["errors"].tolist() == [0, 800, 800]


def test_a_model_that_lets_more_through_the_less_it_knows_is_fail_open(make_setting: Callable[..., Setting]) -> None:
    def open_door(frame: pd.DataFrame) -> np.ndarray:
        return np.where(frame["income"].isna(), 1, frame["income"] > 60).astype(int)

    setting = make_setting(python_target(open_door, digest="sha256:open"))
    assert missing_fields(setting, permissive=1).numbers["label"] == "fail-open"


def test_the_oracle_of_the_scenario_judges(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(oracle="expected outcome")
    judged, after = judge_pairs(setting, setting.frame, np.arange(len(setting)))
    assert (judged == 1).tolist() == (after.decision != setting.label).tolist()


def test_monotonicity_looks_into_the_rows(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(oracle="monotonicity")
    more = setting.frame.assign(debts=setting.frame["debts"] + 1)
    judged, _ = judge_pairs(setting, more, np.arange(len(setting)), {"column": "debts", "direction": "up"})
    assert (judged == 1).mean() > 0.9


def test_calibration_worsens_under_noise_where_scores_stay_sure(make_setting: Callable[..., Setting]) -> None:
    curve = fault(make_setting(), fault="noise", columns="income", levels=[0.0, 1.0, 3.0]).tables["curve"]
    assert curve["ece"].is_monotonic_increasing
    assert curve["accuracy"].is_monotonic_decreasing


def test_a_decision_that_depends_on_its_company_is_found(make_setting: Callable[..., Setting]) -> None:
    def relative(frame: pd.DataFrame) -> np.ndarray:
        return (frame["income"] > frame["income"].mean()).to_numpy().astype(int)

    assert company(make_setting(), rows=50).value == 0.0
    assert (company(make_setting(python_target(relative, digest="sha256:r")), rows=50).value or 0) > 0.2


def test_what_is_unknown_is_refused(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    with pytest.raises(UnknownNameError, match="unit error"):
        fault(setting, fault="gremlins")
    with pytest.raises(InputError, match="Options: factor"):
        fault(setting, fault="unit error", factors=2)
    with pytest.raises(InputError, match="Columns: income"):
        fault(setting, fault="unit error", columns="salary")
    with pytest.raises(InputError, match="Kinds:"):
        fault(setting, fault="unit error", kind="words")


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0, 1])), min_size=1, max_size=200))
@example([(0.3, 0)])
def test_the_histogram_counts_every_score_once_and_what_came_of_it(rows: list[tuple[float, int]]) -> None:
    score, label = (np.array(column, float) for column in zip(*rows, strict=True))
    table = score_histogram({0.0: score}, label)
    edges = np.linspace(0, 1, 11)
    counts, _ = np.histogram(score, bins=edges)
    on_an_edge = np.isclose(score[:, None], edges, rtol=0, atol=1e-12).any(axis=1)  # either side is right
    assert table["rows"].sum() == len(rows)
    assert np.abs(np.cumsum(table["rows"]) - np.cumsum(counts)).max() <= on_an_edge.sum()
    filled = table[table["rows"] > 0]
    assert (filled["rows"] * filled["positive"].astype(float)).sum() == pytest.approx(label.sum())
    assert table.loc[table["rows"].between(1, 9), "suppressed"].all()


def test_calibration_error_follows_from_the_histogram(make_setting: Callable[..., Setting]) -> None:
    trial = fault(make_setting(), fault="noise", columns="income", levels=[0.0, 1.0, 2.0])
    bins = trial.tables["scores"]
    for level, part in bins[bins["rows"] > 0].groupby("level"):
        gap = (part["rows"] * (part["mean_score"].astype(float) - part["positive"].astype(float))).abs().sum() / part[
            "rows"
        ].sum()
        curve = trial.tables["curve"].set_index("level")
        assert gap == pytest.approx(curve.loc[level, "ece"])


def test_scores_that_are_no_probabilities_have_no_histogram() -> None:
    assert score_histogram({0.0: np.array([0.1, 3.0])}, None).empty
    assert score_histogram({0.0: np.array([np.nan])}, None).empty
