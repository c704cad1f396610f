"""What it costs a message that all families of templates stand in one mapping.

`python -m benchmarks.families` normalizes the sample messages of each family with its
own mapping and with that of all families, taking turns: microseconds per message, best
of the rounds, and their ratio.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.measure import pin_to_one_core
from pipeline.mappings import load_mappings
from templates.build import ALL, HERE, families
from transforms.device_mapping import DeviceMapping
from transforms.intake import Intake
from transforms.model import MessageBatch
from transforms.normalize import normalize


class Result(NamedTuple):
    """One family."""

    family: str
    messages: int
    templates: int
    own_us: float
    """Microseconds per message with the family's own mapping."""
    all_us: float
    """The same with the mapping of all families."""
    ratio: float


def _device_mapping(folder: Path) -> DeviceMapping:
    mapping = load_mappings(folder / "device.json", None).device
    if mapping is None:
        msg = f"{folder} has no device mapping"
        raise FileNotFoundError(msg)
    return mapping


def _batch(folder: Path) -> MessageBatch:
    lines = (folder / "messages.ndjson").read_bytes().splitlines()
    return MessageBatch("", tuple(range(len(lines))), tuple(lines))


def _seconds(batch: MessageBatch, mapping: DeviceMapping) -> float:
    started = time.perf_counter()
    normalize(batch, mapping, Intake())
    return time.perf_counter() - started


def benchmark(rounds: int) -> list[Result]:
    """Measures every family."""
    together = _device_mapping(HERE / ALL)
    results = []
    for folder in families():
        own, batch = _device_mapping(folder), _batch(folder)
        pairs = [
            (_seconds(batch, own), _seconds(batch, together)) for _ in range(rounds)
        ]
        one, other = (
            min(times) / len(batch.payloads) * 1e6 for times in zip(*pairs, strict=True)
        )
        templates = json.loads((folder / "device.json").read_text())["template"]
        count = len(batch.payloads)
        results.append(
            Result(folder.name, count, len(templates), one, other, other / one)
        )
    return results


def show(results: list[Result], pinned: str) -> None:
    """Prints the table and the machine it was measured on."""
    every = sum(result.templates for result in results)
    table = Table(title=f"{every} templates in one mapping, {pinned}", box=SIMPLE)
    table.add_column("family")
    for heading in ("messages", "templates", "µs alone", "µs with all", "ratio"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(
            result.family,
            str(result.messages),
            str(result.templates),
            f"{result.own_us:.1f}",
            f"{result.all_us:.1f}",
            f"{result.ratio:.2f}",
        )
    middle = median(result.ratio for result in results)
    table.add_row("median", "", "", "", "", f"{middle:.2f}")
    console = Console()
    console.print(table)
    machine.show(console)


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.families", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args(arguments)
    pinned = pin_to_one_core()
    results = benchmark(options.rounds)
    if options.json:
        listed = [result._asdict() for result in results]
        print(json.dumps({"machine": machine.facts(), "results": listed}, indent=2))
    else:
        show(results, pinned)


if __name__ == "__main__":
    main()
