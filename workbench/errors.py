"""Every exception the workbench raises, and what each one means for the caller.

::

    WorkbenchError
    ├── InputError               could not run: the input or the set-up is wrong      exit 2
    │   ├── SourceError          a data source cannot be read as a table
    │   ├── RolesError           roles name what is not there, or lack what is needed
    │   ├── PredicateError       a row selection cannot be read, or names no column
    │   ├── ParameterError       a runbook parameter is unknown or of the wrong type
    │   ├── UnknownNameError     no incident, run, finding, template or plug-in of that name
    │   └── StorageError         a file or folder cannot be written or read
    └── BadOutcomeError          it ran, and what it found is bad                      exit 1
        ├── RunFailedError       a runbook stopped before its last cell
        ├── RecordError          the record was edited, cut or reordered
        └── VerificationError    a bundle or a signature does not hold

A message is one line: what is wrong, the offending value, what to do. Anything else that escapes is a bug, with a traceback.
"""

import os
from collections.abc import Iterable


class WorkbenchError(Exception):
    """Base of all.

    Parameters
    ----------
    what
        What is wrong, in a few words.
    value
        The offending value, quoted in the message; ``None`` where there is none.
    do
        What the reader should do next.
    """

    exit_code = 1

    def __init__(self, what: str, value: object = None, do: str = "") -> None:
        self.what = what
        self.value = value
        self.do = do
        message = what if value is None else f"{what}: {shorten(value)}"
        super().__init__(f"{message}. {do}" if do else message)


class InputError(WorkbenchError):
    """Could not run: the input or the set-up is wrong."""

    exit_code = 2


class SourceError(InputError):
    """A data source cannot be read as a table."""


class RolesError(InputError):
    """Roles name what is not there, or lack what is needed."""


class PredicateError(InputError):
    """A row selection cannot be read, or names no column."""


class ParameterError(InputError):
    """A runbook parameter is unknown or of the wrong type."""


class UnknownNameError(InputError):
    """No thing of that name.

    Parameters
    ----------
    kind
        What was looked for ("incident", "template").
    name
        The name that was not found.
    available
        The names that exist; listed in the message.
    """

    def __init__(self, kind: str, name: object, available: Iterable[object]) -> None:
        known = ", ".join(sorted(map(str, available))) or "none yet"
        super().__init__(f"no {kind} of that name", name, f"Available: {known}")


class StorageError(InputError):
    """A file or folder cannot be written or read."""


class BadOutcomeError(WorkbenchError):
    """It ran, and what it found is bad."""


class RunFailedError(BadOutcomeError):
    """A runbook stopped before its last cell."""


class RecordError(BadOutcomeError):
    """The record was edited, cut or reordered."""


class VerificationError(BadOutcomeError):
    """A bundle or a signature does not hold."""


def shorten(value: object, limit: int = 200) -> str:
    """One line of at most `limit` characters that shows `value`."""
    text = " ".join((str(value) if isinstance(value, str | os.PathLike) else repr(value)).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
