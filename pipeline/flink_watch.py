r"""Watches the age of a streaming job's last checkpoint, and has its workers restarted.

A job can hang and still be RUNNING: a worker that died while it was being started is
waited for without end, and no task fails. What tells is that no checkpoint completes.
Restarting the TaskManagers with their worker pools then lets Flink restore the job from
its last checkpoint.

    python -m pipeline.flink_watch --flink_rest=http://jobmanager:8081 \
        --job_name=vitalbeam --max_age_s=300 -- systemctl restart flink-taskmanager

runs the command whenever the job has been stuck for so long. With `--port=8090` it
answers `GET /live` instead, 200 or 503, for the liveness probe of an orchestrator. A
cluster that does not answer, or runs no such job, is not what restarting workers would
cure: both count as healthy, and are for alerts.
"""

import argparse
import dataclasses
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NoReturn

from pipeline.flink_rest import FlinkRest
from pipeline.flink_state import Checkpoints, FlinkError, Job

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """How a job is.

    Args:
        stuck: whether its workers should be restarted.
        state: Flink's word, or what there is instead of a job.
        reason: one sentence, for people.
    """

    stuck: bool
    state: str
    reason: str


def judge(
    job: Job, checkpoints: Checkpoints, since: datetime, now: datetime, limit: timedelta
) -> Verdict:
    """Whether a job has gone too long without a checkpoint.

    When it was restored does not count: a job that is restored again and again, and
    never gets to a checkpoint, is stuck too.

    Args:
        job: as the cluster lists it.
        checkpoints: its own.
        since: when watching began, or began again after a restart or an outage.
        now: the time; the cluster's clock should not differ by much.
        limit: the age from which it is stuck.
    """
    if job.over:
        return Verdict(False, job.state, f"job {job.name} is {job.state}")
    last = max((each.completed_at for each in checkpoints.completed), default=None)
    idle = now - max(last or job.started_at, job.started_at, since)
    what = "no checkpoint yet"
    if last is not None:
        what = f"the last checkpoint is {(now - last).total_seconds():.0f} s old"
    said = f"job {job.name} is {job.state}, {what}"
    if idle <= limit:
        return Verdict(False, job.state, said)
    allowed = f"{limit.total_seconds():.0f} s"
    return Verdict(True, job.state, f"{said}, and {allowed} are allowed: stuck")


class Watch:
    """Looks at a job again and again.

    Args:
        flink: the cluster.
        name: of the job.
        limit: the age of a checkpoint from which the job is stuck.
        clock: gives the time.
    """

    def __init__(
        self,
        flink: FlinkRest,
        name: str,
        limit: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._flink, self._name = flink, name
        self._limit, self._clock = limit, clock
        self._since = clock()

    def look(self) -> Verdict:
        """How the job is now."""
        try:
            job = self._flink.job(self._name)
            if job is None:
                return Verdict(False, "no job", f"there is no job {self._name}")
            checkpoints = self._flink.checkpoints(job.id)
        except FlinkError as error:
            # Nothing could complete meanwhile: what comes back gets its full time.
            self.forgive()
            return Verdict(False, "no answer", str(error))
        return judge(job, checkpoints, self._since, self._clock(), self._limit)

    def forgive(self) -> None:
        """Lets the time begin anew, as after a restart."""
        self._since = self._clock()


def _serve(port: int, latest: list[Verdict]) -> ThreadingHTTPServer:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answers a probe."""
            verdict = latest[-1]
            found = self.path == "/live"
            status = (503 if verdict.stuck else 200) if found else 404
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.end_headers()
            self.wfile.write(f"{verdict.reason if found else 'ask /live'}\n".encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """A probe every few seconds is nothing to tell."""

    server = ThreadingHTTPServer(("", port), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _restart(command: Sequence[str]) -> None:
    # Whoever starts the watch names the command, as with `watch` or `timeout`.
    status = subprocess.run(command, check=False).returncode  # noqa: S603
    _LOG.info("%s: exit status %d", command[0], status)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.flink_watch",
        description="Restarts the workers of a Flink job whose checkpoints stop.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--flink_rest", metavar="URL", required=True, help="as http://jobmanager:8081"
    )
    parser.add_argument("--job_name", metavar="NAME", required=True)
    parser.add_argument(
        "--max_age_s",
        type=float,
        default=300,
        metavar="S",
        help="age of the last checkpoint from which a job is stuck (default 300); many"
        " times the interval, and longer than --fhir_retry_s",
    )
    parser.add_argument(
        "--every_s", type=float, default=10, metavar="S", help="seconds between looks"
    )
    parser.add_argument("--port", type=int, metavar="N", help="answer GET /live there")
    parser.add_argument(
        "command", nargs="*", help="after --: run when the job is stuck"
    )
    flags = parser.parse_args(argv)
    if flags.port is None and not flags.command:
        parser.error("give --port=N or, after --, a command to run")
    if flags.max_age_s <= 0 or flags.every_s <= 0:
        parser.error("--max_age_s and --every_s must be positive")
    return flags


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Watches until it is ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    flags = _parse(sys.argv[1:] if argv is None else argv)
    try:
        flink = FlinkRest(flags.flink_rest)
    except FlinkError as error:
        sys.stderr.write(f"flink_watch: --flink_rest: {error}\n")
        sys.exit(2)
    watch = Watch(flink, flags.job_name, timedelta(seconds=flags.max_age_s))
    latest = [Verdict(False, "", "not looked yet")]
    if flags.port is not None:
        _serve(flags.port, latest)
    while True:
        verdict = watch.look()
        if (verdict.stuck, verdict.state) != (latest[-1].stuck, latest[-1].state):
            _LOG.info("%s", verdict.reason)
        latest[:] = [verdict]
        if verdict.stuck and flags.command:
            _restart(flags.command)
            watch.forgive()
        time.sleep(flags.every_s)


if __name__ == "__main__":
    main()
