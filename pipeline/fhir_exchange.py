"""One HTTP request to a FHIR server and its answer: pooling, TLS, tokens, deadlines."""

import email.utils
import gzip
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import NamedTuple

import requests
import urllib3

from pipeline.fhir_auth import Tokens, tokens_of
from pipeline.fhir_endpoint import explained, how_to_send
from pipeline.fhir_errors import FhirRefusedError, FhirUnavailableError
from pipeline.fhir_settings import FhirServer

_CONNECT_S = 10.0
"""Seconds to wait for a connection: longer than any that will be made."""

_JSON = "application/fhir+json"

PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that a later try may change."""


class BusyError(Exception):
    """No proper answer this time; a later try may get one.

    Args:
        reason: in a few words, without anything sent or received.
        retry_after: seconds the server asks to wait.
        milliseconds: that passed without an answer.
    """

    def __init__(
        self, reason: str, retry_after: float = 0, milliseconds: int = 0
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.milliseconds = milliseconds


class Reply(NamedTuple):
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    milliseconds: int
    """From sending to the last byte."""


class Exchange:
    """Requests to one server. One serves all threads: each has its own connection.

    Args:
        server: where it is and who we are there.

    Raises:
        FhirRefusedError: there is no file of trusted certificates.
    """

    def __init__(self, server: FhirServer) -> None:
        self._server = server
        self._how = how_to_send(server)
        self._local = threading.local()
        self.takes_bundles = False
        """Whether the server has answered one properly."""

    @property
    def base(self) -> str:
        """Service base URL."""
        return self._server.base

    @property
    def compresses(self) -> bool:
        """Whether Bundles are sent compressed."""
        return self._server.gzip

    def request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        """Sends one request; a token that the server no longer takes is renewed once.

        Args:
            method: of HTTP.
            path: what follows the base, with its slash.
            body: JSON, unless the headers say otherwise.
            headers: on top of the usual ones.

        Returns:
            An answer with a status below 500 that no later try would change.

        Raises:
            BusyError: there is none.
            FhirRefusedError: it is 401, 403 or sends us elsewhere.
        """
        tokens = tokens_of(self._server)
        reply = self._once(method, path, body, headers, tokens)
        if reply.status == 401 and tokens is not None:
            reply = self._once(method, path, body, headers, tokens)
        if reply.status in (401, 403):
            raise self.refused(reply.status)
        if 300 <= reply.status < 400:
            msg = (
                f"{self.base} sends us elsewhere ({reply.status}): give --fhir the"
                " address it is found at"
            )
            raise FhirRefusedError(msg)
        if (reply.status >= 500 and reply.status != 501) or reply.status in PASSING:
            reason = f"status {reply.status}"
            pause = retry_after(reply.headers.get("Retry-After", ""))
            raise BusyError(reason, pause, reply.milliseconds)
        return reply

    def refused(self, status: int) -> FhirRefusedError:
        """What to do about 401 and 403."""
        kind = self._server.auth.kind
        if status == 403:
            fix = (
                "give the client rights to read and write Patient, Device and"
                " Observation there"
            )
        elif kind == "none":
            fix = "say who you are with --fhir_auth"
        else:
            fix = f"it does not take what --fhir_auth={kind} gives: correct that"
        return FhirRefusedError(f"{self.base} refuses us ({status}): {fix}")

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        tokens: Tokens | None,
    ) -> Reply:
        every = {"Accept": _JSON, "Prefer": "return=minimal"}
        if body is not None:
            every["Content-Type"] = f"{_JSON}; charset=utf-8"
            # Bundles only: what is sent alone shows whether compressing is at fault.
            if self.compresses and not path:
                every["Content-Encoding"] = "gzip"
                body = gzip.compress(body, 1, mtime=0)
        token = None if tokens is None else _token(tokens)
        if token is not None:
            every["Authorization"] = f"Bearer {token}"
        started = time.monotonic()
        try:
            reply = self._send(method, path, body, {**every, **headers}, started)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            known = explained(error, self.base, self._server.timeout_s)
            if isinstance(known, FhirRefusedError):
                raise known from None  # the cause holds what was sent
            spent = round((time.monotonic() - started) * 1000)
            raise BusyError(_reason(error), milliseconds=spent) from None
        if reply.status == 401 and tokens is not None and token is not None:
            tokens.refuse(token)
        return reply

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        started: float,
    ) -> Reply:
        limit = self._server.timeout_s
        with self._session().request(
            method,
            f"{self.base}{path}",
            data=body,
            headers=headers,
            stream=True,
            **{**self._how, "timeout": (min(limit, _CONNECT_S), limit)},
        ) as response:
            content = bytearray()
            # Each read has its timeout; a server that drips must end all the same.
            while chunk := response.raw.read1(decode_content=True):
                content += chunk
                if time.monotonic() - started > limit:
                    raise requests.ReadTimeout
            if response.raw.length_remaining:
                raise requests.exceptions.ContentDecodingError
            spent = round((time.monotonic() - started) * 1000)
            return Reply(response.status_code, response.headers, bytes(content), spent)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.auth = _no_auth  # else a .netrc would be looked at
        return session


def _token(tokens: Tokens) -> str:
    try:
        return tokens.token()
    except FhirUnavailableError as error:
        raise BusyError(str(error)) from error


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _reason(error: Exception) -> str:
    """What went wrong with a connection; the texts of libraries may quote addresses."""
    if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        return "no TLS"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "timeout"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not connect us"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "its answer breaks off"


def retry_after(header: str, now: datetime | None = None) -> float:
    """Seconds that a Retry-After header asks for; 0 for none or nonsense.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after

    >>> retry_after("3"), retry_after("soon")
    (3.0, 0.0)
    """
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - (now or datetime.now(timezone.utc))).total_seconds())
