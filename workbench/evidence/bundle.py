"""Seal an incident: its record, runs and environment in one signed file that a stranger can check offline.

A bundle is a canonical zip (`workbench.evidence.archive`) of a BagIt 1.0 bag (RFC 8493)::

    bagit.txt  bag-info.txt
    manifest-sha256.txt  manifest-sha512.txt      digests of the payload
    tagmanifest-sha256.txt                        digests of the four above
    attestations/bundle.dsse.json                 who signed the digest of the tag manifest, and what they claim
    attestations/keys/KEY_ID.pem                  their public key
    data/...                                      the payload; data/record/events.jsonl is always in it

So the signature covers the tag manifest, which covers the manifests, which cover every byte of the payload. SHA-256 carries
that chain; the SHA-512 manifest stands beside it for archives whose rules ask for one.
"""

import datetime as dt
import hashlib
import re
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.digest import canonical_json
from workbench.errors import InputError, StorageError, VerificationError
from workbench.evidence.archive import Content, Member, open_content, read_blocks, refuse_existing, write_archive
from workbench.evidence.statement import SUBJECT as TAG_MANIFEST
from workbench.evidence.statement import Claims, check_claims, make_statement, to_milliseconds
from workbench.signing import IN_TOTO, SigningKey, sign_envelope

if TYPE_CHECKING:
    from workbench.incident.chain import Head

PAYLOAD: Final = "data/"
RECORD: Final = "record/events.jsonl"
BAGIT: Final = "bagit.txt"
BAGIT_TEXT: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
BAG_INFO: Final = "bag-info.txt"
MANIFEST: Final = "manifest-sha256.txt"
MANIFEST_512: Final = "manifest-sha512.txt"
TAG_FILES: Final = (BAG_INFO, BAGIT, MANIFEST, MANIFEST_512)
ENVELOPE: Final = "attestations/bundle.dsse.json"
KEYS: Final = "attestations/keys/"
NAME_LIMIT: Final = 1000
MANIFEST_LINE: Final = re.compile(r"([0-9a-f]+)  (.+)")


@dataclass(frozen=True)
class Sealed:
    """A bundle that was written.

    Parameters
    ----------
    path
        Where it is.
    digest
        Of the whole file; what ``sha256sum`` prints, with ``sha256:`` before it.
    files
        Number of payload files.
    bytes
        Size of the payload.
    """

    path: Path
    digest: str
    files: int
    bytes: int


@dataclass(frozen=True)
class Measured:
    """A payload file: what goes into the archive's directory and into the manifests."""

    member: Member
    sha256: str
    sha512: str


def seal(
    payload: Mapping[str, Content],
    *,
    incident: str,
    head: "Head",
    key: SigningKey,
    out: Path,
    sealed_at: dt.datetime | None = None,
    previous: str | None = None,
    overwrite: bool = False,
) -> Sealed:
    """Write the signed bundle of `incident` to `out`, whole or not at all.

    Parameters
    ----------
    payload
        Content by name, a file or its bytes. Names are relative to the payload (``record/events.jsonl``, without
        ``data/``). The record is required: without it nobody could check `head`.
    incident
        Its id.
    head
        The end of the record as it is in the payload.
    key
        Who signs.
    out
        The bundle.
    sealed_at
        The time that the signer claims; now by default; naive is UTC. Kept to the millisecond.
    previous
        Digest of the bundle sealed before this one, so that a seal left out shows.
    overwrite
        Replace a file that is there.

    Returns
    -------
    Sealed
        Equal arguments give a file of equal bytes.

    Raises
    ------
    InputError
        For a name that some file system or BagIt tool would take otherwise, or a payload that is too large.
    RecordError
        When the record in the payload does not end at `head`: a seal that cannot be verified is not made.
    StorageError
        When a payload file cannot be read, or `out` exists or cannot be written. Nothing is left behind.
    """
    check_names(payload)
    if incident != head.incident:
        raise InputError("the head is another incident's", head.incident, f"Give the head of {incident}")
    refuse_existing(out, overwrite=overwrite)
    check_record(payload[RECORD], head)
    moment = to_milliseconds(sealed_at or dt.datetime.now(dt.UTC))
    measured = measure_payload(payload)
    own = tag_files(measured, incident, moment)
    claims = Claims(hashlib.sha256(own[TAG_MANIFEST]).hexdigest(), head, moment, key.public.key_id, previous)
    check_claims(claims)
    own[ENVELOPE] = canonical_json(sign_envelope(IN_TOTO, canonical_json(make_statement(claims)), key))
    own[f"{KEYS}{key.public.key_id}.pem"] = key.public.pem
    members = [item.member for item in measured] + [Member(name, len(data), zlib.crc32(data)) for name, data in own.items()]
    contents = {PAYLOAD + name: content for name, content in payload.items()} | own
    digest = write_archive(members, contents, out, overwrite=overwrite)
    return Sealed(out, digest, len(payload), sum(item.member.size for item in measured))


def name_fault(name: str) -> str | None:
    """Why `name` cannot be the name of a payload file, or None.

    A name has to mean the same file on every system and in every BagIt tool, and none outside the folder it is unpacked in.
    """
    parts = name.split("/")
    if not name or name.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        return "has an empty part, '.' or '..', or is absolute"
    if "\\" in name or "%" in name:
        return "has a backslash or '%'"
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in name):
        return "has an invisible character"
    if any(part != part.strip() for part in parts):
        return "has a blank at either end of a part"
    if unicodedata.normalize("NFC", name) != name:
        return "is not in Unicode normal form NFC"
    return "is too long" if len(name.encode()) > NAME_LIMIT else None


def clashing_names(names: Iterable[str]) -> list[str]:
    """Those of `names` that a case-blind file system takes for another one, or for the folder of another one."""
    taken: set[str] = set()
    folders: set[str] = set()
    clashes = []
    for name in sorted(names, key=lambda name: (-name.count("/"), name)):
        folded = name.casefold()
        if folded in taken or folded in folders:
            clashes.append(name)
        taken.add(folded)
        parts = folded.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    return clashes


def check_names(payload: Mapping[str, Content]) -> None:
    """Raise an `InputError` for the first payload name that cannot be used."""
    for name in payload:
        if fault := name_fault(name):
            raise InputError(f"a payload name {fault}", name, "Rename the file")
        if name.startswith(PAYLOAD):
            raise InputError("a payload name starts with 'data/', which the bundle adds", name, "Leave 'data/' off")
    if clashes := clashing_names(payload):
        raise InputError("payload names differ only by case, or one is the folder of another", ", ".join(clashes), "Rename one")
    if RECORD not in payload:
        raise InputError("the payload holds no record", None, f"Add it as {RECORD}")


def check_record(record: Content, head: "Head") -> None:
    """Raise a `RecordError` unless the entries in `record` are a whole chain that ends at `head`."""
    from workbench.incident.chain import read_jsonl, verify_chain

    verify_chain(read_jsonl(record), head)


def measure_payload(payload: Mapping[str, Content]) -> list[Measured]:
    """Size and digests of every payload file, each read once."""
    with ThreadPoolExecutor(1) as beside:
        return [measure(name, payload[name], beside) for name in sorted(payload)]


def measure(name: str, content: Content, beside: ThreadPoolExecutor) -> Measured:
    """Size and digests of one payload file; SHA-512, the slowest, runs `beside` the rest."""
    sha256, sha512 = hashlib.sha256(), hashlib.sha512()
    crc = size = 0
    try:
        with open_content(content) as file:
            for block in read_blocks(file):
                other = beside.submit(sha512.update, block)
                sha256.update(block)
                crc = zlib.crc32(block, crc)
                size += len(block)
                other.result()
    except OSError as exc:
        what = f"a payload file cannot be read ({exc.strerror})"
        raise StorageError(what, str(content), "Restore it, or leave it out") from exc
    return Measured(Member(PAYLOAD + name, size, crc), sha256.hexdigest(), sha512.hexdigest())


def bag_info(incident: str, moment: str, size: int, files: int) -> bytes:
    """``bag-info.txt``: all of it follows from what is signed and what is there."""
    info = {
        "Bag-Software-Agent": "workbench (bundle format 1)",
        "Bagging-Date": moment[:10],
        "External-Identifier": incident,
        "Payload-Oxum": f"{size}.{files}",
    }
    return "".join(f"{label}: {value}\n" for label, value in info.items()).encode()


def tag_files(measured: list[Measured], incident: str, moment: str) -> dict[str, bytes]:
    """The bag's own files, by name."""
    tags = {
        BAGIT: BAGIT_TEXT,
        BAG_INFO: bag_info(incident, moment, sum(item.member.size for item in measured), len(measured)),
        MANIFEST: render_manifest({item.member.name: item.sha256 for item in measured}),
        MANIFEST_512: render_manifest({item.member.name: item.sha512 for item in measured}),
    }
    return tags | {TAG_MANIFEST: render_manifest({name: hashlib.sha256(data).hexdigest() for name, data in tags.items()})}


def render_manifest(digests: Mapping[str, str]) -> bytes:
    """A BagIt manifest: digest, two spaces, path, sorted by path; ``sha256sum --check`` reads it too."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def parse_manifest(data: bytes, name: str) -> dict[str, str]:
    """The digests by path in a manifest; a `VerificationError` unless `render_manifest` wrote it."""
    try:
        lines = [MANIFEST_LINE.fullmatch(line) for line in data.decode().splitlines()]
    except UnicodeDecodeError as exc:
        raise VerificationError("a manifest is not UTF-8", name, "Ask the sender for a new copy") from exc
    digests = {line[2]: line[1] for line in lines if line}
    if render_manifest(digests) != data:
        raise VerificationError("a manifest is not in canonical form", name, "Ask the sender for a new copy")
    return digests
