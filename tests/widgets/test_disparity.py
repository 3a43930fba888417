"""The disparate-impact panel: what it measures, what reaches the browser, what its messages do."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.disparity import measure_disparity
from workbench.analysis.disparity_review import Review, review_disparity
from workbench.data.dataset import Dataset, open_dataset
from workbench.incident.chain import Entry
from workbench.incident.pins import RUN_VARIABLE
from workbench.predicate import Predicate
from workbench.widgets.disparity import DisparateImpactPanel
from workbench.widgets.investigation import Investigation

Entries = Callable[[str], list[Entry]]
HEAD, EACH = 6, 11
"""Numbers sent of all, and of each group."""


def say(widget: DisparateImpactPanel, **content: object) -> None:
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Four regions, the last of seven people, so that the east is hidden beside it; scores are lower in the south."""
    rng = np.random.default_rng(0)
    region = np.repeat(["north", "south", "east", "tiny"], [400, 300, 60, 7])
    score = np.clip(rng.normal(np.where(region == "south", 0.45, 0.55), 0.15), 0, 1).round(2)
    frame = pd.DataFrame({"region": region, "sex": rng.choice(["f", "m"], 767), "score": score, "age": rng.integers(18, 80, 767)})
    label = (rng.random(767) < score).astype(int)
    return frame.assign(pred=(score >= 0.5).astype(int), label=label, id=np.arange(767))


@pytest.fixture(scope="module")
def dataset(people: pd.DataFrame) -> Dataset:
    outcomes = {"prediction": "pred", "label": "label", "score": "score", "favorable": 1}
    return open_dataset(people, {"row_id": "id", "groups": ["region", "sex"], **outcomes})


@pytest.fixture(scope="module")
def review(dataset: Dataset) -> Review:
    return review_disparity(dataset)


@pytest.fixture
def widget(dataset: Dataset, review: Review, incident: str) -> DisparateImpactPanel:
    return DisparateImpactPanel(Investigation(dataset, incident), review)


def blocks(widget: DisparateImpactPanel, tab: str) -> list[Any]:
    return next(each["blocks"] for each in widget.form["tabs"] if each["id"] == tab)


def group_of(widget: DisparateImpactPanel, name: str) -> Any:
    return next(group for group in blocks(widget, "groups")[0]["groups"] if group["label"] == name)


def test_the_matrix_says_what_the_analysis_measured(widget: DisparateImpactPanel, dataset: Dataset) -> None:
    table = measure_disparity(dataset).published().tables["groups"].set_index(["attributes", "group"])
    cell = group_of(widget, "south")["cells"][0]
    for end, name in (("at", "selection_rate"), ("low", "selection_rate_low"), ("high", "selection_rate_high")):
        assert cell["value"][end] == pytest.approx(table.loc[("region", "south"), name])
    assert cell["value"]["text"].startswith(f"{100 * cell['value']['at']:.1f} %")


def test_no_row_and_no_small_group_reaches_the_browser(widget: DisparateImpactPanel, people: pd.DataFrame) -> None:
    assert group_of(widget, "tiny") == {**group_of(widget, "tiny"), "hidden": True, "n": "–"}
    assert not any(group_of(widget, "tiny")["cells"])
    assert "Suppressed" in widget.form["note"]
    state = {name: value for name, value in widget.get_state().items() if name not in {"_esm", "layout", "_css"}}
    assert blocks(widget, "what_if")[0]["groups"] == ["north", "south"]
    assert str(people["id"].tolist()[:3])[1:-1] not in json.dumps(state, default=str)


def test_a_group_that_is_clicked_is_selected_and_does_not_cut(widget: DisparateImpactPanel) -> None:
    where = group_of(widget, "south")["where"]
    say(widget, type="select", where=where)
    assert str(widget.investigation.selection) == widget.selection == widget.group == where
    assert widget.form["rows"] == 767


def test_a_selection_from_elsewhere_is_what_is_measured(widget: DisparateImpactPanel, people: pd.DataFrame) -> None:
    widget.investigation.select(Predicate.parse('age < 40 and region = "north"'))
    assert widget.form["rows"] == int((people["age"] < 40).sum())
    assert (widget.form["within"], widget.group) == ("age < 40", 'region = "north"')
    say(widget, type="select", where='region = "south"')
    assert widget.selection == 'age < 40 and region = "south"'
    say(widget, type="undo")
    say(widget, type="undo")
    assert (widget.selection, widget.form["rows"]) == ("all rows", 767)


def test_where_nothing_can_be_measured_it_says_so_and_stays(widget: DisparateImpactPanel) -> None:
    widget.investigation.select(Predicate.parse("age > 200"))
    assert "Nothing measured within age > 200" in widget.message
    assert widget.form["rows"] == 767


def test_its_twin_does_not_follow_the_selection_and_blanks(widget: DisparateImpactPanel) -> None:
    before = widget.twin()._repr_html_()
    widget.investigation.select(Predicate.parse("age < 40"))
    data, _ = widget._repr_mimebundle_() or ({}, {})
    assert data["text/html"] == before
    assert "suppressed" in before


def test_a_move_is_the_thresholds_own_answer(widget: DisparateImpactPanel, people: pd.DataFrame) -> None:
    block = blocks(widget, "what_if")[0]
    place = block["edges"].index(0.6)
    say(widget, type="move", setting={"at": [place] * 3, "cost_fp": 2, "cost_fn": 1.5})
    assert widget.message == ""
    numbers = np.frombuffer(widget.moved, "<f8")
    assert len(numbers) == HEAD + 2 * EACH
    above = people["score"] >= 0.6
    accuracy = ((above == 1) == (people["label"] == 1)).mean()
    wrong = int((above & (people["label"] == 0)).sum()), int((~above & (people["label"] == 1)).sum())
    changed = int((above != (people["pred"] == 1)).sum())
    np.testing.assert_allclose(numbers[:3], [accuracy, 2 * wrong[0] + 1.5 * wrong[1], changed])
    at = HEAD + EACH * block["groups"].index("south")
    south, north = (above[people["region"] == name].mean() for name in ("south", "north"))
    np.testing.assert_allclose(numbers[at : at + 2], [0.6, south])
    np.testing.assert_allclose(numbers[at + 6], south / north)
    np.testing.assert_allclose(numbers[at + 9 : at + 11], [300 * (north - south), 300 * (0.8 * north - south)])


def test_one_group_alone_can_be_moved_and_that_is_said(widget: DisparateImpactPanel) -> None:
    block = blocks(widget, "what_if")[0]
    places = [block["start"]] * 3
    places[block["groups"].index("south")] -= 10
    say(widget, type="move", setting={"at": places, "cost_fp": 1, "cost_fn": 1})
    numbers = np.frombuffer(widget.moved, "<f8")
    assert numbers[5] == 1
    assert numbers[2] > 0


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"at": [0, 0], "cost_fp": 1, "cost_fn": 1},
        {"at": [0, 0, -1], "cost_fp": 1, "cost_fn": 1},
        {"at": [0, 0, 10_000], "cost_fp": 1, "cost_fn": 1},
        {"at": [0, 0, True], "cost_fp": 1, "cost_fn": 1},
        {"at": [0, 0, 0], "cost_fp": -1, "cost_fn": 1},
        {"at": [0, 0, 0], "cost_fp": "1", "cost_fn": 1},
    ],
)
def test_a_setting_that_cannot_be_read_changes_nothing(widget: DisparateImpactPanel, setting: dict[str, object]) -> None:
    say(widget, type="move", setting=setting)
    assert "cannot be read" in widget.message
    assert widget.moved == b""


def test_pins_are_in_the_record_with_their_evidence(widget: DisparateImpactPanel, dataset: Dataset, entries: Entries) -> None:
    say(widget, type="pin", note="for the board")
    say(widget, type="pin_setting", note="")
    assert "Move a slider first" in widget.message
    say(widget, type="move", setting={"at": [3, 3, 3], "cost_fp": 1, "cost_fn": 1})
    say(widget, type="pin_setting", note="")
    pinned = entries("pinned")
    assert len(pinned) == 2
    assert measure_disparity(dataset, reference="most favored").digest in pinned[0].evidence
    assert [entry.body["text"] for entry in entries("note")] == ["for the board"]


def test_another_group_can_be_followed(widget: DisparateImpactPanel) -> None:
    say(widget, type="follow", attribute="sex", group="m" if widget.form["followed"]["group"] != "m" else "f")
    assert widget.form["followed"]["attribute"] == "sex" or "itself" in widget.message
    say(widget, type="follow", attribute="sex", group="nobody")
    assert "nobody" in widget.message


def test_the_windows_of_the_investigation_are_followed(widget: DisparateImpactPanel, people: pd.DataFrame) -> None:
    widget.investigation.set_windows(Predicate.parse("age < 30"), Predicate.parse("age >= 50"))
    assert widget.form["rows"] == int((people["age"] >= 50).sum())


def test_without_scores_there_are_no_sliders_and_the_tab_says_why(people: pd.DataFrame) -> None:
    roles = {"prediction": "pred", "label": "label", "favorable": 1, "groups": ["region"]}
    widget = DisparateImpactPanel(Investigation(open_dataset(people, roles)))
    assert blocks(widget, "what_if")[0]["text"].startswith("Not asked:")
    say(widget, type="move", setting={"at": [0], "cost_fp": 1, "cost_fn": 1})
    assert "no scores" in widget.message


def waiting(widget: DisparateImpactPanel) -> set[str]:
    return {tab["id"] for tab in widget.form["tabs"] if tab["waiting"]}


def test_of_many_rows_a_tab_is_measured_when_it_is_opened(
    dataset: Dataset, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.widgets.disparity.AT_ONCE", 100)
    widget, whole = DisparateImpactPanel(Investigation(dataset)), DisparateImpactPanel(Investigation(dataset), review)
    assert waiting(widget) == {"time", "what_if", "why", "missing", "words"}
    assert blocks(widget, "groups") == blocks(whole, "groups")
    assert "when somebody opens it" in widget.twin()._repr_html_()
    for tab in ("what_if", "words", "missing", "time", "why"):
        say(widget, type="open", tab=tab)
        assert tab not in waiting(widget)
    assert widget.form == whole.form
    assert widget.twin()._repr_html_() == whole.twin()._repr_html_()
    widget.investigation.select(Predicate.parse("age < 60"))
    assert waiting(widget) == {"time", "what_if", "why", "missing", "words"}
    say(widget, type="open", tab="missing")
    assert waiting(widget) == {"time", "what_if", "why", "words"}
    assert widget.twin()._repr_html_() == whole.twin()._repr_html_()


def test_where_nobody_can_ask_everything_is_measured_at_once(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.widgets.disparity.AT_ONCE", 100)
    assert not waiting(DisparateImpactPanel(Investigation(dataset), readonly=True))
    monkeypatch.setenv(RUN_VARIABLE, "1")
    assert not waiting(DisparateImpactPanel(Investigation(dataset)))


def test_an_unknown_option_lists_those_there_are(dataset: Dataset) -> None:
    with pytest.raises(TypeError, match="no option 'threshold'"):
        DisparateImpactPanel(Investigation(dataset), threshold=0.5)


def features(dataset: Dataset) -> Dataset:
    """With something that could stand in for the region."""
    return open_dataset(dataset.frame, {**dataset.given.said(), "features": ["age", "score"]})


@pytest.fixture(scope="module")
def told(dataset: Dataset) -> tuple[Dataset, Review]:
    asked = features(dataset)
    return asked, review_disparity(asked)


@pytest.fixture
def asking(told: tuple[Dataset, Review], incident: str) -> DisparateImpactPanel:
    return DisparateImpactPanel(Investigation(told[0], incident), told[1])


def test_each_inquiry_says_what_it_spends_and_nothing_is_asked_unasked(asking: DisparateImpactPanel) -> None:
    assert {name: each["tab"] for name, each in asking.asked.items()} == {
        "proxies": "why",
        "slices": "why",
        "mitigation": "what_if",
    }
    assert all(each["budget"] and not each["blocks"] and not each["working"] for each in asking.asked.values())


def test_stand_ins_are_found_and_what_was_spent_is_said(asking: DisparateImpactPanel) -> None:
    states: list[bool] = []
    asking.observe(lambda change: states.append(change["new"]["proxies"]["working"]), "asked")
    say(asking, type="inquire", name="proxies")
    assert asking.message == ""
    assert states == [True, False]
    auc, strongest, spent = asking.asked["proxies"]["blocks"]
    assert "south from north" in auc["text"]
    assert strongest["rows"][0][0] == "score"
    assert "700 rows, 3 folds, 9 shuffles" in spent["text"]


def test_remedies_are_shown_with_their_price(asking: DisparateImpactPanel, entries: Entries) -> None:
    say(asking, type="inquire", name="mitigation")
    table = asking.asked["mitigation"]["blocks"][0]
    decided = next(row for row in table["rows"] if row[0] == "as decided")
    assert decided[-4:] == ["none"] * 4
    dearest = max((row for row in table["rows"] if row is not decided), key=lambda row: int(row[6].split()[0].replace(",", "")))
    assert int(dearest[6].split()[0]) == int(dearest[7]) + int(dearest[8]) > 0
    say(asking, type="pin_answer", name="mitigation", note="what it costs")
    assert asking.message == ""
    assert [entry.body["text"] for entry in entries("note")] == ["what it costs"]


def test_the_worst_slices_of_the_marked_group_can_be_selected(asking: DisparateImpactPanel, people: pd.DataFrame) -> None:
    north = group_of(asking, "north")["where"]
    say(asking, type="select", where=north)
    say(asking, type="inquire", name="slices")
    picks = asking.asked["slices"]["blocks"][0]["rows"]
    assert 1 <= len(picks) <= 5
    assert all(row["where"].startswith(f"{north} and ") for row in picks)
    inside = people[Predicate.parse(picks[0]["where"]).mask(people)]
    rest = people[(people["region"] == "north") & ~people.index.isin(inside.index)]
    assert (inside["pred"] != inside["label"]).mean() > (rest["pred"] != rest["label"]).mean()
    say(asking, type="select", where=picks[0]["where"])
    assert asking.selection == picks[0]["where"]
    assert asking.asked["slices"]["blocks"][0]["rows"] == picks
    assert asking.asked["slices"]["rows"] == "all rows" != asking.form["where"]


def test_nothing_is_told_inside_a_suppressed_group(asking: DisparateImpactPanel) -> None:
    say(asking, type="select", where='region = "tiny"')
    say(asking, type="inquire", name="slices")
    assert "suppressed" in asking.asked["slices"]["failed"]
    assert asking.asked["slices"]["blocks"] == []


def test_what_was_not_asked_cannot_be_pinned_and_an_unknown_inquiry_is_named(asking: DisparateImpactPanel) -> None:
    say(asking, type="pin_answer", name="slices", note="")
    assert "Ask first" in asking.message
    say(asking, type="inquire", name="blame")
    assert "blame" in asking.message
    assert "mitigation" in asking.message


def test_an_answer_is_no_part_of_the_twin(asking: DisparateImpactPanel) -> None:
    before = asking.twin()._repr_html_()
    say(asking, type="inquire", name="slices")
    assert asking.twin()._repr_html_() == before
