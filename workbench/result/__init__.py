"""The contract after analysis: a Result is what was computed and from what; a Finding is one thing that is wrong.

Analysis makes Results and knows no screen; views turn them into pictures; the record keeps their digests. "Not measured" is a
value (``None``, null in JSON); blank is not.
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib.metadata
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.digest import Plain, digest, to_plain
from workbench.errors import InputError
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result.cells import (
    SMALL_CELL,
    is_small,
    rounded_count,
    rounded_rate,
    rounded_share,
    share_step,
    significant,
    to_step,
)
from workbench.result.publish import publish_numbers, publish_tables

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SMALL_CELL", "Finding", "Result", "from_records", "git_state", "provenance", "records", "versions"]

PACKAGES = ("ml-incident-workbench", "duckdb", "ibis-framework", "numpy", "pandas", "scipy", "scikit-learn", "fairlearn", "shap")
PERCENTAGE = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?= %)")
OF_THE_MACHINE: Mapping[str, list[str]] = {"health": ["seconds", "memory"]}
"""Table to its columns that the machine measured, which no digest covers."""
ROW_SHARES = ("total variation", "missing share", "share of rows")
"""Units in which an effect times the support is a number of rows, so that it could count a few people: not where a finding has
a date or no column of its own, for then the support is what was counted."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, with its size, its rows and its evidence.

    Attributes
    ----------
    kind
        A word of `workbench.vocabulary.FINDING_KINDS`.
    statement
        One sentence a responder can repeat.
    effect, unit, interval
        The size, what it is measured in, and its 95 % interval.
    p, p_adjusted
        Two-sided; raw as the check computed it, and adjusted by triage over everything examined in the run.
    support, people
        Rows concerned; distinct ``row_id`` among them (None without that role).
    onset, onset_interval
        When it began, in UTC; None where it is not identifiable.
    standing
        True where it holds in both windows: known, not new.
    undermines, explained_by
        Ranks of findings that cannot be trusted because of this one; rank of the finding that accounts for this one.
    share_of_harm
        Part of the excess harm in the data that is gone when the cause is undone, in [0, 1].
    share_interval, undone_by, undone
        Its 95 % interval; ``repaired`` where the rows were put right and scored again, ``removed`` where they were only left out;
        and what came of scoring them again, in a sentence. None where nothing was.
    cause
        A word of `workbench.vocabulary.CAUSES`: what it is put down to; None where the log does not tell.
    versus
        The rows it is measured against, as a predicate; None: all others, or the same rows before.
    evidence
        Digest of the Result that holds the numbers.
    """

    kind: str
    statement: str
    columns: tuple[str, ...] = ()
    where: str = "all rows"
    effect: float | None = None
    unit: str = ""
    interval: tuple[float | None, float | None] | None = None
    p: float | None = None
    p_adjusted: float | None = None
    support: int | None = None
    people: int | None = None
    onset: str | None = None
    onset_interval: tuple[str, str] | None = None
    severity: str = "medium"
    standing: bool = False
    undermines: tuple[int, ...] = ()
    explained_by: int | None = None
    ruled_out: tuple[str, ...] = ()
    share_of_harm: float | None = None
    share_interval: tuple[float, float] | None = None
    undone_by: str | None = None
    undone: str | None = None
    cause: str | None = None
    versus: str | None = None
    check: str = ""
    evidence: str | None = None
    rank: int | None = None

    def to_dict(self) -> dict[str, Plain]:
        """The finding as CONTRACTS' ``findings.json`` writes it."""
        return {item.name: to_plain(getattr(self, item.name)) for item in fields(self)}

    def published(self) -> Finding:
        """The same finding as others may see it: blanked where it speaks of fewer than `SMALL_CELL` rows or people.

        A slice counts its rows and people in tens, and a share of rows goes in steps of ten rows or more, so that no difference
        of two findings is the size of a small cell. The local finding keeps what was measured.
        """
        if is_small(self.support) or is_small(self.people):
            return self.blanked()
        if self.kind == "slice":
            return self._rounded_slice()
        whole = self.unit in ROW_SHARES and bool(self.columns) and self.onset is None
        counted = whole or self.unit == "missing share"
        return self._rounded_share(self.support) if counted and self.support and self.effect is not None else self

    def blanked(self) -> Finding:
        """The same finding without anything that was measured: which rows and columns it concerns, and how grave it is."""
        about = f" on {', '.join(self.columns)}" if self.columns else ""
        return replace(
            self,
            statement=f"{self.kind}{about}, {self.where}: measured on fewer than {SMALL_CELL} people, or would tell of them",
            effect=None, interval=None, p=None, p_adjusted=None, support=None, people=None, share_of_harm=None,
            share_interval=None, undone_by=None, undone=None, ruled_out=(),
        )  # fmt: skip

    def _rounded_slice(self) -> Finding:
        support = rounded_count(self.support)
        count = support if support is not None else self.people
        ends = None if self.interval is None else (rounded_rate(self.interval[0], count), rounded_rate(self.interval[1], count))
        return replace(
            self, support=support, people=rounded_count(self.people), effect=rounded_rate(self.effect, count), interval=ends,
            p=significant(self.p, 1), p_adjusted=significant(self.p_adjusted, 1),
            share_of_harm=significant(self.share_of_harm, 2),
        )  # fmt: skip

    def _rounded_share(self, rows: int) -> Finding:
        effect = rounded_share(self.effect, rows)
        if effect is None:
            return self.blanked()
        step = share_step(rows)
        low, high = (None if end is None else to_step(end, step) for end in self.interval or (None, None))
        return replace(
            self, effect=effect, interval=(low, high) if self.interval else None,
            p=significant(self.p, 1), p_adjusted=significant(self.p_adjusted, 1),
            statement=PERCENTAGE.sub(lambda found: _percent_text(float(found[0]), step), self.statement),
        )  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """The finding that `to_dict` wrote; an unknown key is refused."""
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise InputError("a finding has no such field", unknown[0], f"Fields: {', '.join(sorted(known))}")
        if absent := sorted({"kind", "statement"} - set(data)):
            raise InputError("a finding lacks a field", absent[0], "Give the file that `--json` wrote.")
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        return cls(**values)


@dataclass(frozen=True)
class Result:
    """What an analysis computed, and everything needed to compute it again.

    Attributes
    ----------
    kind
        The analysis' name; the JSON schema is ``workbench.<kind>/1``.
    tables
        Name to DataFrame; true numbers, with a boolean column ``suppressed`` where a row speaks of fewer than `SMALL_CELL` rows.
    numbers
        Name to scalar.
    where
        The rows it was computed on.
    provenance
        Arguments passed and defaulted, seed, dataset fingerprint, package versions, git commit and dirty flag, UTC time.
    """

    kind: str
    title: str
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    numbers: Mapping[str, Plain] = field(default_factory=dict)
    where: Predicate = ALL_ROWS
    findings: tuple[Finding, ...] = ()
    provenance: Mapping[str, Plain] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Plain]:
        """The result as ``--json`` writes it: null for NaN and infinity, one object per table row."""
        return {
            "schema": f"workbench.{self.kind}/1",
            "title": self.title,
            "where": str(self.where),
            "numbers": to_plain(self.numbers),
            "tables": {name: records(table) for name, table in self.tables.items()},
            "findings": [finding.to_dict() for finding in self.findings],
            "provenance": to_plain(self.provenance),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Result:
        """The result that `to_dict` wrote.

        Raises
        ------
        InputError
            For another schema, or where a part is missing.
        """
        schema = str(data.get("schema"))
        if not (schema.startswith("workbench.") and schema.endswith("/1")):
            raise InputError("not a result of the workbench, version 1", schema, "Give the file that `--json` wrote.")
        parts = ("title", "where", "numbers", "tables", "findings", "provenance")
        if absent := [part for part in parts if part not in data]:
            raise InputError("a result lacks a part", absent[0], "Give the file that `--json` wrote.")
        return cls(
            kind=schema.removeprefix("workbench.").removesuffix("/1"),
            title=data["title"],
            tables={name: from_records(rows) for name, rows in data["tables"].items()},
            numbers=data["numbers"],
            where=Predicate.parse(data["where"]),
            findings=tuple(Finding.from_dict(finding) for finding in data["findings"]),
            provenance=data["provenance"],
        )

    def published(self) -> Result:
        """The same result as others may see it: small cells, and what would give them back, are missing or rounded.

        What is done to which table is said in `workbench.result.publish`. Publishing twice is publishing once.
        """
        roles = _arguments(self.provenance).get("roles")
        return replace(
            self,
            tables=publish_tables(self.kind, self.tables, self.numbers, roles),
            numbers=publish_numbers(self.numbers),
            findings=tuple(finding.published() for finding in self.findings),
        )

    @functools.cached_property
    def digest(self) -> str:
        """Digest of the published form without times, machine and versions: the same computation gives the same digest."""
        kept = {name: table.drop(columns=OF_THE_MACHINE.get(name, []), errors="ignore") for name, table in self.tables.items()}
        form = replace(self, tables=kept).published().to_dict()
        provenance = form["provenance"]
        form["provenance"] = {key: provenance.get(key) for key in ("arguments", "seed", "fingerprint")}  # type: ignore[union-attr]
        return digest(form)


def _percent_text(percent: float, step: float) -> str:
    """A percentage in steps of the share `step`, no finer than a tenth."""
    return f"{to_step(percent, max(100 * step, 0.1)):.{1 if step < 0.01 else 0}f}"


def _arguments(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments that a provenance holds."""
    arguments = form.get("arguments")
    return arguments if isinstance(arguments, Mapping) else {}


def records(table: pd.DataFrame) -> list[Plain]:
    """The rows of `table` as plain objects, missing as None."""
    columns = [str(column) for column in table.columns]
    values = table.astype(object).where(table.notna(), None)
    return [dict(zip(columns, map(to_plain, row), strict=True)) for row in values.itertuples(index=False, name=None)]


def from_records(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table that `records` wrote; a column keeps its integers, texts and booleans where some of its values are missing.

    Times stay the text they were written as.
    """
    import pandas as pd

    columns = dict.fromkeys(name for row in rows for name in row)
    return pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in columns})


def _column(values: Sequence[Any]) -> pd.Series[Any]:
    """`values` as a column of one type where they have one, else of Python objects: 1 must not come back as 1.0."""
    import pandas as pd

    types = {type(value) for value in values if value is not None}
    if types == {float} or (len(types) == 1 and None not in values and types <= {bool, str}):
        return pd.Series(values)
    small = types == {int} and all(-(2**63) <= value < 2**63 for value in values if value is not None)
    if small:
        return pd.Series(values, dtype="int64" if None not in values else "Int64")
    return pd.Series(values, dtype=object)


def provenance(arguments: Mapping[str, object], *, seed: int | None = None, fingerprint: str | None = None) -> dict[str, Plain]:
    """How a result was made: what was asked, of which bytes, by which code, when.

    Parameters
    ----------
    arguments
        Name to value, passed and defaulted alike.
    seed
        Seed of the random generator; None where nothing random was done.
    fingerprint
        The dataset's fingerprint.
    """
    return {
        "arguments": {name: str(value) if isinstance(value, Predicate) else to_plain(value) for name, value in arguments.items()},
        "seed": seed,
        "fingerprint": fingerprint,
        "versions": dict(versions()),
        "git": dict(git_state(Path.cwd())),
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
    }


@functools.cache
def versions() -> Mapping[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


@functools.cache
def git_state(folder: Path) -> Mapping[str, Plain]:
    """Commit and dirty flag of the repository `folder` lies in; both None outside one."""
    commit = _git(folder, ["rev-parse", "HEAD"])
    status = _git(folder, ["status", "--porcelain"]) if commit else None
    return {"commit": commit, "dirty": None if status is None else bool(status)}


def _git(folder: Path, arguments: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607  whichever git the user's path finds
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
