"""The attack replay shows counts, filters by the selection, gives predicates, and sends a single input only when asked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.constraints import Column, Domain
from workbench.attacks.evasion import evade, record_attack
from workbench.attacks.recorder import record
from workbench.attacks.recording import Recording
from workbench.attacks.replay import replay
from workbench.attacks.triple import Fresh
from workbench.data.dataset import open_dataset
from workbench.errors import InputError
from workbench.models import Target, python_target
from workbench.predicate import Predicate, equals
from workbench.result import Result
from workbench.widgets.investigation import Investigation
from workbench.widgets.replay import AttackReplay

QUICK = Fresh(rows=60, budget=40, certify=False)


def target(name: str, shift: float) -> Target:
    """Decides 1 where a + b reaches `shift`."""

    def decide(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        score = 1 / (1 + np.exp(-(frame["a"] + frame["b"] - shift).to_numpy(dtype=float)))
        return {"decision": (score >= 0.5).astype(int), "score": score}

    return python_target(decide, name=name, digest=f"sha256:{name}")


TARGETS = [target("v1", 0.0), target("v2", -0.6)]


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.normal(size=(90, 2)), columns=["a", "b"])
    return frame.assign(region=["north", "south", "south"] * 30, name=[f"Person {number}" for number in range(90)])


@pytest.fixture(scope="module")
def recording(people: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    columns = (Column("a", low=-6, high=6), Column("b", low=-6, high=6),
               Column("region", "category", values=("north", "south"), direction="none"),
               Column("name", "category", values=tuple(people["name"]), direction="none"))  # fmt: skip
    attack = evade(TARGETS[0], people, Domain(columns), budget=40, seed=1)
    return record_attack(TARGETS[0], attack, tmp_path_factory.mktemp("replay") / "attack")


@pytest.fixture(scope="module")
def result(recording: Recording) -> Result:
    return replay(recording, TARGETS, fresh=QUICK, seed=1)


@pytest.fixture
def investigation(people: pd.DataFrame) -> Investigation:
    return Investigation(open_dataset(people.assign(id=range(90)), {"row_id": "id", "identifiers": ["name"]}))


def say(view: AttackReplay, **message: object) -> list[Any]:
    """Send what the browser would, and give what the kernel answers."""
    answers: list[Any] = []
    view.send = answers.append
    view._hear(view, message, [])
    return answers


def attacked(result: Result) -> pd.DataFrame:
    verdicts = result.tables["verdicts"]
    return verdicts[verdicts["row_id"].str.endswith("attack")]


def test_the_matrix_counts_what_the_verdicts_say(
    investigation: Investigation, result: Result, recording: Recording, people: pd.DataFrame
) -> None:
    view = AttackReplay(investigation, result, recording, by="region")
    table = attacked(result)
    region = people["region"].to_numpy()[table["row_id"].str.split("/").str[0].astype(int)]
    for group in view.matrix["groups"]:
        value = group["where"].split('"')[1]
        own = table[region == value]
        assert group["judged"] == len(own) / 2
        assert group["failed"] == [int((own[own["target"] == name]["outcome"] == "fail").sum()) for name in ("v1", "v2")]
    assert sum(step["judged"] for step in view.steps) == len(table) / 2


def test_a_version_that_answers_nothing_is_not_drawn_as_one_that_never_fails(
    investigation: Investigation, recording: Recording
) -> None:
    dead = python_target(lambda _: 1 / 0, name="dead", digest="sha256:dead")
    view = AttackReplay(investigation, replay(recording, [TARGETS[0], dead], fresh=None), recording, by="region")
    shown = [*view.matrix["groups"], *view.steps]
    assert {each["failed"][1] for each in shown} == {None}
    assert all(each["failed"][0] is not None for each in shown)


def test_the_selection_filters_and_a_line_of_the_matrix_selects(
    investigation: Investigation, result: Result, recording: Recording
) -> None:
    view = AttackReplay(investigation, result, recording, by="region")
    everything = sum(step["judged"] for step in view.steps)
    say(view, type="group", where='region = "north"')
    assert investigation.selection == equals("region", "north")
    north = sum(step["judged"] for step in view.steps)
    assert 0 < north < everything
    say(view, type="group", where='region = "south"')
    assert investigation.selection == equals("region", "south")
    assert sum(step["judged"] for step in view.steps) == everything - north
    say(view, type="undo")
    assert investigation.selection == equals("region", "north")


def test_the_matrix_keeps_the_lines_of_its_own_column_to_be_clicked_next(
    investigation: Investigation, result: Result, recording: Recording
) -> None:
    view = AttackReplay(investigation, result, recording, by="region")
    lines = view.matrix["groups"]
    say(view, type="group", where='region = "north"')
    assert view.matrix["groups"] == lines
    investigation.select(Predicate.parse('a >= 0 and region = "north"'))
    fewer = view.matrix["groups"]
    assert [line["where"] for line in fewer] == [line["where"] for line in lines]
    assert all(line["judged"] < whole["judged"] for line, whole in zip(fewer, lines, strict=True))
    say(view, type="group", where='region = "south"')
    assert str(investigation.selection) == 'a >= 0 and region = "south"'


def test_a_selection_of_a_column_that_was_not_recorded_filters_nothing_and_says_so(
    investigation: Investigation, result: Result, recording: Recording
) -> None:
    view = AttackReplay(investigation, result, recording)
    before = view.matrix
    investigation.select(Predicate.parse("id < 20"))
    assert view.matrix == before
    assert "lacks a column of the selection" in view.told


def test_few_inputs_are_not_counted(investigation: Investigation, result: Result, recording: Recording) -> None:
    view = AttackReplay(investigation, result, recording, by="region")
    investigation.select(Predicate.parse("a >= 1.6"))
    assert view._review.mask(investigation.selection).sum() in range(1, 10)
    assert view.steps == []
    assert all(group["judged"] is None and group["failed"] == [None, None] for group in view.matrix["groups"])
    assert "Fewer than 10" in view.told


def test_a_value_that_few_have_is_not_named(investigation: Investigation, result: Result, recording: Recording) -> None:
    view = AttackReplay(investigation, result, recording, by="region")
    investigation.select(Predicate.parse("a >= 0.9"))
    judged = view._review.people["region"][view._review.mask(investigation.selection)].value_counts()
    assert judged["north"] < 10
    assert "north" not in json.dumps(view.matrix)


def test_an_input_is_shown_on_demand_with_what_changed_and_its_scores(
    investigation: Investigation, result: Result, recording: Recording, people: pd.DataFrame
) -> None:
    view = AttackReplay(investigation, result, recording, targets=TARGETS)
    [listed] = say(view, type="list", step=-1)
    place = listed["inputs"][0]["input"]
    assert set(listed["inputs"][0]["outcomes"]) <= {"pass", "fail"}
    [told] = say(view, type="open", input=place)
    assert {name for name, _, _ in told["changed"]} <= {"a", "b"}
    sent = recording.select(np.array([told["origin"], place]))
    shown = {name: [before, after] for name, before, after in told["changed"]}
    assert shown == {name: [f"{value:g}" for value in sent[name]] for name in ("a", "b") if len(set(sent[name])) > 1}
    scores = TARGETS[1].predict(sent).score
    assert told["answers"][1]["scores"] == pytest.approx(scores.tolist())
    assert told["same"] + len(told["changed"]) == len(people.columns) - 1


def test_no_identifier_and_no_single_input_is_in_what_a_notebook_keeps(
    investigation: Investigation, result: Result, recording: Recording
) -> None:
    view = AttackReplay(investigation, result, recording, targets=TARGETS)
    [listed] = say(view, type="list", step=-1)
    [told] = say(view, type="open", input=listed["inputs"][0]["input"])
    kept = json.dumps({**view.get_state(drop_defaults=True), "_esm": "", "layout": ""}, default=str) + view.twin()._repr_html_()
    assert "Person" not in kept + json.dumps([listed, told])
    assert "name" not in view.columns
    assert "/attack" not in kept
    assert not any(name in kept for name in ("outcomes", "answers"))


def test_of_an_attack_only_what_was_bent_is_sent_and_nothing_of_protected_columns(
    people: pd.DataFrame, result: Result, recording: Recording
) -> None:
    """A column of a group, or of a group's condition, stays unsaid also where an attack bends it."""
    dataset = open_dataset(people, {"identifiers": ["name"], "groups": ["region", "a >= 0"]})
    view = AttackReplay(Investigation(dataset), result, recording, targets=TARGETS)
    [listed] = say(view, type="list", step=-1)
    inputs, places = recording.select(np.arange(recording.rows)), [item["input"] for item in listed["inputs"]]
    assert min(places) >= len(people)
    opened = [say(view, type="open", input=place)[0] for place in places[:20]]
    told = next(item for item in opened if inputs["a"][item["origin"]] != inputs["a"][item["input"]])
    bent = inputs["b"][told["origin"]] != inputs["b"][told["input"]]
    assert [name for name, _, _ in told["changed"]] == ["b"] * int(bent)
    assert told["withheld"] == 1
    assert "a" not in [name for name, _ in told["drivers"]]
    assert "of the columns a, region nothing" in view.single


@pytest.fixture
def traffic(people: pd.DataFrame, tmp_path: Path) -> Recording:
    """People's own inputs, each with what should have been decided."""
    return record(TARGETS[0], people, tmp_path / "traffic", expected=[0, 1] * 45)


def test_nothing_of_people_s_inputs_is_sent(investigation: Investigation, traffic: Recording) -> None:
    view = AttackReplay(investigation, replay(traffic, TARGETS, fresh=None), traffic, targets=TARGETS)
    assert sum(step["judged"] for step in view.steps) == 90
    [listed] = say(view, type="list", step=-1)
    assert listed["inputs"] == []
    assert say(view, type="open", input=3) == []
    assert "a person's, and not shown" in view.message
    assert "only attacks are shown" in view.single


def test_people_s_inputs_are_shown_where_the_notebook_asks_for_them(people: pd.DataFrame, traffic: Recording) -> None:
    investigation = Investigation(open_dataset(people, {"identifiers": ["name"], "groups": ["region"]}))
    view = AttackReplay(investigation, replay(traffic, TARGETS, fresh=None), traffic, targets=TARGETS, show_inputs=True)
    [listed] = say(view, type="list", step=-1)
    assert len(listed["inputs"]) == 90
    [told] = say(view, type="open", input=3)
    assert [name for name, _, _ in told["changed"]] == ["a", "b"]
    assert "shown whole" in view.single
    assert "show_inputs" not in view.keys  # the browser cannot ask for it


def test_shap_is_told_where_trees_are_given(investigation: Investigation, people: pd.DataFrame, tmp_path: Path) -> None:
    from sklearn.tree import DecisionTreeClassifier

    rows = people[["a", "b"]]
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(rows, rows["a"] > 0)
    of_tree = python_target(tree, name="tree")
    recording = record_attack(of_tree, evade(of_tree, rows, budget=40), tmp_path / "tree")
    view = AttackReplay(investigation, replay(recording, [of_tree], fresh=None), recording, models={"tree": tree})
    [told] = say(view, type="open", input=len(rows))
    assert told["drivers"][0][0] == "a"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"type": "by", "column": "name"}, "column of the inputs"),
        ({"type": "open", "input": 10_000}, "input"),
        ({"type": "list", "step": 999}, "step"),
        ({"type": "pin", "version": "v9", "note": ""}, "version"),
        ({"type": "pin", "version": "v1", "note": ""}, "no incident"),
        ({"type": "group", "where": "import os"}, "import os"),
    ],
)
def test_what_the_browser_may_not_say_is_refused(
    investigation: Investigation, result: Result, recording: Recording, message: dict[str, Any], said: str
) -> None:
    view = AttackReplay(investigation, result, recording)
    assert say(view, **message) == []
    assert said in view.message


def test_a_version_is_pinned_with_the_replay_as_its_evidence(
    people: pd.DataFrame, result: Result, recording: Recording, incident: str, entries: Any
) -> None:
    view = AttackReplay(Investigation(open_dataset(people, {"identifiers": ["name"]}), incident), result, recording)
    say(view, type="pin", version="v2", note="told the owner")
    assert view.message == ""
    [pinned] = entries("pinned")
    assert pinned.body["finding"]["kind"] == "attack"
    assert result.digest in pinned.evidence
    assert [row["pinned"] for row in view.verdicts] == [False, True]


def test_the_twin_stays_as_it_was(investigation: Investigation, result: Result, recording: Recording) -> None:
    view = AttackReplay(investigation, result, recording, by="region")
    before = view.twin()._repr_html_()
    say(view, type="group", where='region = "north"')
    say(view, type="by", column="a")
    assert view.twin()._repr_html_() == before
    assert "replayed" in before
    assert "region = &quot;north&quot;" in before


def test_another_recording_or_other_targets_are_refused(
    investigation: Investigation, result: Result, recording: Recording, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="other targets"):
        AttackReplay(investigation, result, recording, targets=TARGETS[::-1])
    with pytest.raises(InputError, match="without its verdicts"):
        AttackReplay(investigation, result.published(), recording)
    other = record_attack(TARGETS[0], evade(TARGETS[0], recording.select(np.arange(40)), budget=20), tmp_path / "other")
    with pytest.raises(InputError, match="not a replay of this recording"):
        AttackReplay(investigation, result, other)
