"""promptfoo: results JSON (``promptfoo eval -o results.json``), with ``results.results`` or, in old files, ``results`` itself.

``success: false`` means that an assertion failed; of a red-team test, that the attack worked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.attacks.importers.item import Item, read_json
from workbench.errors import InputError


def read(path: Path) -> Iterator[Item]:
    """The exchanges of a results file."""
    form = read_json(path)
    results = form.get("results") if isinstance(form, dict) else None
    found = results.get("results") if isinstance(results, dict) else results
    if not isinstance(found, list):
        raise InputError("not promptfoo results", path, "Give the JSON that `promptfoo eval -o` wrote.")
    for place, result in enumerate(found):
        yield _item(result, place)


def _item(result: dict[str, Any], place: int) -> Item:
    prompt = result.get("prompt")
    text = prompt.get("raw", "") if isinstance(prompt, dict) else str(prompt or "")
    about = result.get("metadata") or (result.get("testCase") or {}).get("metadata") or {}
    response = result.get("response") or {}
    output = response.get("output") if isinstance(response, dict) else response
    identity = str(result.get("id") or f"{result.get('testIdx', place)}/{result.get('promptIdx', 0)}")
    error = result.get("error") or (response.get("error") if isinstance(response, dict) else None)
    failed = f"exception: {error}" if error and output is None else None
    return Item(
        identity,
        {"text": text, "probe": about.get("pluginId")},
        output if output is None or isinstance(output, str) else json.dumps(output, sort_keys=True),
        judged=None if result.get("success") is None or failed else float(not result["success"]),
        abstained=output is None and failed is None,
        error=failed,
        seconds=float(result.get("latencyMs") or 0) / 1000,
    )
