"""Describe a bundle's payload as an RO-Crate 1.1: what ran, on what, by whom, with which outcome, in terms other tools know.

`crate_files` gives ``ro-crate-metadata.json``, ``ro-crate-preview.html`` and a ``README.md`` that leads to both. They state only
what the record and the payload say: the runs come from the entries, the files from the payload, and the data, which is not in a
bundle, by its fingerprint. An incident with one run that ended is a Workflow Run Crate 0.5 about its template, one with several
a Process Run Crate 0.5, one with none a plain crate. A digest is in the metadata for readers; what proves the files are the
bag's signed manifests.
"""

import base64
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from workbench.digest import Plain, canonical_json
from workbench.evidence.archive import Content
from workbench.evidence.bundle import PAYLOAD, Measured, measure_payload
from workbench.evidence.crate_preview import render_preview
from workbench.evidence.crate_runs import Run, find_runs, read_content
from workbench.evidence.locate import cells_showing, read_cells
from workbench.evidence.runbook import EXECUTED, TEMPLATE
from workbench.evidence.statement import to_milliseconds
from workbench.incident.chain import Entry
from workbench.incident.state import KEPT_FILE, IncidentState, state_of
from workbench.triage.files import readable_json

METADATA: Final = "ro-crate-metadata.json"
PREVIEW: Final = "ro-crate-preview.html"
README: Final = "README.md"
CONTEXT: Final = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
RO_CRATE: Final = "https://w3id.org/ro/crate/1.1"
PROCESS_RUN: Final = "https://w3id.org/ro/wfrun/process/0.5"
WORKFLOW_RUN: Final = "https://w3id.org/ro/wfrun/workflow/0.5"
WORKFLOW: Final = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES: Final = {
    PROCESS_RUN: ("Process Run Crate", "0.5"),
    WORKFLOW_RUN: ("Workflow Run Crate", "0.5"),
    WORKFLOW: ("Workflow RO-Crate", "1.0"),
}
TERMS: Final = "#terms"
ORGANISATION: Final = "#organisation"
JUPYTER: Final = "https://jupyter.org/"
TYPES: Final = {"str": "Text", "int": "Integer", "float": "Float", "bool": "Boolean"}
FORMATS: Final = {
    ".csv": "text/csv", ".html": "text/html", ".ipynb": "application/x-ipynb+json", ".js": "text/javascript",
    ".json": "application/json", ".jsonl": "application/x-ndjson", ".jsonld": "application/ld+json", ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet", ".pdf": "application/pdf", ".png": "image/png", ".py": "text/x-python",
    ".svg": "image/svg+xml", ".txt": "text/plain",
}  # fmt: skip
DESCRIPTIONS: Final = {
    README: "Where to begin",
    "VERIFY.md": "How to check this bundle with public tools",
    "verify.py": "A checker that needs Python and openssl only",
    "record/events.jsonl": "The record: every entry, each bearing the digest of the one before it",
    "record/checkpoint.json": "The end of the record: its length and last digest, as they are signed",
    "env/packages.txt": "Every package that was installed where the bundle was sealed",
    "env/platform.json": "The Python and the machine it was sealed on",
    "parameters.json": "The parameters the runbook was given",
    "executed.ipynb": "The executed notebook, frozen",
    "executed.html": "The executed notebook as a page that opens without a network",
    "partial.html": "The notebook as far as it got, as a page",
    "assets/plotly.min.js": "What draws the figures of the pages; theirs, under its own licence",
    "partial.ipynb": "The notebook as far as it got, frozen",
    "findings.json": "What the checks found, ranked",
    TEMPLATE: "The runbook as it was before it ran",
}
PINNED: Final = "A result that a responder pinned in a notebook run by hand"

Entity = dict[str, Any]


def crate_files(entries: Sequence[Entry], payload: Mapping[str, Content], sealed_at: dt.datetime) -> dict[str, bytes]:
    """The metadata, the preview and the readme to add to `payload`.

    Parameters
    ----------
    entries
        All entries of the incident, in order.
    payload
        Everything else that goes into the bundle, as `workbench.evidence.bundle.seal` takes it.
    sealed_at
        The time that the signer claims; naive is UTC.

    Returns
    -------
    dict
        ``ro-crate-metadata.json``, ``ro-crate-preview.html`` and ``README.md``; equal arguments give equal bytes.

    Raises
    ------
    InputError
        When there is no entry.
    StorageError
        When a payload file cannot be read.
    """
    state, moment = state_of(entries), to_milliseconds(sealed_at)
    readme = render_readme(state, moment).encode()
    files = {item.member.name.removeprefix(PAYLOAD): item for item in measure_payload({**payload, README: readme})}
    runs = find_runs(entries, payload, {name: item.sha256 for name, item in files.items()})
    metadata: dict[str, Any] = {"@context": CONTEXT, "@graph": make_graph(state, authors_of(entries), runs, files, moment)}
    preview = render_preview(metadata, state, entries, shown_in(state, payload))
    return {METADATA: readable_json(metadata).encode(), PREVIEW: preview.encode(), README: readme}


def make_graph(
    state: IncidentState, authors: Sequence[str], runs: Sequence[Run], files: Mapping[str, Measured], moment: str
) -> list[Entity]:
    """Every entity of the crate: the descriptor, the root, the files, then what these refer to."""
    ended = [run for run in runs if run.state.ended]
    main = ended[0].template if len(runs) == len(ended) == 1 else None
    conforms = [PROCESS_RUN, WORKFLOW_RUN, WORKFLOW] if main else [PROCESS_RUN] if ended else []
    entities = [
        descriptor(is_workflow=main is not None),
        root(state, authors, runs, files, moment)
        | pruned({"conformsTo": refs(conforms), "mainEntity": refs([file_id(main)] if main else [])}),
        *(file_entity(name, item) for name, item in sorted(files.items())),
        {"@id": README, "about": {"@id": "./"}},
        {"@id": PREVIEW, "@type": "CreativeWork", "name": "This crate, to be read by people", "about": {"@id": "./"}},
        *({"@id": uri, "@type": "CreativeWork", "name": name, "version": version}
          for uri, (name, version) in PROFILES.items() if uri in conforms),
        *surroundings(authors),
        *(entity for run in runs for entity in run_entities(run)),
    ]  # fmt: skip
    merged: dict[str, Entity] = {}
    for entity in entities:
        merged[entity["@id"]] = merged.get(entity["@id"], {}) | entity
    return list(merged.values())


def descriptor(*, is_workflow: bool) -> Entity:
    """The entity of the metadata file itself."""
    conforms = [RO_CRATE, WORKFLOW] if is_workflow else [RO_CRATE]
    return {"@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": refs(conforms)}


def root(state: IncidentState, authors: Sequence[str], runs: Sequence[Run], files: Iterable[str], moment: str) -> Entity:
    """The entity of the whole payload."""
    counted = f"runs of runbooks: {len(state.runs)}, findings kept: {len(state.pinned)}, notes: {len(state.notes)}"
    entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Incident {state.id}: {state.title}",
        "description": f"The sealed evidence of a machine-learning incident ({counted}). The incident is {state.status}.",
        "identifier": state.id,
        "datePublished": moment,
        "license": {"@id": TERMS},
        "author": refs(person_id(author) for author in authors),
        "publisher": {"@id": ORGANISATION},
        "hasPart": refs(file_id(name) for name in sorted(files)),
        "mentions": refs(run_id(run) for run in runs),
    }
    return pruned(entity)


def surroundings(authors: Sequence[str]) -> list[Entity]:
    """The people, and what the crate cannot know: the organisation and the terms."""
    people = [
        {"@id": person_id(author), "@type": "Person", "name": author, "affiliation": {"@id": ORGANISATION}} for author in authors
    ]
    return [
        *people,
        {
            "@id": ORGANISATION,
            "@type": "Organization",
            "name": "The organisation that sealed this bundle, which the record does not name",
            "url": ORGANISATION,
        },
        {
            "@id": TERMS,
            "@type": "CreativeWork",
            "name": "No licence is granted by this bundle",
            "description": "Whoever received it may verify it; anything else is for the organisation that sealed it to allow.",
        },
    ]


def render_readme(state: IncidentState, moment: str) -> str:
    """What a person who opens the folder should read first."""
    return f"""# Incident {state.id}: {state.title}

The sealed evidence of a machine-learning incident, sealed {moment} by the signer's clock.

- `ro-crate-preview.html` says what was found, what ran, and which files there are. It needs a browser and no network.
- `VERIFY.md` says how to check with public tools that nothing here changed, and who signed it.
- `ro-crate-metadata.json` says the same to programs (RO-Crate 1.1).
- `record/events.jsonl` is the record: what was done, by whom, when, on which evidence.
"""


def file_entity(name: str, item: Measured) -> Entity:
    """The entity of a payload file."""
    path = PurePosixPath(name)
    entity = {
        "@id": file_id(name),
        "@type": "File",
        "name": name,
        "description": PINNED if KEPT_FILE.fullmatch(name) else DESCRIPTIONS.get(name, DESCRIPTIONS.get(path.name)),
        "encodingFormat": FORMATS.get(path.suffix.lower(), "application/octet-stream"),
        "contentSize": str(item.member.size),
        "sha256": item.sha256,
    }
    return pruned(entity)


def run_entities(run: Run) -> list[Entity]:
    """The action of a run, its template, its parameters and the data it read."""
    data = [
        pruned({
            "@id": f"#data-{fingerprint.removeprefix('sha256:')}",
            "@type": "CreativeWork",
            "name": "The data that was analysed; it is not in this bundle",
            "description": f"Known by its fingerprint over all rows and columns{f'; {rows:,} rows' if rows is not None else ''}.",
            "identifier": fingerprint,
        })
        for fingerprint, rows in run.data.items()
    ]  # fmt: skip
    values = [f"{run_id(run)}-value-{quote(name)}" for name in run.parameters]
    inputs = [*values, *map(file_id, run.inputs), *(entity["@id"] for entity in data)]
    return [action(run, inputs), *template_entities(run), *parameter_entities(run), *data]


def action(run: Run, inputs: Sequence[str]) -> Entity:
    """What happened when the run ran.

    A run without an end is an ``Action`` that is still active, for all the record says; one that left nothing behind is an
    ``ActivateAction``, since nothing was created.
    """
    state = run.state
    kind = "Action" if not state.ended else "CreateAction" if run.outputs else "ActivateAction"
    status = "Active" if not state.ended else "Completed" if state.status == "completed" else "Failed"
    cell = f" at cell {state.cell}" if state.cell is not None else ""
    verdict = f"; its verdict: {state.verdict}" if state.verdict else ""
    entity = {
        "@id": run_id(run),
        "@type": kind,
        "name": f"Run {state.number} of {state.template}",
        "description": f"The runbook {state.template}, run headless by {run.author}: {state.status}{cell}{verdict}",
        "instrument": {"@id": template_id(run)},
        "object": refs(inputs),
        "result": refs(map(file_id, run.outputs)),
        "agent": {"@id": person_id(run.author)},
        "startTime": state.started,
        "endTime": state.ended,
        "actionStatus": f"http://schema.org/{status}ActionStatus",
        "error": f"{state.status}{cell}: {state.why or 'no reason was recorded'}" if status == "Failed" else None,
    }
    return pruned(entity)


def template_entities(run: Run) -> list[Entity]:
    """The template as a workflow that takes parameters; where only its digest is known, as an application of that digest."""
    named = {"@id": template_id(run), "name": f"Runbook {run.state.template}", "version": run.template_digest or "not recorded"}
    named["url"] = digest_uri(run.template_digest) if run.template_digest else JUPYTER
    if run.template is None:
        return [{**named, "@type": "SoftwareApplication", "description": "Not in this bundle; known by its digest"}]
    workflow = {
        **named,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
        "programmingLanguage": {"@id": JUPYTER},
        "input": refs(f"{run_id(run)}-parameter-{quote(name)}" for name in run.parameters),
    }
    return [pruned(workflow), {"@id": JUPYTER, "@type": "ComputerLanguage", "name": "Jupyter Notebook", "url": JUPYTER}]


def parameter_entities(run: Run) -> list[Entity]:
    """A ``FormalParameter`` for what the template declares, a ``PropertyValue`` for what it was in this run."""
    entities: list[Entity] = []
    for name, (declared, value) in run.parameters.items():
        formal, given = f"{run_id(run)}-parameter-{quote(name)}", f"{run_id(run)}-value-{quote(name)}"
        parameter = {
            "@id": formal,
            "@type": "FormalParameter",
            "name": name,
            "description": declared.help or None,
            "additionalType": TYPES.get(declared.type, "Text"),
            "defaultValue": literal(declared.default),
            "workExample": {"@id": given},
        }
        entities += [
            pruned(parameter),
            {"@id": given, "@type": "PropertyValue", "name": name, "value": literal(value), "exampleOfWork": {"@id": formal}},
        ]
    return entities


def shown_in(state: IncidentState, payload: Mapping[str, Content]) -> dict[int, str]:
    """Where a notebook's page shows each pinned finding first, by the number of its entry."""
    notebooks = {run.number: f"{run.folder}/{EXECUTED}" for run in state.runs}
    cells = {number: read_cells(read_content(payload[name]), name) for number, name in notebooks.items() if name in payload}
    found = {}
    for body in state.pinned:
        finding = body.get("finding")
        statement = finding.get("statement") if isinstance(finding, dict) else None
        if shown := cells_showing(cells.get(body.get("run") or 0, []), str(statement or "")):
            found[body["seq"]] = shown[0].page
    return found


def authors_of(entries: Sequence[Entry]) -> list[str]:
    """Whoever wrote into the record, in the order in which they first did."""
    return list(dict.fromkeys(entry.author for entry in entries))


def run_id(run: Run) -> str:
    """The ``@id`` of a run's action, which no other run has: two responders may have begun runs of one number."""
    return f"#run-{run.state.number:04d}-entry-{run.seq}"


def template_id(run: Run) -> str:
    """The ``@id`` of a run's template."""
    if run.template:
        return file_id(run.template)
    return digest_uri(run.template_digest) if run.template_digest else f"#template-{quote(run.state.template)}"


def file_id(name: str) -> str:
    """The ``@id`` of a payload file: a relative URI."""
    return quote(name)


def person_id(author: str) -> str:
    """The ``@id`` of a person."""
    return f"#person-{quote(author, safe='')}"


def digest_uri(digest: str) -> str:
    """A digest as a ``ni`` URI (RFC 6920), which names the content wherever it lies."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(digest.removeprefix("sha256:"))).decode().rstrip("=")


def literal(value: Plain) -> Plain:
    """A parameter's value as a JSON-LD literal; a list or mapping as its JSON."""
    return canonical_json(value).decode() if isinstance(value, list | dict) else value


def refs(ids: Iterable[str]) -> Any:
    """References to entities, in the compact form: nothing for none, the reference itself for one."""
    found = [{"@id": item} for item in ids]
    return None if not found else found[0] if len(found) == 1 else found


def pruned(entity: Entity) -> Entity:
    """`entity` without the properties that have no value."""
    return {name: value for name, value in entity.items() if value is not None}
