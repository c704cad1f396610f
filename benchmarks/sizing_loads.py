"""Simulated loads on a real Flink: what a stream does and takes, second by second.

Steady loads of the fleet, one after the other, on a broker, a cluster of one slot and a
FHIR server that answers at once, all on this machine.
"""

import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from benchmarks import fleet, sizing_meter
from benchmarks.measure import FLEET, ROOT, SEED
from benchmarks.sizing_meter import Meters
from benchmarks.stream_feed import Topic, moved
from benchmarks.stream_job import Job
from deploy.flink.local.settings import Settings

SHARDS = 4

LATE_HOURS = 10
"""Of the fleet: late messages come one to ten hours after their event."""

_WARM_S, _LONGEST_WARM_S = 60.0, 300.0
"""Until everybody has sent something, Java has compiled itself (which takes as long
again the first time), files are there; and what was sent before has been read."""

BEHIND_S = 2.0
"""Seconds of a load that may be on its way."""


class Load(NamedTuple):
    """A steady load."""

    name: str
    per_s: int
    people: int
    flush_s: int
    stored: int = 0
    """Messages of the twelve hours before that are in the store already."""


LOADS = (
    Load("medium", 1_500, 30_000, 10),
    Load("light", 300, 6_000, 5),
    Load("late into full files", 1_000, 20_000, 10, 600_000),
    Load("near saturation", 3_000, 60_000, 10),
)


class Rows(NamedTuple):
    """Of a file, in the mean."""

    rows: float
    """Of the measurement table."""
    values: float
    """Of the observation table."""


class Observed(NamedTuple):
    """What was measured of a load."""

    load: Load
    seconds: float
    middle_s: float
    """From the first message to the middle of the measurement."""
    open_rows: Rows
    """Of the hour that it is, before the first message."""
    late_rows: Rows
    """The same of the hours before."""
    sent_per_s: float
    """Messages that the broker took: the feed shares the cores, and may lag itself."""
    messages_per_s: float
    """That were read."""
    backlog_s: float
    """What had been sent and not been read in the end, in seconds of the load."""
    firings_per_s: float
    observations_per_s: float
    requests_per_s: float
    python_cores: float
    java_cores: float
    written_per_s: float
    """Bytes."""
    kept: float
    """Bytes of all Parquet files in the end, of an empty store only."""
    checkpoint: float
    """Bytes, median."""


def observe(
    settings: Settings, kafka: str, fhir: str, folder: Path, load: Load, seconds: float
) -> Observed:
    """Runs a load on the cluster and measures it.

    Args:
        settings: of the cluster.
        kafka: where the broker answers.
        fhir: address of the FHIR server.
        folder: for outputs.
        load: what to run.
        seconds: to measure, once it is warm.
    """
    _stay_within_an_hour(seconds + 240)
    topic = Topic(kafka, f"sizing-{time.time():.0f}")
    out = folder / topic.name
    if load.stored:
        _fill(folder / f"{topic.name}.ndjson", out, fhir, load.stored)
    (open_rows, late_rows), (open_values, late_values) = (
        _rows(out / table) for table in ("measurement", "observation")
    )
    flags = (
        f"--fhir={fhir}",
        "--parallelism=1",
        f"--flush_seconds={load.flush_s}",
        f"--shards={SHARDS}",
    )
    with Job(settings, topic, out, *flags) as job:
        _wait_for_workers(settings)
        fed_at = time.time()
        with topic.fed(load.per_s, load.people):
            before, sent = _warm(settings, load, topic), topic.sent
            sizes = list(_sizes(job, seconds))
            after, sent_after = sizing_meter.read(settings), topic.sent
        kept = sum(path.stat().st_size for path in out.rglob("*.parquet"))
    took = after.at - before.at
    rate = {
        name: (after.counters[name] - before.counters[name]) / took
        for name in after.counters
    }
    return Observed(
        load,
        took,
        (before.at + after.at) / 2 - fed_at,
        Rows(open_rows, open_values),
        Rows(late_rows, late_values),
        (sent_after - sent) / took,
        rate["DeviceEvent"],
        max(0.0, _behind_s(after, load, sent_after)),
        rate["SlotTouched"],
        rate["FhirResourceSaved"],
        rate["FhirRequest"],
        (after.python_s - before.python_s) / took,
        (after.java_s - before.java_s) / took,
        (after.written - before.written) / took,
        0.0 if load.stored else kept,
        statistics.median(sizes) if sizes else 0.0,
    )


def _behind_s(now: Meters, load: Load, sent: int) -> float:
    """Seconds of a load that have been sent and not been read."""
    return (sent - now.counters["DeviceEvent"]) / load.per_s


def _warm(settings: Settings, load: Load, topic: Topic) -> Meters:
    """Waits until the stream runs steadily.

    Raises:
        TimeoutError: it does not: the load is too much for this machine.
    """
    time.sleep(_WARM_S * (2 if load is LOADS[0] else 1) + 2 * load.flush_s)
    ends = time.monotonic() + _LONGEST_WARM_S
    while _behind_s(now := sizing_meter.read(settings), load, topic.sent) > BEHIND_S:
        if time.monotonic() > ends:
            msg = f"{load.per_s} messages/s are more than this machine takes"
            raise TimeoutError(msg)
        time.sleep(1)
    return now


def _stay_within_an_hour(seconds: float) -> None:
    """Waits for the next hour if this one does not last: files would be new again."""
    left = 3600 - time.time() % 3600
    if left < seconds:
        time.sleep(left + 5)


def _wait_for_workers(settings: Settings) -> None:
    deadline = time.monotonic() + 120
    while not sizing_meter.read(settings).python_s:
        if time.monotonic() > deadline:
            msg = "no Python worker has come"
            raise TimeoutError(msg)
        time.sleep(1)


def _sizes(job: Job, seconds: float) -> Iterator[int]:
    """The sizes of the checkpoints of so many seconds."""
    ends = time.monotonic() + seconds
    seen = {each["id"] for each in job.checkpoints()}
    while time.monotonic() < ends:
        time.sleep(2)
        for each in job.checkpoints():
            if each["id"] not in seen:
                seen.add(each["id"])
                yield each["state_size"]


def _fill(file: Path, out: Path, fhir: str, messages: int) -> None:
    """Stores the twelve hours until now, as a run over files.

    Raises:
        RuntimeError: it did not end well.
    """
    ends = datetime.now(timezone.utc) - fleet.DAY_START - timedelta(days=1)
    by = ends // timedelta(minutes=1) * timedelta(minutes=1)
    people = messages * 2 // fleet.MESSAGES_PER_PERSON
    lines = fleet.generate(2 * messages, SEED, envelope=False, people=people)
    with file.open("wb") as written:
        for line in itertools.islice(lines, messages, None):
            written.write(moved(line, by) + b"\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline", "run", str(FLEET)),
            *(f"--messages={file}", f"--out={out}", f"--shards={SHARDS}"),
            f"--fhir={fhir}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1: the fleet sends malformed messages
        raise RuntimeError(done.stderr[-2000:])


def _rows(table: Path) -> tuple[float, float]:
    """Rows of a file of this hour, and of those before, in the mean."""
    hour = f"{datetime.now(timezone.utc):date=%Y-%m-%d/T%H}"
    now, past = [0.0], [0.0]
    for path in table.rglob("*.parquet"):
        name = path.relative_to(table).as_posix()
        (now if name.startswith(hour) else past).append(pq.read_metadata(path).num_rows)
    return sum(now) / SHARDS, sum(past) / (SHARDS * LATE_HOURS)


def to_json(seen: list[Observed]) -> list[dict[str, Any]]:
    """Plain data."""
    return [{**one._asdict(), "load": one.load._asdict()} for one in seen]


def from_json(document: list[dict[str, Any]]) -> list[Observed]:
    """What `to_json` wrote."""
    return [
        Observed(
            **{
                **one,
                "load": Load(**one["load"]),
                "open_rows": Rows(*one["open_rows"]),
                "late_rows": Rows(*one["late_rows"]),
            }
        )
        for one in document
    ]
