"""IEEE 1752: data points of the namespace `ieee`, sleep, activity, series."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:12:31+02:00"
FROM, TO = "2026-10-03T23:05:00+02:00", "2026-10-04T06:55:00+02:00"
NIGHT = {"time_interval": {"start_date_time": FROM, "end_date_time": TO}}
PULSE = {
    "heart_rate": {"value": 64, "unit": "beats/min"},
    "effective_time_frame": {"date_time": AT},
}


def point(body, namespace="ieee", **header):
    given = {
        "uuid": "point-1",
        "schema_id": {"namespace": namespace, "name": "some", "version": "1.0"},
        "source_creation_date_time": "2026-10-04T09:00:00Z",
        "modality": "sensed",
        "user_id": "user-1",
    }
    return {"header": given | header, "body": body}


def seconds(value):
    return {"value": value, "unit": "sec"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"total_sleep_time": seconds(27600)}, [("sleep", 460)]),
        (
            {
                "total_sleep_time": seconds(27600),
                "light_sleep_duration": seconds(16200),
                "deep_sleep_duration": seconds(4800),
                "rem_sleep_duration": seconds(6600),
                "wake_after_sleep_onset": seconds(600),
                "latency_to_sleep_onset": seconds(900),
                "number_of_awakenings": 2,
                "sleep_efficiency_percentage": {"value": 92.5, "unit": "%"},
                "is_main_sleep": True,
            },
            [
                (
                    "sleep",
                    {"": 460, "deep": 80, "light": 270, "rem": 110, "awake": 10},
                )
            ],
        ),
        (
            {
                "sleep_stage_summary": {
                    "total_sleep_time": seconds(27600),
                    "deep_sleep_duration": seconds(5700),
                    "awake_duration": seconds(2100),
                }
            },
            [("sleep", {"": 460, "deep": 95, "awake": 35})],
        ),
        ({"time_in_bed": seconds(28200)}, [("time_in_bed", 470)]),
        ({"is_main_sleep": True}, []),
        ({"total_sleep_time": None}, []),
        (
            {
                "activity_name": "daily activity summary",
                "base_movement_quantity": {"value": 8432, "unit": "steps"},
                "distance": {"value": 6240.0, "unit": "m"},
                "kcal_burned": {"value": "342.5", "unit": "kcal"},
                "duration_light_activity": seconds(4500),
                "descriptive_statistic": "sum",
                "descriptive_statistic_denominator": "d",
            },
            [("active_energy", 342.5), ("distance", 6240), ("steps", 8432)],
        ),
    ],
)
def test_sleep_and_activity(body, expected, tmp_path):
    sent = point(body | {"effective_time_frame": NIGHT})
    found, errors = made("ieee1752", sent, tmp_path=tmp_path)
    assert sorted(found) == [(name, (FROM, TO), value) for name, value in expected]
    assert errors == []


@pytest.mark.parametrize(
    "sent",
    [
        point(PULSE),
        [point(PULSE)],
        point([PULSE]),
        point({"heart_rate": [PULSE]}),
        {"Body": point(PULSE | {"unknown": {"extra": [1]}})},
    ],
)
def test_shapes(sent, tmp_path):
    found = [("heart_rate", AT, 64)]
    assert made("ieee1752", sent, tmp_path=tmp_path) == (found, [])
    assert made("openmhealth", sent, tmp_path=tmp_path) == ([], [])


def test_each_point_of_a_mixed_list_is_read_by_its_own_family(tmp_path):
    later = {"effective_time_frame": {"date_time": "2026-10-04T08:00:00Z"}}
    sent = [point(PULSE), point(PULSE | later, "omh")]
    assert made("ieee1752", sent, tmp_path=tmp_path) == (
        [("heart_rate", AT, 64)],
        [],
    )
    assert made("openmhealth", sent, tmp_path=tmp_path) == (
        [("heart_rate", "2026-10-04T08:00:00Z", 64)],
        [],
    )
    found, errors = made("all", sent, tmp_path=tmp_path)
    assert found == [
        ("heart_rate", AT, 64),
        ("heart_rate", "2026-10-04T08:00:00Z", 64),
    ]
    assert errors == []


@pytest.mark.parametrize("sent", [point([]), point({}), point(None), {"Body": PULSE}])
def test_what_is_empty_or_names_no_namespace_makes_nothing(sent, tmp_path):
    assert made("ieee1752", sent, tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            PULSE | {"effective_time_frame": {"date_time": "2026-10-04T07:12:31"}},
            "Unable to read [TimestampExpression]: the time has no zone",
        ),
        (
            PULSE | {"heart_rate": {"value": 64, "unit": "Hz"}},
            "Unable to extract required value for [heart_rate]: nothing was found",
        ),
        (
            {
                "total_sleep_time": {"value": 27600, "unit": "s"},
                "effective_time_frame": NIGHT,
            },
            "Unable to extract required value for [asleep]: nothing was found",
        ),
    ],
)
def test_dead_letters(body, error, tmp_path):
    found, errors = made("ieee1752", point(body), tmp_path=tmp_path)
    assert (found, [told for _, told in errors]) == ([], [error])


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),
        ("2026-03-29T02:30:00", "2026-03-29T02:30:00+01:00"),
    ],
)
def test_a_time_without_zone_needs_one_in_the_envelope(time, expected, tmp_path):
    body = PULSE | {"effective_time_frame": {"date_time": time}}
    sent = {"Body": point(body), "Properties": {"timezone": "Europe/Paris"}}
    found = [("heart_rate", expected, 64)]
    assert made("ieee1752", sent, tmp_path=tmp_path) == (found, [])


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, ("user-1", "ieee1752-user-1-unknown")),
        ({"patientId": "p-1", "deviceId": "ring-1"}, ("p-1", "ring-1")),
    ],
)
def test_whose_it_is(properties, expected, tmp_path):
    sent = {"Body": point(PULSE), "Properties": properties}
    found = previewed("ieee1752", sent, tmp_path=tmp_path)
    assert [(each.patient, each.device) for each in found.measurements] == [expected]
    (told,) = (r for r in found.resources if r["resourceType"] == "Observation")
    assert told["identifier"][1]["value"] == "point-1"


def test_nothing_else_is_told(tmp_path):
    sent = point(PULSE | {"user_notes": "Erika felt dizzy"}, email="erika@example.org")
    told = json.dumps(previewed("ieee1752", sent, tmp_path=tmp_path).resources)
    assert "Observation" in told
    assert "erika" not in told.lower()
