"""What Patients, Devices and Encounters of a FHIR server are known by."""

from typing import Any, NamedTuple

from transforms.errors import RecordError

Resource = dict[str, Any]


class Wanted(NamedTuple):
    """A resource that is known by an identifier."""

    type: str
    system: str
    """Empty for any system."""
    value: str


class Key(NamedTuple):
    """A resource that is known by its id."""

    type: str
    id: str


class Standing(NamedTuple):
    """A resource as it stands on the server."""

    id: str
    owner: str | None
    """Of a Device: the id of the Patient it is linked to."""
    is_new: bool = False
    """Whether we have just made it."""


Settled = Standing | RecordError | None


def has_identifier(resource: Resource, wanted: Wanted) -> bool:
    """Whether a hit has the identifier: some servers compare its beginning only."""
    return any(
        identifier.get("value") == wanted.value
        and (not wanted.system or identifier.get("system") == wanted.system)
        for identifier in resource.get("identifier", ())
    )


def identifier_of(shell: Resource) -> Wanted:
    """What a Patient or Device of ours is found by."""
    (identifier,) = shell["identifier"]
    system = identifier.get("system", "")
    return Wanted(shell["resourceType"], system, identifier["value"])
