"""FHIR batch Bundles: what is asked of a server at once, and what it answers to each.

The entries of a batch are independent: one that fails leaves the others alone
(https://hl7.org/fhir/R4/http.html#transaction). Everything here is a pure function of
bytes and documents.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson


class Entry(NamedTuple):
    """One interaction with a server.

    `url` is relative to the service base. A search is a GET whose `url` has a query.
    """

    method: str
    url: str
    body: bytes | None = None
    """The resource as JSON."""
    if_match: str | None = None
    """Version id that the resource must still have."""
    if_none_match: bool = False
    """Whether there must be no such resource yet; not every server looks at it."""
    if_none_exist: str | None = None
    """Query that must find nothing, else nothing is created."""

    @property
    def is_conditional(self) -> bool:
        """Whether a search decides which resource it is about."""
        return "?" in self.url and self.method != "GET"


class Outcome(NamedTuple):
    """What a server answered to one entry."""

    status: int
    resource: dict[str, Any] | None = None
    """What a GET found."""
    issues: dict[str, Any] | None = None
    """The OperationOutcome. May quote the resource: health data."""
    version: str | None = None
    id: str | None = None
    """Of the resource written, if the server says it."""

    @property
    def done(self) -> bool:
        """Whether the server did what was asked."""
        return 200 <= self.status < 300


class MalformedAnswerError(ValueError):
    """An answer that is no batch-response with as many entries as were sent."""


def put(resource_type: str, resource_id: str, body: bytes, **conditions: Any) -> Entry:
    """Writes a resource under its id."""
    return Entry("PUT", f"{resource_type}/{resource_id}", body, **conditions)


def read(resource_type: str, resource_id: str) -> Entry:
    """Reads a resource."""
    return Entry("GET", f"{resource_type}/{resource_id}")


_SPECIAL = re.compile(r"([\\$,|])")


def identified(system: str, value: str) -> str:
    r"""The query for an identifier.

    Without a system it finds those of any system, as the Azure MedTech service does.
    https://hl7.org/fhir/R4/search.html#token, #escaping

    >>> identified("urn:x", "a|b"), identified("", "a b")
    ('identifier=urn%3Ax%7Ca%5C%7Cb', 'identifier=a%20b')
    """
    token = _SPECIAL.sub(r"\\\1", value)
    if system:
        escaped = _SPECIAL.sub(r"\\\1", system)
        token = f"{escaped}|{token}"
    return f"identifier={quote(token, safe='')}"


def search(resource_type: str, query: str) -> Entry:
    """Looks for resources."""
    return Entry("GET", f"{resource_type}?{query}")


def split(entries: Iterable[Entry], size: int, most_bytes: int) -> Iterator[slice]:
    """Where to cut entries into Bundles.

    Args:
        entries: all of them, in order.
        size: most entries of a Bundle.
        most_bytes: of their resources; a larger one goes alone.
    """
    first = held = number = 0
    for number, entry in enumerate(entries, 1):
        length = len(entry.body or b"")
        count = number - 1 - first
        if count and (count == size or held + length > most_bytes):
            yield slice(first, number - 1)
            first, held = number - 1, 0
        held += length
    if number > first:
        yield slice(first, number)


def batch(entries: Iterable[Entry], base: str) -> bytes:
    """A batch Bundle as JSON.

    Args:
        entries: what to ask; no two may write one resource.
        base: service base URL: validating servers want a fullUrl on every entry.
    """
    parts = [_entry(entry, base) for entry in entries]
    return b"".join(
        (b'{"resourceType":"Bundle","type":"batch","entry":[', b",".join(parts), b"]}")
    )


def _entry(entry: Entry, base: str) -> bytes:
    request: dict[str, str] = {"method": entry.method, "url": entry.url}
    if entry.if_match is not None:
        request["ifMatch"] = etag(entry.if_match)
    if entry.if_none_match:
        request["ifNoneMatch"] = "*"
    if entry.if_none_exist is not None:
        request["ifNoneExist"] = entry.if_none_exist
    asked = b'"request":' + orjson.dumps(request)
    if entry.body is None:
        return b"{" + asked + b"}"
    full_url = orjson.dumps(_full_url(entry, base))
    return b"".join(
        (b'{"fullUrl":', full_url, b',"resource":', entry.body, b",", asked, b"}")
    )


def _full_url(entry: Entry, base: str) -> str:
    if entry.method == "PUT" and not entry.is_conditional:
        return f"{base}/{entry.url}"
    # The server chooses the id: any name will do that is the same for a repetition.
    name = f"{entry.url} {entry.if_none_exist}"
    return uuid.uuid5(uuid.NAMESPACE_URL, name).urn


def etag(version: str) -> str:
    """The weak ETag of a version (https://hl7.org/fhir/R4/http.html#concurrency)."""
    return f'W/"{version}"'


def outcomes(document: Any, count: int) -> list[Outcome]:
    """What a server answered to the entries of a batch, in their order.

    Args:
        document: its answer, parsed.
        count: of entries sent.

    Raises:
        MalformedAnswerError: it is something else.
    """
    entries = document.get("entry") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) != count:
        raise MalformedAnswerError
    return [_outcome(entry) for entry in entries]


_STATUS = re.compile(r"[1-5]\d\d(?!\d)", re.ASCII)


def _outcome(entry: Any) -> Outcome:
    response = entry.get("response") if isinstance(entry, dict) else None
    if not isinstance(response, dict):
        raise MalformedAnswerError
    match = _STATUS.match(str(response.get("status")))
    if match is None:
        raise MalformedAnswerError
    resource, issues = entry.get("resource"), response.get("outcome")
    if _is(resource, "OperationOutcome"):  # some servers put it there
        resource, issues = None, issues or resource
    location, version = response.get("location"), response.get("etag")
    return Outcome(
        int(match[0]),
        resource if isinstance(resource, dict) else None,
        issues if _is(issues, "OperationOutcome") else None,
        version_of(version) if isinstance(version, str) else None,
        id_of(location) if isinstance(location, str) else None,
    )


def _is(document: Any, resource_type: str) -> bool:
    return isinstance(document, dict) and document.get("resourceType") == resource_type


_ETAG = re.compile(r'(?:W/)?"?([^"]+)"?')


def version_of(etag_text: str) -> str | None:
    """The version that an ETag names; servers write it in several ways.

    >>> version_of('W/"3"'), version_of("3"), version_of("")
    ('3', '3', None)
    """
    match = _ETAG.fullmatch(etag_text)
    return match[1] if match else None


_LOCATION = re.compile(r"(?:.*/)?[A-Z][A-Za-z]+/([A-Za-z0-9.-]{1,64})(?:/_history/.*)?")


def id_of(location: str) -> str | None:
    """The id in the address of a resource, with or without base and version.

    >>> id_of("http://s/fhir/Patient/17/_history/1"), id_of("Patient/17"), id_of("?")
    ('17', '17', None)
    """
    match = _LOCATION.fullmatch(location)
    return match[1] if match else None


def issue_codes(issues: dict[str, Any] | None) -> str:
    """The codes of an OperationOutcome: what is wrong, without any value.

    >>> issue_codes({"issue": [{"code": "invalid"}, {"code": "invalid"}, {"code": 1}]})
    'invalid'
    """
    found = issues.get("issue") if issues else None
    listed = found if isinstance(found, list) else []
    codes = [issue.get("code") for issue in listed if isinstance(issue, dict)]
    # Whoever answers so, only what the value set allows: nothing quotes a value.
    known = [code for code in codes if isinstance(code, str) and code in ISSUE_TYPES]
    return ", ".join(dict.fromkeys(known))


ISSUE_TYPES = frozenset(
    (
        "invalid structure required value invariant security login unknown expired"
        " forbidden suppressed processing not-supported duplicate multiple-matches"
        " not-found deleted too-long code-invalid extension too-costly business-rule"
        " conflict transient lock-error no-store exception timeout incomplete throttled"
        " informational"
    ).split()
)
"""https://hl7.org/fhir/R4/valueset-issue-type.html"""
