"""What a threshold costs to move: scores counted once, then moves and the whole curve, against a pandas groupby per move.

Run ``python benchmarks/thresholds.py [--rows N] [--groups G]``. Every figure is the median of repeated runs in this process; the
bars are those of the design: building 50 ms at a million rows, a move 50 microseconds, the curve with its band 5 ms. The last
lines follow a disparity over time and guard the data on as many rows.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from workbench.analysis.disparity_time import disparity_over_time
from workbench.analysis.guard import guard_data
from workbench.analysis.thresholds import Thresholds
from workbench.data.dataset import open_dataset

BUILD, MOVE, CURVE = 0.050, 50e-6, 0.005
"""The bars in seconds, at 1,000,000 rows."""


def median(work: Callable[[], object], repeats: int) -> float:
    """Seconds a call takes, the first one (which warms up) left out."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def log(rows: int, groups: int, seed: int = 0) -> pd.DataFrame:
    """A decision log with a score, a label that follows it, groups and ninety days of times."""
    rng = np.random.default_rng(seed)
    codes, score = rng.integers(0, groups, rows), rng.random(rows)
    names = pd.Index([f"group {number:02}" for number in range(groups)])
    return pd.DataFrame({
        "group": pd.Categorical.from_codes(codes, names), "score": score, "label": rng.random(rows) < score,
        "decision": score >= 0.5,
        "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows) * (90 * 86400 / rows), unit="s"),
    })  # fmt: skip


def told(what: str, seconds: float, bar: float | None = None) -> None:
    """A line: what, how long, and whether it keeps its bar."""
    kept = "" if bar is None else f"   bar {1e6 * bar:>9,.0f} us: {'kept' if seconds <= bar else 'MISSED'}"
    print(f"{what:52} {1e6 * seconds:>12,.1f} us{kept}")


def what_if(frame: pd.DataFrame) -> None:
    """Build, move, curve, and the same move by pandas; the answers are compared before they are timed."""
    found = Thresholds(frame["score"], frame["label"], frame["group"])
    by_pandas = (frame["score"] >= 0.35).groupby(frame["group"], observed=True).mean().to_numpy()
    if not np.array_equal(found.move(0.35).rates[0], by_pandas):
        sys.exit("the move and pandas differ")
    apart = dict(zip(found.groups, np.linspace(0.3, 0.6, len(found.groups)), strict=True))
    told(
        "build (categories, boolean labels)", median(lambda: Thresholds(frame["score"], frame["label"], frame["group"]), 9), BUILD
    )
    texts = frame["group"].astype("str")
    told("build (groups as text)", median(lambda: Thresholds(frame["score"], frame["label"], texts), 5))
    move = median(lambda: found.move(0.35), 2000)
    told("a move, one threshold", move, MOVE)
    told("a move, a threshold per group", median(lambda: found.move(apart), 2000), MOVE)
    told("ratio against threshold with band, one group", median(lambda: found.curve(group=found.groups[1]), 50), CURVE)
    told(f"ratio against threshold with band, {len(found.groups) - 1} groups", median(found.curve, 50))
    peer = median(lambda: (frame["score"] >= 0.35).groupby(frame["group"], observed=True).mean(), 5)
    told("pandas groupby, selection rates only", peer)
    print(f"{'pandas over a move':52} {peer / move:>12,.0f} x")


def over_time(frame: pd.DataFrame) -> None:
    """The timeline, changes and alarms, and the guard."""
    roles = {"time": "time", "score": "score", "prediction": "decision", "label": "label", "favorable": True, "groups": ["group"]}
    dataset = open_dataset(frame.assign(group=frame["group"].astype("str")), roles)
    _ = dataset.frame, dataset.fingerprint
    told("disparity over time, four measures", median(lambda: disparity_over_time(dataset), 3))
    told("data-defect guard", median(lambda: guard_data(dataset), 3))


def main() -> None:
    """Print the machine, the versions and each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=5)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}, {platform.machine()}")
    print(f"{arguments.rows:,} rows, {arguments.groups} groups, 1000 bins")
    frame = log(arguments.rows, arguments.groups)
    what_if(frame)
    over_time(frame)


if __name__ == "__main__":
    main()
