"""Labels of curves with a planted shape."""

import pytest

from workbench.attacks.generators.degradation import label_degradation
from workbench.errors import InputError

LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
TRIALS = (300,) * 6


@pytest.mark.parametrize(
    ("failures", "label", "threshold"),
    [
        ((6, 5, 7, 6, 9, 8), "held", None),
        ((6, 40, 80, 120, 150, 190), "graceful", None),
        ((6, 6, 7, 260, 270, 270), "cliff", 0.6),
        ((0, 0, 0, 0, 0, 300), "cliff", 1.0),
        ((6, 250, 255, 250, 260, 255), "cliff", 0.2),
    ],
)
def test_the_shape_is_named_and_the_cliff_dated(failures: tuple[int, ...], label: str, threshold: float | None) -> None:
    found = label_degradation(LEVELS, failures, TRIALS)
    assert (found.label, found.threshold) == (label, threshold)


def test_letting_more_through_is_fail_open_whatever_the_shape() -> None:
    ramp = (6, 40, 80, 120, 150, 190)
    assert label_degradation(LEVELS, ramp, TRIALS, (100, 120, 150, 180, 200, 250)).label == "fail-open"
    assert label_degradation(LEVELS, ramp, TRIALS, (100, 90, 60, 40, 20, 0)).label == "graceful"


@pytest.mark.parametrize(("levels", "trials"), [((0, 1), (9, 9)), ((0, 1, 1), (9, 9, 9)), ((0, 1, 2), (9, 0, 9))])
def test_what_is_no_curve_is_refused(levels: tuple[float, ...], trials: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="no curve"):
        label_degradation(levels, [0] * len(levels), trials)
