"""Who wore a device when: a table that says it, asked for the time of each reading.

A device that is handed over at noon has two assignments: the morning's readings belong
to the first patient, the afternoon's to the second, whenever they arrive. Nobody's
readings are guessed: where the table gives no patient or two, there is an error.
"""

import dataclasses
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from transforms.errors import (
    PatientDeviceMismatchError,
    ResourceIdentityNotDefinedError,
)
from transforms.instants import DAY
from transforms.model import Measurement

_UNCOVERED = "no assignment covers the time of the reading"
_ADD_DEVICE = (
    "the table of assignments has no row of this device: add one, and spell the device"
    " as the message does"
)
_ADD_TIME = (
    "add a row of this device to the table of assignments, or widen one: it lasts from"
    " its from until just before its to"
)


class Assignment(NamedTuple):
    """One row of the table: a device is worn by a patient for some time."""

    device: str
    """The device as its messages name it."""
    patient: str
    """The patient's identifier; not a FHIR id."""
    start: int
    """First instant, µs; `FIRST_INSTANT` for since ever."""
    end: int
    """First instant after it, µs; `END_OF_INSTANTS` for an open end."""
    place: int
    """Line or row of the table, from 1."""


class Misassignment(NamedTuple):
    """What is wrong with one row, without device or patient: they are health data."""

    place: int
    """Line or row, from 1; 0 for the table as a whole."""
    message: str
    """What is wrong and what to do."""


class AssignmentsError(Exception):
    """A table that cannot be used; `problems` lists all findings by place."""

    def __init__(self, problems: Iterable[Misassignment]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__(f"{len(self.problems)} mistakes in the table of assignments")


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Assignments:
    """A whole table; made by `Assignments.of`.

    Its rows stand by device and time in flat arrays, because it travels to every
    worker: a million rows of as many devices are 64 MB pickled and 200 MB unpacked.
    """

    devices: dict[str, int]
    """The rank of each device."""
    firsts: "array[int]"
    """The first row of each rank, and after the last one the number of rows."""
    starts: "array[int]"
    """First instant of each row, µs; ascending within a device."""
    ends: "array[int]"
    """First instant after each row, µs; ascending within a device, too."""
    patients: tuple[str, ...]
    """Identifier of the patient of each row."""

    @classmethod
    def of(cls, rows: Iterable[Assignment], unit: str = "line") -> "Assignments":
        """The table of some rows, in any order.

        Args:
            rows: at most one of a device at a time; an assignment ends just before the
                next one begins.
            unit: what a place is, for messages.

        Raises:
            AssignmentsError: a row has no duration, or overlaps with another one of its
                device, even if both name the same patient: that is a slip, too, and
                either row might be the one that is meant.
        """
        ordered = sorted(rows, key=_by_device_and_time)
        problems = list(_problems(ordered, unit))
        if problems:
            raise AssignmentsError(problems)
        devices: dict[str, int] = {}
        firsts = array("q")
        shared: dict[str, str] = {}
        for row, assignment in enumerate(ordered):
            if assignment.device not in devices:
                devices[assignment.device] = len(devices)
                firsts.append(row)
        firsts.append(len(ordered))
        return cls(
            devices,
            firsts,
            array("q", [each.start for each in ordered]),
            array("q", [each.end for each in ordered]),
            tuple(shared.setdefault(each.patient, each.patient) for each in ordered),
        )

    def __len__(self) -> int:
        return len(self.patients)

    def __repr__(self) -> str:
        return f"Assignments({len(self)} of {len(self.devices)} devices)"

    def patient(self, device: str, first: int, last: int) -> str:
        """The identifier of the one patient who wore a device at some time.

        Args:
            device: as its messages name it.
            first: first instant of the time asked for, µs.
            last: its last instant, µs; the same for an instant.

        Raises:
            ResourceIdentityNotDefinedError: no assignment touches that time.
            PatientDeviceMismatchError: assignments of several patients do.
        """
        rank = self.devices.get(device)
        if rank is None:
            raise ResourceIdentityNotDefinedError(_UNCOVERED, _ADD_DEVICE)
        begin, end = self.firsts[rank], self.firsts[rank + 1]
        end = bisect_right(self.starts, last, begin, end)
        begin = bisect_right(self.ends, first, begin, end)
        if begin == end:
            raise ResourceIdentityNotDefinedError(_UNCOVERED, _ADD_TIME)
        patient = self.patients[begin]
        if end - begin > 1 and set(self.patients[begin:end]) != {patient}:
            msg = "the device changes hands during the reading"
            hint = (
                "a reading belongs to one patient: correct from and to in the table of"
                " assignments, or have the device end its readings at the hand-over"
            )
            raise PatientDeviceMismatchError(msg, hint)
        return patient


def _by_device_and_time(row: Assignment) -> tuple[str, int, int, int, str]:
    # Nothing is left to the order of the rows: shuffled, they give the same findings.
    return row.device, row.start, row.end, row.place, row.patient


def _problems(ordered: list[Assignment], unit: str) -> Iterator[Misassignment]:
    longest: Assignment | None = None
    for row in ordered:
        if row.start >= row.end:
            yield Misassignment(row.place, "from is not before to: correct one of them")
        elif longest is None or row.device != longest.device:
            longest = row
        else:
            # It overlaps with a row before it only if it does with the one of those
            # that ends last: one finding a row, not one a pair.
            if row.start < longest.end:
                yield _overlap(longest, row, unit)
            if row.end > longest.end:
                longest = row


def _overlap(one: Assignment, other: Assignment, unit: str) -> Misassignment:
    first, second = sorted((one.place, other.place))
    if one[:4] == other[:4]:
        message = f"repeats {unit} {first}: remove one of the two"
    elif one.patient == other.patient:
        message = f"overlaps with {unit} {first} of the same patient: make them one"
    else:
        message = f"overlaps with {unit} {first}: a device has one patient at a time"
    return Misassignment(second, message)


def assigned_measurement(
    measurement: Measurement, assignments: Assignments
) -> Measurement:
    """A measurement with the patient to whom its device was assigned at its time.

    Args:
        measurement: may name that patient, by exactly the same identifier, or none.
        assignments: who wore its device when.

    Raises:
        ResourceIdentityNotDefinedError: no assignment covers the time.
        PatientDeviceMismatchError: the device changes hands during that time, or the
            message names another patient.
    """
    first, last = _time_of(measurement)
    patient = assignments.patient(measurement.device, first, last)
    named = measurement.patient
    if named == patient:
        return measurement
    if named is not None and named.strip():
        msg = "the message names another patient than the assignment of its device"
        hint = "correct the table of assignments, or the patient that the device sends"
        raise PatientDeviceMismatchError(msg, hint)
    return measurement._replace(patient=patient)


def _time_of(measurement: Measurement) -> tuple[int, int]:
    """First and last instant at which the device must have had one patient."""
    first = measurement.occurred_at
    last = first
    if measurement.ended_at is not None:
        # What ends when the device changes hands was the first patient's.
        last = max(first, measurement.ended_at - 1)
    if measurement.utc_offset_minutes is None:
        # A civil date: some devices send no more than the day of a weight or of a
        # number of steps. The reading may be of any instant of that day, so the device
        # must not change hands on it. Nor is the zone known: it is the day in UTC.
        last += DAY - 1
    return first, last
