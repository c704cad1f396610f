"""The entries of one Bundle on their way to an answer each."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson

from pipeline.fhir_errors import FhirRefusedError
from pipeline.fhir_exchange import PASSING, BusyError, Exchange, Reply
from transforms import exact_json
from transforms.bundle import Entry, Outcome, batch, etag, id_of, outcomes, version_of

Traffic = Counter[str]
"""Requests, of these repeated ones, and milliseconds spent waiting for the server."""


class Work:
    """The entries of one Bundle and the answers so far.

    Args:
        exchange: with the server.
        entries: what to ask.
        exact: whether numbers keep their digits.
    """

    def __init__(
        self, exchange: Exchange, entries: Sequence[Entry], exact: bool
    ) -> None:
        self._exchange = exchange
        self._entries = entries
        self._exact = exact
        self._answers: dict[int, Outcome] = {}
        self._tried = False
        self.traffic = Traffic()

    def settled(self) -> list[Outcome]:
        """The answers, in the order of the entries; there must be one for each."""
        return [self._answers[number] for number in range(len(self._entries))]

    def attempt(self, *, alone: bool) -> None:
        """Asks once for what has no answer yet.

        Raises:
            BusyError: something still has none.
            FhirRefusedError: the server will not have us.
        """
        left = [n for n in range(len(self._entries)) if n not in self._answers]
        self.traffic["FhirRetry"] += self._tried
        self._tried = True
        busy: BusyError | None = None
        if alone:
            for number in left:
                try:
                    self._ask_alone(number)
                except BusyError as error:
                    busy = error
        else:
            busy = self._ask(left)
        if busy is not None:
            raise busy

    def _ask(self, numbers: Sequence[int]) -> BusyError | None:
        """Asks for some entries in one Bundle; returns why some have no answer."""
        entries = [self._entries[number] for number in numbers]
        body = batch(entries, self._exchange.base)
        reply = self._request("POST", "", body)
        if reply.status in _NO_BUNDLES:
            raise self._without_bundles(reply.status)
        if reply.status >= 400:
            return self._ask_halves(numbers)
        try:
            found = outcomes(self._parsed(reply), len(entries))
        except ValueError as error:
            reason = "its answer is no batch-response to what was sent"
            raise BusyError(reason) from error
        self._exchange.takes_bundles = True
        return self._note(numbers, found)

    def _without_bundles(self, status: int) -> BusyError | FhirRefusedError:
        if self._exchange.takes_bundles:  # it is being restarted, or its gateway is
            return BusyError(f"status {status}")
        if status == 415:
            fix = "if it is a FHIR server, it may without --fhir_gzip"
        else:
            fix = (
                "is it the base address of a FHIR server? If it is,"
                " --fhir_bundle_size=1 does without Bundles"
            )
        msg = f"{self._exchange.base} takes no Bundles ({status}): {fix}"
        return FhirRefusedError(msg)

    def _ask_halves(self, numbers: Sequence[int]) -> BusyError | None:
        """One entry that cannot be read makes some servers refuse all of them."""
        if len(numbers) == 1:
            self._ask_alone(numbers[0])
            return None
        middle = len(numbers) // 2
        first = self._ask(numbers[:middle])
        return self._ask(numbers[middle:]) or first

    def _ask_alone(self, number: int) -> None:
        entry = self._entries[number]
        url, body, headers = _plain(entry)
        method = "POST" if url.endswith("/_search") else entry.method
        reply = self._request(method, f"/{url}", body, headers)
        busy = self._note([number], [self._outcome(entry, reply)])
        if busy is not None:
            raise busy

    def _outcome(self, entry: Entry, reply: Reply) -> Outcome:
        document = None
        try:
            document = self._parsed(reply) if reply.content else None
        except ValueError as error:
            if entry.method == "GET" and reply.status < 400:
                reason = "its answer is no JSON"
                raise BusyError(reason) from error
        found = document if isinstance(document, dict) else None
        is_issue = found is not None and found.get("resourceType") == "OperationOutcome"
        location = reply.headers.get("Location") or reply.headers.get(
            "Content-Location", ""
        )
        return Outcome(
            reply.status,
            None if is_issue or entry.method != "GET" else found,
            found if is_issue else None,
            version_of(reply.headers.get("ETag", "")),
            id_of(location),
        )

    def _without_ids(self, entry: Entry, status: int) -> FhirRefusedError:
        kind = entry.url.partition("/")[0].partition("?")[0]
        wanted = "client" if entry.is_conditional else "server"
        msg = (
            f"{self._exchange.base} does not allow {entry.method} of {kind} ({status}):"
            f" try --fhir_ids={wanted}, or ask its administrator"
        )
        return FhirRefusedError(msg)

    def _parsed(self, reply: Reply) -> Any:
        if self._exact:
            return exact_json.loads(reply.content)
        return orjson.loads(reply.content)

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        self.traffic["FhirRequest"] += 1
        try:
            reply = self._exchange.request(method, path, body, headers or {})
        except BusyError as busy:
            self.traffic["FhirRequestMs"] += busy.milliseconds
            raise
        self.traffic["FhirRequestMs"] += reply.milliseconds
        return reply

    def _note(
        self, numbers: Sequence[int], found: Sequence[Outcome]
    ) -> BusyError | None:
        busy = None
        for number, outcome in zip(numbers, found, strict=True):
            status, entry = outcome.status, self._entries[number]
            if status in (401, 403):
                raise self._exchange.refused(status)
            if status in (405, 501) and entry.method in ("PUT", "POST"):
                raise self._without_ids(entry, status)
            if status >= 500 or status in PASSING or _is_race(entry, status):
                busy = BusyError(f"status {status} for some resources")
            else:
                self._answers[number] = outcome
        return busy


_NO_BUNDLES = (404, 405, 415, 501)
"""What a server answers that knows no Bundles, or no FHIR."""


def _is_race(entry: Entry, status: int) -> bool:
    """Whether another writer was at work, and trying again is all there is to do."""
    if entry.if_match is not None or entry.if_none_match or entry.method == "DELETE":
        return False
    return status == 409 or (status == 412 and not _is_conditional(entry))


def _is_conditional(entry: Entry) -> bool:
    return entry.is_conditional or entry.if_none_exist is not None


def _plain(entry: Entry) -> tuple[str, bytes | None, dict[str, str]]:
    """Address, body and headers of an entry that goes without a Bundle.

    What is searched for goes into the body: addresses stand in the logs of servers.
    """
    headers: dict[str, str] = {}
    if entry.if_match is not None:
        headers["If-Match"] = etag(entry.if_match)
    if entry.if_none_match:
        headers["If-None-Match"] = "*"
    if entry.if_none_exist is not None:
        headers["If-None-Exist"] = entry.if_none_exist
    path, _, query = entry.url.partition("?")
    if entry.method == "GET" and query and path[:1].isupper() and "/" not in path:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return f"{path}/_search", query.encode(), headers
    return entry.url, entry.body, headers
