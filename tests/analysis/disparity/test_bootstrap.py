"""The multinomial over cells is the row bootstrap; functionals and quantiles are what their names say."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.analysis.disparity import count_groups, measure_disparity, resamples
from workbench.analysis.disparity.bootstrap import bootstrap_table, quantiles
from workbench.analysis.disparity.resamples import Resamples
from workbench.data.dataset import open_dataset
from workbench.errors import ParameterError

ROLES = {"prediction": "p", "label": "y", "favorable": 1, "groups": ["g"]}


def frame(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    made = pd.DataFrame({"g": group, "y": rng.integers(0, 2, rows), "w": rng.uniform(0.2, 3, rows)})
    return made.assign(p=(rng.random(rows) < np.where(group == "a", 0.6, 0.4)).astype(int))


def row_bootstrap(data: pd.DataFrame, draws: int) -> dict[str, np.ndarray]:
    """Rows drawn with replacement, the slow way."""
    rng = np.random.default_rng(1)
    codes, p = pd.factorize(data["g"], sort=True)[0], data["p"].to_numpy()
    found: dict[str, list[float]] = {name: [] for name in ("overall", "min", "max", "difference", "ratio")}
    for _ in range(draws):
        rows = rng.integers(0, len(data), len(data))
        rates = np.bincount(codes[rows], p[rows], minlength=3) / np.bincount(codes[rows], minlength=3)
        values = (p[rows].mean(), rates.min(), rates.max(), np.ptp(rates), rates.min() / rates.max())
        for name, value in zip(found, values, strict=True):
            found[name].append(value)
    return {name: np.asarray(values) for name, values in found.items()}


def test_intervals_are_those_of_the_row_bootstrap() -> None:
    """Each end within what chance leaves of a quantile of 4,000 draws (three standard errors of its rank)."""
    data = frame()
    [counts] = count_groups(open_dataset(data, ROLES), ["g"])
    table = bootstrap_table(Resamples([counts], 4000, 0), ["selection_rate"], 0.9).set_index("functional")
    for name, values in row_bootstrap(data, 4000).items():
        for end, wanted in (("low", 0.05), ("high", 0.95)):
            rank = float((values < table.loc[name, end]).mean()), float((values <= table.loc[name, end]).mean())
            assert rank[0] - 0.02 <= wanted <= rank[1] + 0.02, (name, end)


def test_observed_values_are_those_of_the_table() -> None:
    result = measure_disparity(open_dataset(frame(), ROLES), bootstrap=50, measures=["fpr", "balanced_error"])
    for measure in ("fpr", "balanced_error"):
        rates = result.tables["groups"][measure]
        found = result.tables["functionals"].query("measure == @measure").set_index("functional")
        values = [found.loc[name, "value"] for name in ("min", "max", "difference", "ratio")]
        assert values == pytest.approx([rates.min(), rates.max(), np.ptp(rates), rates.min() / rates.max()])
        assert found.loc["group", "value"].tolist() == pytest.approx(rates.tolist())


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    dataset = open_dataset(frame(), ROLES)
    tables = [measure_disparity(dataset, bootstrap=40, seed=seed).tables["functionals"] for seed in (3, 3, 4)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not tables[0]["low"].equals(tables[2]["low"])


def test_uneven_weights_spread_the_draws_as_they_should() -> None:
    """The standard error of a weighted mean by the row bootstrap, within a tenth."""
    data = frame(600)
    [counts] = count_groups(open_dataset(data, {**ROLES, "weight": "w"}), ["g"])
    drawn = np.concatenate(list(Resamples([counts], 3000, 0).of_level()), axis=-1).sum(axis=0)
    rates = drawn[:, 2:4].sum(axis=(0, 1)) / drawn.sum(axis=(0, 1))
    rng = np.random.default_rng(2)
    rows = rng.integers(0, len(data), (3000, len(data)))
    w, p = data["w"].to_numpy()[rows], data["p"].to_numpy()[rows]
    assert rates.std() == pytest.approx(((w * p).sum(axis=1) / w.sum(axis=1)).std(), rel=0.1)


@given(arrays(float, (3, 7), elements=st.floats(-5, 5) | st.just(np.nan)), st.floats(0.5, 0.99))
def test_quantiles_leave_missing_draws_out(draws: Any, level: float) -> None:
    ends = ((1 - level) / 2, (1 + level) / 2)
    for found, end in zip(quantiles(draws, ends), ends, strict=True):
        for row, value in zip(draws, found, strict=True):
            known = row[~np.isnan(row)]
            assert np.isnan(value) if not len(known) else value == pytest.approx(np.quantile(known, end), abs=1e-9)


def test_too_many_draws_are_refused() -> None:
    with pytest.raises(ParameterError, match="bootstrap"):
        measure_disparity(open_dataset(frame(), ROLES), bootstrap=-1)


@pytest.mark.parametrize("roles", [ROLES, {**ROLES, "positive": 1, "groups": ["g", "h"]}])
def test_batches_change_nothing(roles: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(frame().assign(h=["x", "y"] * 200), roles)
    whole = measure_disparity(dataset, bootstrap=100).tables["functionals"]
    monkeypatch.setattr(resamples, "BATCH_NUMBERS", 700)
    pd.testing.assert_frame_equal(measure_disparity(dataset, bootstrap=100).tables["functionals"], whole)


def test_what_goes_wrong_while_drawing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """The draws are made in a thread, whose errors must not be lost."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(resamples, "draw_weights", fail)
    with pytest.raises(ZeroDivisionError):
        measure_disparity(open_dataset(frame(), ROLES), bootstrap=10)
