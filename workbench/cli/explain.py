"""Commands about people in a log: one decision from every side, and how far people can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.analyse import Data, JsonOut, Labels, On, RolesFile, Seed
from workbench.cli.approvals import NAMED, AllowRemote, OfIncident, Production, Trust, open_targets
from workbench.cli.output import say, say_shown, say_table, write_json, write_result

if TYPE_CHECKING:
    from workbench.attacks.scenarios.trial import Fit
    from workbench.data.dataset import Dataset
    from workbench.result import Result


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
    from workbench.views.dossier import dossier_sentence, dossier_tables

    targets = open_targets([target] if target else [], trust=trust, allow_remote=allow_remote, production=production)
    approval = approval_for(targets, incident)
    dataset, given = open_log(data, roles, labels=labels, on=on, lineage=lineage, recordings=recordings)
    result = make_dossier(
        dataset, row_id, target=next(iter(targets), None), approval=approval, immutable=immutable,
        recordings=given.get("recordings", ()), lineage=given.get("lineage"), seed=seed,
    )  # fmt: skip
    say(f"{dataset.rows:,} decisions in {dataset.name}", "  This is about one person: it is for you, and no part of the record.")
    say("", dossier_sentence(result), "")
    say_shown(*dossier_tables(result))
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
    fit: Annotated[str, typer.Option("--fit", help="python:MODULE:FUNCTION that trains: whom would its models give away?")] = "",
    seed: Seed = 0,
) -> None:
    """Count how many people the log could tell apart, by what others may know of them."""
    from workbench.analysis.privacy import measure_privacy
    from workbench.data.dataset import open_dataset
    from workbench.triage.scenarios import open_fit
    from workbench.views.privacy import privacy_sentence, privacy_table

    dataset = open_dataset(data, roles or None)
    trains = open_fit(fit)
    result = measure_privacy(dataset, column, k=k, slices=where or ())
    say("", privacy_sentence(result), "")
    say_shown(privacy_table(result))
    exposure = _say_exposure(dataset, trains, where or (), seed) if trains else None
    write_json(result.to_dict() | ({"exposure": exposure.to_dict()} if exposure else {}), json)


def _say_exposure(dataset: Dataset, fit: Fit, where: Sequence[str], seed: int) -> Result:
    """Train a model on a third of the rows, and print who can be told to be among them."""
    from workbench.attacks.exposure import measure_exposure
    from workbench.attacks.scenarios.trial import Setting
    from workbench.views.privacy import exposure_sentence, exposure_table

    result = measure_exposure(Setting.to_train(dataset, fit, seed=seed), where)
    shown = exposure_table(result).frame
    say_table(result.title, list(map(str, shown.columns)), shown.itertuples(index=False))
    say("", exposure_sentence(result))
    return result
