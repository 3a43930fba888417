"""Canonical JSON and content digests: the same content gives the same bytes, whoever writes it.

A digest is the text ``sha256:`` followed by 64 lower-case hexadecimal digits.
"""

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

BLOCK = 1 << 20


def to_plain(value: object) -> Plain:
    """`value` as JSON can hold it.

    NaN and infinity become null, times ISO 8601 in UTC, numpy scalars and arrays their Python counterparts, tuples and sets
    lists (sets sorted), paths text.

    Raises
    ------
    TypeError
        For a value that has no JSON form; a guess such as ``str(value)`` would not be stable.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((to_plain(item) for item in value), key=repr)
    if isinstance(value, dt.datetime | dt.date):
        return time_text(value)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    raise TypeError(f"no JSON form for {type(value).__name__}: {value!r}")


def time_text(value: dt.date) -> str | None:
    """A date or time in ISO 8601; a time in UTC without its offset where naive (naive times are UTC); NaT is None."""
    if value != value:  # noqa: PLR0124  NaT is the only date that differs from itself
        return None
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC)
    return value.isoformat()


def canonical_json(value: object) -> bytes:
    """`value` as UTF-8 JSON with sorted keys, no spaces and shortest floats."""
    text = json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest(value: object) -> str:
    """The digest of `value`'s canonical JSON."""
    return digest_bytes(canonical_json(value))


def digest_bytes(data: bytes) -> str:
    """The digest of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """The digest of the bytes of the file at `path`, read in blocks of 1 MiB."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            hasher.update(block)
    return "sha256:" + hasher.hexdigest()
