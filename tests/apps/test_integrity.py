"""The integrity page shows what its runbook left, in the runbook's words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.triage.files import SOUNDNESS, write_triage

NAME = "integrity"
Ran = Callable[[str], Path]
Shown = Callable[[str], tuple[str, list[Any]]]


def test_integrity_shows_the_findings_the_course_over_time_and_the_defects(ran: Ran, inspected: Any, shown: Shown) -> None:
    write_triage(inspected, ran(NAME))
    text, figures = shown(NAME)
    assert "Most probably wrong: amount" in text
    assert "Defects by column" in text
    assert "equal another in everything but the row id" in text
    assert any("Soundness over time" in str(figure.layout.title.text) for figure in figures)


def test_integrity_of_before_the_course_was_kept_is_still_shown(ran: Ran, inspected: Any, shown: Shown) -> None:
    folder = ran(NAME)
    write_triage(inspected, folder)
    (folder / "results" / f"{SOUNDNESS}.json").unlink()
    assert "Defects by column" in shown(NAME)[0]
