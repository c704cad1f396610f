"""A stream on a real Flink: how fast it is, how it recovers, how its state grows.

`python -m benchmarks.streams` starts Apache Kafka (that of the tests; `--kafka` names
another one), the cluster of `deploy/flink/local` and a FHIR server that does nothing,
all on this machine, and measures

rate        messages per second through the whole chain, of a backlog that lies in four
            partitions when the job starts: from when 10 % of its readings are stored
            until 90 % are, so that start and end stay apart
recovery    seconds after kill -9 of a TaskManager (started again at once, as whatever
            watches over it does), and of all workers of a language, under a steady feed
state       size and duration of all checkpoints under a steady feed

Needs Java 17 and Maven, which fetches 200 MB the first time, and 6 GB of memory.
"""

import argparse
import contextlib
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.fhir import instant_server
from benchmarks.stream_job import flink, kafka
from benchmarks.stream_measures import Bench, thirds

PARTS = ("rate", "recovery", "state")

_HEADINGS: dict[str, tuple[str, ...]] = {
    "rate": (
        "sinks",
        "slots",
        "messages",
        "readings",
        "seconds to\nthe first",
        "messages\nper s",
    ),
    "recovery": (
        "killed",
        "restored\nafter s",
        "stored\nafter s",
        "checkpoint\nafter s",
    ),
    "state": (
        "minutes",
        "checkpoints",
        "median\nKiB",
        "largest\nKiB",
        "median\nms",
        "longest\nms",
    ),
}


def show(results: dict[str, list[Any]]) -> None:
    """Prints the tables and the machine they were measured on."""
    console = Console()
    for part, rows in results.items():
        table = Table(title=part, box=SIMPLE)
        first, *others = _HEADINGS[part]
        table.add_column(first)
        for heading in others:
            table.add_column(heading, justify="right")
        for row in rows:
            table.add_row(*(f"{v:,.0f}" if not isinstance(v, str) else v for v in row))
        console.print(table)
    machine.show(console)


def _measure(bench: Bench, options: argparse.Namespace) -> dict[str, list[Any]]:
    results: dict[str, list[Any]] = {}
    for part in options.parts.split(","):
        if part == "rate":
            kinds = [(1, True), (2, True), (1, False), (2, False)]
            results[part] = [
                bench.rate(
                    options.messages, slots, *options.more.split(), server=server
                )
                for slots, server in kinds
            ]
        elif part == "recovery":
            results[part] = list(bench.recovery(options.per_second))
        else:
            samples = list(bench.state(options.per_second, options.minutes))
            results[part] = thirds(samples, options.minutes)
    return results


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.streams", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--parts", default=",".join(PARTS), help="of these (%(default)s)"
    )
    parser.add_argument("--messages", type=int, default=500_000, help="of the backlog")
    parser.add_argument(
        "--more", default="", help="more options of the job whose rate is measured"
    )
    parser.add_argument("--per_second", type=int, default=200, help="of a steady feed")
    parser.add_argument("--minutes", type=float, default=30, help="of state")
    parser.add_argument("--kafka", metavar="HOST:PORT", help="a broker that runs")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.ERROR)  # Beam warns of what is not installed
    with contextlib.ExitStack() as held:
        folder = Path(
            held.enter_context(tempfile.TemporaryDirectory(prefix="vitalbeam-streams-"))
        )
        servers = held.enter_context(kafka(folder / "kafka", options.kafka))
        fhir = held.enter_context(instant_server())
        cluster = held.enter_context(flink(folder / "flink"))
        results = _measure(Bench(servers, cluster, fhir, folder), options)
    if options.json:
        listed = {
            part: [row._asdict() for row in rows] for part, rows in results.items()
        }
        print(json.dumps({"machine": machine.facts(), **listed}, indent=2))
    else:
        show(results)


if __name__ == "__main__":
    main()
