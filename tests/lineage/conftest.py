"""Event logs to build from short words, and the demonstration log of Marquez with its times filled in."""

import datetime as dt
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from workbench.lineage.build import build_lineage
from workbench.lineage.event import EventLog, read_event
from workbench.lineage.graph import Lineage

FIXTURES = Path(__file__).with_name("fixtures")
BEGINNING = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


class Words:
    """Events in few words."""

    @staticmethod
    def at(minutes: float) -> str:
        """The time `minutes` after the beginning of March 2026."""
        return (BEGINNING + dt.timedelta(minutes=minutes)).isoformat()

    @staticmethod
    def dataset(name: str | dict[str, Any], namespace: str = "db") -> dict[str, Any]:
        """``NAME``, ``NAME=VERSION_TEXT``, or a dataset as it is."""
        if isinstance(name, dict):
            return {"namespace": namespace, **name}
        name, _, text = name.partition("=")
        facets = {"version": {"_producer": "p", "_schemaURL": "u", "datasetVersion": text}} if text else {}
        return {"namespace": namespace, "name": name, "facets": facets}

    def event(
        self,
        state: str,
        run: str,
        minutes: float,
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        *,
        job: str = "",
        **more: Any,
    ) -> dict[str, Any]:
        """One event as OpenLineage writes it; `run_facets`, `job_facets` and any other key may be given."""
        return {
            "eventType": state,
            "eventTime": self.at(minutes),
            "run": {"runId": run, "facets": more.pop("run_facets", {})},
            "job": {"namespace": "etl", "name": job or f"job of {run}", "facets": more.pop("job_facets", {})},
            "inputs": [self.dataset(item) for item in inputs],
            "outputs": [self.dataset(item) for item in outputs],
            "producer": "https://example.org/producer",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            **more,
        }

    def run(
        self, name: str, start: float, end: float, inputs: Sequence[Any] = (), outputs: Sequence[Any] = (), **more: Any
    ) -> list[dict[str, Any]]:
        """A run from START to COMPLETE; what it read and wrote is told at its end."""
        return [
            self.event("START", name, start, **dict(more)),
            self.event("COMPLETE", name, end, inputs, outputs, **dict(more)),
        ]

    @staticmethod
    def graph(raw: Sequence[Any]) -> Lineage:
        """The graph of these events."""
        log = EventLog()
        for number, item in enumerate(raw, 1):
            found = read_event(item, ("test", number), log.facets, log.odd)
            if found is not None:
                log.events.append(found)
        return build_lineage(log.events, log.odd)

    @staticmethod
    def write(path: Path, raw: Sequence[Any]) -> Path:
        """These events, one a line."""
        path.write_text("".join(json.dumps(item) + "\n" for item in raw))
        return path


@pytest.fixture(scope="session")
def words() -> Words:
    return Words()


@pytest.fixture
def seed_events(words: Words) -> list[dict[str, Any]]:
    """Marquez's demonstration: the runs of each stage start an hour after those of the stage before."""
    raw: list[dict[str, Any]] = json.loads((FIXTURES / "marquez-seed.template.json").read_text())
    stages = {"etl_orders_7_days": 1, "etl_delivery_7_days": 2, "delivery_times_7_days": 3, "orders_popular_day_of_week": 4}
    for item in raw:
        name = item["job"]["name"]
        start = 60 * stages.get(name, 4 if name == "email_discounts" else 0)
        minutes = re.search(r"AFTER_(\d+)_MINUTES", item["eventTime"])
        item["eventTime"] = words.at(start + (int(minutes[1]) if minutes else 0))
    return raw


@pytest.fixture
def seed_graph(words: Words, seed_events: list[dict[str, Any]]) -> Lineage:
    return words.graph(seed_events)
