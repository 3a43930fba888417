"""Leave to ask a production target: in the record, by somebody else, for this very target, while the incident is open."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.errors import InputError, UnknownNameError
from workbench.incident.approvals import approve, find_approval
from workbench.incident.record import Record
from workbench.incident.state import create_incident

ASKED = {"target": "live", "digest": "sha256:a", "asker": "ada"}


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path / "record.db") as opened:
        create_incident(opened, "inc-1", "scores moved", "ada")
        yield opened


def give(record: Record, author: str, digest: str = "sha256:a") -> str:
    return approve(record, "inc-1", target="live", digest=digest, why="a copy is not at hand", by=author).digest


def test_the_last_approval_by_somebody_else_is_found(record: Record) -> None:
    give(record, "bob")
    last = give(record, "cyd")
    give(record, "ada")
    found = find_approval(record.entries("inc-1"), **ASKED)
    assert (found.digest, found.author) == (last, "cyd")


@pytest.mark.parametrize(
    ("author", "digest", "said"),
    [
        ("ada", "sha256:a", "nobody approves for themselves"),
        ("bob", "sha256:b", "inc-1 holds no approval"),
    ],
)
def test_nobody_s_own_and_another_target_s_are_none(record: Record, author: str, digest: str, said: str) -> None:
    give(record, author, digest)
    with pytest.raises(InputError, match=said) as raised:
        find_approval(record.entries("inc-1"), **ASKED)
    assert "workbench approve inc-1" in str(raised.value)


def test_a_closed_incident_gives_no_leave(record: Record) -> None:
    give(record, "bob")
    record.append("inc-1", "closed", {"why": "done"}, author="ada")
    with pytest.raises(InputError, match="closed"):
        find_approval(record.entries("inc-1"), **ASKED)
    with pytest.raises(InputError, match="closed"):
        give(record, "bob")


def test_an_approval_needs_a_reason_and_an_incident(record: Record) -> None:
    with pytest.raises(InputError, match="without a reason"):
        approve(record, "inc-1", target="live", digest="sha256:a", why=" ", by="bob")
    with pytest.raises(UnknownNameError, match="inc-1"):
        approve(record, "inc-2", target="live", digest="sha256:a", why="so", by="bob")
    assert [entry.kind for entry in record.entries("inc-1")] == ["opened"]
