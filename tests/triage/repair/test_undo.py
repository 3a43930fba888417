"""Causes undone by repair: against the harm counted by hand on the log as it would have been."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.analysis.causes import faults
from tests.analysis.causes.sound import ONSET, scored
from tests.triage.repair.conftest import broken_log, context_of, decide, errors, finding, made
from workbench.errors import InputError
from workbench.models.target import failed_prediction
from workbench.result import Finding
from workbench.triage.check import did_not_help
from workbench.triage.repair import undo as module
from workbench.triage.repair.undo import removed, undo

Pair = tuple[pd.DataFrame, pd.DataFrame]
UNIT = finding("unit error", "amount", 'source = "online"', effect=-2.0, unit="powers of ten")


def undone(broken: pd.DataFrame, *found: Finding, model: Any = decide) -> list[Finding]:
    return undo(found, context_of(broken, model)).findings


def test_a_unit_error_divided_out_undoes_exactly_the_errors_it_made(unit_error: Pair) -> None:
    clean, broken = unit_error
    made = errors(broken) - errors(clean)
    result = undo([UNIT], context_of(broken)).result
    assert result is not None
    row = result.tables["repairs"].iloc[0]
    assert row["gone"] == made > 100
    assert (row["repair"], row["harm"], row["draws"]) == ("with amount multiplied by 100", "further errors", 1)


def test_the_share_stands_with_its_interval_and_in_a_sentence(unit_error: Pair) -> None:
    clean, broken = unit_error
    [found] = undone(broken, UNIT)
    made = errors(broken) - errors(clean)
    assert found.undone_by == "repaired"
    assert found.share_of_harm is not None
    assert found.share_of_harm > 0.85
    assert found.share_interval is not None
    assert found.share_interval[0] > 0.6
    assert found.undone is not None
    assert found.undone.startswith(f"Scored again with amount multiplied by 100, {made}") or found.share_of_harm == 1.0
    assert "further errors go away" in found.undone
    assert not did_not_help(found)


@pytest.mark.parametrize("cause", ["version mix-up", "moved threshold"])
def test_a_repair_that_undoes_nothing_speaks_against_its_cause(unit_error: Pair, cause: str) -> None:
    """The model that decided before, and the threshold from before, decide of wrong amounts as the log says."""
    [found] = undone(unit_error[1], finding(cause, "version", 'source = "online"'))
    assert found.share_of_harm == 0.0
    assert did_not_help(found)
    assert found.undone is not None
    assert "speaks against this cause" in found.undone


@pytest.mark.parametrize(("column", "where"), [("age", "online"), ("amount", "branch")])
def test_a_repair_that_takes_a_sound_column_elsewhere_is_refused(unit_error: Pair, column: str, where: str) -> None:
    [found] = undone(unit_error[1], finding("unit error", column, f'source = "{where}"', effect=1.0, unit="powers of ten"))
    assert found.share_of_harm is None
    assert found.undone is not None
    assert "takes the column away from what it held before, which speaks against this cause" in found.undone


REPAIRED = {
    "recoded": (faults.recoded, finding("recoded values", "grade"), 0),
    "exchanged": (faults.exchanged, finding("recoded values", "grade"), 0),
    "nulls": (faults.nulls, finding("nulls", "age", 'source = "partner"', unit="missing share"), 25),
    "frozen": (faults.frozen, finding("frozen column", "amount", 'source = "online"'), 25),
}


@pytest.mark.parametrize("name", REPAIRED)
def test_what_is_gone_is_what_the_fault_made(name: str) -> None:
    """Exactly, where values are written back; but for chance, where they are drawn: some 2 sd."""
    fault, given, chance = REPAIRED[name]
    clean, broken = broken_log(fault, 12_000)
    result = undo([given], context_of(broken)).result
    assert result is not None
    row = result.tables["repairs"].iloc[0]
    assert abs(row["gone"] - made(clean, broken, row["harm"])) <= chance


def test_where_errors_tell_nothing_decisions_are_counted() -> None:
    """Which of two merged grades a row had does not follow from its other columns, but how many of them are refused does."""
    clean, broken = broken_log(faults.merged)
    done = undo([finding("merged values", "grade")], context_of(broken))
    assert done.result is not None
    row = done.result.tables["repairs"].iloc[0]
    assert row["harm"] == "further decisions 0"
    assert row["low"] <= 1.0 <= row["high"]
    assert abs(row["gone"] - made(clean, broken, row["harm"])) <= 50
    assert done.findings[0].undone is not None
    assert "of the errors no share can be told" in done.findings[0].undone


def test_where_nothing_can_be_told_it_is_said_what_would() -> None:
    """Few ages of one source are missing, and hardly any decision hangs on them."""
    [found] = undone(broken_log(faults.nulls, 5000)[1], replace(REPAIRED["nulls"][1], severity="medium"))
    assert (found.undone_by, found.share_of_harm, found.severity) == (None, None, "medium")
    assert found.undone is not None
    assert "so that no share of the harm can be told" in found.undone


def test_a_moved_threshold_is_put_back() -> None:
    clean, broken = broken_log(faults.threshold)
    moved = replace(finding("moved threshold", "prediction", 'sex = "f"'), columns=("yes", "sex"))
    result = undo([moved], context_of(broken)).result
    assert result is not None
    row = result.tables["repairs"].iloc[0]
    assert row["gone"] == made(clean, broken, row["harm"])
    assert row["calls"] == 0
    assert "by the threshold from before (0." in row["repair"]


def test_a_version_mix_up_is_undone_by_the_version_of_before() -> None:
    clean, broken = broken_log(faults.version)
    result = undo([finding("version mix-up", "version", 'source = "partner"')], context_of(broken)).result
    assert result is not None
    row = result.tables["repairs"].iloc[0]
    assert row["gone"] == made(clean, broken, row["harm"])


def test_a_column_is_not_credited_with_what_another_model_decided() -> None:
    """Rows that the model decides otherwise than the log, as they are, were decided by another one: no column did that."""
    _, broken = broken_log(faults.version)
    [found] = undone(broken, finding("frozen column", "age", 'source = "partner"'))
    assert (found.share_of_harm or 0.0) < 0.1
    assert found.undone is not None
    assert "another model" in found.undone


def test_hours_of_a_shifted_clock_are_computed_anew() -> None:
    """A model that refuses at night, and a clock that is off by five hours for one source."""

    def model(frame: pd.DataFrame) -> np.ndarray:
        return ((scored(frame) >= 0.5) & (frame["hour"] < 14).to_numpy()).astype(int)

    clean = broken_log(faults.unit)[0].assign(hour=lambda data: data["at"].dt.hour)
    clean["yes"] = model(clean)
    clean["label"] = np.where(np.random.default_rng(0).random(len(clean)) < 0.1, 1 - clean["yes"], clean["yes"])
    hit = (clean["at"] >= ONSET) & (clean["source"] == "branch")
    broken = clean.assign(at=clean["at"].where(~hit, clean["at"] + pd.Timedelta(hours=5)))
    broken["hour"] = broken["at"].dt.hour
    broken["yes"] = model(broken)
    from tests.analysis.causes.sound import EARLY, ROLES
    from workbench.data.dataset import open_dataset
    from workbench.models.python import python_target
    from workbench.triage.run import make_context

    roles = {**ROLES, "features": [*ROLES["features"], "hour"], "score": None}
    context = make_context(open_dataset(broken, {key: value for key, value in roles.items() if value}), EARLY, None)
    context = replace(context, target=python_target(model, columns=["amount", "age", "grade", "source", "hour"]))
    clock = finding("shifted clock", "at", 'source = "branch"', effect=5.0, unit="hours")
    result = undo([clock], context).result
    assert result is not None
    row = result.tables["repairs"].iloc[0]
    assert row["repair"] == "with hour computed from times 5 hours earlier"
    assert row["gone"] == errors(broken) - errors(clean)


def test_without_labels_decisions_are_counted_and_the_words_say_which(unit_error: Pair) -> None:
    """Amounts a hundredth as large: people are refused who were not."""
    clean, broken = unit_error
    unknown = broken.assign(label=broken["label"].astype("Int64").mask(broken.index > 50))
    result = undo([UNIT], context_of(unknown)).result
    assert result is not None
    row = result.tables["repairs"].iloc[0]
    assert row["harm"] == "further decisions 0"
    assert row["gone"] == (clean["yes"] - broken["yes"]).sum()


def test_a_model_that_did_not_decide_is_refused_with_the_rate_and_its_denominator(unit_error: Pair) -> None:
    def other(frame: pd.DataFrame) -> np.ndarray:
        return (frame["age"] > 40).to_numpy().astype(int)

    with pytest.raises(InputError, match=r"the model given is not the one that decided: \d\d % of [\d,]+ decisions alike"):
        undone(unit_error[1], UNIT, model=other)


def test_a_model_that_always_says_the_usual_is_not_taken_for_the_one_that_decided(unit_error: Pair) -> None:
    rare = unit_error[1].assign(yes=lambda data: (data["score"] >= 0.93).astype(int)).drop(columns="score").assign(score=0.5)
    with pytest.raises(InputError, match="and 0 % of one of them"):
        undone(rare, UNIT, model=lambda frame: np.zeros(len(frame), dtype=int))


def test_a_model_that_fails_is_said_and_no_crash(unit_error: Pair) -> None:
    def fails(_frame: pd.DataFrame) -> np.ndarray:
        raise ZeroDivisionError("no such branch")

    with pytest.raises(InputError, match="decides on none of the rows: ZeroDivisionError: no such branch"):
        undone(unit_error[1], UNIT, model=fails)


def test_a_model_that_fails_on_repaired_rows_only_says_so_in_the_finding(unit_error: Pair) -> None:
    class Fickle:
        name, version, digest, production, asked = "fickle", "1", "sha256:0", False, 0

        def predict(self, frame: pd.DataFrame) -> Any:
            self.asked += 1
            if self.asked > 4:
                return failed_prediction(len(frame), "out of memory", 0.1)
            from workbench.models.python import python_target

            return python_target(decide).predict(frame)

    [found] = undone(unit_error[1], UNIT, model=Fickle())
    assert found.undone is not None
    assert "Could not be scored again" in found.undone
    assert "out of memory" in found.undone
    assert found.share_of_harm is None


def test_a_column_that_the_model_does_not_read_is_said(unit_error: Pair) -> None:
    [found] = undone(unit_error[1], finding("nulls", "sex", unit="missing share"))
    assert found.undone is not None
    assert "does not read the column: sex" in found.undone


def test_a_column_that_is_no_feature_is_left_alone(unit_error: Pair) -> None:
    done = undo([finding("unit error", "score", effect=1.0, unit="powers of ten")], context_of(unit_error[1]))
    assert done.findings[0].undone is None
    assert done.result is None


def test_a_large_finding_is_scored_on_a_stated_sample(unit_error: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ASKED", 400)
    result = undo([UNIT], context_of(unit_error[1]))
    assert result.result is not None
    row = result.result.tables["repairs"].iloc[0]
    assert (row["sampled"], row["rows_asked"]) == (400, 800)
    assert row["rows"] > 800
    assert result.findings[0].undone is not None
    assert "a sample of 400 rows was asked" in result.findings[0].undone


def test_calls_are_counted(unit_error: Pair) -> None:
    context = context_of(unit_error[1])
    result = undo([UNIT], context).result
    assert result is not None
    model = result.tables["model"].iloc[0]
    assert model["rows_asked"] == model["rows"] + result.tables["repairs"]["rows_asked"].sum()
    assert model["alike"] == 1.0


def test_one_cause_of_a_column_is_repaired_once_and_no_more_than_so_many(unit_error: Pair) -> None:
    again = replace(UNIT, check="integrity")
    found = undone(unit_error[1], again, UNIT)
    assert found[0].undone is None
    assert found[1].undone is not None


@pytest.mark.parametrize("change", [{"standing": True}, {"severity": "low"}, {"cause": "label flips"}])
def test_what_is_known_mild_or_no_cause_of_a_column_is_not_scored_again(unit_error: Pair, change: dict[str, Any]) -> None:
    done = undo([replace(UNIT, **change)], context_of(unit_error[1]))
    assert (done.result, done.why) == (None, "no cause was found that a repair could undo")


def test_without_a_model_a_share_says_that_rows_were_left_out() -> None:
    found = removed([replace(UNIT, share_of_harm=0.4), UNIT])
    assert [item.undone_by for item in found] == ["removed", None]


def test_published_repairs_count_in_tens(unit_error: Pair) -> None:
    result = undo([UNIT], context_of(unit_error[1])).result
    assert result is not None
    row = result.published().tables["repairs"].iloc[0]
    assert row["rows"] % 10 == row["rows_asked"] % 10 == 0
    assert result.published().published().digest == result.digest
