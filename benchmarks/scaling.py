"""How time and memory grow with the input, the mapping and the number of devices."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import measure
from benchmarks.contenders import TINY, run_once
from benchmarks.mappings import write_grown
from benchmarks.measure import Command, Run
from benchmarks.sheets import Sheet

USUAL = 200_000
"""Messages that others are compared with."""


class Step(NamedTuple):
    """One thing made larger."""

    name: str
    messages: int
    command: Command
    people: int | None = None
    """None: as many as the fleet has for so many messages."""
    base: bool = False
    """Whether those after it are compared with it."""


def steps(folder: Path, sizes: Sequence[int]) -> list[Step]:
    """What is measured.

    Args:
        folder: where mappings are written.
        sizes: numbers of messages.
    """
    job = functools.partial(measure.vitalbeam, workers=1)
    grown = [
        (
            count,
            functools.partial(job, mapping=write_grown(folder / str(count), count)),
        )
        for count in (17, 50)
    ]
    return [
        Step(f"{USUAL:,} messages", USUAL, job, base=True),
        *(Step(f"{size:,} messages", size, job) for size in sizes if size != USUAL),
        *(Step(f"{count} templates, not 5", USUAL, each) for count, each in grown),
        *(
            Step(f"{people:,} people, not {USUAL // 960}", USUAL, job, people)
            for people in (20, 20_000)
        ),
    ]


def measure_steps(each: Sequence[Step], folder: Path) -> list[tuple[Step, Run]]:
    """Runs each step once; start-up is taken off.

    Args:
        each: the steps.
        folder: for the messages, and what is made of them.
    """
    measured = []
    for step in each:
        tiny = run_once(
            step.command, measure.write_messages(folder, TINY), folder / "o"
        )
        messages = measure.write_messages(folder, step.messages, step.people)
        run = run_once(step.command, messages, folder / "o")
        messages.unlink()
        measured.append((step, run._replace(seconds=run.seconds - tiny.seconds)))
    return measured


def memory_ratio(measured: Sequence[tuple[Step, Run]]) -> float:
    """Peak memory of the largest input over that of the usual one."""
    (_, usual), *_ = (pair for pair in measured if pair[0].base)
    _, largest = max(measured, key=lambda pair: pair[0].messages)
    return largest.peak_mib / usual.peak_mib


def sheet(measured: Sequence[tuple[Step, Run]]) -> Sheet:
    """The steps beside the usual run."""
    rows: list[tuple[str | int | float | None, ...]] = []
    base: tuple[float, float] | None = None
    for step, run in measured:
        each = run.seconds / (step.messages - TINY) * 1e6
        if step.base:
            base = each, run.peak_mib
        rows.append(
            (
                step.name,
                run.seconds,
                each,
                base and each / base[0],
                run.peak_mib,
                base and run.peak_mib / base[1],
            )
        )
    headings = ("", "s", "µs per message", "ratio", "peak MiB", "ratio of memory")
    return Sheet("Scaling, one core, one run each, start-up taken off", headings, rows)
