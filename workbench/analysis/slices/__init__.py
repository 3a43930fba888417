"""Slices: every conjunction of a few base conditions on which the model is worse, or became worse.

Rows become codes (`coding`), losses are packed beside them (`outcome`), the `enumeration` counts every slice above the support
into one `cube`, and everything else is a question asked of it: `scores`, p-values (`infer`, `permutation`), one name per finding
(`cover`), exact ranges (`refine`), what a half that was not searched says (`holdout`). `find_slices` does all of that. Whoever
tells of what was found asks further how large it is, the search allowed for (`winners`), and whether permutations confirm it
(`confirmation`).
"""

from workbench.analysis.slices.cube import SliceCube, build_cube
from workbench.analysis.slices.find import find_slices
from workbench.analysis.slices.result import SliceResult
from workbench.analysis.slices.store import read_cube, write_cube

__all__ = ["SliceCube", "SliceResult", "build_cube", "find_slices", "read_cube", "write_cube"]
