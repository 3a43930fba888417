"""Everything that somebody could do to a bundle, and the check that says so."""

import base64
import datetime as dt
import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from workbench.digest import canonical_json
from workbench.errors import StorageError, VerificationError
from workbench.evidence import verify
from workbench.evidence.verify import CHECKS, Check, Verification, run_check, verify_bundle
from workbench.incident.chain import Entry, Head, genesis
from workbench.signing import IN_TOTO, SigningKey, sign_envelope

NOW = dt.datetime(2026, 3, 5, tzinfo=dt.UTC)
ENVELOPE = "attestations/bundle.dsse.json"
EVENTS = "data/record/events.jsonl"
MALLORY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"m" * 32))

Claimed = dict[str, object]
Judge = Callable[[bytes | dict[str, bytes]], Verification]


@pytest.fixture
def judge(tmp_path: Path, sample: Any, forge: Any) -> Judge:
    """Verify a bundle given as bytes, or as files to be zipped canonically; only the sample's signer is trusted."""

    def verify_it(bundle: bytes | dict[str, bytes]) -> Verification:
        path = tmp_path / "judged.zip"
        path.write_bytes(bundle if isinstance(bundle, bytes) else forge.rezip(bundle))
        return verify_bundle(path, sample.trusted, now=NOW)

    return verify_it


@pytest.fixture
def started() -> list[Entry]:
    """A record with a run in it."""
    opened = Entry.after(Head("INC-42", 0, genesis("INC-42")), "opened", {"title": "Loans"}, author="ada")
    body = {"run": 1, "parameters": {"reference": "time < 2026-03-01"}}
    return [opened, Entry.after(Head("INC-42", 1, opened.digest), "run started", body, author="ada")]


@pytest.fixture
def files(sealed_bytes: bytes, forge: Any) -> dict[str, bytes]:
    return forge.unzip(sealed_bytes)


def failed(verification: Verification) -> dict[str, str]:
    """The detail of each failed check; all checks are always listed."""
    assert [check.name for check in verification.checks] == list(CHECKS)
    assert verification.ok is not any(not check.ok for check in verification.checks)
    return {check.name: check.detail for check in verification.checks if not check.ok}


def resign(files: dict[str, bytes], key: SigningKey, **claims: object) -> dict[str, bytes]:
    """The bundle signed anew over its tag manifest, by whoever holds `key`."""
    statement = json.loads(base64.b64decode(json.loads(files[ENVELOPE])["payload"]))
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(files["tagmanifest-sha256.txt"]).hexdigest()
    statement["predicate"] |= {"key_id": key.public.key_id, **claims}
    kept = {name: data for name, data in files.items() if not name.startswith("attestations/")}
    envelope = canonical_json(sign_envelope(IN_TOTO, canonical_json(statement), key))
    return kept | {ENVELOPE: envelope, f"attestations/keys/{key.public.key_id}.pem": key.public.pem}


def test_a_sound_bundle_passes_every_check(judge: Judge, sample: Any, sealed_bytes: bytes) -> None:
    found = judge(sealed_bytes)
    assert found.ok
    assert [check.name for check in found.checks] == list(CHECKS)
    assert (found.incident, found.signer) == ("INC-42", sample.key.public.key_id)
    assert found.sealed_at == dt.datetime(2026, 3, 4, 2, 10, 0, 123000, tzinfo=dt.UTC)
    assert found.digest == "sha256:" + hashlib.sha256(sealed_bytes).hexdigest()


def test_a_seal_that_cites_the_one_before_passes(sample: Any, tmp_path: Path) -> None:
    sample.seal(tmp_path / "B.zip", previous="sha256:" + "0" * 64)
    found = verify_bundle(tmp_path / "B.zip", sample.trusted, now=NOW)
    assert found.ok
    assert "previous seal sha256:000" in found.checks[list(CHECKS).index("statement")].detail


class TestDamage:
    @given(data=st.data())
    def test_any_one_bit_flipped(
        self, tmp_path_factory: pytest.TempPathFactory, sample: Any, sealed_bytes: bytes, data: st.DataObject
    ) -> None:
        bit = data.draw(st.integers(0, 8 * len(sealed_bytes) - 1))
        damaged = bytearray(sealed_bytes)
        damaged[bit // 8] ^= 1 << bit % 8
        path = tmp_path_factory.getbasetemp() / "flipped.zip"
        path.write_bytes(damaged)
        assert "archive" in failed(verify_bundle(path, sample.trusted, now=NOW))

    def test_every_byte_of_the_zip_directory(self, judge: Judge, sealed_bytes: bytes) -> None:
        for position in range(sealed_bytes.index(b"PK\1\2"), len(sealed_bytes)):
            damaged = bytearray(sealed_bytes)
            damaged[position] ^= 1 << position % 8
            assert "archive" in failed(judge(bytes(damaged))), position

    @pytest.mark.slow
    def test_every_byte(self, judge: Judge, sealed_bytes: bytes) -> None:
        for position in range(len(sealed_bytes)):
            damaged = bytearray(sealed_bytes)
            damaged[position] ^= 1 << (position * 5) % 8
            assert "archive" in failed(judge(bytes(damaged))), position

    @given(st.data())
    def test_a_stretch_replaced(
        self, tmp_path_factory: pytest.TempPathFactory, sample: Any, sealed_bytes: bytes, data: st.DataObject
    ) -> None:
        """Cut, inserted or overwritten; anywhere."""
        start = data.draw(st.integers(0, len(sealed_bytes)))
        end = data.draw(st.integers(start, min(start + 40, len(sealed_bytes))))
        damaged = sealed_bytes[:start] + data.draw(st.binary(max_size=40)) + sealed_bytes[end:]
        path = tmp_path_factory.getbasetemp() / "spliced.zip"
        path.write_bytes(damaged)
        assert verify_bundle(path, sample.trusted, now=NOW).ok is (damaged == sealed_bytes)

    @given(st.binary(max_size=300))
    def test_any_bytes_fail_and_do_not_raise(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "noise.zip"
        path.write_bytes(data)
        assert failed(verify_bundle(path, {})).keys() == CHECKS.keys()

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
    def test_a_download_that_stopped(self, judge: Judge, sealed_bytes: bytes, share: float) -> None:
        assert "archive" in failed(judge(sealed_bytes[: int(len(sealed_bytes) * share)]))

    def test_a_missing_file_could_not_be_checked(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="the bundle cannot be read") as caught:
            verify_bundle(tmp_path / "none.zip", {})
        assert caught.value.exit_code == 2

    def test_a_folder_could_not_be_checked(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="the bundle cannot be read"):
            verify_bundle(tmp_path, {})


class TestFiles:
    def test_file_added(self, judge: Judge, files: dict[str, bytes]) -> None:
        found = failed(judge(files | {"data/extra.txt": b"x"}))
        assert "not listed: data/extra.txt" in found["files"]
        assert found.keys() == {"files", "tag files"}  # the latter: one file more than bag-info.txt counts

    def test_file_added_beside_the_payload(self, judge: Judge, files: dict[str, bytes]) -> None:
        found = failed(judge(files | {"attestations/other.json": b"x"}))
        assert list(found) == ["files"]
        assert "not listed: attestations/other.json" in found["files"]

    @pytest.mark.parametrize("name", ["data/env/lock.txt", "data/runs/0001-triage/executed.ipynb"])
    def test_file_removed(self, judge: Judge, files: dict[str, bytes], name: str) -> None:
        del files[name]
        found = failed(judge(files))
        assert f"missing: {name}" in found["files"]
        assert name in found["payload"]

    def test_every_tag_file_is_needed(self, judge: Judge, files: dict[str, bytes]) -> None:
        for name in [name for name in files if not name.startswith("data/")]:
            found = failed(judge({other: data for other, data in files.items() if other != name}))
            assert found, name
            assert any(name in detail for detail in found.values()) or "public key" in found["signature"], name

    def test_executed_notebook_swapped(self, judge: Judge, files: dict[str, bytes]) -> None:
        first, second = "data/runs/0001-triage/executed.ipynb", "data/runs/0002-slices/executed.ipynb"
        files[first], files[second] = files[second], files[first]
        found = failed(judge(files))
        assert list(found) == ["payload"]
        assert found["payload"].startswith(f"changed since it was sealed: {first}, {second}")

    def test_parameter_changed(self, judge: Judge, files: dict[str, bytes]) -> None:
        name = "data/runs/0001-triage/parameters.json"
        files[name] = files[name].replace(b"2026-03-01", b"2026-03-02")
        found = failed(judge(files))
        assert list(found) == ["payload"]
        assert found["payload"].startswith(f"changed since it was sealed: {name}")

    def test_html_blanked(self, judge: Judge, files: dict[str, bytes]) -> None:
        """The page of a notebook, of which a blank one looks as if nothing had been found."""
        name = "data/runs/0001-triage/executed.html"
        found = failed(judge(files | {name: b"<!DOCTYPE html><title>Triage</title>"}))
        assert f"changed since it was sealed: {name}" in found["payload"]

    def test_bag_info_edited(self, judge: Judge, files: dict[str, bytes]) -> None:
        files["bag-info.txt"] = files["bag-info.txt"].replace(b"INC-42", b"INC-43")
        assert list(failed(judge(files))) == ["tag files"]

    @pytest.mark.parametrize("name", ["data/\x1b[2K", "attestations/keys/\x1b[2K.pem", "\x1b[2K"])
    def test_an_invisible_name_is_escaped(self, judge: Judge, files: dict[str, bytes], name: str) -> None:
        """A name may carry codes that rewrite the terminal's line."""
        details = failed(judge(files | {name: b""}))
        assert r"\x1b[2K" in details["files"]
        assert all(detail.isprintable() for detail in details.values())

    def test_a_manifest_edited(self, judge: Judge, files: dict[str, bytes]) -> None:
        """The one that `verify` does not follow; the tag manifest still covers it."""
        text = files["manifest-sha512.txt"]
        files["manifest-sha512.txt"] = (b"1" if text[:1] == b"0" else b"0") + text[1:]
        found = failed(judge(files))
        assert list(found) == ["tag files"]
        assert "changed since it was sealed: manifest-sha512.txt" in found["tag files"]


class TestAttacker:
    """Re-hashing is free; signing is not."""

    def test_bag_rehashed(self, judge: Judge, files: dict[str, bytes], forge: Any) -> None:
        files["data/runs/0001-triage/findings.json"] = b'{"verdict":"no incident found"}'
        found = failed(judge(forge.rehash(files)))
        assert set(found) == {"signature", "signer"}
        assert "another tag manifest" in found["signature"]

    def test_record_cut(self, judge: Judge, files: dict[str, bytes], entries: list[Entry], forge: Any) -> None:
        files[EVENTS] = forge.to_jsonl(entries[:-1])
        found = failed(judge(forge.rehash(files)))
        assert set(found) == {"signature", "record", "signer"}
        assert "entries 4 to 4 were cut off" in found["record"]

    def test_record_emptied(self, judge: Judge, files: dict[str, bytes], forge: Any) -> None:
        files[EVENTS] = b""
        assert "cut off" in failed(judge(forge.rehash(files)))["record"]

    def test_record_reordered(self, judge: Judge, files: dict[str, bytes], entries: list[Entry], forge: Any) -> None:
        files[EVENTS] = forge.to_jsonl([entries[0], entries[2], entries[1], entries[3]])
        assert "entry 2 was moved" in failed(judge(forge.rehash(files)))["record"]

    def test_record_edited(self, judge: Judge, files: dict[str, bytes], forge: Any) -> None:
        files[EVENTS] = files[EVENTS].replace(b"note 2", b"note X")
        assert "entry 3 was edited" in failed(judge(forge.rehash(files)))["record"]

    def test_record_forged_from_the_start(self, judge: Judge, files: dict[str, bytes], forge: Any) -> None:
        """A chain that is sound in itself, of the same length: only the signed head tells."""
        head, forged = Head("INC-42", 0, genesis("INC-42")), []
        for _ in range(4):
            forged.append(Entry.after(head, "note", {"text": "all was well"}, author="mallory"))
            head = Head("INC-42", forged[-1].seq, forged[-1].digest)
        files[EVENTS] = forge.to_jsonl(forged)
        assert "is not the one that was signed" in failed(judge(forge.rehash(files)))["record"]

    def test_wrong_key(self, judge: Judge, files: dict[str, bytes], forge: Any) -> None:
        """Everything done anew and signed by somebody else: sound in itself, and not by the one we trust."""
        files["data/env/lock.txt"] = b"changed"
        found = failed(judge(resign(forge.rehash(files), MALLORY)))
        assert found == {"signer": f"key {MALLORY.public.key_id}: signer not trusted"}

    def test_wrong_key_under_the_right_name(self, judge: Judge, files: dict[str, bytes], sample: Any, forge: Any) -> None:
        forged = resign(forge.rehash(files | {"data/env/lock.txt": b"changed"}), MALLORY)
        envelope = json.loads(forged[ENVELOPE])
        envelope["signatures"][0]["keyid"] = sample.key.public.key_id
        forged[ENVELOPE] = canonical_json(envelope)
        right = f"attestations/keys/{sample.key.public.key_id}.pem"
        forged[right] = forged.pop(f"attestations/keys/{MALLORY.public.key_id}.pem")
        assert {"signature", "signer"} <= failed(judge(forged)).keys()
        forged[right] = sample.key.public.pem
        assert {"signature", "signer"} <= failed(judge(forged)).keys()

    def test_two_keys(self, judge: Judge, files: dict[str, bytes]) -> None:
        found = failed(judge(files | {f"attestations/keys/{MALLORY.public.key_id}.pem": MALLORY.public.pem}))
        assert {"files", "signature", "signer"} <= found.keys()

    def test_one_signature_replaced(self, judge: Judge, files: dict[str, bytes]) -> None:
        envelope = json.loads(files[ENVELOPE])
        envelope["signatures"][0]["sig"] = json.loads(resign(files, MALLORY)[ENVELOPE])["signatures"][0]["sig"]
        found = failed(judge(files | {ENVELOPE: canonical_json(envelope)}))
        assert set(found) == {"signature", "signer"}
        assert "the signature does not hold" in found["signature"]

    def test_one_signature_added(self, judge: Judge, files: dict[str, bytes]) -> None:
        envelope = json.loads(files[ENVELOPE])
        envelope["signatures"].append({"keyid": MALLORY.public.key_id, "sig": "AAAA"})
        assert "signature" in failed(judge(files | {ENVELOPE: canonical_json(envelope)}))

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b'{"payload"', b'{ "payload"'),
            (b'{"payload"', b'{"extra":1,"payload"'),
            (b'"keyid"', b'"cert":"","keyid"'),
            (b"==", b"==\\n"),
        ],
    )
    def test_envelope_spelled_another_way(self, judge: Judge, files: dict[str, bytes], old: bytes, new: bytes) -> None:
        """The signature would still hold: it covers the payload, not the envelope."""
        assert old in files[ENVELOPE]
        assert "signature" in failed(judge(files | {ENVELOPE: files[ENVELOPE].replace(old, new)}))

    def test_key_spelled_another_way(self, judge: Judge, files: dict[str, bytes], sample: Any) -> None:
        name = f"attestations/keys/{sample.key.public.key_id}.pem"
        assert "signature" in failed(judge(files | {name: b"hello\n" + files[name]}))

    def test_key_under_another_name(self, judge: Judge, files: dict[str, bytes], sample: Any) -> None:
        pem = files.pop(f"attestations/keys/{sample.key.public.key_id}.pem")
        found = failed(judge(files | {f"attestations/keys/{MALLORY.public.key_id}.pem": pem}))
        assert "not the one its name says" in found["signature"]

    def test_parameter_changed_and_rehashed(
        self, judge: Judge, files: dict[str, bytes], forge: Any, started: list[Entry]
    ) -> None:
        """The file anew, every digest anew, and the record anew but for its chain."""
        files |= {EVENTS: forge.to_jsonl(started).replace(b"2026-03-01", b"2026-03-02")}
        files["data/runs/0001-triage/parameters.json"] = b'{"reference":"time < 2026-03-02"}'
        found = failed(judge(forge.rehash(files)))
        assert "another tag manifest" in found["signature"]
        assert "entry 2 was edited" in found["record"]

    def test_record_edited_and_statement_broken(self, judge: Judge, files: dict[str, bytes]) -> None:
        """The chain is looked at even where there is no head to hold it against."""
        files[EVENTS] = files[EVENTS].replace(b"note 2", b"note X")
        assert "entry 3 was edited" in failed(judge(files | {ENVELOPE: b"{}"}))["record"]


class TestClaims:
    def test_unknown_signer(self, tmp_path: Path, sealed_bytes: bytes, sample: Any) -> None:
        """Every other check is shown, and holds."""
        (tmp_path / "B.zip").write_bytes(sealed_bytes)
        found = verify_bundle(tmp_path / "B.zip", {MALLORY.public.key_id: MALLORY.public}, now=NOW)
        assert not found.ok
        assert list(failed(found)) == ["signer"]
        assert found.checks[-1].detail == f"key {sample.key.public.key_id}: signer not trusted"

    def test_another_key_filed_under_the_signers_id(self, tmp_path: Path, sealed_bytes: bytes, sample: Any) -> None:
        (tmp_path / "B.zip").write_bytes(sealed_bytes)
        assert not verify_bundle(tmp_path / "B.zip", {sample.key.public.key_id: MALLORY.public}, now=NOW).ok

    def test_future_time(self, sample: Any, tmp_path: Path) -> None:
        sample.seal(tmp_path / "B.zip", sealed_at=NOW + dt.timedelta(milliseconds=1))
        found = failed(verify_bundle(tmp_path / "B.zip", sample.trusted, now=NOW))
        assert list(found) == ["time"]
        assert "sealed in the future" in found["time"]
        assert verify_bundle(tmp_path / "B.zip", sample.trusted, now=NOW + dt.timedelta(milliseconds=1)).ok

    def test_the_clock_is_the_default(self, sample: Any, tmp_path: Path) -> None:
        sample.seal(tmp_path / "B.zip", sealed_at=None)
        assert verify_bundle(tmp_path / "B.zip", sample.trusted).ok
        sample.seal(tmp_path / "B.zip", sealed_at=dt.datetime(9999, 1, 1, tzinfo=dt.UTC), overwrite=True)
        assert list(failed(verify_bundle(tmp_path / "B.zip", sample.trusted))) == ["time"]

    @pytest.mark.parametrize("claims", [{"incident": "INC-43"}, {"record": {"length": 3, "digest": "sha256:" + "0" * 64}}])
    def test_a_trusted_signer_who_claims_otherwise(
        self, judge: Judge, files: dict[str, bytes], sample: Any, claims: dict[str, object]
    ) -> None:
        """A signature says who claims it, not that it is so: the record is still looked at."""
        assert "record" in failed(judge(resign(files, sample.key, **claims)))

    @pytest.mark.parametrize(
        "claims", [{"extra": 1}, {"sealed_at": "now"}, {"record": None}, {"incident": 7}, {"time_source": "authority"}]
    )
    def test_a_statement_out_of_form(self, judge: Judge, files: dict[str, bytes], sample: Any, claims: Claimed) -> None:
        found = judge(resign(files, sample.key, **claims))
        assert "statement" in failed(found)
        assert (found.incident, found.signer, found.sealed_at) == (None, None, None)

    def test_a_statement_that_names_another_key(self, judge: Judge, files: dict[str, bytes], sample: Any) -> None:
        found = failed(judge(resign(files, sample.key, key_id=MALLORY.public.key_id)))
        assert set(found) == {"signature", "signer"}
        assert "names another key than signed it" in found["signature"]

    def test_a_bag_of_another_version(self, judge: Judge, files: dict[str, bytes], sample: Any, forge: Any) -> None:
        """Its readers may look for other manifests."""
        bag = forge.rehash(files | {"bagit.txt": files["bagit.txt"].replace(b"1.0", b"0.97")})
        assert list(failed(judge(resign(bag, sample.key)))) == ["tag files"]

    def test_a_tag_manifest_that_leaves_one_out(self, judge: Judge, files: dict[str, bytes], sample: Any) -> None:
        files["tagmanifest-sha256.txt"] = b"".join(files["tagmanifest-sha256.txt"].splitlines(keepends=True)[:-1])
        assert list(failed(judge(resign(files, sample.key)))) == ["tag files"]

    def test_a_trusted_signer_of_unsafe_names(self, judge: Judge, files: dict[str, bytes], sample: Any, forge: Any) -> None:
        bag = forge.rehash(files | {"data/../../evil": b"x", "data/ENV/lock.txt": b"x"})
        found = failed(judge(resign(bag, sample.key)))
        assert list(found) == ["files"]
        assert "data/../../evil" in found["files"]
        assert "lock.txt" in found["files"]

    def test_the_sha512_manifest_lists_the_same(self, judge: Judge, files: dict[str, bytes], sample: Any, forge: Any) -> None:
        """Else a checker that follows it alone would miss a file."""
        bag = forge.rehash(files)
        bag["manifest-sha512.txt"] = b"".join(bag["manifest-sha512.txt"].splitlines(keepends=True)[1:])
        lines = [
            f"{hashlib.sha256(bag[name]).hexdigest()}  {name}\n"
            for name in sorted(bag)
            if name.endswith(".txt") and "/" not in name
        ]
        bag["tagmanifest-sha256.txt"] = "".join(line for line in lines if "tagmanifest" not in line).encode()
        found = failed(judge(resign(bag, sample.key)))
        assert list(found) == ["files"]
        assert "listed in one manifest only" in found["files"]


class TestArchive:
    @pytest.mark.parametrize("change", ["time", "mode", "extra", "comment", "system"])
    def test_zipped_another_way(self, judge: Judge, files: dict[str, bytes], forge: Any, change: str) -> None:
        """The content is the same and every other check holds."""

        def info(name: str) -> zipfile.ZipInfo:
            item = forge.canonical_info(name)
            match change:
                case "time":
                    item.date_time = (2026, 3, 4, 2, 10, 0)
                case "mode":
                    item.external_attr = 0o100755 << 16
                case "extra":
                    item.extra = b"\xff\xff\4\0abcd"
                case "comment":
                    item.comment = b"hello"
                case _:
                    item.create_system = 0
            return item

        assert list(failed(judge(forge.rezip(files, info)))) == ["archive"]

    def test_members_in_another_order(self, judge: Judge, files: dict[str, bytes], forge: Any) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name in sorted(files, key=str.encode, reverse=True):
                archive.writestr(forge.canonical_info(name), files[name])
        found = failed(judge(out.getvalue()))
        assert list(found) == ["archive"]
        assert "not in canonical order" in found["archive"]

    def test_one_name_twice(self, judge: Judge, files: dict[str, bytes], forge: Any) -> None:
        """Readers differ in which of the two they give."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name in sorted(files, key=str.encode):
                archive.writestr(forge.canonical_info(name), files[name])
                if name == EVENTS:
                    with pytest.warns(UserWarning, match="Duplicate name"):
                        archive.writestr(forge.canonical_info(name), b"forged")
        assert "two have one name" in failed(judge(out.getvalue()))["archive"]

    def test_something_before_it(self, judge: Judge, sealed_bytes: bytes) -> None:
        """Many readers forgive it, and then the file is a program as well."""
        assert "archive" in failed(judge(b"#!/bin/sh\n" + sealed_bytes))

    @pytest.mark.parametrize("end", [(0, b"\n"), (2, b"\5\0hello")], ids=["after", "comment"])
    def test_something_after_it(self, judge: Judge, sealed_bytes: bytes, end: tuple[int, bytes]) -> None:
        found = failed(judge(sealed_bytes[: len(sealed_bytes) - end[0]] + end[1]))
        assert list(found) == ["archive"]
        assert "something stands before or after" in found["archive"]

    def test_a_bomb_is_not_inflated(self, tmp_path: Path) -> None:
        """64 MiB of zeros in 64 KiB."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data/bomb", b"\0" * (64 << 20), zipfile.ZIP_DEFLATED)
        (tmp_path / "B.zip").write_bytes(out.getvalue())
        tracemalloc.start()
        found = failed(verify_bundle(tmp_path / "B.zip", {}))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert "a bundle stores plainly" in found["archive"]
        assert peak < 4 << 20

    def test_memory_does_not_grow_with_the_payload(self, sample: Any, tmp_path: Path) -> None:
        with (tmp_path / "big").open("wb") as file:
            file.truncate(48 << 20)
        sample.seal(tmp_path / "B.zip", payload={**sample.payload, "big.bin": tmp_path / "big"})
        tracemalloc.start()
        assert verify_bundle(tmp_path / "B.zip", sample.trusted, now=NOW).ok
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12 << 20

    def test_nothing_is_unpacked(self, judge: Judge, tmp_path: Path, sealed_bytes: bytes) -> None:
        judge(sealed_bytes)
        assert [path.name for path in tmp_path.iterdir()] == ["judged.zip"]


class TestFailsClosed:
    def test_a_check_that_breaks_has_failed(self) -> None:
        def broken(_: object) -> str:
            raise LookupError("no such thing")

        found = run_check("x", broken, None)  # type: ignore[arg-type]
        assert found == Check("x", ok=False, detail="could not be checked: LookupError('no such thing')")

    def test_a_check_left_out_is_not_passed(self, judge: Judge, sealed_bytes: bytes) -> None:
        found = judge(sealed_bytes)
        for left_out in range(len(CHECKS)):
            checks = found.checks[:left_out] + found.checks[left_out + 1 :]
            assert not Verification(checks, found.incident, found.signer, found.sealed_at, found.digest).ok

    def test_one_failed_check_is_enough(self, judge: Judge, sealed_bytes: bytes) -> None:
        found = judge(sealed_bytes)
        for position, check in enumerate(found.checks):
            checks = list(found.checks)
            checks[position] = Check(check.name, ok=False, detail="")
            assert not Verification(tuple(checks), found.incident, found.signer, found.sealed_at, found.digest).ok

    def test_what_is_too_large_to_be_read_has_failed(
        self, judge: Judge, sealed_bytes: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verify, "KEEP_LIMIT", 1000)
        found = failed(judge(sealed_bytes))
        assert "too large to be read" in found["record"]
        assert "archive" not in found

    def test_every_check_can_fail(self, judge: Judge, files: dict[str, bytes]) -> None:
        """On a bundle of nothing but its payload: no check passes for want of something to look at."""
        found = failed(judge({name: data for name, data in files.items() if name.startswith("data/")}))
        assert found.keys() == CHECKS.keys() - {"archive"}

    def test_messages_say_what_to_do(self, judge: Judge) -> None:
        assert "Ask the sender for a new copy" in failed(judge(b"hello"))["archive"]

    def test_an_empty_archive_is_no_bundle(self, judge: Judge) -> None:
        assert failed(judge({})).keys() == CHECKS.keys() - {"archive"}


def test_the_error_of_a_bad_bundle_is_exit_one() -> None:
    assert VerificationError("x").exit_code == 1
