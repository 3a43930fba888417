"""What of a finding reaches the browser."""

import json

from workbench.result import Finding
from workbench.views.findings import canonical, finding_rows


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
    assert rows[0]["facts"] == [["where", "all rows"], ["p, adjusted", "0.0012"]]


def test_equal_selections_are_equal_texts_and_what_is_none_stays_as_it_is() -> None:
    assert canonical('region="north"   and `age`<25') == 'region = "north" and age < 25'
    assert canonical("no predicate <b>") == "no predicate <b>"
