import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.digest import canonical_json
from workbench.errors import InputError, VerificationError
from workbench.evidence.statement import Claims, check_claims, make_statement, parse_moment, read_statement, to_milliseconds
from workbench.incident.chain import Head

HEX = "ab" * 32
CLAIMS = Claims(HEX, Head("INC-42", 4, f"sha256:{HEX}"), "2026-03-04T02:10:00.123+00:00", HEX, None)


def test_is_an_in_toto_statement_about_the_tag_manifest() -> None:
    statement = make_statement(CLAIMS)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": "tagmanifest-sha256.txt", "digest": {"sha256": HEX}}]


@pytest.mark.parametrize("previous", [None, f"sha256:{HEX}"])
def test_comes_back_as_it_was_made(previous: str | None) -> None:
    claims = Claims(CLAIMS.subject, CLAIMS.head, CLAIMS.sealed_at, CLAIMS.key_id, previous)
    assert read_statement(canonical_json(make_statement(claims))) == claims


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("incident", ""),
        ("incident", " x"),
        ("incident", "a\u001b[2Jb"),
        ("incident", 7),
        ("record.length", -1),
        ("record.length", True),
        ("record.length", 4.0),
        ("record.digest", HEX),
        ("record.extra", 1),
        ("sealed_at", "2026-03-04T02:10:00.123Z"),
        ("sealed_at", "2026-03-04T02:10:00.123"),
        ("sealed_at", "2026-03-04T03:10:00.123+01:00"),
        ("sealed_at", 7),
        ("key_id", HEX.upper()),
        ("key_id", []),
        ("previous", "none"),
        ("time_source", "authority"),
        ("extra", None),
    ],
)
def test_refuses_a_claim_of_another_form(path: str, value: object) -> None:
    statement = json.loads(canonical_json(make_statement(CLAIMS)))
    *folders, name = path.split(".")
    target = statement["predicate"]
    for folder in folders:
        target = target[folder]
    target[name] = value
    with pytest.raises(VerificationError, match="the signed statement"):
        read_statement(canonical_json(statement))


@pytest.mark.parametrize("name", ["_type", "subject", "predicateType", "predicate"])
def test_refuses_a_statement_without_one_of_its_parts(name: str) -> None:
    statement = {key: value for key, value in make_statement(CLAIMS).items() if key != name}
    with pytest.raises(VerificationError, match="the signed statement"):
        read_statement(canonical_json(statement))


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda part: st.lists(part) | st.dictionaries(st.text(), part)))
def test_refuses_any_other_json(value: object) -> None:
    with pytest.raises(VerificationError):
        read_statement(canonical_json(value))


def test_a_second_subject_is_refused() -> None:
    """Verifiers that look for any match, and those that look at the first, would disagree."""
    statement = make_statement(CLAIMS)
    statement["subject"] = [*statement["subject"], {"name": "other", "digest": {"sha256": HEX}}]  # type: ignore[misc]
    with pytest.raises(VerificationError):
        read_statement(canonical_json(statement))


def test_checks_claims_before_they_are_signed() -> None:
    check_claims(CLAIMS)
    with pytest.raises(InputError, match="not the digest of a previous seal"):
        check_claims(Claims(CLAIMS.subject, CLAIMS.head, CLAIMS.sealed_at, CLAIMS.key_id, "B.zip"))


@given(st.datetimes(timezones=st.timezones(), min_value=dt.datetime(1970, 1, 2), max_value=dt.datetime(9999, 12, 30)))  # noqa: DTZ001  hypothesis wants naive bounds
def test_a_time_is_kept_to_the_millisecond(moment: dt.datetime) -> None:
    error = moment - parse_moment(to_milliseconds(moment))
    assert dt.timedelta(0) <= error < dt.timedelta(milliseconds=1)


def test_a_naive_time_is_utc() -> None:
    assert to_milliseconds(dt.datetime(2026, 3, 4, 2, 10)) == "2026-03-04T02:10:00.000+00:00"  # noqa: DTZ001
