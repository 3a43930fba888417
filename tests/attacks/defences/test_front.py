"""Accuracy for security: who is beaten by whom, held against the definition, and that a blank beats nobody."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.defences import front
from workbench.attacks.defences.bench import Bench
from workbench.attacks.defences.cost import Cost
from workbench.attacks.defences.front import AIMS, RATES, STEP, Budget, dominated, weigh
from workbench.attacks.defences.stack import Stack, detector
from workbench.errors import InputError
from workbench.models import Target

rates = st.sampled_from([0.0, 0.5, 1.0])
sizes = st.sampled_from([1.0, 1.01, 2.0])
measured = st.fixed_dictionaries({name: rates if name in RATES else sizes for name in AIMS})


def beats(one: dict[str, float], other: dict[str, float]) -> bool:
    """The definition, one pair at a time; 1.0 and 1.01 are one step."""
    signed = [
        (sign * (value if name in RATES else round(np.log(value) / np.log(STEP))))
        for row in (one, other)
        for (name, sign), value in zip(AIMS.items(), (row[name] for name in AIMS), strict=True)
    ]
    own, others = signed[: len(AIMS)], signed[len(AIMS) :]
    return all(a >= b for a, b in zip(own, others, strict=True)) and own != others


@given(st.lists(measured, min_size=1, max_size=6))
def test_dominated_is_as_defined(rows: list[dict[str, float]]) -> None:
    found = dominated(pd.DataFrame(rows))
    for place, (by, better) in enumerate(found):
        assert (by is None) == (not any(beats(other, rows[place]) for other in rows))
        if by is not None:
            assert beats(rows[by], rows[place])
            assert found[by][0] is None  # who is named is on the front itself
            assert better
    assert any(by is None for by, _ in found)


def test_nothing_is_beaten_by_a_blank() -> None:
    base = dict.fromkeys(AIMS, 0.5)
    table = pd.DataFrame([{**base, "memory": None}, {**base, "memory": 9.0}])
    assert dominated(table) == [(None, ()), (None, ())]


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs as given, in place of a clock: the second defence takes three times as long."""

    def measured_costs(targets: Any, _: pd.DataFrame) -> dict[str, Cost]:
        return {name: Cost(0.001 * 3**at, 0.002 * 3**at, 1000.0, 5.0) for at, name in enumerate(targets)}

    monkeypatch.setattr(front, "measure_costs", measured_costs)


@pytest.mark.usefixtures("costs")
def test_a_detector_that_never_fires_is_dominated_and_one_that_catches_is_not(weak: Target, bench: Bench) -> None:
    idle = Stack(weak, (detector(lambda rows: np.zeros(len(rows), dtype=bool)),))
    catching = Stack(weak, (detector(lambda rows: rows["probe"].to_numpy() > 4),))
    found = weigh({"bare": weak, "idle": idle, "catching": catching}, bench, Budget(latency=0.005, memory=2.0))
    table = found.tables["front"].set_index("defence")
    assert table.loc["idle", "dominated_by"] == "bare"
    assert table.loc["idle", "why"] == "bare is worse in nothing, and better in latency 1 ms to 3 ms"
    assert table["on_front"].to_dict() == {"bare": True, "idle": False, "catching": True}
    assert table.loc["catching", "attack_success"] == 0.0 < table.loc["bare", "attack_success"]
    assert table.loc["bare", "over_budget"] == "memory 5 MB, budget 2 MB"
    assert table.loc["catching", "over_budget"] == "latency 9 ms, budget 5 ms; memory 5 MB, budget 2 MB"


def test_one_defence_alone_is_weighed_against_nothing(weak: Target, bench: Bench) -> None:
    with pytest.raises(InputError, match="nothing to weigh"):
        weigh({"bare": weak}, bench)


@pytest.mark.parametrize(
    ("aim", "good", "bad"),
    [("clean_accuracy", 0.9, 0.8), ("attack_success", 0.1, 0.2), ("false_alarms", 0.0, 0.1), ("latency", 1.0, 2.0),
     ("memory", 5.0, 50.0), ("throughput", 900.0, 100.0)],
)  # fmt: skip
def test_what_is_better_in_one_thing_and_equal_in_the_others_beats(aim: str, good: float, bad: float) -> None:
    base = dict.fromkeys(AIMS, 0.5)
    table = pd.DataFrame([{**base, aim: bad}, {**base, aim: good}])
    assert dominated(table) == [(1, (aim,)), (None, ())]
