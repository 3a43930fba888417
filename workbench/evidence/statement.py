"""The statement: what a seal signs and claims, as an in-toto Statement v1.

`make_statement` writes it and `read_statement` is its strict inverse: what it reads is exactly what `make_statement` would
have written, or it is refused.
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workbench.errors import InputError, VerificationError
from workbench.signing import read_canonical_json

if TYPE_CHECKING:
    from workbench.incident.chain import Head

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:workbench:sealed-incident:1"
SUBJECT: Final = "tagmanifest-sha256.txt"
HEX_64: Final = re.compile(r"[0-9a-f]{64}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
NEW_COPY: Final = "Ask the sender for a new copy"


@dataclass(frozen=True)
class Claims:
    """What a seal says.

    Parameters
    ----------
    subject
        SHA-256 of the bag's tag manifest, in hexadecimal.
    head
        The incident's id, and the length and last digest of its record.
    sealed_at
        The time by the signer's clock: UTC, ISO 8601 with three decimals and ``+00:00``.
    key_id
        The signer's key.
    previous
        Digest of the bundle sealed before this one; None for the first.
    """

    subject: str
    head: "Head"
    sealed_at: str
    key_id: str
    previous: str | None = None


def make_statement(claims: Claims) -> dict[str, object]:
    """The in-toto Statement to sign."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": SUBJECT, "digest": {"sha256": claims.subject}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "incident": claims.head.incident,
            "record": {"length": claims.head.length, "digest": claims.head.digest},
            "sealed_at": claims.sealed_at,
            "time_source": "signer",
            "key_id": claims.key_id,
            "previous": claims.previous,
        },
    }


def read_statement(data: bytes) -> Claims:
    """The claims in the canonical JSON of a statement.

    Raises
    ------
    VerificationError
        When a field is missing, unknown, of the wrong type or form, or spelled another way.
    """
    from workbench.incident.chain import Head

    statement = read_canonical_json(data, "the signed statement")
    try:
        predicate = statement["predicate"]  # type: ignore[index]  # a statement that is no mapping is caught below
        subject = statement["subject"][0]["digest"]["sha256"]  # type: ignore[index]
        head = Head(predicate["incident"], predicate["record"]["length"], predicate["record"]["digest"])
        claims = Claims(subject, head, predicate["sealed_at"], predicate["key_id"], predicate["previous"])
    except (KeyError, IndexError, TypeError) as exc:
        raise VerificationError("the signed statement lacks a field", repr(exc), NEW_COPY) from exc
    try:
        check_claims(claims)
    except InputError as exc:
        raise VerificationError(f"the signed statement: {exc.what}", exc.value, NEW_COPY) from exc
    if statement != make_statement(claims):
        raise VerificationError("the signed statement has fields that do not belong to it", ascii(statement), NEW_COPY)
    return claims


def check_claims(claims: Claims) -> None:
    """Raise an `InputError` for a claim that is of the wrong type or form."""
    incident, length = claims.head.incident, claims.head.length
    if not isinstance(incident, str) or not incident.isprintable() or not incident or incident != incident.strip():
        raise InputError("an incident id is one printable line", ascii(incident), "Give the incident's id")
    if type(length) is not int or length < 0:
        raise InputError("the length of a record is a whole number from 0", length, "Give the head of the record")
    for name, value, pattern in (
        ("subject", claims.subject, HEX_64),
        ("key id", claims.key_id, HEX_64),
        ("head of the record", claims.head.digest, DIGEST),
        ("previous seal", claims.previous, DIGEST),
    ):
        if not (value is None and name == "previous seal") and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise InputError(f"not the digest of a {name}", ascii(value), f"It has the form {pattern.pattern}")
    parse_moment(claims.sealed_at)


def to_milliseconds(moment: dt.datetime) -> str:
    """`moment` in UTC, ISO 8601 with three decimals and ``+00:00``, the one form RO-Crate's checker accepts."""
    aware = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    return aware.isoformat(timespec="milliseconds")


def parse_moment(text: str) -> dt.datetime:
    """The time that `text` spells, in the one form that `to_milliseconds` writes; an `InputError` for any other."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except (ValueError, TypeError) as exc:
        raise InputError("not a time", ascii(text), "Give ISO 8601") from exc
    if moment.tzinfo is None or to_milliseconds(moment) != text:
        raise InputError("a time that is not in UTC with three decimals", ascii(text), "Give it as to_milliseconds writes it")
    return moment
