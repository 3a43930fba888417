"""What is being measured, said in the cell while a widget is made that takes more than a moment."""

from __future__ import annotations

import os
from typing import Any, Self

from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle, display

from workbench.incident.pins import RUN_VARIABLE


class Progress:
    """A line below the cell, gone when the work is done; silent where nobody waits, in a headless run or outside a notebook.

    Parameters
    ----------
    subject
        What the steps are steps of, in front of each.
    wanted
        False: silent.
    """

    def __init__(self, subject: str, *, wanted: bool = True) -> None:
        kernel = getattr(get_ipython(), "kernel", None)
        self.subject, self._wanted = subject, wanted and kernel is not None and not os.environ.get(RUN_VARIABLE)
        self._line: DisplayHandle | None = None

    def __enter__(self) -> Self:
        return self

    def tell(self, step: str) -> None:
        """Say that `step` has begun."""
        if self._wanted:
            self._show(f"{self.subject}: {step} …")

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._show("")

    def _show(self, said: str) -> None:
        data: Any = {"text/plain": said}
        if self._line is None:
            self._line = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._line.update(data, raw=True)  # type: ignore[no-untyped-call]
