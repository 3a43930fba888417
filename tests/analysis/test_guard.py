"""Defects planted on a known day are found, dated and told apart from the world; a sound log is left in peace."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.guard import guard_data, require_sound
from workbench.data.dataset import Dataset, open_dataset

START = pd.Timestamp("2026-01-01")
CUT = START + pd.Timedelta(days=30)
ROLES = {"time": "time", "label": "y", "prediction": "p", "favorable": 1, "groups": ["g"], "features": ["x", "code"]}


def log(seed: int = 0, **changed: Any) -> Dataset:
    """60 days of 100 rows; `changed` maps a column to what it holds from `CUT` on (an array of all rows)."""
    rng = np.random.default_rng(seed)
    time = START + pd.to_timedelta(np.repeat(np.arange(60), 100), unit="D")
    rows = len(time)
    frame = pd.DataFrame({
        "time": time, "y": rng.integers(0, 2, rows), "p": rng.integers(0, 2, rows), "g": rng.choice(["a", "b"], rows),
        "x": rng.normal(size=rows), "code": rng.choice(["red", "green", "blue"], rows),
    })  # fmt: skip
    for column, values in changed.items():
        frame[column] = pd.Series(values(rng, rows)).where(frame["time"] >= CUT, frame[column])
    return open_dataset(frame, ROLES)


def test_compas_base_rate_breaks_at_the_first_of_april_2014(compas: Path, compas_roles: dict[str, Any]) -> None:
    """Barenstein 2019 (arXiv:1906.04711): 6,216 rows up to and with that day, base rate .3625; 6,207 before it."""
    dataset = open_dataset(compas, compas_roles)
    result = guard_data(dataset)
    (defect,) = result.tables["defects"].itertuples()
    assert (defect.what, defect.column, str(defect.earliest.date())) == ("base rate", "two_year_recid", "2014-04-01")
    assert defect.after == pytest.approx(1.0, abs=0.005)
    assert "fpr" in defect.undermines
    cuts = result.tables["cuts"].set_index("where")
    assert cuts.loc["compas_screening_date < 2014-04-01", "rows"] == 6207
    assert cuts.loc[defect.sound].tolist()[:2] == [6216, pytest.approx(0.3625, abs=5e-5)]
    assert require_sound(dataset, result).rows == 6216
    assert result.tables["cuts"]["suppressed"].tolist() == [True, False, False], "6,216 less 6,207 would tell of nine people"


@pytest.mark.parametrize("seed", range(5))
def test_a_sound_log_has_no_defect(seed: int) -> None:
    result = guard_data(log(seed))
    assert result.numbers["defects"] == 0
    assert result.numbers["checked"] is True


def test_a_branch_that_is_closed_at_night_is_not_lost_in_the_last_evening() -> None:
    rng = np.random.default_rng(0)
    time = pd.Series(START + pd.to_timedelta(np.sort(rng.uniform(0, 30, 6_000)), unit="D"))
    channel = np.where(time.dt.hour.between(9, 16), rng.choice(["branch", "online"], 6_000), "online")
    night = open_dataset(pd.DataFrame({"time": time, "channel": channel}), {"time": "time", "features": ["channel"]})
    assert guard_data(night).numbers["defects"] == 0
    gone = np.where(time >= START + pd.Timedelta(days=27), "online", channel)
    closed = open_dataset(pd.DataFrame({"time": time, "channel": gone}), {"time": "time", "features": ["channel"]})
    defects = guard_data(closed).tables["defects"]
    assert defects[["what", "value"]].to_numpy().tolist() == [["lost value", "branch"]]


def test_a_base_rate_that_moves_a_little_is_the_world() -> None:
    assert guard_data(log(y=lambda rng, rows: (rng.random(rows) < 0.6).astype(int))).numbers["defects"] == 0


@pytest.mark.parametrize(
    ("column", "values", "what"),
    [
        ("y", lambda _rng, rows: np.zeros(rows, int), "base rate"),
        ("x", lambda rng, rows: np.where(rng.random(rows) < 0.3, np.nan, 1.0), "missing share"),
        ("code", lambda rng, rows: rng.choice(["1", "2", "red"], rows), "type"),
        ("code", lambda rng, rows: rng.choice(["red", "green", "blue", "teal"], rows), "new value"),
        ("code", lambda rng, rows: rng.choice(["red", "green"], rows), "lost value"),
    ],
)
def test_a_planted_defect_is_dated(column: str, values: Any, what: str) -> None:
    table = guard_data(log(**{column: values})).tables["defects"]
    found = table[(table["what"] == what) & (table["column"] == column)]
    assert len(found) >= 1
    defect = found.iloc[0]
    assert defect["earliest"] <= CUT <= defect["latest"] + pd.Timedelta(days=1)
    assert abs(defect["onset"] - CUT) <= pd.Timedelta(days=1)
    assert table["column"].eq(column).all()


def test_the_sound_side_is_the_one_with_fewer_missing() -> None:
    """The column was empty at first and is filled from the cut on: what comes after is sound."""
    rng = np.random.default_rng(1)
    time = START + pd.to_timedelta(np.repeat(np.arange(60), 100), unit="D")
    x = np.where(time < CUT, np.nan, rng.normal(size=6000))
    x[::7] = np.nan
    x[:5] = 1.0
    frame = pd.DataFrame({"time": time, "y": rng.integers(0, 2, 6000), "x": x})
    defects = guard_data(open_dataset(frame, {"time": "time", "label": "y", "features": ["x"]})).tables["defects"]
    assert defects["sound"].tolist() == ["time >= 2026-01-31"]


def test_a_rare_new_value_is_no_defect() -> None:
    """One row in five hundred, first seen in the second half by chance of its rarity."""
    assert (
        guard_data(log(code=lambda rng, rows: np.where(rng.random(rows) < 0.002, "odd", "red")))
        .tables["defects"]
        .query("value == 'odd'")
        .empty
    )


def test_without_a_time_nothing_is_checked_and_that_is_said() -> None:
    result = guard_data(open_dataset(pd.DataFrame({"y": [0, 1]}), {"label": "y"}))
    assert result.numbers["checked"] is False
    assert result.tables["defects"].empty
