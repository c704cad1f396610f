"""Times vitalbeam beside the script by hand and the obvious stack, in one run.

`python -m benchmarks` generates a day of messages and gives it to each contender, in a
process of its own, all on one core, round after round. Start-up (interpreter, imports,
Beam's graph) is told apart by a run on a tiny input: the time per message is what the
other messages took. Medians of the rounds are shown.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks import machine, measure
from benchmarks.measure import Command, FailedError, Run

TINY = 100
"""Messages of the run that shows the start-up."""

CONTENDERS: dict[str, Command] = {
    "vitalbeam": measure.vitalbeam,
    "script": measure.script,
    "obvious": measure.obvious,
}


class Result(NamedTuple):
    """One contender, medians of all rounds."""

    contender: str
    messages: int
    startup_seconds: float
    seconds: float
    """Start-up included."""
    us_per_message: float
    """Without start-up."""
    messages_per_second: float
    """Without start-up."""
    times_script: float | None
    """Time per message over that of the script; None if the script did not run."""
    times_faster_than_obvious: float | None
    peak_mib: float
    observations: int
    rounds_us_per_message: list[float]


def summarise(name: str, messages: int, rounds: list[tuple[Run, Run]]) -> Result:
    """Medians of one contender; the comparisons are filled in by `compare`.

    Args:
        name: the contender.
        messages: size of the full input.
        rounds: for each round the run on the tiny and on the full input.

    Raises:
        FailedError: the full input is too small to be told from the tiny one.
    """
    each = [
        (full.seconds - tiny.seconds) / (messages - TINY) * 1e6 for tiny, full in rounds
    ]
    if median(each) <= 0:
        msg = f"{messages} messages are lost in the noise of {name}'s start-up: more!"
        raise FailedError(msg)
    return Result(
        contender=name,
        messages=messages,
        startup_seconds=median(tiny.seconds for tiny, _ in rounds),
        seconds=median(full.seconds for _, full in rounds),
        us_per_message=median(each),
        messages_per_second=1e6 / median(each),
        times_script=None,
        times_faster_than_obvious=None,
        peak_mib=median(full.peak_mib for _, full in rounds),
        observations=rounds[-1][1].observations,
        rounds_us_per_message=each,
    )


def compare(results: list[Result]) -> list[Result]:
    """Puts each contender's time per message beside the others'."""
    took = {result.contender: result.us_per_message for result in results}
    by_hand, obvious = took.get("script"), took.get("obvious")
    return [
        result._replace(
            times_script=by_hand and result.us_per_message / by_hand,
            times_faster_than_obvious=obvious and obvious / result.us_per_message,
        )
        for result in results
    ]


def benchmark(sizes: dict[str, int], rounds: int) -> list[Result]:
    """Runs all contenders, taking turns.

    Args:
        sizes: contender → messages of its full input.
        rounds: how often each runs.
    """
    runs: dict[str, list[tuple[Run, Run]]] = {name: [] for name in sizes}
    with tempfile.TemporaryDirectory(prefix="vitalbeam-benchmark-") as temporary:
        folder = Path(temporary)
        inputs = {
            size: measure.write_messages(folder, size)
            for size in {TINY, *sizes.values()}
        }
        for _ in range(rounds):
            for name, size in sizes.items():
                tiny = _run(name, inputs[TINY], folder / "out")
                runs[name].append((tiny, _run(name, inputs[size], folder / "out")))
    return compare([summarise(name, sizes[name], runs[name]) for name in sizes])


def _run(name: str, messages: Path, out: Path) -> Run:
    try:
        return measure.run(CONTENDERS[name], messages, out)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def show(results: list[Result], pinned: str, rounds: int) -> None:
    """Prints the table and the machine it was measured on."""
    table = Table(title=f"Medians of {rounds} rounds, {pinned}", box=SIMPLE)
    table.add_column("contender")
    for heading in (
        "messages",
        "start-up\ns",
        "µs per\nmessage",
        "messages\nper s",
        "times\nscript",
        "faster\nthan\nobvious",
        "peak\nMiB",
    ):
        table.add_column(heading, justify="right")
    for result in results:
        script, obvious = result.times_script, result.times_faster_than_obvious
        table.add_row(
            result.contender,
            f"{result.messages:,}",
            f"{result.startup_seconds:.2f}",
            f"{result.us_per_message:.1f}",
            f"{result.messages_per_second:,.0f}",
            "" if script is None else f"{script:.2f}",
            "" if obvious is None else f"{obvious:.1f}",
            f"{result.peak_mib:,.0f}",
        )
    console = Console()
    console.print(table)
    machine.show(console)


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument(
        "--obvious_messages", type=int, default=20_000, help="it takes long"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--contenders", default=",".join(CONTENDERS), help="some of the default"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args(arguments)
    names = options.contenders.split(",")
    if unknown := set(names) - CONTENDERS.keys():
        parser.error(f"--contenders: unknown {', '.join(sorted(unknown))}")
    if min(options.messages, options.obvious_messages) <= TINY:
        parser.error(f"--messages, --obvious_messages: more than {TINY}, please")
    sizes = {
        name: options.obvious_messages if name == "obvious" else options.messages
        for name in names
    }
    pinned = measure.pin_to_one_core()
    results = benchmark(sizes, options.rounds)
    if options.json:
        listed = [result._asdict() for result in results]
        print(json.dumps({"machine": machine.facts(), "results": listed}, indent=2))
    else:
        show(results, pinned, options.rounds)


if __name__ == "__main__":
    main()
