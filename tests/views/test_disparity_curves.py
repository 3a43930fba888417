"""The curves say what the tables hold: calibration in bins, rates drawn towards the others, the likelihood of each onset."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.disparity_review import Question, Review, review_disparity
from workbench.analysis.onset import WITHIN
from workbench.data.dataset import open_dataset
from workbench.views.disparity_curves import calibration_blocks, profile_block, shrunk_blocks, time_ends
from workbench.views.disparity_form import panel_form
from workbench.views.disparity_svg import chart_svg, dots_svg

ROLES = {"time": "time", "prediction": "pred", "label": "label", "score": "score", "favorable": 1, "groups": ["region", "sex"]}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Scores that promise too much in the south, and fall there from day 300 on; seven people are tiny."""
    rng = np.random.default_rng(0)
    region = np.repeat(["north", "south", "west", "tiny"], [900, 700, 60, 7])
    size = len(region)
    day = rng.integers(0, 600, size)
    score = np.clip(rng.normal(np.where((region == "south") & (day >= 300), 0.35, 0.55), 0.15, size), 0, 1).round(2)
    label = (rng.random(size) < np.where(region == "south", 0.6, 1.0) * score).astype(int)
    made = pd.DataFrame({"region": region, "sex": rng.choice(["f", "m"], size), "score": score, "label": label})
    return made.assign(time=pd.Timestamp("2025-01-01") + pd.to_timedelta(day, "D"), pred=(score >= 0.5).astype(int))


@pytest.fixture(scope="module")
def review(frame: pd.DataFrame) -> Review:
    return review_disparity(open_dataset(frame, ROLES), Question(group="south", reference="north"))


@pytest.fixture(scope="module")
def shown(review: Review) -> Any:
    return {name: result.published() for name, result in review.results.items()}


def test_each_point_of_a_calibration_curve_is_its_bin_and_small_ones_are_left_out(shown: Any, frame: pd.DataFrame) -> None:
    made: Any = calibration_blocks(shown)
    lines, table = made[:2]
    curves = {series["name"]: series for series in lines["series"]}
    assert set(curves) == {"north", "south"}
    own = frame[frame["region"] == "south"]
    bins = own.groupby(np.minimum((own["score"] * 10).astype(int), 9))
    means = bins.agg(x=("score", "mean"), y=("label", "mean"), n=("label", "size"))
    for x, y, low, high in zip(*(curves["south"][name] for name in ("x", "y", "low", "high")), strict=True):
        row = means.iloc[(means["x"] - x).abs().argmin()]
        assert (x, y) == (pytest.approx(row["x"]), pytest.approx(row["y"]))
        assert row["n"] >= 10
        assert low < y < high or y in {low, high}
    assert all(int(row[2].replace(",", "")) >= 10 for row in table["rows"])
    assert lines["diagonal"]


def test_without_a_probability_the_tab_says_what_is_needed(frame: pd.DataFrame) -> None:
    roles = {name: role for name, role in ROLES.items() if name != "score"}
    found = review_disparity(open_dataset(frame, roles), parts=())
    form: Any = panel_form(found.results, found.skipped, left=found.left)
    [block] = next(tab["blocks"] for tab in form["tabs"] if tab["id"] == "calibration")
    assert "needs a score" in block["text"]


def test_a_drawn_rate_lies_between_the_counted_one_and_the_mean(shown: Any) -> None:
    made: Any = shrunk_blocks(shown["groups"], "region, sex")
    block, said = made
    dots = block["dots"]
    sizes = [int(dot["n"].replace(",", "")) for dot in dots]
    assert sizes == sorted(sizes)
    assert not any("tiny" in dot["label"] for dot in dots)
    for dot in dots:
        low, high = sorted((dot["raw"], block["mean"]))
        assert low <= dot["at"] <= high
        assert dot["low"] < dot["at"] < dot["high"]
    assert "under a model" in said["text"]


def test_the_likelihood_of_an_onset_peaks_where_the_change_is_dated(shown: Any) -> None:
    result = shown["over_time"]
    changes = result.tables["changes"]
    [change] = changes[(changes["measure"] == "selection_rate") & (changes["scale"] == "difference")].to_dict("records")
    made: Any = profile_block(result, "selection_rate", time_ends(result))
    [block] = made
    [series] = block["series"]
    times = pd.to_datetime(series["x"], unit="ms")
    assert -WITHIN < max(series["y"]) <= 0  # the best itself may be a step of fewer than ten rows, which is not told
    best = times[int(np.argmax(series["y"]))]
    assert pd.Timestamp(change["earliest"]) <= best <= pd.Timestamp(change["latest"])
    assert abs(best - pd.Timestamp("2025-10-28")) < pd.Timedelta(days=30)
    assert block["across"] == [min(block["across"]), max(block["across"])]


def test_the_pictures_hold_every_point_and_no_script(review: Review) -> None:
    hostile = json.loads(json.dumps(panel_form(review.results, review.skipped)).replace("south", "<script>&"))
    blocks = [block for tab in hostile["tabs"] for block in tab["blocks"] if block["kind"] in {"chart", "dots"}]
    assert {block["kind"] for block in blocks} == {"chart", "dots"}
    for block in blocks:
        picture = chart_svg(block) if block["kind"] == "chart" else dots_svg(block)
        assert "<script" not in picture
        runs = block["series"] if block["kind"] == "chart" else []
        drawn = sum(y is not None for each in runs if len(each["y"]) < 80 for y in each["y"])
        drawn += sum(dot[name] is not None for dot in block.get("dots", []) for name in ("raw", "at"))
        assert picture.count("<circle") >= drawn
        assert picture.count("<polyline") >= sum(any(y is not None for y in each["y"]) for each in runs)
