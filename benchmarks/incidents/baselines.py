"""What triage is held against: findings of three simpler ways to look at the same file.

* ``columns``: a two-sample test of every column (Kolmogorov-Smirnov for numbers, chi² for texts), of the hour of the day and of
  whether a decision was wrong, all by Bonferroni at 1 %.
* ``evidently``: the data-drift preset of evidently, in an environment of its own, with its own distances and thresholds.
* ``slices``: `workbench.analysis.slices.find_slices` alone, by error or what the roles allow.

Two of them know no causes. They get the benefit of a simple rule (`kind_of`): a column that is missing more often, has values it
never had, lost a value, stopped varying or left its range is called a defect; whatever else moved, drift. Without windows they
get the log cut in half.
"""

from __future__ import annotations

import functools
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from case import Case
from scipy import stats
from worker import ask

from workbench.analysis.slices import find_slices
from workbench.result import Finding

ALPHA = 0.01
NOTABLE = 0.01
"""A share of rows from which on a defect is told, as triage has it."""
HOUR = "hour of the day"
WRONG = "wrong"
WORKER = Path(__file__).resolve().parents[1] / "peers" / "evidently_drift.py"
EVIDENTLY = Path(__file__).resolve().parents[2] / ".venv-evidently"


def halves(case: Case) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows before and in the window under suspicion, or the two halves of a log without windows."""
    frame = pd.read_parquet(case.path)
    time_column = case.log.column("time")
    split = case.window[0] if case.reference is not None else frame[time_column].quantile(0.5)
    label, prediction = (frame[case.log.column(role)] for role in ("label", "prediction"))
    frame[WRONG] = (label != prediction).astype(float).where(label.notna())
    frame[HOUR] = frame[time_column].dt.hour
    late = (frame[time_column] >= split).to_numpy()
    columns = [name for name in frame if name not in (time_column, case.log.column("row_id"))]
    return frame.loc[~late, columns], frame.loc[late, columns]


def by_columns(case: Case) -> list[Finding]:
    """The columns that moved, the clearest first."""
    before, now = halves(case)
    tested = {name: _two_samples(before[name], now[name]) for name in before}
    moved = sorted((p, -distance, name) for name, (p, distance) in tested.items() if p * len(tested) <= ALPHA)
    return [
        _finding(case, name, (before[name], now[name]), f"{name} moved by {-distance:.3f}", min(1.0, p * len(tested)))
        for p, distance, name in moved
    ]


def by_slices(case: Case) -> list[Finding]:
    """The worst slices of at most three conditions, by the adjusted p-value of the search."""
    dataset = case.open()
    table = find_slices(dataset, None, reference=case.reference, permutations=0, details=False).tables["distinct"]
    found = table[(table["p_adjusted"] <= ALPHA) & (table["effect"] > 0)].head(3)
    return [
        Finding("slice", f"where {row.slice}", where=str(row.slice), effect=float(row.effect), p_adjusted=float(row.p_adjusted))
        for row in found.itertuples()
    ]


class Evidently:
    """The worker in evidently's environment; each question is a line, each answer is one."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [EVIDENTLY / "bin" / "python", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, case: Case) -> list[Finding]:
        """The columns it calls drifted, those furthest beyond their threshold first."""
        before, now = halves(case)
        paths = [str(case.path.with_suffix(f".{name}.parquet")) for name in ("before", "now")]
        before.to_parquet(paths[0])
        now.to_parquet(paths[1])
        answer = ask(self.process, {"before": paths[0], "now": paths[1]})
        for path in paths:
            Path(path).unlink()
        drifted = sorted(((item["beyond"], item["column"]) for item in answer["columns"] if item["beyond"] >= 1), reverse=True)
        return [_finding(case, name, (before[name], now[name]), f"{name} drifted", None) for _, name in drifted]


@functools.cache
def evidently() -> Evidently:
    """Its process, started once for all questions."""
    return Evidently()


def available() -> dict[str, Callable[[Case], list[Finding]]]:
    """The baselines that can run here."""
    found: dict[str, Callable[[Case], list[Finding]]] = {"columns": by_columns, "slices": by_slices}
    return found | ({"evidently": evidently()} if (EVIDENTLY / "installed").exists() else {})


def timed(baseline: Callable[[Case], list[Finding]], case: Case) -> tuple[list[Finding], float]:
    """Its findings and the seconds it took."""
    start = time.perf_counter()
    return baseline(case), time.perf_counter() - start


def kind_of(before: pd.Series[Any], now: pd.Series[Any]) -> str:
    """``integrity`` where a simple rule sees a defect, else ``drift``."""
    if now.isna().mean() - before.isna().mean() >= NOTABLE:
        return "integrity"
    was, held = before.dropna(), now.dropna()
    if not len(was) or not len(held):
        return "integrity"
    if held.nunique() == 1 < was.nunique():
        return "integrity"
    if pd.api.types.is_numeric_dtype(was) and was.nunique() > 10:
        return "integrity" if ((held < was.min()) | (held > was.max())).mean() >= NOTABLE else "drift"
    new = ~held.isin(was.unique())
    gone = ~was.isin(held.unique())
    return "integrity" if max(new.mean(), gone.mean()) >= NOTABLE else "drift"


def _finding(case: Case, name: str, parts: tuple[pd.Series[Any], pd.Series[Any]], statement: str, p: float | None) -> Finding:
    """A column that moved, in the words of triage; the hour stands for the time, a wrong decision for label and prediction."""
    columns = (name,)
    kind = kind_of(*parts)
    if name == HOUR:
        columns, kind = (case.log.column("time"),), "integrity"
    elif name == WRONG:
        columns, kind = (case.log.column("label"), case.log.column("prediction")), "drift"
    return Finding(kind, statement, columns, p_adjusted=p)


def _two_samples(before: pd.Series[Any], now: pd.Series[Any]) -> tuple[float, float]:
    """P of Kolmogorov and Smirnov for numbers, of chi² for the rest, and how far apart; of missing values too, by Bonferroni."""
    missing = _homogeneous(np.array([[part.isna().sum(), part.notna().sum()] for part in (before, now)]))
    was, held = before.dropna(), now.dropna()
    if not len(was) or not len(held):
        return missing
    if pd.api.types.is_numeric_dtype(was) and pd.api.types.is_numeric_dtype(held) and was.nunique() > 10:
        tested = stats.ks_2samp(was.to_numpy(dtype=float), held.to_numpy(dtype=float), method="asymp")
        other = float(tested.pvalue), float(tested.statistic)
    else:
        table = pd.concat([was.astype(str).value_counts(), held.astype(str).value_counts()], axis=1).fillna(0)
        other = _homogeneous(table.to_numpy(dtype=float).T)
    p, distance = min(missing, other, key=lambda found: (found[0], -found[1]))
    return min(1.0, 2 * p), distance


def _homogeneous(counts: np.ndarray) -> tuple[float, float]:
    """P of chi², and the total variation between the two rows."""
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or (counts.sum(axis=1) == 0).any():
        return 1.0, 0.0
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(stats.chi2_contingency(counts, correction=False).pvalue), float(abs(shares[0] - shares[1]).sum() / 2)
