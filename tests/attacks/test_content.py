"""A table's digest depends on its values and on nothing else."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.content import digest_table

CELLS = st.one_of(
    st.lists(st.none() | st.integers(-9, 9), min_size=1), st.lists(st.none() | st.text(max_size=4), min_size=1),
    st.lists(st.none() | st.floats(allow_nan=False), min_size=1),
)  # fmt: skip


@given(CELLS, st.data())
def test_cutting_a_table_does_not_change_its_digest(cells: list[object], data: st.DataObject) -> None:
    whole = pa.table({"x": pa.array(cells)})
    at = data.draw(st.integers(0, len(cells)))
    assert digest_table(pa.concat_tables([whole.slice(0, at), whole.slice(at)])) == digest_table(whole)
    padded = pa.concat_tables([whole.slice(0, 1), whole]).slice(1)
    assert digest_table(padded) == digest_table(whole)


@given(st.lists(st.none() | st.text(max_size=3), min_size=1))
def test_a_dictionary_counts_as_its_values(texts: list[str | None]) -> None:
    plain = pa.array(texts, pa.string())
    assert digest_table(pa.table({"x": plain.dictionary_encode()})) == digest_table(pa.table({"x": plain}))


@given(CELLS, st.data())
def test_another_value_is_another_digest(cells: list[object], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(cells) - 1))
    kind = pa.array(cells).type
    changed = [*cells[:at], None if cells[at] is not None else {"string": "z", "double": 0.5}.get(str(kind), 3), *cells[at + 1 :]]
    if pa.types.is_null(kind):
        return
    assert digest_table(pa.table({"x": pa.array(changed, kind)})) != digest_table(pa.table({"x": pa.array(cells, kind)}))


def test_text_that_only_moves_between_cells_is_another_digest() -> None:
    assert digest_table(pa.table({"x": ["ab", "c"]})) != digest_table(pa.table({"x": ["a", "bc"]}))
    assert digest_table(pa.table({"x": [1]})) != digest_table(pa.table({"y": [1]}))


def test_what_lies_under_a_missing_value_does_not_count() -> None:
    ones, twos = (pa.array([1.0, value, 3.0], mask=np.array([False, True, False])) for value in (1.0, 2.0))
    assert digest_table(pa.table({"x": ones})) == digest_table(pa.table({"x": twos}))
