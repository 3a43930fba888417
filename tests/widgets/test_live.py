"""What every widget does: strict keywords, a static twin, the selection both ways, and no trust in the browser."""

from typing import Any

import pytest
import traitlets

from workbench.data.dataset import Dataset
from workbench.predicate import ALL_ROWS, Predicate, equals
from workbench.views.render import Table
from workbench.widgets import live
from workbench.widgets.investigation import Investigation

NORTH = equals("region", "north")


class Shown(live.Live):
    """The smallest widget."""

    _esm = "export default { render() {} }"
    size = traitlets.Int(3).tag(sync=True, option=True)

    def twin(self) -> Table:
        import pandas as pd

        return Table(pd.DataFrame({"n": [7]}), "Seven")


@pytest.fixture
def investigation(dataset: Dataset) -> Investigation:
    return Investigation(dataset)


def say(widget: live.Live, content: object) -> None:
    """What happens when the browser sends `content`."""
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def test_an_unknown_option_lists_those_there_are(investigation: Investigation) -> None:
    with pytest.raises(TypeError, match=r"Shown has no option 'sizes'\. Options: readonly, size$"):
        Shown(investigation, sizes=3)
    assert Shown(investigation, size=4).size == 4


def test_the_bundle_holds_the_view_and_a_twin_that_no_selection_changes(investigation: Investigation) -> None:
    widget = Shown(investigation)
    data, _ = widget._repr_mimebundle_() or ({}, {})
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert "<table" in data["text/html"]
    assert data["text/plain"].startswith("Seven")
    investigation.select(NORTH)
    assert widget._repr_mimebundle_() == (data, {})
    assert widget.model_id not in data["text/html"] + data["text/plain"]


def test_the_selection_goes_both_ways(investigation: Investigation) -> None:
    one, other = Shown(investigation), Shown(investigation)
    say(one, {"type": "select", "where": 'region = "north"'})
    assert investigation.selection == NORTH
    assert one.selection == other.selection == 'region = "north"'
    assert (other.can_undo, other.can_redo) == (True, False)
    say(other, {"type": "undo"})
    assert one.selection == "all rows"
    assert one.can_redo
    say(other, {"type": "redo"})
    assert one.selection == str(NORTH)


def test_the_windows_go_both_ways(investigation: Investigation) -> None:
    one, other = Shown(investigation), Shown(investigation)
    say(one, {"type": "windows", "reference": "age<30", "current": " "})
    assert investigation.windows["reference"] == Predicate.parse("age < 30")
    assert (one.reference, one.current) == (other.reference, other.current) == ("age < 30", "")
    investigation.set_windows(current=NORTH)
    assert (other.reference, other.current) == ("", str(NORTH))


def test_a_widget_that_was_closed_follows_no_longer(investigation: Investigation) -> None:
    widget = Shown(investigation)
    widget.close()
    investigation.select(NORTH)
    investigation.set_windows(current=NORTH)
    assert (widget.selection, widget.current) == ("all rows", "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"type": "eval", "code": "1"}, "no known kind: eval. Kinds: redo, select, undo, windows"),
        ({}, "no known kind"),
        ([], "no known kind"),
        ("select", "no known kind"),
        ({"type": ["select"]}, "no known kind"),
        ({"type": "__init__"}, "no known kind"),
        ({"type": "select"}, "cannot be read"),
        ({"type": "select", "where": 3}, "cannot be read"),
        ({"type": "select", "where": "all rows", "by": "me"}, "cannot be read"),
        ({"type": "select", "where": "x" * 4_001}, "cannot be read"),
        ({"type": "undo", "steps": 2}, "Fields: none"),
        ({"type": "select", "where": "__import__('os')"}, "cannot read the predicate"),
        ({"type": "select", "where": "income = 1"}, "no column of that name"),
        ({"type": "windows", "reference": "age < 3"}, "Fields: reference, current"),
        ({"type": "windows", "reference": "age < 3", "current": "income = 1"}, "no column of that name"),
    ],
)
def test_what_the_browser_should_not_say_changes_nothing_and_is_shown(
    investigation: Investigation, content: Any, said: str
) -> None:
    widget = Shown(investigation)
    say(widget, content)
    assert investigation.selection == ALL_ROWS
    assert set(investigation.windows.values()) == {None}
    assert said in widget.message
    say(widget, {"type": "select", "where": "age < 3"})
    assert widget.message == ""


def test_the_browser_sets_no_trait(investigation: Investigation) -> None:
    widget = Shown(investigation)
    data = {"method": "update", "state": {"selection": "age = 1", "size": 9}, "buffer_paths": []}
    widget._handle_msg({"content": {"data": data}, "buffers": []})
    assert (widget.selection, widget.size) == ("all rows", 3)
    assert "tried to set selection, size" in widget.message


def test_a_read_only_widget_follows_and_takes_no_message(investigation: Investigation) -> None:
    widget = Shown(investigation, readonly=True)
    investigation.select(NORTH)
    say(widget, {"type": "undo"})
    assert widget.selection == str(NORTH)
    assert "read-only" in widget.message


def test_a_bug_of_ours_is_shown_as_one(investigation: Investigation, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = Shown(investigation)
    monkeypatch.setattr(Investigation, "select", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        widget._hear(widget, {"type": "select", "where": "age < 3"}, [])
    assert widget.message.startswith("This is a bug of the workbench: ZeroDivisionError")


def test_what_could_not_be_restored_is_said(investigation: Investigation) -> None:
    investigation.notices = ("The last selection could not be restored.",)
    assert Shown(investigation).message == "The last selection could not be restored."
