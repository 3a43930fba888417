"""Aequitas's audit, in an environment that has it (and pandas 2): prints versions, seconds and rates by group as JSON."""

import json
import sys
import time
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd

RATES = {
    "selection_rate": "pprev", "base_rate": "prev", "tpr": "tpr", "fpr": "fpr", "fnr": "fnr", "tnr": "tnr",
    "ppv": "precision", "accuracy": "accuracy",
}  # fmt: skip
"""Our measure to Aequitas's name of it."""
REPEATS = 3


def audited(data: pd.DataFrame, attributes: list[str]) -> tuple[float, float, pd.DataFrame]:
    """Seconds to join the attributes to intersections, seconds of the audit, and its rates by group."""
    from aequitas import Audit

    start = time.perf_counter()
    first, *others = (data[attribute] for attribute in attributes)
    joined = data.assign(both=first.str.cat(others, sep=", "))
    made = time.perf_counter()
    audit = Audit(joined, label_column="y", score_column="p", sensitive_attribute_column=[*attributes, "both"])
    audit.audit()
    return made - start, time.perf_counter() - made, audit.metrics_df


def main(path: str) -> None:
    """Audit the rows of `path` a few times and keep the fastest."""
    warnings.simplefilter("ignore")
    stored = np.load(path)
    attributes = [name for name in stored.files if name not in ("y", "p")]
    data = pd.DataFrame({name: stored[name].astype(object) for name in attributes} | {"y": stored["y"], "p": stored["p"]})
    runs = [audited(data, attributes) for _ in range(REPEATS)]
    joining, seconds, table = min(runs, key=lambda run: run[1])
    table = table[table["attribute_name"] == "both"].set_index("attribute_value")
    print(json.dumps({
        "versions": {name: version(name) for name in ("aequitas", "pandas", "numpy")},
        "joining": joining, "seconds": seconds,
        "rates": {measure: table[name].astype(float).to_dict() for measure, name in RATES.items()},
    }))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
