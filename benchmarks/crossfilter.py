"""Linked histograms and the way to them: a brush over many rows, and from parquet on disk to codes.

    python benchmarks/crossfilter.py [--rows 10000000] [--charts 8] [--columns 20] [--moves 60]

Brush: a window of a quarter of the bins slides over one chart after the other, one bin a move, on top of the brushes set before;
jumps and clearings are among the moves. Peers in the same process: counting the charts anew in numpy after each move, and one
pass over as many bytes as the codes (``numpy.copyto``). Reading: a fresh process reads the file, its memory measured from before
the call (``VmHWM``); peer: the same file through pandas and `fit_codings`, at a tenth of the rows. Compile time apart.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.analysis.crossfilter import Crossfilter
from workbench.data.codes import Codes, read_codes
from workbench.data.encode import fit_codings

ROW_GROUP = 1_000_000
READ = """
import sys, time, psutil
from pathlib import Path
from workbench.data.codes import read_codes
from workbench.data import coders, passes
read_codes(sys.argv[1])  # the small file: loads and compiles
process = psutil.Process()
before = process.memory_info().rss
Path("/proc/self/clear_refs").write_text("5")
start = time.perf_counter()
codes = read_codes(sys.argv[2])
seconds = time.perf_counter() - start
status = Path("/proc/self/status").read_text().splitlines()
peak = int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024
print(seconds, peak - before, codes.values.nbytes, len(codes.codings))
"""


def seconds(job: Callable[[], object]) -> float:
    """How long `job` takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def chunk(rows: int, columns: int, seed: int) -> pa.Table:
    """Columns of every kind: 8 of 20 continuous, 6 whole numbers, 4 texts (one of 5,000 values), 1 truth value, 1 time."""
    rng = np.random.default_rng(seed)
    made: dict[str, pa.Array] = {}
    for number in range(columns):
        name, kind = f"c{number:02}", number % 20
        if kind < 8:
            values = rng.normal(size=rows) if kind % 2 else rng.lognormal(3, 1, rows)
            made[name] = pa.array(values, mask=rng.random(rows) < 0.02)
        elif kind < 14:
            made[name] = pa.array(rng.integers(0, 10 if kind < 12 else 100_000, rows))
        elif kind < 18:
            words = np.array([f"value {i}" for i in range(10 if kind < 17 else 5_000)])
            made[name] = pa.DictionaryArray.from_arrays(rng.integers(0, len(words), rows, dtype=np.int32), words).cast(
                pa.string()
            )
        elif kind == 18:
            made[name] = pa.array(rng.random(rows) < 0.3)
        else:
            made[name] = pa.array(rng.integers(1_700_000_000, 1_760_000_000, rows) * 10**6, pa.timestamp("us"))
    return pa.table(made)


def write_file(path: Path, rows: int, columns: int) -> None:
    """A parquet file of `rows` rows, in groups."""
    with pq.ParquetWriter(path, chunk(1, columns, 0).schema) as writer:
        for seed, start in enumerate(range(0, rows, ROW_GROUP)):
            writer.write_table(chunk(min(ROW_GROUP, rows - start), columns, seed))


def brush_moves(codes: Codes, count: int) -> Iterator[tuple[str, list[int] | None]]:
    """A hand's moves: a window that slides a bin at a time, now and then a jump, a clearing, the next chart."""
    charts = [(coding.name, len(coding.conditions) - 1) for coding in codes.codings]
    for move in range(count):
        name, last = charts[(move // 12) % len(charts)]
        width, step = max(1, last // 4), move % 12
        if step == 11:
            yield name, None if (move // 12) % 2 else list(range(1, width + 1))
        else:
            first = 1 + (step if step < 9 else last - width) % max(1, last - width + 1)
            yield name, list(range(first, first + width))


def count_anew(codes: Codes, brushes: dict[str, list[int] | None], loss: np.ndarray) -> None:
    """What a move costs without memory of the last: every chart counted from its codes in numpy."""
    inside = {
        coding.name: np.isin(row, brushes[coding.name])
        for coding, row in zip(codes.codings, codes.values, strict=True)
        if brushes.get(coding.name) is not None
    }
    for coding, row in zip(codes.codings, codes.values, strict=True):
        let = np.ones(len(row), dtype=bool)
        for name, mask in inside.items():
            if name != coding.name:
                let &= mask
        np.bincount(row[let], minlength=256)
        np.bincount(row[let], loss[let], minlength=256)


def measure_brush(rows: int, charts: int, moves: int) -> None:
    """Print what a move of a brush costs, beside the peers."""
    table = chunk(min(rows, ROW_GROUP), charts, 1)
    codes = read_codes(table)
    wide = np.empty((charts, rows), dtype=np.uint8)
    for at in range(charts):
        wide[at] = np.resize(codes.values[at], rows)
    codes = Codes(codes.codings[:charts], wide)
    loss = (np.random.default_rng(0).random(rows) < 0.2).astype(float)
    small = Crossfilter(Codes(codes.codings, wide[:, :1000]), loss=loss[:1000])
    compiled = seconds(lambda: small.brush(small.charts[0], [1]))
    start = time.perf_counter()
    filtered = Crossfilter(codes, loss=loss)
    paint = time.perf_counter() - start
    taken, anew, brushes = [], [], {}
    for at, (name, chosen) in enumerate(brush_moves(codes, moves)):
        taken.append(seconds(lambda name=name, chosen=chosen: filtered.brush(name, chosen)))
        brushes[name] = chosen
        if at % 12 == 6:
            anew.append(seconds(lambda: count_anew(codes, brushes, loss)))
    target = np.empty_like(wide)
    copy = min(seconds(lambda: np.copyto(target, wide)) for _ in range(5))
    median, p95 = statistics.median(taken), float(np.quantile(taken, 0.95))
    print(f"brush, {rows:,} rows x {charts} charts with their loss, {moves} moves")
    print(f"  first histograms   {paint * 1e3:8.1f} ms   compiled or loaded in {compiled * 1e3:.0f} ms")
    print(f"  a move: median     {median * 1e3:8.1f} ms   p95 {p95 * 1e3:.1f} ms, most {max(taken) * 1e3:.1f} ms")
    print(
        f"  counted anew       {statistics.median(anew) * 1e3:8.1f} ms   numpy: {statistics.median(anew) / median:.1f} x a move"
    )
    print(f"  bytes copied once  {copy * 1e3:8.1f} ms   the median move is {median / copy:.2f} x that")


def measure_reading(rows: int, columns: int) -> None:
    """Print what reading a file as codes costs in a fresh process, beside pandas at a tenth of the rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, tenth, whole = folder / "small.parquet", folder / "tenth.parquet", folder / "whole.parquet"
        write_file(small, 5_000, columns)
        write_file(tenth, max(1, rows // 10), columns)
        write_file(whole, rows, columns)
        done = subprocess.run([sys.executable, "-c", READ, small, whole], check=True, capture_output=True, text=True)
        taken, above, size, codings = (float(part) for part in done.stdout.split())
        decode = seconds(lambda: [pq.ParquetFile(whole).read([f"c{at:02}"], use_threads=False) for at in range(columns)])

        def peer() -> None:
            frame = pq.read_table(tenth).to_pandas()
            for coding in fit_codings(frame, list(frame.columns), derive=True):
                coding.apply(frame[coding.column])

        other = seconds(peer) * rows / max(1, rows // 10)
        print(f"parquet to codes, {rows:,} rows x {columns} columns, {whole.stat().st_size / 1e6:.0f} MB, {codings:.0f} codings")
        print(
            f"  read_codes         {taken:8.2f} s    peak {above / size:.2f} x the codes' {size / 1e6:.0f} MB above the process"
        )
        print(f"  decoded once       {decode:8.2f} s    pyarrow, one thread: read_codes is {taken / decode:.1f} x that")
        print(f"  pandas             {other:8.2f} s    ten times a tenth of the rows: {other / taken:.1f} x read_codes")


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rows", 10_000_000), ("charts", 8), ("columns", 20), ("moves", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "pyarrow", "pandas"))
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}, {packages}")
    measure_brush(given.rows, given.charts, given.moves)
    measure_reading(given.rows, given.columns)
    print(f"peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
