"""Commands about what scenarios are for: the safety charter they are bound to, and the controls they speak to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import say, say_table, write_json
from workbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.attacks.scenarios.catalogue import Catalogue
    from workbench.result import Result


def charter(
    file: Annotated[str, typer.Argument(help="YAML file of the charter.", metavar="[FILE]")] = "",
    *,
    results: Annotated[str, typer.Option("--results", help="Folder of files that `scenarios run --json` wrote.")] = "",
    catalogue: Annotated[str, typer.Option("--catalogue", help="Folder of YAML files; default: the scenarios that ship.")] = "",
    example: Annotated[bool, typer.Option("--example", help="Print a charter to start from, and stop.")] = False,
    json: Annotated[str, typer.Option("--json", help="Write the result here; - is stdout.")] = "",
) -> None:
    """What a safety charter's criteria are bound to, and whether they are met.

    Exit 0: every criterion is bound and, with --results, met; 1: one is not, or nobody can tell; 2: it could not run.
    """
    from workbench.attacks.scenarios.catalogue import open_catalogue
    from workbench.attacks.scenarios.charter import EXAMPLE, judge_charter, read_charter
    from workbench.attacks.scenarios.runs import read_runs

    if example:
        typer.echo(EXAMPLE.read_text(encoding="utf-8"), nl=False)
        return
    if not file:
        raise InputError("no charter", None, "Give its FILE, or --example to print one to start from.")
    read = read_charter(file)
    found = judge_charter(read, open_catalogue(catalogue or None), read_runs(results) if results else None)
    _say_charter(found)
    if json:
        write_json(found.to_dict(), json)
    fine = {"met"} if results else {"not tried"}
    if set(found.tables["criteria"]["outcome"]) - fine or found.tables["criteria"]["absent"].any():
        raise typer.Exit(1)


def _say_charter(found: Result) -> None:
    criteria = found.tables["criteria"]
    several = len(set(criteria["target"])) > 1
    columns = ("criterion", *(["target"] if several else []), "outcome", "threshold", "set by, on", "bound to")
    rows = [
        (
            row["criterion"], *([row["target"]] if several else []), row["outcome"], row["threshold"],
            f"{row['set_by']}, {row['set_on']}", _bound_to(row),
        )
        for row in criteria.to_dict("records")
    ]  # fmt: skip
    say_table(found.title, columns, rows)
    numbers = found.numbers
    if numbers["tried"]:
        _say_bindings(found.tables["bindings"], several=several)
    else:
        say(*(f"  {row['criterion']}: {row['scenarios'] or 'bound to nothing'}" for row in criteria.to_dict("records")))
    words = ("met", "not_met", "could_not_tell", "not_tried", "unbound")
    counts = ", ".join(f"{numbers[name]} {name.replace('_', ' ')}" for name in words if numbers[name])
    say(f"{numbers['criteria']} criteria: {counts}")
    uncharted = numbers["uncharted"]
    if isinstance(uncharted, list) and uncharted:
        say(f"scenarios that no criterion names: {', '.join(map(str, uncharted))}")


def _bound_to(row: dict[Any, Any]) -> str:
    count = len(row["scenarios"].split(", ")) if row["scenarios"] else 0
    said = f"{count} scenario{'s' * (count != 1)}" if count else "nothing"
    return f"{said}; not in the catalogue: {row['absent']}" if row["absent"] else said


def _say_bindings(bindings: pd.DataFrame, *, several: bool) -> None:
    from workbench.views.render import estimate_text

    before = ["", *bindings["criterion"]]
    rows = [
        (
            "" if row["criterion"] == last else row["criterion"], row["scenario"], *([row["target"]] if several else []),
            row["outcome"], estimate_text(row["value"], row["low"], row["high"]),
            None if row["n"] is None else f"{row['n']:.0f}",
            "; ".join(filter(None, (row["why"], "noisy: the benign twin fails too" if row["noisy"] is True else ""))),
        )
        for last, row in zip(before, bindings.astype(object).where(bindings.notna(), None).to_dict("records"), strict=False)
    ]  # fmt: skip
    columns = ("criterion", "scenario", *(["target"] if several else []), "outcome", "measured, 95 % interval", "n", "why")
    say_table("by scenario", columns, rows)


def say_controls(catalogue: Catalogue, path: str) -> dict[str, object]:
    """Print which control each scenario speaks to, gaps first said, and give the matrix as a document's parts.

    Parameters
    ----------
    path
        A map of one's own; empty: the one that ships.
    """
    from workbench.attacks.scenarios.controls import control_matrix, read_controls
    from workbench.result import records

    controls = read_controls(Path(path) if path else None)
    matrix = control_matrix(catalogue, controls)
    names = [item.name for item in catalogue]
    for framework, part in matrix.groupby("framework", sort=False):
        rows = [
            (
                row["control"], row["about"], row["scenarios"] or ("none" if row["otherwise"] else "gap"),
                ", ".join(name for name in names if row[name]) or row["otherwise"] or "",
            )
            for row in part.astype(object).where(part.notna(), None).to_dict("records")
        ]  # fmt: skip
        say_table(
            f"{framework} ({controls.sources[str(framework)]})",
            ("control", "what", "scenarios", "names, or what else shows it"),
            rows,
        )
    say(controls.note)
    about = {"id": controls.id, "name": controls.name, "version": controls.version, "note": controls.note}
    return {"controls_map": about, "controls": records(matrix)}
