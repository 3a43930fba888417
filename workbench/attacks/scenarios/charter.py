"""A safety charter: what must not happen, by which measure and bound, why that bound, and what is done when it is broken.

Each *criterion* is bound to scenarios, by name, id or tag. One that is bound to none is only a wish, and is flagged. Where runs
are given, each criterion is held against their intervals, never against point estimates: *met* needs the whole interval of every
bound scenario inside the bound; what was not run, could not run, or was run in another version of the scenario is *could not
tell*. Every bound scenario has to be met, so that *met* errs no more often than one interval does; *not met* rests on any of
them, and errs the more often the more there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from workbench.attacks.scenarios.catalogue import Catalogue
from workbench.attacks.scenarios.located import Located, read_located
from workbench.attacks.scenarios.scenario import BOUNDS, Expected, Scenario
from workbench.digest import digest, to_plain
from workbench.errors import InputError
from workbench.result import Result, provenance
from workbench.result.cells import is_small

EXAMPLE: Final = Path(__file__).with_name("charter.yaml")
"""The charter that ships: every scenario of the catalogue, with bounds to be argued over."""
HEAD: Final[Mapping[str, str]] = {
    "name": "what the charter is for", "version": "which version it is", "owner": "who answers for it",
}  # fmt: skip
SAID: Final[Mapping[str, str]] = {
    "name": "what the criterion is called", "failure_mode": "what must not happen", "metric": "what is measured",
    "threshold": "the bound: at_most or at_least, and a number", "rationale": "why this bound and no other",
    "set_by": "who set the bound", "set_on": "when, as 2026-01-31", "remediation": "what is done when it is broken",
}  # fmt: skip
OUTCOMES: Final = ("met", "not met", "could not tell", "not tried", "unbound")
"""*Not tried* is said only where no runs were given at all."""
JUDGED: Final[Mapping[str, str]] = {"held": "met", "failed": "not met", "could not tell": "could not tell"}


@dataclass(frozen=True)
class Criterion:
    """One line of a charter: see `SAID`; `scenarios` (names or ids) and `tags` are what it is bound to."""

    name: str
    failure_mode: str
    metric: str
    threshold: Expected
    rationale: str
    set_by: str
    set_on: str
    remediation: str
    scenarios: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Charter:
    """Criteria in the order they were written."""

    name: str
    version: str
    owner: str
    criteria: tuple[Criterion, ...]

    @cached_property
    def id(self) -> str:
        """The digest of every field."""
        return digest(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Every field, plain."""
        form = asdict(self)
        for line, criterion in zip(form["criteria"], self.criteria, strict=True):
            line["threshold"] = {name: value for name, value in asdict(criterion.threshold).items() if value is not None}
        plain: dict[str, Any] = to_plain(form)  # type: ignore[assignment]
        return plain


def read_charter(path: str | Path) -> Charter:
    """The charter in a YAML file.

    Raises
    ------
    StorageError
        If the file cannot be read.
    InputError
        If it is no charter: says the line, the field and the value.
    """
    found = read_located(path, "charter")
    found.require_fields({**HEAD, "criteria": "the criteria, one each"})
    criteria = []
    for part in found.parts("criteria", "criteria"):
        criteria.append(_criterion(part))
        if criteria[-1].name in {item.name for item in criteria[:-1]}:
            raise part.refusal("two criteria of one name", "name", "Rename one.")
    return Charter(found.text("name"), found.text("version"), found.text("owner"), tuple(criteria))


def _criterion(part: Located) -> Criterion:
    part.require_fields(SAID, ("scenarios", "tags"))
    form = part.form["threshold"]
    if not isinstance(form, Mapping) or set(form) - set(BOUNDS):
        raise part.refusal("no bound", "threshold", f"Write `threshold: {{at_most: 0.05}}`; one of {', '.join(BOUNDS)}.")
    try:
        threshold = Expected(**form)
    except InputError as exc:
        raise part.refusal("no bound", "threshold", "Give one number.") from exc
    texts = {name: part.text(name) for name in SAID if name not in {"threshold", "set_on"}}
    return Criterion(
        **texts, threshold=threshold, set_on=part.date("set_on"), scenarios=part.texts("scenarios"), tags=part.texts("tags")
    )


def judge_charter(charter: Charter, catalogue: Catalogue, runs: Sequence[Result] | None = None) -> Result:
    """What every criterion is bound to and, where runs are given, whether it is met by each target.

    Parameters
    ----------
    runs
        Results of `rehearse`; of several of one scenario and target the latest counts. None: nothing is judged.

    Returns
    -------
    Result
        Of kind ``charter``. Table ``criteria``: a row per criterion and target, with ``outcome`` (of `OUTCOMES`), the scenarios
        it is bound to, and those of its words that are ``absent`` from the catalogue. Table ``bindings``: a row per criterion,
        scenario and target, with what was measured, its 95 % interval, and ``n``: the trials behind it, or the rows where the
        measure is no share of trials. ``numbers``: how many ended how, and ``uncharted``, the scenarios that no criterion names.
    """
    latest = _latest(runs or [])
    targets = sorted({target for _, target in latest}) or [""]
    criteria, bindings, named = [], [], set()
    for criterion in charter.criteria:
        bound, absent = catalogue.bound(criterion.scenarios, criterion.tags)
        named |= {item.name for item in bound}
        for target in targets:
            lines = [_binding(criterion, item, target, latest.get((item.id, target)), runs) for item in bound]
            bindings += lines
            criteria.append({
                **_said(criterion), "scenarios": ", ".join(item.name for item in bound), "absent": ", ".join(absent),
                "target": target or None, "outcome": _outcome([line["outcome"] for line in lines], complete=not absent),
            })  # fmt: skip
    table = pd.DataFrame(criteria)
    counts = {name.replace(" ", "_"): int((table["outcome"] == name).sum()) for name in OUTCOMES}
    uncharted = sorted({item.name for item in catalogue} - named)
    asked = {
        "charter": charter.to_dict(), "catalogue": [item.id for item in catalogue], "runs": [run.digest for run in runs or []],
    }  # fmt: skip
    numbers: dict[str, Any] = {
        "charter": charter.id,
        "criteria": len(charter.criteria),
        "tried": runs is not None,
        **counts,
        "uncharted": uncharted,
    }
    tables = {"criteria": table, "bindings": pd.DataFrame(bindings, columns=[*BINDING])}
    return Result("charter", f"{charter.name}, version {charter.version}", tables, numbers, provenance=provenance(asked))


BINDING: Final = (
    "criterion", "scenario", "id", "target", "threshold", "bound", "measure", "value", "low", "high", "n", "outcome", "noisy",
    "why", "suppressed",
)  # fmt: skip


def _binding(
    criterion: Criterion, scenario: Scenario, target: str, run: Result | None, runs: Sequence[Result] | None
) -> dict[str, Any]:
    line = dict.fromkeys(BINDING) | {
        "criterion": criterion.name, "scenario": scenario.name, "id": scenario.id, "target": target or None,
        "threshold": str(criterion.threshold), "bound": criterion.threshold.bound, "outcome": "not tried", "suppressed": False,
    }  # fmt: skip
    if runs is None:
        return line
    if run is None:
        other = any(item.numbers.get("name") == scenario.name for item in runs)
        why = "only another version of the scenario was run" if other else "not run"
        return line | {"outcome": "could not tell", "why": why}
    numbers: Mapping[str, Any] = run.numbers
    value, low, high = (numbers.get(name) for name in ("value", "low", "high"))
    ran = not numbers.get("why")
    outcome = JUDGED[criterion.threshold.outcome(value, low, high)] if ran else "could not tell"
    counted = numbers.get("trials")
    return line | {
        "measure": numbers.get("measure") or None, "value": value, "low": low, "high": high,
        "n": numbers.get("rows") if counted is None else counted,
        "outcome": outcome, "noisy": bool(numbers.get("noisy")), "why": numbers.get("why"),
        "suppressed": is_small(numbers.get("rows")),
    }  # fmt: skip


def _outcome(lines: Sequence[str], *, complete: bool) -> str:
    """A criterion's outcome from those of the scenarios it is bound to; `complete`: every word it names means one."""
    if not lines:
        return "unbound"
    for word in ("not met", "could not tell", "not tried"):
        if word in lines:
            return word
    return "met" if complete else "could not tell"


def _said(criterion: Criterion) -> dict[str, Any]:
    said = {item.name: getattr(criterion, item.name) for item in fields(criterion) if item.name in SAID}
    return {"criterion": said.pop("name"), **said, "threshold": str(criterion.threshold)}


def _latest(runs: Sequence[Result]) -> dict[tuple[str, str], Result]:
    """The latest run of each scenario against each target, by the scenario's id and what the target is called."""
    labels = _labels(runs)
    found: dict[tuple[str, str], Result] = {}
    for run in sorted(runs, key=lambda run: str(run.provenance.get("time"))):
        found[str(run.numbers.get("scenario")), labels[_target(run)]] = run
    return found


def _labels(runs: Sequence[Result]) -> dict[tuple[str, ...], str]:
    """Name and version of each target; with its digest, where two share them."""
    targets = {_target(run) for run in runs}
    shared = Counter(target[:2] for target in targets)
    return {
        target: " ".join(target[:2] if shared[target[:2]] == 1 else (*target[:2], target[2].removeprefix("sha256:")[:12]))
        for target in targets
    }


def _target(run: Result) -> tuple[str, ...]:
    """Name, version and digest of what was asked."""
    arguments = run.provenance.get("arguments")
    asked = arguments.get("target") if isinstance(arguments, Mapping) else None
    return tuple(map(str, asked)) if isinstance(asked, list) and len(asked) == 3 else ("unknown", "", "")
