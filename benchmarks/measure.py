"""Running one contender in a process of its own, and what it took."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import fleet

ROOT = Path(__file__).resolve().parents[1]
FLEET = Path(__file__).with_name("fleet")
SEED = 7

Command = Callable[[Path, Path], list[str]]
"""Messages and output folder to the arguments of `python`."""


class Run(NamedTuple):
    """What one run took."""

    seconds: float
    """Wall clock, interpreter start included."""
    peak_mib: float
    """Resident memory of the largest process of the run."""
    observations: int
    """Lines of FHIR NDJSON written."""


class FailedError(RuntimeError):
    """A contender ended with an error; the message holds its last words."""


def vitalbeam(
    messages: Path, out: Path, mapping: Path = FLEET, workers: int | None = None
) -> list[str]:
    """The main job, as a user starts it."""
    job = ["-m", "pipeline", "run", str(mapping)]
    if workers is not None:
        job.append(f"--workers={workers}")
    return [*job, f"--messages={messages}", f"--out={out}"]


def script(messages: Path, out: Path, *, sampled: bool = False) -> list[str]:
    """The script by hand."""
    job = ["-m", "benchmarks.script", f"--messages={messages}", f"--out={out}"]
    return [*job, "--sampled"] if sampled else job


def obvious(messages: Path, out: Path) -> list[str]:
    """The obvious stack."""
    return ["-m", "benchmarks.obvious", f"--messages={messages}", f"--out={out}"]


def pin_to_one_core() -> str:
    """Keeps this process and its children on one core where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned: this system cannot"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"all pinned to core {core}"


def write_messages(folder: Path, messages: int, people: int | None = None) -> Path:
    """Generates the messages of a fleet into a folder, if they are not there.

    Args:
        folder: where to.
        messages: how many.
        people: who send them; None for as many as live that day.
    """
    path = folder / f"{messages}-{people or 'usual'}.ndjson"
    if not path.exists():
        with path.open("wb") as file:
            file.writelines(fleet.generate(messages, SEED, people=people))
    return path


def run(command: Command, messages: Path, out: Path) -> Run:
    """Runs a contender and waits for it.

    Args:
        command: the contender.
        messages: its input.
        out: a folder that does not exist yet.

    Raises:
        FailedError: it ended neither well (0) nor with dead letters (1).
    """
    log = out.with_suffix(".log")
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command(messages, out)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    observations = _lines_under(out / "fhir" / "Observation")
    if process.returncode not in (0, 1) or not observations:
        msg = f"{' '.join(command(messages, out))}:\n{log.read_text()[-2000:]}"
        raise FailedError(msg)
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_maxrss * unit / 2**20, observations)


def _lines_under(folder: Path) -> int:
    count = 0
    for path in folder.rglob("*.ndjson"):
        with path.open("rb") as lines:
            count += sum(1 for _ in lines)
    return count
