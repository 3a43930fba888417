"""garak: ``*.report.jsonl`` and ``*.hitlog.jsonl``, of versions before and after 0.13.

A report holds each attempt once per status (0 not sent, 1 answered, 2 evaluated): the last one counts. An attempt has several
outputs; each is an exchange of its own. It is judged by the highest score that any detector gave (1 = the attack worked).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.attacks.importers.item import Item, read_lines


def read(path: Path) -> Iterator[Item]:
    """The exchanges of a report or a hit log."""
    attempts: dict[str, dict[str, Any]] = {}
    for line in read_lines(path):
        if line.get("entry_type") == "attempt":
            key = str(line["uuid"])
            if key not in attempts or line.get("status", 0) >= attempts[key].get("status", 0):
                attempts[key] = line
        elif "entry_type" not in line and "attempt_id" in line:
            yield _hit(line)
    for attempt in attempts.values():
        yield from _exchanges(attempt)


def _exchanges(attempt: dict[str, Any]) -> Iterator[Item]:
    outputs = attempt.get("outputs") or []
    detected = [scores for scores in (attempt.get("detector_results") or {}).values() if isinstance(scores, list)]
    inputs = {"text": prompt_text(attempt.get("prompt")), "probe": attempt.get("probe_classname")}
    for place, output in enumerate(outputs or [None]):
        scores = [float(scores[place]) for scores in detected if place < len(scores) and scores[place] is not None]
        text = output_text(output)
        identity = str(attempt["uuid"]) if len(outputs) < 2 else f"{attempt['uuid']}/{place}"
        missing = "no connection: never answered" if not outputs else None
        silent = text is None and bool(outputs)
        yield Item(identity, inputs, text, judged=max(scores, default=None), abstained=silent, error=missing)


def _hit(line: dict[str, Any]) -> Item:
    identity = f"{line['attempt_id']}/{line.get('attempt_idx', 0)}/{line.get('detector', '')}"
    inputs = {"text": prompt_text(line.get("prompt")), "probe": line.get("probe")}
    return Item(identity, inputs, output_text(line.get("output")), judged=line.get("score"))


def prompt_text(prompt: Any) -> str:
    """A prompt's text: a plain string in old files, an object with turns in newer ones (all turns, a line each)."""
    if isinstance(prompt, dict):
        turns = prompt.get("turns") or []
        return "\n".join(str(output_text(turn.get("content")) or "") for turn in turns) if turns else str(prompt.get("text", ""))
    return "" if prompt is None else str(prompt)


def output_text(output: Any) -> str | None:
    """An output's text: a plain string in old files, an object in newer ones; None where the target did not answer."""
    if isinstance(output, dict):
        output = output.get("text")
    return None if output is None else str(output)
