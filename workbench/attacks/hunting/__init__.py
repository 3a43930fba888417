"""Hunting: what in a decision log looks like somebody probing or evading the model, without knowing the attack.

``hunt`` looks for crowding just past the threshold, for one input varied again and again, and, where callers are known, for their
bursts; with recordings, for attacks that come back. Each is a row of the table ``patterns``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.attacks.hunting.arrivals import Arrivals, arrivals
from workbench.attacks.hunting.callers import find_bursts, require_caller
from workbench.attacks.hunting.margins import find_crowding
from workbench.attacks.hunting.runs import Runs, find_runs
from workbench.attacks.pattern import PATTERN_COLUMNS, Pattern, describe
from workbench.attacks.recording import Recording
from workbench.attacks.recurrence import find_recurrences
from workbench.data.dataset import Dataset
from workbench.predicate import ALL_ROWS, Predicate, within
from workbench.result import SMALL_CELL, Result, provenance

LEAST_HITS: Final = 20
"""Rows in runs of near-duplicates below which nothing is told."""
STOOD: Final = 0.5
"""A pattern is standing where its share before was at least this part of its share now."""
PERIODS: Final = 120


def hunt(
    dataset: Dataset, reference: Dataset | None = None, *, caller: str = "", recordings: Sequence[Recording] = (), seed: int = 0
) -> Result:
    """Look for probing and evasion in a decision log.

    Parameters
    ----------
    dataset
        The rows under suspicion.
    reference
        Rows that were still good; without them, and with times, what changed within `dataset` is told.
    caller
        The column that says who asked; empty: unknown.
    recordings
        Recorded attacks that may come back.
    seed
        Shuffles rows of one time, and draws the rows that others are held against.

    Returns
    -------
    Result
        Of kind ``hunt``: tables ``patterns`` (`workbench.attacks.pattern.Pattern`), ``activity`` (rows and those that are part of
        a run or a recurrence, per period), ``margins`` (rows by their distance from the threshold) and ``recordings`` (what each
        recording was matched with); numbers ``rows``, ``rows_before``, ``searches``, and ``not_looked_for``, the patterns
        for which something is lacking.

    Raises
    ------
    InputError
        If `caller` is no column of the log, or a recording has no columns in common with it.
    """
    windows = [dataset] if reference is None else [reference, dataset]
    if caller:
        require_caller(dataset, caller)
    crowding, margins = find_crowding(windows)
    runs, marks = _find_runs(windows, caller, seed)
    bursts = find_bursts(windows, caller) if caller else []
    known, table, repeated = find_recurrences(windows, recordings, seed)
    patterns = [*known, *(item for item in (crowding, runs) if item is not None), *bursts]
    rows = [pattern.row() for pattern in patterns]
    lacking = {"crowding": not len(margins), "burst": not caller, "recurrence": not recordings}
    return Result(
        "hunt", "Traces of attacks",
        {"patterns": pd.DataFrame(rows, columns=list(PATTERN_COLUMNS)), "activity": _activity(dataset, marks | repeated),
         "margins": margins, "recordings": table},
        {"rows": dataset.rows, "rows_before": None if reference is None else reference.rows,
         "searches": 2 + bool(caller) + len(recordings),
         "not_looked_for": [name for name, lacks in lacking.items() if lacks]},
        dataset.where,
        provenance=provenance(
            {"caller": caller, "recordings": [item.content for item in recordings], "roles": dataset.given.said(),
             "reference": None if reference is None else str(reference.where)},
            seed=seed, fingerprint=dataset.fingerprint,
        ),
    )  # fmt: skip


def _find_runs(windows: list[Dataset], caller: str, seed: int) -> tuple[Pattern | None, np.ndarray]:
    """The runs of near-duplicates in the last window as a pattern, and which of its rows they are."""
    last = windows[-1]
    nothing = np.zeros(len(last.frame), dtype=bool)
    found = arrivals(windows, caller or None, seed)
    runs = None if found is None else find_runs(found, _decisions(found), seed)
    if found is None or runs is None:
        return None, nothing
    hits = found.in_window(runs.hits)
    if int(hits.sum()) < LEAST_HITS:
        return None, nothing
    return _run_pattern(found, runs, hits), hits


def _decisions(found: Arrivals) -> np.ndarray | None:
    if not all(window.has("prediction") for window in found.windows):
        return None
    return np.asarray(pd.factorize(found.values(found.windows[-1].require("prediction")))[0])


def _run_pattern(found: Arrivals, runs: Runs, hits: np.ndarray) -> Pattern:
    last = found.windows[-1]
    since, dated = _run_times(found, runs)
    where = describe(last, hits, [name for name in found.columns if name not in runs.swept], last.where & since)
    size, share = len(hits), float(hits.mean())
    earlier = len(found) - size
    before = (len(runs.hits) - int(hits.sum())) / earlier if earlier else 0.0
    ends = stats.wilson(int(hits.sum()), size)
    return Pattern(
        runs.kind, _run_said(runs, int(hits.sum())), runs.swept or found.columns, where, share,
        (float(ends.low), float(ends.high)), "share of rows", runs.p, int(hits.sum()), last.people(hits),
        standing=bool(earlier) and before >= STOOD * share, **dated,
    )  # fmt: skip


def _run_times(found: Arrivals, runs: Runs) -> tuple[Predicate, dict[str, Any]]:
    """The time from the first to the last row of the runs, in whole minutes, and the onset: such rows are hardly ever chance."""
    hits = runs.hits[found.current[runs.hits]]
    times = None if found.times is None else found.times[hits]
    if found.times is None or times is None or np.isnat(times).any():
        return ALL_ROWS, {}
    first, last = pd.Timestamp(times.min()), pd.Timestamp(times.max())
    before = found.times[found.times < times.min()]
    earliest = before.max() if len(before) else times.min()
    end = (last + pd.Timedelta(minutes=1)).floor("min")
    since = within(found.windows[-1].require("time"), first.floor("min").to_pydatetime(), end.to_pydatetime())
    return since, {"onset": times.min(), "earliest": earliest, "latest": times.min()}


def _run_said(runs: Runs, rows: int) -> str:
    swept = " and ".join(runs.swept)
    how = f"{swept} swept while the other columns stand still" if runs.kind == "lattice" else "a few small changes at a time"
    flips = "" if runs.flips is None else f"; {100 * runs.flips:.0f} % of the steps change the decision"
    return f"inputs were varied again and again: {rows:,} rows, each like others close by, {how}{flips}"


def _activity(dataset: Dataset, marks: np.ndarray) -> pd.DataFrame:
    """Rows, and the share of them that is marked, of each of at most `PERIODS` equal periods; empty without times."""
    if not dataset.has("time"):
        return pd.DataFrame(columns=["start", "rows", "share", "suppressed"])
    times: Any = pd.to_datetime(dataset.role("time"))
    keep = times.notna().to_numpy()
    starts = times[keep].dt.floor(_period(times[keep]))
    grouped = pd.DataFrame({"start": starts, "share": marks[keep].astype(float)}).groupby("start")["share"]
    table = grouped.agg(rows="size", share="mean").reset_index()
    return table.assign(suppressed=table["rows"] < SMALL_CELL)


def _period(times: pd.Series[pd.Timestamp]) -> str:
    """The shortest of hour, day, four weeks and so on of which there are at most `PERIODS`."""
    span = times.max() - times.min()
    return next(
        (name for name, hours in (("h", 1), ("6h", 6), ("D", 24), ("7D", 168)) if span / pd.Timedelta(hours=hours) < PERIODS),
        "28D",
    )
