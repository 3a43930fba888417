"""One OpenLineage event, read with tolerance: what is odd is noted with its place, and what can be used is used.

The actors: an `Event` says what a run did at a time, a `Use` is a dataset as an event mentions it, a *facet* is a named piece of
metadata on either; `Facets` holds each facet's content once, however many events repeat it. `Oddities` collects what was odd.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from workbench.digest import digest_bytes
from workbench.errors import shorten
from workbench.lineage.instant import parse_instant

Key = tuple[str, str]
"""Namespace and name of a dataset or a job."""
Place = tuple[str, int]
"""Source, and line in it counted from 1."""
FacetMap = Mapping[str, Any]

STATES: Final = frozenset({"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"})
READ_FACETS: Final = frozenset({
    "columnLineage", "dataQualityAssertions", "dataQualityMetrics", "datasetType", "errorMessage", "executionParameters",
    "inputStatistics", "lineage", "nominalTime", "outputStatistics", "parent", "processing_engine", "schema", "sourceCode",
    "sourceCodeLocation", "sql", "symlinks", "test", "version",
})  # fmt: skip
"""Facets that the questions read. Of any other only the digest is kept, so that a change of it shows."""
SECRET_FACETS: Final = frozenset({"environmentVariables"})
"""Not even their digest is kept: a short secret could be guessed from it."""
NO_FACETS: Final[FacetMap] = MappingProxyType({})
MOST_PLACES: Final = 5


class Use(NamedTuple):
    """A dataset as an event mentions it, with the facets of this mention."""

    key: Key
    facets: FacetMap


class Event(NamedTuple):
    """What a run did at a time; without `run_id`, what a job is by design; without `job` too, what a dataset (an output) is.

    `time` is when it happened by the producer's clock, `received` when it was known here at the earliest; nanoseconds since
    1970, None where not known.
    """

    state: str
    time: int | None
    received: int | None
    run_id: str
    job: Key | None
    inputs: tuple[Use, ...]
    outputs: tuple[Use, ...]
    run_facets: FacetMap
    job_facets: FacetMap
    place: Place


@dataclass
class Oddity:
    """Something odd, how often, and where first."""

    what: str
    count: int
    places: list[str]

    def __str__(self) -> str:
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.what}{times}: {', '.join(self.places)}{', …' if self.count > len(self.places) else ''}"


class Oddities:
    """What was odd in the events, one line per kind of oddity."""

    def __init__(self) -> None:
        self._by_what: dict[str, Oddity] = {}

    def note(self, what: str, place: Place | str) -> None:
        """Count one more of `what`."""
        known = self._by_what.setdefault(what, Oddity(what, 0, []))
        known.count += 1
        if len(known.places) < MOST_PLACES:
            known.places.append(shorten(place) if isinstance(place, str) else f"{place[0]} line {place[1]}")

    def copy(self) -> Oddities:
        """The same oddities, to be added to without changing these."""
        other = Oddities()
        other._by_what = {what: Oddity(what, item.count, list(item.places)) for what, item in self._by_what.items()}
        return other

    def listed(self) -> list[Oddity]:
        """All of them, in the order of their first appearance."""
        return list(self._by_what.values())


class Facets:
    """Each facet's content once: events of one job repeat the same schema and SQL thousands of times."""

    def __init__(self) -> None:
        self._content: dict[tuple[str, str], Any] = {}

    def keep(self, raw: object, place: Place, odd: Oddities) -> FacetMap:
        """The facets in `raw` by name, without what only says who wrote them."""
        if not raw:
            return NO_FACETS
        if not isinstance(raw, dict):
            odd.note("facets that are no object, left out", place)
            return NO_FACETS
        found = {}
        for name, value in raw.items():
            if not isinstance(value, dict):
                odd.note(f"a facet that is no object, left out: {shorten(name, 60)}", place)
            elif not value.get("_deleted") and name not in SECRET_FACETS:
                found[_clean(name)] = self._once(name, value)
        return found

    def _once(self, name: str, value: dict[str, Any]) -> Any:
        content = {key: item for key, item in value.items() if not key.startswith("_")}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        if name not in READ_FACETS:
            return digest_bytes(text.encode())
        if "\\ud" in text:  # half a surrogate could not be written out again
            content = json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
        return self._content.setdefault((name, digest_bytes(text.encode()) if len(text) > 100 else text), content)


@dataclass
class EventLog:
    """Events in the order in which they were found, and what was odd about them."""

    events: list[Event] = field(default_factory=list)
    odd: Oddities = field(default_factory=Oddities)
    sources: list[str] = field(default_factory=list)
    facets: Facets = field(default_factory=Facets, repr=False)


def read_event(raw: object, place: Place, facets: Facets, odd: Oddities) -> Event | None:
    """The event in one JSON value; None, noted in `odd`, where there is nothing to use in it."""
    if not isinstance(raw, dict):
        odd.note("JSON that is no event, left out", place)
        return None
    run, job, dataset = _part(raw, "run", place, odd), _part(raw, "job", place, odd), _part(raw, "dataset", place, odd)
    run_id, job_key = _clean(run.get("runId")), _key(job)
    if not run_id and job_key is None and _key(dataset) is None:
        odd.note("an event without run, job and dataset, left out", place)
        return None
    outputs = _uses(raw, "outputs", place, facets, odd)
    if not run_id and job_key is None:
        outputs = _uses({"outputs": [dataset]}, "outputs", place, facets, odd)
    if "schemaURL" not in raw:
        odd.note("no schemaURL; read all the same", place)
    return Event(
        state=_state(raw, place, odd) if run_id else "",
        time=_time(raw.get("eventTime"), place, odd),
        received=None,
        run_id=run_id,
        job=job_key,
        inputs=_uses(raw, "inputs", place, facets, odd),
        outputs=outputs,
        run_facets=facets.keep(run.get("facets"), place, odd),
        job_facets=facets.keep(job.get("facets"), place, odd),
        place=place,
    )


def _part(raw: dict[str, Any], name: str, place: Place, odd: Oddities) -> dict[str, Any]:
    value = raw.get(name)
    if value is not None and not isinstance(value, dict):
        odd.note(f"`{name}` is no object, left out", place)
    return value if isinstance(value, dict) else {}


def _state(raw: dict[str, Any], place: Place, odd: Oddities) -> str:
    state = str(raw.get("eventType") or "OTHER").upper()
    if state not in STATES:
        odd.note(f"an event type that is not known, read as OTHER: {shorten(state, 40)}", place)
        return "OTHER"
    return state


def _time(value: object, place: Place, odd: Oddities) -> int | None:
    try:
        time, zoned = parse_instant(value if isinstance(value, str) else "")
    except ValueError:
        odd.note("no time that can be read; the event counts, its order does not", place)
        return None
    if not zoned:
        odd.note("a time without a zone, read as UTC", place)
    return time


def _uses(raw: dict[str, Any], name: str, place: Place, facets: Facets, odd: Oddities) -> tuple[Use, ...]:
    listed = raw.get(name)
    if listed is None:
        return ()
    if not isinstance(listed, list):
        odd.note(f"`{name}` is no list, left out", place)
        return ()
    found = []
    for item in listed:
        key = _key(item) if isinstance(item, dict) else None
        if key is None:
            odd.note(f"one of the `{name}` has no name, left out", place)
            continue
        kept = facets.keep(item.get("facets"), place, odd)
        more = facets.keep(item.get("inputFacets" if name == "inputs" else "outputFacets"), place, odd)
        found.append(Use(key, {**kept, **more} if more else kept))
    return tuple(found)


def _key(part: dict[str, Any]) -> Key | None:
    name = _clean(part.get("name"))
    return (_clean(part.get("namespace")), name) if name else None


def _clean(value: object) -> str:
    """Text that can be written as UTF-8; the empty text for anything that is no text."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def no_facets() -> FacetMap:
    """None, for the default of a field."""
    return NO_FACETS
