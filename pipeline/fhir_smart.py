"""SMART Backend Services: the key we sign with, and what a server wants.

https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html,
https://hl7.org/fhir/smart-app-launch/conformance.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import requests
from joserfc.errors import InvalidKeyTypeError, JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from pipeline.fhir_endpoint import document_of, how_to_send, place_of, reaching
from pipeline.fhir_errors import FhirRefusedError
from pipeline.fhir_settings import Auth, FhirServer, is_private

_SCOPE = (
    "system/Patient.cruds system/Device.cruds system/Observation.cruds"
    " system/Encounter.rs"
)
_SCOPE_V1 = "system/*.read system/*.write"
"""https://hl7.org/fhir/smart-app-launch/1.0.0/scopes-and-launch-context/"""

_PERMISSION_V1 = re.compile(r"system/[^.]+\.(read|write|\*)")
_PERMISSION_V2 = re.compile(r"system/[^.]+\.c?r?u?d?s?(\?.*)?")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and how it signs."""

    key: RSAKey | ECKey = field(repr=False)
    algorithm: str
    key_id: str | None


@dataclass(frozen=True, slots=True)
class Terms:
    """Where a token is asked for, and for what."""

    token_url: str
    scope: str


def signing_key_of(auth: Auth) -> SigningKey:
    """The private key in the file that settings name: PEM, JWK or JWKS.

    Raises:
        FhirRefusedError: there is none, or more than one.
    """
    file = auth.private_key or ""
    try:
        content = Path(file).read_bytes().strip()
    except OSError as error:
        msg = (
            f"--fhir_private_key: {file} cannot be read where this runs:"
            f" {error.strerror}"
        )
        raise FhirRefusedError(msg) from error
    try:
        found = [signer for key in _keys_in(content) if (signer := _signer(key))]
    except (JoseError, KeyError, TypeError, ValueError):
        # Their texts may quote the key.
        msg = f"--fhir_private_key: {file} is no PEM, JWK or JWKS without a password"
        raise FhirRefusedError(msg) from None
    if auth.key_id is not None:
        found = [signer for signer in found if signer.key_id in (None, auth.key_id)]
    if len(found) != 1:
        raise FhirRefusedError(_not_one(file, len(found), auth.key_id))
    (signer,) = found
    return SigningKey(signer.key, signer.algorithm, auth.key_id or signer.key_id)


def _keys_in(content: bytes) -> Iterator[Any]:
    if content.startswith(b"{"):
        document = orjson.loads(content)
        for jwk in document["keys"] if "keys" in document else [document]:
            if jwk["kty"] in (RSAKey.key_type, ECKey.key_type):
                yield JWKRegistry.import_key(jwk)
        return
    try:
        yield RSAKey.import_key(content)
    except InvalidKeyTypeError:
        yield ECKey.import_key(content)


def _signer(key: RSAKey | ECKey) -> SigningKey | None:
    """How a key signs, None if it does not, or not as SMART has it."""
    if isinstance(key, ECKey) and key.curve_name != "P-384":
        return None
    algorithm = "ES384" if isinstance(key, ECKey) else "RS384"
    try:
        key.check_use("sig")
        key.check_key_op("sign")
        key.check_alg(algorithm)
    except JoseError:
        return None
    return SigningKey(key, algorithm, key.kid)


def _not_one(file: str, count: int, key_id: str | None) -> str:
    if count > 1 and key_id is None:
        fix = f"holds {count} keys that sign: say which with --fhir_key_id"
    elif count > 1:
        fix = f"holds {count} keys that may be the one of --fhir_key_id: leave one"
    elif key_id is None:
        fix = "holds no private key that signs with RS384 (RSA) or ES384 (EC P-384)"
    else:
        fix = (
            "holds no private key with the kid of --fhir_key_id that signs with RS384"
            " (RSA) or ES384 (EC P-384)"
        )
    return f"--fhir_private_key: {file} {fix}"


def terms_of(server: FhirServer, algorithm: str) -> Terms:
    """What settings say, or else the server about itself.

    Raises:
        FhirUnavailableError: it does not say so now.
        FhirRefusedError: it does not say where, or wants what we cannot.
    """
    auth = server.auth
    if auth.token_url is not None:
        return Terms(auth.token_url, auth.scope or _SCOPE)
    url = f"{server.base}/.well-known/smart-configuration"
    fix = "does it speak SMART? if so, give its token endpoint with --fhir_token_url"
    with reaching(url, server), requests.Session() as session:
        session.auth = _no_auth  # else a .netrc would be looked at
        response = session.get(
            url, headers={"Accept": "application/json"}, **how_to_send(server)
        )
    document = document_of(response, "configuration", {}, fix)
    _check_support(document, algorithm, place_of(url))
    token_url = document.get("token_endpoint")
    if not isinstance(token_url, str) or not is_private(token_url):
        msg = (
            f"{place_of(url)} names no token endpoint with https: give it with"
            " --fhir_token_url"
        )
        raise FhirRefusedError(msg)
    return Terms(token_url, auth.scope or _scope_for(document))


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _check_support(document: dict[str, Any], algorithm: str, place: str) -> None:
    methods = document.get("token_endpoint_auth_methods_supported")
    if isinstance(methods, list) and "private_key_jwt" not in methods:
        msg = (
            f"{place} does not list private_key_jwt: clients cannot sign in with a key"
            " there, is it --fhir_auth=oauth2?"
        )
        raise FhirRefusedError(msg)
    algorithms = document.get("token_endpoint_auth_signing_alg_values_supported")
    if isinstance(algorithms, list) and algorithm not in algorithms:
        other = "an EC P-384 key" if algorithm == "RS384" else "an RSA key"
        msg = (
            f"{place} does not list {algorithm}, which is how --fhir_private_key signs:"
            f" have {other} registered there"
        )
        raise FhirRefusedError(msg)


def _scope_for(document: dict[str, Any]) -> str:
    """The default scope, as a server writes permissions."""
    said = document.get("capabilities")
    capabilities = said if isinstance(said, list) else []
    if "permission-v2" in capabilities:
        return _SCOPE
    if "permission-v1" in capabilities:
        return _SCOPE_V1
    said = document.get("scopes_supported")
    scopes = [s for s in said if isinstance(s, str)] if isinstance(said, list) else []
    first = any(_PERMISSION_V1.fullmatch(scope) for scope in scopes)
    second = any(_PERMISSION_V2.fullmatch(scope) for scope in scopes)
    return _SCOPE_V1 if first and not second else _SCOPE
