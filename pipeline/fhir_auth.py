"""Who we are to a FHIR server: the tokens that its settings ask for."""

import threading

from pipeline.fhir_errors import FhirRefusedError
from pipeline.fhir_settings import Auth, FhirServer
from pipeline.fhir_tokens import Fetch, GivenTokens, KeptTokens
from pipeline.fhir_tokens import Tokens as Tokens

_EXTRAS = {
    "oauth2": ("Authlib", "oauth"),
    "smart": ("Authlib", "oauth"),
    "azure": ("azure-identity", "azure"),
    "google": ("google-auth", "google"),
}
"""What a kind of authentication needs, and the extra of ours that brings it."""

_LOCK = threading.Lock()
_TOKENS: dict[tuple[str, Auth, str | None, float], Tokens] = {}


def tokens_of(server: FhirServer) -> Tokens | None:
    """The tokens for a server, None if it wants none.

    Equal settings share one object, and so one token, in the whole process.

    Raises:
        FhirRefusedError: a library is missing.
    """
    if server.auth.kind == "none":
        return None
    key = (server.base, server.auth, server.ca, server.timeout_s)
    with _LOCK:
        if key not in _TOKENS:
            _TOKENS[key] = _make(server)
        return _TOKENS[key]


def _make(server: FhirServer) -> Tokens:
    kind = server.auth.kind
    if kind == "bearer":
        return GivenTokens(server)
    try:
        return KeptTokens(server, _fetch_of(kind))
    except ModuleNotFoundError as error:
        library, extra = _EXTRAS[kind]
        msg = f"--fhir_auth={kind} needs {library}: pip install 'vitalbeam[{extra}]'"
        raise FhirRefusedError(msg) from error


def _fetch_of(kind: str) -> Fetch:
    """How to ask for a token; only this kind's libraries are loaded."""
    if kind == "azure":
        from pipeline.fhir_azure import fetch_as_identity

        return fetch_as_identity
    if kind == "google":
        from pipeline.fhir_google import fetch_by_default

        return fetch_by_default
    if kind == "smart":
        from pipeline.fhir_oauth import fetch_with_key

        return fetch_with_key
    from pipeline.fhir_oauth import fetch_with_secret

    return fetch_with_secret
