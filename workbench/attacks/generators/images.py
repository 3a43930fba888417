"""Scenarios for image targets: a row is an image, its feature columns the pixels in reading order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.generators.stress import stress
from workbench.attacks.scenarios.trial import Setting, Trial
from workbench.errors import InputError, UnknownNameError
from workbench.registry import scenarios

Images = np.ndarray
"""float64, shape (images, height, width)."""


def add_pixel_noise(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """Normal noise of `strength` times the range of all pixels, cut to that range."""
    low, high = images.min(), images.max()
    return np.asarray(np.clip(images + strength * (high - low) * rng.normal(size=images.shape), low, high))


def occlude(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """A blank rectangle over about `strength` of the area, placed at random in each image."""
    result = images.copy()
    height, width = (round(size * math.sqrt(strength)) for size in images.shape[1:])
    tops = rng.integers(0, images.shape[1] - height + 1, len(images))
    lefts = rng.integers(0, images.shape[2] - width + 1, len(images))
    for image, top, left in zip(result, tops, lefts, strict=True):
        image[top : top + height, left : left + width] = images.min()
    return result


def shift(images: Images, strength: float, rng: np.random.Generator) -> Images:
    """Moved sideways by `strength` of the width, to the left or right; what comes in is blank."""
    step = round(images.shape[2] * strength)
    result = np.full_like(images, images.min())
    for image, source, right in zip(result, images, rng.random(len(images)) < 0.5, strict=True):
        if step == 0:
            image[:] = source
        elif right:
            image[:, step:] = source[:, :-step]
        else:
            image[:, :-step] = source[:, step:]
    return result


CHANGES: Final[Mapping[str, Callable[[Images, float, np.random.Generator], Images]]] = {
    "noise": add_pixel_noise, "occlusion": occlude, "shift": shift,
}  # fmt: skip


@scenarios.register("image change")
def image_change(
    setting: Setting, *, change: str, shape: Sequence[int] | None = None, levels: Sequence[float] = (0.0, 0.05, 0.1, 0.2, 0.4),
    options: Mapping[str, Any] | None = None,
) -> Trial:  # fmt: skip
    """A change of every image, step by step.

    Parameters
    ----------
    change
        ``noise``, ``occlusion`` or ``shift``.
    shape
        Height and width; None: square.
    """
    if change not in CHANGES:
        raise UnknownNameError("image change", change, CHANGES)
    height, width = _shape(setting.frame, shape)

    def damage(frame: pd.DataFrame, strength: float, rng: np.random.Generator) -> pd.DataFrame:
        images = frame.to_numpy(dtype=float).reshape(len(frame), height, width)
        changed = CHANGES[change](images, strength, rng)
        return pd.DataFrame(changed.reshape(len(frame), -1), columns=frame.columns)

    return stress(setting, {change: damage}, levels, options=options)


def _shape(frame: pd.DataFrame, shape: Sequence[int] | None) -> tuple[int, int]:
    side = math.isqrt(frame.shape[1])
    height, width = (side, side) if shape is None else (int(size) for size in shape)
    if height * width != frame.shape[1] or not all(pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes):
        raise InputError("columns that are no pixels", f"{frame.shape[1]} columns", "Give numbers, and `shape: [height, width]`.")
    return height, width
