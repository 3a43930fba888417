"""From any number one reaches the output that holds it, the cell that shows it, its parameters, and the input's fingerprint."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from workbench.digest import digest_file
from workbench.errors import InputError, RecordError, UnknownNameError, VerificationError
from workbench.evidence.contents import seal_incident
from workbench.evidence.runbook import run_runbook
from workbench.evidence.trace import Trace, home_files, sealed_files, trace
from workbench.incident.chain import Entry
from workbench.incident.home import ensure_home, incident_folder, keys_folder, record_path
from workbench.incident.pins import pin_findings
from workbench.incident.record import Record
from workbench.incident.state import create_incident, require_incident
from workbench.result import Finding, Result
from workbench.signing import ensure_key

PRINT = "sha256:" + "7" * 64
STATEMENT = 'worse where a = "1 & 2"'


class Writer:
    """An incident with runs that left files as the runner leaves them; nothing is executed."""

    def __init__(self, home: Path) -> None:
        self.home = ensure_home(home)
        self.record = Record.open(record_path(home))
        create_incident(self.record, "INC-1", "Loans", "ada")

    def run(self, number: int, effect: float, ending: str = "run completed", **parameters: object) -> str:
        """A run that pins one finding of that effect; returns the digest of the result behind it."""
        folder = incident_folder(self.home, "INC-1") / f"runs/{number:04d}-loans"
        (folder / "results").mkdir(parents=True)
        declared = new_code_cell('data: str = ""  # a log\nseed: int = 0', metadata={"tags": ["parameters"]})
        nbformat.write(new_notebook(cells=[declared]), folder / "template.ipynb")
        table = pd.DataFrame({"column": ["a"], "where": ["a = 1"], "rate": [effect]})
        made = {"arguments": {}, "seed": 3, "fingerprint": PRINT, "versions": {"pandas": "3"}, "git": {"commit": "c0ffee"}}
        result = Result("rates", "Rates", tables={"rates": table}, numbers={"rows": 900}, provenance=made)
        (folder / "results" / "rates.json").write_text(json.dumps(result.to_dict()))
        finding = Finding("slice", STATEMENT, rank=1, effect=effect, evidence=result.digest, where="a = 1", columns=("a",))
        said = {"dataset": {"fingerprint": PRINT, "rows": 900}, "findings": [finding.to_dict()]}
        (folder / "findings.json").write_text(json.dumps(said))
        shown = new_output("display_data", data={"text/html": "<td>worse  where\na = &quot;1 &amp; 2&quot;</td>"})
        cells = [new_code_cell("load()"), new_code_cell("show(found)", outputs=[shown], id="table")]
        nbformat.write(new_notebook(cells=cells), folder / "executed.ipynb")
        started = {
            "run": number,
            "template": "loans",
            "folder": f"runs/{folder.name}",
            "parameters": {"data": "log.csv", **parameters},
        }
        evidence = [digest_file(folder / "template.ipynb")]
        self.record.append("INC-1", "run started", started, author="ada", evidence=evidence)
        pinned = {"run": number, "finding": finding.to_dict()}
        self.record.append("INC-1", "pinned", pinned, author="ada", evidence=[result.digest])
        left = [digest_file(folder / name) for name in ("executed.ipynb", "findings.json", "results/rates.json")]
        self.record.append("INC-1", ending, {"run": number, "digest": left[0]}, author="ada", evidence=left)
        return result.digest

    def note(self, *evidence: str) -> None:
        self.record.append("INC-1", "note", {"text": "they were refused"}, author="ada", evidence=evidence)

    def trace(self, name: str) -> Trace:
        entries = self.record.entries("INC-1")
        return trace(entries, home_files(self.home, entries), name)


@pytest.fixture
def writer(home: Path) -> Iterator[Writer]:
    made = Writer(home)
    yield made
    made.record.close()


def test_a_finding_is_traced_to_its_output_cell_parameters_data_and_versions(writer: Writer) -> None:
    digest = writer.run(1, 0.25)
    found = writer.trace("run1:1")
    assert [(claim.text, claim.status, claim.run) for claim in found.claims] == [(STATEMENT, "supported", 1)]
    [output] = found.outputs
    assert (output.name, output.result) == ("runs/0001-loans/results/rates.json", digest)
    assert output.digest == digest_file(incident_folder(writer.home, "INC-1") / output.name)
    assert output.places == ("/tables/rates/0/rate",)
    [cell] = found.cells
    assert (cell.number, cell.id, cell.source) == (2, "table", "show(found)")
    assert cell.page == "runs/0001-loans/executed.html#cell-2"
    assert found.run is not None
    assert {name: value for name, (_, value) in found.run.parameters.items()} == {"data": "log.csv", "seed": 0}
    assert found.run.data == {PRINT: 900}
    assert found.made_with == {"seed": 3, "versions": {"pandas": "3"}, "git": {"commit": "c0ffee"}}


def test_a_number_that_is_rounded_in_the_output_is_traced_to_its_rows(writer: Writer) -> None:
    writer.run(1, 0.25)
    path = incident_folder(writer.home, "INC-1") / "runs/0001-loans/results/rates.json"
    entry = next(entry for entry in writer.record.entries("INC-1") if entry.kind == "pinned")
    finding = {**entry.body["finding"], "effect": 0.2513}
    again = {"run": 1, "finding": {**finding, "rank": 2}}
    writer.record.append("INC-1", "pinned", again, author="ada", evidence=[digest_file(path)])
    assert writer.trace("run1:2").outputs[0].places == ("/tables/rates/0",)


def test_a_bundle_tells_what_the_home_tells(writer: Writer, tmp_path: Path) -> None:
    writer.run(1, 0.25)
    key, _ = ensure_key(keys_folder(writer.home), "ada")
    seal_incident(writer.record, "INC-1", home=writer.home, author="ada", key=key, out=tmp_path / "B.zip")
    entries, files = sealed_files(tmp_path / "B.zip", {})
    assert trace(entries, files, "run1:1").to_dict() == writer.trace("run1:1").to_dict()


def test_a_changed_bundle_is_not_traced(writer: Writer, tmp_path: Path) -> None:
    key, _ = ensure_key(keys_folder(writer.home), "ada")
    seal_incident(writer.record, "INC-1", home=writer.home, author="ada", key=key, out=tmp_path / "B.zip")
    content = (tmp_path / "B.zip").read_bytes()
    (tmp_path / "B.zip").write_bytes(content.replace(b'"title":"Loans"', b'"title":"Leans"'))
    with pytest.raises(VerificationError, match="the bundle does not hold"):
        sealed_files(tmp_path / "B.zip", {key.public.key_id: key.public})


@pytest.mark.parametrize("digits", [8, 64])
def test_a_digest_is_traced_to_the_claims_that_rest_on_it(writer: Writer, digits: int) -> None:
    digest = writer.run(1, 0.25)
    writer.note(digest)
    writer.note()
    found = writer.trace(digest.removeprefix("sha256:")[:digits])
    assert [claim.text for claim in found.claims] == [STATEMENT, "they were refused"]
    assert [item.name for item in found.outputs] == ["runs/0001-loans/results/rates.json"]
    assert [cell.number for cell in found.cells] == [2]


def test_a_file_and_the_digest_of_a_run_are_traced_to_the_run(writer: Writer) -> None:
    writer.run(1, 0.25)
    executed = incident_folder(writer.home, "INC-1") / "runs/0001-loans/executed.ipynb"
    found = writer.trace(digest_file(executed))
    assert [item.name for item in found.outputs] == ["runs/0001-loans/executed.ipynb"]
    assert found.run is not None
    assert found.run.state.number == 1


def test_a_note_is_traced_by_its_entry(writer: Writer) -> None:
    writer.note(writer.run(1, 0.25))
    found = writer.trace("entry5")
    assert (found.claims[0].text, found.claims[0].status) == ("they were refused", "supported")
    assert [item.name for item in found.outputs] == ["runs/0001-loans/results/rates.json"]


def test_a_claim_without_evidence_rests_on_nothing(writer: Writer) -> None:
    writer.note()
    found = writer.trace("entry2")
    assert (found.claims[0].status, found.run, found.outputs, found.cells) == ("unsupported", None, (), ())


def test_a_claim_goes_stale_when_the_run_is_repeated_with_another_result(writer: Writer) -> None:
    writer.run(1, 0.25)
    writer.run(2, 0.35)
    old, new = writer.trace("run1:1"), writer.trace("run2:1")
    assert (old.claims[0].status, old.claims[0].later) == ("stale", 2)
    assert new.claims[0].status == "supported"
    assert old.outputs[0].name.startswith("runs/0001")


@pytest.fixture
def by_hand(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A pin of a result that no run left."""
    monkeypatch.setenv("WORKBENCH_HOME", str(writer.home))
    monkeypatch.setenv("WORKBENCH_AUTHOR", "ada")
    monkeypatch.delenv("WORKBENCH_RUN", raising=False)
    made = {"arguments": {"least": 50}, "seed": 3, "fingerprint": PRINT, "versions": {"pandas": "3"}, "git": {"commit": "c0ffee"}}
    table = pd.DataFrame({"where": ["a = 1"], "rate": [0.25]})
    result = Result("rates", "Rates", tables={"rates": table}, numbers={"rows": 900}, provenance=made)
    finding = Finding("disparity", "worse where a = 1", effect=0.25, where="a = 1", evidence=result.digest)
    return pin_findings("INC-1", [finding], result)[0]


def test_a_result_pinned_by_hand_is_traced_to_its_file_arguments_and_data_also_in_a_bundle(
    writer: Writer, by_hand: Entry, tmp_path: Path
) -> None:
    writer.run(1, 0.25)
    found = writer.trace(f"entry{by_hand.seq}")
    [output] = found.outputs
    assert (output.name, output.result, output.places) == (by_hand.body["kept"], by_hand.evidence[0], ("/tables/rates/0/rate",))
    assert (found.claims[0].status, found.run) == ("supported", None)
    assert (found.made_with["arguments"], found.made_with["fingerprint"]) == ({"least": 50}, PRINT)
    assert writer.trace(output.digest[7:20]).outputs[0].name == output.name
    key, _ = ensure_key(keys_folder(writer.home), "ada")
    seal_incident(writer.record, "INC-1", home=writer.home, author="ada", key=key, out=tmp_path / "B.zip")
    assert trace(*sealed_files(tmp_path / "B.zip", {}), found.name).to_dict() == found.to_dict()


def test_a_pin_whose_result_is_gone_is_unsupported(writer: Writer, by_hand: Entry) -> None:
    (incident_folder(writer.home, "INC-1") / by_hand.body["kept"]).unlink()
    found = writer.trace(f"entry{by_hand.seq}")
    assert (found.claims[0].status, found.outputs) == ("unsupported", ())


def test_what_nobody_stated_lists_what_was(writer: Writer) -> None:
    writer.run(1, 0.25)
    for name in ("run1:2", "entry9", "deadbeefdeadbeef", "sha256:7", ""):
        with pytest.raises(UnknownNameError, match=r"Available: .*run1:1"):
            writer.trace(name)


def test_an_edited_record_is_not_traced(writer: Writer) -> None:
    writer.run(1, 0.25)
    entries = writer.record.entries("INC-1")
    with pytest.raises(RecordError, match="entry"):
        home_files(writer.home, [entries[0], *entries[2:]])


def test_a_run_whose_folder_is_gone_is_still_named(writer: Writer) -> None:
    writer.run(1, 0.25)
    shutil.rmtree(incident_folder(writer.home, "INC-1") / "runs")
    found = writer.trace("run1:1")
    assert found.run is not None
    assert (found.run.state.number, found.outputs, found.cells) == (1, (), ())


@pytest.mark.slow
def test_every_number_that_triage_of_compas_found_is_traced(
    compas: Path, compas_roles: dict[str, object], home: Path, tmp_path: Path
) -> None:
    """In the sealed bundle, for each finding: the output whose digest is its evidence, a cell, every parameter, the data."""
    import yaml

    (tmp_path / "roles.yaml").write_text(yaml.safe_dump(compas_roles))
    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", "Loans", "ada")
        given = {"data": str(compas), "roles": str(tmp_path / "roles.yaml")}
        done = run_runbook("triage", given, home=home, incident="INC-1", author="ada")
        key, _ = ensure_key(keys_folder(home), "ada")
        seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "B.zip")
    entries, files = sealed_files(tmp_path / "B.zip", {})
    document = json.loads((done.folder / "findings.json").read_text())
    assert len(document["findings"]) > 5
    for finding in document["findings"]:
        found = trace(entries, files, f"run1:{finding['rank']}")
        assert found.claims[0].status == "supported"
        assert found.finding == finding
        [output] = found.outputs
        assert output.result == finding["evidence"]
        assert output.places
        assert found.cells
        assert found.run is not None
        assert found.run.data == {document["dataset"]["fingerprint"]: document["dataset"]["rows"]}
        assert {"data", "roles", "reference", "current", "seed"} <= set(found.run.parameters)


def test_an_unknown_incident_has_nothing_to_trace(writer: Writer) -> None:
    with pytest.raises(InputError, match="INC-1"):
        require_incident(writer.record, "INC-2")
