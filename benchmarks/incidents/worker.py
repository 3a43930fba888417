"""Triage in a process of its own, which is told where a log lies, its roles and its reference window, and nothing else.

`Worker` starts this file as a script. Each line of standard input is a question, ``{"path", "roles", "reference"}``; each line of
the answer holds the content of ``findings.json``, the seconds it took from opening the file on, and the peak memory so far in MB.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from workbench.data.dataset import open_dataset
from workbench.data.roles import Roles
from workbench.predicate import Predicate
from workbench.triage.run import triage


class Worker:
    """The process; started once and asked many times."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer."""
        return ask(self.process, question)


def ask(process: subprocess.Popen[str], question: Mapping[str, Any]) -> dict[str, Any]:
    """The line of JSON with which a process answers a line of JSON."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process has no pipes")
    process.stdin.write(json.dumps(question) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise ChildProcessError(f"the process ended with {process.wait()}")
    return dict(json.loads(answer))


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """What triage finds in the log that the question names."""
    gc.collect()
    start = time.perf_counter()
    roles, reference = Roles.of(question["roles"]), question["reference"]
    found = triage(open_dataset(question["path"], roles), reference=None if reference is None else Predicate.parse(reference))
    seconds = time.perf_counter() - start
    return {**found.to_dict(), "seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    """Answer until there are no more questions; whatever else is printed goes to standard error."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
