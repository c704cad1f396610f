"""Tokens of Google's application default credentials.

https://cloud.google.com/docs/authentication/application-default-credentials
"""

import logging
from datetime import datetime, timezone
from typing import Any

import google.auth
import requests
from google.auth.exceptions import (
    DefaultCredentialsError,
    GoogleAuthError,
    TransportError,
)
from google.auth.transport import Response
from google.auth.transport.requests import Request

from pipeline.fhir_endpoint import code_of, explained, how_to_send
from pipeline.fhir_errors import (
    FhirRefusedError,
    FhirServerError,
    FhirUnavailableError,
)
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_tokens import Grant

_SCOPE = "https://www.googleapis.com/auth/cloud-healthcare"

_NO_TOKEN = "Google answers without a token"  # noqa: S105 - no token


def fetch_by_default(server: FhirServer) -> Grant:
    """Asks for a token as whoever we are on Google Cloud, or as a key file says.

    Raises:
        FhirUnavailableError, FhirRefusedError: there is none.
    """
    # At DEBUG it logs assertions, and always that it misses a project's name.
    logging.getLogger("google.auth").setLevel(logging.ERROR)
    scopes = (server.auth.scope or _SCOPE).split()
    how = how_to_send(server)
    with requests.Session() as session:
        send = _Request(session, how)
        try:
            credentials, _project = google.auth.default(scopes=scopes, request=send)
            credentials.refresh(send)
        except GoogleAuthError as error:
            # Their texts may quote answers.
            raise _explained(error, server) from None
        except (TypeError, ValueError):
            # It calculates with whatever an answer is.
            raise FhirUnavailableError(_NO_TOKEN) from None
    return Grant(credentials.token or "", _seconds_to(credentials.expiry))


class _Request(Request):
    """Requests that end in time and trust whom we do.

    Args:
        session: that sends them.
        how: arguments of each.
    """

    def __init__(self, session: requests.Session, how: dict[str, Any]) -> None:
        super().__init__(session)
        self._how = how

    def __call__(self, *args: Any, **kwargs: Any) -> Response:
        return super().__call__(*args, **{**self._how, **kwargs})


def _seconds_to(end: datetime | None) -> float | None:
    """Google's times are UTC, without saying so."""
    if end is None:
        return None
    now = datetime.now(timezone.utc)
    return (end.replace(tzinfo=timezone.utc) - now).total_seconds()


def _explained(error: GoogleAuthError, server: FhirServer) -> FhirServerError:
    if isinstance(error, DefaultCredentialsError):
        return FhirRefusedError(
            "there are no Google credentials where this runs, or none that can be"
            " used: run on Google Cloud with a service account, or name a key file"
            " with GOOGLE_APPLICATION_CREDENTIALS"
        )
    transport = error if isinstance(error, TransportError) else error.__cause__
    if isinstance(transport, TransportError):
        if isinstance(transport.__cause__, requests.RequestException):
            return explained(transport, "Google's token endpoint", server.timeout_s)
        return FhirUnavailableError(
            "Google gives no token for now: has this machine a service account?"
        )
    if error.retryable:
        return FhirUnavailableError("Google gives no token for now")
    document = error.args[1] if len(error.args) > 1 else None
    if isinstance(document, dict) and "error" not in document:
        return FhirUnavailableError(_NO_TOKEN)
    return FhirRefusedError(
        f"Google gives no token ({code_of(document) or 'without a reason'}): does the"
        " account still exist, and may it use the scope?"
    )
