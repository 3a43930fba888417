"""Work beside the kernel's loop: progress is said, the next message is heard, a stop leaves what was shown, the last job wins."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.views.render import Sentence
from workbench.widgets.investigation import Investigation
from workbench.widgets.live import Handler
from workbench.widgets.work import Job, Tell, Worker

STEPS = 2000


class Counting(Worker):
    """Counts slowly up to a number, and shows it; refuses 13, and has a bug at 14."""

    _esm = "export default {}"
    shown = 0
    undone = 0

    def __init__(self, investigation: Investigation) -> None:
        super().__init__(investigation)
        self.threads: list[str] = []

    def twin(self) -> Sentence:
        return Sentence("counting")

    def _handlers(self) -> dict[str, Handler]:
        return {**super()._handlers(), "count": ({"to": int}, self._count)}

    def _count(self, to: int) -> None:
        def compute(tell: Tell) -> int:
            for step in range(STEPS if to == 1 else 3):
                tell(step, STEPS)
                threading.Event().wait(0.005)
            if to in {13, 14}:
                raise InputError("13 is not counted to", to, "Say 12.") if to == 13 else ZeroDivisionError("oh")
            return to

        def show(found: int) -> None:
            self.threads.append(threading.current_thread().name)
            self.shown = found

        self._begin(Job("counting", compute, show, self._undo, lambda done, of: f"{done} of {of}"))

    def _undo(self) -> None:
        self.undone += 1


@pytest.fixture
def widget(dataset: Dataset) -> Counting:
    return Counting(Investigation(dataset))


def say(widget: Worker, **content: object) -> None:
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


async def until(done: Callable[[], object]) -> None:
    for _ in range(3000):
        if done():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


def on_a_loop(walk: Callable[[], Any]) -> None:
    asyncio.run(walk())


def test_without_a_loop_it_is_done_at_once(widget: Counting) -> None:
    said: list[str] = []
    widget.observe(lambda change: said.append(change["new"]), "busy")
    say(widget, type="count", to=5)
    assert widget.shown == 5
    assert said == ["counting…", "counting: 0 of 2000", ""]


def test_without_a_loop_what_goes_wrong_is_said_and_a_bug_logged(widget: Counting, caplog: pytest.LogCaptureFixture) -> None:
    say(widget, type="count", to=13)
    assert widget.message.startswith("13 is not counted to")
    assert "Traceback" not in caplog.text
    say(widget, type="count", to=14)
    assert "ZeroDivisionError: oh" in caplog.text
    assert "bug of the workbench: ZeroDivisionError" in widget.message
    assert (widget.busy, widget.shown, widget.undone) == ("", 0, 2)


def test_while_it_works_the_next_message_is_heard_and_stops_it(widget: Counting) -> None:
    async def walk() -> None:
        say(widget, type="count", to=1)
        assert widget.busy == "counting…"
        await until(lambda: " of 2000" in widget.busy)
        say(widget, type="select", where="age = 20")
        assert widget.selection == "age = 20"
        say(widget, type="stop")
        assert widget.busy.startswith("stopping: counting: ")
        await until(lambda: not widget.busy)
        assert widget.stopped.startswith("Stopped: counting: ")
        assert widget.stopped.endswith(" of 2000. What is shown is the last complete answer.")
        assert (widget.shown, widget.undone) == (0, 1)
        say(widget, type="count", to=3)
        assert widget.stopped == ""
        await until(lambda: not widget.busy)
        assert widget.shown == 3

    on_a_loop(walk)


def test_what_was_found_is_shown_on_the_loop(widget: Counting) -> None:
    async def walk() -> None:
        say(widget, type="count", to=3)
        await until(lambda: not widget.busy)

    on_a_loop(walk)
    assert widget.threads == [threading.main_thread().name]


def test_the_next_job_takes_the_place_of_the_one_before(widget: Counting) -> None:
    async def walk() -> None:
        say(widget, type="count", to=1)
        say(widget, type="count", to=7)
        await until(lambda: not widget.busy)
        await asyncio.sleep(0.2)

    on_a_loop(walk)
    assert (widget.shown, widget.undone, widget.stopped, widget.message) == (7, 0, "", "")


@pytest.mark.parametrize(("to", "said"), [(13, "13 is not counted to"), (14, "bug of the workbench: ZeroDivisionError")])
def test_beside_the_loop_what_goes_wrong_is_said(widget: Counting, to: int, said: str) -> None:
    async def walk() -> None:
        say(widget, type="count", to=to)
        await until(lambda: not widget.busy)

    on_a_loop(walk)
    assert said in widget.message
    assert (widget.shown, widget.undone) == (0, 1)


def test_closing_ends_the_work(widget: Counting) -> None:
    async def walk() -> None:
        say(widget, type="count", to=1)
        await until(lambda: " of 2000" in widget.busy)
        widget.close()
        await asyncio.sleep(0.2)
        assert threading.active_count() == before

    before = threading.active_count()
    on_a_loop(walk)
    assert widget.shown == 0
