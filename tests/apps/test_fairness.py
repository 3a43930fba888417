"""The fairness page shows what a run of the disparity runbook left, with the panel's own words, and nothing of a small group."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.disparity_review import Question
from workbench.data.dataset import open_dataset
from workbench.incident.home import ensure_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.triage.disparity import compare_groups
from workbench.triage.files import write_triage
from workbench.views.disparity_form import panel_form

HOSTILE = "<script>document.title = 'owned'</script>"


@pytest.fixture
def folder(home: Path) -> Path:
    """The folder of a completed disparity run of an incident with a hostile title; nothing in it yet."""
    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", HOSTILE, "ada")
        started = {"run": 1, "template": "disparity", "folder": "runs/0001-disparity", "parameters": {}}
        record.append("INC-1", "run started", started, author="ada")
        record.append("INC-1", "run completed", {"run": 1}, author="ada")
    return incident_folder(home, "INC-1") / "runs" / "0001-disparity"


@pytest.fixture(scope="module")
def compared() -> Any:
    rng = np.random.default_rng(0)
    region = np.repeat(["north", "south", "east", "tiny"], [200, 150, 60, 7])
    frame = pd.DataFrame({"region": region, "pred": rng.random(417) < np.where(region == "south", 0.3, 0.6)})
    dataset = open_dataset(frame.assign(label=rng.random(417) < 0.4), {"prediction": "pred", "label": "label", "favorable": True,
                                                                      "positive": True, "groups": ["region"]})  # fmt: skip
    return compare_groups(dataset, Question(policy=("four_fifths",)))


def panels(page: Any) -> list[Any]:
    from workbench.apps.fairness import DisparityPanel

    return list(page.select(DisparityPanel))


def texts(page: Any) -> str:
    import panel as pn

    return "\n".join(str(pane.object) for pane in page.select(pn.pane.HTML))


def test_it_shows_what_the_run_left_in_the_notebooks_words(folder: Path, compared: Any) -> None:
    from workbench.apps.fairness import page

    review, found = compared
    write_triage(found, folder)
    [shown] = panels(page())
    form = panel_form(review.results, review.skipped)
    assert [block["groups"] for block in shown.form["tabs"][0]["blocks"] if block["kind"] == "matrix"] == [
        block["groups"]
        for block in form["tabs"][0]["blocks"]
        if block["kind"] == "matrix"  # type: ignore[index,union-attr,call-overload]
    ]
    assert shown.form["guard"] == form["guard"]
    assert shown.readonly


def test_no_small_group_is_told_of_even_where_a_file_holds_it(folder: Path, compared: Any) -> None:
    from workbench.apps.fairness import page

    review, found = compared
    write_triage(found, folder)
    whole = json.dumps(review.results["groups"].to_dict())
    (folder / "results" / "groups.json").write_text(whole)
    [shown] = panels(page())
    rows = shown.form["tabs"][0]["blocks"][0]["groups"]
    assert {row["label"]: row["n"] for row in rows} == {"north": "200", "south": "150", "east": "–", "tiny": "–"}
    assert [row["cells"] for row in rows if row["label"] == "tiny"] == [[None] * len(rows[0]["cells"])]


def test_a_run_that_is_gone_or_damaged_is_said(folder: Path, compared: Any) -> None:
    from workbench.apps.fairness import page

    assert "its findings are no longer there" in texts(page())
    write_triage(compared[1], folder)
    (folder / "results" / "groups.json").write_text("{")
    assert "are damaged and cannot be shown" in texts(page())
    assert "<script>" not in texts(page())


@pytest.mark.usefixtures("home")
def test_without_a_record_it_says_so() -> None:
    from workbench.apps.fairness import page

    assert "No incident was ever opened here." in texts(page())
