"""The drift page shows what its runbook left, in the runbook's words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.triage.files import write_triage

NAME = "drift"
Ran = Callable[[str], Path]
Shown = Callable[[str], tuple[str, list[Any]]]


def test_drift_shows_what_moved_with_its_denominators(ran: Ran, inspected: Any, shown: Shown) -> None:
    write_triage(inspected, ran(NAME))
    text, figures = shown(NAME)
    assert "decisions now and" in text
    assert any("Columns by how far they moved" in str(figure.layout.title.text) for figure in figures)
