"""A finding's history as the browser and a page get it."""

import json
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from workbench.result import Finding, Result
from workbench.views.history import history_form, levels_table
from workbench.views.history_svg import history_svg

ONSET = {"onset": "2026-03-04T00:00:00", "onset_interval": ("2026-03-03T00:00:00", "2026-03-06T00:00:00")}
FINDING = Finding("slice", "s", rank=1, **ONSET)  # type: ignore[arg-type]


def history(values: list[float | None], side: str = "age < 25", *, share: bool = True) -> Result:
    starts = pd.date_range("2026-01-05", periods=len(values), freq="W-MON")
    periods = pd.DataFrame({"finding": 1, "side": side, "start": starts, "rows": 100, "value": pd.array(values, dtype=object),
                            "low": None, "high": None, "suppressed": [value is None for value in values]})  # fmt: skip
    levels = pd.DataFrame({"finding": 1, "side": side, "span": ["before", "since"], "rows": [1000, None], "value": [0.25, None],
                           "low": [0.2, None], "high": [0.3, None], "suppressed": [False, True]})  # fmt: skip
    named = pd.DataFrame([{"finding": 1, "statistic": "error rate", "counted": "wrong decisions", "among": "rows", "share": share,
                           "period": "week"}])  # fmt: skip
    return Result("history", "t", tables={"periods": periods, "levels": levels, "statistics": named})


def test_the_form_is_plain_json_and_a_hidden_period_stays_hidden() -> None:
    form = history_form(history([0.1, None, 0.3]), FINDING)
    assert form is not None
    assert json.loads(json.dumps(form, allow_nan=False)) == form
    assert form["sides"] == [{"name": "age < 25", "values": [0.1, None, 0.3]}]
    assert (form["of"], form["onset"]) == ("wrong decisions among rows", "2026-03-04T00:00:00")


def test_every_share_has_its_rows_and_a_small_cell_none() -> None:
    form = history_form(history([0.1, 0.2]), FINDING)
    assert form is not None
    table = levels_table(form).frame.to_numpy().tolist()
    assert table[0] == ["age < 25", "before", "25.0 % [20.0 %, 30.0 %]", "1,000"]
    assert table[1][2:] == ["–", "fewer than 10, or hidden beside them"]


def test_a_finding_without_a_history_has_no_form() -> None:
    assert history_form(None, FINDING) is None
    assert history_form(history([0.1]), Finding("slice", "s", rank=2)) is None


def test_the_picture_is_sound_xml_whatever_a_value_is_called() -> None:
    form = history_form(history([0.1, 0.2, None, 0.4, None], 'name = "<script>&"'), FINDING)
    assert form is not None
    root = ET.fromstring(history_svg(form))  # noqa: S314  our own text
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert 'name = "<script>&"' in texts
    assert "began 2026-03-04" in texts
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 1  # a period between two hidden ones


@pytest.mark.parametrize("values", [[0.3], [None, None]])
def test_nothing_over_time_is_no_picture(values: list[float | None]) -> None:
    form = history_form(history(values), FINDING)
    assert form is not None
    assert history_svg(form) == ""


def test_a_value_that_never_changes_is_a_line_inside_the_picture() -> None:
    form = history_form(history([5.0, 5.0, 5.0], share=False), FINDING)
    assert form is not None
    line = ET.fromstring(history_svg(form)).find("{http://www.w3.org/2000/svg}polyline")  # noqa: S314  our own text
    assert line is not None
    assert {point.split(",")[1] for point in line.attrib["points"].split()} == {"150.0"}
