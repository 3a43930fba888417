"""One search as findings: which slices are told, what is written, what is to be done."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.data.dataset import Dataset, open_dataset
from workbench.digest import digest_bytes
from workbench.predicate import Predicate
from workbench.triage.slices import SURE, search_slices, slice_worklist, write_slices

BEFORE, SINCE = Predicate.parse("time < 2026-02-01"), Predicate.parse("time >= 2026-02-01")


def log(rise: float) -> Dataset:
    """Decisions that are wrong in one case of ten, and since February, in the south, in `rise` more."""
    rng = np.random.default_rng(3)
    rows = 4000
    frame = pd.DataFrame({
        "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 60 * 24, rows)), unit="h"),
        "region": rng.choice(["north", "south", "east"], rows),
        "sex": rng.choice(["f", "m"], rows),
        "label": rng.integers(0, 2, rows),
    })  # fmt: skip
    worse = (frame["time"] >= pd.Timestamp("2026-02-01")) & (frame["region"] == "south")
    wrong = rng.random(rows) < 0.1 + rise * worse
    frame["prediction"] = np.where(wrong, 1 - frame["label"], frame["label"])
    return open_dataset(frame, {"time": "time", "prediction": "prediction", "label": "label", "features": ["region", "sex"]})


def test_what_became_worse_is_an_incident_with_its_date() -> None:
    result, found = search_slices(log(0.3), reference=BEFORE, current=SINCE)
    assert found.verdict == "incident"
    first = found.findings[0]
    assert first.where == 'region = "south"'
    assert (first.rank, first.check, first.evidence) == (1, "slices", result.digest)
    assert first.p_adjusted is not None
    assert first.p_adjusted <= SURE
    assert (found.reference, found.current) == (str(BEFORE), str(SINCE))
    row = result.tables["distinct"].iloc[0]
    assert row["onset_earliest"] <= pd.Timestamp("2026-02-01") <= row["onset_latest"]


def test_where_nothing_became_worse_nothing_is_told() -> None:
    _, found = search_slices(log(0.0), reference=BEFORE, current=SINCE)
    assert (found.verdict, found.findings) == ("no incident found", ())


def test_the_worklist_speaks_of_the_current_rows_only() -> None:
    dataset = log(0.3)
    result, found = search_slices(dataset, reference=BEFORE, current=SINCE)
    worklist = slice_worklist(result, found, dataset, reference=BEFORE, current=SINCE).tables["worklist"]
    south = dataset.select(SINCE & Predicate.parse('region = "south"'))
    assert worklist.set_index("where").loc['region = "south"', "rows"] == south.rows


def test_without_findings_the_worklist_is_empty() -> None:
    dataset = log(0.0)
    result, found = search_slices(dataset, reference=BEFORE, current=SINCE)
    assert slice_worklist(result, found, dataset, reference=BEFORE, current=SINCE).tables["worklist"].empty


@pytest.mark.parametrize("rise", [0.0, 0.3])
def test_findings_result_and_cube_are_written_and_the_digest_is_the_cubes(tmp_path: Path, rise: float) -> None:
    result, found = search_slices(log(rise), reference=BEFORE, current=SINCE)
    told = write_slices(result, found, tmp_path)
    cube = tmp_path / "results" / "slices.parquet"
    assert told == digest_bytes(cube.read_bytes())
    table = pq.read_table(cube).to_pandas()
    assert (table["size"] % 10 == 0).all()
    assert json.loads((tmp_path / "findings.json").read_text())["verdict"] == found.verdict
    assert json.loads((tmp_path / "results" / "slices.json").read_text())["tables"]["distinct"] is not None
