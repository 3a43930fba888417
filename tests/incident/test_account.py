"""An incident as it is told: in order, redacted, with what statements rest on; and what is open, by the commands that go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.incident.account import moments_of, steps_of
from workbench.incident.chain import Entry
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.result import Finding

OLD, NEW = (f"sha256:{digit * 64}" for digit in "ab")
PRIVATE = "/home/ada/patients.csv"


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path / "record.db") as opened:
        create_incident(opened, "INC-1", "Loans", "ada")
        yield opened


def add(record: Record, kind: str, *evidence: str, **body: object) -> None:
    record.append("INC-1", kind, body, author="ada", evidence=evidence)


def run(record: Record, number: int, digest: str = OLD, ending: str = "run completed", pins: int = 2) -> None:
    add(record, "run started", run=number, template="triage", parameters={"data": PRIVATE}, folder=PRIVATE)
    for rank in range(1, pins + 1):
        finding = Finding("slice", f"worse {rank}", rank=rank, support=500, evidence=digest)
        add(record, "pinned", digest, run=number, finding=finding.to_dict())
    why = {} if ending == "run completed" else {"cell": 4, "why": f"could not convert {PRIVATE}"}
    add(record, ending, digest, run=number, digest=digest, **why)


def entries(record: Record) -> list[Entry]:
    return record.entries("INC-1")


def told(record: Record) -> list[str]:
    return [moment.what for moment in moments_of(entries(record))]


def steps(record: Record) -> list[str]:
    return [step.what for step in steps_of(entries(record))]


def test_entries_are_told_in_order_and_the_pins_of_a_run_at_once(record: Record) -> None:
    run(record, 1)
    add(record, "note", text="told the owner")
    add(record, "dismissed", finding="run1:2", why="month end")
    add(record, "sealed", NEW, bundle="b.zip", length=8, digest=NEW, head=OLD)
    add(record, "closed", why="rolled back")
    assert told(record) == [
        "opened: Loans",
        "run 1 of triage began",
        "run 1 pinned 2 findings",
        "run 1 of triage completed",
        "note: told the owner",
        "set run1:2 aside: month end",
        f"sealed the first 8 entries as {NEW}",
        "closed: rolled back",
    ]


def test_no_parameter_path_or_error_text_is_told(record: Record) -> None:
    run(record, 1, ending="run failed")
    assert told(record)[-1] == "run 1 of triage failed at cell 4"
    everything = repr((moments_of(entries(record)), steps_of(entries(record))))
    assert PRIVATE not in everything
    assert "convert" not in everything


def test_a_pin_of_few_people_is_told_blanked(record: Record) -> None:
    few = Finding("slice", "all 3 of the Does were refused", where="name = 7", people=3, evidence=OLD)
    add(record, "pinned", OLD, run=None, finding=few.to_dict())
    assert "Does" not in told(record)[-1]
    assert "fewer than 10" in told(record)[-1]


@pytest.mark.parametrize("body", [{}, {"finding": {"x": 1}}])
def test_a_pin_that_cannot_be_read_is_said(record: Record, body: dict[str, object]) -> None:
    record.append("INC-1", "pinned", body, author="ada")
    assert told(record)[-1] == "pinned: a finding that cannot be read"


def test_statements_say_on_what_they_rest(record: Record) -> None:
    run(record, 1)
    add(record, "note", OLD, text="worse")
    add(record, "note", text="a rumour")
    assert [moment.rests for moment in moments_of(entries(record))] == [
        "", "", "supported by run 1", "", "supported by run 1", "unsupported",
    ]  # fmt: skip
    run(record, 2, NEW)
    assert moments_of(entries(record))[4].rests == "stale: run 2 repeated run 1 and says otherwise"


def test_a_new_incident_needs_triage_a_seal_and_an_end(record: Record) -> None:
    assert [(step.what, step.command) for step in steps_of(entries(record))] == [
        ("No triage has completed.", "workbench run triage --incident INC-1 -p data PATH"),
        ("Nothing is sealed yet.", "workbench seal INC-1 --out INC-1.zip"),
        ("The incident is open.", 'workbench close INC-1 --why "…"'),
    ]


def test_a_run_that_failed_or_died_is_open_until_one_like_it_completes(record: Record) -> None:
    run(record, 1, ending="run failed", pins=0)
    add(record, "run started", run=2, template="triage", parameters={})
    assert steps(record)[:2] == [
        "Run 1 of triage failed; nobody repeated it.",
        "Run 2 of triage has no end: it is at work, or it died.",
    ]
    assert steps_of(entries(record))[0].command == "workbench run triage --incident INC-1 --again 1"
    run(record, 3, pins=0)
    assert steps(record) == ["Nothing is sealed yet.", "The incident is open."]


def test_findings_count_until_they_are_set_aside(record: Record) -> None:
    run(record, 1)
    assert steps(record)[0] == "2 findings of run 1: not set aside."
    add(record, "dismissed", finding="run1:1", why="known")
    assert steps_of(entries(record))[0].command == 'workbench dismiss INC-1 run1:2 --why "…"'
    add(record, "dismissed", finding="run1:2", why="known")
    assert steps(record) == ["Nothing is sealed yet.", "The incident is open."]


def test_stale_and_bare_statements_are_open(record: Record) -> None:
    run(record, 1, pins=1)
    add(record, "note", OLD, text="worse")
    add(record, "note", text="a rumour")
    run(record, 2, NEW, pins=0)
    found = {step.what: step.command for step in steps_of(entries(record))}
    assert found["2 statements rest on run 1, and run 2 says otherwise."] == "workbench diff INC-1/1 INC-1/2"
    assert "1 note names no output that supports it." in found


def test_an_incident_closed_and_sealed_whole_leaves_nothing_open(record: Record) -> None:
    run(record, 1)
    add(record, "closed", why="rolled back")
    assert steps(record) == ["Nothing is sealed yet."]
    add(record, "sealed", NEW, bundle="b.zip", length=6, digest=NEW, head=OLD)
    assert steps(record) == []
    add(record, "note", OLD, text="afterthought")
    assert steps(record) == ["1 entry came after the last seal."]
