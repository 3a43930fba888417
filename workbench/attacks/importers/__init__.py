"""Recordings made by other tools, read without those tools.

Each importer turns a file into `Item`s; `import_recording` writes them as one of ours. Foreign text goes into the recording's
inputs and answers, where it belongs, and into nothing that others see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.importers.item import Item
from workbench.attacks.recorder import RecordingWriter
from workbench.attacks.recording import Recording
from workbench.digest import digest_file
from workbench.errors import InputError, UnknownNameError, WorkbenchError
from workbench.models.target import Prediction

FORMATS: Final[Mapping[str, str]] = {
    "garak": "garak", "promptfoo": "promptfoo", "pyrit": "pyrit", "inspect": "inspect_log", "textattack": "textattack",
    "har": "har", "npz": "npz", "log": "log",
}  # fmt: skip
"""The format's name and its module here; each has ``read(path) -> Iterator[Item]``."""
AT_ONCE: Final = 4096


def import_recording(file: Path | str, kind: str, out: Path | str) -> Recording:
    """Write what another tool recorded as a recording of ours.

    Parameters
    ----------
    file
        The other tool's file.
    kind
        A key of `FORMATS`.
    out
        A new or empty folder.

    Raises
    ------
    UnknownNameError
        For another kind; lists those there are.
    InputError
        If the file is not of that kind, or holds nothing; nothing is left in `out` that reads as a recording.
    """
    if kind not in FORMATS:
        raise UnknownNameError("recording format", kind, FORMATS)
    path = Path(file)
    if not path.is_file():
        raise InputError("no such file", path, "Give the file that the other tool wrote.")
    read: Callable[[Path], Iterator[Item]] = import_module(f"workbench.attacks.importers.{FORMATS[kind]}").read
    items = _guarded(read(path), path, kind)
    first = next(items, None)
    if first is None:
        raise InputError(f"a {kind} file that holds no exchange", path, "Is it the right file, and was the run finished?")
    writer = RecordingWriter(out, {"source": {"format": kind, "file": path.name, "digest": digest_file(path)}})
    batch = [first, *islice(items, AT_ONCE - 1)]
    while batch:
        for alike in _runs(batch):
            _add(writer, alike)
        batch = list(islice(items, AT_ONCE))
    return writer.close()


def _guarded(items: Iterator[Item], path: Path, kind: str) -> Iterator[Item]:
    """`items`, with whatever a foreign file breaks as one clear line."""
    try:
        for item in items:
            _require_unicode(item)
            yield item
    except WorkbenchError:
        raise
    except Exception as exc:  # a damaged file fails anywhere in a reader
        value = f"{path} ({type(exc).__name__}: {exc})"
        raise InputError(f"not a {kind} file that can be read", value, "Check --format.") from exc


def _require_unicode(item: Item) -> None:
    try:
        "".join(value for value in item.inputs.values() if isinstance(value, str)).encode()
    except UnicodeEncodeError as exc:
        what = "half a surrogate pair, which is no text"
        raise InputError(what, f"exchange {item.row_id}", "Mend it, or take the exchange out of the file.") from exc


def _runs(items: list[Item]) -> Iterator[list[Item]]:
    """Neighbours that have the same input columns."""
    run: list[Item] = []
    for item in items:
        if run and list(run[0].inputs) != list(item.inputs):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _add(writer: RecordingWriter, items: list[Item]) -> None:
    """One call per item: the other tools asked one by one, or do not say."""
    frame = pd.DataFrame([item.inputs for item in items])
    for place, item in enumerate(items):
        answered = Prediction(
            np.array([item.decision], dtype=object),
            np.array([np.nan if item.score is None else item.score], dtype=float),
            np.array([item.seconds]),
            np.array([item.abstained]),
            np.array([item.error], dtype=object),
        )
        known: dict[str, Any] = {name: [getattr(item, name)] for name in ("row_id", "expected", "origin", "judged")}
        writer.add(frame.iloc[[place]], answered, started=item.started, seconds=item.seconds, **known)
