"""Tokens by OAuth 2.0 client credentials: with a secret, or with a signed assertion.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4,
https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

import time
from typing import Any
from urllib.parse import quote

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from pipeline.fhir_endpoint import document_of, grant_of, how_to_send, reaching
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_smart import signing_key_of, terms_of
from pipeline.fhir_tokens import Grant, read_secret

_ASSERTION_S = 240
"""Seconds an assertion is good: five minutes at most, and clocks differ."""

_FIXES = {
    "invalid_scope": "ask for less with --fhir_scope, or have this client allowed more",
    "unauthorized_client": "have the grant client_credentials allowed to this client",
    "unsupported_grant_type": "it does not know the grant client_credentials; is"
    " --fhir_token_url right?",
}
"""By code of https://www.rfc-editor.org/rfc/rfc6749#section-5.2."""


class _Session(OAuth2Session):
    """A client of a token endpoint, whose answers are judged by us.

    Args:
        fix: what to do if the endpoint does not know us.
        kwargs: as Authlib has them.
    """

    def __init__(self, fix: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._fixes = {**_FIXES, "invalid_client": fix}

    def parse_response_token(self, resp: requests.Response) -> dict[str, Any]:
        """Called by Authlib, which would take anything for an answer."""
        return document_of(resp, "token", self._fixes, "is --fhir_token_url right?")

    def ask(self, url: str, server: FhirServer) -> Grant:
        """Asks a token endpoint."""
        with self, reaching(url, server):
            how = how_to_send(server)
            document = self.fetch_token(url, grant_type="client_credentials", **how)
        return grant_of(document, url)


def fetch_with_secret(server: FhirServer) -> Grant:
    """Asks for a token as a client with a secret.

    Raises:
        FhirUnavailableError, FhirRefusedError: there is none.
    """
    auth = server.auth
    secret = read_secret(
        "client_secret", auth.client_secret_file, auth.client_secret_env
    )
    place = auth.client_secret_file or f"the variable {auth.client_secret_env}"
    session = _Session(
        f"are --fhir_client_id and the secret in {place} right?",
        # https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1 has both encoded.
        client_id=quote(auth.client_id or "", safe=""),
        client_secret=quote(secret, safe=""),
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - no secret
        scope=auth.scope,
    )
    return session.ask(auth.token_url or "", server)


def fetch_with_key(server: FhirServer) -> Grant:
    """Asks for a token with an assertion that is signed for this one request.

    Raises:
        FhirUnavailableError, FhirRefusedError: there is none.
    """
    auth = server.auth
    signer = signing_key_of(auth)
    terms = terms_of(server, signer.algorithm)
    session = _Session(
        "are --fhir_client_id and --fhir_key_id right, is the public half of"
        " --fhir_private_key registered there, and does this machine's clock go right?",
        client_id=auth.client_id,
        client_secret=signer.key,
        token_endpoint_auth_method=PrivateKeyJWT.name,
        scope=terms.scope,
    )
    # Authlib keeps the jti in the claims it is given: they are for one assertion.
    assertion = PrivateKeyJWT(
        terms.token_url,
        claims={"exp": int(time.time()) + _ASSERTION_S},
        headers={} if signer.key_id is None else {"kid": signer.key_id},
        alg=signer.algorithm,
    )
    session.register_client_auth_method(assertion)
    return session.ask(terms.token_url, server)
