"""When findings could have been known, drawn and said."""

import pandas as pd

from workbench.result import Result
from workbench.views.known import known_figure, known_sentence, known_text

ROW = {
    "rank": 1, "statement": "income is missing", "where": "all rows", "onset": "2026-03-21T00:00:00+00:00",
    "unknown": "2026-03-21T05:00:00+00:00", "known": "2026-03-22T05:00:00+00:00", "rows": 900, "people": 870, "suppressed": False,
}  # fmt: skip


def known(*rows: dict[str, object]) -> Result:
    return Result("known", "When would we have known", {"known": pd.DataFrame(rows, columns=[*ROW])}, {"rows": 4_000})


def test_the_sentence_gives_the_moment_and_whom_it_touched_since() -> None:
    said = known_sentence(known(ROW))
    assert "could have been known on 2026-03-22 05:00 UTC; 900 of its decisions on 870 people" in said


def test_a_few_people_are_not_counted() -> None:
    said = known_sentence(known({**ROW, "rows": 7, "people": 7, "suppressed": True}))
    assert "7 " not in said.partition("UTC;")[2]
    assert "small number" in said


def test_what_no_look_found_is_said_and_not_drawn() -> None:
    late = {**ROW, "rank": 2, "unknown": None, "known": None, "rows": 0, "people": 0}
    assert "could not have been known before" in known_sentence(known({**late, "rank": 1}))
    lines = [trace for trace in known_figure(known(ROW, late)).data if trace.mode == "lines"]
    assert [list(line.x) for line in lines] == [[pd.Timestamp(str(ROW["unknown"])), pd.Timestamp(str(ROW["known"]))]]


def test_nothing_found_is_said() -> None:
    assert "nothing that could have been known" in known_sentence(known())
    assert not any(trace.mode == "lines" for trace in known_figure(known()).data)


def test_a_row_is_told_in_one_line_without_what_is_not_known() -> None:
    assert known_text(ROW) == (
        "began 2026-03-21 00:00 UTC · could have been known 2026-03-22 05:00 UTC (not yet 2026-03-21 05:00 UTC)"
        " · 900 of its decisions on 870 people came after"
    )
    unseen = {**ROW, "onset": None, "unknown": None, "known": None, "rows": 0, "people": 0}
    assert known_text(unseen) == "not to be known before the end of this log"
