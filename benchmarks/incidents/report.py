"""Scores as text: a line for each incident, a table over kinds, strengths and sizes, the methods side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from plan import NOTHING, STRENGTHS
from score import ENOUGH_OVERLAP, ONSET, Score

from workbench.analysis.stats import wilson
from workbench.attacks.injection import HARMLESS

SIZES = ((0, 5_000), (5_000, 20_000), (20_000, 60_000), (60_000, 500_000), (500_000, 10**9))
Test = Callable[[Score], bool]


def line(score: Score) -> str:
    """One incident."""
    head = f"{score.kind:21} {score.table:7} {score.strength:6} {score.rows:>7,} {'windows' if score.windows else 'none':7}"
    if is_quiet(score):
        marks = "FALSE ALARM" if score.alarm else score.verdict
    else:
        marks = (
            f"{'detectable' if score.detectable else 'faint':10} z={score.signal:5.1f} top1={score.top1:d} top3={score.top3:d}"
            f" kind={score.kind_only:d} cause={'-' if score.cause is None else int(score.cause)} rank={score.rank or '-'}"
            f" jaccard={_number(score.jaccard, 2)} onset={_number(score.onset_error, 3)} {score.verdict}"
        )
    failed = f" FAILED {score.failed}" if score.failed else ""
    words = ", ".join(str(word) for word in score.cause_words)
    return f"{head} {marks} n={score.findings} {score.seconds:.1f}s{failed} | {score.detail} | [{words}] {score.first[:160]}"


def is_quiet(score: Score) -> bool:
    """Whether nothing is wrong in the log."""
    return score.kind in (*HARMLESS, NOTHING)


def summary(scores: Sequence[Score]) -> str:
    """How many incidents are detectable and, of them, how many are named; false alarms of the other logs; seconds and memory."""
    faults = [score for score in scores if not is_quiet(score)]
    parts = [(kind, [score for score in faults if score.kind == kind]) for kind in sorted({score.kind for score in faults})]
    parts += [(name, [score for score in faults if score.strength == name]) for name in STRENGTHS]
    parts += [(f"{low:,}+ rows", [score for score in faults if low <= score.rows < high]) for low, high in SIZES]
    parts += [("all", faults)]
    head = f"{'':22}{'detectable':>11}{'top-1':>7}{'95 %':>10}{'top-3':>7}{'95 %':>10}{'kind':>6}{'cause':>7}{'alarm':>7}"
    lines = [f"{head}{'onset':>7}{'rows':>6}"]
    lines += [_row(name, among) for name, among in parts if among]
    lines += _alone(faults)
    lines += _quiet(scores)
    if scores:
        seconds = np.array([score.seconds for score in scores])
        peak = max(score.memory for score in scores)
        lines.append(f"seconds: median {np.median(seconds):.1f}, most {seconds.max():.1f}; peak {peak:,.0f} MB")
    return "\n".join(lines)


def cells(scores: Sequence[Score]) -> str:
    """The detectable incidents of each kind, strength and size, with intervals."""
    lines = []
    keys = {(score.kind, score.strength, score.rows > SIZES[1][1]) for score in scores if not is_quiet(score)}
    for kind, strength, large in sorted(keys, key=lambda key: (key[0], list(STRENGTHS).index(key[1]), key[2])):
        own = [
            score for score in scores
            if (score.kind, score.strength) == (kind, strength) and (score.rows > SIZES[1][1]) == large
        ]  # fmt: skip
        lines.append(_row(f"{kind} {strength} {'large' if large else 'small'}", own))
    return "\n".join(lines)


def beside(scores: Sequence[Score]) -> str:
    """Triage and the baselines: top-1 and top-3 of the detectable incidents, false alarms of the rest, seconds."""
    lines = [f"{'':12}{'top-1':>8}{'top-3':>8}{'alarm':>8}{'false: harmless':>17}{'nothing':>9}{'seconds':>9}"]
    for method in dict.fromkeys(score.method for score in scores):
        own = [score for score in scores if score.method == method]
        seen = [score for score in own if _counts(score)]
        harmless = _share([score for score in own if score.kind in HARMLESS], _alarm)
        nothing = _share([score for score in own if score.kind == NOTHING], _alarm)
        named = f"{_share(seen, _first):>8}{_share(seen, _third):>8}{_share(seen, _alarm):>8}"
        lines.append(f"{method:12}{named}{harmless:>17}{nothing:>9}{np.median([score.seconds for score in own]):>9.2f}")
    return "\n".join(lines)


def _counts(score: Score) -> bool:
    """Whether it is an incident that could be found: what harms nobody may be plain to see, and is none."""
    return score.detectable and not is_quiet(score)


def bars(scores: Sequence[Score]) -> str:
    """What was asked for, what was measured, and whether that is enough."""
    seen = [score for score in scores if _counts(score) and score.method == "triage"]
    named = [score for score in seen if score.top3 and score.rank is not None]
    quiet = [score for score in scores if is_quiet(score) and score.method == "triage"]
    measured = [
        ("top-1 of the detectable", 0.85, seen, _first),
        ("top-3 of the detectable", 0.95, seen, _third),
        (f"onset within {ONSET:.0%} of the window, of those named", 0.80, named, _dated),
        ("quiet where nothing is wrong", 0.98, quiet, lambda score: not score.alarm),
    ]
    lines = []
    for name, least, among, test in measured:
        if among:
            share = sum(map(test, among)) / len(among)
            lines.append(f"{name:48} {share:.3f} of {least:.2f}  {'met' if share >= least else 'NOT MET'}")
    others = {score.method for score in scores} - {"triage"}
    if others and seen:
        best = max(np.mean([score.top1 for score in scores if _counts(score) and score.method == other]) for other in others)
        ahead = float(np.mean([score.top1 for score in seen]) - best)
        lines.append(f"{'top-1 beyond the best baseline':48} {ahead:.3f} of 0.25  {'met' if ahead >= 0.25 else 'NOT MET'}")
    return "\n".join(lines)


def _row(name: str, scores: Sequence[Score]) -> str:
    seen = [score for score in scores if score.detectable]
    named = [score for score in seen if score.top3 and score.rank is not None]
    worded = [score for score in seen if score.cause is not None]
    return (
        f"{name:22}{f'{len(seen)}/{len(scores)}':>11}{_share(seen, _first):>7}{_interval(seen, _first):>10}"
        f"{_share(seen, _third):>7}{_interval(seen, _third):>10}{_share(seen, lambda score: score.kind_only):>6}"
        f"{_share(worded, lambda score: bool(score.cause)):>7}{_share(seen, _alarm):>7}"
        f"{_share(named, _dated):>7}"
        f"{_share(named, lambda score: score.jaccard is not None and score.jaccard >= ENOUGH_OVERLAP):>6}"
    )


def _alone(faults: Sequence[Score]) -> list[str]:
    """Named, of those that the oracle detects paying for one test only."""
    seen = [score for score in faults if score.detectable_alone]
    told = f"top-1 {_share(seen, _first)} ({_interval(seen, _first)}), top-3 {_share(seen, _third)} ({_interval(seen, _third)})"
    return [f"of {len(seen)} detectable paying for one test: {told}"] if seen else []


def _quiet(scores: Sequence[Score]) -> Iterator[str]:
    for name, kinds in (("harmless", HARMLESS), ("nothing", (NOTHING,)), ("both", (*HARMLESS, NOTHING))):
        quiet = [score for score in scores if score.kind in kinds]
        if quiet:
            by_kind = ", ".join(
                f"{kind} {sum(score.alarm for score in quiet if score.kind == kind)}/{sum(score.kind == kind for score in quiet)}"
                for kind in kinds
            )
            alarms = sum(score.alarm for score in quiet)
            told = f"{alarms} false alarms of {len(quiet)}, {alarms / len(quiet):.1%} (95 % {_interval(quiet, _alarm)})"
            yield f"{name}: {told}; {by_kind}"


def _first(score: Score) -> bool:
    return score.top1


def _third(score: Score) -> bool:
    return score.top3


def _alarm(score: Score) -> bool:
    return score.alarm


def _dated(score: Score) -> bool:
    return score.onset_error is not None and score.onset_error <= ONSET


def _share(among: Sequence[Score], test: Test) -> str:
    return f"{sum(map(test, among)) / len(among):.0%}" if among else "-"


def _interval(among: Sequence[Score], test: Test) -> str:
    if not among:
        return "-"
    low, high = (float(end) for end in wilson(sum(map(test, among)), len(among)))
    return f"{low:.0%}–{high:.0%}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
