"""What travels in every bundle beside the evidence, so that a stranger can check it years later, offline.

``VERIFY.md`` says how, ``verify.py`` is a checker that needs no workbench, and the two JSON-LD contexts are what a reader of
``ro-crate-metadata.json`` would otherwise fetch from the network. They are files to be copied; nothing here imports them.
"""

from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CONTEXTS: Final = HERE.parent / "contexts"


def travelling_files() -> dict[str, Path]:
    """The files by their name in the payload."""
    aids = {name: HERE / name for name in ("VERIFY.md", "verify.py")}
    contexts = ("LICENCE.md", "ro-crate-1.1.jsonld", "workflow-run.jsonld")
    return aids | {f"contexts/{name}": CONTEXTS / name for name in contexts}
