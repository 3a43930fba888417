"""Permutation max-T over a whole cube: what the largest z of any slice would be if there were nothing to find.

The adjusted p-value of a slice is the share of permutations in which *any* slice stands out as much (single-step max-T: Westfall
& Young 1993, algorithm 2.8). The cube's slices stay as they are, so a permutation only adds up again; many go through the rows
together.

One window: the losses are permuted over the rows; z is a slice's sum in units of its spread under that. Two windows: the windows
are permuted, so that a slice that always was worse stays so and features and losses keep together; z is the covariance of loss
and window inside the slice, after the overall change is taken out. Both are one-sided: only worse counts.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from workbench.analysis.slices.adders import Adder, BitAdder, ChannelAdder, blocks_of, is_addressable
from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.enumeration import threads
from workbench.analysis.slices.infer import Adjustment
from workbench.errors import ParameterError

PERMUTATIONS = 199
"""Made unless told otherwise: an adjusted p-value near 0.05 then has a standard error of 0.015."""
AUTOMATIC = 5e9
"""Steps up to which they are made unasked: about a second on two cores."""
TOGETHER = 32
"""Permutations in one pass."""
WORST = 5
"""Slices of each permutation whose bins are refined as the reported ones' are."""

Tell = Callable[[int, int], None]
"""Called with permutations done and to do; an exception it raises ends them."""


def cost(cube: SliceCube, rows: int, permutations: int) -> float:
    """Steps that so many permutations take: 64 rows of a 0/1 loss at once, or one number added up."""
    if is_counted(cube):
        return len(cube) * rows / 64 * permutations * (1 if cube.windows == 1 else 3)
    return len(blocks_of(cube)) * rows * permutations * float(cube.windows)


def is_cheap(cube: SliceCube, rows: int) -> bool:
    """Whether `PERMUTATIONS` are made unasked."""
    return cost(cube, rows, PERMUTATIONS) <= AUTOMATIC and (is_counted(cube) or is_addressable(cube))


def is_counted(cube: SliceCube) -> bool:
    """Whether the loss is 0 or 1 and rows count alike: then permutations count bits."""
    return cube.share and cube.held.rows is cube.held.counts


def permute(
    cube: SliceCube,
    codes: np.ndarray,
    values: np.ndarray,
    *,
    window: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    tell: Tell | None = None,
) -> Adjustment:
    """The largest z in each of so many permutations, and the z of each slice as the data are.

    Parameters
    ----------
    codes, values, window, weights
        As in `build_cube`; one measure. With weights, what is permuted is weight times loss around the mean.
    """
    if permutations < 1:
        raise ParameterError("no number of permutations", permutations, f"Give 1 or more, such as {PERMUTATIONS}.")
    known = known_rows(values, weights)
    if not known.all():
        codes, values = codes[:, known], values[known]
        window, weights = (part if part is None else part[known] for part in (window, weights))
    rng = np.random.default_rng(seed)
    maxima: list[np.ndarray] = []
    worst: list[np.ndarray] = []
    refinable = _refinable_slices(cube)
    with ThreadPoolExecutor(threads()) as pool:
        adder = BitAdder(cube, codes, pool) if is_counted(cube) else ChannelAdder(cube, codes, pool)
        z = _OneWindow(adder, values, weights) if window is None else _TwoWindows(adder, values, window == 1, weights)
        for start in range(0, permutations, TOGETHER):
            size = min(TOGETHER, permutations - start)
            drawn = z.permuted(size, rng)
            maxima.append(drawn.max(axis=0, initial=-np.inf))
            worst.append(_worst(drawn, refinable))
            if tell is not None:
                tell(start + size, permutations)
        observed = z.observed()
    found = np.concatenate(maxima)
    return Adjustment(cube.examined, np.sort(found), observed, found, np.concatenate(worst))


def known_rows(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The rows that are permuted: those on which the loss is defined and that weigh anything."""
    defined = ~np.isnan(values)
    return np.asarray(defined if weights is None else defined & (weights > 0))


def to_permute(cube: SliceCube, values: np.ndarray, window: np.ndarray | None, weights: np.ndarray | None) -> np.ndarray:
    """What is permuted over the rows: the windows (true is the current one), or the losses."""
    if window is not None:
        return window
    return np.asarray(values == 1) if is_counted(cube) else residuals(values, None, weights)


def is_refinable(cube: SliceCube, member: int, code: int) -> bool:
    """Whether a condition is one of a column's bins, which a range can replace."""
    coding = cube.codings[member]
    return coding.edges is not None and coding.function is None and code > 0


def _refinable_slices(cube: SliceCube) -> np.ndarray:
    """The slices with a bin among their conditions."""
    binned = np.array([coding.edges is not None and coding.function is None for coding in cube.codings] + [False])
    return np.flatnonzero((binned[cube.members] & (cube.codes > 0)).any(axis=1))


def _worst(z: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The `WORST` slices of `among` with the largest z in each permutation, shape (permutations, WORST at most)."""
    kept = min(WORST, len(among))
    return np.asarray(among[np.argpartition(-z[among], kept - 1, axis=0)[:kept].T] if kept else np.empty((z.shape[1], 0), int))


class _OneWindow:
    """z when the losses are permuted over the rows."""

    def __init__(self, adder: Adder, values: np.ndarray, weights: np.ndarray | None) -> None:
        self.adder = adder
        self.values = values.astype(bool) if adder.counts_bits else residuals(values, None, weights)
        self.inside = adder.add(np.ones((1, len(values)), self.values.dtype))
        size = max(len(values), 1)
        self.variance = np.var(self.values) * self.inside * (1 - self.inside / size) * size / max(size - 1, 1)

    def permuted(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """In `size` permutations, shape (slices, size)."""
        return self._z(np.array([rng.permutation(self.values) for _ in range(size)]))

    def observed(self) -> np.ndarray:
        """As the data are, shape (slices,)."""
        return self._z(self.values[None, :])[:, 0]

    def _z(self, drawn: np.ndarray) -> np.ndarray:
        excess = self.adder.add(drawn) - self.values.mean(dtype=float) * self.inside
        return _standardized(excess, np.broadcast_to(self.variance, excess.shape))


class _TwoWindows:
    """z when the windows are permuted over the rows."""

    def __init__(self, adder: Adder, values: np.ndarray, window: np.ndarray, weights: np.ndarray | None) -> None:
        self.adder, self.window = adder, window
        if adder.counts_bits:
            hit = values == 1
            self.parts = np.array([hit, ~window, window])
            self.factors = np.array([1.0, -_mean(hit[~window]), -_mean(hit[window])])
            numbers = adder.add(np.array([hit & ~window, hit & window, ~window, window]))
            means = -self.factors[1:]
            self.rows = numbers[:, 2:].sum(axis=1, keepdims=True)
            total = (numbers[:, :2] - means * numbers[:, 2:]).sum(axis=1, keepdims=True)
            squares = (numbers[:, :2] * (1 - 2 * means) + means**2 * numbers[:, 2:]).sum(axis=1, keepdims=True)
        else:
            own = residuals(values, window, weights)
            self.parts, self.factors = np.array([own]), np.ones(1)
            self.rows, total, squares = np.hsplit(adder.add(np.array([np.ones(len(own)), own, own**2])), 3)
        self.mean = total / self.rows
        self.scatter = np.maximum(squares - total**2 / self.rows, 0)

    def permuted(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """In `size` permutations, shape (slices, size)."""
        return self._z(np.array([rng.permutation(self.window) for _ in range(size)]))

    def observed(self) -> np.ndarray:
        """As the data are, shape (slices,)."""
        return self._z(self.window[None, :])[:, 0]

    def _z(self, windows: np.ndarray) -> np.ndarray:
        sums = [self.adder.add(windows & part if part.dtype == bool else windows * part) for part in self.parts]
        moved = np.tensordot(self.factors, np.array(sums), axes=1)
        inside = sums[1] + sums[2] if self.adder.counts_bits else self.adder.add(windows.astype(float))
        return _standardized(moved - self.mean * inside, self.scatter * inside * (self.rows - inside) / self.rows**2)


def residuals(values: np.ndarray, window: np.ndarray | None, weights: np.ndarray | None) -> np.ndarray:
    """The losses around the mean of their window, times their weight."""
    weight = np.ones(len(values)) if weights is None else weights
    found = np.zeros(len(values))
    for inside in [np.ones(len(values), bool)] if window is None else [~window, window]:
        if inside.any():
            found[inside] = weight[inside] * (values[inside] - np.average(values[inside], weights=weight[inside]))
    return found


def _mean(hit: np.ndarray) -> float:
    return float(hit.mean()) if hit.size else 0.0


def _standardized(excess: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """`excess` in standard errors; 0 where nothing varies."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(variance > 1e-9 * variance.max(initial=1e-300), excess / np.sqrt(variance), 0.0))
