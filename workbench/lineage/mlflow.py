"""Runs, datasets, registered versions and aliases from MLflow's SQLite database, read with SQL: mlflow itself is not needed.

A run becomes a run, each dataset logged as its input a version named by MLflow's digest, each registered version a model, each
alias a deployment of it. MLflow's digest covers the first 10,000 rows only and is marked as weak.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from workbench.errors import SourceError
from workbench.lineage.event import NO_FACETS, Event, EventLog, FacetMap, Key, Place, Use

HEADER: Final = b"SQLite format 3\x00"
MILLISECOND: Final = 1_000_000
OUTCOMES: Final = {"FINISHED": "COMPLETE", "FAILED": "FAIL", "KILLED": "ABORT"}
WANTED: Final = {
    "runs": ("run_uuid", "name", "start_time", "end_time", "status", "experiment_id"),
    "experiments": ("experiment_id", "name"),
    "datasets": ("dataset_uuid", "name", "digest", "dataset_schema", "dataset_profile"),
    "inputs": ("source_type", "source_id", "destination_type", "destination_id"),
    "params": ("key", "value", "run_uuid"),
    "model_versions": ("name", "version", "creation_time", "last_updated_time", "run_id"),
    "registered_model_aliases": ("name", "alias", "version"),
    "tags": ("key", "value", "run_uuid"),
}
REQUIRED: Final = ("runs", "datasets", "inputs")
COMMIT_TAG: Final = "mlflow.source.git.commit"


def is_mlflow(path: Path) -> bool:
    """Whether the file at `path` is an SQLite database."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(HEADER)) == HEADER
    except OSError:
        return False


def read_mlflow(path: Path, log: EventLog | None = None) -> EventLog:
    """What the MLflow database at `path` tells, added to `log`; opened read-only.

    Raises
    ------
    SourceError
        If it is no MLflow database, or one older than MLflow 2.4, which logged no datasets.
    """
    log = log or EventLog()
    log.sources.append(str(path))
    if not is_mlflow(path):
        raise SourceError("no SQLite database here", str(path), "Give MLflow's file, usually mlflow.db.")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            tables = {name: _rows(connection, name, columns) for name, columns in WANTED.items()}
    except sqlite3.Error as exc:
        raise SourceError("cannot read the database", str(path), f"{exc}") from exc
    if lacking := [name for name in REQUIRED if tables[name] is None]:
        raise SourceError("no MLflow database that logs datasets: it lacks a table", lacking[0], "MLflow 2.4 or later writes it.")
    found = {name: rows or [] for name, rows in tables.items()}
    log.events += _Reading(path, found, log).events()
    return log


def _rows(connection: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> list[dict[str, Any]] | None:
    """The wanted columns of a table; a column this version of MLflow lacks is None; None without the table."""
    present = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    if not present:
        return None
    wanted = [column for column in columns if column in present]
    rows = connection.execute(f"SELECT {', '.join(wanted)} FROM {table}").fetchall()  # noqa: S608  names from `WANTED`
    return [{**dict.fromkeys(columns), **dict(zip(wanted, row, strict=True))} for row in rows]


class _Reading:
    """The rows of one database, by what they belong to."""

    def __init__(self, path: Path, tables: dict[str, list[dict[str, Any]]], log: EventLog) -> None:
        self.tables, self.log = tables, log
        self.namespace = f"mlflow:{path.name}"
        self.place: Place = (path.name, 0)
        self.experiments = {row["experiment_id"]: str(row["name"]) for row in tables["experiments"]}
        self.datasets = {row["dataset_uuid"]: row for row in tables["datasets"]}
        self.commits = {row["run_uuid"]: row["value"] for row in tables["tags"] if row["key"] == COMMIT_TAG}
        self.parameters: dict[str, list[dict[str, Any]]] = {}
        for row in tables["params"]:
            self.parameters.setdefault(row["run_uuid"], []).append({"key": row["key"], "value": row["value"]})
        self.models = {(row["name"], row["version"]): row for row in tables["model_versions"]}

    def events(self) -> Iterator[Event]:
        """Snapshots first, then runs, then aliases."""
        inputs, models = self._inputs(), self._models()
        known = {row["run_uuid"] for row in self.tables["runs"]}
        starts = {row["run_uuid"]: row["start_time"] for row in self.tables["runs"] if row["start_time"] is not None}
        for uuid, row in self.datasets.items():
            used = [starts[run] for run, sources in inputs.items() if uuid in sources and run in starts]
            yield self._event(
                "COMPLETE", min(used, default=None), str(row["digest"]), "log_input", outputs=(self._snapshot(row),)
            )
        for row in self.tables["runs"]:
            yield from self._run(row, inputs.get(row["run_uuid"], []), models.get(row["run_uuid"], []))
        for run, versions in models.items():
            if run not in known:
                for use in versions:
                    self.log.odd.note("a registered version whose run is not in the database", f"{use.key[1]}@{run}")
                    yield self._event("COMPLETE", None, str(run), "register", outputs=(use,))
        yield from self._aliases()

    def _first_used(self, inputs: dict[str, list[str]]) -> dict[str, int]:
        """Dataset to the start of the first run that read it: the database does not tell when it was logged."""
        starts = {row["run_uuid"]: row["start_time"] for row in self.tables["runs"] if row["start_time"] is not None}
        found: dict[str, int] = {}
        for run, sources in inputs.items():
            for uuid in sources if run in starts else ():
                found[uuid] = min(starts[run], found.get(uuid, starts[run]))
        return found

    def _run(self, row: dict[str, Any], inputs: list[str], models: list[Use]) -> Iterator[Event]:
        job = self.experiments.get(row["experiment_id"], f"experiment {row['experiment_id']}")
        uses = tuple(self._snapshot(self.datasets[uuid]) for uuid in inputs)
        facets = self._run_facets(row["run_uuid"])
        run_id = str(row["run_uuid"])
        start = self._event("START", row["start_time"], run_id, job, inputs=uses, outputs=tuple(models))
        yield start._replace(run_facets=facets[0], job_facets=facets[1])
        outcome = OUTCOMES.get(str(row["status"]))
        if outcome:
            yield self._event(outcome, row["end_time"], run_id, job)

    def _run_facets(self, run: str) -> tuple[FacetMap, FacetMap]:
        parameters, commit = self.parameters.get(run), self.commits.get(run)
        run_facets = {"executionParameters": {"parameters": parameters}} if parameters else NO_FACETS
        return run_facets, {"sourceCodeLocation": {"version": commit}} if commit else NO_FACETS

    def _inputs(self) -> dict[str, list[str]]:
        """Run to the datasets logged as its inputs."""
        found: dict[str, list[str]] = {}
        for row in self.tables["inputs"]:
            if row["source_type"] == "DATASET" and row["destination_type"] == "RUN":
                if row["source_id"] in self.datasets:
                    found.setdefault(row["destination_id"], []).append(row["source_id"])
                else:
                    self.log.odd.note("an input whose dataset is not in the database, left out", self.place)
        return found

    def _models(self) -> dict[str, list[Use]]:
        """Run to the versions registered from it."""
        found: dict[str, list[Use]] = {}
        for row in sorted(self.tables["model_versions"], key=lambda row: (str(row["name"]), row["version"])):
            use = Use(self._key(row["name"]), {**_typed("MODEL"), "version": {"datasetVersion": str(row["version"])}})
            listed = found.setdefault(row["run_id"] or f"version-{row['version']}", [])
            if any(other.key == use.key for other in listed):
                self.log.odd.note(
                    "several versions of one model from one run; the last is shown", f"{row['name']}@{row['run_id']}"
                )
            listed.append(use)
        return found

    def _aliases(self) -> Iterator[Event]:
        for row in self.tables["registered_model_aliases"]:
            model = self.models.get((row["name"], row["version"]))
            if model is None:
                self.log.odd.note("an alias of a version that is not registered, left out", f"{row['name']}:{row['alias']}")
                continue
            time = model["last_updated_time"] or model["creation_time"]
            deployed = Use(self._key(f"{row['name']}:{row['alias']}"), _typed("DEPLOYMENT"))
            used = Use(self._key(row["name"]), {"version": {"datasetVersion": str(row["version"])}})
            yield self._event(
                "COMPLETE", time, f"version-{row['version']}", f"alias {row['alias']}", inputs=(used,), outputs=(deployed,)
            )

    def _snapshot(self, row: dict[str, Any]) -> Use:
        """A logged dataset: MLflow's digest as its version, weak because it covers the first 10,000 rows."""
        facets: dict[str, Any] = {"version": {"datasetVersion": str(row["digest"]), "weak": True}}
        profile = _parsed(row["dataset_profile"])
        if isinstance(profile.get("num_rows"), int):
            facets["outputStatistics"] = {"rowCount": profile["num_rows"]}
        columns = _parsed(row["dataset_schema"]).get("mlflow_colspec")
        if isinstance(columns, list):
            named = [item for item in columns if isinstance(item, dict)]
            facets["schema"] = {"fields": [{"name": str(item.get("name")), "type": str(item.get("type"))} for item in named]}
        return Use(self._key(row["name"]), facets)

    def _key(self, name: object) -> Key:
        return (self.namespace, str(name))

    def _event(
        self,
        state: str,
        milliseconds: int | None,
        run_id: str,
        job: str,
        *,
        inputs: tuple[Use, ...] = (),
        outputs: tuple[Use, ...] = (),
    ) -> Event:
        time = None if milliseconds is None else int(milliseconds) * MILLISECOND
        key = (self.namespace, job)
        return Event(state, time, time, run_id, key, inputs, outputs, NO_FACETS, NO_FACETS, self.place)


def _typed(kind: str) -> dict[str, Any]:
    return {"datasetType": {"datasetType": kind}}


def _parsed(text: object) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
