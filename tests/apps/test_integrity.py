"""The integrity page shows what its runbook left, in the runbook's words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.incident.home import ensure_home, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
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


def test_a_run_that_is_gone_or_damaged_is_said(ran: Ran, inspected: Any, shown: Shown) -> None:
    folder = ran(NAME)
    assert "its findings are no longer there" in shown(NAME)[0]
    write_triage(inspected, folder)
    (folder / "results" / "integrity.json").write_text("{")
    assert "are damaged and cannot be shown" in shown(NAME)[0]


def test_without_a_run_it_says_so(home: Path, shown: Shown) -> None:
    assert "No incident was ever opened here." in shown(NAME)[0]
    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", "Loans", "ada")
    assert f"No completed {NAME} run yet." in shown(NAME)[0]
