"""Top slices by pysubgroup's Apriori and SliceLine's score, in an environment that has it (numpy below 2).

Prints its version, seconds and MB above the data.
"""

import resource
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import pysubgroup as ps

ALPHA = 0.95
NONE = -1e9


class SliceLineScore(ps.SimplePositivesQF):
    """SliceLine's score as a quality function, with the tight optimistic estimate for a loss of 0 and 1."""

    def __init__(self, support: int) -> None:
        super().__init__()
        self.support = support

    def score(self, size: Any, hits: Any) -> Any:
        """Of slices with so many rows and errors; as good as none below the support."""
        whole = self.dataset_statistics
        average = whole.positives_count / whole.size_sg
        with np.errstate(all="ignore"):
            scores = ALPHA * (hits / size / average - 1) - (1 - ALPHA) * (whole.size_sg / size - 1)
        return np.where(size >= self.support, scores, NONE)

    def evaluate(self, subgroup: Any, target: Any, data: Any, statistics: Any = None) -> Any:
        """The score."""
        found = self.ensure_statistics(subgroup, target, data, statistics)
        return self.score(np.asarray(found.size_sg, float), found.positives_count)

    def optimistic_estimate(self, subgroup: Any, target: Any, data: Any, statistics: Any = None) -> Any:
        """The best score of any part of it."""
        found = self.ensure_statistics(subgroup, target, data, statistics)
        rows, hits = np.asarray(found.size_sg, float), found.positives_count
        sizes = (np.full_like(rows, self.support), np.clip(hits, self.support, np.maximum(rows, self.support)), rows)
        best = np.max([self.score(size, np.minimum(size, hits)) for size in sizes], axis=0)
        return np.where(rows >= self.support, best, NONE)


def main(path: str, top: int, support: float) -> None:
    """Search and time it."""
    data = np.load(path)
    frame = pd.DataFrame({f"c{number}": column for number, column in enumerate(data["codes"])})
    frame["loss"] = data["loss"].astype(bool)
    target = ps.BinaryTarget(target_attribute="loss", target_value=True)
    selectors = [ps.EqualitySelector(name, value) for name in frame.columns[:-1] for value in sorted(frame[name].unique())]
    task = ps.SubgroupDiscoveryTask(
        frame, target, selectors, result_set_size=top, depth=3, qf=SliceLineScore(int(support * len(frame)))
    )  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    ps.Apriori().execute(task)
    taken = time.perf_counter() - start
    print(version("pysubgroup"), taken, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
