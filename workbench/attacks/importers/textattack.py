"""TextAttack: its CSV log. Each line gives two inputs: the original, and the perturbed one that names it as its origin."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from workbench.attacks.importers.item import Item
from workbench.errors import InputError

NEEDED: Final = ("original_text", "perturbed_text", "original_output", "perturbed_output", "result_type")
MARKS: Final = re.compile(r"\[\[(?:\[\[)?(.*?)(?:\]\])?\]\]")
"""The double brackets that TextAttack puts around changed words."""


def read(path: Path) -> Iterator[Item]:
    """Two exchanges per attacked text, one where it was skipped."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.DictReader(file)
        if absent := [name for name in NEEDED if name not in (lines.fieldnames or [])]:
            raise InputError("not a TextAttack log", f"{path} has no {absent[0]}", "Give the CSV that --log-to-csv wrote.")
        for number, line in enumerate(lines):
            yield _item(line, "original", f"{number}")
            if line["result_type"] != "Skipped":
                yield _item(line, "perturbed", f"{number}/attack", f"{number}")


def _item(line: dict[str, str], side: str, identity: str, origin: str | None = None) -> Item:
    attacked = side == "perturbed"
    return Item(
        identity,
        {"text": MARKS.sub(r"\1", line[f"{side}_text"])},
        _class(line[f"{side}_output"]),
        expected=_class(line.get("ground_truth_output") or "") or None,
        origin=origin,
        judged=float(line["result_type"] == "Successful") if attacked else None,
    )


def _class(text: str) -> str:
    """A class as TextAttack writes it: ``1.0`` is class 1."""
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text
