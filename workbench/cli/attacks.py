"""Commands about attacks: record, recordings import, replay, hunt."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.analyse import Current, Data, JsonOut, Reference, RolesFile, Seed
from workbench.cli.approvals import NAMED, AllowRemote, OfIncident, Production, Trust, open_targets
from workbench.cli.output import progress, say, say_findings, say_table, write_json
from workbench.errors import shorten

if TYPE_CHECKING:
    from workbench.attacks.recording import Recording
    from workbench.result import Result

Out = Annotated[Path, typer.Option("--out", help="A new folder for the recording.")]
MOST_ROWS = 100_000


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(record)
    app.command()(replay)
    app.command()(hunt)
    recordings = typer.Typer(help="Recordings that other tools made.", no_args_is_help=True)
    recordings.callback()(_recordings)
    recordings.command("import")(import_recording)
    app.add_typer(recordings, name="recordings")


def _recordings() -> None:
    """Recordings that other tools made."""


def record(
    data: Data,
    *,
    target: Annotated[str, typer.Option("--target", help=NAMED)],
    out: Out,
    roles: RolesFile = "",
    batch: Annotated[int, typer.Option("--batch", min=1, help="Rows in a call.")] = 4096,
    trust: Trust = None,
    allow_remote: AllowRemote = None,
    production: Production = None,
    incident: OfIncident = "",
    scenario: Annotated[str, typer.Option("--scenario", help="The scenario that these inputs try: name, id or file.")] = "",
) -> None:
    """Ask a model about every row of a log, and keep exactly what was asked and answered."""
    from workbench.attacks.recorder import record as ask_and_keep
    from workbench.attacks.scenarios.catalogue import find_scenario
    from workbench.data.dataset import open_dataset
    from workbench.incident.approvals import approval_for

    [asked] = open_targets([target], trust=trust, allow_remote=allow_remote, production=production)
    approval = approval_for([asked], incident)
    tried = find_scenario(scenario) if scenario else None
    dataset = open_dataset(data, roles or None)
    say(*(f"  {notice}" for notice in dataset.notices))
    recorded = ask_and_keep(
        asked,
        dataset.frame[list(dataset.features)],
        out,
        batch=batch,
        approval=approval,
        about={
            "source": {"data": dataset.name, "fingerprint": dataset.fingerprint},
            "allowed_hosts": allow_remote or [],
            **({} if tried is None else {"scenario": {"name": tried.name, "id": tried.id}}),
        },
        row_id=dataset.role("row_id").to_numpy() if dataset.has("row_id") else None,
        expected=dataset.role("label").to_numpy() if dataset.has("label") else None,
    )
    _say_recording(recorded)


def hunt(
    data: Data,
    *,
    json: JsonOut,
    roles: RolesFile = "",
    reference: Reference = "",
    current: Current = "",
    caller: Annotated[str, typer.Option("--caller", help="The column that says who asked; no identifier.")] = "",
    recordings: Annotated[str, typer.Option("--recordings", help="Recorded attacks: a recording, or a folder of them.")] = "",
    seed: Seed = 0,
) -> None:
    """Look for traces of attacks in a log: probing, evasion, and recorded attacks that come back."""
    from workbench.triage.hunt import hunt_log
    from workbench.triage.source import open_log
    from workbench.views.hunt import patterns_table
    from workbench.views.triage import headline

    dataset, windows = open_log(data, roles, reference=reference, current=current, recordings=recordings)
    say(*(f"  {notice}" for notice in dataset.notices))
    result, found = hunt_log(
        dataset,
        reference=windows["reference"],
        current=windows["current"],
        caller=caller,
        recordings=windows.get("recordings", ()),
        seed=seed,
    )
    say(headline(found.verdict, found.findings, found.examined))
    say_findings(found.findings)
    say(patterns_table(result).caption)
    write_json({**result.to_dict(), "findings": [finding.to_dict() for finding in found.findings]}, json)
    if json != "-":
        say(f"{result.title}: written to {json}")


def import_recording(
    file: Annotated[Path, typer.Argument(help="What the other tool wrote.", metavar="FILE")],
    *,
    kind: Annotated[
        str, typer.Option("--format", help="garak, promptfoo, pyrit, inspect, textattack, har, npz or log.", metavar="FORMAT")
    ],
    out: Out,
) -> None:
    """Make a recording of what another tool recorded."""
    from workbench.attacks.importers import import_recording as read_and_write

    _say_recording(read_and_write(file, kind, out))


def replay(
    recording: Annotated[Path, typer.Argument(help="A folder that `record` or `recordings import` wrote.", metavar="RECORDING")],
    *,
    target: Annotated[list[str], typer.Option("--target", help=f"{NAMED}; the first is the baseline of the others.")],
    json: JsonOut,
    oracle: Annotated[str, typer.Option("--oracle", help="What makes an answer fail; default: what fits the recording.")] = "",
    as_recorded: Annotated[bool, typer.Option("--as-recorded", help="Send the recorded calls, not blocks.")] = False,
    adaptive: Annotated[bool, typer.Option(help="Attack anew, and certify, beside replaying.")] = True,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for verdicts.parquet; lets a killed replay go on.")] = None,
    trust: Trust = None,
    allow_remote: AllowRemote = None,
    most_calls: Annotated[int, typer.Option("--most-calls", help="Calls per target at most.")] = 10_000_000,
    per_second: Annotated[float | None, typer.Option("--per-second", help="Calls per second and target at most.")] = None,
    most_seconds: Annotated[float, typer.Option("--most-seconds", help="Seconds per target at most.")] = 3600.0,
    production: Production = None,
    incident: OfIncident = "",
    seed: Seed = 0,
) -> None:
    """Send exactly the recorded inputs to every target, and compare: replayed, adaptive, certified.

    Exit 1: a target fails more than its baseline, is an overfitted defence, or answered nothing.
    """
    from workbench.attacks.recording import open_recording
    from workbench.attacks.replay.asking import Limits
    from workbench.attacks.triple import Fresh
    from workbench.incident.approvals import approval_for
    from workbench.triage.replay import replay_recording

    targets = open_targets(target, trust=trust, allow_remote=allow_remote, production=production)
    with progress("replaying") as moved:
        result, found = replay_recording(
            open_recording(recording),
            targets,
            oracle,
            coalesce=not as_recorded,
            limits=Limits(most_calls, per_second, most_seconds),
            out=out,
            approval=approval_for(targets, incident),
            fresh=Fresh() if adaptive else None,
            allowed_hosts=allow_remote or (),
            seed=seed,
            tell=lambda _, answered, among: moved(answered, among),
        )
    _say_replay(result)
    write_json({**_without_many(result).to_dict(), "findings": [finding.to_dict() for finding in found.findings]}, json)
    if json != "-":
        say(f"{result.title}: written to {json}")
    if found.findings or (result.tables["targets"]["errors"] == result.numbers["rows"]).any():
        raise typer.Exit(1)


def _without_many(result: Result) -> Result:
    """A replay without its verdicts, where JSON cannot list that many."""
    if len(result.tables["verdicts"]) <= MOST_ROWS:
        return result
    from dataclasses import replace

    say(f"more than {MOST_ROWS:,} verdicts: the JSON lists what changed; --out DIR keeps all of them as parquet")
    return replace(result, tables={name: table for name, table in result.tables.items() if name != "verdicts"})


def _say_recording(recorded: Recording) -> None:
    """Where the recording is, and how many inputs were answered with an error; exit 1 where none was answered otherwise."""
    say(f"recorded {recorded.rows:,} inputs in {recorded.calls:,} calls into {recorded.folder}", f"  {recorded.content}")
    errors = [text for text in recorded.row_columns("error")["error"].to_pylist() if text]
    if errors:
        common, times = Counter(errors).most_common(1)[0]
        say(f"  {len(errors):,} of {recorded.rows:,} inputs got an error for an answer; {times:,} times: {shorten(common)}")
    if errors and len(errors) == recorded.rows:
        raise typer.Exit(1)


def _say_replay(found: Result) -> None:
    """The triple verdict as a table, each version in a sentence, then what did not work."""
    from workbench.views.replay import COLUMNS, verdict_rows, verdict_table

    shown = verdict_table(found).frame[["version", *COLUMNS, "verdict"]]
    say_table("", shown.columns, shown.itertuples(index=False))
    say(*(f"  {row['said']}" for row in verdict_rows(found)))
    say(*(f"  {row.target}: {row.rows:,} inputs: {row.error}" for row in found.tables["errors"].itertuples()))
    if found.numbers["not_adaptive"]:
        say(f"  no fresh attack: {found.numbers['not_adaptive']}")
    say(f"  verdicts {found.numbers['digest']}")
