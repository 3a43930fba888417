"""The same search inside a part of the rows, with the conditions of the whole search; and what more work says of its slices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from workbench.analysis.slices.budget import VISITS
from workbench.analysis.slices.coding import Coded, complete
from workbench.analysis.slices.cover import distinct_slices
from workbench.analysis.slices.cube import SliceCube, build_cube
from workbench.analysis.slices.enumeration import Tell
from workbench.analysis.slices.find import support
from workbench.analysis.slices.infer import Adjustment, bonferroni
from workbench.analysis.slices.permutation import permute
from workbench.analysis.slices.ranges import RangeFamily
from workbench.analysis.slices.refine import Question, refined_columns
from workbench.analysis.slices.result import Ranking, SliceResult, describe, rank
from workbench.analysis.slices.scores import side
from workbench.analysis.slices.windows import Rows
from workbench.digest import Plain
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.result import provenance


def rows_of(result: SliceResult) -> tuple[Coded, Rows]:
    """What was searched.

    Raises
    ------
    InputError
        If the result was read from a file.
    """
    if result.cube is None or result.coded is None or result.rows is None:
        raise InputError("this result has its tables only, not the rows", result.title, "Search again to explore.")
    return result.coded, result.rows


def search_inside(whole: SliceResult, inside: np.ndarray, scope: Predicate, tell: Tell | None = None) -> SliceResult:
    """The slices among the rows `inside`, with the conditions of the whole search; raise from `tell` to end it."""
    (coded, rows), arguments = rows_of(whole), dict(cast("Mapping[str, Plain]", whole.provenance["arguments"]))
    if not (inside & rows.current).any():
        raise InputError("no row is selected", str(scope), "Take a condition back.")
    part = rows.part(inside, scope)
    least = support(part, float(str(arguments["min_support"])))
    coded = complete(replace(coded, codes=np.ascontiguousarray(coded.codes[:, inside])), part, least)
    codes, usable = coded.codes, coded.usable & _varied(coded.codes)
    cube = build_cube(
        codes, coded.codings, [part.loss.values], level=int(str(arguments["level"])), least=least, window=part.window,
        weights=part.weights, measures=[part.loss.name], usable=usable, budget=VISITS, tell=tell,
    )  # fmt: skip
    adjustment = bonferroni(cube.examined)
    ranking = Ranking(int(str(arguments["top"])))
    table, _ = distinct_slices(cube, codes[:, part.current], adjustment, ranking)
    now = side(cube, -1)
    overall = None if math.isnan(now.overall) else now.overall
    numbers: dict[str, Plain] = {
        "counted": cube.examined, "loss": part.loss.name, "rows": int(np.count_nonzero(part.current)), "overall": overall,
        "spread": None if overall is None else now.spread, "measured": int(cube.totals.rows[-1, 0, 0]), "support": cube.least,
        "complete": cube.complete, "adjustment": adjustment.said(), "permutations": 0, "notices": [], "alpha": ranking.alpha,
    }  # fmt: skip
    return SliceResult(
        kind="slices",
        title=whole.title,
        tables={"slices": describe(cube, adjustment, *rank(cube, ranking.top)), "distinct": table},
        numbers=numbers,
        where=part.where,
        provenance=provenance({**arguments, "inside": scope}, fingerprint=str(whole.provenance["fingerprint"])),
        cube=cube,
        adjustment=adjustment,
        coded=Coded(coded.codings, codes, usable),
        rows=part,
    )


@dataclass(frozen=True, eq=False)
class Sharper:
    """What more work says of what was found: p by permutations, and the exact ranges of some of its slices.

    Attributes
    ----------
    found
        The same slices with that adjustment.
    ranges
        Columns ``refined`` … by slice, see `workbench.analysis.slices.refine.refined_columns`.
    """

    found: SliceResult
    ranges: pd.DataFrame


def sharpen(found: SliceResult, slices: Sequence[str], alpha: float, tell: Tell | None = None) -> Sharper:
    """Permute what was found, unless that was done, and refine `slices` to exact ranges; raise from `tell` to end it.

    Raises
    ------
    InputError
        If the result was read from a file, or the search was pruned.
    """
    coded, rows = rows_of(found)
    cube, adjustment, seed = found.cube, found.adjustment, int(str(found.provenance.get("seed") or 0))
    if cube is None or adjustment is None or not cube.complete:
        raise InputError("a pruned search cannot be permuted", found.title, "Search without prune.")
    if not adjustment.largest.size:
        adjustment = permute(cube, coded.codes, rows.loss.values, window=rows.window, weights=rows.weights, seed=seed, tell=tell)
    places = [place_of(cube, Predicate.parse(where)) for where in slices]
    question = Question(cube, rows, alpha, RangeFamily(cube, coded.codes, rows), permuted=True)
    ranges = refined_columns(question, [place for place in places if place is not None], adjustment, seed, tell)
    ranges.index = pd.Index([where for where, place in zip(slices, places, strict=True) if place is not None])
    numbers: dict[str, Plain] = {"adjustment": adjustment.said(), "permutations": int(adjustment.largest.size)}
    return Sharper(replace(found, adjustment=adjustment, numbers=dict(found.numbers) | numbers), ranges)


def place_of(cube: SliceCube, where: Predicate) -> int | None:
    """The index of a slice; None where it is none of the cube's."""
    known = codes_of(cube)
    pairs = [known.get(str(condition)) for condition in where.conditions]
    return None if None in pairs else cube.find(sorted(pair for pair in pairs if pair is not None))


def codes_of(cube: SliceCube) -> dict[str, tuple[int, int]]:
    """Text of each condition to the position of its column and its code; of a column in parts the first that has it."""
    every = reversed(list(enumerate(cube.codings)))
    return {str(where): (member, code) for member, coding in every for code, where in enumerate(coding.conditions)}


def _varied(codes: np.ndarray) -> np.ndarray:
    """Which columns have more than one code here, shape (columns, 1): a condition that holds for all rows says nothing."""
    return np.array([[bool((column != column[0]).any())] for column in codes])


def narrowed(found: SliceResult, least: float, level: int | None) -> tuple[SliceCube, Adjustment]:
    """Only the slices of `least` rows or more and at most `level` conditions; p stays adjusted for all that were counted."""
    cube, adjustment = found.cube, found.adjustment
    if cube is None or adjustment is None:
        raise InputError("this result has its tables only, not the cube", found.title, "Search again to rank anew.")
    kept = cube.counts[-1] >= least
    if level is not None:
        kept &= cube.levels <= level
    if kept.all():
        return cube, adjustment
    which = np.flatnonzero(kept)
    held = cube.held.take(which)
    if cube.held.rows is cube.held.counts:
        held = replace(held, rows=held.counts)
    narrow = replace(cube, members=cube.members[which], codes=cube.codes[which], held=held, least=max(least, cube.least))
    z = adjustment.z[which] if adjustment.z.size else adjustment.z
    return narrow, replace(adjustment, z=z)
