"""The leading slices held against permuted losses."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.slices import SliceResult, find_slices
from workbench.analysis.slices.confirmation import LEADING, confirm_leading
from workbench.analysis.slices.result import Ranking
from workbench.data.dataset import open_dataset
from workbench.errors import InputError

RANKING = Ranking(10)


def search(
    rows: int, seed: int, *, bad: float, columns: int = 5, reference: str | None = None, permutations: int = 0
) -> SliceResult:
    """Errors in a tenth of the rows; in the second half, where c0 = 1, in `bad` of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"c{number}": rng.integers(0, 5, rows) for number in range(columns)}).assign(late=np.arange(rows) % 2)
    worse = (frame["c0"] == 1) & (frame["late"] == 1)
    frame = frame.assign(y=0, p=(rng.random(rows) < np.where(worse, bad, 0.1)).astype(int))
    roles = {"prediction": "p", "label": "y", "features": [f"c{number}" for number in range(columns)]}
    dataset = open_dataset(frame, roles)
    return find_slices(dataset, level=2, reference=reference, permutations=permutations, seed=5, details=False)


@pytest.mark.parametrize("reference", [None, "late = 0"])
def test_where_all_slices_lead_it_is_max_t(reference: str | None) -> None:
    result = search(1500, 0, bad=0.4, columns=2, reference=reference, permutations=99)
    assert len(result.cube or ()) <= LEADING
    found = confirm_leading(result, RANKING, seed=5, permutations=99)
    assert result.adjustment is not None
    assert list(found.adjustment.largest) == pytest.approx(list(result.adjustment.largest))
    table = result.tables["distinct"]
    assert [found.p(text) for text in table["slice"]] == pytest.approx(list(table["p_adjusted"]))


@pytest.mark.parametrize("reference", [None, "late = 0"])
def test_what_is_there_no_permutation_reaches_on_a_sample_either(reference: str | None) -> None:
    result = search(6000, 1, bad=0.5, reference=reference)
    where = str(result.tables["distinct"]["slice"].iloc[0])
    found = confirm_leading(result, RANKING, permutations=199, sample=1000)
    windows = 1 if reference is None else 2
    assert (found.rows, found.whole, len(found.cube)) == (1000 * windows, 6000, LEADING)
    assert found.p(where) == 1 / 200
    told = f"chance: none of 199 permutations of {1000 * windows:,} of 6,000 rows made any of the 50 leading slices stand out"
    assert found.said(where) == f"{told} as much"


def test_what_is_not_there_is_reached_often_and_that_is_said() -> None:
    result = search(1500, 2, bad=0.1)
    where = str(result.tables["distinct"]["slice"].iloc[-1])
    found = confirm_leading(result, RANKING, permutations=99)
    assert found.p(where) > 0.05
    reached = round(found.p(where) * 100) - 1
    assert found.said(where).startswith(f"chance: {reached} of 99 permutations of 1,500 rows")


def test_the_distinct_slices_are_among_the_leading_and_the_seed_decides() -> None:
    result = search(3000, 3, bad=0.3)
    found, again, other = (confirm_leading(result, RANKING, seed=seed, permutations=49) for seed in (1, 1, 2))
    names = {str(found.cube.where(at)) for at in range(len(found.cube))}
    assert set(result.tables["distinct"]["slice"]) <= names
    assert (found.adjustment.largest == again.adjustment.largest).all()
    assert (found.adjustment.largest != other.adjustment.largest).any()
    assert found.p("c0 = 99") == 1.0


def test_a_result_from_a_file_has_no_rows_to_permute() -> None:
    result = search(600, 0, bad=0.3)
    with pytest.raises(InputError, match="tables only"):
        confirm_leading(dataclasses.replace(result, rows=None), RANKING)
