"""An Observation on its way to a FHIR server."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipeline.fhir_resources import Key
from transforms import exact_json
from transforms.bundle import Entry, identified, put
from transforms.observation_value import Reading


@dataclasses.dataclass(frozen=True)
class Outgoing:
    """An Observation to be written.

    Args:
        id: of the Observation.
        body: the resource as JSON.
        readings: what it was made of; needed to merge.
        version: of the store that it was made from.
    """

    id: str
    body: bytes
    readings: Sequence[Reading] = ()
    version: bytes = b""


class Draft:
    """An Observation and whom it refers to.

    Args:
        outgoing: the Observation.
    """

    def __init__(self, outgoing: Outgoing) -> None:
        self.outgoing = outgoing
        document = orjson.loads(outgoing.body)
        self.subject = _key(document, "subject")
        self.device = _key(document, "device")
        self.type: str | None = document.get("code", {}).get("text")
        """The measurement type."""
        first: dict[str, str] = next(iter(document.get("identifier", ())), {})
        self.identifier: tuple[str, str] = (
            first.get("system", ""),
            first.get("value", ""),
        )
        """System and value of MedTech's identifier, which it always has."""

    @property
    def id(self) -> str:
        """Of the Observation, whatever the server calls it."""
        return self.outgoing.id

    @property
    def keys(self) -> list[Key]:
        """Whom it refers to."""
        return [key for key in (self.subject, self.device) if key is not None]

    def document(self, ids: Mapping[Key, str]) -> dict[str, Any]:
        """The resource, every digit kept, with the ids that the server gives.

        Args:
            ids: the server's id of each Patient and Device that has another than ours.
        """
        document: dict[str, Any] = exact_json.loads(self.outgoing.body)
        for element, key in (("subject", self.subject), ("device", self.device)):
            if key is not None and key in ids:
                document[element]["reference"] = f"{key.type}/{ids[key]}"
        return document

    def entry(self, ids: Mapping[Key, str]) -> Entry:
        """Writes it under our id."""
        if ids.keys() & set(self.keys):
            body = exact_json.dumps(self.document(ids))
        else:
            body = self.outgoing.body
        return put("Observation", self.id, body)

    def unnamed_entry(self, ids: Mapping[Key, str]) -> Entry:
        """Writes it under the id of the one that has its identifier, or a new one."""
        document = self.document(ids)
        del document["id"]
        query = identified(*self.identifier)
        return Entry("PUT", f"Observation?{query}", exact_json.dumps(document))


def _key(document: Mapping[str, Any], element: str) -> Key | None:
    reference = document.get(element, {}).get("reference")
    if not isinstance(reference, str) or reference.count("/") != 1:
        return None
    return Key(*reference.split("/"))
