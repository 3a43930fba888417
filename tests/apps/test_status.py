"""The status page shows what runs left, whatever became of it since, and nothing of a small group or of somebody's making."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench import apps
from workbench.errors import StorageError
from workbench.incident.home import ensure_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.result import Finding

HOSTILE = "<script>document.title = 'owned'</script>"
Open = Callable[..., Path]


def document(*findings: Finding) -> dict[str, Any]:
    return {
        "schema": "workbench.findings/1", "verdict": "incident", "dataset": {"rows": 1234, "fingerprint": "sha256:0"},
        "checks": [{"name": "slices", "status": "ran", "why": "", "seconds": 0.1}],
        "findings": [finding.to_dict() for finding in findings],
    }  # fmt: skip


@pytest.fixture
def open_incident(home: Path) -> Open:
    """Opens an incident; with findings, as a completed triage left them."""

    def open_one(incident: str, title: str = "Loans", findings: tuple[Finding, ...] | None = None) -> Path:
        folder = incident_folder(home, incident) / "runs" / "0001-triage"
        with Record.open(record_path(ensure_home(home))) as record:
            create_incident(record, incident, title, "ada")
            if findings is not None:
                started = {"run": 1, "template": "triage", "folder": "runs/0001-triage", "parameters": {}}
                record.append(incident, "run started", started, author="ada")
                record.append(incident, "run completed", {"run": 1}, author="ada")
                (folder / "results").mkdir(parents=True)
                (folder / "findings.json").write_text(json.dumps(document(*findings)))
        return folder

    return open_one


FOUND = Finding("slice", "worse in the north", where="region = north", effect=0.2, interval=(0.1, 0.3), unit="error rate",
                people=640, rank=1, severity="high")  # fmt: skip
FEW = Finding("slice", "all 5 Does are refused", where="age = 7", effect=0.2, people=5, rank=1)


def text_of(page: Any) -> str:
    """Everything on the page that is text or HTML once every card is unfolded, titles of cards included."""
    import panel as pn

    for card in page.select(pn.Card):
        card.collapsed = False
    cards = [str(card.header.object) for card in page.select(pn.Card)]
    return "\n".join([*cards, *(str(pane.object) for pane in page.select(pn.pane.HTML))])


def shown() -> str:
    from workbench.apps.status import page

    return text_of(page())


def test_without_incidents_it_says_so_and_creates_nothing(home: Path) -> None:
    assert "No incident was ever opened here." in shown()
    assert not home.exists()


def test_an_incident_without_triage_says_so(open_incident: Open) -> None:
    open_incident("INC-1")
    text = shown()
    assert "INC-1: Loans" in text
    assert "No completed triage run yet." in text
    assert "0 runs, not sealed" in text


def test_the_latest_triage_is_shown_with_headline_table_and_figure(open_incident: Open) -> None:
    import panel as pn

    from workbench.apps.status import page

    open_incident("INC-1", findings=(FOUND,))
    found = page()
    assert "with no beginning to be found in it: worse in the north;" in text_of(found)
    assert len(list(found.select(pn.pane.Plotly))) == 1


def test_a_folded_card_costs_nothing_until_it_is_unfolded(open_incident: Open) -> None:
    import panel as pn

    from workbench.apps.status import page

    open_incident("INC-1", findings=(FOUND,))
    open_incident("INC-2", "Hiring", (FOUND,))
    latest, earlier = page().select(pn.Card)
    assert (latest.header.object, latest.collapsed) == ("<h2>INC-2: Hiring</h2>", False)
    assert (earlier.header.object, earlier.collapsed) == ("<h2>INC-1: Loans</h2>", True)
    assert len(latest.objects) > 5
    assert list(earlier.objects) == []
    earlier.collapsed = False
    assert len(earlier.objects) == len(latest.objects)


def test_a_finding_of_few_people_is_blanked_in_words_table_and_figure(open_incident: Open) -> None:
    import panel as pn

    from workbench.apps.found import FindingsTable
    from workbench.apps.status import page

    open_incident("INC-1", findings=(FEW,))
    found = page()
    [table] = found.select(FindingsTable)
    assert "Does" not in text_of(found)
    assert "fewer than 10 people" in text_of(found)
    assert (table.findings[0]["effect"], "Does" in table.findings[0]["what"]) == (None, False)
    [figure] = found.select(pn.pane.Plotly)
    assert len(figure.object.data) == 0


def test_it_tells_what_happened_when_and_what_is_open_and_no_path(open_incident: Open, home: Path) -> None:
    open_incident("INC-1", findings=(FOUND,))
    with Record.open(record_path(home)) as record:
        record.append("INC-1", "note", {"text": "told the owner"}, author="bob")
        record.append("INC-1", "run started", {"run": 2, "template": "triage", "parameters": {"data": "/secret"}}, author="ada")
    text = shown()
    for said in ("opened", "by ada", "2 runs, not sealed", "1 statement: 1 unsupported"):
        assert said in text, said
    timeline = text[text.index("Timeline") : text.index("Next steps")]
    told = ("opened: Loans", "run 1 of triage began", "run 1 of triage completed", "note: told the owner")
    assert sorted(told, key=timeline.index) == list(told)
    assert "Run 2 of triage has no end" in text
    assert "workbench seal INC-1 --out INC-1.zip" in text
    assert "/secret" not in text


def test_with_nothing_open_it_says_so(open_incident: Open, home: Path) -> None:
    open_incident("INC-1")
    with Record.open(record_path(home)) as record:
        record.append("INC-1", "closed", {"why": "a drill"}, author="ada")
        record.append("INC-1", "sealed", {"length": 2, "digest": "sha256:0"}, author="ada")
    assert "Nothing is open" in shown()
    assert "sealed 1 time" in shown()


def test_a_record_that_makes_no_sense_is_said_and_costs_no_other(open_incident: Open, home: Path) -> None:
    open_incident("INC-1")
    open_incident("INC-2", "Hiring", (FOUND,))
    with Record.open(record_path(home)) as record:
        record.append("INC-1", "run started", {"run": ["no number"]}, author="ada")
    assert "The record of this incident cannot be read" in shown()
    assert "worse in the north" in shown()


def test_a_pin_that_cannot_be_read_is_told_as_that(open_incident: Open, home: Path) -> None:
    open_incident("INC-1")
    with Record.open(record_path(home)) as record:
        record.append("INC-1", "pinned", {"finding": ["no finding"]}, author="ada")
    assert "pinned: a finding that cannot be read" in shown()


def test_what_somebody_typed_or_uploaded_is_text(open_incident: Open) -> None:
    open_incident("INC-1", HOSTILE, (Finding("slice", HOSTILE, where=HOSTILE, rank=1),))
    text = shown()
    assert "&lt;script&gt;document" in text
    assert "<script" not in text


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "findings.json").write_text("{"), "damaged and cannot be shown"),
        (lambda folder: (folder / "findings.json").write_text("[]"), "damaged and cannot be shown"),
        (lambda folder: (folder / "findings.json").write_text('{"findings": [{"x": 1}]}'), "damaged and cannot be shown"),
        (lambda folder: (folder / "results" / "a.json").write_text('{"schema": 1}'), "damaged and cannot be shown"),
        (lambda folder: (folder / "findings.json").unlink(), "no longer there"),
        (lambda folder: __import__("shutil").rmtree(folder), "no longer there"),
    ],
)
def test_damage_is_said_on_the_card_and_costs_no_other(open_incident: Open, damage: Callable[[Path], object], said: str) -> None:
    folder = open_incident("INC-1", findings=(FOUND,))
    open_incident("INC-2", "Hiring", (FOUND,))
    damage(folder)
    text = shown()
    assert said in text
    assert "INC-2: Hiring" in text
    assert "worse in the north" in text


def test_a_record_that_cannot_be_read_is_said(home: Path) -> None:
    record_path(ensure_home(home)).write_text("no database, by no means at all")
    assert "The record cannot be read" in shown()


def test_the_home_is_looked_up_for_each_visitor(open_incident: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    open_incident("INC-1")
    assert "INC-1" in shown()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "elsewhere"))
    assert "INC-1" not in shown()


def test_only_this_machine_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    import panel as pn

    asked: dict[str, Any] = {}
    monkeypatch.setattr(pn, "serve", lambda pages, **options: asked.update(options, pages=pages))
    apps.serve_app("status", port=5999)
    assert (asked["address"], asked["port"]) == ("127.0.0.1", 5999)
    assert asked["websocket_origin"] == ["127.0.0.1:5999", "localhost:5999"]
    assert callable(asked["pages"]["status"])


def test_a_port_that_is_taken_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import panel as pn

    def taken(*_: object, **__: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(pn, "serve", taken)
    with pytest.raises(StorageError, match=r"Address already in use.*127\.0\.0\.1:5999"):
        apps.serve_app("status", port=5999)
