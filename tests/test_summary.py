"""The numbers at the end of a run."""

import io

import pytest
from rich.console import Console

from pipeline.options import Outputs
from pipeline.summary import dead_letters, print_summary


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, {}),
        ({"DeviceEvent": 3}, {}),
        ({"DeadLetter/B": 2, "DeadLetter/A": 1}, {"A": 1, "B": 2}),
        ({"DeadLetter/A": 0}, {}),
    ],
)
def test_dead_letters_are_counted_by_error(counts, expected):
    assert list(dead_letters(counts).items()) == list(expected.items())


def summary_of(counts, outputs, seconds=2.0):
    text = io.StringIO()
    print_summary(Console(file=text, width=80), counts, outputs, seconds)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_a_summary_says_what_became_of_the_messages_and_where_it_is():
    counts = {
        "DeviceEvent": 12_000,
        "DroppedEvent": 1,
        "NormalizedEvent": 9000,
        "Reading": 10_000,
        "ReadingStored": 8000,
        "ReadingReplaced": 1500,
        "ReadingRepeated": 500,
        "ObservationCreated": 7000,
        "ObservationUpdated": 20,
        "ObservationUnchanged": 3,
        "PatientCreated": 4,
        "DeviceCreated": 5,
        "DeadLetter/IncompatibleDataException": 1200,
        "DeadLetter/TemplateNotFoundException": 34,
    }
    assert summary_of(counts, Outputs("out", ("out/fhir", "f"), "letters")) == [
        "messages                                       12,000",
        "  without a match                                   1",
        "measurements                                    9,000",
        "readings                                       10,000",
        "  stored                                        8,000",
        "  in place of older ones                        1,500",
        "  repeated or older                               500",
        "Observations created                            7,000",
        "  updated                                          20",
        "  unchanged                                         3",
        "Patients created                                    4",
        "Devices created                                     5",
        "dead letters                                    1,234",
        "  IncompatibleDataException                     1,200",
        "  TemplateNotFoundException                        34",
        "time                         2.0 s (6,000 messages/s)",
        "",
        "readings            out/measurement/",
        "Observations, flat  out/observation/",
        "FHIR resources      out/fhir/",
        "FHIR resources      f/",
        "dead letters        letters/",
    ]


def test_flagged_readings_are_shown_if_there_are_any():
    def after_readings(counts):
        lines = summary_of(counts, Outputs("out", (), "d"))
        found = next(at for at, line in enumerate(lines) if line.startswith("readings"))
        return lines[found + 1]

    assert after_readings({}).split() == ["stored", "0"]
    label, count = after_readings({"ReadingImplausible": 1_200}).rsplit(" ", 1)
    assert (label.strip(), count) == ("flagged, out of their range", "1,200")


def test_withdrawn_observations_are_shown_if_there_are_any():
    def after_unchanged(counts):
        lines = summary_of(counts, Outputs("out", (), "d"))
        found = next(at for at, line in enumerate(lines) if "unchanged" in line)
        return lines[found + 1].split()

    assert after_unchanged({"ObservationRemoved": 0})[0] == "Patients"
    assert after_unchanged({"ObservationRemoved": 2}) == ["withdrawn", "2"]


def test_a_place_can_be_copied_whatever_its_name():
    place = "/data/[bold] :cat: 100 %/" + "long/" * 30 + "end"
    lines = summary_of({}, Outputs(place, (), "d"))
    assert lines[-2:] == [
        f"readings            {place}/measurement/",
        f"Observations, flat  {place}/observation/",
    ]


def test_a_run_that_took_no_time_has_a_summary():
    lines = summary_of({"DeviceEvent": 1}, Outputs("o", (), "d"), seconds=0.0)
    assert [line for line in lines if line.startswith("time")] == [
        "time                      0.0 s (1,000,000,000 messages/s)"
    ]
