"""A disparity's timeline, changes, events, windows and alarms, on made logs whose truth is known and on COMPAS."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import stats
from workbench.analysis.disparity_time import NO_DATE, disparity_over_time
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import Predicate

START = pd.Timestamp("2026-01-01")
ROLES = {"time": "time", "prediction": "p", "favorable": 1, "groups": ["g"], "model_version": "version"}


def log(gap: float, *, days: int = 90, rows: int = 300, onset: int = 60, seed: int = 0) -> Dataset:
    """`rows` a day; from day `onset` on group a is selected less often by `gap`; a new model version the noon before."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    group = rng.choice(["a", "b"], len(day))
    rate = np.where((group == "a") & (day >= onset), 0.5 - gap, 0.5)
    time = START + pd.to_timedelta(day * 24 + rng.integers(0, 24, len(day)), unit="h")
    version = np.where(time < START + pd.Timedelta(days=onset), "v1", "v2")
    frame = pd.DataFrame({"time": time, "g": group, "p": (rng.random(len(day)) < rate).astype(int), "version": version})
    return open_dataset(frame, ROLES)


def test_a_gap_is_dated_with_an_interval_and_the_model_version_in_it() -> None:
    changes = disparity_over_time(log(0.15), group="a", reference="b").tables["changes"]
    assert changes["scale"].tolist() == ["difference", "ratio"]
    true = START + pd.Timedelta(days=60)
    for change in changes.itertuples():
        assert change.earliest < true <= change.latest
        assert change.identifiable
        assert change.events == "model version v2"
        assert "model version v2" in change.statement
    assert changes["after"].tolist() == pytest.approx([-0.15, 0.7], abs=0.02)


def test_events_outside_every_interval_are_listed_but_not_joined() -> None:
    events = pd.DataFrame({"time": ["2026-01-05"], "event": ["schema 7"]})
    tables = disparity_over_time(log(0.15), events=events).tables
    assert tables["events"]["event"].tolist() == ["schema 7", "model version v2"]
    assert not tables["changes"]["events"].str.contains("schema").any()


@pytest.mark.parametrize(("gap", "seed"), [(0.05, 6), (0.06, 8)])
def test_a_slight_change_has_no_date(gap: float, seed: int) -> None:
    """Two logs in which the likelihood is flat over more than half of the series: something changed, and no date is printed."""
    tables = disparity_over_time(log(gap, rows=150, days=60, onset=30, seed=seed), group="a", reference="b").tables
    assert len(tables["changes"]) == 2
    assert tables["summary"]["statement"].str.contains(NO_DATE).all()
    for row in tables["changes"].itertuples():
        assert not row.identifiable
        assert row.onset is pd.NaT
        assert "2026" not in row.statement
        assert 2 * (row.latest - row.earliest) > pd.Timedelta(days=59)


def test_no_change_is_said_and_no_alarm_raised_where_there_is_none() -> None:
    tables = disparity_over_time(log(0.0)).tables
    assert tables["changes"].empty
    assert tables["summary"]["statement"].str.contains("no change found").all()
    assert tables["alarms"]["time"].isna().all()


def test_alarm_comes_after_the_gap_opened_and_by_the_rule_of_the_window_before() -> None:
    before, current = Predicate.parse("time < 2026-02-15"), Predicate.parse("time >= 2026-02-15")
    tables = disparity_over_time(log(0.15), group="a", reference="b", before=before, current=current).tables
    (alarm,) = tables["alarms"].itertuples()
    assert alarm.rule == "gap as before"
    assert START + pd.Timedelta(days=60) <= alarm.time < START + pd.Timedelta(days=75)
    assert alarm.level == 0.025


def test_a_standing_gap_raises_no_alarm_against_the_window_before() -> None:
    before = Predicate.parse("time < 2026-01-20")
    tables = disparity_over_time(log(0.15, onset=0), group="a", reference="b", before=before).tables
    assert tables["alarms"]["time"].isna().all()
    assert disparity_over_time(log(0.15, onset=0), group="a", reference="b").tables["alarms"]["time"].notna().any()


def test_windows_are_compared_by_the_difference_of_their_differences() -> None:
    data = log(0.15)
    before, current = Predicate.parse("time < 2026-02-15"), Predicate.parse("time >= 2026-03-02")
    row = disparity_over_time(data, group="a", reference="b", before=before, current=current).tables["windows"].iloc[0]
    frame = data.frame
    fours = []
    for window in (before, current):
        rows = frame[window.mask(frame)]
        fours.append([number for g in "ab" for number in (rows["p"][rows["g"] == g].sum(), (rows["g"] == g).sum())])
    expected = stats.difference_of_differences(tuple(fours[0]), tuple(fours[1]))
    assert (row["change"], row["p"]) == pytest.approx((float(expected.change), float(expected.p)))
    assert row["difference_current"] == pytest.approx(fours[1][0] / fours[1][1] - fours[1][2] / fours[1][3])


def test_timeline_counts_every_row_of_both_groups_in_readable_periods(compas: Path, compas_roles: dict[str, Any]) -> None:
    dataset = open_dataset(compas, compas_roles)
    result = disparity_over_time(dataset, "race", group="African-American", reference="Caucasian")
    timeline = result.tables["timeline"].loc[lambda table: table["measure"] == "selection_rate"]
    assert result.numbers["period"] == "month"
    assert disparity_over_time(dataset, "race", measures=["selection_rate"]).numbers["period"] == "week"
    assert (timeline["rows"].sum(), timeline["rows_reference"].sum()) == (3696, 2454)
    both = timeline.dropna(subset="difference")
    assert len(both) > 0.95 * len(timeline)
    assert both["difference"].between(both["difference_low"], both["difference_high"]).all()
    sizes = timeline[["rows", "rows_reference"]]
    assert timeline.loc[(sizes.lt(10) & sizes.gt(0)).any(axis=1), "suppressed"].all()


def test_published_evidence_takes_no_step_of_fewer_than_ten_rows(compas: Path, compas_roles: dict[str, Any]) -> None:
    dataset = open_dataset(compas, compas_roles)
    result = disparity_over_time(dataset, "race", measures=["base_rate"])
    looks = result.published().tables["looks"]
    shown = pd.to_datetime(result.tables["looks"].loc[~result.tables["looks"]["suppressed"], "time"])
    assert looks["p"].notna().sum() == len(shown)
    who = {name: dataset.frame["race"] == name for name in ("African-American", "Caucasian")}
    for start, end in itertools.pairwise(shown):
        day = dataset.frame["compas_screening_date"]
        assert min((mask & (day > start) & (day <= end)).sum() for mask in who.values()) >= 10


def test_compas_base_rates_draw_together_when_the_follow_up_ends(compas: Path, compas_roles: dict[str, Any]) -> None:
    """From 2014-04-01 on nearly everybody in the file reoffended, of either race: the gap vanishes, and the interval holds it."""
    dataset = open_dataset(compas, compas_roles)
    changes = disparity_over_time(dataset, "race", measures=["base_rate"]).tables["changes"].set_index("scale")
    cut = pd.Timestamp("2014-04-01")
    assert (changes["earliest"] < cut).all()
    assert (changes["latest"] >= cut).all()
    assert changes.loc["difference", "after"] == pytest.approx(0, abs=0.02)


def test_a_short_log_is_followed_by_the_hour() -> None:
    assert disparity_over_time(log(0.3, days=3, rows=4000, onset=2)).numbers["dated_by"] == "hour"


def test_a_measure_that_a_group_has_no_rows_for_is_left_out() -> None:
    """Nobody of group a is ever predicted positive: there is no PPV to follow."""
    rng = np.random.default_rng(9)
    frame = log(0.0, days=20).frame.assign(y=rng.integers(0, 2, 6000))
    frame["p"] = frame["p"].where(frame["g"] == "b", 0)
    result = disparity_over_time(open_dataset(frame, ROLES | {"label": "y", "positive": 1}))
    assert result.numbers["left_out"] == "ppv"
    assert set(result.tables["timeline"]["measure"]) == {"selection_rate", "fpr", "fnr"}


def test_a_log_of_dates_is_dated_by_the_day(compas: Path, compas_roles: dict[str, Any]) -> None:
    assert disparity_over_time(open_dataset(compas, compas_roles), measures=["base_rate"]).numbers["dated_by"] == "day"


def test_what_cannot_be_followed_is_refused() -> None:
    data = log(0.1, days=4)
    with pytest.raises(UnknownNameError, match="selection_rate"):
        disparity_over_time(data, measures=["fpr"])
    with pytest.raises(UnknownNameError, match="day"):
        disparity_over_time(data, every="fortnight")
    with pytest.raises(InputError, match="events lack a column"):
        disparity_over_time(data, events=pd.DataFrame({"when": []}))
    apart = pd.DataFrame(
        {"time": pd.to_datetime(["2020-01-01"] * 5 + ["2025-01-01"] * 5), "g": list("aaaaabbbbb"), "p": [0, 1] * 5}
    )
    with pytest.raises(InputError, match="same year"):
        disparity_over_time(open_dataset(apart, {key: ROLES[key] for key in ("time", "prediction", "favorable", "groups")}))


def weighted_log(seed: int, rows: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 6 * 7 * 24, rows), "h")
    made = pd.DataFrame({"time": times, "g": rng.choice(["a", "b"], rows), "p": rng.integers(0, 2, rows)})
    return made.assign(w=rng.integers(0, 4, rows))


def followed(frame: pd.DataFrame, **more: Any) -> dict[str, pd.DataFrame]:
    roles = {"time": "time", "prediction": "p", "favorable": 1, "groups": ["g"], **more}
    half = frame["time"].median()
    windows = {
        "before": Predicate.parse(f"time < {half:%Y-%m-%dT%H:%M:%S}"),
        "current": Predicate.parse(f"time >= {half:%Y-%m-%dT%H:%M:%S}"),
    }
    return disparity_over_time(open_dataset(frame, roles), group="a", reference="b", every="week", **windows).tables  # type: ignore[arg-type]


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_a_row_of_weight_two_is_a_row_twice_in_every_rate(seed: int) -> None:
    frame = weighted_log(seed)
    weighted = followed(frame, weight="w")["timeline"].set_index("start")
    rates = ["value", "reference_value", "difference", "ratio"]
    repeated = frame.loc[frame.index.repeat(frame["w"])]
    for start, row in weighted.iterrows():
        week = repeated["time"].between(start, start + pd.Timedelta(days=7), inclusive="left")
        a, b = (repeated.loc[week & (repeated["g"] == name), "p"].mean() for name in "ab")
        with np.errstate(all="ignore"):
            ratio = np.divide(a, b)
        np.testing.assert_allclose(row[rates].to_numpy(float), [a, b, a - b, ratio], rtol=1e-12)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 50))
def test_only_the_proportions_of_weights_matter_and_equal_ones_change_nothing(seed: int, factor: float) -> None:
    frame = weighted_log(seed)
    once, scaled = (followed(frame.assign(w=frame["w"] * by), weight="w") for by in (1.0, factor))
    for name, table in once.items():
        pd.testing.assert_frame_equal(scaled[name], table, rtol=1e-9)
    plain, equal = followed(frame), followed(frame.assign(w=1.0), weight="w")
    for name, table in plain.items():
        pd.testing.assert_frame_equal(equal[name], table)
