"""Which columns a column was made from: the facets ``columnLineage`` and ``lineage`` of the last version of every dataset.

A link is *direct* where values go over (IDENTITY, TRANSFORMATION, AGGREGATION), *indirect* where a column only decides which rows
or groups there are (JOIN, FILTER, GROUP_BY, SORT, WINDOW, CONDITIONAL).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from workbench.digest import Plain
from workbench.errors import InputError, UnknownNameError
from workbench.lineage.content import column_types
from workbench.lineage.event import Key
from workbench.lineage.graph import Lineage

MARK: Final = "#"
"""Between a dataset's name and a column's, in text."""
DIRECT: Final = "DIRECT"


class Column(NamedTuple):
    """A column of a dataset."""

    dataset: Key
    name: str


class Link(NamedTuple):
    """That a column was made from another one: ``DIRECT`` or ``INDIRECT``, and by what (``IDENTITY``, ``JOIN``, …)."""

    source: Column
    target: Column
    type: str
    subtype: str


@dataclass(frozen=True)
class ColumnPath:
    """Whether one column was made from another.

    Attributes
    ----------
    connected
        None where a dataset on the way does not tell its columns' origin, so that "no" would be a guess.
    links
        From the source column to the feature; empty where they are not connected.
    blind
        The datasets that do not tell.
    """

    source: str
    feature: str
    connected: bool | None
    links: tuple[Link, ...]
    steps: tuple[str, ...]
    blind: tuple[str, ...]

    @property
    def direct(self) -> bool:
        """Whether values go over on every link of the path."""
        return bool(self.links) and all(link.type == DIRECT for link in self.links)

    def to_dict(self) -> dict[str, Plain]:
        """As ``workbench lineage columns --json`` writes it."""
        return {
            "schema": "workbench.lineage-column-path/1", "source": self.source, "feature": self.feature,
            "connected": self.connected, "direct": self.direct, "path": list(self.steps),
            "links": [{"type": link.type, "subtype": link.subtype} for link in self.links], "blind": list(self.blind),
        }  # fmt: skip


def column_path(lineage: Lineage, column: str, feature: str) -> ColumnPath:
    """The shortest way on which `feature` was made from `column`, both ``NAME#COLUMN``.

    Raises
    ------
    UnknownNameError
        If a dataset or a column of that name is not in the events.
    """
    source, target = find_column(lineage, column), find_column(lineage, feature)
    reached, blind = upstream_columns(lineage, [target])
    names = tuple(sorted(lineage.labels[key] for key in blind))
    if source not in reached:
        return ColumnPath(column, feature, None if blind else False, (), (), names)
    links = []
    at = source
    while (link := reached[at]) is not None:
        links.append(link)
        at = link.target
    steps = (source, *(link.target for link in links))
    told = tuple(f"{lineage.labels[step.dataset]}{MARK}{step.name}" for step in steps)
    return ColumnPath(column, feature, connected=True, links=tuple(links), steps=told, blind=names)


def find_column(lineage: Lineage, text: str) -> Column:
    """The column that ``NAME#COLUMN`` names.

    Raises
    ------
    UnknownNameError
        If there is none.
    InputError
        If the text is no such pair, or several datasets have the name.
    """
    name, mark, column = text.rpartition(MARK)
    if not mark or not name or not column:
        raise InputError("not a column", text, f"Write NAME{MARK}COLUMN, such as public.orders{MARK}amount.")
    lineage.find(name)
    (key,) = lineage.datasets(name)
    known = columns_of(lineage, key)
    if column not in known:
        raise UnknownNameError(f"column of {name}", column, known)
    return Column(key, column)


def nearest_columns(lineage: Lineage, keys: Iterable[Key], names: Iterable[str]) -> list[Column]:
    """For each of `names` the column of the first dataset of `keys` that has one of that name; none where none has."""
    keys = list(dict.fromkeys(keys))
    found = ((name, next((key for key in keys if name in columns_of(lineage, key)), None)) for name in names)
    return [Column(key, name) for name, key in found if key is not None]


def upstream_columns(lineage: Lineage, columns: Sequence[Column]) -> tuple[dict[Column, Link | None], set[Key]]:
    """Every column that `columns` were made from, with the first link of a shortest way to them (None for these themselves).

    The second value holds the datasets that were made from others but do not tell from which columns.
    """
    links = _links(lineage)
    found: dict[Column, Link | None] = dict.fromkeys(columns)
    blind = set()
    waiting = deque(columns)
    while waiting:
        column = waiting.popleft()
        if column.dataset not in links and _is_made(lineage, column.dataset):
            blind.add(column.dataset)
        for link in links.get(column.dataset, {}).get(column.name, ()):
            if link.source not in found:
                found[link.source] = link
                waiting.append(link.source)
    return found, blind


def _is_made(lineage: Lineage, key: Key) -> bool:
    """Whether a run that names inputs wrote it."""
    positions = lineage.by_dataset.get(key, [])
    return any(lineage.runs[run].reads for at in positions[-1:] for run in lineage.versions[at].writers)


def columns_of(lineage: Lineage, key: Key) -> list[str]:
    """The columns of a dataset, as its versions or what was made of it name them."""
    found: dict[str, None] = {}
    for at in lineage.by_dataset.get(key, ()):
        found.update(dict.fromkeys(column_types(lineage.versions[at].facets)))
        for run, _ in lineage.versions[at].readers[:1]:
            for facets in lineage.runs[run].inputs.get(key, {}).values():
                found.update(dict.fromkeys(column_types(facets)))
    found.update(dict.fromkeys(_links(lineage).get(key, {})))
    for by_column in _links(lineage).values():
        for links in by_column.values():
            found.update(dict.fromkeys(link.source.name for link in links if link.source.dataset == key))
    return list(found)


def _links(lineage: Lineage) -> dict[Key, dict[str, list[Link]]]:
    """Dataset to column to the links that end in it; computed once."""
    known: dict[Key, dict[str, list[Link]]] | None = lineage.cache.get("column links")
    if known is not None:
        return known
    found: dict[Key, dict[str, list[Link]]] = {}
    for key, positions in lineage.by_dataset.items():
        for at in reversed(positions):
            facets = lineage.versions[at].facets
            told = [facets[name] for name in ("columnLineage", "lineage") if name in facets]
            if told:
                found[key] = _of_dataset(lineage, key, list(column_types(facets)), told)
                break
    lineage.cache["column links"] = found
    return found


def _of_dataset(lineage: Lineage, key: Key, columns: Sequence[str], told: Sequence[Any]) -> dict[str, list[Link]]:
    found: dict[str, list[Link]] = {}
    for facet in told:
        fields = facet.get("fields") if isinstance(facet.get("fields"), dict) else {}
        for name, field in fields.items():
            listed = (field.get("inputFields") or field.get("inputs")) if isinstance(field, dict) else None
            found.setdefault(name, []).extend(_read_links(lineage, Column(key, name), listed))
        for name in dict.fromkeys((*columns, *fields)):
            found.setdefault(name, []).extend(_read_links(lineage, Column(key, name), facet.get("dataset")))
    return found


def _read_links(lineage: Lineage, target: Column, listed: object) -> Iterator[Link]:
    for item in listed if isinstance(listed, list) else ():
        if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in ("namespace", "name", "field")):
            continue
        dataset = (item["namespace"], item["name"])
        known = lineage.datasets("/".join(dataset))
        source = Column(known[0] if len(known) == 1 else dataset, item["field"])
        changes = item.get("transformations")
        first = changes[0] if isinstance(changes, list) and changes and isinstance(changes[0], dict) else {}
        yield Link(source, target, str(first.get("type") or DIRECT), str(first.get("subtype") or ""))
