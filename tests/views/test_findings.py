"""What of a finding reaches the browser."""

import json

from workbench.result import Finding
from workbench.views.findings import FindingsTwin, canonical, finding_rows


def test_a_row_is_plain_json_without_nan() -> None:
    odd = Finding("drift", "moved", effect=float("nan"), interval=(None, 0.3), severity="unheard", people=0)
    [row] = finding_rows([odd])
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert (row["effect"], row["interval"], row["level"]) == (None, None, None)


def test_a_small_number_of_people_is_blanked_in_words_and_in_order() -> None:
    rows = finding_rows([Finding("slice", "s", people=9, support=500), Finding("slice", "s", support=10)])
    assert [(row["people_order"], row["people_text"]) for row in rows] == [(0, "fewer than 10"), (10, "10 rows")]


def test_severities_are_ordered_and_facts_that_are_not_there_left_out() -> None:
    rows = finding_rows([Finding("slice", "s", severity="critical", p_adjusted=0.00123), Finding("slice", "s", severity="low")])
    assert [row["level"] for row in rows] == [3, 0]
    told = "chance alone would show as much in about 1 of 813 such searches"
    assert rows[0]["facts"] == [["how sure", told], ["where", "all rows"], ["p, adjusted", "0.0012"]]


def test_a_p_too_small_for_a_number_is_not_told_as_none_at_all() -> None:
    [row] = finding_rows([Finding("slice", "s", p_adjusted=0.0)])
    assert ["p, adjusted", "below 1e-300"] in row["facts"]


def test_a_difference_of_shares_is_drawn_in_percentage_points_and_nothing_else_is() -> None:
    rows = finding_rows([Finding("slice", "s", unit="error rate"), Finding("drift", "s", unit="mean score")])
    assert [row["points"] for row in rows] == [True, False]


def test_equal_selections_are_equal_texts_and_what_is_none_stays_as_it_is() -> None:
    assert canonical('region="north"   and `age`<25') == 'region = "north" and age < 25'
    assert canonical("no predicate <b>") == "no predicate <b>"


def test_the_twin_unfolds_each_finding_to_its_facts_what_was_ruled_out_and_code_to_copy() -> None:
    hostile = "<script>alert(1)</script>"
    finding = Finding("slice", hostile, where="age < 25", rank=1, ruled_out=("holds without the rows where a = 1",), support=400)
    shown = FindingsTwin([finding])._repr_html_()
    assert shown.count("<details>") == 1
    assert "SliceExplorer(investigation)" in shown
    assert "not because of the rows where a = 1: without them it is still there" in shown
    assert "<script>" not in shown
    assert repr(FindingsTwin([finding])) == repr(FindingsTwin([finding]).table)
