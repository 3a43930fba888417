"""Kinds of result around the search and the comparison: what is published of COMPAS counts no one to nine people."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.complaints import find_cohort
from workbench.analysis.countercheck import counter_check
from workbench.analysis.decomposition import decompose
from workbench.analysis.disparity_time import disparity_over_time
from workbench.analysis.explain import explain_slice
from workbench.analysis.flips import flip_test
from workbench.analysis.guard import guard_data
from workbench.analysis.mitigation import preview_mitigations
from workbench.analysis.oaxaca import decompose_by_features
from workbench.analysis.proxies import find_proxies
from workbench.analysis.worklist import make_worklist
from workbench.data.dataset import Dataset, open_dataset
from workbench.digest import canonical_json
from workbench.models import python_target
from workbench.result import Result

PEOPLE = ("rows", "people", "size", "asked", "measured", "explained")
"""How columns and numbers that count people begin."""
ASIAN = 'race = "Asian"'


def model(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"decision": frame["priors_count"] > 2, "score": frame["priors_count"] / 40.0})


MADE: dict[str, Callable[[Dataset], Result]] = {
    "complaints": lambda data: find_cohort(data, data.frame.loc[data.frame["race"] == "Asian", "id"].tolist(), top=200),
    "countercheck": lambda data: counter_check(data, level=1, runs=2),
    "decomposition": lambda data: decompose(data, ["priors_count", "c_charge_degree"], "race", bootstrap=0),
    "disparity_time": lambda data: disparity_over_time(data, "race", every="week"),
    "explain": lambda data: explain_slice(data, ASIAN, model, evaluations=600),
    "flips": lambda data: flip_test(data, python_target(model), "race", groups=["Asian", "Caucasian", "Other"]),
    "guard": guard_data,
    "mitigation": lambda data: preview_mitigations(data, "race", remedies=["thresholds: equal selection rates"]),
    "oaxaca": lambda data: decompose_by_features(data, attribute="race"),
    "proxies": lambda data: find_proxies(data, "race", permutations=1, most=600),
    "worklist": lambda data: make_worklist(data, [ASIAN, "priors_count >= 12", "priors_count >= 13", "juv_fel_count < 5"]),
}


@pytest.fixture(scope="module")
def people() -> Dataset:
    """Fifteen hundred rows of COMPAS, of whom eight are Asian and three Native American."""
    from workbench.data.examples import find_example

    example = find_example("compas")
    whole = open_dataset(example.data, example.roles)
    rng = np.random.default_rng(1)
    few = {"Asian": 8, "Native American": 3, "Hispanic": 150, "Other": 80, "Caucasian": 500, "African-American": 759}
    races = {race: np.flatnonzero(whole.frame["race"] == race) for race in few}
    kept = [part for race, count in few.items() for part in rng.choice(races[race], count, replace=False)]
    frame = whole.frame.iloc[np.sort(kept)].reset_index(drop=True)
    return open_dataset(frame, {key: value for key, value in whole.given.said().items() if key != "identifiers"})


def told(table: pd.DataFrame) -> list[float]:
    """Every count of people in a table."""
    names = [name for name in table if str(name).startswith(PEOPLE) and "share" not in str(name)]
    return [float(value) for name in names for value in table[name] if value is not None and not pd.isna(value)]


@pytest.mark.parametrize("kind", sorted(MADE))
def test_no_count_of_one_to_nine_people_is_published(kind: str, people: Dataset) -> None:
    result = MADE[kind](people)
    assert result.kind == kind
    shown = result.published()
    for name, table in shown.tables.items():
        assert [count for count in told(table) if 0 < count < 10] == [], name
        if "suppressed" in table:
            hidden = table[table["suppressed"].astype(bool)]
            assert hidden[numeric(result.tables[name])].isna().all(axis=None), name
    counted = {name: count for name, count in shown.numbers.items() if name.startswith(PEOPLE) and isinstance(count, int)}
    assert not [name for name, count in counted.items() if 0 < count < 10]


def numeric(table: pd.DataFrame) -> list[str]:
    is_flag = pd.api.types.is_bool_dtype
    return [str(name) for name in table if pd.api.types.is_numeric_dtype(table[name]) and not is_flag(table[name])]


@pytest.mark.parametrize("kind", ["complaints", "worklist", "explain", "flips"])
def test_published_again_nothing_changes(kind: str, people: Dataset) -> None:
    once = MADE[kind](people).published()
    plain: Any = json.loads(canonical_json(once.to_dict()))
    assert json.loads(canonical_json(once.published().to_dict())) == plain
    assert json.loads(canonical_json(Result.from_dict(plain).published().to_dict())) == plain


def test_nested_slices_of_a_worklist_differ_by_no_exact_number(people: Dataset) -> None:
    shown = MADE["worklist"](people).published().tables["worklist"]
    assert all(count % 10 == 0 for count in shown["rows"].dropna())
    assert shown.loc[shown["where"] == ASIAN, ["rows", "reason"]].isna().all(axis=None)


def test_what_is_outside_a_slice_is_not_told_either(people: Dataset) -> None:
    shown = explain_slice(people, 'race != "Asian"', model, evaluations=600).published()
    assert shown.numbers["rows_inside"] is None
    assert shown.numbers["explained_outside"] is None
    assert shown.numbers["rows"] == people.rows
