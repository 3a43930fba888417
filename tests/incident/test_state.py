"""Where an incident stands, by its entries alone."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from workbench.digest import digest_bytes
from workbench.errors import InputError, UnknownNameError
from workbench.incident.record import Record
from workbench.incident.state import IncidentState, RunState, create_incident, pin_name, require_incident, state_of

Add = Callable[..., IncidentState]

PROOF = digest_bytes(b"executed.ipynb")
STARTED = {"run": 1, "template": "triage", "parameters": {"seed": 7}, "folder": "runs/0001-triage"}
CREATE_SCRIPT = """
import sys
from workbench.errors import InputError
from workbench.incident.record import Record
from workbench.incident.state import create_incident
with Record.open(sys.argv[1]) as record:
    try:
        create_incident(record, "INC-1", "T", sys.argv[2])
    except InputError as error:
        print("refused")
"""


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path / "record.db") as record:
        yield record


@pytest.fixture
def add(record: Record) -> Add:
    """Append to INC-1, and give its state after that."""
    create_incident(record, "INC-1", "Loans refused at night", "ana")

    def add(kind: str, body: Mapping[str, Any], evidence: Sequence[str] = ()) -> IncidentState:
        record.append("INC-1", kind, body, author="ben", evidence=evidence)
        return state_of(record.entries("INC-1"))

    return add


def test_a_new_incident_is_open_and_empty(record: Record) -> None:
    entry = create_incident(record, "INC-1", " Loans refused at night ", "ana")
    state = state_of(record.entries("INC-1"))
    assert (state.id, state.title, state.status, state.author) == ("INC-1", "Loans refused at night", "open", "ana")
    assert (state.opened, state.closed) == (entry.time, None)
    assert (state.runs, state.pinned, state.dismissed, state.sealed, state.notes) == ((), (), {}, (), ())


def test_closing_closes(record: Record, add: Add) -> None:
    state = add("closed", {"why": "rolled back"})
    assert (state.status, state.closed) == ("closed", record.entries("INC-1")[-1].time)


def test_a_note_after_closing_leaves_it_closed(add: Add) -> None:
    add("closed", {})
    assert add("note", {"text": "postmortem on Monday"}).status == "closed"


def test_a_run_without_an_end_is_unfinished(record: Record, add: Add) -> None:
    (run,) = add("run started", STARTED).runs
    assert run == RunState(
        1, "triage", "unfinished", record.entries("INC-1")[-1].time, None, "runs/0001-triage", None, {"seed": 7}
    )


@pytest.mark.parametrize("status", ["completed", "failed", "interrupted", "timed out"])
def test_a_run_ends_as_its_ending_says(record: Record, add: Add, status: str) -> None:
    add("run started", STARTED)
    (run,) = add(f"run {status}", {"run": 1, "digest": PROOF, "cell": 3, "why": "ValueError: no rows"}).runs
    assert (run.status, run.digest, run.cell, run.why) == (status, PROOF, 3, "ValueError: no rows")
    assert (run.template, run.ended) == ("triage", record.entries("INC-1")[-1].time)


def test_runs_end_by_number_in_any_order(add: Add) -> None:
    add("run started", STARTED)
    add("run started", {**STARTED, "run": 2, "template": "slices"})
    runs = add("run completed", {"run": 2, "digest": PROOF}).runs
    assert [(run.number, run.template, run.status) for run in runs] == [(1, "triage", "unfinished"), (2, "slices", "completed")]


def test_a_run_that_came_to_a_verdict_has_it(add: Add) -> None:
    add("run started", {"run": 1})
    assert add("run completed", {"run": 1, "verdict": "could not tell"}).runs[0].verdict == "could not tell"
    add("run started", {"run": 2})
    assert add("run completed", {"run": 2}).runs[1].verdict is None


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"run": 3, "finding": {"rank": 2}}, "run3:2"),
        ({"run": None, "finding": {"rank": 2}}, "entry7"),
        ({"run": 3, "finding": {}}, "entry7"),
        ({"run": 3}, "entry7"),
    ],
)
def test_a_pinned_finding_is_called_by_run_and_rank_else_by_its_entry(body: dict[str, Any], name: str) -> None:
    assert pin_name({**body, "seq": 7}) == name


def test_a_run_started_twice_under_one_number_is_two_runs(add: Add) -> None:
    add("run started", STARTED)
    add("run started", STARTED)
    runs = add("run failed", {"run": 1}).runs
    assert [run.status for run in runs] == ["unfinished", "failed"]


def test_an_end_without_a_start_still_shows(add: Add) -> None:
    (run,) = add("run completed", {"run": 9}).runs
    assert (run.number, run.status, run.started) == (9, "completed", None)


def test_pins_seals_and_notes_keep_who_when_and_their_evidence(record: Record, add: Add) -> None:
    pin = {"run": 1, "finding": {"rank": 1, "where": "age < 25"}}
    seal = {"bundle": "B.zip", "digest": PROOF, "length": 2, "head": PROOF}
    add("pinned", pin, evidence=[PROOF])
    add("sealed", seal)
    state = add("note", {"text": "told the lender"})
    entries = record.entries("INC-1")
    about = [{"seq": entry.seq, "time": entry.time, "author": "ben", "evidence": entry.evidence} for entry in entries]
    assert state.pinned == ({**pin, **about[1]},)
    assert state.pinned[0]["evidence"] == (PROOF,)
    assert state.sealed == ({**seal, **about[2]},)
    assert state.notes == ({"text": "told the lender", **about[3]},)


def test_a_finding_is_dismissed_for_the_last_reason_given(add: Add) -> None:
    add("dismissed", {"finding": "run1:2", "why": "holiday"})
    add("dismissed", {"finding": "run1:3", "why": "known"})
    assert add("dismissed", {"finding": "run1:2", "why": "planned change"}).dismissed == {
        "run1:2": "planned change",
        "run1:3": "known",
    }


@pytest.mark.parametrize("kind", ["run started", "run failed", "pinned", "dismissed", "sealed", "note", "closed"])
def test_an_empty_body_leaves_the_incident_readable(add: Add, kind: str) -> None:
    """An entry can never be repaired: one bad writer must not lock the responders out."""
    assert add(kind, {}).title == "Loans refused at night"


def test_a_record_that_begins_otherwise_is_readable_too(record: Record) -> None:
    record.append("INC-2", "note", {"text": "seen"}, author="ana")
    state = state_of(record.entries("INC-2"))
    assert (state.title, state.status, len(state.notes)) == ("INC-2", "open", 1)


def test_no_entries_are_no_incident() -> None:
    with pytest.raises(InputError, match="without entries"):
        state_of([])


@pytest.mark.parametrize("incident", ["INC-1", "inc-1"])
def test_an_id_that_exists_is_refused(record: Record, incident: str) -> None:
    """Also in other letters: some systems would give both the same folder."""
    create_incident(record, "INC-1", "T", "ana")
    with pytest.raises(InputError, match="there is an incident of this id: INC-1"):
        create_incident(record, incident, "T", "ben")
    assert record.incidents() == ["INC-1"]


def test_an_incident_that_appears_after_the_look_is_refused(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower of two, step by step: it saw no incident, and the other opened it meanwhile."""
    create_incident(record, "INC-1", "T", "ana")
    monkeypatch.setattr(record, "incidents", list)
    with pytest.raises(InputError, match="another entry at this position"):
        create_incident(record, "INC-1", "T", "ben")
    assert len(record.entries("INC-1")) == 1


def test_of_two_who_open_it_at_once_one_succeeds(tmp_path: Path) -> None:
    place = tmp_path / "record.db"
    processes = [
        subprocess.Popen([sys.executable, "-c", CREATE_SCRIPT, str(place), name], stdout=-1, text=True)
        for name in ("ana", "ben", "eva")
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(outputs) == ["", "refused\n", "refused\n"]
    with Record.open(place) as record:
        assert len(record.entries("INC-1")) == 1


@pytest.mark.parametrize(("incident", "title"), [("a/b", "T"), ("INC-1", "  ")])
def test_an_incident_needs_an_id_and_a_title(record: Record, incident: str, title: str) -> None:
    with pytest.raises(InputError):
        create_incident(record, incident, title, "ana")
    assert record.incidents() == []


def test_require_incident_gives_the_entries(record: Record) -> None:
    entry = create_incident(record, "INC-1", "T", "ana")
    assert require_incident(record, "INC-1") == [entry]


def test_an_unknown_incident_lists_those_that_exist(record: Record) -> None:
    create_incident(record, "INC-1", "T", "ana")
    with pytest.raises(UnknownNameError, match=r"no incident of that name: INC-9\. Available: INC-1"):
        require_incident(record, "INC-9")
