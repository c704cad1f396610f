"""HealthKit samples of Microsoft's iOS app: one flat object each."""

import json

import pytest
from families import made, previewed

UTC = "2026-10-04T05:12:31Z"
AT = "2026-10-04T07:12:31+02:00"
END = "2026-10-04T05:22:31Z"
PERIOD = (AT, "2026-10-04T07:22:31+02:00")


def sample(end=UTC, start=UTC, **members):
    return {
        "uuid": "5B1E0A10-0000-4000-8000-000000000001",
        "startDate": start,
        "endDate": end,
        "deviceId": "watch-3",
        "patientId": "patient-1",
    } | members


def message(body, **properties):
    return {"Body": body, "Properties": {"timezone": "Europe/Paris"} | properties}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"heartRate": 64, "unit": "beats/min"}, ("heart_rate", AT, 64)),
        ({"heartRate": 64.0, "unit": "count/min"}, ("heart_rate", AT, 64)),
        ({"heartRate": "64"}, ("heart_rate", AT, 64)),
        (
            {"restingHeartRate": 57, "unit": "beats/min"},
            ("resting_heart_rate", AT, 57),
        ),
        (
            {"walkingHeartRateAverage": 98.5, "unit": "beats/min"},
            ("walking_heart_rate", AT, 98.5),
        ),
        ({"heartRateVariability": 41.7, "unit": "ms"}, ("hrv_sdnn", AT, 41.7)),
        (
            {"respiratoryRate": 14.5, "unit": "count/min"},
            ("respiratory_rate", AT, 14.5),
        ),
        ({"oxygenSaturation": 0.97, "unit": "%"}, ("oxygen_saturation", AT, 97)),
        ({"oxygenSaturation": "0.975"}, ("oxygen_saturation", AT, 97.5)),
        ({"oxygenSaturation": 1}, ("oxygen_saturation", AT, 100)),
        # As in the app's own tests: no fraction can be 98.
        ({"oxygenSaturation": 98, "unit": "%"}, ("oxygen_saturation", AT, 98)),
        (
            {
                "systolic": 120,
                "diastolic": 80,
                "systolicUnit": "mmHg",
                "diastolicUnit": "mmHg",
            },
            ("blood_pressure", AT, {"systolic": 120, "diastolic": 80}),
        ),
        (
            {"systolic": 120, "diastolic": 80, "unit": "mmHg"},
            ("blood_pressure", AT, {"systolic": 120, "diastolic": 80}),
        ),
        (
            {"systolic": 120, "diastolic": 80},
            ("blood_pressure", AT, {"systolic": 120, "diastolic": 80}),
        ),
        ({"bodyTemperature": 36.8, "unit": "degC"}, ("body_temperature", AT, 36.8)),
        ({"bodyTemperature": 98.4, "unit": "degF"}, ("body_temperature_f", AT, 98.4)),
        ({"bodyMass": 159.6, "unit": "lb"}, ("body_weight_lb", AT, 159.6)),
        ({"bodyMass": 72.4, "unit": "kg"}, ("body_weight", AT, 72.4)),
        ({"bodyMass": 72400, "unit": "g"}, ("body_weight", AT, 72.4)),
        ({"bodyMass": 11.4, "unit": "st"}, ("body_weight", AT, 72.393)),
        ({"height": 178, "unit": "cm"}, ("body_height", AT, 178)),
        ({"height": 1.78, "unit": "m"}, ("body_height", AT, 178)),
        ({"height": 5.83333, "unit": "ft"}, ("body_height", AT, 177.8)),
        ({"height": 70, "unit": "in"}, ("body_height_in", AT, 70)),
        ({"bloodGlucose": 104, "unit": "mg/dL"}, ("blood_glucose_any", AT, 104)),
        ({"bloodGlucose": 5.8, "unit": "mmol/L"}, ("blood_glucose_any_mmol", AT, 5.8)),
        (
            {"bloodGlucose": 5.8, "unit": "mmol<180.1558800000541>/L"},
            ("blood_glucose_any_mmol", AT, 5.8),
        ),
        ({"bodyFatPercentage": 0.214, "unit": "%"}, ("body_fat", AT, 21.4)),
    ],
)
def test_instants(members, expected, tmp_path):
    sent = message(sample(**members))
    assert made("apple-healthkit", sent, tmp_path=tmp_path) == ([expected], [])


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"stepCount": 812, "unit": "count"}, ("steps", PERIOD, 812)),
        ({"stepCount": 0, "unit": "count"}, ("steps", PERIOD, 0)),
        ({"distanceWalkingRunning": 0.61, "unit": "km"}, ("distance", PERIOD, 610)),
        ({"activeEnergyBurned": 31.5, "unit": "kcal"}, ("active_energy", PERIOD, 31.5)),
        ({"activeEnergyBurned": 104.6, "unit": "kJ"}, ("active_energy", PERIOD, 25)),
        (
            {"dietaryEnergyConsumed": 650, "unit": "kcal"},
            ("dietary_energy", PERIOD, 650),
        ),
        ({"appleExerciseTime": 60000, "unit": "ms"}, ("exercise_time", PERIOD, 1)),
        ({"appleExerciseTime": 20000, "unit": "ms"}, ("exercise_time", PERIOD, 0.333)),
        ({"appleStandTime": 2, "unit": "min"}, ("stand_time", PERIOD, 2)),
        (
            {"environmentalAudioExposure": 63.4, "unit": "dB(SPL)"},
            ("audio_exposure", PERIOD, 63.4),
        ),
    ],
)
def test_intervals(members, expected, tmp_path):
    sent = message(sample(END, **members))
    assert made("apple-healthkit", sent, tmp_path=tmp_path) == ([expected], [])


@pytest.mark.parametrize(
    ("start", "zone", "time"),
    [
        (UTC, None, UTC),
        (UTC, "America/New_York", "2026-10-04T01:12:31-04:00"),
        ("2026-10-04T05:12:31.250Z", "UTC", "2026-10-04T05:12:31.25Z"),
        ("2026-10-04T07:12:31+02:00", None, AT),
        # A clock without zone hangs where the envelope says.
        ("2026-10-04T07:12:31", "Europe/Paris", AT),
        # The night when clocks go back: both hours, in UTC, are told apart.
        ("2026-10-25T00:30:00Z", "Europe/Paris", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T01:30:00Z", "Europe/Paris", "2026-10-25T02:30:00+01:00"),
        ("2026-03-29T01:30:00Z", "Europe/Paris", "2026-03-29T03:30:00+02:00"),
    ],
)
def test_times(start, zone, time, tmp_path):
    sent = message(sample(start, start, heartRate=64), timezone=zone)
    found = made("apple-healthkit", sent, tmp_path=tmp_path)
    assert found == ([("heart_rate", time, 64)], [])


@pytest.mark.parametrize(
    ("members", "properties", "error"),
    [
        ({"bodyMass": 5, "unit": "slug"}, {}, "Unable to extract required value"),
        ({"activeEnergyBurned": 5, "unit": "BTU"}, {}, "Unable to extract required"),
        (
            {"systolic": 16, "diastolic": 10.7, "systolicUnit": "kPa"},
            {},
            "Unable to extract required value for [systolic]",
        ),
        (
            {"heartRate": 1.1, "unit": "count/s"},
            {},
            "The value [heart_rate] is outside",
        ),
        ({"heartRate": "fast"}, {}, "The value [heart_rate] is not a finite"),
        (
            {"heartRate": 64, "endDate": "2026-10-04T07:12:31"},
            {"timezone": None},
            "Unable to read [TimestampExpression]: the time has no zone",
        ),
        ({"heartRate": 64, "patientId": None}, {}, "the measurement names no patient"),
    ],
)
def test_what_is_not_sound_is_a_dead_letter(members, properties, error, tmp_path):
    sent = message(sample(**members), **properties)
    found, errors = made("apple-healthkit", sent, tmp_path=tmp_path)
    assert found == []
    assert [told.startswith(error) for _, told in errors] == [True], errors


@pytest.mark.parametrize(
    "body",
    [
        sample(heartRate=None, unit="beats/min"),
        sample(sp02Count=0, unit="%/min"),
        sample(bodyMass=72.4),
        {"heartRate": 64, "endDate": UTC, "deviceId": "d", "patientId": "p"},
        [],
    ],
    ids=("null", "sp02", "unit", "other", "empty"),
)
def test_what_is_left_out(body, tmp_path):
    assert made("apple-healthkit", message(body), tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize(
    "sent",
    [
        sample(heartRate=64, news={"a": [1]}),
        [sample(heartRate=64)],
        {"Body": [sample(heartRate=64)], "Properties": {}},
    ],
    ids=("bare", "array", "envelope"),
)
def test_wrappings(sent, tmp_path):
    found = made("apple-healthkit", sent, tmp_path=tmp_path)
    assert found == ([("heart_rate", UTC, 64)], [])


@pytest.mark.parametrize(
    ("device", "properties", "expected"),
    [
        ("watch-3", {"deviceId": "d-1"}, "watch-3"),
        (None, {"deviceId": "d-1"}, "d-1"),
        ("", {}, "apple-healthkit-patient-1"),
        (None, {"patientId": "p-9"}, "apple-healthkit-p-9"),
    ],
)
def test_devices(device, properties, expected, tmp_path):
    sent = message(sample(heartRate=64, deviceId=device), **properties)
    (measured,) = previewed("apple-healthkit", sent, tmp_path=tmp_path).measurements
    assert measured.device == expected


def test_a_sample_that_comes_again_is_the_same_observation(tmp_path):
    first, second = sample(END, stepCount=800), sample(END, stepCount=812)
    found = made("apple-healthkit", first, second, tmp_path=tmp_path)
    period = (UTC, END)
    assert found == ([("steps", period, 812)], [])


def test_the_uuid_is_an_identifier_and_nothing_else_is_told(tmp_path):
    sent = message(sample(heartRate=64, sourceName="Anna's Apple Watch"))
    found = previewed("apple-healthkit", sent, tmp_path=tmp_path)
    told = json.dumps(found.resources)
    assert "5B1E0A10-0000-4000-8000-000000000001" in told
    assert "Anna" not in told
