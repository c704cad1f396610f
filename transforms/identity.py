"""Who a measurement belongs to: deterministic FHIR ids of patient and device.

The ids are MedTech's: lower-case hex SHA-256 of `<system>_<identifier value>`, so that
a pipeline that moves here goes on writing the same Patients and Devices.
"""

import hashlib
from functools import lru_cache

from transforms.errors import ResourceIdentityNotDefinedError
from transforms.model import Identity, Measurement


@lru_cache(maxsize=200_000)
def resource_id(system: str, value: str) -> str:
    """The id of a resource that is known by an identifier; 64 hex digits.

    >>> resource_id("", "patient-1")[:8]
    'deab8edd'
    """
    return hashlib.sha256(f"{system}_{value}".encode()).hexdigest()


def create_identity(measurement: Measurement, device_system: str) -> Identity:
    """Identity in `create` mode: what the message says is whom it belongs to.

    The encounter keeps the identifier that the message names: its FHIR id is known to
    a server only, and encounters are never created.

    Args:
        measurement: the measurement with the sender's names.
        device_system: system of device identifiers; empty for none.

    Raises:
        ResourceIdentityNotDefinedError: the measurement names no patient.
    """
    patient = measurement.patient
    if patient is None or not patient.strip():
        msg = "the measurement names no patient"
        hint = (
            "add patientIdExpression to the device template, or have the device or the"
            " envelope's Properties carry the patient id"
        )
        raise ResourceIdentityNotDefinedError(msg, hint)
    encounter = measurement.encounter
    return Identity(
        resource_id("", patient),
        resource_id(device_system, measurement.device),
        encounter if encounter and not encounter.isspace() else None,
    )
