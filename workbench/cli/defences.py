"""Commands about defences: weigh, layers, train, transfer, certify; and where attacks hit and what they cost: segments, risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.analyse import Data, JsonOut, RolesFile, Seed
from workbench.cli.approvals import NAMED, AllowRemote, OfIncident, Production, Trust, open_targets
from workbench.cli.output import say, say_table, short, write_result

if TYPE_CHECKING:
    import pandas as pd

    from workbench.attacks.scenarios.trial import Setting
    from workbench.models import Target
    from workbench.views.render import Table

Versions = Annotated[list[str], typer.Option("--target", help=f"{NAMED}; the first is the model without a defence.")]
One = Annotated[str, typer.Option("--target", help=NAMED)]
Rows = Annotated[int, typer.Option("--rows", min=20, help="Rows of the log used at most.")]
Attacked = Annotated[int, typer.Option("--attacked", min=20, help="Rows attacked at most.")]
Queries = Annotated[int, typer.Option("--queries", min=2, help="Queries per attacked row.")]
Immutable = Annotated[list[str] | None, typer.Option("--immutable", help="A column that nobody can move; may be repeated.")]


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    group = typer.Typer(help="Defences: what they are worth against attacks, and what they cost.", no_args_is_help=True)
    group.callback()(_defences)
    for command in (weigh, layers, train, transfer, certify, segments, risk):
        group.command(command.__name__)(command)
    app.add_typer(group, name="defences")


def _defences() -> None:
    """Defences: what they are worth against attacks, and what they cost."""


def weigh(
    data: Data,
    *,
    target: Versions,
    json: JsonOut,
    roles: RolesFile = "",
    most_latency: Annotated[float | None, typer.Option("--most-latency", help="Milliseconds a single row may take.")] = None,
    most_memory: Annotated[float | None, typer.Option("--most-memory", help="Megabytes a version may take.")] = None,
    rows: Rows = 2000,
    attacked: Attacked = 100,
    queries: Queries = 200,
    immutable: Immutable = None,
    trust: Trust = None,
    allow_remote: AllowRemote = None,
    production: Production = None,
    incident: OfIncident = "",
    seed: Seed = 0,
) -> None:
    """Accuracy, attack success, false alarms and cost of versions side by side. Exit 1: one is over its budget."""
    from workbench.attacks.defences.front import Budget, weigh_versions
    from workbench.views.defences import front_table

    versions = open_targets(target, trust=trust, allow_remote=allow_remote, production=production)
    setting = _setting(data, roles, versions, incident, rows=rows, immutable=immutable, seed=seed)
    budget = Budget(None if most_latency is None else most_latency / 1000, most_memory)
    result = weigh_versions(versions, setting, budget, rows=attacked, queries=queries)
    table = front_table(result)
    shown = table.frame.drop(columns=["dominated", "over budget"], errors="ignore")
    _say_frame(result.title, shown.iloc[:, :4])
    _say_frame("What it takes", shown.drop(columns=shown.columns[1:4]))
    say(table.caption)
    said = result.tables["front"].to_dict("records")
    say(*(f"  {row['defence']} is dominated: {row['why']}" for row in said if row["why"]))
    say(*(f"  {row['defence']} is over budget: {row['over_budget']}" for row in said if row["over_budget"]))
    write_result(result, json)
    if result.tables["front"]["over_budget"].any():
        raise typer.Exit(1)


def layers(
    data: Data,
    *,
    target: Annotated[str, typer.Option("--target", help="A stack of layers: python:MODULE:ATTR.")],
    json: JsonOut,
    roles: RolesFile = "",
    rows: Rows = 2000,
    attacked: Attacked = 100,
    queries: Queries = 200,
    immutable: Immutable = None,
    incident: OfIncident = "",
    seed: Seed = 0,
) -> None:
    """What each layer around a model adds: everything measured with it and without it."""
    from workbench.attacks.defences.contribution import take_apart
    from workbench.views.defences import layers_sentence, layers_table

    [stack] = open_targets([target], trust=None, allow_remote=None, production=None)
    setting = _setting(data, roles, [stack], incident, rows=rows, immutable=immutable, seed=seed)
    result = take_apart(stack, setting, rows=attacked, queries=queries)
    _say_shown(result.title, layers_table(result))
    say(layers_sentence(result).text)
    write_result(result, json)


def train(
    data: Data,
    *,
    fit: Annotated[str, typer.Option("--fit", help="python:MODULE:FUNCTION that trains on a frame and labels.")],
    json: JsonOut,
    way: Annotated[
        list[str] | None,
        typer.Option("--way", help="adversarial, selective, augmented, regularised, distilled, ensemble; may be repeated."),
    ] = None,
    roles: RolesFile = "",
    rows: Rows = 2000,
    attacked: Attacked = 100,
    queries: Queries = 200,
    immutable: Immutable = None,
    seed: Seed = 0,
) -> None:
    """Train defences on half of a labelled log, and attack them on the other half. Exit 1: one is overfitted."""
    from workbench.attacks.defences.held_out import train_and_judge
    from workbench.views.defences import held_out_table

    setting = _setting(data, roles, (), "", rows=rows, immutable=immutable, seed=seed, fit=fit)
    result, refused = train_and_judge(setting, way or ("adversarial",), rows=attacked, queries=queries)
    say(*(f"  {name} not trained: {' '.join(why.split())}" for name, why in refused.items()))
    _say_shown(result.title, held_out_table(result))
    write_result(result, json)
    if (result.tables["defences"]["verdict"] == "overfitted defence").any():
        raise typer.Exit(1)


def transfer(
    data: Data,
    *,
    target: Annotated[list[str], typer.Option("--target", help=f"{NAMED}; two or more.")],
    json: JsonOut,
    roles: RolesFile = "",
    rows: Rows = 2000,
    attacked: Attacked = 100,
    queries: Queries = 200,
    immutable: Immutable = None,
    trust: Trust = None,
    allow_remote: AllowRemote = None,
    production: Production = None,
    incident: OfIncident = "",
    seed: Seed = 0,
) -> None:
    """Which attacks carry over: made on one version, tried on every other."""
    from workbench.attacks.defences.transfer import transfer_matrix
    from workbench.attacks.replay import label_targets
    from workbench.views.defences import transfer_table

    versions = open_targets(target, trust=trust, allow_remote=allow_remote, production=production)
    setting = _setting(data, roles, versions, incident, rows=rows, immutable=immutable, seed=seed)
    result = transfer_matrix(
        dict(zip(label_targets(versions), versions, strict=True)), setting, rows=attacked, budget=queries
    )  # fmt: skip
    _say_shown(result.title, transfer_table(result))
    write_result(result, json)


def certify(
    data: Data,
    *,
    target: One,
    json: JsonOut,
    roles: RolesFile = "",
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows certified at most.")] = 50,
    immutable: Immutable = None,
    trust: Trust = None,
    seed: Seed = 0,
) -> None:
    """The share of rows decided rightly that provably stay so: exact for tree ensembles, by smoothing beside it."""
    from workbench.attacks.defences.trees import certified_shares
    from workbench.views.defences import certified_table

    versions = open_targets([target], trust=trust, allow_remote=None, production=None)
    setting = _setting(data, roles, versions, "", rows=rows, immutable=immutable, seed=seed)
    should = setting.clean.decision if setting.label is None else setting.label
    result = certified_shares(setting.target, setting.frame, setting.domain, should, seed=seed)
    _say_shown(result.title, certified_table(result))
    write_result(result, json)


def segments(
    scenario: Annotated[str, typer.Argument(help="Name, id or YAML file of a scenario.", metavar="SCENARIO")],
    data: Data,
    *,
    target: One,
    json: JsonOut,
    roles: RolesFile = "",
    level: Annotated[int, typer.Option("--level", min=1, help="Conditions in a segment at most.")] = 2,
    min_support: Annotated[float, typer.Option("--min-support", help="Share of the rows that a segment must hold.")] = 0.05,
    rows: Rows = 2000,
    trust: Trust = None,
    allow_remote: AllowRemote = None,
    production: Production = None,
    incident: OfIncident = "",
    seed: Seed = 0,
) -> None:
    """In which segments a scenario fails more often. Exit 1: one was found."""
    from workbench.attacks.scenarios.catalogue import find_scenario
    from workbench.attacks.scenarios.vulnerable import LEVEL, vulnerable_segments

    versions = open_targets([target], trust=trust, allow_remote=allow_remote, production=production)
    setting = _setting(data, roles, versions, incident, rows=rows, immutable=None, seed=seed)
    result = vulnerable_segments(find_scenario(scenario), setting, level=level, min_support=min_support)
    columns = {"slice": "segment", "rows": "rows", "mean": "fails", "rest": "elsewhere", "p_adjusted": "p adjusted"}
    shown = [row for row in result.published().tables["distinct"].to_dict("records") if row["p_adjusted"] < LEVEL]
    say(f"{result.numbers['counted']:,} segments counted; {result.numbers['vulnerable']} surely fail more often than the rest")
    if shown:
        say_table(result.title, columns.values(), ([short(row[name]) for name in columns] for row in shown))
    write_result(result, json)
    if result.numbers["vulnerable"]:
        raise typer.Exit(1)


def risk(
    runs: Annotated[str, typer.Argument(help="What `scenarios run … --json` wrote.", metavar="RUNS")],
    *,
    mix: Annotated[str, typer.Option("--mix", help="YAML: how often each scenario is tried a month, and what a failure costs.")],
    json: JsonOut,
) -> None:
    """Money at risk under a stated mix of attackers. Exit 1: a scenario of the mix measured nothing."""
    from workbench.attacks.scenarios.risk import assess_risk, read_mix
    from workbench.attacks.scenarios.runs import read_runs
    from workbench.views.risk import money_table, risk_sentence

    result = assess_risk(read_runs(runs), read_mix(mix))
    _say_shown(result.title, money_table(result))
    say(risk_sentence(result).text)
    write_result(result, json)
    if result.numbers["risk"] is None:
        raise typer.Exit(1)


def _setting(
    data: str, roles: str, versions: Sequence[Target], incident: str, *, rows: int, immutable: Sequence[str] | None, seed: int,
    fit: str = "",
) -> Setting:  # fmt: skip
    """The rows of a log, with leave to ask production versions; without versions, of a target that nobody asks."""
    from dataclasses import replace

    from workbench.attacks.scenarios.trial import Setting
    from workbench.data.dataset import open_dataset
    from workbench.incident.approvals import approval_for
    from workbench.models import python_target
    from workbench.triage.scenarios import open_fit

    dataset = open_dataset(data, roles or None)
    say(*(f"  {notice}" for notice in dataset.notices))
    asked = versions[0] if versions else python_target(len, name="nobody", digest="sha256:nobody")
    made = Setting.of(
        asked, dataset, fit=open_fit(fit), approval=approval_for(versions, incident), most_rows=rows, seed=seed
    )  # fmt: skip
    return replace(made, constraints={"immutable": list(immutable)}) if immutable else made


def _say_shown(title: str, table: Table) -> None:
    """Print a view's table, and under it what it is of."""
    _say_frame(title, table.frame)
    say(table.caption)


def _say_frame(title: str, frame: pd.DataFrame) -> None:
    say_table(title, list(map(str, frame.columns)), frame.itertuples(index=False))
