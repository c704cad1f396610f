"""What an object store's refusal means, in one sentence that a user can act on.

The library's own words are no use for that: they hold requests, which may hold keys.
"""

import re

from obstore.exceptions import (
    BaseError,
    PermissionDeniedError,
    UnauthenticatedError,
)

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_HOST = re.compile(r"Error performing [A-Z]+ (https?://[^/\s?@]{1,200})")

_METADATA = ("169.254.169.254", "metadata.google.internal", "169.254.170.2")
"""Where the library looks for credentials when it has been given none."""

_PASSING = (408, 409, 425, 429)
"""Statuses below 500 of what may go well a little later."""

_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
}
_AZURE_KEYS = "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"

_ALLOW_HTTP = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP"}


def status_of(error: BaseException) -> int | None:
    """The HTTP status that the server answered with, None if it did not answer."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def may_have_been_done(error: BaseException) -> bool:
    """Whether a put that failed so may have been done, or may be done the next time."""
    if not isinstance(error, BaseError):
        return False
    status = status_of(error)
    return status is None or status >= 500 or status in _PASSING


def explain(error: Exception, kind: str) -> str:
    """The sentence for what the library raised.

    Args:
        error: by the library.
        kind: of the address: `s3`, `gs`, `abfss`, …
    """
    text, status = str(error), status_of(error)
    code = _CODE.search(text)
    said = f"{status} {code[1]}" if code else f"{status}"
    if any(host in text for host in _METADATA):
        return f"there are no credentials: set {_KEYS.get(kind, _AZURE_KEYS)}"
    denied = isinstance(error, PermissionDeniedError | UnauthenticatedError)
    if denied or status in (401, 403):
        return (
            f"access is denied ({said}): the credentials in the environment must let us"
            " list, read and write"
        )
    if isinstance(error, FileNotFoundError) or status == 404:
        return "there is no such bucket: create it, or check address and endpoint"
    if status in (301, 307, 400) and kind == "s3":
        return f"the server refuses ({said}): AWS_REGION must be the bucket's region"
    if status is not None:
        return f"the server answers {said}"
    if "builder error" in text:
        name = _ALLOW_HTTP.get(kind, "AZURE_ALLOW_HTTP")
        return f"the endpoint is not https: check it, and allow it with {name}=true"
    if host := _HOST.search(text):
        return f"{host[1]} does not answer: check the endpoint and the network"
    if "Account must be specified" in text:
        return f"it is not known whose it is: set {_AZURE_KEYS}"
    return (
        f"what the environment says is not usable: check {_KEYS.get(kind, _AZURE_KEYS)}"
    )
