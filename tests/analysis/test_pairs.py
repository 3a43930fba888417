"""Which group is held against which: by rule, by name, with missing as a group, and never a group against itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.pairs import choose_pair, code_groups
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, RolesError, UnknownNameError
from workbench.predicate import Predicate

ROLES = {"prediction": "p", "favorable": 1, "groups": ["g"]}


def log() -> Dataset:
    """Selection rates .8 of a, .5 of b, .2 of c (all large), 0 of a tiny d; four rows without a group."""
    frame = pd.DataFrame({
        "g": pd.Series(np.repeat(np.array(["a", "b", "c", "d", None], object), [30, 40, 30, 3, 4]), dtype="str"),
        "p": [1] * 24 + [0] * 6 + [1] * 20 + [0] * 20 + [1] * 6 + [0] * 24 + [0] * 3 + [1] * 4,
    })  # fmt: skip
    return open_dataset(frame, ROLES)


def test_lowest_rate_is_held_against_the_highest_of_the_large_groups() -> None:
    pair = choose_pair(log())
    assert (pair.group, pair.reference) == ("c", "a")
    assert (pair.inside.sum(), pair.outside.sum()) == (30, 30)
    assert str(pair.where) == 'g = "c"'
    assert log().select(pair.where).rows == 30


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"reference": "largest"}, ("c", "b")),
        ({"group": "b"}, ("b", "a")),
        ({"group": "d", "reference": "b"}, ("d", "b")),
        ({"group": "missing"}, ("missing", "a")),
        ({"group": "a", "reference": "everybody else"}, ("a", "everybody else")),
    ],
)
def test_groups_may_be_named(options: dict[str, Any], expected: tuple[str, str]) -> None:
    pair = choose_pair(log(), **options)
    assert (pair.group, pair.reference) == expected
    assert not (pair.inside & pair.outside).any()


def test_without_a_favourable_value_the_largest_are_compared() -> None:
    pair = choose_pair(open_dataset(log().frame, {"prediction": "p", "groups": ["g"]}))
    assert (pair.group, pair.reference) == ("a", "b")


def test_codes_are_the_groups_of_the_rows() -> None:
    dataset = log()
    codes, wheres, labels = code_groups(dataset, "g")
    for code, where in enumerate(wheres):
        assert ((codes == code) == where.mask(dataset.frame)).all()
    assert labels == ("a", "b", "c", "d", "missing")


def test_compas_compares_the_published_groups(compas: Path, compas_roles: dict[str, Any]) -> None:
    pair = choose_pair(open_dataset(compas, compas_roles))
    assert pair.said() == {"attribute": "race", "group": "African-American", "reference": "Caucasian"}
    assert (pair.inside.sum(), pair.outside.sum()) == (3696, 2454)


def test_any_two_selections_are_a_pair() -> None:
    dataset = log()
    group, reference = Predicate.parse('g = "c" and p = 0'), Predicate.parse('g in {"a", "b"}')
    pair = choose_pair(dataset, group=group, reference=reference)
    assert (pair.inside.sum(), pair.outside.sum(), pair.columns) == (24, 70, ("g", "p"))
    assert choose_pair(dataset, group=group).reference == "everybody else"
    with pytest.raises(InputError, match="share none"):
        choose_pair(dataset, group=group, reference=Predicate.parse('g = "c"'))
    with pytest.raises(InputError, match="needs a selection"):
        choose_pair(dataset, group=group, reference="a")


def test_what_is_no_pair_is_refused() -> None:
    with pytest.raises(InputError, match="against itself"):
        choose_pair(log(), group="a", reference="a")
    with pytest.raises(UnknownNameError, match="missing"):
        choose_pair(log(), group="z")
    with pytest.raises(UnknownNameError):
        choose_pair(log(), reference="z")
    with pytest.raises(UnknownNameError):
        choose_pair(log(), "nowhere")
    with pytest.raises(RolesError, match="never guessed"):
        choose_pair(open_dataset(log().frame, {"prediction": "p"}))
    with pytest.raises(InputError, match="one group only"):
        choose_pair(open_dataset(pd.DataFrame({"g": ["a", "a"], "p": [0, 1]}), ROLES))


def test_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        choose_pair(log().select(Predicate.parse('g = "nobody"')))
