"""A line in the cell while something is measured: only in a notebook, and gone afterwards."""

from types import SimpleNamespace
from typing import Any

import pytest

from workbench.incident.pins import RUN_VARIABLE
from workbench.widgets import progress
from workbench.widgets.progress import Progress


class Cell:
    """What a front end would show."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, data: Any, **_: object) -> "Cell":
        self.shown.append(data["text/plain"])
        return self

    def update(self, data: Any, **_: object) -> None:
        self.shown.append(data["text/plain"])


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    made = Cell()
    monkeypatch.setattr(progress, "display", made.display)
    monkeypatch.setattr(progress, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    return made


def work(*, wanted: bool = True) -> None:
    with Progress("Measuring 5 rows", wanted=wanted) as line:
        line.tell("who fares how")
        line.tell("since when")


def test_each_step_is_said_and_the_line_is_emptied(cell: Cell) -> None:
    work()
    assert cell.shown == ["Measuring 5 rows: who fares how …", "Measuring 5 rows: since when …", ""]


def test_it_is_emptied_when_the_work_fails(cell: Cell) -> None:
    def fail() -> None:
        with Progress("Measuring") as line:
            line.tell("first")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert cell.shown[-1] == ""


def test_where_nobody_waits_nothing_is_shown(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    work(wanted=False)
    monkeypatch.setenv(RUN_VARIABLE, "1")
    work()
    monkeypatch.delenv(RUN_VARIABLE)
    monkeypatch.setattr(progress, "get_ipython", lambda: None)
    work()
    assert cell.shown == []
