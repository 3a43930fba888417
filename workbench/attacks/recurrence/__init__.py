"""Attacks that come back: rows of a log that are, or nearly are, inputs recorded in an attack.

A row *matches* where every category is the same and the numbers lie within `NEAR` spreads of a recorded input (Euclidean); of a
recording of texts, where the texts share their shingles (`shingles`). A row that lies nearer to a harmless
input of the same recording, one that an attack was made from, does not.

Honest traffic matches too, in a log of few categories more often than not. So matches are held against a background: the
reference window; or the same log before they became more frequent; or, without times, as many inputs that nobody recorded (the
recording's harmless ones, else rows of the log itself).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.attacks.pattern import Pattern, Spell, describe, find_rise
from workbench.attacks.recording import MANIFEST, Recording, open_recording
from workbench.attacks.recurrence.matching import Index, Matches, match_rows
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import ALL_ROWS
from workbench.result import SMALL_CELL

LEAST_MATCHES: Final = 10
SHARED_COLUMNS: Final = 0.5
"""Part of a recording's columns that the log must have."""
SURE: Final = 0.001
LOOKS: Final = 2
"""At the exact matches, and at the near ones."""
LEAST_RATIO: Final = 2.0
"""Of the share of matches to that of the background: people who change move both."""
BY_ROWS: Final = ("the reference window", "the log before")
"""Backgrounds that count rows; the others count recorded inputs."""
COLUMNS: Final = (
    "recording", "scenario", "inputs", "rows_matched", "rows_exact", "share", "share_before", "background", "p", "suppressed",
)  # fmt: skip


@dataclass(frozen=True)
class Background:
    """What exact, or near, matches are held against: hits and trials, now and there, and which kind of background it is."""

    counts: tuple[int, int]
    sizes: tuple[int, int]
    kind: str
    exact: bool
    spell: Spell | None = None

    @property
    def p(self) -> float:
        """Of "no more than the background", for exact and near matches together; 1 where there are fewer."""
        if self.spell is not None:
            return min(1.0, LOOKS * self.spell.change.p)
        if self.counts[0] * self.sizes[1] <= self.counts[1] * self.sizes[0]:
            return 1.0
        return min(1.0, LOOKS * float(stats.two_proportions(self.counts[0], self.sizes[0], self.counts[1], self.sizes[1])))

    @property
    def is_large(self) -> bool:
        """Whether there are `LEAST_RATIO` times as many as in the background."""
        return self.counts[0] * self.sizes[1] >= LEAST_RATIO * self.counts[1] * self.sizes[0]


def open_recordings(folder: str | Path) -> tuple[Recording, ...]:
    """The recording in `folder`, or those in the folders in it, in the order of their names.

    Raises
    ------
    InputError
        If there is none.
    """
    folder = Path(folder)
    if (folder / MANIFEST).is_file():
        return (open_recording(folder),)
    found = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else []
    if not found:
        raise InputError(
            "no recordings here", str(folder), "Give a folder that `workbench record` wrote, or one that holds such."
        )
    return tuple(open_recording(path) for path in found)


def find_recurrences(
    windows: Sequence[Dataset], recordings: Sequence[Recording], seed: int = 0
) -> tuple[list[Pattern], pd.DataFrame, np.ndarray]:
    """Which recordings' inputs come back in the last window.

    Parameters
    ----------
    windows
        The reference first, where there is one.
    seed
        Draws the rows of the log that stand in for a background.

    Returns
    -------
    list of Pattern
        One for each recording that comes back more often than its background.
    pandas.DataFrame
        A row per recording.
    numpy.ndarray
        Boolean, per row of the last window: whether it is a match that a pattern tells of.

    Raises
    ------
    InputError
        If a recording shares too few columns with the log, or was made of this very log.
    """
    last = windows[-1]
    marks = np.zeros(len(last.frame), dtype=bool)
    patterns, rows = [], []
    for recording in recordings:
        _require_foreign(recording, last)
        index = Index.of(recording, windows, _shared_columns(recording, windows))
        matched = [match_rows(index, window.frame) for window in windows]
        looks = [_background(index, windows, matched, seed, exact=exact) for exact in (False, True)]
        against = min(looks, key=lambda look: look.p)
        hits = _hits(matched[-1], against)
        rows.append(_row(recording, index, matched, against))
        if against.p <= SURE and against.is_large and int(hits.sum()) >= LEAST_MATCHES:
            patterns.append(_pattern(recording, index, last, matched[-1], against))
            marks |= hits
    return patterns, pd.DataFrame(rows, columns=list(COLUMNS)), marks


def _require_foreign(recording: Recording, dataset: Dataset) -> None:
    source = recording.manifest.get("source")
    made_of = source.get("fingerprint") if isinstance(source, dict) else None
    if made_of is not None and made_of == dataset.fingerprint:
        advice = "Give recordings of attacks: every row of the log would match."
        raise InputError("this recording was made of the very log", str(recording.folder), advice)


def _shared_columns(recording: Recording, windows: Sequence[Dataset]) -> list[str]:
    shared = [name for name in recording.input_columns if all(name in window.columns for window in windows)]
    if not shared or len(shared) < SHARED_COLUMNS * len(recording.input_columns):
        wanted = ", ".join(recording.input_columns)
        raise InputError(
            "a recording has too few columns in common with the log", str(recording.folder), f"Its columns: {wanted}"
        )
    return shared


def _hits(matched: Matches, against: Background) -> np.ndarray:
    """The rows that the background is of: exact matches, or near ones as well."""
    return matched.exact if against.exact else matched.hits


def _background(index: Index, windows: Sequence[Dataset], matched: Sequence[Matches], seed: int, *, exact: bool) -> Background:
    """The reference window; else the time before a rise; else inputs that nobody recorded."""
    hits = [found.exact if exact else found.hits for found in matched]
    if len(windows) > 1:
        counts, sizes = (int(hits[1].sum()), int(hits[0].sum())), (len(hits[1]), len(hits[0]))
        return Background(counts, sizes, "the reference window", exact)
    spell = _rise(windows[-1], hits[-1])
    if spell is not None:
        sizes = round(spell.change.n_after), round(spell.change.n_before)
        counts = round(spell.change.after * sizes[0]), round(spell.change.before * sizes[1])
        return Background(counts, sizes, "the log before", exact, spell)
    recurring = matched[-1].inputs(exact=exact)
    if index.harmless >= SMALL_CELL and not exact:
        sizes = index.inputs, index.harmless
        return Background((recurring, matched[-1].harmless), sizes, "the recording's harmless inputs", exact)
    drawn, among = _drawn(index, windows[-1], seed, exact=exact)
    return Background((recurring, drawn), (index.inputs, among), "rows of the log itself", exact)


def _rise(dataset: Dataset, hits: np.ndarray) -> Spell | None:
    if not dataset.has("time") or not hits.any():
        return None
    return find_rise(dataset.role("time").to_numpy(dtype="datetime64[us]"), hits.astype(float))


def _drawn(index: Index, dataset: Dataset, seed: int, *, exact: bool) -> tuple[int, int]:
    """How many of as many rows of the log as there are recorded inputs match another row of it."""
    frame = dataset.frame
    places = np.random.default_rng([seed, 42]).choice(len(frame), min(index.inputs, len(frame) // 2), replace=False)
    others = np.ones(len(frame), dtype=bool)
    others[places] = False
    decoys = Index.over(frame.iloc[places], index)
    return match_rows(decoys, frame[others]).inputs(exact=exact), decoys.inputs


def _pattern(recording: Recording, index: Index, last: Dataset, matched: Matches, against: Background) -> Pattern:
    hits = _hits(matched, against)
    spell = against.spell or _rise(last, hits)
    since = ALL_ROWS if spell is None else spell.where(last.require("time"))
    where = describe(last, hits, index.columns, last.where & since)
    by_rows = against.kind in BY_ROWS
    counts, sizes = (against.counts, against.sizes) if by_rows else ((int(hits.sum()), 0), (len(hits), len(hits)))
    ends = stats.newcombe(counts[0], sizes[0], counts[1], sizes[1])
    said = _said(recording, index, matched, against)
    return Pattern(
        "recurrence", said, tuple(index.columns), where, counts[0] / sizes[0] - counts[1] / sizes[1],
        (float(ends.low), float(ends.high)), "share of rows", against.p, int(hits.sum()), last.people(hits),
        about=about(recording), **({} if spell is None else spell.dated()),
    )  # fmt: skip


def _said(recording: Recording, index: Index, matched: Matches, against: Background) -> str:
    name = scenario_of(recording) or f"recording {short_id(recording)}"
    now, there = (f"{100 * count / max(size, 1):.1f} %" for count, size in zip(against.counts, against.sizes, strict=True))
    held = (
        f"{now} of the rows, against {there} before"
        if against.kind in BY_ROWS
        else f"{now} of the recorded inputs recur, and {there} of {against.kind}"
    )
    exactly, hits = int(matched.exact.sum()), int(_hits(matched, against).sum())
    are = "exactly one" if against.exact else "one"
    also = "" if against.exact else f", {exactly:,} of them exactly"
    return f"a recorded attack came back ({name}): {hits:,} rows are {are} of its {index.inputs:,} inputs{also}; {held}"


def scenario_of(recording: Recording) -> str:
    """The name of the scenario whose inputs were recorded, where the recording says so; else the empty text."""
    named = recording.manifest.get("scenario")
    return str(named.get("name", "")) if isinstance(named, Mapping) else ""


def short_id(recording: Recording) -> str:
    """The first twelve digits of a recording's id."""
    return recording.content.removeprefix("sha256:")[:12]


def about(recording: Recording) -> str:
    """The recording's whole id, and its scenario's where it says one."""
    named = recording.manifest.get("scenario")
    scenario = f", scenario {named['name']} {named['id']}" if isinstance(named, Mapping) and {"name", "id"} <= set(named) else ""
    return f"recording {recording.content}{scenario}"


def _row(recording: Recording, index: Index, matched: Sequence[Matches], against: Background) -> dict[str, Any]:
    hits = matched[-1].hits
    few = int(hits.sum())
    return {
        "recording": recording.content, "scenario": scenario_of(recording) or None, "inputs": index.inputs,
        "rows_matched": few, "rows_exact": int(matched[-1].exact.sum()), "share": float(hits.mean()),
        "share_before": float(matched[0].hits.mean()) if len(matched) > 1 else None, "background": against.kind, "p": against.p,
        "suppressed": 0 < few < SMALL_CELL,
    }  # fmt: skip
