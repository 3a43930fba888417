"""Model files: what is pickled is not read before its digest is named."""

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from workbench.errors import InputError, UnknownNameError
from workbench.models import open_target


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])


@pytest.fixture
def pickled(tmp_path: Path, frame: pd.DataFrame) -> Path:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(LogisticRegression().fit(frame, frame["a"] > 0)))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("trust", [(), ("0" * 64,)])
def test_a_pickle_that_nobody_vouched_for_is_not_even_begun(tmp_path: Path, trust: tuple[str, ...]) -> None:
    path, mark = tmp_path / "trap.pkl", tmp_path / "sprung"
    path.write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(InputError, match=sha256(path)):
        open_target(f"file:{path}", trust=trust)
    assert not mark.exists()


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_a_trusted_pickle_answers(pickled: Path, frame: pd.DataFrame, prefix: str) -> None:
    target = open_target(f"file:{pickled}", trust=[prefix + sha256(pickled)])
    assert (target.predict(frame).decision == pickle.loads(pickled.read_bytes()).predict(frame)).all()  # noqa: S301  our own
    assert target.digest == f"sha256:{sha256(pickled)}"


def test_what_is_no_digest_is_refused(pickled: Path) -> None:
    with pytest.raises(InputError, match="not a digest"):
        open_target(f"file:{pickled}", trust=["yes"])


def test_a_broken_pickle_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.pkl"
    path.write_bytes(b"no pickle")
    with pytest.raises(InputError, match="cannot be unpickled"):
        open_target(f"file:{path}", trust=[sha256(path)])


def test_an_unknown_kind_lists_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "model.xyz").touch()
    with pytest.raises(UnknownNameError, match=r"\.pkl"):
        open_target(f"file:{tmp_path / 'model.xyz'}")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        open_target(f"file:{tmp_path / 'none.pkl'}")
