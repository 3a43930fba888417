"""How near the harm that a repair undoes comes to what the fault made, and how often the interval of its share holds the truth.

Run ``python benchmarks/repair.py [--seeds N] [--draw SEED] [--json OUT]``. Faults of the incident benchmark are put into logs
whose clean twin is known, alone and beside another fault that makes harm of its own: the share is counted in the logs without
either. The finding is written from the truth, so that only the repair is measured. Beside each, another column of the same rows
is "repaired" that nothing happened to: what it is credited with should be nothing.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from workbench.attacks.injection import DecisionLog, Truth, inject
from workbench.data.dataset import open_dataset
from workbench.predicate import Comparison, Operand, Predicate
from workbench.result import Finding
from workbench.triage.repair.cases import ERRORS
from workbench.triage.repair.undo import undo
from workbench.triage.run import make_context

sys.path.insert(0, str(Path(__file__).parent / "incidents"))
from logs import before, make_log
from plan import number

CAUSES = {
    "unit error": "unit error", "null burst": "nulls", "recoded values": "recoded values", "merged values": "merged values",
    "frozen feature": "frozen column", "training/serving skew": "training/serving skew", "moved threshold": "moved threshold",
    "version mix-up": "version mix-up", "calibration drift": "calibration drift",
}  # fmt: skip
OF_COLUMNS = ("unit error", "null burst", "recoded values", "merged values", "frozen feature", "training/serving skew")
TABLES = ("adult", "german", "compas", "heart")
BESIDE = ("label flips", "unit error", "frozen feature")
"""What makes harm of its own beside a fault of a column; beside any other, labels are flipped."""
ACCUSED = ("training/serving skew", "frozen column")
"""What a bystander is accused of: causes that any column of numbers can be repaired of."""
LEAST_HARM = 1.0


@dataclass(frozen=True)
class Judged:
    """One repair. `truth` is the share of the harm that its fault made, None where there was no harm; `share` what was told."""

    kind: str
    table: str
    rows: int
    beside: str
    column: str
    harm: str
    made: float
    total: float
    truth: float | None
    gone: float | None
    share: float | None
    low: float | None
    high: float | None
    seconds: float
    said: str

    @property
    def holds(self) -> bool | None:
        """Whether low <= truth <= high; None where no share is told."""
        if self.truth is None or self.low is None or self.high is None:
            return None
        return bool(self.low - 1e-9 <= self.truth <= self.high + 1e-9)


def main() -> None:
    """Every fault on every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="logs of each kind and table, every other one with a second fault")
    parser.add_argument("--draw", type=int, default=0, help="of the logs; another one: fresh logs")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}; {arguments.seeds} seeds, draw {arguments.draw}")
    cells = [(kind, table, seed) for seed in range(arguments.seeds) for table in TABLES for kind in CAUSES]
    with threadpool_limits(1):
        found = [item for cell in cells for item in judge(*cell, arguments.draw)]
    print("\n".join(told(found)))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(item) for item in found], indent=1), encoding="utf-8")


def judge(kind: str, table: str, seed: int, draw: int) -> list[Judged]:
    """One fault: its own column repaired, and another one."""
    name = f"repair/{kind}/{table}/{seed}/{draw}"
    rng = np.random.default_rng(number(name))
    rows = int(rng.choice((5_000, 10_000, 20_000)))
    clean = make_log(table, rows, number(name))
    first, last = clean.times.min(), clean.times.max()
    onset = pd.Timestamp(first + (last - first) * rng.uniform(0.4, 0.7)).ceil("min")
    other, second = _beside(kind, clean, onset, last, rng) if seed % 2 else (clean, None)
    broken, truth = inject(other, kind, strength=float(rng.choice((0.5, 1.0))), onset=onset, seed=number(name))
    if second is not None and {truth.columns[0][0]} & {second.columns[0][0]}:
        return []  # two faults of one column are one
    context = replace(
        make_context(open_dataset(broken.frame, broken.roles), before(broken, onset), None, seed=seed), target=broken.target
    )  # fmt: skip
    own = finding_of(kind, truth, onset)
    taken = {own.columns[0], "" if second is None else second.columns[0][0], broken.source}
    numbers = [name for name in broken.numeric() if name not in taken]
    beside = "nothing" if second is None else second.kind
    logs = clean, other, broken
    judged = [_judged(own, "its own", context, logs)]
    if numbers and kind in OF_COLUMNS:
        another = replace(own, cause=str(rng.choice(ACCUSED)), unit="share of rows", columns=(str(rng.choice(numbers)),))
        judged.append(_judged(another, "another", context, logs))
    return [replace(item, kind=kind, table=table, rows=rows, beside=beside) for item in judged]


def _beside(
    kind: str, clean: DecisionLog, onset: pd.Timestamp, last: pd.Timestamp, rng: np.random.Generator
) -> tuple[DecisionLog, Truth]:
    """The log with a fault that began with the one to be repaired, or after it."""
    second = str(rng.choice(BESIDE)) if kind in OF_COLUMNS else BESIDE[0]
    later = onset + (last - onset) * float(rng.choice((0.0, 0.3)))
    return inject(clean, second, strength=float(rng.uniform(0.2, 1.0)), onset=later.ceil("min"), seed=int(rng.integers(2**32)))


def _judged(finding: Finding, column: str, context: Any, logs: tuple[DecisionLog, DecisionLog, DecisionLog]) -> Judged:
    """What repairing `finding` undoes, beside what the logs say of it: without any fault, without this one, with it."""
    start = time.perf_counter()
    undone = undo([finding], context)
    row = {} if undone.result is None else dict(undone.result.tables["repairs"].iloc[0])
    told = {name: None if pd.isna(row.get(name)) else float(row[name]) for name in ("gone", "share", "low", "high")}
    harm = str(row["harm"]) if isinstance(row.get("harm"), str) else ERRORS
    clean, other, broken = (harmed(log, harm) for log in logs)
    made, total = (broken - other if column == "its own" else 0.0), broken - clean
    truth = min(1.0, max(0.0, made / total)) if total >= LEAST_HARM else None
    seconds = time.perf_counter() - start
    said = undone.findings[0].undone or ""
    return Judged("", "", 0, "", column, harm, made, total, truth, **told, seconds=seconds, said=said)


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


def harmed(log: DecisionLog, harm: str) -> float:
    """Errors of a log, or decisions of the value that `harm` names."""
    if harm == ERRORS:
        return float(np.nansum(log.errors()))
    return float((log.frame[log.column("prediction")] == float(harm.rsplit(" ", 1)[1])).sum())


def told(found: list[Judged]) -> Iterator[str]:
    """Shares told, their coverage and width, by kind and by what stood beside; then the bystanders."""
    own, others = ([item for item in found if item.column == column] for column in ("its own", "another"))
    yield f"shares told of {sum(item.share is not None for item in own)} of {len(own)} faults"
    parts = {"all": own}
    for item in own:
        parts.setdefault(f"kind {item.kind}", []).append(item)
        parts.setdefault(f"beside {item.beside}", []).append(item)
        parts.setdefault("counted in errors" if item.harm == ERRORS else "counted in decisions", []).append(item)
    for name, items in sorted(parts.items()):
        yield f"{name:30} {_coverage(items)}"
    yield f"bystanders: {_coverage(others)}; surely above 0: {sum((item.low or 0) > 0 for item in others)} of {len(others)}"
    seconds = [item.seconds for item in found]
    yield f"seconds per repair: median {np.median(seconds):.1f}, most {max(seconds):.1f}"


def _coverage(items: list[Judged]) -> str:
    judged = [item for item in items if item.holds is not None]
    if not judged:
        return f"told 0 of {len(items)}"
    holds = sum(bool(item.holds) for item in judged)
    low, high = stats.binomtest(holds, len(judged)).proportion_ci(method="exact")
    width = np.median([(item.high or 0) - (item.low or 0) for item in judged])
    above = sum((item.truth or 0) > (item.high or 0) + 1e-9 for item in judged)
    return (
        f"told {sum(item.share is not None for item in items)} of {len(items)}, held {holds}/{len(judged)} ="
        f" {holds / len(judged):.3f} (95 % {low:.3f} to {high:.3f}), truth above {above}, median width {width:.2f}"
    )


if __name__ == "__main__":
    main()
