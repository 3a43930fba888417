"""One decision from every side, on a model whose every answer is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.constraints import Domain
from workbench.attacks.evasion import evade, record_attack
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError
from workbench.models import Target, python_target
from workbench.triage.dossier import make_dossier

ROWS = 600
ROLES = {
    "row_id": "case", "prediction": "said", "score": "score", "label": "true", "positive": 1, "groups": ["sex"],
    "features": ["income", "debts", "region"],
}  # fmt: skip


def solvency(frame: pd.DataFrame) -> np.ndarray:
    """Income less debts decides; nothing else does."""
    gap = frame["income"].to_numpy(dtype=float) - 4 * frame["debts"].to_numpy(dtype=float) - 40
    return np.asarray(1 / (1 + np.exp(-gap)))


def decide(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    score = solvency(frame)
    return {"decision": (score >= 0.5).astype(int), "score": score}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Six hundred decided cases; the model is wrong on half of the west."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({
        "case": [f"case {number}" for number in range(ROWS)], "income": rng.normal(50, 10, ROWS).round(1),
        "debts": rng.integers(0, 6, ROWS), "region": rng.choice(["north", "south", "west"], ROWS),
        "sex": rng.choice(["F", "M"], ROWS),
    })  # fmt: skip
    frame["score"] = solvency(frame)
    frame["said"] = (frame["score"] >= 0.5).astype(int)
    wrong = (frame["region"] == "west") & (rng.uniform(size=ROWS) < 0.5)
    frame["true"] = np.where(wrong, 1 - frame["said"], frame["said"])
    return frame


@pytest.fixture(scope="module")
def log(frame: pd.DataFrame) -> Dataset:
    return open_dataset(frame, ROLES)


@pytest.fixture
def target() -> Target:
    return python_target(decide, name="solvent", digest="sha256:solvent")


def test_the_decision_and_its_inputs_are_those_of_the_row(log: Dataset, frame: pd.DataFrame) -> None:
    tables = make_dossier(log, "case 7").tables
    row = frame.iloc[7]
    assert dict(zip(tables["decision"]["role"], tables["decision"]["value"], strict=True))["prediction"] == str(row["said"])
    inputs = tables["inputs"].set_index("column")
    assert inputs.loc["income", "value"] == str(row["income"])
    assert inputs.loc["income", "share"] == pytest.approx((frame["income"] <= row["income"]).mean())
    assert inputs.loc["region", "share"] == pytest.approx((frame["region"] == row["region"]).mean())


def test_cases_are_counted_together_and_without_the_row_itself(log: Dataset, frame: pd.DataFrame) -> None:
    near, every = make_dossier(log, "case 7", nearest=20).tables["cases"].to_dict("records")
    assert (near["n"], every["n"]) == (20, ROWS)
    assert every["same_decision"] == pytest.approx((frame["said"] == frame["said"][7]).mean())
    assert every["error"] == pytest.approx((frame["said"] != frame["true"]).mean())
    assert near["same_decision"] > every["same_decision"]


def test_the_slices_listed_hold_the_row(log: Dataset, frame: pd.DataFrame) -> None:
    west = frame.index[frame["region"] == "west"][0]
    north = frame.index[frame["region"] == "north"][0]
    held, other = (make_dossier(log, f"case {place}").tables["slices"]["where"].tolist() for place in (west, north))
    assert 'region = "west"' in held
    assert not any("west" in where for where in other)


def test_the_change_found_flips_it_and_leaves_the_group_alone(log: Dataset, frame: pd.DataFrame, target: Target) -> None:
    place = int(frame.index[(frame["score"] > 0.2) & (frame["score"] < 0.45)][0])
    flip = make_dossier(log, f"case {place}", target=target).tables["flip"].set_index("column")
    changed = frame.iloc[[place]].copy()
    for column, row in flip.iterrows():
        changed[column] = type(frame[column].iloc[0])(row["instead"])
    assert decide(changed)["decision"][0] != frame["said"][place]
    assert set(flip.index) <= {"income", "debts", "region"}


def test_what_moves_the_score_are_the_columns_it_reads(log: Dataset, target: Target) -> None:
    moves = make_dossier(log, "case 7", target=target).tables["inputs"].set_index("column")["moves"]
    assert moves["region"] == pytest.approx(0, abs=1e-9)
    assert abs(moves["income"]) > 0


def test_a_recorded_attack_is_recognised_and_another_row_is_not(frame: pd.DataFrame, target: Target, tmp_path: Path) -> None:
    inputs = frame[["income", "debts", "region"]]
    attack = evade(target, inputs.head(30), Domain.infer(inputs), budget=80)
    record_attack(target, attack, tmp_path / "attack")
    hit = int(np.flatnonzero(attack.success)[0])
    log = frame.copy()
    log.loc[599, ["income", "debts", "region"]] = attack.adversarial.iloc[hit][["income", "debts", "region"]].to_numpy()
    log["debts"] = log["debts"].astype(int)
    log["income"] = log["income"].astype(float)
    from workbench.attacks.recording import open_recording

    dataset, recordings = open_dataset(log, ROLES), [open_recording(tmp_path / "attack")]
    known = make_dossier(dataset, "case 599", recordings=recordings).tables["attacks"]
    assert known["exact"].tolist() == [True]
    assert make_dossier(dataset, "case 300", recordings=recordings).tables["attacks"].empty


def test_what_was_not_given_is_said(log: Dataset) -> None:
    unknown = make_dossier(log, "case 7").tables["unknown"].set_index("part")["why"]
    assert set(unknown.index) == {"moves", "flip", "attacks", "upstream"}
    assert "No model" in unknown["flip"]


def test_nothing_of_it_is_ever_published(log: Dataset, target: Target) -> None:
    shown = make_dossier(log, "case 7", target=target).published()
    assert not shown.tables
    assert "case 7" not in str(shown.to_dict())


def test_an_id_that_is_not_there_or_not_unique_is_refused(log: Dataset, frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no decision of that id"):
        make_dossier(log, "case 9999")
    double = pd.concat([frame, frame.head(1)])
    with pytest.raises(InputError, match=r"row id|2 decisions"):
        make_dossier(open_dataset(double, ROLES), "case 0")
    with pytest.raises(InputError, match="single people"):
        make_dossier(log, "case 7", nearest=3)
