"""What a version's facets say of its content: columns, row counts, column metrics, assertions; and when a number stands out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

from workbench.lineage.event import FacetMap

ROWS: Final = "rows"
LEAST_HISTORY: Final = 3
"""Earlier values from which a usual spread can be told."""
SHORT_HISTORY: Final = 8
"""Fewer values than this tell no median deviation worth the name: their range counts too."""
SPREAD_FLOOR: Final = 0.05
"""The usual spread is taken to be at least this part of the median: counts that were equal so far may differ a little."""
TO_DEVIATION: Final = 1.4826
"""Median absolute deviation times this is the standard deviation of a normal distribution."""


def column_types(facets: FacetMap) -> dict[str, str]:
    """Column to type, nested columns as ``outer.inner``; the empty text where the type is not told."""
    found: dict[str, str] = {}
    waiting = [("", facets.get("schema"))]
    while waiting:
        prefix, part = waiting.pop()
        listed = part.get("fields") if isinstance(part, dict) else None
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                found[prefix + item["name"]] = str(item.get("type") or "")
                waiting.append((f"{prefix}{item['name']}.", item))
    return found


def statistics_of(facets: FacetMap) -> dict[str, float]:
    """``rows`` and ``column.metric`` (``age.min``, ``age.mean``, ``age.p50``) to what the facets of one version say."""
    found: dict[str, float] = {}
    quality, output = facets.get("dataQualityMetrics"), facets.get("outputStatistics")
    for facet in (quality, output):
        _add(found, ROWS, facet.get("rowCount") if isinstance(facet, dict) else None)
    metrics = quality.get("columnMetrics") if isinstance(quality, dict) else None
    for column, values in (metrics if isinstance(metrics, dict) else {}).items():
        if isinstance(values, dict):
            _add_column(found, column, values)
    return found


def _add_column(found: dict[str, float], column: str, values: Mapping[str, Any]) -> None:
    for name in ("min", "max", "nullCount", "distinctCount"):
        _add(found, f"{column}.{name}", values.get(name))
    total, count = values.get("sum"), values.get("count")
    if _is_number(total) and _is_number(count) and count:
        _add(found, f"{column}.mean", total / count)
    quantiles = values.get("quantiles")
    for name, value in (quantiles if isinstance(quantiles, dict) else {}).items():
        _add(found, f"{column}.{_percentile(name)}", value)


def _percentile(share: str) -> str:
    """``p50`` for ``0.5``: without a point, which parts a column from its metric."""
    try:
        return f"p{100 * float(share):g}".replace(".", "_")
    except ValueError:
        return f"p{share}".replace(".", "_")


def _add(found: dict[str, float], name: str, value: object) -> None:
    if _is_number(value):
        found[name] = float(value)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def assertions(facets: FacetMap) -> dict[str, bool]:
    """``assertion(column)`` to whether it passed."""
    facet = facets.get("dataQualityAssertions")
    listed = facet.get("assertions") if isinstance(facet, dict) else None
    found: dict[str, bool] = {}
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and isinstance(item.get("success"), bool):
            name = f"{item.get('assertion')}({item.get('column') or ''})"
            found[name] = found.get(name, True) and item["success"]
    return found


def failed_columns(facets: FacetMap) -> list[str]:
    """Columns of the assertions that failed."""
    return [name.rpartition("(")[2][:-1] for name, passed in assertions(facets).items() if not passed]


def standing_out(value: float, history: Sequence[float]) -> float:
    """How many usual spreads `value` lies from the median of `history`; 0 where the history tells no usual spread.

    The spread is the median absolute deviation, scaled to a standard deviation, and at least `SPREAD_FLOOR` of the median; of a
    short history, at least its range.
    """
    if len(history) < LEAST_HISTORY:
        return 0.0
    middle = statistics.median(history)
    deviation = TO_DEVIATION * statistics.median(abs(item - middle) for item in history)
    whole_range = max(history) - min(history) if len(history) < SHORT_HISTORY else 0.0
    spread = max(deviation, whole_range, SPREAD_FLOOR * abs(middle))
    if spread == 0.0:
        return 0.0 if value == middle else math.inf
    return abs(value - middle) / spread
