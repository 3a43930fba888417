"""From what triage found to a scenario: a past blind spot, tried again on every release, with the link back."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from workbench.attacks.pattern import CROWDED
from workbench.attacks.scenarios.scenario import Scenario
from workbench.digest import digest_bytes
from workbench.errors import InputError, StorageError, UnknownNameError
from workbench.predicate import ALL_ROWS, Condition, Predicate
from workbench.result import Finding
from workbench.result.cells import SMALL_CELL, is_small

KEPT: Final = 0.5
"""Part of a finding's effect that may remain: a scenario expects at most half of what was found."""
NOBODY: Final[Mapping[str, Any]] = {
    "attacker": "nobody: found by triage", "knowledge": "none", "access": "production traffic", "goal": "none", "budget": "none",
    "channels": ["decision log"],
}  # fmt: skip
Parts = dict[str, Any]
"""Fields of a scenario that follow from the kind of finding."""


def scenario_from_findings(path: str | Path, rank: int, *, author: str, incident: str | None = None) -> Scenario:
    """The scenario of the finding with that rank in a ``findings.json``.

    Parameters
    ----------
    incident
        The incident's id; the parent names it beside the file's digest.

    Raises
    ------
    StorageError
        If the file cannot be read.
    InputError
        If it holds no findings, or the finding speaks of fewer than ten people.
    UnknownNameError
        If no finding has that rank; lists those there are.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise StorageError(
            "the findings cannot be read", f"{path} ({exc.strerror})", "Give DIR/findings.json of a triage."
        ) from exc
    try:
        listed = [Finding.from_dict(item) for item in json.loads(data)["findings"]]
    except (ValueError, KeyError, TypeError) as exc:
        raise InputError("not a file of findings", str(path), "Give DIR/findings.json of a triage.") from exc
    chosen = next((finding for finding in listed if finding.rank == rank), None)
    if chosen is None:
        raise UnknownNameError("finding with that rank", rank, [finding.rank for finding in listed])
    parent = f"{incident + ': ' if incident else ''}finding {rank} of {digest_bytes(data)}"
    return scenario_from_finding(chosen, author=author, parent=parent)


def scenario_from_finding(finding: Finding, *, author: str, parent: str) -> Scenario:
    """The scenario that tries again what `finding` says.

    A slice or disparity becomes an error-rate comparison of its rows; an attack our own attack on such rows, whenever they come;
    a data defect or drift the fault or mix on its column.

    Raises
    ------
    InputError
        For a kind of finding that says nothing that could be tried again, or one about fewer than ten people.
    """
    if is_small(finding.support) or is_small(finding.people):
        raise InputError("a finding about too few people", finding.kind, f"{SMALL_CELL} or more make a scenario.")
    if finding.kind not in DERIVED:
        raise InputError("nothing to try again in a finding of this kind", finding.kind, f"Kinds: {', '.join(DERIVED)}")
    said = finding.published().statement
    form: Parts = {
        "name": _name(finding), "objective": f"Whether this came back: {said}",
        "assumptions": ["The data has the columns that the finding names."], "failure_modes": [said],
        "threat_model": dict(NOBODY),
        "modality": "tabular", "oracle": "none", "author": author, "version": "1", "parent": parent, "severity": finding.severity,
        **DERIVED[finding.kind](finding),
    }  # fmt: skip
    form["rollback_trigger"] = f"The scenario fails: more than {form['expected']['at_most']:g}."
    return Scenario.of(form, f"the scenario of finding {finding.rank}")


def _segment(finding: Finding) -> Parts:
    if finding.where == str(ALL_ROWS):
        raise InputError("a finding about all rows has no segment", finding.statement, "Choose one that names rows.")
    return {
        "generator": "segment", "parameters": {"rows": finding.where}, "expected": {"at_most": _bound(finding, 0.05)},
        "benign_twin": {"description": "Two random halves of the other rows.", "parameters": {"rest": True}},
    }  # fmt: skip


def _attack(finding: Finding) -> Parts:
    crowding = finding.unit == CROWDED
    where = _lasting(Predicate.parse(finding.where), finding.columns if crowding else ())
    probing = finding.effect is not None and finding.unit == "share of rows"
    return {
        "generator": "evasion", "technique": "AML.T0043.001" if probing else "AML.T0015", "where": str(where),
        "parameters": {"within": 0.5}, "expected": {"at_most": 0.5}, "threat_model": _prober(finding),
        "benign_twin": {"description": "A random change.", "parameters": {"random": True}},
    }  # fmt: skip


def _prober(finding: Finding) -> Parts:
    """Somebody who asked as often as the finding counts."""
    asked = "unknown" if finding.support is None else f"{finding.support} queries seen"
    return {
        "attacker": "somebody who asks again and again", "knowledge": "decisions on own queries",
        "access": "asks through the public interface", "goal": "the wanted decision", "budget": asked,
        "channels": ["inference interface"],
    }  # fmt: skip


def _lasting(where: Predicate, columns: Sequence[str]) -> Predicate:
    """`where` without what holds of the past only: times, and conditions on `columns`, which the model itself fills."""
    return Predicate(tuple(condition for condition in where.without(columns).conditions if not _is_time(condition)))


def _is_time(condition: Condition) -> bool:
    values = (getattr(condition, name, None) for name in ("value", "low"))
    return any(isinstance(value, dt.date) for value in values)


def _defect(finding: Finding) -> Parts:
    missing = "missing" in f"{finding.unit} {finding.statement}".lower()
    parameters: Parts = {"fault": "null burst" if missing else "frozen feature", "kind": "any", "columns": _columns(finding)}
    return {
        "generator": "fault", "oracle": "invariance", "parameters": {**parameters, "levels": [0.0, 0.25, 0.5, 1.0]},
        "expected": {"at_most": 0.1}, "where": finding.where,
        "benign_twin": {"description": "The column as it is.", "parameters": {"levels": [0.0, 0.0001, 0.0002]}},
    }  # fmt: skip


def _mix(finding: Finding) -> Parts:
    return {
        "generator": "shortcut", "oracle": "invariance", "parameters": {"column": _columns(finding)[0]},
        "expected": {"at_most": 0.1},
        "benign_twin": {"description": "The column as it is.", "parameters": {"levels": [0.0, 0.0001, 0.0002]}},
    }  # fmt: skip


DERIVED: Final[Mapping[str, Callable[[Finding], Parts]]] = {
    "slice": _segment, "disparity": _segment, "attack": _attack, "integrity": _defect, "drift": _mix,
}  # fmt: skip


def _bound(finding: Finding, otherwise: float) -> float:
    """Half of the effect where it is a rate, else a bound to be edited."""
    effect = abs(finding.effect) if finding.effect is not None else None
    return round(KEPT * effect, 4) if effect is not None and 0 < effect <= 1 else otherwise


def _columns(finding: Finding) -> list[str]:
    if not finding.columns:
        raise InputError("a finding that names no column", finding.statement, "Choose one that does.")
    return list(finding.columns)


def _name(finding: Finding) -> str:
    about = " ".join(finding.columns) or finding.where
    return f"{finding.kind}-{re.sub(r'[^a-z0-9]+', '-', about.lower()).strip('-')[:60]}"
