"""Replay: exactly the recorded inputs to any number of targets, and what changed.

``replay`` asks (``asking.py``), judges (``verdict.py``, ``oracles.py``), attacks anew (``triple.py``), and puts what it found
(``replayed.py``) into one `Result` of kind ``replay``. Times stand in its provenance only, so that two replays of one recording
have one digest.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.decisions import Vocabulary
from workbench.attacks.health import resident_megabytes
from workbench.attacks.oracles import Case, Oracle, default_oracle, find_oracle
from workbench.attacks.recorder import target_card
from workbench.attacks.recording import Recording, open_recording
from workbench.attacks.replay.asking import Limits, Meter, Metered, ask
from workbench.attacks.replay.journal import Journal
from workbench.attacks.replay.replayed import (
    Replayed,
    changes_table,
    divergence_table,
    errors_table,
    health_by_part,
    pairs_table,
    targets_table,
)
from workbench.attacks.triple import Fresh, Ground, Measured, find_ground, measure, unseen_attacks
from workbench.attacks.verdict import NOT_JUDGED, TOLERANCE, Answers, gather, levels, outcomes, verdict_digest
from workbench.digest import Plain
from workbench.files import cannot_write, make_folder
from workbench.models.target import Prediction, Target
from workbench.result import Result, provenance

VERDICTS: Final = "verdicts.parquet"
FRESH: Final = Fresh()
LIMITS: Final = Limits()
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Way:
    """How inputs are sent: coalesced or as recorded, on which executor, with journals in which folder."""

    coalesce: bool = True
    executor: Executor | None = None
    folder: Path | None = None
    tell: Tell | None = None


def replay(
    recording: Recording | Path | str,
    targets: Sequence[Target],
    oracle: Oracle | str | None = None,
    *,
    coalesce: bool = True,
    tolerance: float = TOLERANCE,
    limits: Limits = LIMITS,
    executor: Executor | None = None,
    out: Path | str | None = None,
    approval: Approval | None = None,
    fresh: Fresh | None = FRESH,
    allowed_hosts: Sequence[str] = (),
    seed: int = 0,
    tell: Tell | None = None,
) -> Result:
    """Send a recording's inputs to every target and compare.

    Parameters
    ----------
    recording, targets
        A recording or its folder; the first target is the baseline of the others.
    oracle
        What makes an answer fail; a name; None: as `default_oracle` finds what fits the recording.
    coalesce
        True: blocks of 4,096 rows; False: the recorded calls.
    tolerance
        Difference of scores up to which an answer is ``within tolerance``.
    limits, fresh
        Per target, the fresh attack included, which says nothing where a limit ends it; how to attack anew, None: not at all.
    executor
        Any ``concurrent.futures.Executor``; None: here.
    out
        A folder for ``verdicts.parquet`` and the journal, which lets a replay that was killed go on where it stopped.
    approval
        Needed for a production target.
    allowed_hosts
        Hosts beside this machine that the targets may ask, as they were opened; kept in the provenance.
    tell
        Called with target, rows answered, rows in all.

    Returns
    -------
    Result
        ``targets`` (replayed, adaptive, certified with low and high, verdict, overfitted_defence: `triple`), ``pairs``
        (McNemar), ``changes`` by id, ``divergence``, ``errors``, ``health`` and ``verdicts``; ``numbers["digest"]`` is the digest
        of all verdicts.

    Raises
    ------
    InputError
        Without targets, or for a production target without approval.
    """
    recording = recording if isinstance(recording, Recording) else open_recording(recording)
    require_approval(targets, approval)
    way = Way(coalesce, executor, None if out is None else make_folder(Path(out)), tell)
    metered = [Metered(target, Meter(limits)) for target in targets]
    found, chosen = _judge_all(recording, metered, oracle, way, tolerance)
    ground, measured = _attack_anew(found, metered, fresh, seed, approval)
    verdicts = found.verdicts()
    if way.folder is not None:
        _write_verdicts(way.folder, verdicts)
    options = {
        "coalesce": coalesce, "tolerance": tolerance, "limits": asdict(limits), "fresh": fresh and asdict(fresh),
        "approval": approval and asdict(approval), "allowed_hosts": sorted(allowed_hosts),
    }  # fmt: skip
    tables = {"targets": targets_table(found, ground if isinstance(ground, Ground) else None, measured, fresh or FRESH)}
    return _result(found, chosen, tables, verdicts, options | {"not_adaptive": ground if isinstance(ground, str) else None}, seed)


def _result(  # noqa: PLR0917  the parts of one thing
    found: Replayed, oracle: Oracle | None, tables: dict[str, Any], verdicts: list[pa.Table], options: dict[str, Any], seed: int
) -> Result:
    """Everything that was found, with how it was made; times in the provenance only."""
    recording = found.recording
    tables |= {
        "pairs": pairs_table(found),
        "changes": changes_table(found),
        "divergence": divergence_table(found),
        "errors": errors_table(found),
        "health": health_by_part(found),
        "verdicts": pa.concat_tables(verdicts).unify_dictionaries().to_pandas(),
    }
    name = oracle.name if oracle else None
    numbers: dict[str, Plain] = {
        "rows": recording.rows, "calls": recording.calls, "digest": verdict_digest(verdicts), "oracle": name,
        "not_adaptive": options.pop("not_adaptive"),
    }  # fmt: skip
    judged_by = oracle and {"name": name, "options": {key: str(value) for key, value in oracle.options.items()}}
    cards = [target_card(target) for target in found.targets]
    arguments = {"recording": recording.content, "targets": cards, "oracle": judged_by, **options}
    made = provenance(arguments, seed=seed, fingerprint=recording.content)
    made["latency"] = {label: latencies(case.answered) for label, case in zip(found.labels, found.cases, strict=True)}
    return Result("replay", f"Replay of {recording.rows:,} inputs", tables=tables, numbers=numbers, provenance=made)


def label_targets(targets: Sequence[Target]) -> list[str]:
    """What to call each target: its name; with its version, then a number, where names repeat."""
    names = Counter(target.name for target in targets)
    labels = [target.name if names[target.name] == 1 else f"{target.name} {target.version}" for target in targets]
    seen: Counter[str] = Counter()
    for place, label in enumerate(labels):
        seen[label] += 1
        if seen[label] > 1:
            labels[place] = f"{label} ({seen[label]})"
    return labels


def latencies(answered: Answers) -> dict[str, Plain]:
    """Seconds per row: median, 95th and 99th percentile; None where nothing was answered."""
    times = answered.latency[~answered.failed]
    if not len(times):
        return {"p50": None, "p95": None, "p99": None}
    return dict(zip(("p50", "p95", "p99"), map(float, np.percentile(times, [50, 95, 99])), strict=True))


def _judge_all(
    recording: Recording, targets: Sequence[Metered], oracle: Oracle | str | None, way: Way, tolerance: float
) -> tuple[Replayed, Oracle | None]:
    labels, vocabulary = label_targets(targets), Vocabulary()
    recorded, expected, origins, ids = _read_known(recording, vocabulary)
    judged = recording.row_columns("judged")["judged"].to_numpy().astype(float)
    chosen = find_oracle(oracle) if isinstance(oracle, str) else oracle or default_oracle(recorded, expected, origins, judged)
    memory: list[list[tuple[int, float | None]]] = [[] for _ in targets]
    pairs = zip(targets, labels, memory, strict=True)
    answers = [gather(_asked(recording, target, label, way, held), vocabulary) for target, label, held in pairs]
    first, *cases = [Case(recording, vocabulary, expected, origins, recorded, answered) for answered in [recorded, *answers]]
    found = Replayed(
        recording, [item.target for item in targets], labels, first, _outcomes(chosen, first), cases,
        [_outcomes(chosen, case) for case in cases], [levels(recorded, answered, tolerance) for answered in answers], ids, memory,
    )  # fmt: skip
    return found, chosen


def _asked(
    recording: Recording, target: Metered, label: str, way: Way, held: list[tuple[int, float | None]]
) -> Iterator[Prediction]:
    """One target's answers, part by part, and the memory held after each; with a folder, each finished call is kept there."""
    journal = None
    if way.folder is not None:
        journal = Journal(way.folder, [recording.content, target.digest, label, way.coalesce])
    asked = ask(
        recording, target.target, coalesce=way.coalesce, meter=target.meter, executor=way.executor, journal=journal
    )  # fmt: skip
    answered = 0
    with contextlib.closing(journal) if journal is not None else contextlib.nullcontext():
        for prediction in asked:
            answered += len(prediction)
            held.append((answered, resident_megabytes()))
            if way.tell:
                way.tell(label, answered, recording.rows)
            yield prediction


def _outcomes(oracle: Oracle | None, case: Case) -> np.ndarray:
    if oracle is not None:
        return oracle.outcomes(case)
    return outcomes(np.full(len(case.expected), NOT_JUDGED), case.answered)


def _attack_anew(
    found: Replayed, targets: Sequence[Metered], fresh: Fresh | None, seed: int, approval: Approval | None
) -> tuple[Ground | str, list[Measured | None]]:
    """The ground and every target under fresh attack, None where a limit ended it; or why there is none, and nothing."""
    if fresh is None:
        return "not asked for", []
    ground = find_ground(found.recorded, targets[0], fresh, seed)
    if isinstance(ground, str):
        return ground, []
    base = measure(targets[0], ground, fresh, seed, approval)
    about = found.recording.manifest
    generator = str((about.get("source") or {}).get("generator", ""))
    unseen = unseen_attacks(targets[0], base.held_out, ground.held_right, generator, about.get("queries_per_row"))
    measured = [base, *(measure(target, ground, fresh, seed, approval, unseen) for target in targets[1:])]
    return ground, [None if target.meter.refused else each for target, each in zip(targets, measured, strict=True)]


def _read_known(recording: Recording, vocabulary: Vocabulary) -> tuple[Answers, np.ndarray, np.ndarray, pa.Array]:
    """The recorded answers, the expected codes, the position of each row's origin, and the ids."""
    table = recording.row_columns("row_id", "decision", "score", "abstained", "error", "expected", "origin")
    columns = {name: table[name].to_pandas().to_numpy() for name in ("decision", "error", "expected", "origin")}
    known = Vocabulary()
    recorded = Answers(
        vocabulary.encode(columns["decision"]),
        table["score"].to_numpy().astype(np.float64),
        np.zeros(table.num_rows, dtype=np.float32),
        table["abstained"].to_numpy().astype(bool),
        known.encode(columns["error"]),
        tuple(known.texts),
    )
    ids: Any = table["row_id"].combine_chunks()
    return recorded, vocabulary.encode(columns["expected"]), _positions(ids, columns["origin"]), ids


def _positions(ids: pa.Array, origins: np.ndarray) -> np.ndarray:
    """Where each origin stands among the ids; -1 where there is none."""
    places = np.full(len(origins), -1, dtype=np.int64)
    named = np.flatnonzero(pd.notna(origins))
    if len(named):
        index = {str(identity): place for place, identity in enumerate(ids.to_pylist())}
        places[named] = [index.get(str(origin), -1) for origin in origins[named].tolist()]
    return places


def _write_verdicts(folder: Path, verdicts: Sequence[pa.Table]) -> None:
    """Write the table, whole or not at all; then the journals have done their work."""
    path, draft = folder / VERDICTS, folder / f".{VERDICTS}"
    try:
        with pq.ParquetWriter(draft, verdicts[0].schema) as writer:
            for table in verdicts:
                writer.write_table(table)
        draft.replace(path)
        for journal in folder.glob("*.journal"):
            journal.unlink()
    except OSError as exc:
        raise cannot_write(path, exc) from exc
