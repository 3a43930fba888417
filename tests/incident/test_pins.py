"""Pinned findings are entries with the digests of what supports them."""

from pathlib import Path

import pytest

from workbench.errors import InputError, UnknownNameError
from workbench.incident.home import ensure_home, record_path
from workbench.incident.pins import pin_findings
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.result import Finding

DIGEST = "sha256:" + "0" * 64
FINDINGS = [Finding("slice", "worse here", rank=1, evidence=DIGEST, columns=("a",)), Finding("volume", "fewer rows", rank=2)]


@pytest.fixture(autouse=True)
def incident(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_AUTHOR", "ada")
    monkeypatch.delenv("WORKBENCH_RUN", raising=False)
    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", "Loans", "ada")


def test_each_finding_is_an_entry_of_the_run_that_pinned_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_RUN", "4")
    entries = pin_findings("INC-1", FINDINGS)
    assert [(entry.kind, entry.body["run"], entry.author) for entry in entries] == [("pinned", 4, "ada")] * 2
    assert [Finding.from_dict(entry.body["finding"]) for entry in entries] == FINDINGS
    assert [entry.evidence for entry in entries] == [(DIGEST,), ()]


def test_no_incident_pins_nothing() -> None:
    assert pin_findings("", FINDINGS) == []


def test_running_all_cells_twice_pins_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [entry.body["run"] for entry in pin_findings("INC-1", FINDINGS)] == [None, None]
    assert pin_findings("INC-1", FINDINGS) == []
    monkeypatch.setenv("WORKBENCH_RUN", "5")
    assert len(pin_findings("INC-1", FINDINGS)) == 2


def test_an_unknown_incident_and_a_run_that_is_no_number_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="INC-1"):
        pin_findings("INC-2", FINDINGS)
    monkeypatch.setenv("WORKBENCH_RUN", "first")
    with pytest.raises(InputError, match="not the number of a run"):
        pin_findings("INC-1", FINDINGS)


def test_the_record_keeps_what_others_may_see() -> None:
    [entry] = pin_findings("INC-1", [Finding("slice", "4 of 5 people refused", support=5, people=5, effect=0.8)])
    kept = Finding.from_dict(entry.body["finding"])
    assert (kept.support, kept.people, kept.effect) == (None, None, None)
    assert "4 of 5" not in kept.statement
