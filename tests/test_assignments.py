"""Who wore a device when."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.assignments import (
    Assignment,
    Assignments,
    AssignmentsError,
    Misassignment,
    assigned_measurement,
)
from transforms.errors import (
    PatientDeviceMismatchError,
    RecordError,
    ResourceIdentityNotDefinedError,
)
from transforms.instants import DAY, END_OF_INSTANTS, FIRST_INSTANT, HOUR
from transforms.model import Measurement

MIDNIGHT = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
NOON = MIDNIGHT + 12 * HOUR
EVER, OPEN = FIRST_INSTANT, END_OF_INSTANTS

HANDED_OVER_AT_NOON = Assignments.of(
    [
        Assignment("watch-7", "ann", EVER, NOON, 2),
        Assignment("watch-7", "bob", NOON, OPEN, 3),
    ]
)

UNCOVERED = "no assignment covers the time of the reading"
ADD_DEVICE = (
    "the table of assignments has no row of this device: add one, and spell the device"
    " as the message does"
)
ADD_TIME = (
    "add a row of this device to the table of assignments, or widen one: it lasts from"
    " its from until just before its to"
)
CHANGES_HANDS = "the device changes hands during the reading"
AT_THE_HAND_OVER = (
    "a reading belongs to one patient: correct from and to in the table of assignments,"
    " or have the device end its readings at the hand-over"
)
ANOTHER = "the message names another patient than the assignment of its device"
CORRECT = "correct the table of assignments, or the patient that the device sends"


def measurement(**fields):
    found = Measurement(
        type="hr",
        occurred_at=NOON,
        ended_at=None,
        utc_offset_minutes=0,
        ingested_at=None,
        device="watch-7",
        patient=None,
        encounter=None,
        correlation=None,
        values=(("hr", "72"),),
        source="m:1",
    )
    return found._replace(**fields)


def failure(call, *arguments):
    """Kind, message and suggestion of the error that a call ends with."""
    with pytest.raises(RecordError) as caught:
        call(*arguments)
    return type(caught.value), caught.value.message, caught.value.suggestion


def findings(rows, unit="line"):
    with pytest.raises(AssignmentsError) as caught:
        Assignments.of(rows, unit)
    return caught.value.problems


@pytest.mark.parametrize(
    ("time", "patient"),
    [
        ({"occurred_at": NOON - 1}, "ann"),
        ({"occurred_at": NOON - 1, "tick": 9}, "ann"),
        ({"occurred_at": NOON}, "bob"),
        ({"occurred_at": FIRST_INSTANT}, "ann"),
        ({"occurred_at": END_OF_INSTANTS - 1}, "bob"),
        ({"occurred_at": NOON - HOUR, "ended_at": NOON - 1}, "ann"),
        ({"occurred_at": NOON, "ended_at": NOON + HOUR}, "bob"),
        ({"occurred_at": NOON - 1, "utc_offset_minutes": 345}, "ann"),
        ({"occurred_at": MIDNIGHT - DAY, "utc_offset_minutes": None}, "ann"),
        ({"occurred_at": MIDNIGHT + DAY, "utc_offset_minutes": None}, "bob"),
    ],
)
def test_a_device_handed_over_at_noon_files_the_morning_with_the_first(time, patient):
    reading = measurement(**time)
    expected = reading._replace(patient=patient)
    assert assigned_measurement(reading, HANDED_OVER_AT_NOON) == expected


@pytest.mark.parametrize(
    "time",
    [
        {"occurred_at": NOON - 1, "ended_at": NOON + 1},
        {"occurred_at": NOON - HOUR, "ended_at": NOON + HOUR},
        {"occurred_at": FIRST_INSTANT, "ended_at": END_OF_INSTANTS - 1},
        {"occurred_at": MIDNIGHT, "utc_offset_minutes": None},
        {
            "occurred_at": MIDNIGHT - DAY,
            "ended_at": MIDNIGHT,
            "utc_offset_minutes": None,
        },
    ],
    ids=["touches", "contains", "forever", "day", "days"],
)
def test_a_reading_of_two_patients_belongs_to_neither(time):
    assert failure(assigned_measurement, measurement(**time), HANDED_OVER_AT_NOON) == (
        PatientDeviceMismatchError,
        CHANGES_HANDS,
        AT_THE_HAND_OVER,
    )


@pytest.mark.parametrize("named", [None, "", " \t"])
def test_a_message_may_name_no_patient(named):
    reading = measurement(patient=named)
    expected = reading._replace(patient="bob")
    assert assigned_measurement(reading, HANDED_OVER_AT_NOON) == expected


def test_a_message_may_name_the_patient_that_is_assigned():
    reading = measurement(patient="bob")
    assert assigned_measurement(reading, HANDED_OVER_AT_NOON) is reading


@pytest.mark.parametrize("named", ["ann", "Bob", "bob ", "eve"])
def test_a_message_that_names_another_patient_is_never_written(named):
    assert failure(
        assigned_measurement, measurement(patient=named), HANDED_OVER_AT_NOON
    ) == (PatientDeviceMismatchError, ANOTHER, CORRECT)


WORN_TWICE = Assignments.of(
    [
        Assignment("watch-7", "ann", MIDNIGHT, NOON, 2),
        Assignment("watch-7", "ann", NOON + 2 * HOUR, NOON + 3 * HOUR, 3),
        Assignment("watch-8", "bob", NOON, NOON + HOUR, 4),
    ]
)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (MIDNIGHT, MIDNIGHT),
        (MIDNIGHT - HOUR, MIDNIGHT),
        (NOON - 1, NOON + HOUR),
        (NOON + HOUR, NOON + 2 * HOUR),
        (MIDNIGHT, NOON + 3 * HOUR),
        (MIDNIGHT - DAY, MIDNIGHT + DAY),
    ],
)
def test_times_of_one_patient_may_be_covered_in_part(first, last):
    assert WORN_TWICE.patient("watch-7", first, last) == "ann"


@pytest.mark.parametrize(
    ("device", "first", "last", "hint"),
    [
        ("watch-7", MIDNIGHT - 1, MIDNIGHT - 1, ADD_TIME),
        ("watch-7", NOON, NOON, ADD_TIME),
        ("watch-7", NOON, NOON + 2 * HOUR - 1, ADD_TIME),
        ("watch-7", NOON + 3 * HOUR, END_OF_INSTANTS - 1, ADD_TIME),
        ("watch-8", NOON - 1, NOON - 1, ADD_TIME),
        ("watch-9", NOON, NOON, ADD_DEVICE),
        ("Watch-7", NOON, NOON, ADD_DEVICE),
        ("watch-7 ", NOON, NOON, ADD_DEVICE),
        ("", NOON, NOON, ADD_DEVICE),
    ],
)
def test_outside_all_assignments_a_device_is_nobodys(device, first, last, hint):
    assert failure(WORN_TWICE.patient, device, first, last) == (
        ResourceIdentityNotDefinedError,
        UNCOVERED,
        hint,
    )


def test_an_empty_table_knows_nobody():
    assert failure(Assignments.of([]).patient, "watch-7", NOON, NOON) == (
        ResourceIdentityNotDefinedError,
        UNCOVERED,
        ADD_DEVICE,
    )


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            Assignment("watch-7", "bob", NOON - 1, OPEN, 7),
            "overlaps with line 3: a device has one patient at a time",
        ),
        (
            Assignment("watch-7", "bob", EVER, MIDNIGHT + 1, 7),
            "overlaps with line 3: a device has one patient at a time",
        ),
        (
            Assignment("watch-7", "bob", MIDNIGHT, NOON, 7),
            "overlaps with line 3: a device has one patient at a time",
        ),
        (
            Assignment("watch-7", "ann", MIDNIGHT, NOON - 1, 7),
            "overlaps with line 3 of the same patient: make them one",
        ),
        (
            Assignment("watch-7", "ann", MIDNIGHT, NOON, 7),
            "repeats line 3: remove one of the two",
        ),
        (
            Assignment("watch-7", "bob", NOON, NOON, 7),
            "from is not before to: correct one of them",
        ),
        (
            Assignment("watch-7", "bob", NOON + 1, NOON, 7),
            "from is not before to: correct one of them",
        ),
        (
            Assignment("watch-7", "bob", OPEN, OPEN, 7),
            "from is not before to: correct one of them",
        ),
    ],
)
def test_an_assignment_that_contradicts_another_is_refused(other, message):
    rows = [Assignment("watch-7", "ann", MIDNIGHT, NOON, 3), other]
    assert findings(rows) == (Misassignment(7, message),)


@pytest.mark.parametrize(
    "other",
    [
        Assignment("watch-7", "bob", NOON, OPEN, 7),
        Assignment("watch-7", "bob", EVER, MIDNIGHT, 7),
        Assignment("watch-7", "ann", NOON, NOON + 1, 7),
        Assignment("watch-8", "ann", MIDNIGHT, NOON, 7),
        Assignment("Watch-7", "bob", MIDNIGHT, NOON, 7),
    ],
    ids=["after", "before", "same patient after", "other device", "other spelling"],
)
def test_assignments_may_follow_each_other_at_once(other):
    rows = [Assignment("watch-7", "ann", MIDNIGHT, NOON, 3), other]
    assert len(Assignments.of(rows)) == 2


def test_all_findings_are_told_at_once_by_place():
    rows = [
        Assignment("watch-8", "eve", NOON, EVER, 6),
        Assignment("watch-7", "ann", EVER, OPEN, 5),
        Assignment("watch-7", "bob", MIDNIGHT, NOON, 2),
        Assignment("watch-7", "ann", NOON, OPEN, 3),
        Assignment("watch-9", "eve", EVER, OPEN, 4),
    ]
    assert findings(rows, "row") == (
        (5, "overlaps with row 2: a device has one patient at a time"),
        (5, "overlaps with row 3 of the same patient: make them one"),
        (6, "from is not before to: correct one of them"),
    )


def test_no_finding_shows_a_device_or_a_patient():
    rows = [Assignment("watch-7", "ann", EVER, OPEN, place) for place in (2, 3)]
    with pytest.raises(AssignmentsError) as caught:
        Assignments.of(rows)
    shown = f"{caught.value!r} {caught.value} {caught.value.problems}"
    shown += repr(HANDED_OVER_AT_NOON)
    assert "ann" not in shown
    assert "watch" not in shown
    assert repr(HANDED_OVER_AT_NOON) == "Assignments(2 of 1 devices)"


def test_a_table_travels_to_workers():
    assert pickle.loads(pickle.dumps(WORN_TWICE)) == WORN_TWICE  # noqa: S301 - ours
    assert WORN_TWICE != HANDED_OVER_AT_NOON


# Laws. Few devices, patients and instants, so that rows meet.

TIMES = st.integers(0, 20)
DEVICES = st.sampled_from(["d", "D", "e"])
PATIENTS = st.sampled_from(["p", "q", "r"])


def row(device, patient, start, length, place):
    return Assignment(device, patient, start, start + length, place)


def rows(lengths):
    fields = st.tuples(DEVICES, PATIENTS, TIMES, lengths)
    return st.lists(fields, max_size=8).map(
        lambda drawn: [row(*each, place) for place, each in enumerate(drawn, 2)]
    )


def overlap(one, other):
    return (
        one.device == other.device and one.start < other.end and other.start < one.end
    )


def without_overlaps(drawn):
    kept = []
    for each in drawn:
        if not any(overlap(each, other) for other in kept):
            kept.append(each)
    return kept


TABLES = rows(st.integers(1, 8)).map(without_overlaps)


@given(TABLES, DEVICES, TIMES, st.integers(0, 8))
def test_a_table_says_what_a_look_at_every_row_says(table, device, first, length):
    last = first + length
    patients = {
        each.patient
        for each in table
        if each.device == device and each.start <= last and first < each.end
    }
    assignments = Assignments.of(table)
    if len(patients) == 1:
        assert {assignments.patient(device, first, last)} == patients
        return
    kind, message, _hint = failure(assignments.patient, device, first, last)
    expected = (
        (PatientDeviceMismatchError, CHANGES_HANDS)
        if patients
        else (ResourceIdentityNotDefinedError, UNCOVERED)
    )
    assert (kind, message) == expected


def loaded(table):
    try:
        return Assignments.of(table)
    except AssignmentsError as error:
        return error.problems


@given(
    st.one_of(TABLES, rows(st.integers(-1, 8))).flatmap(
        lambda table: st.tuples(st.just(table), st.permutations(table))
    )
)
def test_the_order_of_the_rows_changes_nothing(tables):
    table, shuffled = tables
    assert loaded(table) == loaded(shuffled)


@given(rows(st.integers(1, 8)))
def test_tables_with_overlaps_are_refused_and_others_are_not(table):
    by_place = {each.place: each for each in table}
    overlapping = {
        other.place
        for other in table
        if any(overlap(each, other) for each in table if each is not other)
    }
    found = loaded(table)
    if not overlapping:
        assert len(found) == len(table)
        return
    assert found
    for place, message in found:
        other = int(re.search(r"line (\d+)", message)[1])
        assert other < place
        assert overlap(by_place[other], by_place[place])
