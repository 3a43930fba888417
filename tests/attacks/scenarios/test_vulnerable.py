"""A fault that hits one segment is traced to it, and one that hits nobody to none."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.scenarios.catalogue import find_scenario
from workbench.attacks.scenarios.trial import Setting
from workbench.attacks.scenarios.vulnerable import vulnerable_segments
from workbench.errors import InputError
from workbench.models import python_target


def fragile_in_the_west(frame: pd.DataFrame) -> np.ndarray:
    """Looks at the income in the west only."""
    return np.where(frame["region"] == "west", frame["income"] > 500, 1).astype(int)


def test_the_planted_segment_is_the_one_that_is_named(make_setting: Callable[..., Setting]) -> None:
    scenario = replace(find_scenario("unit-error"), parameters={"fault": "unit error", "columns": "income", "levels": [0.0, 1.0]})
    found = vulnerable_segments(scenario, make_setting(python_target(fragile_in_the_west, digest="sha256:w")))
    assert found.tables["slices"]["slice"].iloc[0] == 'region = "west"'
    assert found.tables["slices"]["p_adjusted"].iloc[0] < 0.01


def test_nobody_is_named_where_nothing_fails(make_setting: Callable[..., Setting]) -> None:
    always = python_target(lambda frame: np.ones(len(frame), dtype=int), digest="sha256:a")
    assert vulnerable_segments(find_scenario("unit-error"), make_setting(always)).tables["slices"].empty


def test_a_measure_of_no_rows_is_refused(make_setting: Callable[..., Setting]) -> None:
    with pytest.raises(InputError, match="no single row"):
        vulnerable_segments(find_scenario("skewed-mix"), make_setting())
