"""What undoing would undo: in words, as a picture, as a table of what was asked."""

import pandas as pd
import plotly.graph_objects as go

from workbench.result import Finding, Result
from workbench.views import opening
from workbench.views import undone as view
from workbench.views.findings import FindingsTwin, finding_rows
from workbench.views.render import Sentence
from workbench.views.triage import findings_table

SAID = "Scored again with amount divided by 100, 412 of the 530 further errors go away (78 %, 95 % sure: 74 to 81)"
REPAIRED = Finding(
    "integrity", "amount is in another unit", ("amount",), support=5000, rank=1, share_of_harm=0.78, share_interval=(0.74, 0.81),
    undone_by="repaired", undone=SAID, cause="unit error", onset="2026-03-04T00:00:00",
)  # fmt: skip
REMOVED = Finding("slice", "worse", ("age",), where="age < 25", support=400, rank=2, share_of_harm=0.3, undone_by="removed")
ECHO = Finding("drift", "moved", ("amount",), rank=3, share_of_harm=0.9, undone_by="removed", explained_by=1)


def repairs(**changes: object) -> Result:
    row = {"cause": "unit error", "column": "amount", "where": "all rows", "repair": "with amount divided by 100",
           "harm": "further errors", "rows": 5000, "sampled": 5000, "alike": 1.0, "draws": 1, "gone": 412.0, "total": 530.0,
           "share": 0.78, "low": 0.74, "high": 0.81, "calls": 5, "rows_asked": 5000, "why": None,
           "suppressed": False}  # fmt: skip
    model = {"model": "bank", "version": "2", "by": "its own decision", "rows": 4000, "alike": 0.998, "calls": 9,
             "rows_asked": 9000, "suppressed": False}  # fmt: skip
    return Result("repair", "t", tables={"repairs": pd.DataFrame([row | changes]), "model": pd.DataFrame([model])})


def test_the_share_says_how_sure_and_how_it_was_found() -> None:
    assert view.share_text(REPAIRED) == "78 % (95 % sure: 74 to 81): repaired, and scored again"
    assert view.share_text(REMOVED) == "30 %: its rows left out, with whatever else is wrong in them"
    assert view.share_text(Finding("slice", "s")) == ""


def test_the_figure_shows_what_stands_by_how_it_was_undone() -> None:
    figure = view.undone_figure([REPAIRED, REMOVED, ECHO])
    assert isinstance(figure, go.Figure)
    assert [(trace.name, list(trace.x)) for trace in figure.data] == [
        ("repaired, and scored again", [78.0]), ("its rows left out, with whatever else is wrong in them", [30.0]),
    ]  # fmt: skip
    assert [round(figure.data[0].error_x[side][0]) for side in ("array", "arrayminus")] == [3, 4]
    assert isinstance(view.undone_figure([Finding("slice", "s", rank=1)]), Sentence)


def test_the_table_has_every_number_with_its_denominator() -> None:
    table = view.repairs_table({"repair": repairs()})
    assert table.caption == (  # type: ignore[union-attr]
        "bank 2 decides 99.8 % of 4,000 rows of before as the log says, by its own decision; asked about 9,000 rows in 9 calls"
    )
    row = table.frame.iloc[0]  # type: ignore[union-attr]
    assert row["harm gone"] == "412 of 530 further errors\n78 % [74, 81]"
    assert row["asked"] == "5,000 rows in 5 calls"


def test_what_could_not_be_scored_says_why_and_without_a_model_a_sentence_does() -> None:
    nothing = dict.fromkeys(("repair", "harm", "rows", "gone", "total", "share", "low", "high"))
    told = view.repairs_table({"repair": repairs(**nothing, why="too few rows")}).frame.iloc[0]  # type: ignore[union-attr]
    assert (told["scored again"], told["harm gone"]) == ("too few rows", "–")
    assert isinstance(view.repairs_table({}), Sentence)


def test_small_cells_are_blank() -> None:
    row = view.repairs_table({"repair": repairs(suppressed=True).published()}).frame.iloc[0]  # type: ignore[union-attr]
    assert "412" not in " ".join(map(str, row))


def test_the_table_the_unfolded_finding_and_the_sentence_say_it() -> None:
    assert SAID in findings_table([REPAIRED]).frame["what"].iloc[0]
    assert ["share of the harm", view.share_text(REPAIRED)] in finding_rows([REPAIRED])[0]["facts"]  # type: ignore[operator]
    assert SAID in FindingsTwin([REPAIRED])._repr_html_()
    document = {"verdict": "incident", "dataset": {"rows": 9000}, "checks": [], "findings": [REPAIRED.to_dict()]}
    assert f"{SAID}." in opening.opening(document).rest


def test_the_opening_figure_says_it_below_its_title() -> None:
    figure = view.noted(go.Figure(layout={"title": {"text": "errors"}, "margin": {"t": 90}}), REPAIRED)
    assert figure.layout.title.text.replace("<br>", " ").startswith("errors <sup>Scored again with amount divided by 100")
    assert figure.layout.margin.t > 90
    assert view.noted(go.Figure(), REMOVED).layout.title.text is None


def test_others_see_nothing_of_a_small_finding() -> None:
    shown = Finding("integrity", "s", support=9, undone=SAID, undone_by="repaired", share_of_harm=0.7, share_interval=(0.1, 0.9))
    hidden = shown.published()
    assert (hidden.undone, hidden.undone_by, hidden.share_of_harm, hidden.share_interval) == (None, None, None, None)
