"""Measures by group beside fairlearn's, in the same process, with equal values in every cell.

    python benchmarks/disparity.py [--case NAME ...] [--peer-rows 100000] [--peer-bootstraps 0]

Three attributes (50 intersections), eight measures, pandas strings. Cases: `frame` (1,000,000 rows in pandas, first call),
`bootstrap` (the same with 1,000 resamples of group, overall, min, max, difference and ratio), `arrow` (10,000,000 rows, with peak
memory above the data), `parquet` (5,000,000 rows from a file, one aggregate query), `peer` (fairlearn's MetricFrame at
``--peer-rows``, as shipped and with its ``np.stack`` of one-dimensional columns taken out; ``--peer-bootstraps`` with resamples),
`aequitas` (Aequitas's audit of 1,000,000 rows, without intervals, by the python of ``--aequitas``, with the same rates).
Fingerprinting is timed apart. Each case runs in a process of its own.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.analysis.disparity import measure_disparity
from workbench.data.dataset import Dataset, open_dataset

ATTRIBUTES = {"region": 5, "sex": 2, "age": 5}
MEASURES = ("selection_rate", "base_rate", "tpr", "fpr", "fnr", "tnr", "ppv", "accuracy")
ROLES = {"prediction": "p", "label": "y", "favorable": 1, "positive": 1, "groups": list(ATTRIBUTES)}
CASES = ("frame", "bootstrap", "arrow", "parquet", "peer", "aequitas")
REPEATS = 5
ROOT = Path(__file__).parents[1]


def columns(rows: int, seed: int = 0) -> dict[str, Any]:
    """Three attributes as Arrow dictionaries, a label, and a prediction that follows label and region."""
    rng = np.random.default_rng(seed)
    made: dict[str, Any] = {}
    for name, size in ATTRIBUTES.items():
        codes = rng.integers(0, size, rows, dtype=np.int32)
        made[name] = pa.DictionaryArray.from_arrays(codes, [f"{name} {value}" for value in range(size)])
    label = rng.integers(0, 2, rows, dtype=np.int8)
    chance = 0.3 + 0.3 * label + 0.05 * made["region"].indices.to_numpy()
    return {**made, "y": label.astype(np.int64), "p": (rng.random(rows) < chance).astype(np.int64)}


def arrow(rows: int) -> pa.Table:
    """`columns` with the attributes as plain strings."""
    made = columns(rows)
    return pa.table({name: values.cast(pa.string()) if name in ATTRIBUTES else values for name, values in made.items()})


def frame(rows: int) -> pd.DataFrame:
    """The same as pandas, strings as pandas makes them."""
    made = arrow(rows).to_pandas()
    return made.astype(dict.fromkeys(ATTRIBUTES, "str"))


def seconds(job: Callable[[], object]) -> float:
    """How long `job` takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def opened(source: object) -> Dataset:
    """The dataset, fingerprinted beforehand; what that took is printed once by the caller."""
    dataset = open_dataset(source, ROLES)
    _ = dataset.fingerprint
    return dataset


def fresh(dataset: Dataset) -> Dataset:
    """The dataset without anything computed from it but its fingerprint."""
    again = Dataset(dataset.table, dataset.source, dataset.roles, dataset.given)
    again.__dict__["fingerprint"] = dataset.fingerprint
    return again


def timed(dataset: Dataset, **arguments: Any) -> str:
    """Best and median of first calls on a dataset of which nothing is cached."""
    measure_disparity(fresh(dataset), measures=MEASURES, **arguments)
    spent = sorted(seconds(lambda: measure_disparity(fresh(dataset), measures=MEASURES, **arguments)) for _ in range(REPEATS))
    return f"best {spent[0]:.3f} s, median {spent[REPEATS // 2]:.3f} s of {REPEATS}"


def peak_above(job: Callable[[], object]) -> tuple[float, int]:
    """Seconds, and bytes of peak memory above what was held before."""
    import psutil

    before = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")
    spent = seconds(job)
    status = Path("/proc/self/status").read_text().splitlines()
    return spent, int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024 - before


def run(case: str, peer_rows: int, peer_bootstraps: int, python: str) -> None:
    """One case, in this process; `python` has Aequitas."""
    if case in ("frame", "bootstrap"):
        source = frame(1_000_000)
        print(f"open {seconds(lambda: open_dataset(source, ROLES)):.2f} s, fingerprint", end=" ")
        dataset = open_dataset(source, ROLES)
        print(f"{seconds(lambda: dataset.fingerprint):.2f} s;", timed(dataset, bootstrap=1000 if case == "bootstrap" else 0))
    elif case == "arrow":
        dataset = open_dataset(arrow(10_000_000), ROLES)
        dataset.__dict__["fingerprint"] = "not computed here"
        spent, peak = peak_above(lambda: measure_disparity(dataset, measures=MEASURES))
        print(f"{spent:.2f} s, peak {peak / 1e6:,.0f} MB above the data")
    elif case == "parquet":
        with tempfile.TemporaryDirectory() as folder:
            pq.write_table(arrow(5_000_000), f"{folder}/log.parquet")
            dataset = open_dataset(f"{folder}/log.parquet", ROLES)
            dataset.__dict__["fingerprint"] = "not computed here"
            print(timed(dataset))
    elif case == "aequitas":
        aequitas(1_000_000, python)
    else:
        peer(peer_rows, peer_bootstraps)


def aequitas(rows: int, python: str) -> None:
    """Aequitas's audit in an environment of its own, our own on the same rows, and whether all cells are equal."""
    source = frame(rows)
    dataset = opened(source)
    names = list(ATTRIBUTES)
    measure_disparity(fresh(dataset), measures=MEASURES)
    ours = min(seconds(lambda: measure_disparity(fresh(dataset), measures=MEASURES)) for _ in range(REPEATS))
    table = measure_disparity(dataset, measures=MEASURES).tables["groups"]
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/rows.npz", **{name: source[name].to_numpy(str if name in names else int) for name in source})
        command = [python, str(ROOT / "benchmarks/peers/aequitas_audit.py"), f"{folder}/rows.npz"]
        done = subprocess.run(command, capture_output=True, text=True, check=False) if python else None
    if done is None or done.returncode:
        said = (done.stderr.strip().splitlines() or ["failed"])[-1][:100] if done else "no .venv-aequitas"
        print(f"not run: {said}")
        return
    told = json.loads(done.stdout.splitlines()[-1])
    theirs = pd.DataFrame(told["rates"])
    table = table[table["attributes"] == ", ".join(names)].set_index("group").loc[theirs.index]
    worst = float(np.abs(table[list(MEASURES)].to_numpy(float) - theirs[list(MEASURES)].to_numpy(float)).max())
    spent = told["seconds"]
    print(", ".join(f"{name} {number}" for name, number in told["versions"].items()))
    print(f"{'':10} {rows:,} rows: Aequitas {spent:.2f} s (and {told['joining']:.2f} s to join the attributes)", end=", ")
    print(f"ours {ours:.4f} s with intervals and tests: {spent / ours:.1f} times")
    print(f"{'':10} {theirs.size} cells of {len(theirs)} groups, largest difference {worst:.1e}")


def peer(rows: int, bootstraps: int) -> None:
    """MetricFrame as shipped and mended, our own on the same rows, and whether all cells are equal."""
    from fairlearn.metrics import _annotated_metric_function as shipped

    source = frame(rows)
    dataset = opened(source)
    measure_disparity(fresh(dataset), measures=MEASURES)
    ours = min(seconds(lambda: measure_disparity(fresh(dataset), measures=MEASURES)) for _ in range(REPEATS))
    table = measure_disparity(dataset, measures=MEASURES).tables["groups"]
    spent, by_group = metric_frame(source, 0)
    table = table[table["attributes"] == ", ".join(ATTRIBUTES)].set_index(list(ATTRIBUTES)).loc[by_group.index]
    worst = float(np.abs(table[list(MEASURES)].to_numpy(float) - by_group[list(MEASURES)].to_numpy(float)).max())
    print(f"{rows:,} rows: fairlearn {spent:.2f} s, ours {ours:.4f} s: {spent / ours:,.0f} times")
    print(f"{'':10} {by_group.size} cells of {len(by_group)} groups, largest difference {worst:.1e}")
    if bootstraps:
        own = seconds(lambda: measure_disparity(fresh(dataset), measures=MEASURES, bootstrap=1000))
        slow, _ = metric_frame(source, bootstraps)
        print(f"{'':10} {bootstraps} bootstraps: fairlearn {slow:.1f} s; ours with 1,000: {own:.3f} s: {slow / own:,.0f} times")
    shipped.np = _NoStack()
    mended, _ = metric_frame(source, 0)
    print(f"{'':10} fairlearn without np.stack of columns: {mended:.2f} s: {mended / ours:,.0f} times")


class _NoStack:
    """numpy for the one module, with `stack` of a one-dimensional array doing nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def stack(values: Any) -> Any:
        """The array itself."""
        return values


def metric_frame(source: pd.DataFrame, bootstraps: int) -> tuple[float, pd.DataFrame]:
    """Seconds of MetricFrame with all its results read, and its table by group."""
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score, precision_score

    functions = {
        "selection_rate": metrics.selection_rate, "base_rate": _base_rate, "tpr": metrics.true_positive_rate,
        "fpr": metrics.false_positive_rate, "fnr": metrics.false_negative_rate, "tnr": metrics.true_negative_rate,
        "ppv": precision_score, "accuracy": accuracy_score,
    }  # fmt: skip
    resamples = {"n_boot": bootstraps, "ci_quantiles": [0.025, 0.975], "random_state": 0} if bootstraps else {}
    made: list[Any] = []

    def job() -> None:
        found = metrics.MetricFrame(
            metrics=functions, y_true=source["y"], y_pred=source["p"], sensitive_features=source[list(ATTRIBUTES)], **resamples
        )
        made.append([found.by_group, found.overall, found.group_min(), found.group_max(), found.difference(), found.ratio()])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spent = seconds(job)
    return spent, pd.DataFrame(made[0][0])


def _base_rate(y_true: Any, _: Any) -> float:
    return float(np.mean(y_true))


def main() -> None:
    """Each case in a fresh process, after the versions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="*", default=list(CASES), choices=CASES)
    parser.add_argument("--peer-rows", type=int, default=100_000)
    parser.add_argument("--peer-bootstraps", type=int, default=0)
    own = ROOT / ".venv-aequitas/bin/python"
    parser.add_argument("--aequitas", default=str(own) if own.exists() else "", help="a python that has aequitas")
    parser.add_argument("--here", action="store_true", help="run the case in this process")
    arguments = parser.parse_args()
    if arguments.here:
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        run(arguments.case[0], arguments.peer_rows, arguments.peer_bootstraps, arguments.aequitas)
        return
    packages = ("numpy", "pandas", "pyarrow", "duckdb", "fairlearn", "scikit-learn")
    print(
        f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in packages)}, {platform.machine()}"
    )
    for case in arguments.case:
        print(f"{case:10}", end=" ", flush=True)
        words = ["--peer-rows", str(arguments.peer_rows), "--peer-bootstraps", str(arguments.peer_bootstraps)]
        words += ["--aequitas", arguments.aequitas]
        subprocess.run([sys.executable, __file__, "--here", "--case", case, *words], check=True)


if __name__ == "__main__":
    main()
