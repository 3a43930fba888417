"""One false-discovery budget for everything a run of triage examined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workbench.analysis.stats import benjamini_hochberg
from workbench.result import Finding


def spend(findings: Sequence[Finding], tests: int, budget: float) -> list[Finding]:
    """The findings that survive Benjamini and Hochberg's procedure at level `budget`, with their adjusted p.

    Parameters
    ----------
    findings
        With raw p; a finding without p is a fact, costs nothing and always stays, and one whose p could not be computed (NaN)
        goes.
    tests
        Hypotheses examined in all; those not listed count as p = 1.
    budget
        Expected share of false findings among those kept, in (0, 1).
    """
    p = np.array([np.nan if finding.p is None else finding.p for finding in findings], dtype=float)
    adjusted = benjamini_hochberg(p, max(tests, int(np.isfinite(p).sum())))
    corrected = [
        finding if finding.p is None else replace(finding, p_adjusted=float(value))
        for finding, value in zip(findings, adjusted, strict=True)
    ]
    return [finding for finding in corrected if finding.p_adjusted is None or finding.p_adjusted <= budget]
