"""The crate says what the record and the payload say, and no more."""

import datetime as dt
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from workbench.errors import InputError
from workbench.evidence.crate import crate_files
from workbench.evidence.verifier import travelling_files
from workbench.incident.chain import Entry, Head, genesis

SEALED_AT = dt.datetime(2026, 3, 4, 2, 10, 0, 123000, tzinfo=dt.UTC)
FINGERPRINT = "sha256:" + "ab" * 32
TEMPLATE = json.dumps({
    "cells": [
        {
            "cell_type": "code",
            "metadata": {"tags": ["parameters"]},
            "source": [
                'data: str = ""  # the decision log\n',
                "level: int = 2\n",
                "share: float = 0.1\n",
                "windows: list = []\n",
                "full: bool = False",
            ],
        },
    ]
})  # fmt: skip


class Incident:
    """Entries and payload of an incident, made without running anything."""

    def __init__(self, folder: Path, title: str = "Loans") -> None:
        self.template = folder / "template.ipynb"
        self.template.write_text(TEMPLATE)
        self.entries: list[Entry] = []
        self.payload: dict[str, Path | bytes] = {"record/events.jsonl": b"{}\n"}
        self.add("opened", {"title": title})

    def add(self, kind: str, body: dict[str, Any], *evidence: str, author: str = "ada") -> None:
        last = self.entries[-1] if self.entries else None
        head = Head("INC-42", last.seq, last.digest) if last else Head("INC-42", 0, genesis("INC-42"))
        self.entries.append(Entry.after(head, kind, body, author=author, evidence=evidence))

    def start(self, number: int, *, with_template: bool = True, author: str = "ada", **parameters: object) -> str:
        folder = f"runs/{number:04d}-triage"
        body = {"run": number, "template": "triage", "parameters": parameters, "folder": folder}
        self.add("run started", body, "sha256:" + hashlib.sha256(TEMPLATE.encode()).hexdigest(), author=author)
        self.payload[f"{folder}/parameters.json"] = b"{}"
        if with_template:
            self.payload[f"{folder}/template.ipynb"] = self.template
        return folder

    def run(self, number: int, ending: str = "run completed", *, outputs: bool = True, **given: Any) -> None:
        folder = self.start(number, **given)
        if outputs:
            self.payload[f"{folder}/executed.ipynb"] = b"{}"
            findings = {"dataset": {"fingerprint": FINGERPRINT, "rows": 812}, "findings": []}
            self.payload[f"{folder}/findings.json"] = json.dumps(findings).encode()
        stopped = {} if ending == "run completed" else {"cell": 3, "why": "KeyError: 'age'"}
        self.add(ending, {"run": number, **stopped})

    def files(self) -> dict[str, bytes]:
        return crate_files(self.entries, self.payload, SEALED_AT)

    def graph(self) -> dict[str, dict[str, Any]]:
        graph = json.loads(self.files()["ro-crate-metadata.json"])["@graph"]
        by_id = {entity["@id"]: entity for entity in graph}
        assert len(by_id) == len(graph)
        return by_id


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    return Incident(tmp_path)


def ids(value: Any) -> list[str]:
    return [item["@id"] for item in (value if isinstance(value, list) else [value])]


def conforms(graph: dict[str, dict[str, Any]]) -> list[str]:
    return [uri.rsplit("/", 2)[-2] for uri in ids(graph["./"]["conformsTo"])] if "conformsTo" in graph["./"] else []


def actions(graph: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [graph[item] for item in ids(graph["./"]["mentions"])]


class TestProfile:
    def test_one_run_is_a_workflow_run_crate_about_its_template(self, incident: Incident) -> None:
        incident.run(1)
        graph = incident.graph()
        assert conforms(graph) == ["process", "workflow", "workflow-ro-crate"]
        main = graph[graph["./"]["mainEntity"]["@id"]]
        assert main["@id"] == "runs/0001-triage/template.ipynb"
        assert main["@type"] == ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
        assert graph["ro-crate-metadata.json"]["conformsTo"][0] == {"@id": "https://w3id.org/ro/crate/1.1"}

    def test_several_runs_are_a_process_run_crate(self, incident: Incident) -> None:
        incident.run(1)
        incident.run(2)
        graph = incident.graph()
        assert conforms(graph) == ["process"]
        assert "mainEntity" not in graph["./"]
        assert len(actions(graph)) == 2

    def test_no_run_is_a_plain_crate(self, incident: Incident) -> None:
        graph = incident.graph()
        assert conforms(graph) == []
        assert "mentions" not in graph["./"]

    def test_a_template_that_is_missing_is_known_by_its_digest(self, incident: Incident) -> None:
        incident.run(1, with_template=False)
        graph = incident.graph()
        assert conforms(graph) == ["process"]
        [run] = actions(graph)
        template = graph[run["instrument"]["@id"]]
        assert template["@type"] == "SoftwareApplication"
        assert template["version"] == "sha256:" + hashlib.sha256(TEMPLATE.encode()).hexdigest()

    def test_another_file_in_the_templates_place_is_not_the_template(self, incident: Incident) -> None:
        incident.run(1)
        incident.payload["runs/0001-triage/template.ipynb"] = b"{}"
        graph = incident.graph()
        [run] = actions(graph)
        assert graph[run["instrument"]["@id"]]["@type"] == "SoftwareApplication"
        assert graph["runs/0001-triage/template.ipynb"]["@type"] == "File"


class TestRuns:
    def test_a_completed_run(self, incident: Incident) -> None:
        incident.run(1, author="grace")
        [run] = actions(incident.graph())
        assert run["@type"] == "CreateAction"
        assert run["actionStatus"] == "http://schema.org/CompletedActionStatus"
        assert "error" not in run
        assert run["agent"] == {"@id": "#person-grace"}
        assert (run["startTime"], run["endTime"]) == (incident.entries[1].time, incident.entries[2].time)
        assert ids(run["result"]) == ["runs/0001-triage/executed.ipynb", "runs/0001-triage/findings.json"]

    @pytest.mark.parametrize("ending", ["run failed", "run interrupted", "run timed out"])
    def test_a_run_that_stopped(self, incident: Incident, ending: str) -> None:
        incident.run(1, ending)
        [run] = actions(incident.graph())
        assert run["actionStatus"] == "http://schema.org/FailedActionStatus"
        assert run["error"] == f"{ending.removeprefix('run ')} at cell 3: KeyError: 'age'"

    def test_the_verdict_of_a_run_is_told(self, incident: Incident) -> None:
        incident.start(1)
        incident.add("run completed", {"run": 1, "verdict": "could not tell"})
        assert actions(incident.graph())[0]["description"].endswith(": completed; its verdict: could not tell")

    def test_a_run_that_left_nothing_created_nothing(self, incident: Incident) -> None:
        incident.run(1, "run failed", outputs=False)
        [run] = actions(incident.graph())
        assert run["@type"] == "ActivateAction"
        assert "result" not in run

    def test_a_run_without_an_end_has_none(self, incident: Incident) -> None:
        incident.start(1)
        graph = incident.graph()
        [run] = actions(graph)
        assert (run["@type"], run["actionStatus"]) == ("Action", "http://schema.org/ActiveActionStatus")
        assert "endTime" not in run
        assert conforms(graph) == []

    def test_two_runs_of_one_number_stay_two(self, incident: Incident) -> None:
        incident.start(1, author="ada")
        incident.start(1, author="grace")
        assert [run["agent"]["@id"] for run in actions(incident.graph())] == ["#person-ada", "#person-grace"]

    def test_the_data_is_named_by_its_fingerprint(self, incident: Incident) -> None:
        incident.run(1)
        graph = incident.graph()
        [data] = [graph[item] for item in ids(actions(graph)[0]["object"]) if item.startswith("#data-")]
        assert data["identifier"] == FINGERPRINT
        assert "812 rows" in data["description"]

    @pytest.mark.parametrize("content", [b"not json", b"[1]", b'{"dataset": 7}', b'{"dataset": {"fingerprint": 7}}'])
    def test_an_output_of_another_form_names_no_data(self, incident: Incident, content: bytes) -> None:
        incident.run(1)
        incident.payload["runs/0001-triage/findings.json"] = content
        assert not [item for item in incident.graph() if item.startswith("#data-")]


class TestParameters:
    def test_given_and_default_values_stand_beside_what_is_declared(self, incident: Incident) -> None:
        incident.run(1, data="log.csv", level=3, windows=[1, 2])
        graph = incident.graph()
        formal = {entity["name"]: entity for entity in graph.values() if entity["@type"] == "FormalParameter"}
        values = {entity["name"]: entity for entity in graph.values() if entity["@type"] == "PropertyValue"}
        assert {name: (formal[name]["additionalType"], values[name]["value"]) for name in formal} == {
            "data": ("Text", "log.csv"),
            "level": ("Integer", 3),
            "share": ("Float", 0.1),
            "windows": ("Text", "[1,2]"),
            "full": ("Boolean", False),
        }
        assert formal["data"]["description"] == "the decision log"
        assert formal["level"]["defaultValue"] == 2
        assert all(values[name]["exampleOfWork"]["@id"] == formal[name]["@id"] for name in formal)

    def test_without_a_template_the_given_ones_are_left(self, incident: Incident) -> None:
        incident.run(1, with_template=False, data="log.csv")
        [value] = [entity for entity in incident.graph().values() if entity["@type"] == "PropertyValue"]
        assert (value["name"], value["value"]) == ("data", "log.csv")


class TestFiles:
    def test_every_payload_file_is_listed_with_its_size_and_digest(self, incident: Incident) -> None:
        incident.run(1)
        incident.payload |= {"env/nürnberg und x:y#z?.txt": b"abc", "table.parquet": b"", "odd": b""}
        graph, made = incident.graph(), incident.files()
        payload = {**incident.payload, "README.md": made["README.md"]}
        assert len(ids(graph["./"]["hasPart"])) == len(payload)
        odd = graph["env/n%C3%BCrnberg%20und%20x%3Ay%23z%3F.txt"]
        assert (odd["contentSize"], odd["sha256"]) == ("3", hashlib.sha256(b"abc").hexdigest())
        assert graph["odd"]["encodingFormat"] == "application/octet-stream"

    def test_every_reference_leads_somewhere(self, incident: Incident) -> None:
        incident.run(1, data="x")
        incident.run(2, with_template=False)
        incident.start(3)
        graph = incident.graph()
        wanted: set[str] = set()

        def collect(value: Any) -> None:
            if isinstance(value, dict) and set(value) == {"@id"}:
                wanted.add(value["@id"])
            elif isinstance(value, dict | list):
                for item in value.values() if isinstance(value, dict) else value:
                    collect(item)

        collect(list(graph.values()))
        assert {item for item in wanted - set(graph) if not item.startswith("https://")} == set()

    def test_equal_input_gives_equal_bytes(self, incident: Incident) -> None:
        incident.run(1)
        first = incident.files()
        incident.payload = dict(reversed(incident.payload.items()))
        assert incident.files() == first
        assert set(first) == {"ro-crate-metadata.json", "ro-crate-preview.html", "README.md"}

    def test_an_incident_without_entries_is_none(self) -> None:
        with pytest.raises(InputError):
            crate_files([], {}, SEALED_AT)

    def test_what_travels_is_there(self) -> None:
        files = travelling_files()
        assert {"VERIFY.md", "verify.py"} < set(files)
        assert all(path.is_file() for path in files.values())

    def test_the_contexts_define_the_terms_that_are_used(self, incident: Incident) -> None:
        """A term without a definition is dropped by every JSON-LD reader, unseen."""
        incident.run(1, "run failed", data="x")
        terms: set[str] = set()
        for name, path in travelling_files().items():
            if name.endswith(".jsonld"):
                terms |= set(json.loads(path.read_text())["@context"])
        used = {name for entity in incident.graph().values() for name in entity if not name.startswith("@")}
        kinds = {
            kind
            for entity in incident.graph().values()
            for kind in ([entity["@type"]] if isinstance(entity["@type"], str) else entity["@type"])
        }
        assert used | kinds <= terms


class Page(HTMLParser):
    """What a page links to, loads and says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.script = self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        given = dict(attrs)
        self.links += [given["href"] or ""] if tag == "a" else []
        self.loads += [value or "" for name, value in attrs if name in {"src", "srcset", "data", "poster"} or (tag == "link")]

    def handle_endtag(self, tag: str) -> None:
        self.open.reverse()
        self.open.remove(tag)
        self.open.reverse()

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.script += data
        elif "style" not in self.open:
            self.words += data


class TestPreview:
    def test_holds_the_metadata_and_loads_nothing(self, incident: Incident) -> None:
        incident.run(1)
        made = incident.files()
        page = Page(made["ro-crate-preview.html"].decode())
        assert json.loads(page.script) == json.loads(made["ro-crate-metadata.json"])
        assert page.loads == []
        assert "url(" not in made["ro-crate-preview.html"].decode()

    def test_says_what_happened(self, incident: Incident) -> None:
        incident.run(1, "run failed")
        incident.add("pinned", {"run": 1, "finding": {"severity": "high", "statement": "rates differ"}})
        incident.add("dismissed", {"finding": "run1:2", "why": "known"})
        words = Page(incident.files()["ro-crate-preview.html"].decode()).words
        for said in (
            "Incident INC-42: Loans",
            "rates differ",
            "run1:2",
            "known",
            "KeyError: 'age'",
            FINGERPRINT,
            "executed.ipynb",
        ):
            assert said in words

    def test_a_finding_leads_to_the_cell_that_shows_it_and_to_its_run(self, incident: Incident) -> None:
        """From there, the run's parameters and the fingerprint of its data are on this page."""
        incident.run(1)
        shown = new_code_cell("f()", outputs=[new_output("stream", name="stdout", text="so: rates differ")])
        notebook = nbformat.writes(new_notebook(cells=[new_code_cell("1"), shown]))
        incident.payload["runs/0001-triage/executed.ipynb"] = notebook.encode()
        for statement in ("rates differ", "shown nowhere"):
            incident.add("pinned", {"run": 1, "finding": {"severity": "high", "statement": statement}})
        text = incident.files()["ro-crate-preview.html"].decode()
        assert '<a href="runs/0001-triage/executed.html#cell-2">rates differ</a>' in text
        assert text.count("#cell-") == 1
        assert text.count('<a href="#run-0001-entry-2">1</a>') == 2
        assert '<h3 id="run-0001-entry-2">' in text

    @pytest.mark.parametrize("run", ["1", 7, None, -1])
    def test_a_finding_of_no_run_leads_nowhere(self, incident: Incident, run: object) -> None:
        incident.run(1)
        incident.add("pinned", {"run": run, "finding": {"severity": "high", "statement": "rates differ"}})
        assert '<a href="#run' not in incident.files()["ro-crate-preview.html"].decode()

    def test_links_lead_to_files_of_the_payload(self, incident: Incident) -> None:
        incident.payload |= {"VERIFY.md": b"", "a b.txt": b""}
        page = Page(incident.files()["ro-crate-preview.html"].decode())
        assert set(page.links) == {"VERIFY.md", "a%20b.txt", "record/events.jsonl", "README.md"}

    def test_hostile_text_stays_text(self, tmp_path: Path) -> None:
        incident = Incident(tmp_path, "</script><script>alert(1)</script>")
        incident.add("note", {"text": "<img src=x onerror=alert(1)>"}, author='"><b>')
        made = incident.files()
        page = Page(made["ro-crate-preview.html"].decode())
        assert made["ro-crate-preview.html"].count(b"<script") == 1
        assert page.loads == []
        assert "<img src=x" in page.words

    @pytest.mark.parametrize("finding", [None, 7, {}, "run1:2"])
    def test_an_entry_that_lacks_something_leaves_a_gap(self, incident: Incident, finding: object) -> None:
        incident.add("pinned", {"finding": finding})
        assert "Incident INC-42" in Page(incident.files()["ro-crate-preview.html"].decode()).words
