"""What was asked of the speed, what was measured, and the page that says so."""

import datetime
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.contenders import (
    GROWN,
    OBVIOUS,
    SAMPLED,
    SCRIPT,
    SCRIPT_SAMPLED,
    VITALBEAM,
    Results,
    ratio,
)
from benchmarks.measure import ROOT
from benchmarks.sheets import Cell, Sheet, to_markdown


class Target(NamedTuple):
    """Something asked for, and what came of it."""

    name: str
    asked: float
    measured: float
    at_most: bool
    """Whether less is better."""

    @property
    def is_met(self) -> bool:
        """Whether it was reached."""
        if self.at_most:
            return self.measured <= self.asked
        return self.measured >= self.asked


def targets(
    results: Results,
    cores: float | None = None,
    memory: float | None = None,
    largest: int = 0,
) -> list[Target]:
    """The targets of which all that they need was measured.

    Args:
        results: of the contenders.
        cores: how many times as fast two processes were as one.
        memory: peak of the largest input over that of the usual one.
        largest: messages of that input.
    """
    faster = ratio(results, OBVIOUS, VITALBEAM)
    found: list[tuple[str, float, float | None, bool]] = [
        ("time over the script", 2, ratio(results, VITALBEAM, SCRIPT), True),
        ("times faster than the obvious stack", 20, faster, False),
        ("17 templates over 5", 1.3, ratio(results, GROWN, VITALBEAM), True),
        (
            "SampledData only over the script",
            1.5,
            ratio(results, SAMPLED, SCRIPT),
            True,
        ),
        (
            "SampledData only over the script for it",
            1.5,
            ratio(results, SAMPLED, SCRIPT_SAMPLED),
            True,
        ),
        ("all cores over one process, start-up included", 1.7, cores, False),
        (f"peak memory, {largest:,} messages over 200,000", 1.3, memory, True),
    ]
    return [
        Target(name, asked, measured, at_most)
        for name, asked, measured, at_most in found
        if measured is not None
    ]


def sheet(found: Sequence[Target]) -> Sheet:
    """The targets as a table."""
    rows: list[tuple[Cell, ...]] = [
        (
            target.name,
            f"{'≤' if target.at_most else '≥'} {target.asked:g}",
            target.measured,
            "met" if target.is_met else "missed",
        )
        for target in found
    ]
    return Sheet("Targets", ("", "asked", "measured", ""), rows)


def commit() -> str:
    """The commit that was measured, and whether anything was changed since."""
    known = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return known.stdout.strip() or "unknown"


def today() -> str:
    """The date of a measurement, UTC."""
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def page(sheets: Sequence[Sheet], facts: dict[str, str], how: str) -> str:
    """The page of results.

    Args:
        sheets: what was measured.
        facts: of the machine, the commit and the date.
        how: the command that measures it again.
    """
    machine = "\n".join(f"- {name}: {fact}" for name, fact in facts.items())
    tables = "\n".join(map(to_markdown, sheets))
    return f"""# Results

Written by `{how}`. Nothing here is filled in by hand.

{machine}

The messages are a fleet's day (`benchmarks/fleet.py`): heart rate, steps, blood
pressure, SpO2 and weight in MedTech's envelope, some of them late, repeated, corrected
or malformed. All contenders read one NDJSON file and write Observations, Patients and
Devices as NDJSON, both tables as Parquet, and dead letters. The script
(`benchmarks/script.py`) is written by hand for exactly this mapping; the obvious stack
(`benchmarks/obvious.py`) is jsonpath-ng, jmespath and models of `fhir.resources`, row
by row. vitalbeam alone makes sure that a disk has each file, and can be run again over
the same store.

{tables}"""
