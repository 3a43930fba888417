"""The parts sum to the difference exactly; each alone is what the textbook's counterfactual says; strata are as documented."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.analysis.decomposition import THREEFOLD, TWOFOLD, decompose, part_difference
from workbench.data.dataset import open_dataset
from workbench.errors import InputError, ParameterError, UnknownNameError

ROLES = {"prediction": "p", "favorable": 1, "groups": ["g"]}
TABLES = st.integers(1, 6).flatmap(
    lambda strata: st.tuples(
        arrays(np.int64, (2, strata), elements=st.integers(0, 30)), arrays(np.float64, (2, strata), elements=st.floats(0, 1))
    )
)


@given(TABLES)
def test_the_parts_of_either_fold_sum_to_the_difference(made: tuple[np.ndarray, np.ndarray]) -> None:
    trials, share = made
    trials = trials.astype(float)
    trials[:, 0] += 1
    hits = np.round(trials * share)
    parts = part_difference(hits, trials)
    difference = hits[0].sum() / trials[0].sum() - hits[1].sum() / trials[1].sum()
    for fold, names in (("twofold", TWOFOLD), ("threefold", THREEFOLD)):
        assert sum(float(parts[f"{fold} {name}"]) for name in names) == pytest.approx(difference, abs=1e-12)


def test_equal_rates_are_all_composition_and_equal_shares_all_rate() -> None:
    rates = np.array([0.1, 0.5])
    trials = np.array([[100.0, 300], [300, 100]])
    parts = part_difference(trials * rates, trials)
    assert (float(parts["twofold composition"]), float(parts["twofold rate"])) == pytest.approx((0.2, 0))
    trials = np.array([[100.0, 300], [50, 150]])
    parts = part_difference(trials * [[0.2, 0.6], [0.1, 0.5]], trials)
    assert (float(parts["twofold composition"]), float(parts["twofold rate"])) == pytest.approx((0, 0.1))


def test_threefold_is_the_reference_with_the_groups_composition() -> None:
    """Counterfactual by hand: the reference's rates over the group's strata, less the reference's own rate."""
    trials, rate = np.array([[40.0, 60], [70, 30]]), np.array([[0.5, 0.9], [0.4, 0.6]])
    parts = part_difference(trials * rate, trials)
    counterfactual = 0.4 * 0.4 + 0.6 * 0.6
    assert float(parts["threefold composition"]) == pytest.approx(counterfactual - (0.7 * 0.4 + 0.3 * 0.6))
    assert float(parts["threefold rate"]) == pytest.approx(0.7 * 0.5 + 0.3 * 0.9 - (0.7 * 0.4 + 0.3 * 0.6))


def test_strata_of_one_group_alone_are_told_apart() -> None:
    """80 of the group share the reference's stratum at its rate; 20 are where nobody else is, none of them selected."""
    parts = part_difference(np.array([[40.0, 0], [50, 0]]), np.array([[80.0, 20], [100, 0]]))
    assert float(parts["difference"]) == pytest.approx(-0.1)
    assert float(parts["twofold only in the group"]) == pytest.approx(-0.1)
    assert float(parts["twofold rate"]) == pytest.approx(0)


def test_intervals_cover_the_truth() -> None:
    """Composition and rate known: of 10 samples about 95 % of the intervals hold them."""
    rng, covered = np.random.default_rng(0), []
    for _ in range(10):
        group = rng.choice(["a", "b"], 1500)
        stratum = rng.random(1500) < np.where(group == "a", 0.3, 0.6)
        p = (rng.random(1500) < np.where(stratum, 0.7, 0.3) - 0.1 * (group == "a")).astype(int)
        dataset = open_dataset(pd.DataFrame({"g": group, "s": stratum.astype(int), "p": p}), ROLES)
        parts = decompose(dataset, "s", group="a", reference="b", bootstrap=200).tables["components"]
        twofold = parts[parts["fold"] == "twofold"].set_index("component")
        covered += [
            twofold.loc[name, "low"] <= truth <= twofold.loc[name, "high"]
            for name, truth in (("composition", -0.12), ("rate", -0.1))
        ]
    assert np.mean(covered) >= 0.85


def test_compas_sums_to_its_published_difference(compas: Path, compas_roles: dict[str, Any]) -> None:
    dataset = open_dataset(compas, compas_roles)
    result = decompose(
        dataset, ["priors_count", "age_cat"], "race", measure="fpr", reference="Caucasian", group="African-American"
    )
    assert result.numbers["difference"] == pytest.approx(0.4485 - 0.2345, abs=1e-4)
    parts = result.tables["components"].query("fold == 'twofold'")
    assert parts["value"].sum() == pytest.approx(result.numbers["difference"], abs=1e-12)
    strata = result.tables["strata"]
    assert strata["composition"].sum() == pytest.approx(parts["value"].iloc[0])
    assert strata["rate_part"].sum() == pytest.approx(parts["value"].iloc[1])
    assert (strata["rows"].sum(), strata["rows_reference"].sum()) == (1795, 1488)


def test_a_stratum_is_a_predicate_that_selects_its_rows(compas: Path, compas_roles: dict[str, Any]) -> None:
    from workbench.predicate import Predicate

    dataset = open_dataset(compas, compas_roles)
    strata = decompose(dataset, "priors_count", bootstrap=0).tables["strata"]
    for row in strata.itertuples():
        chosen = dataset.select(Predicate.parse(f'race = "African-American" and {row.where}'))
        assert chosen.rows == row.rows


def test_what_cannot_be_parted_is_refused() -> None:
    dataset = open_dataset(pd.DataFrame({"g": list("aabb"), "s": [0, 0, 1, 1], "p": [0, 1, 0, 1]}), ROLES)
    with pytest.raises(InputError, match="no stratum holds rows of both"):
        decompose(dataset, "s")
    with pytest.raises(ParameterError, match="the groups themselves"):
        decompose(dataset, "g")
    with pytest.raises(UnknownNameError):
        decompose(dataset, "nowhere")


@given(st.integers(0, 10_000))
@settings(max_examples=6, deadline=None)
def test_a_row_of_weight_two_is_a_row_twice_in_every_part(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], 120), "s": rng.choice(["x", "y", "z"], 120), "p": rng.integers(0, 2, 120)})
    frame["w"] = rng.integers(1, 4, 120)
    sides = {"group": "a", "reference": "b", "bootstrap": 0}
    weighted = decompose(open_dataset(frame, {**ROLES, "weight": "w"}), "s", **sides)
    repeated = decompose(open_dataset(frame.loc[frame.index.repeat(frame["w"])], ROLES), "s", **sides)
    for name, columns in (("components", ["value", "share"]), ("strata", ["share", "rate", "composition", "rate_part"])):
        one, other = (
            result.tables[name].sort_values(list({"fold", "component", "where"} & set(result.tables[name])))
            for result in (weighted, repeated)
        )
        np.testing.assert_allclose(one[columns].to_numpy(float), other[columns].to_numpy(float), atol=1e-12)
    assert weighted.numbers["rows"] == int((frame["g"] == "a").sum())


def test_equal_weights_change_no_interval_and_uneven_ones_widen_them() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], 600), "s": rng.choice(["x", "y"], 600), "p": rng.integers(0, 2, 600)})
    frame = frame.assign(one=2.0, uneven=rng.exponential(1, 600) ** 2 + 0.01)
    plain, equal, uneven = (
        decompose(open_dataset(frame, {**ROLES, **more}), "s", group="a", reference="b")
        .tables["components"]
        .set_index(["fold", "component"])
        for more in ({}, {"weight": "one"}, {"weight": "uneven"})
    )
    pd.testing.assert_frame_equal(equal, plain, rtol=1e-12)
    widths = [table.loc[("twofold", "rate"), "high"] - table.loc[("twofold", "rate"), "low"] for table in (plain, uneven)]
    kish = frame["uneven"].sum() ** 2 / (frame["uneven"] ** 2).sum() / len(frame)
    assert widths[1] / widths[0] == pytest.approx(kish**-0.5, rel=0.25)
