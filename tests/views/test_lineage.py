"""The drawing as SVG: well-formed whatever the names say, readable without colours, nothing loaded, nothing run."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from workbench.lineage.build import build_lineage
from workbench.lineage.event import EventLog, read_event
from workbench.lineage.picture import Edge, Node, Picture, picture
from workbench.views.lineage import Drawing, describe, lineage_svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'-alert(1)-'",
    "../../../etc/passwd",
    "]]><![CDATA[",
    "&amp;&lt;&#0;",
    "a\x00b\x1b[31mc\ud800\u202egnp.exe\ufffe",
    "${7*7}{{7*7}}",
    "javascript:alert(1)",
]


def parts(svg: str, name: str) -> list[ET.Element]:
    root = ET.fromstring(svg)  # noqa: S314  our own document
    return [item for item in root.iter(f"{SVG}g") if name in item.get("class", "").split()]


def drawing(**more: Any) -> Picture:
    nodes = (
        Node("version-0", "raw@source", "raw", "source", "dataset", "clean", gap="written by no run here"),
        Node("run-0", "etl/train@r1", "train", "03-01 00:00", "run"),
        Node("version-1", "model@r1", "model", "r1 03-01 00:10", "model", "contaminated", since=True, focus=True),
    )
    read = Edge("version-0", "run-0", certain=False, how="only the dataset's name is known")
    edges = (read, Edge("run-0", "version-1", how="wrote"))
    return Picture("Lineage of model@r1", nodes, edges, **more)


def test_every_node_can_be_reached_and_says_what_it_is() -> None:
    nodes = parts(lineage_svg(drawing()), "node")
    assert [item.get("data-name") for item in nodes] == ["raw@source", "etl/train@r1", "model@r1"]
    assert all(item.get("tabindex") == "0" for item in nodes)
    assert nodes[0].get("aria-label") == "raw@source, dataset, clean, written by no run here"
    assert "contaminated" in str(nodes[2].get("aria-label"))
    assert "since the onset" in str(nodes[2].get("aria-label"))


def test_edges_name_their_ends_and_a_possible_one_is_dotted() -> None:
    one, two = parts(lineage_svg(drawing()), "edge")
    assert (one.get("data-source"), one.get("data-target")) == ("version-0", "run-0")
    assert one[0].text == "possible: only the dataset's name is known"
    assert one[1].get("stroke-dasharray")
    assert two[1].get("stroke-dasharray") is None


def test_colour_is_never_alone() -> None:
    """What a colour says, a sign, a dash or a word says too."""
    svg = lineage_svg(drawing(origin="raw", onset="2026-03-01T00:00:00Z"))
    for words in ("○ raw", "● model", "● contaminated", "○ clean", "corner: since the onset", "dotted edge", "dashed box"):
        assert words in svg


def test_title_and_description_tell_what_is_drawn() -> None:
    drawn = drawing(origin="raw")
    root = ET.fromstring(lineage_svg(drawn))  # noqa: S314
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert root.get("aria-labelledby") == title.get("id")
    assert title.text == "Lineage of model@r1"
    assert description.text == describe(drawn)
    assert "3 boxes (1 dataset, 1 model, 1 run) and 2 edges" in describe(drawn)
    assert "from raw: 1 contaminated, 0 possible, 1 clean" in describe(drawn)


def test_classes_let_a_page_colour_it_and_times_let_it_dim() -> None:
    node = Node(
        "version-0", "a@r", "a", "", "model", "possible", since=True, focus=True, side="only this", time="2026-03-01T00:00:00Z"
    )
    svg = lineage_svg(Picture("one", (node,), ()))
    [group] = parts(svg, "node")
    assert str(group.get("class")).split() == ["node", "model", "possible", "only-this", "since", "focus"]
    assert group.get("data-time") == "2026-03-01T00:00:00Z"
    [legend] = parts(svg, "legend")
    assert {item.get("class") for item in legend.iter(f"{SVG}rect")} == {"possible", "only-this"}


def test_the_twin_is_an_image_that_says_what_it_shows() -> None:
    twin = Drawing(drawing())
    assert repr(twin).startswith("Lineage of model@r1: 3 boxes")
    assert 'src="data:image/svg+xml,%3Csvg' in twin._repr_html_()
    assert "<svg" not in twin._repr_html_()


def hostile_picture(text: str) -> Picture:
    log = EventLog()
    raw = [
        {"eventType": "COMPLETE", "eventTime": f"2026-03-01T00:0{minute}:00Z", "run": {"runId": f"{text}{minute}"},
         "job": {"namespace": text, "name": text}, "inputs": [{"namespace": text, "name": f"{text}{minute}"}],
         "outputs": [{"namespace": text, "name": f"{text}{minute + 1}"}], "schemaURL": "u"}
        for minute in range(3)
    ]  # fmt: skip
    for item in raw:
        event = read_event(item, (text, 1), log.facets, log.odd)
        assert event is not None
        log.events.append(event)
    graph = build_lineage(log.events, log.odd)
    return picture(graph, graph.name(graph.runs[1].writes[0]), origin=graph.name(graph.runs[0].writes[0]))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_text(text: str) -> None:
    svg = lineage_svg(hostile_picture(text))
    root = ET.fromstring(svg)  # noqa: S314
    tags = {item.tag.removeprefix(SVG) for item in root.iter()}
    assert tags == {"svg", "title", "desc", "rect", "text", "g", "path"}
    assert not any(name.startswith("on") or name in ("href", "style") for item in root.iter() for name in item.attrib)
    assert "\u202e" not in svg
    svg.encode()


def test_names_of_one_family_stay_apart() -> None:
    """A long name keeps its two ends."""
    names = ["warehouse.analytics.customers.features.daily.v1", "warehouse.analytics.customers.features.daily.v2"]
    nodes = tuple(Node(f"version-{number}", name, name, "", "dataset") for number, name in enumerate(names))
    svg = lineage_svg(Picture("two", nodes, ()))
    assert svg.count("daily.v1</text>") == svg.count("daily.v2</text>") == 1


def test_nothing_to_draw_is_a_picture_too() -> None:
    assert parts(lineage_svg(Picture("nothing", (), ())), "node") == []


@pytest.mark.browser
def test_a_browser_runs_nothing_of_a_hostile_name_and_no_text_leaves_its_box(tmp_path: Path, browser: Any) -> None:
    pages = [tmp_path / f"{number}.html" for number in range(len(HOSTILE))]
    for page, text in zip(pages, HOSTILE, strict=True):
        page.write_text(f"<!doctype html><meta charset='utf-8'><title>safe</title>{lineage_svg(hostile_picture(text))}")
    tab = browser.new_page()
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    for page in pages:
        tab.goto(page.as_uri())
        assert tab.title() == "safe"
        sticking_out = tab.evaluate("""() => [...document.querySelectorAll('g.node')].filter(node => {
            const box = node.querySelector('rect').getBoundingClientRect();
            return [...node.querySelectorAll('text')].some(text => {
                const at = text.getBoundingClientRect();
                return at.right > box.right + 1 || at.bottom > box.bottom + 1;
            });
        }).length""")
        assert sticking_out == 0
    assert [url for url in requests if not url.startswith("file:")] == []
    tab.close()
