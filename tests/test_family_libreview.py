"""LibreView: rows of its CSV as objects."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:10:00+02:00"


def row(time="10-04-2026 07:10", column="Historic Glucose mg/dL", value="142", **more):
    return {
        "Device": "Example Reader",
        "Serial Number": "READER0001",
        "Device Timestamp": time,
        "Record Type": "0",
        column: value,
    } | more


def message(body, **properties):
    given = {"patientId": "p-1", "timezone": "Europe/Paris", "dateOrder": "MDY"}
    return {"Body": body, "Properties": given | properties}


@pytest.mark.parametrize(
    ("column", "value", "type_name", "expected"),
    [
        ("Historic Glucose mg/dL", "142", "cgm_glucose", 142),
        ("Historic Glucose mg/dL", 142, "cgm_glucose", 142),
        ("Historic Glucose mg/dL", "LO", "cgm_glucose", "<40"),
        ("Historic Glucose mg/dL", "HI", "cgm_glucose", ">400"),
        ("Historic Glucose mmol/L", "7.9", "cgm_glucose_mmol", 7.9),
        ("Historic Glucose mmol/L", "LO", "cgm_glucose_mmol", "<2.2"),
        ("Historic Glucose mmol/L", "HI", "cgm_glucose_mmol", ">22.2"),
        ("Scan Glucose mg/dL", "139", "cgm_glucose_scan", 139),
        ("Scan Glucose mmol/L", "7.7", "cgm_glucose_scan_mmol", 7.7),
        ("Scan Glucose mmol/L", "HI", "cgm_glucose_scan_mmol", ">22.2"),
        ("Strip Glucose mg/dL", "118", "blood_glucose", 118),
        ("Strip Glucose mg/dL", "LO", "blood_glucose", "<20"),
        ("Strip Glucose mg/dL", "HI", "blood_glucose", ">500"),
        ("Strip Glucose mmol/L", "6.9", "blood_glucose_mmol", 6.9),
    ],
)
def test_columns(column, value, type_name, expected, tmp_path):
    sent = message(row(column=column, value=value))
    found = [(type_name, AT, expected)]
    assert made("libreview", sent, tmp_path=tmp_path) == (found, [])


@pytest.mark.parametrize(
    ("time", "order", "expected"),
    [
        ("10-04-2026 07:10", "MDY", AT),
        ("04-10-2026 07:10", "DMY", AT),
        ("04/10/2026 07:10", "DMY", AT),
        ("4-10-2026 7:10", "DMY", AT),
        ("04-10-2026 07:10 PM", "DMY", "2026-10-04T19:10:00+02:00"),
        # Without an order it must be certain.
        ("10-14-2026 07:10", None, "2026-10-14T07:10:00+02:00"),
        ("14-10-2026 07:10", None, "2026-10-14T07:10:00+02:00"),
        ("20-10-2026 07:10", None, "2026-10-20T07:10:00+02:00"),
        ("10-04-2026 07:10 AM", None, AT),
        ("10-04-2026 12:10 AM", None, "2026-10-04T00:10:00+02:00"),
        ("10/4/2026 7:10 pm", None, "2026-10-04T19:10:00+02:00"),
        ("2026-10-04 07:10", None, AT),
        ("2026/10/04 07:10", "DMY", AT),
        # The earlier of the hours that stand twice, and one that is jumped over.
        ("25-10-2026 02:30", "DMY", "2026-10-25T02:30:00+02:00"),
        ("29-03-2026 02:30", "DMY", "2026-03-29T02:30:00+01:00"),
    ],
)
def test_times(time, order, expected, tmp_path):
    sent = message(row(time), dateOrder=order)
    found = [("cgm_glucose", expected, 142)]
    assert made("libreview", sent, tmp_path=tmp_path) == (found, [])


@pytest.mark.parametrize(
    ("time", "properties", "error"),
    [
        (
            "10-04-2026 07:10",
            {"dateOrder": None},
            "Unable to read [TimestampExpression]: not a date of the form YYYY-MM-DD",
        ),
        (
            "10-04-2026 07:10",
            {"dateOrder": "european"},
            "Unable to read [TimestampExpression]: not a date of the form YYYY-MM-DD",
        ),
        (
            "14-10-2026 07:10",
            {"dateOrder": "MDY"},
            "parseDateTime: no such day in the calendar",
        ),
        (
            "10-04-2026 07:10",
            {"timezone": None},
            "Unable to read [TimestampExpression]: the time has no zone",
        ),
        (
            "soon",
            {},
            "parseDateTime: the text is not of the format",
        ),
    ],
)
def test_a_time_that_is_not_certain_is_a_dead_letter(time, properties, error, tmp_path):
    sent = message(row(time), **properties)
    found, errors = made("libreview", sent, tmp_path=tmp_path)
    assert (found, [told for _, told in errors]) == ([], [error])


def test_a_decimal_comma_is_a_dead_letter(tmp_path):
    sent = message(row(column="Historic Glucose mmol/L", value="7,9"))
    found, errors = made("libreview", sent, tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "InvalidQuantityFhirValueException",
            "The value [glucose] is not a finite decimal number",
        )
    ]


@pytest.mark.parametrize("value", ["", None])
def test_rows_without_glucose_make_nothing(value, tmp_path):
    sent = message(row(value=value, **{"Record Type": "6", "Notes": "private"}))
    assert made("libreview", sent, tmp_path=tmp_path) == ([], [])


def test_a_scan_in_the_minute_of_a_historic_reading_is_another_observation(tmp_path):
    rows = [row(), row(column="Scan Glucose mg/dL", value="139")]
    found, errors = made("libreview", message(rows), tmp_path=tmp_path)
    assert sorted(found) == [("cgm_glucose", AT, 142), ("cgm_glucose_scan", AT, 139)]
    assert errors == []


@pytest.mark.parametrize(
    ("serial", "properties", "device"),
    [
        ("READER0001", {"deviceId": "d-1"}, "READER0001"),
        ("", {"deviceId": "d-1"}, "d-1"),
        (None, {}, "libreview-p-1"),
    ],
)
def test_devices(serial, properties, device, tmp_path):
    sent = message(row(**{"Serial Number": serial}), **properties)
    (measured,) = previewed("libreview", sent, tmp_path=tmp_path).measurements
    assert measured.device == device


def test_without_a_patient_it_is_a_dead_letter(tmp_path):
    sent = message(row(), patientId=None)
    found, errors = made("libreview", sent, tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "ResourceIdentityNotDefinedException",
            "the measurement names no patient",
        )
    ]


def test_nothing_else_is_told(tmp_path):
    sent = message(row(Notes="Erika Musterfrau", Patient="Erika Musterfrau"))
    found = previewed("libreview", sent, tmp_path=tmp_path)
    assert len(found.measurements) == 1
    assert "Erika" not in json.dumps(found.resources)
