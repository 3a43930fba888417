"""What undermines comes first, what is known later, echoes last; inside a class the graver, then the larger."""

from dataclasses import replace

from workbench.result import Finding
from workbench.triage.fold import Link
from workbench.triage.rank import rank


def finding(name: str, *, severity: str = "medium", people: int = 100, effect: float = 0.1, standing: bool = False) -> Finding:
    return Finding("drift", name, severity=severity, people=people, effect=effect, standing=standing)


def names(findings: list[Finding]) -> list[str]:
    return [item.statement for item in findings]


def test_classes_come_in_order() -> None:
    found = [
        finding("new", severity="high"),
        finding("echo", severity="critical"),
        finding("known", severity="critical", standing=True),
        finding("broken", severity="low"),
    ]
    ranked = rank(found, [Link(3, 0, explains=False), Link(3, 1, explains=True)])
    assert names(ranked) == ["broken", "new", "known", "echo"]
    assert [item.rank for item in ranked] == [1, 2, 3, 4]
    assert ranked[0].undermines == (2,)
    assert [item.explained_by for item in ranked] == [None, None, None, 1]


def test_inside_a_class_severity_then_people_times_effect() -> None:
    found = [finding("few", people=10), finding("many", people=1000), finding("grave", severity="high", people=1)]
    assert names(rank(found, [])) == ["grave", "many", "few"]


def test_an_effect_above_one_counts_as_one() -> None:
    """A volume that grew a thousandfold does not outrank a share by its unit alone."""
    assert names(rank([finding("ratio", people=10, effect=1000.0), finding("share", people=100, effect=0.5)], [])) == [
        "share",
        "ratio",
    ]


def test_rows_stand_in_for_people_that_are_not_known() -> None:
    rows = Finding("drift", "rows", support=1000, effect=0.1)
    assert names(rank([finding("people"), rows], [])) == ["rows", "people"]


def test_a_chain_of_explanations_ends_at_its_root() -> None:
    ranked = rank(
        [finding("root", people=500), finding("middle"), finding("end")], [Link(1, 2, explains=True), Link(0, 1, explains=True)]
    )
    assert {item.statement: item.explained_by for item in ranked} == {"root": None, "middle": 1, "end": 1}


def test_the_first_explanation_counts_and_what_is_explained_undermines_nothing() -> None:
    links = [Link(0, 2, explains=True), Link(1, 2, explains=True), Link(2, 1, explains=False)]
    ranked = {item.statement: item for item in rank([finding("a", people=900), finding("b", people=800), finding("c")], links)}
    assert ranked["c"].explained_by == ranked["a"].rank
    assert ranked["c"].undermines == ()


def test_a_share_of_the_harm_that_may_be_next_to_nothing_does_not_lead_a_cause_of_unknown_share() -> None:
    unknown = Finding("drift", "unknown", severity="high", support=900, effect=0.1, cause="nulls", check="causes")
    told = replace(unknown, statement="perhaps", support=100, share_of_harm=0.4, share_interval=(0.02, 1.0), undone_by="repaired")
    sure = replace(told, statement="sure", share_of_harm=0.3, share_interval=(0.2, 0.5))
    assert names(rank([told, unknown, sure], [])) == ["sure", "unknown", "perhaps"]
