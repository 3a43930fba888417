"""The first divergence and its cause, each cause planted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.recorder import record
from workbench.attacks.recording import MANIFEST, content_id, open_recording
from workbench.attacks.replay import replay
from workbench.models import Target, python_target


def divergence(folder: Path, frame: pd.DataFrame, target: Target, again: Target, batch: int = 10) -> Any:
    return replay(record(target, frame, folder / "r", batch=batch), [again], fresh=None).tables["divergence"]


def same(function: Any, name: str = "model") -> Target:
    """A target of one digest, whatever it does."""
    return python_target(lambda rows: {"decision": np.ones(len(rows)), "score": function(rows)}, name=name, digest="sha256:one")


def test_no_divergence_no_row(tmp_path: Path, frame: pd.DataFrame) -> None:
    target = same(lambda rows: rows["a"])
    assert divergence(tmp_path, frame, target, target).empty


def test_another_model(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> None:
    found = divergence(tmp_path, frame, linear, same(lambda rows: rows["a"]))
    assert found["cause"].tolist() == ["another model"]


def test_batch_shape(tmp_path: Path, frame: pd.DataFrame) -> None:
    target = same(lambda rows: rows["a"] + 1e-8 * (len(rows) > 10))
    found = divergence(tmp_path, frame, target, target)
    assert found["cause"][0].startswith("batch shape")
    assert (found["call"][0], found["level"][0]) == (0, "within tolerance")


def test_seed(tmp_path: Path, frame: pd.DataFrame) -> None:
    chance = np.random.default_rng(0)
    target = same(lambda rows: rows["a"] + chance.normal(size=len(rows)))
    assert divergence(tmp_path, frame, target, target)["cause"][0].startswith("seed")


def test_library(tmp_path: Path, frame: pd.DataFrame) -> None:
    record(same(lambda rows: rows["a"]), frame, tmp_path / "r")
    path = tmp_path / "r" / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["environment"]["versions"]["numpy"] = "1.26.4"
    manifest["content"] = content_id(manifest)
    path.write_text(json.dumps(manifest))
    found = replay(open_recording(tmp_path / "r"), [same(lambda rows: rows["a"] * 2)], fresh=None).tables["divergence"]
    assert found["cause"][0] == f"library: numpy 1.26.4 -> {np.__version__}"


def test_threads(tmp_path: Path, frame: pd.DataFrame) -> None:
    pools = pytest.importorskip("threadpoolctl")

    def on_many(rows: pd.DataFrame) -> Any:
        return rows["a"] + float(max([pool["num_threads"] for pool in pools.threadpool_info()], default=1) > 1)

    with pools.threadpool_limits(1):
        recording = record(same(on_many), frame, tmp_path / "r")
    with pools.threadpool_limits(2):
        found = replay(recording, [same(on_many)], fresh=None).tables["divergence"]
    assert found["cause"][0].startswith("threads")


def test_where_it_is_named_by_id_and_call(tmp_path: Path, frame: pd.DataFrame) -> None:
    odd = frame["a"][37]
    target = same(lambda rows: rows["a"])
    found = divergence(tmp_path, frame, target, same(lambda rows: rows["a"] + (rows["a"] == odd)))
    assert (found["row_id"][0], found["call"][0], found["score"][0]) == (37, 3, odd + 1)
