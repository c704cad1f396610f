"""Whom measurements belong to, by the Devices and Patients of a FHIR server.

The modes are those of the Azure MedTech service, without its two traps: what is
remembered is keyed by all that decides (device, patient and encounter, not the device
alone), and forgotten after a fixed time, however busy a device is, so that a link that
is changed on the server is noticed. A device that is linked to one patient and sends
for another is an error in every mode.
"""

import dataclasses
import functools
import threading
from collections.abc import Sequence

from cachetools import TTLCache

from pipeline.fhir_client import client_of
from pipeline.fhir_directory import Directory
from pipeline.fhir_resolver import Mode, Name, Resolver
from pipeline.fhir_settings import FhirServer
from transforms.errors import RecordError
from transforms.identity import named_encounter
from transforms.model import Identity, Measurement

_MOST = 200_000
"""Identities that a process remembers."""


def _name(measurement: Measurement) -> Name:
    patient = measurement.patient
    return Name(
        measurement.device,
        patient if patient and not patient.isspace() else None,
        named_encounter(measurement),
    )


@dataclasses.dataclass(frozen=True)
class ServerIdentities:
    """Identities by what a FHIR server holds.

    Args:
        server: where Devices, Patients and Encounters are.
        mode: `create` makes Patients and Devices that are missing, under deterministic
            ids; `lookup` makes none; `lookup-encounter` wants an encounter too;
            `assigned` is `create` for devices that change hands: a table has said who
            the patient is, and no link of a Device is looked at or made.
        device_system: system of device identifiers; empty for any.
        remember_s: seconds that an identity is remembered.
    """

    server: FhirServer
    mode: Mode
    device_system: str
    remember_s: float

    def resolve(
        self, measurements: Sequence[Measurement]
    ) -> list[Identity | RecordError]:
        """The identity of each measurement, or why it has none.

        Raises:
            FhirUnavailableError, FhirRefusedError: the server cannot be asked.
        """
        memory = _memory_of(self)
        names = [_name(measurement) for measurement in measurements]
        with memory.lock:
            known = {name: memory.known.get(name) for name in dict.fromkeys(names)}
            unknown = [name for name in known if known[name] is None]
            found = memory.resolver.resolve(unknown)
            memory.known.update(
                (name, identity)
                for name, identity in found.items()
                if isinstance(identity, Identity)
            )
        answers = {**known, **found}
        return [answers[name] for name in names]  # type: ignore[misc]  # none is None


class _Memory:
    """What a process remembers; errors are not remembered, they may be mended."""

    def __init__(self, identities: ServerIdentities) -> None:
        self.lock = threading.Lock()
        self.known: TTLCache[Name, Identity] = TTLCache(_MOST, identities.remember_s)
        directory = Directory(client_of(identities.server))
        self.resolver = Resolver(directory, identities.mode, identities.device_system)


@functools.cache
def _memory_of(identities: ServerIdentities) -> _Memory:
    return _Memory(identities)
