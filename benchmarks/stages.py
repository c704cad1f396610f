"""Where the time goes: samples of the stack, by stage of the chain.

Stages are fused, so one calls the next: a sample belongs to the innermost stage of its
stack. Taken with py-spy (https://github.com/benfred/py-spy), which looks at a process
from outside and leaves its speed nearly as it is.
"""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import FailedError
from benchmarks.sheets import Sheet

STAGES = {
    "pipeline/message_files.py": "read",
    "transforms/normalize.py": "Normalize",
    "transforms/identify.py": "Identify",
    "transforms/group.py": "Group",
    "pipeline/spill.py": "put aside, read back",
    "pipeline/store.py": "Store",
    "transforms/observe.py": "Observe",
    "pipeline/write_fhir.py": "WriteFhir",
    "pipeline/write_observations.py": "WriteObservations",
    "pipeline/write_dead_letters.py": "WriteDeadLetters",
}
"""The file of a stage's `DoFn` to its name."""

REST = "runner and graph"

_RUN = "pipeline/local_run.py"

_FRAME = re.compile(r".* \((.*):\d+\)")

_RATE = 200
"""Samples a second: of more py-spy would miss some, on the core of what it samples."""


def stage_of(stack: str) -> str | None:
    """The stage of a sample; None if it is no part of a run.

    Args:
        stack: frames from outermost to innermost, `function (file:line)`, between `;`.
    """
    found: str | None = None
    for frame in stack.split(";"):
        match = _FRAME.fullmatch(frame)
        file = "/".join(match[1].rsplit("/", 2)[-2:]) if match else ""
        if file == _RUN:
            found = found or REST
        elif found is not None:
            found = STAGES.get(file, found)
    return found


def shares_of(lines: Iterable[str]) -> dict[str, float]:
    """The share of each stage in a run.

    Args:
        lines: of a recording: a stack, a blank, how many samples.
    """
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, samples = line.rpartition(" ")
        if (stage := stage_of(stack)) is not None:
            counts[stage] += int(samples)
    total = counts.total()
    return {
        stage: counts[stage] / total
        for stage in (*STAGES.values(), REST)
        if counts[stage]
    }


def record(messages: Path, folder: Path, kind: str, file: Path) -> None:
    """Records a run of the main job by one process.

    Args:
        messages: its input.
        folder: for its output, removed afterwards.
        kind: `raw` for lines of stacks, `flamegraph` for a picture (SVG).
        file: where to.

    Raises:
        FailedError: it did not work.
    """
    py_spy = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if py_spy is None:
        msg = "py-spy is missing: pip install -e '.[dev]'"
        raise FailedError(msg)
    out = folder / "recorded"
    file.unlink(missing_ok=True)
    how = ["record", f"--rate={_RATE}", f"--format={kind}", f"--output={file}"]
    job = [sys.executable, *measure.vitalbeam(messages, out), "--workers=1"]
    done = subprocess.run(
        [py_spy, *how, "--", *job], cwd=measure.ROOT, capture_output=True, text=True
    )
    made = (out / "fhir" / "Observation").exists()
    shutil.rmtree(out, ignore_errors=True)
    if not made or not file.exists():
        msg = f"py-spy ended with status {done.returncode}:\n{done.stderr[-2000:]}"
        raise FailedError(msg)


def sheet(shares: dict[str, float], us_per_message: float | None) -> Sheet:
    """What each stage takes of the time per message; None if that was not measured."""
    rows: list[tuple[str | int | float | None, ...]] = [
        (stage, us_per_message and share * us_per_message, f"{share:.1%}")
        for stage, share in shares.items()
    ]
    headings = ("stage", "µs per message", "share")
    return Sheet("vitalbeam by stage", headings, rows)
