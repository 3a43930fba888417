"""The command line: parse, call, print. What a command does is one call into the package; nothing is computed here.

Everything for people goes to stderr; ``--json OUT`` writes a file, or to stdout with ``-``. Exit codes: 0 fine, 1 found bad,
2 could not run, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import sys
import traceback

import typer

from workbench.cli import analyse, approvals, attacks, evidence, explain, hosts, incidents, known, lineage, scenarios
from workbench.cli.output import say
from workbench.errors import WorkbenchError

app = typer.Typer(
    name="workbench",
    help="Investigate, record and seal machine-learning incidents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (hosts, analyse, known, explain, attacks, scenarios, approvals, incidents, evidence, lineage):
    module.add_commands(app)


def main() -> None:
    """Run the command line; an error of ours is one line on stderr and an exit code, a bug is a traceback and 2."""
    try:
        app(prog_name="workbench")
    except WorkbenchError as exc:
        say("error: " + " ".join(str(exc).split("\n")))
        sys.exit(exc.exit_code)
    except Exception:  # noqa: BLE001  a bug must not be taken for exit 1, "found bad"
        say(traceback.format_exc().rstrip(), "this is a bug of the workbench; please report the lines above")
        sys.exit(2)
