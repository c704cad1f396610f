"""Values as Observations hold them, digit by digit."""

import json

import pytest

from transforms.errors import FhirDataMappingError
from transforms.fhir_template import (
    Coding,
    ConceptValue,
    QuantityValue,
    SampledDataValue,
    StringValue,
)
from transforms.flags import ABSENT_REASONS
from transforms.observation_value import (
    ABSENT_REASON,
    Reading,
    concept,
    renderer,
    to_json,
    unit_of,
    without_none,
)
from transforms.rules import MEDTECH, USUAL

UCUM = "http://unitsofmeasure.org"
FALL = Coding("1912002", "http://snomed.info/sct", "Fall")


def reading(text, number=None, at=0, flag=None, tick=0):
    return Reading(
        observation_id="o",
        patient_id="p",
        device_id="d",
        encounter_id=None,
        correlation_id=None,
        record_id=None,
        type="t",
        value_name="v",
        occurred_at=at,
        occurred_tick=tick,
        ended_at=None,
        utc_offset_minutes=0,
        value=number,
        value_text=text,
        flag=flag,
        ingested_at=None,
    )


def quantity(aggregate=None):
    return QuantityValue("v", None, None, None, aggregate)


@pytest.mark.parametrize(
    ("value", "readings", "last", "json_text", "number", "text"),
    [
        (
            quantity(),
            [reading("72", 72.0)],
            0,
            '"valueQuantity":{"value":72}',
            72.0,
            "72",
        ),
        (
            QuantityValue("v", "beats/min", UCUM, "/min"),
            [reading("98.60", 98.6)],
            0,
            '"valueQuantity":{"value":98.60,"unit":"beats/min",'
            '"system":"http://unitsofmeasure.org","code":"/min"}',
            98.6,
            "98.60",
        ),
        (
            QuantityValue("v", 'say "µ"\n', None, None),
            [reading(" 1,234.50- ", -1234.5)],
            0,
            '"valueQuantity":{"value":-1234.50,"unit":"say \\"µ\\"\\n"}',
            -1234.5,
            " 1,234.50- ",
        ),
        (
            quantity(),
            [reading("1", 1.0), reading("2", 2.0, at=1)],
            10,
            '"valueQuantity":{"value":2}',
            2.0,
            "2",
        ),
        (
            StringValue("v"),
            [reading('say "hi"\n')],
            0,
            '"valueString":"say \\"hi\\"\\n"',
            None,
            'say "hi"\n',
        ),
        (
            StringValue("v"),
            [reading("72", 72.0)],
            0,
            '"valueString":"72"',
            72.0,
            "72",
        ),
        (
            ConceptValue("v", "A fall", (FALL,)),
            [reading("whatever", 1.0)],
            0,
            '"valueCodeableConcept":{"text":"A fall","coding":[{"system":'
            '"http://snomed.info/sct","code":"1912002","display":"Fall"}]}',
            None,
            "A fall",
        ),
        (
            ConceptValue("v", None, (Coding("c", None, None), FALL)),
            [reading("x")],
            0,
            '"valueCodeableConcept":{"coding":[{"code":"c"},{"system":'
            '"http://snomed.info/sct","code":"1912002","display":"Fall"}]}',
            None,
            "c",
        ),
        (
            ConceptValue("v", None, (Coding(None, "urn:x", None),)),
            [reading("x")],
            0,
            '"valueCodeableConcept":{"coding":[{"system":"urn:x"}]}',
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
            49_999_999,
            '"valueSampledData":{"origin":{"value":0,"unit":"mV"},"period":1000,'
            '"dimensions":1,"data":"1.50 1000 E U E"}',
            None,
            "1.50 1000 E U E",
        ),
        (
            SampledDataValue("v", None, 1),
            [reading("7", 7.0)],
            0,
            '"valueSampledData":{"origin":{"value":0},"period":0.001,"dimensions":1,'
            '"data":"7"}',
            None,
            "7",
        ),
        (
            SampledDataValue("v", None, 2_500),
            [reading("7", 7.0)],
            25_000,
            '"valueSampledData":{"origin":{"value":0},"period":2.5,"dimensions":1,'
            '"data":"7 E"}',
            None,
            "7 E",
        ),
        # A cell begins and ends with its tick of 100 ns.
        (
            SampledDataValue("v", None, 1),
            [
                reading("1", at=0, tick=9),
                reading("2", at=1),
                reading("3", at=2, tick=1),
            ],
            29,
            '"valueSampledData":{"origin":{"value":0},"period":0.001,"dimensions":1,'
            '"data":"1 2 3"}',
            None,
            "1 2 3",
        ),
    ],
)
def test_a_value_is_written_with_the_digits_that_were_sent(
    value, readings, last, json_text, number, text
):
    rendered = renderer(value)(readings, 0, last)

    assert json.loads(f"{{{rendered.json}}}") == json.loads(f"{{{json_text}}}")
    assert rendered == (json_text, number, text)


@pytest.mark.parametrize("aggregate", [None, "mean"])
@pytest.mark.parametrize(
    ("unit", "system", "code", "usual", "medtechs"),
    [
        ("beats", None, "/min", {"unit": "beats"}, {"unit": "beats", "code": "/min"}),
        (None, None, "/min", {"unit": "/min"}, {"code": "/min"}),
        ("", None, "/min", {"unit": ""}, {"unit": "", "code": "/min"}),
        (
            None,
            " ",
            "/min",
            {"unit": "/min"},
            {"system": " ", "code": "/min"},
        ),
        (None, UCUM, None, {"system": UCUM}, {"system": UCUM}),
        (
            "beats",
            UCUM,
            "/min",
            {"unit": "beats", "system": UCUM, "code": "/min"},
            {"unit": "beats", "system": UCUM, "code": "/min"},
        ),
    ],
)
def test_a_code_needs_its_system(unit, system, code, aggregate, usual, medtechs):
    value = QuantityValue("v", unit, system, code, aggregate)

    for rules, expected in ((USUAL, usual), (MEDTECH, medtechs)):
        rendered = renderer(value, rules)([reading("72", 72.0)], 0, 0)
        assert json.loads(f"{{{rendered.json}}}") == {
            "valueQuantity": {"value": 72, **expected}
        }


@pytest.mark.parametrize("flag", ["<", "<=", ">=", ">"])
def test_a_comparator_stands_beside_the_number(flag):
    value = QuantityValue("v", "mg/dL", UCUM, "mg/dL")
    json_text, number, text = renderer(value)([reading("40", 40.0, flag=flag)], 0, 0)

    assert json.loads(f"{{{json_text}}}") == {
        "valueQuantity": {
            "value": 40,
            "comparator": flag,
            "unit": "mg/dL",
            "system": UCUM,
            "code": "mg/dL",
        }
    }
    assert (number, text) == (40.0, "40")


@pytest.mark.parametrize("flag", sorted(ABSENT_REASONS))
@pytest.mark.parametrize(
    "value",
    [
        quantity(),
        quantity("mean"),
        quantity("count"),
        StringValue("v"),
        ConceptValue("v", "A fall", (FALL,)),
    ],
)
def test_a_reason_of_absence_stands_in_for_the_value(value, flag):
    earlier = reading(None, flag="unknown", at=-1)
    rendered = renderer(value)([earlier, reading("LOW", flag=flag)], 0, 0)

    coding = {"system": ABSENT_REASON, "code": flag}
    assert json.loads(f"{{{rendered.json}}}") == {
        "dataAbsentReason": {"coding": [coding]}
    }
    assert rendered[1:] == (None, None)


_SERIES = [
    reading("61.0", 61.0, at=0),
    reading("60", 60.0, at=1, flag="<"),
    reading("?", None, at=2, flag="error"),
    reading("1,070.50", 1070.5, at=3, flag=">="),
    reading(None, None, at=4, flag="not-performed"),
]


@pytest.mark.parametrize(
    ("aggregate", "content", "number", "text"),
    [
        ("mean", {"value": 397.166666666667}, 397.166666666667, "397.166666666667"),
        ("median", {"value": 61}, 61.0, "61"),
        ("sum", {"value": 1191.5}, 1191.5, "1191.50"),
        ("count", {"value": 3}, 3.0, "3"),
        ("min", {"value": 60, "comparator": "<"}, 60.0, "60"),
        ("max", {"value": 1070.5, "comparator": ">="}, 1070.5, "1070.50"),
        ("first", {"value": 61.0}, 61.0, "61.0"),
        ("last", {"value": 1070.5, "comparator": ">="}, 1070.5, "1070.50"),
        (None, None, None, None),
    ],
)
def test_an_aggregate_skips_what_is_absent(aggregate, content, number, text):
    rendered = renderer(quantity(aggregate))(_SERIES, 0, 50)

    if content is None:
        assert "not-performed" in rendered.json
    else:
        assert json.loads(f"{{{rendered.json}}}") == {"valueQuantity": content}
    assert rendered[1:] == (number, text)


def test_flags_have_their_tokens_in_a_grid():
    flags = ["<", "<=", ">=", ">", "error", None]
    readings = [reading("5", 5.0, at=at, flag=flag) for at, flag in enumerate(flags)]

    grid = renderer(SampledDataValue("v", None, 1))(readings, 0, 59).text
    assert grid == "L L U U E 5"


def test_a_concept_is_present_if_one_of_its_readings_is():
    render = renderer(ConceptValue("v", "A fall", (FALL,)))
    readings = [reading("x"), reading(None, at=1, flag="error")]

    assert render(readings, 0, 10).text == "A fall"


@pytest.mark.parametrize(
    ("rules", "message", "suggestion"),
    [
        (
            MEDTECH,
            "The readings of one correlation id span more than 10000000 samples",
            "give each session an id of its own, or raise defaultPeriod of [v]",
        ),
        (
            USUAL,
            "The samples of [v] make a text of more than 1048576 characters, which"
            " FHIR does not allow",
            "raise defaultPeriod of [v], lower periodInterval, or give each session a"
            " correlation id of its own",
        ),
    ],
)
def test_a_grid_that_would_fill_the_memory_is_told_without_making_it(
    rules, message, suggestion
):
    render = renderer(SampledDataValue("v", None, 1), rules)

    with pytest.raises(FhirDataMappingError) as caught:
        render([reading("1"), reading("2", at=10_000_000)], 0, 100_000_000)
    assert (caught.value.message, caught.value.suggestion) == (message, suggestion)


MOST = 1_048_576
"""Characters of a text in R4."""


@pytest.mark.parametrize(
    ("texts", "cells", "fits"),
    [
        (["1"], 524_288, True),
        (["1"], 524_289, False),
        (["1234", "-1.5"], (MOST - 6) // 2, True),
        (["1234", "-1.5"], (MOST - 6) // 2 + 1, False),
        (["1" * MOST], 1, True),
        (["1" * (MOST + 1)], 1, False),
    ],
)
def test_a_grid_is_as_long_as_a_text_may_be(texts, cells, fits):
    value = SampledDataValue("v", None, 1)
    readings = [reading(text, at=at) for at, text in enumerate(texts)]
    last = cells * 10 - 1
    grid = renderer(value, MEDTECH)(readings, 0, last).text

    assert (len(grid) <= MOST) is fits
    if fits:
        assert renderer(value)(readings, 0, last).text == grid
        return
    with pytest.raises(FhirDataMappingError):
        renderer(value)(readings, 0, last)


@pytest.mark.parametrize("text", ["many", "", None, "NaN"])
@pytest.mark.parametrize("aggregate", [None, "mean"])
def test_a_stored_quantity_that_is_no_number_is_a_bug_and_told_without_it(
    text, aggregate
):
    render = renderer(quantity(aggregate))

    with pytest.raises(
        ValueError, match=r"^the store holds a Quantity that is no number$"
    ):
        render([reading(text)], 0, 0)


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (QuantityValue("v", "beats", UCUM, "/min"), "/min"),
        (QuantityValue("v", "beats", None, None), "beats"),
        (QuantityValue("v", None, None, None), None),
        (SampledDataValue("v", "mV", 1), "mV"),
        (StringValue("v"), None),
        (ConceptValue("v", None, (FALL,)), None),
    ],
)
def test_a_value_has_its_unit(value, unit):
    assert unit_of(value) == unit


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
