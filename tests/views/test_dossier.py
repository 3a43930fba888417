"""One decision in words: no share without what it is a part of, and no name that only the code knows."""

import pandas as pd

from workbench.result import Result
from workbench.views.dossier import dossier_sentence, dossier_tables

TABLES = {
    "decision": pd.DataFrame({"role": ["time", "prediction", "score", "label"], "value": ["2026-03-01", "0", "0.3", None]}),
    "inputs": pd.DataFrame({"column": ["age", "sex"], "value": ["24", None], "share": [0.15, 0.005], "moves": [-0.0702, None]}),
    "cases": pd.DataFrame({"who": ["the 50 nearest", "all"], "n": [50, 2000], "same_decision": [0.94, 0.5],
                           "mean_score": [1.5, 4.51], "error": [0.18, 0.35]}),
    "flip": pd.DataFrame({"column": ["gain"], "value": ["0"], "instead": ["7226"]}),
    "unknown": pd.DataFrame({"part": ["attacks"], "why": ["No recorded attacks were given."]}),
}  # fmt: skip
ID = "person-77"


def dossier(*left_out: str) -> Result:
    tables = {name: table.assign(row_id=ID) for name, table in TABLES.items() if name not in left_out}
    return Result("dossier", "One decision", tables=tables, numbers={"rows": 2000})


def test_the_sentence_says_what_was_decided_how_others_fared_and_what_would_flip_it() -> None:
    assert dossier_sentence(dossier()) == (
        "Decided 0 on 2026-03-01 with the score 0.3. Of the nearest other cases 47 of 50 were decided alike,"
        " of all cases 1,000 of 2,000. The smallest change found that flips it: gain 7226 instead of 0."
    )


def test_without_others_and_a_model_the_sentence_ends_with_the_decision() -> None:
    assert dossier_sentence(dossier("cases", "flip")) == "Decided 0 on 2026-03-01 with the score 0.3."


def test_shares_are_counted_and_what_is_missing_is_blank() -> None:
    inputs, cases, flip, unknown = (table.frame for table in dossier_tables(dossier()))
    share = "of 2,000 decisions: the same value, or a number at or below it"
    assert inputs.to_dict("list") == {
        "column": ["age", "sex"], "value": ["24", "–"], share: ["300 (15.0 %)", "10 (0.5 %)"],
        "moves the score by (shap)": ["-0.0702", "–"],
    }  # fmt: skip
    assert cases["decided wrongly"].tolist() == ["18.0 %", "35.0 %"]
    assert flip["value that flips it"].tolist() == ["7226"]
    assert unknown["could not tell"].tolist() == ["whether it matches an attack"]


def test_no_table_repeats_the_id() -> None:
    assert not any(ID in table._repr_html_() for table in dossier_tables(dossier()))
