"""Leave to do what touches production, as entries of the record: who gave it, for which target, and why.

Nobody approves what they are about to do themselves, and an incident that is closed gives no leave any more. An approval names
the target by its digest: another version, or another address, needs another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from workbench.attacks.approval import Approval
from workbench.errors import InputError
from workbench.incident.chain import Entry
from workbench.incident.home import author, find_home, record_path
from workbench.incident.record import Record
from workbench.incident.state import require_incident, state_of
from workbench.models.target import Target

APPROVED: Final = "approved"


def approve(record: Record, incident: str, *, target: str, digest: str, why: str, by: str) -> Entry:
    """Record somebody's leave to ask a production target.

    Parameters
    ----------
    target, digest
        What the target is called, and its digest.
    by
        Who gives it.

    Raises
    ------
    UnknownNameError
        If there is no such incident.
    InputError
        Without a reason, or where the incident is closed.
    """
    entries = require_incident(record, incident)
    if not why.strip():
        raise InputError("an approval without a reason", target, "Say why this target may be asked.")
    if state_of(entries).status == "closed":
        raise InputError("a closed incident gives no leave", incident, "Approve in an incident that is open.")
    return record.append(incident, APPROVED, {"target": target, "digest": digest, "why": why.strip()}, author=by)


def find_approval(entries: Sequence[Entry], *, target: str, digest: str, asker: str) -> Entry:
    """The last approval of a target among the entries of one incident, by somebody other than `asker`.

    Raises
    ------
    InputError
        Where there is none, saying how to get one.
    """
    state = state_of(entries)
    if state.status == "closed":
        raise InputError("a closed incident gives no leave", state.id, "Name an incident that is open.")
    given = [entry for entry in entries if entry.kind == APPROVED and entry.body.get("digest") == digest]
    if found := next((entry for entry in reversed(given) if entry.author != asker), None):
        return found
    somebody = f"Let somebody other than {asker} run: workbench approve {state.id} --target … --why …"
    if given:
        raise InputError("nobody approves for themselves to ask a production target", target, somebody)
    raise InputError(f"{state.id} holds no approval to ask this production target", target, somebody)


def approval_for(targets: Sequence[Target], incident: str) -> Approval | None:
    """The leave that this home's record holds, in one incident, to ask the production targets among these.

    Parameters
    ----------
    incident
        Its id; empty: none, which is enough where no target is in production.

    Raises
    ------
    InputError
        For a production target without an approval, saying how to get one.
    UnknownNameError
        If there is no such incident.
    """
    asked = [target for target in targets if target.production]
    if not asked:
        return None
    if not incident:
        do = (
            "Name the incident that holds it (--incident ID); another responder gives it: workbench approve ID --target … --why …"
        )
        raise InputError("a production target is not asked without an approval", asked[0].name, do)
    path = record_path(find_home())
    if not path.is_file():
        raise InputError("no incident was ever opened here", str(path.parent), 'Open one: workbench new ID --title "…".')
    with Record.open(path) as record:
        entries = require_incident(record, incident)
    found = [find_approval(entries, target=target.name, digest=target.digest, asker=author()) for target in asked]
    by, evidence = (list(dict.fromkeys(values)) for values in ([one.author for one in found], [one.digest for one in found]))
    return Approval(", ".join(by), " ".join(evidence))
