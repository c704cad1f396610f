"""How a FHIR server is reached: its address, who we are there, and how gently we write.

Flags say it for one server, a file of settings for several. Secrets are named, never
given: the file or environment variable that holds one is read where it is used, so that
none stands on a command line, in a log or in a job that is sent to a cluster.
"""

import dataclasses
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import orjson
import pydantic
from pydantic.dataclasses import dataclass

from pipeline.options import UsageError

MOST_ENTRIES = 500
"""Entries that servers take in one Bundle: Azure's `Bundle.EntryLimit`, and AWS
HealthLake's (https://docs.aws.amazon.com/healthlake/latest/devguide/quotas.html)."""

_STRICT = pydantic.ConfigDict(extra="forbid", strict=True)

Text = Annotated[str, pydantic.Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Auth:
    """How we prove who we are. Files and variables are named here, not their content.

    Args:
        kind: `none`; `bearer`, a token that somebody else keeps fresh; `oauth2`, client
            credentials; `smart`, SMART Backend Services with a signed assertion;
            `azure`, a managed identity; `google`, application default credentials.
        token_file: holds the token of `bearer`.
        token_env: environment variable that holds it.
        token_url: token endpoint; `smart` finds it by itself.
        client_id: of `oauth2` and `smart`; of a user-assigned identity of `azure`.
        client_secret_file: holds the secret of `oauth2`.
        client_secret_env: environment variable that holds it.
        private_key: file with the key of `smart`: PEM, JWK or JWKS.
        key_id: `kid` of that key.
        scope: what to ask for; each kind has a default.
    """

    kind: Literal["none", "bearer", "oauth2", "smart", "azure", "google"] = "none"
    token_file: Text | None = None
    token_env: Text | None = None
    token_url: Text | None = None
    client_id: Text | None = None
    client_secret_file: Text | None = None
    client_secret_env: Text | None = None
    private_key: Text | None = None
    key_id: Text | None = None
    scope: Text | None = None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class FhirServer:
    """One server and how we write to it.

    Args:
        base: service base URL, without a slash at its end.
        auth: who we are.
        ca: file with the certificates to trust instead of the system's.
        bundle_size: most entries of a Bundle.
        bundle_mb: most MB of a Bundle; a larger resource goes alone.
        connections: requests at a time, per worker process.
        timeout_s: seconds a request may take.
        retry_s: seconds to go on trying before the runner has to.
        ids: `client` writes resources under our ids; `server` leaves ids to the server
            and finds resources by their identifiers.
        merge: read each Observation first, and merge ours into it.
        gzip: compress what we send.
    """

    base: str
    auth: Auth = Auth()
    ca: Text | None = None
    bundle_size: Annotated[int, pydantic.Field(ge=1, le=MOST_ENTRIES)] = 100
    bundle_mb: Annotated[float, pydantic.Field(gt=0, le=50)] = 4
    connections: Annotated[int, pydantic.Field(ge=1, le=64)] = 4
    timeout_s: Annotated[float, pydantic.Field(gt=0, le=3600)] = 60
    retry_s: Annotated[float, pydantic.Field(ge=0, le=86_400)] = 300
    ids: Literal["client", "server"] = "client"
    merge: bool = False
    gzip: bool = False


_CREDENTIALS = tuple(f.name for f in dataclasses.fields(Auth) if f.name != "kind")
_REST = tuple(
    f.name for f in dataclasses.fields(FhirServer) if f.name not in ("base", "auth")
)
SETTINGS = ("auth", *_CREDENTIALS, *_REST)
"""Names of all settings: of flags they follow `--fhir_`."""

_NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "bearer": (("token_file", "token_env"),),
    "oauth2": (
        ("token_url",),
        ("client_id",),
        ("client_secret_file", "client_secret_env"),
    ),
    "smart": (("client_id",), ("private_key",)),
}
"""What a kind of authentication cannot do without: one of each."""

_TAKES = {
    "bearer": ("token_file", "token_env"),
    "oauth2": (
        "token_url",
        "client_id",
        "client_secret_file",
        "client_secret_env",
        "scope",
    ),
    "smart": ("token_url", "client_id", "private_key", "key_id", "scope"),
    "azure": ("client_id", "scope"),
    "google": ("scope",),
}


def servers_of(
    addresses: tuple[str, ...], flags: dict[str, Any], settings: str | None
) -> tuple[FhirServer, ...]:
    """Servers with all that is said of them.

    Args:
        addresses: of the servers.
        flags: settings by name (`auth`, `token_file`, …) that flags gave.
        settings: a JSON file of settings by address, for what differs.

    Raises:
        UsageError: an address or setting is wrong, the file cannot be read, or flags
            give credentials for several servers.
    """
    by_address = {} if settings is None else _read_settings(settings)
    bases = [_trimmed(address) for address in addresses]
    unknown = by_address.keys() - set(bases)
    if unknown:
        msg = f"{settings}: no --fhir names {sorted(unknown)[0]}"
        raise UsageError(msg)
    given = {name: value for name, value in flags.items() if value is not None}
    theirs = {"auth", *_CREDENTIALS} & given.keys()
    if theirs and len(bases) > 1:
        msg = (
            f"--fhir_{sorted(theirs)[0]}: there are several servers, and credentials"
            " are for one: put them into --fhir_settings=FILE, by address"
        )
        raise UsageError(msg)
    servers = []
    for base in bases:
        origin = "--fhir_" if base not in by_address else f"{settings}: {base}: "
        servers.append(_server(base, {**given, **by_address.get(base, {})}, origin))
    return tuple(servers)


def _trimmed(address: str) -> str:
    return address.rstrip("/")


def _read_settings(path: str) -> dict[str, dict[str, Any]]:
    try:
        document = orjson.loads(Path(path).read_bytes())
    except OSError as error:
        msg = f"--fhir_settings: {path} cannot be read: {error.strerror}"
        raise UsageError(msg) from error
    except orjson.JSONDecodeError as error:
        msg = f"{path}:{error.lineno}:{error.colno}: this is no JSON: {error.msg}"
        raise UsageError(msg) from error
    if not isinstance(document, dict) or not all(
        isinstance(settings, dict) for settings in document.values()
    ):
        msg = f'{path}: settings are {{"https://server/fhir": {{"auth": …}}, …}}'
        raise UsageError(msg)
    return {_trimmed(base): settings for base, settings in document.items()}


def _server(base: str, settings: Mapping[str, Any], origin: str) -> FhirServer:
    _check_address(base)
    for name in settings:
        if name not in SETTINGS:
            msg = f"{origin}{name}: there is no such setting, but {', '.join(SETTINGS)}"
            raise UsageError(msg)
    credentials = {name: settings[name] for name in _CREDENTIALS if name in settings}
    rest = {name: settings[name] for name in _REST if name in settings}
    try:
        auth = Auth(kind=settings.get("auth", "none"), **credentials)
        server = FhirServer(base=base, auth=auth, **rest)
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0])
        msg = f"{origin}{'auth' if name == 'kind' else name}: {first['msg']}"
        raise UsageError(msg) from error
    _check_credentials(auth.kind, credentials, base, origin)
    return server


def _check_address(base: str) -> None:
    parts = urlsplit(base)
    if not parts.hostname:
        msg = f"--fhir={base}: an address is like https://server/fhir"
        raise UsageError(msg)
    if parts.username is not None:
        msg = (
            f"--fhir: the address of {parts.hostname} holds a user: credentials do not"
            " belong on a command line, see --fhir_auth"
        )
        raise UsageError(msg)
    if parts.query or parts.fragment:
        msg = f"--fhir: a service base URL has neither ? nor #: {base}"
        raise UsageError(msg)


def _check_credentials(
    kind: str, given: Mapping[str, str], base: str, origin: str
) -> None:
    for names in _NEEDS.get(kind, ()):
        if not any(name in given for name in names):
            wanted = " or ".join(f"{origin}{name}" for name in names)
            msg = f"{origin}auth={kind} needs {wanted}"
            raise UsageError(msg)
        if sum(name in given for name in names) > 1:
            msg = f"{' and '.join(f'{origin}{name}' for name in names)}: one will do"
            raise UsageError(msg)
    if unused := set(given).difference(_TAKES.get(kind, ())):
        name = sorted(unused)[0]
        takers = [auth for auth, takes in _TAKES.items() if name in takes]
        msg = f"{origin}{name} is for {origin}auth={' or '.join(takers)}, not {kind}"
        raise UsageError(msg)
    if kind != "none" and not is_private(base):
        msg = (
            f"{base}: a token must not travel unencrypted (RFC 6750, section 5.3):"
            " use https, or no --fhir_auth"
        )
        raise UsageError(msg)
    if (token_url := given.get("token_url")) and not is_private(token_url):
        msg = (
            f"{origin}token_url: secrets must not travel unencrypted (RFC 6749, section"
            " 3.2): a token endpoint is like https://server/token"
        )
        raise UsageError(msg)


def is_private(base: str) -> bool:
    """Whether nobody listens: TLS, or this very machine."""
    try:
        parts = urlsplit(base)
    except ValueError:
        return False
    if parts.scheme.lower() == "https":
        return True
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
