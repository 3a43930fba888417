"""Whether a defence holds, on planted truths: one that learned by heart, one that blurs, one that abstains, one that holds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.constraints import Column, Domain
from workbench.attacks.defences.held_out import judge_defences
from workbench.attacks.defences.stack import Stack, detector, guard, preprocessing
from workbench.attacks.defences.training import Training, train_adversarial, train_plain
from workbench.attacks.evasion import Evasion, evade
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import Prediction, Target, python_target

DOMAIN = Domain(tuple(Column(name, low=-8.0, high=8.0) for name in "abcd"))


def score_of(frame: pd.DataFrame) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-(frame.to_numpy(dtype=float) @ [1.0, -0.5, 0.25, 0.8]))))


def deciding(score: Callable[[pd.DataFrame], np.ndarray], name: str) -> Target:
    def decide(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        values = score(frame)
        return {"decision": (values >= 0.5).astype(int), "score": values}

    return python_target(decide, name=name, digest=f"sha256:{name}")


def drawn(seed: int, rows: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 4)), columns=list("abcd"))


@pytest.fixture(scope="module")
def plane() -> Target:
    """A linear model."""
    return deciding(score_of, "plane")


@pytest.fixture(scope="module")
def known(plane: Target) -> Evasion:
    """The recorded attack on it."""
    return evade(plane, drawn(0, 50), DOMAIN, budget=50, seed=3)


@pytest.fixture(scope="module")
def fresh(plane: Target) -> Setting:
    """Rows that nobody attacked, and their labels."""
    frame = drawn(9, 60)
    return Setting(plane, frame, (score_of(frame) >= 0.5).astype(int), seed=11)


def verdict(result: Any, name: str) -> Any:
    return result.tables["defences"].set_index("defence").loc[name]


def by_heart(attack: Evasion) -> Target:
    """The linear model, and on every recorded attack the answer to the row it was made from."""
    learned, right = attack.adversarial.to_numpy(), score_of(attack.original)

    def score(frame: pd.DataFrame) -> np.ndarray:
        apart = np.abs(frame.to_numpy()[:, None, :] - learned[None]).max(axis=2)
        return np.where(apart.min(axis=1) < 0.02, right[apart.argmin(axis=1)], score_of(frame))

    return deciding(score, "by heart")


def around(attack: Evasion, how_near: float) -> Callable[[pd.DataFrame], np.ndarray]:
    """Flags whatever is near a recorded attack, or near the row it was made from."""
    known = np.vstack([attack.original.to_numpy(), attack.adversarial.to_numpy()])
    return lambda frame: np.array([np.abs(row - known).max(axis=1).min() < how_near for row in frame.to_numpy()], dtype=bool)


def withhold_some(frame: pd.DataFrame, _: Prediction) -> np.ndarray:
    """A third of all rows, by the digits of a column."""
    return np.asarray((np.abs(frame["a"].to_numpy()) * 1e6 % 3) < 1)


def withhold_unsure(_: pd.DataFrame, answered: Prediction) -> np.ndarray:
    return np.abs(answered.score - 0.5) < 0.25


@pytest.fixture(scope="module")
def result(known: Evasion, plane: Target, fresh: Setting) -> Any:
    defences = {
        "by heart": by_heart(known),
        "blurred": Stack(plane, (preprocessing(lambda rows: (rows * 2).round() / 2),)),
        "detects recorded": Stack(plane, (detector(around(known, 1e-3)),)),
        "detects around": Stack(plane, (detector(around(known, 0.2)),)),
        "abstains": Stack(plane, (guard(withhold_some),)),
        "guarded": Stack(plane, (guard(withhold_unsure),)),
        "copy": deciding(score_of, "copy"),
    }
    return judge_defences(plane, defences, known, fresh, rows=50)


def test_learning_the_recording_by_heart_is_good_on_it_and_bad_held_out(result: Any) -> None:
    found = verdict(result, "by heart")
    assert found.replayed == 0.0
    assert found.held_out >= 0.95
    assert found.unseen >= 0.9
    assert found.verdict == "overfitted defence"


@pytest.mark.parametrize("name", ["detects recorded", "detects around"])
def test_a_detector_that_abstains_on_what_was_recorded_is_overfitted(result: Any, name: str) -> None:
    assert verdict(result, name).replayed == 0.0
    assert verdict(result, name).verdict == "overfitted defence"


def test_blurring_does_not_hold(result: Any) -> None:
    assert verdict(result, "blurred").replayed < 0.9
    assert verdict(result, "blurred").verdict == "not borne out"


def test_abstaining_raises_false_alarms_and_is_not_overfitted(result: Any) -> None:
    found = verdict(result, "abstains")
    assert 0.2 < found.false_alarms < 0.5
    assert found.clean_accuracy == pytest.approx(1 - found.false_alarms)
    assert found.replayed < 0.9
    assert "overfitted" not in found.verdict
    assert found.verdict != "safer"


def test_what_makes_a_fresh_attack_harder_holds(result: Any) -> None:
    assert verdict(result, "guarded").verdict == "safer at a price"
    assert verdict(result, "guarded").held_out_cost > 1.5 * verdict(result, "baseline").held_out_cost


def test_a_copy_of_the_baseline_is_no_harder_and_the_baseline_has_no_verdict(result: Any) -> None:
    copy, baseline = verdict(result, "copy"), verdict(result, "baseline")
    assert (copy.verdict, copy.fresh_gain) == ("no change", 0.0)
    assert pd.isna(baseline.verdict)
    assert (baseline.replayed, baseline.held_out) == (1.0, copy.held_out)


def test_rows_that_were_attacked_are_not_held_out(known: Evasion, plane: Target, fresh: Setting) -> None:
    mixed = Setting(
        plane, pd.concat([known.original, fresh.frame], ignore_index=True),
        np.concatenate([plane.predict(known.original).decision, fresh.require_label()]), seed=11,
    )  # fmt: skip
    assert judge_defences(plane, {"same": plane}, known, mixed, rows=20).numbers["rows"] == len(fresh)


def test_the_seed_of_the_recorded_attack_is_refused(known: Evasion, plane: Target, fresh: Setting) -> None:
    with pytest.raises(InputError, match="the seed of the recorded"):
        judge_defences(plane, {"same": plane}, known, replace(fresh, seed=known.seed - 1))


def test_an_attack_that_never_succeeded_is_refused(known: Evasion, plane: Target, fresh: Setting) -> None:
    nothing = replace(known, success=np.zeros(len(known.success), dtype=bool))
    with pytest.raises(InputError, match="never succeeded"):
        judge_defences(plane, {"same": plane}, nothing, fresh, rows=20)


def test_adversarial_training_holds_where_a_model_leans_on_what_is_cheap_to_change() -> None:
    """Both columns tell the label; `slight` by a hair, `solid` by a mile. A tree of one split takes the first it meets."""
    from sklearn.tree import DecisionTreeClassifier

    def rows(seed: int, count: int) -> tuple[pd.DataFrame, np.ndarray]:
        chance = np.random.default_rng(seed)
        label = chance.integers(0, 2, count)
        side = 2.0 * label - 1
        slight = 0.05 * side + 0.01 * chance.normal(size=count)
        solid = 3 * side + 0.2 * chance.normal(size=count) + np.where(chance.random(count) < 0.02, -6 * side, 0)
        return pd.DataFrame({"slight": slight, "solid": solid}), label

    def fit(frame: pd.DataFrame, label: np.ndarray) -> Any:
        return DecisionTreeClassifier(max_depth=1, random_state=0).fit(frame, label)

    frame, label = rows(1, 300)
    domain = Domain((Column("slight", low=-8, high=8), Column("solid", low=-8, high=8)))
    training = Training(fit, frame, label, domain, seed=5)
    plain, hardened = train_plain(training), train_adversarial(training, rounds=1, rows=40, budget=30)
    recorded = evade(plain, frame.iloc[:40], domain, away_from=label[:40], budget=30, seed=1)
    held_out, truth = rows(2, 200)
    found = judge_defences(plain, {"hardened": hardened}, recorded, Setting(plain, held_out, truth, seed=21), rows=40)
    assert verdict(found, "hardened").verdict == "safer"
    assert verdict(found, "hardened").clean_accuracy < verdict(found, "baseline").clean_accuracy  # what it costs
