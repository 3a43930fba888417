"""The demonstration's bundle: its size, how long it takes to seal, and to verify with our tool and with each that is not ours.

    python benchmarks/verify.py

The triage runbook is run on COMPAS in a home of its own. The foreign tools are the steps of VERIFY.md, each as a person runs it
(a process of its own, from ``.venv-verify``, without a network where the system lets us), and sigstore's core in node. Seconds
are the best of three; of a process they include its start.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from workbench.data.examples import find_example
from workbench.evidence.contents import seal_incident
from workbench.evidence.runbook import run_runbook
from workbench.evidence.verifier import travelling_files
from workbench.evidence.verify import verify_bundle
from workbench.incident.home import ensure_home, keys_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.signing import SigningKey, ensure_key

TOOLS = Path(__file__).parents[1] / ".venv-verify"
SIGSTORE = TOOLS / "node" / "node_modules" / "@sigstore" / "core"
STEP = re.compile(r"^## \d\. .*?with (?P<tool>.*?)$(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NODE = """
const { dsse, crypto } = require(process.argv[1]);
const { readFileSync } = require("fs");
const envelope = JSON.parse(readFileSync("bundle/attestations/bundle.dsse.json", "utf8"));
const key = crypto.createPublicKey(readFileSync("signer.pem", "utf8"));
const signed = dsse.preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload, "base64"));
process.exit(crypto.verify(signed, key, Buffer.from(envelope.signatures[0].sig, "base64")) ? 0 : 1);
"""


def best_of_three(job: Callable[[], object]) -> float:
    """Seconds."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def run(folder: Path, *command: str) -> None:
    """A process with the foreign tools first in its path; stops the benchmark where it fails."""
    alone = (
        ["unshare", "-rn"] if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0 else []
    )
    path = os.pathsep.join([str(TOOLS / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "WORKBENCH_HOME": str(folder / "home")}
    done = subprocess.run([*alone, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:200]}\n{done.stdout}{done.stderr}")


def sealed(folder: Path) -> tuple[float, SigningKey]:
    """Run the demonstration's runbook and seal it; seconds of the seal, and who signed."""
    home = ensure_home(folder / "home")
    os.environ["WORKBENCH_HOME"] = str(home)
    example = find_example("compas")
    key, _ = ensure_key(keys_folder(home), "ada")
    with Record.open(record_path(home)) as record:
        create_incident(record, "compas", "Complaint", "ada")
        given = {"data": str(example.data), "roles": str(example.roles)}
        run_runbook("triage", given, home=home, incident="compas", author="ada")
        outs = [folder / f"{number}.zip" for number in range(3)]
        todo = iter(outs)
        taken = best_of_three(lambda: seal_incident(record, "compas", home=home, author="ada", key=key, out=next(todo)))
    outs[0].rename(folder / "BUNDLE.zip")
    (folder / "signer.pem").write_bytes(key.public.pem)
    return taken, key


def main() -> None:
    """Print the sizes, then the seconds."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    folder = Path(tempfile.mkdtemp())
    try:
        taken, key = sealed(folder)
        bundle = folder / "BUNDLE.zip"
        with zipfile.ZipFile(bundle) as archive:
            sizes = {item.filename: item.file_size for item in archive.infolist()}
        print(f"bundle {bundle.stat().st_size / 1e6:.2f} MB, {len(sizes)} files, sealed in {taken:.2f} s; the largest:")
        for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:5]:
            print(f"  {size / 1e3:8.1f} kB  {name}")
        trusted = {key.public.key_id: key.public}
        print(f"verify {best_of_three(lambda: verify_bundle(bundle, trusted)):8.3f} s  verify_bundle, in this process")
        measure_foreign(folder, travelling_files()["VERIFY.md"].read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(folder)


def measure_foreign(folder: Path, guide: str) -> None:
    """Print the seconds of each step of VERIFY.md, less unpacking, and of sigstore's core."""
    start = time.perf_counter()
    run(folder, "unzip", "-q", "BUNDLE.zip", "-d", "bundle")
    print(f"       {time.perf_counter() - start:8.3f} s  unzip, once for what follows")
    for step in STEP.finditer(guide):
        for block in BLOCK.findall(step["text"]):
            script = block.replace("unzip -q BUNDLE.zip -d bundle\n", "")
            setup, word, check = script.partition("rocrate-validator")
            if word:
                run(folder, "bash", "-euo", "pipefail", "-c", setup)
                script = word + check
            taken = best_of_three(lambda script=script: run(folder, "bash", "-euo", "pipefail", "-c", script))
            print(f"       {taken:8.3f} s  {step['tool']}: {script.strip().splitlines()[-1].strip()[:70]}")
    if SIGSTORE.exists():
        print(f"       {best_of_three(lambda: run(folder, 'node', '-e', NODE, str(SIGSTORE))):8.3f} s  sigstore's core, in node")


if __name__ == "__main__":
    main()
