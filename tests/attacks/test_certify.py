"""Certificates against the exact answer, which a linear model has."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.certify import certify
from workbench.attacks.constraints import Column, Domain
from workbench.errors import InputError
from workbench.models import Target

UNIT = Domain(tuple(Column(name, scale=1.0) for name in "abcd"))


def test_no_radius_is_beyond_the_boundary_and_most_are_near_it(linear: Target, frame: pd.DataFrame, weights: np.ndarray) -> None:
    """Smoothing leaves a linear model's decisions as they are; its certified radius is the distance to the plane."""
    exact = np.abs(frame.to_numpy() @ weights) / np.linalg.norm(weights)
    found = certify(linear, frame.iloc[:40], UNIT, sigma=0.5, seed=1)
    assert (found.radius <= exact[:40]).mean() > 0.97  # each may be wrong once in a thousand
    within = exact[:40] < 0.8  # beyond, a thousand copies cannot tell
    assert np.median(found.radius[within] / exact[:40][within]) > 0.6
    assert (found.decision[found.radius > 0] == linear.predict(frame.iloc[:40]).decision[found.radius > 0].astype(str)).all()


def test_the_same_seed_gives_the_same_bits_wherever_the_row_stands(linear: Target, frame: pd.DataFrame) -> None:
    one, two = (certify(linear, frame.iloc[:8], UNIT, seed=1, estimate=200) for _ in range(2))
    assert one.radius.tobytes() == two.radius.tobytes()
    assert certify(linear, frame.iloc[:3], UNIT, seed=1, estimate=200).radius.tobytes() == one.radius[:3].tobytes()


def test_a_row_on_the_boundary_has_no_certificate(linear: Target) -> None:
    found = certify(linear, pd.DataFrame([[0.0] * 4], columns=list("abcd")), UNIT, seed=0)
    assert (found.decision[0], found.radius[0]) == (None, 0.0)


def test_immutable_columns_get_no_noise(frame: pd.DataFrame, scored: Any) -> None:
    still = scored(lambda rows: (rows["a"].isin(frame["a"])).to_numpy(dtype=float), "still")
    domain = Domain((Column("a", direction="none"), *UNIT.columns[1:]))
    assert (certify(still, frame.iloc[:5], domain, estimate=100).decision == "1").all()


def test_nothing_to_smooth_is_an_error(linear: Target, frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="nothing to smooth"):
        certify(linear, frame, Domain(tuple(Column(name, direction="none") for name in "abcd")))
