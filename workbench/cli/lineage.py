"""Commands that ask where decisions come from: what is contaminated downstream, what changed upstream, what differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import say, say_table, write_json

if TYPE_CHECKING:
    from workbench.lineage.graph import Lineage

Events = Annotated[list[str], typer.Argument(help="Files or folders of OpenLineage events, an MLflow database, a Marquez URL.")]
JsonOut = Annotated[str, typer.Option("--json", help="Write the answer here; - is stdout.")]
AsOf = Annotated[str, typer.Option("--as-of", help="Only what was known at this time.")]
Hosts = Annotated[list[str] | None, typer.Option("--allow-host", help="A host other than this machine that may be asked.")]
MOST_SHOWN = 20


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`, under the word ``lineage``."""
    group = typer.Typer(help="Ask where decisions come from.", no_args_is_help=True, rich_markup_mode=None)
    for command in (suspects, diff, consumed, columns, gaps, draw):
        group.command()(command)
    group.command("blast-radius")(blast_radius)
    app.add_typer(group, name="lineage")


def blast_radius(
    events: Events,
    *,
    origin: Annotated[str, typer.Option("--from", help="NAME@RUN_ID, NAME@source, or NAME for all its versions.")],
    json: JsonOut = "",
    decisions: Annotated[str, typer.Option("--decisions", help="Decision log, to count people by model version.")] = "",
    roles: Annotated[str, typer.Option("--roles", help="YAML file that says which column is what.")] = "",
    as_of: AsOf = "",
    allow_host: Hosts = None,
) -> None:
    """Name every version that was made from another: contaminated, possible, or clean."""
    from workbench.data.dataset import open_dataset
    from workbench.lineage.blast import WORST_FIRST
    from workbench.lineage.blast import blast_radius as ask

    lineage = _open(events, as_of, allow_host)
    radius = ask(lineage, origin, open_dataset(decisions, roles or None) if decisions else None)
    document = radius.to_dict()
    parts: dict[str, list[dict[str, Any]]] = {name: document[name] for name in (*WORST_FIRST, "runs")}  # type: ignore[misc]
    counts = ", ".join(f"{len(parts[name]):,} {name}" for name in WORST_FIRST)
    say(f"from {origin}: {counts} versions; {len(parts['runs']):,} runs read something contaminated")
    if radius.people is not None:
        say("people decided on: " + ", ".join(f"{count:,} {name}" for name, count in radius.people.items()))
    rows = [
        (name, item["kind"], item["node"], " → ".join(item["path"]))
        for name in WORST_FIRST[:2]
        for item in parts[name][:MOST_SHOWN]
    ]
    if rows and json != "-":
        say_table("Nearest first", ("", "kind", "version", "path"), rows)
    _finish({**document, "odd": _odd(lineage)}, json)


def suspects(
    events: Events,
    *,
    node: Annotated[str, typer.Option("--node", help="The dataset, model or decisions in which the harm was seen.")],
    window: Annotated[str, typer.Option("--window", help="START..END; all times without it.")] = "",
    onset: Annotated[str, typer.Option("--onset", help="When the harm began.")] = "",
    column: Annotated[list[str] | None, typer.Option("--column", help="A column on which it was seen; may be repeated.")] = None,
    json: JsonOut = "",
    as_of: AsOf = "",
    allow_host: Hosts = None,
) -> None:
    """Rank what changed upstream of a node."""
    from workbench.lineage.suspects import suspects as ask

    lineage = _open(events, as_of, allow_host)
    result = ask(lineage, node, window or None, onset=onset or None, columns=column or ())
    listed: list[Any] = list(result.tables["suspects"].itertuples())
    telling = [row for row in listed if row.kinds != ["new version"]]
    rows = [
        (row.rank, row.time, f"{row.node}\nby {row.job}", f"{row.what}\n{_explained(row)}", f"{row.score:.3f}")
        for row in telling[:MOST_SHOWN]
    ]
    if rows:
        say_table(result.title, ("#", "when", "version", "what changed", "score"), rows)
    else:
        say(f"nothing changed upstream of {node} in that window, as far as the events tell")
    if plain := len(listed) - len(telling):
        say(f"{plain} more of which the events only tell that they are new")
    _finish({**result.to_dict(), "odd": _odd(lineage)}, json)


def diff(
    words: Annotated[list[str], typer.Argument(help="Events, then the two versions to compare.", metavar="EVENTS... A B")],
    *,
    json: JsonOut = "",
    as_of: AsOf = "",
    allow_host: Hosts = None,
) -> None:
    """Show what differs between two versions."""
    from workbench.lineage.diff import diff as ask

    events, (before, after) = _split(words, 2, "workbench lineage diff EVENTS... A B")
    found = ask(_open(events, as_of, allow_host), before, after)
    rows = [(item.section, item.item, item.before, item.after) for item in found.differences]
    if rows:
        say_table(f"{found.before} against {found.after}", ("what", "of", "before", "after"), rows)
    else:
        say(f"{found.before} and {found.after} differ in nothing that the events tell")
    _finish(found.to_dict(), json)


def consumed(
    words: Annotated[list[str], typer.Argument(help="Events, then the model version.", metavar="EVENTS... MODEL")],
    *,
    json: JsonOut = "",
    as_of: AsOf = "",
    allow_host: Hosts = None,
) -> None:
    """Name the exact snapshots that a model version was made from."""
    from workbench.lineage.consumed import consumed as ask

    events, (model,) = _split(words, 1, "workbench lineage consumed EVENTS... MODEL")
    found = ask(_open(events, as_of, allow_host), model)
    rows = [
        (item.node, item.text + (" (weak: not over all rows)" if item.weak else "") or None, item.completed,
         item.how if item.certain else f"possibly: {item.how}")
        for item in found.snapshots
    ]  # fmt: skip
    say_table(f"{found.node}, by {found.job}, read", ("version", "digest or number", "complete", "known by"), rows)
    _finish(found.to_dict(), json)


def columns(
    words: Annotated[list[str], typer.Argument(help="Events, then two of NAME#COLUMN.", metavar="EVENTS... COLUMN FEATURE")],
    *,
    json: JsonOut = "",
    as_of: AsOf = "",
    allow_host: Hosts = None,
) -> None:
    """Tell whether a feature was made from a column, and how."""
    from workbench.lineage.columns import column_path

    events, (column, feature) = _split(words, 2, "workbench lineage columns EVENTS... COLUMN FEATURE")
    found = column_path(_open(events, as_of, allow_host), column, feature)
    told = {True: "is made from", False: "is not made from", None: "may be made from"}[found.connected]
    say(f"{feature} {told} {column}{'' if found.direct or not found.connected else ', indirectly'}")
    for link, step in zip(found.links, found.steps[1:], strict=True):
        say(f"  {link.type.lower()}{f' ({link.subtype.lower()})' if link.subtype else ''} → {step}")
    if found.connected is None:
        say(f"  these do not tell from which columns they are made: {', '.join(found.blind)}")
    _finish(found.to_dict(), json)


def gaps(events: Events, *, json: JsonOut = "", as_of: AsOf = "", allow_host: Hosts = None) -> None:
    """List what the events leave open, and what was odd about them."""
    lineage = _open(events, as_of, allow_host)
    rows = [(gap.what, gap.node) for gap in lineage.gaps]
    if rows:
        say_table(f"{len(rows):,} gaps", ("what", "where"), rows[: 5 * MOST_SHOWN])
    document = {"schema": "workbench.lineage-gaps/1", "gaps": [gap._asdict() for gap in lineage.gaps], "odd": _odd(lineage)}
    _finish(document, json)


def draw(
    events: Events,
    *,
    node: Annotated[str, typer.Option("--node", help="The version in the middle.")],
    out: Annotated[Path, typer.Option("--out", help="SVG file.")],
    origin: Annotated[str, typer.Option("--from", help="Colour what is contaminated from here.")] = "",
    window: Annotated[str, typer.Option("--window", help="START..END; the end bounds what is drawn.")] = "",
    onset: Annotated[str, typer.Option("--onset", help="Mark what happened since.")] = "",
    against: Annotated[str, typer.Option("--against", help="Colour what differs from this version's lineage.")] = "",
    as_of: AsOf = "",
    allow_host: Hosts = None,
) -> None:
    """Draw what a version was made from, and what was made from it."""
    from workbench.files import write_whole
    from workbench.lineage.picture import picture
    from workbench.views.lineage import lineage_svg

    lineage = _open(events, as_of, allow_host)
    drawn = picture(lineage, node, origin=origin or None, window=window or None, onset=onset or None, against=against or None)
    write_whole(out, lineage_svg(drawn))
    say(f"{len(drawn.nodes):,} nodes, {len(drawn.edges):,} edges: written to {out}")


def _open(events: list[str], as_of: str, allow_host: list[str] | None) -> Lineage:
    """The graph, with a line for people on what was odd."""
    from workbench.lineage.source import open_lineage

    say(f"reading {', '.join(events)}")
    lineage = open_lineage(*events, as_of=as_of or None, allow_hosts=allow_host or ())
    runs = sum(not run.by_design for run in lineage.runs)
    say(f"{runs:,} runs, {len(lineage.versions):,} versions of {len(lineage.by_dataset):,} datasets")
    say(*(f"  odd: {oddity}" for oddity in lineage.odd.listed()))
    return lineage


def _odd(lineage: Lineage) -> list[dict[str, Any]]:
    return [{"what": item.what, "count": item.count, "places": item.places} for item in lineage.odd.listed()]


def _split(words: list[str], last: int, usage: str) -> tuple[list[str], list[str]]:
    """The events, and the `last` words after them."""
    from workbench.errors import ParameterError

    if len(words) <= last:
        raise ParameterError("too few words on the command line", " ".join(words), f"Write: {usage}")
    return words[:-last], words[-last:]


def _explained(row: Any) -> str:
    return "" if row.explained_by is None or row.explained_by != row.explained_by else f"explained by #{int(row.explained_by)}"


def _finish(document: Any, out: str) -> None:
    if out:
        write_json(document, out)
        if out != "-":
            say(f"written to {out}")
