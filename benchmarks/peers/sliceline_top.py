"""Top slices by sliceline, in an environment that has it: prints its version, seconds and MB above the data."""

import resource
import sys
import time
from importlib.metadata import version

import numpy as np
from sliceline.slicefinder import Slicefinder


def main(path: str, top: int, support: float) -> None:
    """Search twice, since the first search compiles, and time the second."""
    data = np.load(path)
    codes, loss = data["codes"].T.astype(int), data["loss"]
    finder = Slicefinder(alpha=0.95, k=top, max_l=3, min_sup=int(support * len(loss)), verbose=False)
    finder.fit(codes[:500], loss[:500] + 1e-9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    finder.fit(codes, loss)
    taken = time.perf_counter() - start
    print(version("sliceline"), taken, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
