"""A value drawn from like cases is one that they had, as often as they had it."""

import numpy as np
import pandas as pd
import pytest

from workbench.triage.repair.draws import like_cases


def people(rows: int = 4000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kind = rng.choice(list("abc"), rows)
    amount = np.where(kind == "a", 10.0, 1000.0) * np.exp(rng.normal(0, 0.1, rows))
    return pd.DataFrame({"kind": kind, "amount": amount, "noise": rng.normal(size=rows)})


def test_numbers_follow_the_other_columns() -> None:
    frame = people()
    drawn = like_cases(frame, "amount", ["kind", "noise"]).draw(frame, np.random.default_rng(1))
    assert set(drawn) <= set(frame["amount"])
    assert drawn[frame["kind"] == "a"].max() < 100 < drawn[frame["kind"] != "a"].min()
    assert drawn.index.equals(frame.index)
    spread = frame["amount"][frame["kind"] != "a"].std()
    assert drawn[frame["kind"] != "a"].std() == pytest.approx(spread, rel=0.1)


def test_texts_follow_the_other_columns() -> None:
    frame = people()
    drawn = like_cases(frame, "kind", ["amount"]).draw(frame, np.random.default_rng(1))
    assert (drawn[frame["kind"] == "a"] == "a").mean() > 0.99
    assert (drawn[frame["kind"] == "b"] == "b").mean() == pytest.approx(0.5, abs=0.08)


def test_missing_infinite_and_unheard_of_values_have_like_cases_too() -> None:
    frame = people().assign(noise=lambda data: data["noise"].mask(data.index % 3 == 0), extra=np.inf)
    odd = frame.head(50).assign(kind="never seen", noise=np.nan)
    drawn = like_cases(frame, "amount", ["kind", "noise", "extra"]).draw(odd, np.random.default_rng(1))
    assert drawn.notna().all()


def test_without_other_columns_it_is_drawn_from_all() -> None:
    frame = people()
    drawn = like_cases(frame, "kind", []).draw(frame, np.random.default_rng(1))
    assert drawn.value_counts(normalize=True).to_numpy() == pytest.approx(1 / 3, abs=0.05)


def test_the_same_seed_draws_the_same() -> None:
    frame = people(500)
    one, other = (like_cases(frame, "amount", ["kind"], 3).draw(frame, np.random.default_rng(3)) for _ in range(2))
    pd.testing.assert_series_equal(one, other)
