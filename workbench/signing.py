"""Ed25519 keys, DSSE envelopes, and the store of public keys this home trusts.

A `SigningKey` signs and stays with its author: PKCS8 PEM, readable by nobody else, encrypted when a passphrase is given.
A `PublicKey` checks: SPKI PEM, named by its *key id*, the SHA-256 of the SPKI DER in hexadecimal. An *envelope* is a DSSE
document (Dead Simple Signing Envelope, v1.0): a payload, its type, and signatures over both. A `TrustStore` is a folder of
public keys. This module touches no database, and loads `cryptography` only when a key is used.

What is read here may come from an attacker, so one content has one spelling: base64 and JSON that do not re-encode to
themselves, and fields nobody asked for, are refused.
"""

import base64
import binascii
import hashlib
import json
import os
import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, unquote

from workbench.digest import canonical_json
from workbench.errors import InputError, StorageError, UnknownNameError, VerificationError, WorkbenchError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

IN_TOTO: Final = "application/vnd.in-toto+json"
ENVELOPE_FIELDS: Final = frozenset({"payload", "payloadType", "signatures"})
SIGNATURE_FIELDS: Final = frozenset({"keyid", "sig"})
TRUSTED: Final = "trusted"
PRIVATE_SUFFIX: Final = ".key.pem"
PUBLIC_SUFFIX: Final = ".pub.pem"
NAME_LIMIT: Final = 200
Signers = list[tuple[str, str]]
ASK_SENDER: Final = "Ask the sender for a new copy, and compare the key id by another channel"


class PublicKey:
    """Checks what the holder of the matching `SigningKey` signed."""

    def __init__(self, key: "Ed25519PublicKey") -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self._key = key
        self.pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.key_id: str = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    @classmethod
    def from_pem(cls, pem: bytes, source: str = "") -> Self:
        """The key in `pem` (SPKI).

        Parameters
        ----------
        pem
            The text of the key.
        source
            Where it came from, for the message; the content is not shown, for it may be a private key.

        Raises
        ------
        InputError
            When it is not an Ed25519 public key.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as exc:
            raise InputError("not a public key", source or None, f"Give an Ed25519 public key ({PUBLIC_SUFFIX})") from exc
        if not isinstance(key, Ed25519PublicKey):
            raise InputError("a public key, but not an Ed25519 one", source or None, "Give an Ed25519 public key")
        return cls(key)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return when `signature` is this key's over `data`; otherwise raise a `VerificationError`."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, data)
        except InvalidSignature as exc:
            raise VerificationError("the signature does not hold", f"key {self.key_id}", ASK_SENDER) from exc


class SigningKey:
    """An author's private key; `public` is its other half."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def create(cls, folder: Path, name: str, passphrase: str | None = None) -> Self:
        """Make a key and keep it in `folder` as ``NAME.key.pem`` (0600), with ``NAME.pub.pem`` beside it.

        Parameters
        ----------
        folder
            Made (0700) when it does not exist.
        name
            Whose key it is.
        passphrase
            Encrypts the file; ``None`` leaves it in clear.

        Raises
        ------
        InputError
            When a key of that name exists (a key is never overwritten) or the passphrase is empty.
        StorageError
            When the folder cannot be written, or its file system cannot keep the file private.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import (
            BestAvailableEncryption,
            Encoding,
            KeySerializationEncryption,
            NoEncryption,
            PrivateFormat,
        )

        secret = _passphrase_bytes(passphrase)
        lock: KeySerializationEncryption = BestAvailableEncryption(secret) if secret else NoEncryption()
        key = Ed25519PrivateKey.generate()
        made = cls(key)
        path = folder / file_name(name, PRIVATE_SUFFIX)
        _publish_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock), 0o600)
        try:
            _publish_once(folder / file_name(name, PUBLIC_SUFFIX), made.public.pem, 0o644)
        except WorkbenchError:
            path.unlink()
            raise
        return made

    @classmethod
    def load(cls, folder: Path, name: str, passphrase: str | None = None) -> Self:
        """The key that `create` kept.

        Raises
        ------
        UnknownNameError
            When there is none of that name.
        InputError
            When the passphrase is missing, wrong or not called for, or the file is not an Ed25519 private key.
        StorageError
            When the file cannot be read.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path = folder / file_name(name, PRIVATE_SUFFIX)
        if not path.exists():
            names = (unquote(other.name.removesuffix(PRIVATE_SUFFIX)) for other in folder.glob(f"*{PRIVATE_SUFFIX}"))
            raise UnknownNameError("signing key", name, names)
        pem = _read(path)
        secret = _passphrase_bytes(passphrase)
        encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem
        if encrypted and secret is None:
            raise InputError("the signing key is encrypted and no passphrase was given", name, "Give its passphrase")
        if secret and not encrypted:
            raise InputError("a passphrase was given for a signing key that is not encrypted", name, "Give none")
        try:
            key = load_pem_private_key(pem, secret)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            what = "the passphrase does not open the signing key, or its file is damaged" if secret else "not a private key"
            raise InputError(what, str(path), "Give the right passphrase, or restore the file from a backup") from exc
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError("a private key, but not an Ed25519 one", str(path), "Make one with the workbench")
        return cls(key)

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature (RFC 8032) over `data`; equal data give an equal signature."""
        return self._key.sign(data)


class TrustStore:
    """A folder of public keys, one ``NAME.pem`` for each signer trusted here.

    Parameters
    ----------
    folder
        Where they are; a folder that does not exist trusts nobody.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list(self) -> Signers:
        """The name and key id of every trusted signer, sorted by name."""
        return sorted((name, key.key_id) for name, key in self._read_all())

    def keys(self) -> dict[str, PublicKey]:
        """The trusted keys by key id."""
        return {key.key_id: key for _, key in self._read_all()}

    def add(self, pem: bytes, name: str) -> PublicKey:
        """Trust the public key in `pem` under `name`; again is no error, another key under the same name is.

        Raises
        ------
        InputError
            When `pem` is not an Ed25519 public key, or `name` stands for another one.
        StorageError
            When the store cannot be written.
        """
        key = PublicKey.from_pem(pem, name)
        path = self.folder / file_name(name, ".pem")
        if not path.exists():
            _publish_once(path, key.pem, 0o644)
        elif PublicKey.from_pem(_read(path), str(path)).key_id != key.key_id:
            raise InputError("another key is trusted under that name", name, f"Choose another name, or remove {path}")
        return key

    def _read_all(self) -> Iterator[tuple[str, PublicKey]]:
        try:
            paths = sorted(path for path in self.folder.iterdir() if not path.name.startswith("."))
        except FileNotFoundError:
            return
        except OSError as exc:
            raise StorageError(f"the trust store cannot be read ({exc.strerror})", str(self.folder), "Give a folder") from exc
        for path in paths:
            yield unquote(path.name.removesuffix(".pem")), PublicKey.from_pem(_read(path), str(path))


def trust_store(keys_folder: Path) -> TrustStore:
    """The trust store that lies in a home's keys folder."""
    return TrustStore(keys_folder / TRUSTED)


def ensure_key(keys_folder: Path, author: str, passphrase: str | None = None) -> tuple[SigningKey, bool]:
    """The author's key, made and trusted locally on first use; and whether it was made now.

    A key that exists is not trusted anew: whoever took it out of the trust store had a reason.

    Raises
    ------
    InputError
        When the passphrase does not fit, or another key is already trusted under the author's name.
    StorageError
        When the folder cannot be read or written.
    """
    if (keys_folder / file_name(author, PRIVATE_SUFFIX)).exists():
        return SigningKey.load(keys_folder, author, passphrase), False
    store = trust_store(keys_folder)
    if (store.folder / file_name(author, ".pem")).exists():
        do = f"Restore the signing key from a backup, or remove {store.folder / file_name(author, '.pem')}"
        raise InputError("an author is trusted here by a key whose private half is missing", author, do)
    key = SigningKey.create(keys_folder, author, passphrase)
    store.add(key.public.pem, author)
    return key, True


def pae(payload_type: str, payload: bytes) -> bytes:
    """What a DSSE signature covers: ``DSSEv1 LEN(type) type LEN(payload) payload``, lengths in bytes, in decimal."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload_type: str, payload: bytes, *keys: SigningKey) -> dict[str, object]:
    """The DSSE envelope of `payload`, signed by each of `keys`."""
    signed = pae(payload_type, payload)
    signatures = [{"keyid": key.public.key_id, "sig": _to_base64(key.sign(signed))} for key in keys]
    return {"payload": _to_base64(payload), "payloadType": payload_type, "signatures": signatures}


def verify_envelope(envelope: object, trusted: Mapping[str, PublicKey], payload_type: str = IN_TOTO) -> bytes:
    """The payload of `envelope`, once *every* signature on it is shown to hold.

    Parameters
    ----------
    envelope
        A DSSE envelope as JSON gives it; not changed.
    trusted
        Public keys by key id. A signature by any other key is refused, so that none can be slipped in or replaced.
    payload_type
        The type that the payload must have.

    Raises
    ------
    VerificationError
        When a field is missing, unknown or spelled another way, no signature is there, or one does not hold.
    """
    payload = unverified_payload(envelope, payload_type)
    signatures = _exact_fields(envelope, ENVELOPE_FIELDS, "envelope")["signatures"]
    if not isinstance(signatures, list) or not signatures:
        raise VerificationError("the envelope bears no signature", signatures, ASK_SENDER)
    seen = set()
    for item in signatures:
        signature = _exact_fields(item, SIGNATURE_FIELDS, "signature")
        key_id = signature["keyid"]
        if not isinstance(key_id, str) or key_id in seen or key_id not in trusted or trusted[key_id].key_id != key_id:
            raise VerificationError("the envelope bears a signature by an unknown key, or two by one", key_id, ASK_SENDER)
        seen.add(key_id)
        trusted[key_id].verify(_from_base64(signature["sig"]), pae(payload_type, payload))
    return payload


def unverified_payload(envelope: object, payload_type: str = IN_TOTO) -> bytes:
    """The payload of `envelope` whoever signed it, to show what is claimed beside a failed check; never to rely on."""
    fields = _exact_fields(envelope, ENVELOPE_FIELDS, "envelope")
    if fields["payloadType"] != payload_type:
        raise VerificationError("the envelope has another payload type", fields["payloadType"], f"It must be {payload_type}")
    return _from_base64(fields["payload"])


def read_canonical_json(data: bytes, name: str) -> object:
    """The JSON value in `data`; a `VerificationError` unless `data` is the one canonical spelling of it."""
    try:
        value = json.loads(data)
        same = canonical_json(value) == data
    except (ValueError, RecursionError) as exc:
        raise VerificationError(f"{name} is not JSON", data, ASK_SENDER) from exc
    if not same:
        raise VerificationError(f"{name} is not spelled canonically", data, ASK_SENDER)
    return value


def file_name(name: str, suffix: str) -> str:
    """`name` as a file name: letters, digits and ``@+-_. `` stand for themselves, anything else is percent-encoded.

    Raises
    ------
    InputError
        When the name is empty, not one printable line, starts with a dot, or is longer than 200 bytes once encoded.
    """
    encoded = quote(unicodedata.normalize("NFC", name), safe="@+ ") if name.isprintable() else ""
    if not name.strip() or name.startswith(".") or not 0 < len(encoded) <= NAME_LIMIT:
        raise InputError("not a name for a key", ascii(name), f"Give one printable line of 1 to {NAME_LIMIT} bytes, no dot first")
    return encoded + suffix


def _exact_fields(value: object, names: frozenset[str], what: str) -> dict[str, object]:
    if not isinstance(value, dict) or set(value) != names:
        raise VerificationError(f"the {what} does not have the fields {', '.join(sorted(names))} and no other", value, ASK_SENDER)
    return value


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: object) -> bytes:
    """The bytes that `text` stands for, where it is the one canonical base64 of them (RFC 4648, padded)."""
    if not isinstance(text, str):
        raise VerificationError("not base64", text, ASK_SENDER)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise VerificationError("not base64", text, ASK_SENDER) from exc
    if _to_base64(data) != text:
        raise VerificationError("base64 that does not re-encode to itself", text, ASK_SENDER)
    return data


def _passphrase_bytes(passphrase: str | None) -> bytes | None:
    if passphrase is None:
        return None
    if not passphrase:
        raise InputError("the passphrase is empty", None, "Give one, or none at all")
    return passphrase.encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise StorageError(f"a key cannot be read ({exc.strerror})", str(path), "Give a readable file") from exc


def _publish_once(path: Path, data: bytes, mode: int) -> None:
    """Write `data` to a new file of `mode`, whole or not at all; it is never readable to more people, not for a moment.

    A hard link is the one call that is atomic and refuses to overwrite. A file system without it (FAT) has no file modes
    either, and is no place for a key.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as exc:
        if os.path.lexists(path):
            raise InputError("a key of that name exists", str(path), "Choose another name; a key is never overwritten") from exc
        raise StorageError(f"a key cannot be written ({exc.strerror})", str(path), "Choose a writable folder") from exc
