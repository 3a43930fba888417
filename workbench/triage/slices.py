"""Slices alone: one search whose findings go into the same ``findings.json`` as triage's."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from workbench.analysis.countercheck import Tell, counter_check
from workbench.analysis.losses import COST
from workbench.analysis.slices import SliceResult, find_slices
from workbench.analysis.slices.find import TOP
from workbench.analysis.slices.store import write_cube
from workbench.analysis.worklist import make_worklist
from workbench.data.dataset import Dataset
from workbench.digest import to_plain
from workbench.errors import InputError
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import Result
from workbench.triage.checks.slices import tell_slices, worth_telling
from workbench.triage.files import RESULTS, write_triage
from workbench.triage.rank import rank
from workbench.triage.run import Outcome, Triage, conclude, make_context

CUBE: Final = "slices.parquet"
COUNTERCHECK: Final = "countercheck"
"""What the result of `check_search` is called beside the findings."""
SURE: Final = 0.05
"""Family-wise over all slices that were counted."""
RUNS: Final = 10
"""Of each kind in `check_search`: 41 searches."""


def search_slices(
    dataset: Dataset,
    *,
    reference: Predicate | Dataset | None = None,
    current: Predicate | None = None,
    loss: str | None = None,
    level: int = 3,
    min_support: float = 0.01,
    seed: int = 0,
) -> tuple[SliceResult, Triage]:
    """The slices, and as findings those that are no chance (`SURE`) and large enough to be worth telling.

    The findings' intervals allow for the search (`workbench.analysis.slices.winners`); the table keeps the plain ones too.

    Parameters
    ----------
    dataset, reference, current, seed
        As `workbench.triage.run.triage` takes them.
    loss, level, min_support
        As `workbench.analysis.slices.find_slices` takes them.

    Raises
    ------
    InputError
        For a window of fewer than two rows, and whatever `find_slices` refuses.
    """
    start = time.perf_counter()
    context = make_context(dataset, reference, current, seed=seed)
    result = find_slices(context.subject, loss or None, None, level, min_support, context.reference, seed=seed)
    table = result.tables["distinct"]
    table = worth_telling(result, table[table["p_adjusted"] <= SURE])
    result, told = tell_slices(result, context.subject, table, most=TOP, chance=SURE, seed=seed)
    evidence = result.digest
    adjusted = [max(float(p), finding.p or 0.0) for finding, p in zip(told, table["p_adjusted"], strict=True)]
    sure = [(finding, p) for finding, p in zip(told, adjusted, strict=True) if p <= SURE]
    findings = rank([replace(finding, p_adjusted=p, check="slices", evidence=evidence) for finding, p in sure], [])
    outcome = Outcome("slices", "ran", "", round(time.perf_counter() - start, 3))
    arguments = {"slices": result.provenance["arguments"], "sure": SURE, "roles": dataset.given.said()}
    return result, conclude(
        dataset, context, findings, [outcome], {"slices": result}, reference=reference, current=current, arguments=arguments
    )


def slice_worklist(
    result: SliceResult,
    found: Triage,
    dataset: Dataset,
    *,
    reference: Predicate | Dataset | None = None,
    current: Predicate | None = None,
) -> Result:
    """What to do about the slices that `search_slices` found in these windows, by the same loss."""
    wheres = [finding.where for finding in found.findings]
    return make_worklist(make_context(dataset, reference, current).subject, wheres, loss=str(result.numbers["loss"]))


def check_search(
    result: SliceResult,
    dataset: Dataset,
    *,
    reference: Predicate | Dataset | None = None,
    current: Predicate | None = None,
    inside: Predicate = ALL_ROWS,
    level: int | None = None,
    least: float | None = None,
    score: str | None = None,
    runs: int = RUNS,
    tell: Tell | None = None,
) -> Result:
    """`workbench.analysis.countercheck.counter_check` of a search: its loss, its columns, its current rows as one window.

    Parameters
    ----------
    result
        Fresh from the search.
    dataset, reference, current
        What was searched, as `search_slices` takes it.
    inside
        The part of the rows that is checked.
    level, least
        Most conditions, and least support as ``min_support`` is given; None: as the search had them.
    score
        What the search is ranked by; None, or ``change``, which one window has not: as `find_slices` ranks one window.
    runs, tell
        As `workbench.analysis.countercheck.counter_check` takes them.

    Raises
    ------
    InputError
        If the result was read from a file, the loss was an array or had costs of its own, and whatever the check refuses.
    """
    arguments = result.provenance["arguments"]
    if result.coded is None or not isinstance(arguments, dict):
        raise InputError("this result has its tables only, not the rows", result.title, "Search again to check the search.")
    loss = str(arguments["loss"])
    if loss == "given" or (loss == "cost" and arguments["cost"] != to_plain(COST)):
        raise InputError("a counter-check needs a loss that a name says", loss, "Search by a measure or a column.")
    return counter_check(
        make_context(dataset, reference, current).subject.select(inside), loss,
        features=list(dict.fromkeys(coding.column for coding in result.coded.codings)),
        level=level or int(str(arguments["level"])), min_support=least or float(str(arguments["min_support"])),
        top=int(str(arguments["top"])), score=None if score == "change" else score, runs=runs,
        seed=int(str(result.provenance["seed"])), tell=tell,
    )  # fmt: skip


def beside(found: Triage, checked: Result) -> Triage:
    """The findings with the counter-check of their search, so that `write_slices` stores it beside them."""
    checks = (*found.checks, Outcome(COUNTERCHECK, "ran"))
    return replace(found, checks=checks, results={**found.results, COUNTERCHECK: checked})


def write_slices(result: SliceResult, found: Triage, out: str | Path) -> str:
    """Write ``findings.json``, the result and, as parquet, the cube as others may see it, into the folder `out`.

    Returns
    -------
    str
        The digest of the cube's file.

    Raises
    ------
    InputError
        If the result was read from a file.
    StorageError
        If the folder cannot be written.
    """
    if result.cube is None:
        raise InputError("this result has its tables only, not the cube", result.title, "Search again to write the cube.")
    path = write_triage(found, out).with_name(RESULTS) / CUBE
    return write_cube(result.cube, path, published=True)
