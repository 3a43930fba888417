"""YAML that people write by hand, read so that whatever is wrong with it is told by line, field and value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from workbench.errors import InputError, StorageError

Place = tuple[str | int, ...]
"""Where a value stands: keys and positions from the outside in."""
MOST_VALUES: Final = 100_000
"""Values in a file, aliases counted wherever they stand: a few lines of aliases can stand for more than fits in memory."""


@dataclass(frozen=True)
class Located:
    """A mapping inside a YAML file that knows on which line each of its values stands.

    Attributes
    ----------
    form
        The mapping.
    file
        What the file is called in messages.
    place
        Where in the file the mapping stands.
    lines
        From the place of every value in the file to its line, the first being 1.
    """

    form: Mapping[str, Any]
    file: str
    place: Place = ()
    lines: Mapping[Place, int] = field(default_factory=dict)

    def refusal(self, what: str, name: str | None, do: str) -> InputError:
        """The error that says `what` of the field `name` (None: of the whole mapping), with its line and value."""
        place = self.place if name is None else (*self.place, name)
        line = next((self.lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in self.lines), 1)
        value = self.form if name is None else self.form.get(name)
        shown = f"{_path(place)}: {value!r}" if name is not None and name in self.form else _path(place) or "the file"
        return InputError(f"{self.file}, line {line}: {what}", shown, do)

    def require_fields(self, required: Mapping[str, str], optional: Sequence[str] = ()) -> None:
        """Refuse a field that is neither required nor optional, and a required one that is missing or blank.

        Parameters
        ----------
        required
            Name to what has to be said there, in words.
        """
        known = [*required, *optional]
        for name in self.form:
            if name not in known:
                raise self.refusal("unknown field", str(name), f"Fields: {', '.join(sorted(known))}")
        for name, meaning in required.items():
            if name not in self.form:
                raise self.refusal(f"the field {name} is missing", None, f"Say {meaning}.")
            value = self.form[name]
            if value is None or (isinstance(value, str) and not value.strip()):
                raise self.refusal("a blank field", name, f"Say {meaning}.")

    def text(self, name: str) -> str:
        """A field that is text, without the white space around it."""
        value = self.form[name]
        if not isinstance(value, str):
            raise self.refusal("a field that is not text", name, "Write it in quotes.")
        return value.strip()

    def date(self, name: str) -> str:
        """A field that is a date, as ISO 8601."""
        value = self.form[name]
        try:
            found = value if isinstance(value, dt.date) else dt.date.fromisoformat(value)
        except (TypeError, ValueError) as exc:
            raise self.refusal("a field that is no date", name, "Write it as 2026-01-31.") from exc
        return (found.date() if isinstance(found, dt.datetime) else found).isoformat()

    def texts(self, name: str) -> tuple[str, ...]:
        """A field that is a text or a list of texts; missing is empty."""
        value = self.form.get(name)
        listed = [] if value is None else [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(item, str) and item.strip() for item in listed):
            raise self.refusal("a field that is no list of words", name, "Write one `- word` per line.")
        return tuple(item.strip() for item in listed)

    def parts(self, name: str, what: str) -> list[Located]:
        """A field that is a list of mappings, one `what` each, and holds at least one."""
        value = self.form.get(name)
        if not isinstance(value, list) or not value or not all(isinstance(item, Mapping) for item in value):
            raise self.refusal(f"a field that is no list of {what}", name, f"Write one `- name: …` for each {what[:-1]}.")
        return [Located(item, self.file, (*self.place, name, at), self.lines) for at, item in enumerate(value)]


def read_located(path: str | Path, what: str) -> Located:
    """The mapping in a YAML file.

    Raises
    ------
    StorageError
        If the file cannot be read.
    InputError
        If it is not YAML, holds no mapping, or says a field twice.
    """
    import yaml

    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = str(exc.strerror if isinstance(exc, OSError) else exc)
        raise StorageError(f"a {what} cannot be read", f"{path} ({why})", "Give the path of a YAML file.") from exc
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        node = yaml.compose(text, Loader=loader)
        lines: dict[Place, int] = {}
        if node is not None:
            _locate(node, (), lines, path.name, ())
        form = yaml.load(text, Loader=loader)  # noqa: S506  the safe loader, in C where it is there
    except yaml.YAMLError as exc:
        raise InputError(f"a {what} is not YAML", f"{path}: {exc}", "Mend the file.") from exc
    if not isinstance(form, Mapping):
        raise InputError(f"a {what} holds no mapping", str(path), "Write one `field: value` per line.")
    return Located(form, path.name, (), lines)


def _locate(node: Any, place: Place, lines: dict[Place, int], file: str, around: tuple[int, ...]) -> None:
    """Enter the line of `node` and of what is inside it; YAML itself keeps the last of two fields of one name, silently."""
    import yaml

    if id(node) in around or len(lines) > MOST_VALUES:
        raise InputError(f"{file}: aliases that stand for too much", _path(place), "Write the values out.")
    lines[place], around = node.start_mark.line + 1, (*around, id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            if inner in lines:
                raise InputError(f"{file}, line {key.start_mark.line + 1}: a field is said twice", _path(inner), "Leave one out.")
            _locate(value, inner, lines, file, around)
            lines[inner] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            _locate(value, (*place, at), lines, file, around)


def _path(place: Place) -> str:
    """``criteria[2].rationale``; positions count from 1, as people do."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")
