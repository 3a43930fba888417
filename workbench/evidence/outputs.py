"""What a cell shows, as HTML that runs nothing and asks nobody: text in a notebook came from whoever wrote or fed it.

- Text is escaped; terminal colours become classes.
- HTML and Markdown go through an allow-list (`sanitise`): tables, text and embedded pictures stay, and scripts, style sheets,
  forms, frames, event handlers and everything that would be fetched do not. A pandas Styler therefore loses its colours, never
  its numbers.
- Vector pictures, those drawn inside HTML too, are shown as images, where a browser runs no script of theirs.
- A Plotly figure is its twin, with its data beside it for the page's script to bring it to life.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import nh3
from markupsafe import Markup, escape
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from workbench.evidence.blank import is_picture
from workbench.evidence.freeze import PLOTLY, SVG

RASTERS: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
MATHS: Final = '<code class="tex'
"""How every formula begins in the HTML of this module; the page's script draws what stands in the element."""
LIVE: Final = '<div class="live">'
"""The place, empty at first, where a figure comes alive."""
COMPILING: Final = ("scattergl", "scatterpolargl", "splom", "parcoords")
MAPS: Final = ("choropleth", "scattergeo", "choroplethmap", "scattermap", "densitymap", "choroplethmapbox", "scattermapbox",
               "densitymapbox")  # fmt: skip
NEEDS_MORE: Final = frozenset(COMPILING + MAPS)
"""Trace types that compile code as they draw, or fetch maps: the page's policy forbids both, so they stay pictures."""
TAGS: Final = frozenset(nh3.ALLOWED_TAGS) - {"area", "map"}
ATTRIBUTES: Final = {
    "*": {"style", "title", "lang", "dir", "id"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "th": {"scope", "colspan", "rowspan"},
    "td": {"colspan", "rowspan"},
    "ol": {"start"},
    "details": {"open"},
    "time": {"datetime"},
}
STYLES: Final = frozenset((
    "color", "background-color", "font-size", "font-weight", "font-style", "font-family", "text-align", "text-decoration",
    "vertical-align", "white-space", "padding", "padding-left", "padding-right", "padding-top", "padding-bottom", "margin",
    "margin-left", "margin-right", "margin-top", "margin-bottom", "border", "border-top", "border-bottom", "border-left",
    "border-right", "border-color", "border-collapse", "border-spacing", "border-radius", "width", "min-width", "max-width",
    "line-height", "caption-side",
))  # fmt: skip
PREFIX: Final = "in-"
"""Before every id from inside the notebook, so that none takes the place of one of the page's own."""
SCHEMES: Final = ("http", "https", "mailto", "data", "file", "blob", "ftp", "cid", "attachment")
"""What the sanitiser hands to `_attribute`, which decides; it would take other addresses away without a word."""
EMBEDDED: Final = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml)[;,]", re.IGNORECASE)
NOT_EMBEDDED: Final = (
    "data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22 width=%22260%22 height=%2228%22><text y=%2219%22"
    " fill=%22%23888%22 font-family=%22sans-serif%22 font-size=%2214%22>A picture that was not embedded</text></svg>"
)
INLINE_SVG: Final = re.compile(r"<svg\b(?:(?!<svg\b).)*?</svg>", re.IGNORECASE | re.DOTALL)
ACTIVE: Final = re.compile(
    r"<\s*(script|iframe|object|embed|form|input|button|select|canvas|video|audio|svg|math)\b", re.IGNORECASE
)
TAG: Final = re.compile(r"<[^>]*>")
_colored: Any = ansi2html
_highlighter: Any = Highlight2HTML
"""These two have no types."""


def shown(output: NotebookNode, *, live: bool) -> Markup:
    """One output as HTML; empty only where there is nothing to see, as in a stream of blanks.

    Parameters
    ----------
    output
        An entry of a code cell's ``outputs``.
    live
        Whether the page has plotly.js, so that a figure's data belongs beside its twin.
    """
    if output.output_type == "stream":
        return _stream(output)
    if output.output_type == "error":
        return _error(output)
    if PLOTLY in output.data:
        return _figure(output.data, live=live)
    for kind, show in FORMS.items():
        if kind in output.data and (form := show(output.data[kind])):
            return form
    if not set(output.data) - set(FORMS):
        return Markup()
    return note(f"Not shown: this output has no form without a kernel ({', '.join(sorted(output.data))}).")


def markdown(source: str, attachments: dict[str, dict[str, str]] | None = None) -> Markup:
    """Markdown as HTML, its headings one level lower (the page's title is the first), its formulas left for the page to draw."""
    renderer = _Renderer(escape=False, attachments=attachments)
    try:
        return sanitise(MarkdownWithMath(renderer=renderer).render(source))
    except InvalidNotebook:  # names an attachment that is not there
        return _preformatted(source)


def code(source: str, lexer: str) -> Markup:
    """Source text with its syntax marked by Pygments' classes."""
    return Markup(_highlighter(pygments_lexer=lexer)(source))  # noqa: S704  Pygments escapes what it marks


def sanitise(text: str) -> Markup:
    """The part of some HTML that neither runs nor fetches anything; links out remain, and wait for a click."""
    clean = nh3.clean(
        INLINE_SVG.sub(_as_image, text),
        tags=set(TAGS),
        clean_content_tags={"script", "style", "svg", "math", "select"},
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=_attribute,
        allowed_classes={"code": {"tex", "block"}},
        filter_style_properties=set(STYLES),
        url_schemes=set(SCHEMES),
        id_prefix=PREFIX,
    )
    return Markup(clean)  # noqa: S704  this is where untrusted text becomes markup


def note(text: str) -> Markup:
    """A remark of the page's own, told apart from what the notebook says."""
    return Markup('<p class="note">{}</p>').format(text)


def _attribute(_: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if EMBEDDED.match(value) else NOT_EMBEDDED
    if name == "href":
        if value.startswith("#"):
            return f"#{PREFIX}{value[1:]}"
        return value if value.lower().startswith(("https://", "http://", "mailto:")) else None
    return value


def _as_image(drawing: re.Match[str]) -> str:
    """SVG inside HTML as an image where it can stand alone; what cannot goes the way of scripts."""
    svg = drawing[0] if "xmlns=" in drawing[0] else drawing[0].replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    address = f"data:{SVG},{quote(svg)}"
    return f'<img alt="drawing" src="{address}">' if is_picture(address) else drawing[0]


def _html(text: str) -> Markup:
    clean = sanitise(text)
    if not TAG.sub("", clean).strip() and "<img" not in clean:
        return Markup()
    active = ACTIVE.search(INLINE_SVG.sub(_as_image, text))
    return clean + note("Scripts, controls and drawings that need them were left out of this output.") if active else clean


def _figure(data: Mapping[str, Any], *, live: bool) -> Markup:
    figure = data[PLOTLY]
    kept = {part: figure[part] for part in ("data", "layout", "frames") if figure.get(part)}
    title = _title(kept.get("layout", {}))
    twin = next((_picture(kind, data[kind], title) for kind in (SVG, *RASTERS) if data.get(kind)), None)
    alive = live and not any(trace.get("type") in NEEDS_MORE for trace in kept.get("data", []))
    content = _json(kept) if alive and kept.get("data") else None
    if twin is None:
        why = "it needs JavaScript" if content else "it has no picture, and this page does not hold what draws it"
        twin = Markup('<p class="note twin">The figure “{}” is not shown: {}.</p>').format(title, why)
    script = Markup(LIVE + '</div><script type="application/json">{}</script>').format(content) if content else ""  # noqa: S704
    return Markup('<figure class="plot">{}{}</figure>').format(twin, script)


def _title(layout: Mapping[str, Any]) -> str:
    title = layout.get("title", "")
    text = title.get("text") if isinstance(title, Mapping) else title
    return html.unescape(TAG.sub(" ", str(text or "figure")))


def _json(value: object) -> Markup:
    """JSON that cannot end the element it stands in."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704  no < is left


def _picture(kind: str, content: str, description: str) -> Markup:
    if kind == SVG:
        address = f"data:{SVG}," + quote(content, safe=" <>=:;/,()+@!?*")
    else:
        address = f"data:{kind};base64," + re.sub(r"[^A-Za-z0-9+/=]", "", content)
    return Markup(f'<img class="twin" alt="{escape(description)}" src="{address}">')  # noqa: S704  no quote is left in it


def _image(kind: str, content: str) -> Markup:
    if not content.strip():
        return Markup()
    return Markup("<figure>{}</figure>").format(_picture(kind, content, "picture made by this cell"))


def _stream(output: NotebookNode) -> Markup:
    name = "stderr" if output.get("name") == "stderr" else "stdout"
    text = output.get("text", "")
    return Markup('<pre class="{}">{}</pre>').format(name, _terminal(text)) if text.strip() else Markup()


def _error(output: NotebookNode) -> Markup:
    what = f"{output.get('ename', 'Error')}: {output.get('evalue', '')}".rstrip(": ")
    trace = "\n".join(output.get("traceback", ()))
    details = Markup("<details open><summary>Traceback</summary><pre>{}</pre></details>").format(_terminal(trace))
    return Markup('<div class="error"><p><strong>{}</strong></p>{}</div>').format(what, details if trace else "")


def _preformatted(text: str) -> Markup:
    return Markup("<pre>{}</pre>").format(_terminal(text)) if text.strip() else Markup()


def _terminal(text: str) -> Markup:
    """Text as a terminal would leave it: a carriage return begins its line again, colours are classes."""
    lines = ([part for part in line.split("\r") if part] or [""] for line in text.split("\n"))
    marked: str = _colored("\n".join(line[-1] for line in lines))
    return Markup(marked)  # noqa: S704  ansi2html escapes first


class _Renderer(IPythonRenderer):
    """Markdown to HTML, with formulas in elements of their own."""

    def heading(self, text: str, level: int, **_: Any) -> str:
        name = html.escape(html.unescape(TAG.sub("", text)).strip().replace(" ", "-"))
        lower = min(level + 1, 6)
        return f'<h{lower} id="{name}">{text}</h{lower}>\n'

    def inline_math(self, body: str) -> str:
        return f'{MATHS}">{html.escape(body)}</code>'

    def block_math(self, body: str) -> str:
        return f'{MATHS} block">{html.escape(body)}</code>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")


FORMS: Final[Mapping[str, Callable[[str], Markup]]] = {
    "text/html": _html,
    SVG: partial(_image, SVG),
    **{kind: partial(_image, kind) for kind in RASTERS},
    "text/markdown": markdown,
    "text/latex": markdown,
    "text/plain": _preformatted,
}
"""How each form of an output is shown, the preferred one first."""
