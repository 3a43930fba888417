"""Is there anything to see? A page whose figures do not show looks finished and proves nothing, so it must not be sealed.

`refuse_blank` reads a page of `workbench.evidence.page` as a browser would before any script has run: every output must hold
text, a picture that can be decoded, or a figure's data together with the plotly.js that draws it.
"""

import base64
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from workbench.errors import BadOutcomeError


def refuse_blank(page: str) -> None:
    """Check that a page of `notebook_page` shows what it should: to be called before it is sealed, and by who doubts one.

    Raises
    ------
    BadOutcomeError
        If nothing is on it, if an output is empty, or if a figure has neither a picture nor data and plotly.js to draw it.
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    if not reader.shows:
        raise BadOutcomeError("the page shows nothing", None, "Export the notebook again.")
    for output in reader.outputs:
        if not output.shows(plotly=reader.plotly):
            do = "Run the notebook again where chromium is installed, and export it."
            raise BadOutcomeError("an output of the page would be blank", output.cell, do)


def is_picture(address: str) -> bool:
    """Whether a ``data:`` URL holds a picture: an SVG document with something in it, or bytes of another kind of image."""
    kind, comma, content = address.partition(",")
    if not comma or not kind.startswith("data:image/"):
        return False
    try:
        if kind.endswith(";base64"):
            return len(base64.b64decode(content, validate=True)) > 0
        root = ET.fromstring(unquote(content))  # noqa: S314  expat limits expansion, and only shape is looked at
    except (ValueError, ET.ParseError):
        return False
    return re.fullmatch(r"(\{.*\})svg", root.tag) is not None and len(root) > 0


class _Output:
    """What a page holds of one output."""

    def __init__(self, cell: str) -> None:
        self.cell = cell
        self.text = ""
        self.data = ""
        self.pictures: list[str] = []
        self.is_figure = False

    def shows(self, *, plotly: bool) -> bool:
        """Whether anything of it is seen."""
        if any(map(is_picture, self.pictures)):
            return True
        return plotly and _has_traces(self.data) if self.is_figure else bool(self.text.strip())


class _Reader(HTMLParser):
    """Reads a page of `notebook_page`: the outputs on it, and whether it loads plotly.js."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[_Output] = []
        self.plotly = False
        self.shows = False
        self._cell = ""
        self._output: _Output | None = None
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = tag
        if tag == "section" and given.get("id", "").startswith("cell-"):  # ids from inside a notebook begin otherwise
            self._cell, self._output = given["id"], None
        elif tag == "div" and "output" in given.get("class", "").split():
            self._output = _Output(self._cell)
            self.outputs.append(self._output)
        elif tag == "script" and given.get("src"):
            self.plotly = True
        elif tag == "img":
            self.shows = self.shows or bool(self._cell)
            if self._output:
                self._output.pictures.append(given.get("src", ""))
        elif tag == "figure" and "plot" in given.get("class", "") and self._output:
            self._output.is_figure = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        if tag == "main":
            self._cell, self._output = "", None

    def handle_data(self, data: str) -> None:
        if self._output and self._inside == "script":
            self._output.data += data
        elif self._cell and self._inside != "script":
            self.shows = self.shows or bool(data.strip())
            if self._output:
                self._output.text += data


def _has_traces(text: str) -> bool:
    try:
        figure = json.loads(text)
    except ValueError:
        return False
    return isinstance(figure, Mapping) and bool(figure.get("data"))
