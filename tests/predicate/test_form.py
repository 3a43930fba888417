import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.errors import PredicateError
from workbench.predicate import Membership, Predicate

FORMS = {
    "all rows": [],
    "age < 30": [{"column": "age", "op": "<", "value": 30}],
    "hour(t) >= 22": [{"column": "t", "function": "hour", "op": ">=", "value": 22}],
    'a in {"x", "y"}': [{"column": "a", "op": "in", "values": ["x", "y"]}],
    "a not in {true}": [{"column": "a", "op": "not in", "values": [True]}],
    "a in [0.5, 2)": [{"column": "a", "op": "within", "low": 0.5, "high": 2}],
    "a is missing": [{"column": "a", "op": "is missing"}],
    "a is not missing": [{"column": "a", "op": "is not missing"}],
    "t < 2026-01-31": [{"column": "t", "op": "<", "value": {"time": "2026-01-31T00:00:00+00:00"}}],
    "a = 9007199254740993": [{"column": "a", "op": "=", "value": {"number": "9007199254740993"}}],
    "a = -1e+16": [{"column": "a", "op": "=", "value": {"number": "-1e+16"}}],
    'a = "2026-01-31"': [{"column": "a", "op": "=", "value": "2026-01-31"}],
}


@pytest.mark.parametrize(("text", "conditions"), FORMS.items())
def test_the_json_form_is_the_documented_one(text: str, conditions: list[dict[str, Any]]) -> None:
    predicate = Predicate.parse(text)
    assert predicate.to_dict() == {"conditions": conditions}
    assert Predicate.from_dict({"conditions": conditions}) == predicate


def through_a_browser(text: str) -> Any:
    """JSON as a browser hands it back: every number passes through a double, and an integral one is written without a point."""

    def double(number: str) -> float:
        value = float(number)
        return int(value) if value.is_integer() and abs(value) < 1e21 else value

    return json.loads(text, parse_int=double, parse_float=double)


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(2**53 - 2, 2**53 + 2)


@given(
    st.one_of(st.lists(kind, min_size=1) for kind in (NUMBERS, st.text(), st.booleans(), st.datetimes(timezones=st.just(dt.UTC))))
)
@example([2.0**53])
def test_the_json_form_survives_a_browser(values: list[Any]) -> None:
    predicate = Predicate((Membership("a", tuple(values)),))
    again = Predicate.from_dict(through_a_browser(json.dumps(predicate.to_dict())))
    assert again == predicate


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ([], "not an object"),
        ({}, "no key `conditions`"),
        ({"conditions": [], "version": 1}, "an unknown key in the JSON form of a predicate: version. Keys: conditions"),
        ({"conditions": {}}, "not a list"),
        ({"conditions": ["a = 1"]}, "not an object"),
        ({"conditions": [{"column": "a"}]}, "no key `op`"),
        ({"conditions": [{"column": "a", "op": "like", "value": "x"}]}, "no such op .*: like. Use one of: =, !="),
        ({"conditions": [{"column": "a", "op": ["="], "value": 1}]}, "no such op"),
        ({"conditions": [{"column": "a", "op": "="}]}, "no key `value`"),
        ({"conditions": [{"column": "a", "op": "=", "value": 1, "values": [1]}]}, "unknown key .*: values"),
        ({"conditions": [{"column": "a", "op": "in", "values": [1], "function": "hour"}]}, "unknown key .*: function"),
        ({"conditions": [{"column": "a", "op": "in", "values": "xy"}]}, "not a list"),
        ({"conditions": [{"column": "a", "op": "=", "value": 1, "function": "year"}]}, "no such function: year"),
        ({"conditions": [{"column": 1, "op": "is missing"}]}, "the name of a column is text"),
        ({"conditions": [{"column": "a", "op": "=", "value": None}]}, "a missing value"),
        ({"conditions": [{"column": "a", "op": "=", "value": [1]}]}, "no column compares with a list"),
        ({"conditions": [{"column": "a", "op": "=", "value": {"day": "2026-01-31"}}]}, "unknown value"),
        ({"conditions": [{"column": "a", "op": "=", "value": {}}]}, "unknown value"),
        ({"conditions": [{"column": "a", "op": "=", "value": {"time": "1"}}]}, "not a time"),
        ({"conditions": [{"column": "a", "op": "=", "value": {"time": 1}}]}, "not text"),
        ({"conditions": [{"column": "a", "op": "=", "value": {"number": "1 2"}}]}, "Expected the end"),
        ({"conditions": [{"column": "a", "op": "=", "value": {"number": "true"}}]}, "not a number"),
    ],
)
def test_what_is_not_the_json_form_is_refused(form: object, why: str) -> None:
    with pytest.raises(PredicateError, match=why):
        Predicate.from_dict(form)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.fixed_dictionaries(
        {"column": st.just("a") | JSON, "op": st.sampled_from(["=", "in", "within", "is missing"]) | JSON},
        optional={"value": JSON, "values": JSON, "low": JSON, "high": JSON, "function": JSON},
    ),
)
def test_any_json_is_a_predicate_or_a_predicate_error(condition: dict[str, Any]) -> None:
    try:
        predicate = Predicate.from_dict({"conditions": [condition]})
    except PredicateError:
        return
    assert Predicate.from_dict(predicate.to_dict()) == predicate
