"""Statements and what they rest on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.incident.claims import Claim, claims_of
from workbench.incident.record import Record
from workbench.incident.state import create_incident, pin_name

OLD, NEW, FILE = (f"sha256:{digit * 64}" for digit in "abc")


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path / "record.db") as opened:
        create_incident(opened, "INC-1", "Loans", "ada")
        yield opened


def run(record: Record, number: int, result: str, ending: str = "run completed", **parameters: object) -> None:
    started = {"run": number, "template": "triage", "parameters": {"data": "log.csv", "out": f"runs/{number}", **parameters}}
    record.append("INC-1", "run started", started, author="ada")
    record.append("INC-1", "pinned", {"run": number, "finding": {"statement": "worse"}}, author="ada", evidence=[result])
    record.append("INC-1", ending, {"run": number, "digest": result}, author="ada", evidence=[FILE] if number == 1 else [])


def note(record: Record, *evidence: str) -> None:
    record.append("INC-1", "note", {"text": "it is worse"}, author="ada", evidence=evidence)


def last(record: Record) -> Claim:
    return claims_of(record.entries("INC-1"))[-1]


def test_a_statement_without_evidence_is_unsupported(record: Record) -> None:
    note(record)
    assert (last(record).status, last(record).run, last(record).text) == ("unsupported", None, "it is worse")


def test_evidence_that_no_run_left_supports_nothing(record: Record) -> None:
    run(record, 1, OLD)
    note(record, NEW)
    assert last(record).status == "unsupported"


@pytest.mark.parametrize("evidence", [OLD, FILE])
def test_a_result_or_a_file_of_a_completed_run_supports_a_statement(record: Record, evidence: str) -> None:
    run(record, 1, OLD)
    note(record, evidence)
    assert (last(record).status, last(record).run) == ("supported", 1)


def test_a_run_that_failed_supports_nothing(record: Record) -> None:
    run(record, 1, OLD, ending="run failed")
    note(record, OLD)
    assert last(record).status == "unsupported"


def test_a_repetition_with_another_result_makes_a_statement_stale(record: Record) -> None:
    run(record, 1, OLD)
    note(record, OLD)
    run(record, 2, NEW)
    found = {claim.seq: claim for claim in claims_of(record.entries("INC-1"))}
    stated = next(claim for claim in found.values() if claim.text == "it is worse")
    assert (stated.status, stated.run, stated.later) == ("stale", 1, 2)
    pinned = [claim.status for claim in found.values() if claim.text == "worse"]
    assert pinned == ["stale", "supported"]


def test_a_repetition_with_the_same_result_renews_it(record: Record) -> None:
    run(record, 1, OLD)
    note(record, OLD)
    run(record, 2, OLD)
    assert (last(record).status, last(record).run) == ("supported", 2)


def test_other_parameters_are_another_question(record: Record) -> None:
    run(record, 1, OLD)
    note(record, OLD)
    run(record, 2, NEW, current="age < 25")
    note(record, OLD)
    assert (last(record).status, last(record).run) == ("supported", 1)


def pin_by_hand(record: Record, finding: object, *evidence: str, **more: object) -> None:
    record.append("INC-1", "pinned", {"run": None, "finding": finding, **more}, author="ada", evidence=evidence)


def test_a_result_that_a_pin_keeps_supports_the_pin_and_whatever_names_it(record: Record) -> None:
    pin_by_hand(record, {"statement": "worse"}, NEW, FILE, kept=f"pins/{'c' * 64}.json")
    note(record, NEW)
    claims = claims_of(record.entries("INC-1"))
    assert [(claim.status, claim.run) for claim in claims] == [("supported", None)] * 2


def test_a_pin_that_keeps_nothing_is_unsupported(record: Record) -> None:
    pin_by_hand(record, {"statement": "worse"}, NEW)
    assert last(record).status == "unsupported"


@pytest.mark.parametrize("finding", [None, "worse", ["worse"], {}, {"rank": 1}, {"statement": None}])
def test_a_pin_whose_finding_cannot_be_read_is_a_gap_and_no_error(record: Record, finding: object) -> None:
    pin_by_hand(record, finding)
    claim = last(record)
    assert (claim.kind, claim.status) == ("pinned", "unsupported")
    assert pin_name({**record.entries("INC-1")[-1].body, "seq": claim.seq}) == f"entry{claim.seq}"
