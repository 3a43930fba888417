"""The disparate-impact panel, alive: who fares how, since when, why, and what another threshold would do."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Final

import traitlets

from workbench.analysis.disparity_inquiry import INQUIRIES, inquire, marked_group
from workbench.analysis.disparity_review import LATER, Question, Review, ask_further, follow_group, review_disparity
from workbench.data.dataset import Dataset
from workbench.digest import Plain
from workbench.errors import InputError, UnknownNameError
from workbench.incident.pins import RUN_VARIABLE
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import Result
from workbench.views.disparity_answers import TABS, answer_blocks
from workbench.views.disparity_form import panel_form, parts_of
from workbench.views.disparity_moves import Setting, Sliders
from workbench.views.disparity_static import panel_twin
from workbench.views.modules import module, packed
from workbench.views.render import Static
from workbench.widgets.investigation import Investigation, Windows
from workbench.widgets.live import Handler, Live
from workbench.widgets.progress import Progress

ASKED: Final = ("groups", "attribute", "group", "reference", "strata", "policy", "events", "seed")
"""Options that are fields of `workbench.analysis.disparity_review.Question`."""
LISTS: Final = ("groups", "strata", "policy")
AT_ONCE: Final = 100_000
"""Of so many rows all is measured at once: it takes less than about a second."""


class DisparateImpactPanel(Live):
    """Groups side by side, with the guard of the data above, and sliders that answer what if.

    The rows measured are the investigation's selection without its conditions on the groups themselves: these mark a group, and a
    group alone can be held against nobody. What is clicked is a group's predicate, added to the rest of the selection.

    Of more than `AT_ONCE` rows the guard and the groups are measured first, and what stands in another tab when it is opened; a
    headless run and a read-only panel, which nobody can ask, measure everything at once.

    Parameters
    ----------
    investigation
        Whose selection it shows and changes, and whose incident takes pins.
    review
        Of `workbench.analysis.disparity_review.review_disparity` over the investigation's dataset; None: made here.
    options
        Without `review`, the fields of `workbench.analysis.disparity_review.Question` (the windows are the investigation's); and
        ``readonly``.
    """

    _esm = module("disparity")
    form = traitlets.Dict().tag(sync=True)
    group = traitlets.Unicode().tag(sync=True)
    """The part of the selection that names a group, as a predicate's text."""
    moved = traitlets.Bytes().tag(sync=True)
    asked = traitlets.Dict().tag(sync=True)
    """Inquiry to its ``tab``, ``question`` and ``budget``; whether the kernel is ``working`` on it; and its answer: the
    ``rows`` it was asked of, ``blocks``, and ``failed``, why there is none."""

    def __init__(self, investigation: Investigation, review: Review | None = None, **options: Any) -> None:
        asked: dict[str, Any] = {name: options.pop(name) for name in ASKED if name in options}
        super().__init__(investigation, **options)
        self._whole = review or self._review(investigation.dataset, _question(investigation, asked))
        self._question = self._asked = self._whole.question
        self._whole_form = _form_of(self._whole)
        self._attributes = _attributes(self._whole.results["groups"])
        self._within: Predicate | None = None
        self._setting: Setting | None = None
        self._sliders: Sliders | None = None
        self._answers: dict[str, Result] = {}
        self.asked = {name: _unanswered(name) for name in INQUIRIES}
        self._measure_selection(investigation.selection)
        self._follow(investigation.subscribe(self._measure_selection))
        self._follow(investigation.subscribe_windows(self._measure_windows))

    def twin(self) -> Static:
        """The panel over all rows, as it stays in the notebook whatever was selected since."""
        return panel_twin(self._whole_form)

    def _handlers(self) -> dict[str, Handler]:
        return {
            **super()._handlers(),
            "open": ({"tab": str}, self._open),
            "move": ({"setting": dict}, self._move),
            "pin": ({"note": str}, self._pin),
            "follow": ({"attribute": str, "group": str}, self._follow_pair),
            "pin_setting": ({"note": str}, self._pin_setting),
            "inquire": ({"name": str}, self._inquire),
            "pin_answer": ({"name": str, "note": str}, self._pin_answer),
        }

    def _select(self, where: str) -> None:
        """A group is selected within the rows that are measured; anything else replaces the selection."""
        chosen = Predicate.parse(where)
        named = bool(chosen.conditions) and set(chosen.columns) <= self._attributes
        self.investigation.select((self._within or ALL_ROWS) & chosen if named else chosen)

    def _measure_selection(self, selection: Predicate) -> None:
        within, group = _parted(selection, self._attributes)
        with self.hold_sync():
            self.group = str(group) if group.conditions else ""
            if within != self._within:
                self._measure(within)

    def _measure_windows(self, windows: Windows) -> None:
        self._question = replace(self._question, before=windows["reference"], current=windows["current"])
        self._measure(self._within or ALL_ROWS)

    def _measure(self, within: Predicate) -> None:
        """Ask the review anew inside `within`; where nothing can be measured there, the panel stays and says so."""
        try:
            review = self._whole
            if within.conditions or self._question != self._asked:
                review = self._review(self.investigation.dataset.select(within), self._question)
        except InputError as exc:
            self.message = f"Nothing measured within {within}: {exc}"
            return
        self._show(within, review)

    def _review(self, dataset: Dataset, question: Question) -> Review:
        with Progress(f"Measuring {dataset.rows:,} rows", wanted=dataset.rows > AT_ONCE) as progress:
            return review_disparity(dataset, question, self._soon(dataset), tell=progress.tell)

    def _soon(self, dataset: Dataset) -> tuple[str, ...]:
        """What is asked unasked: all where that is soon done, or where nobody can ask for it."""
        return LATER if self.readonly or os.environ.get(RUN_VARIABLE) or dataset.rows <= AT_ONCE else ()

    def _open(self, tab: str) -> None:
        """Ask what a tab stands on and was not asked yet."""
        wanted = set(parts_of(tab)) & set(self._shown.left)
        if not wanted:
            return
        within = self._within or ALL_ROWS
        whole = self._shown is self._whole
        review = ask_further(self.investigation.dataset.select(within), self._shown, wanted)
        if whole:
            self._whole, self._whole_form = review, _form_of(review)
        self._show(within, review)

    def _show(self, within: Predicate, review: Review) -> None:
        self._within, self._shown, self._setting = within, review, None
        self._sliders = Sliders.of(review)
        form = self._whole_form if review is self._whole else _form_of(review)
        followed = {"attribute": review.attribute, "group": "" if review.pair is None else review.pair.group}
        self.form = {**form, "followed": followed, "within": str(within)}

    def _move(self, setting: dict[str, object]) -> None:
        self._setting = self._scores().read(setting)
        self.moved = packed(self._scores().numbers(self._setting))

    def _scores(self) -> Sliders:
        if self._sliders is None:
            raise InputError("no scores, so no threshold to move", None, "Add `score` to the roles.")
        return self._sliders

    def _follow_pair(self, attribute: str, group: str) -> None:
        self._question = replace(self._question, attribute=attribute, group=group)
        within = self._within or ALL_ROWS
        dataset = self.investigation.dataset.select(within)
        self._show(within, follow_group(dataset, self._shown, attribute, group, self._soon(dataset)))

    def _inquire(self, name: str) -> None:
        """Answer an inquiry about the rows that are measured; the answer stays when other rows are."""
        if name not in INQUIRIES:
            raise UnknownNameError("inquiry", name, INQUIRIES)
        self._answers.pop(name, None)
        self._tell(name, working=True)
        told: dict[str, Any] = {}
        try:
            told = self._answer(name)
        except InputError as exc:
            told = {"failed": str(exc)}
        finally:
            self._tell(name, **told)

    def _answer(self, name: str) -> dict[str, Any]:
        within = self._within or ALL_ROWS
        group = Predicate.parse(self.group) if self.group else ALL_ROWS
        answer = inquire(name, self.investigation.dataset.select(within), self._shown, group)
        self._answers[name] = answer
        inside = within & marked_group(self._shown, group) if name == "slices" else within
        return {"blocks": answer_blocks(answer, inside)}

    def _tell(self, name: str, **told: object) -> None:
        rows = str(self._shown.results["groups"].where)
        self.asked = {**self.asked, name: {**_unanswered(name), "rows": rows, **told}}

    def _pin_answer(self, name: str, note: str) -> None:
        if name not in self._answers:
            raise InputError("no answer to pin", name, "Ask first.")
        self.investigation.pin(self._answers[name], note)

    def _pin(self, note: str) -> None:
        self.investigation.pin(self._shown.results["groups"], note)

    def _pin_setting(self, note: str) -> None:
        scores, setting = self._scores().scores, self._setting
        if setting is None:
            raise InputError("no setting to pin", None, "Move a slider first.")
        dataset = self.investigation.dataset
        made = scores.result(dataset, setting.thresholds, cost_fp=setting.cost_fp, cost_fn=setting.cost_fn)
        made = replace(made, where=self._shown.results["groups"].where)
        self.investigation.pin(made, note)


def _unanswered(name: str) -> dict[str, Any]:
    inquiry = INQUIRIES[name]
    return {"tab": TABS[name], "question": inquiry.question, "budget": inquiry.budget, "working": False, "rows": "", "failed": "",
            "blocks": []}  # fmt: skip


def _form_of(review: Review) -> dict[str, Plain]:
    sliders = Sliders.of(review)
    return panel_form(review.results, review.skipped, None if sliders is None else sliders.block(), review.left)


def _question(investigation: Investigation, asked: dict[str, Any]) -> Question:
    lists = {name: tuple(value) for name, value in asked.items() if name in LISTS}
    windows = {"before": investigation.windows["reference"], "current": investigation.windows["current"]}
    return Question(**(asked | lists | windows))


def _attributes(groups: Result) -> set[str]:
    return {column for where in groups.tables["groups"]["where"] for column in Predicate.parse(where).columns}


def _parted(selection: Predicate, attributes: set[str]) -> tuple[Predicate, Predicate]:
    """The conditions that do not read an attribute, and those that do."""
    reads = [bool(set(Predicate((condition,)).columns) & attributes) for condition in selection.conditions]
    parts = [
        tuple(item for item, read in zip(selection.conditions, reads, strict=True) if read is named) for named in (False, True)
    ]
    return Predicate(parts[0]), Predicate(parts[1])
