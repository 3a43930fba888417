"""Leave to ask a production target. Nothing here sends it a request of its own without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import InputError
from workbench.models.target import Target


@dataclass(frozen=True)
class Approval:
    """Somebody's leave to ask a production target: who gave it, and the digest of the record's entry that says so."""

    by: str
    evidence: str

    def __post_init__(self) -> None:
        if not self.by or not self.evidence:
            raise InputError("an approval that says not who or where", self, "Give who approved, and the entry's digest.")


def require_approval(targets: Sequence[Target], approval: Approval | None) -> None:
    """Refuse an empty list of targets, and a production target that nobody approved.

    Raises
    ------
    InputError
        Naming the target.
    """
    if not targets:
        raise InputError("no targets to ask", None, "Give one or more.")
    for target in targets:
        if target.production and approval is None:
            do = "Ask a copy, or give the approval that the record holds."
            raise InputError("a production target is not asked without an approval", target.name, do)
