"""What turns one sample of a column into the other: a factor, another word, another value, one value for all."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.causes.samples import Samples, exchanged, factor, held_value, rewritten, shifted, spike


def drawn(rows: int, seed: int) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(3, 0.7, rows))


@given(times=st.sampled_from([0.001, 0.1, 0.45, 1 / 7, 2.54, 12.0, 60.0, 1000.0]), seed=st.integers(0, 50))
def test_a_factor_is_read_off_two_samples(times: float, seed: int) -> None:
    found = factor(Samples(pd.Series(drawn(500, seed)), pd.Series(times * drawn(300, seed + 1000))))
    assert found is not None
    assert found[0] == pytest.approx(times, rel=0.2)
    assert found[1] == 1.0


def test_two_samples_of_one_column_have_no_factor() -> None:
    """Kolmogorov and Smirnov's test lets 0.6 % of such pairs pass; of 200, five or more would be beyond chance."""
    pairs = [Samples(pd.Series(drawn(500, seed)), pd.Series(drawn(300, seed + 1000))) for seed in range(200)]
    assert sum(factor(pair) is not None for pair in pairs) < 5


def test_a_factor_of_some_rows_only() -> None:
    after = drawn(400, 2)
    after[:120] *= 1000
    found = factor(Samples(pd.Series(drawn(600, 1)), pd.Series(after)))
    assert found is not None
    assert found[0] == pytest.approx(1000, rel=0.3)
    assert found[1] == pytest.approx(0.3, abs=0.03)


def test_counts_in_another_unit_keep_their_ties() -> None:
    rng = np.random.default_rng(0)
    found = factor(Samples(pd.Series(rng.poisson(2, 800)), pd.Series(rng.poisson(2, 400) / 7)))
    assert found is not None
    assert found[0] == pytest.approx(1 / 7)


LETTERS = np.repeat(list("abcd"), [400, 300, 200, 100])


@pytest.mark.parametrize(
    ("after", "gone", "into", "recoded"),
    [
        (np.where(LETTERS == "b", "B", LETTERS), ("b",), "B", True),
        (np.where(LETTERS == "c", "a", LETTERS), ("c",), "a", False),
        (np.select([LETTERS == "a", LETTERS == "d"], ["d", "a"], LETTERS), ("a", "d"), "d", True),
    ],
)
def test_values_that_went_elsewhere(after: np.ndarray, gone: tuple[str, ...], into: str, recoded: bool) -> None:  # noqa: FBT001
    found = rewritten(Samples(pd.Series(LETTERS), pd.Series(after)))
    assert found is not None
    assert (found.gone, found.into, found.recoded) == (gone, into, recoded)


def test_another_mix_is_no_rewriting() -> None:
    assert rewritten(Samples(pd.Series(LETTERS), pd.Series(np.repeat(list("abcd"), [300, 300, 250, 150])))) is None


def test_a_column_that_stands_still() -> None:
    samples = Samples(pd.Series(drawn(300, 0)), pd.Series([7.5] * 200))
    assert held_value(samples) == (7.5, 1.0, 0.0)
    assert held_value(Samples(pd.Series([0.0] * 300), pd.Series([0.0] * 200))) is None


def test_a_stand_in_for_what_is_missing() -> None:
    after = drawn(400, 3)
    after[:120] = -1.0
    found = spike(Samples(pd.Series(drawn(600, 4)), pd.Series(after)))
    assert found is not None
    assert (found[0], found[1]) == (-1.0, pytest.approx(0.3))
    assert spike(Samples(pd.Series(drawn(600, 4)), pd.Series(drawn(400, 5)))) is None


def test_a_rare_value_that_took_the_place_of_a_frequent_one_was_exchanged_with_it() -> None:
    """Nearly all rows hold one value then; but the other is as common as the first was, and no longer rare by its absence."""
    rare = np.repeat(["no", "yes"], [970, 30])
    turned = np.random.default_rng(0).permutation(np.where(rare == "no", "yes", "no"))
    found = exchanged(Samples(pd.Series(rare), pd.Series(turned)))
    assert found is not None
    assert set(found.gone) == {"no", "yes"}


def test_a_value_that_was_absorbed_was_not_exchanged() -> None:
    merged = np.random.default_rng(0).permutation(np.where(LETTERS == "c", "d", LETTERS))
    assert exchanged(Samples(pd.Series(LETTERS), pd.Series(merged))) is None


def test_some_rows_of_one_value_that_are_written_otherwise() -> None:
    part = (LETTERS == "b") & (np.arange(len(LETTERS)) % 4 == 0)
    found = rewritten(Samples(pd.Series(LETTERS), pd.Series(np.where(part, "B", LETTERS))))
    assert found is not None
    assert (found.gone, found.into, found.recoded) == (("b",), "B", True)
    assert found.share == pytest.approx(0.075)


def test_a_new_value_for_which_no_other_became_rarer_rewrites_none() -> None:
    assert rewritten(Samples(pd.Series(LETTERS), pd.Series([*LETTERS, *["e"] * 80]))) is None


def test_a_column_of_which_several_values_stopped_coming_stands_still() -> None:
    before = pd.Series(np.repeat(list("abc"), [940, 40, 20]))
    held = held_value(Samples(before, pd.Series(["a"] * 600)))
    assert held is not None
    assert held[0] == "a"
    assert held_value(Samples(before, pd.Series(np.repeat(["a", "c"], [588, 12])))) is None


@given(step=st.sampled_from([-4, -3, 2, 3]), seed=st.integers(0, 30))
def test_numbers_of_few_values_that_are_all_larger_by_one_step(step: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = (pd.Series(rng.integers(1980, 1988, size)) for size in (700, 500))
    assert shifted(Samples(before, after + step)) == pytest.approx(step)
    assert shifted(Samples(before, after.clip(upper=1982))) is None


def test_a_column_that_no_longer_tells_two_of_three_values_apart_does_not_stand_still() -> None:
    before, after = (np.repeat(list("abc"), sizes) for sizes in ([684, 313, 3], [997, 0, 3]))
    assert held_value(Samples(pd.Series(before), pd.Series(after))) is None
    found = rewritten(Samples(pd.Series(before), pd.Series(after)))
    assert found is not None
    assert (found.gone, found.into, found.recoded) == (("b",), "a", False)


@pytest.mark.parametrize("merged", [True, False])
def test_a_rare_value_that_is_gone_was_absorbed_or_does_not_come(*, merged: bool) -> None:
    """Of 400,000 rows 1.5 % held it: those of one other value are as many more, or all others are a little more frequent."""
    rng = np.random.default_rng(0)
    before, after = (rng.choice(["a", "b", "c", "rare"], 400_000, p=[0.8, 0.1, 0.085, 0.015]) for _ in range(2))
    after = np.where(after == "rare", "a", after) if merged else after[after != "rare"]
    found = rewritten(Samples(pd.Series(before), pd.Series(after)))
    told = None if found is None else (found.gone, found.into)
    assert told == ((("rare",), "a") if merged else None)
