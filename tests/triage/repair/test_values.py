"""Repairs as algebra: what was done to a column exactly is undone exactly, and a sound column stays as it is."""

import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.causes.sound import ONSET, sound_log
from tests.triage.repair.conftest import context_of, finding
from workbench.analysis.causes.samples import Samples
from workbench.errors import InputError
from workbench.result import Finding
from workbench.triage.repair.cases import Cases, cases_of
from workbench.triage.repair.values import clock_repair, repair_of, written_back

CLEAN = sound_log(3000)
LATE = (CLEAN["at"] >= ONSET).to_numpy()
SHARES = (0.4, 0.27, 0.17, 0.1, 0.06)
OTHERS = ["age", "source"]


def broken(column: str, values: pd.Series) -> Cases:
    frame = CLEAN.assign(**{column: CLEAN[column].where(~LATE, values)})
    return cases_of(finding("unit error", column), context_of(frame), column)


def mended(given_finding: Finding, cases: Cases, column: str) -> pd.Series:
    repair = repair_of(given_finding, column, cases, [name for name in OTHERS if name != column], 0)
    rows = cases.now.of(cases.affected).of(repair.reached)
    return repair.mend(rows.frame, np.random.default_rng(0))[column]


def true(column: str) -> pd.Series:
    return CLEAN[column][LATE].reset_index(drop=True)


@given(st.sampled_from([10.0, 100.0, 1000.0, 12.0, 365.25, 2.54, 1.609344]), st.booleans())
def test_a_factor_is_divided_out(factor: float, down: bool) -> None:  # noqa: FBT001  drawn
    times = 1 / factor if down else factor
    cases = broken("amount", CLEAN["amount"] * times)
    found = mended(finding("unit error", "amount", effect=float(np.log10(times)), unit="powers of ten"), cases, "amount")
    np.testing.assert_allclose(found.to_numpy(), true("amount").to_numpy(), rtol=1e-4)


def test_whole_numbers_come_back_whole() -> None:
    cases = broken("age", CLEAN["age"] * 365.25)
    found = mended(finding("unit error", "age", effect=float(np.log10(365.25)), unit="powers of ten"), cases, "age")
    assert found.to_numpy().tolist() == true("age").tolist()


@given(st.permutations(list("ABCDE")), st.lists(st.sampled_from(string.ascii_lowercase), min_size=5, max_size=5, unique=True))
def test_written_back_is_the_inverse_of_new_names(order: list[str], names: list[str]) -> None:
    """Values of clearly different shares, each written otherwise: 1,000 rows of exactly these shares, before and after."""
    values = np.repeat(order, [round(1000 * share) for share in SHARES])
    ring = {value: f"{name}-{number}" for number, (value, name) in enumerate(zip(order, names, strict=True))}
    back = written_back(Samples(pd.Series(values), pd.Series([ring[value] for value in values])))
    assert back == {written: value for value, written in ring.items()}


@given(st.lists(st.sampled_from(list("ABCDE")), min_size=1, max_size=4, unique=True))
def test_written_back_goes_by_the_letters_where_these_agree(changed: list[str]) -> None:
    values = np.repeat(list("ABCDE"), 200)  # equal shares: only the letters tell
    written = pd.Series([f" {value.lower()}." if value in changed else value for value in values])
    assert written_back(Samples(pd.Series(values), written)) == {f" {value.lower()}.": value for value in changed}


@given(st.sampled_from(["AE", "AD", "BE"]))
def test_two_values_that_changed_places_change_back(pair: str) -> None:
    ring = {pair[0]: pair[1], pair[1]: pair[0]}
    cases = broken("grade", CLEAN["grade"].replace(ring))
    found = CLEAN["grade"][LATE].replace(ring).reset_index(drop=True)
    back = mended(finding("recoded values", "grade"), cases, "grade")
    found.loc[found.isin(list(ring))] = back.to_numpy()
    assert found.tolist() == true("grade").tolist()


def test_only_rows_that_were_broken_are_changed() -> None:
    values = CLEAN["grade"].replace({"B": "b"})
    cases = broken("grade", values)
    repair = repair_of(finding("recoded values", "grade"), "grade", cases, OTHERS, 0)
    assert repair.reached.sum() == (values[LATE] == "b").sum()


@pytest.mark.parametrize(("shift", "stretch"), [(-500.0, 1.0), (12.5, 1.0), (0.0, 2.2), (300.0, 0.5)])
def test_rank_for_rank_undoes_a_shift_and_a_stretch(shift: float, stretch: float) -> None:
    cases = broken("age", CLEAN["age"] * stretch + shift)
    found = mended(finding("training/serving skew", "age"), cases, "age")
    assert np.abs(found.to_numpy() - true("age").to_numpy()).mean() < 3


def test_rank_for_rank_moves_no_column_that_lies_as_before() -> None:
    with pytest.raises(InputError, match="distributed as before, so that nothing tells what it should hold: age"):
        mended(finding("training/serving skew", "age"), broken("age", CLEAN["age"]), "age")


def test_what_is_missing_is_drawn_and_the_rest_stays() -> None:
    cases = broken("age", CLEAN["age"].astype(float).mask(CLEAN.index % 3 == 0))
    repair = repair_of(finding("nulls", "age", unit="missing share"), "age", cases, ["source"], 0)
    assert repair.reached.sum() == (CLEAN.index[LATE] % 3 == 0).sum()
    rows = cases.now.of(cases.affected).of(repair.reached)
    assert repair.mend(rows.frame, np.random.default_rng(0))["age"].notna().all()


def test_a_stand_in_is_drawn_anew() -> None:
    cases = broken("age", CLEAN["age"].mask(CLEAN.index % 3 == 0, -1))
    repair = repair_of(finding("nulls", "age"), "age", cases, ["source"], 0)
    rows = cases.now.of(cases.affected).of(repair.reached)
    assert (rows.column("age") == -1).all()
    assert (repair.mend(rows.frame, np.random.default_rng(0))["age"] >= 18).all()


def test_merged_values_are_drawn_from_those_that_were_merged() -> None:
    cases = broken("grade", CLEAN["grade"].replace({"C": "A"}))
    found = mended(finding("merged values", "grade"), cases, "grade")
    assert set(found) == {"A", "C"}


def test_too_few_rows_of_before_are_refused() -> None:
    frame = CLEAN.assign(age=CLEAN["age"].astype(float).mask((CLEAN.index > 40) | LATE))
    cases = cases_of(finding("nulls", "age"), context_of(frame), "age")
    with pytest.raises(InputError, match="too few rows from before to draw values from"):
        repair_of(finding("nulls", "age", unit="missing share"), "age", cases, ["source"], 0)


def test_a_clock_of_which_no_column_is_made_is_said() -> None:
    cases = broken("age", CLEAN["age"])
    with pytest.raises(InputError, match="no column that the model reads is a part of the time"):
        clock_repair(finding("shifted clock", "at", effect=5.0, unit="hours"), ("age", "amount", "grade"), cases)
    with pytest.raises(InputError, match="by how much the clock is off is not known"):
        clock_repair(finding("shifted clock", "at"), ("age",), cases)
