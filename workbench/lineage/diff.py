"""What differs between two versions and the runs that wrote them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from workbench.digest import Plain
from workbench.lineage.consumed import snapshot_of
from workbench.lineage.content import assertions, column_types, statistics_of
from workbench.lineage.event import FacetMap
from workbench.lineage.graph import SOURCE, Lineage, Run
from workbench.lineage.instant import instant_text

MOST_LINES: Final = 200


class Difference(NamedTuple):
    """One thing in which two versions differ; None where a side does not tell."""

    section: str
    item: str
    before: Plain
    after: Plain


@dataclass(frozen=True)
class VersionDiff:
    """What differs between two versions and the runs that wrote them."""

    before: str
    after: str
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Plain]:
        """As ``workbench lineage diff --json`` writes it."""
        rows: list[Plain] = [item._asdict() for item in self.differences]
        return {"schema": "workbench.lineage-diff/1", "before": self.before, "after": self.after, "differences": rows}


def diff(lineage: Lineage, before: str, after: str) -> VersionDiff:
    """What differs between two versions: schema, statistics, assertions, code, parameters, inputs, run, other facets.

    Raises
    ------
    UnknownNameError
        If one of them does not exist.
    """
    left, right = lineage.latest(before), lineage.latest(after)
    found = [
        difference
        for section, old, new in zip(SECTIONS, _sections(lineage, left), _sections(lineage, right), strict=True)
        for difference in _differences(section, old, new)
    ]
    return VersionDiff(lineage.name(left), lineage.name(right), tuple(found))


SECTIONS: Final = ("schema", "statistics", "assertions", "code", "parameters", "inputs", "run", "other facets")
OWN_SECTION: Final = frozenset({
    "schema", "dataQualityMetrics", "outputStatistics", "inputStatistics", "dataQualityAssertions", "sql", "sourceCode",
    "sourceCodeLocation", "executionParameters", "nominalTime", "symlinks", "errorMessage",
})  # fmt: skip


def _sections(lineage: Lineage, at: int) -> Iterator[Mapping[str, Plain]]:
    """What there is to tell of a version, in the order of `SECTIONS`."""
    version = lineage.versions[at]
    run = lineage.runs[version.writers[0]] if version.writers else Run(SOURCE, ("", ""))
    yield dict(column_types(version.facets))
    yield dict(statistics_of(version.facets))
    yield {name: "passed" if passed else "failed" for name, passed in assertions(version.facets).items()}
    yield code_of(run.job_facets)
    yield parameters_of(run.run_facets)
    yield {lineage.labels[lineage.versions[read.version].dataset]: _input_told(lineage, run, read.version) for read in run.reads}
    yield {
        "run": run.id, "job": "/".join(run.job), "start": instant_text(run.start), "end": instant_text(run.end),
        "outcome": run.outcome or None, "version": version.text or None,
    }  # fmt: skip
    facets = {**run.run_facets, **run.job_facets, **version.facets}
    yield {name: value if isinstance(value, str) else str(value) for name, value in facets.items() if name not in OWN_SECTION}


def _input_told(lineage: Lineage, run: Run, version: int) -> str:
    text = snapshot_of(lineage, run, version, "", certain=True).text
    return f"{lineage.name(version)} ({text})" if text else lineage.name(version)


def _differences(section: str, old: Mapping[str, Plain], new: Mapping[str, Plain]) -> Iterator[Difference]:
    for item in dict.fromkeys((*old, *new)):
        before, after = old.get(item), new.get(item)
        if before != after:
            yield Difference(section, item, before, after)


def code_of(facets: FacetMap) -> dict[str, Plain]:
    """The code of a job: SQL, source, and where it stands with its version."""
    found: dict[str, Plain] = {}
    for facet, fields in (
        ("sql", ("query",)),
        ("sourceCode", ("sourceCode",)),
        ("sourceCodeLocation", ("version", "url", "path")),
    ):
        content: Any = facets.get(facet)
        for name in fields if isinstance(content, dict) else ():
            if content.get(name) is not None:
                found[name] = str(content[name])
    return found


def parameters_of(facets: FacetMap) -> dict[str, Plain]:
    """The parameters of a run by their key."""
    facet = facets.get("executionParameters")
    listed = facet.get("parameters") if isinstance(facet, dict) else None
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return {str(item.get("key")): None if item.get("value") is None else str(item["value"]) for item in items}


def code_lines(before: str, after: str) -> list[str]:
    """The lines that differ between two texts of code, with ``-`` and ``+`` before them."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=1)
    return [line for _, line in zip(range(MOST_LINES), lines, strict=False)]
