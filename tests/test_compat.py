"""`--compat=medtech`: every switch, with both results side by side."""

import json

import pytest

from pipeline.mappings import load_mappings
from pipeline.preview import preview
from transforms.instants import iso_instant
from transforms.intake import Intake
from transforms.rules import MEDTECH, USUAL

DEVICE = {
    "typeName": "vital",
    "typeMatchExpression": "$..[?(@v)]",
    "deviceIdExpression": "$.matchedToken.d",
    "patientIdExpression": "$.matchedToken.p",
    "timestampExpression": "$.matchedToken.t",
    "values": [{"valueName": "v", "valueExpression": "$.matchedToken.v"}],
}
FHIR = {
    "typeName": "vital",
    "codes": [{"system": "http://loinc.org", "code": "20564-1", "display": "o"}],
    "value": {"valueName": "v", "valueType": "String"},
}
QUANTITY = {"valueName": "v", "valueType": "Quantity", "unit": "%"}
MESSAGE = {"d": "dev", "p": "pat", "t": "2026-10-04T07:12:31+02:00", "v": "text"}


def jmes(text):
    return {"value": text, "language": "JmesPath"}


def value(expression, **more):
    return [{"valueName": "v", "valueExpression": expression, **more}]


@pytest.fixture
def both(tmp_path):
    """Previews the same messages in both modes."""

    def write(name, kind, container, template):
        path = tmp_path / name
        inner = {"templateType": container, "template": template}
        path.write_text(json.dumps({"templateType": kind, "template": [inner]}))
        return path

    def both(messages, device=None, fhir=None, show=None):
        device_file = write(
            "d.json", "CollectionContent", "CalculatedContent", DEVICE | (device or {})
        )
        fhir_file = write(
            "f.json", "CollectionFhir", "CodeValueFhir", FHIR | (fhir or {})
        )
        path = tmp_path / "messages.ndjson"
        path.write_text("".join(json.dumps(MESSAGE | m) + "\n" for m in messages))
        found = []
        for rules in (USUAL, MEDTECH):
            mappings = load_mappings(device_file, fhir_file, rules)
            mappings.raise_errors()
            intake = Intake(mapping_version="v", medtech=rules.medtech)
            found.append(show(preview(mappings, [str(path)], intake, "")))
        return tuple(found)

    return both


def values(found):
    """The texts of all measurements, and the errors."""
    texts = [text for m in found.measurements for _name, text in m.values]
    return texts + [letter.error for letter in found.dead_letters]


def times(found):
    """When each measurement occurred, and the errors."""
    at = [iso_instant(m.occurred_at, tick=m.tick) for m in found.measurements]
    return at + [letter.error for letter in found.dead_letters]


def observations(*elements):
    """Some elements of all Observations, and the errors."""

    def show(found):
        return [
            tuple(resource.get(element) for element in elements)
            for resource in found.resources
            if resource["resourceType"] == "Observation"
        ] + [letter.error for letter in found.dead_letters]

    return show


def segments(found):
    """The last two parts of each Observation's identifier."""
    return [
        ".".join(resource["identifier"][0]["value"].split(".")[3:])
        for resource in found.resources
        if resource["resourceType"] == "Observation"
    ]


BAD = "NormalizationDataMappingException"
MISSING = "IncompatibleDataException"


@pytest.mark.parametrize(
    ("message", "expression", "usual", "medtech"),
    [
        # Booleans.
        ({"v": True}, "$.matchedToken.v", ["true"], ["True"]),
        # Texts that look like ISO times.
        (
            {"v": "2026-10-04T07:12:31.5Z"},
            "$.matchedToken.v",
            ["2026-10-04T07:12:31.5Z"],
            ["10/04/2026 07:12:31"],
        ),
        (
            {"v": 1625677200},
            jmes("fromUnixTimestamp(matchedToken.v)"),
            ["2021-07-07T17:00:00Z"],
            ["07/07/2021 17:00:00"],
        ),
        # Arithmetic.
        ({"v": 40}, jmes("divide(matchedToken.v, `50`)"), ["0.8"], ["0"]),
        ({"v": 75173}, jmes("divide(matchedToken.v, `1000`)"), ["75.173"], ["75"]),
        (
            {"v": 72415},
            jmes("multiply(matchedToken.v, `0.001`)"),
            ["72.415"],
            ["72.415"],
        ),
        ({"v": 3}, jmes("multiply(`0.1`, matchedToken.v)"), ["0.3"], None),
        (
            {"v": 9223372036854775807},
            jmes("add(matchedToken.v, `1`)"),
            [BAD],
            ["-9223372036854775808"],
        ),
        ({"v": -1}, jmes("pow(`2`, matchedToken.v)"), ["0.5"], ["0"]),
        ({"v": 1.5}, jmes("divide(matchedToken.v, `0.0`)"), [BAD], ["Infinity"]),
        # A projection of one element.
        ({"v": [7]}, jmes("matchedToken.v[*]"), ["7"], []),
    ],
)
def test_values(both, message, expression, usual, medtech):
    if medtech is None:
        medtech = ["0.30000000000000004"]
    fhir = {"value": {"valueName": "v", "valueType": "String"}}
    found = both([message], {"values": value(expression)}, fhir, values)
    assert found == (usual, medtech)


@pytest.mark.parametrize(
    ("match", "message", "usual", "medtech"),
    [
        # a && b || c: MedTech reads a && (b || c).
        ("$..[?(@a && @b || @v)]", {}, ["text"], []),
        ("$..[?(@v && @b || @d)]", {}, ["text"], ["text"]),
        # A text that is no number, ordered against one.
        ("$..[?(@v > 5)]", {}, [], [BAD]),
        ("$..[?(@v > 5)]", {"v": "60"}, ["60"], ["60"]),
        (
            "$..[?(@v == '2026-10-04T07:12:31Z')]",
            {"v": "2026-10-04T07:12:31.000Z"},
            [],
            ["10/04/2026 07:12:31"],
        ),
        # JMESPath compares numbers by value, MedTech by kind too.
        (jmes("to_array(Body)[?v == `1.0`]"), {"v": 1}, ["1"], []),
        # Null comes before every text in MedTech, and has no order otherwise.
        (jmes("to_array(Body)[?none < 'z']"), {}, [], ["text"]),
        (jmes("to_array(Body)[?v < 'z']"), {}, ["text"], ["text"]),
    ],
)
def test_matches(both, match, message, usual, medtech):
    assert both([message], {"typeMatchExpression": match}, None, values) == (
        usual,
        medtech,
    )


@pytest.mark.parametrize(
    ("time", "usual", "medtech"),
    [
        ("2026-10-04T07:12:31", [MISSING], ["2026-10-04T07:12:31Z"]),
        ("2026-10-04 07:12:31", [MISSING], ["2026-10-04T07:12:31Z"]),
        ("10/04/2026 07:12:31", [MISSING], ["2026-10-04T07:12:31Z"]),
        ("Sun, 04 Oct 2026 07:12:31 GMT", [MISSING], ["2026-10-04T07:12:31Z"]),
        (1790000000, [MISSING], [MISSING]),
        (
            "2026-10-04T07:12:31.1234567+02:00",
            ["2026-10-04T05:12:31.1234567Z"],
            ["2026-10-04T05:12:31.1234567Z"],
        ),
    ],
)
def test_times(both, time, usual, medtech):
    assert both([{"t": time}], None, None, times) == (usual, medtech)


def test_an_instant_is_a_date_time_or_a_period(both):
    message = {"t": "2026-10-04T07:12:31.1234567+02:00"}
    seventh = "2026-10-04T05:12:31.1234567Z"
    show = observations("effectiveDateTime", "effectivePeriod")
    assert both([message], None, None, show) == (
        [("2026-10-04T07:12:31.1234567+02:00", None)],
        [(None, {"start": seventh, "end": seventh})],
    )


def test_a_date_without_time_stays_one_or_is_midnight(both):
    midnight = "2026-10-04T00:00:00.0000000Z"
    show = observations("effectiveDateTime", "effectivePeriod")
    assert both([{"t": "2026-10-04"}], None, None, show) == (
        [("2026-10-04", None)],
        [(None, {"start": midnight, "end": midnight})],
    )


def test_ids_carry_a_fraction_of_a_second_or_not(both):
    messages = [
        {"t": "2026-10-04T07:12:31.25Z", "v": "1"},
        {"t": "2026-10-04T07:12:31.75Z", "v": "2"},
    ]
    usual, medtech = both(messages, None, {"value": QUANTITY}, segments)
    assert usual == [
        "20261004071231.250000Z.20261004071231.250000Z",
        "20261004071231.750000Z.20261004071231.750000Z",
    ]
    assert medtech == ["20261004071231Z.20261004071231Z"]
    show = observations("valueQuantity", "effectivePeriod")
    _usual, medtech = both(messages, None, {"value": QUANTITY}, show)
    assert medtech == [
        (
            {"value": 2, "unit": "%"},
            {
                "start": "2026-10-04T07:12:31.2500000Z",
                "end": "2026-10-04T07:12:31.7500000Z",
            },
        )
    ]


HOUR = {
    "start": "2026-10-04T07:00:00.0000000Z",
    "end": "2026-10-04T07:59:59.9999999Z",
}


def test_a_period_governs_sampled_data_or_every_value(both):
    fhir = {"periodInterval": 60, "value": QUANTITY}
    message = {"t": "2026-10-04T07:12:31Z", "v": "97"}
    show = observations("effectiveDateTime", "effectivePeriod", "valueQuantity")
    quantity = {"value": 97, "unit": "%"}
    assert both([message], None, fhir, show) == (
        [("2026-10-04T07:12:31Z", None, quantity)],
        [(None, HOUR, quantity)],
    )


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (QUANTITY, "InvalidQuantityFhirValueException"),
        ({"valueName": "v", "valueType": "String"}, "FhirDataMappingException"),
    ],
)
def test_several_readings_in_a_period(both, kind, error):
    fhir = {"periodInterval": 60, "value": kind}
    messages = [
        {"t": "2026-10-04T07:12:31Z", "v": "97"},
        {"t": "2026-10-04T07:22:31Z", "v": "98"},
    ]
    show = observations("effectiveDateTime")
    assert both(messages, None, fhir, show) == (
        [("2026-10-04T07:12:31Z",), ("2026-10-04T07:22:31Z",)],
        [error],
    )


def test_a_number_with_an_exponent(both):
    show = observations("valueQuantity")
    fhir = {"value": QUANTITY}
    assert both([{"v": "1.5e2"}], None, fhir, show) == (
        [({"value": 150.0, "unit": "%"},)],
        ["InvalidQuantityFhirValueException"],
    )


def test_an_empty_text_is_present_or_not(both):
    concept = {
        "valueName": "v",
        "valueType": "CodeableConcept",
        "text": "worn",
        "codes": [{"system": "s", "code": "c"}],
    }
    show = observations("valueCodeableConcept")
    usual, medtech = both([{"v": ""}], None, {"value": concept}, show)
    assert usual == [(None,)]
    assert medtech[0][0]["text"] == "worn"
