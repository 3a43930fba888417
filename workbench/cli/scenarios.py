"""Commands about scenarios: list, show, diff, run, from-finding; charter is in `workbench.cli.charter`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.analyse import Data, RolesFile, Seed
from workbench.cli.approvals import NAMED, AllowRemote, OfIncident, Production, Trust, open_targets
from workbench.cli.charter import charter, say_controls
from workbench.cli.output import say, say_table, write_json

if TYPE_CHECKING:
    import pandas as pd

    from workbench.attacks.scenarios.catalogue import Catalogue
    from workbench.attacks.scenarios.scenario import Scenario
    from workbench.result import Result

Folder = Annotated[str, typer.Option("--catalogue", help="Folder of YAML files; default: the scenarios that ship.")]
Json = Annotated[str, typer.Option("--json", help="Write the result here; - is stdout.")]


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    group = typer.Typer(help="Scenarios: what an attacker or a fault does, tried again.", no_args_is_help=True)
    group.callback()(_scenarios)
    group.command("list")(list_scenarios)
    group.command("show")(show)
    group.command("diff")(diff)
    group.command("run")(run)
    group.command("from-finding")(from_finding)
    group.command("charter")(charter)
    app.add_typer(group, name="scenarios")


def _scenarios() -> None:
    """Scenarios: what an attacker or a fault does, tried again."""


def list_scenarios(
    *,
    catalogue: Folder = "",
    technique: Annotated[str, typer.Option("--technique", help="Only this ATLAS technique.")] = "",
    modality: Annotated[str, typer.Option("--modality", help="Only tabular, text or image.")] = "",
    severity: Annotated[str, typer.Option("--severity", help="Only this severity.")] = "",
    tag: Annotated[str, typer.Option("--tag", help="Only what is about this.")] = "",
    cover: Annotated[bool, typer.Option("--coverage", help="Techniques and how many scenarios try each.")] = False,
    controls: Annotated[bool, typer.Option("--controls", help="Controls of laws and standards, and what tries each.")] = False,
    controls_map: Annotated[str, typer.Option("--map", help="YAML map of controls; default: the one that ships.")] = "",
    json: Json = "",
) -> None:
    """The scenarios there are, or what they cover."""
    from workbench.attacks.scenarios.catalogue import Catalogue, coverage
    from workbench.result import records

    found = _catalogue(catalogue)
    wanted = {"technique": technique, "modality": modality, "severity": severity}
    kept = [item for item in found if all(not value or getattr(item, name) == value for name, value in wanted.items())]
    kept = [item for item in kept if not tag or tag in item.tags]
    matrix = coverage(kept)
    more: dict[str, object] = {}
    if cover:
        _say_coverage(kept, matrix)
    if controls:
        more = say_controls(Catalogue({item.name: item for item in kept}), controls_map)
    if not (cover or controls):
        columns = ("name", "technique", "modality", "severity", "expected")
        listing = [(item.name, item.technique, item.modality, item.severity, str(item.expected)) for item in kept]
        say_table(f"{len(kept)} scenarios", columns, listing)
    if json:
        listed = [{**item.to_dict(), "id": item.id} for item in kept]
        write_json({"schema": "workbench.scenarios/1", "scenarios": listed, "coverage": records(matrix), **more}, json)


def show(name: Annotated[str, typer.Argument(help="Name, id or YAML file.")], *, json: Json = "") -> None:
    """Everything one scenario says."""
    import yaml

    from workbench.attacks.scenarios.catalogue import find_scenario

    found = find_scenario(name)
    say(f"id: {found.id}", yaml.safe_dump(found.to_dict(), sort_keys=False, allow_unicode=True, width=100).rstrip())
    if json:
        write_json({**found.to_dict(), "id": found.id}, json)


def diff(
    before: Annotated[str, typer.Argument(help="A scenario, or a folder of them.")],
    after: Annotated[str, typer.Argument(help="What to compare it with.")],
    *,
    json: Json = "",
) -> None:
    """What changed between two scenarios, or two catalogues."""
    from workbench.attacks.scenarios.catalogue import compare, find_scenario, open_catalogue
    from workbench.attacks.scenarios.scenario import changed_fields
    from workbench.result import records

    if Path(before).is_dir() and Path(after).is_dir():
        table = compare(open_catalogue(before), open_catalogue(after))
        changed: list[Any] = records(table)
        rows = [(row["name"], row["change"], row["fields"], "loses its technique" if row["uncovered"] else "") for row in changed]
        say_table(f"{len(changed)} scenarios differ", ("name", "change", "fields", ""), rows)
    else:
        old, new = find_scenario(before), find_scenario(after)
        differs = changed_fields(old, new)
        changed = [{"field": name, "before": pair[0], "after": pair[1]} for name, pair in differs.items()]
        say_table(
            f"{len(changed)} fields differ", ("field", "before", "after"), [tuple(map(str, row.values())) for row in changed]
        )
    if json:
        write_json({"schema": "workbench.scenario-diff/1", "changes": changed}, json)


def run(
    name: Annotated[str, typer.Argument(help="Name, id or YAML file of a scenario; all: every one of the catalogue.")],
    data: Data,
    *,
    target: Annotated[str, typer.Option("--target", help=NAMED)],
    json: Json = "",
    roles: RolesFile = "",
    fit: Annotated[str, typer.Option("--fit", help="python:MODULE:FUNCTION that trains on a frame and labels.")] = "",
    catalogue: Folder = "",
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows of the log used at most.")] = 2000,
    trust: Trust = None,
    allow_remote: AllowRemote = None,
    most_calls: Annotated[int, typer.Option("--most-calls", help="Calls per scenario at most.")] = 1_000_000,
    per_second: Annotated[float | None, typer.Option("--per-second", help="Calls per second at most.")] = None,
    most_seconds: Annotated[float, typer.Option("--most-seconds", help="Seconds per scenario at most.")] = 600.0,
    production: Production = None,
    incident: OfIncident = "",
    seed: Seed = 0,
) -> None:
    """Try a scenario on a model. Exit 0: it held; 1: it failed, or could not tell; 2: it could not run."""
    from workbench.attacks.replay.asking import Limits
    from workbench.attacks.scenarios.rehearsal import rehearse
    from workbench.attacks.scenarios.trial import Setting
    from workbench.data.dataset import open_dataset
    from workbench.incident.approvals import approval_for
    from workbench.triage.scenarios import open_fit

    chosen = _chosen(name, catalogue)
    limits = Limits(most_calls, per_second, most_seconds)
    [asked] = open_targets([target], trust=trust, allow_remote=allow_remote, production=production)
    dataset = open_dataset(data, roles or None)
    setting = Setting.of(asked, dataset, fit=open_fit(fit), approval=approval_for([asked], incident), most_rows=rows, seed=seed)
    results = []
    for scenario in chosen:
        results.append(
            rehearse(scenario, setting, limits=limits, fingerprint=dataset.fingerprint, allowed_hosts=allow_remote or ())
        )
        _say_outcome(results[-1])
    if json:
        documents = [result.to_dict() for result in results]
        one = name != "all"
        write_json(documents[0] if one else {"schema": "workbench.scenario-runs/1", "runs": documents}, json)
    outcomes = [result.numbers["outcome"] for result in results]
    if all(outcome == "could not run" for outcome in outcomes):
        raise typer.Exit(2)
    if any(outcome in {"failed", "could not tell"} for outcome in outcomes):
        raise typer.Exit(1)


def from_finding(
    findings: Annotated[Path, typer.Argument(help="findings.json of a triage.", metavar="FINDINGS")],
    rank: Annotated[int, typer.Argument(help="Rank of the finding.", metavar="RANK")],
    *,
    out: Annotated[Path, typer.Option("--out", help="YAML file to write.")],
    incident: Annotated[str, typer.Option("--incident", help="Id of the incident it came from.")] = "",
) -> None:
    """Make a scenario of a finding, with the link back."""
    from workbench.attacks.scenarios.finding import scenario_from_findings
    from workbench.attacks.scenarios.scenario import write_scenario
    from workbench.incident.home import author

    made = scenario_from_findings(findings, rank, author=author(), incident=incident or None)
    write_scenario(made, out)
    say(f"{made.name}: written to {out}", f"  {made.id}", f"  from {made.parent}")


def _say_coverage(kept: list[Scenario], matrix: pd.DataFrame) -> None:
    rows = [
        (row["technique"], row["meaning"], row["scenarios"] or "none", ", ".join(item.name for item in kept if row[item.name]))
        for row in matrix.to_dict("records")
    ]
    say_table(f"{len(kept)} scenarios by ATLAS technique", ("technique", "what", "scenarios", "names"), rows)


def _catalogue(folder: str) -> Catalogue:
    from workbench.attacks.scenarios.catalogue import open_catalogue

    return open_catalogue(folder or None)


def _chosen(name: str, folder: str) -> list[Scenario]:
    from workbench.attacks.scenarios.catalogue import find_scenario

    if name == "all":
        return list(_catalogue(folder))
    return [_catalogue(folder).find(name)] if folder else [find_scenario(name)]


def _say_outcome(found: Result) -> None:
    numbers = found.numbers
    measured = f"{_rounded(numbers['value'])} ({_rounded(numbers['low'])} to {_rounded(numbers['high'])})"
    what = numbers["why"] or f"{numbers['measure']}: {measured}, n {numbers['trials'] or numbers['rows']:,}"
    flag = "; noisy: the benign twin fails too" if numbers["noisy"] else ""
    say(f"{numbers['name']}: {numbers['outcome']}{flag}", f"  {what}; expected {numbers['expected']}")


def _rounded(value: Any) -> str:
    return "–" if value is None else f"{value:.3g}"
