"""Stratified tables: Berkeley's admissions as R has them, formulas written out, and Simpson's paradox told."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import chi2

from workbench.analysis.disparity import measure_disparity
from workbench.analysis.disparity.conditional import Tables, breslow_day, cochran_mantel_haenszel, mantel_haenszel
from workbench.data.dataset import open_dataset
from workbench.errors import ParameterError, UnknownNameError

BERKELEY = {
    "A": (512, 313, 89, 19), "B": (353, 207, 17, 8), "C": (120, 205, 202, 391),
    "D": (138, 279, 131, 244), "E": (53, 138, 94, 299), "F": (22, 351, 24, 317),
}  # fmt: skip
"""Men admitted and rejected, women admitted and rejected, by department (Bickel, Hammel & O'Connell 1975; R's UCBAdmissions)."""


def tables_of(rows: Any) -> Tables:
    return Tables(*np.asarray(list(rows), float).T)


def berkeley() -> pd.DataFrame:
    sexes = ("Male", "Male", "Female", "Female")
    parts = [
        pd.DataFrame({"department": name, "sex": sex, "admitted": place % 2 == 0}, index=range(count))
        for name, counts in BERKELEY.items()
        for place, (sex, count) in enumerate(zip(sexes, counts, strict=True))
    ]
    return pd.concat(parts, ignore_index=True)


def test_berkeley_as_r_has_it() -> None:
    """``mantelhaen.test(UCBAdmissions, correct = FALSE)``: odds ratio 0.9046968 (0.7719074 to 1.0603298), M^2 = 1.5246."""
    tables = tables_of(BERKELEY.values())
    found = mantel_haenszel(tables)
    assert (found.value, found.low, found.high) == pytest.approx((0.9046968, 0.7719074, 1.0603298), abs=5e-8)
    assert cochran_mantel_haenszel(tables) == pytest.approx(float(chi2.sf(1.5246, 1)), abs=1e-4)
    assert breslow_day(tables) < 0.01, "department A favours women, the others hardly anybody"


def test_simpsons_paradox_is_told() -> None:
    """Women are admitted less often overall, and not less often within departments."""
    dataset = open_dataset(berkeley(), {"prediction": "admitted", "favorable": True, "groups": ["sex"]})
    result = measure_disparity(dataset, reference="Male", strata="department")
    [row] = result.tables["conditional"].to_dict("records")
    assert (row["group"], row["reference"], row["sign_change"], row["strata"]) == ("Female", "Male", True, 6)
    assert (row["odds_ratio"], row["crude_odds_ratio"]) == (
        pytest.approx(1 / 0.9046968, abs=1e-6),
        pytest.approx(0.5434, abs=1e-3),
    )
    strata = result.tables["strata"].set_index("stratum")
    assert strata["n"].tolist() == [108, 25, 593, 375, 393, 341]
    assert strata.loc["A", "difference"] == pytest.approx(89 / 108 - 512 / 825)


def test_everybody_else_is_the_reference_within_each_stratum() -> None:
    frame = berkeley()
    frame["sex"] = frame["sex"].where(frame.index % 3 != 0, "Other")
    dataset = open_dataset(frame, {"prediction": "admitted", "favorable": True, "groups": ["sex"]})
    found = measure_disparity(dataset, reference="everybody else", strata=["department"]).tables["conditional"]
    rows = []
    for _, part in frame.groupby("department"):
        own = part["sex"] == "Other"
        rows.append([((own == side) & (part["admitted"] == won)).sum() for side in (True, False) for won in (True, False)])
    expected = mantel_haenszel(tables_of(rows))
    assert found.set_index("group").loc["Other", "odds_ratio"] == pytest.approx(expected.value)


@settings(max_examples=50)
@given(st.lists(st.tuples(*(st.integers(1, 40) for _ in range(4))), min_size=2, max_size=6))
def test_homogeneity_is_breslow_days_with_tarones_correction(rows: list[tuple[int, ...]]) -> None:
    """The expected counts found by root search instead of the quadratic."""
    tables = tables_of(rows)
    common = mantel_haenszel(tables).value
    apart, variance = [], []
    for a, b, c, d in rows:
        low, high = max(0.0, a - d), min(a + b, a + c)

        def gap(x: float, a: float = a, b: float = b, c: float = c, d: float = d) -> float:
            return x * (d - a + x) - common * (a + b - x) * (a + c - x)

        x = brentq(gap, low, high, xtol=1e-13)
        apart.append(a - x)
        variance.append(1 / (1 / x + 1 / (a + b - x) + 1 / (a + c - x) + 1 / (d - a + x)))
    statistic = sum(u**2 / v for u, v in zip(apart, variance, strict=True)) - sum(apart) ** 2 / sum(variance)
    assert breslow_day(tables) == pytest.approx(float(chi2.sf(max(statistic, 0), len(rows) - 1)), abs=1e-6)


@settings(max_examples=50)
@given(st.lists(st.tuples(*(st.integers(1, 40) for _ in range(4))), min_size=1, max_size=6))
def test_swapping_the_sides_inverts_the_ratio_and_keeps_the_tests(rows: list[tuple[int, ...]]) -> None:
    tables = tables_of(rows)
    swapped = Tables(tables.c, tables.d, tables.a, tables.b)
    found, mirrored = mantel_haenszel(tables), mantel_haenszel(swapped)
    assert mirrored.value == pytest.approx(1 / found.value)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 / found.high, 1 / found.low))
    assert cochran_mantel_haenszel(swapped) == pytest.approx(cochran_mantel_haenszel(tables))


def test_one_stratum_is_the_plain_odds_ratio() -> None:
    tables = tables_of([(10, 20, 30, 15)])
    found = mantel_haenszel(tables)
    half = 1.959963984540054 * np.sqrt(1 / 10 + 1 / 20 + 1 / 30 + 1 / 15)
    assert found.value == pytest.approx(10 * 15 / (20 * 30))
    assert (found.low, found.high) == pytest.approx((found.value * np.exp(-half), found.value * np.exp(half)))
    assert np.isnan(breslow_day(tables))


@pytest.mark.parametrize("rows", [[(5, 0, 5, 0)], [(0, 5, 0, 5), (0, 2, 0, 9)]])
def test_strata_that_allow_one_table_tell_nothing(rows: list[tuple[int, ...]]) -> None:
    assert np.isnan(cochran_mantel_haenszel(tables_of(rows)))
    assert np.isnan(mantel_haenszel(tables_of(rows)).value)


def test_refusals() -> None:
    dataset = open_dataset(berkeley(), {"prediction": "admitted", "favorable": True, "groups": ["sex"]})
    with pytest.raises(UnknownNameError, match="stratify"):
        measure_disparity(dataset, strata="faculty")
    with pytest.raises(ParameterError, match="both a group and a stratum"):
        measure_disparity(dataset, strata="sex")
