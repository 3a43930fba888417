"""Work that takes a while, beside the kernel's loop, so that a message can stop it and the rest of the widget goes on living.

The kernel takes messages one after the other: what a message's handler computes itself, no later message can stop. A `Worker`
computes in a thread and comes back to the loop with what it found; widgets and investigations are changed on the loop only.
Without a running loop (a script, a test) it computes at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import traitlets

from workbench.errors import WorkbenchError
from workbench.widgets.live import Handler, Live

EVERY: Final = 0.1
"""Seconds between two reports of progress, at least."""

Tell = Callable[[int, int], None]
"""Called with what is done and what there is to do."""


class StoppedError(Exception):
    """A job was stopped; never seen outside this file."""


@dataclass(eq=False)
class Job:
    """One piece of work.

    Attributes
    ----------
    name
        What it is, as ``busy`` says it.
    compute
        What is done in the thread: called with a `Tell` to call after each step, which raises where the job was stopped.
    show
        What is done with what that returned, on the loop.
    undo
        What is done on the loop where there is nothing to show: stopped, or gone wrong.
    steps
        How its progress is said, from what is done and what there is to do.
    """

    name: str
    compute: Callable[[Tell], Any]
    show: Callable[[Any], None]
    undo: Callable[[], None]
    steps: Callable[[int, int], str]
    stopped: threading.Event = field(default_factory=threading.Event)
    said: str = ""
    told: float = 0.0
    raised: Exception | None = None


class Worker(Live):
    """A widget that does one job at a time: the next one stops the one before it, of which nothing is shown any more."""

    busy = traitlets.Unicode().tag(sync=True)
    """What is being done, and how far it is; empty: nothing."""
    stopped = traitlets.Unicode().tag(sync=True)
    """What was stopped last, and where; empty once something else was done."""
    _job: Job | None = None

    def close(self) -> None:
        """Close the widget, and end what it is doing at its next step."""
        if self._job is not None:
            self._job.stopped.set()
            self._job = None
        super().close()

    def _handlers(self) -> dict[str, Handler]:
        return {**super()._handlers(), "stop": ({}, self._stop)}

    def _begin(self, job: Job) -> None:
        """Begin a job.

        Raises
        ------
        Exception
            What the job raised, where there is no loop to come back to.
        """
        if self._job is not None:
            self._job.stopped.set()
        self._job, self.busy, self.stopped = job, f"{job.name}…", ""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._run(job, lambda call, *given: call(*given))
            if job.raised is not None:
                raise job.raised from None
        else:
            threading.Thread(target=self._run, args=(job, loop.call_soon_threadsafe), daemon=True).start()

    def _stop(self) -> None:
        """End the job that is under way at its next step."""
        if self._job is not None:
            self._job.stopped.set()
            self.busy = f"stopping: {self._job.said or self._job.name}…"

    def _run(self, job: Job, on_loop: Callable[..., object]) -> None:
        """Compute, in the thread that this is called in."""

        def tell(done: int, steps: int) -> None:
            if job.stopped.is_set():
                raise StoppedError
            if time.monotonic() - job.told >= EVERY:
                job.told = time.monotonic()
                on_loop(self._report, job, f"{job.name}: {job.steps(done, steps)}")

        found = None
        try:
            found = job.compute(tell)
        except StoppedError:
            pass
        except Exception as exc:  # noqa: BLE001  said on the loop
            job.raised = exc
        on_loop(self._end, job, found)

    def _report(self, job: Job, said: str) -> None:
        job.said = said
        if self._job is job and not job.stopped.is_set():
            self.busy = said

    def _end(self, job: Job, found: object) -> None:
        """Show what was found, or say why there is nothing; a job that another one followed is forgotten."""
        if self._job is not job:
            job.raised = None
            return
        self._job, self.busy = None, ""
        if job.raised is None and not job.stopped.is_set():
            try:
                job.show(found)
            except Exception as exc:  # noqa: BLE001  said like any other
                job.raised = exc
            else:
                return
        job.undo()
        if job.raised is None:
            self.stopped = f"Stopped: {job.said or job.name}. What is shown is the last complete answer."
            return
        self._blame(job.raised)
        if not isinstance(job.raised, WorkbenchError):
            raise job.raised  # into the log


def share_of_rows(done: int, rows: int) -> str:
    """Progress of a search."""
    return f"{done / max(rows, 1):.0%} of the rows it has to visit"
