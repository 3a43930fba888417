"""Soundness over time against pandas: rows, rates, missing and repeated rows of each period."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.soundness import REPEATED, ROWS, soundness_over_time
from workbench.data.dataset import open_dataset
from workbench.errors import RolesError

ROLES = {"time": "time", "label": "label", "positive": 1, "row_id": "id", "features": ["age", "full"]}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = 4000
    found = pd.DataFrame({
        "id": np.arange(rows), "time": pd.Timestamp("2026-01-05") + pd.to_timedelta(np.sort(rng.uniform(0, 60, rows)), unit="D"),
        "label": rng.integers(0, 2, rows), "age": rng.normal(40, 9, rows), "full": rng.normal(size=rows),
    })  # fmt: skip
    found.loc[(found["time"] >= "2026-02-01") & (rng.uniform(size=rows) < 0.3), "age"] = np.nan
    again = found[found["time"] >= "2026-02-20"].head(200).assign(id=lambda part: part["id"] + 10_000)
    return pd.concat([found, again], ignore_index=True)


def test_each_period_holds_what_pandas_counts_in_it(frame: pd.DataFrame) -> None:
    result = soundness_over_time(open_dataset(frame, ROLES))
    assert result.numbers["period"] == "day"
    days = frame["time"].dt.floor("D")
    wanted = {
        ROWS: frame.groupby(days).size(), "rate of label": frame.groupby(days)["label"].mean(),
        "missing share of age": frame["age"].isna().groupby(days).mean(),
        REPEATED: frame.drop(columns="id").duplicated().groupby(days).mean(),
    }  # fmt: skip
    table = result.tables["periods"]
    assert set(table["series"]) == set(wanted)  # a column that is never missing is not followed
    for name, values in wanted.items():
        found = table[table["series"] == name].set_index("start")["value"].astype(float)
        assert found.to_dict() == pytest.approx(values.to_dict())


def test_without_times_nothing_can_be_followed(frame: pd.DataFrame) -> None:
    with pytest.raises(RolesError, match="role `time`"):
        soundness_over_time(open_dataset(frame.drop(columns="time"), {"label": "label"}))
