"""The modules as text: whole, harmless, in the theme's colours; and the numbers they read."""

import re
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.views.modules import FOLDER, module, packed
from workbench.views.theme import DARK, TOKENS

CONCEPTS = sorted(path.stem for path in FOLDER.glob("*.js") if path.stem != "live")
NAME = re.compile(r"^(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_module_imports_nothing_fetches_nothing_and_writes_no_markup(concept: str) -> None:
    code = re.sub(r"//.*", "", module(concept).replace("http://www.w3.org/2000/svg", "svg"))
    assert code.count("export default") == 1
    for word in ("import ", "import(", "http", "fetch", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval"):
        assert word not in code, word


@pytest.mark.parametrize("concept", CONCEPTS)
def test_no_name_is_declared_twice(concept: str) -> None:
    names = NAME.findall(module(concept))
    assert {"THEME", "frame", "render"} <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_module_uses_the_colours_of_the_theme_and_styles_no_other_widget(concept: str) -> None:
    own = (FOLDER / f"{concept}.js").read_text(encoding="utf-8")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", own) == []
    assert set(re.findall(r"var\(--([\w-]+)\)", own)) <= set(TOKENS)
    assert not re.search(r"\.wb[ .{]", own), "rules of a concept begin with .wb-concept"


def test_every_colour_of_a_widget_has_one_for_the_dark() -> None:
    assert set(TOKENS.values()) <= set(DARK)


@given(st.lists(st.floats(width=64)))
def test_packed_numbers_are_little_endian_doubles(numbers: list[float]) -> None:
    read = struct.unpack(f"<{len(numbers)}d", packed(numbers))
    assert np.array_equal(read, numbers, equal_nan=True)


def test_an_array_of_any_shape_and_kind_is_packed_in_rows() -> None:
    array = np.arange(6, dtype=">i4").reshape(2, 3).T
    assert packed(array) == struct.pack("<6d", 0, 3, 1, 4, 2, 5)
