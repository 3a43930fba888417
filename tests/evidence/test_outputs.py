"""What cells show, as HTML that runs nothing."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_output

from workbench.evidence.outputs import markdown, sanitise, shown

PLOTLY = "application/vnd.plotly.v1+json"
TWIN = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="9"><text>twin #1 & 100%</text></svg>'.replace("&", "&amp;")
RUNS = re.compile(r"<\s*(script|style|iframe|object|embed|form|svg|math|link|meta|base)\b|\bon\w+\s*=|javascript:", re.IGNORECASE)


def display(data: dict[str, Any]) -> NotebookNode:
    return new_output("display_data", data=data)


def figure(trace: str = "bar", title: str = "Rates") -> dict[str, Any]:
    return {"data": [{"type": trace, "x": [1], "y": [2]}], "layout": {"title": {"text": title}}}


def test_text_is_escaped_and_its_terminal_colours_are_classes() -> None:
    html = shown(new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m <b>&"), live=False)
    assert html == '<pre class="stdout"><span class="ansi-red-fg">red</span> &lt;b&gt;&amp;</pre>'


def test_a_progress_bar_shows_only_where_it_ended() -> None:
    assert "100%" in (html := shown(new_output("stream", name="stderr", text=" 10%\r 50%\r100%\r\nnext"), live=False))
    assert "50%" not in html
    assert "next" in html


def test_a_stream_of_blanks_shows_nothing() -> None:
    assert shown(new_output("stream", name="stdout", text=" \n"), live=False) == ""


def test_an_error_shows_what_it_was_and_its_traceback() -> None:
    trace = ["\x1b[31mZeroDivisionError\x1b[39m", "----> 1 1/0 < 2"]
    html = shown(new_output("error", ename="ZeroDivisionError", evalue="division <by> zero", traceback=trace), live=False)
    assert "<strong>ZeroDivisionError: division &lt;by&gt; zero</strong>" in html
    assert "1/0 &lt; 2" in html


def test_an_error_without_a_traceback_shows_its_name() -> None:
    assert "KeyboardInterrupt" in shown(new_output("error", ename="KeyboardInterrupt", evalue="", traceback=[]), live=False)


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<p onclick=alert(1)>text</p>",
        '<img src=x onerror="alert(1)">',
        '<a href="javascript:alert(1)">text</a>',
        '<a href="data:text/html,<script>alert(1)</script>">text</a>',
        "<style>body{display:none}</style>",
        '<iframe src="https://example.org"></iframe>',
        '<svg onload="alert(1)"><script>alert(1)</script><svg></svg></svg>',
        '<math><mtext><table><mglyph><style><img src=x onerror="alert(1)">',
        '<form action="https://example.org"><button>text</button></form>',
        '<meta http-equiv="refresh" content="0;url=https://example.org">',
        '<base href="https://example.org">',
    ],
)
def test_nothing_in_html_runs(evil: str) -> None:
    assert RUNS.search(sanitise(evil)) is None
    assert RUNS.search(markdown(evil)) is None


PARTS = ("<svg>", "</svg>", "<script>", "</script>", "<img src=x onerror=a>", "<b>", '"', "'", "<!--", "-->", "<math>", "<style>",
         "</style>", "<p id=cell-1 class=output>", "$", "&lt;", "text")  # fmt: skip


@given(st.lists(st.sampled_from(PARTS)))
def test_what_was_cleaned_is_clean(parts: list[str]) -> None:
    clean = sanitise("".join(parts))
    assert sanitise(clean).count("<script") == clean.count("<script") == 0
    assert re.search(r"<[^>]*\bonerror", clean) is None
    assert 'id="cell' not in clean
    assert "class=" not in clean


@pytest.mark.parametrize(
    "source", ["https://example.org/x.png", "//example.org/x.png", "x.png", "file:///etc/x.png", "data:text/html,x"]
)
def test_a_picture_from_elsewhere_is_not_fetched_and_said_to_be_missing(source: str) -> None:
    html = sanitise(f'<img src="{source}">')
    assert source not in html
    assert "not embedded" in html


def test_an_embedded_picture_stays() -> None:
    assert 'src="data:image/png;base64,AAAA"' in sanitise('<img src="data:image/png;base64,AAAA">')


def test_a_style_keeps_what_lays_out_and_loses_what_covers_or_fetches() -> None:
    html = sanitise('<p style="text-align:left;position:fixed;background-image:url(https://example.org)">text</p>')
    assert "text-align" in html
    assert "position" not in html
    assert "url" not in html


def test_ids_from_inside_cannot_pass_for_those_of_the_page() -> None:
    html = sanitise('<h2 id="cell-1">text</h2><a href="#cell-1">there</a>')
    assert 'id="in-cell-1"' in html
    assert 'href="#in-cell-1"' in html


def test_a_drawing_inside_html_becomes_an_image() -> None:
    html = shown(display({"text/html": "<p>Slices</p><svg width='9' height='9'><rect width='9' height='9'/></svg>"}), live=False)
    assert '<img alt="drawing" src="data:image/svg+xml,' in html
    assert "left out" not in html


def test_html_that_lost_its_script_says_so() -> None:
    assert "left out" in shown(display({"text/html": "<p>text</p><script>1</script>"}), live=False)


def test_html_of_scripts_alone_gives_way_to_the_next_form() -> None:
    html = shown(display({"text/html": "<script>1</script>", "text/plain": "in <words>"}), live=False)
    assert html == "<pre>in &lt;words&gt;</pre>"


def test_an_output_without_a_known_form_is_named() -> None:
    assert "application/x-unknown" in shown(display({"application/x-unknown": "text"}), live=False)


def test_a_figure_is_its_twin_with_its_title_and_its_data_beside_it() -> None:
    html = shown(display({PLOTLY: figure(title="Rates <b>now</b> </script>"), "image/svg+xml": TWIN}), live=True)
    assert re.search(r'<img class="twin" alt="Rates +now +', html)
    assert "%23" in html, "# would end the URL of the picture"
    assert '"type":"bar"' in html
    assert html.count("</script>") == 1


def test_without_plotly_a_figure_is_its_twin_alone() -> None:
    html = shown(display({PLOTLY: figure(), "image/png": "AAAA\n"}), live=False)
    assert 'src="data:image/png;base64,AAAA"' in html
    assert "<script" not in html


@pytest.mark.parametrize("trace", ["scattergl", "choropleth"])
def test_a_figure_that_compiles_code_or_fetches_maps_stays_a_picture(trace: str) -> None:
    assert "<script" not in shown(display({PLOTLY: figure(trace), "image/svg+xml": TWIN}), live=True)


@pytest.mark.parametrize("live", [False, True])
def test_a_figure_without_a_twin_says_why_it_is_not_shown(live: bool) -> None:  # noqa: FBT001  a parametrised test
    html = shown(display({PLOTLY: figure()}), live=live)
    assert "“Rates” is not shown" in html
    assert ("<script" in html) is live


def test_formulas_stand_in_elements_of_their_own_and_dollars_do_not() -> None:
    html = markdown("$a<b$ for \\$5\n\n$$x^2$$\n\n\\begin{align}c&=d\\end{align}")
    assert '<code class="tex">a&lt;b</code>' in html
    assert '<code class="tex block">x^2</code>' in html
    assert '<code class="tex block">\\begin{align}c&amp;=d\\end{align}</code>' in html
    assert "$5" in html


def test_headings_are_one_level_below_the_page_and_can_be_linked() -> None:
    html = markdown("# For *whom*\n\n[there](#For-whom)")
    assert '<h2 id="in-For-whom">For <em>whom</em></h2>' in html
    assert 'href="#in-For-whom"' in html


def test_an_attachment_is_embedded_and_a_missing_one_shows_the_source() -> None:
    assert "data:image/png;base64,AAAA" in markdown("![a](attachment:a.png)", {"a.png": {"image/png": "AAAA"}})
    assert "attachment:a.png" in markdown("![a](attachment:a.png)")
