"""Talking to a FHIR server: many interactions at a time, until each has an answer.

What may pass by itself is tried again, with growing pauses that no two workers share
and never shorter than the server asks for: no connection, a timeout, a broken or absurd
answer, 408, 425, 429 and 5xx, of the whole request or of one entry. Writing again is
safe, because everything we write says under which id or identifier. After `retry_s` it
is `FhirUnavailableError`, and whoever runs us tries again later: nothing is given up.

What is wrong with us (401, 403, an address that is no FHIR server) is
`FhirRefusedError`. What is wrong with one resource is its `Outcome`, for the caller to
judge.
"""

import dataclasses
import functools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

import tenacity

from pipeline.fhir_errors import (
    FhirRefusedError,
    FhirServerError,
    FhirUnavailableError,
)
from pipeline.fhir_exchange import BusyError, Exchange
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_work import Traffic, Work
from pipeline.options import UsageError
from transforms.bundle import Entry, Outcome, split

_LONGEST_PAUSE = 30.0
"""Seconds between two tries, unless the server asks for more."""


class FhirClient:
    """Sends entries to one server. One serves all threads of a process.

    Args:
        server: where it is and how we write to it.
    """

    def __init__(self, server: FhirServer) -> None:
        self.server = server
        self._exchange = Exchange(server)
        self._pool = ThreadPoolExecutor(server.connections, "fhir")

    def send(
        self, entries: Sequence[Entry], *, exact: bool = False
    ) -> tuple[list[Outcome], Traffic]:
        """Has the server do all entries, in any order and several Bundles at a time.

        Args:
            entries: no two write one resource.
            exact: whether numbers of resources that are read keep their digits.

        Returns:
            What the server says to each entry: done, or refused for good. A conflict
            (409, 412) is an answer only where the entry has a condition or deletes.

        Raises:
            FhirUnavailableError: an entry has no answer after all tries.
            FhirRefusedError: the server will not have us.
        """
        most_bytes = int(self.server.bundle_mb * 1_000_000)
        parts = list(split(entries, self.server.bundle_size, most_bytes))
        halt = threading.Event()
        if len(parts) == 1:
            return self._settle(entries, exact, halt)
        futures = [
            self._pool.submit(self._settle, entries[part], exact, halt)
            for part in parts
        ]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            _raise_first(futures)
        except BaseException:
            # Neither the next Bundles nor a pause of minutes: it has failed already.
            halt.set()
            for future in futures:
                future.cancel()
            wait([future for future in futures if not future.cancelled()])
            raise
        results = [future.result() for future in futures]
        total = sum((traffic for _found, traffic in results), Traffic())
        return [outcome for found, _traffic in results for outcome in found], total

    def get(self, path: str) -> dict[str, Any]:
        """Reads a document below the base, e.g. `metadata`; or a page of a search.

        Raises:
            FhirUnavailableError, FhirRefusedError: as `send`.
        """
        base = self.server.base
        if "://" in path:
            # Only there: the token is for this server, and so is what we ask.
            if not path.startswith((f"{base}/", f"{base}?")):
                msg = f"{base} sends us elsewhere for more results of a search"
                raise FhirRefusedError(msg)
            path = path.removeprefix(base).removeprefix("/")
        entry = Entry("GET", path)
        (found,), _traffic = self._settle([entry], False, threading.Event(), alone=True)
        if found.resource is None:
            msg = (
                f"{base} answers {found.status} to {path.partition('?')[0]}: is it the"
                " base address of a FHIR server?"
            )
            raise FhirRefusedError(msg)
        return found.resource

    def _settle(
        self,
        entries: Sequence[Entry],
        exact: bool,
        halt: threading.Event,
        *,
        alone: bool = False,
    ) -> tuple[list[Outcome], Traffic]:
        """Tries until every entry of a Bundle has an answer."""
        work = Work(self._exchange, entries, exact)
        alone = alone or self.server.bundle_size == 1
        try:
            for attempt in _tries(self.server.retry_s, halt):
                with attempt:
                    work.attempt(alone=alone)
        except BusyError as busy:
            tries = attempt.retry_state.attempt_number
            often = "once" if tries == 1 else f"{tries} times"
            msg = (
                f"{self.server.base} gives no proper answer ({busy.reason}), tried"
                f" {often}: nothing is lost, try again when it does"
            )
            raise FhirUnavailableError(msg) from busy
        return work.settled(), work.traffic


def _tries(seconds: float, halt: threading.Event) -> Iterator[tenacity.AttemptManager]:
    return iter(
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BusyError),
            wait=_pause,
            stop=tenacity.stop_any(
                tenacity.stop_before_delay(seconds),
                tenacity.stop_when_event_set(halt),
            ),
            sleep=tenacity.sleep_using_event(halt),
            reraise=True,
        )
    )


_jitter = tenacity.wait_random_exponential(multiplier=0.5, max=_LONGEST_PAUSE)


def _pause(state: tenacity.RetryCallState) -> float:
    """What the server asks for, and something random on top."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after if isinstance(error, BusyError) else 0
    return asked + _jitter(state)


def _raise_first(futures: Sequence[Future[Any]]) -> None:
    for future in futures:
        if future.done() and (error := future.exception()) is not None:
            raise error


@functools.cache
def client_of(server: FhirServer) -> FhirClient:
    """The client of a server, the same for the whole process."""
    return FhirClient(server)


_CHECK_S = 15.0
"""Seconds that a server may take to answer at a launch."""


def check_server(server: FhirServer) -> None:
    """Asks a server whether it is what we can write to.

    Raises:
        UsageError: it is not, or it cannot be reached.
    """
    hasty = dataclasses.replace(server, retry_s=min(server.retry_s, _CHECK_S))
    try:
        statement = FhirClient(hasty).get("metadata?_summary=true")
    except FhirServerError as error:
        raise UsageError(str(error)) from error
    version = str(statement.get("fhirVersion", ""))
    if not version.startswith("4.0"):
        known = f"speaks FHIR {version}" if version else "does not say it speaks FHIR"
        msg = f"{server.base} {known}: vitalbeam writes R4 (4.0.1)"
        raise UsageError(msg)
