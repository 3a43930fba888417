"""Features that know the group are found and ranked; features that do not, are not; the budget is kept and told."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.proxies import find_proxies
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError

ROLES = {"groups": ["g"], "features": ["postcode", "shoe", "noise"]}


def log(strength: float, rows: int = 1500) -> Dataset:
    """The postcode tells the group with `strength` (0 nothing, 1 all), the shoe size a little of the same, noise nothing."""
    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b"], rows)
    told = np.where(rng.random(rows) < strength, group == "a", rng.random(rows) < 0.5)
    return open_dataset(
        pd.DataFrame({
            "g": group, "postcode": np.where(told, "N1", "S9"),
            "shoe": 40 + 0.5 * strength * (group == "a") + rng.normal(size=rows), "noise": rng.normal(size=rows),
        }),
        ROLES,
    )  # fmt: skip


def test_a_proxy_is_found_and_leads() -> None:
    result = find_proxies(log(0.8), permutations=9)
    table = result.tables["features"]
    assert table["feature"].iloc[0] == "postcode"
    assert table["share"].sum() == pytest.approx(1)
    assert table.set_index("feature")["alone"]["postcode"] == pytest.approx(0.9, abs=0.03)
    assert table.set_index("feature")["alone"]["noise"] == pytest.approx(0.5, abs=0.06)
    assert result.numbers["auc"] > 0.85
    assert result.numbers["p"] == 0.1


def test_nothing_is_found_where_nothing_tells() -> None:
    result = find_proxies(log(0.0), permutations=9)
    assert result.numbers["auc"] == pytest.approx(0.5, abs=0.06)
    assert result.numbers["p"] > 0.1


def test_the_budget_is_kept_and_told() -> None:
    numbers = find_proxies(log(0.5), most=400, permutations=0).numbers
    assert numbers["rows"] == 400
    assert numbers["p"] is None


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="too few rows"):
        find_proxies(log(0.5, 120))
