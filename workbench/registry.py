"""Plug-ins: our own join by a decorator, other people's by an entry point.

The actors: a `Registry` holds everything of one kind under a name; a *plug-in* is an object that a distribution other than the
workbench declares in the registry's entry-point group. To add a check, write the function and declare it in `pyproject.toml`::

    [project.entry-points."workbench.checks"]
    late_labels = "acme_checks:late_labels"

It is imported when somebody asks for it by name, not before. A plug-in that is broken, or whose name is taken, fails alone and
at that moment, with an error that names the distribution to mend or remove; every other name stays usable.
"""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from workbench.errors import InputError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Everything of one kind, by name.

    Parameters
    ----------
    group
        The entry-point group in which other distributions declare theirs (``workbench.checks``).
    kind
        The word for one of them in messages ("check").
    """

    def __init__(self, group: str, kind: str) -> None:
        self.group = group
        self.kind = kind
        self._own: dict[str, T] = {}
        self._plugins: dict[str, list[EntryPoint]] | None = None

    def register(self, name: str) -> Callable[[T], T]:
        """A decorator that adds what it decorates under `name`, and returns it unchanged.

        Raises
        ------
        InputError
            When something else of ours has that name. Running the same definition again replaces it, as a notebook cell does.
        """

        def add(item: T) -> T:
            present = self._own.get(name)
            if present is not None and _place(present) != _place(item):
                raise InputError(f"two {self.kind}s named {name}", f"{_place(present)} and {_place(item)}", "Rename one.")
            self._own[name] = item
            return item

        return add

    def load_entry_points(self) -> None:
        """Read anew which plug-ins are installed; imports none of them. `names` and `get` call it on first use."""
        found: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group):
            found.setdefault(point.name, []).append(point)
        self._plugins = found

    def names(self) -> list[str]:
        """Every name, ours and others', sorted; a broken plug-in is listed too, because `get` says what is wrong with it."""
        return sorted({*self._own, *self._others()})

    def get(self, name: str) -> T:
        """What is registered as `name`; a plug-in is imported now.

        Raises
        ------
        UnknownNameError
            When nothing has that name; lists what exists.
        InputError
            When two have that name, or the plug-in cannot be imported; names the distributions.
        """
        plugins = self._others().get(name, [])
        owners = [*(["the workbench"] if name in self._own else []), *map(_distribution, plugins)]
        if not owners:
            raise UnknownNameError(self.kind, name, self.names())
        if len(owners) > 1:
            raise InputError(f"two {self.kind}s named {name}", " and ".join(owners), "Uninstall one of them.")
        return _load(self.kind, plugins[0]) if plugins else self._own[name]

    def _others(self) -> dict[str, list[EntryPoint]]:
        if self._plugins is None:
            self.load_entry_points()
        return self._plugins or {}


def _load(kind: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as exc:
        value = f"{point.value} from {_distribution(point)} ({type(exc).__name__}: {exc})"
        raise InputError(f"the {kind} {point.name} cannot be imported", value, "Mend or uninstall that distribution.") from exc


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed distribution"


def _place(item: object) -> str:
    kind = item if hasattr(item, "__qualname__") else type(item)
    return f"{kind.__module__}.{getattr(kind, '__qualname__', kind)}"


checks: Registry[Any] = Registry("workbench.checks", "check")
scenarios: Registry[Any] = Registry("workbench.scenarios", "scenario")
targets: Registry[Any] = Registry("workbench.targets", "target")
lineage: Registry[Any] = Registry("workbench.lineage", "lineage reader")
templates: Registry[Any] = Registry("workbench.templates", "template")
