"""Does the search find what is there, and only that? The same search on permuted losses, and with slices planted in the data.

Permuting the losses over the rows leaves nothing to be found: what is found then is chance. Planting raises the loss of a random
slice by a known amount: what is not found then is missed. Both say what a finding of the real search is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.losses import row_loss
from workbench.analysis.slices import SliceResult, find_slices
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.result import Result, provenance

RUNS: Final = 20
EFFECTS: Final = (0.25, 0.5, 1.0)
LEVEL: Final = 0.05
SAME: Final = 0.5
"""Two slices whose rows have this Jaccard similarity or more are one finding."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Search:
    """The search that is checked: the rows that have a loss, their features, and how it is asked."""

    dataset: Dataset
    features: tuple[str, ...]
    level: int
    min_support: float
    top: int
    score: str | None

    def run(self, losses: np.ndarray, tell: Tell | None) -> SliceResult:
        """Search again with other losses on the same rows."""
        return find_slices(self.dataset, losses, level=self.level, min_support=self.min_support, top=self.top,
                           score=self.score, permutations=0, details=False, tell=tell)  # fmt: skip


def counter_check(
    dataset: Dataset,
    loss: str | np.ndarray = "error",
    *,
    features: Sequence[str] | None = None,
    level: int = 3,
    min_support: float = 0.01,
    top: int = 10,
    score: str | None = None,
    runs: int = RUNS,
    effects: Sequence[float] = EFFECTS,
    seed: int = 0,
    tell: Tell | None = None,
) -> Result:
    """Search the data with permuted losses, and with planted slices.

    Parameters
    ----------
    loss, features, level, min_support
        As `find_slices` has them; one window.
    top, score
        A planted slice counts as found where one of the first so many distinct slices under this score has Jaccard similarity 0.5
        or more with it, and its adjusted p (Bonferroni) is 0.05 at most.
    runs
        Permutations, and planted slices per effect.
    effects
        By how much the mean loss of a planted slice is raised, in standard deviations of the loss. A loss of 0 and 1 is raised by
        turning zeros into ones, at most all of them.
    seed
        For permutations and plants.
    tell
        Called with the searches done and all there are, several times in each; raise from it to cancel.

    Returns
    -------
    Result
        Table ``permuted``, one row per run: the best slice's z, effect and adjusted p. Table ``planted``, one row per effect:
        slices planted, ``found``, ``recall`` with its 95 % interval (Wilson), mean rise achieved. ``numbers``: ``best_z`` of the
        real search, ``p`` = (1 + permuted runs with a z as large) / (1 + runs), ``false_findings`` = share of permuted runs with
        an adjusted p of 0.05 or less.

    Raises
    ------
    InputError
        Where the search is refused, the loss may be negative, or no slice can be planted.
    """
    values = row_loss(dataset, loss).values
    columns = tuple(features if features is not None else dataset.features)
    rows = dataset.frame.loc[~np.isnan(values), list(columns)].reset_index(drop=True)
    search = Search(open_dataset(rows, {"features": list(columns)}), columns, level, min_support, top, score)
    values = values[~np.isnan(values)]
    rng = np.random.default_rng(seed)
    done, all_searches = 0, 1 + runs * (1 + len(effects))

    def said(*_: int) -> None:
        if tell is not None:
            tell(done, all_searches)

    def told(losses: np.ndarray) -> SliceResult:
        nonlocal done
        found = search.run(losses, said)
        done += 1
        said()
        return found

    real = told(values)
    permuted = pd.DataFrame([{"run": run, **_best(told(rng.permutation(values)))} for run in range(1, runs + 1)])
    planted = pd.DataFrame([_recall(told, search, real, values, effect, runs, rng) for effect in effects])
    best = _best(real)["z"]
    arguments = {"loss": loss if isinstance(loss, str) else "given", "features": search.features, "level": level,
                 "min_support": min_support, "top": top, "score": score, "runs": runs, "effects": effects,
                 "roles": dataset.given.said()}  # fmt: skip
    return Result(
        kind="countercheck",
        title="The same search with nothing to find, and with something planted",
        tables={"permuted": permuted, "planted": planted},
        numbers={"rows": dataset.rows, "counted": real.numbers["counted"], "best_z": best,
                 "p": float((1 + (permuted["z"] >= best).sum()) / (1 + runs)),
                 "false_findings": float((permuted["p_adjusted"] <= LEVEL).mean())},
        where=dataset.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )  # fmt: skip


def _best(found: SliceResult) -> dict[str, float]:
    """The slice of the largest z; z 0 and p 1 where none is worse than the rest."""
    table = found.top(1, score="z")
    if table.empty:
        return {"z": 0.0, "effect": 0.0, "p_adjusted": 1.0}
    row = table.iloc[0]
    return {"z": float(row["score"]), "effect": float(row["effect"]), "p_adjusted": float(row["p_adjusted"])}


def _recall(  # noqa: PLR0917  one row of a table
    run: Callable[[np.ndarray], SliceResult],
    search: Search,
    real: SliceResult,
    values: np.ndarray,
    effect: float,
    runs: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """How many of `runs` slices, each raised by `effect` in losses that are otherwise permuted, the search finds."""
    if real.cube is None or not len(real.cube):
        raise InputError("no slice to plant in", f"support {search.min_support}", "Lower the support, or give more features.")
    hits, rises = 0, []
    for _ in range(runs):
        where = real.cube.where(int(rng.integers(len(real.cube))))
        inside = where.mask(search.dataset.frame)
        losses = rng.permutation(values)
        raised = _raise(losses, inside, effect * float(values.std()), rng)
        rises.append(float(raised[inside].mean() - losses[inside].mean()))
        hits += _is_found(run(raised), search.dataset.frame, inside)
    low, high = stats.wilson(hits, runs)
    return {"effect": effect, "planted": runs, "found": hits, "recall": hits / runs, "low": float(low), "high": float(high),
            "rise": float(np.mean(rises))}  # fmt: skip


def _raise(losses: np.ndarray, inside: np.ndarray, by: float, rng: np.random.Generator) -> np.ndarray:
    """`losses` with the mean inside raised by `by`, as far as a loss of 0 and 1 allows."""
    if not np.isin(losses, (0, 1)).all():
        return losses + by * inside
    zeros = np.flatnonzero(inside & (losses == 0))
    turned = rng.choice(zeros, min(len(zeros), round(by * int(inside.sum()))), replace=False)
    raised = losses.copy()
    raised[turned] = 1
    return raised


def _is_found(found: SliceResult, frame: pd.DataFrame, inside: np.ndarray) -> bool:
    table = found.tables["distinct"]
    for where in table.loc[table["p_adjusted"] <= LEVEL, "slice"]:
        mask = Predicate.parse(where).mask(frame)
        if (mask & inside).sum() >= SAME * (mask | inside).sum():
            return True
    return False
