"""Does a rate differ between groups of people? Measures per group and intersection, with intervals at any size.

In the order in which the numbers come about: `cells` counts rows in one pass, `counts` and `scores` add them up to groups,
`estimates` makes measures with intervals of them, `reference` chooses whom to compare with, `tables` lays all out, and
`measure` is the whole. Beside the tables: `power` (was there data enough), `rule` (how often the four-fifths rule cries wolf),
`resamples` and `bootstrap` (lowest and highest of all), `shrinkage` (tiny groups), `conditional` (within strata), `policy`
(lines that rules draw), `missing` (attributes that are not known).
"""

from workbench.analysis.disparity.cells import Cells, count_cells
from workbench.analysis.disparity.counts import GroupCounts, count_groups
from workbench.analysis.disparity.measure import measure_disparity
from workbench.analysis.disparity.missing import missing_attribute
from workbench.analysis.disparity.policy import policy_names
from workbench.analysis.disparity.reference import EVERYBODY_ELSE, LARGEST, MOST_FAVORED, REFERENCES

__all__ = [
    "EVERYBODY_ELSE",
    "LARGEST",
    "MOST_FAVORED",
    "REFERENCES",
    "Cells",
    "GroupCounts",
    "count_cells",
    "count_groups",
    "measure_disparity",
    "missing_attribute",
    "policy_names",
]
