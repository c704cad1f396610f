"""What a token endpoint answers, as a token or as a sentence for whoever runs us.

Of an answer only short error codes are repeated, never a description, and of an
address neither user nor query.
"""

import math
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from pipeline.fhir_errors import (
    FhirRefusedError,
    FhirServerError,
    FhirUnavailableError,
)
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_tokens import Grant, is_word

_PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that a later try may change."""

_CODE = re.compile(r"[a-z_]{1,40}")

_LATER = frozenset({"server_error", "temporarily_unavailable"})

_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


def place_of(url: str) -> str:
    """An address without what may be secret in it.

    >>> place_of("https://me:secret@server:8443/token?key=secret")
    'https://server:8443/token'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the token endpoint"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def how_to_send(server: FhirServer) -> dict[str, Any]:
    """Arguments that all our requests of `requests` have in common.

    Raises:
        FhirRefusedError: there is no file of trusted certificates.
    """
    if server.ca is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(server.ca)
        except OSError as error:
            msg = f"--fhir_ca: {server.ca} is no file of certificates where this runs"
            raise FhirRefusedError(msg) from error
    return {
        "timeout": server.timeout_s,
        "verify": server.ca or True,  # here, else REQUESTS_CA_BUNDLE would go before it
        "allow_redirects": False,
    }


@contextmanager
def reaching(url: str, server: FhirServer) -> Iterator[None]:
    """Says what is wrong on the way to a server, in place of requests.

    Its exceptions hold the request, and with it what was sent: they are not chained.
    """
    try:
        yield
    except requests.RequestException as error:
        raise explained(error, place_of(url), server.timeout_s) from None


def explained(error: BaseException, place: str, seconds: float) -> FhirServerError:
    """A failed request as a sentence.

    Args:
        error: of requests, or of a library that uses it.
        place: whom we asked.
        seconds: how long it may take.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = cause.verify_message.rstrip(".")
            return FhirRefusedError(
                f"{place}: its certificate is not trusted ({reason}):"
                " name the file of its authority's certificate with --fhir_ca"
            )
        if isinstance(cause, _NO_ADDRESS):
            return FhirRefusedError(
                f"{place} is no address: a token endpoint is like https://server/token"
            )
        if isinstance(cause, requests.Timeout):
            return FhirUnavailableError(f"{place} does not answer within {seconds:g} s")
        if isinstance(cause, requests.exceptions.ProxyError):
            return FhirUnavailableError(f"{place} is not reached through the proxy")
        if isinstance(cause, ssl.SSLError):
            reason = (cause.reason or "unknown").lower().replace("_", " ")
            return FhirUnavailableError(f"{place} cannot be reached by TLS: {reason}")
    reasons = [c.strerror for c in causes if isinstance(c, OSError) and c.strerror]
    reason = reasons[-1] if reasons else "the connection breaks off"
    return FhirUnavailableError(f"{place} cannot be reached: {reason}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, the innermost last."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        yield error
        seen.append(error)
        inner = (arg for arg in error.args if isinstance(arg, BaseException))
        error = error.__cause__ or error.__context__ or next(inner, None)


def document_of(
    response: requests.Response, wanted: str, fixes: Mapping[str, str], otherwise: str
) -> dict[str, Any]:
    """The JSON object of an answer, or the error that it is.

    Args:
        response: of a token endpoint, or of a server about itself.
        wanted: what is in it, in a word.
        fixes: what to do, by OAuth error code.
        otherwise: what to do about an error without one.
    """
    status, document = response.status_code, _json_of(response)
    code = code_of(document)
    failed = f"{place_of(response.url)} gives no {wanted}"
    if status >= 500 or status in _PASSING or code in _LATER:
        msg = f"{failed} for now ({code or status})"
        raise FhirUnavailableError(msg)
    if status >= 300 or (document is not None and "error" in document):
        if code is not None:
            otherwise = fixes.get(code, "whoever runs it can say why")
        elif 300 <= status < 400:
            otherwise = "give --fhir_token_url the address it sends us to"
        msg = f"{failed} ({code or status}): {otherwise}"
        raise FhirRefusedError(msg)
    if document is None:
        msg = f"{failed}: it does not answer with JSON"
        raise FhirUnavailableError(msg)
    return document


def _json_of(response: requests.Response) -> dict[str, Any] | None:
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def code_of(document: object) -> str | None:
    """The error code in an answer, if it is one that can be repeated."""
    code = document.get("error") if isinstance(document, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def grant_of(document: Mapping[str, Any], url: str) -> Grant:
    """The token in an answer: https://www.rfc-editor.org/rfc/rfc6749#section-5.1.

    Raises:
        FhirUnavailableError: there is none in it.
        FhirRefusedError: it is of a type that we do not know to use.
    """
    token, kind = document.get("access_token"), document.get("token_type", "bearer")
    if not is_word(token):
        msg = f"{place_of(url)} answers without a token"
        raise FhirUnavailableError(msg)
    if not isinstance(kind, str) or kind.lower() != "bearer":
        msg = (
            f"{place_of(url)} gives tokens of another type than Bearer: have this"
            " client registered for Bearer tokens"
        )
        raise FhirRefusedError(msg)
    return Grant(str(token), _seconds(document.get("expires_in")))


def _seconds(value: object) -> float | None:
    """How long a token lives, if that is said; some say it as a string."""
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
