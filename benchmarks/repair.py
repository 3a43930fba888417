"""How near the errors that a repair undoes come to those that the fault made, whom else it credits, and what asking costs.

Run ``python benchmarks/repair.py [SEEDS]``. Faults of the incident benchmark are put into logs whose clean twin is known: the
finding is written from the truth, so that only the repair is measured. Beside each, another column of the same rows is "repaired"
that nothing happened to: what it is credited with should be nothing.
"""

import platform
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.attacks.injection import DecisionLog, Truth, inject
from workbench.data.dataset import open_dataset
from workbench.predicate import Comparison, Operand, Predicate
from workbench.result import Finding
from workbench.triage.repair.undo import undo
from workbench.triage.run import make_context

sys.path.insert(0, str(Path(__file__).parent / "incidents"))
from logs import before, make_log

CAUSES = {
    "unit error": "unit error", "null burst": "nulls", "recoded values": "recoded values", "merged values": "merged values",
    "frozen feature": "frozen column", "training/serving skew": "training/serving skew",
}  # fmt: skip
TABLES = ("adult", "german", "compas")
ROWS = 20_000
SPOILED = "training/serving skew"
"""What a bystander is accused of: a cause that any column of numbers can be repaired of."""


def main() -> None:
    """Every fault on every table."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    print(f"{platform.machine()}, {platform.python_version()}; {ROWS:,} rows, {seeds} seeds")
    runs = [measured(kind, table, seed) for table in TABLES for kind in CAUSES for seed in range(1, seeds + 1)]
    found = pd.DataFrame([row for rows in runs for row in rows])
    print(found.to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    own, other = found[found["column"] == "its own"], found[found["column"] == "another"]
    told = own[own["share"].notna()]
    apart = (told["gone"].clip(0, told["total"]) - told["made"].clip(0, told["total"])).abs().sum() / told["made"].abs().sum()
    print(f"told of {len(told)} of {len(own)} faults; errors gone differ from those made by {apart:.0%} in all")
    print(f"bystanders credited with a share surely above 0: {int((other['low'] > 0).sum())} of {len(other)}")
    print(f"seconds per repair: median {found['seconds'].median():.1f}, most {found['seconds'].max():.1f}")


def measured(kind: str, table: str, seed: int) -> list[dict[str, Any]]:
    """One fault: its own column repaired, and another one."""
    log = make_log(table, ROWS, seed)
    first, last = log.times.min(), log.times.max()
    onset = pd.Timestamp(first + (last - first) * 0.6).floor("s")
    broken, truth = inject(log, kind, strength=1.0, onset=onset, seed=seed)
    context = replace(
        make_context(open_dataset(broken.frame, broken.roles), before(log, onset), None, seed=seed), target=log.target
    )  # fmt: skip
    made = errors_made(log, broken)
    own = finding_of(kind, truth, onset)
    others = [name for name in log.features if name not in (own.columns[0], log.source)]
    another = replace(own, cause=SPOILED, unit="share of rows", columns=(others[seed % len(others)],))
    rows = []
    for word, finding in (("its own", own), ("another", another)):
        start = time.perf_counter()
        result = undo([finding], context).result
        repaired = {} if result is None else dict(result.tables["repairs"].iloc[0])
        told = {name: repaired.get(name) for name in ("gone", "total", "share", "low", "high")}
        seconds = time.perf_counter() - start
        rows.append({"kind": kind, "table": table, "seed": seed, "column": word, "made": made, **told, "seconds": seconds})
    return rows


def finding_of(kind: str, truth: Truth, onset: pd.Timestamp) -> Finding:
    """What triage would say, had it found everything."""
    where = truth.where & Predicate((Comparison(Operand("decided_at"), ">=", onset.to_pydatetime()),))
    effect, unit = 0.0, "missing share" if kind == "null burst" else "share of rows"
    if kind == "unit error":
        effect, unit = float(np.log10(float(truth.detail.split("×")[1]))), "powers of ten"
    return Finding(
        "integrity", truth.detail, (truth.columns[0][0],), str(where), effect, unit, onset=onset.isoformat(), severity="high",
        cause=CAUSES[kind], check="causes",
    )  # fmt: skip


def errors_made(log: DecisionLog, broken: DecisionLog) -> float:
    """Errors in the broken log less those of the same rows in the clean one."""
    key = log.column("row_id")
    clean, now = (pd.Series(each.errors(), index=each.frame[key]) for each in (log, broken))
    return float((now - clean.reindex(now.index)).sum())


if __name__ == "__main__":
    main()
