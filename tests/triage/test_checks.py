"""Each of the workbench's own checks: its floors, its words, and what it counts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.stats import newcombe
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.result import Finding
from workbench.triage.check import Context, graded, moment, percent
from workbench.triage.checks.disparity import check_disparity
from workbench.triage.checks.drift import check_drift
from workbench.triage.checks.integrity import check_integrity
from workbench.triage.checks.slices import check_slices

ROWS = 2000
ROLES = {"row_id": "id", "time": "at", "prediction": "p", "label": "y", "favorable": 1, "groups": ["g"]}
LATE = Predicate.parse("at >= 2026-02-01")


def log() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({
        "id": range(ROWS),
        "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(ROWS) * 43, unit="min"),
        "g": rng.choice(list("ab"), ROWS),
        "x": rng.normal(size=ROWS),
        "y": rng.integers(0, 2, ROWS),
        "p": rng.integers(0, 2, ROWS),
    })  # fmt: skip


def late(frame: pd.DataFrame) -> np.ndarray:
    return (frame["at"] >= "2026-02-01").to_numpy()


def context(frame: pd.DataFrame, *, windows: bool = True, **roles: Any) -> Context:
    dataset: Dataset = open_dataset(frame, {**ROLES, **roles})
    return Context(dataset, dataset.exclude(LATE), dataset.select(LATE)) if windows else Context(dataset)


def only(findings: Any, **wanted: Any) -> Finding:
    [found] = [finding for finding in findings if all(getattr(finding, name) == value for name, value in wanted.items())]
    return found


def test_drift_says_what_moved_and_counts_every_column() -> None:
    frame = log().assign(x=lambda data: data["x"] + 1.5 * late(data))
    examined = check_drift(context(frame))
    found = only(examined.findings, columns=("x",))
    assert "x is distributed otherwise than before" in found.statement
    assert "most of all, x >= " in found.statement
    assert (found.support, found.people) == (int(late(frame).sum()), int(late(frame).sum()))
    assert examined.tests == 4
    assert len(examined.findings) == 1


def test_drift_needs_two_windows() -> None:
    with pytest.raises(InputError, match="needs two windows"):
        check_drift(context(log(), windows=False))


def test_a_gap_that_opened_is_new_and_one_that_stood_is_standing() -> None:
    frame = log()
    opened = frame.assign(p=np.where((frame["g"] == "a") & late(frame), 0, frame["p"]))
    found = only(check_disparity(context(opened)).findings, unit="selection rate")
    assert not found.standing
    assert "the gap opened to -" in found.statement
    assert found.versus == f'g = "{found.statement.split()[2]}"'
    assert "percentage points, and was " in found.statement
    stood = frame.assign(p=np.where(frame["g"] == "a", 0, frame["p"]))
    found = only(check_disparity(context(stood)).findings, unit="selection rate")
    assert found.standing
    assert "the gap is -" in found.statement


def test_weights_bear_on_a_gap_that_opened() -> None:
    """Uneven weights: the counts behind interval and test are rounded effective rows, not whole rows."""
    frame = log().assign(w=np.random.default_rng(1).uniform(0.2, 3, ROWS))
    opened = frame.assign(p=np.where((frame["g"] == "a") & late(frame), 0, frame["p"]))
    found = only(check_disparity(context(opened, weight="w")).findings, unit="selection rate")
    assert found.p is not None
    assert found.p < 1e-20


def test_a_gap_under_four_fifths_is_high_and_needs_no_windows() -> None:
    frame = log()
    [found] = check_disparity(context(frame.assign(p=np.where(frame["g"] == "a", 0, frame["p"])), windows=False)).findings
    assert (found.where, found.severity) == ('g = "a"', "high")
    assert found.versus == f'g = "{found.statement.split()[2]}"'
    assert "ratio 0.000" in found.statement


def test_slices_say_where_and_how_much() -> None:
    frame = log().assign(y=0, p=0)
    frame["p"] = (frame["x"] > 1).astype(int)
    found = check_slices(context(frame, windows=False)).findings[0]
    assert found.where.startswith(("x >= ", "x in [1."))
    assert found.statement.startswith(f"where {found.where}, the error rate is ")
    assert found.severity == "low", "that one slice is worse than the rest is no incident by itself"
    assert found.share_of_harm is not None
    assert 0.3 < found.share_of_harm <= 1


def test_a_slice_found_among_thousands_is_told_with_an_interval_that_allows_for_the_search() -> None:
    frame = log().assign(y=0, p=0)
    frame["p"] = ((frame["x"] > 1) & (frame.index % 4 == 0)).astype(int)
    examined = check_slices(context(frame, windows=False))
    found = examined.findings[0]
    assert examined.result is not None
    row = examined.result.tables["distinct"].set_index("slice").loc[found.where]
    assert found.interval == (row["corrected_low"], row["corrected_high"])
    assert row["corrected_low"] < row["effect_low"], "it is the best of many"
    low, high = (f"{100 * end:+.1f}" for end in found.interval)
    told = f"after allowing for having searched {examined.result.numbers['counted']:,} slices, {low} to {high} points"
    assert found.statement.endswith(told)
    assert found.effect == row["effect"]
    assert f"{100 * row['mean']:.1f} %, against {100 * row['rest']:.1f} % elsewhere" in found.statement


def test_a_slice_is_confirmed_by_permutations_that_are_said_with_their_rows() -> None:
    frame = log().assign(y=0, p=0)
    frame["p"] = (frame["x"] > 1).astype(int)
    examined = check_slices(context(frame, windows=False))
    assert examined.result is not None
    numbers = examined.result.numbers
    assert (numbers["permuted"], numbers["rows_permuted"]) == (999, ROWS)
    told = (
        f"chance: none of 999 permutations of {ROWS:,} rows made any of the {numbers['leading']} leading slices stand out as much"
    )
    assert examined.findings[0].ruled_out == (told,)


def test_what_permutations_do_not_confirm_keeps_the_p_they_give() -> None:
    frame = log().assign(y=0, p=0)
    frame["p"] = (frame["x"] > 1).astype(int)
    asked = replace(context(frame, windows=False), budget=1e-6)
    found = check_slices(asked).findings[0]
    assert found.p == 1 / 1000
    assert found.ruled_out == ()


def test_a_slice_of_a_few_people_is_not_told() -> None:
    frame = log().assign(y=0, p=0, doctor="a")
    frame.loc[frame.index[:6], ["p", "doctor"]] = [1, "rare"]
    told = [finding.where for finding in check_slices(context(frame, windows=False)).findings]
    assert not any("rare" in where for where in told)


def test_a_rare_outcome_is_judged_by_its_ratio() -> None:
    """Selection 2 % against 6 %: four points, and a third of the chance."""
    rng = np.random.default_rng(0)
    group = rng.choice(["f", "m"], 20_000)
    chosen = rng.random(20_000) < np.where(group == "f", 0.02, 0.06)
    dataset = open_dataset(pd.DataFrame({"g": group, "p": chosen}), {"prediction": "p", "favorable": True, "groups": ["g"]})
    found = only(check_disparity(Context(dataset)).findings, kind="disparity")
    assert found.severity == "high"
    assert "f against m" in found.statement


def test_without_labels_slices_are_compared_over_time_only() -> None:
    frame = log().drop(columns="y")
    dataset = open_dataset(frame, {**ROLES, "label": None})
    with pytest.raises(InputError, match="without labels"):
        check_slices(Context(dataset))
    assert check_slices(Context(dataset, dataset.exclude(LATE), dataset.select(LATE))).tests > 0


def test_a_missing_share_that_rose_is_told_once_with_its_date() -> None:
    frame = log().assign(x=lambda data: data["x"].where(~late(data)))
    found = only(check_integrity(context(frame)).findings, unit="missing share")
    assert found.onset is not None
    assert found.onset.startswith("2026-02-01")
    assert "x is missing in 100.0 % of the rows from 2026-02-01" in found.statement
    assert found.severity == "high"


def test_a_missing_share_that_fell_is_low() -> None:
    frame = log().assign(x=lambda data: data["x"].where(late(data) | (data["id"] % 2 == 0)))
    assert only(check_integrity(context(frame)).findings, unit="missing share").severity == "low"


def test_a_change_within_the_reference_window_is_standing() -> None:
    frame = log().assign(x=lambda data: data["x"].where((data["at"] < "2026-01-08") | (data["id"] % 3 == 0)))
    assert only(check_integrity(context(frame)).findings, unit="missing share").standing


def test_new_values_out_of_range_and_another_type_name_the_column() -> None:
    frame = log()
    new = frame.assign(g=frame["g"].where(~late(frame) | (frame["g"] == "b"), "A"))
    told = [finding.statement for finding in check_integrity(context(new)).findings if finding.columns == ("g",)]
    assert any("most of all 'A'" in statement for statement in told)
    wild = frame.assign(x=frame["x"] + 100 * late(frame))
    assert any("outside its former range" in finding.statement for finding in check_integrity(context(wild)).findings)
    before = open_dataset(frame, ROLES)
    now = open_dataset(frame.assign(x=frame["x"].astype(str) + "mg"), ROLES)
    found = only(check_integrity(Context(now, before, now)).findings, columns=("x",))
    assert found.statement == "x holds text, and held numbers before"


def test_repeats_by_coincidence_are_low_and_others_are_not() -> None:
    coarse = pd.DataFrame({"g": ["a", "b"] * 500, "y": [0, 0, 1, 1] * 250})
    [found] = check_integrity(Context(open_dataset(coarse, {"label": "y"}))).findings
    assert found.severity == "low"
    twice = pd.concat([log(), log().iloc[:300].assign(id=range(ROWS, ROWS + 300))])
    found = only(check_integrity(context(twice, windows=False)).findings, p=None)
    assert (found.severity, found.statement) == ("medium", "13.0 % of the rows equal another row in everything but id")


def test_a_frozen_value_is_told_as_a_person_would_write_it() -> None:
    frame = log().assign(n=np.random.default_rng(2).integers(0, 50, ROWS))
    frame.loc[400:600, "n"] = 7
    found = only(check_integrity(context(frame, windows=False)).findings, columns=("n",), kind="integrity")
    assert found.statement.startswith("n stays at 7 for 201 rows in a row, from 2026-01-12 22:40 UTC to ")


MONTHS = 6000
"""Rows of a log of 120 days from 2026-01-01 on, fifty a day; row 4,500 is the first of 2026-04-01."""
APRIL = Predicate.parse("at < 2026-03-15")


def long_log(**columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    label = rng.integers(0, 2, MONTHS)
    frame = pd.DataFrame({
        "id": range(MONTHS), "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(MONTHS) * 28.8, unit="min"),
        "g": rng.choice(list("abcdefgh"), MONTHS), "x": rng.normal(50, 10, MONTHS), "y": label,
        "p": np.where(rng.random(MONTHS) < 0.1, 1 - label, label),
    })  # fmt: skip
    return frame.assign(**columns)


def drawn(*levels: tuple[int, float]) -> np.ndarray:
    """0 and 1, at each level for so many rows; the rest at the last."""
    rates = np.concatenate([np.full(rows, rate) for rows, rate in levels])
    return (np.random.default_rng(4).random(MONTHS) < rates).astype(int)


def long_findings(frame: pd.DataFrame, *, windows: bool = False) -> list[Finding]:
    dataset = open_dataset(frame, ROLES)
    if windows:
        return list(check_integrity(Context(dataset, dataset.select(APRIL), dataset.exclude(APRIL))).findings)
    return list(check_integrity(Context(dataset)).findings)


@pytest.mark.parametrize("windows", [False, True])
def test_nothing_is_told_of_a_sound_long_log(*, windows: bool) -> None:
    assert long_findings(long_log(), windows=windows) == []


@pytest.mark.parametrize("windows", [False, True])
def test_an_error_rate_that_rose_names_label_and_prediction(*, windows: bool) -> None:
    label = long_log()["y"].to_numpy()
    frame = long_log(p=np.where(drawn((4500, 0.28), (1500, 0.5)), 1 - label, label))
    found = only(long_findings(frame, windows=windows), unit="error rate")
    assert (found.kind, found.columns, found.severity, found.standing) == ("drift", ("y", "p"), "high", False)
    assert found.onset is not None
    assert "2026-03-28" <= found.onset <= "2026-04-04"
    assert found.statement.startswith("the error rate is ")
    assert " on, against 2" in found.statement
    low, high = found.interval or (None, None)
    assert None not in (low, high, found.effect)
    assert low < found.effect < high  # type: ignore[operator]


def test_errors_that_fell_are_low_and_old_ones_standing() -> None:
    label = long_log()["y"].to_numpy()
    frame = long_log(p=np.where(drawn((2000, 0.4), (4000, 0.1)), 1 - label, label))
    found = only(long_findings(frame, windows=True), unit="error rate")
    assert (found.severity, found.standing) == ("low", True)


def test_an_old_change_of_the_label_does_not_hide_its_cut() -> None:
    label = drawn((1000, 0.05), (3000, 0.8), (2000, 1.0))
    findings = long_findings(long_log(y=label, p=label))
    cut = only(findings, unit="base rate")
    assert (cut.kind, cut.severity) == ("integrity", "critical")
    assert cut.onset is not None
    assert "2026-03-21" <= cut.onset <= "2026-03-23"
    old = only(findings, unit="share of positive labels")
    assert old.where.count(" and ") == 1


def test_a_level_that_came_and_went_is_one_finding_with_both_ends() -> None:
    label = long_log()["y"].to_numpy()
    frame = long_log(p=np.where(drawn((2000, 0.1), (1000, 0.5), (3000, 0.1)), 1 - label, label))
    found = only(long_findings(frame), unit="error rate")
    assert found.where.startswith("at >= 2026-02-")
    assert " and at < 2026-03-" in found.where
    assert " outside" in found.statement
    assert found.support == pytest.approx(1000, abs=50)


def test_a_slow_rise_is_told_though_no_step_of_it_is_large() -> None:
    label = long_log()["y"].to_numpy()
    rates = np.linspace(0.1, 0.24, MONTHS)
    wrong = np.random.default_rng(5).random(MONTHS) < rates
    assert any(item.unit == "error rate" for item in long_findings(long_log(p=np.where(wrong, 1 - label, label))))


def test_a_rare_label_that_died_is_critical() -> None:
    label = drawn((4000, 0.04), (2000, 0.0))
    found = only(long_findings(long_log(y=label)), kind="integrity")
    assert (found.columns, found.severity, found.unit) == (("y",), "critical", "base rate")


def test_a_rare_prediction_that_stopped_is_high() -> None:
    predicted = drawn((4000, 0.04), (2000, 0.0))
    found = only(long_findings(long_log(p=predicted)), unit="share of positive predictions")
    assert (found.kind, found.severity) == ("drift", "high")
    assert found.statement.startswith("nobody is predicted positive from 2026-03-2")
    found = only(long_findings(long_log(p=1 - predicted)), unit="share of positive predictions")
    assert found.statement.startswith("everybody is predicted positive from 2026-03-2")


@pytest.mark.parametrize("centre", [50, 0])
def test_a_number_in_another_unit_is_a_dated_defect(centre: float) -> None:
    """Around 0 the mean says nothing: the spread does."""
    x = long_log()["x"] - 50 + centre
    frame = long_log(x=np.where(np.arange(MONTHS) >= 4500, 1000 * x, x))
    found = only(long_findings(frame), kind="integrity")
    assert (found.columns, found.severity, found.unit) == (("x",), "high", "powers of ten")
    assert found.onset is not None
    assert "2026-03-30" <= found.onset <= "2026-04-02"
    outside = only(
        [item for item in long_findings(frame, windows=True) if "outside its former range" in item.statement], columns=("x",)
    )
    assert outside.onset == found.onset


def test_rows_without_a_time_and_with_one_that_cannot_be() -> None:
    at = long_log()["at"]
    [missing] = long_findings(long_log(at=at.where(np.arange(MONTHS) % 12 > 0)))
    assert (missing.columns, missing.severity) == (("at",), "medium")
    assert missing.statement.startswith("at is missing in 8.3 % of the rows")
    for year, words in ((2200, "in the future"), (1970, "before 1990-01-01")):
        odd = at.where(np.arange(MONTHS) % 50 > 0, pd.Timestamp(f"{year}-01-01"))
        assert any(f"at lies {words} in 2.0 % of the rows" in item.statement for item in long_findings(long_log(at=odd)))


def test_a_common_value_that_is_gone() -> None:
    group = long_log()["g"].where(lambda values: (values != "c") | (np.arange(MONTHS) < 3650), "d")
    found = only(long_findings(long_log(g=group), windows=True), columns=("g",))
    assert found.statement.startswith('g never holds "c" any more; it was 1')
    assert found.p is not None
    assert found.p < 1e-20


def test_subject_is_the_current_window_and_without_leaves_rows_out_everywhere() -> None:
    both = context(log())
    assert both.subject is both.current
    fewer = both.without(Predicate.parse('g = "a"'))
    assert fewer.dataset.rows + int((log()["g"] == "a").sum()) == ROWS
    assert fewer.reference is not None
    assert set(fewer.reference.frame["g"]) == set(fewer.subject.frame["g"]) == {"b"}
    assert replace(both, current=None, reference=None).subject is both.dataset


def test_words() -> None:
    assert [percent(0.4485), percent(None), percent(float("nan"))] == ["44.9 %", "not measured", "not measured"]
    assert [graded(effect, 0.1, 0.2) for effect in (0.05, -0.1, 0.2)] == ["low", "medium", "high"]
    assert moment(pd.Timestamp("2026-03-04")) == "2026-03-04"
    assert moment(pd.Timestamp("2026-03-04T02:10")) == "2026-03-04 02:10 UTC"


@pytest.mark.parametrize(("rate", "least", "most"), [(0.43, 1.3, 5.0), (0.9, 1.0, 1.3)])
def test_a_step_right_above_the_floor_may_be_a_smaller_one_that_chance_lifted(rate: float, least: float, most: float) -> None:
    """Told from 0.1 on: of a step of 0.13 the interval reaches farther down than that of the two shares; of 0.6 hardly."""
    frame = log()
    place = np.arange(ROWS) * 37 % 100
    frame["p"] = np.where(late(frame), place < 100 * rate, place < 30).astype(int)
    examined = check_integrity(Context(open_dataset(frame, ROLES)))
    [found] = [item for item in examined.findings if item.unit == "share of positive predictions"]
    assert examined.result is not None
    changes = examined.result.tables["changes"]
    change = changes[changes["series"] == "rate of prediction"].iloc[0]
    plain = newcombe(change.after * change.rows_after, change.rows_after, change.before * change.rows_before, change.rows_before)
    assert found.interval is not None
    assert found.interval[0] is not None
    assert found.effect is not None
    assert least <= (found.effect - found.interval[0]) / (found.effect - float(plain.low)) <= most
