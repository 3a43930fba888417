"""Image scenarios on scikit-learn's digits, read by a model trained here."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from workbench.attacks.generators.images import CHANGES, image_change, occlude, shift
from workbench.attacks.scenarios.catalogue import open_catalogue
from workbench.attacks.scenarios.rehearsal import rehearse
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError, UnknownNameError
from workbench.models import python_target


@pytest.fixture(scope="module")
def setting() -> Setting:
    images, digits = load_digits(return_X_y=True)
    columns = [f"pixel_{place}" for place in range(64)]
    frame = pd.DataFrame(images, columns=columns)
    model = LogisticRegression(max_iter=2000).fit(frame[:1200], digits[:1200])
    target = python_target(model, name="digits", digest="sha256:digits")
    return Setting(target, frame[1200:1400].reset_index(drop=True), digits[1200:1400])


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_the_more_an_image_is_changed_the_more_readings_turn(setting: Setting, change: str) -> None:
    rates = image_change(setting, change=change, levels=[0.0, 0.1, 0.5]).tables["curve"]["rate"]
    assert rates.iloc[0] == 0
    assert rates.is_monotonic_increasing
    assert rates.iloc[2] > 0.3


@pytest.mark.parametrize("change", sorted(CHANGES))
@given(strength=st.floats(0, 1), seed=st.integers(0, 9))
def test_pixels_stay_in_their_range_and_nothing_changes_without_strength(change: str, strength: float, seed: int) -> None:
    images = np.random.default_rng(seed).uniform(0, 16, (3, 8, 6))
    after = CHANGES[change](images, strength, np.random.default_rng(seed))
    assert after.shape == images.shape
    assert after.min() >= images.min()
    assert after.max() <= images.max()
    np.testing.assert_array_equal(CHANGES[change](images, 0.0, np.random.default_rng(seed)), images)


def test_a_quarter_covered_is_a_quarter_blank() -> None:
    images = np.random.default_rng(0).uniform(1, 2, (5, 8, 8))
    assert (occlude(images, 0.25, np.random.default_rng(0)) != images).sum(axis=(1, 2)).max() == 16


def test_a_shift_moves_columns() -> None:
    images = np.arange(16.0).reshape(1, 4, 4)
    after = shift(images, 0.25, np.random.default_rng(0))
    assert np.array_equal(after[:, :, 1:], images[:, :, :-1]) or np.array_equal(after[:, :, :-1], images[:, :, 1:])


def test_what_is_no_image_is_refused(setting: Setting) -> None:
    with pytest.raises(InputError, match="no pixels"):
        image_change(setting, change="noise", shape=[5, 5])
    with pytest.raises(UnknownNameError, match="noise"):
        image_change(setting, change="sepia")


@pytest.mark.usefixtures("numpys_global_generator_stays_unused")
@pytest.mark.parametrize("scenario", [item for item in open_catalogue() if item.modality == "image"], ids=lambda item: item.name)
def test_every_shipped_image_scenario_runs_and_its_twin_holds(scenario: object, setting: Setting) -> None:
    numbers = rehearse(scenario, setting).numbers  # type: ignore[arg-type]
    assert numbers["outcome"] in {"held", "failed", "could not tell"}
    assert numbers["twin"] == "held"
