"""A small sealed incident (`sample`, `sealed_bytes`), and the tools of somebody who would change it unseen (`forge`).

The tools use ``zipfile`` and ``hashlib`` only: they are a second implementation of the bundle's form.
"""

import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.evidence.bundle import Sealed, seal
from workbench.incident.chain import Entry, Head, genesis, write_jsonl
from workbench.signing import PublicKey, SigningKey

INCIDENT = "INC-42"
SEALED_AT = dt.datetime(2026, 3, 4, 2, 10, 0, 123000, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Sample:
    """What goes into a bundle, and who signs it."""

    payload: dict[str, bytes]
    head: Head
    key: SigningKey

    @property
    def trusted(self) -> dict[str, PublicKey]:
        return {self.key.public.key_id: self.key.public}

    def seal(self, out: Path, **changed: object) -> Sealed:
        arguments = {"incident": INCIDENT, "head": self.head, "key": self.key, "sealed_at": SEALED_AT, "out": out}
        payload = changed.pop("payload", self.payload)
        return seal(payload, **{**arguments, **changed})  # type: ignore[arg-type]


def make_entries(count: int = 4) -> list[Entry]:
    entries, head = [], Head(INCIDENT, 0, genesis(INCIDENT))
    for number in range(count):
        kind, body = ("note", {"text": f"note {number}"}) if number else ("opened", {"title": "Loans"})
        entries.append(Entry.after(head, kind, body, author="ada"))
        head = Head(INCIDENT, entries[-1].seq, entries[-1].digest)
    return entries


def to_jsonl(entries: list[Entry]) -> bytes:
    file = io.BytesIO()
    write_jsonl(entries, file)
    return file.getvalue()


@pytest.fixture(scope="session")
def entries() -> list[Entry]:
    return make_entries()


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> Sample:
    payload = {
        "record/events.jsonl": to_jsonl(entries),
        "record/checkpoint.json": b'{"length":4}',
        "runs/0001-triage/executed.ipynb": b'{"cells":[],"run":1}',
        "runs/0001-triage/executed.html": b"<!DOCTYPE html><title>Triage</title><p>two findings",
        "runs/0001-triage/findings.json": b"{}",
        "runs/0001-triage/parameters.json": b'{"reference":"time < 2026-03-01"}',
        "runs/0002-slices/executed.ipynb": b'{"cells":[],"run":2}',
        "env/lock.txt": b"",
        "env/n\u00fcrnberg.txt": b"platform\n",
    }
    key = SigningKey.create(tmp_path_factory.mktemp("keys"), "ada")
    return Sample(payload, Head(INCIDENT, len(entries), entries[-1].digest), key)


@pytest.fixture(scope="session")
def sealed_bytes(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return sample.seal(tmp_path_factory.mktemp("bundle") / "B.zip").path.read_bytes()


def unzip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rezip(files: dict[str, bytes], info: Callable[[str], zipfile.ZipInfo] | None = None) -> bytes:
    """The canonical zip of `files`, as the standard library writes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files, key=str.encode):
            archive.writestr(info(name) if info else canonical_info(name), files[name])
    return out.getvalue()


def canonical_info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o100644 << 16
    return info


def rehash(files: dict[str, bytes]) -> dict[str, bytes]:
    """The bag with all manifests made anew, as an attacker or ``bagit.py`` would make them."""
    bag = dict(files)
    payload = {name: data for name, data in sorted(bag.items()) if name.startswith("data/")}
    size = sum(map(len, payload.values()))
    info = [line for line in bag["bag-info.txt"].decode().splitlines() if not line.startswith("Payload-Oxum")]
    bag["bag-info.txt"] = "\n".join([*info, f"Payload-Oxum: {size}.{len(payload)}", ""]).encode()
    for name in ("sha256", "sha512"):
        lines = [f"{hashlib.new(name, data).hexdigest()}  {path}\n" for path, data in payload.items()]
        bag[f"manifest-{name}.txt"] = "".join(lines).encode()
    tags = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt"]
    lines = [f"{hashlib.sha256(bag[name]).hexdigest()}  {name}\n" for name in tags]
    return bag | {"tagmanifest-sha256.txt": "".join(lines).encode()}


@pytest.fixture(scope="session")
def forge() -> SimpleNamespace:
    return SimpleNamespace(unzip=unzip, rezip=rezip, canonical_info=canonical_info, rehash=rehash, to_jsonl=to_jsonl)
