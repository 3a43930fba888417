"""The disparity panel as data: published, in words that fit the numbers, the same from memory and from a file."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.disparity import measure_disparity
from workbench.analysis.disparity_review import Question, Review, review_disparity
from workbench.data.dataset import open_dataset
from workbench.result import Result
from workbench.views.disparity import gaps_table, groups_figure
from workbench.views.disparity_figures import curve_figure, gap_figure, parts_figure
from workbench.views.disparity_form import guard_blocks, panel_form
from workbench.views.disparity_moves import Sliders
from workbench.views.disparity_static import panel_twin
from workbench.views.disparity_tabs import missing_blocks, strata_blocks
from workbench.views.render import Sentence, Table

ROWS = 1307


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Two years on four regions; selection is by band, which the south has less of; the labels break on 2026-07-01."""
    rng = np.random.default_rng(3)
    region = np.repeat(["north", "south", "east", "tiny"], [700, 500, 100, 7])
    time = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 600, ROWS), "D")
    band = np.where(rng.random(ROWS) < np.where(region == "south", 0.2, 0.7), "a", "b")
    score = np.clip(rng.normal(np.where(band == "a", 0.6, 0.4), 0.15, ROWS), 0, 1).round(2)
    label = np.where(time >= pd.Timestamp("2026-07-01"), 1, rng.random(ROWS) < score).astype(int)
    return pd.DataFrame({"id": range(ROWS), "time": time, "region": region, "sex": rng.choice(["f", "m"], ROWS), "band": band,
                         "score": score, "label": label, "pred": (score >= 0.5).astype(int)})  # fmt: skip


ROLES = {"row_id": "id", "time": "time", "prediction": "pred", "label": "label", "score": "score", "favorable": 1,
         "groups": ["region", "sex"]}  # fmt: skip


@pytest.fixture(scope="module")
def review(frame: pd.DataFrame) -> Review:
    return review_disparity(open_dataset(frame, ROLES), Question(strata=("band",), policy=("four_fifths",)))


@pytest.fixture(scope="module")
def form(review: Review) -> Any:
    return panel_form(review.results, review.skipped)


def tab(form: Any, name: str) -> list[Any]:
    return next(each["blocks"] for each in form["tabs"] if each["id"] == name)


def test_from_a_file_it_is_the_same(review: Review, form: Any) -> None:
    stored = {
        name: json.loads(json.dumps(result.published().to_dict(), sort_keys=True)) for name, result in review.results.items()
    }
    assert panel_form({name: Result.from_dict(item) for name, item in stored.items()}, review.skipped) == form


def test_the_guard_names_the_break_and_the_sound_rows(form: Any) -> None:
    assert form["guard"][0]["text"].startswith("Data defect: the base rate (label) goes from")
    assert re.fullmatch(r"time < 2026-0[67]-\d\d", form["sound"])


def test_a_defect_of_few_rows_is_named_without_its_numbers(review: Review) -> None:
    guard = review.results["guard"]
    few = replace(guard, tables={**guard.tables, "defects": guard.tables["defects"].assign(suppressed=True)})
    assert few.published().published().tables["defects"]["statement"].isna().all()
    said, _ = guard_blocks(few.published())
    assert "%" not in str(said[0]["text"])
    assert "fewer than 10 rows" in str(said[0]["text"])


def test_without_a_time_that_is_said_above_everything(frame: pd.DataFrame) -> None:
    found = review_disparity(open_dataset(frame, {name: role for name, role in ROLES.items() if name != "time"}))
    said, sound = guard_blocks(found.results["guard"])
    assert "could not be looked for" in str(said[0]["text"])
    assert sound == ""
    assert tab(panel_form(found.results, found.skipped), "time")[0]["text"].startswith("Not asked:")


def test_nothing_of_a_small_group_is_in_it(form: Any) -> None:
    others = [each for each in form["tabs"] if each["id"] not in {"groups", "intersections"}]
    text = json.dumps(others, ensure_ascii=False)
    rows = [group for block in tab(form, "groups") if block["kind"] == "matrix" for group in block["groups"]]
    assert [(group["n"], any(group["cells"])) for group in rows if group["label"] == "tiny"] == [("–", False)]
    assert not re.search(r'"tiny", "(?!–)[^"]*\d', text)
    assert form["note"].startswith("Suppressed: ")


def test_composition_carries_the_gap_and_within_the_bands_there_is_none(form: Any, review: Review) -> None:
    """By construction selection depends on the band alone, of which the south has less."""
    bars = {bar["label"]: bar for bar in tab(form, "why")[0]["bars"]}
    assert bars["composition"]["at"] < -0.1
    assert bars["rate"]["low"] < 0 < bars["rate"]["high"]
    assert review.pair is not None
    row = next(row for row in tab(form, "strata")[-1]["rows"] if row[:2] == ["region", "south"])
    assert float(row[5]) < 0.7 < float(row[3])


def test_a_turned_sign_is_a_warning() -> None:
    """Bickel, Hammel & O'Connell's pattern: the group does better in either department and worse in both together."""
    cells = [("a", "x", 80, 100), ("a", "y", 70, 400), ("b", "x", 300, 400), ("b", "y", 10, 100)]
    rows = [(group, stratum, int(at < hits)) for group, stratum, hits, n in cells for at in range(n)]
    dataset = open_dataset(
        pd.DataFrame(rows, columns=["g", "s", "pred"]), {"prediction": "pred", "favorable": 1, "groups": ["g"]}
    )
    found = review_disparity(dataset, Question(strata=("s",), reference="b"))
    [said, _] = strata_blocks(found.results)
    assert said["tone"] == "bad"
    assert str(said["text"]).startswith("Simpson's paradox: a against b")


def test_bounds_are_told_where_the_attribute_is_missing(frame: pd.DataFrame) -> None:
    holes = frame.assign(region=frame["region"].where(frame["id"] % 5 > 0))
    found = review_disparity(open_dataset(holes, ROLES), Question(group="south", reference="north"))
    rows = {row[0]: row for row in missing_blocks({"missing": found.results["missing"].published()})[1]["rows"]}  # type: ignore[union-attr,index]
    observed, lowest, highest = (float(text) for text in rows["ratio"][2:])
    assert lowest < observed < highest


def test_the_twin_holds_the_figures_and_no_script(form: Any) -> None:
    page = panel_twin(form)._repr_html_()
    cell = tab(form, "groups")[0]["groups"][0]["cells"][0]["value"]["text"]
    assert cell in page
    assert "<script" not in page


def test_sliders_send_the_same_bytes_for_the_same_setting_and_nan_where_hidden(review: Review) -> None:
    sliders = Sliders.of(review)
    assert sliders is not None
    assert sliders.names == ("north", "south")
    hidden = Sliders(
        sliders.attribute, sliders.scores, {**sliders.hidden, "fpr": {"south"}, "selection_rate": {"south"}}, sliders.names
    )
    setting = sliders.read({"at": [10, 20, 10], "cost_fp": 1, "cost_fn": 1})
    told, kept = sliders.numbers(setting), hidden.numbers(setting)
    assert not np.isnan(told).any()
    assert np.flatnonzero(np.isnan(kept)).tolist() == [18, 20, 23, 24, 25, 26, 27]


@pytest.mark.parametrize("draw", [gap_figure, parts_figure, curve_figure])
def test_figures_have_units_and_a_sentence_where_there_is_nothing(review: Review, draw: Any) -> None:
    figure = draw(review.results, review.skipped)
    assert all(
        axis.title.text for axis in figure.select_xaxes() if axis.showticklabels is not False and axis.title.text is not None
    )
    assert "95 %" in figure.to_json()
    assert isinstance(draw({"groups": review.results["groups"]}, {}), Sentence)


def test_the_groups_figure_blanks(review: Review) -> None:
    figure = groups_figure(review.results["groups"].published(), ["region"])
    points = dict(zip(figure.data[0].y, figure.data[0].x, strict=True))
    assert np.isnan(points["region: tiny"])


def test_gaps_are_told_the_widest_first_with_their_denominators_and_none_of_a_small_group() -> None:
    region = np.repeat(["north", "south", "east", "tiny"], [400, 400, 400, 7])
    pred = np.concatenate([np.tile([1, 1, 1, 0], 100), np.tile([1, 0, 0, 0], 100), np.tile([1, 1, 0, 0], 100), np.zeros(7)])
    dataset = open_dataset(
        pd.DataFrame({"region": region, "pred": pred}), {"prediction": "pred", "favorable": 1, "groups": ["region"]}
    )
    shown = gaps_table(measure_disparity(dataset))
    assert isinstance(shown, Table)
    assert shown.frame["what"].tolist() == [
        "selection rate 25.0% of 400 where south (region), 75.0% of 400 where north",
        "selection rate 50.0% of 400 where east (region), 75.0% of 400 where north",
    ]
    assert shown.frame["points apart [95 % interval]"].str.startswith(("-50.0 [", "-25.0 [")).all()


def test_no_gap_beyond_chance_is_a_sentence() -> None:
    frame = pd.DataFrame({"region": ["north", "south"] * 50, "pred": [1, 1, 0, 0] * 25})
    dataset = open_dataset(frame, {"prediction": "pred", "favorable": 1, "groups": ["region"]})
    assert "is shown to differ" in repr(gaps_table(measure_disparity(dataset)))


def test_a_defect_is_told_in_words_and_a_side_too_small_is_left_out() -> None:
    defects = pd.DataFrame(
        {"statement": ["the base rate jumps"], "undermines": ["tpr, fnr, base_rate"], "sound": ["time < 2026-07-01"]}
    )
    cuts = pd.DataFrame({"where": ["time < 2026-06-30", "time < 2026-07-01"], "rows": [None, 900.0], "base_rate": [None, 0.34]})
    guard = Result("guard", "Guard", tables={"defects": defects, "cuts": cuts}, numbers={"checked": True, "looked_at": 3})
    said, sound = guard_blocks(guard)
    assert "undermines: true positive rate, false negative rate, base rate." in str(said[0])
    assert "2026-06-30" not in str(said[1])
    assert "2026-07-01" in str(said[1])
    assert sound == "time < 2026-07-01"
