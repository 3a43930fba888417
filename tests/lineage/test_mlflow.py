"""MLflow's database, its tables as MLflow makes them (columns of tests/db/schemas/sqlite.sql in mlflow 3)."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import open_dataset
from workbench.errors import SourceError
from workbench.lineage.blast import blast_radius
from workbench.lineage.consumed import consumed
from workbench.lineage.diff import diff
from workbench.lineage.graph import Lineage
from workbench.lineage.source import open_lineage

TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256) NOT NULL, lifecycle_stage VARCHAR(32));
CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), status VARCHAR(9), start_time BIGINT, end_time BIGINT,
  lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER);
CREATE TABLE datasets (dataset_uuid VARCHAR(36) NOT NULL, experiment_id INTEGER NOT NULL, name VARCHAR(500) NOT NULL,
  digest VARCHAR(36) NOT NULL, dataset_source_type VARCHAR(36) NOT NULL, dataset_source TEXT NOT NULL, dataset_schema TEXT,
  dataset_profile TEXT, PRIMARY KEY (experiment_id, name, digest));
CREATE TABLE inputs (input_uuid VARCHAR(36) NOT NULL, source_type VARCHAR(36) NOT NULL, source_id VARCHAR(36) NOT NULL,
  destination_type VARCHAR(36) NOT NULL, destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL);
CREATE TABLE params (key VARCHAR(250) NOT NULL, value VARCHAR(8000) NOT NULL, run_uuid VARCHAR(32) NOT NULL);
CREATE TABLE tags (key VARCHAR(250) NOT NULL, value VARCHAR(8000), run_uuid VARCHAR(32) NOT NULL);
CREATE TABLE model_versions (name VARCHAR(256) NOT NULL, version INTEGER NOT NULL, creation_time BIGINT, last_updated_time BIGINT,
  source VARCHAR(500), run_id VARCHAR(32), status VARCHAR(20), PRIMARY KEY (name, version));
CREATE TABLE registered_model_aliases (name VARCHAR(256) NOT NULL, alias VARCHAR(256) NOT NULL, version INTEGER NOT NULL);
"""
ROWS = """
INSERT INTO experiments VALUES (1, 'credit', 'active');
INSERT INTO runs VALUES ('r1', 'first', 'FINISHED', 1000, 2000, 'active', NULL, 1), ('r2', 'second', 'FINISHED', 5000, 6000,
  'active', NULL, 1), ('r3', 'third', 'FAILED', 7000, 8000, 'active', NULL, 1), ('r4', 'fourth', 'RUNNING', 9000, NULL, 'active',
  NULL, 1);
INSERT INTO datasets VALUES ('d1', 1, 'train', 'aaaa1111', 'local', '{}', '{"mlflow_colspec": [{"type": "long", "name": "age"}]}',
  '{"num_rows": 20000, "num_elements": 20000}'), ('d2', 1, 'train', 'bbbb2222', 'local', '{}', 'broken', NULL);
INSERT INTO inputs VALUES ('i1', 'DATASET', 'd1', 'RUN', 'r1', 0), ('i2', 'DATASET', 'd2', 'RUN', 'r2', 0), ('i3', 'DATASET',
  'gone', 'RUN', 'r2', 0), ('i4', 'RUN_OUTPUT', 'x', 'MODEL_OUTPUT', 'y', 0);
INSERT INTO params VALUES ('depth', '3', 'r1'), ('depth', '8', 'r2');
INSERT INTO tags VALUES ('mlflow.source.git.commit', 'c0ffee', 'r1');
INSERT INTO model_versions VALUES ('risk', 1, 2100, 2200, 'models:/m-1', 'r1', 'READY'), ('risk', 2, 6100, 6200, 'models:/m-2',
  'r2', 'READY'), ('risk', 3, 9100, 9200, 'models:/m-3', 'elsewhere', 'READY');
INSERT INTO registered_model_aliases VALUES ('risk', 'production', 2), ('risk', 'ghost', 9);
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES + ROWS)
    return path


def kinds(graph: Lineage) -> dict[str, str]:
    return {graph.name(at): graph.kind(at) for at in range(len(graph.versions))}


def test_runs_snapshots_models_and_aliases_become_a_graph(database: Path) -> None:
    graph = open_lineage(database)
    assert kinds(graph) == {
        "train@aaaa1111": "dataset", "train@bbbb2222": "dataset", "risk@r1": "model", "risk@r2": "model",
        "risk@elsewhere": "model",
        "risk:production@version-2": "deployment",
    }  # fmt: skip
    assert len(open_lineage(f"mlflow:{database}").versions) == 6


def test_one_snapshot_contaminates_its_model_and_deployment_alone(database: Path) -> None:
    radius: Any = blast_radius(open_lineage(database), "train@bbbb2222").to_dict()
    assert [item["node"] for item in radius["contaminated"]] == ["train@bbbb2222", "risk@r2", "risk:production@version-2"]
    assert {item["node"] for item in radius["clean"]} == {"train@aaaa1111", "risk@r1", "risk@elsewhere"}


def test_the_snapshot_a_model_version_consumed_is_named_and_weak(database: Path) -> None:
    found = consumed(open_lineage(database), "risk@1")
    [snapshot] = found.snapshots
    assert (found.run, snapshot.node, snapshot.text, snapshot.weak, snapshot.certain) == (
        "r1", "train@aaaa1111", "aaaa1111", True, True
    )  # fmt: skip


def test_parameters_and_commit_are_in_the_diff(database: Path) -> None:
    found = diff(open_lineage(database), "risk@1", "risk@2")
    rows = {(item.section, item.item): (item.before, item.after) for item in found.differences}
    assert rows["parameters", "depth"] == ("3", "8")
    assert rows["code", "version"] == ("c0ffee", None)
    assert rows["inputs", "train"] == ("train@aaaa1111 (aaaa1111)", "train@bbbb2222 (bbbb2222)")


def test_what_dangles_is_listed(database: Path) -> None:
    assert {item.what for item in open_lineage(database).odd.listed()} == {
        "an input whose dataset is not in the database, left out",
        "an alias of a version that is not registered, left out",
        "a registered version whose run is not in the database",
    }


def test_the_database_is_only_read(database: Path) -> None:
    before = database.read_bytes()
    database.chmod(0o444)
    open_lineage(database)
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir() if path.is_file()] == ["mlflow.db"]


def test_another_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (run_uuid TEXT)")
    with pytest.raises(SourceError, match="it lacks a table: datasets"):
        open_lineage(path)
    (tmp_path / "cut.db").write_bytes(path.read_bytes()[:100])
    with pytest.raises(SourceError, match="cannot read the database"):
        open_lineage(tmp_path / "cut.db")
    with pytest.raises(SourceError, match="no SQLite database here"):
        open_lineage(f"mlflow:{tmp_path / 'gone.db'}")


def digest_of_mlflow(frame: pd.DataFrame) -> str:
    """What `mlflow.data.digest_utils.compute_pandas_digest` computes: the first 10,000 rows, the number of rows, the columns."""
    first = frame.head(10_000)
    parts = [pd.util.hash_pandas_object(first).to_numpy(), np.int64(len(frame)), *(str(name).encode() for name in frame.columns)]
    md5 = hashlib.md5(usedforsecurity=False)
    for part in parts:
        md5.update(part if isinstance(part, bytes) else part.tobytes())
    return md5.hexdigest()[:8]


def test_corruption_after_row_10_000_changes_our_digest_and_not_mlflows() -> None:
    frame = pd.DataFrame({"age": np.arange(20_000) % 90, "income": np.arange(20_000) * 1.5})
    corrupt = frame.copy()
    corrupt.loc[15_000:, "income"] /= 100
    early = frame.copy()
    early.loc[:10, "income"] /= 100
    ours = [open_dataset(table, {}).fingerprint for table in (frame, corrupt, early)]
    theirs = [digest_of_mlflow(table) for table in (frame, corrupt, early)]
    assert theirs[0] == theirs[1] != theirs[2]
    assert len(set(ours)) == 3
