"""What a repair undid, in words."""

from dataclasses import replace

import numpy as np

from tests.triage.repair.conftest import finding
from workbench.triage.repair.cases import ERRORS, Harm
from workbench.triage.repair.share import NOT_GROWN, Undoing
from workbench.triage.repair.values import Repair
from workbench.triage.repair.words import Asked, told

CAUSE = finding("unit error", "amount")
REPAIR = Repair("with amount divided by 100", np.array([True]), lambda frame, _rng: frame)
UNKNOWN = Undoing(12.0, 3.0, 80.0, None, None, NOT_GROWN, times=4.1)


def test_where_no_share_can_be_told_it_is_said_how_many_rows_would() -> None:
    said = told(CAUSE, REPAIR, UNKNOWN, Harm(ERRORS), Asked(900, 900))
    assert "12 of the 80 errors in its rows go away: their number did not measurably grow" in said
    assert said.endswith("so that no share of the harm can be told; about 3,700 such rows would tell")


def test_no_number_of_rows_is_advised_where_none_is_likely_to_tell() -> None:
    for times in (None, 400.0):
        said = told(CAUSE, REPAIR, replace(UNKNOWN, times=times), Harm(ERRORS), Asked(900, 900))
        assert said.endswith("so that no share of the harm can be told")


def test_decisions_are_named_and_that_errors_tell_nothing() -> None:
    shared = Undoing(30.0, 40.0, 80.0, 0.75, (0.5, 1.0))
    decisions = Harm("further decisions 0", 0.0)
    with_labels, without = (told(CAUSE, REPAIR, shared, decisions, Asked(900, 900, labelled=known)) for known in (True, False))
    assert without.endswith("30 of the 40 further decisions 0 go away (75 %, 95 % sure: 50 to 100)")
    assert with_labels == f"{without}; of the errors no share can be told"
