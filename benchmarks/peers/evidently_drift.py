"""The data-drift preset of evidently, in an environment that has it.

Each line of standard input names two parquet files, ``{"before": PATH, "now": PATH}``; each line of the answer lists the columns
with how far beyond the preset's own threshold they lie: from 1 on, the preset calls them drifted.
"""

import json
import re
import sys
import warnings

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

NAME = re.compile(r"ValueDrift\(column=(?P<column>.*),method=(?P<method>.*),threshold=(?P<threshold>[\d.]+)\)$")
LEAST_P = 1e-300


def drifted(before: pd.DataFrame, now: pd.DataFrame) -> list[dict[str, object]]:
    """Each column that the preset judged, and its distance (or, of a p-value, the threshold) in parts of the other."""
    found: list[dict[str, object]] = []
    for metric in Report([DataDriftPreset()]).run(now, before).dict()["metrics"]:
        told = NAME.match(metric["metric_name"])
        if told is None:
            continue
        value, threshold = float(metric["value"]), float(told["threshold"])
        beyond = threshold / max(value, LEAST_P) if "p_value" in told["method"] else value / threshold
        found.append({"column": told["column"], "beyond": beyond})
    return found


def main() -> None:
    """Answer each question."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        asked = json.loads(line)
        columns = drifted(pd.read_parquet(asked["before"]), pd.read_parquet(asked["now"]))
        print(json.dumps({"columns": columns}), flush=True)


if __name__ == "__main__":
    main()
