"""Replay alone: one recording against the versions, whose findings go into the same ``findings.json`` as triage's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.stats import holm
from workbench.attacks.evasion import MOST_ERRORS
from workbench.attacks.gain import verdict_words
from workbench.attacks.recording import Recording
from workbench.attacks.replay import replay
from workbench.attacks.verdict import paired_difference
from workbench.data.dataset import Dataset, open_dataset
from workbench.models.target import Target
from workbench.result import Finding, Result, provenance
from workbench.triage.rank import rank
from workbench.triage.run import ENOUGH_ROWS, Outcome, Triage

SURE: Final = 0.05
"""Family-wise over the versions that are compared."""
OF_ATTACKS: Final = (None, "label flip", "recorded judgement")
"""Oracles that judge attacks only; any other judges inputs, whether they are attacks or not."""


def replay_recording(recording: Recording, targets: Sequence[Target], oracle: str = "", **options: Any) -> tuple[Result, Triage]:
    """The replay, and as findings the versions that fail more than what they are held against, or only seem to fail less.

    Parameters
    ----------
    recording, targets, oracle, options
        As `workbench.attacks.replay.replay` takes them.
    """
    start = time.perf_counter()
    result = replay(recording, targets, oracle or None, **options)
    findings = rank(replay_findings(result), [])
    judged = int(result.tables["pairs"]["judged"].min()) if len(result.tables["pairs"]) else 0
    verdict = "incident" if findings else "no incident found" if judged >= ENOUGH_ROWS else "could not tell"
    return result, Triage(
        verdict=verdict,
        findings=tuple(findings),
        checks=(Outcome("replay", "ran", "", round(time.perf_counter() - start, 3)),),
        results={"replay": result},
        dataset={"fingerprint": recording.content, "rows": recording.rows},
        provenance=provenance({"replay": result.provenance["arguments"], "sure": SURE}, seed=options.get("seed", 0)),
    )


def recorded_dataset(recording: Recording, identifiers: Sequence[str] = ()) -> Dataset:
    """The recorded inputs as a decision log to select in, without `identifiers`."""
    inputs = recording.select(np.arange(recording.rows))
    return open_dataset(inputs, {"identifiers": list(identifiers)})


def replay_findings(result: Result) -> list[Finding]:
    """A finding for each version that fails significantly more inputs than its baseline (`SURE`), or is an overfitted defence."""
    pairs = result.tables["pairs"]
    adjusted = dict(zip(pairs["target"], holm(pairs["p"].to_numpy(dtype=float)), strict=True)) if len(pairs) else {}
    found = []
    for version in result.tables["targets"]["target"]:
        finding = version_finding(result, str(version), adjusted.get(version))
        worse = finding.effect is not None and finding.effect > 0 and (finding.p_adjusted or 0.0) <= SURE
        if worse or _row(result.tables["targets"], str(version))["overfitted_defence"]:
            found.append(finding)
    return found


def version_finding(result: Result, version: str, p_adjusted: float | None = None) -> Finding:
    """What the replay says of one version, as a finding, whether it is good or bad.

    The effect is the difference of the shares of judged inputs that fail, this version less its baseline.
    """
    own, pair = _row(result.tables["targets"], version), _row(result.tables["pairs"], version)
    fooled = bool(own["overfitted_defence"])
    effect, interval = _difference(pair)
    worse = effect is not None and effect > 0 and float(pair["p"]) <= SURE
    return Finding(
        "attack",
        version_sentence(own, pair, what_fails(result)),
        effect=effect,
        unit="share of {} that {}".format(*what_fails(result)),
        interval=interval,
        p=None if pair is None else float(pair["p"]),
        p_adjusted=p_adjusted,
        support=None if pair is None else int(pair["judged"]),
        severity="high" if worse else "medium" if fooled else "low",
        standing=not (worse or fooled),
        check="replay",
        evidence=result.digest,
    )


def what_fails(result: Result) -> tuple[str, str]:
    """What failing means: ``attacks`` that ``succeed``, or ``inputs`` that ``fail`` where the oracle judges others too."""
    return ("attacks", "succeed") if result.numbers.get("oracle") in OF_ATTACKS else ("inputs", "fail")


def version_sentence(own: pd.Series[Any], pair: pd.Series[Any] | None, fails: tuple[str, str]) -> str:
    """One version's verdict as a sentence: what replay says, whether a fresh attack bears it out, and what went wrong."""
    errors = own.get("errors", 0)
    wrong = f"; {errors:,} of {own['rows']:,} inputs got an error for an answer" if errors else ""
    if (mute := own.get("adaptive_errors") or 0.0) > MOST_ERRORS:
        wrong += f"; a fresh attack says nothing: {mute:.0%} of its questions got one too"
    if own.get("otherwise_named"):
        wrong += "; none of its decisions is one that was recorded or expected: name them alike to compare"
    return _judgement(own, pair, "recorded {} {}".format(*fails)) + wrong


def _judgement(own: pd.Series[Any], pair: pd.Series[Any] | None, fail: str) -> str:
    name = own["target"]
    if own["overfitted_defence"]:
        shares = f"{_share(own, 'replayed', 'of the')} {fail}, {_share(own, 'adaptive')} fresh attacks"
        if pair is not None and not pd.isna(own.get("unseen")):
            shares += f", {_share(own, 'unseen')} unseen attacks made for {pair['baseline']}"
        return f"{name} is an overfitted defence: {shares}; most of the gain is not borne out"
    if pair is None:
        return f"{name}: {_share(own, 'replayed', 'of the')} {fail}"
    gone, came = int(pair["newly_fixed"]), int(pair["newly_failing"])
    if not pair["judged"]:
        return f"{name}: no input was judged of both it and {pair['baseline']}"
    changed = f"{came:,} newly fail and {gone:,} no longer do, of {int(pair['judged']):,} judged (p {pair['p']:.2g})"
    words = ["fails more"] if came > gone and pair["p"] <= SURE else []
    if word := verdict_words(dict(own)):
        words.append(word.replace("safer", "safer against fresh attacks", 1))
    return ": ".join([name, *([", ".join(words)] if words else []), f"against {pair['baseline']} {changed}"])


def _difference(pair: pd.Series[Any] | None) -> tuple[float | None, tuple[float, float] | None]:
    """Difference of two paired shares with its 95 % interval."""
    if pair is None or not pair["judged"]:
        return None, None
    came, gone, among = (int(pair[name]) for name in ("newly_failing", "newly_fixed", "judged"))
    return (came - gone) / among, paired_difference(came, gone, among)


def _row(table: pd.DataFrame, version: str) -> Any:
    """The row of one version; None where the table has none."""
    rows = table[table["target"] == version]
    return rows.iloc[0] if len(rows) else None


def _share(own: pd.Series[Any], name: str, of: str = "of") -> str:
    """``13 % of 97``; results made before the number was kept do not say of how many."""
    share, among = own[name], own.get(f"{name}_of")
    words = of if among is None or pd.isna(among) else f"{of} {int(among):,}"
    return f"an unknown share {words}" if pd.isna(share) else f"{100 * share:.0f} % {words}"
