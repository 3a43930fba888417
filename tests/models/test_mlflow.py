"""MLflow folders, read without MLflow."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from workbench.errors import InputError
from workbench.models import open_target

SKLEARN = """
flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl, predict_fn: predict}
  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle, sklearn_version: 1.9.1}
model_uuid: 0123456789abcdef
"""


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(200, 2)), columns=["a", "b"])


@pytest.fixture
def folder(tmp_path: Path, frame: pd.DataFrame) -> Path:
    (tmp_path / "MLmodel").write_text(SKLEARN)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(LogisticRegression().fit(frame, frame["a"] > 0)))
    return tmp_path


def test_its_pickle_needs_trust_and_then_answers(folder: Path, frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="nobody vouched"):
        open_target(f"mlflow:{folder}")
    digest = hashlib.sha256((folder / "model.pkl").read_bytes()).hexdigest()
    target = open_target(f"mlflow:{folder}", trust=[digest])
    assert (target.predict(frame).decision == (frame["a"] > 0)).mean() > 0.95
    assert target.name.endswith("0123456789ab")


def test_a_booster_needs_none(tmp_path: Path, frame: pd.DataFrame) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    booster = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(frame, frame["a"] > 0).booster_
    booster.save_model(tmp_path / "model.lgb")
    (tmp_path / "MLmodel").write_text("flavors:\n  lightgbm: {lgb_model: model.lgb, lgb_version: 4.7.0}\n")
    target = open_target(f"mlflow:{tmp_path}")
    assert np.array_equal(target.predict(frame).score, booster.predict(frame))


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "model"
    inside.mkdir()
    (tmp_path / "other.lgb").write_text("tree")
    (inside / "MLmodel").write_text("flavors:\n  lightgbm: {lgb_model: ../other.lgb}\n")
    with pytest.raises(InputError, match="outside"):
        open_target(f"mlflow:{inside}")


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "not an MLflow model"), ("a: [", "no YAML"), ("", "says nothing"), ("run_id: x", "without flavors"),
     ("flavors: {pytorch: {}}", "no flavor|no flavour")],
)  # fmt: skip
def test_what_is_no_model_of_mlflow_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(InputError, match=said):
        open_target(f"mlflow:{tmp_path}")
