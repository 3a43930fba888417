"""What stands on the bench: attacks that were answered."""

import pytest

from workbench.attacks.defences.bench import Bench, measure_defence
from workbench.errors import InputError
from workbench.models import python_target


def test_a_defence_that_answers_with_errors_is_not_measured(bench: Bench) -> None:
    dead = python_target(lambda _: 1 / 0, name="dead", digest="sha256:dead")
    with pytest.raises(InputError, match="dead answers 100% of what an attack asks with an error"):
        measure_defence(dead, bench)
