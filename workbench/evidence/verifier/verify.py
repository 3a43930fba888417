"""Check a sealed bundle where there is no workbench: with the Python standard library and the ``openssl`` command alone.

::

    python3 verify.py BUNDLE.zip --key signer.pem
    python3 verify.py --key signer.pem              inside an unpacked bundle

``signer.pem`` is the signer's public key, and has to reach you by another way than the bundle did. Without it the checks use
the key in the bundle: they show that nothing changed since somebody sealed it, not who that was.

A copy of this file lies in every bundle. Whoever forges a bundle can forge that copy too, so use one that you had before, read
this one first, or follow ``VERIFY.md``, whose other steps need no program of the sender's.

Exit 0: every check holds. 1: one does not. 2: the checks could not be made.

Needs Python 3.8 and OpenSSL 3. It shares the form of a bundle with the workbench, and no code.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.isolated and not getattr(sys.flags, "safe_path", False):
    del sys.path[0]  # the folder of this file, which is a bundle's: a hashlib.py in it would be imported for Python's own

import argparse
import base64
import datetime as dt
import hashlib
import json
import os
import re
import struct
import subprocess
import tempfile
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

BLOCK, KEEP_LIMIT, NAME_LIMIT = 1 << 20, 1 << 28, 1000
MANIFESTS = ("manifest-sha256.txt", "manifest-sha512.txt")
TAG_MANIFEST = "tagmanifest-sha256.txt"
TAG_FILES = ("bag-info.txt", "bagit.txt", *MANIFESTS)
BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
ENVELOPE, KEYS, RECORD = "attestations/bundle.dsse.json", "attestations/keys/", "data/record/events.jsonl"
ED25519 = bytes.fromhex("302a300506032b6570032100")  # what stands before the 32 bytes of a key in its SPKI DER (RFC 8410)
FIELDS = {"incident": str, "seq": int, "prev": str, "time": str, "author": str, "kind": str, "body": dict, "evidence": list,
          "digest": str}  # fmt: skip
# The envelope and the statement in it have one spelling each: canonical JSON, that is sorted keys and no spaces.
SEALED = re.compile(rb'\{"payload":"([^"]*)","payloadType":"application/vnd\.in-toto\+json","signatures":(\[.*\])\}')
SIGNATURE = re.compile(rb'\[\{"keyid":"([0-9a-f]{64})","sig":"([^"]*)"\}\]')
STATEMENT = re.compile(
    r'\{"_type":"https://in-toto\.io/Statement/v1","predicate":\{"incident":(?P<incident>"(?:[^"\\]|\\.)+"),'
    r'"key_id":"(?P<key_id>[0-9a-f]{64})","previous":(?:null|"(?P<previous>sha256:[0-9a-f]{64})"),'
    r'"record":\{"digest":"(?P<head>sha256:[0-9a-f]{64})","length":(?P<length>0|[1-9][0-9]*)\},'
    r'"sealed_at":"(?P<sealed_at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\+00:00)",'
    r'"time_source":"signer"\},"predicateType":"urn:workbench:sealed-incident:1",'
    r'"subject":\[\{"digest":\{"sha256":"(?P<subject>[0-9a-f]{64})"\},"name":"tagmanifest-sha256\.txt"\}\]\}'
)
LOCAL, ENTRY, END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
DATE_1980 = 1 << 5 | 1
VERIFY = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin", "-in", "signed", "-sigfile", "signature"]


class BadError(Exception):
    """Something in the bundle does not hold."""


class CannotRunError(Exception):
    """The checks cannot be made here."""


class File(NamedTuple):
    """A file: its size in bytes, CRC-32, digests in hexadecimal, and its content where that has to be understood."""

    size: int
    crc: int
    sha256: str
    sha512: str
    content: bytes | None


class Bag(NamedTuple):
    """A bundle as it lies there, and the key to check it with.

    `files` by name; `fault` is what is not canonical about the zip, "" where nothing is, None for a folder; `odd` are names that
    are neither a regular file nor a folder; `given` is the caller's key, None where there is none.
    """

    files: dict[str, File]
    fault: str | None
    odd: frozenset[str]
    given: bytes | None = None

    def text(self, name: str) -> bytes:
        """The content of a file that has to be there."""
        content = self.files[name].content if name in self.files else None
        if content is None:
            raise BadError(f"{'too large to be read' if name in self.files else 'missing from the bundle'}: {name}")
        return content

    def manifest(self, name: str) -> dict[str, str]:
        """The digests by path in a BagIt manifest, which has one spelling: two spaces, sorted by path."""
        matches = [re.fullmatch(r"([0-9a-f]+)  (.+)", line) for line in self.text(name).decode().splitlines()]
        digests = {match[2]: match[1] for match in matches if match}
        if "".join(f"{digests[path]}  {path}\n" for path in sorted(digests)).encode() != self.text(name):
            raise BadError(f"a manifest is not in canonical form: {name}")
        return digests

    def envelope(self) -> tuple[bytes, bytes]:
        """The payload of the DSSE envelope, and the JSON of its signatures."""
        match = SEALED.fullmatch(self.text(ENVELOPE))
        if not match:
            raise BadError("the envelope has another form than one of an in-toto statement")
        return base64_bytes(match[1]), match[2]

    def claims(self) -> dict[str, str]:
        """What the statement says, whoever signed it; ``previous`` is "none" where there is no earlier seal."""
        match = STATEMENT.fullmatch(self.envelope()[0].decode())
        if match:
            incident = json.loads(match["incident"])
            dt.datetime.fromisoformat(match["sealed_at"])
            if incident.isprintable() and incident == incident.strip() and to_json(incident).decode() == match["incident"]:
                return {**match.groupdict(default="none"), "incident": incident}
        raise BadError("the signed statement does not have every field that it must have, in its form, and no other")

    def key(self) -> bytes:
        """The one public key in the bundle, as SPKI DER; its file is named by its key id."""
        names = [name for name in self.files if name.startswith(KEYS)]
        if len(names) != 1:
            raise BadError(f"the bundle does not hold one public key: {', '.join(sorted(names))}")
        der = read_key(self.text(names[0]))
        if self.text(names[0]) != to_pem(der) or names[0] != f"{KEYS}{key_id(der)}.pem":
            raise BadError(f"the public key in the bundle is not the one its name says: {names[0]}")
        return der


def read_folder(root: Path) -> Bag:
    """The files under `root`; links are not followed."""
    files, odd = {}, set()
    for folder, inner, names in os.walk(root):
        for path in (Path(folder, name) for name in [*names, *inner]):
            name = path.relative_to(root).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                odd.add(name)
            elif path.is_file():
                with path.open("rb") as file:
                    files[name] = measure(name, file, path.stat().st_size)
    return Bag(files, None, frozenset(odd))


def read_zip(path: Path) -> Bag:
    """The members of a zip in the one form a bundle has, read from the first byte to the last.

    Stored, sorted by name, no time, no extra field, no gap: the members give every byte of the file, so any other byte shows.
    """
    files: dict[str, File] = {}
    directory, offset, last, fault = b"", 0, b"", ""
    with path.open("rb") as file:
        try:
            while (head := file.read(LOCAL.size))[:4] == b"PK\3\4" and not fault:
                crc, size, named = (LOCAL.unpack(head)[at] for at in (6, 8, 9))
                raw = file.read(named)
                name, flags = raw.decode(), 0 if raw.isascii() else 0x800
                if head != LOCAL.pack(b"PK\3\4", 20, flags, 0, 0, DATE_1980, crc, size, size, len(raw), 0) or raw <= last:
                    fault = f"the header or the place of {name} is not canonical"
                files[name] = measure(name, file, size)
                if files[name][:2] != (size, crc):
                    fault = f"{name} is not what its checksum (CRC-32) says"
                where = (crc, size, size, len(raw), 0, 0, 0, 0, 0o100644 << 16, offset)
                directory += ENTRY.pack(b"PK\1\2", 3 << 8 | 20, 20, flags, 0, 0, DATE_1980, *where) + raw
                offset, last = offset + LOCAL.size + len(raw) + size, raw
            closing = directory + END.pack(b"PK\5\6", 0, 0, len(files), len(files), len(directory), offset, 0)
        except (struct.error, UnicodeDecodeError):
            return Bag(files, "not a canonical zip", frozenset())
        if head + file.read(len(closing)) != closing:
            fault = fault or "not a zip, or something stands before, between or after what a bundle has"
    return Bag(files, fault, frozenset())


def measure(name: str, file: BinaryIO, limit: int) -> File:
    """A file's next `limit` bytes, or as many as there are, read once; of the payload only the record has to be understood."""
    sha256, sha512, crc, size = hashlib.sha256(), hashlib.sha512(), 0, 0
    kept: bytearray | None = bytearray() if name == RECORD or not name.startswith("data/") else None
    while size < limit and (block := file.read(min(BLOCK, limit - size))):
        sha256.update(block)
        sha512.update(block)
        crc = zlib.crc32(block, crc)
        size += len(block)
        if kept is not None:
            kept += block
            kept = kept if size <= KEEP_LIMIT else None
    return File(size, crc, sha256.hexdigest(), sha512.hexdigest(), None if kept is None else bytes(kept))


def archive_is_canonical(bag: Bag) -> str | None:
    """Rebuilt from what was read in it, the zip is the same bytes."""
    if bag.fault:
        raise BadError(f"{bag.fault}. If it was only zipped anew, unpack it and check the folder")
    return None if bag.fault is None else f"canonical zip of {len(bag.files)} members"


def files_are_listed(bag: Bag) -> str:
    """No file that no manifest lists, none missing, none that would be unpacked elsewhere."""
    present, listed = set(bag.files), set(bag.manifest(MANIFESTS[0]))
    keys = {name for name in present if re.fullmatch(rf"{KEYS}[0-9a-f]{{64}}\.pem", name)}
    expected = {*TAG_FILES, TAG_MANIFEST, ENVELOPE, *listed, *keys}
    wrong = {
        "not listed": present - expected,
        "missing": expected - present,
        "unsafe name": unsafe(present | listed) | {name for name in listed if not name.startswith("data/")},
        "not a regular file": bag.odd,
        "listed in one manifest only": listed ^ set(bag.manifest(MANIFESTS[1])),
        "more than one key": keys if len(keys) > 1 else set(),
    }
    if any(wrong.values()):
        raise BadError("; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in wrong.items() if names))
    return f"{len(present)} files, all listed"


def payload_is_unchanged(bag: Bag) -> str:
    """Every payload file has the digests that both manifests give."""
    listed, listed_512 = bag.manifest(MANIFESTS[0]), bag.manifest(MANIFESTS[1])
    expected = {name: (digest, listed_512.get(name)) for name, digest in listed.items()}
    if changed := [name for name in expected if name not in bag.files or bag.files[name][2:4] != expected[name]]:
        raise BadError(f"changed since it was sealed: {', '.join(sorted(changed))}")
    return f"{len(listed)} files, {sum(bag.files[name].size for name in listed):,} bytes"


def tag_files_are_unchanged(bag: Bag) -> str:
    """The bag's own files have the digests that the tag manifest gives, and say what they have to."""
    listed = bag.manifest(TAG_MANIFEST)
    if set(listed) != set(TAG_FILES):
        raise BadError(f"the tag manifest does not list {', '.join(TAG_FILES)} and no other: {', '.join(sorted(listed))}")
    if changed := [name for name in listed if name not in bag.files or bag.files[name].sha256 != listed[name]]:
        raise BadError(f"changed since it was sealed: {', '.join(sorted(changed))}")
    claims = bag.claims()
    sizes = [file.size for name, file in bag.files.items() if name.startswith("data/")]
    info = (
        f"Bag-Software-Agent: workbench (bundle format 1)\nBagging-Date: {claims['sealed_at'][:10]}\n"
        f"External-Identifier: {claims['incident']}\nPayload-Oxum: {sum(sizes)}.{len(sizes)}\n"
    )
    if (bag.text("bagit.txt"), bag.text("bag-info.txt")) != (BAGIT, info.encode()):
        raise BadError("bagit.txt or bag-info.txt does not say what is signed")
    return f"{len(listed)} files"


def signature_holds(bag: Bag) -> str:
    """The key in the bundle signed the digest of the tag manifest in the bundle."""
    der, claims, (payload, signatures) = bag.key(), bag.claims(), bag.envelope()
    match = SIGNATURE.fullmatch(signatures)
    if not match or {match[1].decode(), claims["key_id"]} != {key_id(der)}:
        raise BadError("the envelope does not bear one signature, by the key in the bundle and in the statement")
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    if not openssl_verifies(to_pem(der), base64_bytes(match[2]), signed):
        raise BadError(f"the signature does not hold: key {key_id(der)}")
    if claims["subject"] != hashlib.sha256(bag.text(TAG_MANIFEST)).hexdigest():
        raise BadError(f"the signature is over another tag manifest: {claims['subject']}")
    return f"Ed25519 over {TAG_MANIFEST} by key {key_id(der)}"


def statement_is_well_formed(bag: Bag) -> str:
    """The statement has every field that it must have, and no other."""
    return "{incident}, {length} entries, previous seal {previous}".format(**bag.claims())


def record_is_whole(bag: Bag) -> str:
    """The record is an unbroken chain of entries that ends at the signed head."""
    *lines, rest = bag.text(RECORD).split(b"\n")
    incident, length, head = (bag.claims()[name] for name in ("incident", "length", "head"))
    last = digest_of({"schema": "workbench.record/1", "incident": incident})
    for position, line in enumerate(lines, 1):
        entry = json.loads(line)
        if to_json(entry) != line or {name: type(value) for name, value in entry.items()} != FIELDS:
            raise BadError(f"line {position} of the record is not an entry as it was written")
        if entry["digest"] != digest_of({name: value for name, value in entry.items() if name != "digest"}):
            raise BadError(f"entry {position} was edited")
        if (entry["incident"], entry["seq"], entry["prev"]) != (incident, position, last):
            raise BadError(f"entry {position} was moved, deleted or replaced: {entry['incident']} {entry['seq']} stands there")
        if not all(isinstance(item, str) for item in entry["evidence"]):
            raise BadError(f"entry {position} has evidence that is no digest")
        last = entry["digest"]
    if rest or str(len(lines)) != length:
        raise BadError(f"{len(lines)} entries, and {length} were signed: the record was cut off or added to")
    if last != head:
        raise BadError(f"entry {length} is not the one that was signed")
    return f"{length} entries, unbroken up to the signed head"


def time_is_past(bag: Bag) -> str:
    """The bundle was not sealed in the future."""
    moment = bag.claims()["sealed_at"]
    if not dt.datetime.fromisoformat(moment) <= dt.datetime.now(dt.timezone.utc):  # noqa: UP017  dt.UTC is younger than 3.8
        raise BadError(f"sealed in the future: {moment}")
    return f"{moment}, claimed by the signer only"


def signer_is_known(bag: Bag) -> str | None:
    """The key that signed is the one that the caller gave."""
    der = bag.key()
    if bag.given is None:
        return None
    if bag.given != der:
        raise BadError(f"key {key_id(der)}: signer not trusted; yours is {key_id(bag.given)}")
    signature_holds(bag)
    return f"key {key_id(der)}"


CHECKS: dict[str, Callable[[Bag], str | None]] = {
    "archive": archive_is_canonical, "files": files_are_listed, "payload": payload_is_unchanged,
    "tag files": tag_files_are_unchanged, "signature": signature_holds, "statement": statement_is_well_formed,
    "record": record_is_whole, "time": time_is_past, "signer": signer_is_known,
}  # fmt: skip
SKIPPED = {"archive": "this is a folder, not the zip it came in", "signer": "no key was given; the key in the bundle was used"}


def to_json(value: object) -> bytes:
    """`value` as canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(value: object) -> str:
    """The digest of the canonical JSON of `value`."""
    return "sha256:" + hashlib.sha256(to_json(value)).hexdigest()


def base64_bytes(text: bytes) -> bytes:
    """The bytes that `text` stands for, where it is their one canonical base64."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data) != text:
        raise BadError("base64 that does not re-encode to itself")
    return data


def read_key(pem: bytes) -> bytes:
    """The Ed25519 public key in `pem`, as SPKI DER."""
    match = re.fullmatch(rb"\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*", pem)
    der = base64.b64decode(b"".join(match[1].split()), validate=True) if match else b""
    if len(der) != len(ED25519) + 32 or not der.startswith(ED25519):
        raise BadError("not an Ed25519 public key (PEM)")
    return der


def to_pem(der: bytes) -> bytes:
    """A public key as PEM."""
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"


def key_id(der: bytes) -> str:
    """The SHA-256 of a public key's SPKI DER, in hexadecimal."""
    return hashlib.sha256(der).hexdigest()


def openssl_verifies(pem: bytes, signature: bytes, signed: bytes) -> bool:
    """Whether ``openssl`` says that `signature` is that key's over `signed`."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("key", pem), ("signature", signature), ("signed", signed)):
            Path(folder, name).write_bytes(data)
        try:
            done = subprocess.run(VERIFY, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)  # noqa: S603  fixed words
        except OSError as exc:
            raise CannotRunError(f"openssl cannot be run ({exc.strerror}); install OpenSSL 3") from exc
    said = " ".join(done.stdout.decode(errors="replace").split())
    if done.returncode and not said.startswith("Signature Verification Failure"):
        raise CannotRunError(f"openssl gave no verdict; OpenSSL 3 is needed: {said[:200]}")
    return done.returncode == 0 and said == "Signature Verified Successfully"


def unsafe(names: set[str]) -> set[str]:
    """Those that some system takes for another name, for another's folder, or for a place outside the bundle."""
    found: set[str] = set()
    taken: set[str] = set()
    for name in sorted(names, key=lambda name: (-name.count("/"), name)):
        parts, folded = name.split("/"), name.casefold()
        invisible = any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in name)
        if invisible or "\\" in name or "%" in name or any(part in {"", ".", ".."} or part != part.strip() for part in parts):
            found.add(name)
        if folded in taken or unicodedata.normalize("NFC", name) != name or len(name.encode(errors="replace")) > NAME_LIMIT:
            found.add(name)
        taken.update(folded[: match.start()] for match in re.finditer("/", folded))
        taken.add(folded)
    return found


def say(line: str) -> None:
    """Print a line; a name in a bundle may be hostile to the terminal that shows it."""
    sys.stdout.write("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line) + "\n")


def run_checks(bag: Bag) -> list[str]:
    """Make every check, whatever the others found, and say how it went; what failed, a line each."""
    failed = []
    for name, check in CHECKS.items():
        try:
            detail = check(bag)
            say(f"  ok   {name}: {detail}" if detail else f"  --   {name}: not checked: {SKIPPED[name]}")
        except CannotRunError:
            raise
        except Exception as exc:  # noqa: BLE001  the bytes are hostile; what cannot be checked has failed, and says so
            failed.append(f"{name}: {exc if isinstance(exc, BadError) else f'could not be checked: {exc!r}'}")
            say(f"  BAD  {failed[-1]}")
    return failed


def main() -> int:
    """Check the bundle that the command line names."""
    parser = argparse.ArgumentParser(description="Check a sealed bundle. Exit 0: it holds. 1: it does not. 2: not checked.")
    parser.add_argument("bundle", nargs="?", type=Path, help="a zip, or the folder one was unpacked into; default: where we are")
    parser.add_argument("--key", type=Path, help="the signer's public key (PEM), come by another way than the bundle")
    arguments = parser.parse_args()
    here = [folder for folder in (Path(), Path(__file__).resolve().parent.parent) if (folder / "bagit.txt").is_file()]
    if not arguments.bundle and not here:
        parser.error("no bundle is named, and this is not the folder of an unpacked one; give BUNDLE.zip")
    path = arguments.bundle or here[0]
    try:
        given = read_key(arguments.key.read_bytes()) if arguments.key else None
        bag = (read_folder(path) if path.is_dir() else read_zip(path))._replace(given=given)
        failed = run_checks(bag)
    except (BadError, CannotRunError, OSError, ValueError) as exc:  # what a check found bad does not come here
        say(f"could not be checked: {exc}")
        return 2
    if failed:
        say(f"NOT VERIFIED: {path}: {failed[-1]}")
        return 1
    sealed = "incident {incident}, sealed {sealed_at} by {key_id}".format(**bag.claims())
    say(f"{'verified' if given else 'INTACT'}: {path}, {sealed}")
    if not given:
        say("This proves integrity, not who signed: compare that key id with the signer by another channel, or give --key.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
