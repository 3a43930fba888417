"""What data would tell: for each question that a run of triage could not answer, what to fetch, and how many rows of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd
from scipy import special

from workbench.analysis.disparity.power import NOT_ENOUGH, POWER
from workbench.analysis.measures import LABELS
from workbench.data.dataset import Dataset
from workbench.result import Finding, Result, provenance
from workbench.result.cells import is_small
from workbench.triage.run import ENOUGH_ROWS, Triage

EFFECT: Final = 0.05
ALPHA: Final = 0.05
MOST_GROUPS: Final = 10
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "integrity": ("time",),
    "causes": ("time",),
    "disparity": ("groups", "prediction", "favorable"),
    "slices": ("label", "prediction"),
    "lineage": ("time",),
}
"""The roles that a check reads beside the features."""
COLUMNS: Final = ("part", "why", "columns", "query", "n", "have", "suppressed")


def what_would_tell(dataset: Dataset, found: Triage, *, effect: float = EFFECT) -> Result:
    """For each check that did not run, small group and finding without a beginning: the data that would do.

    Parameters
    ----------
    dataset
        The decision log that was triaged.
    found
        What triage said of it.
    effect
        The smallest change of a share that matters, in (0, 1]; it sets how many rows are enough.

    Returns
    -------
    Result
        Of kind ``would_tell`` with the table ``needed``: ``part`` (the check, group or finding), ``why`` it could not tell,
        ``columns`` to fetch (empty: none beside what is there), ``query`` (of which rows, as a predicate or in words), ``n``
        (rows wanted of them; null where no number of rows helps), ``have`` and ``suppressed``.
    """
    smallest = min(found.examined, dataset.rows)
    rows = [*_of_checks(dataset, found, effect, smallest), *_of_groups(found), *_of_beginnings(dataset, found)]
    rows += _of_versions(found)
    arguments = {"effect": effect, "alpha": ALPHA, "power": POWER, "roles": dataset.given.said()}
    return Result(
        kind="would_tell",
        title="What data would tell",
        tables={"needed": pd.DataFrame(rows, columns=list(COLUMNS))},
        numbers={"rows": dataset.rows},
        provenance=provenance(arguments, seed=None, fingerprint=dataset.fingerprint),
    )


def rows_to_see(step: float, rate: float = 0.5, alpha: float = ALPHA) -> int:
    """Rows in each of two windows so that a share that moves by `step` from `rate` shows with power 0.8.

    n = (z_{alpha/2} + z_power)^2 (p q + p' q') / step^2 (Fleiss, Levin & Paik 2003, ch. 4, without the continuity correction);
    `rate` 0.5 asks for the most.
    """
    moved = min(1.0, max(0.0, rate + step))
    z = special.ndtri(1 - alpha / 2) + special.ndtri(POWER)
    return math.ceil(float(z) ** 2 * (rate * (1 - rate) + moved * (1 - moved)) / step**2)


def _of_checks(dataset: Dataset, found: Triage, effect: float, have: int) -> Iterator[dict[str, Any]]:
    enough = rows_to_see(effect)
    for check in found.checks:
        if check.status == "ran":
            continue
        lacking = [role for role in NEEDS.get(check.name, ()) if not dataset.has(role)] if check.status == "skipped" else []
        other = "" if lacking else _other_window(check.name, found)
        query = "of every decision, by its row id" if lacking else other
        n = enough if query and check.name != "lineage" else None
        yield _row(check.name, check.why, query, n=n, have=0 if other else have, columns=lacking)
    if have < ENOUGH_ROWS:
        yield _row("all checks", f"fewer than {ENOUGH_ROWS} rows show no absence", "a longer window", n=enough, have=have)


def _other_window(check: str, found: Triage) -> str:
    if check == "lineage":
        return "the pipeline's events of the same time (OpenLineage, MLflow or Marquez)"
    if check == "drift" and found.reference is None:
        return "a reference window: rows that were still good"
    return ""


def _of_groups(found: Triage) -> Iterator[dict[str, Any]]:
    """Groups about which the disparity check had not enough data, each once, the one nearest to enough first."""
    result = found.results.get("disparity")
    table = None if result is None else result.tables.get("disparities")
    if table is None or "evidence" not in table:
        return
    short = table[(table["evidence"] == NOT_ENOUGH) & table["rows_needed"].map(math.isfinite)]
    short = short.sort_values("rows_needed").drop_duplicates("where").head(MOST_GROUPS)
    for row in short.to_dict("records"):
        why = f"too few rows to see a ratio of four fifths in the {LABELS[row['measure']]}"
        who = f"{row['group']} ({row['attributes']})"
        told = _row(who, why, row["where"], n=int(row["rows_needed"]), have=int(row["n"]))
        yield {**told, "suppressed": bool(row["suppressed"])}


def _of_beginnings(dataset: Dataset, found: Triage) -> Iterator[dict[str, Any]]:
    """Findings of which nobody can say since when."""
    for finding in found.findings:
        if finding.onset is not None or finding.explained_by is not None or finding.standing:
            continue
        n, have, small = _rows_around(finding), finding.support, is_small(finding.support)
        why, columns, query = "its beginning cannot be told", [], f"{finding.where}, before and after it began"
        if not dataset.has("time"):
            columns = ["time"]
        elif n is not None and have is not None and have >= n:
            why, query = "no change of it within this log", f"{finding.where}, from before {dataset.role('time').min():%Y-%m-%d}"
            have = 0
        yield {**_row(f"finding {finding.rank}", why, query, n=n, have=have, columns=columns), "suppressed": small}


def _of_versions(found: Triage) -> Iterator[dict[str, Any]]:
    """Mix-ups of versions whose harm is not known: only a version can be asked what it would have decided."""
    for finding in found.findings:
        if finding.cause == "version mix-up" and finding.undone_by != "repaired" and finding.explained_by is None:
            why = "whether its rows would have been decided otherwise takes the other version"
            query = f"{finding.where}, scored again by the version that decided before (a target to triage with)"
            yield {
                **_row(f"finding {finding.rank}", why, query, n=None, have=finding.support),
                "suppressed": is_small(finding.support),
            }


def _rows_around(finding: Finding) -> int | None:
    """Rows on each side of a change as large as the finding's effect, where that is one of shares."""
    share = finding.effect is not None and 0 < abs(finding.effect) < 1 and finding.interval is not None
    return rows_to_see(abs(finding.effect or EFFECT)) if share else None


def _row(part: str, why: str, query: str, *, n: int | None, have: int | None, columns: Sequence[str] = ()) -> dict[str, Any]:
    return {"part": part, "why": why, "columns": ", ".join(columns), "query": query, "n": n, "have": have, "suppressed": False}
