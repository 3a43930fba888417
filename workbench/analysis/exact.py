"""Fisher's exact test as mid-p, for tens of thousands of 2 x 2 tables at once, with up to millions of rows in each.

Used by `stats.two_proportions` where counts are too small for an approximation. Probabilities are taken in logarithms and tails
summed by the ratio of neighbours, so that small p-values keep their digits.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from workbench.errors import ParameterError

Floats = NDArray[np.float64]

TIE = 1e-7
"""Two tables whose probabilities differ by less than this share are equally likely (the tolerance of R's ``fisher.test``)."""


def fisher_mid_p(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike) -> Floats:
    """Two-sided mid-p-value of Fisher's exact test: tables less likely than the observed, plus half of those as likely.

    Closer to its nominal level than Fisher's own p, which adds the other half (Lancaster 1961, JASA 56:223; Hirji 2006).
    NaN where a sample is empty; 1 where all, or none, of the trials succeeded: such margins allow only one table.
    """
    first, size1, second, size2 = np.broadcast_arrays(*(np.asarray(count, np.float64) for count in (k1, n1, k2, n2)))
    wrong = (first < 0) | (first > size1) | (second < 0) | (second > size2)
    for count in (first, size1, second, size2):
        wrong = wrong | ((count != np.floor(count)) & ~np.isnan(count))
    if wrong.any():
        table = tuple(float(count[wrong][0]) for count in (first, size1, second, size2))
        raise ParameterError("no such table of successes and trials", table, "Pass whole counts, 0 <= successes <= trials")
    total, size = first + second, size1 + size2
    p = np.where((size1 > 0) & (size2 > 0) & ~np.isnan(total), 1.0, np.nan)
    informative = ~np.isnan(p) & (total > 0) & (total < size)
    if informative.any():
        p[informative] = _mid_p(first[informative], size1[informative], total[informative], size[informative])
    return p


def _mid_p(k: Floats, n1: Floats, total: Floats, size: Floats) -> Floats:
    """Mid-p of `k` successes among `n1`, where `total` of `size` succeed: flat arrays, more than one table possible.

    Mirrored so that `k` is at or right of the mode. The near tail begins at `k`, the far one at the last table left of the mode
    that is no more likely than `k`, found by bisection.
    """
    mirrored = k < np.floor((n1 + 1) * (total + 1) / (size + 2))
    k, n1 = np.where(mirrored, total - k, k), np.where(mirrored, size - n1, n1)
    mode, n2 = np.floor((n1 + 1) * (total + 1) / (size + 2)), size - n1
    lowest, observed = np.maximum(0, total - n2), _log_probability(k, n1, total, n2)
    far, not_far = lowest - 1, np.minimum(mode, k - 1) + 1
    while (not_far - far > 1).any():
        middle = np.floor((far + not_far) / 2)
        rare = _log_probability(middle, n1, total, n2) <= observed + TIE
        far, not_far = np.where(rare, middle, far), np.where(rare, not_far, middle)
    p = np.exp(observed) * (_tail(k, n1, total, n2) - 0.5)
    some = far >= lowest
    far, n1, total, n2 = far[some], n1[some], total[some], n2[some]
    log_far = _log_probability(far, n1, total, n2)
    half = np.where(np.abs(log_far - observed[some]) <= TIE, 0.5, 0)
    p[some] += np.exp(log_far) * (_tail(total - far, n2, total, n1) - half)
    return np.minimum(p, 1)


def _log_probability(k: Floats, n1: Floats, total: Floats, n2: Floats) -> Floats:
    """Log of the hypergeometric probability of `k` among `n1` and `total - k` among `n2`; -inf for an impossible `k`."""
    lnfac = _log_factorial
    ways = lnfac(n1) + lnfac(n2) + lnfac(total) + lnfac(n1 + n2 - total) - lnfac(n1 + n2)
    result: Floats = ways - lnfac(k) - lnfac(n1 - k) - lnfac(total - k) - lnfac(n2 - total + k)
    return result


def _log_factorial(n: Floats) -> Floats:
    result: Floats = special.gammaln(n + 1)
    return result


def _tail(k: Floats, n1: Floats, total: Floats, n2: Floats) -> Floats:
    """Sum of the probabilities of `k` and beyond, divided by the probability of `k`, which is at or right of the mode."""
    term, tail = np.ones_like(k), np.ones_like(k)
    while (term > 1e-17 * tail).any():
        term = term * ((n1 - k) * (total - k) / ((k + 1) * (n2 - total + k + 1)))
        tail, k = tail + term, k + 1
    return tail
