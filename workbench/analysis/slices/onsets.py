"""When each slice became worse: the moment at which its loss changed, over both windows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.analysis.onset import Change, locate_change
from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.windows import Rows


def onset_columns(cube: SliceCube, codes: np.ndarray, rows: Rows, chosen: list[int], time: str) -> pd.DataFrame:
    """For each of the slices `chosen`: ``onset``, ``onset_earliest``, ``onset_latest`` (95 %); missing where it cannot be dated.

    Parameters
    ----------
    codes
        Shape (columns, rows of both windows).
    time
        The column that holds the time.
    """
    times = rows.column(time).to_numpy(dtype="datetime64[us]")
    found = [_onset(cube, times, rows, cube.mask(index, codes)) for index in chosen]
    moments = [(None, None, None) if each is None else (each.onset, *each.interval) for each in found]
    names = ("onset", "onset_earliest", "onset_latest")
    return pd.DataFrame({
        name: pd.Series([row[place] for row in moments], dtype="datetime64[us]") for place, name in enumerate(names)
    })  # fmt: skip


def _onset(cube: SliceCube, times: np.ndarray, rows: Rows, mask: np.ndarray) -> Change | None:
    inside = mask & ~np.isnan(rows.loss.values) & ~np.isnat(times)
    change = locate_change(times[inside], rows.loss.values[inside], model="bernoulli" if cube.share else "normal")
    return change if change is not None and change.identifiable and change.after > change.before else None
