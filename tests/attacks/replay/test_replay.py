"""Replay as a whole, on planted truths."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.approval import Approval
from workbench.attacks.evasion import Evasion, record_attack
from workbench.attacks.recorder import record
from workbench.attacks.recording import Recording
from workbench.attacks.replay import label_targets, replay
from workbench.attacks.replay.asking import Limits
from workbench.attacks.triple import Fresh
from workbench.errors import InputError
from workbench.models import Target, python_target

QUICK = Fresh(rows=80, budget=60, certify=False)


def row(result: Any, target: str) -> Any:
    return result.tables["targets"].set_index("target").loc[target]


@pytest.fixture
def memorising(attack: Evasion, scored: Any, linear_score: Any) -> Target:
    """The linear model, and around each recorded attack the answer of the input it was made from."""
    known, right = attack.adversarial.to_numpy(), linear_score(attack.original)

    def score(frame: pd.DataFrame) -> np.ndarray:
        values, rows = linear_score(frame), frame.to_numpy()
        for start in range(0, len(rows), 512):
            apart = np.abs(rows[start : start + 512, None, :] - known[None]).max(axis=2)
            near = apart.min(axis=1) < 0.02
            values[start : start + 512][near] = right[apart.argmin(axis=1)[near]]
        return values

    return scored(score, "memorising")


@pytest.fixture
def blurring(scored: Any, linear_score: Any) -> Target:
    return scored(lambda frame: linear_score((frame * 2).round() / 2), "blurring")


def test_a_defence_that_memorised_the_recording_is_flagged(recorded: Recording, linear: Target, memorising: Target) -> None:
    result = replay(recorded, [linear, memorising], fresh=QUICK, seed=1)
    found = row(result, "memorising")
    assert found.replayed == 0.0
    assert found.adaptive >= 0.95
    assert found.overfitted_defence
    assert found.safer == False  # noqa: E712  numpy's
    assert not row(result, "linear").overfitted_defence


def test_it_is_flagged_with_no_baseline_but_the_recording(recorded: Recording, memorising: Target) -> None:
    assert row(replay(recorded, [memorising], fresh=QUICK), "memorising").overfitted_defence


def test_blurring_inputs_is_not_called_safer(recorded: Recording, linear: Target, blurring: Target) -> None:
    found = row(replay(recorded, [linear, blurring], fresh=QUICK), "blurring")
    assert found.replayed < 0.9
    assert found.safer == False  # noqa: E712  numpy's


def test_a_defence_that_holds_against_fresh_attacks_is_called_safer(
    recorded: Recording, linear: Target, linear_score: Any
) -> None:
    """A guard abstains near the boundary, wherever that is: an attack has to go further."""

    def guarded(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        score = linear_score(frame)
        return {"decision": (score >= 0.5).astype(int), "score": score, "abstained": np.abs(score - 0.5) < 0.25}

    found = row(replay(recorded, [linear, python_target(guarded, digest="sha256:g")], fresh=QUICK), "guarded")
    assert found.replayed == 0.0
    assert found.abstained > 80
    assert found.safer
    assert not found.overfitted_defence
    assert found.verdict == "safer at a price"
    harmless = recorded.select(np.arange(80))
    assert found.abstains == pytest.approx(float((np.abs(linear_score(harmless) - 0.5) < 0.25).mean()))


def test_a_guard_that_abstains_on_what_was_recorded_is_overfitted(
    recorded: Recording, linear: Target, attack: Evasion, linear_score: Any
) -> None:
    known = attack.adversarial.to_numpy()

    def guarded(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        score, rows = linear_score(frame), frame.to_numpy()
        near = np.array([np.abs(row - known).max(axis=1).min() < 1e-3 for row in rows], dtype=bool)
        return {"decision": (score >= 0.5).astype(int), "score": score, "abstained": near}

    found = row(replay(recorded, [linear, python_target(guarded, digest="sha256:g")], fresh=QUICK), "guarded")
    assert (found.replayed, found.unseen, found.verdict) == (0.0, 1.0, "overfitted defence")


def test_a_guard_that_abstains_around_everything_recorded_is_overfitted(
    recorded: Recording, linear: Target, linear_score: Any
) -> None:
    """On harmless inputs, too: then a fresh attack from where these stand goes a long way, and proves nothing."""
    known = recorded.select(np.arange(recorded.rows)).to_numpy()

    def guarded(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        score = linear_score(frame)
        near = np.array([np.abs(row - known).max(axis=1).min() < 0.25 for row in frame.to_numpy()], dtype=bool)
        return {"decision": (score >= 0.5).astype(int), "score": score, "abstained": near}

    found = row(replay(recorded, [linear, python_target(guarded, digest="sha256:g")], fresh=QUICK), "guarded")
    assert (found.abstains, found.verdict) == (1.0, "overfitted defence")


@pytest.mark.parametrize("oracle", ["label flip", "expected outcome"])
def test_abstaining_on_what_was_recorded_is_learning_it_whatever_judges(
    linear: Target, attack: Evasion, linear_score: Any, tmp_path: Path, oracle: str
) -> None:
    known, right = attack.adversarial.to_numpy(), linear.predict(attack.original).decision
    rows = pd.concat([attack.original, attack.adversarial], ignore_index=True)
    ids = [str(number) for number in range(160)]
    about = {"domain": attack.domain.to_dict(), "queries_per_row": 60, "source": {"generator": attack.generator}}
    origin = np.array([None] * 80 + ids[:80], dtype=object)
    recording = record(
        linear, rows, tmp_path / "r", about=about, row_id=ids, origin=origin, expected=np.concatenate([right, right])
    )

    def guarded(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        score = linear_score(frame)
        near = np.array([np.abs(row - known).max(axis=1).min() < 1e-3 for row in frame.to_numpy()], dtype=bool)
        return {"decision": (score >= 0.5).astype(int), "score": score, "abstained": near}

    found = replay(recording, [linear, python_target(guarded, digest="sha256:g")], oracle, fresh=QUICK)
    assert row(found, "guarded").verdict == "overfitted defence"


def test_a_guard_that_abstains_at_random_is_not_accused(recorded: Recording, linear: Target, linear_score: Any) -> None:
    """It stops what it has not seen as often as what was recorded; the price is shown."""

    def guarded(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        score = linear_score(frame)
        drawn = np.sin(frame.to_numpy() @ [1e4, 2e4, 3e4, 4e4]) > 0
        return {"decision": (score >= 0.5).astype(int), "score": score, "abstained": drawn}

    found = row(replay(recorded, [linear, python_target(guarded, digest="sha256:g")], fresh=QUICK), "guarded")
    assert 0.3 < found.replayed < 0.7
    assert 0.3 < found.abstains < 0.7
    assert not found.overfitted_defence


def test_attacks_that_another_tool_pulled_to_the_boundary_accuse_nobody(
    linear: Target, attack: Evasion, scored: Any, linear_score: Any, tmp_path: Path
) -> None:
    """Any other model stops about half of them; so it does of ours, once they are pulled there, too."""
    start, end = attack.original.to_numpy(), attack.adversarial.to_numpy()
    near = start
    for _ in range(20):
        middle = pd.DataFrame((near + end) / 2, columns=list("abcd"))
        flips = ((linear_score(middle) >= 0.5) != (linear_score(attack.original) >= 0.5))[:, None]
        near, end = np.where(flips, near, middle.to_numpy()), np.where(flips, middle.to_numpy(), end)
    rows = pd.concat([attack.original, pd.DataFrame(end, columns=list("abcd"))], ignore_index=True)
    origin = np.array([None] * 80 + [str(number) for number in range(80)], dtype=object)
    about = {"domain": attack.domain.to_dict(), "source": {"generator": "art.attacks.evasion.HopSkipJump"}}
    recording = record(
        linear, rows, tmp_path / "other", about=about, row_id=[str(number) for number in range(160)], origin=origin
    )
    other = scored(lambda frame: linear_score(frame * [1.0, 1.02, 0.98, 1.01] + 0.002), "retrained")
    found = row(replay(recording, [linear, other], fresh=QUICK), "retrained")
    assert found.replayed < 0.8
    assert found.unseen < 0.8
    assert found.verdict != "overfitted defence"


def test_a_version_that_dies_under_the_fresh_attack_is_not_called_safer(
    recorded: Recording, linear: Target, linear_score: Any
) -> None:
    asked: list[int] = []

    def dying(frame: pd.DataFrame) -> np.ndarray:
        asked.append(len(frame))
        if len(asked) > 1:
            raise MemoryError
        return np.asarray(linear_score(frame) >= 0.5, dtype=int)

    found = row(replay(recorded, [linear, python_target(dying, name="dying", digest="sha256:d")], fresh=QUICK), "dying")
    assert found.errors == 0
    assert found.adaptive_errors == 1.0
    assert np.isnan(found.adaptive)
    assert pd.isna(found.verdict)
    assert pd.isna(found.safer)


def test_a_version_that_names_its_decisions_otherwise_is_told_so_and_not_measured(
    recorded: Recording, linear: Target, linear_score: Any
) -> None:
    worded = python_target(lambda rows: np.where(linear_score(rows) >= 0.5, "yes", "no"), name="worded", digest="sha256:w")
    result = replay(recorded, [linear, worded], fresh=QUICK)
    found = row(result, "worded")
    assert found.otherwise_named
    assert pd.isna(found.verdict)
    assert np.isnan(found.adaptive)
    assert not row(result, "linear").otherwise_named


def test_other_words_are_no_matter_where_no_decision_is_known_to_be_right(
    linear: Target, frame: pd.DataFrame, tmp_path: Path
) -> None:
    worded = python_target(lambda rows: ["a reply"] * len(rows), name="worded", digest="sha256:w")
    result = replay(record(linear, frame, tmp_path / "r"), [worded], fresh=None)
    assert not row(result, "worded").otherwise_named


def test_the_same_model_is_neither_safer_nor_overfitted(
    recorded: Recording, linear: Target, scored: Any, linear_score: Any
) -> None:
    result = replay(recorded, [linear, scored(linear_score, "copy")], fresh=QUICK)
    found = row(result, "copy")
    assert not found.overfitted_defence
    assert found.bit_identical == recorded.rows
    assert result.tables["pairs"]["p"].tolist() == [1.0, 1.0]


def test_certified_is_between_its_ends_and_labelled(recorded: Recording, linear: Target) -> None:
    found = row(replay(recorded, [linear], fresh=Fresh(rows=20, budget=20)), "linear")
    assert found.certified_low <= found.certified <= found.certified_high
    assert "noise" in found.certifies


def test_one_changed_decision_in_ten_thousand_is_found_and_named(tmp_path: Path, scored: Any, linear_score: Any) -> None:
    frame = pd.DataFrame(np.random.default_rng(5).normal(size=(10_000, 4)), columns=list("abcd"))
    target = scored(linear_score, "v1")
    recording = record(target, frame, tmp_path / "r", row_id=[f"case {number}" for number in range(10_000)])
    odd = float(frame["a"][6_789])

    def score(rows: pd.DataFrame) -> np.ndarray:
        values = linear_score(rows)
        return np.where(rows["a"] == odd, 1 - values, values)

    result = replay(recording, [target, scored(score, "v2")])
    changes = result.tables["changes"]
    assert changes[["target", "change", "row_id"]].to_numpy().tolist() == [["v2", "decision changed", "case 6789"]]
    assert result.tables["divergence"]["row_id"].tolist() == ["case 6789"]
    assert row(result, "v2").bit_identical == 9_999


def test_two_replays_give_the_same_bytes_and_digests(
    recorded: Recording, linear: Target, blurring: Target, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as executor:
        one = replay(recorded, [linear, blurring], fresh=QUICK, out=tmp_path / "one", seed=1)
        two = replay(recorded, [linear, blurring], fresh=QUICK, out=tmp_path / "two", seed=1, executor=executor)
    assert (tmp_path / "one" / "verdicts.parquet").read_bytes() == (tmp_path / "two" / "verdicts.parquet").read_bytes()
    assert one.numbers["digest"] == two.numbers["digest"]
    assert one.digest == two.digest
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["verdicts.parquet"]


def test_verdicts_have_the_five_columns_a_row_per_input_and_target(recorded: Recording, linear: Target, blurring: Target) -> None:
    verdicts = replay(recorded, [linear, blurring], fresh=None).tables["verdicts"]
    assert list(verdicts) == ["row_id", "target", "decision", "level", "outcome"]
    assert len(verdicts) == 2 * recorded.rows
    expected = blurring.predict(recorded.select(np.arange(recorded.rows))).decision
    assert verdicts[verdicts["target"] == "blurring"]["decision"].tolist() == expected.tolist()


def test_nothing_about_one_input_is_published(recorded: Recording, linear: Target, blurring: Target) -> None:
    shown = replay(recorded, [linear, blurring], fresh=None).published()
    assert "verdicts" not in shown.tables
    assert "changes" not in shown.tables
    assert all("row_id" not in table for table in shown.tables.values())
    [diverges] = shown.tables["divergence"].to_dict("records")
    assert (diverges["target"], diverges["level"], diverges["cause"]) == ("blurring", "score changed", "another model")
    assert diverges["call"] == 0
    assert set(diverges) == {"target", "call", "inputs", "level", "cause"}


def test_the_call_of_few_inputs_is_not_published(scored: Any, linear_score: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    """A call of one input is that input."""
    recording = record(scored(linear_score, "v1"), frame, tmp_path / "r", batch=1)
    diverged = replay(recording, [scored(lambda rows: linear_score(rows) + 0.01, "v2")], fresh=None)
    [told], [true] = (result.tables["divergence"].to_dict("records") for result in (diverged.published(), diverged))
    assert (true["call"], true["inputs"]) == (0, 1)
    assert (told["call"], told["inputs"], told["level"]) == (None, None, true["level"])


def test_failures_are_outcomes(recorded: Recording, linear: Target) -> None:
    def fail(_: pd.DataFrame) -> np.ndarray:
        raise TimeoutError("late")

    result = replay(recorded, [linear, python_target(fail, name="down", digest="sha256:d")], fresh=None)
    found = row(result, "down")
    assert found.errors == found.not_answered == recorded.rows
    assert pd.isna(found.replayed)
    assert set(result.tables["verdicts"].query("target == 'down'")["outcome"]) == {"error: exception"}
    assert result.tables["errors"].to_dict("records") == [
        {"target": "down", "error": "TimeoutError: late", "rows": recorded.rows}
    ]


def test_limits_hold_for_the_fresh_attack_too(recorded: Recording, linear: Target) -> None:
    """What was not asked is not measured: silence is no defence."""
    found = row(replay(recorded, [linear], limits=Limits(calls=1), fresh=QUICK), "linear")
    assert found.errors == 0
    assert pd.isna(found.adaptive)
    assert found.safer is None


def test_a_production_target_needs_an_approval_and_it_is_kept(recorded: Recording, scored: Any, linear_score: Any) -> None:
    live = scored(linear_score, "live", production=True)
    with pytest.raises(InputError, match="approval"):
        replay(recorded, [live], fresh=None)
    result = replay(recorded, [live], fresh=None, approval=Approval("ada", "sha256:1"))
    assert result.provenance["arguments"]["approval"] == {"by": "ada", "evidence": "sha256:1"}  # type: ignore[index,call-overload]


def test_the_hosts_that_were_allowed_are_kept(recorded: Recording, linear: Target) -> None:
    result = replay(recorded, [linear], fresh=None, allowed_hosts=["models.example", "a.example"])
    assert result.provenance["arguments"]["allowed_hosts"] == ["a.example", "models.example"]  # type: ignore[index,call-overload]


def test_no_targets_is_an_error(recorded: Recording) -> None:
    with pytest.raises(InputError, match="no targets"):
        replay(recorded, [])


def test_targets_of_one_name_are_told_apart(linear: Target) -> None:
    assert label_targets([linear, linear]) == [f"linear {linear.version}", f"linear {linear.version} (2)"]


def test_newly_failing_and_newly_fixed_are_named(recorded: Recording, linear: Target, blurring: Target) -> None:
    result = replay(recorded, [linear, blurring], fresh=None)
    verdicts = result.tables["verdicts"]
    outcome = {name: verdicts[verdicts["target"] == name].set_index("row_id")["outcome"] for name in ("linear", "blurring")}
    fixed = [
        identity
        for identity in outcome["linear"].index
        if (outcome["linear"][identity], outcome["blurring"][identity]) == ("fail", "pass")
    ]
    changes = result.tables["changes"]
    named = changes[(changes["target"] == "blurring") & (changes["change"] == "newly fixed")]["row_id"].tolist()
    assert named == fixed
    assert fixed
    assert result.tables["pairs"].set_index("target").loc["blurring", "newly_fixed"] == len(fixed)


@pytest.mark.slow
def test_a_retrained_model_that_memorised_is_flagged(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    from workbench.attacks.constraints import Domain
    from workbench.attacks.evasion import evade

    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.normal(size=(6000, 12)), columns=[f"f{number}" for number in range(12)])
    label = ((frame["f0"] + frame["f1"] * frame["f2"] + frame["f3"] / 2 + chance.normal(size=6000) * 0.3) > 0).astype(int)

    def fit(rows: pd.DataFrame, labels: Any, name: str) -> Target:
        model = lightgbm.LGBMClassifier(n_estimators=100, verbose=-1, n_jobs=1, deterministic=True).fit(rows, labels)
        return python_target(model, name=name)

    first = fit(frame, label, "v1")
    rows = frame.iloc[:300][first.predict(frame.iloc[:300]).decision == label[:300]].iloc[:80].reset_index(drop=True)
    attack = evade(first, rows, Domain.infer(frame), budget=150, seed=2)
    right = first.predict(rows).decision
    learned = fit(
        pd.concat([frame, *[attack.adversarial] * 20], ignore_index=True), np.concatenate([label, *[right] * 20]), "v3"
    )  # fmt: skip
    result = replay(record_attack(first, attack, tmp_path / "r"), [first, learned], fresh=Fresh(certify=False), seed=4)
    found = row(result, "v3")
    assert found.replayed < 0.05
    assert found.adaptive > 0.9
    assert found.overfitted_defence
