"""A hunt finds each way of probing that was put into a log, says since when and where, and is silent where nothing was."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.hunting import hunt
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.result import Result

Loans = Callable[..., pd.DataFrame]
Opened = Callable[..., Dataset]
BEFORE = Predicate.parse("time < 2026-02-01")


def patterns(result: Result) -> list[dict[str, Any]]:
    return result.tables["patterns"].to_dict("records")


def only(result: Result, kind: str) -> dict[str, Any]:
    [found] = [row for row in patterns(result) if row["pattern"] == kind]
    return found


def attackers(frame: pd.DataFrame) -> np.ndarray:
    return (frame["id"] >= 10**6).to_numpy()


def test_a_quiet_log_shows_no_trace(loans: Loans, opened: Opened) -> None:
    dataset = opened(loans())
    assert patterns(hunt(dataset)) == []
    assert hunt(dataset).numbers["not_looked_for"] == ["burst", "recurrence"]
    assert patterns(hunt(dataset.exclude(BEFORE), dataset.select(BEFORE))) == []


@pytest.mark.parametrize("windows", [1, 2])
def test_an_evasion_burst_is_found_with_its_date_and_no_recording(windows: int, loans: Loans, opened: Opened) -> None:
    dataset = opened(loans("evaded"))
    result = hunt(dataset.exclude(BEFORE), dataset.select(BEFORE)) if windows == 2 else hunt(dataset)
    found = only(result, "crowding")
    assert found["low"] > 0.1
    assert found["p"] < 1e-4
    assert abs(found["onset"] - pd.Timestamp("2026-02-10")) < pd.Timedelta(days=3)
    assert found["earliest"] <= found["onset"] <= found["latest"]
    rows = Predicate.parse(found["where"]).mask(dataset.frame)
    assert attackers(dataset.frame)[rows].mean() > 0.5


def test_one_column_swept_is_a_lattice_of_that_column(loans: Loans, opened: Opened) -> None:
    dataset = opened(loans("swept"))
    found = only(hunt(dataset), "lattice")
    assert found["columns"] == ["income"]
    assert found["rows"] == pytest.approx(120, abs=3)
    assert found["onset"].date() == pd.Timestamp("2026-02-10").date()
    rows = Predicate.parse(found["where"]).mask(dataset.frame)
    assert (attackers(dataset.frame) & rows).sum() >= 115
    assert rows.sum() <= 130


def test_small_steps_in_several_columns_are_a_walk_that_flips_decisions(loans: Loans, opened: Opened) -> None:
    found = only(hunt(opened(loans("walked"))), "walk")
    assert found["rows"] == pytest.approx(120, abs=6)
    flips = int(found["statement"].rpartition("; ")[2].split(" %")[0])
    assert flips > 20


def test_runs_are_found_without_times_scores_and_decisions(loans: Loans, opened: Opened) -> None:
    dataset = opened(loans("swept"), time=None, score=None, prediction=None, favorable=None)
    result = hunt(dataset)
    found = only(result, "lattice")
    assert result.numbers["not_looked_for"] == ["crowding", "burst", "recurrence"]
    assert pd.isna(found["onset"])
    assert "of the steps" not in found["statement"]


def test_a_log_that_lies_sorted_has_no_order_of_arrival(loans: Loans, opened: Opened) -> None:
    frame = loans("swept").sort_values(["region", "job", "debts", "age"])
    assert patterns(hunt(opened(frame, time=None))) == []


def test_interleaved_callers_are_told_apart_where_they_are_known(loans: Loans, opened: Opened) -> None:
    """One row in fifty is the attacker's: no scan in order of time sees it, a scan by caller does."""
    frame = loans("swept")
    hidden = frame.assign(
        time=frame["time"].where(~attackers(frame), frame["time"].sample(len(frame), random_state=3).to_numpy())
    )
    hidden["client"] = np.where(attackers(hidden), "x9", np.random.default_rng(4).choice(["app", "web"], len(hidden)))
    dataset = opened(hidden.sort_values("time"))
    assert [row["pattern"] for row in patterns(hunt(dataset))] == []
    assert only(hunt(dataset, caller="client"), "lattice")["rows"] == pytest.approx(120, abs=3)


def test_a_caller_that_asks_more_is_a_burst(loans: Loans, opened: Opened) -> None:
    frame = loans("evaded")
    frame["client"] = np.where(attackers(frame), "x9", np.random.default_rng(4).choice(["app", "web"], len(frame)))
    found = only(hunt(opened(frame), caller="client"), "burst")
    assert found["where"].startswith('client = "x9" and time ')
    assert found["effect"] == pytest.approx(150 / (frame["time"] >= "2026-02-10").sum(), abs=0.02)


def test_a_caller_that_is_unknown_or_an_identifier_is_refused(loans: Loans, opened: Opened) -> None:
    with pytest.raises(InputError, match="no such column"):
        hunt(opened(loans()), caller="client")
    with pytest.raises(InputError, match="identifier"):
        hunt(opened(loans().assign(client="a"), identifiers=["client"]), caller="client")


def test_what_was_so_before_is_standing(loans: Loans, opened: Opened) -> None:
    frame = loans("swept")
    early = frame[attackers(frame)].assign(
        time=lambda data: data["time"] - pd.Timedelta(days=30), id=lambda data: data["id"] + 10**6
    )
    dataset = opened(pd.concat([frame, early]).sort_values("time"))
    found = only(hunt(dataset.exclude(BEFORE), dataset.select(BEFORE)), "lattice")
    assert found["standing"]


def test_missing_values_are_no_likeness(loans: Loans, opened: Opened) -> None:
    """Five columns lost for some days: those rows are alike in nothing but what is missing."""
    frame = loans()
    lost = frame["time"].between("2026-02-10", "2026-02-15")
    frame = frame.astype({"debts": float, "age": float})
    frame.loc[lost, ["debts", "age", "amount"]] = np.nan
    frame.loc[lost, ["region", "job"]] = None
    assert patterns(hunt(opened(frame))) == []


def test_the_same_request_again_and_again_is_no_run(loans: Loans, opened: Opened) -> None:
    frame = loans()
    retried = pd.concat([frame, pd.concat([frame.iloc[[3000]]] * 100)]).sort_values("time", kind="stable")
    assert patterns(hunt(opened(retried))) == []


def test_two_runs_of_a_hunt_say_the_same(loans: Loans, opened: Opened) -> None:
    dataset = opened(loans("walked"))
    assert hunt(dataset).digest == hunt(dataset).digest


def test_nothing_shown_speaks_of_fewer_than_ten(loans: Loans, opened: Opened) -> None:
    shown = hunt(opened(loans("swept"))).published().tables["activity"]
    told = shown.loc[~shown["suppressed"].astype(bool), "rows"]
    assert len(told)
    assert (told % 10 == 0).all()
