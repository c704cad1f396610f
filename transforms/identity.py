"""Who a measurement belongs to: the FHIR ids of patient, device and encounter.

Ids that we give are MedTech's: lower-case hex SHA-256 of `<system>_<identifier value>`,
so that a pipeline that moves here goes on writing the same Patients and Devices.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, Protocol

from transforms.assignments import Assignments, assigned_measurement
from transforms.errors import RecordError, ResourceIdentityNotDefinedError
from transforms.model import Identity, Measurement


class Identities(Protocol):
    """Knows whom measurements belong to. It travels to workers."""

    def resolve(
        self, measurements: Sequence[Measurement]
    ) -> list[Identity | RecordError]:
        """The identity of each measurement, or why it has none."""


@dataclasses.dataclass(frozen=True)
class Identification:
    """What later stages must know of how measurements were identified."""

    by_server: bool = False
    """Whether a server was asked: an encounter is then known by the id of its resource,
    not by name, and ids that are not ours are of resources found there."""
    shells: Literal["linked", "unlinked", "none"] = "linked"
    """Which Patients and Devices travel with Observations: Devices that are linked to
    their patient, Devices that are not because they change hands, or none because they
    are on the server."""


BY_MESSAGE = Identification()
"""The message alone says whom a measurement belongs to."""


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
    if patient is None or not patient or patient.isspace():
        raise nameless()
    return _identity(
        patient, device_system, measurement.device, named_encounter(measurement)
    )


@lru_cache(maxsize=50_000)
def _identity(
    patient: str, device_system: str, device: str, encounter: str | None
) -> Identity:
    return Identity(
        resource_id("", patient), resource_id(device_system, device), encounter
    )


def nameless() -> ResourceIdentityNotDefinedError:
    """What is wrong with a measurement that names no patient."""
    msg = "the measurement names no patient"
    hint = (
        "add patientIdExpression to the device template, or have the device or the"
        " envelope's Properties carry the patient id"
    )
    return ResourceIdentityNotDefinedError(msg, hint)


def named_encounter(measurement: Measurement) -> str | None:
    """The encounter that a measurement names."""
    encounter = measurement.encounter
    return encounter if encounter and not encounter.isspace() else None


@dataclasses.dataclass(frozen=True)
class MessageIdentities:
    """Identities of `create` mode without a server, pure functions of the messages.

    Args:
        device_system: system of device identifiers; empty for none.
    """

    device_system: str = ""

    def resolve(
        self, measurements: Sequence[Measurement]
    ) -> list[Identity | RecordError]:
        """The identity of each measurement, or why it has none."""
        system = self.device_system
        found: list[Identity | RecordError] = []
        for measurement in measurements:
            try:
                found.append(create_identity(measurement, system))
            except ResourceIdentityNotDefinedError as error:
                found.append(error.detached())
        return found


@dataclasses.dataclass(frozen=True)
class AssignedIdentities:
    """Identities by a table of who wore a device when.

    Args:
        assignments: the table.
        others: what makes ids of the names of patient, device and encounter.
    """

    assignments: Assignments
    others: Identities

    def resolve(
        self, measurements: Sequence[Measurement]
    ) -> list[Identity | RecordError]:
        """The identity of each measurement, or why it has none."""
        found: list[Identity | RecordError] = []
        assigned: list[Measurement] = []
        for measurement in measurements:
            try:
                known = assigned_measurement(measurement, self.assignments)
            except RecordError as error:
                found.append(error.detached())
                continue
            assigned.append(known)
            found.append(Identity("", "", None, known.patient))
        identities = iter(self.others.resolve(assigned))
        return [
            each if isinstance(each, RecordError) else _named(next(identities), each)
            for each in found
        ]


def _named(identity: Identity | RecordError, known: Identity) -> Identity | RecordError:
    if isinstance(identity, RecordError):
        return identity
    return identity._replace(patient=known.patient)
