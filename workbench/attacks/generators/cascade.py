"""A failing downstream: a cache and a feature store in front of the model, with faults injected, in simulated time.

Requests arrive at a steady rate. Each looks for its features in the *cache*, then in the *store*; where neither gives them, the
*fallback* (the medians of the log) steps in, and the model is asked with what there is. The clock is simulated, so that a run is
the same every time and waits for nobody; the model is really asked. What shows first where, and when it is over, is the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.decisions import Vocabulary
from workbench.attacks.health import HEALTHY, health_point, health_table, resident_megabytes
from workbench.attacks.replay.asking import joined
from workbench.attacks.scenarios.trial import Setting, Trial, share_columns
from workbench.errors import InputError, UnknownNameError
from workbench.models.target import Prediction
from workbench.registry import scenarios

COMPONENTS: Final = ("cache", "store")
KINDS: Final = ("down", "slow", "stale")
CACHE_SECONDS: Final = 0.001
STORE_SECONDS: Final = 0.010
HIT: Final = 0.5
"""Share of requests that a healthy cache answers."""
OTHERS: Final = ("fallback", "stale", "none")
"""Sources that do not give a request its own features."""
MOST_LISTED: Final = 1000
"""Requests listed one by one that were not served with their own features; all of them are counted."""


@dataclass(frozen=True)
class Outage:
    """A fault of one component: from `start` until before `end`, in seconds of simulated time; `kind` is a word of `KINDS`."""

    component: str
    start: float
    end: float
    kind: str = "down"

    def __post_init__(self) -> None:
        for word, known, what in ((self.component, COMPONENTS, "component"), (self.kind, KINDS, "kind of outage")):
            if word not in known:
                raise UnknownNameError(what, word, known)
        if not 0 <= self.start < self.end:
            raise InputError("an outage that does not last", f"{self.start} to {self.end}", "Give a start before its end.")

    def covers(self, moment: float) -> bool:
        """Whether it is on."""
        return self.start <= moment < self.end


@dataclass(frozen=True)
class Pipeline:
    """What stands in front of the model.

    Attributes
    ----------
    timeout
        Seconds after which a component is given up.
    slow
        Seconds that a slow component takes.
    fallback
        Whether medians step in; without, the request fails.
    ttl
        Seconds for which the cache goes on answering what the store gave it.
    """

    timeout: float = 0.05
    slow: float = 0.2
    fallback: bool = True
    ttl: float = 1.0
    outages: tuple[Outage, ...] = field(default_factory=tuple)

    def state(self, component: str, moment: float) -> str:
        """``healthy``, or the kind of the outage that is on."""
        return next(
            (outage.kind for outage in self.outages if outage.component == component and outage.covers(moment)), "healthy"
        )


@dataclass(frozen=True, eq=False)
class Served:
    """How each request was served; arrays of shape (requests,).

    `source` is ``cache``, ``store``, ``stale``, ``fallback`` or ``none``.
    """

    moment: np.ndarray
    source: np.ndarray
    seconds: np.ndarray


def serve(pipeline: Pipeline, moments: np.ndarray, chance: np.random.Generator) -> Served:
    """Where each request's features come from, and how long that takes."""
    drawn = chance.random(len(moments))
    answers = [_serve_one(pipeline, float(moment), share < HIT) for moment, share in zip(moments, drawn, strict=True)]
    return Served(moments, np.array([source for source, _ in answers], dtype=object), np.array([took for _, took in answers]))


def _serve_one(pipeline: Pipeline, moment: float, cached: bool) -> tuple[str, float]:  # noqa: FBT001  internal
    cache, store = (pipeline.state(name, moment) for name in COMPONENTS)
    spent = {"healthy": CACHE_SECONDS, "stale": CACHE_SECONDS}.get(cache, pipeline.timeout)
    fed = max(
        (outage.start for outage in pipeline.outages if outage.component == "store" and outage.covers(moment)), default=moment
    )
    if cache in {"healthy", "stale"} and cached and (store == "healthy" or moment - fed < pipeline.ttl or cache == "stale"):
        return ("stale" if cache == "stale" else "cache"), spent
    if store in {"healthy", "stale"}:
        return ("store" if store == "healthy" else "stale"), spent + STORE_SECONDS
    spent += pipeline.timeout if store == "down" else min(pipeline.slow, pipeline.timeout)
    if store == "slow" and pipeline.slow <= pipeline.timeout:
        return "store", spent
    return ("fallback" if pipeline.fallback else "none"), spent


@scenarios.register("failing downstream")
def failing_downstream(
    setting: Setting, *, outages: Sequence[Mapping[str, Any]] = ({"component": "store", "start": 10.0, "end": 20.0},),
    rate: float = 20.0, seconds: float = 40.0, window: float = 1.0, options: Mapping[str, Any] | None = None,
) -> Trial:  # fmt: skip
    """Serve requests through an outage; measure: share of decisions during it that differ from a healthy run, or are none.

    Table ``fallbacks`` lists the first `MOST_LISTED` requests that got other features than their own, or none, and where from.

    Parameters
    ----------
    outages
        ``component``, ``start``, ``end``, ``kind`` of each.
    rate, seconds
        Requests per second, and for how long.
    window
        Seconds over which health is measured; recovery time cannot be told more finely.
    options
        Of `Pipeline`: ``timeout``, ``slow``, ``fallback``, ``ttl``.
    """
    pipeline = _pipeline(outages, options or {})
    moments = np.arange(round(rate * seconds)) / rate
    chance = setting.generator(80)
    places = chance.integers(0, len(setting), len(moments))
    served = serve(pipeline, moments, chance)
    answered, memory = _asked(setting, places, served, window)
    changed = _changed(setting, places, served, answered)
    during = np.zeros(len(moments), dtype=bool)
    for outage in pipeline.outages:
        during |= (moments >= outage.start) & (moments < outage.end)
    if not during.any():
        raise InputError(
            "no request falls into an outage", [outage.start for outage in pipeline.outages], "Let it begin earlier."
        )
    counted = share_columns(int(changed[during].sum()), int(during.sum()))
    ended = max(outage.end for outage in pipeline.outages)
    timeline = _timeline(served, changed, window)
    order = _propagation(served, changed, pipeline)
    numbers = {
        "fallback_share": float((served.source[during] == "fallback").mean()),
        "unanswered_share": float((served.source[during] == "none").mean()),
        "recovery_seconds": _recovery(timeline, ended, window),
        "first_symptom": None if order.empty else order["symptom"].iloc[0],
        "not_their_own": int(np.isin(served.source, OTHERS).sum()),
    }  # fmt: skip
    tables = {
        "outcomes": pd.DataFrame([{**counted, **numbers}]), "propagation": order, "timeline": timeline,
        "health": _health(setting, pipeline, places, served, window, answered, memory),
        "fallbacks": _fallbacks(setting, places, served, changed),
    }  # fmt: skip
    return Trial(
        "decisions that an outage changes", counted["rate"], counted["low"], counted["high"], tables, numbers, changed[during],
        places[during],
    )  # fmt: skip


def _pipeline(outages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Pipeline:
    known = {"timeout", "slow", "fallback", "ttl"}
    if odd := sorted(set(options) - known):
        raise InputError("a pipeline has no such option", odd[0], f"Options: {', '.join(sorted(known))}")
    try:
        return Pipeline(**options, outages=tuple(Outage(**outage) for outage in outages))
    except TypeError as exc:
        raise InputError("not an outage", list(outages), "Give component, start, end and kind.") from exc


def _asked(setting: Setting, places: np.ndarray, served: Served, window: float) -> tuple[Prediction, list[float | None]]:
    """The target's answers to what is served, window by window, and the memory held after each."""
    frame = setting.frame.iloc[places].reset_index(drop=True)
    others = setting.frame.iloc[np.roll(places, 1)].reset_index(drop=True)
    fallen, stale = served.source == "fallback", served.source == "stale"
    for name in frame.columns:
        frame[name] = _served_values(frame[name], others[name], _usual(setting.frame[name]), fallen, stale)
    parts, memory = [], []
    for _, part in frame.groupby((served.moment / window).astype(int), sort=True):
        parts.append(setting.target.predict(part.reset_index(drop=True)))
        memory.append(resident_megabytes())
    return joined(parts), memory


def _changed(setting: Setting, places: np.ndarray, served: Served, answered: Prediction) -> np.ndarray:
    """Which decisions differ from those on the true features; a request without features has none."""
    vocabulary = Vocabulary()
    before = vocabulary.encode(setting.clean.decision[places])
    return np.asarray((before != vocabulary.encode(answered.decision)) | (served.source == "none"))


def _health(  # noqa: PLR0917  what was sent, and what came of it
    setting: Setting, pipeline: Pipeline, places: np.ndarray, served: Served, window: float, answered: Prediction,
    memory: Sequence[float | None],
) -> pd.DataFrame:  # fmt: skip
    """A point per window: who got no answer, how many are under way and wait, what is down, and how many are right."""
    failed = (served.source == "none") | np.array([text is not None for text in answered.error])
    wrong = None if setting.label is None else setting.wrong(answered, setting.label[places]) | failed
    windows = (served.moment / window).astype(int)
    points = []
    for number, held in zip(np.unique(windows), memory, strict=True):
        inside = windows == number
        start = float(number) * window
        points.append(health_point(
            "simulated seconds", start, int(inside.sum()), int(failed[inside].sum()),
            waiting=float(served.seconds[inside].sum() / window), seconds=float(served.seconds[inside].mean()), memory=held,
            downstream=_status(pipeline, start, start + window),
            accuracy=None if wrong is None else float(1 - wrong[inside].mean()),
        ))  # fmt: skip
    return health_table(points)


def _status(pipeline: Pipeline, start: float, end: float) -> str:
    """What is wrong with the components at any time from `start` until before `end`."""
    ill = [f"{fault.component} {fault.kind}" for fault in pipeline.outages if fault.start < end and fault.end > start]
    return ", ".join(dict.fromkeys(ill)) or HEALTHY


def _fallbacks(setting: Setting, places: np.ndarray, served: Served, changed: np.ndarray) -> pd.DataFrame:
    """The requests that were not served with their own features: which, when, what stepped in, and whether it mattered."""
    listed = np.flatnonzero(np.isin(served.source, OTHERS))[:MOST_LISTED]
    return pd.DataFrame({
        "row_id": setting.row_ids(places[listed]), "request": listed, "at": served.moment[listed],
        "served_from": served.source[listed].astype(str), "seconds": served.seconds[listed], "changed": changed[listed],
    })  # fmt: skip


def _served_values(
    true: pd.Series[Any], others: pd.Series[Any], usual: Any, fallen: np.ndarray, stale: np.ndarray
) -> pd.Series[Any]:
    """A column as it is served: the row's own value, somebody else's where stale, the usual one where the fallback steps in."""
    served = true.mask(stale, others)
    if not fallen.any():
        return served
    wide = served.astype(float) if pd.api.types.is_integer_dtype(served) and not float(usual).is_integer() else served
    return wide.mask(fallen, round(usual) if pd.api.types.is_integer_dtype(wide) else usual)


def _usual(series: pd.Series[Any]) -> Any:
    if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
        return float(series.median())
    return series.mode(dropna=True).iloc[0] if series.notna().any() else None


def _timeline(served: Served, changed: np.ndarray, window: float) -> pd.DataFrame:
    second = (served.moment / window).astype(int)
    frame = pd.DataFrame({
        "window": second, "requests": 1, "changed": changed, "fallback": served.source == "fallback",
        "stale": served.source == "stale", "unanswered": served.source == "none", "seconds": served.seconds,
    })  # fmt: skip
    table = frame.groupby("window").agg(
        requests=("requests", "sum"), changed=("changed", "sum"), fallback=("fallback", "sum"), stale=("stale", "sum"),
        unanswered=("unanswered", "sum"), slowest=("seconds", "max"),
    ).reset_index()  # fmt: skip
    table.insert(0, "start", table.pop("window") * window)
    return table


def _propagation(served: Served, changed: np.ndarray, pipeline: Pipeline) -> pd.DataFrame:
    """Symptoms in the order they first show, and how long after the first outage."""
    begun = min(outage.start for outage in pipeline.outages)
    shows = {
        "slower answers": served.seconds > CACHE_SECONDS + STORE_SECONDS, "stale features": served.source == "stale",
        "fallback": served.source == "fallback", "no answer": served.source == "none", "changed decisions": changed,
    }  # fmt: skip
    rows = [
        {"symptom": name, "after": float(served.moment[hit][0] + served.seconds[hit][0] - begun), "requests": int(hit.sum())}
        for name, hit in ((name, found & (served.moment >= begun)) for name, found in shows.items())
        if hit.any()
    ]
    table = pd.DataFrame(rows, columns=["symptom", "after", "requests"])
    return table.sort_values("after", kind="stable").reset_index(drop=True)


def _recovery(timeline: pd.DataFrame, ended: float, window: float) -> float | None:
    """Seconds from the end of the outage to the first window from which on no decision is changed; None: never."""
    later = timeline[timeline["start"] + window > ended]
    sick = later[(later["changed"] > 0) | (later["unanswered"] > 0)]
    if sick.empty:
        return 0.0
    healthy_from = float(sick["start"].iloc[-1]) + window
    return healthy_from - ended if healthy_from <= float(later["start"].iloc[-1]) else None
