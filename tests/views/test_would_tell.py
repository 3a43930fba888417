"""The table of what data would tell."""

import pandas as pd

from workbench.result import Result
from workbench.views.would_tell import needed_table, needed_text

ROW = {"part": "drift", "why": "needs two windows", "columns": "", "query": "a reference window", "n": 1562.0, "have": 7214,
       "suppressed": False}  # fmt: skip


def needed(*rows: dict[str, object]) -> Result:
    return Result("would_tell", "What data would tell", {"needed": pd.DataFrame(rows, columns=[*ROW])}, {"rows": 7_214})


def test_numbers_are_counts_and_what_is_not_needed_is_a_dash() -> None:
    row = needed_table(needed(ROW)).frame.iloc[0].tolist()
    assert row == ["drift", "needs two windows", "–", "a reference window", "1,562", "7,214"]


def test_in_two_lines_a_question_says_why_it_has_no_answer_and_what_would_give_one() -> None:
    assert needed_text(ROW) == "needs two windows\nfetch: a reference window · 1,562 rows would do, there are 7,214\n"
    failed = {**ROW, "columns": "time", "query": "", "n": None}
    assert needed_text(failed) == "needs two windows\nfetch: columns time\n"
    assert needed_text({**failed, "columns": ""}) == "needs two windows\n"


def test_small_counts_are_not_shown() -> None:
    row = needed_table(needed({**ROW, "have": 7, "suppressed": True})).frame.iloc[0]
    assert row["rows there are"] == "–"


def test_nothing_to_fetch_is_said() -> None:
    assert needed_table(needed()).caption == "Every question had its answer."
