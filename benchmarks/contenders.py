"""vitalbeam beside the script by hand and the obvious stack, taking turns on one core.

Start-up (interpreter, imports, Beam's graph) is told apart by a run on a tiny input:
the time per message is what the other messages took.
"""

import functools
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import measure
from benchmarks.mappings import write_grown, write_sampled
from benchmarks.measure import Command, FailedError, Run
from benchmarks.sheets import Sheet

TINY = 100
"""Messages of the run that shows the start-up."""

VITALBEAM, SCRIPT, OBVIOUS = "vitalbeam", "script", "obvious stack"
GROWN = "vitalbeam, 17 templates"
SAMPLED = "vitalbeam, SampledData only"
SCRIPT_SAMPLED = "script, SampledData only"


class Result(NamedTuple):
    """One contender, medians of all rounds."""

    contender: str
    messages: int
    startup_seconds: float
    us_per_message: float
    """Without start-up."""
    peak_mib: float
    observations: int
    rounds_us_per_message: list[float]


Results = Mapping[str, Result]
"""By contender."""


def contenders(folder: Path) -> dict[str, Command]:
    """All contenders by name.

    Args:
        folder: where their mappings are written.
    """
    grown = write_grown(folder / "grown", 17)
    sampled = write_sampled(folder / "sampled")
    return {
        VITALBEAM: measure.vitalbeam,
        SCRIPT: measure.script,
        OBVIOUS: measure.obvious,
        GROWN: functools.partial(measure.vitalbeam, mapping=grown),
        SAMPLED: functools.partial(measure.vitalbeam, mapping=sampled),
        SCRIPT_SAMPLED: functools.partial(measure.script, sampled=True),
    }


def summarise(name: str, messages: int, rounds: list[tuple[Run, Run]]) -> Result:
    """Medians of one contender.

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
        us_per_message=median(each),
        peak_mib=median(full.peak_mib for _, full in rounds),
        observations=rounds[-1][1].observations,
        rounds_us_per_message=each,
    )


def race(
    commands: Mapping[str, Command], sizes: Mapping[str, int], folder: Path, rounds: int
) -> dict[str, Result]:
    """Runs all contenders, taking turns.

    Args:
        commands: the contenders.
        sizes: contender to messages of its full input.
        folder: for the messages, and what is made of them.
        rounds: how often each runs.
    """
    inputs = {
        size: measure.write_messages(folder, size) for size in {TINY, *sizes.values()}
    }
    runs: dict[str, list[tuple[Run, Run]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            tiny, full = (
                run_once(command, inputs[size], folder / "out")
                for size in (TINY, sizes[name])
            )
            runs[name].append((tiny, full))
    return {name: summarise(name, sizes[name], runs[name]) for name in commands}


def run_once(command: Command, messages: Path, out: Path) -> Run:
    """Runs a contender, and removes what it has made."""
    try:
        return measure.run(command, messages, out)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def ratio(results: Results, name: str, to: str) -> float | None:
    """Time per message of a contender over that of another; None if one did not run."""
    if name not in results or to not in results:
        return None
    return results[name].us_per_message / results[to].us_per_message


def sheet(results: Results, rounds: int) -> Sheet:
    """The results side by side."""
    headings = (
        "contender",
        "messages",
        "start-up, s",
        "µs per message",
        "messages per s",
        "times script",
        "faster than obvious",
        "peak MiB",
        "Observations",
    )
    rows: list[tuple[str | int | float | None, ...]] = [
        (
            name,
            result.messages,
            result.startup_seconds,
            result.us_per_message,
            round(1e6 / result.us_per_message),
            ratio(results, name, SCRIPT),
            ratio(results, OBVIOUS, name),
            result.peak_mib,
            result.observations,
        )
        for name, result in results.items()
    ]
    return Sheet(f"One core, medians of {rounds} rounds", headings, rows)
