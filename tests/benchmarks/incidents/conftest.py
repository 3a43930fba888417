"""The files of the benchmark are scripts beside each other: they find each other as a script's neighbours do."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "benchmarks" / "incidents"))
