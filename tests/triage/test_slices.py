"""One search as findings: which slices are told, what is written, what is to be done."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.analysis.slices import find_slices
from workbench.data.dataset import Dataset, open_dataset
from workbench.digest import digest_bytes
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.triage.slices import SURE, beside, check_search, search_slices, slice_worklist, write_slices

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


def test_the_findings_say_the_roles_they_were_computed_with() -> None:
    """Where `workbench.evidence.recorded.Recorded.roles` reads them: without, a run whose roles lay in a file is not repeated."""
    dataset = log(0.3)
    _, found = search_slices(dataset, reference=BEFORE, current=SINCE)
    arguments = found.to_dict()["provenance"]["arguments"]  # type: ignore[index,call-overload]
    assert arguments["roles"] == dataset.given.said()  # type: ignore[index,call-overload]


def test_a_counter_check_is_of_the_same_question_and_lies_beside_the_findings(tmp_path: Path) -> None:
    dataset = log(0.3)
    result, found = search_slices(dataset, reference=BEFORE, current=SINCE, level=1, min_support=0.1)
    searches: list[tuple[int, int]] = []
    told = check_search(result, dataset, reference=BEFORE, current=SINCE, runs=2, tell=lambda *at: searches.append(at))
    assert searches[-1] == (9, 9)
    assert told.numbers["rows"] == dataset.select(SINCE).rows
    asked = told.provenance["arguments"]
    assert isinstance(asked, dict)
    assert (asked["loss"], asked["features"], asked["level"], asked["min_support"]) == ("error", ["region", "sex"], 1, 0.1)
    write_slices(result, beside(found, told), tmp_path)
    written = json.loads((tmp_path / "results" / "countercheck.json").read_text())
    assert written["tables"]["planted"] is not None
    write_slices(result, found, tmp_path)
    assert not (tmp_path / "results" / "countercheck.json").exists(), "it was of an earlier run"


def test_losses_of_the_callers_own_cannot_be_checked() -> None:
    dataset = log(0.3)
    with pytest.raises(InputError, match="a loss that a name says"):
        check_search(find_slices(dataset, np.ones(dataset.rows), permutations=0), dataset)
