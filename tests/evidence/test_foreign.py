"""Bundles in the hands of tools that are not ours: bagit, rocrate-validator, openssl, sigstore's core; and VERIFY.md itself.

They live in ``.venv-verify``, which ``make test`` makes. Each is shown a sound bundle and one that somebody changed. They run
without a network where the system lets us take it away.
"""

import base64
import datetime as dt
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from workbench.evidence.bundle import seal
from workbench.evidence.contents import bundle_contents
from workbench.evidence.crate import crate_files
from workbench.evidence.verifier import travelling_files
from workbench.incident.home import incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.signing import SigningKey, pae

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv-verify"
SIGSTORE = TOOLS / "node" / "node_modules" / "@sigstore" / "core"
TEMPLATE = ROOT / "templates" / "triage.ipynb"
GUIDE = travelling_files()["VERIFY.md"]
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
TOOL_OF_BLOCK = ("sha256sum", "pkeyutl", "bagit.py", "rocrate-validator", "BUNDLE.zip --key", "--key ../", "workbench")
MISSING = [name for name in ("bagit.py", "rocrate-validator") if not (TOOLS / "bin" / name).exists()]
MISSING += [name for name in ("openssl", "unzip") if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}; `make .venv-verify/installed`")

Bundle = Callable[[str], Path]


@functools.cache
def offline() -> list[str]:
    """What takes the network away from a command, where this system lets us."""
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return []


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command without a network, with the foreign tools first in the path, then ours."""
    path = os.pathsep.join([str(TOOLS / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    words = [*offline(), *map(str, command)]
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def run_block(block: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A block of VERIFY.md, stopped by the first command that fails."""
    return run("bash", "-euo", "pipefail", "-c", block, cwd=cwd)


class Writer:
    """An incident in a home, with runs that left files as the runner leaves them; nothing is executed."""

    def __init__(self, home: Path, incident: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.incident = home, incident
        self.record = Record.open(record_path(home))
        create_incident(self.record, incident, "Loans <& more>", "ada")

    def run(self, number: int, ending: str | None = "run completed", *, files: bool = True) -> None:
        folder = incident_folder(self.home, self.incident) / "runs" / f"{number:04d}-triage"
        folder.mkdir(parents=True)
        (folder / "parameters.json").write_text("{}")
        body = {
            "run": number,
            "template": "triage",
            "folder": f"runs/{folder.name}",
            "parameters": {"data": "log 1.csv", "seed": 7},
        }
        digest = "sha256:" + hashlib.sha256(TEMPLATE.read_bytes()).hexdigest()
        self.record.append(self.incident, "run started", body, author="ada", evidence=[digest])
        if files:
            name = "executed.ipynb" if ending == "run completed" else "partial.ipynb"
            nbformat.write(new_notebook(cells=[new_markdown_cell("# Triage")]), folder / name)
            findings = {"dataset": {"fingerprint": "sha256:" + "ab" * 32, "rows": 812}, "findings": []}
            (folder / "findings.json").write_text(json.dumps(findings))
        if ending:
            stopped = {} if ending == "run completed" else {"cell": 3, "why": "KeyError: 'age'"}
            self.record.append(self.incident, ending, {"run": number, **stopped}, author="grace")

    def seal(self, out: Path, key: SigningKey, *, with_templates: bool = True) -> Path:
        entries = self.record.entries(self.incident)
        payload, head = bundle_contents(self.home, entries)
        for entry in entries:
            if entry.kind == "run started" and with_templates:
                payload[f"{entry.body['folder']}/template.ipynb"] = TEMPLATE
        now = dt.datetime.now(dt.UTC)
        payload |= {"env/n\u00fcrnberg #1.txt": b"x"}
        payload |= crate_files(entries, payload, now)
        return seal(payload, incident=self.incident, head=head, key=key, out=out, sealed_at=now).path


KINDS: dict[str, tuple[str, list[tuple[str | None, bool]], bool]] = {
    "one run": ("workflow-run-crate-0.5", [("run completed", True)], True),
    "one run that failed": ("workflow-run-crate-0.5", [("run failed", True)], True),
    "one run without its template": ("process-run-crate-0.5", [("run completed", True)], False),
    "several runs": (
        "process-run-crate-0.5",
        [("run completed", True), ("run timed out", True), ("run interrupted", False), (None, False)],
        True,
    ),
    "no run": ("ro-crate-1.1", [], True),
}


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.create(tmp_path_factory.mktemp("foreign-keys"), "ada")


@pytest.fixture(scope="session")
def bundle(signer: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """By kind, a folder that holds ``BUNDLE.zip``, ``signer.pem`` and the unpacked ``bundle``."""

    @functools.cache
    def make(kind: str) -> Path:
        _, runs, with_templates = KINDS[kind]
        place = tmp_path_factory.mktemp("bundle")
        writer = Writer(place / "home", "INC-42")
        with writer.record:
            for number, (ending, files) in enumerate(runs, 1):
                writer.run(number, ending, files=files)
            writer.seal(place / "BUNDLE.zip", signer, with_templates=with_templates)
        shutil.rmtree(place / "home")
        (place / "signer.pem").write_bytes(signer.public.pem)
        run("unzip", "-q", "BUNDLE.zip", "-d", "bundle", cwd=place)
        return place

    return make


@pytest.fixture
def copied(bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle of one run, to be changed."""
    return Path(shutil.copytree(bundle("one run"), tmp_path / "copy"))


@pytest.fixture(scope="session")
def terms(bundle: Bundle) -> Path:
    """The validator's cache, seeded by VERIFY.md's own commands from the contexts in a bundle."""
    block = next(block for block in BLOCKS if "rocrate-validator" in block)
    done = run_block(block.partition("rocrate-validator")[0], bundle("one run"))
    assert done.returncode == 0, done.stderr
    return bundle("one run") / "terms"


def validate(target: Path, terms: Path) -> tuple[int, str]:
    done = run(
        "rocrate-validator", "-y", "--disable-color", "validate", "--no-paging", "--offline", "--cache-path", terms,
        "-l", "recommended", "-s", "process-run-crate-0.5_5.1", "-v", target, cwd=target.parent,
    )  # fmt: skip
    return done.returncode, done.stdout


def signed_parts(place: Path) -> tuple[bytes, bytes]:
    """The DSSE pre-authentication encoding, and the signature over it."""
    envelope = json.loads((place / "bundle/attestations/bundle.dsse.json").read_bytes())
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    return pae(envelope["payloadType"], base64.b64decode(envelope["payload"])), signature


class TestRoCrateValidator:
    @pytest.mark.parametrize("kind", ["one run", "several runs"])
    def test_accepts_the_unpacked_bag(self, kind: str, bundle: Bundle, terms: Path) -> None:
        status, said = validate(bundle(kind) / "bundle", terms)
        assert status == 0, said
        assert f"Target Profile: {KINDS[kind][0]} " in said

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"one run", "several runs"}])
    def test_accepts_every_other_kind(self, kind: str, bundle: Bundle, terms: Path) -> None:
        self.test_accepts_the_unpacked_bag(kind, bundle, terms)

    def test_accepts_the_zip(self, bundle: Bundle, terms: Path) -> None:
        status, said = validate(bundle("one run") / "BUNDLE.zip", terms)
        assert status == 0, said
        assert "workflow-run-crate-0.5" in said

    def test_misses_a_file_that_is_gone(self, copied: Path, terms: Path) -> None:
        (copied / "bundle/data/runs/0001-triage/executed.ipynb").unlink()
        assert validate(copied / "bundle", terms)[0] == 1

    @pytest.mark.slow
    def test_judges_at_the_recommended_level(self, copied: Path, terms: Path) -> None:
        path = copied / "bundle/data/ro-crate-metadata.json"
        document = json.loads(path.read_text())
        [action] = [entity for entity in document["@graph"] if entity["@type"] == "CreateAction"]
        del action["endTime"]
        path.write_text(json.dumps(document))
        assert validate(copied / "bundle", terms)[0] == 1


class TestBagit:
    def test_accepts_the_unpacked_bag(self, bundle: Bundle) -> None:
        done = run("bagit.py", "--validate", "bundle", cwd=bundle("several runs"))
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("name", ["data/record/events.jsonl", "manifest-sha512.txt", "bag-info.txt"])
    def test_refuses_a_changed_file(self, copied: Path, name: str) -> None:
        path = copied / "bundle" / name
        path.write_bytes(path.read_bytes() + b"\n")
        assert run("bagit.py", "--validate", "bundle", cwd=copied).returncode == 1

    def test_refuses_an_extra_file(self, copied: Path) -> None:
        (copied / "bundle/data/extra.txt").write_bytes(b"x")
        assert run("bagit.py", "--validate", "bundle", cwd=copied).returncode == 1


class TestOpenssl:
    def verdict(self, place: Path, tmp_path: Path, signed: bytes, signature: bytes) -> str:
        (tmp_path / "signed").write_bytes(signed)
        (tmp_path / "signature").write_bytes(signature)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", place / "signer.pem", "-rawin", "-in", "signed"]
        return run(*command, "-sigfile", "signature", cwd=tmp_path).stdout.strip()

    def test_verifies_the_envelope(self, bundle: Bundle, tmp_path: Path) -> None:
        place = bundle("one run")
        assert self.verdict(place, tmp_path, *signed_parts(place)) == "Signature Verified Successfully"

    def test_refuses_another_payload(self, bundle: Bundle, tmp_path: Path) -> None:
        place = bundle("one run")
        signed, signature = signed_parts(place)
        assert self.verdict(place, tmp_path, signed.replace(b"INC-42", b"INC-43"), signature) == "Signature Verification Failure"


NODE = """
const { dsse, crypto } = require(process.argv[1]);
const { readFileSync } = require("fs");
const envelope = JSON.parse(readFileSync(process.argv[2], "utf8"));
const key = crypto.createPublicKey(readFileSync(process.argv[3], "utf8"));
const holds = (payload) => crypto.verify(
    dsse.preAuthEncoding(envelope.payloadType, payload), key, Buffer.from(envelope.signatures[0].sig, "base64"));
const payload = Buffer.from(envelope.payload, "base64");
const changed = Buffer.from(payload.toString("utf8").replace("INC-42", "INC-43"));
console.log(JSON.stringify([holds(payload), holds(changed)]));
"""


@pytest.mark.skipif(
    not SIGSTORE.exists() or shutil.which("node") is None, reason=f"node or {SIGSTORE.relative_to(ROOT)} is not installed"
)
def test_sigstores_core_verifies_the_envelope_and_refuses_another_payload(bundle: Bundle) -> None:
    done = run("node", "-e", NODE, SIGSTORE, "bundle/attestations/bundle.dsse.json", "signer.pem", cwd=bundle("one run"))
    assert done.stdout.strip() == "[true,false]", done.stderr


class TestGuide:
    @pytest.fixture
    def place(self, bundle: Bundle, tmp_path: Path) -> Path:
        """A folder that holds what the guide asks for, and nothing else."""
        for name in ("BUNDLE.zip", "signer.pem"):
            shutil.copy(bundle("one run") / name, tmp_path / name)
        return tmp_path

    def test_every_step_holds_for_a_sound_bundle(self, place: Path) -> None:
        """In the order in which they stand; every fenced block is one that is run here."""
        assert GUIDE.read_text().count("```") == 2 * len(BLOCKS)
        assert [tool in block for tool, block in zip(TOOL_OF_BLOCK, BLOCKS, strict=True)] == [True] * len(BLOCKS)
        for block in BLOCKS:
            done = run_block(block, place)
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"

    def unpack(self, place: Path) -> Path:
        run("unzip", "-q", "BUNDLE.zip", "-d", "bundle", cwd=place)
        return place / "bundle"

    def holding(self, place: Path, *, unpacked_only: bool = True) -> list[str]:
        """The steps that hold, less unpacking itself and the description, which vouches for no digest."""
        blocks = [block.replace("unzip -q BUNDLE.zip -d bundle\n", "") for block in BLOCKS if "rocrate-validator" not in block]
        blocks = [block for block in blocks if not unpacked_only or "BUNDLE.zip --key" not in block]
        return [block.splitlines()[-1] for block in blocks if run_block(block, place).returncode == 0]

    def test_no_step_overlooks_a_changed_notebook(self, place: Path) -> None:
        path = self.unpack(place) / "data/runs/0001-triage/executed.ipynb"
        path.write_bytes(path.read_bytes().replace(b"{", b"[", 1))
        assert self.holding(place) == ['cat "$scratch/statement"']  # the manifests are still what was signed

    def test_a_bag_made_anew_fails_where_the_signature_is_looked_at(self, place: Path, forge: Any) -> None:
        """Coreutils and bagit see a sound bag; openssl and the checker see that nobody signed it."""
        root = self.unpack(place)
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for name, data in forge.rehash(files | {"data/runs/0001-triage/findings.json": b"[]"}).items():
            (root / name).write_bytes(data)
        assert [line.split()[0] for line in self.holding(place)] == ["diff", "bagit.py"]

    def test_another_signers_key_fails(self, place: Path) -> None:
        self.unpack(place)
        SigningKey.create(place / "keys", "mallory")
        shutil.copy(place / "keys" / "mallory.pub.pem", place / "signer.pem")
        assert [line.split()[0] for line in self.holding(place, unpacked_only=False)] == ["diff", "bagit.py"]
