"""ART as a generator: judged like anybody's attack, the same bits for one seed, numpy's generators given back."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.art import evade_with_art, seeded
from workbench.attacks.constraints import Column, Domain
from workbench.attacks.evasion import record_attack
from workbench.errors import InputError, UnknownNameError
from workbench.models import Target

QUICK: dict[str, Any] = {"max_iter": 2, "max_eval": 60, "init_eval": 10}


@pytest.fixture
def domain() -> Domain:
    names = "abcd"
    return Domain(tuple(Column(name, low=-8.0, high=8.0, direction="none" if name == "d" else "any") for name in names))


def test_a_seeded_state_draws_the_same_and_gives_the_global_one_back() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    with seeded(3, 1):
        one = np.random.RandomState().uniform(size=3), np.random.randn(2)  # noqa: NPY002
    with seeded(3, 1):
        two = np.random.RandomState().uniform(size=3), np.random.randn(2)  # noqa: NPY002
    assert np.array_equal(np.concatenate(one), np.concatenate(two))
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert not np.array_equal(np.random.RandomState().uniform(size=3), one[0])


def test_an_unknown_attack_lists_those_there_are(linear: Target, frame: pd.DataFrame) -> None:
    with pytest.raises(UnknownNameError, match="HopSkipJump"):
        evade_with_art(linear, frame, attack="nonsense")


def test_a_column_without_a_range_is_named(linear: Target, frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"without a range.*b"):
        evade_with_art(linear, frame, Domain((Column("a", low=0, high=1), Column("b"), Column("c"), Column("d"))))


def test_without_art_it_is_said_how_to_install_it(
    linear: Target, frame: pd.DataFrame, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "art", None)
    monkeypatch.setitem(sys.modules, "art.attacks.evasion", None)
    with pytest.raises(InputError, match=r"not installed.*ml-incident-workbench\[attacks\]"):
        evade_with_art(linear, frame[:2], domain)


def test_every_success_flips_and_what_cannot_be_moved_stays(linear: Target, frame: pd.DataFrame, domain: Domain) -> None:
    pytest.importorskip("art")
    found = evade_with_art(linear, frame[:12], domain, seed=1, **QUICK)
    before, after = (linear.predict(rows).decision for rows in (found.original, found.adversarial))
    assert found.raw_success.any()
    assert np.array_equal(found.raw_success, before != after)
    assert (found.success <= found.raw_success).all()
    assert np.array_equal(found.adversarial["d"], found.original["d"])
    assert (found.queries > 1).all()


def test_whole_numbers_are_what_art_does_not_know(linear: Target, domain: Domain) -> None:
    pytest.importorskip("art")
    whole = Domain((Column("a", "integer", -8, 8), *domain.columns[1:]))
    rows = pd.DataFrame(np.random.default_rng(4).normal(size=(10, 4)), columns=list("abcd")).assign(a=lambda x: x["a"].round())
    found = evade_with_art(linear, rows, whole, seed=1, **QUICK)
    assert found.raw_success.sum() > found.success.sum()


def test_the_same_seed_gives_the_same_bits_and_another_other_ones(linear: Target, frame: pd.DataFrame, domain: Domain) -> None:
    pytest.importorskip("art")
    one, two, other = (evade_with_art(linear, frame[:4], domain, seed=seed, **QUICK).adversarial for seed in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(other)


def test_it_is_recorded_with_its_generator(linear: Target, frame: pd.DataFrame, domain: Domain, tmp_path: Path) -> None:
    pytest.importorskip("art")
    recording = record_attack(linear, evade_with_art(linear, frame[:6], domain, **QUICK), tmp_path / "r")
    assert recording.manifest["source"] == {"generator": "art.attacks.evasion.HopSkipJump"}
