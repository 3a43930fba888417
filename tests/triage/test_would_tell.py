"""What data would tell, for each question that had no answer."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.data.dataset import Dataset, open_dataset
from workbench.triage.run import triage
from workbench.triage.would_tell import rows_to_see, what_would_tell


def needed(dataset: Dataset) -> pd.DataFrame:
    return what_would_tell(dataset, triage(dataset)).tables["needed"].set_index("part")


def test_a_check_that_lacks_a_role_names_it() -> None:
    frame = pd.DataFrame({"x": np.arange(200) % 7, "said": [0, 1] * 100})
    table = needed(open_dataset(frame, {"prediction": "said", "features": ["x"]}))
    assert table.loc["disparity", "columns"] == "groups, favorable"
    assert "label" in table.loc["slices", "columns"]
    assert table.loc["drift", "query"] == "a reference window: rows that were still good"
    assert table.loc["drift", ["n", "have"]].tolist() == [rows_to_see(0.05), 0], "of the reference window there is no row"


def test_a_window_too_small_for_silence_is_told_how_many_would_do() -> None:
    table = needed(open_dataset(pd.DataFrame({"x": range(20), "said": [0, 1] * 10}), {"prediction": "said"}))
    assert table.loc["all checks", "have"] == 20
    assert table.loc["all checks", "n"] > 1_000


def test_a_group_with_too_few_rows_is_asked_for_by_its_predicate() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"sex": ["f"] * 500 + ["m"] * 40, "said": rng.integers(0, 2, 540)})
    roles = {"prediction": "said", "favorable": 1, "groups": ["sex"], "features": []}
    row = needed(open_dataset(frame, roles)).loc["m (sex)"]
    assert row["query"] == 'sex = "m"'
    assert row["n"] > row["have"] == 40


@pytest.mark.parametrize(("step", "rate"), [(0.05, 0.5), (0.1, 0.2), (-0.2, 0.4)])
def test_so_many_rows_have_the_power(step: float, rate: float) -> None:
    """By simulation of the pooled z test."""
    n = rows_to_see(step, rate)
    rng = np.random.default_rng(1)
    before, after = rng.binomial(n, rate, 4_000) / n, rng.binomial(n, rate + step, 4_000) / n
    pooled = (before + after) / 2
    z = np.abs(after - before) / np.sqrt(2 * pooled * (1 - pooled) / n)
    assert (z > stats.norm.ppf(0.975)).mean() == pytest.approx(0.8, abs=0.03)


@given(st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_a_smaller_step_needs_more_rows(one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert rows_to_see(small) >= rows_to_see(large)


def test_small_counts_are_blanked_where_others_look() -> None:
    frame = pd.DataFrame({"sex": ["f"] * 500 + ["m"] * 4, "said": [0, 1] * 252})
    roles = {"prediction": "said", "favorable": 1, "groups": ["sex"], "features": []}
    dataset = open_dataset(frame, roles)
    shown = what_would_tell(dataset, triage(dataset)).published().tables["needed"].set_index("part")
    assert "m (sex)" not in shown.index or pd.isna(shown.loc["m (sex)", "have"])
