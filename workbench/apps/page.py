"""What the pages look like: their width, their colours by the reader's preference, their cards, and how an item is shown."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any, Final

import panel as pn

from workbench.views.render import Sentence, Several, Table
from workbench.views.theme import FONT, dark_figures, properties

WIDTH = 1100
WIDE: Final = "stretch_width"
"""How everything is sized; said of each item, since what `pn.extension` sets holds for what is made after it only."""
ON_DARK = "@media (prefers-color-scheme: dark) {{ {} }}"
STYLE = f"""
:root {{ color-scheme: light dark; {properties(dark=False)} }}
{ON_DARK.format(f":root {{ {properties(dark=True)} }}")}
body {{ background: var(--ground); color: var(--ink); font-family: {FONT}; }}
"""
CARD = """
:host { background: var(--ground); color: var(--ink); border: 1px solid var(--line); border-radius: 6px; box-shadow: none; }
.card-header { background: var(--ground); color: var(--ink); text-align: left; }
.card-button svg { stroke: var(--ink); }
.card-header:focus-visible { outline: 3px solid var(--focus); }
"""
TEXT = """
:host { color: var(--ink); font-size: 15px; }
h1 { font-size: 26px; } h2 { font-size: 20px; margin: 4px 0; } h3 { font-size: 18px; margin: 14px 0 2px; }
code { color: var(--ink); background: transparent; overflow-wrap: anywhere; } li { margin: 6px 0; }
.bk-clearfix { overflow-x: auto; } th, td { border-color: var(--line) !important; }
"""
FIGURE = ON_DARK.format(dark_figures())


def laid_out(header: str, cards: Sequence[pn.viewable.Viewable], *, width: int = WIDTH) -> pn.viewable.Viewable:
    """A page of at most `width` pixels: its header, HTML of our own, and below it its cards, or that there are none."""
    pn.extension("plotly", raw_css=[STYLE])
    none = shown_text("No incident was ever opened here.")
    return pn.Column(shown_html(header), *(cards or [none]), max_width=width, margin=(10, 30), sizing_mode=WIDE)


def card(
    title: str, tell: Callable[[], Sequence[pn.viewable.Viewable]], *, first: bool, width: int = WIDTH
) -> pn.viewable.Viewable:
    """A card of the page; the first is unfolded, the others are filled by `tell` when somebody unfolds them."""
    header = shown_html(f"<h2>{html.escape(title)}</h2>")
    folded = pn.Card(header=header, collapsed=not first, max_width=width, sizing_mode=WIDE, stylesheets=[CARD])  # type: ignore[no-untyped-call]

    def fill(*_: object) -> None:
        if not folded.objects:
            folded.objects = list(tell())

    folded.param.watch(fill, "collapsed")
    if first:
        fill()
    return folded


def shown_item(item: Any) -> pn.viewable.Viewable:
    """A sentence, a table, a figure or a widget, as part of a page."""
    if isinstance(item, Sentence | Several | Table):
        return shown_html(item._repr_html_())
    if isinstance(item, pn.viewable.Viewable):
        item.sizing_mode = item.sizing_mode or WIDE
        return item
    return pn.pane.Plotly(item, config={"displaylogo": False}, sizing_mode=WIDE, stylesheets=[FIGURE])  # type: ignore[no-untyped-call]


def shown_text(text: str) -> pn.viewable.Viewable:
    """A sentence of its own."""
    return shown_item(Sentence(text))


def shown_html(text: str) -> pn.viewable.Viewable:
    """HTML, whatever comes from the record escaped before."""
    return pn.pane.HTML(text, sizing_mode=WIDE, stylesheets=[TEXT])  # type: ignore[no-untyped-call]
