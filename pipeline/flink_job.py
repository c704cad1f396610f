"""Starts a streaming job on a Flink cluster where it left off, or not at all.

What a job has read but not stored yet is in its state only: the offsets that it has
committed to the broker lie behind that. So a job that is started again must be given
its newest savepoint or checkpoint, and nobody should have to look for it. Flink sorts
states by ids of jobs, which are new with every start: a file beside them remembers
which ids a name has had.
"""

import dataclasses
import time
import urllib.parse
from collections.abc import Callable, Sequence

import orjson

from pipeline.flink_rest import FlinkRest
from pipeline.flink_state import FlinkUnavailableError, Job
from pipeline.options import UsageError
from pipeline.saved_states import State, states_in
from pipeline.upsert_files import Folder

_LONGEST_SUBMIT = 300
"""Seconds until a job that was handed in is expected to be listed."""

_POLL_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known before a job is started.

    Args:
        name: of the job.
        jobs: of that name, as the cluster lists them.
        own: the ids that the name has had, the last one last.
        states: all that lie in its folder.
        has_place: tells whether the consumer group of this job has committed offsets;
            asked only if it matters.
    """

    name: str
    jobs: Sequence[Job]
    own: Sequence[str]
    states: Sequence[State]
    has_place: Callable[[], bool]


def decide(situation: Situation, *, fresh_start: bool) -> str | None:
    """Where a job is to start.

    Args:
        situation: what is known.
        fresh_start: whether a start without state is asked for.

    Returns:
        The path of the state to go on from; None to start without.

    Raises:
        UsageError: it must not be started so; the message says what to do.
    """
    name = situation.name
    alive = [job for job in situation.jobs if not job.over]
    if alive:
        msg = (
            f"Flink has a job {name} that is {alive[0].state}: stop it first, with"
            " python -m pipeline.flink_stop, or give another --job_name"
        )
        raise UsageError(msg)
    if fresh_start:
        return None
    newest = _newest(situation.own, situation.states)
    if newest is not None:
        return newest.path
    if not situation.has_place():
        return None
    strangers = len({state.job for state in situation.states})
    others = f" (there are some of {strangers} other jobs)" if strangers else ""
    msg = (
        f"the consumer group of job {name} has been read from, but --flink_state holds"
        f" no savepoint or checkpoint of it{others}. Name one with --savepoint_path; or"
        " give --fresh_start to go on at the committed offsets: what the job had read"
        " and not stored yet is then missing, until the topic is read again under a new"
        " --kafka_group"
    )
    raise UsageError(msg)


def _newest(own: Sequence[str], states: Sequence[State]) -> State | None:
    """The last checkpoint of the last job that has one."""
    for job in reversed(own):
        of_job = [state for state in states if job.startswith(state.job)]
        if of_job:
            return max(of_job, key=lambda state: state.number)
    return None


@dataclasses.dataclass(frozen=True)
class FlinkJob:
    """A job that keeps its name from start to start.

    Args:
        flink: the cluster.
        name: of the job.
        state: folder of savepoints and checkpoints, as the cluster and we see it.
    """

    flink: FlinkRest
    name: str
    state: Folder

    def starting_point(
        self, has_place: Callable[[], bool], *, fresh_start: bool = False
    ) -> str | None:
        """Where to start; see `decide`.

        Raises:
            UsageError: it must not be started.
            FlinkError: the cluster does not say what it runs.
            OSError: the folder cannot be read or written.
        """
        jobs = self._jobs()
        situation = Situation(
            name=self.name,
            jobs=jobs,
            own=self._remember([job.id for job in reversed(jobs)]),
            states=states_in(self.state),
            has_place=has_place,
        )
        return decide(situation, fresh_start=fresh_start)

    def follow(self, is_over: Callable[[], bool]) -> Job:
        """Waits until a job that was handed in is listed, and remembers its id.

        Args:
            is_over: whether whoever took it says that it has failed.

        Raises:
            FlinkError: it is not listed.
        """
        deadline = time.monotonic() + _LONGEST_SUBMIT
        while True:
            alive = [job for job in self._jobs() if not job.over]
            if alive:
                self._remember([alive[0].id])
                return alive[0]
            if is_over() or time.monotonic() > deadline:
                msg = f"Flink did not start job {self.name}: its logs say why"
                raise FlinkUnavailableError(msg)
            time.sleep(_POLL_S)

    def _jobs(self) -> list[Job]:
        return [job for job in self.flink.jobs() if job.name == self.name]

    def _remember(self, ids: Sequence[str]) -> list[str]:
        """Adds to the ids that the name has had; returns all, the last one last."""
        own: list[str] = []

        def add(content: bytes | None) -> bytes | None:
            known = orjson.loads(content) if content else []
            own[:] = [*known, *(each for each in ids if each not in known)]
            return None if own == known else orjson.dumps(own)

        file = urllib.parse.quote(self.name, safe="")
        (self.state / "jobs").update(f"{file}.json", add)
        return own
