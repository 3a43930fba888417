"""Domains: what an input may be, and where an attacker can go from it."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.constraints import Column, Domain
from workbench.errors import InputError, UnknownNameError

CREDIT = pd.DataFrame({
    "age": [30, 41, 55, 62],
    "accounts": [3, 5, 2, 8],
    "open": [1, 5, 0, 4],
    "income": [1200.5, 900.0, 3100.0, np.nan],
    "purpose": ["car", "home", "car", None],
    "member": [True, False, True, True],
})  # fmt: skip


@pytest.fixture
def domain() -> Domain:
    return Domain.infer(CREDIT, immutable=["age"], directions={"accounts": "up"}, relations=["open <= accounts"])


def test_types_ranges_and_values_are_read_from_the_data(domain: Domain) -> None:
    kinds = {column.name: column.kind for column in domain.columns}
    assert kinds == {
        "age": "integer", "accounts": "integer", "open": "integer", "income": "number", "purpose": "category",
        "member": "category",
    }  # fmt: skip
    assert (domain.columns[3].low, domain.columns[3].high) == (900.0, 3100.0)
    assert domain.columns[4].values == ("car", "home")


def test_a_frame_comes_back_with_its_types(domain: Domain) -> None:
    pd.testing.assert_frame_equal(domain.decode(domain.encode(CREDIT), CREDIT), CREDIT)


MATRIX = st.lists(st.lists(st.floats(-1e4, 1e4), min_size=6, max_size=6), min_size=4, max_size=4)


@given(MATRIX)
def test_projecting_twice_is_projecting_once_and_keeps_each_column_s_rule(cells: list[list[float]]) -> None:
    domain = Domain.infer(CREDIT, immutable=["age"], directions={"accounts": "up"})
    start = domain.encode(CREDIT)
    once = domain.project(np.array(cells), start)
    np.testing.assert_array_equal(domain.project(once, start), once)
    assert (once[:, 0] == start[:, 0]).all()
    assert (once[:, 1] >= start[:, 1]).all()
    assert np.isnan(once[3, 3])
    assert domain.valid(once, start).all()


def brute_valid(row: np.ndarray, start: np.ndarray) -> bool:
    """The rules of `domain`, one by one."""
    age, accounts, open_, income, purpose, member = row
    numbers = age == start[0] and max(2, start[1]) <= accounts <= 8 and 0 <= open_ <= 5
    whole = all(value == round(value) for value in (accounts, open_, purpose, member))
    money = 900 <= income <= 3100 if not np.isnan(start[3]) else np.isnan(income)
    return bool(numbers and whole and money and 0 <= purpose <= 1 and 0 <= member <= 1 and open_ <= accounts)


@given(st.integers(2, 9), st.integers(-1, 6), st.sampled_from([899.0, 900.0, 1500.5, 3200.0]), st.sampled_from([0, 0.5, 1, 2]))
def test_validity_is_every_rule_at_once(accounts: int, open_: int, income: float, purpose: float) -> None:
    domain = Domain.infer(CREDIT, immutable=["age"], directions={"accounts": "up"}, relations=["open <= accounts"])
    start = domain.encode(CREDIT)[:1]
    row = np.array([[30, accounts, open_, income, purpose, 1]], dtype=float)
    assert domain.valid(row, start)[0] == brute_valid(row[0], start[0])


@pytest.mark.parametrize(
    ("relation", "holds"),
    [("open < accounts", [1, 0, 1, 1]), ("open + age >= 46", [0, 1, 1, 1]), ("accounts - open = 2", [1, 0, 1, 0]),
     ("2 <= accounts", [1, 1, 1, 1])],
)  # fmt: skip
def test_relations_are_sums_compared(relation: str, holds: list[int]) -> None:
    plain = Domain.infer(CREDIT)
    found = Domain(plain.columns, (relation,)).broken_relations(plain.encode(CREDIT))[0]
    assert (~found).astype(int).tolist() == holds


def test_a_relation_that_the_data_breaks_is_refused() -> None:
    with pytest.raises(InputError, match="data breaks"):
        Domain.infer(CREDIT, relations=["open < accounts"])


@pytest.mark.parametrize("relation", ["open", "open <= nothing_of_that_name", "open ~ accounts"])
def test_what_is_no_relation_is_refused(relation: str) -> None:
    with pytest.raises(InputError):
        Domain.infer(CREDIT, relations=[relation])


def test_an_unknown_column_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="accounts"):
        Domain.infer(CREDIT, immutable=["acounts"])


def test_cost_is_the_distance_in_scales_and_a_category_costs_its_weight() -> None:
    domain = Domain((Column("a", scale=2.0), Column("b", scale=1.0, weight=3.0), Column("c", "category", values=("x", "y"))))
    start, end = np.array([[0.0, 0.0, 0.0]]), np.array([[4.0, 1.0, 1.0]])
    assert domain.cost(end, start)[0] == pytest.approx(np.sqrt(4 + 9 + 1))


def test_a_domain_survives_json(domain: Domain) -> None:
    assert Domain.from_dict(json.loads(json.dumps(domain.to_dict()))) == domain


@pytest.mark.parametrize("change", [{"kind": "real"}, {"direction": "left"}, {"scale": 0.0}])
def test_words_that_mean_nothing_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Column("a", **change)
