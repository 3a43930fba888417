"""Models behind HTTP: Open Inference v2, MLflow's ``/invocations``, or any JSON that a mapping describes.

Only this machine is asked, unless a host was allowed by name; redirects are not followed and no proxy is used. Whatever goes
wrong on the way is an answer of its own kind (``timeout``, ``status``, ``broken answer``, ``wrong shape``, ``not a number``), row
by row.
The authorisation header comes from an environment variable when the first call is made and is written nowhere.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import numpy as np

from workbench.digest import digest
from workbench.errors import InputError
from workbench.models.payload import PROTOCOLS, Mapped, Rows, protocol_of, read_answer, write_request
from workbench.models.target import Prediction, are_single, failed_prediction
from workbench.registry import targets

if TYPE_CHECKING:
    import httpx
    import pandas as pd

TOKEN: Final = "WORKBENCH_TARGET_TOKEN"  # noqa: S105  the variable's name
AGAIN: Final = (429, 502, 503, 504)
"""Statuses that say "not now"."""
LONGEST_PAUSE: Final = 2.0
"""Seconds between two tries, unless the answer asks for more (``Retry-After``)."""
LONGEST_ASKED: Final = 30.0
"""Seconds an answer may ask to wait; if it asks for more there is no further try."""
LARGEST_ANSWER: Final = 256 * 2**20
"""Bytes, unpacked."""


@dataclass(frozen=True, eq=False)
class HttpTarget:
    """A model behind a URL.

    Attributes
    ----------
    url
        Where to post.
    protocol
        ``v2``, ``mlflow``, or a `Mapped`.
    batch
        Rows per request at most.
    timeout
        Seconds to wait for the connection, for the answer to begin, and for all of it.
    retries
        Further tries after a refused connection or a status of `AGAIN`; after anything else there is none.
    token_variable
        The environment variable with the bearer token; nothing is sent where it is unset.
    given_version
        As its owner says: an endpoint cannot be asked which model it holds.
    """

    url: str
    name: str
    protocol: str | Mapped
    given_version: str = ""
    production: bool = False
    batch: int = 4096
    timeout: float = 10.0
    retries: int = 2
    token_variable: str = TOKEN

    @functools.cached_property
    def digest(self) -> str:
        """Digest of where it is asked, how, and of the version its owner gave."""
        return digest([self.url, self.protocol if isinstance(self.protocol, str) else self.protocol.form(), self.given_version])

    @property
    def version(self) -> str:
        """As given, or the first twelve digits of the digest."""
        return self.given_version or self.digest.removeprefix("sha256:")[:12]

    @functools.cached_property
    def _line(self) -> _Line:
        return _Line(self.url, self.timeout, os.environ.get(self.token_variable))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_line"}

    def predict(self, frame: pd.DataFrame) -> Prediction:
        """Ask about every row of `frame`, `batch` rows a request, over one connection that is kept."""
        return self.predict_prepared(self.prepare(frame))

    def prepare(self, frame: pd.DataFrame) -> Rows:
        """The rows of `frame` as JSON will hold them: done once, then sliced."""
        return Rows.of(frame)

    def predict_prepared(self, prepared: Rows) -> Prediction:
        """As `predict`, of rows prepared before."""
        answers = [self._ask(prepared[start : start + self.batch]) for start in range(0, max(len(prepared), 1), self.batch)]
        return answers[0] if len(answers) == 1 else _joined(answers)

    def close(self) -> None:
        """Close the connection."""
        if "_line" in self.__dict__:
            self._line.close()
            del self.__dict__["_line"]

    def _ask(self, rows: Rows) -> Prediction:
        body = write_request(self.protocol, rows)
        start = time.perf_counter()
        try:
            content = self._post(body)
            parts = read_answer(self.protocol, content)
        except _FaultError as fault:
            return failed_prediction(len(rows), str(fault), time.perf_counter() - start)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as exc:
            return failed_prediction(len(rows), f"broken answer: {type(exc).__name__}", time.perf_counter() - start)
        return _prediction(parts, len(rows), time.perf_counter() - start)

    def _post(self, body: bytes) -> bytes:
        import httpx

        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            pause = min(0.1 * 2**attempt, LONGEST_PAUSE)
            try:
                status, content, asked = self._line.post(body)
            except httpx.TimeoutException as exc:
                raise _FaultError(f"timeout: no answer in {self.timeout:g} s") from exc
            except httpx.ConnectError as exc:
                if last:
                    raise _FaultError("no connection: nobody answers there") from exc
            except httpx.HTTPError as exc:
                raise _FaultError(f"broken answer: {type(exc).__name__}") from exc
            else:
                if status < 300:
                    return content
                if last or status not in AGAIN or asked > LONGEST_ASKED:
                    raise _FaultError(f"status: {status}")
                pause = max(pause, asked)
            time.sleep(pause)
        raise AssertionError  # the last attempt returned or raised


def http_target(
    url: str,
    *,
    protocol: str | None = None,
    mapping: Mapping[str, Any] | None = None,
    name: str | None = None,
    version: str = "",
    production: bool = False,
    allow_remote: Sequence[str] = (),
    batch: int = 4096,
    timeout: float = 10.0,
    retries: int = 2,
    token_variable: str = TOKEN,
) -> HttpTarget:
    """The model behind `url` as a target.

    Parameters
    ----------
    protocol
        ``v2`` or ``mlflow``; None: as the path says (``/v2/models/NAME/infer``, ``/invocations``).
    mapping
        How any other JSON is written and read; see `Mapped`.
    allow_remote
        Hosts beside this machine that may be asked.
    batch, timeout, retries, token_variable, version
        As in `HttpTarget`.

    Raises
    ------
    InputError
        For another scheme, a host that was not allowed, or a protocol that cannot be told.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError("not an HTTP address", url, "Write http://HOST:PORT/PATH.")
    if parts.username or parts.password:
        raise InputError("a password in an address", parts.hostname, f"Put the token into the variable {token_variable}.")
    if not is_loopback(parts.hostname) and parts.hostname not in allow_remote:
        raise InputError("a host that was not allowed", parts.hostname, f"Give --allow-remote {parts.hostname} if you mean it.")
    if batch < 1 or timeout <= 0 or not 0 <= retries <= 10:
        raise InputError("a batch, timeout or retries out of range", (batch, timeout, retries), "At most 10 retries.")
    chosen = Mapped.of(mapping) if mapping is not None else protocol or protocol_of(parts.path)
    if isinstance(chosen, str) and chosen not in PROTOCOLS:
        raise InputError("no such protocol", chosen, f"Protocols: {', '.join(PROTOCOLS)}; or give a mapping.")
    called = name or f"{parts.netloc}{parts.path}"
    return HttpTarget(url, called, chosen, version, production, batch, timeout, retries, token_variable)


@targets.register("http")
def open_http(location: str, *, allow_remote: Sequence[str] = ()) -> HttpTarget:
    """The target at ``http:LOCATION``."""
    return http_target(f"http:{location}", allow_remote=allow_remote)


@targets.register("https")
def open_https(location: str, *, allow_remote: Sequence[str] = ()) -> HttpTarget:
    """The target at ``https:LOCATION``."""
    return http_target(f"https:{location}", allow_remote=allow_remote)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Line:
    """One kept connection to one address.

    httpx's transport without its client: no cookies, no redirects, no proxy, nothing read from the environment; and
    without the time the client spends on merging, for every request, what never changes.
    """

    def __init__(self, url: str, timeout: float, token: str | None) -> None:
        import httpx

        self._request = httpx.Request
        self._transport = httpx.HTTPTransport(trust_env=False)
        self._url = httpx.URL(url)
        plain = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "Content-Type": "application/json"}
        self._headers = httpx.Headers({**plain, **({"Authorization": f"Bearer {token}"} if token else {})})
        self._timeout = timeout
        self._limits = {"timeout": httpx.Timeout(timeout).as_dict()}

    def post(self, body: bytes) -> tuple[int, bytes, float]:
        """Status and content of the answer, and how many seconds it asks to wait before another try."""
        request = self._request("POST", self._url, headers=self._headers, content=body, extensions=self._limits)
        answer = self._transport.handle_request(request)
        try:
            answer.request = request
            return answer.status_code, _content(answer, self._timeout), _asked_pause(answer)
        finally:
            answer.close()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def _content(answer: httpx.Response, seconds: float) -> bytes:
    """The body, unpacked; one that drips or swells is given up."""
    pieces, size, end = [], 0, time.monotonic() + seconds
    for piece in answer.iter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise _FaultError(f"broken answer: more than {LARGEST_ANSWER:,} bytes")
        if time.monotonic() > end:
            raise _FaultError(f"timeout: no whole answer in {seconds:g} s")
    return b"".join(pieces)


def _asked_pause(answer: httpx.Response) -> float:
    """Seconds that ``Retry-After`` asks for; 0 where it asks for none, or names a date."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0


class _FaultError(Exception):
    """What went wrong on the way, as ``kind: detail``."""


def _prediction(parts: dict[str, list[Any]], rows: int, seconds: float) -> Prediction:
    for name, part in parts.items():
        if len(part) != rows or not are_single(part):
            shape = f"{len(part)} entries" if len(part) != rows else "entries that are no single values"
            return failed_prediction(rows, f"wrong shape: {shape} in {name} for {rows} rows", seconds)
    try:
        score = np.array(parts.get("score", [None] * rows), dtype=float)
    except (TypeError, ValueError, OverflowError):
        return failed_prediction(rows, "broken answer: a score that is no number", seconds)
    error = np.full(rows, None, dtype=object)
    if "score" in parts:
        error[~np.isfinite(score)] = "not a number: the score is NaN or infinite"
    if float in set(map(type, parts["decision"])):
        infinite = [isinstance(value, float) and not math.isfinite(value) for value in parts["decision"]]
        error[infinite] = "not a number: the decision is NaN or infinite"
    decision = np.array(parts["decision"], dtype=object)
    given = error == None  # noqa: E711  elementwise
    abstained = (decision == None) & given  # noqa: E711  elementwise
    decision[~given] = None
    return Prediction(decision, score, np.full(rows, seconds / max(rows, 1)), abstained, error)


def _joined(answers: list[Prediction]) -> Prediction:
    names = ("decision", "score", "latency", "abstained", "error")
    return Prediction(**{name: np.concatenate([getattr(answer, name) for answer in answers]) for name in names})
