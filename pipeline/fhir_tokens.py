"""Tokens: given by somebody else, or fetched and kept until shortly before their end.

No message, repr or log names a token or a secret.
"""

import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pipeline.fhir_errors import (
    FhirRefusedError,
    FhirServerError,
    FhirUnavailableError,
)
from pipeline.fhir_settings import FhirServer

_LOG = logging.getLogger(__name__)

_MARGIN_S = 60.0
"""Seconds before its end that a token is renewed, if it lives for some minutes."""

_TRAVEL_S = 5.0
"""Seconds that a request may need until its token is looked at, likewise."""

_WORD = re.compile(r"[!-~]+")
"""What fits into a header: anything else would be quoted in an error of requests."""

_LINE = re.compile(r"[ -~]+")


class Tokens(Protocol):
    """Tokens for one server. One object serves all threads."""

    def token(self) -> str:
        """A token that is still good.

        Raises:
            FhirUnavailableError: there is none now; later there may be.
            FhirRefusedError: there is none, and trying again does not help.
        """

    def refuse(self, token: str) -> None:
        """Notes that the server answered 401 to a token: it is not given again."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A token as it was granted.

    Args:
        token: what to send.
        seconds: how long it is good, from when it was asked for; None if nobody says.
    """

    token: str = field(repr=False)
    seconds: float | None

    @property
    def lifetime(self) -> float:
        """Seconds; for ever if nobody says, or if clocks disagree about it."""
        return self.seconds if self.seconds and self.seconds > 0 else math.inf


Fetch = Callable[[FhirServer], Grant]
"""Asks for a new token; raises as `Tokens.token`."""


def is_word(text: object) -> bool:
    """Whether something can be a token: printable ASCII without a space."""
    return isinstance(text, str) and _WORD.fullmatch(text) is not None


def read_secret(name: str, file: str | None, variable: str | None) -> str:
    """Reads what a setting `<name>_file` or `<name>_env` points at.

    Raises:
        FhirRefusedError: there is nothing, or nothing that can be sent.
    """
    flag = f"--fhir_{name}_{'env' if file is None else 'file'}"
    if file is None:
        place = f"the environment variable {variable}"
        text = os.environ.get(variable or "", "")
    else:
        place = file
        try:
            text = Path(file).read_text("utf-8-sig", "replace")
        except OSError as error:
            msg = f"{flag}: {file} cannot be read where this runs: {error.strerror}"
            raise FhirRefusedError(msg) from error
    text = text.strip()
    noun = name.removeprefix("client_")
    if not text:
        msg = f"{flag}: {place} holds nothing where this runs: put the {noun} there"
        raise FhirRefusedError(msg)
    if not (_WORD if noun == "token" else _LINE).fullmatch(text):
        shape = "one word of ASCII" if noun == "token" else "one line of ASCII"
        msg = f"{flag}: {place} holds no {noun}: that is {shape}"
        raise FhirRefusedError(msg)
    return text


class GivenTokens:
    """A token that somebody else keeps fresh, in a file or environment variable.

    It is read whenever it is used: whoever replaces the file need not tell us.
    """

    def __init__(self, server: FhirServer) -> None:
        self._server = server
        self._refused: str | None = None

    def __repr__(self) -> str:
        return f"GivenTokens({self._server.base!r})"

    def token(self) -> str:
        """See `Tokens`."""
        auth = self._server.auth
        token = read_secret("token", auth.token_file, auth.token_env)
        if token == self._refused:
            place = auth.token_file or f"the environment variable {auth.token_env}"
            msg = (
                f"{self._server.base} refuses the token in {place}: put a new one there"
            )
            raise FhirRefusedError(msg)
        return token

    def refuse(self, token: str) -> None:
        """See `Tokens`."""
        self._refused = token


@dataclass(frozen=True, slots=True)
class _Held:
    token: str = field(repr=False)
    renew_at: float
    wait_at: float
    end: float


class KeptTokens:
    """Tokens that are fetched, and renewed before their end.

    Threads that ask at once share one request and its outcome. While a token is still
    good, only the thread that renews it waits, until shortly before its end: a token
    must not run out on its way. If renewing fails for now, it stays in use.

    Args:
        server: whom they are for.
        fetch: asks for a new one.
        clock: seconds, as `time.monotonic`.
    """

    def __init__(
        self,
        server: FhirServer,
        fetch: Fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._refused: str | None = None
        self._failed = -math.inf
        self._failure = FhirServerError()

    def __repr__(self) -> str:
        return f"KeptTokens({self._server.base!r}, {self._server.auth.kind!r})"

    def token(self) -> str:
        """See `Tokens`."""
        asked = self._clock()
        held = self._held
        if held is None or asked >= held.wait_at:
            self._lock.acquire()
        elif asked < held.renew_at or not self._lock.acquire(blocking=False):
            return held.token
        try:
            return self._renewed(asked)
        finally:
            self._lock.release()

    def refuse(self, token: str) -> None:
        """See `Tokens`."""
        with self._lock:
            if self._held is not None and self._held.token == token:
                self._held = None
                self._refused = token

    def _renewed(self, asked: float) -> str:
        """The token that another thread got while we waited, or a new one."""
        held = self._held
        if held is not None and asked < held.renew_at:
            return held.token
        if asked < self._failed:
            raise type(self._failure)(str(self._failure))
        try:
            held = self._granted()
        except FhirServerError as error:
            now = self._clock()
            if isinstance(error, FhirRefusedError) or held is None or now >= held.end:
                # Without its trace, which holds on to what was sent.
                self._failed, self._failure = now, type(error)(str(error))
                raise
            left = held.end - now
            _LOG.warning("%s; the last token is good for %.0f s more", error, left)
            again = now + max(left / 5, 1)
            held = replace(held, renew_at=again, wait_at=max(again, held.wait_at))
        self._held = held
        return held.token

    def _granted(self) -> _Held:
        started = self._clock()
        grant = self._fetch(self._server)
        kind = self._server.auth.kind
        if not is_word(grant.token):
            msg = f"--fhir_auth={kind} gives something that is no token"
            raise FhirUnavailableError(msg)
        if grant.token == self._refused:
            msg = (
                f"{self._server.base} refuses the token that --fhir_auth={kind} gives,"
                " also when asked again: does it accept tokens of this issuer and"
                " scope?"
            )
            raise FhirRefusedError(msg)
        end = started + grant.lifetime
        margin = min(_MARGIN_S, grant.lifetime / 5)
        travel = min(_TRAVEL_S, grant.lifetime / 10)
        return _Held(grant.token, end - margin, end - travel, end)
