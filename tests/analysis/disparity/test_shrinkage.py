"""Shrunken rates lie between the raw ones and the mean, are a beta posterior, and err less in small groups."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from workbench.analysis.disparity import measure_disparity
from workbench.analysis.disparity.shrinkage import LARGEST_PRIOR, fit_prior
from workbench.data.dataset import open_dataset


@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1)), min_size=3, max_size=20))
def test_the_prior_is_a_distribution_with_the_mean_of_all_rows(groups: list[tuple[int, float]]) -> None:
    trials = np.asarray([size for size, _ in groups], float)
    hits = np.round(trials * [share for _, share in groups])
    prior = fit_prior(hits, trials)
    assert prior.mean == pytest.approx(hits.sum() / trials.sum())
    assert 0 < prior.rows <= LARGEST_PRIOR


def test_moments_find_the_prior_again() -> None:
    rng = np.random.default_rng(0)
    trials = np.full(4000, 50.0)
    prior = fit_prior(rng.binomial(50, rng.beta(6, 14, 4000)).astype(float), trials)
    assert (prior.mean, prior.rows) == pytest.approx((0.3, 20), rel=0.07)


def test_small_groups_err_less_on_average() -> None:
    rng = np.random.default_rng(1)
    truth = rng.beta(6, 14, 80)
    groups = np.repeat(np.arange(80), 12)
    frame = pd.DataFrame({"g": groups, "p": rng.random(len(groups)) < truth[groups]})
    result = measure_disparity(open_dataset(frame, {"prediction": "p", "favorable": True, "groups": ["g"]}))
    table = result.tables["shrunk"]
    assert ((table["shrunk"] - truth) ** 2).mean() < 0.7 * ((table["value"] - truth) ** 2).mean()
    inside = (table["shrunk"] - table["value"]) * (table["prior_mean"] - table["shrunk"]) >= 0
    assert inside.all(), "every estimate moves towards the mean, and none past it"
    row = table.iloc[0]
    a = row["prior_mean"] * row["prior_rows"] + row["value"] * 12
    b = row["prior_rows"] + 12 - a
    assert (row["low"], row["high"]) == pytest.approx(beta.interval(0.95, a, b), abs=1e-9)
