"""Check a bundle: who sealed it, and that nothing in it changed since.

`verify_bundle` reads the file once into `Contents` (digests of everything, and the few small members that have to be
understood) and asks each of `CHECKS` about them. Every check runs whatever the others found. What cannot be checked counts as
failed: there is no way to pass by being unreadable.

SHA-512 is not computed. The signature binds SHA-256 digests; a second, slower one would add nothing to it.
"""

import datetime as dt
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from workbench.digest import BLOCK
from workbench.errors import StorageError, VerificationError, WorkbenchError, shorten
from workbench.evidence import bundle as form
from workbench.evidence.archive import Placed, directory_faults, local_header, member_header, read_blocks, read_directory
from workbench.evidence.statement import SUBJECT as TAG_MANIFEST
from workbench.evidence.statement import Claims, parse_moment, read_statement
from workbench.signing import PublicKey, read_canonical_json, unverified_payload, verify_envelope

KEEP_LIMIT: Final = 1 << 28
KEY_NAME: Final = re.compile(rf"{form.KEYS}([0-9a-f]{{64}})\.pem")
KEPT_IN_PAYLOAD: Final = form.PAYLOAD + form.RECORD
NEW_COPY: Final = "Ask the sender for a new copy, and compare its digest by another channel"


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Parameters
    ----------
    name
        What; one of `CHECKS`.
    ok
        Whether it holds.
    detail
        What was found: one line.
    """

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """What `verify_bundle` found.

    Parameters
    ----------
    checks
        One for each of `CHECKS`, in that order; the signer comes last.
    incident, signer, sealed_at
        As the bundle claims, and to be believed only when `ok`: the incident's id, the signer's key id, and the time by the
        signer's clock. None where they cannot be read.
    digest
        Of the whole file; what ``sha256sum`` prints, with ``sha256:`` before it.
    """

    checks: tuple[Check, ...]
    incident: str | None
    signer: str | None
    sealed_at: dt.datetime | None
    digest: str

    @property
    def ok(self) -> bool:
        """Whether every check was made and holds."""
        return tuple(check.name for check in self.checks) == tuple(CHECKS) and all(check.ok is True for check in self.checks)


@dataclass(frozen=True)
class Contents:
    """What is in the file: its digest, why it is not canonical, and by name the members' sizes, digests and, if kept, bytes."""

    digest: str
    faults: tuple[str, ...]
    sizes: Mapping[str, int]
    sha256: Mapping[str, str]
    kept: Mapping[str, bytes]

    def text(self, name: str) -> bytes:
        """The content of a small member; a `VerificationError` where there is none."""
        if name not in self.kept:
            what = "too large to be read" if name in self.sizes else "missing from the bundle"
            raise VerificationError(what, name, NEW_COPY)
        return self.kept[name]

    def manifest(self, name: str) -> dict[str, str]:
        """The digests by path in one of the manifests."""
        return form.parse_manifest(self.text(name), name)

    def claims(self) -> Claims:
        """What the statement says, whether or not a signature holds."""
        return read_statement(unverified_payload(read_canonical_json(self.text(form.ENVELOPE), form.ENVELOPE)))


@dataclass(frozen=True)
class Question:
    """What a check may look at."""

    contents: Contents
    trusted: Mapping[str, PublicKey]
    now: dt.datetime


def verify_bundle(path: Path, trusted: Mapping[str, PublicKey], *, now: dt.datetime | None = None) -> Verification:
    """Check the bundle at `path` from the first byte to the last; nothing is unpacked.

    Parameters
    ----------
    path
        The bundle.
    trusted
        Public keys by key id, as `TrustStore.keys` gives them.
    now
        The present time, aware; the clock's by default.

    Raises
    ------
    StorageError
        When the file is missing or cannot be read. A file that is damaged, or no bundle at all, fails its checks instead.
    """
    try:
        with path.open("rb") as file:
            contents = read_contents(file)
    except OSError as exc:
        raise StorageError(f"the bundle cannot be read ({exc.strerror})", str(path), "Give the path of a bundle") from exc
    question = Question(contents, trusted, now or dt.datetime.now(dt.UTC))
    checks = tuple(run_check(name, check, question) for name, check in CHECKS.items())
    try:
        claims = contents.claims()
        moment = parse_moment(claims.sealed_at)
    except WorkbenchError:
        return Verification(checks, None, None, None, contents.digest)
    return Verification(checks, claims.head.incident, claims.key_id, moment, contents.digest)


def run_check(name: str, check: Callable[[Question], str], question: Question) -> Check:
    """The outcome of one check, whatever happens in it."""
    try:
        return Check(name, ok=True, detail=printable(check(question)))
    except WorkbenchError as exc:
        return Check(name, ok=False, detail=printable(str(exc)))
    except Exception as exc:  # noqa: BLE001  the bytes are hostile; what cannot be checked has failed, and says so
        return Check(name, ok=False, detail=printable(f"could not be checked: {shorten(exc)}"))


def printable(text: str) -> str:
    """`text` with what is not printable escaped: names in a bundle may be hostile to the terminal that shows them."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def read_contents(file: BufferedReader) -> Contents:
    """Everything the checks need, in one pass; the digest of the whole file is computed beside it."""
    with ThreadPoolExecutor(1) as beside:
        whole = beside.submit(digest_whole, file.fileno())
        try:
            placed = read_directory(file)
        except VerificationError as exc:
            return Contents(whole.result(), (str(exc),), {}, {}, {})
        faults, room = directory_faults(file, placed), KEEP_LIMIT
        sizes: dict[str, int] = {}
        sha256: dict[str, str] = {}
        kept: dict[str, bytes] = {}
        for item in placed:
            name = item.member.name
            keep = not name.startswith(form.PAYLOAD) or name == KEPT_IN_PAYLOAD
            data, sha256[name], fault = read_member(file, item, keep=keep and item.member.size <= room)
            sizes[name] = item.member.size
            faults += fault
            if data is not None:
                kept[name] = data
                room -= len(data)
        return Contents(whole.result(), tuple(faults), sizes, sha256, kept)


def digest_whole(handle: int) -> str:
    """The digest of the open file, wherever others are reading in it."""
    hasher, position = hashlib.sha256(), 0
    while block := os.pread(handle, BLOCK, position):
        hasher.update(block)
        position += len(block)
    return "sha256:" + hasher.hexdigest()


def read_member(file: BufferedReader, item: Placed, *, keep: bool) -> tuple[bytes | None, str, list[str]]:
    """The content if it is to be kept, its SHA-256 in hexadecimal, and what is not canonical about it."""
    faults = []
    if member_header(file, item) != local_header(item.member):
        faults.append(f"the header of {show([item.member.name])} is not canonical")
    hasher, crc, size, kept = hashlib.sha256(), 0, 0, bytearray()
    for block in read_blocks(file, item.member.size):
        hasher.update(block)
        crc = zlib.crc32(block, crc)
        size += len(block)
        if keep:
            kept += block
    if (size, crc) != (item.member.size, item.member.crc):
        faults.append(f"{show([item.member.name])} is not what its checksum (CRC-32) says")
    return bytes(kept) if keep else None, hasher.hexdigest(), faults


def archive_is_canonical(question: Question) -> str:
    """Rebuilt from what was read in it, the archive is the same bytes: no bit is unaccounted for."""
    if question.contents.faults:
        raise VerificationError("; ".join(question.contents.faults[:5]), None, NEW_COPY)
    return f"canonical zip of {len(question.contents.sizes)} members"


def files_are_listed(question: Question) -> str:
    """No file that no manifest lists, none missing, none that would be unpacked elsewhere."""
    present = set(question.contents.sizes)
    listed = set(question.contents.manifest(form.MANIFEST))
    keys = {name for name in present if KEY_NAME.fullmatch(name)}
    expected = {*form.TAG_FILES, TAG_MANIFEST, form.ENVELOPE, *listed, *keys}
    unsafe = {name for name in present | listed if form.name_fault(name)}
    clashing = form.clashing_names((present | listed) - unsafe)
    unsafe |= {*clashing, *(name for name in listed if not name.startswith(form.PAYLOAD))}
    wrong = {
        "not listed": present - expected,
        "missing": expected - present,
        "unsafe name": unsafe,
        "listed in one manifest only": listed ^ set(question.contents.manifest(form.MANIFEST_512)),
        "more than one key": keys if len(keys) > 1 else (),
    }
    if found := [f"{what}: {show(names)}" for what, names in wrong.items() if names]:
        raise VerificationError("; ".join(found), None, NEW_COPY)
    return f"{len(present)} files, all listed"


def payload_is_unchanged(question: Question) -> str:
    """Every payload file has the digest that the manifest gives."""
    listed = question.contents.manifest(form.MANIFEST)
    changed = changed_files(question.contents, listed)
    if changed:
        raise VerificationError(f"changed since it was sealed: {show(changed)}", None, NEW_COPY)
    return f"{len(listed)} files, {sum(question.contents.sizes[name] for name in listed):,} bytes"


def tag_files_are_unchanged(question: Question) -> str:
    """The bag's own files have the digests that the tag manifest gives, and say what they have to."""
    contents = question.contents
    listed = contents.manifest(TAG_MANIFEST)
    if set(listed) != set(form.TAG_FILES):
        what = f"the tag manifest does not list {', '.join(form.TAG_FILES)} and no other"
        raise VerificationError(what, show(listed), NEW_COPY)
    if changed := changed_files(contents, listed):
        raise VerificationError(f"changed since it was sealed: {show(changed)}", None, NEW_COPY)
    claims = contents.claims()
    payload = [size for name, size in contents.sizes.items() if name.startswith(form.PAYLOAD)]
    info = form.bag_info(claims.head.incident, claims.sealed_at, sum(payload), len(payload))
    if contents.text(form.BAGIT) != form.BAGIT_TEXT or contents.text(form.BAG_INFO) != info:
        raise VerificationError(f"{form.BAGIT} or {form.BAG_INFO} does not say what is signed", None, NEW_COPY)
    return f"{len(listed)} files"


def signature_holds(question: Question) -> str:
    """The key in the bundle signed the digest of the tag manifest in the bundle."""
    contents = question.contents
    key = enclosed_key(contents)
    verify_envelope(read_canonical_json(contents.text(form.ENVELOPE), form.ENVELOPE), {key.key_id: key})
    claims = contents.claims()
    if claims.key_id != key.key_id:
        raise VerificationError("the statement names another key than signed it", claims.key_id, NEW_COPY)
    if claims.subject != hashlib.sha256(contents.text(TAG_MANIFEST)).hexdigest():
        raise VerificationError("the signature is over another tag manifest", claims.subject, NEW_COPY)
    return f"Ed25519 over {TAG_MANIFEST} by key {key.key_id}"


def statement_is_well_formed(question: Question) -> str:
    """The statement has every field that it must have, and no other."""
    claims = question.contents.claims()
    return f"{claims.head.incident}, {claims.head.length} entries, previous seal {claims.previous or 'none'}"


def record_is_whole(question: Question) -> str:
    """The record is an unbroken chain that ends at the signed head."""
    from workbench.incident.chain import read_jsonl, verify_chain

    entries = read_jsonl(question.contents.text(KEPT_IN_PAYLOAD))
    verify_chain(entries)
    verify_chain(entries, question.contents.claims().head)
    return f"{len(entries)} entries, unbroken up to the signed head"


def time_is_past(question: Question) -> str:
    """The bundle was not sealed in the future."""
    moment = parse_moment(question.contents.claims().sealed_at)
    if not moment <= question.now:
        raise VerificationError("sealed in the future", moment.isoformat(), "Check this machine's clock, then ask the signer")
    return f"{moment.isoformat(timespec='milliseconds')}, claimed by the signer only"


def signer_is_trusted(question: Question) -> str:
    """The key that signed is one that the verifier trusts."""
    key = enclosed_key(question.contents)
    known = question.trusted.get(key.key_id)
    if known is None or known.pem != key.pem:
        raise VerificationError(f"key {key.key_id}: signer not trusted")
    signature_holds(question)
    return f"key {key.key_id}"


CHECKS: Final[Mapping[str, Callable[[Question], str]]] = {
    "archive": archive_is_canonical,
    "files": files_are_listed,
    "payload": payload_is_unchanged,
    "tag files": tag_files_are_unchanged,
    "signature": signature_holds,
    "statement": statement_is_well_formed,
    "record": record_is_whole,
    "time": time_is_past,
    "signer": signer_is_trusted,
}


def changed_files(contents: Contents, listed: Mapping[str, str]) -> list[str]:
    """Those of `listed` that are missing, or have another digest than is listed."""
    return sorted(name for name, digest in listed.items() if contents.sha256.get(name) != digest)


def enclosed_key(contents: Contents) -> PublicKey:
    """The one public key in the bundle, under its own key id and spelled canonically."""
    names = [name for name in contents.sizes if name.startswith(form.KEYS)]
    if len(names) != 1:
        raise VerificationError("the bundle does not hold one public key", show(names), NEW_COPY)
    key = PublicKey.from_pem(contents.text(names[0]), names[0])
    if names[0] != f"{form.KEYS}{key.key_id}.pem" or contents.text(names[0]) != key.pem:
        raise VerificationError("the public key in the bundle is not the one its name says", show(names), NEW_COPY)
    return key


def show(names: Iterable[str]) -> str:
    """`names` as a list on one line."""
    return ", ".join(sorted(names)) or "none"
