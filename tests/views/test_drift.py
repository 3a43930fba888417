"""What moved, drawn and told, on a log in which one column moved and the others did not."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from workbench.analysis.drift import drift
from workbench.data.dataset import open_dataset
from workbench.result import Finding, Result
from workbench.views import drift as view
from workbench.views.render import Sentence, Table


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    rng = np.random.default_rng(4)

    def window(share: float, rows: int) -> pd.DataFrame:
        return pd.DataFrame({"colour": np.where(rng.uniform(size=rows) < share, "red", "blue"), "size": rng.normal(size=rows)})

    before, now = open_dataset(window(0.3, 2000), {}), open_dataset(window(0.7, 1000), {})
    return {"drift": drift(now, before).published()}


def test_the_column_that_moved_stands_on_top_with_its_interval_and_chance_beside(results: dict[str, Result]) -> None:
    figure = view.drift_figure(results)
    assert isinstance(figure, go.Figure)
    moved, chance = figure.data
    assert list(moved.y)[-1] == "colour"
    assert moved.x[-1] == pytest.approx(0.4, abs=0.06)
    low, high = moved.x[-1] - moved.error_x.arrayminus[-1], moved.x[-1] + moved.error_x.array[-1]
    assert low < 0.4 < high
    assert chance.x[-1] < low
    assert "1,000 decisions against 2,000 before" in figure.layout.title.text


def test_a_column_is_drawn_now_beside_before_with_both_denominators(results: dict[str, Result]) -> None:
    figure = view.column_figure(results["drift"], "colour")
    assert figure is not None
    now, before = figure.data
    shares = dict(zip(now.y, zip(now.x, before.x, strict=True), strict=True))
    assert shares['colour = "red"'] == pytest.approx((0.7, 0.3), abs=0.05)
    assert figure.layout.xaxis.title.text == "share of the rows: of 1,000 now, of 2,000 before"
    assert view.column_figure(results["drift"], "weight") is None


def test_small_cells_are_in_no_bar() -> None:
    before = open_dataset(pd.DataFrame({"c": ["x"] * 400 + ["rare"] * 4 + ["y"] * 300}), {})
    now = open_dataset(pd.DataFrame({"c": ["x"] * 300 + ["rare"] * 3 + ["y"] * 400}), {})
    figure = view.column_figure(drift(now, before).published(), "c")
    assert figure is None or not any("rare" in label for trace in figure.data for label in trace.y)


def test_the_table_tells_every_column_with_its_interval(results: dict[str, Result]) -> None:
    table = view.moved_table(results)
    assert isinstance(table, Table)
    assert table.frame["column"].tolist()[0] == "colour"
    assert "[" in table.frame["moved [95 % interval]"].iloc[0]
    assert "1,000 decisions now and 2,000 before" in table.caption


def test_the_kind_of_shift_is_told_by_the_findings_causes_else_that_nothing_tells(results: dict[str, Result]) -> None:
    shifts = [
        Finding("drift", "s", cause="covariate shift", rank=2),
        Finding("drift", "s", cause="concept drift", rank=3, explained_by=1),
    ]
    named = view.shift_sentence(shifts, results)
    assert "concept drift, the same inputs lead to other outcomes (#3, which #1 explains)" in named.text
    assert "as before (#2);" in named.text
    assert view.shift_sentence([], results).text.startswith("colour moved further than chance alone explains; no finding tells")


def test_without_two_windows_every_view_says_so() -> None:
    for shown in (view.drift_figure({}), view.strongest_figure({}), view.moved_table({})):
        assert isinstance(shown, Sentence)
        assert "give a reference" in shown.text
