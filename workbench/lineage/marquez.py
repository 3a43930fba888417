"""OpenLineage events from a Marquez server, over its HTTP API; only this machine is asked unless a host is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from workbench.errors import SourceError
from workbench.lineage.event import EventLog, read_event

if TYPE_CHECKING:
    import httpx

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
PAGE: Final = 100
"""Events asked for at once; Marquez gives no more."""
MOST_EVENTS: Final = 1_000_000
SECONDS: Final = 30.0


def read_marquez(url: str, log: EventLog | None = None, *, allow_hosts: Iterable[str] = (), page: int = PAGE) -> EventLog:
    """All lineage events of the Marquez server at `url`, oldest first, added to `log`.

    Raises
    ------
    SourceError
        If the host is not allowed, does not answer, or answers something else.
    """
    log = log or EventLog()
    host = urlsplit(url).hostname or ""
    if host not in LOOPBACK and host not in set(allow_hosts):
        raise SourceError("this host may not be asked", host or url, "Allow it explicitly: --allow-host HOST.")
    log.sources.append(url)
    found = []
    for number, raw in enumerate(_events(url.rstrip("/"), page), 1):
        event = read_event(raw, (url, number), log.facets, log.odd)
        if event is not None:
            found.append(event._replace(received=event.time))
    log.events += sorted(found, key=lambda event: event.time or 0)
    return log


def _events(url: str, page: int) -> Iterator[Any]:
    """Page after page of raw events; a page that repeats the one before ends it."""
    import httpx

    with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client:
        offset = 0
        before: list[Any] = []
        while offset < MOST_EVENTS:
            events = _page(client, url, offset, page)
            if not events or events == before:
                return
            yield from events
            offset, before = offset + len(events), events
    raise SourceError("more events than can be read at once", url, f"At most {MOST_EVENTS:,}; export a part to a file.")


def _page(client: httpx.Client, url: str, offset: int, page: int) -> list[Any]:
    import httpx

    where = f"{url}/api/v1/events/lineage"
    try:
        answer = client.get(where, params={"limit": page, "offset": offset, "sortDirection": "asc"})
        answer.raise_for_status()
        events = answer.json().get("events")
    except httpx.HTTPStatusError as exc:
        raise SourceError("the server refused", f"{where}: {exc.response.status_code}", "Check the URL of Marquez.") from exc
    except httpx.HTTPError as exc:
        raise SourceError("the server does not answer", f"{where} ({exc})", "Start it, or check the URL.") from exc
    except (ValueError, AttributeError) as exc:
        raise SourceError("the server's answer is no list of lineage events", where, "Check that this is Marquez.") from exc
    if not isinstance(events, list):
        raise SourceError("the server's answer is no list of lineage events", where, "Check that this is Marquez.")
    return events
