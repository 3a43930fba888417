"""Our own runs as OpenLineage events, through openlineage-python's file transport: one line an event, no network.

What a run reads and writes is told with its content: the version of a table is our fingerprint over **all** its rows, the version
of a model the digest of its bytes. Column metrics are sums, counts and quantiles over `SMALL_CELL` rows or more, never single
values such as a minimum.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.data.dataset import Dataset, open_dataset
from workbench.digest import digest_bytes
from workbench.errors import InputError, StorageError
from workbench.result import SMALL_CELL

if TYPE_CHECKING:
    import pandas as pd

PRODUCER: Final = "urn:package:ml-incident-workbench"
NAMESPACE: Final = "workbench"
QUANTILES: Final = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Artifact:
    """A table or a model as an event tells of it.

    Attributes
    ----------
    name, namespace
        What it is called.
    version
        Digest of its whole content.
    type
        ``TABLE``, ``MODEL``, ``DECISIONS`` or ``DEPLOYMENT``.
    columns
        Column to type.
    rows
        How many rows; None for a model.
    metrics
        Column to its metrics, named as in the facet ``dataQualityMetrics``.
    made_from
        Column to the columns it was made from, each as (artifact, column, kind of transformation).
    """

    name: str
    version: str
    type: str = "TABLE"
    namespace: str = NAMESPACE
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    made_from: Mapping[str, Sequence[tuple[Artifact, str, str]]] = field(default_factory=dict)


def table_artifact(
    name: str,
    table: pd.DataFrame | Dataset,
    *,
    type: str = "TABLE",  # noqa: A002  the word of the facet
    namespace: str = NAMESPACE,
    made_from: Mapping[str, Sequence[tuple[Artifact, str, str]]] | None = None,
) -> Artifact:
    """A table with the fingerprint of all its rows; identifiers of a dataset are left out of schema and metrics."""
    dataset = table if isinstance(table, Dataset) else open_dataset(table, {})
    frame = dataset.frame
    return Artifact(
        name=name,
        version=dataset.fingerprint,
        type=type,
        namespace=namespace,
        columns={str(column): str(dtype) for column, dtype in frame.dtypes.items()},
        rows=len(frame),
        metrics=_metrics(frame),
        made_from=made_from or {},
    )


def model_artifact(name: str, content: bytes | Path, *, namespace: str = NAMESPACE) -> Artifact:
    """A model with the digest of its bytes, given or in a file.

    Raises
    ------
    StorageError
        If the file cannot be read.
    """
    try:
        data = content.read_bytes() if isinstance(content, Path) else content
    except OSError as exc:
        raise StorageError("cannot read the model", str(content), f"{exc}") from exc
    return Artifact(name, digest_bytes(data), type="MODEL", namespace=namespace)


def _metrics(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in frame.columns:
        column = frame[name]
        values = column.dropna()
        if len(frame) < SMALL_CELL:
            continue
        metrics: dict[str, Any] = {"nullCount": int(column.isna().sum())}
        if column.dtype.kind in "iuf" and len(values) >= SMALL_CELL:
            quantiles = {str(share): float(values.quantile(share)) for share in QUANTILES}
            metrics |= {"count": len(values), "sum": float(values.sum()), "quantiles": quantiles}
        found[str(name)] = metrics
    return found


class RecordedRun:
    """What a run tells while it goes on: `read` and `wrote` artifacts. Made by `record_run`."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.inputs: list[Artifact] = []
        self.outputs: list[Artifact] = []
        self.end: dt.datetime | None = None
        """When it ended, where that is not when the block ends (UTC where it names no zone)."""

    def read(self, *artifacts: Artifact) -> None:
        """The run read these."""
        self.inputs += artifacts

    def wrote(self, *artifacts: Artifact) -> None:
        """The run wrote these."""
        self.outputs += artifacts


@contextmanager
def record_run(
    events: Path,
    job: str,
    *,
    namespace: str = NAMESPACE,
    start: dt.datetime | None = None,
    code: str = "",
    code_version: str = "",
    parameters: Mapping[str, object] | None = None,
    run_id: str = "",
) -> Iterator[RecordedRun]:
    """Append START now, and COMPLETE with what was read and written (FAIL where the block raises) at the end, to `events`.

    Parameters
    ----------
    events
        A file; made where it is not there yet.
    job
        Name of the job.
    start
        When it began; now where None.
    code, code_version
        The source that ran, and its commit.
    parameters
        Name to value.
    run_id
        A UUID; a new one where empty.

    Raises
    ------
    InputError
        If openlineage-python is not installed.
    """
    writer = _Writer(events, job, namespace, code=code, code_version=code_version, parameters=parameters or {})
    run = RecordedRun(run_id or writer.new_id())
    writer.emit("START", run, start or dt.datetime.now(dt.UTC))
    try:
        yield run
    except BaseException as exc:
        writer.emit("FAIL", run, run.end or dt.datetime.now(dt.UTC), failure=type(exc).__name__)
        raise
    writer.emit("COMPLETE", run, run.end or dt.datetime.now(dt.UTC))


class _Writer:
    """Builds events of openlineage-python's classes and appends them to one file."""

    def __init__(
        self, events: Path, job: str, namespace: str, *, code: str, code_version: str, parameters: Mapping[str, object]
    ) -> None:
        try:
            from openlineage.client import event_v2, facet_v2
            from openlineage.client.transport.file import FileConfig, FileTransport
        except ImportError as exc:
            advice = "Install it: pip install 'ml-incident-workbench[lineage]'."
            raise InputError("writing events needs openlineage-python", None, advice) from exc
        self.classes: Any = event_v2
        self.facets: Any = facet_v2
        self.transport = FileTransport(FileConfig(log_file_path=str(events), append=True))
        self.job = event_v2.Job(namespace=namespace, name=job, facets=self._job_facets(code, code_version))
        self.parameters = [
            facet_v2.execution_parameters_run.ExecutionParameter(key=str(key), value=str(value))
            for key, value in parameters.items()
        ]

    def new_id(self) -> str:
        from openlineage.client.uuid import generate_new_uuid

        return str(generate_new_uuid())

    def emit(self, state: str, run: RecordedRun, when: dt.datetime, failure: str = "") -> None:
        time = (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
        event = self.classes.RunEvent(
            eventTime=time.isoformat(),
            producer=PRODUCER,
            eventType=self.classes.RunState[state],
            run=self.classes.Run(runId=run.id, facets=self._run_facets(failure)),
            job=self.job,
            inputs=[self._input(artifact) for artifact in run.inputs],
            outputs=[self._output(artifact) for artifact in run.outputs],
        )
        self.transport.emit(event)

    def _job_facets(self, code: str, version: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if code:
            found["sourceCode"] = self.facets.source_code_job.SourceCodeJobFacet(language="python", sourceCode=code)
        if version:
            facet = self.facets.source_code_location_job.SourceCodeLocationJobFacet
            found["sourceCodeLocation"] = facet(type="git", url=PRODUCER, version=version)
        return found

    def _run_facets(self, failure: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.parameters:
            facet = self.facets.execution_parameters_run.ExecutionParametersRunFacet
            found["executionParameters"] = facet(parameters=self.parameters)
        if failure:  # the kind alone: a message may quote a row
            found["errorMessage"] = self.facets.error_message_run.ErrorMessageRunFacet(
                message=failure, programmingLanguage="PYTHON"
            )
        return found

    def _input(self, artifact: Artifact) -> Any:
        return self.classes.InputDataset(namespace=artifact.namespace, name=artifact.name, facets=self._dataset_facets(artifact))

    def _output(self, artifact: Artifact) -> Any:
        facet = self.facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
        counted = {} if artifact.rows is None else {"outputStatistics": facet(rowCount=artifact.rows)}
        facets = self._dataset_facets(artifact)
        if artifact.made_from:
            facets["columnLineage"] = self._column_lineage(artifact)
        return self.classes.OutputDataset(namespace=artifact.namespace, name=artifact.name, facets=facets, outputFacets=counted)

    def _dataset_facets(self, artifact: Artifact) -> dict[str, Any]:
        kinds = self.facets
        found = {
            "version": kinds.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=artifact.version),
            "datasetType": kinds.dataset_type_dataset.DatasetTypeDatasetFacet(datasetType=artifact.type),
        }
        if artifact.columns:
            item = kinds.schema_dataset.SchemaDatasetFacetFields
            fields = [item(name=name, type=dtype) for name, dtype in artifact.columns.items()]
            found["schema"] = kinds.schema_dataset.SchemaDatasetFacet(fields=fields)
        if artifact.metrics:
            quality = kinds.data_quality_metrics_dataset
            metrics = {name: quality.ColumnMetrics(**values) for name, values in artifact.metrics.items()}
            found["dataQualityMetrics"] = quality.DataQualityMetricsDatasetFacet(columnMetrics=metrics, rowCount=artifact.rows)
        return found

    def _column_lineage(self, artifact: Artifact) -> Any:
        kinds = self.facets.column_lineage_dataset
        fields = {
            name: kinds.Fields(inputFields=[
                kinds.InputField(
                    namespace=source.namespace, name=source.name, field=column,
                    transformations=[kinds.Transformation(type="DIRECT", subtype=how)],
                )
                for source, column, how in sources
            ])
            for name, sources in artifact.made_from.items()
        }  # fmt: skip
        return kinds.ColumnLineageDatasetFacet(fields=fields)
