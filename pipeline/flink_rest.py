"""What a Flink cluster tells of its jobs over REST, and what it can be asked to do.

https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/rest_api/; the same
from Flink 1.13 to 2.x. Exceptions and stack traces of jobs are never repeated: they may
hold values of messages.
"""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from pipeline.flink_state import (
    OVER,
    Checkpoints,
    Cluster,
    FlinkRefusedError,
    FlinkUnavailableError,
    Job,
    checkpoints_of,
    moment,
)

_POLL_S = 0.5

_STARTING = "Not all required tasks are currently running"
"""Flink's words for a job that has just been started or restored: soon it will do."""


class FlinkRest:
    """A client of a JobManager.

    Args:
        address: as http://jobmanager:8081.
        timeout_s: seconds that an answer may take.

    Raises:
        FlinkRefusedError: the address is none.
    """

    def __init__(self, address: str, timeout_s: float = 10) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            msg = "a Flink cluster is named as http://jobmanager:8081"
            raise FlinkRefusedError(msg)
        self._base = address.rstrip("/")
        # An address may hold a password: it stays out of what people read.
        self._place = f"Flink at {parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._timeout_s = timeout_s
        self._session = requests.Session()
        # Only what changes nothing is asked again, while a JobManager changes.
        again = Retry(3, backoff_factor=0.2, status_forcelist=(502, 503, 504))
        again = again.new(allowed_methods=("GET",), raise_on_status=False)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))

    def cluster(self) -> Cluster:
        """What there is to run jobs on.

        Raises:
            FlinkError: it does not say.
        """
        found = self._ask("GET", "/overview")
        return Cluster(
            found["flink-version"],
            found["taskmanagers"],
            found["slots-total"],
            found["slots-available"],
        )

    def jobs(self) -> tuple[Job, ...]:
        """Every job that the cluster remembers, the one submitted last first.

        Raises:
            FlinkError: it does not say.
        """
        found = self._ask("GET", "/jobs/overview")["jobs"]
        jobs = (
            Job(each["jid"], each["name"], each["state"], moment(each["start-time"]))
            for each in found
        )
        return tuple(sorted(jobs, key=lambda job: job.started_at, reverse=True))

    def job(self, name: str) -> Job | None:
        """The job of that name that is not over, else the last that was, else None.

        Raises:
            FlinkError: it does not say, or several of that name are not over.
        """
        jobs = [job for job in self.jobs() if job.name == name]
        alive = [job for job in jobs if not job.over]
        if len(alive) > 1:
            msg = (
                f"{self._place} runs {len(alive)} jobs named {name}: cancel all but one"
            )
            raise FlinkRefusedError(msg)
        return next(iter(alive or jobs), None)

    def state(self, job_id: str) -> str:
        """Flink's word for how a job is.

        Raises:
            FlinkError: it does not say.
        """
        return str(self._ask("GET", f"/jobs/{quote(job_id)}")["state"])

    def checkpoints(self, job_id: str) -> Checkpoints:
        """What is known of the checkpoints of a job.

        Raises:
            FlinkError: it does not say.
        """
        return checkpoints_of(self._ask("GET", f"/jobs/{quote(job_id)}/checkpoints"))

    def savepoint(
        self, job_id: str, folder: str | None = None, *, wait_s: float = 300
    ) -> str:
        """Has the state of a job stored; the job goes on.

        Args:
            job_id: of the job.
            folder: where to, as the cluster sees it; None for the one it is set to.
            wait_s: seconds that it may take.

        Returns:
            The path, for `--savepoint_path`.

        Raises:
            FlinkError: it could not.
        """
        body = {"target-directory": folder, "cancel-job": False}
        return self._stored(job_id, "savepoints", body, wait_s)

    def stop(
        self, job_id: str, folder: str | None = None, *, wait_s: float = 300
    ) -> str:
        """Has the state of a job stored, and the job end: nothing is lost.

        What it still does between the two it will do again, which changes nothing.

        Args:
            job_id: of the job.
            folder: where to, as the cluster sees it; None for the one it is set to.
            wait_s: seconds that it may take.

        Returns:
            The path, for `--savepoint_path`.

        Raises:
            FlinkError: it could not; the job goes on.
        """
        # Flink's own stop ends the sources, drained or not: Beam takes that for the end
        # of all times, and closes every window as if no more messages were to come.
        body = {"target-directory": folder, "cancel-job": True}
        path = self._stored(job_id, "savepoints", body, wait_s)
        self.wait_until_over(job_id, wait_s)
        return path

    def cancel(self, job_id: str, *, wait_s: float = 60) -> None:
        """Ends a job at once; what its checkpoints hold is kept if it is set so.

        Raises:
            FlinkError: it could not.
        """
        self._ask("PATCH", f"/jobs/{quote(job_id)}?mode=cancel")
        self.wait_until_over(job_id, wait_s)

    def wait_until_over(self, job_id: str, wait_s: float) -> None:
        """Returns when a job is over.

        Raises:
            FlinkUnavailableError: it is not, after that many seconds.
        """
        deadline = time.monotonic() + wait_s
        while (state := self.state(job_id)) not in OVER:
            if time.monotonic() > deadline:
                msg = f"{self._place}: job {job_id} is {state} after {wait_s:g} s"
                raise FlinkUnavailableError(msg)
            time.sleep(_POLL_S)

    def _stored(
        self, job_id: str, what: str, body: Mapping[str, Any], wait_s: float
    ) -> str:
        deadline = time.monotonic() + wait_s
        while True:
            found = self._triggered(f"/jobs/{quote(job_id)}", what, body, deadline)
            if found is not None and "location" in found:
                return str(found["location"])
            cause = (found or {}).get("failure-cause", {})
            if found is None or time.monotonic() > deadline:
                msg = f"{self._place}: no savepoint of {job_id} after {wait_s:g} s"
                raise FlinkUnavailableError(msg)
            if _STARTING not in cause.get("stack-trace", ""):
                kind = cause.get("class", "no reason given")
                msg = (
                    f"{self._place}: no savepoint of {job_id} ({kind}): is its folder"
                    " there for every worker? The JobManager's log says more"
                )
                raise FlinkRefusedError(msg)
            time.sleep(_POLL_S)

    def _triggered(
        self, job: str, what: str, body: Mapping[str, Any], deadline: float
    ) -> Mapping[str, Any] | None:
        """What became of a savepoint; None if nothing yet."""
        trigger = self._ask("POST", f"{job}/{what}", body)["request-id"]
        while True:
            found = self._ask("GET", f"{job}/savepoints/{trigger}")
            if found["status"]["id"] == "COMPLETED":
                operation: Mapping[str, Any] = found["operation"]
                return operation
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL_S)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            answer = self._session.request(
                method, self._base + path, json=body, timeout=self._timeout_s
            )
        except requests.RequestException as error:
            kind = type(error).__name__
            msg = f"{self._place} does not answer ({kind}): is the JobManager up?"
            raise FlinkUnavailableError(msg) from None
        return _document(answer, f"{self._place}: {path.partition('?')[0]}")


def _document(answer: requests.Response, place: str) -> Any:
    status = answer.status_code
    if status >= 500:
        msg = f"{place}: status {status}; try again, the JobManager's log says more"
        raise FlinkUnavailableError(msg)
    if status == 404:
        msg = f"{place}: the cluster knows nothing of it"
        raise FlinkRefusedError(msg)
    if not answer.ok:
        msg = f"{place}: status {status}: is this a JobManager, and may we ask it?"
        raise FlinkRefusedError(msg)
    try:
        return answer.json()
    except requests.exceptions.JSONDecodeError as error:
        msg = f"{place}: the answer is no JSON: is this the address of a JobManager?"
        raise FlinkRefusedError(msg) from error
