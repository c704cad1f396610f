"""Apple's export.xml: Records as `vitalbeam convert` has them, and as others do."""

import json

import pytest
from families import made, previewed

from pipeline.__main__ import main

SENT = "2026-10-04 07:12:31 +0200"
UNTIL = "2026-10-04 07:54:31 +0200"
AT = "2026-10-04T07:12:31+02:00"
PERIOD = (AT, "2026-10-04T07:54:31+02:00")
SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"


def record(kind, value, unit=None, end=SENT, **more):
    name = kind if kind.startswith("HK") else f"HKQuantityTypeIdentifier{kind}"
    told = {"type": name, "unit": unit, "value": value}
    told |= {"startDate": SENT, "endDate": end} | more
    return {key: each for key, each in told.items() if each is not None}


def message(body, **properties):
    return {"Body": body, "Properties": {"patientId": "p-1"} | properties}


@pytest.mark.parametrize(
    ("kind", "value", "unit", "expected"),
    [
        ("HeartRate", "64", "count/min", ("heart_rate", AT, 64)),
        ("HeartRate", "64.5", "count/min", ("heart_rate", AT, 64.5)),
        ("HeartRate", 64, "count/min", ("heart_rate", AT, 64)),
        ("OxygenSaturation", "0.97", "%", ("oxygen_saturation", AT, 97)),
        ("OxygenSaturation", "1", "%", ("oxygen_saturation", AT, 100)),
        ("BodyFatPercentage", "0.1507", "%", ("body_fat", AT, 15.07)),
        ("PeripheralPerfusionIndex", "0.034", "%", ("perfusion_index", AT, 3.4)),
        ("HeartRateVariabilitySDNN", "41.7231", "ms", ("hrv_sdnn", AT, 41.7231)),
        ("BodyMass", "72.4", "kg", ("body_weight", AT, 72.4)),
        ("BodyMass", "175", "lb", ("body_weight_lb", AT, 175)),
        ("BodyMassIndex", "22.5312", "count", ("body_mass_index", AT, 22.5312)),
        ("LeanBodyMass", "145.2", "lb", ("lean_mass", AT, 65.862)),
        ("Height", "6", "ft", ("body_height", AT, 182.88)),
        ("Height", "5.33333", "ft", ("body_height", AT, 162.56)),
        ("Height", "175", "cm", ("body_height", AT, 175)),
        ("Height", "70", "in", ("body_height_in", AT, 70)),
        ("BloodGlucose", "104", "mg/dL", ("blood_glucose_any", AT, 104)),
        (
            "BloodGlucose",
            "4.59",
            "mmol<180.1558800000541>/L",
            ("blood_glucose_any_mmol", AT, 4.59),
        ),
        ("BodyTemperature", "98.6", "degF", ("body_temperature_f", AT, 98.6)),
        ("BasalBodyTemperature", "36.4", "degC", ("body_temperature", AT, 36.4)),
        (
            "AppleSleepingWristTemperature",
            "35.7799987792969",
            "degC",
            ("skin_temperature", AT, 35.7799987792969),
        ),
        (
            "AppleSleepingWristTemperature",
            "95",
            "degF",
            ("skin_temperature", AT, 35),
        ),
        ("VO2Max", "32.7204", "mL/min·kg", ("vo2_max", AT, 32.7204)),
        ("DistanceWalkingRunning", "0.5", "mi", ("distance", AT, 804.672)),
        ("ActiveEnergyBurned", "31.5", "Cal", ("active_energy", AT, 31.5)),
        ("BasalEnergyBurned", "4.184", "kJ", ("basal_energy", AT, 1)),
        ("AppleStandTime", "2", "min", ("stand_time", AT, 2)),
        ("EnvironmentalAudioExposure", "63.4", "dBASPL", ("audio_exposure", AT, 63.4)),
        ("ForcedVitalCapacity", "4050", "mL", ("fvc", AT, 4.05)),
        ("PeakExpiratoryFlowRate", "8", "L/s", ("peak_expiratory_flow", AT, 480)),
    ],
)
def test_quantities(kind, value, unit, expected, tmp_path):
    sent = message(record(kind, value, unit))
    assert made("apple-export-xml", sent, tmp_path=tmp_path) == ([expected], [])


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("InBed", "time_in_bed"),
        ("Awake", "sleep_awake"),
        ("AsleepCore", "sleep_light"),
        ("AsleepDeep", "sleep_deep"),
        ("AsleepREM", "sleep_rem"),
        ("Asleep", "sleep_unstaged"),
        ("AsleepUnspecified", "sleep_unstaged"),
    ],
)
def test_sleep(stage, expected, tmp_path):
    value = f"HKCategoryValueSleepAnalysis{stage}"
    body = record(SLEEP, value, end=UNTIL, duration="42", durationUnit="min")
    sent = message(body)
    found = made("apple-export-xml", sent, tmp_path=tmp_path)
    assert found == ([(expected, PERIOD, 42)], [])


def test_sleep_of_another_converter_has_its_period(tmp_path):
    value = "HKCategoryValueSleepAnalysisAsleepCore"
    sent = message(record(SLEEP, value, end=UNTIL))
    found = made("apple-export-xml", sent, tmp_path=tmp_path)
    assert found == ([("sleep_light", PERIOD, None)], [])


@pytest.mark.parametrize(
    ("start", "zone", "properties", "time"),
    [
        (SENT, None, {}, AT),
        (SENT, None, {"timezone": "America/New_York"}, AT),
        (SENT, "America/New_York", {}, "2026-10-04T01:12:31-04:00"),
        (SENT, "Asia/Kolkata", {}, "2026-10-04T10:42:31+05:30"),
        # Apple's offset is the phone's: in winter a summer's night is an hour off.
        (
            "2026-10-25 01:30:00 +0100",
            "Europe/Paris",
            {},
            "2026-10-25T02:30:00+02:00",
        ),
        (
            "2026-10-25 02:30:00 +0100",
            "Europe/Paris",
            {},
            "2026-10-25T02:30:00+01:00",
        ),
        (
            "2026-03-29 02:30:00 +0100",
            "Europe/Paris",
            {},
            "2026-03-29T03:30:00+02:00",
        ),
        ("2026-10-04 07:12:31", "Europe/Paris", {}, AT),
        ("2026-10-04 07:12:31", None, {"timezone": "Europe/Paris"}, AT),
        ("2026-10-04T07:12:31.5+02:00", None, {}, "2026-10-04T07:12:31.5+02:00"),
    ],
)
def test_times(start, zone, properties, time, tmp_path):
    metadata = {"HKTimeZone": zone} if zone else None
    body = record(
        "HeartRate", "64", "count/min", start, startDate=start, metadata=metadata
    )
    sent = message(body, **properties)
    found = made("apple-export-xml", sent, tmp_path=tmp_path)
    assert found == ([("heart_rate", time, 64)], [])


PRESSURE = "HKCorrelationTypeIdentifierBloodPressure"


def test_a_blood_pressure(tmp_path):
    sent = message(record(PRESSURE, None, "mmHg", systolic="121", diastolic="79"))
    found = made("apple-export-xml", sent, tmp_path=tmp_path)
    expected = ("blood_pressure", AT, {"systolic": 121, "diastolic": 79})
    assert found == ([expected], [])


def test_halves_of_another_converter_meet(tmp_path):
    halves = [
        message(record(f"BloodPressure{which}", value, "mmHg"))
        for which, value in (("Systolic", "121"), ("Diastolic", "79"))
    ]
    found = made("apple-export-xml", *halves, tmp_path=tmp_path)
    expected = ("blood_pressure", AT, {"systolic": 121, "diastolic": 79})
    assert found == ([expected], [])


@pytest.mark.parametrize(
    ("body", "properties", "error"),
    [
        (
            record(PRESSURE, None, "mmHg", systolic="121"),
            {},
            "Unable to extract required value for [diastolic]",
        ),
        (
            record(PRESSURE, None, "mmHg", systolic=["121", "125"], diastolic="79"),
            {},
            "Unable to extract required value for [systolic]",
        ),
        (
            record(PRESSURE, None, "kPa", systolic="16", diastolic="10"),
            {},
            "Unable to extract required value for [systolic]",
        ),
        (record("BodyMass", "5", "slug"), {}, "Unable to extract required value"),
        (record("BodyMass", "0", "kg"), {}, "The value [body_weight] is outside"),
        (
            record("HeartRate", "64", end="2026-10-04 07:12:31"),
            {},
            "Unable to read [TimestampExpression]: the time has no zone",
        ),
        (
            record("StepCount", "64", "count", end="2026-10-04 06:00:00 +0200"),
            {},
            "Unable to read [EndTimeExpression]",
        ),
        (
            record("HeartRate", "64"),
            {"patientId": None},
            "the measurement names no patient",
        ),
    ],
)
def test_what_is_not_sound_is_a_dead_letter(body, properties, error, tmp_path):
    found, errors = made(
        "apple-export-xml", message(body, **properties), tmp_path=tmp_path
    )
    assert found == []
    assert errors
    assert {told.startswith(error) for _, told in errors} == {True}, errors


@pytest.mark.parametrize(
    "body",
    [
        record("HKDataTypeSleepDurationGoal", "8", "hr"),
        record("DietaryFatTotal", "21.37", "g"),
        record("HeartRate", None, "count/min"),
        record(SLEEP, "HKCategoryValueNotApplicable"),
        [],
    ],
    ids=("goal", "fat", "null", "value", "empty"),
)
def test_what_is_left_out(body, tmp_path):
    assert made("apple-export-xml", message(body), tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("properties", "device"),
    [({"deviceId": "d-1"}, "d-1"), ({}, "apple-health-p-1")],
)
def test_devices(properties, device, tmp_path):
    sent = message(record("HeartRate", "64", sourceName="Anna's Watch"), **properties)
    (measured,) = previewed("apple-export-xml", sent, tmp_path=tmp_path).measurements
    assert measured.device == device


def test_names_are_not_told(tmp_path):
    body = record("HeartRate", "64", sourceName="Anna's Watch", device="<<Anna>>")
    found = previewed("apple-export-xml", message(body), tmp_path=tmp_path)
    assert len(found.measurements) == 1
    assert "Anna" not in json.dumps(found.resources)


def test_straight_out_of_an_export(tmp_path, capfd):
    told = f'startDate="{SENT}" endDate="{SENT}" sourceName="Anna’s Watch"'
    pressure = (
        f'<Record type="HKQuantityTypeIdentifierBloodPressureSystolic" {told}'
        ' unit="mmHg" value="121"/>'
        f'<Record type="HKQuantityTypeIdentifierBloodPressureDiastolic" {told}'
        ' unit="mmHg" value="79"/>'
    )
    export = tmp_path / "export.xml"
    export.write_text(
        "<HealthData>"
        f'<Record type="HKQuantityTypeIdentifierHeartRate" {told} value="64"/>'
        f'{pressure}<Correlation type="{PRESSURE}" {told}>{pressure}</Correlation>'
        f'<Record type="{SLEEP}" startDate="{SENT}" endDate="{UNTIL}"'
        ' value="HKCategoryValueSleepAnalysisAsleepDeep"/>'
        "</HealthData>"
    )
    out = tmp_path / "out.ndjson"
    flags = ["--patient=p-1", f"--out={out}"]
    assert main(["convert", "apple-health", str(export), *flags]) == 0
    capfd.readouterr()
    lines = out.read_bytes().splitlines()
    found, errors = made("apple-export-xml", *lines, tmp_path=tmp_path)
    assert errors == []
    assert sorted(found, key=str) == sorted(
        [
            ("heart_rate", AT, 64),
            ("blood_pressure", AT, {"systolic": 121, "diastolic": 79}),
            ("sleep_deep", PERIOD, 42),
        ],
        key=str,
    )
