"""What is known of a Flink cluster and its jobs, and what can be wrong with it."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

OVER = frozenset({"FINISHED", "CANCELED", "FAILED", "SUSPENDED"})
"""https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/internals/job_scheduling/"""


class FlinkError(OSError):
    """A Flink cluster does not do what it is asked; the message says what to do."""


class FlinkUnavailableError(FlinkError):
    """It does not answer, or says that it cannot now; later it may."""


class FlinkRefusedError(FlinkError):
    """It will not, however often it is asked: no such job, or the job cannot."""


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A job, as the cluster lists it.

    Args:
        id: 32 hexadecimal digits, others with every submission.
        name: what `--job_name` said.
        state: Flink's own word, as RUNNING or CANCELED.
        started_at: when it was submitted.
    """

    id: str
    name: str
    state: str
    started_at: datetime

    @property
    def over(self) -> bool:
        """Whether it will never go on under this id."""
        return self.state in OVER


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """A completed checkpoint or savepoint: a state that a job can start from.

    Args:
        id: counts up within a job.
        path: for `--savepoint_path`; None if it is not kept outside the cluster.
        completed_at: when the last task had stored its part.
        savepoint: whether it was asked for, and is kept until somebody deletes it.
        discarded: whether Flink has deleted it in favour of a newer one.
    """

    id: int
    path: str | None
    completed_at: datetime
    savepoint: bool
    discarded: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """What a job tells of its checkpoints.

    Args:
        completed: those it remembers, newest first.
        failed: how many have failed since it was submitted.
        restored_at: when it last went on from one; None if it never did.
        restored_from: the path of that one.
    """

    completed: tuple[Checkpoint, ...]
    failed: int
    restored_at: datetime | None
    restored_from: str | None

    @property
    def newest(self) -> Checkpoint | None:
        """The newest that a job can start from.

        A checkpoint of a job that still runs may be gone a moment later: take a
        savepoint, or look into its folder once the job is over.
        """
        kept = (each for each in self.completed if each.path and not each.discarded)
        return next(kept, None)


@dataclasses.dataclass(frozen=True, slots=True)
class Cluster:
    """What there is to run jobs on.

    Args:
        version: of Flink.
        task_managers: how many have registered.
        slots: of all of them.
        free_slots: those that no job holds.
    """

    version: str
    task_managers: int
    slots: int
    free_slots: int


def checkpoints_of(found: Mapping[str, Any]) -> Checkpoints:
    """Reads what `/jobs/<id>/checkpoints` answers."""
    latest = found["latest"]
    # The history is cut to ten, failed ones included; the newest good one is not.
    good = [latest["completed"], latest["savepoint"], *found["history"]]
    completed = {
        each["id"]: Checkpoint(
            each["id"],
            each.get("external_path"),
            moment(each["latest_ack_timestamp"]),
            each["is_savepoint"],
            each.get("discarded", False),
        )
        for each in good
        if each is not None and each["status"] == "COMPLETED"
    }
    restored = latest["restored"]
    return Checkpoints(
        completed=tuple(completed[each] for each in sorted(completed, reverse=True)),
        failed=found["counts"]["failed"],
        restored_at=restored and moment(restored["restore_timestamp"]),
        restored_from=restored and restored["external_path"],
    )


def moment(milliseconds: int) -> datetime:
    """Reads a time as Flink writes it."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
