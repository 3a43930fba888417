"""Commands that look at data: what they write, how they end, and what they make of data that is no good."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import find_slices, open_dataset

# ibis asks pandas for an option that pandas 3 deprecates.

ROLES = "row_id: id\ntime: time\nprediction: prediction\nlabel: label\nfavorable: 1\ngroups: [region]\n"


def assert_refused(done: Any, *said: str) -> None:
    """One line that says what, the value and what to do; notices may stand before it."""
    assert done.code == 2, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    *notices, last = done.lines
    assert last.startswith("error: ")
    assert all("error" not in notice for notice in notices)
    for text in said:
        assert text in last


def test_triage_of_a_sound_log_finds_no_incident(workbench: Any, log: Path, tmp_path: Path) -> None:
    done = workbench("triage", log, "--out", tmp_path / "out")
    document = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert done.code == (0 if document["verdict"] == "no incident found" else 1)
    assert document["schema"] == "workbench.findings/1"
    assert document["dataset"]["rows"] == 600
    assert "600 decisions in" in done.err
    assert f"written to {tmp_path / 'out' / 'findings.json'}" in done.err
    assert done.out == ""


def test_triage_says_what_to_fetch_for_each_question_it_could_not_answer(workbench: Any, log: Path, tmp_path: Path) -> None:
    told = " ".join(workbench("triage", log, "--out", tmp_path / "out").err.split())
    assert "What data would tell" in told
    assert "a reference window: rows that were still good" in told


def test_triage_of_a_broken_log_ends_with_1(workbench: Any, log: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.loc[400:, "label"] = 1
    frame.to_csv(log, index=False)
    done = workbench("triage", log, "--out", tmp_path / "out")
    assert done.code == 1
    assert json.loads((tmp_path / "out" / "findings.json").read_text())["verdict"] == "incident"
    assert max(map(len, done.lines[-20:])) <= 80 or "written to" in done.lines[-1]


COMMANDS = {
    "slices": [],
    "disparity": ["--measure", "selection_rate"],
    "drift": ["--reference", "time < 2026-01-10"],
    "integrity": [],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_json_goes_to_stdout_alone_or_whole_into_a_file(workbench: Any, log: Path, tmp_path: Path, name: str) -> None:
    done = workbench(name, log, *COMMANDS[name], "--json", "-")
    assert done.code == 0, done.err
    assert json.loads(done.out)["schema"] == f"workbench.{name}/1"
    done = workbench(name, log, *COMMANDS[name], "--json", tmp_path / "r.json")
    assert done.out == ""
    assert json.loads((tmp_path / "r.json").read_text())["schema"] == f"workbench.{name}/1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "log.csv.roles.yaml", "r.json"]


def test_disparity_takes_what_the_function_takes(workbench: Any, log: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    """Labels that arrive in a second file, strata, resamples and a profile; the JSON has every table."""
    frame[["id", "label"]].to_csv(tmp_path / "late.csv", index=False)
    frame.assign(shift=frame["id"] % 3, sex=np.where(frame["id"] % 2, "f", "m")).drop(columns="label").to_csv(log, index=False)
    words = ["--labels", tmp_path / "late.csv", "--on", "id", "--group", "region", "--group", "sex", "--strata", "shift"]
    done = workbench(
        "disparity", log, *words, "--bootstrap", "20", "--policy", "four_fifths", "--reference-group", "largest", "--json", "-"
    )
    assert done.code == 0, done.err
    tables = json.loads(done.out)["tables"]
    assert {"groups", "disparities", "conditional", "strata", "functionals", "policy", "policies", "rule"} <= set(tables)
    assert {row["attributes"] for row in tables["groups"]} == {"region", "sex", "region, sex"}
    assert tables["groups"][0]["base_rate"] is not None
    done = workbench("disparity", log, *words, "--no-intersect", "--measure", "fpr", "--json", "-")
    assert {row["attributes"] for row in json.loads(done.out)["tables"]["groups"]} == {"region", "sex"}
    assert_refused(workbench("disparity", log, *words, "--policy", "eighty", "--json", "-"), "eighty", "four_fifths")


def test_disparity_bounds_what_a_missing_attribute_leaves_open(workbench: Any, log: Path, frame: pd.DataFrame) -> None:
    frame.assign(region=frame["region"].where(frame["id"] % 10 != 0)).to_csv(log, index=False)
    done = workbench("disparity", log, "--missing", "region", "--json", "-")
    assert done.code == 0, done.err
    tables = json.loads(done.out)["tables"]
    for row in tables["bounds"]:
        assert row["lowest"] < row["observed"] < row["highest"]
    assert {row["measure"] for row in tables["missingness"]} == {"selection_rate", "base_rate"}
    assert_refused(workbench("disparity", log, "--missing", "planet", "--json", "-"), "planet", "region")


@pytest.mark.parametrize("windows", [{}, {"reference": "time < 2026-01-10"}, {"current": "time >= 2026-01-10"}])
def test_slices_writes_the_tables_of_the_function(workbench: Any, log: Path, windows: dict[str, str]) -> None:
    """To the last digit, permutations included: both search the rows in the order of the file."""
    words = [word for name, where in windows.items() for word in (f"--{name}", where)]
    written = json.loads(workbench("slices", log, *words, "--score", "effect", "--json", "-").out)["tables"]
    assert written["slices"]
    assert written == find_slices(open_dataset(log), score="effect", **windows).to_dict()["tables"]


def test_disparity_of_two_windows_has_the_reference_window_beside_it(workbench: Any, log: Path) -> None:
    words = ["disparity", log, "--measure", "selection_rate", "--json", "-"]
    both = json.loads(workbench(*words, "--reference", "time < 2026-01-10").out)
    before = json.loads(workbench(*words, "--current", "time < 2026-01-10").out)
    now = json.loads(workbench(*words, "--current", "time >= 2026-01-10").out)
    assert both["before"]["tables"]["groups"] == before["tables"]["groups"]
    assert both["tables"] == now["tables"]
    assert "before" not in now


def test_a_json_file_that_cannot_be_written_stays_as_it_was(workbench: Any, log: Path, tmp_path: Path) -> None:
    assert_refused(workbench("slices", log, "--json", tmp_path / "no" / "r.json"), "cannot write", "r.json")
    assert not (tmp_path / "no").exists()


def truncated_parquet(path: Path, frame: pd.DataFrame) -> Path:
    whole = path.with_suffix(".parquet")
    frame.to_parquet(whole)
    whole.write_bytes(whole.read_bytes()[:-100])
    return whole


def rewritten(**columns: Any) -> Callable[[Path, pd.DataFrame], Path]:
    def write(path: Path, frame: pd.DataFrame) -> Path:
        frame.assign(**columns).to_csv(path, index=False)
        return path

    return write


def bytes_of(content: bytes) -> Callable[[Path, pd.DataFrame], Path]:
    def write(path: Path, _: pd.DataFrame) -> Path:
        path.write_bytes(content)
        return path

    return write


def one_row(path: Path, frame: pd.DataFrame) -> Path:
    frame.head(1).to_csv(path, index=False)
    return path


BAD_DATA = {
    "empty file": bytes_of(b""),
    "header only": bytes_of(b"id,time,prediction,label,region\n"),
    "one row": one_row,
    "not UTF-8": bytes_of("id,time,prediction,label,region\n1,2026-01-01,1,1,n\u00f6rd\n".encode("latin-1") * 3),
    "truncated parquet": truncated_parquet,
}


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data_is_refused_before_anything_is_written(
    workbench: Any, log: Path, frame: pd.DataFrame, tmp_path: Path, kind: str
) -> None:
    path = BAD_DATA[kind](log, frame)
    assert_refused(workbench("triage", path, "--roles", log.with_name("log.csv.roles.yaml"), "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


ODD_DATA = {
    "labels all missing": (rewritten(label=None), ROLES),
    "a score of mixed types": (rewritten(score=["0.5", "high", "0.7"] * 200), ROLES + "score: score\n"),
    "10,000 categories as a group": (rewritten(region=[f"r{n}" for n in range(600)]), ROLES),
}


@pytest.mark.parametrize("kind", ODD_DATA)
def test_odd_data_is_refused_or_told_apart_never_a_crash(
    workbench: Any, log: Path, frame: pd.DataFrame, tmp_path: Path, kind: str
) -> None:
    """Either the roles do not fit, in one line; or the checks that cannot work with it say so and the others ran."""
    write, roles = ODD_DATA[kind]
    if "10,000" in kind:
        frame = pd.concat([frame] * 17, ignore_index=True)
        frame["id"] = range(len(frame))
        frame["region"] = [f"r{n}" for n in np.arange(len(frame)) % 10_000]
        frame.to_csv(log, index=False)
    else:
        write(log, frame)
    log.with_name("log.csv.roles.yaml").write_text(roles)
    done = workbench("triage", log, "--out", tmp_path / "out")
    assert "Traceback" not in done.err
    if done.code == 2:
        assert_refused(done)
        assert not (tmp_path / "out").exists()
    else:
        document = json.loads((tmp_path / "out" / "findings.json").read_text())
        assert [check for check in document["checks"] if check["status"] == "failed"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--roles", "gone.yaml"], "no roles file here: gone.yaml"),
        (["--reference", "colour = 1"], "colour"),
        (["--reference", "time <"], "time <"),
        (["--reference", "id < 0"], "the reference window has 0 rows"),
        (["--reference", "id < 9", "--reference-data", "x.csv"], "two reference windows"),
        (["--lineage", "e.json"], "no events here: e.json"),
        (["--labels", "gone.csv", "--on", "id"], "gone.csv"),
    ],
)
def test_bad_words_are_refused(workbench: Any, log: Path, tmp_path: Path, words: list[str], said: str) -> None:
    assert_refused(workbench("triage", log, *words, "--out", tmp_path / "out"), said)
    assert not (tmp_path / "out").exists()


def test_an_unknown_role_is_refused_with_the_nearest(workbench: Any, log: Path, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("lable: label\n")
    assert_refused(workbench("integrity", log, "--roles", tmp_path / "r.yaml", "--json", "-"), "lable", "Did you mean label?")


def test_a_file_in_the_place_of_the_folder_is_refused_before_the_checks(workbench: Any, log: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    done = workbench("triage", log, "--out", tmp_path / "out" / "deeper")
    assert_refused(done, "cannot write", "out is a file")
    assert len(done.lines) == 1


def test_a_read_only_folder_is_refused(log: Path, tmp_path: Path) -> None:
    """As another user, since root may write anywhere."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("only root can become another user, and setpriv has to be installed")
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "locked").mkdir(mode=0o555)
    own = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
    probe = subprocess.run([*own, sys.executable, "-c", "import workbench"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("the other user cannot read this checkout")
    code = "from workbench.cli import main; main()"
    words = ["triage", str(log), "--out", str(tmp_path / "locked" / "out")]
    done = subprocess.run([*own, sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("error: cannot write (no permission in")


def test_values_cannot_steer_the_terminal(workbench: Any, log: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["region"] = np.where(frame["region"] == "north", "\x1b[31mnorth\u202e", "south")
    frame.loc[frame["region"] == "south", "prediction"] = 0
    frame.to_csv(log, index=False)
    done = workbench("triage", log, "--out", tmp_path / "out")
    assert done.code == 1
    assert "\\x1b[31mnorth\\u202e" in done.err
    assert "\x1b" not in done.err
    assert "\u202e" not in done.err


def test_slices_within_some_rows_are_those_of_the_selection(workbench: Any, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "slices.json"
    flags = ["--loss", "selection_rate", "--score", "lift", "--feature", "region", "--within", "time >= 2026-01-10"]
    done = workbench("slices", log, *flags, "--json", out)
    assert done.code == 0, done.err
    frame = pd.read_csv(log, parse_dates=["time"])
    sizes = frame[frame["time"] >= "2026-01-10"].value_counts("region")
    found = {row["slice"]: row["rows"] for row in json.loads(out.read_text())["tables"]["slices"]}
    assert found
    assert found.items() <= {f'region = "{region}"': rows for region, rows in sizes.items()}.items()
    assert_refused(workbench("slices", log, "--within", "nope = 1", "--json", out), "nope", "column")


def test_a_counter_check_stands_beside_the_slices(workbench: Any, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "slices.json"
    flags = ["--loss", "selection_rate", "--level", 1, "--feature", "region", "--permutations", 0, "--counter-check"]
    done = workbench("slices", log, *flags, "--json", out)
    assert done.code == 0, done.err
    assert "counter-check: the best slice has p =" in done.err
    tables = json.loads(out.read_text())["tables"]
    assert len(tables["countercheck_permuted"]) == 20
    assert [row["effect"] for row in tables["countercheck_planted"]] == [0.25, 0.5, 1.0]
    refused = workbench("slices", log, *flags, "--reference", "time < 2026-01-10", "--json", out)
    assert_refused(refused, "a counter-check has one window", "--counter-check")


def test_slices_takes_what_the_function_takes(workbench: Any, log: Path, tmp_path: Path) -> None:
    """Every flag; the rows of the JSON are those of the function's table, and a person sees the distinct slices."""
    out = tmp_path / "slices.json"
    flags = ["--loss", "selection_rate", "--level", 1, "--min-support", 20, "--top", 2, "--feature", "region", "--score", "lift"]
    flags += ["--alpha", 0.9, "--permutations", 0, "--reference", "time < 2026-01-10", "--current", "time >= 2026-01-10"]
    done = workbench("slices", log, *flags, "--json", out)
    assert done.code == 0, done.err
    document = json.loads(out.read_text())
    arguments = document["provenance"]["arguments"]
    assert (arguments["loss"], arguments["features"], arguments["score"]) == ("selection_rate", ["region"], "lift")
    assert (arguments["level"], arguments["min_support"], arguments["alpha"], arguments["top"]) == (1, 20, 0.9, 2)
    assert {"slice", "size", "loss", "mean", "score", "p_adjusted", "low", "high"} <= set(document["tables"]["slices"][0])
    assert "slices counted; p by Bonferroni" in done.err
    assert_refused(workbench("slices", log, "--score", "nope", "--json", out), "no score of that name", "sliceline")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["integrity"], "No defect in any of"), (["disparity"], "is shown to differ from its reference group's"),
     (["drift", "--reference", "time < 2026-01-13"], "decisions now and")],
)  # fmt: skip
def test_what_was_measured_is_told_in_the_terminal_too(
    workbench: Any, log: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    done = workbench(words[0], log, *words[1:], "--json", tmp_path / "out.json")
    assert done.code == 0, done.err
    assert said in done.err


def test_a_word_of_a_table_is_not_broken_where_there_is_room(
    workbench: Any, log: Path, frame: pd.DataFrame, tmp_path: Path
) -> None:
    frame.rename(columns={"region": "region_of_the_branch"}).to_csv(log, index=False)
    roles = (tmp_path / "log.csv.roles.yaml").read_text().replace("[region]", "[region_of_the_branch]")
    (tmp_path / "log.csv.roles.yaml").write_text(roles)
    done = workbench("drift", log, "--reference", "time < 2026-01-13", "--json", "-")
    assert "region_of_the_branch" in done.err
