import base64
import copy
import hashlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from shutil import which

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InputError, StorageError, UnknownNameError, VerificationError
from workbench.signing import (
    IN_TOTO,
    PublicKey,
    SigningKey,
    TrustStore,
    ensure_key,
    file_name,
    pae,
    read_canonical_json,
    sign_envelope,
    trust_store,
    unverified_payload,
    verify_envelope,
)

OPENSSL = pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
KEYS = [SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)) for number in range(3)]
TRUSTED = {key.public.key_id: key.public for key in KEYS[:2]}


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_importing_is_cheap() -> None:
    """Neither cryptography nor a database is loaded before a key is used."""
    code = "import sys, workbench.signing; print({'cryptography', 'sqlalchemy', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


class TestSigningKey:
    def test_signs_the_published_vector(self, tmp_path: Path) -> None:
        """RFC 8032, section 7.1, test 2."""
        secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
        expected = (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        )
        pem = Ed25519PrivateKey.from_private_bytes(secret).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "ada.key.pem").write_bytes(pem)
        assert SigningKey.load(tmp_path, "ada").sign(b"\x72").hex() == expected

    def test_comes_back_as_it_was_kept(self, tmp_path: Path) -> None:
        made = SigningKey.create(tmp_path / "keys", "ada")
        assert SigningKey.load(tmp_path / "keys", "ada").sign(b"x") == made.sign(b"x")
        assert (tmp_path / "keys/ada.pub.pem").read_bytes() == made.public.pem

    def test_is_private_from_its_first_moment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Under the most generous umask, every file is opened with its final mode, and the key's is 0600."""
        opened: dict[str, int] = {}
        real = os.open

        def watch(path: Path, flags: int, mode: int = 0o777, **rest: int) -> int:
            handle = real(path, flags, mode, **rest)
            opened[Path(path).name] = stat.S_IMODE(os.fstat(handle).st_mode)
            return handle

        before = os.umask(0)
        try:
            monkeypatch.setattr(os, "open", watch)
            SigningKey.create(tmp_path / "keys", "ada")
        finally:
            os.umask(before)
        assert {mode for name, mode in opened.items() if ".key.pem" in name} == {0o600}
        assert permissions(tmp_path / "keys/ada.key.pem") == 0o600
        assert permissions(tmp_path / "keys") == 0o700

    def test_leaves_no_draft(self, tmp_path: Path) -> None:
        SigningKey.create(tmp_path, "ada")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["ada.key.pem", "ada.pub.pem"]

    def test_is_never_overwritten(self, tmp_path: Path) -> None:
        SigningKey.create(tmp_path, "ada")
        before = (tmp_path / "ada.key.pem").read_bytes()
        with pytest.raises(InputError, match="a key of that name exists"):
            SigningKey.create(tmp_path, "ada")
        assert (tmp_path / "ada.key.pem").read_bytes() == before

    def test_both_halves_are_kept_or_none(self, tmp_path: Path) -> None:
        (tmp_path / "ada.pub.pem").write_bytes(KEYS[0].public.pem)
        with pytest.raises(InputError, match=r"a key of that name exists: .*ada\.pub\.pem"):
            SigningKey.create(tmp_path, "ada")
        assert [path.name for path in tmp_path.iterdir()] == ["ada.pub.pem"]

    def test_needs_its_passphrase(self, tmp_path: Path) -> None:
        made = SigningKey.create(tmp_path, "ada", "correct horse")
        assert b"ENCRYPTED" in (tmp_path / "ada.key.pem").read_bytes()
        assert SigningKey.load(tmp_path, "ada", "correct horse").public.key_id == made.public.key_id
        with pytest.raises(InputError, match="no passphrase was given"):
            SigningKey.load(tmp_path, "ada")
        with pytest.raises(InputError, match="the passphrase does not open") as caught:
            SigningKey.load(tmp_path, "ada", "wrong horse")
        assert "wrong horse" not in str(caught.value)

    def test_refuses_a_passphrase_it_does_not_have(self, tmp_path: Path) -> None:
        SigningKey.create(tmp_path, "ada")
        with pytest.raises(InputError, match="not encrypted"):
            SigningKey.load(tmp_path, "ada", "correct horse")

    def test_refuses_an_empty_passphrase(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="empty"):
            SigningKey.create(tmp_path, "ada", "")
        assert not list(tmp_path.iterdir())

    def test_unknown_name_lists_those_that_exist(self, tmp_path: Path) -> None:
        SigningKey.create(tmp_path, "Ada Löv")
        with pytest.raises(UnknownNameError, match="Available: Ada Löv"):
            SigningKey.load(tmp_path, "bob")

    @pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 40, KEYS[0].public.pem])
    def test_refuses_a_file_that_is_no_private_key(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "ada.key.pem").write_bytes(content)
        with pytest.raises(InputError, match="not a private key"):
            SigningKey.load(tmp_path, "ada")

    def test_refuses_a_key_of_another_kind(self, tmp_path: Path) -> None:
        other = generate_private_key(SECP256R1())
        (tmp_path / "ada.key.pem").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(InputError, match="not an Ed25519 one"):
            SigningKey.load(tmp_path, "ada")

    def test_names_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        """A file in place of the folder: root, as in many containers, is stopped by no mode."""
        (tmp_path / "keys").write_bytes(b"")
        with pytest.raises(StorageError, match="a key cannot be written"):
            SigningKey.create(tmp_path / "keys", "ada")

    def test_many_first_uses_at_once_leave_one_key(self, tmp_path: Path) -> None:
        outcomes: list[object] = []

        def use() -> None:
            try:
                outcomes.append(SigningKey.create(tmp_path, "ada").public.key_id)
            except InputError as exc:
                outcomes.append(exc)

        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [item for item in outcomes if isinstance(item, str)] == [SigningKey.load(tmp_path, "ada").public.key_id]


class TestPublicKey:
    @OPENSSL
    def test_key_id_is_the_digest_openssl_gives(self) -> None:
        command = ["openssl", "pkey", "-pubin", "-outform", "DER"]
        der = subprocess.run(command, input=KEYS[0].public.pem, capture_output=True, check=True).stdout
        assert KEYS[0].public.key_id == hashlib.sha256(der).hexdigest()

    def test_comes_back_from_its_text(self) -> None:
        assert PublicKey.from_pem(KEYS[0].public.pem).key_id == KEYS[0].public.key_id

    @pytest.mark.parametrize("pem", [b"", b"ssh-ed25519 AAAA", KEYS[0].public.pem[:60]])
    def test_refuses_what_is_no_public_key(self, pem: bytes) -> None:
        with pytest.raises(InputError, match=r"not a public key: bob\.pem"):
            PublicKey.from_pem(pem, "bob.pem")

    def test_refuses_a_key_of_another_kind(self) -> None:
        pem = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(InputError, match="not an Ed25519 one"):
            PublicKey.from_pem(pem)

    @given(st.binary(max_size=50), st.integers(0, 511))
    def test_refuses_a_signature_with_one_bit_flipped(self, data: bytes, bit: int) -> None:
        signature = bytearray(KEYS[0].sign(data))
        KEYS[0].public.verify(bytes(signature), data)
        signature[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VerificationError, match="the signature does not hold"):
            KEYS[0].public.verify(bytes(signature), data)

    def test_refuses_another_keys_signature(self) -> None:
        with pytest.raises(VerificationError):
            KEYS[0].public.verify(KEYS[1].sign(b"x"), b"x")


class TestEnvelope:
    def test_signs_what_the_dsse_protocol_says(self) -> None:
        """The example in the DSSE protocol document."""
        expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        assert pae("http://example.com/HelloWorld", b"hello world") == expected

    @given(st.binary(max_size=60), st.text(max_size=12))
    def test_gives_the_payload_back(self, payload: bytes, kind: str) -> None:
        envelope = sign_envelope(kind, payload, KEYS[0])
        before = copy.deepcopy(envelope)
        assert verify_envelope(envelope, TRUSTED, kind) == unverified_payload(envelope, kind) == payload
        assert envelope == before

    @OPENSSL
    def test_openssl_accepts_the_signature(self, tmp_path: Path) -> None:
        envelope = sign_envelope(IN_TOTO, b"{}", KEYS[0])
        (tmp_path / "pae").write_bytes(pae(IN_TOTO, b"{}"))
        (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))  # type: ignore[index]
        (tmp_path / "pem").write_bytes(KEYS[0].public.pem)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pem", "-rawin", "-in", "pae", "-sigfile", "sig"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")
        (tmp_path / "pae").write_bytes(pae(IN_TOTO, b"{ }"))
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0

    def test_two_signatures_hold(self) -> None:
        assert verify_envelope(sign_envelope(IN_TOTO, b"{}", *KEYS[:2]), TRUSTED) == b"{}"

    @pytest.mark.parametrize("place", [0, 1])
    def test_one_signature_of_two_replaced(self, place: int) -> None:
        """By another key's signature, under the old key id."""
        envelope = sign_envelope(IN_TOTO, b"{}", *KEYS[:2])
        other = sign_envelope(IN_TOTO, b"{}", KEYS[2])
        envelope["signatures"][place]["sig"] = other["signatures"][0]["sig"]  # type: ignore[index]
        with pytest.raises(VerificationError, match="the signature does not hold"):
            verify_envelope(envelope, TRUSTED)

    def test_one_signature_of_two_is_unknown(self) -> None:
        with pytest.raises(VerificationError, match="unknown key"):
            verify_envelope(sign_envelope(IN_TOTO, b"{}", KEYS[0], KEYS[2]), TRUSTED)

    def test_one_key_counts_once(self) -> None:
        with pytest.raises(VerificationError, match="two by one"):
            verify_envelope(sign_envelope(IN_TOTO, b"{}", KEYS[0], KEYS[0]), TRUSTED)

    def test_a_key_stands_under_its_own_id_only(self) -> None:
        """A mapping that files the attacker's key under the victim's id helps nobody."""
        envelope = sign_envelope(IN_TOTO, b"{}", KEYS[2])
        envelope["signatures"][0]["keyid"] = KEYS[0].public.key_id  # type: ignore[index]
        with pytest.raises(VerificationError):
            verify_envelope(envelope, {KEYS[0].public.key_id: KEYS[2].public})

    def test_needs_a_signature(self) -> None:
        with pytest.raises(VerificationError, match="bears no signature"):
            verify_envelope(sign_envelope(IN_TOTO, b"{}"), TRUSTED)

    def test_needs_the_expected_payload_type(self) -> None:
        with pytest.raises(VerificationError, match="another payload type: text/plain"):
            verify_envelope(sign_envelope("text/plain", b"{}", KEYS[0]), TRUSTED)

    @pytest.mark.parametrize(
        "change",
        [
            {"extra": 1},
            {"payload": None},
            {"signatures": {}},
            {"signatures": ["x"]},
            {"signatures": [{"keyid": KEYS[0].public.key_id}]},
            {"signatures": [{"keyid": KEYS[0].public.key_id, "sig": "", "cert": ""}]},
            {"signatures": [{"keyid": [], "sig": ""}]},
        ],
        ids=str,
    )
    def test_refuses_another_shape(self, change: dict[str, object]) -> None:
        with pytest.raises(VerificationError):
            verify_envelope(sign_envelope(IN_TOTO, b"{}", KEYS[0]) | change, TRUSTED)

    @pytest.mark.parametrize("envelope", [None, [], "x", {}, {"payload": "e30="}])
    def test_refuses_what_is_no_envelope(self, envelope: object) -> None:
        with pytest.raises(VerificationError):
            verify_envelope(envelope, TRUSTED)

    @pytest.mark.parametrize("text", ["e31=", "e30", "e30=\n", " e30=", "e3=0", "-_8=", "é"])
    def test_refuses_another_spelling_of_base64(self, text: str) -> None:
        """``e31=`` decodes to the bytes of ``e30=``: two spare bits that nobody would see flipped."""
        envelope = sign_envelope(IN_TOTO, b"{}", KEYS[0])
        assert envelope["payload"] == "e30="
        with pytest.raises(VerificationError, match="base64"):
            verify_envelope(envelope | {"payload": text}, TRUSTED)


@pytest.mark.parametrize("text", [b'{"a": 1}', b'{"b":1,"a":1}', b'{"a":1,"a":1}', b'{"a":1}\n', b'"\\u0061"', b"1.0e0", b"NaN"])
def test_json_has_one_spelling(text: bytes) -> None:
    with pytest.raises(VerificationError, match="not spelled canonically"):
        read_canonical_json(text, "it")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"[" * 100_000, b'"\\ud800"'], ids=["empty", "cut", "no UTF-8", "deep", "surrogate"]
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(VerificationError, match="it is not"):
        read_canonical_json(text, "it")


class TestTrustStore:
    def test_trusts_nobody_at_first(self, tmp_path: Path) -> None:
        store = TrustStore(tmp_path / "none")
        assert store.list() == []
        assert store.keys() == {}

    def test_lists_names_and_key_ids(self, tmp_path: Path) -> None:
        store = TrustStore(tmp_path / "trusted")
        store.add(KEYS[1].public.pem, "bob@example.org")
        store.add(KEYS[0].public.pem, "Ada/Löv %")
        assert store.list() == [("Ada/Löv %", KEYS[0].public.key_id), ("bob@example.org", KEYS[1].public.key_id)]
        assert {key_id: key.pem for key_id, key in store.keys().items()} == {
            key.public.key_id: key.public.pem for key in KEYS[:2]
        }

    def test_again_is_no_error_but_another_key_is(self, tmp_path: Path) -> None:
        store = TrustStore(tmp_path)
        store.add(KEYS[0].public.pem, "ada")
        store.add(KEYS[0].public.pem, "ada")
        with pytest.raises(InputError, match="another key is trusted under that name: ada"):
            store.add(KEYS[1].public.pem, "ada")
        assert store.list() == [("ada", KEYS[0].public.key_id)]

    def test_names_a_file_that_is_no_public_key(self, tmp_path: Path) -> None:
        (tmp_path / "notes.pem").write_text("hello")
        with pytest.raises(InputError, match=r"not a public key: .*notes\.pem"):
            TrustStore(tmp_path).keys()

    def test_does_not_show_a_private_key_put_there(self, tmp_path: Path) -> None:
        SigningKey.create(tmp_path, "ada")
        pem = (tmp_path / "ada.key.pem").read_bytes()
        with pytest.raises(InputError, match="not a public key: ada") as caught:
            TrustStore(tmp_path / "trusted").add(pem, "ada")
        assert pem.decode().splitlines()[1] not in str(caught.value)

    def test_a_file_in_place_of_the_folder_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "trusted").write_bytes(b"")
        with pytest.raises(StorageError, match="trust store cannot be read"):
            TrustStore(tmp_path / "trusted").list()


class TestEnsureKey:
    def test_makes_and_trusts_the_key_once(self, tmp_path: Path) -> None:
        key, created = ensure_key(tmp_path / "keys", "ada")
        again, created_again = ensure_key(tmp_path / "keys", "ada")
        assert (created, created_again) == (True, False)
        assert again.public.key_id == key.public.key_id
        assert trust_store(tmp_path / "keys").list() == [("ada", key.public.key_id)]

    def test_does_not_trust_again_what_was_taken_out(self, tmp_path: Path) -> None:
        ensure_key(tmp_path, "ada")
        (tmp_path / "trusted/ada.pem").unlink()
        ensure_key(tmp_path, "ada")
        assert trust_store(tmp_path).list() == []

    def test_makes_no_second_key_for_a_trusted_name(self, tmp_path: Path) -> None:
        trust_store(tmp_path).add(KEYS[0].public.pem, "ada")
        with pytest.raises(InputError, match="private half is missing: ada"):
            ensure_key(tmp_path, "ada")
        assert [path.name for path in tmp_path.iterdir()] == ["trusted"]

    def test_keeps_the_passphrase_necessary(self, tmp_path: Path) -> None:
        ensure_key(tmp_path, "ada", "secret")
        with pytest.raises(InputError, match="no passphrase"):
            ensure_key(tmp_path, "ada")


@pytest.mark.parametrize("name", ["", " ", ".", "..", ".hidden", "a\nb", "\udcff", "x" * 300])
def test_not_every_text_names_a_key(name: str) -> None:
    with pytest.raises(InputError, match="not a name for a key"):
        file_name(name, ".pem")


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_name_stays_in_its_folder(first: str, second: str) -> None:
    """And two names that look different have two files."""
    try:
        names = [file_name(name, ".pem") for name in (first, second)]
    except InputError:
        return
    assert not any(letter in name for name in names for letter in '/\\\0:*?<>|"')
    if names[0] == names[1]:
        assert first == second or not (first + second).isascii()
