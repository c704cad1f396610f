"""Patients and Devices as the messages know them: an id and an identifier."""

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa

_WHO = ("patient_id", "patient_identifier", "device_id", "device_identifier")


def shells_of(readings: pa.Table, device_system: str) -> dict[tuple[str, str], bytes]:
    """The Patients and Devices that readings refer to.

    Args:
        readings: columns of `schema.MEASUREMENT`.
        device_system: system of device identifiers; empty for none.

    Returns:
        FHIR resources as JSON, by resource type and id.
    """
    found: dict[tuple[str, str], bytes] = {}
    for who in readings.select(_WHO).group_by(list(_WHO)).aggregate([]).to_pylist():
        for resource in _resources(who, device_system):
            key = (resource["resourceType"], resource["id"])
            found[key] = merge_shells(found.get(key), orjson.dumps(resource))
    return found


def _resources(who: dict[str, str], device_system: str) -> Iterator[dict[str, Any]]:
    yield {
        "resourceType": "Patient",
        "id": who["patient_id"],
        "identifier": [{"value": who["patient_identifier"]}],
    }
    identifier = {"value": who["device_identifier"]}
    if device_system:
        identifier = {"system": device_system, **identifier}
    yield {
        "resourceType": "Device",
        "id": who["device_id"],
        "identifier": [identifier],
        "patient": {"reference": f"Patient/{who['patient_id']}"},
    }


def merge_shells(known: bytes | None, new: bytes) -> bytes:
    """Two versions of one Patient or Device: commutative, associative, idempotent.

    A device that readings of several patients name is linked to none of them: which
    link is right no message can tell, and each Observation names its own patient.
    """
    if known is None or known == new:
        return new
    resource = orjson.loads(new)
    resource.pop("patient", None)
    return orjson.dumps(resource)
