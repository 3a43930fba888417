"""How often triage names the cause of an incident whose truth is known, and how often it cries wolf.

Run ``python benchmarks/incidents/run.py --part tuning [--kind K] [--table T] [--limit N] [--jobs 2] [--baselines] [--json OUT]``;
``--draw SEED`` draws strengths and sizes anew, ``--tables FOLDER`` takes the tables that are declared there instead.
``plan.py`` says which incidents there are and which are held out (told by totals only), ``score.py`` what counts as right,
``logs.py`` where the rows come from, ``baselines.py`` what triage is held against.
"""

import argparse
import functools
import json
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from baselines import available, timed
from case import Case, make_case
from plan import FAULTS, NOTHING, QUIET_TABLES, Incident, drawn, harmless, incidents, large, quiet
from report import bars, beside, cells, line, summary
from score import Score, hypotheses, mark, oracle
from tables import TABLES, tables_of
from threadpoolctl import threadpool_limits
from worker import Worker

from workbench.attacks.injection import HARMLESS
from workbench.result import Finding


@dataclass(frozen=True)
class Task:
    """An incident, the folder its log is written to for a moment, and whether the baselines look at it too."""

    incident: Incident
    folder: str
    baselines: bool = False


def run_one(task: Task) -> list[Score]:
    """One incident, made, triaged and scored; then by each baseline, on the same file."""
    with threadpool_limits(1):
        case = make_case(task.incident, Path(task.folder))
    scores = [triaged(task.incident, case)]
    for name, baseline in (available() if task.baselines else {}).items():
        score = blank(task.incident, case, name)
        found, score.seconds = timed(baseline, case)
        score.verdict = "incident" if found else "no incident found"
        scores.append(mark(score, found, case.truth, case.log, case.window))
    case.path.unlink()
    return scores


def triaged(incident: Incident, case: Case) -> Score:
    """What triage makes of the log, marked."""
    score = blank(incident, case, "triage")
    found = worker().ask(case.question)
    score.seconds, score.memory, score.verdict = found["seconds"], found["peak"], found["verdict"]
    score.failed = [f"{item['name']}: {item['why']}" for item in found["checks"] if item["status"] == "failed"]
    findings = [Finding.from_dict(finding) for finding in found["findings"]]
    return mark(score, findings, case.truth, case.log, case.window)


@functools.cache
def worker() -> Worker:
    """Where triage runs, started once for all incidents of this process."""
    return Worker()


def blank(incident: Incident, case: Case, method: str) -> Score:
    """A score without marks."""
    truth = case.truth
    signal = truth.shift.signal if truth is not None and truth.shift is not None else 0.0
    return Score(
        incident.kind, Path(incident.table).stem, incident.strength, len(case.log.frame), case.reference is not None,
        incident.held_out, signal, truth is not None and oracle(signal, hypotheses(truth, case.log)), oracle(signal, 1),
        "" if truth is None else truth.detail, method,
    )  # fmt: skip


def run_all(chosen: list[Incident], jobs: int, *, baselines: bool) -> Iterator[list[Score]]:
    """Every incident, in this process or in so many others."""
    with tempfile.TemporaryDirectory() as folder:
        tasks = [Task(incident, folder, baselines) for incident in chosen]
        if jobs == 1:
            yield from map(run_one, tasks)
            return
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield from pool.map(run_one, tasks)


def choose(arguments: argparse.Namespace) -> list[Incident]:
    """The incidents that were asked for."""
    every = planned(arguments) if arguments.draw is None and arguments.tables is None else fresh(arguments)
    chosen = [
        incident
        for incident in every
        if (arguments.part == "all" or incident.held_out == (arguments.part == "held-out"))
        and arguments.kind in (None, incident.kind)
        and arguments.table in (None, Path(incident.table).stem)
        and arguments.strength in (None, incident.strength)
    ]
    return chosen[: arguments.limit]


def planned(arguments: argparse.Namespace) -> list[Incident]:
    """The incidents of the plan."""
    return [*incidents(arguments.copies), *harmless(2), *quiet(arguments.quiet), *(large() if arguments.large else [])]


def fresh(arguments: argparse.Namespace) -> list[Incident]:
    """Incidents drawn anew, in the plan's tables or in those of a folder."""
    own = None if arguments.tables is None else tables_of(arguments.tables)
    draw, tables = arguments.draw or 0, own or list(TABLES)
    faults = drawn(FAULTS, tables, draw, arguments.copies)
    return [*faults, *drawn(HARMLESS, tables, draw), *quiet(arguments.quiet, own or QUIET_TABLES)]


def told(scores: Iterable[list[Score]], *, quietly: bool) -> list[Score]:
    """The scores, triage's each with a line as it comes unless it is held out."""
    kept = []
    for several in scores:
        kept += several
        if not (quietly or several[0].held_out):
            print(line(several[0]), flush=True)
    return kept


def main() -> None:
    """Run what was asked for and tell how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["tuning", "held-out", "all"], default="tuning")
    parser.add_argument("--kind", choices=[*FAULTS, *HARMLESS, NOTHING])
    parser.add_argument("--table")
    parser.add_argument("--strength")
    parser.add_argument("--copies", type=int, default=1, help="logs of each kind, table and strength")
    parser.add_argument("--draw", type=int, metavar="SEED", help="strengths from 0 to 1 and sizes drawn anew")
    parser.add_argument("--tables", type=Path, metavar="FOLDER", help="instead of the plan's the tables that are declared there")
    parser.add_argument("--quiet", type=int, default=400, help="logs in which nothing happens, in both parts together")
    parser.add_argument("--large", action="store_true", help="also a few incidents in a million rows")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--baselines", action="store_true", help="hold triage against simpler ways, on the same files")
    parser.add_argument("--cells", action="store_true", help="also by kind, strength and size at once")
    parser.add_argument("--json", type=Path, help="a file for the scores")
    arguments = parser.parse_args()
    start = time.perf_counter()
    scores = told(run_all(choose(arguments), arguments.jobs, baselines=arguments.baselines), quietly=arguments.part == "held-out")
    print(f"\nPython {platform.python_version()}, pandas {version('pandas')}, {platform.machine()}; part {arguments.part}")
    for part in sorted({score.held_out for score in scores}):
        print(f"\n{'held out' if part else 'tuning'}")
        own = [score for score in scores if score.held_out == part]
        print(summary([score for score in own if score.method == "triage"]))
        if arguments.cells:
            print(cells([score for score in own if score.method == "triage"]))
        if arguments.baselines:
            print(beside(own))
        print(bars(own))
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    if arguments.json:
        arguments.json.write_text(json.dumps([score.to_dict() for score in scores], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
