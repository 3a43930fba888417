"""What a responder asks of the lineage around one node, as one value: where, when, on which columns, from what origin.

A drawing, a list of suspects and a trace of columns made from one `Inquiry` speak of the same thing; each host keeps one and
replaces it when the responder turns to something else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from workbench.lineage.columns import MARK, Column, Link, nearest_columns, upstream_columns
from workbench.lineage.event import Key
from workbench.lineage.graph import Lineage
from workbench.lineage.instant import as_instant, parse_window
from workbench.lineage.picture import MOST_NODES, Picture, picture
from workbench.lineage.suspects import suspects
from workbench.result import Result

END_KINDS: Final = ("decisions", "deployment", "model")
MOST_TOLD: Final = 6
MOST_MOMENTS: Final = 400
NEW: Final = "new version"
VERSION: Final = "version-"
"""What stands before a version's position in the id of its box."""


@dataclass(frozen=True)
class Trace:
    """From which columns others were made.

    Attributes
    ----------
    columns
        Dataset to its columns on the way, those asked for included.
    told
        Some of the ways as text, from the source to the feature.
    blind
        Datasets that do not tell from which columns they are made.
    """

    columns: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inquiry:
    """A question about one node.

    Attributes
    ----------
    node
        ``NAME@RUN_ID``, or ``NAME`` for its last version.
    start, end
        The incident's window, in nanoseconds since 1970; None: not bounded.
    onset
        When the harm began; None: not known.
    columns
        Those on which the harm was seen.
    origin
        What is contaminated from here is coloured; empty: nothing.
    against
        A version to compare with; empty: none.
    as_of
        What was complete later is left out; None: `end` bounds.
    at
        The version to draw instead of the node's last.
    limit
        Most boxes of the drawing.
    """

    lineage: Lineage = field(repr=False)
    node: str
    start: int | None = None
    end: int | None = None
    onset: int | None = None
    columns: tuple[str, ...] = ()
    origin: str = ""
    against: str = ""
    as_of: int | None = None
    at: str = ""
    limit: int = MOST_NODES

    @classmethod
    def of(
        cls,
        lineage: Lineage,
        node: str = "",
        window: str = "",
        *,
        onset: str = "",
        columns: Sequence[str] = (),
        origin: str = "",
        against: str = "",
        limit: int = MOST_NODES,
    ) -> Inquiry:
        """What somebody typed; the empty text stands for "not given", and the node is then what decides.

        Raises
        ------
        UnknownNameError
            If no version has one of the names.
        InputError
            If a time is none.
        """
        asked = node or next(iter(deciding(lineage)), "")
        for name in (asked, origin, against):
            if name or name is asked:
                lineage.find(name)
        start, end = parse_window(window) if window else (None, None)
        began = as_instant(onset) if onset else None
        return cls(lineage, asked, start, end, began, tuple(columns), origin, against, limit=limit)

    def picture(self) -> Picture:
        """What to draw: the nearest of what the node was made from and what was made from it."""
        return picture(
            self.lineage,
            self.at or self.node,
            origin=self.origin or None,
            window=(self.start, self.end if self.as_of is None else self.as_of),  # type: ignore[arg-type]  # either may be open
            onset=self.onset,
            against=self.against or None,
            limit=self.limit,
        )

    def suspects(self) -> Result:
        """What changed upstream, ranked (`workbench.lineage.suspects.suspects`)."""
        window = None if self.start is None and self.end is None else (self.start, self.end)
        return suspects(self.lineage, self.node, window, onset=self.onset, columns=self.columns)  # type: ignore[arg-type]

    def trace(self, drawn: Picture) -> Trace:
        """From which columns those asked for were made, beginning with the dataset nearest to the node that has them."""
        lineage = self.lineage
        keys = [lineage.versions[at].dataset for node in drawn.nodes if (at := version_of(node.id)) is not None]
        starts = nearest_columns(lineage, keys, self.columns)
        reached, blind = upstream_columns(lineage, starts)
        found: dict[Key, tuple[str, ...]] = {}
        for column in reached:
            found[column.dataset] = (*found.get(column.dataset, ()), column.name)
        targets = {link.target for link in reached.values() if link is not None}
        sources = [column for column in reached if column not in targets]
        told = tuple(_told(lineage, column, reached) for column in sources[:MOST_TOLD])
        return Trace(found, told, tuple(sorted(lineage.labels[key] for key in blind)))

    def around(self, result: Result, number: int | None = None) -> Inquiry:
        """The same, drawn around the version of the node that a suspect of `result` reached.

        It is the suspect at position `number` of the table, or the first that tells more than that a version is new.
        """
        told: list[Any] = list(result.tables["suspects"].itertuples())
        telling = [row for row in told if row.kinds != [NEW]] if number is None else told[number : number + 1]
        return replace(self, at=telling[0].path[-1], as_of=None) if telling else self

    def moments(self, drawn: Picture) -> list[int]:
        """The times to go back to: when something drawn, or a version of the node inside the window, was complete."""
        lineage = self.lineage
        own = (lineage.versions[at].completed for at in lineage.find(self.node)[-MOST_MOMENTS:])
        shown = (as_instant(node.time) for node in drawn.nodes if node.time is not None)
        low, high = (-math.inf if self.start is None else self.start), (math.inf if self.end is None else self.end)
        return sorted({*(time for time in own if time is not None and low <= time <= high), *shown})


def _told(lineage: Lineage, column: Column, reached: dict[Column, Link | None]) -> str:
    steps = [column]
    while (link := reached[steps[-1]]) is not None:
        steps.append(link.target)
    return " → ".join(f"{lineage.labels.get(step.dataset, step.dataset[1])}{MARK}{step.name}" for step in steps)


def version_of(box: str) -> int | None:
    """The position of the version that the box of this id draws; None where it draws no version."""
    return int(box.removeprefix(VERSION)) if box.startswith(VERSION) else None


def deciding(lineage: Lineage) -> list[str]:
    """What decides, by name: the decisions, else deployments, else models, else what nobody reads."""
    for kind in END_KINDS:
        found = [label for key, label in lineage.labels.items() if lineage.kinds.get(key) == kind and lineage.by_dataset.get(key)]
        if found:
            return found
    last = (positions[-1] for positions in lineage.by_dataset.values() if positions)
    return [lineage.labels[lineage.versions[at].dataset] for at in last if not lineage.versions[at].readers]
