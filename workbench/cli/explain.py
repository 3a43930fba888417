"""Commands about people in a log: one decision from every side, and how far people can be told apart."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.analyse import Data, JsonOut, Labels, On, RolesFile, Seed
from workbench.cli.approvals import NAMED, AllowRemote, OfIncident, Production, Trust, open_targets
from workbench.cli.output import say, say_table, short, write_json, write_result

TITLES = {
    "decision": "The decision",
    "inputs": "What went in (share of all decisions with this value; a number: at or below it)",
    "cases": "How others were decided",
    "slices": "The worst slices that hold it",
    "flip": "The smallest change found that flips it",
    "attacks": "Recorded attacks that it matches",
    "upstream": "What the version that decided was made from",
    "unknown": "What could not be told",
}


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(explain)
    app.command()(privacy)


def explain(
    data: Data,
    row_id: Annotated[str, typer.Argument(help="Of the decision, as the log's row ids have it.", metavar="ROW_ID")],
    *,
    json: Annotated[str, typer.Option("--json", help="Write the dossier here; - is stdout. It is about one person.")] = "",
    roles: RolesFile = "",
    labels: Labels = "",
    on: On = "",
    target: Annotated[str, typer.Option("--target", help=f"The model that decided: {NAMED}")] = "",
    immutable: Annotated[
        list[str] | None, typer.Option("--immutable", help="A feature nobody can change; may be repeated. Default: the groups.")
    ] = None,
    lineage: Annotated[str, typer.Option("--lineage", help="Events of the pipeline that made it.")] = "",
    recordings: Annotated[str, typer.Option("--recordings", help="Recorded attacks: a recording, or a folder of them.")] = "",
    trust: Trust = None,
    allow_remote: AllowRemote = None,
    production: Production = None,
    incident: OfIncident = "",
    seed: Seed = 0,
) -> None:
    """Show one decision from every side: inputs, nearest cases, slices, attacks, and what would flip it."""
    from workbench.incident.approvals import approval_for
    from workbench.triage.dossier import make_dossier
    from workbench.triage.source import open_log

    targets = open_targets([target] if target else [], trust=trust, allow_remote=allow_remote, production=production)
    approval = approval_for(targets, incident)
    dataset, given = open_log(data, roles, labels=labels, on=on, lineage=lineage, recordings=recordings)
    result = make_dossier(
        dataset, row_id, target=next(iter(targets), None), approval=approval, immutable=immutable,
        recordings=given.get("recordings", ()), lineage=given.get("lineage"), seed=seed,
    )  # fmt: skip
    say(f"{dataset.rows:,} decisions in {dataset.name}", "  This is about one person: it is for you, and no part of the record.")
    for name, title in TITLES.items():
        table = result.tables.get(name)
        if table is not None and not table.empty:
            shown = table.drop(columns="row_id")
            say_table(title, shown.columns, ([short(cell) for cell in row] for row in shown.itertuples(index=False)))
            say("")
    if json:
        write_result(result, json)


def privacy(
    data: Data,
    *,
    json: JsonOut,
    roles: RolesFile = "",
    column: Annotated[
        list[str] | None, typer.Option("--column", help="What others may know of a person; may be repeated.")
    ] = None,
    k: Annotated[int, typer.Option("-k", "--k", help="Fewer rows than this are few.")] = 10,
    where: Annotated[list[str] | None, typer.Option("--slice", help="Tell of these rows too; may be repeated.")] = None,
) -> None:
    """Count how many people the log could tell apart, by what others may know of them."""
    from workbench.analysis.privacy import measure_privacy
    from workbench.data.dataset import open_dataset
    from workbench.views.privacy import privacy_sentence

    result = measure_privacy(open_dataset(data, roles or None), column, k=k, slices=where or ())
    write_json(result.to_dict(), json)
    steps = result.tables["columns"]
    say_table(result.title, steps.columns, ([short(cell) for cell in row] for row in steps.itertuples(index=False)))
    say("", privacy_sentence(result))
