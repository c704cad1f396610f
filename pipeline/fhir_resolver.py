"""What a FHIR server's Devices, Patients and Encounters say of whom a name means."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from pipeline.fhir_causes import (
    ambiguous,
    lost_device,
    lost_encounter,
    mismatch,
    no_encounter,
    unlinked,
)
from pipeline.fhir_directory import Directory
from pipeline.fhir_errors import FhirUnavailableError
from pipeline.fhir_resources import Key, Resource, Settled, Standing, Wanted
from transforms.errors import RecordError
from transforms.identity import nameless, resource_id
from transforms.model import Identity
from transforms.shells import device_shell, patient_shell

Mode = Literal["create", "lookup", "lookup-encounter", "assigned"]

_ROUNDS = 10
"""How often to look again while others write the same Devices."""


class Name(NamedTuple):
    """All that decides whom a measurement belongs to, as it says it."""

    device: str
    patient: str | None
    encounter: str | None


Answers = dict[Name, Identity | RecordError]


class Resolver:
    """Resolves names by a server.

    Args:
        directory: of the server.
        mode: as `ServerIdentities` has it.
        device_system: system of device identifiers; empty for any.
    """

    def __init__(self, directory: Directory, mode: Mode, device_system: str) -> None:
        self._directory = directory
        self._mode = mode
        self._system = device_system

    def resolve(self, names: Sequence[Name]) -> Answers:
        """The identity of each name, or why it has none."""
        answers: Answers = {}
        if self._mode in ("create", "assigned"):
            # Not whom the device is linked to by now: it may be since another message.
            answers |= {name: nameless() for name in names if name.patient is None}
        for _ in range(_ROUNDS):
            left = [name for name in names if name not in answers]
            if not left:
                return answers
            look = _Look(self._directory, self._mode, self._system, left)
            answers |= look.answers()
        msg = "other writers keep changing the Devices of a FHIR server: try again"
        raise FhirUnavailableError(msg)


class _Look:
    """One look at the server for some names, and what is made because of it."""

    def __init__(
        self,
        directory: Directory,
        mode: Mode,
        device_system: str,
        names: Sequence[Name],
    ) -> None:
        self._directory = directory
        self._mode = mode
        self._system = device_system
        self._names = names
        self._found = directory.find(
            [one for name in names for one in self._wanted(name)]
        )

    def _wanted(self, name: Name) -> Iterable[Wanted]:
        yield Wanted("Device", self._system, name.device)
        if name.patient is not None:
            yield Wanted("Patient", "", name.patient)
        if name.encounter is not None:
            yield Wanted("Encounter", "", name.encounter)

    def answers(self) -> Answers:
        """What is known now; names that are not in it must be looked for again."""
        answers: Answers = {}
        left = []
        for name in self._names:
            try:
                known = self._known(name)
            except RecordError as error:
                answers[name] = error.detached()
                continue
            if known is None:
                left.append(name)
            else:
                answers[name] = known
        return {**answers, **self._make(left)}

    def _known(self, name: Name) -> Identity | None:
        """The identity, None if something must be made for it."""
        device = self._one("Device", self._system, name.device)
        encounter = self._encounter(name)
        owner = None if device is None else self._owner(device)
        if owner is not None and device is not None:
            self._guard(name, owner)
            return Identity(owner, device["id"], encounter)
        if self._mode in ("lookup", "lookup-encounter"):
            raise lost_device() if device is None else unlinked()
        patient = self._one("Patient", "", name.patient or "")
        if self._mode == "assigned" and device is not None and patient is not None:
            return Identity(patient["id"], device["id"], encounter)
        return None

    def _one(self, kind: str, system: str, value: str) -> Resource | None:
        hits = self._hits(Wanted(kind, system, value))
        if len(hits) > 1:
            raise ambiguous(kind)
        return hits[0] if hits else None

    def _hits(self, wanted: Wanted) -> list[Resource]:
        hits = self._found[wanted]
        if isinstance(hits, RecordError):
            raise hits
        return hits

    def _encounter(self, name: Name) -> str | None:
        if name.encounter is None:
            if self._mode == "lookup-encounter":
                raise no_encounter()
            return None
        found = self._one("Encounter", "", name.encounter)
        if found is None:
            raise lost_encounter()
        return str(found["id"])

    def _owner(self, device: Resource) -> str | None:
        if self._mode == "assigned":
            return None
        try:
            return self._directory.owner(device)
        except ValueError as error:
            raise mismatch() from error

    def _guard(self, name: Name, owner: str) -> None:
        """What a message says of its patient must be true of its device's."""
        if name.patient is None:
            return
        named = self._hits(Wanted("Patient", "", name.patient))
        if owner not in [patient["id"] for patient in named]:
            raise mismatch()

    def _make(self, names: Sequence[Name]) -> Answers:
        """Makes or links what is missing for some names, which all name a patient."""
        answers: Answers = {}
        if not names:
            return answers
        owners = self._make_patients(names, answers)
        # Of several patients who are named for a new device the first one has it.
        first: dict[str, str] = {}
        for name, patient_id in owners.items():
            first.setdefault(name.device, patient_id)
        made = self._make_devices(first)
        for name, patient_id in owners.items():
            device = made.get(name.device)
            if isinstance(device, RecordError):
                answers[name] = device
            elif device is not None and device.owner not in (None, patient_id):
                answers[name] = mismatch()
            elif device is not None:
                encounter = self._encounter(name)
                answers[name] = Identity(patient_id, device.id, encounter)
        return answers

    def _make_patients(
        self, names: Sequence[Name], answers: Answers
    ) -> dict[Name, str]:
        """The Patient of each name; for those that have none it says so in answers."""
        patients: dict[str, Settled] = {}
        shells: dict[Key, Resource] = {}
        named: dict[Key, str] = {}
        for value in dict.fromkeys(name.patient or "" for name in names):
            found = self._one("Patient", "", value)
            if found is not None:
                patients[value] = Standing(found["id"], None)
                continue
            key = Key("Patient", resource_id("", value))
            shells[key], named[key] = patient_shell(key.id, value), value
        made = self._directory.settle(shells) if shells else {}
        patients |= {named[key]: patient for key, patient in made.items()}
        owners = {}
        for name in names:
            patient = patients[name.patient or ""]
            if isinstance(patient, RecordError):
                answers[name] = patient
            elif patient is not None:
                owners[name] = patient.id
        return owners

    def _make_devices(self, owners: Mapping[str, str]) -> dict[str, Settled]:
        """Makes or links the Device of each identifier; None: look again."""
        linked = self._mode != "assigned"
        made: dict[str, Settled] = {}
        shells: dict[Key, Resource] = {}
        named: dict[Key, str] = {}
        loose: dict[str, tuple[Resource, str]] = {}
        for value, owner in owners.items():
            found = self._one("Device", self._system, value)
            if found is None:
                key = Key("Device", resource_id(self._system, value))
                shells[key] = device_shell(
                    key.id, self._system, value, owner if linked else None
                )
                named[key] = value
            elif linked:
                loose[value] = (found, owner)
            else:
                made[value] = Standing(found["id"], None)
        if shells:
            settled = self._directory.settle(shells)
            made |= {named[key]: device for key, device in settled.items()}
        if not linked:  # whomever they are linked to
            made = {
                value: device._replace(owner=None)
                if isinstance(device, Standing)
                else device
                for value, device in made.items()
            }
        if loose:
            refused = self._directory.link(list(loose.values()))
            made |= zip(loose, refused, strict=True)
        return made
