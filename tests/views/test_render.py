"""Tables, sentences, blanked cells and figures as images."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from workbench.views import render


def test_a_table_escapes_what_it_shows() -> None:
    html = render.Table(pd.DataFrame({"what": ["<script>alert(1)</script>"]}), "a & b")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "a &amp; b" in html


def test_a_sentence_escapes_what_it_says() -> None:
    assert "<img" not in render.Sentence("<img src=x>")._repr_html_()


def test_several_are_shown_one_below_the_other() -> None:
    both = render.Several(render.Sentence("One."), render.Table(pd.DataFrame({"n": [2]})))
    assert both._repr_html_().index("One.") < both._repr_html_().index("<table")
    assert repr(both).startswith("One.\n\n")


def test_small_cells_are_blanked_and_the_mark_is_dropped() -> None:
    frame = pd.DataFrame({"group": ["a", "b"], "rate": [0.5, 0.1], "suppressed": [False, True]})
    shown = render.blanked(frame, ["rate"])
    assert list(shown) == ["group", "rate"]
    assert shown["rate"].tolist() == [0.5, None]
    assert frame["rate"].tolist() == [0.5, 0.1]


def test_a_table_without_small_cells_is_shown_whole() -> None:
    frame = pd.DataFrame({"rate": [0.5], "suppressed": [False]})
    assert render.blanked(frame, ["rate"])["rate"].tolist() == [0.5]


@pytest.mark.browser
def test_figures_become_svg_with_their_words_in_them() -> None:
    figure = go.Figure(go.Bar(x=["a"], y=[1])).update_layout(title="How many", height=300)
    (svg,) = render.figures_svg([figure.to_plotly_json()])
    assert svg.startswith("<svg")
    assert "How many" in svg
    assert 'height="300"' in svg


def test_what_stands_below_the_first_line_of_a_cell_is_smaller_and_in_text_follows_it() -> None:
    table = render.Table(pd.DataFrame({"what": ["worse <here>\nsince 2026-01-02"]}))
    assert f"worse &lt;here&gt;<div style='{render.BELOW}'>since <span" in table._repr_html_()
    assert repr(table).splitlines()[-1].strip() == "worse <here>; since 2026-01-02"


@pytest.mark.parametrize("word", ["2014-04-02", "2014-04-02 02:10 UTC", "2e-145", "1.5e-36"])
def test_a_day_and_a_small_number_stay_on_one_line(word: str) -> None:
    whole = f"<span style='white-space:nowrap'>{word}</span>"
    assert whole in render.Sentence(f"since {word}, or so")._repr_html_()
    assert whole in render.Table(pd.DataFrame({"p": [word]}))._repr_html_()


@pytest.mark.parametrize(
    ("numbers", "told"),
    [((0.25, 0.1, 0.5), "0.25 (0.1 to 0.5)"), ((2.0, None, 3.0), "2 (at most 3)"), ((2.0, 1.5, float("nan")), "2 (at least 1.5)"),
     ((2.0, float("nan"), None), "2"),
     ((None, None, None), render.BLANK), ((float("nan"), 0.1, 0.2), render.BLANK)],
)  # fmt: skip
def test_a_number_is_told_with_its_interval(numbers: tuple[float | None, float | None, float | None], told: str) -> None:
    assert render.estimate_text(*numbers) == told
