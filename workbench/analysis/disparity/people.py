"""How many people a group holds, where rows are not people: distinct ``row_id``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.analysis.disparity.cells import encode
from workbench.analysis.disparity.counts import GroupCounts
from workbench.data.content import totals
from workbench.data.dataset import Dataset


def people_by_level(dataset: Dataset, levels: Sequence[GroupCounts]) -> list[np.ndarray | None]:
    """Distinct ``row_id`` per group of each level, shapes (groups,); None without that role."""
    if not dataset.has("row_id"):
        return [None] * len(levels)
    ids: Any = dataset.table[dataset.require("row_id")]
    distinct, present = totals(dataset.table, [ids.nunique(), ids.count()])
    if distinct == present == int(levels[0].n.sum()):
        return [counts.n.astype(int) for counts in levels]
    return [_distinct_ids(dataset, counts) for counts in levels]


def _distinct_ids(dataset: Dataset, counts: GroupCounts) -> np.ndarray:
    ids: Any = dataset.table[dataset.require("row_id")]
    counted = dataset.table.group_by(list(counts.attributes)).aggregate(ids.nunique().name("people of the group")).to_pyarrow()
    keys = [(codes, values) for codes, values in (encode(counted[attribute]) for attribute in counts.attributes)]
    groups = zip(*([values[code] for code in codes.tolist()] for codes, values in keys), strict=True)
    found = dict(zip(groups, counted["people of the group"].to_pylist(), strict=True))
    return np.asarray([found.get(values, 0) for values in counts.values], dtype=int)
