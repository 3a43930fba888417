"""The slice explorer: what its messages do to the selection, the search and the record, and what reaches the browser."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.complaints import find_cohort
from workbench.analysis.slices import find_slices
from workbench.data.dataset import Dataset, open_dataset
from workbench.incident.chain import Entry
from workbench.incident.home import incident_folder
from workbench.predicate import ALL_ROWS, Predicate
from workbench.views.slices import slices_twin
from workbench.widgets.investigation import Investigation
from workbench.widgets.slices import SliceExplorer

Entries = Callable[[str], list[Entry]]
SOUTH = 'region = "south"'


@pytest.fixture(scope="module")
def rows() -> Dataset:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({
        "id": np.arange(3000), "age": rng.integers(18, 70, 3000), "region": rng.choice(["north", "south", "east"], 3000),
        "release": rng.choice(["v1", "v2"], 3000), "label": rng.integers(0, 2, 3000),
    })  # fmt: skip
    frame.loc[:4, "region"] = "isle"
    wrong = rng.random(3000) < np.where((frame["age"] < 30) & (frame["region"] == "south"), 0.5, 0.1)
    frame["prediction"] = np.where(wrong, 1 - frame["label"], frame["label"])
    roles = {
        "row_id": "id",
        "prediction": "prediction",
        "label": "label",
        "features": ["age", "region"],
        "model_version": "release",
    }
    return open_dataset(frame, roles)


@pytest.fixture
def explorer(rows: Dataset, incident: str) -> SliceExplorer:
    return SliceExplorer(Investigation(rows, incident))


def say(widget: SliceExplorer, **content: object) -> None:
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def brush_south(widget: SliceExplorer, *, done: bool = True) -> None:
    chart = next(chart for chart in widget.charts if chart["name"] == "region")
    say(widget, type="brush", chart="region", codes=[chart["texts"].index(SOUTH)], done=done)


def numbers_of(widget: SliceExplorer, name: str) -> np.ndarray:
    """Rows, mean and selected rows of each code of a chart, shape (codes, 3)."""
    numbers, at = np.frombuffer(widget.counts, "<f8"), 0
    for chart in widget.charts:
        width = 3 * len(chart["texts"])
        if chart["name"] == name:
            return numbers[at : at + width].reshape(-1, 3)
        at += width
    raise AssertionError(name)


def test_it_lists_the_worst_slices_of_all_rows(explorer: SliceExplorer, rows: Dataset) -> None:
    result = find_slices(rows)
    assert [row["slice"] for row in explorer.found["slices"]] == result.tables["distinct"]["slice"].tolist()
    assert explorer.found["counted"] == result.numbers["counted"]
    assert explorer.found["scope"] == "all rows"


def test_a_slice_that_is_selected_is_selected_for_everybody(explorer: SliceExplorer) -> None:
    say(explorer, type="select", where=explorer.found["slices"][0]["where"])
    assert str(explorer.investigation.selection) == explorer.found["slices"][0]["where"]
    assert explorer.found["scope"] == "all rows"
    assert explorer.detail["lattice"][-1]["rows"] == explorer.found["slices"][0]["size"]


def test_a_brush_selects_and_the_search_is_inside_it(explorer: SliceExplorer, rows: Dataset) -> None:
    brush_south(explorer)
    assert str(explorer.investigation.selection) == explorer.found["scope"] == SOUTH
    assert explorer.found["rows"] == rows.select(Predicate.parse(SOUTH)).rows
    assert explorer.found["slices"][0]["where"].startswith(f"{SOUTH} and age")
    assert explorer.brushes == {"region": numbers_at(explorer)}


def numbers_at(widget: SliceExplorer) -> list[int]:
    return [next(chart for chart in widget.charts if chart["name"] == "region")["texts"].index(SOUTH)]


def test_while_a_brush_moves_only_the_charts_follow(explorer: SliceExplorer) -> None:
    before = numbers_of(explorer, "age").copy()
    brush_south(explorer, done=False)
    assert explorer.investigation.selection == ALL_ROWS
    assert explorer.found["scope"] == "all rows"
    assert explorer.moves == 1
    assert np.nansum(numbers_of(explorer, "age")[:, 0]) < np.nansum(before[:, 0])


def test_undo_goes_back_to_the_search_before_and_redo_forward(explorer: SliceExplorer) -> None:
    first = explorer.found["slices"]
    brush_south(explorer)
    inside = explorer.found["slices"]
    say(explorer, type="select", where=inside[0]["where"])
    say(explorer, type="undo")
    assert (explorer.selection, explorer.found["scope"]) == (SOUTH, SOUTH)
    say(explorer, type="undo")
    assert (explorer.selection, explorer.found["slices"], explorer.brushes) == ("all rows", first, {})
    say(explorer, type="redo")
    assert (explorer.found["scope"], explorer.found["slices"]) == (SOUTH, inside)


def test_another_widgets_selection_is_shown_in_the_charts_and_searched_only_on_request(
    explorer: SliceExplorer, rows: Dataset
) -> None:
    young = Predicate.parse("age < 25")
    explorer.investigation.select(young)
    assert explorer.found["scope"] == "all rows"
    shown = numbers_of(explorer, "region")[:, 2]
    south = numbers_at(explorer)[0]
    assert shown[south] == rows.select(young & Predicate.parse(SOUTH)).rows
    say(explorer, type="enter", where="age < 25")
    assert explorer.found["scope"] == "age < 25"


def test_ranking_anew_searches_nothing(explorer: SliceExplorer) -> None:
    counted = explorer.found["counted"]
    say(explorer, type="rank", score="effect", alpha="0.9", least="300", level="1")
    assert explorer.message == ""
    assert explorer.found["counted"] == counted
    assert all(row["size"] >= 300 and row["level"] == 1 for row in explorer.found["slices"])
    assert explorer.found["ranking"]["score"] == "effect"


def test_a_pin_is_in_the_record_with_the_search_as_its_evidence(explorer: SliceExplorer, entries: Entries) -> None:
    brush_south(explorer)
    row = explorer.found["slices"][0]
    say(explorer, type="pin", slice=0, note="told the owner")
    finding = entries("pinned")[0].body["finding"]
    assert (finding["kind"], finding["where"]) == ("slice", row["where"])
    assert abs(finding["support"] - row["size"]) <= 5, "a pin counts in tens"
    assert finding["effect"] == pytest.approx(row["effect"], abs=0.02)
    assert finding["evidence"] == explorer.result.digest
    assert [entry.body["text"] for entry in entries("note")] == ["told the owner"]
    assert explorer.found["slices"][0]["pinned"]


def test_after_a_restart_the_record_says_what_is_pinned(explorer: SliceExplorer, rows: Dataset, incident: str) -> None:
    say(explorer, type="pin", slice=0, note="")
    again = SliceExplorer(Investigation(rows, incident))
    assert [row["pinned"] for row in again.found["slices"]] == [row["pinned"] for row in explorer.found["slices"]]
    assert again.found["slices"][0]["pinned"]


def test_another_widgets_pin_is_shown_here(explorer: SliceExplorer) -> None:
    assert not explorer.found["slices"][0]["pinned"]
    explorer.investigation.pin(explorer._finding(0))
    assert explorer.found["slices"][0]["pinned"]


def test_a_counter_check_is_shown_and_pinned_beside_the_slice(explorer: SliceExplorer, entries: Entries, home: Path) -> None:
    moves: list[str] = []
    explorer.observe(lambda change: moves.append(change["new"]), "busy")
    say(explorer, type="check")
    assert explorer.message == ""
    assert moves[:2] == ["checking the search…", "checking the search: 0 of 21"]
    assert moves[-1] == ""
    assert len(explorer.check["rows"]) == 3
    say(explorer, type="pin", slice=0, note="")
    slice_, check = (entry.body["finding"] for entry in entries("pinned"))
    assert (slice_["check"], check["check"], check["where"]) == ("slices", "countercheck", "all rows")
    assert explorer.check["said"] in check["statement"]
    kept = json.loads((incident_folder(home, entries("pinned")[1].incident) / entries("pinned")[1].body["kept"]).read_text())
    assert kept["schema"] == "workbench.countercheck/1"


def test_a_counter_check_is_of_what_was_listed_and_comes_back_with_it(explorer: SliceExplorer) -> None:
    say(explorer, type="check")
    first = explorer.check
    brush_south(explorer)
    assert explorer.check == {}
    say(explorer, type="check")
    assert explorer.check["rows"] != first["rows"]
    say(explorer, type="undo")
    assert explorer.check == first


@pytest.fixture
def wide(rows: Dataset, incident: str) -> SliceExplorer:
    """Five columns, and no permutations yet: every kind of work takes several steps."""
    rng = np.random.default_rng(1)
    frame = rows.frame.assign(**{name: rng.choice(list("uvw"), len(rows.frame)) for name in ("k", "l", "m")})
    dataset = open_dataset(frame, {**rows.given.said(), "features": ["age", "region", "k", "l", "m"]})
    return SliceExplorer(Investigation(dataset, incident), find_slices(dataset, permutations=0))


def stop_when(widget: SliceExplorer, trait: str, begins: str) -> None:
    """Send the message of the button Stop once `trait` begins so: midway in the work."""
    widget.observe(lambda change: say(widget, type="stop") if change["new"].startswith(begins) else None, trait)


@pytest.mark.parametrize(
    ("content", "begins"),
    [({"type": "check"}, "checking the search: 0 of"), ({"type": "enter", "where": SOUTH}, "searching: "),
     ({"type": "sharpen"}, "permutations and ranges: ")],
)  # fmt: skip
def test_stopped_midway_the_last_complete_answer_stays(wide: SliceExplorer, content: dict[str, object], begins: str) -> None:
    before = (wide.found, wide.selection, wide.brushes, wide.counts, wide.check)
    stop_when(wide, "busy", begins)
    say(wide, **content)
    assert wide.stopped.startswith(f"Stopped: {begins}")
    assert wide.stopped.endswith("What is shown is the last complete answer.")
    assert (wide.busy, wide.message) == ("", "")
    assert (wide.found, wide.selection, wide.brushes, wide.counts, wide.check) == before
    wide.unobserve_all("busy")
    say(wide, **content)
    assert wide.stopped == ""
    assert (wide.found, wide.selection, wide.brushes, wide.counts, wide.check) != before


def test_a_brush_whose_search_is_stopped_goes_back(wide: SliceExplorer) -> None:
    before = (wide.brushes, wide.counts, wide.selection)
    stop_when(wide, "busy", "searching: ")
    brush_south(wide)
    assert wide.stopped.startswith("Stopped: searching")
    assert (wide.brushes, wide.counts, wide.selection) == before


def test_permutations_and_exact_ranges_are_made_inside_a_part(explorer: SliceExplorer) -> None:
    brush_south(explorer)
    assert "Bonferroni" in explorer.found["adjustment"]
    assert not any("exactly" in row["remark"] for row in explorer.found["slices"])
    say(explorer, type="sharpen")
    assert (explorer.message, explorer.busy) == ("", "")
    assert "in 199 permutations" in explorer.found["adjustment"]
    assert any('exactly: region = "south" and age' in row["remark"] or "exactly: age" in row["remark"]
               for row in explorer.found["slices"])  # fmt: skip


def test_a_loss_without_a_name_cannot_be_checked(rows: Dataset) -> None:
    widget = SliceExplorer(Investigation(rows), np.arange(3000) % 7)
    say(widget, type="check")
    assert "a loss that a name says" in widget.message
    assert (widget.check, widget.busy) == ({}, "")


@pytest.mark.parametrize("between", [", ", " ", "\n", ";"])
def test_complaints_lead_to_the_rows_they_share(explorer: SliceExplorer, rows: Dataset, between: str) -> None:
    young = rows.select(Predicate.parse(f"{SOUTH} and age < 20")).frame["id"].tolist()[:6]
    say(explorer, type="complain", ids=between.join(map(str, young)))
    assert explorer.message == ""
    first = explorer.complaints["predicates"][0]
    assert (explorer.complaints["complaints"], first["covered"], first["cover"]) == (6, 6, True)
    found = find_cohort(rows, young).tables["cover"].iloc[0]
    assert (first["where"], first["rows"], first["lift"]) == (found["where"], found["rows"], found["lift"])
    say(explorer, type="select", where=first["where"])
    assert str(explorer.investigation.selection) == first["where"]


def test_of_complaints_neither_ids_nor_small_cells_come_back(explorer: SliceExplorer) -> None:
    say(explorer, type="complain", ids="0, 1, 2, 3, 4")
    isle = next(row for row in explorer.complaints["predicates"] if row["where"] == 'region = "isle"')
    assert (isle["rows"], isle["lift"], isle["p_adjusted"]) == (None, None, None)
    say(explorer, type="complain", ids="0, nobody")
    assert "nobody" in explorer.message
    assert explorer.busy == ""


def test_without_row_ids_no_complaint_is_taken(rows: Dataset) -> None:
    given = {name: value for name, value in rows.given.said().items() if name != "row_id"}
    widget = SliceExplorer(Investigation(open_dataset(rows.frame, given)))
    assert not widget.has_ids
    say(widget, type="complain", ids="1")
    assert "row_id" in widget.message


def test_cohorts_and_versions_are_compared(explorer: SliceExplorer) -> None:
    say(explorer, type="save", name="southern", where=SOUTH)
    assert [each["name"] for each in explorer.cohorts] == ["version v1", "version v2", "southern"]
    assert explorer.kept == {"southern": Predicate.parse(SOUTH)}
    say(explorer, type="compare", one=SOUTH, other="all rows")
    value, low, high = explorer.contrast["difference"]
    assert 0 < low < value < high


def test_the_selection_is_said_in_the_languages_of_others(explorer: SliceExplorer) -> None:
    say(explorer, type="select", where=SOUTH)
    forms = explorer.detail["forms"]
    assert forms["predicate"] == SOUTH
    assert Predicate.from_dict(json.loads(forms["JSON"])) == Predicate.parse(SOUTH)
    assert forms["pandas"] == "region == 'south'"
    assert 'FROM "decisions"' in forms["SQL"]


def test_no_small_cell_reaches_the_browser(explorer: SliceExplorer) -> None:
    texts = next(chart for chart in explorer.charts if chart["name"] == "region")["texts"]
    isle = texts.index('region = "isle"')
    assert np.isnan(numbers_of(explorer, "region")[isle, :2]).all()
    say(explorer, type="pair", x="region", y="age")
    small = [cell for cell in explorer.pair["cells"] if explorer.pair["x_labels"][cell[0]] == 'region = "isle"']
    assert {(cell[2], cell[3]) for cell in small} == {(None, None)}
    say(explorer, type="compare", one='region = "isle"', other="all rows")
    assert explorer.contrast["difference"] is None
    assert explorer.contrast["sides"][0]["rows"] is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"type": "enter", "where": "age > 900"}, "no row is selected"),
        ({"type": "brush", "chart": "region", "codes": [0, 1], "done": True}, "conjunction"),
        ({"type": "brush", "chart": "colour", "codes": [1], "done": True}, "colour"),
        ({"type": "brush", "chart": "age", "codes": ["1"], "done": True}, "whole numbers"),
        ({"type": "rank", "score": "best", "alpha": "1", "least": "1", "level": "1"}, "best"),
        ({"type": "rank", "score": "z", "alpha": "much", "least": "1", "level": "1"}, "alpha is a number"),
        ({"type": "pin", "slice": 99, "note": ""}, "slice"),
        ({"type": "save", "name": " ", "where": SOUTH}, "needs a name"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(explorer: SliceExplorer, content: dict[str, object], told: str) -> None:
    before = (explorer.found, explorer.selection, explorer.brushes, explorer.counts)
    say(explorer, **content)
    assert told in explorer.message
    assert (explorer.found, explorer.selection, explorer.brushes, explorer.counts) == before


def test_read_only_nothing_is_taken(rows: Dataset) -> None:
    widget = SliceExplorer(Investigation(rows), readonly=True)
    say(widget, type="enter", where=SOUTH)
    assert "read-only" in widget.message
    assert widget.found["scope"] == "all rows"


def test_its_twin_is_of_the_whole_search_whatever_is_selected(explorer: SliceExplorer, rows: Dataset) -> None:
    brush_south(explorer)
    data, _ = explorer._repr_mimebundle_() or ({}, {})
    assert data["text/html"] == slices_twin(find_slices(rows))._repr_html_()


def test_the_windows_of_the_investigation_are_searched(rows: Dataset) -> None:
    investigation = Investigation(rows)
    investigation.set_windows(Predicate.parse('release = "v1"'), Predicate.parse('release = "v2"'))
    widget = SliceExplorer(investigation, "error")
    assert widget.found["title"] == "Slices that became worse"
    assert "change" in widget.found["ranking"]["scores"]


def test_only_the_charts_that_are_asked_for_are_there(rows: Dataset) -> None:
    widget = SliceExplorer(Investigation(rows), columns=["region"], top=1)
    assert [chart["name"] for chart in widget.charts] == ["region"]
    assert len(widget.found["slices"]) == 1


def test_closing_ends_what_it_follows(explorer: SliceExplorer) -> None:
    investigation = explorer.investigation
    explorer.close()
    investigation.select(Predicate.parse(SOUTH))
    assert explorer.selection == "all rows"
