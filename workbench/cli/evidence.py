"""Commands about evidence: seal, verify, trace, rerun, export, keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.incidents import Incident, OptionalJson, open_record, passphrase
from workbench.cli.output import cell_teller, say, say_table, write_json

if TYPE_CHECKING:
    from workbench.evidence.recorded import Recorded
    from workbench.evidence.rerun import Rerun
    from workbench.evidence.trace import Trace
    from workbench.signing import PublicKey


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(seal)
    app.command()(verify)
    app.command()(trace)
    app.command()(rerun)
    app.command()(export)
    keys = typer.Typer(help="Signing keys, and whom to trust.", no_args_is_help=True)
    keys.command("new")(new_key)
    keys.command("list")(list_keys)
    keys.command("trust")(trust_key)
    app.add_typer(keys, name="keys")


def seal(incident: Incident, *, out: Annotated[Path, typer.Option("--out", help="The bundle to write.")]) -> None:
    """Seal an incident into one signed bundle."""
    from workbench.evidence.contents import seal_incident
    from workbench.incident.home import author, find_home, keys_folder
    from workbench.signing import ensure_key

    home = find_home()
    with open_record() as record:
        key, _ = ensure_key(keys_folder(home), author(), passphrase())
        sealed = seal_incident(record, incident, home=home, author=author(), key=key, out=out)
    say(f"sealed {sealed.files} files, {sealed.bytes / 1e6:.2f} MB, into {sealed.path}")
    say(f"  {sealed.digest}", f"  signed by {key.public.key_id}")


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle.")],
    key: Annotated[Path | None, typer.Option("--key", help="Public key (PEM) to trust, not the local trust store.")] = None,
) -> None:
    """Check a bundle from the first byte to the last. Exit 1 if anything does not hold."""
    from workbench.evidence.verify import verify_bundle

    found = verify_bundle(bundle, _trusted(key))
    for check in found.checks:
        say(f"  {'ok ' if check.ok else 'BAD'}  {check.name}: {check.detail}")
    if not found.ok:
        last = next(check for check in reversed(found.checks) if not check.ok)
        say(f"NOT VERIFIED: {bundle}: {last.name}: {last.detail}")
        raise typer.Exit(1)
    say(f"verified: {bundle}, incident {found.incident}, sealed {found.sealed_at} by {found.signer}")


def trace(
    place: Annotated[str, typer.Argument(help="A bundle, or an incident's id.", metavar="BUNDLE|ID")],
    name: Annotated[str, typer.Argument(help="run1:2 (run, rank), entry5, or a digest by 8 digits or more.", metavar="WHAT")],
    json: OptionalJson = "",
) -> None:
    """Say where a number came from: output, cell, parameters, data, versions. Exit 1 if it is unsupported or stale."""
    from workbench.evidence.trace import home_files, sealed_files
    from workbench.evidence.trace import trace as follow
    from workbench.incident.home import find_home
    from workbench.incident.state import require_incident

    if Path(place).is_file():
        entries, sealed = sealed_files(Path(place), _trusted(None))
        found = follow(entries, sealed, name)
    else:
        with open_record() as record:
            entries = require_incident(record, place)
        found = follow(entries, home_files(find_home(), entries), name)
    if json:
        write_json(found.to_dict(), json)
    else:
        _say_trace(found)
    if any(claim.status != "supported" for claim in found.claims):
        raise typer.Exit(1)


def _say_trace(found: Trace) -> None:
    """Print what was stated, what it rests on, and how that was made."""
    for claim in found.claims:
        later = f": run {claim.later} repeated it and came to something else" if claim.later else ""
        say(f"entry {claim.seq}, {claim.kind}, {claim.status}{later}", f"  {claim.text}")
    if found.finding and found.finding.get("effect") is not None:
        say(f"  {found.finding['effect']} {found.finding.get('unit') or ''} {found.finding.get('interval') or ''}".rstrip())
    for output in found.outputs:
        at = f" at {', '.join(output.places)}" if output.places else ""
        say(f"output      {output.name}{at}", f"            {output.digest}")
        if output.result:
            say(f"            holds the result {output.result}")
    for cell in found.cells:
        first, *rest = cell.source.splitlines() or [""]
        say(f"cell {cell.number:<6} {first}", *(f"            {line}" for line in rest), f"            shown at {cell.page}")
    if not found.cells:
        say("cell        no cell of an executed notebook shows it")
    _say_run(found)


def _say_run(found: Trace) -> None:
    """Print the run, its parameters, its data, and how the numbers were made."""
    run = found.run
    if run is None:
        say("run         none that the record knows of")
        _say_made_with(found)
        return
    say(f"run         {run.state.number} ({run.state.template} {run.template_digest}) by {run.author}, {run.state.status}")
    for name, (declared, value) in run.parameters.items():
        told = "as declared" if name not in run.state.parameters else f"given; declared {declared.default!r}"
        say(f"parameter   {name} = {value!r} ({told})")
    for fingerprint, rows in run.data.items():
        say(f"data        {fingerprint}" + (f", {rows} rows" if rows is not None else ""))
    _say_made_with(found)


def _say_made_with(found: Trace) -> None:
    """Print the versions and the commit; of what no run left, its arguments and data before them."""
    arguments = found.made_with.get("arguments")
    for name, value in (arguments if isinstance(arguments, dict) else {}).items():
        say(f"argument    {name} = {value!r}")
    if found.made_with.get("fingerprint"):
        say(f"data        {found.made_with['fingerprint']}")
    versions, git = found.made_with.get("versions"), found.made_with.get("git")
    if isinstance(versions, dict):
        say("made with   " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    if isinstance(git, dict) and git.get("commit"):
        say(f"commit      {git['commit']}{' with changes' if git.get('dirty') else ''}")


def export(
    incident: Incident,
    *,
    run: Annotated[int | None, typer.Option("--run", help="Number of the run; default: the last completed.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write one file that opens anywhere, without a network.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write it as printed by chromium.")] = None,
) -> None:
    """Write a run's notebook as a page or a PDF, to read or to send; the evidence is the bundle."""
    from workbench.errors import InputError
    from workbench.evidence.export import export_run
    from workbench.incident.home import find_home

    if html is None and pdf is None:
        raise InputError("nothing to write", None, "Give --html FILE, --pdf FILE or both.")
    with open_record() as record:
        number = export_run(record, incident, run, home=find_home(), html=html, pdf=pdf)
    say(*(f"run {number} written to {path}" for path in (html, pdf) if path))


def rerun(
    bundle: Annotated[Path, typer.Argument(help="The bundle.")],
    *,
    data: Annotated[str, typer.Option("--data", help="What the run read: a path, a pattern or a URL.")] = "",
    roles: Annotated[Path | None, typer.Option("--roles", help="Roles file, where the bundle does not say the roles.")] = None,
    run: Annotated[int | None, typer.Option("--run", help="Number of the run; default: the last completed.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="A new folder to keep what the run leaves.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Public key (PEM) to trust, not the local trust store.")] = None,
    trust_code: Annotated[bool, typer.Option("--trust-code", help="Run it though its signer is not trusted here.")] = False,
) -> None:
    """Execute a run of a bundle once more, with the code in it, and compare. Exit 1 if it comes to anything else."""
    from workbench.errors import VerificationError
    from workbench.evidence.recorded import open_recorded
    from workbench.evidence.rerun import rerun as repeat

    recorded = open_recorded(bundle, _trusted(key), run)
    if not recorded.trusted and not trust_code:
        do = "Nothing was run. Give their public key (--key, or workbench keys trust), or say --trust-code: it then runs as you."
        raise VerificationError("signer not trusted, and a re-run executes their code", recorded.verification.signer, do)
    _say_recorded(recorded)
    done = repeat(recorded, data, roles=roles, out=out, tell=cell_teller())
    _say_rerun(done)
    if out is not None:
        say(f"kept in {out}")
    if not done.same:
        say(f"NOT THE SAME: run {recorded.run.state.number} comes to something else here")
        raise typer.Exit(1)
    say(f"same result: run {recorded.run.state.number}, {done.digest}")


def _say_recorded(recorded: Recorded) -> None:
    """Print whose run this is, and how this environment differs from theirs."""
    who = "a signer trusted here" if recorded.trusted else "a signer NOT TRUSTED here, whose code runs as you by --trust-code"
    found = recorded.verification
    say(f"unchanged since it was sealed {found.sealed_at} by {found.signer}", f"  {who}")
    others = ", ".join(f"{state.number} ({state.template})" for state in recorded.others) or "none"
    state = recorded.run.state
    say(f"{recorded.incident}, run {state.number} ({state.template}) of {state.started}; other completed runs: {others}")
    if not recorded.run.data:
        say("the run recorded no fingerprint of its data: whether this is the same data cannot be checked")
    if recorded.environment is None:
        say("the bundle does not say in which environment it was made")
    elif recorded.environment:
        rows = [(item.name, item.recorded, item.here) for item in recorded.environment]
        say_table("This environment is not the recorded one", ("", "recorded", "here"), rows)
    else:
        say("this environment has the packages, the commit, the Python and the platform of the recorded one")


def _say_rerun(done: Rerun) -> None:
    """Print what differs."""
    if done.digest != done.recorded:
        say(f"digest by the record  {done.recorded}", f"digest here           {done.digest}")
    for cell in done.cells:
        say(f"cell {cell.cell} differs", f"  recorded: {cell.recorded}", f"  here:     {cell.here}")
    if done.results:
        say(f"results that differ: {', '.join(done.results)}")
    if done.same or done.findings is None:
        return
    changed = [(item["after"]["statement"], "changed") for item in done.findings["changed"]]
    changed += [(item["statement"], kind) for kind in ("new", "gone") for item in done.findings[kind]]
    say(*(f"finding {kind}: {statement}" for statement, kind in changed))
    if not changed:
        say("the findings are the same within their intervals")


def new_key(name: Annotated[str, typer.Argument(help="Whose key; default: the author.")] = "") -> None:
    """Make a signing key (encrypted when WORKBENCH_PASSPHRASE is set) and trust it locally."""
    from workbench.errors import InputError
    from workbench.incident.home import author, ensure_home, find_home, keys_folder
    from workbench.signing import ensure_key

    folder = keys_folder(ensure_home(find_home()))
    key, created = ensure_key(folder, name or author(), passphrase())
    if not created:
        raise InputError("there is a key of that name", name or author(), "Choose another name.")
    say(f"made {key.public.key_id} in {folder}, trusted here")


def list_keys() -> None:
    """List the trusted signers."""
    from workbench.incident.home import find_home, keys_folder
    from workbench.signing import trust_store

    say_table("Trusted signers", ("name", "key id"), trust_store(keys_folder(find_home())).list())


def trust_key(
    pem: Annotated[Path, typer.Argument(help="A public key (PEM).")],
    name: Annotated[str, typer.Option("--name", help="Under which name; default: the file's.")] = "",
) -> None:
    """Trust a signer."""
    from workbench.incident.home import ensure_home, find_home, keys_folder
    from workbench.signing import trust_store

    store = trust_store(keys_folder(ensure_home(find_home())))
    key = store.add(_read_bytes(pem), name or pem.stem)
    say(f"trusted {key.key_id}")


def _read_bytes(path: Path) -> bytes:
    from workbench.errors import StorageError

    try:
        return path.read_bytes()
    except OSError as exc:
        raise StorageError(f"the key cannot be read ({exc.strerror})", str(path), "Give a PEM file.") from exc


def _trusted(key: Path | None) -> dict[str, PublicKey]:
    """The public keys by key id that are trusted: the one given, else those of the local trust store."""
    from workbench.incident.home import find_home, keys_folder
    from workbench.signing import trust_store

    if key is None:
        return trust_store(keys_folder(find_home())).keys()
    public = _read_key(key)
    return {public.key_id: public}


def _read_key(path: Path) -> PublicKey:
    from workbench.signing import PublicKey

    return PublicKey.from_pem(_read_bytes(path), str(path))
