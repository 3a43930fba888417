"""The slices page shows what the latest search left, blanked, and says what is gone or damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.slices import find_slices
from workbench.apps.slices import SliceExplorer, page
from workbench.data.dataset import open_dataset
from workbench.incident.home import ensure_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident

Open = Callable[..., Path]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """A result as the runbook left it in an unpublished form: the page must blank it all the same."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"region": rng.choice(["north", "south", "east"], 2000), "job": rng.choice(list("uvw"), 2000)})
    frame.loc[:6, "region"] = "isle"
    wrong = rng.random(2000) < np.where((frame["region"] == "south") & (frame["job"] == "u"), 0.6, 0.1)
    wrong[:7] = True
    frame["label"], frame["prediction"] = 1, np.where(wrong, 0, 1)
    dataset = open_dataset(frame, {"prediction": "prediction", "label": "label", "features": ["region", "job"]})
    document: dict[str, Any] = find_slices(dataset, min_support=2, score="effect", permutations=0).to_dict()
    return document


@pytest.fixture
def open_incident(home: Path, found: dict[str, Any]) -> Open:
    def open_one(incident: str, *, searched: bool = True) -> Path:
        folder = incident_folder(home, incident) / "runs" / "0001-slices"
        with Record.open(record_path(ensure_home(home))) as record:
            create_incident(record, incident, "Loans", "ada")
            if searched:
                started = {"run": 1, "template": "slices", "folder": "runs/0001-slices", "parameters": {}}
                record.append(incident, "run started", started, author="ada")
                record.append(incident, "run completed", {"run": 1}, author="ada")
        (folder / "results").mkdir(parents=True)
        path = folder / "results" / "slices.json"
        path.write_text(json.dumps(found))
        return path

    return open_one


def text_of(shown: Any) -> str:
    import panel as pn

    return "\n".join(str(pane.object) for pane in shown.select(pn.pane.HTML))


def test_without_incidents_it_says_so_and_creates_nothing(home: Path) -> None:
    assert "No incident was ever opened here." in text_of(page())
    assert not home.exists()


def test_without_a_search_it_says_so(open_incident: Open) -> None:
    open_incident("INC-1", searched=False)
    assert "No completed slices run yet." in text_of(page())


def test_it_shows_the_worst_slice_and_no_small_one(open_incident: Open) -> None:
    open_incident("INC-1")
    shown = page()
    assert "Worst: where region = &quot;south&quot;" in text_of(shown)
    explorer = shown.select(SliceExplorer)[0]
    assert explorer.readonly
    rows = {row["slice"]: row for row in explorer.found["slices"]}
    assert rows['region = "isle"']["size"] is None
    assert rows['region = "south"']["size"] % 10 == 0


def test_it_shows_the_tree_the_pairs_of_features_and_the_overlap(open_incident: Open) -> None:
    import panel as pn

    open_incident("INC-1")
    shown = page()
    nodes = {node["slice"]: node for node in shown.select(SliceExplorer)[0].found["tree"]}
    assert nodes['region = "isle"']["size"] is None
    assert nodes['region = "south" and job = "u"']["size"] % 10 == 0
    titles = [pane.object.layout.title.text for pane in shown.select(pn.pane.Plotly)]
    assert len(titles) == 3
    assert titles[1].startswith("Error rate by region and job")
    assert titles[2].startswith("Rows that each two slices share")


def test_a_search_of_before_these_tables_is_still_shown(open_incident: Open, found: dict[str, Any]) -> None:
    import panel as pn

    path = open_incident("INC-1")
    tables = {name: table for name, table in found["tables"].items() if name not in {"tree", "shared", "pairs"}}
    path.write_text(json.dumps({**found, "tables": tables}))
    shown = page()
    assert len(shown.select(pn.pane.Plotly)) == 1
    assert shown.select(SliceExplorer)[0].found["tree"] == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [(Path.unlink, "no longer there"), (lambda path: path.write_text("{"), "damaged and cannot be shown")],
)
def test_what_is_gone_or_damaged_is_said(open_incident: Open, spoil: Callable[[Path], object], told: str) -> None:
    spoil(open_incident("INC-1"))
    assert told in text_of(page())
