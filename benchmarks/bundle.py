"""Seal and verify, in MB/s of payload, beside ``sha256sum`` and ``openssl dgst`` of the same bytes in the same run.

    python benchmarks/bundle.py [MEGABYTES]

Every number is the best of three. The peers hash each byte once; a ``sha256sum`` built without OpenSSL does not use the
processor's SHA instructions, and ``openssl`` does, as Python does. Sealing hashes it with SHA-256 and SHA-512 for the
manifests and once more within the file, and brings the file to the disk; verifying hashes it as a member and within the file.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workbench.evidence.bundle import seal
from workbench.evidence.verify import verify_bundle
from workbench.incident.chain import Head, genesis
from workbench.signing import SigningKey

FILES = 8
INCIDENT = "INC-42"


def best_of_three(job: Callable[[], object]) -> float:
    """Seconds."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main(megabytes: int) -> None:
    """Print one line for each peer and each of the two."""
    versions = [first_line("sha256sum", "--version"), first_line("openssl", "version")]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; peers: {', '.join(versions)}")
    folder = Path(tempfile.mkdtemp())
    try:
        run(folder, megabytes)
    finally:
        shutil.rmtree(folder)


def first_line(*command: str) -> str:
    """What a command says first."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def run(folder: Path, megabytes: int) -> None:
    """Measure and print, with all files in `folder`."""
    files = [folder / f"{number}.bin" for number in range(FILES)]
    for path in files:
        path.write_bytes(os.urandom(megabytes * 1_000_000 // FILES))
    key = SigningKey.create(folder / "keys", "ada")
    head = Head(INCIDENT, 0, genesis(INCIDENT))
    payload = {"record/events.jsonl": b"", **{f"runs/{path.name}": path for path in files}}
    out = folder / "B.zip"
    seconds = {
        "sha256sum": best_of_three(lambda: first_line("sha256sum", *map(str, files))),
        "openssl": best_of_three(lambda: first_line("openssl", "dgst", "-sha256", *map(str, files))),
        "seal": best_of_three(lambda: seal(payload, incident=INCIDENT, head=head, key=key, out=out, overwrite=True)),
    }
    if not verify_bundle(out, {key.public.key_id: key.public}).ok:
        raise SystemExit("the bundle does not verify: the numbers would mean nothing")
    seconds["verify"] = best_of_three(lambda: verify_bundle(out, {key.public.key_id: key.public}))
    for name, taken in seconds.items():
        ratios = "   ".join(f"{seconds[peer] / taken:5.2f} of {peer}" for peer in ("sha256sum", "openssl"))
        print(f"{name:<10} {megabytes / taken:8.0f} MB/s   {ratios}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
