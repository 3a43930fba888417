"""How often the intervals that triage tells hold the truth.

Run ``python benchmarks/incidents/intervals.py [--samples N] [--draw SEED] [--kind KIND] [--jobs 2]
[--json OUT]``. A population of `POPULATION` rows is made
and broken once; logs are random samples of it, so that what a finding estimates can be counted in the population by the finding's
own definition: a slice's or group's excess over the rest (with windows: how much it grew), a level since a date against the
level before. Every finding with an interval counts, after the selection that triage made. One whose unit has no definition here
is told of and not judged.
"""

import argparse
import json
import multiprocessing
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from case import write
from logs import make_log
from plan import STRENGTHS, number
from scipy import stats as scipy_stats
from threadpoolctl import threadpool_limits

from workbench.attacks.injection import DecisionLog, inject
from workbench.predicate import Predicate
from workbench.result import Finding
from workbench.triage.run import triage

POPULATION = 200_000
ROWS = (3_000, 6_000, 12_000)
LIKE_CASES = "like cases get a score"
"""How a finding begins whose effect is the score beyond what the columns lead to expect."""
SETTINGS = (
    ("slice regression", "adult", "plain"), ("slice regression", "german", "gross"), ("slice regression", "compas", "plain"),
    ("null burst", "compas", "plain"), ("null burst", "adult", "barely"), ("label flips", "adult", "plain"),
    ("label flips", "german", "plain"), ("moved threshold", "adult", "plain"), ("moved threshold", "compas", "gross"),
    ("label delay", "compas", "plain"), ("calibration drift", "german", "plain"), ("version mix-up", "german", "gross"),
    ("calibration drift", "adult", "barely"), ("calibration drift", "compas", "plain"), ("moved threshold", "german", "plain"),
    ("label flips", "compas", "barely"),
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """One interval: whether it holds what the population says; None where nothing here can say."""

    kind: str
    table: str
    rows: int
    found: str
    unit: str
    rank: int
    standing: bool
    windows: bool
    effect: float
    low: float
    high: float
    truth: float | None
    check: str = ""
    p: float | None = None
    statement: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether low <= truth <= high."""
        return None if self.truth is None else bool(self.low <= self.truth <= self.high)


@dataclass(frozen=True)
class Task:
    """Samples of one population."""

    kind: str
    table: str
    strength: str
    samples: int
    folder: str
    draw: int = 0


def judge(task: Task) -> list[Judged]:
    """Every interval that triage told of the samples."""
    name = f"coverage/{task.kind}/{task.table}/{task.strength}" + (f"/{task.draw}" if task.draw else "")
    rng = np.random.default_rng(number(name))
    with threadpool_limits(1):
        clean = make_log(task.table, POPULATION, number(name))
        first, last = clean.times.min(), clean.times.max()
        split = (first + 0.5 * (last - first)).floor("h")
        onset = (split + rng.uniform(0.2, 0.6) * (last - split)).ceil("min")
        log, _ = inject(clean, task.kind, strength=STRENGTHS[task.strength], onset=onset, seed=number(name))
    found = []
    for sample in range(task.samples):
        rows = ROWS[sample % len(ROWS)]
        chosen = np.sort(rng.choice(len(log.frame), rows, replace=False))
        drawn = log.with_frame(log.frame.iloc[chosen])
        case = write(drawn, None, split if sample % 4 else None, Path(task.folder))
        told = triage(case.open(), reference=case.reference)
        case.path.unlink()
        for finding in told.findings:
            if finding.interval is None or None in finding.interval or finding.effect is None:
                continue
            low, high = (float(end) for end in finding.interval if end is not None)
            truth = population_effect(finding, log, clean, split if case.reference is not None else None)
            found.append(
                Judged(
                    task.kind, task.table, rows, finding.kind, finding.unit, finding.rank or 0, finding.standing,
                    case.reference is not None, finding.effect, low, high, truth, finding.check, finding.p, finding.statement,
                )
            )  # fmt: skip
    return found


def population_effect(finding: Finding, log: DecisionLog, clean: DecisionLog, split: pd.Timestamp | None) -> float | None:
    """What the finding estimates, counted in all rows of the population; None where its definition is not known here.

    Parameters
    ----------
    clean
        The same rows, with nothing wrong.
    split
        Where the window under suspicion begins; None without windows.
    """
    values = statistic(finding, log)
    if values is None:
        return None
    if LIKE_CASES in finding.statement:
        values = values - _as_it_was(log, clean)
    where = Predicate.parse(finding.where)
    time = log.column("time")
    if finding.onset is not None and time in where.columns:
        if any(str(part).startswith(f"{time} <") for part in where.conditions):
            return None  # a level that ended is held against one side or both, which the finding does not say
        inside = where.mask(log.frame)
        earlier = log.frame[time] < pd.Timestamp(finding.onset)
        segment = Predicate(tuple(part for part in where.conditions if part.column != time)).mask(log.frame)
        return _mean(values, inside) - _mean(values, earlier.to_numpy() & segment)
    if finding.kind not in ("slice", "disparity"):
        return None
    inside = Predicate(tuple(part for part in where.conditions if part.column != time)).mask(log.frame)
    outside = other_group(finding, log) if finding.kind == "disparity" else ~inside
    if outside is None:
        return None
    late = log.since(split) if split is not None else np.ones(len(values), dtype=bool)
    gap = _mean(values, inside & late) - _mean(values, outside & late)
    grew = split is not None and not finding.standing
    return gap - (_mean(values, inside & ~late) - _mean(values, outside & ~late)) if grew else gap


def statistic(finding: Finding, log: DecisionLog) -> np.ndarray | None:
    """The finding's unit as a value per row, NaN where it is not defined."""
    label = log.frame[log.column("label")].to_numpy(dtype=float, na_value=np.nan)
    prediction = log.frame[log.column("prediction")].to_numpy(dtype=float)
    score = log.frame[log.column("score")].to_numpy(dtype=float)
    favorable = (prediction == log.roles.favorable).astype(float)
    shares = {
        "error rate": log.errors(),
        "base rate": label,
        "share of positive labels": label,
        "share of positive predictions": prediction,
        "mean score": score,
        "share of decisions": (prediction != (score >= log.threshold)).astype(float),  # that its score does not lead to
        "selection rate": favorable,
        "false positive rate": np.where(label == 0, prediction, np.nan),
        "false negative rate": np.where(label == 1, 1 - prediction, np.nan),
    }
    if finding.unit == "missing share" and finding.columns:
        return log.frame[finding.columns[0]].isna().to_numpy(dtype=float)
    return shares.get(finding.unit)


def _as_it_was(log: DecisionLog, clean: DecisionLog) -> np.ndarray:
    """The score that each row would have got: what like cases got before."""
    key, score = log.column("row_id"), log.column("score")
    return clean.frame.set_index(key)[score].reindex(log.frame[key]).to_numpy(dtype=float)


def other_group(finding: Finding, log: DecisionLog) -> np.ndarray | None:
    """The rows of the group that a disparity is held against, as its statement names it."""
    told = re.match(r"(?P<group>.+?) against (?P<other>.+?) \((?P<attribute>.+?)\)", finding.statement)
    if told is None or told["attribute"] not in log.frame:
        return None
    return (log.frame[told["attribute"]] == told["other"]).to_numpy()


def _mean(values: np.ndarray, rows: np.ndarray) -> float:
    chosen = values[rows]
    return float(np.nanmean(chosen)) if (~np.isnan(chosen)).any() else float("nan")


def told(found: list[Judged]) -> Iterator[str]:
    """Coverage over all, by kind, by check and unit, and of first findings alone."""
    judged = [item for item in found if item.holds is not None]
    yield f"{len(found)} intervals, {len(judged)} judged, the others of a unit without a definition here"
    parts = {"all": judged, "ranked first": [item for item in judged if item.rank == 1]}
    for item in judged:
        form = "since a date" if item.found not in ("slice", "disparity") else "standing" if item.standing else "change"
        form = form if item.windows or form == "since a date" else "one window"
        parts.setdefault(f"kind {item.found}", []).append(item)
        parts.setdefault(f"{item.check}: {item.found}, {item.unit}, {form}", []).append(item)
    for name, items in sorted(parts.items(), key=lambda part: (":" in part[0], "kind" in part[0])):
        if not items:
            continue
        holds = sum(bool(item.holds) for item in items)
        low, high = scipy_stats.binomtest(holds, len(items)).proportion_ci(method="exact")
        right = sum(item.truth is not None and item.effect * item.truth > 0 for item in items)
        above = sum(item.truth is not None and item.truth > item.high for item in items)
        below = sum(item.truth is not None and item.truth < item.low for item in items)
        yield (
            f"{name:60} {holds}/{len(items)} = {holds / len(items):.3f} (95 % {low:.3f} to {high:.3f});"
            f" truth above {above}, below {below}; direction right {right / len(items):.3f}"
        )


def main() -> None:
    """Judge every population and tell the coverage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=30, help="logs drawn from each population")
    parser.add_argument("--draw", type=int, default=0, help="of the populations and their samples; other than 0: fresh ones")
    parser.add_argument("--kind", action="append", choices=sorted({kind for kind, _, _ in SETTINGS}), help="of the populations")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen = [setting for setting in SETTINGS if not arguments.kind or setting[0] in arguments.kind]
        tasks = [Task(*setting, arguments.samples, folder, arguments.draw) for setting in chosen]
        if arguments.jobs == 1:
            found = [item for task in tasks for item in judge(task)]
        else:
            with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
                found = [item for items in pool.map(judge, tasks) for item in items]
    print("\n".join(told(found)))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(item) for item in found], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
