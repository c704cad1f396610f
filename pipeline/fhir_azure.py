"""Tokens of an Azure managed identity: no secret is kept anywhere.

https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview
"""

import logging
import time
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import ManagedIdentityCredential

from pipeline.fhir_endpoint import explained, how_to_send
from pipeline.fhir_errors import (
    FhirRefusedError,
    FhirServerError,
    FhirUnavailableError,
)
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_tokens import Grant

_CONNECT_S = 5.0
"""Seconds to wait for the endpoint of identities: on Azure it is next door."""

_QUIET = {
    "azure.identity": logging.CRITICAL,  # what fails is an error of ours already
    "azure.core.pipeline.policies.http_logging_policy": logging.WARNING,
    "msal": logging.WARNING,
}
"""Loggers that name clients, headers or whole answers below these levels."""

_PASSING = frozenset({404, 408, 410, 425, 429})
"""Below 500 that a later try may change; 404 and 410 while a machine starts."""


def fetch_as_identity(server: FhirServer) -> Grant:
    """Asks Azure for a token of the identity of where we run.

    Raises:
        FhirUnavailableError, FhirRefusedError: there is none.
    """
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
    how = _how_to_send(server)
    statuses: list[int] = []
    try:
        # A new one each time: it would go on giving a token that a server refused.
        with ManagedIdentityCredential(
            client_id=server.auth.client_id,
            raw_response_hook=lambda seen: statuses.append(
                seen.http_response.status_code
            ),
            **how,
        ) as credential:
            token = credential.get_token(server.auth.scope or _scope_of(server.base))
    except (AzureError, ValueError, OSError) as error:
        # Their texts may quote answers.
        status = statuses[-1] if statuses else None
        raise _explained(error, status, server) from None
    return Grant(token.token, token.expires_on - time.time())


def _scope_of(base: str) -> str:
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.hostname}/.default"


def _how_to_send(server: FhirServer) -> dict[str, Any]:
    how = how_to_send(server)
    return {
        "connection_timeout": min(how["timeout"], _CONNECT_S),
        "read_timeout": how["timeout"],
        "connection_verify": how["verify"],
        "retry_total": 0,  # whoever called us tries again
    }


def _explained(
    error: Exception, status: int | None, server: FhirServer
) -> FhirServerError:
    """What a failure means; the last status says more than the exception."""
    fix = "assign a managed identity to where this runs, and name it by"
    fix = f"{fix} --fhir_client_id if there are several"
    if status is None and isinstance(error, AzureError):
        if isinstance(error, ClientAuthenticationError):
            return FhirRefusedError(f"there is no managed identity here: {fix}")
        cause = error.inner_exception or error
        return explained(cause, "Azure's identity endpoint", server.timeout_s)
    if status is None:
        return FhirRefusedError(f"the managed identity here is not set up: {fix}")
    if status >= 500 or status in _PASSING:
        return FhirUnavailableError(f"Azure gives no token for now ({status})")
    if status >= 400:
        return FhirRefusedError(f"Azure gives no token ({status}): {fix}")
    return FhirUnavailableError("Azure answers without a token")
