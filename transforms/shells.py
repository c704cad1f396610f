"""Patients and Devices as the messages know them: an id and an identifier."""

from functools import lru_cache
from typing import Any

import orjson
import pyarrow as pa

from transforms.identity import resource_id

_WHO = ("patient_id", "patient_identifier", "device_id", "device_identifier")


def shells_of(
    readings: pa.Table,
    device_system: str,
    *,
    linked: bool = True,
    ours_only: bool = False,
) -> dict[tuple[str, str], bytes]:
    """The Patients and Devices that readings refer to.

    Args:
        readings: columns of `schema.MEASUREMENT`; of several that refer to the same,
            one will do.
        device_system: system of device identifiers; empty for none.
        linked: whether Devices say whose they are.
        ours_only: leave out those whose id is not ours: they have been found on a
            server, where they say more than we know.

    Returns:
        FHIR resources as JSON, by resource type and id.
    """
    found: dict[tuple[str, str], bytes] = {}
    columns = [readings[name].to_pylist() for name in _WHO]
    for who in dict.fromkeys(zip(*columns, strict=True)):
        for key, content in _shells(*who, device_system, linked, ours_only):
            known = found.setdefault(key, content)
            if known is not content:
                found[key] = merge_shells(known, content)
    return found


@lru_cache(maxsize=8192)  # the same people wear the same devices hour after hour
def _shells(
    patient_id: str,
    patient: str | None,
    device_id: str,
    device: str,
    device_system: str,
    linked: bool,
    ours_only: bool,
) -> tuple[tuple[tuple[str, str], bytes], ...]:
    shells = [] if patient is None else [patient_shell(patient_id, patient)]
    owner = patient_id if linked else None
    shells.append(device_shell(device_id, device_system, device, owner))
    return tuple(
        ((shell["resourceType"], shell["id"]), _content(shell))
        for shell in shells
        if not ours_only or _is_ours(shell)
    )


def _is_ours(resource: dict[str, Any]) -> bool:
    (identifier,) = resource["identifier"]
    system = identifier.get("system", "")
    return bool(resource["id"] == resource_id(system, identifier["value"]))


def patient_shell(patient_id: str, identifier: str) -> dict[str, Any]:
    """A Patient of whom no more is known than an identifier."""
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "identifier": [{"value": identifier}],
    }


def device_shell(
    device_id: str, system: str, identifier: str, patient_id: str | None
) -> dict[str, Any]:
    """A Device of which no more is known than an identifier and whose it is.

    Args:
        device_id: id of the Device.
        system: of the identifier; empty for none.
        identifier: as the sender names it.
        patient_id: id of the Patient it is linked to; None for no link.
    """
    device: dict[str, Any] = {
        "resourceType": "Device",
        "id": device_id,
        "identifier": [
            {"system": system, "value": identifier} if system else {"value": identifier}
        ],
    }
    if patient_id is not None:
        device["patient"] = {"reference": f"Patient/{patient_id}"}
    return device


def merge_shells(known: bytes | None, new: bytes) -> bytes:
    """Two versions of one Patient or Device: commutative, associative, idempotent.

    A device that readings of several patients name is linked to none of them: which
    link is right no message can tell, and each Observation names its own patient.
    """
    if known is None or known == new:
        return new
    resource = orjson.loads(new)
    resource.pop("patient", None)
    return _content(resource)


def _content(resource: dict[str, Any]) -> bytes:
    # A copy: what orjson returns keeps the four kilobytes that it was written into.
    return bytes(memoryview(orjson.dumps(resource)))
