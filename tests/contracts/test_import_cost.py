"""Importing is free: heavy packages load when they are used. Each claim is proved in a fresh interpreter."""

import json
import subprocess
import sys

HEAVY = {"numpy", "pandas", "ibis", "shap", "sklearn", "fairlearn", "panel", "papermill", "plotly", "scipy"}
NEVER_FOR_HELP = {"shap", "sklearn", "fairlearn", "panel", "papermill"}
REPORT = "; import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"
HELP = """
import sys
from workbench.cli import main
sys.argv = ["workbench", "--help"]
try:
    code = main()
except SystemExit as stop:
    code = stop.code
assert not code, code
pass"""


def loaded_by(code: str) -> tuple[set[str], str]:
    """The top-level packages in memory after `code` ran in a fresh interpreter, and what it printed."""
    done = subprocess.run([sys.executable, "-c", code + REPORT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1])), done.stdout


def test_import_workbench_loads_nothing_heavy() -> None:
    loaded, _ = loaded_by("import workbench")
    assert "workbench" in loaded
    assert not loaded & HEAVY


def test_help_loads_no_analysis_and_no_app() -> None:
    loaded, printed = loaded_by(HELP)
    assert "triage" in printed
    assert not loaded & NEVER_FOR_HELP


def test_a_loaded_package_is_seen() -> None:
    loaded, _ = loaded_by("import numpy")
    assert loaded & HEAVY == {"numpy"}
