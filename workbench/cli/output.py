"""How the commands print: lines and tables for people on stderr, JSON where it is asked for.

What is printed comes from data, and data may be hostile to the terminal that shows it: every character that is not printable
is shown escaped.
"""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import ParameterError

if TYPE_CHECKING:
    from workbench.result import Finding, Result
    from workbench.views.render import Static

NARROWEST = 60
"""Columns that a table takes at least, however narrow the terminal."""
QUIET = 10.0
"""Seconds after which progress that no terminal shows is said again."""
LONGEST_WORD = 20
"""Characters that stay on one line of a table, where there is room."""


def say(*lines: str) -> None:
    """Print lines for people."""
    for line in lines:
        _print(shown(line))


def say_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table for people, as wide as their terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(shown(title)), title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    texts = [["–" if cell is None else shown(str(cell)) for cell in row] for row in rows]
    for place, column in enumerate(columns):
        longest = max((len(word) for row in texts for word in row[place].split()), default=0)
        table.add_column(column, overflow="fold", min_width=min(longest, LONGEST_WORD))
    for row in texts:
        table.add_row(*map(Text, row))
    console = Console(stderr=True)
    console.width = max(console.width, NARROWEST)
    with console.capture() as captured:
        console.print(table)
    _print("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))


def say_findings(findings: Iterable[Finding], title: str = "Findings, ranked") -> None:
    """Print findings as a table: what it is, and under it how large, since when and for whom; nothing where there are none."""
    from workbench.views.triage import detail_text

    rows = [(item.rank, item.severity, item.kind, f"{item.statement}\n{detail_text(item)}\n") for item in findings]
    if rows:
        say_table(title, ("#", "severity", "kind", "what"), rows)


def say_shown(*parts: Static) -> None:
    """Print what a view shows: a table as wide as the terminal, anything else as its text."""
    from workbench.views.render import Table

    for part in parts:
        if isinstance(part, Table):
            say_table(part.caption, part.frame.columns, part.frame.itertuples(index=False, name=None))
        else:
            say(repr(part))
        say("")


def short(cell: object) -> object:
    """A number short enough to read; None where it is missing."""
    return None if cell is None or cell != cell else f"{cell:.4g}" if isinstance(cell, float) else cell  # noqa: PLR0124  NaN


def shown(text: str) -> str:
    """`text` with what steers a terminal (controls, directions of writing, but not line feeds) escaped as Python writes it."""
    return "".join(letter if letter == "\n" or not _steers(letter) else ascii(letter)[1:-1] for letter in text)


def write_json(document: Any, out: str) -> None:
    """Write `document` to the file `out`, or to stdout for ``-``; a reader that went away has had enough.

    Raises
    ------
    StorageError
        If the file cannot be written; it is then as it was.
    """
    from workbench.files import write_whole
    from workbench.triage.files import readable_json

    text = readable_json(document)
    if out != "-":
        write_whole(Path(out), text)
        return
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_result(result: Result, out: str, before: Result | None = None) -> None:
    """Write a result, with the reference window's whole result under ``before`` where one was asked for, and say where it is."""
    write_json(result.to_dict() if before is None else {**result.to_dict(), "before": before.to_dict()}, out)
    if out != "-":
        say(f"{result.title}: written to {out}")


def step_teller() -> Callable[[str, str], None]:
    """A callback that says what runs and how long it took, a line per step."""
    started: dict[str, float] = {}

    def tell(name: str, status: str) -> None:
        if status == "running":
            started[name] = time.perf_counter()
            return
        say(f"  {name:<12} {status:<8} {time.perf_counter() - started.get(name, time.perf_counter()):6.1f} s")

    return tell


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """How much is done, as a callback tells it: a bar on a terminal, elsewhere a line every `QUIET` seconds."""
    if not sys.stderr.isatty():
        yield _line_teller(title)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _line_teller(title: str) -> Callable[[int, int], None]:
    last = time.perf_counter()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.perf_counter() - last >= QUIET:
            last = time.perf_counter()
            say(f"  {title}: {done:,} of {total:,}")

    return tell


def cell_teller() -> Callable[[int, int, str], None]:
    """A callback that says which part of a notebook begins, and how long after the first."""
    start = time.perf_counter()
    said: list[str] = []

    def tell(number: int, total: int, heading: str) -> None:
        if said[-1:] != [heading]:
            said.append(heading)
            say(f"  {time.perf_counter() - start:6.1f} s  cell {number:>2} of {total}  {heading[:90]}")

    return tell


def parse_parameters(words: list[str]) -> Mapping[str, str]:
    """``-p name value`` groups as a mapping.

    Raises
    ------
    ParameterError
        For any other word.
    """
    values: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word != "-p":
            raise ParameterError("unexpected word on the command line", word, "Parameters are given as `-p name value`.")
        if len(rest) < 2:
            raise ParameterError("a parameter without a value", " ".join(rest), "Write `-p name value`.")
        name, value = rest.pop(0), rest.pop(0)
        if name in values:
            raise ParameterError("a parameter is given twice", name, "Give it once.")
        values[name] = value
    return values


def _steers(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}


def _print(text: str) -> None:
    with suppress(BrokenPipeError):  # whoever read along has gone: no reason to stop what is under way
        print(text, file=sys.stderr, flush=True)  # noqa: T201  this is where the command line prints
