"""A wrong cause that makes up for a right one: it seems to help alone, and is told apart where both are repaired."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.analysis.causes import faults
from tests.analysis.causes.sound import late, rescored, sound_log
from tests.triage.repair.conftest import context_of, finding
from workbench.result import Finding
from workbench.triage.check import did_not_help
from workbench.triage.rank import rank
from workbench.triage.repair.undo import undo

ONLINE = 'source = "online"'
RIGHT = finding("unit error", "amount", ONLINE, effect=float(np.log10(0.25)), unit="powers of ten", support=100)
OLDER = replace(finding("training/serving skew", "age", ONLINE), support=3000, people=3000)
"""A column that moved indeed, and is no fault: the clients are older."""
TENTHS = replace(RIGHT, columns=("age",), effect=1.0, support=3000, people=3000)
"""Ages a tenth as large would make up for the amounts, and are no ages."""


def quarter(frame: pd.DataFrame) -> pd.DataFrame:
    """Amounts of one source a quarter of what they are, from the onset on."""
    hit = late(frame) & (frame["source"] == "online").to_numpy()
    return rescored(frame.assign(amount=np.where(hit, frame["amount"] / 4, frame["amount"])))


@pytest.fixture(scope="module")
def older() -> pd.DataFrame:
    """Amounts of one source are a quarter, and its clients older than before: the model knows what to make of that."""
    clean = sound_log(12_000)
    hit = late(clean) & (clean["source"] == "online").to_numpy()
    clean = rescored(clean.assign(age=clean["age"].where(~hit, 50 + clean["age"] // 2)))
    chance = np.random.default_rng(3).random(len(clean))
    return quarter(clean.assign(label=(chance < clean["score"]).astype(int)))


def test_a_wrong_cause_may_seem_to_help_alone(older: pd.DataFrame) -> None:
    [found] = undo([OLDER], context_of(older)).findings
    assert found.share_interval is not None
    assert found.share_interval[0] > 0


@pytest.mark.parametrize("pair", [(RIGHT, OLDER), (OLDER, RIGHT)])
def test_beside_the_right_one_it_is_credited_with_nothing_and_comes_last(
    older: pd.DataFrame, pair: tuple[Finding, Finding]
) -> None:
    found = rank(undo(pair, context_of(older)).findings, [])
    assert [item.columns[0] for item in found] == ["amount", "age"]
    assert (found[0].share_of_harm or 0) > 0.8
    assert found[1].share_of_harm == 0.0
    assert did_not_help(found[1])
    assert found[1].undone is not None
    assert "beside a repair of amount nothing more goes away: it only makes up for that" in found[1].undone


def test_a_repair_that_takes_a_column_from_what_it_was_is_not_credited() -> None:
    found = rank(undo([TENTHS, RIGHT], context_of(quarter(sound_log(8000)))).findings, [])
    assert [item.columns[0] for item in found] == ["amount", "age"]
    assert found[1].share_of_harm is None
    assert found[1].undone is not None
    assert "takes the column away from what it held before, which speaks against this cause" in found[1].undone


def test_two_faults_of_the_same_rows_both_keep_what_they_undo() -> None:
    """Amounts a quarter, and two grades exchanged: either repair helps beside the other."""
    twice = rescored(faults.exchanged(quarter(sound_log(12_000)), np.random.default_rng(0)))
    found = undo([RIGHT, finding("recoded values", "grade")], context_of(twice)).findings
    assert all("makes up" not in (item.undone or "") for item in found)
    assert (found[1].share_of_harm or 0) > 0.5
