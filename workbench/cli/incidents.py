"""Commands that work on an incident: open it, note, run runbooks, look, set aside, close."""

from __future__ import annotations

import datetime as dt
import json as json_module
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import cell_teller, parse_parameters, say, say_findings, say_table, write_json

if TYPE_CHECKING:
    from workbench.incident.record import Record
    from workbench.incident.state import IncidentState, RunState

Incident = Annotated[str, typer.Argument(help="The incident's id.", metavar="ID")]
OptionalJson = Annotated[str, typer.Option("--json", help="Write the result here; - is stdout.")]
NO_FINDINGS = "Give a run as ID/NUMBER, or the path of a findings.json."
OPEN_ONE = 'workbench new ID --title "…"'
FREE_WORDS = {"allow_extra_args": True, "ignore_unknown_options": True}


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (new, note, log, show, runs, diff, dismiss, close):
        app.command()(command)
    app.command("list")(list_incidents)
    app.command(context_settings=FREE_WORDS)(run)
    templates = typer.Typer(help="The runbooks.", no_args_is_help=True)
    templates.command("list")(list_templates)
    templates.command("copy")(copy_template)
    app.add_typer(templates, name="templates")


def passphrase() -> str | None:
    """The passphrase of the author's key, from ``WORKBENCH_PASSPHRASE``; None where it is not set."""
    return os.environ.get("WORKBENCH_PASSPHRASE") or None


@contextmanager
def open_record() -> Iterator[Record]:
    """The record of this home, which has to exist."""
    from workbench.errors import StorageError
    from workbench.incident.home import find_home

    with _record_if_any() as record:
        if record is None:
            raise StorageError("no incident was ever opened here", str(find_home()), f"Open one: {OPEN_ONE}.")
        yield record


@contextmanager
def _record_if_any() -> Iterator[Record | None]:
    from workbench.incident.home import find_home, record_path
    from workbench.incident.record import Record

    path = record_path(find_home())
    if not path.is_file():
        yield None
        return
    with Record.open(path) as record:
        yield record


def new(incident: Incident, *, title: Annotated[str, typer.Option("--title", help="What is happening, in a few words.")]) -> None:
    """Open an incident; makes the author's signing key on first use."""
    from workbench.incident.home import author, ensure_home, find_home, keys_folder, record_path
    from workbench.incident.record import Record
    from workbench.incident.state import create_incident
    from workbench.signing import ensure_key

    home = ensure_home(find_home())
    with Record.open(record_path(home)) as record:
        create_incident(record, incident, title, author())
    key, created = ensure_key(keys_folder(home), author(), passphrase())
    if created:
        say(f"made a signing key for {author()} ({key.public.key_id[:16]}…) in {keys_folder(home)}, trusted here")
    say(f"opened {incident} in {home}")


def note(
    incident: Incident,
    text: Annotated[str, typer.Argument(help="What to write down.")],
    evidence: Annotated[list[str] | None, typer.Option("--evidence", help="Digest of what supports it; may be repeated.")] = None,
) -> None:
    """Write something down."""
    from workbench.errors import InputError
    from workbench.incident.home import author
    from workbench.incident.state import require_incident

    if not text.strip():
        raise InputError("a note without words", None, "Say what happened.")
    with open_record() as record:
        require_incident(record, incident)
        entry = record.append(incident, "note", {"text": text}, author=author(), evidence=evidence or [])
    say(f"entry {entry.seq}")


def log(incident: Incident, json: OptionalJson = "") -> None:
    """Print every entry, once the chain is verified."""
    from workbench.incident.chain import verify_chain
    from workbench.incident.state import require_incident

    with open_record() as record:
        entries = require_incident(record, incident)
    if json:
        document = {"schema": "workbench.log/1", "incident": incident, "entries": [entry.to_dict() for entry in entries]}
        write_json(document, json)
    else:
        rows = [(e.seq, _to_second(e.time), e.author, e.kind, _body_line(e.kind, e.body)) for e in entries]
        say_table(f"Record of {incident}", ("#", "time", "author", "kind", "what"), rows)
    verify_chain(entries)


def list_incidents(json: OptionalJson = "") -> None:
    """List the incidents."""
    from workbench.incident.home import find_home
    from workbench.incident.state import state_of

    with _record_if_any() as record:
        states = [] if record is None else [state_of(record.entries(incident)) for incident in record.incidents()]
    if json:
        items = [{"id": s.id, "title": s.title, "status": s.status, "opened": s.opened, "runs": len(s.runs)} for s in states]
        write_json({"schema": "workbench.incidents/1", "incidents": items}, json)
    elif not states:
        say(f"no incident was ever opened in {find_home()}; open one: {OPEN_ONE}")
    else:
        rows = [(s.id, s.status, _to_second(s.opened), len(s.runs), len(s.pinned), s.title) for s in states]
        say_table("Incidents", ("id", "status", "opened (UTC)", "runs", "pinned", "title"), rows)


def show(incident: Incident) -> None:
    """Show where an incident stands."""
    from workbench.incident.claims import claims_of
    from workbench.incident.state import require_incident, state_of

    with open_record() as record:
        entries = require_incident(record, incident)
    state = state_of(entries)
    closed = f", closed {_to_second(state.closed)}" if state.closed else ""
    say(f"{state.id}: {state.title}", f"{state.status}, opened {_to_second(state.opened)} UTC by {state.author}{closed}", "")
    _say_runs(state.runs)
    _say_pinned(state)
    for finding, why in state.dismissed.items():
        say(f"dismissed {finding}: {why}")
    weak = [claim for claim in claims_of(entries) if claim.kind == "note" and claim.status != "supported"]
    for claim in weak:
        told = f"stale, run {claim.later} repeated run {claim.run} and says otherwise" if claim.later else "unsupported"
        say(f"entry {claim.seq} is {told}: {claim.text}")
    for body in state.sealed:
        say(f"sealed {_to_second(body['time'])}: {body.get('bundle')}", f"  {body.get('digest')}")


def runs(incident: Incident) -> None:
    """List the runs of an incident; a run that recorded no end reads unfinished."""
    from workbench.incident.state import require_incident, state_of

    with open_record() as record:
        _say_runs(state_of(require_incident(record, incident)).runs)


def run(
    context: typer.Context,
    template: Annotated[str, typer.Argument(help="A runbook, or a notebook with a parameters cell.", metavar="TEMPLATE")],
    *,
    incident: Annotated[str, typer.Option("--incident", help="The incident's id.")],
    timeout: Annotated[int | None, typer.Option("--timeout", help="Seconds a cell may take.", min=1)] = None,
    again: Annotated[int | None, typer.Option("--again", help="Begin from the parameters of this run.", metavar="RUN")] = None,
) -> None:
    """Run a runbook headless: -p NAME VALUE sets a parameter and may be repeated. Exit 0 when it completed, whatever it found."""
    from workbench.evidence.runbook import run_of, run_runbook
    from workbench.incident.home import author, find_home

    given: dict[str, Any] = {}
    if again is not None:
        with open_record() as record:
            earlier = run_of(record, incident, again)
        given = {name: value for name, value in earlier.parameters.items() if name not in {"out", "incident"}}
    given |= parse_parameters(context.args)
    signal.signal(signal.SIGTERM, _interrupt)
    done = run_runbook(template, given, home=find_home(), incident=incident, author=author(), timeout=timeout, tell=cell_teller())
    say(f"run {done.number} completed: {done.folder / 'executed.ipynb'}")
    if done.findings is not None:
        say(_headline(done.findings), f"see: workbench show {incident}")


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """Being told to end is an interruption, which closes the run in the record; being told twice is the end."""
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt


def diff(
    before: Annotated[str, typer.Argument(help="A run, as ID/NUMBER, or a findings.json.", metavar="RUN")],
    after: Annotated[str, typer.Argument(help="The run to compare it with.", metavar="RUN")],
    json: OptionalJson = "",
) -> None:
    """Compare the findings of two runs: new, gone, changed."""
    from workbench.evidence.compare import diff_findings

    found = diff_findings(_findings_at(before), _findings_at(after))
    if json:
        write_json({"schema": "workbench.diff/1", "before": before, "after": after, **found}, json)
        return
    rows: list[tuple[object, ...]] = [("new", item["kind"], item["statement"]) for item in found["new"]]
    rows += [("gone", item["kind"], item["statement"]) for item in found["gone"]]
    rows += [("changed", item["after"]["kind"], item["after"]["statement"]) for item in found["changed"]]
    say_table(f"{before} against {after}", ("", "kind", "what"), rows) if rows else say("the findings are the same")


def dismiss(
    incident: Incident,
    finding: Annotated[str, typer.Argument(help="A finding, as runN:RANK.", metavar="FINDING")],
    *,
    why: Annotated[str, typer.Option("--why", help="The reason; it stays in the record.")],
) -> None:
    """Set a pinned finding aside, with the reason."""
    from workbench.errors import InputError, UnknownNameError
    from workbench.incident.home import author
    from workbench.incident.state import pin_name, require_incident, state_of

    if not why.strip():
        raise InputError("a dismissal needs a reason", None, "Say why the finding is set aside.")
    with open_record() as record:
        bodies = state_of(require_incident(record, incident)).pinned
        pinned = {pin_name(body) for body in bodies}
        if finding not in pinned:
            raise UnknownNameError("pinned finding", finding, pinned)
        record.append(incident, "dismissed", {"finding": finding, "why": why.strip()}, author=author())
    say(f"dismissed {finding}")


def close(incident: Incident, *, why: Annotated[str, typer.Option("--why", help="How it ended.")] = "") -> None:
    """Close an incident."""
    from workbench.errors import InputError
    from workbench.incident.home import author
    from workbench.incident.state import require_incident, state_of

    with open_record() as record:
        state = state_of(require_incident(record, incident))
        if state.closed:
            raise InputError("the incident is closed already", incident, f"It was closed {_to_second(state.closed)} UTC.")
        record.append(incident, "closed", {"why": why}, author=author())
    say(f"closed {incident}")


def list_templates() -> None:
    """List the runbooks and their parameters."""
    from workbench.errors import InputError
    from workbench.evidence.templates import declared_parameters, find_template, template_names

    rows = []
    for name in template_names():
        try:
            told = "\n".join(map(str, declared_parameters(find_template(name)).values()))
        except InputError as exc:
            told = str(exc)
        rows.append((name, told))
    say_table("Runbooks", ("name", "parameters"), rows)


def copy_template(
    name: Annotated[str, typer.Argument(help="The runbook.")],
    target: Annotated[Path, typer.Argument(help="Where to, a file or a folder.")] = Path(),
) -> None:
    """Make a working copy of a runbook."""
    from workbench.evidence.templates import copy_template as copy

    say(f"copied to {copy(name, target)}")


def _say_runs(found: Iterable[RunState]) -> None:
    """Print the runs as a table; what stopped one stands under its status."""
    rows = [(run.number, run.template, _status(run), _to_second(run.started), _took(run)) for run in found]
    if rows:
        say_table("Runs", ("#", "runbook", "status", "started (UTC)", "took"), rows)
    else:
        say("no runs yet: workbench run TEMPLATE --incident ID -p NAME VALUE")


def _status(run: RunState) -> str:
    from workbench.evidence.redact import WITHHELD

    if run.verdict:
        return f"{run.status}\n{run.verdict}"
    place = f" at cell {run.cell}" if run.cell else ""
    whole = f"\nwhole, and in no bundle: {run.folder}/errors.txt" if (run.why or "").endswith(WITHHELD) else ""
    return f"{run.status}{place}\n{run.why}{whole}" if run.why else run.status


def _took(run: RunState) -> str:
    if run.started is None or run.ended is None:
        return ""
    return f"{(dt.datetime.fromisoformat(run.ended) - dt.datetime.fromisoformat(run.started)).total_seconds():.0f} s"


def _say_pinned(state: IncidentState) -> None:
    """Print what was pinned last, less what was set aside; that a later run pinned nothing; how many others there are."""
    from workbench.incident.account import finding_of
    from workbench.incident.state import pin_name

    if not state.pinned:
        return
    last = state.pinned[-1].get("run")
    shown = [body for body in state.pinned if body.get("run") == last and pin_name(body) not in state.dismissed]
    later = [run for run in state.runs if run.status == "completed" and (run.started or "") > state.pinned[-1]["time"]]
    if later:
        say("", f"run {later[-1].number} ({later[-1].template}), the last one, pinned nothing; what follows is older")
    where = f"run {last}" if last is not None else "a notebook run by hand"
    say("")
    findings = [finding_of(body) for body in shown]
    say_findings([item for item in findings if item is not None], f"Findings of {where}, ranked")
    if unread := findings.count(None):
        say(f"{unread} of its pins cannot be read: workbench log {state.id}")
    if earlier := sum(body.get("run") != last for body in state.pinned):
        say(f"{earlier} more pinned by earlier runs: workbench log {state.id}")


def _body_line(kind: str, body: Mapping[str, Any]) -> str:
    """What an entry says, in the words of its kind."""
    if kind == "pinned":
        finding = body.get("finding")
        stated = finding if isinstance(finding, Mapping) else {}
        rank = f" #{stated['rank']}" if stated.get("rank") is not None else ""
        place = f"run {body['run']}{rank}" if body.get("run") is not None else "by hand"
        return f"{place}: {stated.get('statement', '')}"
    if kind == "run started":
        given = (f"  {name} = {value}" for name, value in body.get("parameters", {}).items() if name not in {"out", "incident"})
        return "\n".join([f"run {body.get('run')}: {body.get('template')}", *given])
    if kind.startswith("run "):
        place = f" at cell {body['cell']}" if body.get("cell") else ""
        said = body.get("why") or body.get("verdict")
        return f"run {body.get('run')}{place}" + (f": {said}" if said else "")
    if kind == "sealed":
        return f"{body.get('bundle')} {body.get('digest')}"
    return ", ".join(f"{name}: {value}" for name, value in body.items() if value is not None and value != "")


def _headline(path: Path) -> str:
    """What a ``findings.json`` comes to, in one sentence; where it is not triage's, that it is there."""
    from workbench.errors import InputError
    from workbench.views.triage import findings_of, headline

    try:
        document = _findings_at(str(path))
    except InputError:
        return f"it wrote {path}"
    return headline(document["verdict"], findings_of(document), document["dataset"]["rows"])


def _findings_at(place: str) -> dict[str, Any]:
    """The findings of ``ID/NUMBER``, or of a file."""
    from workbench.errors import InputError
    from workbench.evidence.runbook import run_of
    from workbench.incident.home import find_home, incident_folder

    path = Path(place)
    incident, _, number = place.rpartition("/")
    if not path.is_file() and incident and number.isdigit():
        with open_record() as record:
            folder = run_of(record, incident, int(number)).folder
        path = incident_folder(find_home(), incident) / str(folder) / "findings.json"
    try:
        document = json_module.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError("no findings there", place, NO_FINDINGS) from exc
    if not isinstance(document, dict) or document.get("schema") != "workbench.findings/1":
        raise InputError("these are no findings of triage", place, NO_FINDINGS)
    return document


def _to_second(time: str | None) -> str:
    return "" if time is None else time[:19].replace("T", " ")
