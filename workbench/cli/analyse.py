"""Commands that look at data: triage, and the analyses one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.approvals import NAMED, AllowRemote, OfIncident, Production, Trust, open_targets
from workbench.cli.output import progress, say, say_findings, say_shown, say_table, short, step_teller, write_result

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analysis.slices.windows import Given
    from workbench.data.dataset import Dataset
    from workbench.result import Result
    from workbench.triage.run import Triage

Data = Annotated[str, typer.Argument(help="Decision log: a path, a pattern or a URL.", metavar="DATA")]
RolesFile = Annotated[str, typer.Option("--roles", help="YAML file that says which column is what.")]
Reference = Annotated[str, typer.Option("--reference", help="Rows that were still good, such as 'time < 2026-03-01'.")]
Current = Annotated[str, typer.Option("--current", help="Rows under suspicion.")]
ReferenceData = Annotated[str, typer.Option("--reference-data", help="Another file that was still good.")]
Labels = Annotated[str, typer.Option("--labels", help="A second file that holds the labels.")]
On = Annotated[str, typer.Option("--on", help="The column both files share.")]
JsonOut = Annotated[str, typer.Option("--json", help="Write the result here; - is stdout.")]
ReferenceGroup = Annotated[str, typer.Option("--reference-group", help="most favored, largest, everybody else, or a group.")]
Seed = Annotated[int, typer.Option("--seed", help="For anything random.")]

MOST_NEEDED = 5
"""Questions without an answer that the terminal shows: they stand below the findings, which should stay in sight."""


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (triage, slices, disparity, drift, integrity):
        app.command()(command)


def triage(
    data: Data,
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder for findings.json and the results behind it.")],
    roles: RolesFile = "",
    reference: Reference = "",
    current: Current = "",
    reference_data: ReferenceData = "",
    labels: Labels = "",
    on: On = "",
    lineage: Annotated[str, typer.Option("--lineage", help="Events of the pipeline that made it.")] = "",
    recordings: Annotated[str, typer.Option("--recordings", help="Recorded attacks: a recording, or a folder of them.")] = "",
    target: Annotated[str, typer.Option("--target", help=f"The model that decided, to score again what broke: {NAMED}")] = "",
    trust: Trust = None,
    allow_remote: AllowRemote = None,
    production: Production = None,
    incident: OfIncident = "",
    seed: Seed = 0,
) -> None:
    """Run every check and rank what was found. Exit 0: no incident found; 1: incident, or could not tell."""
    from workbench.files import require_writable
    from workbench.incident.approvals import approval_for
    from workbench.triage.files import write_triage
    from workbench.triage.repair.undo import REPAIR
    from workbench.triage.run import triage as run_triage
    from workbench.triage.source import open_log
    from workbench.triage.would_tell import what_would_tell
    from workbench.views.opening import opening
    from workbench.views.undone import asked_text

    require_writable(out)
    targets = open_targets([target] if target else [], trust=trust, allow_remote=allow_remote, production=production)
    approval = approval_for(targets, incident)
    dataset, windows = open_log(
        data, roles, reference=reference, current=current, reference_data=reference_data, labels=labels, on=on, lineage=lineage,
        recordings=recordings,
    )  # fmt: skip
    many = "decision" if dataset.rows == 1 else "decisions"
    say(f"{dataset.rows:,} {many} in {dataset.name}", *(f"  {notice}" for notice in dataset.notices))
    asked = next(iter(targets), None)
    found = run_triage(dataset, **windows, target=asked, approval=approval, seed=seed, tell=step_teller())
    path = write_triage(found, out)
    _say_skipped(found)
    say("", repr(opening(found.to_dict(), [check.name for check in found.checks if check.mute])), "")
    say_findings(found.findings)
    _say_what_would_tell(what_would_tell(dataset, found))
    say(*(asked_text(result) for name, result in found.results.items() if name == REPAIR), f"written to {path}")
    if found.verdict != "no incident found":
        raise typer.Exit(1)


def slices(
    data: Data,
    *,
    json: JsonOut,
    roles: RolesFile = "",
    reference: Reference = "",
    current: Current = "",
    loss: Annotated[str, typer.Option("--loss", help="error, a measure such as fpr, log_loss, cost, or column:NAME.")] = "",
    level: Annotated[int, typer.Option("--level", help="Most conditions in a slice, 1 to 4.")] = 3,
    min_support: Annotated[
        float, typer.Option("--min-support", help="Smallest share of the rows; from 1 on, their number.")
    ] = 0.01,
    top: Annotated[int, typer.Option("--top", help="How many slices to list.")] = 10,
    feature: Annotated[list[str] | None, typer.Option("--feature", help="A column to search; may be repeated.")] = None,
    score: Annotated[str, typer.Option("--score", help="sliceline, change, effect, lift, share or z.")] = "",
    alpha: Annotated[float, typer.Option("--alpha", help="Weight of the loss against the size, in sliceline and change.")] = 0.95,
    permutations: Annotated[
        int, typer.Option("--permutations", help="To adjust p-values by; 0: Bonferroni; -1: as time allows.")
    ] = -1,
    prune: Annotated[bool, typer.Option("--prune", help="Only what the top slices need, for very large logs.")] = False,
    within: Annotated[str, typer.Option("--within", help="Search among these rows only, such as 'age < 25'.")] = "",
    counter_check: Annotated[
        bool, typer.Option("--counter-check", help="Search permuted losses and planted slices too, beside the result.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """List the slices on which the model is worst, or became worse."""
    from workbench.analysis.slices import find_slices

    dataset, windows = _open_windows(data, roles, reference, current, within)
    checked = _counter_check(dataset, windows[0], loss, feature, level, min_support, seed) if counter_check else {}
    with progress("slices") as tell:
        result = find_slices(
            dataset, loss or None, feature, level, min_support, *windows, seed=seed, top=top, score=score or None, alpha=alpha,
            permutations=None if permutations < 0 else permutations, prune=prune, tell=tell,
        )  # fmt: skip
    _say_slices(result)
    write_result(replace(result, tables={**result.tables, **checked}), json)


def disparity(
    data: Data,
    *,
    json: JsonOut,
    roles: RolesFile = "",
    reference: Reference = "",
    current: Current = "",
    labels: Labels = "",
    on: On = "",
    group: Annotated[
        list[str] | None, typer.Option("--group", help="An attribute; may be repeated. Default: the roles'.")
    ] = None,
    measure: Annotated[list[str] | None, typer.Option("--measure", help="A measure; may be repeated.")] = None,
    reference_group: ReferenceGroup = "most favored",
    confidence: Annotated[float, typer.Option("--confidence", help="Of the intervals.")] = 0.95,
    no_intersect: Annotated[bool, typer.Option("--no-intersect", help="Each attribute alone only.")] = False,
    strata: Annotated[list[str] | None, typer.Option("--strata", help="Compare within this column's values too.")] = None,
    bootstrap: Annotated[int, typer.Option("--bootstrap", help="Resamples for lowest and highest; 0: none.")] = 0,
    policy: Annotated[
        list[str] | None, typer.Option("--policy", help="Profile to set beside the numbers; may be repeated.")
    ] = None,
    missing: Annotated[str, typer.Option("--missing", help="Bounds where this attribute is missing.")] = "",
    seed: Seed = 0,
) -> None:
    """Measure every group and intersection, and its distance from the reference group; with --reference, before as well."""
    from workbench.analysis.disparity import measure_disparity
    from workbench.analysis.disparity_review import bound_missing
    from workbench.views.disparity import gaps_table

    def measured(rows: Dataset) -> Result:
        return measure_disparity(
            rows, group or None, reference_group, measure or None, confidence, not no_intersect, strata or None, bootstrap, seed,
            policy=policy or None,
        )  # fmt: skip

    dataset, before = _open(data, roles, reference, current, labels=labels, on=on)
    result = measured(dataset)
    bounds = bound_missing(dataset, missing, reference_group).tables if missing else {}
    say_shown(gaps_table(result))
    write_result(replace(result, tables={**result.tables, **bounds}), json, None if before is None else measured(before))


def drift(data: Data, *, reference: Reference, json: JsonOut, roles: RolesFile = "", current: Current = "") -> None:
    """Compare every column between two windows."""
    from workbench.analysis.drift import drift as measure_drift
    from workbench.errors import InputError
    from workbench.views.drift import moved_table

    dataset, before = _open(data, roles, reference, current)
    if before is None:
        raise InputError("drift needs two windows", None, "Give --reference, the rows that were still good.")
    result = measure_drift(dataset, before)
    say_shown(moved_table({"drift": result.published()}))
    write_result(result, json)


def integrity(data: Data, *, json: JsonOut, roles: RolesFile = "", reference: Reference = "", current: Current = "") -> None:
    """Inspect every column and every series over time for defects."""
    from workbench.analysis.integrity import integrity as inspect
    from workbench.views.integrity import changes_table, defects_table, repeats_sentence

    dataset, before = _open(data, roles, reference, current)
    result = inspect(dataset, before)
    shown = {"integrity": result.published()}
    say_shown(defects_table(shown), changes_table(shown), repeats_sentence(shown))
    write_result(result, json)


def _select(dataset: Dataset, within: str) -> Dataset:
    """The rows of `dataset` to search; all where nothing is said."""
    from workbench.predicate import Predicate

    return dataset.select(Predicate.parse(within)) if within else dataset


def _counter_check(  # noqa: PLR0917
    dataset: Dataset, reference: Given, loss: str, features: list[str] | None, level: int, least: float, seed: int
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """The tables of the counter-check, and what it says in a line."""
    from workbench.analysis.countercheck import counter_check
    from workbench.analysis.losses import default_loss
    from workbench.errors import InputError

    if reference is not None:
        raise InputError("a counter-check has one window", str(reference), "Leave the reference out, or --counter-check.")
    with progress("counter-check") as tell:
        found = counter_check(
            dataset, loss or default_loss(dataset), features=features, level=level, min_support=least, seed=seed, tell=tell
        )
    found_planted = ", ".join(f"{row.recall:.0%} at {row.effect:g} sd" for row in found.tables["planted"].itertuples())
    say(f"counter-check: the best slice has p = {found.numbers['p']:.2g} against permuted losses; planted found: {found_planted}")
    return {f"countercheck_{name}": table for name, table in found.tables.items()}


def _say_slices(result: Result) -> None:
    """Print the distinct slices as a table, as anybody may see them."""
    numbers, shown = result.numbers, result.published().tables["distinct"]
    say(f"{numbers['counted']:,} slices counted; p by {numbers['adjustment']}", *(f"  {said}" for said in numbers["notices"]))  # type: ignore[union-attr]
    columns = ("slice", "rows", "mean", "rest", "score", "p_adjusted")
    rows = [[short(row[name]) for name in columns] for row in shown.to_dict("records")]
    say_table(result.title, columns, rows)


def _say_what_would_tell(result: Result) -> None:
    """For each question without an answer, why, and what to fetch; nothing where there is none."""
    from workbench.views.would_tell import needed_text

    rows = [(row["part"], needed_text(row)) for row in result.tables["needed"].to_dict("records")]
    if rows:
        say_table(result.title, ("could not tell", "why, and what to fetch"), rows[:MOST_NEEDED])
    if len(rows) > MOST_NEEDED:
        say(f"{len(rows) - MOST_NEEDED} more in the runbook: workbench run triage")


def _say_skipped(found: Triage) -> None:
    """Say which checks could not speak, and why: what they would have found is not known."""
    say(*(f"  {check.name} {check.status}: {check.why}" for check in found.checks if check.status != "ran"))


def _open(
    data: str, roles: str, reference: str, current: str, *, labels: str = "", on: str = ""
) -> tuple[Dataset, Dataset | None]:
    """The current window and the reference window; all rows and None without windows."""
    from workbench.triage.run import make_context
    from workbench.triage.source import open_log

    dataset, windows = open_log(data, roles, reference=reference, current=current, labels=labels, on=on)
    context = make_context(dataset, windows["reference"], windows["current"])
    return context.subject, context.reference


def _open_windows(data: str, roles: str, reference: str, current: str, within: str) -> tuple[Dataset, tuple[Given, Given]]:
    """The rows to search in the order of the log, and the two windows in them; None and None where all rows are one window."""
    from workbench.triage.run import make_context
    from workbench.triage.source import open_log

    dataset, windows = open_log(data, roles, reference=reference, current=current)
    dataset = _select(dataset, within)
    context = make_context(dataset, windows["reference"], windows["current"])
    if context.reference is None:
        return context.subject, (None, None)
    return dataset, (windows["reference"], windows["current"])
