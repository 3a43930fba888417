"""The checker that travels: the same verdict as the workbench's own, from another hand, where there is no workbench."""

import ast
import base64
import datetime as dt
import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.digest import canonical_json
from workbench.evidence.verifier import travelling_files
from workbench.evidence.verify import CHECKS, verify_bundle
from workbench.incident.chain import Entry, Head, genesis
from workbench.signing import IN_TOTO, SigningKey, sign_envelope

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

ENVELOPE = "attestations/bundle.dsse.json"
EVENTS = "data/record/events.jsonl"
NOTEBOOK = "data/runs/0001-triage/executed.ipynb"
MALLORY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"m" * 32))
LINE = re.compile(r"  (ok  |BAD |--  ) ([a-z ]+): (.+)")

Files = dict[str, bytes]


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checker, far from the package it comes with."""
    return Path(shutil.copy(travelling_files()["verify.py"], tmp_path_factory.mktemp("elsewhere") / "verify.py"))


@pytest.fixture(scope="session")
def module(script: Path) -> ModuleType:
    """The checker as a module, for the tests that need many calls."""
    spec = importlib.util.spec_from_file_location("travelling_verify", script)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="session")
def pem(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("signer") / "signer.pem"
    path.write_bytes(sample.key.public.pem)
    return path


@pytest.fixture
def files(sealed_bytes: bytes, forge: Any) -> Files:
    return forge.unzip(sealed_bytes)


def run(script: Path, *arguments: object, cwd: Path | None = None, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """The checker in an interpreter that sees the standard library and nothing else."""
    command = [sys.executable, "-I", "-S", str(script), *map(str, arguments)]
    environment = {"PATH": os.environ["PATH"] if path is None else path, "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def failed(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The names of the checks that failed; all checks are always listed, and the status and the last line agree with them."""
    assert done.stderr == ""
    *lines, last = done.stdout.splitlines()
    found = [match for line in lines if (match := LINE.fullmatch(line))]
    assert [match[2] for match in found] == list(CHECKS)
    bad = {match[2] for match in found if match[1] == "BAD "}
    assert done.returncode == (1 if bad else 0)
    assert last.startswith("NOT VERIFIED") is bool(bad)
    return bad


def write_folder(files: Files, root: Path) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def resign(files: Files, key: SigningKey, **claims: object) -> Files:
    """The bundle signed anew over its tag manifest, by whoever holds `key`."""
    statement = json.loads(base64.b64decode(json.loads(files[ENVELOPE])["payload"]))
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(files["tagmanifest-sha256.txt"]).hexdigest()
    statement["predicate"] |= {"key_id": key.public.key_id, **claims}
    kept = {name: data for name, data in files.items() if not name.startswith("attestations/")}
    envelope = canonical_json(sign_envelope(IN_TOTO, canonical_json(statement), key))
    return kept | {ENVELOPE: envelope, f"attestations/keys/{key.public.key_id}.pem": key.public.pem}


class Forger:
    """Everything that somebody could do to a bundle, by name."""

    def __init__(self, files: Files, entries: list[Entry], sample: Any, forge: Any) -> None:
        self.files, self.entries, self.sample, self.forge = files, entries, sample, forge
        self.pem = f"attestations/keys/{sample.key.public.key_id}.pem"

    def without(self, *names: str) -> Files:
        return {name: data for name, data in self.files.items() if name not in names}

    def record(self, entries: list[Entry]) -> Files:
        return self.forge.rehash(self.files | {EVENTS: self.forge.to_jsonl(entries)})

    def envelope(self, change: Callable[[dict[str, Any]], object]) -> Files:
        envelope = json.loads(self.files[ENVELOPE])
        change(envelope)
        return self.files | {ENVELOPE: canonical_json(envelope)}

    def forged_record(self) -> list[Entry]:
        head, forged = Head("INC-42", 0, genesis("INC-42")), []
        for _ in range(4):
            forged.append(Entry.after(head, "note", {"text": "all was well"}, author="mallory"))
            head = Head("INC-42", forged[-1].seq, forged[-1].digest)
        return forged

    def another_signature(self) -> str:
        return json.loads(resign(self.files, MALLORY)[ENVELOPE])["signatures"][0]["sig"]

    def own(self, files: Files, **claims: object) -> Files:
        return resign(files, self.sample.key, **claims)


TAMPERINGS: dict[str, Callable[[Forger], Files]] = {
    "nothing": lambda f: f.files,
    "file added": lambda f: f.files | {"data/extra.txt": b"x"},
    "file added beside the payload": lambda f: f.files | {"attestations/other.json": b"x"},
    "file removed": lambda f: f.without(NOTEBOOK),
    "file emptied": lambda f: f.files | {NOTEBOOK: b""},
    "notebook swapped": lambda f: f.files | {NOTEBOOK: f.files["data/runs/0002-slices/executed.ipynb"]},
    "invisible name": lambda f: f.files | {"data/\x1b[2K": b""},
    "bag-info edited": lambda f: f.files | {"bag-info.txt": f.files["bag-info.txt"].replace(b"INC-42", b"INC-43")},
    "manifest edited": lambda f: f.files | {"manifest-sha512.txt": f.files["manifest-sha512.txt"][1:]},
    "bagit.txt removed": lambda f: f.without("bagit.txt"),
    "tag manifest removed": lambda f: f.without("tagmanifest-sha256.txt"),
    "envelope removed": lambda f: f.without(ENVELOPE),
    "key removed": lambda f: f.without(f.pem),
    "record removed": lambda f: f.without(EVENTS),
    "payload only": lambda f: {name: data for name, data in f.files.items() if name.startswith("data/")},
    "bag rehashed": lambda f: f.forge.rehash(f.files | {"data/runs/0001-triage/findings.json": b"[]"}),
    "record cut": lambda f: f.record(f.entries[:-1]),
    "record emptied": lambda f: f.record([]),
    "record reordered": lambda f: f.record([f.entries[at] for at in (0, 2, 1, 3)]),
    "record edited": lambda f: f.forge.rehash(f.files | {EVENTS: f.files[EVENTS].replace(b"note 2", b"note X")}),
    "record respelled": lambda f: f.forge.rehash(f.files | {EVENTS: f.files[EVENTS].replace(b'"seq":2', b'"seq": 2')}),
    "record without its last line feed": lambda f: f.forge.rehash(f.files | {EVENTS: f.files[EVENTS][:-1]}),
    "record forged": lambda f: f.record(f.forged_record()),
    "wrong key": lambda f: resign(f.forge.rehash(f.files | {"data/env/lock.txt": b"changed"}), MALLORY),
    "wrong key under the right name": lambda f: {**f.without(f.pem), f.pem: MALLORY.public.pem},
    "two keys": lambda f: f.files | {f"attestations/keys/{MALLORY.public.key_id}.pem": MALLORY.public.pem},
    "signature replaced": lambda f: f.envelope(lambda e: e["signatures"][0].update(sig=f.another_signature())),
    "signature added": lambda f: f.envelope(lambda e: e["signatures"].append({"keyid": MALLORY.public.key_id, "sig": "AAAA"})),
    "signature removed": lambda f: f.envelope(lambda e: e["signatures"].clear()),
    "field added to the envelope": lambda f: f.envelope(lambda e: e.update(extra=1)),
    "another payload type": lambda f: f.envelope(lambda e: e.update(payloadType="text/plain")),
    "envelope respelled": lambda f: f.files | {ENVELOPE: f.files[ENVELOPE].replace(b'{"payload"', b'{ "payload"')},
    "base64 respelled": lambda f: f.files | {ENVELOPE: f.files[ENVELOPE].replace(b"==", b"==\\n")},
    "key respelled": lambda f: f.files | {f.pem: b"hello\n" + f.files[f.pem]},
    "key under another name": lambda f: f.without(f.pem) | {f"attestations/keys/{'0' * 64}.pem": f.files[f.pem]},
    "future time": lambda f: f.own(f.files, sealed_at="9999-01-01T00:00:00.000+00:00"),
    "no time": lambda f: f.own(f.files, sealed_at="2026-13-01T00:00:00.000+00:00"),
    "another incident": lambda f: f.own(f.files, incident="INC-43"),
    "another head": lambda f: f.own(f.files, record={"length": 3, "digest": "sha256:" + "0" * 64}),
    "statement with a field too many": lambda f: f.own(f.files, extra=1),
    "statement with a length that is no number": lambda f: f.own(
        f.files, record={"length": True, "digest": "sha256:" + "0" * 64}
    ),
    "statement with an invisible incident": lambda f: f.own(f.files, incident="\x1b[2K"),
    "previous seal": lambda f: f.own(f.files, previous="sha256:" + "0" * 64),
    "unsafe names, signed": lambda f: f.own(f.forge.rehash(f.files | {"data/../../evil": b"x", "data/ENV/lock.txt": b"x"})),
    "clashing folders, signed": lambda f: f.own(f.forge.rehash(f.files | {"data/Env": b"x"})),
    "too few tag files, signed": lambda f: f.own(
        f.files | {"tagmanifest-sha256.txt": b"".join(f.files["tagmanifest-sha256.txt"].splitlines(keepends=True)[:-1])}
    ),
}


STRICTER = {"manifest edited": {"payload"}}
"""What the checker finds beside what the workbench does: it reads the SHA-512 manifest too."""


@pytest.fixture
def forger(files: Files, entries: list[Entry], sample: Any, forge: Any) -> Forger:
    return Forger(files, entries, sample, forge)


class TestAgainstTheWorkbench:
    @pytest.mark.parametrize("name", TAMPERINGS)
    def test_the_same_checks_fail(self, name: str, forger: Forger, script: Path, pem: Path, tmp_path: Path) -> None:
        bundle = tmp_path / "B.zip"
        bundle.write_bytes(forger.forge.rezip(TAMPERINGS[name](forger)))
        expected = {check.name for check in verify_bundle(bundle, forger.sample.trusted).checks if not check.ok}
        assert failed(run(script, bundle, "--key", pem)) == expected | STRICTER.get(name, set())
        assert bool(expected) is (name not in {"nothing", "previous seal"})

    @pytest.mark.parametrize("name", ["nothing", "file added", "bag rehashed", "record cut", "wrong key", "signature replaced"])
    def test_in_an_unpacked_folder_too(self, name: str, forger: Forger, script: Path, pem: Path, tmp_path: Path) -> None:
        tampered = TAMPERINGS[name](forger)
        bundle = tmp_path / "B.zip"
        bundle.write_bytes(forger.forge.rezip(tampered))
        expected = {check.name for check in verify_bundle(bundle, forger.sample.trusted).checks if not check.ok}
        assert failed(run(script, write_folder(tampered, tmp_path / "folder"), "--key", pem)) == expected

    def test_the_sha512_manifest_is_held_against_the_files(
        self, files: Files, sample: Any, forge: Any, script: Path, tmp_path: Path
    ) -> None:
        """The workbench leaves it out; whoever trusts that manifest alone is told when it lies."""
        bag = forge.rehash(files)
        first = bag["manifest-sha512.txt"][:1]
        bag["manifest-sha512.txt"] = (b"1" if first == b"0" else b"0") + bag["manifest-sha512.txt"][1:]
        tags = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt"]
        bag["tagmanifest-sha256.txt"] = "".join(f"{hashlib.sha256(bag[name]).hexdigest()}  {name}\n" for name in tags).encode()
        (tmp_path / "B.zip").write_bytes(forge.rezip(resign(bag, sample.key)))
        assert failed(run(script, tmp_path / "B.zip")) == {"payload"}


class TestArchive:
    @given(data=st.data())
    def test_any_one_bit_flipped(
        self, tmp_path_factory: pytest.TempPathFactory, sealed_bytes: bytes, module: ModuleType, data: st.DataObject
    ) -> None:
        bit = data.draw(st.integers(0, 8 * len(sealed_bytes) - 1))
        damaged = bytearray(sealed_bytes)
        damaged[bit // 8] ^= 1 << bit % 8
        path = tmp_path_factory.getbasetemp() / "flipped-for-verifier.zip"
        path.write_bytes(damaged)
        assert module.read_zip(path).fault

    @given(data=st.binary(max_size=200))
    @settings(max_examples=50)
    def test_any_bytes_have_a_fault(self, tmp_path_factory: pytest.TempPathFactory, module: ModuleType, data: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "noise-for-verifier.zip"
        path.write_bytes(data)
        assert module.read_zip(path).fault

    @pytest.mark.parametrize("change", ["before", "after", "cut", "compressed", "reversed", "twice"])
    def test_zipped_another_way(self, sealed_bytes: bytes, forger: Forger, script: Path, tmp_path: Path, change: str) -> None:
        files, forge = forger.files, forger.forge
        names = sorted(files, key=str.encode)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name in names[::-1] if change == "reversed" else names:
                archive.writestr(
                    forge.canonical_info(name), files[name], zipfile.ZIP_DEFLATED if change == "compressed" else None
                )
            if change == "twice":
                with pytest.warns(UserWarning, match="Duplicate name"):
                    archive.writestr(forge.canonical_info(EVENTS), b"forged")
        made = {"before": b"#!/bin/sh\n" + sealed_bytes, "after": sealed_bytes + b"\n", "cut": sealed_bytes[:-1]}
        (tmp_path / "B.zip").write_bytes(made.get(change, out.getvalue()))
        assert "archive" in failed(run(script, tmp_path / "B.zip"))

    def test_what_was_only_zipped_anew_is_sound_once_unpacked(
        self, files: Files, script: Path, pem: Path, tmp_path: Path
    ) -> None:
        done = run(script, write_folder(files, tmp_path / "bundle"), "--key", pem)
        assert failed(done) == set()
        assert "--   archive: not checked" in done.stdout


class TestFolder:
    def test_a_link_is_no_file(self, files: Files, script: Path, pem: Path, tmp_path: Path) -> None:
        """Its target may change after the check."""
        root = write_folder(files, tmp_path / "bundle")
        (root / NOTEBOOK).rename(tmp_path / "moved")
        (root / NOTEBOOK).symlink_to(tmp_path / "moved")
        (root / "data" / "more").symlink_to(tmp_path, target_is_directory=True)
        done = run(script, root, "--key", pem)
        assert {"files", "payload"} <= failed(done)
        assert f"not a regular file: data/more, {NOTEBOOK}" in done.stdout

    def test_the_bundle_we_are_in_is_the_default(self, files: Files, script: Path, pem: Path, tmp_path: Path) -> None:
        root = write_folder(files, tmp_path / "bundle")
        assert failed(run(script, "--key", pem, cwd=root)) == set()

    def test_the_bundle_that_it_lies_in_is_the_default(self, sample: Any, forge: Any, pem: Path, tmp_path: Path) -> None:
        aids = {name: path.read_bytes() for name, path in travelling_files().items()}
        sealed = sample.seal(tmp_path / "B.zip", payload=sample.payload | aids)
        root = write_folder(forge.unzip(sealed.path.read_bytes()), tmp_path / "bundle")
        assert failed(run(root / "data" / "verify.py", "--key", pem, cwd=tmp_path)) == set()

    def test_nothing_is_left_in_the_folder(self, files: Files, script: Path, pem: Path, tmp_path: Path) -> None:
        root = write_folder(files, tmp_path / "bundle")
        run(script, root, "--key", pem)
        assert {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} == set(files)


class TestCommand:
    def test_without_a_key_it_says_what_that_does_not_prove(self, sealed_bytes: bytes, script: Path, tmp_path: Path) -> None:
        (tmp_path / "B.zip").write_bytes(sealed_bytes)
        done = run(script, tmp_path / "B.zip")
        assert done.returncode == 0
        assert "--   signer: not checked" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("This proves integrity, not who signed")
        assert "verified:" not in done.stdout

    def test_everything_done_anew_by_another_passes_only_without_a_key(
        self, files: Files, forge: Any, script: Path, pem: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "B.zip").write_bytes(forge.rezip(resign(forge.rehash(files | {"data/env/lock.txt": b"x"}), MALLORY)))
        assert run(script, tmp_path / "B.zip").returncode == 0
        done = run(script, tmp_path / "B.zip", "--key", pem)
        assert failed(done) == {"signer"}
        assert "signer not trusted" in done.stdout.splitlines()[-1]

    def test_a_key_of_other_line_ends_is_the_same_key(
        self, sealed_bytes: bytes, sample: Any, script: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "B.zip").write_bytes(sealed_bytes)
        (tmp_path / "crlf.pem").write_bytes(sample.key.public.pem.replace(b"\n", b"\r\n"))
        assert failed(run(script, tmp_path / "B.zip", "--key", tmp_path / "crlf.pem")) == set()

    @pytest.mark.parametrize("arguments", [["none.zip"], ["B.zip", "--key", "none.pem"], ["B.zip", "--key", "B.zip"], []])
    def test_what_cannot_be_read_could_not_be_checked(
        self, sealed_bytes: bytes, script: Path, tmp_path: Path, arguments: list[str]
    ) -> None:
        (tmp_path / "B.zip").write_bytes(sealed_bytes)
        done = run(script, *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stdout + done.stderr

    @pytest.mark.parametrize("openssl", [None, "#!/bin/sh\necho unknown option -rawin >&2\nexit 1\n", "#!/bin/sh\nexit 0\n"])
    def test_without_a_verdict_of_openssl_nothing_passes(
        self, sealed_bytes: bytes, script: Path, pem: Path, tmp_path: Path, openssl: str | None
    ) -> None:
        (tmp_path / "B.zip").write_bytes(sealed_bytes)
        (tmp_path / "bin").mkdir()
        if openssl:
            (tmp_path / "bin" / "openssl").write_text(openssl)
            (tmp_path / "bin" / "openssl").chmod(0o755)
        done = run(script, tmp_path / "B.zip", "--key", pem, path=str(tmp_path / "bin"))
        assert done.returncode == (1 if openssl and openssl.endswith("exit 0\n") else 2)
        assert "verified:" not in done.stdout

    def test_a_hostile_name_does_not_reach_the_terminal(self, files: Files, forge: Any, script: Path, tmp_path: Path) -> None:
        (tmp_path / "B.zip").write_bytes(forge.rezip(files | {"data/\x1b[2K": b""}))
        done = run(script, tmp_path / "B.zip")
        assert r"\x1b[2K" in done.stdout
        assert "\x1b" not in done.stdout


class TestItself:
    def test_imports_the_standard_library_only(self, script: Path) -> None:
        tree = ast.parse(script.read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert "hashlib" in imported
        assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names

    def test_imports_nothing_that_lies_beside_it(self, sealed_bytes: bytes, script: Path, pem: Path, tmp_path: Path) -> None:
        """A bundle may hold a hashlib.py."""
        (tmp_path / "B.zip").write_bytes(sealed_bytes)
        beside = shutil.copy(script, tmp_path / "verify.py")
        for name in ("hashlib", "argparse", "json", "re", "zlib", "subprocess", "typing"):
            (tmp_path / f"{name}.py").write_text('raise SystemExit("not the real one")\n')
        command = [sys.executable, "-S", beside, tmp_path / "B.zip", "--key", pem]
        assert failed(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)) == set()

    def test_is_python_3_8(self, script: Path) -> None:
        ast.parse(script.read_text(), feature_version=(3, 8))

    @pytest.mark.skipif(shutil.which("python3.8") is None, reason="python3.8 is not installed")
    def test_runs_on_python_3_8(self, sealed_bytes: bytes, script: Path, pem: Path, tmp_path: Path) -> None:
        (tmp_path / "B.zip").write_bytes(sealed_bytes)
        found = subprocess.run(["python3.8", "--version"], capture_output=True, text=True, check=False)
        if found.returncode:
            pytest.skip("python3.8 is a stub here")
        command = ["python3.8", "-I", "-S", script, tmp_path / "B.zip", "--key", pem]
        assert failed(subprocess.run(command, capture_output=True, text=True, check=False)) == set()

    def test_a_time_of_today_is_past(self, sample: Any, script: Path, pem: Path, tmp_path: Path) -> None:
        sample.seal(tmp_path / "B.zip", sealed_at=dt.datetime.now(dt.UTC))
        assert failed(run(script, tmp_path / "B.zip", "--key", pem)) == set()
