"""One look: every colour has a dark counterpart, both can be read and told apart, and no axis is without its unit."""

from dataclasses import replace
from itertools import combinations

import pandas as pd
import plotly.graph_objects as go
import pytest

from workbench.analysis.drift import drift
from workbench.analysis.integrity import integrity
from workbench.analysis.soundness import soundness_over_time
from workbench.data.dataset import open_dataset
from workbench.result import Finding, Result
from workbench.views import theme
from workbench.views.disparity import groups_figure
from workbench.views.drift import column_figure, drift_figure
from workbench.views.history import history_figure
from workbench.views.integrity import soundness_figure
from workbench.views.timeline import timeline_figure
from workbench.views.triage import findings_figure

TEXT, DRAWN = 4.5, 3.0
"""Least contrast of text and of what is drawn, WCAG 2.2 success criteria 1.4.3 and 1.4.11."""


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [part / 255 for part in bytes.fromhex(color[1:])]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("token", "least"), [("ink", TEXT), ("soft", TEXT), ("bad", TEXT), ("focus", DRAWN)])
def test_what_is_written_can_be_read_on_the_ground_and_on_what_is_selected(token: str, least: float, *, dark: bool) -> None:
    colors = {name: theme.DARK[color] if dark else color for name, color in theme.TOKENS.items()}
    assert contrast(colors[token], colors["ground"]) >= least
    assert contrast(colors[token], colors["chosen"]) >= least


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("severity", list(theme.SEVERITY_COLORS))
def test_a_severity_can_be_seen(severity: str, *, dark: bool) -> None:
    color = theme.SEVERITY_COLORS[severity]
    assert contrast(theme.DARK[color] if dark else color, theme.DARK[theme.WHITE] if dark else theme.WHITE) >= DRAWN


def test_no_two_colours_become_one_in_the_dark() -> None:
    assert all(one != other for one, other in combinations(theme.DARK.values(), 2))


def test_the_dark_style_sheet_turns_each_colour_as_a_browser_writes_it() -> None:
    css = theme.dark_figures("body.dark ")
    assert 'body.dark .js-plotly-plot [style*="fill: rgb(0, 114, 178)"]{fill:#5CB0E6 !important}' in css
    assert css.count("{") == 1 + 3 * len(theme.DARK)


FINDING = Finding("slice", "worse", effect=0.2, interval=(0.1, 0.3), unit="error rate", rank=1, onset="2026-01-05")
STARTS = {"day": "2026-01-05 2026-01-06", "week": "2026-01-05 2026-01-19", "month": "2026-01-01 2026-02-01", "year": "2025-01-01"}


def timeline(starts: str) -> Result:
    dates = pd.to_datetime(starts.split())
    table = pd.DataFrame({"start": dates, "rows": 50, "rate of label": 0.3, "suppressed": False})
    return Result("integrity", "Soundness of the data", tables={"timeline": table})


def groups() -> Result:
    row = {"attributes": "race", "group": "a", "n": 50, "fpr": 0.4, "fpr_low": 0.3, "fpr_high": 0.5, "suppressed": False}
    return Result("disparity", "Measures by group", tables={"groups": pd.DataFrame([row])})


def moved() -> dict[str, Result]:
    windows = [open_dataset(pd.DataFrame({"colour": ["red"] * reds + ["blue"] * 50}), {}) for reds in (60, 20)]
    return {"drift": drift(*windows).published()}


def followed() -> tuple[Result, dict[str, Result]]:
    times = pd.date_range("2026-01-01", periods=600, freq="h")
    values = [None if hour >= 300 and hour % 2 else 1.0 + hour % 3 for hour in range(600)]
    log = open_dataset(pd.DataFrame({"time": times, "x": values, "label": [0, 1] * 300}), {"time": "time", "label": "label"})
    return soundness_over_time(log).published(), {"integrity": integrity(log).published()}


def history() -> go.Figure:
    form = {"statistic": "error rate", "of": "errors among rows", "share": True, "period": "week", "starts": ["2026-01-05"],
            "sides": [{"name": "age < 25", "values": [0.2]}]}  # fmt: skip
    return history_figure(form, FINDING)


FIGURES = {
    "history": history,
    "drift": lambda: drift_figure(moved()),
    "column": lambda: column_figure(moved()["drift"], "colour"),
    "soundness": lambda: soundness_figure(*followed()),
    "findings": lambda: findings_figure([FINDING]),
    "timeline": lambda: timeline_figure(timeline(STARTS["week"]), FINDING),
    "disparity": lambda: groups_figure(groups(), ["race"]),
}


def colors_of(form: object) -> set[str]:
    """Every colour that a figure's JSON names."""
    if isinstance(form, dict):
        return set().union(*map(colors_of, form.values())) if form else set()
    if isinstance(form, list | tuple):
        return set().union(*map(colors_of, form)) if form else set()
    return {form} if isinstance(form, str) and form.startswith("#") and len(form) == 7 else set()


@pytest.mark.parametrize("name", list(FIGURES))
def test_a_figure_uses_no_colour_that_a_dark_page_does_not_know(name: str) -> None:
    assert colors_of(FIGURES[name]().to_plotly_json()) <= set(theme.DARK)


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_axis_says_what_it_measures_and_of_what(name: str) -> None:
    figure = FIGURES[name]()
    for axis in [*figure.select_xaxes(), *figure.select_yaxes()]:
        assert axis.title.text or is_told_elsewhere(figure, axis), axis.plotly_name


def is_told_elsewhere(figure: go.Figure, axis: go.layout.XAxis) -> bool:
    """Whether the axis shares the ticks of another, which says it."""
    name = axis.plotly_name.replace("axis", "")
    drawn = {(trace.xaxis or "x", trace.yaxis or "y") for trace in figure.data}
    assert any(name in pair for pair in drawn), "an axis without a trace"
    return bool(axis.matches) and axis.showticklabels is False


@pytest.mark.parametrize("period", list(STARTS))
def test_the_timeline_names_its_period(period: str) -> None:
    figure = timeline_figure(timeline(STARTS[period]))
    assert figure.layout.xaxis2.title.text == ("day, UTC" if period == "day" else f"first day of the {period}, UTC")
    assert figure.layout.yaxis2.title.text == f"rows<br>per {period}"


def test_a_rate_has_its_colour_in_whatever_order_the_columns_come() -> None:
    result = timeline(STARTS["week"])
    table = result.tables["timeline"].assign(**{"rate of error": 0.1, "rate of prediction": 0.2})
    figures = [timeline_figure(replace(result, tables={"timeline": each})) for each in (table, table[sorted(table)])]
    one, other = ([(trace.name, trace.marker.color) for trace in figure.data] for figure in figures)
    assert one == other
