"""The lineage view, alive: walk the graph, go back in time, compare, open a suspect as the windows of the investigation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pandas as pd
import traitlets

from workbench.data.dataset import Dataset
from workbench.errors import InputError, UnknownNameError
from workbench.lineage.blast import BlastRadius, blast_radius, words_for, words_of
from workbench.lineage.graph import Lineage
from workbench.lineage.inquiry import Inquiry, version_of
from workbench.lineage.instant import as_instant, instant_text
from workbench.lineage.picture import Node, Picture
from workbench.predicate import Comparison, Membership, Operand, Predicate, equals
from workbench.result import Finding
from workbench.triage.checks.lineage import suspect_finding
from workbench.views.lineage_form import (
    drawing_form,
    lineage_twin,
    radius_text,
    suspect_rows,
    trace_form,
)
from workbench.views.modules import module
from workbench.views.render import Static
from workbench.widgets.investigation import Investigation, Windows
from workbench.widgets.live import Handler, Live

ASKED: Final = ("node", "window", "onset", "columns", "origin", "against", "limit")
"""Options that `workbench.lineage.inquiry.Inquiry.of` takes."""


class LineageView(Live):
    """What the decisions were made from, what changed upstream, and what is contaminated.

    The columns of the selection are traced upstream and rank the suspects; versions that decided the selected rows are marked.
    Rows are selected through a version: those decided by what was made from it. The current window's beginning is the onset,
    unless an onset is given.

    Parameters
    ----------
    investigation
        Whose selection and windows it shows and changes, and whose incident takes pins.
    lineage
        Of `workbench.lineage.source.open_lineage`.
    inquiry
        What is asked; None: made of the options.
    options
        What `workbench.lineage.inquiry.Inquiry.of` takes (``node``, ``window``, ``onset``, ``columns``, ``origin``, ``against``,
        ``limit``), and ``readonly``.
    """

    _esm = module("lineage")
    drawing = traitlets.Dict().tag(sync=True)
    moments = traitlets.List(traitlets.Unicode()).tag(sync=True)
    moment = traitlets.Int(-1).tag(sync=True)
    """The stop of the time slider, as a position in `moments`; -1: all that is known."""
    onset = traitlets.Unicode().tag(sync=True)
    suspects = traitlets.List(traitlets.Dict()).tag(sync=True)
    trace = traitlets.Dict().tag(sync=True)
    deciders = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Boxes of the versions that decided the selected rows."""
    told = traitlets.Unicode().tag(sync=True)

    def __init__(self, investigation: Investigation, lineage: Lineage, inquiry: Inquiry | None = None, **options: Any) -> None:
        asked = {name: options.pop(name) for name in ASKED if name in options}
        self._inquiry = Inquiry.of(lineage, **asked) if inquiry is None else inquiry
        self._given = self._inquiry
        self._radius: BlastRadius | None = None
        self._pinned: set[str] = set()
        self._versions = _versions_of(investigation.dataset)
        super().__init__(investigation, **options)
        self._follow_onset(investigation.windows)
        self._result = self._inquiry.suspects()
        if not self._inquiry.at and len(lineage.find(self._inquiry.node)) > 1:
            self._inquiry = self._inquiry.around(self._result)
        self._draw()
        self._rank()
        self._twin = lineage_twin(self._drawn, self._result, self._radius)
        self._show_columns(investigation.selection)
        self._follow(investigation.subscribe(self._show_columns))
        self._follow(investigation.subscribe_windows(self._move_onset))

    def twin(self) -> Static:
        """The drawing, the blast radius and the suspects as they were first asked for, as they stay in the notebook."""
        return self._twin

    def _handlers(self) -> dict[str, Handler]:
        return {
            **super()._handlers(),
            "as_of": ({"moment": int}, self._go_back),
            "origin": ({"box": str}, self._colour_from),
            "against": ({"box": str}, self._compare),
            "reach": ({"box": str}, self._select_reached),
            "visit": ({"suspect": int}, self._visit),
            "open": ({"suspect": int}, self._open_suspect),
            "pin": ({"suspect": int, "note": str}, self._pin),
        }

    def _draw(self) -> None:
        inquiry = self._inquiry
        self._drawn: Picture = inquiry.picture()
        with self.hold_sync():
            self.drawing = drawing_form(inquiry, self._drawn)
            if inquiry.as_of is None:
                self._moments = inquiry.moments(self._drawn)
                self.moments = [str(instant_text(time)) for time in self._moments]
                self.moment = self._stop()
            self.onset = self._drawn.onset or ""
            self._tell()
            self._mark(self.investigation.selection)

    def _tell(self) -> None:
        origin, dataset = self._inquiry.origin, self.investigation.dataset
        if not origin:
            self._radius = None
        elif self._radius is None:
            self._radius = blast_radius(self._inquiry.lineage, origin, dataset if dataset.roles.model_version else None)
        self.told = "" if self._radius is None else radius_text(self._radius)

    def _rank(self) -> None:
        self._result = self._inquiry.suspects()
        rows = suspect_rows(self._result, self._drawn)
        self.suspects = [{**row, "pinned": row["node"] in self._pinned, **self._windows_since(row["time"])} for row in rows]

    def _show_columns(self, selection: Predicate) -> None:
        """Trace the columns of the selection upstream, and rank the suspects by their link to them."""
        roles = self.investigation.dataset.roles
        aside = {roles.time, roles.model_version, roles.row_id}  # who and when; no harm is seen on these
        columns = tuple(name for name in selection.columns if name not in aside) or self._given.columns
        if columns != self._inquiry.columns:
            self._inquiry = replace(self._inquiry, columns=columns)
            self._rank()
        with self.hold_sync():
            self._mark(selection)

    def _mark(self, selection: Predicate) -> None:
        inquiry = self._inquiry
        self.trace = trace_form(inquiry, inquiry.trace(self._drawn), self._drawn)
        role = self.investigation.dataset.roles.model_version
        conditions = tuple(item for item in selection.conditions if item.column == role)
        if not conditions or self._versions is None:
            self.deciders = []
            return
        chosen = set(self._versions[Predicate(conditions).mask(self._versions)][role].astype(str))
        self.deciders = [node.id for node in self._drawn.nodes if chosen & self._said_of(node)]

    def _said_of(self, node: Node) -> set[str]:
        """What the log may call the version that a box draws."""
        at = version_of(node.id)
        return set() if at is None else words_for(self._inquiry.lineage, at)

    def _follow_onset(self, windows: Windows) -> None:
        """The current window's beginning is the onset, where none was given."""
        dataset, current = self.investigation.dataset, windows["current"]
        if self._given.onset is not None or dataset.roles.time is None:
            return
        began = None if current is None else _beginning(dataset, current)
        self._inquiry = replace(self._inquiry, onset=began)

    def _move_onset(self, windows: Windows) -> None:
        before = self._inquiry.onset
        self._follow_onset(windows)
        if self._inquiry.onset != before:
            self._draw()
            self._rank()

    def _go_back(self, moment: int) -> None:
        if not -1 <= moment < len(self.moments):
            raise UnknownNameError("moment", moment, range(-1, len(self.moments)))
        last = moment in {-1, len(self.moments) - 1}
        self._inquiry = replace(self._inquiry, as_of=None if last else self._moments[moment], at="")
        with self.hold_sync():
            self.moment = moment
            self._draw()
            self._rank()

    def _stop(self) -> int:
        """The latest moment of what is drawn."""
        times = [node.time for node in self._drawn.nodes if node.time is not None]
        return self.moments.index(max(times, key=as_instant)) if times else -1

    def _visit(self, suspect: int) -> None:
        self._inquiry = self._inquiry.around(self._result, self._suspect(suspect)["id"])
        self._draw()
        self._rank()

    def _colour_from(self, box: str) -> None:
        self._inquiry = replace(self._inquiry, origin=self._named(box).name if box else "")
        self._radius = None
        self._draw()

    def _compare(self, box: str) -> None:
        self._inquiry = replace(self._inquiry, against=self._named(box).name if box else "")
        self._draw()

    def _named(self, box: str) -> Node:
        """The drawn version of this id."""
        versions = {node.id: node for node in self._drawn.nodes if version_of(node.id) is not None}
        if box not in versions:
            raise UnknownNameError("drawn version", box, versions)
        return versions[box]

    def _select_reached(self, box: str) -> None:
        """Select the rows decided by what was certainly made from a version."""
        role, name = self.investigation.dataset.roles.model_version, self._named(box).name
        if role is None or self._versions is None:
            raise InputError("the log does not say which version decided", name, "Name that column: role `model_version`.")
        words = words_of(blast_radius(self._inquiry.lineage, name))
        values = [value for value in self._versions[role].tolist() if words.get(str(value)) == "contaminated"]
        if not values:
            raise InputError("nothing in this log was decided by what was made from it", name, "Choose another version.")
        self.investigation.select(equals(role, values[0]) if len(values) == 1 else Predicate((Membership(role, tuple(values)),)))

    def _open_suspect(self, suspect: int) -> None:
        row = self._suspect(suspect)
        if not row["reference"]:
            missing = "time of the suspect" if self.investigation.dataset.roles.time else "role `time` of the log"
            raise InputError(f"no windows without the {missing}", row["node"], "Set the windows by hand.")
        self._set_windows(row["reference"], row["current"])

    def _suspect(self, number: int) -> dict[str, Any]:
        rows = {row["id"]: row for row in self.suspects}
        if number not in rows:
            raise UnknownNameError("suspect", number, rows)
        return rows[number]

    def _windows_since(self, time: str) -> dict[str, str]:
        """Before and since a suspect was complete, as predicates' texts; empty where the log has no times."""
        column = self.investigation.dataset.roles.time
        if column is None or not time:
            return {"reference": "", "current": ""}
        moment = pd.Timestamp(time).tz_localize(None).to_pydatetime()
        before, since = (str(Predicate((Comparison(Operand(column), op, moment),))) for op in ("<", ">="))
        return {"reference": before, "current": since}

    def _pin(self, suspect: int, note: str) -> None:
        row = self._suspect(suspect)
        self.investigation.pin(self._finding(row["id"]), note, self._result)
        self._pinned.add(row["node"])
        self._rank()

    def _finding(self, number: int) -> Finding:
        """The suspect as a finding whose evidence is the ranking that lists it."""
        row: Any = list(self._result.tables["suspects"].itertuples())[number]
        found = suspect_finding(row, self.investigation.dataset)
        if found is None:
            raise InputError("the events only tell that it is new", row.node, "Choose a version at which something changed.")
        return replace(found, check="lineage", evidence=self._result.digest, rank=row.rank)


def _versions_of(dataset: Dataset) -> pd.DataFrame | None:
    """The distinct values of the role `model_version`; None without that role."""
    role = dataset.roles.model_version
    return None if role is None else dataset.frame[[role]].drop_duplicates().dropna().reset_index(drop=True)


def _beginning(dataset: Dataset, rows: Predicate) -> int | None:
    """The first time of these rows; None where there are none."""
    times = pd.to_datetime(dataset.select(rows).role("time").dropna())
    if times.empty:
        return None
    first = times.min()
    return as_instant((first.tz_localize("UTC") if first.tzinfo is None else first).to_pydatetime())
