"""A Marquez server, played by a small one on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from workbench.errors import SourceError
from workbench.lineage.build import build_lineage
from workbench.lineage.marquez import read_marquez


class Server(ThreadingHTTPServer):
    """Answers with its `events`, a page at a time, newest first unless asked otherwise; or with `answer` whatever is asked."""

    events: list[Any]
    answer: tuple[int, bytes] | None = None
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        events = self.server.events if query.get("sortDirection") == "asc" else self.server.events[::-1]
        first = int(query.get("offset", 0))
        page = {"events": events[first : first + int(query.get("limit", 100))], "totalCount": len(events)}
        status, body = self.server.answer or (200, json.dumps(page).encode())
        self.send_response(404 if url.path != "/api/v1/events/lineage" else status)
        self.send_header("Location", "http://localhost:1/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def marquez(seed_events: list[Any]) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.events, server.asked = seed_events, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def test_all_pages_make_the_graph_the_file_makes(marquez: Server, seed_graph: Any) -> None:
    log = read_marquez(url(marquez), page=10)
    graph = build_lineage(log.events, log.odd)
    assert sorted(graph.names(range(len(graph.versions)))) == sorted(seed_graph.names(range(len(seed_graph.versions))))
    assert len(marquez.asked) == 4
    assert all(event.received == event.time for event in log.events)


def test_another_host_is_asked_only_where_it_is_allowed(marquez: Server) -> None:
    with pytest.raises(SourceError, match=r"this host may not be asked: marquez\.example.*--allow-host"):
        read_marquez("http://marquez.example:5000")
    assert marquez.asked == []
    with pytest.raises(SourceError, match="does not answer"):
        read_marquez("http://marquez.invalid:5000", allow_hosts=["marquez.invalid"])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, b""), "the server refused.*500"),
        ((302, b""), "the server refused.*302"),
        ((200, b"<html>"), "no list of lineage events"),
        ((200, b"[]"), "no list of lineage events"),
        ((200, b'{"events": 3}'), "no list of lineage events"),
    ],
)
def test_another_answer_is_refused_in_one_line(marquez: Server, answer: tuple[int, bytes], said: str) -> None:
    marquez.answer = answer
    with pytest.raises(SourceError, match=said):
        read_marquez(url(marquez))


def test_a_server_that_repeats_itself_comes_to_an_end(marquez: Server) -> None:
    marquez.answer = (200, json.dumps({"events": marquez.events}).encode())
    assert len(read_marquez(url(marquez)).events) == 26
