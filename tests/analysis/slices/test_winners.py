"""Effects of slices that were told because they were the worst of many."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.slices import SliceResult, find_slices
from workbench.analysis.slices.result import Ranking
from workbench.analysis.slices.winners import Contest, Telling, correct_winners
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError
from workbench.predicate import Predicate

ALL = 1.0
TELLING = Telling(Ranking(10), least=0.0, fewest=10, most=1, chance=ALL)


def drawn(rows: int, seed: int, *, bad: float = 0.2) -> pd.DataFrame:
    """Errors in a fifth of the rows, and where c0 = 1 in `bad` of them; every second row is late."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"c{number}": rng.integers(0, 5, rows) for number in range(5)}).assign(late=np.arange(rows) % 2)
    frame["weight"] = rng.integers(1, 4, rows)
    return frame.assign(y=0, p=(rng.random(rows) < np.where(frame["c0"] == 1, bad, 0.2)).astype(int))


def search(frame: pd.DataFrame, **options: Any) -> tuple[SliceResult, Dataset]:
    roles = {"prediction": "p", "label": "y", "features": [f"c{number}" for number in range(5)]}
    dataset = open_dataset(frame, roles | {name: name for name in ("weight",) if options.pop(name, False)})
    return find_slices(dataset, level=2, permutations=0, details=False, **options), dataset


def told(result: SliceResult, telling: Telling = TELLING) -> pd.DataFrame:
    table = result.tables["distinct"]
    return table[table["effect"] >= telling.least].head(telling.most)


def test_where_all_slices_are_alike_the_interval_of_the_worst_holds_nothing_to_find() -> None:
    plain, corrected, above, count = 0, 0, 0, 0
    for seed in range(70):
        result, _ = search(drawn(600, seed))
        table = told(result)
        for row in table.join(correct_winners(result, table, TELLING)).itertuples():
            plain += row.effect_low <= 0 <= row.effect_high
            corrected += row.corrected_low <= 0 <= row.corrected_high
            above += row.effect_corrected < 0
            count += 1
    assert count >= 60
    assert plain <= 0.4 * count, "else there is no winner's curse to correct"
    assert corrected >= 0.88 * count
    assert 0.3 * count <= above <= 0.7 * count


def test_a_slice_far_ahead_of_all_others_keeps_its_interval() -> None:
    result, _ = search(drawn(4000, 0, bad=0.8))
    row = told(result).join(correct_winners(result, told(result), TELLING)).iloc[0]
    assert row["slice"] == "c0 = 1"
    assert row["effect_corrected"] == pytest.approx(row["effect"], abs=0.002)
    assert row["corrected_low"] == pytest.approx(row["effect_low"], abs=0.002)
    assert row["corrected_high"] == pytest.approx(row["effect_high"], abs=0.002)


@pytest.mark.parametrize(
    ("options", "telling"),
    [
        ({}, TELLING),
        ({}, dataclasses.replace(TELLING, most=3)),
        ({"reference": "late = 0"}, TELLING),
        ({"weight": True}, TELLING),
        ({}, dataclasses.replace(TELLING, least=0.12)),
        ({"unknown": True}, TELLING),
    ],
    ids=["one window", "three are told", "two windows", "weights", "a least effect", "rows without a loss"],
)
def test_the_search_itself_tells_the_slice_above_its_bound_and_not_below(options: dict[str, Any], telling: Telling) -> None:
    """The oracle moves the losses row by row and searches anew, with all slices in the running."""
    frame = drawn(800, 3, bad=0.35)
    losses = (frame["p"] + 0.1).to_numpy(copy=True)  # no share: they are then moved freely
    options = dict(options)
    if options.pop("unknown", False):
        losses[::7] = np.nan
    result, _ = search(frame.assign(l=losses), loss="l", **options)
    row = told(result, telling).iloc[-1]
    with ThreadPoolExecutor(1) as pool:
        assert result.cube is not None
        assert result.coded is not None
        assert result.rows is not None
        contest = Contest(result.cube, result.coded.codes, result.rows, telling, pool)
        bound = contest.bound(str(row["slice"]))
    assert bound > -np.inf
    for effect, expected in ((bound + 1e-3, True), (bound - 1e-3, False)):
        again, _ = search(frame.assign(l=moved(frame, losses, row, effect - row["effect"], options)), loss="l", **options)
        assert (row["slice"] in set(told(again, telling)["slice"])) is expected


def moved(frame: pd.DataFrame, losses: np.ndarray, row: Any, by: float, options: dict[str, Any]) -> np.ndarray:
    """The losses with the effect of one slice larger by so much: each side by its part of the effect's variance."""
    losses, known = losses.copy(), ~np.isnan(losses)
    inside = Predicate.parse(row["slice"]).mask(frame)
    late = frame["late"].to_numpy() == 1 if "reference" in options else np.ones(len(frame), bool)
    weights = frame["weight"].to_numpy(float) if "weight" in options else np.ones(len(frame))
    parts = [(late & inside, 1), (late & ~inside, -1)]
    parts += [(~late & inside, -1), (~late & ~inside, 1)] if "reference" in options else []
    parts = [(rows & known, sign) for rows, sign in parts]
    variances = []
    for rows, _ in parts:
        window = late if (rows & late).any() else ~late
        mean = np.average(losses[rows], weights=weights[rows])
        spread = np.average((losses[rows] - mean) ** 2, weights=weights[rows])
        effective = weights[window].sum() / (weights[window] ** 2).sum()
        variances.append(spread / (weights[rows].sum() * effective))
    for (rows, sign), variance in zip(parts, variances, strict=True):
        losses[rows] += sign * by * variance / sum(variances)
    return losses


def test_a_slice_that_hardly_passed_its_p_is_taken_for_less() -> None:
    result, _ = search(drawn(3000, 1, bad=0.35))
    table = told(result)
    p = float(table["p"].iloc[0]) * int(str(result.numbers["counted"]))
    loose, tight = (
        correct_winners(result, table, dataclasses.replace(TELLING, chance=chance)).iloc[0] for chance in (ALL, min(1.0, 2 * p))
    )
    assert tight["corrected_low"] < loose["corrected_low"]
    assert tight["effect_corrected"] < loose["effect_corrected"]


def test_what_was_measured_lies_within_and_nothing_told_is_an_empty_table() -> None:
    for seed in range(5):
        result, _ = search(drawn(600, seed))
        table = told(result).join(correct_winners(result, told(result), TELLING))
        assert (table["corrected_low"] <= table["effect"]).all()
        assert (table["effect"] <= table["corrected_high"]).all()
    assert correct_winners(result, told(result).head(0), TELLING).empty


def test_a_result_from_a_file_has_no_rows_to_move() -> None:
    result, _ = search(drawn(600, 0))
    with pytest.raises(InputError, match="tables only"):
        correct_winners(dataclasses.replace(result, rows=None), told(result), TELLING)
