"""One call from a decision log to ranked findings and a verdict."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.recording import Recording
from workbench.data.dataset import Dataset
from workbench.digest import Plain, digest
from workbench.errors import InputError, PredicateError
from workbench.lineage.graph import Lineage
from workbench.models.target import Target
from workbench.predicate import Predicate, require_columns, rounded
from workbench.registry import checks as registered
from workbench.result import Finding, Result, provenance
from workbench.triage.budget import spend
from workbench.triage.check import Check, Context, Examined, NotAskedError
from workbench.triage.checks import OWN
from workbench.triage.fold import fold
from workbench.triage.rank import rank
from workbench.triage.repair.undo import REPAIR, Undone, removed, undo
from workbench.vocabulary import CAUSES, FINDING_KINDS, SEVERITIES

LEAST_ROWS = 2
ENOUGH_ROWS = 30
"""A window of fewer rows than this can show an incident, but not its absence."""

Tell = Callable[[str, str], None]


@dataclass(frozen=True)
class Outcome:
    """How one check went: ``ran``, ``skipped`` (it lacks something; `why` says what) or ``failed`` (a bug; `why` says which)."""

    name: str
    status: str
    why: str = ""
    seconds: float = 0.0
    mute: bool = False
    """Whether it was asked and could not answer, so that its silence means nothing."""


@dataclass(frozen=True)
class Triage:
    """What a run of triage concluded.

    Attributes
    ----------
    verdict
        ``incident``, ``no incident found`` or ``could not tell``.
    findings
        Ranked from 1.
    checks
        How each check went.
    results
        Check to the Result that holds its numbers.
    dataset
        Fingerprint and rows.
    reference, current
        The windows as text; None without windows.
    """

    verdict: str
    findings: tuple[Finding, ...]
    checks: tuple[Outcome, ...]
    results: Mapping[str, Result] = field(repr=False)
    dataset: Mapping[str, Plain] = field(default_factory=dict)
    reference: str | None = None
    current: str | None = None
    provenance: Mapping[str, Plain] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Plain]:
        """The content of ``findings.json``."""
        return {
            "schema": "workbench.findings/1",
            "dataset": dict(self.dataset),
            "reference": self.reference,
            "current": self.current,
            "verdict": self.verdict,
            "checks": [
                {"name": item.name, "status": item.status, "why": item.why, "seconds": item.seconds} for item in self.checks
            ],
            "findings": [finding.to_dict() for finding in self.findings],
            "provenance": dict(self.provenance),
        }

    def published(self) -> Triage:
        """The same conclusion as others may see it: small cells are blanked (`workbench.result.Finding.published`)."""
        return replace(self, findings=tuple(finding.published() for finding in self.findings))

    @property
    def examined(self) -> int:
        """How many rows were looked at."""
        return int(str(self.dataset["rows"]))

    @property
    def digest(self) -> str:
        """Digest of what was concluded, without times: the same data and code give the same digest."""
        form = self.to_dict()
        form["checks"] = [{"name": item.name, "status": item.status} for item in self.checks]
        form["provenance"] = self.provenance.get("arguments")
        return digest(form)


def triage(
    dataset: Dataset,
    *,
    reference: Predicate | Dataset | None = None,
    current: Predicate | None = None,
    lineage: Lineage | None = None,
    recordings: Sequence[Recording] = (),
    target: Target | None = None,
    approval: Approval | None = None,
    seed: int = 0,
    budget: float = 0.01,
    only: Collection[str] | None = None,
    tell: Tell | None = None,
) -> Triage:
    """Find what is wrong, rank it, and say whether there is an incident.

    Parameters
    ----------
    dataset
        The decision log.
    reference
        The rows (or another dataset) that were still good. None: no windows; what holds anywhere counts.
    current
        The rows under suspicion; None: all rows that are not in `reference`.
    lineage
        What the pipeline's events tell of where the decisions come from.
    recordings
        Recorded attacks that may come back.
    target
        The model that decided, to score rows again with their cause repaired (`workbench.triage.repair`); None: a cause is undone
        by leaving its rows out.
    approval
        For a target in production.
    seed
        For anything random.
    budget
        False-discovery rate over everything examined.
    only
        Names of checks; None: every check.
    tell
        Called with a check's name and ``running``, ``ran``, ``skipped`` or ``failed``.

    Raises
    ------
    InputError
        If the dataset or a window has fewer than two rows, or `budget` is no share; for a target in production without approval.
    """
    if target is not None:
        require_approval([target], approval)
    context = make_context(dataset, reference, current, seed=seed, budget=budget)
    context = replace(context, lineage=lineage, recordings=recordings, target=target)
    examined, outcomes = run_checks(context, tell, only)
    found, undoing, repairs = _undo_causes(spend(examined, budget), context, tell)
    folded, links = fold(found, context, lambda without, names: _all_findings(run_checks(without, only=names)[0]))
    findings = _with_evidence(rank(folded, links), examined)
    arguments = {"reference": _told(reference), "current": _told(current), "budget": budget, "roles": dataset.given.said()}
    if target is not None:
        arguments |= {"target": target.digest}
    results = {name: item.result for name, item in examined.items() if item.result is not None} | repairs
    outcomes += undoing
    return conclude(dataset, context, findings, outcomes, results, reference=reference, current=current, arguments=arguments)


def conclude(
    dataset: Dataset,
    context: Context,
    findings: Sequence[Finding],
    outcomes: Sequence[Outcome],
    results: Mapping[str, Result],
    *,
    reference: Predicate | Dataset | None,
    current: Predicate | None,
    arguments: Mapping[str, Plain],
) -> Triage:
    """The verdict on ranked findings, with what was looked at.

    Parameters
    ----------
    dataset, reference, current
        As `triage` takes them.
    context
        What `make_context` made of them.
    arguments
        For the provenance.
    """
    windows = context.reference is not None
    return Triage(
        verdict=judge(findings, outcomes, context),
        findings=tuple(findings),
        checks=tuple(outcomes),
        results=results,
        dataset={"fingerprint": dataset.fingerprint, "rows": examined_rows(context)},
        reference=_told(reference),
        current=_told(context.subject.where) if windows or current is not None else None,
        provenance=provenance(arguments, seed=context.seed, fingerprint=dataset.fingerprint),
    )


def make_context(
    dataset: Dataset, reference: Predicate | Dataset | None, current: Predicate | None, *, seed: int = 0, budget: float = 0.01
) -> Context:
    """The context of a run: windows chosen, none of them empty."""
    if dataset.rows < LEAST_ROWS:
        raise InputError(
            "too few rows to compare anything", f"{dataset.rows} row in {dataset.name}", "Give a log with more decisions."
        )
    if not 0 < budget < 1:
        raise InputError("the false-discovery budget is a share", budget, "Give a number between 0 and 1.")
    if reference is None:
        return Context(_window("selection", dataset, current), seed=seed, budget=budget)
    if isinstance(reference, Predicate):
        before = _window("reference window", dataset, reference)
        rest = dataset if current is not None else dataset.exclude(reference)
        if current is not None and (shared := dataset.select(reference & current).rows):
            advice = "Choose windows without a row in common; the comparison would count those rows twice."
            raise InputError(f"the two windows share {shared} rows", f"{reference} / {current}", advice)
    else:
        before, rest = _window("reference window", reference, None), dataset
    return Context(dataset, before, _window("current window", rest, current), seed=seed, budget=budget)


def _window(name: str, dataset: Dataset, where: Predicate | None) -> Dataset:
    """The rows of `dataset` that `where` selects; refused where there is nothing to compare."""
    window = dataset if where is None else dataset.select(where)
    if window.rows < LEAST_ROWS:
        told = "all rows that are not in the reference window" if where is None else str(where)
        raise InputError(f"the {name} has {window.rows} rows", told, "Choose a window with more decisions.")
    return window


def run_checks(
    context: Context, tell: Tell | None = None, only: Collection[str] | None = None
) -> tuple[dict[str, Examined], list[Outcome]]:
    """Every check, ours and the plug-ins', or `only` those; one that cannot run or be imported does not stop the others."""
    tell = tell or (lambda _name, _status: None)
    examined: dict[str, Examined] = {}
    outcomes = []
    for name, check in all_checks().items():
        if only is not None and name not in only:
            continue
        tell(name, "running")
        outcome, found = _run_one(name, check, context)
        outcomes.append(outcome)
        if found is not None:
            examined[name] = found
        tell(name, outcome.status)
    return examined, outcomes


def all_checks() -> dict[str, Check]:
    """Our own checks, then the plug-ins'; one that cannot be imported fails when it is called, not before."""
    return {**OWN, **{name: _plugged_in(name) for name in registered.names() if name not in OWN}}


def _plugged_in(name: str) -> Check:
    def check(context: Context) -> Examined | Sequence[Finding]:
        try:
            plugin: Check = registered.get(name)
        except InputError as exc:
            raise ImportError(str(exc)) from exc
        return plugin(context)

    return check


def judge(findings: Sequence[Finding], outcomes: Sequence[Outcome], context: Context) -> str:
    """The verdict: an incident where anything of medium severity or more is new; silence counts only where all could speak."""
    windows = context.reference is not None
    if any(finding.severity != "low" and not (windows and finding.standing) for finding in findings):
        return "incident"
    smallest = min(window.rows for window in (context.subject, context.reference or context.subject))
    mute = any(item.mute for item in outcomes) or not any(item.status == "ran" for item in outcomes)
    return "could not tell" if mute or smallest < ENOUGH_ROWS else "no incident found"


def _run_one(name: str, check: Check, context: Context) -> tuple[Outcome, Examined | None]:
    start = time.perf_counter()
    try:
        found = _checked(name, check(context), context)
    except InputError as exc:
        mute = not isinstance(exc, NotAskedError)
        return Outcome(name, "skipped", str(exc), round(time.perf_counter() - start, 3), mute), None
    except Exception as exc:  # noqa: BLE001  a plug-in's bug must not cost the responder the other checks; it counts as failed
        return Outcome(name, "failed", f"{type(exc).__name__}: {exc}", round(time.perf_counter() - start, 3), mute=True), None
    return Outcome(name, "ran", "", round(time.perf_counter() - start, 3)), found


def _undo_causes(
    found: Sequence[Finding], context: Context, tell: Tell | None
) -> tuple[list[Finding], list[Outcome], dict[str, Result]]:
    """The findings with what undoing their causes undoes, how that went, and the numbers; without a model rows are left out."""
    if context.target is None:
        return removed(found), [], {}
    tell = tell or (lambda _name, _status: None)
    tell(REPAIR, "running")
    start = time.perf_counter()
    status, why, undone = "ran", "", Undone(removed(found))
    try:
        undone = undo(found, context)
        status, why = ("skipped", undone.why) if undone.why else (status, why)
    except InputError as exc:
        status, why = "skipped", str(exc)
    except Exception as exc:  # noqa: BLE001  a model's bug must not cost the responder what the checks found
        status, why = "failed", f"{type(exc).__name__}: {exc}"
    tell(REPAIR, status)
    results = {} if undone.result is None else {REPAIR: undone.result}
    return undone.findings, [Outcome(REPAIR, status, why, round(time.perf_counter() - start, 3))], results


def _checked(name: str, found: Examined | Sequence[Finding], context: Context) -> Examined:
    """What a check found, signed with its name, its sentence rounded; what the rest of triage could not work with is refused."""
    found = found if isinstance(found, Examined) else Examined(found, len(found))
    for finding in found.findings:
        if finding.kind not in FINDING_KINDS or finding.severity not in SEVERITIES:
            words = f"kinds: {', '.join(FINDING_KINDS)}; severities: {', '.join(SEVERITIES)}"
            raise ValueError(f"a finding of kind {finding.kind!r} and severity {finding.severity!r} ({words})")
        if finding.cause is not None and finding.cause not in CAUSES:
            raise ValueError(f"a finding put down to {finding.cause!r} (causes: {', '.join(CAUSES)})")
        if finding.p is not None and not (math.isnan(finding.p) or 0 <= finding.p <= 1):
            raise ValueError(f"a finding with p = {finding.p} (a p-value lies between 0 and 1)")
        try:
            require_columns(Predicate.parse(finding.where), context.dataset.columns)
        except PredicateError as exc:  # the check's mistake, not the responder's
            raise ValueError(str(exc)) from exc
    return replace(found, findings=[replace(item, check=name, statement=rounded(item.statement)) for item in found.findings])


def _with_evidence(findings: Sequence[Finding], examined: Mapping[str, Examined]) -> list[Finding]:
    """The findings with the digest of the result behind each; one that has its own keeps it."""
    used = {finding.check for finding in findings if finding.evidence is None}
    own = {name: item.result.digest for name, item in examined.items() if name in used and item.result is not None}
    return [finding if finding.evidence else replace(finding, evidence=own.get(finding.check)) for finding in findings]


def _all_findings(examined: Mapping[str, Examined]) -> list[Finding]:
    return [finding for item in examined.values() for finding in item.findings]


def examined_rows(context: Context) -> int:
    """Rows looked at: those of both windows, or of the selection."""
    return context.subject.rows + (context.reference.rows if context.reference is not None else 0)


def _told(window: Predicate | Dataset | None) -> str | None:
    if window is None or isinstance(window, Predicate):
        return None if window is None else str(window)
    return window.name
