"""docs/safety.md is true: every capability once, and every test it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "safety.md"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|[^|]*\|$", re.MULTILINE)
TEST = re.compile(r"`([^`]+)::([^`]+)`")
NOT_YET = "not yet"
ROWS = ROW.findall(PAGE.read_text(encoding="utf-8"))
NAMED = sorted({found for _, _, shown in ROWS for found in TEST.findall(shown)})


def test_every_number_from_1_to_48_is_there_once_and_in_order() -> None:
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 49))


def test_every_row_names_tests_or_says_not_yet() -> None:
    assert [number for number, _, shown in ROWS if shown.strip() != NOT_YET and not TEST.findall(shown)] == []
    assert [number for number, _, shown in ROWS if NOT_YET in shown and TEST.findall(shown)] == []


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[f"{path}::{name}" for path, name in NAMED])
def test_the_test_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
