"""The command line: parse, call, print. What a command does is one call into the package; nothing is computed here.

Everything for people goes to stderr; ``--json OUT`` writes a file, or to stdout with ``-``. Exit codes: 0 fine, 1 found bad,
2 could not run, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import typer

from workbench.cli import analyse, approvals, attacks, defences, evidence, explain, hosts, incidents, known, lineage, scenarios
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
for module in (hosts, analyse, known, explain, attacks, defences, scenarios, approvals, incidents, evidence, lineage):
    module.add_commands(app)


def main() -> None:
    """Run the command line; an error of ours is one line on stderr and an exit code, a bug is a traceback and 2."""
    try:
        sys.exit(app(prog_name="workbench", standalone_mode=False))
    except typer.TyperException as exc:
        say(_wrong_usage(exc))
        sys.exit(2)
    except typer.Abort:
        say("stopped: a question was not answered")
        sys.exit(2)
    except WorkbenchError as exc:
        say("error: " + " ".join(str(exc).split("\n")))
        sys.exit(exc.exit_code)
    except Exception:  # noqa: BLE001  a bug must not be taken for exit 1, "found bad"
        say(traceback.format_exc().rstrip(), "this is a bug of the workbench; please report the lines above")
        sys.exit(2)


def _wrong_usage(exc: Any) -> str:
    """What was wrong with the words of the command line, and where to look it up; the help where no word was given."""
    told, context = exc.format_message().rstrip(), getattr(exc, "ctx", None)
    if "\n" in told:
        return str(told)
    where = context.command_path if context else "workbench"
    end = "" if told.endswith((".", "?")) else "."
    return f"error: {told[:1].lower()}{told[1:]}{end} See `{where} --help`."
