"""What is shown of slices: blanked where small, told once, and the same in the figure, the table and the browser."""

import json

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.complaints import find_cohort
from workbench.analysis.countercheck import counter_check
from workbench.analysis.slices import SliceResult, find_slices
from workbench.analysis.worklist import make_worklist
from workbench.data.dataset import Dataset, open_dataset
from workbench.predicate import Predicate
from workbench.result import Result
from workbench.views.slice_relations import pair_figure, pair_form, tree_table
from workbench.views.slice_words import short_label
from workbench.views.slices import (
    complaints_form,
    countercheck_form,
    countercheck_sentence,
    countercheck_table,
    explorer_form,
    slices_figure,
    slices_sentence,
    slices_table,
    slices_twin,
    worklist_table,
)

LABELS = (['sex = "f"', 'sex = "m"'], ["age < 30", "age >= 30"])


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"region": rng.choice(["north", "south", "east"], 2000), "sex": rng.choice(["f", "m"], 2000)})
    frame.loc[:6, "region"] = "isle"
    wrong = rng.random(2000) < np.where(frame["region"] == "south", 0.4, 0.1)
    wrong[:7] = True
    frame["label"] = 1
    frame["prediction"] = np.where(wrong, 0, 1)
    return open_dataset(frame, {"prediction": "prediction", "label": "label", "features": ["region", "sex"]})


@pytest.fixture(scope="module")
def result(dataset: Dataset) -> SliceResult:
    return find_slices(dataset, min_support=2, score="effect", permutations=0)


def test_a_slice_of_a_few_rows_is_blank_wherever_it_is_shown(result: SliceResult) -> None:
    table = result.tables["distinct"]
    number = table.index[table["slice"] == 'region = "isle"'][0]
    assert table.loc[number, "suppressed"]
    shown = slices_table(result).frame.iloc[number]
    assert set(shown.iloc[2:7]) == {"–"}
    row = explorer_form(result)["slices"][number]
    assert {row[name] for name in ("size", "mean", "low", "high", "p_adjusted")} == {None}
    assert not any("isle" in label for trace in slices_figure(result).data for label in trace.y)


def test_the_sentence_names_the_first_slice_that_may_be_shown(result: SliceResult) -> None:
    assert 'Worst: where region = "south", the error rate is' in repr(slices_sentence(result))


def test_without_slices_the_sentence_says_so(dataset: Dataset) -> None:
    none = find_slices(dataset, min_support=0.9, permutations=0)
    assert "none stands out" in repr(slices_sentence(none))
    assert len(slices_table(none).frame) == 0
    assert slices_figure(none).layout.title.text == "Worst slices, each told once"
    read = Result.from_dict(none.to_dict())
    assert repr(slices_twin(read)) == repr(slices_twin(none))
    assert explorer_form(read)["slices"] == []


def test_the_figure_draws_the_published_mean_with_its_interval(result: SliceResult) -> None:
    figure = slices_figure(result)
    points = next(trace for trace in figure.data if trace.name == "in the slice")
    shown = result.published().tables["distinct"]
    shown = shown[~shown["suppressed"]]
    assert list(points.x) == shown["mean"].tolist()
    assert np.add(points.x, points.error_x.array) == pytest.approx(shown["high"].to_numpy(dtype=float))


def test_between_two_windows_what_was_before_is_shown_too(dataset: Dataset) -> None:
    changed = find_slices(dataset, reference='sex = "f"', current='sex = "m"', features=["region"], permutations=0, score="z")
    assert "in the slice, before" in {trace.name for trace in slices_figure(changed).data} or changed.tables["distinct"].empty
    assert "before" in slices_table(changed).frame.columns
    assert explorer_form(changed)["overall_before"] == changed.numbers["overall_before"]


def test_what_the_browser_gets_is_json(result: SliceResult) -> None:
    assert json.loads(json.dumps(explorer_form(result), allow_nan=False))["measure"] == "error rate"


def test_two_features_blank_small_cells() -> None:
    form = pair_form("sex", "age", LABELS, (np.array([[100, 5], [0, 40]]), np.array([[0.1, 0.9], [np.nan, 0.3]])))
    assert form["cells"] == [[0, 0, 100, 0.1], [0, 1, None, None], [1, 1, 40, 0.3]]
    assert "0.9" not in json.dumps(form)


def test_the_larger_the_loss_the_larger_the_square(result: SliceResult) -> None:
    form = pair_form("sex", "age", LABELS, (np.array([[100, 50], [60, 40]]), np.array([[0.1, 0.2], [0.05, 0.9]])))
    marker = pair_figure(form, result).data[0].marker
    assert np.argsort(marker.size).tolist() == [2, 0, 1, 3]
    assert marker.color[3] != marker.color[2]


@pytest.mark.parametrize(
    ("text", "column", "short"),
    [('sex = "f"', "sex", "f"), ("age in [18, 25)", "age", "[18, 25)"), ("age < 18", "age", "< 18"),
     ("age is missing", "age", "missing"), ("`a b` = 3", "a b", "3"), ("weekday(day) = 1", "weekday(day)", "1")],
)  # fmt: skip
def test_a_label_goes_without_the_name_of_its_column(text: str, column: str, short: str) -> None:
    assert short_label(text, column) == short


def test_the_twin_is_the_sentence_the_table_and_the_tree(result: SliceResult) -> None:
    parts = (slices_sentence(result), slices_table(result), tree_table(result))
    assert slices_twin(result)._repr_html_() == "\n".join(part._repr_html_() for part in parts)


def test_the_worklist_says_what_to_do(dataset: Dataset) -> None:
    table = worklist_table(
        make_worklist(dataset, [Predicate.parse('region = "south"'), Predicate.parse('region = "isle"')])
    ).frame
    told = table.set_index("where")
    assert told.loc['region = "isle"', "rows"] == "–"
    assert told.loc['region = "south"', "do"] in {"relabel", "collect", "fix data", "fix model"}


def test_what_complaints_share_is_listed_cover_first_and_small_cells_are_blank(dataset: Dataset) -> None:
    rows = dataset.frame.assign(id=np.arange(2000))
    asked = open_dataset(rows, {"row_id": "id", "features": ["region", "sex"]})
    form = complaints_form(find_cohort(asked, range(7)))
    assert (form["complaints"], form["uncovered"]) == (7, 0)
    first = form["predicates"][0]
    assert (first["where"], first["cover"], first["covered"]) == ('region = "isle"', True, 7)
    assert {first[name] for name in ("rows", "lift", "p_adjusted")} == {None}


def test_the_counter_check_says_what_its_runs_can_say(dataset: Dataset) -> None:
    checked = counter_check(dataset, level=1, runs=4, effects=[2.0])
    permuted, planted = checked.tables["permuted"], checked.tables["planted"].iloc[0]
    said = countercheck_sentence(checked).text
    assert said.startswith(f"{int((permuted['p_adjusted'] <= 0.05).sum())} of 4 searches")
    assert "0.2 is the least that 4 can say" in said
    assert said.endswith(f"{planted['found']:g} of 4 at 2.")
    form = countercheck_form(checked)
    assert (form["said"], form["rows"]) == (said, countercheck_table(checked).frame.to_numpy().tolist())
