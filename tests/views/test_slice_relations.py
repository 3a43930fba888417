"""The tree, the overlap and the pairs as they are shown: published, nothing small, from a file as from the search."""

import json

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.slices import SliceResult, find_slices
from workbench.data.dataset import open_dataset
from workbench.result import Result
from workbench.views.slice_relations import overlap_figure, pair_figure, pair_forms, shared_shares, tree_rows, tree_table


@pytest.fixture(scope="module")
def result() -> SliceResult:
    """A slice of 7 rows, `isle`, is worst; those of the south come next."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"region": rng.choice(["north", "south", "east"], 2000), "job": rng.choice(list("uvw"), 2000)})
    frame.loc[:6, "region"] = "isle"
    wrong = rng.random(2000) < np.where((frame["region"] == "south") & (frame["job"] == "u"), 0.6, 0.1)
    wrong[:7] = True
    frame["label"], frame["prediction"] = 1, np.where(wrong, 0, 1)
    dataset = open_dataset(frame, {"prediction": "prediction", "label": "label", "features": ["region", "job"]})
    return find_slices(dataset, min_support=2, score="effect", permutations=0)


@pytest.fixture(params=["fresh", "file"])
def given(result: SliceResult, request: pytest.FixtureRequest) -> Result:
    return result if request.param == "fresh" else Result.from_dict(json.loads(json.dumps(result.published().to_dict())))


def test_the_tree_hangs_together_and_hides_what_is_small(given: Result) -> None:
    nodes = tree_rows(given.published())
    assert (nodes[0]["condition"], nodes[0]["parent"], nodes[0]["size"]) == ("all rows", None, 2000)
    for at, node in enumerate(nodes[1:], 1):
        assert 0 <= node["parent"] < at
        assert node["level"] == nodes[node["parent"]]["level"] + 1
    isle = next(node for node in nodes if node["slice"] == 'region = "isle"')
    assert (isle["size"], isle["mean"]) == (None, None)
    ranks = sorted(node["rank"] for node in nodes if node["rank"])
    assert ranks == list(range(1, len(given.tables["distinct"]) + 1))


def test_the_tree_is_drawn_with_lines_to_the_parents() -> None:
    rows = [("a", "all rows", "a"), ("a and b", "a", "b"), ("a and c", "a", "c"), ("d", "all rows", "d"), ("d and e", "d", "e")]
    table = pd.DataFrame(rows, columns=["slice", "parent", "condition"]).assign(size=50, rows=50, mean=0.5, suppressed=False)
    table["slice"] = table["slice"].str.replace(r"(\w)(?= and|$)", r"\1 = 1", regex=True)
    table["parent"] = table["parent"].where(table["parent"] == "all rows", table["parent"] + " = 1")
    numbers = {"loss": "error", "measured": 100, "rows": 100, "overall": 0.5}
    shown = tree_table(Result("slices", "t", tables={"tree": table, "distinct": table[["slice"]]}, numbers=numbers))  # type: ignore[arg-type]
    told = [text.rstrip(" ").replace("\N{EM SPACE}", " ") for text in shown.frame["rows where"]]
    assert told == ["all rows", "├ a", "│ ├ b", "│ └ c", "└ d", "  └ e"]


def test_the_pairs_of_a_file_are_those_of_the_search_without_small_cells(given: Result) -> None:
    forms = pair_forms(given)
    assert [(form["x"], form["y"]) for form in forms] == [("region", "job")]
    labels = forms[0]["x_labels"]
    cells = {(labels[x], forms[0]["y_labels"][y]): (rows, mean) for x, y, rows, mean in forms[0]["cells"]}
    rows, mean = cells['region = "south"', 'job = "u"']
    assert rows % 10 == 0
    assert mean == pytest.approx(0.6, abs=0.1)
    assert {cells[key] for key in cells if key[0] == 'region = "isle"'} == {(None, None)}
    assert "south" in json.dumps(pair_figure(forms[0], given).to_plotly_json(), default=list)


def test_the_overlap_is_that_of_the_rows_and_of_published_sizes_only(given: Result, result: SliceResult) -> None:
    shares, slices = shared_shares(given), result.tables["distinct"]["slice"].tolist()
    assert shares.shape == (len(slices), len(slices))
    assert (np.diag(shares) == 1).all()
    assert result.cube is not None
    assert result.coded is not None
    masks = [result.cube.mask(at, result.coded.codes) for at in range(len(result.cube))]
    rows = {str(result.cube.where(at)): mask for at, mask in enumerate(masks)}
    sizes = result.published().tables["distinct"]["size"]
    for one, other in zip(*np.triu_indices(len(slices), 1), strict=True):
        both, either = (rows[slices[one]] & rows[slices[other]]).sum(), (rows[slices[one]] | rows[slices[other]]).sum()
        if sizes.isna()[[one, other]].any() or 0 < both < 10:
            assert np.isnan(shares[one, other])
        else:
            assert shares[one, other] == shares[other, one] == pytest.approx(both / either, abs=0.05)


def test_the_overlap_is_drawn_by_rank(given: Result) -> None:
    trace = overlap_figure(given).data[0]
    drawn = dict(zip(zip(trace.x, trace.y, strict=True), trace.marker.size, strict=True))
    assert drawn["#1", "#1"] == 26
    assert all(size <= 26 for size in drawn.values())


def test_nothing_found_is_drawn_as_nothing() -> None:
    frame = pd.DataFrame({"a": ["x", "y"] * 30, "b": ["u", "u", "v"] * 20, "wrong": 0.0})
    none = find_slices(open_dataset(frame, {"features": ["a", "b"]}), "column:wrong", permutations=0)
    for each in (none, Result.from_dict(json.loads(json.dumps(none.to_dict())))):
        assert pair_forms(each) == []
        assert [node["condition"] for node in tree_rows(each)] == ["all rows"]
        assert len(overlap_figure(each).data[0].x) == 0
