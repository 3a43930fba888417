"""What scenarios cover, drawn: every cell is there, gaps are told in words, and shapes differ without colour."""

import pandas as pd
import pytest

from workbench.attacks.scenarios.catalogue import coverage, open_catalogue
from workbench.attacks.scenarios.controls import control_matrix, read_controls
from workbench.views.coverage import controls_figure, controls_table, gaps_sentence, technique_figure

CATALOGUE = open_catalogue()
CONTROLS = control_matrix(CATALOGUE, read_controls())
TECHNIQUES = coverage(CATALOGUE)


def test_every_cell_of_technique_and_scenario_is_drawn_once_empty_ones_too() -> None:
    covered, empty = technique_figure(TECHNIQUES).data[:2]
    assert len(covered.x) + len(empty.x) == len(TECHNIQUES) * len(CATALOGUE)
    assert len(covered.x) == TECHNIQUES["scenarios"].sum()
    assert covered.marker.symbol != empty.marker.symbol


@pytest.mark.parametrize("framework", CONTROLS["framework"].unique())
def test_a_gap_is_said_in_words_and_so_is_what_is_shown_otherwise(framework: str) -> None:
    part = CONTROLS[CONTROLS["framework"] == framework]
    said = [trace.text[0] for trace in controls_figure(CONTROLS, framework).data[2:]]
    open_ones = (part["scenarios"] == 0) & part["otherwise"].isna()
    assert [text.endswith("gap") for text in said] == open_ones.tolist()
    assert [text == "otherwise" for text in said] == ((part["scenarios"] == 0) & part["otherwise"].notna()).tolist()


def test_rows_stand_in_the_order_of_the_map() -> None:
    figure = controls_figure(CONTROLS, "EU AI Act")
    assert figure.layout.yaxis.categoryarray[-1].startswith("Art. 9(2)(a)")


def test_the_sentence_names_the_gaps() -> None:
    text = repr(gaps_sentence(CONTROLS))
    assert "ISO/IEC 42001 Annex A: A.5.5; A.6.2.5; A.10.3" in text
    assert "Art. 12(1)" not in text
    assert "AML.T0034" in repr(gaps_sentence(TECHNIQUES))
    full = pd.DataFrame({"technique": ["T1"], "meaning": ["m"], "scenarios": [1], "a": [True]})
    assert repr(gaps_sentence(full)) == "1 of 1 techniques are tried by a scenario; no gap is left."


def test_the_table_says_what_else_shows_a_control() -> None:
    rows = controls_table(CONTROLS).frame.set_index("control")
    assert rows.loc["A.7.5", "which"] == "lineage"
    assert rows.loc["A.10.3", "scenarios"] == "gap"
