"""The findings table: what reaches the browser, and what its messages do."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from workbench.attacks.scenarios.scenario import read_scenario
from workbench.data.dataset import Dataset, open_dataset
from workbench.digest import digest
from workbench.evidence.blank import refuse_blank
from workbench.evidence.freeze import COMPLETED, freeze
from workbench.evidence.page import notebook_page
from workbench.incident.chain import Entry
from workbench.result import Finding
from workbench.views.findings import FindingsTwin
from workbench.views.triage import findings_table
from workbench.widgets.findings import FindingsTable
from workbench.widgets.investigation import Investigation

Entries = Callable[[str], list[Entry]]


def say(widget: FindingsTable, /, **content: object) -> None:
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


@pytest.fixture
def widget(dataset: Dataset, incident: str, findings: list[Finding]) -> FindingsTable:
    return FindingsTable(Investigation(dataset, incident), findings)


def test_its_twin_is_the_static_table(widget: FindingsTable, findings: list[Finding]) -> None:
    data, _ = widget._repr_mimebundle_() or ({}, {})
    assert data["text/html"] == FindingsTwin(findings)._repr_html_()
    assert data["text/html"].startswith(findings_table(findings)._repr_html_())
    assert data["text/plain"] == repr(findings_table(findings))


def test_frozen_it_is_the_table_alone_and_on_the_page_too(widget: FindingsTable) -> None:
    data, _ = widget._repr_mimebundle_() or ({}, {})
    cell = new_code_cell("FindingsTable(…)", outputs=[new_output("execute_result", data=data)], execution_count=1)
    frozen = freeze(new_notebook(cells=[cell]), COMPLETED)
    assert set(frozen.cells[0].outputs[0].data) == {"text/html", "text/plain"}
    page = notebook_page(frozen, title="T", plotly=None)
    refuse_blank(page)
    assert "the young are refused" in page
    assert "left out of this output" not in page


def test_no_row_of_the_log_and_no_small_number_reaches_the_browser(widget: FindingsTable) -> None:
    state = {name: value for name, value in widget.get_state().items() if name not in {"_esm", "layout"}}
    assert [row["people_order"] for row in state["findings"]] == [0, 812, 1234]
    assert [row["people_text"] for row in state["findings"]] == ["fewer than 10", "812", "1,234 rows"]
    assert "south" not in json.dumps(state)


def test_selecting_a_finding_selects_its_rows(widget: FindingsTable) -> None:
    say(widget, type="select", where=widget.findings[0]["where"])
    assert str(widget.investigation.selection) == widget.selection == 'region = "north"'


def test_a_pin_with_a_note_is_in_the_record_and_on_the_row(widget: FindingsTable, entries: Entries) -> None:
    say(widget, type="pin", finding=1, note="told the owner")
    assert [entry.body["finding"]["statement"] for entry in entries("pinned")] == ["the young are refused"]
    assert [entry.body["text"] for entry in entries("note")] == ["told the owner"]
    assert [row["pinned"] for row in widget.findings] == [False, True, False]


def test_a_dismissal_is_in_the_record_and_on_the_row(widget: FindingsTable, entries: Entries) -> None:
    say(widget, type="dismiss", finding=2, why="month end")
    assert [entry.body["why"] for entry in entries("dismissed")] == ["month end"]
    assert [row["dismissed"] for row in widget.findings] == ["", "", "month end"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"type": "pin", "finding": 3, "note": ""}, "no finding of that name: 3. Available: 0, 1, 2"),
        ({"type": "pin", "finding": -1, "note": ""}, "no finding of that name"),
        ({"type": "pin", "finding": True, "note": ""}, "cannot be read"),
        ({"type": "pin", "finding": "0", "note": ""}, "cannot be read"),
        ({"type": "dismiss", "finding": 0, "why": " "}, "needs a reason"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_no_entry(
    widget: FindingsTable, entries: Entries, content: dict[str, object], said: str
) -> None:
    say(widget, **content)
    assert said in widget.message
    assert entries("pinned") == entries("dismissed") == []


def test_two_tables_share_selection_undo_and_marks(widget: FindingsTable, findings: list[Finding]) -> None:
    other = FindingsTable(widget.investigation, findings[::-1])
    say(widget, type="select", where=widget.findings[0]["where"])
    assert (other.selection, other.can_undo) == ('region = "north"', True)
    say(other, type="undo")
    assert (widget.selection, widget.can_undo, widget.can_redo) == ("all rows", False, True)
    say(widget, type="pin", finding=0, note="")
    say(other, type="dismiss", finding=0, why="month end")
    assert [row["pinned"] for row in other.findings] == [False, False, True]
    assert [row["dismissed"] for row in widget.findings] == ["", "", "month end"]


def test_a_closed_table_reads_no_marks(widget: FindingsTable, findings: list[Finding]) -> None:
    widget.close()
    widget.investigation.pin(findings[0])
    assert [row["pinned"] for row in widget.findings] == [False, False, False]


def test_a_read_only_table_pins_nothing(dataset: Dataset, incident: str, findings: list[Finding], entries: Entries) -> None:
    widget = FindingsTable(Investigation(dataset, incident), findings, readonly=True)
    say(widget, type="pin", finding=0, note="")
    assert "read-only" in widget.message
    assert entries("pinned") == []


def test_what_was_pinned_before_a_restart_is_marked(dataset: Dataset, incident: str, findings: list[Finding]) -> None:
    Investigation(dataset, incident).pin(findings[2])
    assert [row["pinned"] for row in FindingsTable(Investigation(dataset, incident), findings).findings] == [False, False, True]


def test_an_unknown_option_lists_those_there_are(dataset: Dataset) -> None:
    with pytest.raises(TypeError, match=r"FindingsTable has no option 'page_size'\. Options: readonly"):
        FindingsTable(Investigation(dataset), [], page_size=10)


def test_no_finding_is_an_empty_table(dataset: Dataset) -> None:
    assert FindingsTable(Investigation(dataset), []).findings == []


@pytest.fixture
def scored(findings: list[Finding]) -> FindingsTable:
    """The table on a log with enough to search slices of."""
    rows = {"age": [20, 30, 40, 50] * 30, "region": ["north", "north", "south", "south"] * 30, "score": [0.1, 0.4, 0.2, 0.9] * 30}
    return FindingsTable(Investigation(open_dataset(pd.DataFrame(rows), {"score": "score"})), findings)


def test_only_what_the_log_is_enough_for_can_be_opened(widget: FindingsTable, scored: FindingsTable) -> None:
    assert (widget.openable, scored.openable) == ([], ["slices"])


def test_a_button_opens_the_widget_on_the_findings_rows_and_one_at_a_time(scored: FindingsTable) -> None:
    widget = scored
    say(widget, type="open", finding=0, widget="slices")
    first = widget._open_widget
    assert first is not None
    assert (widget.message, str(widget.investigation.selection)) == ("", 'region = "north"')
    assert widget.opened == {"finding": 0, "name": "Slice explorer", "ref": f"anywidget:{first.model_id}"}
    say(widget, type="open", finding=1, widget="slices")
    assert first.comm is None
    say(widget, type="shut")
    assert (widget.opened, widget._open_widget) == ({}, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"type": "open", "finding": 0, "widget": "lineage"}, "cannot be opened here"),
        ({"type": "open", "finding": 0, "widget": "os"}, "cannot be opened here"),
        ({"type": "open", "finding": 7, "widget": "slices"}, "no finding of that name"),
    ],
)
def test_what_cannot_be_opened_is_said_and_selects_nothing(widget: FindingsTable, content: dict[str, object], said: str) -> None:
    say(widget, **content)
    assert said in widget.message
    assert (widget.opened, widget.selection) == ({}, "all rows")


def test_a_read_only_table_opens_nothing(dataset: Dataset, findings: list[Finding]) -> None:
    assert FindingsTable(Investigation(dataset), findings, readonly=True).openable == []


def test_a_finding_becomes_a_scenario_of_the_incident_with_the_link_back(
    widget: FindingsTable, incident: str, home: Path, findings: list[Finding]
) -> None:
    say(widget, type="scenario", finding=1)
    assert widget.message == ""
    made = widget.scenario
    [file] = (home / "incidents" / incident / "scenarios").glob("*.yaml")
    assert str(file) == made["file"]
    assert read_scenario(file).id == made["id"]
    assert read_scenario(file).parent == made["parent"]
    assert made["parent"].startswith(f"{incident}: finding 2, {digest(findings[1].published().to_dict())}")
    assert file.read_text() == made["yaml"]


def test_without_an_incident_the_scenario_is_shown_and_nothing_is_written(
    dataset: Dataset, findings: list[Finding], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    widget = FindingsTable(Investigation(dataset), findings)
    say(widget, type="scenario", finding=1)
    assert (widget.scenario["file"], list(tmp_path.rglob("*.yaml"))) == ("", [])
    assert "generator: segment" in widget.scenario["yaml"]


def test_no_scenario_is_made_of_a_finding_about_few_people_and_none_is_offered_to_readers(
    widget: FindingsTable, dataset: Dataset, findings: list[Finding]
) -> None:
    say(widget, type="scenario", finding=0)
    assert "too few people" in widget.message
    assert widget.scenario == {}
    assert FindingsTable(Investigation(dataset), findings, readonly=True).triable == []
    assert set(widget.triable) == {"slice", "disparity", "attack", "integrity", "drift"}
