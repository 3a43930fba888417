"""Each planted cause gets its own kind of work; the most harm comes first; what is exported selects the same rows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.slices import find_slices
from workbench.analysis.worklist import export_worklist, make_worklist
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, StorageError
from workbench.predicate import Predicate

SLICES = ['cause = "few"', "age is missing", 'cause = "labels"', 'cause = "model"', 'cause = "none"']


def planted() -> tuple[pd.DataFrame, Dataset]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"cause": ["none"] * 2000 + ["model"] * 300 + ["labels"] * 300 + ["few"] * 12, "id": range(2612)})
    frame["age"] = pd.Series(rng.integers(20, 60, 2612).astype(float)).mask((frame["cause"] == "none") & (frame.index % 20 == 0))
    frame["y"] = (frame["age"].fillna(0) > 40).astype(int)
    frame["p"] = frame["y"]
    flipped = (frame["cause"] == "labels") & (rng.random(2612) < 0.4)
    frame["y"] = frame["y"].where(~flipped, 1 - frame["y"])
    wrong = (frame["cause"] == "model") | frame["age"].isna() | ((frame["cause"] == "few") & (frame.index % 3 == 0))
    frame["p"] = frame["p"].where(~wrong, 1 - frame["p"])
    return frame, open_dataset(frame, {"prediction": "p", "label": "y", "row_id": "id", "features": ["cause", "age"]})


def test_each_cause_has_its_work_and_the_most_harm_comes_first() -> None:
    frame, dataset = planted()
    result = make_worklist(dataset, SLICES)
    table = result.tables["worklist"]
    assert dict(zip(table["where"], table["action"], strict=True)) == {
        'cause = "model"': "fix model",
        'cause = "labels"': "relabel",
        "age is missing": "fix data",
        'cause = "few"': "collect",
    }
    assert table["harm"].is_monotonic_decreasing
    assert result.numbers["left_out"] == 1
    first, wrong = table.iloc[0], frame["p"] != frame["y"]
    inside = frame["cause"] == "model"
    assert first["harm"] == pytest.approx(inside.sum() * (wrong[inside].mean() - wrong[~inside].mean()))
    assert first["people"] == 300


def test_a_conflict_is_a_label_that_most_twins_do_not_have() -> None:
    frame, dataset = planted()
    table = make_worklist(dataset, SLICES).tables["worklist"].set_index("where")
    inside = frame[frame["cause"] == "labels"]
    minority = inside.groupby("age")["y"].agg(lambda labels: min((labels == 0).sum(), (labels == 1).sum())).sum()
    assert table.loc['cause = "labels"', "conflicts"] == pytest.approx(minority / len(inside))
    assert table.loc['cause = "model"', "conflicts"] == 0


def test_the_rows_needed_make_an_interval_of_half_the_effect() -> None:
    _, dataset = planted()
    row = make_worklist(dataset, ['cause = "few"']).tables["worklist"].iloc[0]
    spread = np.sqrt(row["mean"] * (1 - row["mean"]))
    half = 1.959963984540054 * spread / np.sqrt(row["needed"])
    assert half <= (row["mean"] - row["rest"]) / 2 < half * 1.1


def test_what_the_search_found_is_taken_as_it_is() -> None:
    _, dataset = planted()
    found = find_slices(dataset, level=1)
    assert make_worklist(dataset, found).digest == make_worklist(dataset, found.top(10)).digest


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_an_exported_predicate_selects_the_same_rows(ending: str, tmp_path: Path) -> None:
    frame, dataset = planted()
    result = make_worklist(dataset, SLICES)
    path = export_worklist(result, tmp_path / f"work.{ending}")
    rows = pd.read_csv(path).to_dict("records") if ending == "csv" else json.loads(path.read_text())["worklist"]
    assert [row["action"] for row in rows] == result.tables["worklist"]["action"].tolist()
    for row in rows:
        form = json.loads(row["predicate"]) if ending == "csv" else row["predicate"]
        assert Predicate.from_dict(form).mask(frame).sum() == row["rows"]


def test_without_labels_nothing_is_relabelled() -> None:
    frame, _ = planted()
    dataset = open_dataset(frame.assign(loss=(frame["cause"] == "model").astype(float)), {"features": ["cause"]})
    row = make_worklist(dataset, ['cause = "model"'], loss="loss").tables["worklist"].iloc[0]
    assert (row["action"], row["conflicts"]) == ("fix model", None)


def test_bad_questions_are_refused(tmp_path: Path) -> None:
    _, dataset = planted()
    with pytest.raises(InputError, match="no slices in this table: x"):
        make_worklist(dataset, pd.DataFrame({"x": [1]}))
    with pytest.raises(InputError, match="nothing to hold the slice against: age > 99 has 0"):
        make_worklist(dataset, ["age > 99"])
    result = make_worklist(dataset, SLICES)
    with pytest.raises(InputError, match=r"no such form of a worklist: work\.xlsx"):
        export_worklist(result, tmp_path / "work.xlsx")
    with pytest.raises(StorageError, match="no such folder"):
        export_worklist(result, tmp_path / "nowhere" / "work.csv")
