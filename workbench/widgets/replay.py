"""Attack replay, alive: where each version falls, in which inputs and when, and what one attack changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets

from workbench.attacks.recording import Recording
from workbench.attacks.replay.review import Review
from workbench.errors import InputError, PredicateError, UnknownNameError
from workbench.models.target import Target
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import Result
from workbench.triage.replay import replay_findings, version_finding
from workbench.views.modules import module
from workbench.views.render import Several
from workbench.views.replay import (
    closeup_form,
    groups_form,
    inputs_form,
    replay_twin,
    single_inputs_text,
    steps_form,
    verdict_rows,
)
from workbench.widgets.investigation import Investigation
from workbench.widgets.live import Handler, Live


class AttackReplay(Live):
    """The triple verdict, the matrix of inputs against versions, the recording step by step, and single inputs.

    The selection filters what is counted, where the recording has the columns it names; a click on a line of the matrix selects
    its rows. Single inputs are sent only when they are asked for, and stay in no notebook: of attacks what was bent, protected
    columns never, of people's inputs nothing at all.

    Parameters
    ----------
    investigation
        Whose selection it shows and changes, and whose incident takes pins.
    result
        Of `workbench.attacks.replay.replay`.
    recording
        That was replayed.
    targets
        The versions, in their order, to ask about single inputs; empty: no scores.
    models
        By version, what to read shap values of single inputs from, such as its fitted trees; empty: the first target is asked.
    options
        ``by``: the column of the matrix; ``readonly``: nothing can be selected, pinned or looked at closely; ``show_inputs``:
        inputs that are no attack can be looked at, too, with all columns but protected ones and identifiers.

    Raises
    ------
    InputError
        For a result of another recording, or other targets than were replayed.
    """

    _esm = module("replay")
    verdicts: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    matrix = traitlets.Dict().tag(sync=True)
    steps: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    told = traitlets.Unicode().tag(sync=True)
    single = traitlets.Unicode().tag(sync=True)
    """What of single inputs is shown."""
    by = traitlets.Unicode().tag(option=True)
    show_inputs = traitlets.Bool(default_value=False).tag(option=True)

    def __init__(
        self,
        investigation: Investigation,
        result: Result,
        recording: Recording,
        *,
        targets: Sequence[Target] = (),
        models: dict[str, object] | None = None,
        **options: object,
    ) -> None:
        roles = investigation.dataset.given
        hidden = (*roles.identifiers, *([roles.row_id] if roles.row_id else []))
        self._result, self._targets, self._models = result, tuple(targets), models or {}
        _require_same(result, self._targets)
        super().__init__(investigation, **options)
        self._review = Review.of(recording, result, hidden, _protected(roles.groups, recording), whole=self.show_inputs)
        self.single = single_inputs_text(self._review)
        self._column = self.by or _first_column(self._review)
        self._finding = {version: version_finding(result, version) for version in self._review.versions}
        self._finding |= {finding.statement: finding for finding in replay_findings(result)}
        self._twin = replay_twin(result, self._review, self._column, ALL_ROWS)
        self.columns = list(self._review.columns)
        self._show_marks()
        self._count(investigation.selection)
        self._follow(investigation.subscribe(self._count))
        self._follow(investigation.subscribe_marks(self._show_marks))

    def twin(self) -> Several:
        """The triple verdict and the matrix of all inputs, whatever was selected since."""
        return self._twin

    def _handlers(self) -> dict[str, Handler]:
        return {
            **super()._handlers(),
            "by": ({"column": str}, self._group_by),
            "group": ({"where": str}, self._select_group),
            "list": ({"step": int}, self._list),
            "open": ({"input": int}, self._open),
            "pin": ({"version": str, "note": str}, self._pin),
        }

    def _count(self, selection: Predicate) -> None:
        review = self._review
        counted = int(review.mask(selection).sum())
        with self.hold_sync():
            # a matrix by one column keeps its other lines, to be clicked next
            others = selection.without([self._column]) if review.covers(selection) else selection
            self.matrix = groups_form(self._column, review.groups(self._column, others) if self._column else [])
            self.steps = steps_form(review.steps(selection))
            self.told = _told(review, selection, counted)

    def _group_by(self, column: str) -> None:
        if column not in self._review.columns:
            raise UnknownNameError("column of the inputs", column, self._review.columns)
        self._column = column
        self._count(self.investigation.selection)

    def _select_group(self, where: str) -> None:
        """Select a line of the matrix, inside what is selected by other columns."""
        chosen, selection = Predicate.parse(where), self.investigation.selection
        inside = selection if self._review.covers(selection) else ALL_ROWS
        self.investigation.select(inside.without(chosen.columns) & chosen)

    def _list(self, step: int) -> None:
        listed = self._review.listed(self.investigation.selection, None if step < 0 else step)
        self.send({"type": "inputs", "step": step, "inputs": inputs_form(listed)})

    def _open(self, input: int) -> None:  # noqa: A002  the message's field
        asked: list[object] = [target for target in self._targets[:1] if not target.production]
        model = next((self._models[name] for name in self._review.versions if name in self._models), asked[0] if asked else None)
        self.send({"type": "input", **closeup_form(self._review.closeup(input, self._targets, model))})

    def _pin(self, version: str, note: str) -> None:
        if version not in self._review.versions:
            raise UnknownNameError("version", version, self._review.versions)
        self.investigation.pin(self._told_of(version), note, self._result)

    def _told_of(self, version: str) -> Any:
        """The finding that `replay_findings` lists of a version; what it says of it where it lists none."""
        finding = self._finding[version]
        return self._finding.get(finding.statement, finding)

    def _show_marks(self) -> None:
        findings = [self._told_of(version) for version in self._review.versions]
        marks = self.investigation.marks(findings)
        rows = verdict_rows(self._result)
        self.verdicts = [{**row, "pinned": mark.pinned} for row, mark in zip(rows, marks, strict=True)]


def _protected(groups: Sequence[str], recording: Recording) -> list[str]:
    """The recorded columns that part people into groups, also those that a group's condition names."""
    named = {column for group in groups for column in ([group] if group in recording.input_columns else _columns_of(group))}
    return [column for column in recording.input_columns if column in named]


def _columns_of(group: str) -> Sequence[str]:
    try:
        return tuple(Predicate.parse(group).columns)
    except PredicateError:
        return ()  # a column that was not recorded


def _require_same(result: Result, targets: Sequence[Target]) -> None:
    digests = result.tables["targets"]["digest"].tolist()
    if targets and [target.digest for target in targets] != digests:
        names = ", ".join(target.name for target in targets)
        raise InputError("other targets than were replayed", names, "Give the same targets in the same order.")


def _first_column(review: Review) -> str:
    """The first column that the matrix can be drawn by."""
    return next((name for name in review.columns if len(review.groups(name, ALL_ROWS)) > 1), "")


def _told(review: Review, selection: Predicate, counted: int) -> str:
    judged = int(review.judged.sum())
    if selection == ALL_ROWS:
        return f"{judged:,} judged inputs; the recording has {review.recording.rows:,} in {review.recording.calls:,} calls."
    if not review.covers(selection):
        return f"The recording lacks a column of the selection: all {judged:,} judged inputs are counted."
    return f"{'Fewer than 10' if counted < 10 else f'{counted:,}'} of {judged:,} judged inputs were made from the selected rows."
