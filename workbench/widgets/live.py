"""What all widgets share: strict keywords, a static twin, and one selection followed both ways.

The actors: the *kernel* (an `Investigation` and a `Live`), which owns all state, and the *browser* (an ES module of
``views/js/``, see `workbench.views.modules`), which shows it. The kernel sends aggregates and predicates' texts as traits; the
browser cannot set a trait, it sends messages, each of a kind the widget knows, with the fields of that kind. What it selects is
a predicate's text, which is parsed: data, never code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import anywidget
import traitlets

from workbench.errors import InputError, WorkbenchError, shorten
from workbench.predicate import Predicate
from workbench.views.render import Static
from workbench.views.theme import LAB_IS_DARK, dark_figures
from workbench.widgets.investigation import WINDOWS, Investigation, Windows

LONGEST_TEXT: Final = 4_000
"""Of a text in a message, in characters."""

Handler = tuple[Mapping[str, type], Callable[..., None]]
"""The fields of a kind of message with their types, and what is called with them by name."""


class Live(anywidget.AnyWidget):
    """A widget on an investigation; a subclass gives ``_esm``, `twin` and the messages it takes beside those below.

    Parameters
    ----------
    investigation
        Whose selection it shows and changes.
    options
        Traits tagged ``option``: here ``readonly``, which hides what would change anything and refuses every message.

    Raises
    ------
    TypeError
        For an option that does not exist; the message lists those that do.
    """

    selection = traitlets.Unicode().tag(sync=True)
    can_undo = traitlets.Bool().tag(sync=True)
    can_redo = traitlets.Bool().tag(sync=True)
    reference = traitlets.Unicode().tag(sync=True)
    current = traitlets.Unicode().tag(sync=True)
    """The windows as predicates' texts; empty: no such window."""
    readonly = traitlets.Bool(default_value=False).tag(sync=True, option=True)
    message = traitlets.Unicode().tag(sync=True)
    """The last thing that went wrong, in one line; empty after one that went well."""
    _css = dark_figures(LAB_IS_DARK)
    _leave: tuple[Callable[[], None], ...] = ()

    def __init__(self, investigation: Investigation, **options: object) -> None:
        known = sorted(self.trait_names(option=True))
        if unknown := sorted(set(options) - set(known)):
            raise TypeError(f"{type(self).__name__} has no option {unknown[0]!r}. Options: {', '.join(known)}")
        super().__init__(**options)
        self.investigation = investigation
        self.message = " ".join(investigation.notices)
        self._show_selection(investigation.selection)
        self._show_windows(investigation.windows)
        self._follow(investigation.subscribe(self._show_selection))
        self._follow(investigation.subscribe_windows(self._show_windows))
        self.on_msg(self._hear)

    def twin(self) -> Static:
        """The same content without a kernel; it must not depend on what is selected."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the widget; it follows the investigation no longer."""
        for leave in self._leave:
            leave()
        super().close()

    def set_state(self, sync_data: Mapping[str, object]) -> None:
        """Refuse state from the browser: it sends messages."""
        self.message = f"The browser tried to set {', '.join(sorted(sync_data))}; nothing was changed."

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        shown = super()._repr_mimebundle_(**kwargs)
        if shown is None:
            return None
        data, metadata = shown
        twin = self.twin()
        return {**data, "text/html": twin._repr_html_(), "text/plain": repr(twin)}, metadata

    def _follow(self, leave: Callable[[], None]) -> None:
        """Take up a subscription that `close` ends."""
        self._leave = (*self._leave, leave)

    def _handlers(self) -> dict[str, Handler]:
        return {
            "select": ({"where": str}, self._select),
            "windows": ({"reference": str, "current": str}, self._set_windows),
            "undo": ({}, self.investigation.undo),
            "redo": ({}, self.investigation.redo),
        }

    def _hear(self, _: object, content: object, __: object) -> None:
        """Do what a message from the browser asks for; what is wrong with it, or goes wrong, is shown in the widget."""
        try:
            handle, fields = self._read(content)
            handle(**fields)
        except WorkbenchError as exc:
            self._blame(exc)
        except Exception as exc:
            self._blame(exc)
            raise
        else:
            self.message = ""

    def _blame(self, exc: Exception) -> None:
        """Show what went wrong."""
        known = isinstance(exc, WorkbenchError)
        self.message = str(exc) if known else f"This is a bug of the workbench: {type(exc).__name__}: {shorten(str(exc))}"

    def _read(self, content: object) -> tuple[Callable[..., None], dict[str, Any]]:
        if self.readonly:
            raise InputError("this widget is read-only", None, "Make one without readonly.")
        fields = dict(content) if isinstance(content, Mapping) else {}
        handlers = self._handlers()
        kind = fields.pop("type", None)
        if not isinstance(kind, str) or kind not in handlers:
            raise InputError("the browser sent a message of no known kind", kind, f"Kinds: {', '.join(sorted(handlers))}")
        types, handle = handlers[kind]
        fits = set(fields) == set(types) and all(type(fields[name]) is kind for name, kind in types.items())
        if not fits or any(isinstance(value, str) and len(value) > LONGEST_TEXT for value in fields.values()):
            raise InputError(f"the browser sent a {kind!r} that cannot be read", fields, f"Fields: {', '.join(types) or 'none'}")
        return handle, fields

    def _select(self, where: str) -> None:
        # Not `by` this widget: the browser shows a selection only once the kernel has taken it.
        self.investigation.select(Predicate.parse(where))

    def _show_selection(self, selection: Predicate) -> None:
        with self.hold_sync():
            self.selection = str(selection)
            self.can_undo = self.investigation.can_undo
            self.can_redo = self.investigation.can_redo

    def _set_windows(self, reference: str, current: str) -> None:
        reference_rows, current_rows = (Predicate.parse(text) if text.strip() else None for text in (reference, current))
        self.investigation.set_windows(reference_rows, current_rows)

    def _show_windows(self, windows: Windows) -> None:
        with self.hold_sync():
            self.reference, self.current = (str(windows[name] or "") for name in WINDOWS)
