"""What a finding offers to open: the code to copy is Python that names what exists."""

import ast
import importlib

import pytest

from workbench.predicate import Predicate
from workbench.result import Finding
from workbench.views.steps import BY_KIND, WIDGETS, steps_for
from workbench.vocabulary import FINDING_KINDS

WHERE = 'name = "it\'s \\"so\\"" and age < 25'


def test_every_kind_of_finding_has_steps() -> None:
    assert set(BY_KIND) == set(FINDING_KINDS)
    assert set().union(*BY_KIND.values()) == set(WIDGETS)


@pytest.mark.parametrize("kind", FINDING_KINDS)
def test_the_code_is_python_that_imports_what_there_is_and_selects_the_findings_rows(kind: str) -> None:
    for step in steps_for(Finding(kind, "s", where=WHERE, columns=("age",))):
        tree = ast.parse(step.code)
        for node in (node for node in tree.body if isinstance(node, ast.ImportFrom)):
            module = importlib.import_module(str(node.module))
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value == WHERE]
        assert texts == [WHERE]
        assert str(Predicate.parse(texts[0]))
