"""The Patients and Devices that Observations refer to, settled before them.

What has been settled is trusted for some minutes: nobody looks for a Patient again for
each of its readings, and a link that was changed is noticed.
"""

import functools
import threading
from collections.abc import Iterable, Mapping

import orjson
from cachetools import TTLCache

from pipeline.fhir_causes import mismatch
from pipeline.fhir_directory import Directory
from pipeline.fhir_draft import Draft
from pipeline.fhir_errors import FhirUnavailableError
from pipeline.fhir_resources import Key, Resource, Standing
from pipeline.fhir_settings import FhirServer
from transforms.errors import RecordError

ROUNDS = 10
"""How often to look again while others write the same resources."""

_MOST = 200_000
"""Patients and Devices that a process remembers."""

_REMEMBER_S = 300.0
"""Seconds for which they are trusted to be as they were."""

Settled = Standing | RecordError


class _Memory:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: TTLCache[Key, Standing] = TTLCache(_MOST, _REMEMBER_S)


@functools.cache
def _memory_of(_server: FhirServer) -> _Memory:
    """What this process knows of a server."""
    return _Memory()


class Shells:
    """Settles Patients and Devices on a server.

    Args:
        server: the server.
        directory: of that server.
    """

    def __init__(self, server: FhirServer, directory: Directory) -> None:
        self._memory = _memory_of(server)
        self._directory = directory

    def forget(self, keys: Iterable[Key]) -> bool:
        """Trusts these no longer; returns whether any of them was."""
        with self._memory.lock:
            found = [self._memory.known.pop(key, None) for key in keys]
        return any(standing is not None for standing in found)

    def settle(self, shells: Mapping[Key, bytes]) -> dict[Key, Settled]:
        """Sees to it that Patients and Devices are there.

        Args:
            shells: what to make where there is none, as JSON by our ids.

        Returns:
            What stands on the server for each, or why it cannot.

        Raises:
            FhirUnavailableError, FhirRefusedError: as `FhirClient.send`.
        """
        patients = self._settle(_parsed(shells, "Patient"))
        devices = _parsed(shells, "Device")
        for device in devices.values():
            _relink(device, patients)
        return {**patients, **self._settle(devices)}

    def _settle(self, shells: Mapping[Key, Resource]) -> dict[Key, Settled]:
        with self._memory.lock:
            known = {key: self._memory.known.get(key) for key in shells}
        settled: dict[Key, Settled] = {
            key: standing._replace(is_new=False)
            for key, standing in known.items()
            if standing is not None
        }
        for _ in range(ROUNDS):
            left = {key: shells[key] for key in shells if key not in settled}
            if not left:
                return settled
            found = self._directory.settle(left)
            settled |= {key: one for key, one in found.items() if one is not None}
            with self._memory.lock:
                self._memory.known.update(
                    (key, one)
                    for key, one in found.items()
                    if isinstance(one, Standing)
                )
        msg = "other writers keep changing the Devices of a FHIR server: try again"
        raise FhirUnavailableError(msg)


def _parsed(shells: Mapping[Key, bytes], kind: str) -> dict[Key, Resource]:
    return {
        Key(*key): orjson.loads(shell)
        for key, shell in shells.items()
        if key[0] == kind
    }


def _relink(device: Resource, patients: Mapping[Key, Settled]) -> None:
    """Where the server has given its own ids, the link says so too."""
    link = device.get("patient")
    if link is None:
        return
    owner = patients.get(Key("Patient", link["reference"].removeprefix("Patient/")))
    if isinstance(owner, Standing):
        device["patient"] = {"reference": f"Patient/{owner.id}"}


def obstacle_of(
    draft: Draft, settled: Mapping[Key, Settled], shells: Mapping[Key, bytes]
) -> RecordError | None:
    """Why an Observation must not be written: whom it refers to is not as it says."""
    for key in draft.keys:
        standing = settled.get(key)
        if isinstance(standing, RecordError):
            return standing
    if draft.device is None or draft.subject is None:
        return None
    device = settled.get(draft.device)
    if device is None or isinstance(device, RecordError) or device.owner is None:
        return None
    # A Device that comes without a link makes no claim whose it is.
    if "patient" not in orjson.loads(shells[draft.device]):
        return None
    patient = settled.get(draft.subject)
    patient_id = draft.subject.id
    if patient is not None and not isinstance(patient, RecordError):
        patient_id = patient.id
    return None if device.owner == patient_id else mismatch()
