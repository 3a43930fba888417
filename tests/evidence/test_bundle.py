import base64
import datetime as dt
import errno
import hashlib
import json
import os
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any, NoReturn

import pytest

from workbench.errors import InputError, RecordError, StorageError, VerificationError
from workbench.evidence import bundle
from workbench.evidence.bundle import clashing_names, name_fault, parse_manifest, render_manifest
from workbench.incident.chain import Head
from workbench.signing import pae


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "B.zip"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def is_clean(folder: Path) -> bool:
    return names_in(folder) == []


class TestForm:
    def test_holds_what_its_layout_says(self, sample: Any, sealed_bytes: bytes, forge: Any) -> None:
        key_id = sample.key.public.key_id
        assert set(forge.unzip(sealed_bytes)) == {
            "bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt", "tagmanifest-sha256.txt",
            "attestations/bundle.dsse.json", f"attestations/keys/{key_id}.pem", *(f"data/{name}" for name in sample.payload),
        }  # fmt: skip

    def test_is_the_zip_that_the_standard_library_writes(self, sealed_bytes: bytes, forge: Any) -> None:
        assert forge.rezip(forge.unzip(sealed_bytes)) == sealed_bytes

    def test_manifests_are_what_another_hand_computes(self, sealed_bytes: bytes, forge: Any) -> None:
        files = forge.unzip(sealed_bytes)
        assert forge.rehash(files) == files

    @pytest.mark.skipif(which("sha256sum") is None, reason="coreutils are not installed")
    def test_coreutils_accept_the_manifests(self, sealed_bytes: bytes, forge: Any, tmp_path: Path) -> None:
        for name, data in forge.unzip(sealed_bytes).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
        for tool, name in (
            ("sha256sum", "manifest-sha256.txt"),
            ("sha512sum", "manifest-sha512.txt"),
            ("sha256sum", "tagmanifest-sha256.txt"),
        ):
            done = subprocess.run([tool, "--check", "--strict", name], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout

    def test_bag_info_describes_the_bag(self, sample: Any, sealed_bytes: bytes, forge: Any) -> None:
        size = sum(map(len, sample.payload.values()))
        assert forge.unzip(sealed_bytes)["bag-info.txt"].decode().splitlines() == [
            "Bag-Software-Agent: workbench (bundle format 1)",
            "Bagging-Date: 2026-03-04",
            "External-Identifier: INC-42",
            f"Payload-Oxum: {size}.{len(sample.payload)}",
        ]

    def test_statement_binds_the_tag_manifest_and_the_head(self, sample: Any, sealed_bytes: bytes, forge: Any) -> None:
        files = forge.unzip(sealed_bytes)
        statement = json.loads(base64.b64decode(json.loads(files["attestations/bundle.dsse.json"])["payload"]))
        digest = hashlib.sha256(files["tagmanifest-sha256.txt"]).hexdigest()
        assert statement["subject"] == [{"name": "tagmanifest-sha256.txt", "digest": {"sha256": digest}}]
        assert statement["predicate"] == {
            "incident": "INC-42",
            "record": {"length": 4, "digest": sample.head.digest},
            "sealed_at": "2026-03-04T02:10:00.123+00:00",
            "time_source": "signer",
            "key_id": sample.key.public.key_id,
            "previous": None,
        }

    @pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
    def test_openssl_verifies_the_signature(self, sample: Any, sealed_bytes: bytes, forge: Any, tmp_path: Path) -> None:
        files = forge.unzip(sealed_bytes)
        envelope = json.loads(files["attestations/bundle.dsse.json"])
        (tmp_path / "pae").write_bytes(pae(envelope["payloadType"], base64.b64decode(envelope["payload"])))
        (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
        (tmp_path / "pem").write_bytes(files[f"attestations/keys/{sample.key.public.key_id}.pem"])
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pem", "-rawin", "-in", "pae", "-sigfile", "sig"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")

    def test_same_arguments_give_the_same_bytes(self, sample: Any, sealed_bytes: bytes, out: Path) -> None:
        sample.seal(out, payload=dict(reversed(sample.payload.items())))
        assert out.read_bytes() == sealed_bytes

    def test_another_time_gives_other_bytes(self, sample: Any, sealed_bytes: bytes, out: Path) -> None:
        sample.seal(out, sealed_at=dt.datetime(2026, 3, 4, 2, 10, 0, 124000, tzinfo=dt.UTC))
        assert out.read_bytes() != sealed_bytes

    def test_files_and_bytes_are_the_same_content(self, sample: Any, sealed_bytes: bytes, out: Path, tmp_path: Path) -> None:
        payload = {name: tmp_path / f"{number}" for number, name in enumerate(sample.payload)}
        for name, path in payload.items():
            path.write_bytes(sample.payload[name])
        sample.seal(out, payload=payload)
        assert out.read_bytes() == sealed_bytes

    def test_says_what_was_written(self, sample: Any, out: Path) -> None:
        sealed = sample.seal(out)
        assert sealed.path == out
        assert sealed.digest == "sha256:" + hashlib.sha256(out.read_bytes()).hexdigest()
        assert (sealed.files, sealed.bytes) == (len(sample.payload), sum(map(len, sample.payload.values())))

    def test_memory_does_not_grow_with_the_payload(self, sample: Any, out: Path, tmp_path: Path) -> None:
        with (tmp_path / "big").open("wb") as file:
            file.truncate(48 << 20)
        tracemalloc.start()
        sample.seal(out, payload={**sample.payload, "big.bin": tmp_path / "big"})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12 << 20


class TestRefusals:
    @pytest.mark.parametrize(
        "name",
        ["", "/a", "../a", "a/../b", "a/./b", "a//b", "a/", ".", "a\\b", "C:\\a", "a%0Ab", "a\nb", "a\rb", "a\0b", "a\u202eb",
         " a", "a ", "a/ b", "e\u0301.txt", "\udcff", "a\u2028b", "x" * 1001, "data/record/events.jsonl"],
    )  # fmt: skip
    def test_a_name_that_is_read_otherwise_elsewhere(self, sample: Any, out: Path, name: str) -> None:
        with pytest.raises(InputError, match="a payload name"):
            sample.seal(out, payload={**sample.payload, name: b""})
        assert is_clean(out.parent)

    @pytest.mark.parametrize("names", [["a", "A"], ["straße", "STRASSE"], ["a", "a/b"], ["A/b", "a"], ["a/b/c", "A/B"]])
    def test_names_that_clash(self, sample: Any, out: Path, names: list[str]) -> None:
        with pytest.raises(InputError, match="differ only by case, or one is the folder"):
            sample.seal(out, payload={**sample.payload, **dict.fromkeys(names, b"")})

    def test_good_names_pass(self) -> None:
        names = ["a", "b/a", "b/c/a", "runs/0001-triage/executed.ipynb", "nürnberg/日本.txt", ".hidden", "a b", "..a", "x:y"]
        assert [name_fault(name) for name in names] == [None] * len(names)
        assert clashing_names(names) == []

    def test_a_payload_without_its_record(self, sample: Any, out: Path) -> None:
        with pytest.raises(InputError, match="holds no record"):
            sample.seal(out, payload={"a": b""})

    def test_a_head_of_another_incident(self, sample: Any, out: Path) -> None:
        with pytest.raises(InputError, match="another incident's"):
            sample.seal(out, head=Head("INC-43", sample.head.length, sample.head.digest))

    def test_a_record_that_does_not_end_at_the_head(self, sample: Any, entries: Any, out: Path, forge: Any) -> None:
        """A seal that could not be verified is not made."""
        cut = {**sample.payload, "record/events.jsonl": forge.to_jsonl(entries[:-1])}
        with pytest.raises(RecordError, match="cut off the end"):
            sample.seal(out, payload=cut)
        assert is_clean(out.parent)

    def test_a_previous_seal_that_is_no_digest(self, sample: Any, out: Path) -> None:
        with pytest.raises(InputError, match="previous seal"):
            sample.seal(out, previous="B.zip")
        assert is_clean(out.parent)

    @pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
    def test_a_payload_file_that_cannot_be_read(self, sample: Any, out: Path, tmp_path: Path, kind: str) -> None:
        path = tmp_path / kind
        if kind == "folder":
            path.mkdir()
        if kind == "pipe":
            os.mkfifo(path)
        with pytest.raises(StorageError, match=rf"a payload file cannot be read.*{kind}"):
            sample.seal(out, payload={**sample.payload, "a": path})
        assert is_clean(out.parent)


class TestWriting:
    def test_refuses_to_overwrite_unless_asked(self, sample: Any, sealed_bytes: bytes, out: Path) -> None:
        out.write_bytes(b"mine")
        with pytest.raises(StorageError, match="the bundle exists"):
            sample.seal(out)
        assert out.read_bytes() == b"mine"
        sample.seal(out, overwrite=True)
        assert out.read_bytes() == sealed_bytes
        assert names_in(out.parent) == ["B.zip"]

    def test_the_second_of_two_at_once_does_not_overwrite(self, sample: Any, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The other's bundle appears after the first look."""
        real = bundle.measure_payload

        def meanwhile(payload: Any) -> Any:
            out.write_bytes(b"the other's")
            return real(payload)

        monkeypatch.setattr(bundle, "measure_payload", meanwhile)
        with pytest.raises(StorageError, match="the bundle exists"):
            sample.seal(out)
        assert out.read_bytes() == b"the other's"
        assert names_in(out.parent) == ["B.zip"]

    def test_a_file_system_without_links(
        self, sample: Any, sealed_bytes: bytes, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> NoReturn:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        sample.seal(out)
        assert out.read_bytes() == sealed_bytes
        assert names_in(out.parent) == ["B.zip"]

    @pytest.mark.parametrize("call", ["fsync", "link"])
    def test_disk_full(self, sample: Any, out: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
        def refuse(*_: object) -> NoReturn:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, call, refuse)
        with pytest.raises(StorageError, match=r"No space left on device.*nothing was left behind"):
            sample.seal(out)
        assert is_clean(out.parent)

    def test_disk_full_for_real(self, sample: Any, small_disk: Path) -> None:
        payload = {**sample.payload, "big.bin": b"x" * (1 << 20)}
        with pytest.raises(StorageError, match="No space left on device"):
            sample.seal(small_disk / "B.zip", payload=payload)
        assert is_clean(small_disk)
        assert sample.seal(small_disk / "B.zip").path.exists()

    def test_read_only_folder(self, sample: Any, small_disk: Path) -> None:
        """A file system mounted read-only stops root too; modes do not."""
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with pytest.raises(StorageError, match="Read-only file system"):
            sample.seal(small_disk / "B.zip")
        assert is_clean(small_disk)

    def test_a_file_in_place_of_the_folder(self, sample: Any, tmp_path: Path) -> None:
        (tmp_path / "folder").write_bytes(b"")
        with pytest.raises(StorageError, match="the bundle cannot be written"):
            sample.seal(tmp_path / "folder" / "B.zip")

    def test_a_folder_in_place_of_the_file(self, sample: Any, out: Path) -> None:
        out.mkdir()
        with pytest.raises(StorageError, match="cannot be written"):
            sample.seal(out, overwrite=True)
        assert names_in(out.parent) == ["B.zip"]

    def test_interrupted(self, sample: Any, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(_: int) -> NoReturn:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            sample.seal(out)
        assert is_clean(out.parent)

    @pytest.mark.parametrize("now", [b"changed", b"grown old", b"old"[:2], b""])
    def test_a_file_that_changes_meanwhile(
        self, sample: Any, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: bytes
    ) -> None:
        (tmp_path / "a").write_bytes(b"old" + b"....")
        real = bundle.measure_payload

        def meanwhile(payload: Any) -> Any:
            measured = real(payload)
            (tmp_path / "a").write_bytes(now)
            return measured

        monkeypatch.setattr(bundle, "measure_payload", meanwhile)
        with pytest.raises(StorageError, match="changed while it was being sealed"):
            sample.seal(out, payload={**sample.payload, "a": tmp_path / "a"})
        assert is_clean(out.parent)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class TestManifest:
    def test_comes_back_as_it_was_written(self) -> None:
        digests = {"data/b": "1f" * 32, "data/a b": "00" * 32, "data/ä": "ff" * 64}
        assert parse_manifest(render_manifest(digests), "m") == digests

    @pytest.mark.parametrize(
        "text",
        [b"00  data/a", b"00 data/a\n", b"00  data/b\n00  data/a\n", b"00  data/a\n01  data/a\n", b"00  data/a\r\n",
         b"AA  data/a\n", b"00  data/a\n\n", b"\xff"],
    )  # fmt: skip
    def test_has_one_spelling(self, text: bytes) -> None:
        with pytest.raises(VerificationError, match="a manifest is not"):
            parse_manifest(text, "m")
