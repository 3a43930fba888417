"""What it costs to start: ``import workbench`` and ``workbench --help``, beside a bare interpreter and a bare typer program.

Peers in the same run: ``python -c pass``, and a typer application of one command. Figures are medians of whole processes.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

RUNS = 7
PEER = "import typer\napp = typer.Typer()\n@app.command()\ndef one(): ...\napp()"


def seconds(arguments: Sequence[str]) -> float:
    """Median wall seconds of `RUNS` processes, after one that is not counted."""
    taken = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def main() -> None:
    """Print each start beside its peer."""
    bare, peer = seconds(["-c", "pass"]), seconds(["-c", PEER, "--help"])
    ours, help_ = seconds(["-c", "import workbench"]), seconds(["-c", "from workbench.cli import main; main()", "--help"])
    print(f"bare interpreter    {bare:6.3f} s")
    print(f"import workbench    {ours:6.3f} s   {ours / bare:5.2f} x the bare interpreter")
    print(f"typer, one command  {peer:6.3f} s")
    print(f"workbench --help    {help_:6.3f} s   {help_ / peer:5.2f} x typer with one command")


if __name__ == "__main__":
    main()
