"""Which version a run read: by the version text it names, else by time, else only possibly.

The rules, in order:

1. A run that names a version text reads the version whose writer gave that text, or whose run has that id.
2. A run that names none reads the last version that was complete before its start (its end where no start is known).
3. Where no version was complete by then, it read what was there before the events: ``NAME@source``.

Only the name is settled, and the read is possible instead of certain, where

- the version text is known to no writer, but some writer gave none;
- two versions were complete at the same instant, or one at the very instant of the read;
- a later version was being written by a run of which no event tells the end;
- clocks are shown to disagree by more than the distance in time;
- one run id has two jobs, or events say only what a job reads by design.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Final

from workbench.lineage.event import Key
from workbench.lineage.graph import SOURCE, Lineage, Read, Run, Version
from workbench.lineage.instant import duration_text

MOST_SHARING: Final = 50
"""Jobs with one run id beyond which the id means nothing."""
BY_TEXT: Final = "version named by the run"
BY_TIME: Final = "last complete before the run started"
BY_END: Final = "last complete before the run ended; its start is not known"
BEFORE: Final = "nothing was complete before the run"
BY_NAME: Final = "only the dataset's name is known"
NO_END: Final = "no event tells whether it was complete"
SAME_INSTANT: Final = "complete at the same instant"
CLOCKS: Final = "clocks disagree"
OTHER_JOB: Final = "another job with the same run id read it"
BY_DESIGN: Final = "the job reads it by design"


def settle_reads(lineage: Lineage, designs: dict[Key, Run]) -> None:
    """Fill in `Run.reads` and `Version.readers`.

    Parameters
    ----------
    designs
        Job to what it reads and writes by design.
    """
    settling = _Settling(lineage)
    for at in range(len(lineage.runs)):
        settling.read_by_text(at)
    settling.spread_margins()
    for at in range(len(lineage.runs)):
        settling.read_by_time(at)
    settling.share_between_jobs()
    settling.read_by_design(designs)
    for at, run in enumerate(lineage.runs):
        for version, certain, _ in run.reads:
            lineage.versions[version].readers.append((at, certain))


class _Settling:
    """The versions of each dataset by time and by text, and what is known of each run's clock."""

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage
        versions = lineage.versions
        self.complete = {
            key: [position for position in positions if versions[position].completed is not None]
            for key, positions in lineage.by_dataset.items()
        }
        self.times = {key: [versions[position].completed or 0 for position in found] for key, found in self.complete.items()}
        self.by_text: dict[tuple[Key, str], list[int]] = {}
        for key, positions in lineage.by_dataset.items():
            for position in positions:
                for text in {versions[position].text, versions[position].run_id, f"{key[1]}@{versions[position].run_id}"} - {""}:
                    self.by_text.setdefault((key, text), []).append(position)
        self.textless = {
            key for key, positions in lineage.by_dataset.items() if any(not versions[position].text for position in positions)
        }
        self.endless = self._without_end()
        self.known: dict[int, set[int]] = {}
        self.margin = {at: self._own_margin(run) for at, run in enumerate(lineage.runs) if self._own_margin(run)}
        self.loose: dict[Key, int] = {}

    def _without_end(self) -> dict[Key, list[tuple[int, int]]]:
        """Dataset to the versions whose run has no end in the events, with the time at which that run began."""
        found: dict[Key, list[tuple[int, int]]] = {}
        for run in self.lineage.runs:
            if not run.outcome and run.moment is not None:
                for version in run.writes:
                    found.setdefault(self.lineage.versions[version].dataset, []).append((version, run.moment))
        return found

    def _own_margin(self, run: Run) -> int:
        """By how much the run's own clocks disagree, at least."""
        return max(0, run.start - run.end) if run.start is not None and run.end is not None else 0

    def read_by_text(self, at: int) -> None:
        """Rule 1."""
        run = self.lineage.runs[at]
        for key, texts in run.inputs.items():
            for text in texts:
                if not text:
                    continue
                found = [version for version in self.by_text.get((key, text), ()) if version not in run.writes]
                if found:
                    self._read(run, self._last_before(found, run), BY_TEXT)
                    self._compare_clocks(at, run.reads[-1].version)
                elif key in self.textless and (near := self._by_time(key, run)) is not None:
                    self._read(run, near, BY_NAME, certain=False)
                else:
                    self._read(run, self._source(key), BEFORE)
        if at in self.margin:
            told = f"a run that ends before it starts: its clocks disagree by {duration_text(self.margin[at])} or more"
            self.lineage.odd.note(told, f"{self.lineage.job(at)}@{run.id}")

    def _last_before(self, found: list[int], run: Run) -> int:
        """Of versions with one text, the last that was complete before the run."""
        moment = run.moment
        before = [version for version in found if moment is not None and (self._completed(version) or moment) < moment]
        return before[-1] if before else found[0]

    def _completed(self, version: int) -> int | None:
        return self.lineage.versions[version].completed

    def _compare_clocks(self, at: int, version: int) -> None:
        """A version cannot be read before it is complete: where the times say so, two clocks disagree."""
        run, completed = self.lineage.runs[at], self._completed(version)
        latest = run.end if run.end is not None else run.moment
        if completed is None or latest is None or completed <= latest:
            return
        gap = completed - latest
        for each in (at, *self.lineage.versions[version].writers):
            self.margin[each] = max(gap, self.margin.get(each, 0))
        told = f"a version read before it was complete: two clocks disagree by {duration_text(gap)} or more"
        self.lineage.odd.note(told, f"{self.lineage.job(at)}@{run.id}")

    def read_by_time(self, at: int) -> None:
        """Rules 2 and 3, and the doubts about them."""
        run = self.lineage.runs[at]
        for key, texts in run.inputs.items():
            if "" not in texts:
                continue
            chosen = self._by_time(key, run)
            if run.moment is None and key in self.complete:
                for version in self.lineage.by_dataset[key]:
                    self._read(run, version, BY_NAME, certain=False)
            elif chosen is None:
                self._read(run, self._source(key), BEFORE)
            else:
                self._read(run, chosen, BY_TIME if run.start is not None else BY_END)
            for version, how in self._doubts(key, at, chosen):
                self._read(run, version, how, certain=False)

    def spread_margins(self) -> None:
        """The largest disagreement of clocks among the writers of each dataset."""
        for at, margin in self.margin.items():
            for version in self.lineage.runs[at].writes:
                key = self.lineage.versions[version].dataset
                self.loose[key] = max(margin, self.loose.get(key, 0))

    def _by_time(self, key: Key, run: Run) -> int | None:
        """The last version complete before the run, other than its own."""
        if run.moment is None or key not in self.times:
            return None
        position = bisect.bisect_left(self.times[key], run.moment) - 1
        while position >= 0 and self.complete[key][position] in run.writes:
            position -= 1
        return self.complete[key][position] if position >= 0 else None

    def _doubts(self, key: Key, at: int, chosen: int | None) -> Iterator[tuple[int, str]]:
        """Other versions that the run may have read."""
        run, times = self.lineage.runs[at], self.times.get(key, [])
        moment = run.moment
        if moment is None:
            return
        since = None if chosen is None else self._completed(chosen)
        for instant in {moment, moment if since is None else since}:
            for position in range(bisect.bisect_left(times, instant), bisect.bisect_right(times, instant)):
                yield self.complete[key][position], SAME_INSTANT
        for version, started in self.endless.get(key, ()):
            if started < moment and (since is None or started > since):
                yield version, NO_END
        yield from ((version, CLOCKS) for version in self._within_margin(key, at, moment))

    def _within_margin(self, key: Key, at: int, moment: int) -> Iterator[int]:
        widest = max(self.margin.get(at, 0), self.loose.get(key, 0))
        if not widest or key not in self.times:
            return
        times = self.times[key]
        low, high = bisect.bisect_left(times, moment - widest), bisect.bisect_right(times, moment + widest)
        earlier = low - 1
        for position in range(low, high):
            version = self.complete[key][position]
            own = max((self.margin.get(writer, 0) for writer in self.lineage.versions[version].writers), default=0)
            if abs(times[position] - moment) <= max(own, self.margin.get(at, 0)):
                yield version
                if position == low and earlier >= 0:
                    yield self.complete[key][earlier]

    def share_between_jobs(self) -> None:
        """One run id with two jobs: what one of them read, the other may have."""
        by_id: dict[str, list[Run]] = {}
        for run in self.lineage.runs:
            by_id.setdefault(run.id, []).append(run)
        for run_id, group in by_id.items():
            if len(group) > MOST_SHARING:
                told = f"one run id with more than {MOST_SHARING} jobs: that one read what another did is not followed"
                self.lineage.odd.note(told, run_id)
            elif len(group) > 1:
                known = [(run, read.version) for run in group for read in run.reads]
                for other in group:
                    for run, version in known:
                        if run is not other:
                            self._read(other, version, OTHER_JOB, certain=False)

    def read_by_design(self, designs: dict[Key, Run]) -> None:
        """A run that names no input may have read what its job reads by design; so may a job of which no run is known."""
        ran = set()
        for run in list(self.lineage.runs):
            ran.add(run.job)
            design = designs.get(run.job)
            if design is not None and not run.inputs:
                for key in design.inputs:
                    chosen = self._by_time(key, run)
                    self._read(run, self._source(key) if chosen is None else chosen, BY_DESIGN, certain=False)
        for job, design in designs.items():
            if job not in ran:
                self._add_design(design)

    def _add_design(self, design: Run) -> None:
        at = len(self.lineage.runs)
        self.lineage.runs.append(design)
        for key in design.inputs:
            for version in self.lineage.by_dataset.get(key) or [self._source(key)]:
                self._read(design, version, BY_DESIGN, certain=False)
        for key in design.outputs:
            if not self.complete.get(key):
                version = self._source(key)
                self.lineage.versions[version].writers.append(at)
                design.writes.append(version)

    def _read(self, run: Run, version: int, how: str, *, certain: bool = True) -> None:
        """Note a read once; the first rule that settles it counts, a certain read before a possible one."""
        known = self.known.setdefault(id(run), set())
        if version not in known and (certain or version not in run.writes):
            known.add(version)
            run.reads.append(Read(version, certain, how))

    def _source(self, key: Key) -> int:
        """The version of `key` that was there before the events."""
        positions = self.lineage.by_dataset.setdefault(key, [])
        if (
            positions
            and self.lineage.versions[positions[0]].run_id == SOURCE
            and not self.lineage.versions[positions[0]].completed
        ):
            return positions[0]
        self.lineage.versions.append(Version(key, SOURCE))
        positions.insert(0, len(self.lineage.versions) - 1)
        return positions[0]
