"""Pinned findings are entries with the digests of what supports them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from workbench.digest import digest_file
from workbench.errors import InputError, UnknownNameError
from workbench.incident.home import ensure_home, incident_folder, record_path
from workbench.incident.pins import pin_findings
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.result import Finding, Result

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


def test_a_result_given_with_a_finding_is_kept_as_others_may_see_it_in_a_file_named_by_its_digest(home: Path) -> None:
    table = pd.DataFrame({"where": ["a = 1", "a = 2"], "rate": [0.75, 0.5], "suppressed": [True, False]})
    result = Result("rates", "Rates", tables={"rates": table}, provenance={"time": "2026-01-01", "fingerprint": DIGEST})
    [entry] = pin_findings("INC-1", [Finding("slice", "worse", evidence=result.digest)], result)
    file = incident_folder(home, "INC-1") / str(entry.body["kept"])
    assert entry.evidence == (result.digest, digest_file(file))
    assert digest_file(file) == f"sha256:{file.stem}"
    assert Result.from_dict(json.loads(file.read_bytes())).digest == result.digest
    assert [row["rate"] for row in json.loads(file.read_bytes())["tables"]["rates"]] == [None, 0.5]


def test_the_same_result_computed_again_is_kept_once(home: Path) -> None:
    results = [Result("rates", "Rates", provenance={"time": time}) for time in ("2026-01-01", "2026-01-02")]
    finding = Finding("slice", "worse", evidence=results[0].digest)
    assert [len(pin_findings("INC-1", [finding], result)) for result in results] == [1, 0]
    assert len(list((incident_folder(home, "INC-1") / "pins").iterdir())) == 1


def test_a_finding_pinned_before_without_its_result_is_pinned_again_with_it() -> None:
    result = Result("rates", "Rates")
    finding = Finding("slice", "worse", evidence=result.digest)
    assert [len(pin_findings("INC-1", [finding], given)) for given in (None, result, None)] == [1, 1, 0]
