"""Values as Observations hold them, digit by digit."""

import json

import pytest

from transforms.fhir_template import (
    Coding,
    ConceptValue,
    QuantityValue,
    SampledDataValue,
    StringValue,
)
from transforms.observation_value import (
    Reading,
    concept,
    element_of,
    renderer,
    to_json,
    unit_of,
    without_none,
)

UCUM = "http://unitsofmeasure.org"
FALL = Coding("1912002", "http://snomed.info/sct", "Fall")


def reading(text, number=None, at=0):
    return Reading(
        observation_id="o",
        patient_id="p",
        device_id="d",
        encounter_id=None,
        type="t",
        value_name="v",
        occurred_at=at,
        utc_offset_minutes=0,
        value=number,
        value_text=text,
        ingested_at=None,
    )


@pytest.mark.parametrize(
    ("value", "readings", "end", "json_text", "number", "text"),
    [
        (
            QuantityValue("v", None, None, None),
            [reading("72", 72.0)],
            0,
            '{"value":72}',
            72.0,
            "72",
        ),
        (
            QuantityValue("v", "beats/min", UCUM, "/min"),
            [reading("98.60", 98.6)],
            0,
            '{"value":98.60,"unit":"beats/min","system":"http://unitsofmeasure.org",'
            '"code":"/min"}',
            98.6,
            "98.60",
        ),
        (
            QuantityValue("v", 'say "µ"\n', None, None),
            [reading(" 1,234.50- ", -1234.5)],
            0,
            '{"value":-1234.50,"unit":"say \\"µ\\"\\n"}',
            -1234.5,
            " 1,234.50- ",
        ),
        (
            QuantityValue("v", None, None, None),
            [reading("1", 1.0), reading("2", 2.0, at=1)],
            0,
            '{"value":2}',
            2.0,
            "2",
        ),
        (
            StringValue("v"),
            [reading('say "hi"\n')],
            0,
            '"say \\"hi\\"\\n"',
            None,
            'say "hi"\n',
        ),
        (StringValue("v"), [reading("72", 72.0)], 0, '"72"', 72.0, "72"),
        (
            ConceptValue("v", "A fall", (FALL,)),
            [reading("whatever", 1.0)],
            0,
            '{"text":"A fall","coding":[{"system":"http://snomed.info/sct",'
            '"code":"1912002","display":"Fall"}]}',
            None,
            "A fall",
        ),
        (
            ConceptValue("v", None, (Coding("c", None, None), FALL)),
            [reading("x")],
            0,
            '{"coding":[{"code":"c"},{"system":"http://snomed.info/sct",'
            '"code":"1912002","display":"Fall"}]}',
            None,
            "c",
        ),
        (
            ConceptValue("v", None, (Coding(None, "urn:x", None),)),
            [reading("x")],
            0,
            '{"coding":[{"system":"urn:x"}]}',
            None,
            None,
        ),
        (
            SampledDataValue("v", "mV", 1_000_000),
            [
                reading("1.50", 1.5, at=0),
                reading("+2", 2.0, at=1_000_000),
                reading("1,000", 1000.0, at=1_500_000),
                reading(" U ", None, at=3_000_000),
            ],
            5_000_000,
            '{"origin":{"value":0,"unit":"mV"},"period":1000,"dimensions":1,'
            '"data":"1.50 1000 E U E"}',
            None,
            "1.50 1000 E U E",
        ),
        (
            SampledDataValue("v", None, 1),
            [reading("7", 7.0)],
            0,
            '{"origin":{"value":0},"period":0.001,"dimensions":1,"data":"7"}',
            None,
            "7",
        ),
        (
            SampledDataValue("v", None, 2_500),
            [reading("7", 7.0)],
            5_000,
            '{"origin":{"value":0},"period":2.5,"dimensions":1,"data":"7 E"}',
            None,
            "7 E",
        ),
    ],
)
def test_a_value_is_written_with_the_digits_that_were_sent(
    value, readings, end, json_text, number, text
):
    rendered = renderer(value)(readings, 0, end)

    assert json.loads(rendered.json) == json.loads(json_text)
    assert rendered == (json_text, number, text)


@pytest.mark.parametrize("text", ["many", "", None, "NaN"])
def test_a_stored_quantity_that_is_no_number_is_a_bug_and_told_without_it(text):
    render = renderer(QuantityValue("v", None, None, None))

    with pytest.raises(
        ValueError, match=r"^the store holds a Quantity that is no number$"
    ):
        render([reading(text)], 0, 0)


@pytest.mark.parametrize(
    ("value", "element", "unit"),
    [
        (QuantityValue("v", "beats", UCUM, "/min"), "valueQuantity", "/min"),
        (QuantityValue("v", "beats", None, None), "valueQuantity", "beats"),
        (QuantityValue("v", None, None, None), "valueQuantity", None),
        (SampledDataValue("v", "mV", 1), "valueSampledData", "mV"),
        (StringValue("v"), "valueString", None),
        (ConceptValue("v", None, (FALL,)), "valueCodeableConcept", None),
    ],
)
def test_a_value_has_its_element_and_its_unit(value, element, unit):
    assert (element_of(value), unit_of(value)) == (element, unit)


@pytest.mark.parametrize(
    ("text", "codings", "expected"),
    [
        (None, (), {}),
        ("t", (), {"text": "t"}),
        (None, (Coding("c", None, None),), {"coding": [{"code": "c"}]}),
        (
            "t",
            [FALL],
            {
                "text": "t",
                "coding": [
                    {
                        "system": "http://snomed.info/sct",
                        "code": "1912002",
                        "display": "Fall",
                    }
                ],
            },
        ),
    ],
)
def test_a_concept_holds_what_the_template_has(text, codings, expected):
    assert concept(text, codings) == expected


def test_absent_members_are_left_out_and_blank_ones_kept():
    assert without_none(a="", b=None, c="x") == {"a": "", "c": "x"}


def test_json_is_compact_and_keeps_letters():
    assert to_json({"µ": [1, None]}) == '{"µ":[1,null]}'
