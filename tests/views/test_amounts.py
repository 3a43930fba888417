"""The size of a finding in words, by its unit."""

import pytest

from workbench.result import Finding
from workbench.views.amounts import effect_text, is_share, size_text


def told(unit: str, effect: float | None = -0.5, interval: tuple[float | None, float | None] | None = (-0.6, -0.4)) -> Finding:
    return Finding("drift", "s", effect=effect, unit=unit, interval=interval)


@pytest.mark.parametrize(
    ("unit", "in_a_table", "in_a_sentence"),
    [
        ("error rate", "-50.0 pp [-60.0, -40.0] error rate",
         "the share of wrong decisions differs by -50.0 percentage points (95 % sure: -60.0 to -40.0)"),
        ("share just past the threshold", "-50.0 pp [-60.0, -40.0] share just past the threshold",
         "the share just past the threshold differs by -50.0 percentage points (95 % sure: -60.0 to -40.0)"),
        ("powers of ten", "0.316 [0.251, 0.398] times the former values",
         "its values are 0.316 times the former values (95 % sure: 0.251 to 0.398)"),
        ("relative change of rows per day", "-50.0 % [-60.0, -40.0] rows per day",
         "it differs by -50.0 % in rows per day (95 % sure: -60.0 to -40.0)"),
        ("mean score", "-0.500 [-0.600, -0.400] mean score", "it differs by -0.500 in mean score (95 % sure: -0.600 to -0.400)"),
    ],
)  # fmt: skip
def test_a_size_is_told_in_what_its_unit_allows(unit: str, in_a_table: str, in_a_sentence: str) -> None:
    assert effect_text(told(unit)) == in_a_table
    assert size_text(told(unit)) == in_a_sentence


def test_what_is_not_known_is_not_told() -> None:
    assert effect_text(told("error rate", effect=None)) == "–"
    assert effect_text(told("error rate", interval=(None, 0.1))) == "-50.0 pp error rate"
    assert size_text(told("error rate", interval=None)) == ""
    assert not is_share(told("error rate", interval=None))
