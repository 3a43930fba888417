"""What is published of histories: no count of one to nine rows, nothing to solve for one, and twice is once."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.result import Result

COUNTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8)


def history(counts: list[tuple[int, int]], statistic: str = "error rate", share: float = 0.25) -> Result:
    starts = pd.date_range("2026-01-05", periods=len(counts), freq="W-MON")
    rows = [
        {"finding": 1, "side": side, "start": start, "rows": count, "value": None if statistic != "rows" and not count else
         float(count) if statistic == "rows" else share, "low": None if statistic == "rows" or not count else 0.1,
         "high": None if statistic == "rows" or not count else 0.4, "suppressed": count < 10}
        for start, pair in zip(starts, counts, strict=True)
        for side, count in zip(("a = 1", "all other rows"), pair, strict=True)
    ]  # fmt: skip
    levels = [{"finding": 1, "side": "a = 1", "span": "whole log", "rows": sum(pair[0] for pair in counts), "value": share,
               "low": 0.2, "high": 0.3, "suppressed": False}]  # fmt: skip
    named = [{"finding": 1, "statistic": statistic, "counted": "x", "among": "rows", "share": True, "period": "week"}]
    tables = {"periods": pd.DataFrame(rows), "levels": pd.DataFrame(levels), "statistics": pd.DataFrame(named)}
    return Result("history", "Each finding over time", tables=tables, numbers={"rows": 5000})


@given(COUNTS)
@settings(max_examples=60)
def test_no_period_of_one_to_nine_rows_is_told_and_none_beside_one(counts: list[tuple[int, int]]) -> None:
    given_history = history(counts)
    shown = given_history.published()
    table = shown.tables["periods"]
    told = [count for count in table["rows"] if pd.notna(count)]
    assert all(count == 0 or (count >= 10 and count % 10 == 0) for count in told)
    for _, pair in table.groupby("start"):
        if pair["rows"].isna().any():
            assert pair[["rows", "value", "low", "high"]].isna().all(axis=None)
    assert shown.published().to_dict() == shown.to_dict()


def test_a_count_of_rows_is_shown_in_tens() -> None:
    table = history([(43, 57), (21, 38)], "rows").published().tables["periods"]
    assert table["value"].tolist() == [40.0, 60.0, 20.0, 40.0]


def test_how_many_lack_a_value_is_hidden_where_it_is_few_but_an_error_rate_stays() -> None:
    few = history([(40, 50), (60, 50)], "missing share", share=0.1).published().tables["periods"]
    assert few[["value", "low", "high"]].isna().all(axis=None)
    rates = history([(40, 50), (60, 50)], "error rate", share=0.1).published().tables["periods"]
    assert rates["value"].notna().all()
