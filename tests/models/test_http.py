"""Endpoints that answer, and endpoints that do everything an endpoint can do wrong."""

import contextlib
import json
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.recorder import record
from workbench.errors import InputError
from workbench.models import HttpTarget, http_target, open_target
from workbench.models.faults import fault_kind

FRAME = pd.DataFrame({"a": [0.1 + 0.2, -1.0, np.nan], "n": [1, 2, 3], "s": ["x", "y", None]})


class Server(ThreadingHTTPServer):
    """Answers as `answer` says, and keeps what it was asked."""

    answer: Callable[[str, Any], tuple[int, bytes]]
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[Any] = set()
        self.statuses: list[int] = []
        self.retry_after = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        self.server.headers.append(dict(self.headers))
        self.server.connections.add(self.client_address)
        if self.path.startswith("/half"):
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"predictions": [1, ')
            self.close_connection = True
            return
        if self.path.startswith("/drip"):
            self.drip()
            return
        status, content = self.server.answer(self.path, body)
        self.server.statuses.append(status)
        self.send_response(status)
        if self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def drip(self) -> None:
        """A byte every 50 ms, for as long as somebody reads."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        self.close_connection = True
        with contextlib.suppress(OSError):
            for _ in range(1000):
                self.wfile.write(b" ")
                time.sleep(0.05)

    def log_message(self, *_: Any) -> None:
        pass


def rows_of(path: str, body: Any) -> int:
    if path.endswith("/infer"):
        return int(body["inputs"][0]["shape"][0])
    return len(body["dataframe_split"]["data"]) if "dataframe_split" in body else len(body["instances"])


def fine(path: str, body: Any) -> tuple[int, bytes]:
    """1, 0, 1, … with scores, in the form that the path asks for."""
    decisions = [(number + 1) % 2 for number in range(rows_of(path, body))]
    scores = [0.1 + decision / 2 for decision in decisions]
    if path.endswith("/infer"):
        outputs: Any = [{"name": "decision", "data": decisions}, {"name": "score", "data": scores}]
        return 200, json.dumps({"outputs": outputs}).encode()
    both = [{"prediction": decision, "score": score} for decision, score in zip(decisions, scores, strict=True)]
    return 200, json.dumps({"predictions": both}).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    running.answer = fine
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def target(server: Server) -> Iterator[Callable[..., HttpTarget]]:
    made: list[HttpTarget] = []

    def make(path: str = "/invocations", **options: Any) -> HttpTarget:
        made.append(http_target(server.url + path, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/invocations", {}),
        ("/v2/models/credit/infer", {}),
        ("/score", {"mapping": {"request": {"instances": "$rows"}, "decision": "predictions.*.prediction",
                                "score": "predictions.*.score"}}),
    ],
)  # fmt: skip
def test_each_protocol_is_asked_and_read(target: Any, path: str, options: Any) -> None:
    found = target(path, **options).predict(FRAME)
    assert found.decision.tolist() == [1, 0, 1]
    assert found.score.tolist() == [0.6, 0.1, 0.6]
    assert found.decided.all()


def test_floats_arrive_bit_for_bit_and_missing_as_null(server: Server, target: Any) -> None:
    target("/invocations").predict(FRAME)
    assert server.bodies[0]["dataframe_split"] == {
        "columns": ["a", "n", "s"], "data": [[0.1 + 0.2, 1, "x"], [-1.0, 2, "y"], [None, 3, None]],
    }  # fmt: skip
    target("/v2/models/m/infer").predict(FRAME[["a", "n"]])
    assert [tensor["datatype"] for tensor in server.bodies[1]["inputs"]] == ["FP64", "INT64"]


def test_rows_go_in_batches_over_one_connection(server: Server, target: Any) -> None:
    frame = pd.DataFrame({"a": np.arange(10.0)})
    found = target("/invocations", batch=4).predict(frame)
    assert [rows_of("", body) for body in server.bodies] == [4, 4, 2]
    assert len(found) == 10
    assert len(server.connections) == 1


def test_a_token_is_sent_and_kept_nowhere(  # noqa: PLR0917  fixtures
    server: Server, target: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any, caplog: Any
) -> None:
    monkeypatch.setenv("WORKBENCH_TARGET_TOKEN", "very-secret")
    asked = target("/invocations")
    with caplog.at_level("DEBUG"):
        record(asked, FRAME, tmp_path / "r")
    assert server.headers[0]["Authorization"] == "Bearer very-secret"
    printed = capsys.readouterr()
    assert "very-secret" not in repr(asked) + caplog.text + printed.out + printed.err
    assert b"very-secret" not in pickle.dumps(asked)
    assert not any(b"very-secret" in path.read_bytes() for path in (tmp_path / "r").iterdir())


def answer_with(content: str, status: int = 200) -> Callable[[str, Any], tuple[int, bytes]]:
    return lambda _path, _body: (status, content.encode())


FAULTS: dict[str, tuple[Callable[[str, Any], tuple[int, bytes]], str]] = {
    "500": (answer_with("oops", 500), "status: 500"),
    "redirect": (answer_with("", 302), "status: 302"),
    "no json": (answer_with("<html>"), "broken answer: JSONDecodeError"),
    "no key": (answer_with('{"answer": 1}'), "broken answer: KeyError"),
    "a list": (answer_with("[1]"), "broken answer: TypeError"),
    "too few": (answer_with('{"predictions": [1, 0]}'), "wrong shape: 2 entries in decision for 3 rows"),
    "a pit": (answer_with("[" * 100_000), "broken answer: RecursionError"),
    "a score beyond numbers": (
        answer_with(json.dumps({"predictions": [{"label": 1, "score": 10**400}] * 3})),
        "broken answer: a score that is no number",
    ),
    "a matrix": (answer_with('{"predictions": [[1], [0], [1]]}'), "wrong shape: entries that are no single values"),
    "text score": (answer_with('{"predictions": [' + ", ".join(['{"label": 1, "score": "high"}'] * 3) + "]}"), "broken answer"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_an_outcome_of_every_row(server: Server, target: Any, name: str) -> None:
    server.answer, said = FAULTS[name]
    found = target("/invocations").predict(FRAME)
    assert not found.decided.any()
    assert all(text.startswith(said) for text in found.error)
    assert fault_kind(found.error[0]) == said.partition(":")[0]


def test_half_a_body_is_a_broken_answer(target: Any) -> None:
    found = target("/half/invocations").predict(FRAME)
    assert found.error[0].startswith("broken answer")


def test_a_late_answer_is_a_timeout_and_is_not_tried_again(server: Server, target: Any) -> None:
    def late(path: str, body: Any) -> tuple[int, bytes]:
        time.sleep(0.5)
        return fine(path, body)

    server.answer = late
    found = target("/invocations", timeout=0.1).predict(FRAME)
    assert found.error[0] == "timeout: no answer in 0.1 s"
    assert len(server.bodies) == 1


def test_nan_is_an_outcome_of_its_row_only(server: Server, target: Any) -> None:
    server.answer = answer_with('{"predictions": [1, NaN, null]}')
    found = target("/invocations").predict(FRAME)
    assert found.decision.tolist() == [1, None, None]
    assert [None if text is None else fault_kind(text) for text in found.error] == [None, "not a number", None]
    assert found.abstained.tolist() == [False, False, True]


def test_busy_is_tried_again_and_not_for_ever(server: Server, target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.models.http.time.sleep", lambda _: None)
    server.answer = lambda path, body: fine(path, body) if len(server.bodies) == 3 else (503, b"")
    assert target("/invocations").predict(FRAME).decided.all()
    server.answer = answer_with("", 503)
    assert target("/invocations", retries=1).predict(FRAME).error[0] == "status: 503"
    assert len(server.bodies) == 3 + 2


@pytest.mark.parametrize(
    ("asked", "waits"), [("3", [3.0, 3.0]), ("", [0.1, 0.2]), ("31", []), ("Fri, 31 Dec 1999 23:59:59 GMT", [0.1, 0.2])]
)
def test_the_wait_that_a_busy_endpoint_asks_for_is_kept_or_nobody_tries_again(
    server: Server, target: Any, monkeypatch: pytest.MonkeyPatch, asked: str, waits: list[float]
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("workbench.models.http.time.sleep", waited.append)
    server.retry_after = asked
    server.answer = answer_with("", 429)
    assert target("/invocations").predict(FRAME).error[0] == "status: 429"
    assert waited == waits


def test_an_answer_that_drips_is_given_up_in_time(target: Any) -> None:
    found = target("/drip/invocations", timeout=0.2).predict(FRAME)
    assert found.error[0] == "timeout: no whole answer in 0.2 s"


def test_an_answer_that_swells_is_given_up(server: Server, target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.models.http.LARGEST_ANSWER", 1000)
    server.answer = answer_with(" " * 1001)
    assert target("/invocations").predict(FRAME).error[0] == "broken answer: more than 1,000 bytes"


def test_nobody_there_is_no_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    found = http_target(f"http://127.0.0.1:{port}/invocations", retries=0).predict(FRAME)
    assert found.error[0].startswith("no connection")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://models.example/invocations", "not allowed"),
        ("http://10.0.0.7/invocations", "not allowed"),
        ("http://127.0.0.1.example/invocations", "not allowed"),
        ("ftp://127.0.0.1/invocations", "not an HTTP address"),
        ("http://me:secret@127.0.0.1/invocations", "password"),
        ("http://127.0.0.1/predict", "protocol"),
    ],
)
def test_what_must_not_or_cannot_be_asked_is_refused(url: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        http_target(url)
    assert "secret" not in str(caught.value)


def test_a_host_allowed_by_name_is_another_matter() -> None:
    assert open_target("http://models.example/invocations", allow_remote=["models.example"]).name == "models.example/invocations"
    with pytest.raises(InputError, match="not allowed"):
        open_target("https://models.example/invocations", allow_remote=["other.example"])


@pytest.mark.parametrize(
    "mapping", [{"request": "$rows"}, {"request": {}, "decision": "a"}, {"request": "$rows", "decision": "a", "x": 1}]
)
def test_a_mapping_that_cannot_work_is_refused(mapping: Any) -> None:
    with pytest.raises(InputError, match="mapping"):
        http_target("http://127.0.0.1/x", mapping=mapping)
