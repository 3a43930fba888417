"""A run's notebook to read or to send."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from workbench.digest import digest_file
from workbench.errors import InputError, RecordError
from workbench.evidence.export import export_run
from workbench.incident.home import ensure_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident


@pytest.fixture
def record(home: Path) -> Iterator[Record]:
    """An incident with two completed runs and one that failed."""
    with Record.open(record_path(ensure_home(home))) as opened:
        create_incident(opened, "INC-1", "Loans", "ada")
        for number, ending in enumerate(["run completed", "run completed", "run failed"], 1):
            folder = executed(home, number).parent
            folder.mkdir(parents=True)
            nbformat.write(new_notebook(cells=[new_markdown_cell(f"this is run {number}")]), executed(home, number))
            body = {"run": number, "template": "triage", "folder": f"runs/{folder.name}"}
            opened.append("INC-1", "run started", body, author="ada")
            opened.append("INC-1", ending, {"run": number}, author="ada", evidence=[digest_file(executed(home, number))])
        yield opened


def executed(home: Path, number: int) -> Path:
    return incident_folder(home, "INC-1") / "runs" / f"{number:04d}-triage" / "executed.ipynb"


@pytest.mark.parametrize(("number", "said"), [(1, 1), (2, 2), (None, 2)])
def test_a_completed_run_becomes_one_file(record: Record, home: Path, tmp_path: Path, number: int | None, said: int) -> None:
    assert export_run(record, "INC-1", number, home=home, html=tmp_path / "run.html") == said
    page = (tmp_path / "run.html").read_text()
    assert f"this is run {said}" in page
    assert f"<title>INC-1: run {said}, triage</title>" in page
    assert 'src="' not in page


@pytest.mark.browser
def test_a_pdf_is_printed_from_it(record: Record, home: Path, tmp_path: Path) -> None:
    export_run(record, "INC-1", 1, home=home, pdf=tmp_path / "run.pdf")
    assert (tmp_path / "run.pdf").read_bytes().startswith(b"%PDF-")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["run.pdf"]


@pytest.mark.parametrize("number", [3, 7])
def test_a_run_that_did_not_complete_is_refused(record: Record, home: Path, tmp_path: Path, number: int) -> None:
    with pytest.raises(InputError, match=r"Completed: 1 \(triage\), 2 \(triage\)"):
        export_run(record, "INC-1", number, home=home, html=tmp_path / "run.html")


def test_a_notebook_that_was_changed_or_is_gone_is_refused(record: Record, home: Path, tmp_path: Path) -> None:
    nbformat.write(new_notebook(cells=[new_markdown_cell("as somebody saved it")]), executed(home, 1))
    with pytest.raises(RecordError, match="changed after its run"):
        export_run(record, "INC-1", 1, home=home, html=tmp_path / "run.html")
    executed(home, 1).unlink()
    with pytest.raises(InputError, match="no longer there"):
        export_run(record, "INC-1", 1, home=home, html=tmp_path / "run.html")
    assert not (tmp_path / "run.html").exists()
