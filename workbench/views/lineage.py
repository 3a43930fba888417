"""The graph of versions and runs as SVG: readable without a script, a server or colours, and safe whatever the names say."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple
from urllib.parse import quote

from workbench.digest import digest
from workbench.lineage.layout import Box, Layout, layout
from workbench.lineage.picture import BOTH, ONLY_OTHER, ONLY_THIS, Edge, Node, Picture
from workbench.views.theme import BLUE, GREEN, GREY, ORANGE, YELLOW

FONT: Final = "Inter, Segoe UI, Helvetica, Arial, sans-serif"
SIZE: Final = 13
SMALL: Final = 11
NARROW: Final = frozenset("iljtfrI.,:;|!'`()[]{}/\\ -1")
WIDE: Final = frozenset("mwMW@%&—…→")
WIDTHS: Final = (0.46, 0.68, 1.02, 1.1)
"""Of a narrow, an ordinary, a wide or capital, and a foreign letter, in parts of the font size: the most that fonts take."""
LONGEST: Final = 30
HEIGHT: Final = {"run": 40.0}
BOX_HEIGHT: Final = 44.0
MARGIN: Final = 20.0
LINE: Final = 22.0
FILLS: Final = {"contaminated": "#FBE4D5", "possible": "#FFF7E0", "clean": "#E4F3EC", "": "#FFFFFF"}
STROKES: Final = {"contaminated": ORANGE, "possible": "#8A6100", "clean": GREEN, "": GREY}
GLYPHS: Final = {"contaminated": "●", "possible": "◐", "clean": "○"}
SIDES: Final = {ONLY_THIS: ("#FBE4D5", ORANGE, "+"), ONLY_OTHER: ("#DCEBF6", BLUE, "−"), BOTH: ("#FFFFFF", GREY, "=")}
TAGS: Final = {"model": "model", "deployment": "deployment", "decisions": "decisions"}
STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
INK: Final = "#1A1A1A"
TAG_INK: Final = "#8A3A6A"


class Sign(NamedTuple):
    """A square of the legend: the class of what it stands for, its colours, and what it means."""

    name: str
    fill: str
    stroke: str
    words: str


class Drawing:
    """The picture as it stays in a notebook: an image that runs nothing whoever opens it, with its description as text."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def _repr_html_(self) -> str:
        address = f"data:image/svg+xml,{quote(lineage_svg(self.picture))}"
        return f'<div style="overflow-x:auto"><img alt="{_text(repr(self))}" src="{address}" style="max-width:none"></div>'

    def __repr__(self) -> str:
        return f"{self.picture.title}: {describe(self.picture)}"


def lineage_svg(picture: Picture) -> str:
    """The picture as one self-contained SVG document.

    Every node is a focusable group with ``data-node`` (its id in the picture), ``data-name`` and, where known, ``data-time``;
    every edge has ``data-source`` and ``data-target``. Title and description say in words what is drawn. The colours stand in
    attributes, for who shows the document as it is; the classes (``contaminated``, ``only-this``, ``since``, ``small``, …) let
    ``js/lineage.js`` give them by its theme.
    """
    drawn = layout({node.id: _size(node) for node in picture.nodes}, [(edge.source, edge.target) for edge in picture.edges])
    legend = _legend(picture)
    top = MARGIN + 30 + LINE * len(legend)
    width = max(drawn.width + 2 * MARGIN, 640.0)
    height = drawn.height + top + MARGIN
    mark = digest([picture.title, [node.id for node in picture.nodes]])[7:15]
    return "".join([
        (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="graphics-document" aria-labelledby="title-{mark}" aria-describedby="desc-{mark}" '
        f'font-family="{FONT}" font-size="13" fill="{INK}">'),
        f'<title id="title-{mark}">{_text(picture.title)}</title><desc id="desc-{mark}">{_text(describe(picture))}</desc>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#FFFFFF"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 12}" font-size="17">{_text(_short(picture.title, 90))}</text>',
        f'<g class="legend">{"".join(_legend_lines(legend))}</g>',
        f'<g class="graph" transform="translate({MARGIN},{top})">',
        *(_edge(edge, drawn) for edge in picture.edges),
        *(_node(node, drawn.boxes[node.id]) for node in picture.nodes),
        "</g></svg>",
    ])  # fmt: skip


def describe(picture: Picture) -> str:
    """What is drawn, in words, for who cannot see it."""
    kinds = Counter(node.kind for node in picture.nodes)
    counted = ", ".join(
        f"{count} {kind}{'' if count == 1 or kind.endswith('s') else 's'}" for kind, count in sorted(kinds.items())
    )
    statuses = Counter(node.status for node in picture.nodes if node.status)
    parts = [
        f"{len(picture.nodes)} boxes ({counted}) and {len(picture.edges)} edges, from what was read on the left to what was made"
    ]
    if picture.origin is not None:
        told = ", ".join(f"{statuses[status]} {status}" for status in GLYPHS)
        parts.append(f"from {picture.origin}: {told}")
    if picture.against is not None:
        parts.append(f"compared with {picture.against}")
    if picture.onset is not None:
        parts.append(f"{sum(node.since for node in picture.nodes)} boxes since the onset at {picture.onset}")
    gaps = sum(bool(node.gap) for node in picture.nodes)
    hidden = sum(node.count for node in picture.nodes if node.kind == "collapsed")
    parts += [f"{gaps} with something missing"] if gaps else []
    parts += [f"{hidden} more are collapsed"] if hidden else []
    return "; ".join(parts) + "."


def _size(node: Node) -> tuple[float, float]:
    label = _width(f"{_look(node)[2]} {_label(node)}".strip(), SIZE)
    small = max(_width(_detail(node), SMALL), _width(_small(node), SMALL))
    return max(90.0, label, small) + 24, HEIGHT.get(node.kind, BOX_HEIGHT) + (13.0 if node.gap or _tag(node) else 0.0)


def _width(text: str, size: int) -> float:
    """Room that a line takes, in pixels; letters differ, and a line must not leave its box in any font."""
    kinds = (
        0 if letter in NARROW else 2 if letter in WIDE or letter.isupper() else 1 if letter.isascii() else 3 for letter in text
    )
    return size * sum(WIDTHS[kind] for kind in kinds)


def _small(node: Node) -> str:
    """The third line of a box."""
    return " · ".join(part for part in (_tag(node), _short(node.gap, LONGEST)) if part)


def _label(node: Node) -> str:
    return _short(node.label, LONGEST)


def _detail(node: Node) -> str:
    return _short(node.detail, LONGEST + 6)


def _tag(node: Node) -> str:
    return TAGS.get(node.kind, "")


def _node(node: Node, box: Box) -> str:
    fill, stroke, glyph = _look(node)
    dash = ' stroke-dasharray="5 3"' if node.gap or node.kind == "collapsed" or node.status == "possible" else ""
    radius = box.height / 2 if node.kind == "run" else 4
    lines = [f'<text x="12" y="18">{_text(f"{glyph} {_label(node)}".strip())}</text>',
             f'<text class="small" x="12" y="32" font-size="11" fill="{GREY}">{_text(_detail(node))}</text>']  # fmt: skip
    small = _small(node)
    if small:
        name, ink = ("small tag", TAG_INK) if _tag(node) else ("small", GREY)
        lines.append(f'<text class="{name}" x="12" y="45" font-size="11" fill="{ink}">{_text(small)}</text>')
    onset = f'<path class="onset" d="M{box.width - 16:.1f},0 h16 v16 z" fill="{ORANGE}"/>' if node.since else ""
    thick = 3 if node.focus else 1.4
    time = "" if node.time is None else f' data-time="{_text(node.time)}"'
    return (
        f'<g class="{_classes(node)}" data-node="{_text(node.id)}" data-name="{_text(node.name)}"{time} tabindex="0" '
        f'role="graphics-symbol" aria-label="{_text(_spoken(node))}" transform="translate({box.x:.1f},{box.y:.1f})">'
        f"<title>{_text(_spoken(node))}</title>"
        f'<rect width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius:.1f}" fill="{fill}" stroke="{stroke}" '
        f'stroke-width="{thick}"{dash}/>{onset}{"".join(lines)}</g>'
    )


def _classes(node: Node) -> str:
    """What a box is, for a style sheet."""
    marks = [name for name in ("since", "focus") if getattr(node, name)]
    return " ".join(["node", node.kind, *(word for word in (node.status, node.side.replace(" ", "-")) if word), *marks])


def _look(node: Node) -> tuple[str, str, str]:
    """Fill, outline and sign of a box: what it is said in colour is said by the sign too."""
    if node.side:
        return SIDES[node.side]
    if node.kind == "run":
        return "#F3F3F3", GREY, ""
    return FILLS[node.status], STROKES[node.status], GLYPHS.get(node.status, "")


def _spoken(node: Node) -> str:
    """All that is known of a box, in words."""
    kind = "collapsed: " + node.detail if node.kind == "collapsed" else node.kind
    side = {ONLY_THIS: "only in this lineage", ONLY_OTHER: "only in the other lineage", BOTH: "in both lineages"}.get(
        node.side, ""
    )
    parts = [node.name, kind, node.time or "", node.status, side, node.gap, "since the onset" if node.since else ""]
    return ", ".join(part for part in parts if part)


def _edge(edge: Edge, drawn: Layout) -> str:
    route = drawn.routes.get((edge.source, edge.target))
    if route is None:
        return ""
    (x, y), rest = route[0], route[1:]
    steps = [f"M{x:.1f},{y:.1f}"]
    for next_x, next_y in rest:
        if next_y == y:
            steps.append(f"L{next_x:.1f},{next_y:.1f}")
        else:
            middle = (x + next_x) / 2
            steps.append(f"C{middle:.1f},{y:.1f} {middle:.1f},{next_y:.1f} {next_x:.1f},{next_y:.1f}")
        x, y = next_x, next_y
    back = -1 if route[-1][0] < route[-2][0] else 1
    color, dash = (GREY, "") if edge.certain else ("#8A6100", ' stroke-dasharray="3 4"')
    told = edge.how if edge.certain else f"possible: {edge.how}"
    return (
        f'<g class="edge{"" if edge.certain else " possible"}" data-source="{_text(edge.source)}" '
        f'data-target="{_text(edge.target)}"><title>{_text(told)}</title>'
        f'<path d="{" ".join(steps)}" fill="none" stroke="{color}" stroke-width="1.3"{dash}/>'
        f'<path d="M{x:.1f},{y:.1f} l{-7 * back},-3.5 v7 z" fill="{color}"/></g>'
    )


def _legend(picture: Picture) -> list[list[Sign]]:
    """Lines of signs with what they mean, only those that occur."""
    found: list[list[Sign]] = []
    present = {node.status for node in picture.nodes}
    statuses = [
        Sign(status, FILLS[status], STROKES[status], f"{glyph} {status}") for status, glyph in GLYPHS.items() if status in present
    ]
    if statuses:
        found.append(statuses)
    sides = {node.side for node in picture.nodes}
    words = {ONLY_THIS: "only in this lineage", ONLY_OTHER: f"only in that of {picture.against}", BOTH: "in both"}
    compared = [
        Sign(side.replace(" ", "-"), fill, stroke, f"{sign} {words[side]}")
        for side, (fill, stroke, sign) in SIDES.items()
        if side in sides
    ]
    if compared:
        found.append(compared)
    signs = []
    if picture.onset is not None and any(node.since for node in picture.nodes):
        signs.append(Sign("since", ORANGE, ORANGE, f"corner: since the onset, {picture.onset}"))
    if any(node.gap for node in picture.nodes):
        signs.append(Sign("gap", "#FFFFFF", GREY, "dashed box: something is missing in the events"))
    if not all(edge.certain for edge in picture.edges):
        signs.append(Sign("possible", "#FFFFFF", YELLOW, "dotted edge: only possible"))
    return [*found, signs] if signs else found


def _legend_lines(legend: Sequence[Sequence[Sign]]) -> Iterable[str]:
    for number, line in enumerate(legend):
        x, y = MARGIN, MARGIN + 24 + LINE * number
        for sign in line:
            shown = _short(sign.words, 70)
            colors = f'fill="{sign.fill}" stroke="{sign.stroke}" stroke-width="1.4"'
            yield f'<rect class="{sign.name}" x="{x:.0f}" y="{y:.0f}" width="14" height="14" {colors}/>'
            yield f'<text x="{x + 20:.0f}" y="{y + 12:.0f}">{_text(shown)}</text>'
            x += 40 + _width(shown, SIZE)


def _short(text: str, longest: int) -> str:
    """At most `longest` letters of `text`, its two ends kept: names of one family differ at their ends."""
    text = _plain(text)
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def _plain(text: str) -> str:
    """`text` without what steers a screen (controls, directions of writing), which XML could not hold either."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(letter) in STEERING else letter for letter in text)


def _text(text: str) -> str:
    """`text` as content or attribute of XML."""
    return escape(_plain(text), quote=True)
