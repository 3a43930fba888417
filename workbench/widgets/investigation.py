"""An investigation: the one selection that every widget of a notebook follows, and the findings kept or set aside.

The selection and the windows outlive the kernel: they lie in the incident's folder, one file for each author and dataset, and
come back with ``Investigation(dataset, incident)``. They are a convenience and no evidence, so no bundle holds them. What is
pinned or dismissed is evidence, stands in the record, and is read from there each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from workbench.data.dataset import Dataset
from workbench.digest import canonical_json, digest
from workbench.errors import InputError, PredicateError
from workbench.files import make_folder, write_whole
from workbench.incident.chain import Entry
from workbench.incident.home import author, find_home, incident_folder, record_path
from workbench.incident.pins import RUN_VARIABLE, pin_findings
from workbench.incident.record import Record
from workbench.incident.state import pin_name, require_incident, state_of
from workbench.predicate import ALL_ROWS, Predicate, require_columns
from workbench.result import Finding, Result

FOLDER: Final = "investigation"
SCHEMA: Final = "workbench.investigation/1"
WINDOWS: Final = ("reference", "current")
KINDS: Final = {"slices": "slice"}
"""Kind of result → kind of finding, where they differ."""

Subscriber = TypeVar("Subscriber")

Callback = Callable[[Predicate], object]
"""Called with the new selection."""
Windows = Mapping[str, Predicate | None]


@dataclass(frozen=True)
class Mark:
    """What the record says of a finding: whether it is pinned, and why it was dismissed (empty: it was not)."""

    pinned: bool = False
    dismissed: str = ""


class Investigation:
    """The state that the widgets of a notebook share.

    In a headless run nothing is restored and nothing kept: a run says the same, whoever looked at the log before.

    Parameters
    ----------
    dataset
        The decision log that is looked at.
    incident
        Id of the incident that pins belong to; empty: nothing can be pinned, and nothing outlives the kernel.

    Attributes
    ----------
    notices
        What could not be restored, and why; a sentence each.

    Raises
    ------
    InputError
        If there is no such incident, or the author is unknown.
    """

    def __init__(self, dataset: Dataset, incident: str = "") -> None:
        self.dataset = dataset
        self.incident = incident
        self.notices: tuple[str, ...] = ()
        self._selection = ALL_ROWS
        self._windows: dict[str, Predicate | None] = dict.fromkeys(WINDOWS)
        self._undo: list[Predicate] = []
        self._redo: list[Predicate] = []
        self._subscribers: list[Callback] = []
        self._window_subscribers: list[Callable[[Windows], object]] = []
        self._mark_subscribers: list[Callable[[], object]] = []
        self._telling: list[Callback] = []
        self._file: Path | None = None
        if incident:
            self._entries()
            if not os.environ.get(RUN_VARIABLE):
                self._file = self._place()
                self._restore(self._file)

    def __repr__(self) -> str:
        return f"Investigation of {self.incident or self.dataset.name}, selection: {self._selection}"

    @property
    def selection(self) -> Predicate:
        """The rows that every widget shows."""
        return self._selection

    @property
    def windows(self) -> Windows:
        """The rows that were still good (``reference``) and those under suspicion (``current``); None where not given."""
        return MappingProxyType(self._windows)

    @property
    def can_undo(self) -> bool:
        """Whether there is a selection to go back to."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone selection to go forward to."""
        return bool(self._redo)

    def select(self, predicate: Predicate, *, by: Callback | None = None) -> None:
        """Make `predicate` the selection and tell every subscriber once; the same selection again changes nothing.

        Parameters
        ----------
        predicate
            The rows.
        by
            The subscriber whose wish this is, who is not told. Inside a callback it is the one being called.

        Raises
        ------
        PredicateError
            For a column that the dataset lacks; the selection stays as it was.
        """
        require_columns(predicate, self.dataset.columns)
        if predicate == self._selection:
            return
        self._undo.append(self._selection)
        self._redo.clear()
        self._change(predicate, by)

    def undo(self) -> None:
        """Go back to the selection before; does nothing where there is none."""
        if self._undo:
            self._redo.append(self._selection)
            self._change(self._undo.pop(), None)

    def redo(self) -> None:
        """Take an `undo` back; does nothing where there is none."""
        if self._redo:
            self._undo.append(self._selection)
            self._change(self._redo.pop(), None)

    def set_windows(self, reference: Predicate | None = None, current: Predicate | None = None) -> None:
        """Set both windows and tell whoever follows them; None: no such window.

        Raises
        ------
        PredicateError
            For a column that the dataset lacks; the windows stay as they were.
        """
        given = dict(zip(WINDOWS, (reference, current), strict=True))
        for window in given.values():
            require_columns(window or ALL_ROWS, self.dataset.columns)
        if given == self._windows:
            return
        self._windows = given
        self._keep()
        _tell_all([partial(callback, self.windows) for callback in self._window_subscribers])

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call `callback` with every new selection; returns what ends that."""
        return _join(self._subscribers, callback)

    def subscribe_windows(self, callback: Callable[[Windows], object]) -> Callable[[], None]:
        """Call `callback` with the windows each time they change; returns what ends that."""
        return _join(self._window_subscribers, callback)

    def subscribe_marks(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback` after each pin and dismissal made here, when `marks` may say something new; returns what ends that."""
        return _join(self._mark_subscribers, callback)

    def pin(self, what: Finding | Result, note: str = "", result: Result | None = None) -> None:
        """Enter `what` into the record unless it is pinned already; `note` becomes an entry with the same evidence.

        A result is pinned as one finding that says its title, and is kept: its published form becomes evidence that every
        bundle holds. With a finding that no runbook found, give the `result` it rests on, which is kept likewise.

        Raises
        ------
        InputError
            If there is no incident to pin to.
        """
        self._require_incident("pin")
        finding = what if isinstance(what, Finding) else _as_finding(what)
        kept = what if isinstance(what, Result) else result
        pin_findings(self.incident, [finding], kept)
        if note.strip():
            self._append("note", {"text": note.strip()}, finding)
        _tell_all(self._mark_subscribers)

    def dismiss(self, finding: Finding, why: str) -> None:
        """Enter into the record that `finding` was set aside; it is named by its latest pin, or by its digest where it has none.

        Raises
        ------
        InputError
            If there is no incident, or no reason is given.
        """
        self._require_incident("dismiss")
        if not why.strip():
            raise InputError("a dismissal needs a reason", None, "Say why the finding is set aside.")
        self._append("dismissed", {"finding": self._names(finding)[-1], "why": why.strip()}, finding)
        _tell_all(self._mark_subscribers)

    def marks(self, findings: Sequence[Finding]) -> list[Mark]:
        """What the record says of each of `findings`, whichever run pinned it."""
        if not self.incident:
            return [Mark() for _ in findings]
        entries = self._entries()
        dismissed = state_of(entries).dismissed
        names = [_names(entries, finding) for finding in findings]
        return [Mark(len(own) > 1, next((dismissed[name] for name in reversed(own) if name in dismissed), "")) for own in names]

    def pinned_rows(self, check: str) -> frozenset[str]:
        """The rows, as predicates' texts, of which the record holds a pinned finding of `check`, whichever search made it."""
        if not self.incident:
            return frozenset()
        return frozenset(pin["finding"]["where"] for pin in state_of(self._entries()).pinned if pin["finding"]["check"] == check)

    def _names(self, finding: Finding) -> list[str]:
        return _names(self._entries(), finding)

    def _change(self, predicate: Predicate, by: Callback | None) -> None:
        self._selection = predicate
        try:
            self._tell(predicate, by or (self._telling[-1] if self._telling else None))
        finally:
            self._keep()

    def _tell(self, told: Predicate, by: Callback | None) -> None:
        """Tell all but `by`. One that fails does not keep the news from the others; its error comes afterwards."""
        errors: list[Exception] = []
        for callback in tuple(self._subscribers):
            if self._selection is not told:
                break  # a subscriber selected something else, and that was told to everybody
            if callback == by or callback not in self._subscribers:
                continue
            self._telling.append(callback)
            try:
                callback(told)
            except Exception as exc:  # noqa: BLE001  raised below
                errors.append(exc)
            finally:
                self._telling.pop()
        if errors:
            raise errors[0]

    def _require_incident(self, deed: str) -> None:
        if not self.incident:
            raise InputError(f"no incident to {deed} for", None, "Open one (workbench new ID --title T) and give its id.")

    def _append(self, kind: str, body: Mapping[str, Any], finding: Finding) -> None:
        with Record.open(record_path(find_home())) as record:
            evidence = [finding.evidence] if finding.evidence else []
            record.append(self.incident, kind, body, author=author(), evidence=evidence)

    def _entries(self) -> list[Entry]:
        with Record.open(record_path(find_home())) as record:
            return require_incident(record, self.incident)

    def _place(self) -> Path:
        """The file of this author and these rows: a selection of other data, or of somebody else, must not come up here."""
        key = digest([author(), self.dataset.fingerprint, str(self.dataset.where)]).removeprefix("sha256:")[:16]
        return incident_folder(find_home(), self.incident) / FOLDER / f"{key}.json"

    def _keep(self) -> None:
        if self._file is None:
            return
        windows = {name: window and str(window) for name, window in self._windows.items()}
        make_folder(self._file.parent)
        write_whole(self._file, canonical_json({"schema": SCHEMA, "selection": str(self._selection), "windows": windows}))

    def _restore(self, file: Path) -> None:
        """Take up what was kept; what cannot be understood is left, with a notice: it is no evidence."""
        if not file.is_file():
            return
        try:
            kept = json.loads(file.read_bytes())
            selection = self._known(kept["selection"])
            windows = {name: kept["windows"][name] and self._known(kept["windows"][name]) for name in WINDOWS}
        except (OSError, ValueError, KeyError, TypeError, PredicateError) as exc:
            self.notices = (f"The last selection could not be restored ({exc}); all rows are selected.",)
        else:
            self._selection, self._windows = selection, windows

    def _known(self, text: str) -> Predicate:
        predicate = Predicate.parse(text)
        require_columns(predicate, self.dataset.columns)
        return predicate


def _names(entries: Sequence[Entry], finding: Finding) -> list[str]:
    """What the record may call `finding`: its digest, and each pin of it as the command line names it, the latest last."""
    own = finding.published().to_dict()
    pinned = [entry for entry in entries if entry.kind == "pinned" and entry.body.get("finding") == own]
    return [digest(own), *(pin_name({**entry.body, "seq": entry.seq}) for entry in pinned)]


def _as_finding(result: Result) -> Finding:
    kind = KINDS.get(result.kind, result.kind)
    return Finding(kind, result.title, where=str(result.where), severity="low", check=result.kind, evidence=result.digest)


def _join(subscribers: list[Subscriber], callback: Subscriber) -> Callable[[], None]:
    """Add `callback` to `subscribers`; returns what takes it out again, however often it is called."""
    subscribers.append(callback)

    def leave() -> None:
        if callback in subscribers:
            subscribers.remove(callback)

    return leave


def _tell_all(callbacks: Iterable[Callable[[], object]]) -> None:
    """Call each; one that fails does not keep the news from the others, its error comes afterwards."""
    errors: list[Exception] = []
    for callback in tuple(callbacks):
        try:
            callback()
        except Exception as exc:  # noqa: BLE001  raised below
            errors.append(exc)
    if errors:
        raise errors[0]
