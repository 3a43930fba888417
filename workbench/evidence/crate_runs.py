"""The runs of an incident with their files: what the record says ran, matched with what lies in the payload."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.digest import Plain
from workbench.errors import InputError
from workbench.evidence.archive import Content, open_content
from workbench.evidence.runbook import PARAMETERS, TEMPLATE
from workbench.evidence.templates import Parameter, parameters_in
from workbench.incident.chain import Entry
from workbench.incident.state import RunState, state_of


@dataclass(frozen=True)
class Run:
    """A run that started, with its files in the payload.

    Parameters
    ----------
    state
        What the record says of it.
    seq
        Position in the record of the entry of its start.
    author
        Who ran it.
    template
        Name of its template in the payload; None where it is missing, or not the one that the record names.
    template_digest
        Digest of the template that ran; None where the record has none.
    parameters
        What the template declares, with the value that each had.
    inputs, outputs
        Names in the payload.
    data
        Rows by fingerprint of the data that the outputs rest on; None where they do not say how many.
    """

    state: RunState
    seq: int
    author: str
    template: str | None
    template_digest: str | None
    parameters: Mapping[str, tuple[Parameter, Plain]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    data: Mapping[str, int | None]


def find_runs(entries: Sequence[Entry], payload: Mapping[str, Content], sha256: Mapping[str, str]) -> list[Run]:
    """The runs whose start the record holds, in the order in which they started.

    Parameters
    ----------
    entries
        All entries of the incident, in order.
    payload
        Content by name.
    sha256
        Digest of each payload file, in hexadecimal, by name.
    """
    started = (entry for entry in entries if entry.kind == "run started")
    runs = (run for run in state_of(entries).runs if run.started)  # in the order of their entries
    return [find_run(run, entry, payload, sha256) for run, entry in zip(runs, started, strict=True)]


def find_run(state: RunState, entry: Entry, payload: Mapping[str, Content], sha256: Mapping[str, str]) -> Run:
    """A run with its files."""
    digest = entry.evidence[0] if entry.evidence else None
    folder = f"{state.folder}/" if state.folder else None
    own = [name for name in sorted(payload) if folder and name.startswith(folder)]
    template = next((name for name in own if name == f"{folder}{TEMPLATE}" and f"sha256:{sha256[name]}" == digest), None)
    inputs = [name for name in own if name == f"{folder}{PARAMETERS}"]
    outputs = [name for name in own if name not in inputs and name != f"{folder}{TEMPLATE}"]
    return Run(
        state, entry.seq, entry.author, template, digest, parameters_of(state, payload[template] if template else None),
        tuple(inputs), tuple(outputs), data_of(payload[name] for name in outputs if name.endswith(".json")),
    )  # fmt: skip


def parameters_of(state: RunState, template: Content | None) -> dict[str, tuple[Parameter, Plain]]:
    """Each parameter with the value it had, declared default or given; without a template, those that were given."""
    place = template if isinstance(template, Path) else Path(TEMPLATE)
    try:
        declared = {} if template is None else parameters_in(read_content(template), place)
    except InputError:
        declared = {}
    given = state.parameters
    undeclared = {name: Parameter(name, type(value).__name__, None) for name, value in given.items() if name not in declared}
    return {name: (item, given.get(name, item.default)) for name, item in (declared | undeclared).items()}


def read_content(content: Content) -> bytes:
    """The bytes of a payload file."""
    with open_content(content) as file:
        return file.read()


def data_of(outputs: Iterable[Content]) -> dict[str, int | None]:
    """Rows by fingerprint of the data that results name, in findings (``dataset``) or their provenance."""
    found: dict[str, int | None] = {}
    for content in outputs:
        try:
            with open_content(content) as file:
                document = json.load(file)
        except ValueError:
            continue
        places = [document.get(place) for place in ("dataset", "provenance")] if isinstance(document, dict) else []
        for place in places:
            if isinstance(place, dict) and isinstance(fingerprint := place.get("fingerprint"), str):
                found[fingerprint] = found.get(fingerprint) or place.get("rows")
    return found
