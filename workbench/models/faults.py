"""What can go wrong with an answer, as kinds: a fault is recorded as ``kind: detail`` and counted by its kind."""

from __future__ import annotations

from typing import Final

FAULTS: Final = ("timeout", "no connection", "status", "broken answer", "wrong shape", "not a number", "not sent", "exception")


def fault_kind(error: str) -> str:
    """The kind of a recorded error; ``exception`` for what names none, as a model's own exceptions do."""
    head = error.partition(":")[0]
    return head if head in FAULTS else "exception"
