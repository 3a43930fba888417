"""Row ids become pseudonyms that say nothing, and errors of other packages keep their place but not their text."""

import re
import stat
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import errors
from workbench.errors import InputError, StorageError
from workbench.evidence.redact import SALT_BYTES, WITHHELD, error_stream, error_text, error_traceback, incident_salt, pseudonym

SALT = bytes(range(32))
IDS = st.one_of(st.integers(), st.text(), st.booleans())


@given(row_id=IDS, salt=st.binary(min_size=16, max_size=32))
def test_a_pseudonym_is_the_same_each_time_and_one_short_word(row_id: object, salt: bytes) -> None:
    assert pseudonym(row_id, salt) == pseudonym(row_id, salt)
    assert re.fullmatch(r"row:[0-9a-f]{20}", pseudonym(row_id, salt))


@given(ids=st.lists(IDS, unique_by=lambda value: (type(value), value), min_size=2, max_size=20))
def test_two_ids_have_two_pseudonyms(ids: list[object]) -> None:
    assert len({pseudonym(row_id, SALT) for row_id in ids}) == len(ids)


@given(row_id=IDS)
def test_another_salt_gives_another_pseudonym(row_id: object) -> None:
    assert pseudonym(row_id, SALT) != pseudonym(row_id, SALT[::-1])


def test_a_pseudonym_is_hmac_sha_256_of_the_id_as_json() -> None:
    """As ``openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f`` computes it for the file with the text ``"7"``."""
    import hashlib

    inner = bytes(byte ^ 0x36 for byte in SALT.ljust(64, b"\0"))
    outer = bytes(byte ^ 0x5C for byte in SALT.ljust(64, b"\0"))
    by_hand = hashlib.sha256(outer + hashlib.sha256(inner + b'"7"').digest()).hexdigest()
    assert pseudonym("7", SALT) == "row:" + by_hand[:20]


def test_the_same_number_in_another_type_is_the_same_id_and_text_is_another() -> None:
    """A column of ids with a gap comes out of pandas as floats."""
    assert pseudonym(7, SALT) == pseudonym(7.0, SALT) == pseudonym(np.int64(7), SALT) == pseudonym(np.float64(7), SALT)
    assert pseudonym("7", SALT) != pseudonym(7, SALT)


@pytest.mark.parametrize("row_id", [None, float("nan"), pd.NaT])
def test_a_missing_id_is_refused(row_id: object) -> None:
    with pytest.raises(InputError, match="missing row id"):
        pseudonym(row_id, SALT)


def test_a_short_salt_is_refused() -> None:
    with pytest.raises(InputError, match="too short"):
        pseudonym(7, b"pepper")


def test_a_salt_is_made_once_per_incident_for_its_owner_only(home: Path) -> None:
    first = incident_salt(home, "INC-1")
    assert len(first) == SALT_BYTES
    assert incident_salt(home, "INC-1") == first
    assert incident_salt(home, "INC-2") != first
    path = home / "keys" / "salts" / "INC-1.salt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [item.name for item in path.parent.iterdir() if item.name.startswith(".")] == []


def test_two_who_make_a_salt_at_once_use_one(home: Path) -> None:
    start, found = threading.Barrier(8), []

    def make() -> None:
        start.wait()
        found.append(incident_salt(home, "INC-1"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_damaged_salt_is_no_salt(home: Path) -> None:
    incident_salt(home, "INC-1")
    (home / "keys" / "salts" / "INC-1.salt").write_bytes(b"short")
    with pytest.raises(StorageError, match="damaged"):
        incident_salt(home, "INC-1")


def test_an_incident_that_would_leave_the_folder_is_refused(home: Path) -> None:
    with pytest.raises(InputError):
        incident_salt(home, "../INC-1")


def test_messages_of_ours_and_of_code_stay_and_all_others_are_withheld() -> None:
    assert error_text("NameError", "name 'frame' is not defined") == "name 'frame' is not defined"
    assert error_text("KeyError", "'Jane Doe'") == error_text("AssertionError", "Jane Doe") == WITHHELD
    assert error_text("RolesError", "no groups to compare") == "no groups to compare"
    assert error_text("ValueError", "could not convert string to float: 'Jane Doe'") == WITHHELD
    assert error_text("KeyboardInterrupt", "") == ""
    assert all(error_text(name, "x") == "x" for name in vars(errors) if name.endswith("Error"))


def test_a_traceback_keeps_its_frames_and_loses_every_foreign_message() -> None:
    """As IPython writes it: one entry per frame, messages between them where one error caused another."""
    red, plain = "\x1b[31m", "\x1b[39m"
    frame = f"{red}Cell{plain} In[1]{red}, line 8{plain}\n      7     pass\n----> 8 f(x)\n"
    path = "File /opt/env/lib/pandas/core/generic.py:6781, in NDFrame.astype(self, dtype)\n-> 6781 return 1\n"
    cause = "\nThe above exception was the direct cause of the following exception:\n"
    kept = error_traceback(
        "KeyError",
        "'Jane Doe'",
        [
            f"{red}{'-' * 75}{plain}",
            f"{red}ValueError{plain}       Traceback (most recent call last)",
            path,
            f"{red}ValueError{plain}: could not convert string to float: 'Jane Doe'\nborn 1980-01-01",
            cause,
            frame,
            f"{red}KeyError{plain}: 'Jane Doe'",
        ],
    )
    assert [path, cause, frame] == [entry for entry in kept if entry in (path, cause, frame)]
    assert kept[-1] == f"KeyError: {WITHHELD}"
    assert not any("Jane" in entry or "1980" in entry for entry in kept)


@pytest.mark.parametrize(
    "entry",
    [
        "  Cell In[3], line 1\n    Jane Doe\n         ^\nSyntaxError: invalid syntax\n",
        "  File <unknown>:1\n    Jane Doe\nSyntaxError: invalid syntax",
        "Jane Doe",
        "",
        "An exception has occurred: Jane Doe",
    ],
)
def test_what_does_not_look_like_a_frame_is_withheld(entry: str) -> None:
    assert not any("Jane" in line for line in error_traceback("SyntaxError", "Jane Doe", [entry]))


def test_our_own_error_keeps_its_message_and_loses_its_foreign_cause() -> None:
    kept = error_traceback("InputError", "no such column: age", ["KeyError: 'Jane Doe'", "InputError: no such column: age"])
    assert kept == ["InputError: no such column: age"]


def test_a_traceback_on_stderr_is_withheld_and_a_progress_bar_is_not() -> None:
    """IPython shows an ExceptionGroup as Python does: as a stream, with no error output beside it."""
    printed = "  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: Jane (1 sub-exception)\n"
    assert error_stream(printed) == WITHHELD
    assert error_stream("100%|####| 3/3") == "100%|####| 3/3"
