"""Which attacks carry over, between models that share what they look at and models that do not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.defences.transfer import transfer_matrix
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import Target, python_target


def looking_at(column: str) -> Target:
    """A model that looks at one column only."""

    def decide(frame: pd.DataFrame) -> np.ndarray:
        return (frame[column] >= 0).to_numpy(dtype=int)

    return python_target(decide, name=column, digest=f"sha256:{column}")


@pytest.fixture
def setting() -> Setting:
    """Rows on which both columns agree."""
    chance = np.random.default_rng(6)
    side = chance.choice([-1.0, 1.0], 80)
    frame = pd.DataFrame({name: side * np.abs(chance.normal(size=80)) for name in ("left", "right")})
    return Setting(looking_at("left"), frame, (side > 0).astype(int), seed=3)


@pytest.fixture
def result(setting: Setting) -> Any:
    members = {"left": looking_at("left"), "copy": looking_at("left"), "right": looking_at("right")}
    return transfer_matrix(members, setting, rows=60, budget=40)


def test_no_attack_is_worth_more_elsewhere_than_where_it_was_made(result: Any) -> None:
    matrix = result.tables["transfer"].pivot_table(index="made_on", columns="tried_on", values="rate")
    for name in matrix.index:
        assert (matrix.loc[name] <= matrix.loc[name, name]).all()
        assert matrix.loc[name, name] >= 0.95


def test_it_carries_over_to_a_copy_and_not_to_a_model_that_looks_elsewhere(result: Any) -> None:
    cell = result.tables["transfer"].set_index(["made_on", "tried_on"])["rate"]
    assert cell["left", "copy"] == cell["left", "left"]
    assert cell["left", "right"] <= 0.1
    assert cell["right", "left"] <= 0.1
    off = [cell[one, two] for one, two in cell.index if one != two]
    assert result.numbers["carried"] == pytest.approx(np.mean(off))


def test_the_same_seed_gives_the_same_matrix(setting: Setting) -> None:
    members = {"left": looking_at("left"), "right": looking_at("right")}
    one, two = (transfer_matrix(members, setting, rows=30, budget=20) for _ in range(2))
    assert one.digest == two.digest


def test_what_cannot_be_compared_is_refused(setting: Setting) -> None:
    with pytest.raises(InputError, match="nothing to carry"):
        transfer_matrix({"left": looking_at("left")}, setting)
    contrary = python_target(lambda frame: (frame["left"] < 0).to_numpy(dtype=int), digest="sha256:c")
    with pytest.raises(InputError, match="too few rows to attack"):
        transfer_matrix({"left": looking_at("left"), "contrary": contrary}, setting)
