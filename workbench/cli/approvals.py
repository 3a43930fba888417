"""Leave to ask a production target: given in the record by one responder, looked up there for another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.incidents import Incident, open_record
from workbench.cli.output import say
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.models import Target

NAMED = "python:MODULE:ATTR, mlflow:DIR, file:MODEL, http://…"
Trust = Annotated[list[str] | None, typer.Option("--trust", help="SHA-256 of a model file that may be unpickled.")]
AllowRemote = Annotated[list[str] | None, typer.Option("--allow-remote", help="A host beside this machine that may be asked.")]
Production = Annotated[
    list[str] | None, typer.Option("--production", help="A --target that is in production: asked only with an approval.")
]
OfIncident = Annotated[str, typer.Option("--incident", help="Incident whose record holds the approvals of production targets.")]


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(approve)


def approve(
    incident: Incident,
    *,
    target: Annotated[str, typer.Option("--target", help=NAMED)],
    why: Annotated[str, typer.Option("--why", help="Why it may be asked.")],
    trust: Trust = None,
    allow_remote: AllowRemote = None,
) -> None:
    """Let another responder record or replay against a production target."""
    from workbench.incident.approvals import approve as give_leave
    from workbench.incident.home import author
    from workbench.models import open_target

    opened = open_target(target, trust=trust or (), allow_remote=allow_remote or ())
    with open_record() as record:
        entry = give_leave(record, incident, target=target, digest=opened.digest, why=why, by=author())
    say(f"entry {entry.seq}: {entry.author} approves asking {target}", f"  {entry.digest}")


def open_targets(
    texts: Sequence[str], *, trust: Sequence[str] | None, allow_remote: Sequence[str] | None, production: Sequence[str] | None
) -> list[Target]:
    """The targets that `texts` name, those of `production` marked so.

    Raises
    ------
    InputError
        For a production target that is none of them.
    """
    from workbench.models import open_target

    if unknown := set(production or ()) - set(texts):
        raise InputError("--production names what is no --target", min(unknown), f"Targets: {', '.join(texts)}.")
    marked = set(production or ())
    return [
        open_target(text, trust=trust or (), allow_remote=allow_remote or (), production=text in marked) for text in texts
    ]  # fmt: skip
