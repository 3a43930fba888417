"""Arrays in pairs, as ART and others leave them: ``x``, ``x_adv`` and, where there is one, ``y`` in an ``.npz``.

An input of any shape is flattened into columns ``x0, x1, …``; a model of images gives it its shape back. Pickled arrays are not
read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workbench.attacks.importers.item import Item
from workbench.errors import InputError


def read(path: Path) -> Iterator[Item]:
    """The originals, then the adversarial inputs, each naming the original at its place."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile) as exc:
        raise InputError("not a file of plain arrays", path, "Write it with numpy.savez, without objects.") from exc
    if absent := [name for name in ("x", "x_adv") if name not in found]:
        raise InputError("a pair of arrays that is not complete", f"no {absent[0]}", f"Arrays: {', '.join(sorted(found))}")
    clean, adversarial, labels = found["x"], found["x_adv"], found.get("y")
    if clean.shape != adversarial.shape or (labels is not None and len(labels) != len(clean)):
        raise InputError("arrays of different sizes", (clean.shape, adversarial.shape), "Give x and x_adv of one shape.")
    if labels is not None and labels.ndim == 2:
        labels = labels.argmax(axis=1)
    for side, array in (("x", clean), ("x_adv", adversarial)):
        for place, row in enumerate(array.reshape(len(array), -1)):
            inputs = {f"x{number}": value for number, value in enumerate(row)}
            expected = None if labels is None else labels[place].item()
            origin = None if side == "x" else str(place)
            yield Item(str(place) if side == "x" else f"{place}/attack", inputs, expected=expected, origin=origin)
