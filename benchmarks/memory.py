"""Shows how the memory of the main job grows with its input: it should not.

`python -m benchmarks.memory --sizes=200000,1000000` runs the main job at each size, on
one core, in a process of its own.
"""

import argparse
import tempfile
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks import machine, measure
from benchmarks.measure import Run


def run_sizes(sizes: list[int]) -> list[Run]:
    """Runs the main job once per size, each on a folder of its own."""
    runs = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="vitalbeam-memory-") as folder:
            messages = measure.write_messages(Path(folder), size)
            runs.append(measure.run(measure.vitalbeam, messages, Path(folder) / "out"))
    return runs


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.memory", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sizes", default="200000,1000000", help="numbers of messages")
    options = parser.parse_args(arguments)
    sizes = [int(size) for size in options.sizes.split(",")]
    pinned = measure.pin_to_one_core()
    runs = run_sizes(sizes)
    table = Table(title=f"Peak memory of the main job, {pinned}", box=SIMPLE)
    for heading in ("messages", "seconds", "peak MiB", "x messages", "x memory"):
        table.add_column(heading, justify="right")
    for size, run in zip(sizes, runs, strict=True):
        table.add_row(
            f"{size:,}",
            f"{run.seconds:.1f}",
            f"{run.peak_mib:,.0f}",
            f"{size / sizes[0]:.2f}",
            f"{run.peak_mib / runs[0].peak_mib:.2f}",
        )
    console = Console()
    console.print(table)
    machine.show(console)


if __name__ == "__main__":
    main()
