"""Nothing personal leaves: every byte of a COMPAS bundle is searched for the people in the log.

The log names 7 214 real people: full names, birth dates and case numbers must be nowhere, not even in the libraries that travel
along; first and last names must not stand as words in what is ours; the ids of the rows must not stand in a list; text of
columns without a role must not be quoted.
"""

import base64
import html
import json
import re
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from workbench.data.dataset import open_dataset
from workbench.data.roles import Roles
from workbench.errors import RunFailedError
from workbench.evidence import page
from workbench.evidence.contents import seal_incident
from workbench.evidence.page import PLOTLY_ASSET, plotly_asset
from workbench.evidence.redact import WITHHELD
from workbench.evidence.runbook import run_runbook
from workbench.evidence.trace import sealed_files, trace
from workbench.incident.home import ensure_home, incident_folder, keys_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.signing import ensure_key
from workbench.triage.run import triage

pytestmark = pytest.mark.slow

WORD: Final = re.compile(r"(?<!\w)[^\W\d_]+(?:['’-][^\W\d_]+)*(?!\w)")
ENGLISH: Final = frozenset((
    "arrow", "black", "blue", "channel", "click", "constant", "day", "diamond", "do", "fields", "green", "key", "lang", "marks",
    "max", "may", "page", "pointer", "render", "rich", "seal", "session", "shell", "still", "times", "true", "way", "white",
    "younger",
))  # fmt: skip
"""Words of ours that somebody in the log is also called: of 6 465 names these 29 are excused."""
ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrtbf])")
"""Of JSON: without it the second line of a text would begin with an n."""
DATES: Final = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m/%d/%y", "%Y%m%d")
QUOTED: Final = "could not convert string to float: '[a-z]+ [a-z]+'"
"""What pandas says of the first full name in the log."""
IN_A_ROW: Final = 5
"""So many ids of neighbouring rows, one after another, are a list of rows and no coincidence."""


@pytest.fixture(scope="module")
def people(compas: Path) -> pd.DataFrame:
    return pd.read_csv(compas, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def members(compas: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What lies in the bundle of an incident with a triage of all rows, one of two windows, a run that failed, one killed."""
    with pytest.MonkeyPatch.context() as patched:
        home = tmp_path_factory.mktemp("privacy") / "home"
        patched.setenv("WORKBENCH_HOME", str(home))
        with Record.open(record_path(ensure_home(home))) as record:
            create_incident(record, "INC-1", "A complaint", "ada")
        roles = Path(__file__).parents[2] / "workbench" / "data" / "examples" / "compas.roles.yaml"
        for windows in ({}, {"reference": "compas_screening_date < 2014-01-01"}):
            given = {"data": str(compas), "roles": str(roles), **windows}
            run_runbook("triage", given, home=home, incident="INC-1", author="ada")
        failing = quoting_runbook(home.parent)
        with pytest.raises(RunFailedError, match=QUOTED):
            run_runbook(failing, {"data": str(compas)}, home=home, incident="INC-1", author="ada")
        leave_killed_run(home, compas)
        out = home.parent / "B.zip"
        key, _ = ensure_key(keys_folder(home), "ada")
        with Record.open(record_path(home)) as record:
            seal_incident(record, "INC-1", home=home, author="ada", key=key, out=out)
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def quoting_runbook(folder: Path) -> str:
    """A runbook of somebody's own that stops at a value, which its error quotes."""
    cells = [
        new_code_cell('data: str = ""', metadata={"tags": ["parameters"]}),
        new_code_cell("import pandas as pd\nframe = pd.read_csv(data)\nframe['name'].astype(float)"),
    ]
    nbformat.write(new_notebook(cells=cells), folder / "quoting.ipynb")
    return str(folder / "quoting.ipynb")


def leave_killed_run(home: Path, compas: Path) -> None:
    """As papermill leaves it, in the middle of a cell: nobody froze it, and nobody closed the run."""
    row = pd.read_csv(compas, dtype=str).iloc[0]
    folder = incident_folder(home, "INC-1") / "runs" / "0004-killed"
    folder.mkdir(parents=True)
    text = f"KeyError: {row['name']!r} born {row['dob']}, case {row['c_case_number']}"
    error = new_output("error", ename="KeyError", evalue=text, traceback=[text])
    notebook = new_notebook(cells=[new_code_cell("f()", outputs=[error])], metadata={"widgets": {"state": text}})
    nbformat.write(notebook, folder / "partial.ipynb")
    with Record.open(record_path(home)) as record:
        body = {"run": 4, "template": "killed", "folder": "runs/0004-killed"}
        record.append("INC-1", "run started", body, author="ada")


@pytest.fixture(scope="module")
def texts(members: dict[str, bytes]) -> dict[str, str]:
    """Each member as text in every spelling it may hold: as it is, without HTML and URL escapes, and its arrays decoded."""
    return {name: "\n".join(spellings(data.decode())) for name, data in members.items()}


@pytest.fixture(scope="module")
def ours(members: dict[str, bytes]) -> dict[str, str]:
    """The texts without the libraries that travel along: plotly.js, KaTeX and the RO-Crate contexts, each byte for byte."""
    contexts = {path.read_bytes() for path in (Path(page.__file__).parent / "contexts").rglob("*") if path.is_file()}
    libraries = {plotly_asset(), *contexts}
    own = {name: data.decode().replace(page._katex(), "") for name, data in members.items() if data not in libraries}
    return {name: "\n".join(spellings(text)) for name, text in own.items()}


def spellings(text: str) -> Iterator[str]:
    plain = html.unescape(text)
    unescaped = ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", plain)
    yield from dict.fromkeys((text, plain, unescaped, unquote(unescaped)))
    for payload in re.findall(r'"payload":\s*"([A-Za-z0-9+/=]+)"', text):
        yield base64.b64decode(payload).decode()
    arrays = [(kind, data) for kind, data in re.findall(r'"dtype":\s*"([a-z]\d)",\s*"bdata":\s*"([^"]*)"', plain)]
    arrays += [(kind, data) for data, kind in re.findall(r'"bdata":\s*"([^"]*)",\s*"dtype":\s*"([a-z]\d)"', plain)]
    yield from (" ".join(map(str, decoded(kind, data).tolist())) for kind, data in arrays)


def decoded(kind: str, data: str) -> np.ndarray[Any, Any]:
    """The numbers of a typed array as Plotly writes it: base64, and the byte size after the kind."""
    return np.frombuffer(base64.b64decode(json.loads(f'"{data}"')), dtype=np.dtype(kind))


def test_the_bundle_holds_figures_pages_records_and_tables(members: dict[str, bytes]) -> None:
    """What is searched below is all there, and the libraries that are left out of the search for words are what they claim."""
    kinds = {Path(name).name for name in members}
    assert kinds >= {"executed.ipynb", "executed.html", "findings.json", "events.jsonl", "disparity.json", "drift.json"}
    assert members[f"data/{PLOTLY_ASSET}"] == plotly_asset()
    assert {"data/runs/0003-quoting/partial.ipynb", "data/runs/0004-killed/partial.ipynb"} <= set(members)
    assert WITHHELD in members["data/runs/0003-quoting/partial.ipynb"].decode()
    assert WITHHELD in members["data/record/events.jsonl"].decode()


def test_a_typed_array_of_a_figure_is_read() -> None:
    array = base64.b64encode(np.array([3, 1, 4], dtype="<i2").tobytes()).decode()
    assert "3 1 4" in "\n".join(spellings(json.dumps({"dtype": "i2", "bdata": array})))
    assert "3 1 4" in "\n".join(spellings(json.dumps({"bdata": array, "dtype": "i2"})))


def test_no_full_name_is_anywhere(people: pd.DataFrame, texts: dict[str, str]) -> None:
    parts = [[WORD.findall(name.lower()) for name in people[column]] for column in ("first", "last")]
    names = {(first[-1], last[0]) for first, last in zip(*parts, strict=True)}
    names |= {(last, first) for first, last in names}
    assert len(names) > 10_000
    for member, text in texts.items():
        assert sorted(names & set(pairwise(WORD.findall(text.lower())))) == [], member


def test_no_birth_date_is_anywhere_in_any_usual_form(people: pd.DataFrame, texts: dict[str, str]) -> None:
    born = pd.to_datetime(people["dob"].unique())
    written = {day.strftime(form) for day in born for form in DATES}
    pattern = re.compile(r"(?<![\w.])(?:\d{4}[-/]\d\d[-/]\d\d|\d\d[/.]\d\d[/.](?:\d{4}|\d\d)|(?:19|20)\d{6})(?!\d)")
    assert pattern.fullmatch(born[0].strftime("%Y-%m-%d"))
    for member, text in texts.items():
        assert sorted(written & set(pattern.findall(text))) == [], member


def test_no_case_number_is_anywhere(people: pd.DataFrame, texts: dict[str, str]) -> None:
    columns = ["c_case_number", "r_case_number", "vr_case_number"]
    numbers = {number.upper() for column in columns for number in people[column].unique() if number}
    assert len(numbers) > 7000
    for member, text in texts.items():
        assert sorted(numbers & set(re.findall(r"[0-9A-Z-]{6,}", text.upper()))) == [], member


def test_first_and_last_names_are_no_words_of_ours(people: pd.DataFrame, ours: dict[str, str]) -> None:
    names = {name.lower() for column in ("first", "last") for name in people[column]}
    found: dict[str, set[str]] = {}
    for member, text in ours.items():
        for word in {word.lower() for word in WORD.findall(text)}:
            for part in {word, *re.split(r"['’-]", word)} & names:
                found.setdefault(part, set()).add(member)
    assert {word: sorted(where) for word, where in found.items() if word not in ENGLISH} == {}
    assert len(ENGLISH & names) == len(ENGLISH) == 29


def test_the_ids_of_neighbouring_rows_are_not_listed(people: pd.DataFrame, ours: dict[str, str]) -> None:
    ids = people["id"].tolist()
    runs = {tuple(ids[at : at + IN_A_ROW]) for at in range(len(ids) - IN_A_ROW)}
    # 1, 3, 4, 5, 6 are ranks of findings, and 503, 504, 505, 506, 507 could be lines of a file
    listed = {run for run in runs if int(run[0]) >= 100 and {int(b) - int(a) for a, b in pairwise(run)} != {1}}
    assert len(listed) > 5000
    for member, text in ours.items():
        numbers = re.findall(r"\d+", text)
        assert [run for run in zip(*(numbers[at:] for at in range(IN_A_ROW)), strict=False) if run in listed] == [], member


def test_text_and_times_of_columns_without_a_role_are_not_quoted(
    people: pd.DataFrame, ours: dict[str, str], compas_roles: dict[str, Any]
) -> None:
    free = ["c_charge_desc", "r_charge_desc", "vr_charge_desc", "c_jail_in", "c_jail_out"]
    assert not {*free} & {*Roles.of(compas_roles).feature_columns(list(people))}
    values = {value for column in free for value in people[column].unique() if len(value) > 7}
    assert len(values) > 10_000
    everything = "\n".join(ours.values())
    assert sorted(value for value in values if value in everything) == []


@pytest.fixture(scope="module")
def four_people() -> pd.DataFrame:
    """A log in which 80 rows, all of them wrong, are decisions on four people."""
    rng, rows = np.random.default_rng(7), 2000
    few, number, label = np.arange(rows) < 80, pd.Series(np.arange(rows)), rng.integers(0, 2, rows)
    return pd.DataFrame({
        "person": np.where(few, "p" + (number % 4).astype(str), "q" + number.astype(str)),
        "branch": np.where(few, "harbour", rng.choice(["north", "south"], rows)),
        "decision": np.where(few | (rng.random(rows) < 0.1), 1 - label, label),
        "label": label,
    })  # fmt: skip


def test_a_finding_on_fewer_than_ten_people_has_no_numbers_anywhere_in_a_bundle(
    four_people: pd.DataFrame, home: Path, tmp_path: Path
) -> None:
    roles = {
        "row_id": "person", "prediction": "decision", "label": "label", "positive": 1, "favorable": 0, "features": ["branch"],
    }  # fmt: skip
    [measured] = [item for item in triage(open_dataset(four_people, roles)).findings if item.people == 4]
    assert (measured.where, measured.support) == ('branch = "harbour"', 80)
    four_people.to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "roles.yaml").write_text(json.dumps(roles))
    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", "A complaint", "ada")
        given = {"data": str(tmp_path / "log.csv"), "roles": str(tmp_path / "roles.yaml")}
        run_runbook("triage", given, home=home, incident="INC-1", author="ada")
        seal_incident(record, "INC-1", home=home, author="ada", key=ensure_key(keys_folder(home), "ada")[0], out=tmp_path / "B")
    entries, files = sealed_files(tmp_path / "B", {})
    listed = json.loads(files["runs/0001-triage/findings.json"])["findings"]
    [blank] = [item for item in listed if item["where"] == measured.where]
    assert blank == measured.blanked().to_dict() | {"rank": measured.rank, "evidence": blank["evidence"]}
    found = trace(entries, files, f"run1:{measured.rank}")
    assert (found.finding, found.claims[0].status) == (blank, "supported")
    assert found.outputs
    with zipfile.ZipFile(tmp_path / "B") as archive:
        everything = "\n".join(text for name in archive.namelist() for text in spellings(archive.read(name).decode()))
    assert "fewer than 10 people" in everything
    numbers = [str(value) for value in (measured.effect, *(measured.interval or ()), measured.p)]
    assert [text for text in (measured.statement, *numbers) if text in everything and len(text) > 6] == []
