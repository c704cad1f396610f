"""Observations per second into a FHIR server, and the share of it that is waiting.

`python -m benchmarks.fhir` measures the client alone, on one core, against a server
that does nothing and answers at once from another. `--fhir=URL` adds a real server: it
is given Patients, Devices and Observations of the benchmark's fleet, so do not name one
that matters. `python tests/integration/servers.py` starts one here.

All Observations are new to the server. Waiting is the share of the wall clock in which
this process did nothing.
"""

import argparse
import hashlib
import itertools
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks import fleet, machine
from benchmarks.measure import FLEET, ROOT, SEED, pin_to_one_core
from pipeline.fhir_client import check_server
from pipeline.fhir_draft import Outgoing
from pipeline.fhir_resources import Key
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_writer import ServerWriter
from pipeline.mappings import load_mappings
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.intake import Intake
from transforms.model import GroupBatch, MessageBatch
from transforms.normalize import normalize
from transforms.observe import Observer
from transforms.readings import to_table, upsert
from transforms.schema import MEASUREMENT
from transforms.shells import merge_shells

SIZES = (1, 100, 500)


class Result(NamedTuple):
    """One way of writing the Observations."""

    server: str
    bundle_size: int
    connections: int
    observations: int
    seconds: float
    per_second: float
    waiting: float
    """Share of the seconds."""
    requests: int


def observations(count: int) -> tuple[list[Outgoing], dict[Key, bytes]]:
    """Observations of the fleet, and the Patients and Devices they refer to."""
    mappings = load_mappings(FLEET / "device.json", FLEET / "fhir.json")
    if mappings.device is None or mappings.fhir is None:
        msg = "the fleet has both mappings"
        raise FileNotFoundError(msg)
    lines = tuple(line.rstrip() for line in fleet.generate(count * 2, SEED))
    batch = MessageBatch("fleet:", tuple(range(len(lines))), lines)
    found = normalize(batch, mappings.device, Intake()).measurements
    known, _letters = identify(found, MessageIdentities(), "")
    collector = SlotCollector(mappings.fhir, 1, "")
    collector.add(known)
    observer = Observer(mappings.fhir, "", "")
    made: list[Outgoing] = []
    shells: dict[Key, bytes] = {}
    for shard, slot, readings in collector.drain():
        done = upsert(MEASUREMENT.empty_table(), to_table([readings]))
        groups = GroupBatch(slot, shard, done.touched, done.starts)
        for each in observer.observe(groups)[0]:
            made += map(Outgoing, each.ids, each.resources)
            for name, shell in each.shells.items():
                key = Key(*name)
                shells[key] = merge_shells(shells.get(key), shell)
    return made[:count], shells


def renamed(outgoing: list[Outgoing], tag: str) -> list[Outgoing]:
    """The same under other ids: new to a server that has seen them."""
    result = []
    for one in outgoing:
        name = hashlib.sha256(f"{tag} {one.id}".encode()).hexdigest()
        result.append(Outgoing(name, one.body.replace(one.id.encode(), name.encode())))
    return result


def measure(
    server: FhirServer, outgoing: list[Outgoing], shells: dict[Key, bytes], name: str
) -> Result:
    """Writes Observations as a worker does."""
    writer = ServerWriter(server, "")
    writer.settle(shells)
    size = server.bundle_size * server.connections * 4
    left = iter(outgoing)
    requests, started, used = 0, time.perf_counter(), time.process_time()
    while chunk := list(itertools.islice(left, size)):
        written = writer.write(chunk, shells)
        requests += written.counts["FhirRequest"]
        if written.letters:
            msg = f"{server.base} refuses Observations: {written.letters[0].message}"
            raise RuntimeError(msg)
    seconds = time.perf_counter() - started
    busy = time.process_time() - used
    return Result(
        name,
        server.bundle_size,
        server.connections,
        len(outgoing),
        seconds,
        len(outgoing) / seconds,
        max(0.0, 1 - busy / seconds),
        requests,
    )


@contextmanager
def instant_server() -> Iterator[str]:
    """A server that does nothing, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.instant_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        if process.stdout is None:
            msg = "its output is a pipe"
            raise RuntimeError(msg)
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()


def show(results: list[Result], pinned: str) -> None:
    """Prints the table and the machine it was measured on."""
    table = Table(title=f"client: {pinned}", box=SIMPLE)
    table.add_column("server")
    for heading in (
        "entries of\na Bundle",
        "requests\nat a time",
        "Observations",
        "requests",
        "seconds",
        "Observations\nper s",
        "waiting",
    ):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(
            result.server,
            str(result.bundle_size),
            str(result.connections),
            f"{result.observations:,}",
            f"{result.requests:,}",
            f"{result.seconds:.1f}",
            f"{result.per_second:,.0f}",
            f"{result.waiting:.0%}",
        )
    console = Console()
    console.print(table)
    machine.show(console)


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.fhir", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--fhir", metavar="URL", help="a real server")
    parser.add_argument("--observations", type=int, default=20_000)
    parser.add_argument(
        "--real_observations", type=int, default=2_000, help="for the real server"
    )
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.ERROR)  # Beam warns of what is not installed
    made, shells = observations(max(options.observations, options.real_observations))
    results = []
    with instant_server() as base:
        pinned = pin_to_one_core()
        for size in SIZES:
            server = FhirServer(base=base, bundle_size=size, connections=1)
            check_server(server)
            some = made[: options.observations // (1 if size > 1 else 10)]
            results.append(measure(server, some, shells, "at once"))
    if options.fhir:
        tag = f"{time.time()} {os.getpid()}"
        for connections, size in itertools.product((1, options.connections), SIZES):
            server = FhirServer(
                base=options.fhir, bundle_size=size, connections=connections
            )
            some = made[: options.real_observations // (1 if size > 1 else 4)]
            some = renamed(some, f"{tag} {connections} {size}")
            results.append(measure(server, some, shells, "real"))
    if options.json:
        listed = [result._asdict() for result in results]
        print(json.dumps({"machine": machine.facts(), "results": listed}, indent=2))
    else:
        show(results, pinned)


if __name__ == "__main__":
    main()
