"""Open mHealth: data points, series, time frames, units as words."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:12:31+02:00"
FROM, TO = "2026-10-04T07:00:00+02:00", "2026-10-04T07:15:00+02:00"
INSTANT = {"date_time": AT}
INTERVAL = {"time_interval": {"start_date_time": FROM, "end_date_time": TO}}
PULSE = {"value": 64, "unit": "beats/min"}


def point(body, **header):
    given = {
        "id": "point-1",
        "creation_date_time": "2026-10-04T09:00:00Z",
        "schema_id": {"namespace": "omh", "name": "some", "version": "2.0"},
        "acquisition_provenance": {"source_name": "Example", "modality": "sensed"},
        "user_id": "user-1",
    }
    return {"header": given | header, "body": body}


def pulse(frame=INSTANT, **members):
    return {"heart_rate": PULSE, "effective_time_frame": frame} | members


def measured(frame=INSTANT, **members):
    """A body: members are (value, unit), or what they are."""
    told = {
        name: {"value": each[0], "unit": each[1]} if isinstance(each, tuple) else each
        for name, each in members.items()
    }
    return told | {"effective_time_frame": frame}


MEASURES = [
    ({"heart_rate": (64, "beats/min")}, "heart_rate", 64),
    ({"heart_rate": ("64", "beats/min")}, "heart_rate", 64),
    ({"oxygen_saturation": (96.5, "%")}, "oxygen_saturation", 96.5),
    ({"respiratory_rate": (14, "breaths/min")}, "respiratory_rate", 14),
    ({"body_temperature": (36.7, "C")}, "body_temperature", 36.7),
    ({"body_temperature": (97.9, "F")}, "body_temperature_f", 97.9),
    ({"body_temperature": (309.85, "K")}, "body_temperature", 36.7),
    ({"body_weight": (72.4, "kg")}, "body_weight", 72.4),
    ({"body_weight": (72415, "g")}, "body_weight", 72.415),
    ({"body_weight": (159.6, "lb")}, "body_weight_lb", 159.6),
    ({"body_height": (171, "cm")}, "body_height", 171),
    ({"body_height": (1.71, "m")}, "body_height", 171),
    ({"body_height": (1710, "mm")}, "body_height", 171),
    ({"body_height": (67.5, "in")}, "body_height_in", 67.5),
    ({"body_height": (5.5, "ft")}, "body_height_in", 66),
    ({"body_mass_index": (24.8, "kg/m2")}, "body_mass_index", 24.8),
    ({"body_fat_percentage": (21.4, "%")}, "body_fat", 21.4),
    ({"blood_glucose": (95, "mg/dL")}, "blood_glucose_any", 95),
    ({"blood_glucose": (5.3, "mmol/L")}, "blood_glucose_any_mmol", 5.3),
    (
        {"blood_glucose": (95, "mg/dL"), "specimen_source": "capillary blood"},
        "blood_glucose",
        95,
    ),
    (
        {"blood_glucose": (5.3, "mmol/L"), "specimen_source": "capillary blood"},
        "blood_glucose_mmol",
        5.3,
    ),
    (
        {"blood_glucose": (95, "mg/dL"), "specimen_source": "interstitial fluid"},
        "cgm_glucose",
        95,
    ),
    (
        {"blood_glucose": (5.3, "mmol/L"), "specimen_source": "interstitial fluid"},
        "cgm_glucose_mmol",
        5.3,
    ),
    (
        {"blood_glucose": (95, "mg/dL"), "blood_specimen_type": "plasma"},
        "plasma_glucose",
        95,
    ),
    (
        {"blood_glucose": (5.3, "mmol/L"), "specimen_source": "serum"},
        "plasma_glucose_mmol",
        5.3,
    ),
    (
        {"blood_glucose": (95, "mg/dL"), "specimen_source": "whole blood"},
        "blood_glucose_any",
        95,
    ),
    (
        {
            "systolic_blood_pressure": (121, "mmHg"),
            "diastolic_blood_pressure": (79, "mmHg"),
        },
        "blood_pressure",
        {"systolic": 121, "diastolic": 79},
    ),
    ({"forced_expiratory_volume_1_second": (3.2, "L")}, "fev1", 3.2),
    ({"forced_vital_capacity": (4.1, "L")}, "fvc", 4.1),
    ({"stress": (15, "stress level")}, "stress_score", 15),
]


def points(*bodies):
    """Each of another device, so that none takes the place of another."""
    return [
        point(body, acquisition_provenance={"source_name": f"app {number}"})
        for number, body in enumerate(bodies)
    ]


def test_measures(tmp_path):
    sent = points(*(measured(**members) for members, _, _ in MEASURES))
    found, errors = made("openmhealth", sent, tmp_path=tmp_path)
    expected = [(name, AT, value) for _, name, value in MEASURES]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert errors == []


TOTALS = [
    ({"step_count": 512}, [("steps", 512)]),
    ({"step_count": (512, "steps")}, [("steps", 512)]),
    ({"step_count": (0, "steps")}, [("steps", 0)]),
    ({"step_count": 512, "descriptive_statistic": "sum"}, [("steps", 512)]),
    ({"kcal_burned": (160, "kcal")}, [("total_energy", 160)]),
    (
        {
            "activity_name": "walking",
            "distance": (3.1, "mi"),
            "kcal_burned": (160, "kcal"),
            "base_movement_quantity": (6204, "steps"),
        },
        [("active_energy", 160), ("distance", 4988.9664), ("steps", 6204)],
    ),
    (
        {"activity_name": "kcal_burned", "calories_value": (5, "kcal")},
        [("active_energy", 5)],
    ),
    ({"activity_name": "run", "distance": (5.9, "km")}, [("distance", 5900)]),
    ({"activity_name": "run", "distance": ("800", "m")}, [("distance", 800)]),
    ({"activity_name": "run", "distance": (100, "yd")}, [("distance", 91.44)]),
    ({"activity_name": "run", "distance": (100, "ft")}, [("distance", 30.48)]),
    ({"activity_name": "rest"}, []),
    ({"activity_name": "", "base_movement_quantity": ("", "steps")}, []),
    ({"total_sleep_time": (7.5, "h")}, [("sleep", 450)]),
    ({"total_sleep_time": (27000, "sec")}, [("sleep", 450)]),
    ({"sleep_duration": (450, "min")}, [("sleep", 450)]),
    (
        {"total_sleep_time": (450, "min"), "wake_after_sleep_onset": (30, "min")},
        [("sleep", {"": 450, "awake": 30})],
    ),
    ({"time_in_bed": (28200, "sec")}, [("time_in_bed", 470)]),
]


def test_totals_are_of_an_interval(tmp_path):
    sent = points(*(measured(INTERVAL, **members) for members, _ in TOTALS))
    found, errors = made("openmhealth", sent, tmp_path=tmp_path)
    expected = [(name, (FROM, TO), value) for _, told in TOTALS for name, value in told]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert errors == []


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"date_time": AT}, AT),
        ({"date_time": "2026-10-04T05:12Z"}, "2026-10-04T05:12:00Z"),
        ({"date_time": "2026-10-04T05:12:31.25Z"}, "2026-10-04T05:12:31.25Z"),
        ({"date_time": AT, "time_interval": None}, AT),
        (INTERVAL, FROM),
        (
            {
                "time_interval": {
                    "start_date_time": FROM,
                    "duration": {"value": 10, "unit": "sec"},
                }
            },
            FROM,
        ),
        (
            {
                "time_interval": {
                    "end_date_time": TO,
                    "duration": {"value": "1.5", "unit": "min"},
                }
            },
            "2026-10-04T07:13:30+02:00",
        ),
        (
            {"time_interval": {"date": "2026-10-04", "part_of_day": "morning"}},
            "2026-10-04",
        ),
    ],
)
def test_time_frames(frame, expected, tmp_path):
    found = [("heart_rate", expected, 64)]
    assert made("openmhealth", point(pulse(frame)), tmp_path=tmp_path) == (found, [])


@pytest.mark.parametrize(
    ("duration", "frame", "expected"),
    [
        ({"value": 15, "unit": "min"}, {"start_date_time": FROM}, (FROM, TO)),
        ({"value": 0.25, "unit": "h"}, {"end_date_time": TO}, (FROM, TO)),
        ({"value": 900000, "unit": "ms"}, {"start_date_time": FROM}, (FROM, TO)),
        (
            {"value": 2, "unit": "d"},
            {"start_date_time": "2026-10-24T00:00:00+02:00"},
            ("2026-10-24T00:00:00+02:00", "2026-10-26T00:00:00+02:00"),
        ),
    ],
)
def test_intervals_with_a_length(duration, frame, expected, tmp_path):
    body = measured({"time_interval": frame | {"duration": duration}}, step_count=512)
    found = [("steps", expected, 512)]
    assert made("openmhealth", point(body), tmp_path=tmp_path) == (found, [])


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (
            {"date_time": "2026-10-04T07:12:31"},
            "Unable to read [TimestampExpression]: the time has no zone",
        ),
        (
            {},
            "Unable to extract required value for [TimestampExpression]: "
            "nothing was found",
        ),
        (
            None,
            "Unable to extract required value for [TimestampExpression]: "
            "nothing was found",
        ),
        (
            {"time_interval": {"start_date_time": TO, "end_date_time": FROM}},
            "Unable to read [EndTimeExpression]: the end lies before the start",
        ),
        (
            {
                "time_interval": {
                    "start_date_time": FROM,
                    "duration": {"value": 1, "unit": "Mo"},
                }
            },
            "addDuration: the unit is none of ms, s, min, h, d and wk",
        ),
    ],
)
def test_a_time_frame_that_names_no_time_is_a_dead_letter(frame, error, tmp_path):
    found, errors = made("openmhealth", point(pulse(frame)), tmp_path=tmp_path)
    assert (found, [told for _, told in errors]) == ([], [error])


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-10-04T07:12:31", AT),
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),
        ("2026-03-29T02:30:00", "2026-03-29T02:30:00+01:00"),
        ("2026-10-04T05:12:31Z", "2026-10-04T05:12:31Z"),
    ],
)
def test_a_time_without_zone_needs_one_in_the_envelope(time, expected, tmp_path):
    body = point(pulse({"date_time": time}))
    sent = {"Body": body, "Properties": {"timezone": "Europe/Paris"}}
    found = [("heart_rate", expected, 64)]
    assert made("openmhealth", sent, tmp_path=tmp_path) == (found, [])


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        (None, [("heart_rate", AT, 64)]),
        ("average", [("mean_heart_rate", AT, 64)]),
        ("maximum", []),
        ("minimum", []),
        ("standard deviation", []),
        ("20th percentile", []),
    ],
)
def test_statistics_other_than_the_average_are_no_readings(
    statistic, expected, tmp_path
):
    sent = point(pulse(descriptive_statistic=statistic))
    assert made("openmhealth", sent, tmp_path=tmp_path) == (expected, [])


def test_left_out(tmp_path):
    left_out = [
        {"step_count": 9000, "descriptive_statistic": "average"},
        {"kcal_burned": (2000, "kcal"), "descriptive_statistic": "maximum"},
        {"total_sleep_time": (450, "min"), "descriptive_statistic": "average"},
        {"heart_rate": (None, "beats/min")},
        {"blood_glucose": (95, "mg/dL"), "specimen_source": "tears"},
        {"stress": (-1, "stress level")},
        {"ambient_temperature": (21, "C")},
    ]
    sent = points(*(measured(INTERVAL, **members) for members in left_out))
    assert made("openmhealth", sent, tmp_path=tmp_path) == ([], [])


def test_another_unit_and_what_cannot_be_are_dead_letters(tmp_path):
    wrong = [
        {"heart_rate": (64, "Hz")},
        {"heart_rate": (64, None)},
        {"body_temperature": (36.6, None)},
        {"body_weight": (11, "Stone")},
        {"body_height": (1.71, "yd")},
        {"blood_glucose": (98, "mg/dl")},
        {"oxygen_saturation": (0.97, "%")},
        {"heart_rate": (0, "beats/min")},
        {"step_count": (512, "miles")},
        {"total_sleep_time": (450, "yr")},
        {
            "systolic_blood_pressure": (16.1, "kPa"),
            "diastolic_blood_pressure": (10.5, "kPa"),
        },
        {
            "systolic_blood_pressure": (121, "mmHg"),
            "diastolic_blood_pressure": (None, "mmHg"),
        },
    ]
    sent = points(*(measured(INTERVAL, **members) for members in wrong))
    found, errors = made("openmhealth", *sent, tmp_path=tmp_path)
    assert found == []
    assert len(errors) == len(wrong)


@pytest.mark.parametrize(
    "sent",
    [
        point(pulse()),
        [point(pulse())],
        {"shim": "example", "timeStamp": 1791097800, "body": [point(pulse())]},
        point([pulse()]),
        point({"heart_rate": [pulse()]}),
        {"Body": point(pulse())},
        {"Body": pulse(), "Properties": {"patientId": "user-1"}},
        {"Body": [pulse()], "Properties": {"patientId": "user-1"}},
        point(pulse(), schema_id=None),
        # IEEE's header around a body of Open mHealth.
        {
            "header": {
                "uuid": "point-1",
                "user_id": "user-1",
                "source_creation_date_time": AT,
                "modality": "sensed",
                "schema_id": {
                    "namespace": "omh",
                    "name": "heart-rate",
                    "version": "2.0",
                },
            },
            "body": pulse(user_notes="none", extra=[{"unknown": None}]),
        },
    ],
)
def test_shapes(sent, tmp_path):
    found = [("heart_rate", AT, 64)]
    assert made("openmhealth", sent, tmp_path=tmp_path) == (found, [])
    assert made("ieee1752", sent, tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize(
    "sent", [point([]), point({}), point(None), point({"heart_rate": []}), [{}]]
)
def test_what_is_empty_makes_nothing(sent, tmp_path):
    assert made("openmhealth", sent, tmp_path=tmp_path) == ([], [])


def test_a_sensor_that_says_low_or_high(tmp_path):
    times = [f"2026-10-04T05:{minute}:00Z" for minute in (10, 15, 20)]
    readings = [
        measured(
            {"time_interval": {"start_date_time": time, "end_date_time": time}},
            blood_glucose=(value, "mg/dL"),
            event_type="EGV",
            source_device_id="sensor-1",
        )
        for time, value in zip(times, (113, "Low", "High"), strict=True)
    ]
    sent = point({"cgm": readings}, user_id=None, patient_id="user-2")
    found = previewed("openmhealth", sent, tmp_path=tmp_path)
    assert {(each.patient, each.device) for each in found.measurements} == {
        ("user-2", "sensor-1")
    }
    assert made("openmhealth", sent, tmp_path=tmp_path) == (
        [
            ("cgm_glucose", times[0], 113),
            ("cgm_glucose", times[1], "<40"),
            ("cgm_glucose", times[2], ">400"),
        ],
        [],
    )


@pytest.mark.parametrize(
    ("header", "properties", "expected"),
    [
        ({}, {}, ("user-1", "openmhealth-user-1-Example")),
        ({}, {"patientId": "p-1"}, ("p-1", "openmhealth-p-1-Example")),
        ({}, {"patientId": "p-1", "deviceId": "d-1"}, ("p-1", "d-1")),
        ({"user_id": 12345}, {}, ("12345", "openmhealth-12345-Example")),
        (
            {"acquisition_provenance": None},
            {},
            ("user-1", "openmhealth-user-1-unknown"),
        ),
    ],
)
def test_whose_it_is(header, properties, expected, tmp_path):
    sent = {"Body": point(pulse(), **header), "Properties": properties}
    found = previewed("openmhealth", sent, tmp_path=tmp_path)
    assert [(each.patient, each.device) for each in found.measurements] == [expected]


def test_without_a_patient_it_is_a_dead_letter(tmp_path):
    found, errors = made("openmhealth", point(pulse(), user_id=None), tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "ResourceIdentityNotDefinedException",
            "the measurement names no patient",
        )
    ]


def test_a_corrected_point_is_the_same_observation(tmp_path):
    ids = set()
    for value in (64, 66):
        sent = point(measured(heart_rate=(value, "beats/min")))
        found = previewed("openmhealth", sent, tmp_path=tmp_path)
        ids |= {
            (each["id"], each["identifier"][1]["value"])
            for each in found.resources
            if each["resourceType"] == "Observation"
        }
    assert len(ids) == 1
    assert {identifier for _, identifier in ids} == {"point-1"}


def test_nothing_else_is_told(tmp_path):
    sent = point(pulse(user_notes="Erika felt dizzy"), location={"latitude": 48.85})
    told = json.dumps(previewed("openmhealth", sent, tmp_path=tmp_path).resources)
    assert "Observation" in told
    for secret in ("Erika", "48.85"):
        assert secret not in told
