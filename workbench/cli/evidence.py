"""Commands about evidence: seal, verify, rerun, keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.incidents import Incident, open_record, passphrase
from workbench.cli.output import cell_teller, say, say_table

if TYPE_CHECKING:
    from workbench.evidence.recorded import Recorded
    from workbench.evidence.rerun import Rerun
    from workbench.signing import PublicKey


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(seal)
    app.command()(verify)
    app.command()(rerun)
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
    from workbench.incident.home import find_home, keys_folder
    from workbench.signing import trust_store

    trusted = trust_store(keys_folder(find_home())).keys()
    if key is not None:
        public = _read_key(key)
        trusted = {public.key_id: public}
    found = verify_bundle(bundle, trusted)
    for check in found.checks:
        say(f"  {'ok ' if check.ok else 'BAD'}  {check.name}: {check.detail}")
    if not found.ok:
        last = next(check for check in reversed(found.checks) if not check.ok)
        say(f"NOT VERIFIED: {bundle}: {last.name}: {last.detail}")
        raise typer.Exit(1)
    say(f"verified: {bundle}, incident {found.incident}, sealed {found.sealed_at} by {found.signer}")


def rerun(
    bundle: Annotated[Path, typer.Argument(help="The bundle.")],
    *,
    data: Annotated[str, typer.Option("--data", help="What the run read: a path, a pattern or a URL.")] = "",
    roles: Annotated[Path | None, typer.Option("--roles", help="Roles file, where the bundle does not say the roles.")] = None,
    run: Annotated[int | None, typer.Option("--run", help="Number of the run; default: the last completed.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="A new folder to keep what the run leaves.")] = None,
) -> None:
    """Execute a run of a bundle once more, with the code in it, and compare. Exit 1 if it comes to anything else."""
    from workbench.evidence.recorded import open_recorded
    from workbench.evidence.rerun import rerun as repeat
    from workbench.incident.home import find_home, keys_folder
    from workbench.signing import trust_store

    recorded = open_recorded(bundle, trust_store(keys_folder(find_home())).keys(), run)
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
    who = "a signer trusted here" if recorded.trusted else "a signer NOT TRUSTED here, whose code is about to run as you"
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


def _read_key(path: Path) -> PublicKey:
    from workbench.signing import PublicKey

    return PublicKey.from_pem(_read_bytes(path), str(path))
