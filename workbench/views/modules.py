"""The ES modules of ``js/``: one file per concept, and `live.js` with what all of them need, put in front of each.

A module is one text without imports and addresses: the same for `anywidget.AnyWidget` in a notebook and for Panel's
`AnyWidgetComponent` on a page, offline, with no build step. To add a concept, write ``js/NAME.js``::

    function render({ model, el }) {
      const live = frame({ model, el }, { name: "For a screen reader", concept: "NAME", style: "" });
      const chart = make("div");
      live.root.append(chart);
      live.follow(["counts", "selection"], () => { … floats(model.get("counts")) … });
      return live.close;
    }
    export default { render };

and give ``module("NAME")`` as the ``_esm`` of both hosts' classes. What is too long for one file has parts in ``js/NAME/``. What
``live.js`` brings, each explained there:

============================================ ======================================================================
``frame``                                    root, style, selected rows with undo, redo and clear, windows, message
                                             line, theme; ``send`` (a message to the kernel; nothing where read-only),
                                             ``follow`` (redraw on a change of traits), ``close``
``make``, ``draw``                           an HTML element, an SVG element: texts are text nodes, never markup
``roving``                                   one stop of the Tab key for many items, arrows among them
``sendField``                                a text with its button: a note to pin, a reason to dismiss
``ticks``, ``percent``, ``compare``          round numbers on an axis, a share in words, an order with null last
``floats``                                   the numbers that `packed` sent
``ALL_ROWS``                                 the selection of everything
============================================ ======================================================================

Colours are custom properties (``var(--ink)``, ``var(--series-1)``, see `workbench.views.theme.TOKENS`), light and dark by what
lies behind the widget.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from workbench.digest import canonical_json
from workbench.views.theme import FONT, properties

FOLDER = Path(__file__).with_name("js")


@cache
def module(name: str) -> str:
    """The text of the ES module that draws the concept `name`."""
    theme = canonical_json({"light": properties(dark=False), "dark": properties(dark=True), "font": FONT}).decode()
    files = [FOLDER / "live.js", *sorted((FOLDER / name).glob("*.js")), FOLDER / f"{name}.js"]
    return "\n".join([f"const THEME = {theme};", *(file.read_text(encoding="utf-8") for file in files)])


def packed(numbers: Iterable[float] | np.ndarray) -> bytes:
    """Aggregates for the browser, eight bytes each: ``traitlets.Bytes`` here, ``floats(model.get(name))`` there; NaN: not shown.

    For up to a few hundred numbers a list is simpler; these cost no text and no parsing. Small cells have to be blanked before
    (`workbench.result.Result.published`): what is packed is in the browser.

    Parameters
    ----------
    numbers
        Of any shape, sent in C order; the shape, where it matters, goes in a trait of its own.
    """
    return np.ascontiguousarray(numbers if isinstance(numbers, np.ndarray) else list(numbers), dtype="<f8").tobytes()
