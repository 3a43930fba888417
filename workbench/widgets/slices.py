"""The slice explorer: the ranked slices, and linked charts whose brushes the search runs inside."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import traitlets

from workbench.analysis.complaints import find_cohort
from workbench.analysis.slices import SliceResult, find_slices
from workbench.analysis.slices.explore import Cohort, Exploration, Scope
from workbench.analysis.slices.inside import Sharper
from workbench.analysis.slices.result import Ranking
from workbench.analysis.slices.scores import ALPHA, SCORES, default_score
from workbench.data.predicate import sql_text
from workbench.digest import canonical_json
from workbench.errors import InputError, ParameterError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate, equals
from workbench.predicate.query import query_text
from workbench.result import SMALL_CELL, Finding, Result
from workbench.result.cells import is_small
from workbench.triage.checks.slices import slice_findings
from workbench.triage.run import make_context
from workbench.triage.slices import COUNTERCHECK, check_search
from workbench.views.modules import module, packed
from workbench.views.render import Several
from workbench.views.slice_relations import pair_form
from workbench.views.slice_words import short_label
from workbench.views.slices import complaints_form, countercheck_form, countercheck_sentence, explorer_form, slices_twin
from workbench.widgets.investigation import Investigation
from workbench.widgets.live import Handler
from workbench.widgets.work import Job, Tell, Worker, share_of_rows

TOP: Final = 10
VERSIONS: Final = 20
"""Most versions of the model that are offered as cohorts."""
RUNS: Final = 5
"""Of each kind in a counter-check on one click: 21 searches."""


class SliceExplorer(Worker):
    """Where the model is worse, to walk into.

    A click on a slice makes its rows the investigation's selection. A brush on a chart is a condition: the selection and the
    search are then inside it. Without a kernel it is what `workbench.views.slices.slices_twin` shows of the whole search.

    Parameters
    ----------
    investigation
        Whose selection and windows it takes, and whose incident takes pins.
    slices
        What `find_slices` returned, or the loss to search by (its name, or an array); None: what the roles allow.
    options
        ``readonly``: nothing can be selected, searched or pinned. ``top``: how many slices are listed. ``columns``: the charts,
        by name.

    Attributes
    ----------
    kept
        Name to predicate of the cohorts kept here, for whoever goes on in code.
    """

    _esm = module("slices")
    found = traitlets.Dict().tag(sync=True)
    charts: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    counts = traitlets.Bytes().tag(sync=True)
    brushes = traitlets.Dict().tag(sync=True)
    detail = traitlets.Dict().tag(sync=True)
    pair = traitlets.Dict().tag(sync=True)
    contrast = traitlets.Dict().tag(sync=True)
    cohorts: traitlets.List[dict[str, str]] = traitlets.List().tag(sync=True)
    check = traitlets.Dict().tag(sync=True)
    complaints = traitlets.Dict().tag(sync=True)
    has_ids = traitlets.Bool().tag(sync=True)
    moves = traitlets.Int().tag(sync=True)
    top = traitlets.Int(default_value=TOP, min=1).tag(option=True)
    columns = traitlets.List(traitlets.Unicode(), default_value=None, allow_none=True).tag(option=True)

    def __init__(
        self,
        investigation: Investigation,
        slices: SliceResult | str | np.ndarray | pd.Series[Any] | None = None,
        **options: object,
    ) -> None:
        self._exploration: Exploration | None = None
        super().__init__(investigation, **options)
        windows = investigation.windows
        result = (
            slices
            if isinstance(slices, SliceResult)
            else find_slices(investigation.dataset, slices, reference=windows["reference"], current=windows["current"])
        )
        self._whole = result
        self._exploration = Exploration(result, self.columns)
        self._ranking = Ranking(self.top, None, ALPHA)
        self._least, self._level = 0.0, None if result.cube is None else int(result.cube.members.shape[1])
        self._scopes = {str(ALL_ROWS): ALL_ROWS}
        self._checks: dict[tuple[object, ...], Result] = {}
        self._cohort: Cohort | None = None
        self.kept: dict[str, Predicate] = {}
        self.has_ids = investigation.dataset.roles.row_id is not None
        self._show_charts()
        self._rank()
        self._show_cohorts()
        self._show_selection(investigation.selection)
        self._follow(investigation.subscribe_marks(self._rank))

    def twin(self) -> Several:
        """The sentence and the table of the whole search, whatever was selected since."""
        return slices_twin(self._whole)

    def close(self) -> None:
        """Close the widget and end its charts' threads."""
        self._there.close()
        super().close()

    @property
    def scope(self) -> Predicate:
        """The rows that are searched now."""
        return self._there.scope

    @property
    def result(self) -> SliceResult:
        """The slices that are listed now."""
        return self._shown

    @property
    def _there(self) -> Exploration:
        if self._exploration is None:
            raise InputError("the explorer is not ready", None, "Wait for the search.")
        return self._exploration

    def _handlers(self) -> dict[str, Handler]:
        return {
            **super()._handlers(),
            "brush": ({"chart": str, "codes": list, "done": bool}, self._brush),
            "enter": ({"where": str}, self._enter),
            "rank": ({"score": str, "alpha": str, "least": str, "level": str}, self._rerank),
            "pin": ({"slice": int, "note": str}, self._pin),
            "pair": ({"x": str, "y": str}, self._show_pair),
            "compare": ({"one": str, "other": str}, self._compare),
            "save": ({"name": str, "where": str}, self._save),
            "sharpen": ({}, self._sharpen),
            "check": ({}, self._check),
            "complain": ({"ids": str}, self._complain),
        }

    def _brush(self, chart: str, codes: Iterable[Any], done: bool) -> None:  # noqa: FBT001  a field of a message
        chosen = list(codes)
        if any(type(code) is not int for code in chosen):
            raise ParameterError("a brush lets codes through", chosen, "Give whole numbers.")
        scope = self._there.brush(chart, chosen or None)
        self._show_counts()
        self.moves += 1
        if done:
            self._search(scope)

    def _enter(self, where: str) -> None:
        self._search(Predicate.parse(where))

    def _search(self, scope: Predicate, *, select: bool = True) -> None:
        """Search inside `scope`, and select it; the charts go back to what is searched where that is refused or stopped."""

        def show(entered: Scope) -> None:
            self._there.show(entered)
            self._show_counts()
            self._scopes[str(scope)] = scope
            self._rank()
            if select:
                self.investigation.select(scope)
            self._show_detail(self.investigation.selection)

        def undo() -> None:
            self._there.show()
            self._show_counts()

        self._begin(Job("searching", lambda tell: self._there.search(scope, tell), show, undo, share_of_rows))

    def _sharpen(self) -> None:
        """P by permutations, and exact ranges, of what is listed now."""
        listed, alpha = self._shown, self._ranking.alpha

        def show(sharper: Sharper) -> None:
            self._there.sharper(sharper, alpha)
            self._rank()

        self._begin(Job("permutations and ranges", lambda tell: self._there.sharpen(listed, alpha, tell), show, self._rank, _of))

    def _rerank(self, score: str, alpha: str, least: str, level: str) -> None:
        if score not in SCORES:
            raise UnknownNameError("score", score, SCORES)
        numbers = [_number(name, text) for name, text in (("alpha", alpha), ("the number of rows", least), ("the level", level))]
        self._ranking = replace(self._ranking, score=score, alpha=numbers[0])
        self._least, self._level = numbers[1], int(numbers[2])
        self._rank()
        self._show_detail(self.investigation.selection)

    def _rank(self) -> None:
        """List the slices of the scope by the ranking that is asked for."""
        self._shown = self._there.ranked(self._ranking, self._least, self._level)
        cube = self._there.found.cube
        if cube is None:
            return
        scores = [name for name in SCORES if name != "change" or cube.windows > 1]
        form, pinned = explorer_form(self._shown), self.investigation.pinned_rows("slices")
        for node in form["tree"]:
            node["where"] = str(self.scope & Predicate.parse(node["slice"]))
        for row in form["slices"]:
            row["where"] = str(self.scope & Predicate.parse(row["slice"]))
            row["pinned"] = row["where"] in pinned
        ranking = {
            "score": self._ranking.score or default_score(cube), "alpha": self._ranking.alpha, "scores": scores,
            "least": max(self._least, cube.least), "level": self._level, "deepest": int(cube.members.shape[1]),
        }  # fmt: skip
        checked = self._checks.get(self._question)
        with self.hold_sync():
            self.found = {**form, "scope": str(self.scope), "ranking": ranking}
            self.check = {} if checked is None else countercheck_form(checked)

    def _show_selection(self, selection: Predicate) -> None:
        super()._show_selection(selection)
        if self._exploration is None:
            return
        scope = self._scopes.get(str(selection))
        if scope is not None and scope != self.scope:
            self._search(scope, select=False)
        else:
            self._show_detail(selection)

    def _show_detail(self, selection: Predicate) -> None:
        """What the charts and the panels say of the selection."""
        self._show_counts()
        row = next((row for row in self.found["slices"] if row["where"] == str(selection)), None)
        shares = self._there.overlap([each["slice"] for each in self.found["slices"]])
        self.detail = {
            "lattice": [] if row is None else [_blank(node) for node in self._there.lattice(row["slice"])],
            "overlap": shares.round(3).tolist(),
            "forms": self._forms(selection),
        }
        if self.pair:
            self._show_pair(self.pair["x"], self.pair["y"])
        elif len(self._there.charts) > 1:
            self._show_pair(*self._there.charts[:2])

    def _show_charts(self) -> None:
        self.charts = [
            {"name": chart, "ordered": self._there.is_ordered(chart), "texts": self._there.labels(chart),
             "labels": [short_label(text, chart) for text in self._there.labels(chart)]}
            for chart in self._there.charts
        ]  # fmt: skip

    def _show_counts(self) -> None:
        """Rows, mean and selected rows of each code of each chart; those of fewer than `SMALL_CELL` rows are blanked."""
        cohort = self._selected()
        parts = []
        for chart in self._there.charts:
            rows, means = self._there.histogram(chart)
            selected = np.zeros(len(rows)) if cohort is None else cohort.counts[chart].astype(float)
            selected[(selected > 0) & (selected < SMALL_CELL)] = np.nan
            small = (rows > 0) & (rows < SMALL_CELL)
            parts.append(np.column_stack([np.where(small, np.nan, rows), np.where(small, np.nan, means), selected]).ravel())
        with self.hold_sync():
            self.counts = packed(np.concatenate(parts)) if parts else b""
            self.brushes = {chart: sorted(codes) for chart, codes in self._there.brushes.items()}

    def _selected(self) -> Cohort | None:
        """The selected rows of the scope, where they are a part of it; counted once, not with every move of a brush."""
        selection = self.investigation.selection
        if selection in {ALL_ROWS, self.scope}:
            return None
        where = selection & self.scope
        if self._cohort is None or self._cohort.where != where:
            self._cohort = self._there.cohort(where)
        return self._cohort

    def _show_pair(self, x: str, y: str) -> None:
        labels = self._there.labels(x), self._there.labels(y)
        form = pair_form(x, y, labels, self._there.cross(x, y))
        shorts = {f"{axis}_short": [short_label(text, form[axis]) for text in form[f"{axis}_labels"]] for axis in ("x", "y")}
        self.pair = {**form, **shorts}

    def _compare(self, one: str, other: str) -> None:
        told = self._there.contrast(Predicate.parse(one), Predicate.parse(other))
        if any(is_small(side["rows"]) for side in told["sides"]):
            told = {"sides": [_blank(side) for side in told["sides"]], "difference": None, "apart": []}
        self.contrast = {"one": one, "other": other, **told}

    def _save(self, name: str, where: str) -> None:
        if not name.strip():
            raise InputError("a cohort needs a name", None, "Say what these rows are.")
        self.kept[name.strip()] = Predicate.parse(where)
        self._show_cohorts()

    def _show_cohorts(self) -> None:
        """The cohorts kept here, and the versions of the model that the rows name."""
        dataset, role = self.investigation.dataset, self.investigation.dataset.roles.model_version
        versions = [] if role is None else sorted(dataset.frame[role].dropna().unique().tolist(), key=str)[:VERSIONS]
        offered = {f"version {version}": equals(str(role), version) for version in versions} | self.kept
        self.cohorts = [{"name": name, "where": str(where)} for name, where in offered.items()]

    def _pin(self, slice: int, note: str) -> None:  # noqa: A002  a field of a message
        rows = self.found["slices"]
        if not 0 <= slice < len(rows):
            raise UnknownNameError("slice", slice, range(len(rows)))
        self.investigation.pin(self._finding(slice), note, self._shown)
        if (checked := self._checks.get(self._question)) is not None:
            self.investigation.pin(self._checked_finding(checked), "", checked)

    def _finding(self, number: int) -> Finding:
        """The slice as a finding whose evidence is the search that lists it."""
        windows = self.investigation.windows
        subject = make_context(self.investigation.dataset, windows["reference"], windows["current"]).subject
        table = self._shown.tables["distinct"].iloc[[number]]
        found = slice_findings(self._shown, subject, table, self.scope)[0]
        adjusted = float(table["p_adjusted"].iloc[0])
        return replace(found, p_adjusted=adjusted, check="slices", evidence=self._shown.digest, rank=number + 1)

    @property
    def _question(self) -> tuple[object, ...]:
        """What the list answers now: a counter-check of it holds for this alone."""
        return str(self.scope), self._ranking, self._least, self._level

    def _check(self) -> None:
        """Search what is listed now once more, with nothing to find and with something planted."""
        windows, question, level, least, score = (
            self.investigation.windows, self._question, self._level, self._least or None, self._ranking.score
        )  # fmt: skip
        subject = make_context(self.investigation.dataset, windows["reference"], windows["current"]).subject.select(self.scope)
        _ = subject.frame, subject.rows, subject.fingerprint  # read here: two threads must not share an engine's connection

        def compute(tell: Tell) -> Result:
            return check_search(self._whole, subject, level=level, least=least, score=score, runs=RUNS, tell=tell)

        def show(checked: Result) -> None:
            self._checks[question] = checked
            self._rank()

        self._begin(Job("checking the search", compute, show, self._rank, _of))

    def _checked_finding(self, checked: Result) -> Finding:
        """The counter-check as what stands beside a pinned slice: it names no harm."""
        said = f"Counter-check of the search in {self.scope}: {countercheck_sentence(checked).text}"
        return Finding("slice", said, where=str(self.scope), severity="low", check=COUNTERCHECK, evidence=checked.digest)

    def _complain(self, ids: str) -> None:
        """What the rows of these ids have in common; the ids go no further than the search."""
        told = [text.strip() for text in re.split(r"[,;\n]" if re.search(r"[,;\n]", ids) else r"\s+", ids)]
        dataset, given = self.investigation.dataset, [text for text in told if text]
        _ = dataset.frame, dataset.rows, dataset.fingerprint  # as in `_check`

        def show(found: Result) -> None:
            self.complaints = complaints_form(found)

        def compute(tell: Tell) -> Result:
            return find_cohort(dataset, given, tell=tell)

        self._begin(Job("looking for what they have in common", compute, show, self._rank, _of))

    def _forms(self, selection: Predicate) -> dict[str, str]:
        try:
            query = query_text(selection)
        except InputError as exc:
            query = str(exc)
        return {
            "predicate": str(selection),
            "JSON": canonical_json(selection.to_dict()).decode(),
            "pandas": query,
            "SQL": sql_text(selection, self.investigation.dataset.table),
        }


def _of(done: int, steps: int) -> str:
    return f"{done} of {steps}"


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ParameterError(f"{name} is a number", text, "Give 1, for example.")
    return number


def _blank(told: dict[str, Any]) -> dict[str, Any]:
    """What is said of some rows, without numbers where they are fewer than `SMALL_CELL`."""
    if not is_small(told["rows"]):
        return told
    return {name: None if name in {"rows", "mean", "interval"} else value for name, value in told.items()}
