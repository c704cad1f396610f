"""What is measured of a stream on Flink: its rate, its recovery, its checkpoints."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.stream_feed import Topic, backlog
from benchmarks.stream_job import Job
from deploy.flink.local.cluster import Cluster
from deploy.flink.local.settings import Settings

_QUIET_S = 30
"""Seconds without a new reading after which a backlog is stored."""

_LONGEST_S = 300
"""Seconds until what is waited for will not come."""


class Rate(NamedTuple):
    """How fast a backlog was worked off."""

    sinks: str
    slots: int
    messages: int
    readings: int
    first_s: float
    """Seconds from the command to the first reading in the store."""
    per_second: float
    """Messages, between 10 % and 90 % of the readings."""


class Recovery(NamedTuple):
    """Seconds after a kill."""

    killed: str
    restored_s: float
    """Until Flink had restored the job."""
    stored_s: float
    """Until readings were stored that had not been before."""
    checkpoint_s: float
    """Until a checkpoint was complete."""


class Sample(NamedTuple):
    """One checkpoint."""

    minute: float
    """Of the measurement, when it was seen."""
    size: int
    """Bytes of all state, stored anew or not."""
    ms: int
    """From its trigger until the last task had stored its part."""


class State(NamedTuple):
    """Checkpoints of a part of the time."""

    minutes: str
    checkpoints: int
    median_kib: float
    largest_kib: float
    median_ms: float
    longest_ms: float


class Bench:
    """All that the measurements share.

    Args:
        kafka: where the broker answers.
        cluster: the settings of the cluster.
        fhir: address of a FHIR server.
        folder: for outputs.
    """

    def __init__(self, kafka: str, cluster: Settings, fhir: str, folder: Path) -> None:
        self._kafka, self._settings = kafka, cluster
        self._fhir, self._folder = fhir, folder
        self._numbers = itertools.count()

    def rate(self, messages: int, slots: int, *more: str, server: bool) -> Rate:
        """Works a backlog off.

        Args:
            messages: of the backlog.
            slots: of the cluster that the job takes.
            more: options of the job.
            server: whether it writes to the FHIR server, or FHIR files.
        """
        topic = self._topic()
        topic.send(backlog(messages))
        flags = (f"--parallelism={slots}", "--flush_seconds=5", *more)
        began = time.monotonic()
        with self._job(topic, *flags, server=server) as job:
            samples = list(_until_quiet(job, began))
        readings = samples[-1][1]
        tenth, last = (_reached(samples, share * readings) for share in (0.1, 0.9))
        return Rate(
            "Parquet, FHIR server" if server else "Parquet, FHIR files",
            slots,
            messages,
            readings,
            next(at for at, stored in samples if stored),
            0.8 * messages / (last - tenth),
        )

    def recovery(self, per_second: int) -> Iterator[Recovery]:
        """Kills parts under a steady feed."""
        topic, cluster = self._topic(), Cluster(self._settings)
        flags = "--flush_seconds=1", "--parallelism=2"
        with topic.fed(per_second), self._job(topic, *flags) as job:
            for part in ("taskmanager-1", "python-workers", "java-workers"):
                _wait(lambda: len(job.checkpoints()) > 2 and job.stored() > 0)
                time.sleep(10)
                killed_at = time.time()
                cluster.kill(part)
                if part.startswith("taskmanager"):
                    cluster.start(part)
                yield _recovered(job, part, killed_at)

    def state(self, per_second: int, minutes: float) -> Iterator[Sample]:
        """The checkpoints of some minutes of a steady feed."""
        topic = self._topic()
        with topic.fed(per_second), self._job(topic) as job:
            _wait(lambda: job.stored() > 0)
            began, seen = time.monotonic(), 0
            while (now := time.monotonic()) < began + 60 * minutes:
                for each in job.checkpoints():
                    if each["id"] > seen:
                        seen = each["id"]
                        size, ms = each["state_size"], each["end_to_end_duration"]
                        yield Sample((now - began) / 60, size, ms)
                time.sleep(2)

    def _topic(self) -> Topic:
        return Topic(self._kafka, f"bench-{time.time():.0f}-{next(self._numbers)}")

    def _job(self, topic: Topic, *flags: str, server: bool = True) -> Job:
        fhir = (f"--fhir={self._fhir}",) if server else ()
        out = self._folder / topic.name
        return Job(self._settings, topic, out, *fhir, *flags)


def _until_quiet(job: Job, began: float) -> Iterator[tuple[float, int]]:
    """Seconds and readings stored, until nothing is added for a while."""
    stored, last = 0, time.monotonic()
    while time.monotonic() - last < (_QUIET_S if stored else _LONGEST_S):
        now, before = time.monotonic(), stored
        stored = job.stored()
        if stored > before:
            last = now
        yield now - began, stored
        time.sleep(0.25)


def _reached(samples: list[tuple[float, int]], stored: float) -> float:
    return next(at for at, count in samples if count >= stored)


def _recovered(job: Job, part: str, killed_at: float) -> Recovery:
    restored_at = _wait(lambda: max(0.0, job.restored_at() - killed_at))
    before = job.stored()
    _wait(lambda: job.stored() > before)
    stored_s = time.time() - killed_at

    def complete() -> float:
        times = [each["latest_ack_timestamp"] / 1000 for each in job.checkpoints()]
        later = [at - killed_at for at in times if at > killed_at + restored_at]
        return min(later, default=0.0)

    return Recovery(part, restored_at, stored_s, _wait(complete))


def _wait(reached: Callable[[], float]) -> float:
    """Returns what is reached once it is more than nothing.

    Raises:
        TimeoutError: it is not reached.
    """
    deadline = time.monotonic() + _LONGEST_S
    while not (found := reached()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)
    return found


def thirds(samples: list[Sample], minutes: float) -> list[State]:
    """Checkpoints of the first, second and last third of the time."""
    found = []
    for number in range(3):
        first, last = minutes * number / 3, minutes * (number + 1) / 3
        some = [each for each in samples if first <= each.minute < last]
        if some:
            sizes = [each.size / 1024 for each in some]
            times = [each.ms for each in some]
            found.append(
                State(
                    f"{first:.0f} to {last:.0f}",
                    len(some),
                    statistics.median(sizes),
                    max(sizes),
                    statistics.median(times),
                    max(times),
                )
            )
    return found
