"""The pandas form: what `DataFrame.query` selects by it is what the mask selects."""

import pandas as pd
import pytest

from workbench.errors import PredicateError
from workbench.predicate import ALL_ROWS, Predicate, equals
from workbench.predicate.query import query_text

FRAME = pd.DataFrame({
    "a b": [1, 2, None, 4], "word": ["x", None, 'q"', "z"], "yes": [True, False, True, False],
    "day": pd.to_datetime(["2026-01-01", "2026-02-03T04:00:00", None, "2026-05-05"], format="ISO8601"),
})  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["`a b` > 1",  "`a b` != 2", "`a b` in [1, 4)", "`a b` not in {1, 2}", 'word in {"x", "z"}', 'word not in {"x"}',
     'word != "x"',
     'word = "q\\""', "length(word) = 1", "word is missing and yes = true", "word is not missing", "day < 2026-02-04",
     "day in [2026-01-01, 2026-05-05)", "weekday(day) = 1", "hour(day) >= 4", "month(day) != 2"],
)  # fmt: skip
def test_a_query_selects_what_the_mask_selects(text: str) -> None:
    predicate = Predicate.parse(text)
    found = FRAME.query(query_text(predicate), engine="python").index
    assert found.tolist() == FRAME.index[predicate.mask(FRAME)].tolist()


def test_all_rows_are_all_rows() -> None:
    assert len(FRAME.query(query_text(ALL_ROWS), engine="python")) == len(FRAME)


def test_a_backtick_in_a_name_is_refused() -> None:
    with pytest.raises(PredicateError, match="cannot quote"):
        query_text(equals("a`b", 1))
