"""What replay costs beside the model itself, and what our attack finds beside ART's: ratios, measured in one process.

Run ``python benchmarks/replay.py [CASE ...] [--rows N] [--runs N]``; cases: ``coalesced``, ``recorded``, ``http``, ``versions``,
``attack``, ``memory``. The model is LightGBM, 300 trees of 31 leaves on 20 made-up columns (seeded). Each ratio is the median of
interleaved runs: raw, ours, raw, ours … A raw run calls the booster on ready matrices and does nothing else. ART is asked where
it is installed (``pip install adversarial-robustness-toolbox packaging``).
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from workbench.attacks.art import evade_with_art
from workbench.attacks.constraints import Domain
from workbench.attacks.evasion import evade, judge_attack
from workbench.attacks.recorder import Recorder, RecordingWriter
from workbench.attacks.recording import Recording
from workbench.attacks.replay import replay
from workbench.attacks.replay.asking import BLOCK
from workbench.models import BoosterTarget, booster_target, http_target

CASES = ("coalesced", "recorded", "http", "versions", "attack", "memory")
COLUMNS = 20


def credit(rows: int, seed: int = 0) -> pd.DataFrame:
    """Made-up applications: sixteen numbers, an age, two counts that are related, an income."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(chance.normal(size=(rows, COLUMNS - 4)), columns=[f"x{place}" for place in range(COLUMNS - 4)])
    frame["age"] = chance.integers(18, 80, rows).astype(float)
    frame["accounts"] = chance.integers(1, 20, rows).astype(float)
    frame["open"] = np.floor(frame["accounts"] * chance.random(rows))
    frame["income"] = np.exp(chance.normal(7.5, 0.5, rows))
    return frame


def fit(seed: int = 0) -> BoosterTarget:
    """The model of all cases."""
    frame, chance = credit(14_000), np.random.default_rng(seed + 1)
    signal = frame["x0"] + frame["x1"] * frame["x2"] + 0.05 * (frame["age"] - 49) + 0.1 * frame["open"] - 0.5
    label = (signal + chance.normal(size=len(frame)) * 0.3 > 0).astype(int)
    model = lightgbm.LGBMClassifier(n_estimators=300, num_leaves=31, verbose=-1, random_state=seed)
    return booster_target(model.fit(frame, label), name=f"v{seed}")


def interleaved(runs: int, *functions: Callable[[], object]) -> list[float]:
    """Median seconds of each function; the first round warms up and is dropped."""
    seconds: list[list[float]] = [[] for _ in functions]
    for run in range(runs + 1):
        for function, times in zip(functions, seconds, strict=True):
            start = time.perf_counter()
            function()
            if run:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in seconds]


def record_calls(target: BoosterTarget, frame: pd.DataFrame, sizes: np.ndarray, folder: Path) -> Recording:
    """A recording of calls of these sizes."""
    with Recorder(target, folder) as recorded:
        for start, size in zip(np.cumsum(sizes) - sizes, sizes, strict=True):
            recorded.predict(frame.iloc[start : start + size])
    return recorded.close()


def coalesced(folder: Path, rows: int, runs: int) -> None:
    """Blocks of 4,096 rows: verdicts, parquet, digests."""
    target, frame = fit(), credit(rows, 1)
    recording = record_calls(target, frame, np.full(-(-rows // BLOCK), BLOCK), folder / "rec")
    matrix = np.ascontiguousarray(frame.to_numpy())

    def raw() -> None:
        for start in range(0, rows, BLOCK):
            target.booster.predict(matrix[start : start + BLOCK])

    ours = iter(range(1000))
    alone, replayed = interleaved(runs, raw, lambda: replay(recording, [target], fresh=None, out=folder / f"out{next(ours)}"))
    print(f"coalesced  {rows:,} rows: raw {rows / alone:,.0f} rows/s, replay {rows / replayed:,.0f} rows/s")
    print(f"           ratio {alone / replayed:.3f} (bar 0.85)")


def recorded(folder: Path, rows: int, runs: int) -> None:
    """The call structure of a decision-based attack: of 6,860 calls on 61,900 rows five in six have one row."""
    chance = np.random.default_rng(0)
    target, calls = fit(), max(60, rows // 9)
    sizes = np.where(chance.random(calls) < 5 / 6, 1, chance.integers(20, 80, calls))
    frame = credit(int(sizes.sum()), 1)
    recording = record_calls(target, frame, sizes, folder / "rec")
    matrix = np.ascontiguousarray(frame.to_numpy())
    bounds = np.append(0, np.cumsum(sizes)).tolist()

    def raw() -> None:
        for start, end in pairwise(bounds):
            target.booster.predict(matrix[start:end])

    ours = iter(range(1000))
    alone, replayed = interleaved(
        runs, raw, lambda: replay(recording, [target], coalesce=False, fresh=None, out=folder / f"out{next(ours)}")
    )
    print(f"recorded   {len(frame):,} rows in {len(sizes):,} calls: raw {alone:.2f} s, replay {replayed:.2f} s")
    print(f"           ratio {alone / replayed:.3f} (bar 0.6)")


class _Scores(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait 40 ms for each other
    target: BoosterTarget

    def do_POST(self) -> None:
        """Answer as ``/invocations`` does."""
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["dataframe_split"]["data"]
        decided = (self.target.booster.predict(np.array(rows, dtype=float)) > 0.5).astype(int)
        content = json.dumps({"predictions": decided.tolist()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def http(folder: Path, rows: int, runs: int) -> None:
    """One row and 128 rows a request, beside a loop of one client that keeps its connection."""
    import httpx

    target, frame = fit(), credit(rows, 1)
    _Scores.target = target
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Scores)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/invocations"
    for size, count in ((1, max(50, rows // 30)), (128, max(8, rows // 400))):
        part = frame.iloc[: size * count]
        recording = record_calls(target, part, np.full(count, size), folder / f"rec{size}")
        asked, columns, data = http_target(url), list(part.columns), part.to_numpy().tolist()
        client = httpx.Client(trust_env=False)

        def raw(size: int = size, client: httpx.Client = client, columns: Any = columns, data: Any = data) -> None:
            for start in range(0, len(data), size):
                body = {"dataframe_split": {"columns": columns, "data": data[start : start + size]}}
                client.post(url, json=body).json()

        def ours(recording: Recording = recording, asked: Any = asked) -> None:
            replay(recording, [asked], coalesce=False, fresh=None)

        alone, replayed = interleaved(runs, raw, ours)
        print(f"http       {count} requests of {size} rows: bare {count / alone:,.0f}/s, replay {count / replayed:,.0f}/s")
        print(f"           ratio {alone / replayed:.3f} (bar 0.9)")
    server.shutdown()


def versions(folder: Path, rows: int, runs: int) -> None:
    """Three versions at once, beside one after the other."""
    targets, frame = [fit(seed) for seed in range(3)], credit(rows, 1)
    recording = record_calls(targets[0], frame, np.full(-(-rows // BLOCK), BLOCK), folder / "rec")
    single = [lambda target=target: replay(recording, [target], fresh=None) for target in targets]
    *alone, together = interleaved(runs, *single, lambda: replay(recording, targets, fresh=None))
    print(f"versions   3 at once {together:.2f} s, singly {sum(alone):.2f} s: ratio {together / sum(alone):.3f} (bar 1.15)")


def attack(_folder: Path, _rows: int, _runs: int) -> None:
    """Our constrained attack and ART's HopSkipJump on the same 50 rows and model."""
    target, frame = fit(), credit(14_000)
    domain = Domain.infer(frame, immutable=["age"], relations=["open <= accounts"])
    rows = frame.iloc[:50].reset_index(drop=True)
    start = time.perf_counter()
    found = evade(target, rows, domain, budget=200, seed=0)
    seconds = time.perf_counter() - start
    print(f"attack     ours: valid {found.success.mean():.2f}, median cost {np.nanmedian(found.cost):.2f}, median queries")
    print(f"           {np.median(found.queries):.0f} a row, {np.median(found.changed):.0f} columns changed, {seconds:.2f} s")
    try:
        peer = version("adversarial-robustness-toolbox")
    except PackageNotFoundError:
        print("           ART is not installed: HopSkipJump not measured")
        return
    start = time.perf_counter()
    hop = evade_with_art(target, rows, domain, seed=0, max_iter=10, max_eval=500, init_eval=10)
    seconds = time.perf_counter() - start
    mended = domain.decode(domain.project(domain.encode(hop.adversarial), domain.encode(rows)), rows)
    print(f"           HopSkipJump (ART {peer}, told what cannot be moved): raw {hop.raw_success.mean():.2f},")
    rounded = judge_attack(target, rows, mended, domain).success.mean()
    print(f"           valid {hop.success.mean():.2f}, {rounded:.2f} once rounded;")
    print(f"           median {np.median(hop.queries):,.0f} queries a row, {seconds:.1f} s through the recorder's adapter")


def memory(folder: Path, _rows: int, _runs: int, total: int = 1_000_000) -> None:
    """Peak memory of replaying a million rows, above that of the model and libraries."""
    target = fit()
    writer = RecordingWriter(folder / "rec")
    for start in range(0, total, 65_536):
        frame = credit(min(65_536, total - start), start)
        writer.add(frame, target.predict(frame), started=0, seconds=0)
    writer.close()
    code = (
        "import resource, sys\nfrom workbench.models import open_target\nfrom workbench.attacks.replay import replay\n"
        "target = open_target(sys.argv[2])\nimport lightgbm, pandas, scipy.special, sklearn\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = replay(sys.argv[1], [target], fresh=None, out=sys.argv[3])\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(found.numbers['rows'], (after - before) / 1024)"
    )
    target.booster.save_model(folder / "model.txt")
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "rec"), f"file:{folder / 'model.txt'}", str(folder / "out")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    rows, megabytes = done.stdout.split()
    print(f"memory     {int(rows):,} rows: {float(megabytes):,.0f} MB above the model (bar 1,024)")


def main() -> None:
    """Run the cases named, each in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--rows", type=int, default=61_440)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, LightGBM {lightgbm.__version__}, {platform.machine()}, {platform.system()}")
    for case in arguments.cases:
        with tempfile.TemporaryDirectory() as folder:
            globals()[case](Path(folder), arguments.rows, arguments.runs)
    print(f"peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
