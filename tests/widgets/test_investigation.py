"""One selection for all: told to everybody once, kept over a restart where that is honest; pins and dismissals in the record."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data.dataset import Dataset, open_dataset
from workbench.digest import digest
from workbench.errors import InputError, PredicateError, UnknownNameError
from workbench.incident.chain import Entry
from workbench.incident.claims import claims_of
from workbench.incident.pins import pin_findings
from workbench.predicate import ALL_ROWS, Predicate, equals, within
from workbench.result import Finding, Result
from workbench.widgets.investigation import Investigation, Mark

NORTH = equals("region", "north")
YOUNG = within("age", 0, 25)
Entries = Callable[[str], list[Entry]]


def test_it_starts_with_all_rows_no_windows_and_nothing_to_undo(dataset: Dataset) -> None:
    investigation = Investigation(dataset)
    assert investigation.selection == ALL_ROWS
    assert dict(investigation.windows) == {"reference": None, "current": None}
    assert (investigation.can_undo, investigation.can_redo) == (False, False)


def test_each_change_is_told_once_to_everybody_but_who_made_it(dataset: Dataset) -> None:
    investigation = Investigation(dataset)
    one: list[Predicate] = []
    other: list[Predicate] = []
    tell_one = one.append
    investigation.subscribe(tell_one)
    investigation.subscribe(other.append)
    investigation.select(NORTH)
    investigation.select(NORTH)
    investigation.select(YOUNG, by=tell_one)
    assert (one, other) == ([NORTH], [NORTH, YOUNG])


def test_a_selection_made_while_being_told_does_not_come_back_and_nobody_hears_the_old_one_after_it(dataset: Dataset) -> None:
    investigation = Investigation(dataset)
    heard: dict[str, list[Predicate]] = {"before": [], "narrow": [], "after": []}

    def narrow(selection: Predicate) -> None:
        heard["narrow"].append(selection)
        investigation.select(selection & YOUNG)

    investigation.subscribe(heard["before"].append)
    investigation.subscribe(narrow)
    investigation.subscribe(heard["after"].append)
    investigation.select(NORTH)
    assert heard == {"before": [NORTH, NORTH & YOUNG], "narrow": [NORTH], "after": [NORTH & YOUNG]}


def test_who_unsubscribed_hears_no_more(dataset: Dataset) -> None:
    investigation, heard = Investigation(dataset), list[Predicate]()
    unsubscribe = investigation.subscribe(heard.append)
    unsubscribe()
    unsubscribe()
    investigation.select(NORTH)
    assert heard == []


def test_a_subscriber_that_fails_does_not_keep_the_news_from_others(dataset: Dataset) -> None:
    investigation, heard = Investigation(dataset), list[Predicate]()

    def fail(_: Predicate) -> None:
        raise ZeroDivisionError

    investigation.subscribe(fail)
    investigation.subscribe(heard.append)
    with pytest.raises(ZeroDivisionError):
        investigation.select(NORTH)
    assert heard == [investigation.selection] == [NORTH]


def test_a_column_that_is_not_there_is_refused_and_changes_nothing(dataset: Dataset) -> None:
    investigation = Investigation(dataset)
    with pytest.raises(PredicateError, match=r"income.*Columns: age, region"):
        investigation.select(equals("income", 1))
    with pytest.raises(PredicateError, match="income"):
        investigation.set_windows(current=equals("income", 1))
    assert (investigation.selection, investigation.can_undo) == (ALL_ROWS, False)
    assert investigation.windows["current"] is None


@given(steps=st.lists(st.one_of(st.integers(0, 3), st.sampled_from(["undo", "redo"])), max_size=30))
def test_undo_and_redo_walk_the_selections_made(steps: list[int | str]) -> None:
    """Against the plainest model: a list and a place in it."""
    investigation = Investigation(open_dataset(pd.DataFrame({"age": [1]}), {}))
    line, at = [ALL_ROWS], 0
    for step in steps:
        if step == "undo":
            investigation.undo()
            at = max(0, at - 1)
        elif step == "redo":
            investigation.redo()
            at = min(len(line) - 1, at + 1)
        elif (wanted := equals("age", int(step))) != line[at]:
            investigation.select(wanted)
            line, at = [*line[: at + 1], wanted], at + 1
        assert investigation.selection == line[at]
        assert (investigation.can_undo, investigation.can_redo) == (at > 0, at < len(line) - 1)


def test_selection_and_windows_come_back_after_a_restart(dataset: Dataset, incident: str) -> None:
    before = Investigation(dataset, incident)
    before.set_windows(reference=YOUNG)
    before.select(NORTH)
    before.select(YOUNG)
    before.undo()
    after = Investigation(dataset, incident)
    assert after.selection == NORTH
    assert dict(after.windows) == {"reference": YOUNG, "current": None}
    assert (after.can_undo, after.notices) == (False, ())


def test_nothing_comes_back_for_other_data_other_rows_or_somebody_else(
    dataset: Dataset, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Investigation(dataset, incident).select(NORTH)
    other = open_dataset(pd.DataFrame({"age": [20], "region": ["north"]}), {})
    assert Investigation(other, incident).selection == ALL_ROWS
    assert Investigation(dataset.select(YOUNG), incident).selection == ALL_ROWS
    monkeypatch.setenv("WORKBENCH_AUTHOR", "bob")
    assert Investigation(dataset, incident).selection == ALL_ROWS


def test_a_headless_run_starts_from_all_rows_and_leaves_no_selection(
    dataset: Dataset, incident: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Investigation(dataset, incident).select(NORTH)
    [kept] = home.rglob("investigation/*")
    content = kept.read_bytes()
    monkeypatch.setenv("WORKBENCH_RUN", "1")
    run = Investigation(dataset, incident)
    assert run.selection == ALL_ROWS
    run.select(YOUNG)
    assert kept.read_bytes() == content


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"selection": "income = 1", "windows": {}}', '{"selection": 3}', "\udcff"])
def test_what_was_kept_and_is_damaged_is_left_with_a_notice(dataset: Dataset, incident: str, home: Path, damage: str) -> None:
    Investigation(dataset, incident).select(NORTH)
    [kept] = home.rglob("investigation/*")
    kept.write_bytes(damage.encode(errors="surrogateescape"))
    investigation = Investigation(dataset, incident)
    assert investigation.selection == ALL_ROWS
    assert "could not be restored" in investigation.notices[0]


def test_without_an_incident_nothing_is_written_and_nothing_pinned(dataset: Dataset, home: Path, findings: list[Finding]) -> None:
    investigation = Investigation(dataset)
    investigation.select(NORTH)
    with pytest.raises(InputError, match="no incident to pin for"):
        investigation.pin(findings[0])
    with pytest.raises(InputError, match="no incident to dismiss for"):
        investigation.dismiss(findings[0], "known")
    assert investigation.marks(findings) == [Mark()] * 3
    assert not home.exists()


def test_an_unknown_incident_is_refused_at_once(dataset: Dataset, incident: str) -> None:
    with pytest.raises(UnknownNameError, match=f"INC-2.*{incident}"):
        Investigation(dataset, "INC-2")


def test_a_pin_is_entered_once_and_its_note_rests_on_the_same_evidence(
    dataset: Dataset, incident: str, findings: list[Finding], entries: Entries
) -> None:
    investigation, finding = Investigation(dataset, incident), replace(findings[0], support=640, people=640)
    investigation.pin(finding)
    investigation.pin(finding, " as in May ")
    [pinned] = entries("pinned")
    [note] = entries("note")
    assert Finding.from_dict(pinned.body["finding"]) == finding.published()
    assert note.body == {"text": "as in May"}
    assert note.evidence == pinned.evidence == (finding.evidence,)
    assert [claim.text for claim in claims_of([pinned, note])] == ["worse in the north", "as in May"]


def test_a_dismissal_names_the_pin_as_the_command_line_does_or_the_finding_by_digest(
    dataset: Dataset, incident: str, findings: list[Finding], entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_RUN", "4")
    pin_findings(incident, findings[:1])
    monkeypatch.delenv("WORKBENCH_RUN")
    investigation = Investigation(dataset, incident)
    investigation.pin(findings[1])
    for finding in findings:
        investigation.dismiss(finding, " known ")
    [by_hand] = [entry.seq for entry in entries("pinned") if entry.body["run"] is None]
    names = ["run4:1", f"entry{by_hand}", digest(findings[2].to_dict())]
    assert [entry.body for entry in entries("dismissed")] == [{"finding": name, "why": "known"} for name in names]


def test_marks_are_read_from_the_record_by_whoever_opens_the_incident(
    dataset: Dataset, incident: str, findings: list[Finding]
) -> None:
    first = Investigation(dataset, incident)
    first.pin(findings[0])
    first.dismiss(findings[1], "seasonal")
    first.dismiss(findings[0], "known")
    assert Investigation(dataset, incident).marks(findings) == [
        Mark(pinned=True, dismissed="known"),
        Mark(dismissed="seasonal"),
        Mark(),
    ]


def test_a_dismissal_without_a_reason_is_refused(
    dataset: Dataset, incident: str, findings: list[Finding], entries: Entries
) -> None:
    with pytest.raises(InputError, match="needs a reason"):
        Investigation(dataset, incident).dismiss(findings[0], "  ")
    assert entries("dismissed") == []


def test_a_change_of_windows_is_told_once_to_who_follows_them(dataset: Dataset) -> None:
    investigation, heard, selections = Investigation(dataset), list[dict[str, Predicate | None]](), list[Predicate]()
    investigation.subscribe(selections.append)
    leave = investigation.subscribe_windows(lambda windows: heard.append(dict(windows)))
    investigation.set_windows(reference=YOUNG)
    investigation.set_windows(reference=YOUNG)
    leave()
    investigation.set_windows(current=YOUNG)
    assert heard == [{"reference": YOUNG, "current": None}]
    assert selections == []


def test_pins_and_dismissals_are_told_even_if_one_who_hears_it_fails(
    dataset: Dataset, incident: str, findings: list[Finding]
) -> None:
    investigation, heard = Investigation(dataset, incident), list[Mark]()
    investigation.subscribe_marks(lambda: 1 / 0)
    investigation.subscribe_marks(lambda: heard.extend(investigation.marks(findings[:1])))
    with pytest.raises(ZeroDivisionError):
        investigation.pin(findings[0])
    with pytest.raises(ZeroDivisionError):
        investigation.dismiss(findings[0], "known")
    assert heard == [Mark(pinned=True), Mark(pinned=True, dismissed="known")]


def test_a_result_is_pinned_by_its_title_rows_and_digest(dataset: Dataset, incident: str, entries: Entries) -> None:
    result = Result("slices", "Worst rows", numbers={"rows": 4}, where=NORTH)
    Investigation(dataset, incident).pin(result, "the whole table")
    [pinned] = entries("pinned")
    [note] = entries("note")
    kept = Finding.from_dict(pinned.body["finding"])
    assert (kept.kind, kept.statement, kept.where) == ("slice", "Worst rows", str(NORTH))
    assert (pinned.evidence[0], note.evidence) == (result.digest, (result.digest,))
    assert [claim.status for claim in claims_of([pinned, note])] == ["supported", "supported"]


def test_a_finding_is_pinned_with_the_result_it_rests_on(
    dataset: Dataset, incident: str, findings: list[Finding], entries: Entries, home: Path
) -> None:
    result = Result("slices", "Worst rows", numbers={"rows": 4})
    Investigation(dataset, incident).pin(replace(findings[1], evidence=result.digest), result=result)
    [pinned] = entries("pinned")
    assert Finding.from_dict(pinned.body["finding"]).statement == findings[1].statement
    assert (home / "incidents" / incident / pinned.body["kept"]).is_file()
