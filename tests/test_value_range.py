"""Numbers outside the range of their value, as they are admitted."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import value_range
from transforms.admission import Admission
from transforms.conversions import json_number
from transforms.errors import ImplausibleValueError, InvalidQuantityFhirValueError
from transforms.fhir_mapping import FhirMapping
from transforms.fhir_template import Range
from transforms.flags import ABSENT_REASONS, IMPLAUSIBLE
from transforms.model import Measurement
from transforms.rules import Rules
from transforms.value_check import check_of
from transforms.value_range import in_range

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


def quantity(name, unit, **keys):
    return {"valueType": "Quantity", "valueName": name, "system": UCUM} | {
        "code": unit,
        **keys,
    }


def template(name, code, value=None, components=(), **keys):
    return {
        "typeName": name,
        "codes": [{"code": code, "system": LOINC}],
        **({"value": value} if value else {}),
        "components": [
            {"codes": [{"code": code, "system": LOINC}], "value": value}
            for code, value in components
        ],
        **keys,
    }


TEMPLATES = [
    template(
        "temp", "8310-5", quantity("t", "Cel", validRange={"low": 25, "high": 45})
    ),
    template("low", "1", quantity("v", "m", validRange={"low": 0.1})),
    template("high", "1", quantity("v", "m", validRange={"high": 0})),
    template(
        "bp",
        "85354-9",
        components=[
            ("8480-6", quantity("sys", "mm[Hg]")),
            ("8462-4", quantity("dia", "mm[Hg]", validRange={"low": 10, "high": 250})),
            ("1-1", {"valueType": "String", "valueName": "note"}),
        ],
    ),
    template("pulse", "8867-4", quantity("v", "/min")),
    template("bare", "8867-4", quantity("v", "/min", system=None)),
    template("text", "8867-4", {"valueType": "String", "valueName": "v"}),
    template(
        "cgm",
        "99504-3",
        {
            "valueType": "SampledData",
            "valueName": "v",
            "defaultPeriod": 300_000,
            "unit": "mg/dL",
        },
        periodInterval=60,
    ),
    template(
        "grid",
        "1",
        {
            "valueType": "SampledData",
            "valueName": "v",
            "defaultPeriod": 1000,
            "validRange": {"low": -5, "high": 5},
        },
        periodInterval=60,
    ),
    template(
        "mean",
        "8867-4",
        quantity("v", "/min", aggregate="mean", validRange={"high": 200}),
        [("1-1", quantity("v", "/min", aggregate="max", validRange={"low": 40}))],
        periodInterval=60,
    ),
]


def admission(units=None, *, medtech=False):
    listed = [
        {"templateType": "CodeValueFhir", "template": template}
        for template in TEMPLATES
    ]
    document = {"templateType": "CollectionFhir", "template": listed}
    rules = Rules(medtech=medtech, units=units)
    return Admission(FhirMapping.from_json(json.dumps(document), "f.json", rules))


def measurement(type_name, values, flags=()):
    return Measurement(
        type=type_name,
        occurred_at=0,
        ended_at=None,
        utc_offset_minutes=0,
        ingested_at=None,
        device="d",
        patient="p",
        encounter=None,
        correlation=None,
        values=tuple(values.items()),
        source="s",
        flags=tuple(dict(flags).items()),
    )


def readings(found, given):
    """(number, text, flag) by value name; or the error's message."""
    try:
        values = found.admit(given).values
    except ImplausibleValueError as error:
        return error.message
    named = (
        (found.kinds[kind].value_name, number, text, flag)
        for kind, number, text, flag in values
    )
    return {name: rest for name, *rest in named}


IN, OUT = True, False
BY_MAPPING = [
    *(
        ("temp", {"t": text}, holds)
        for text, holds in (
            ("36.6", IN),
            ("25", IN),
            ("45.0", IN),
            (" 45.000 ", IN),
            ("4.5e1", IN),
            ("98.6", OUT),
            ("24.999999999999999999999", OUT),  # as a double 25
            ("45.000000000000000000001", OUT),
            ("0", OUT),
            ("-36.6", OUT),
            ("1,036.6", OUT),
            ("36.6-", OUT),
            ("1E308", OUT),
        )
    ),
    ("low", {"v": "0.1"}, IN),
    ("low", {"v": "0.10000000000000000555"}, IN),  # as a double 0.1
    ("low", {"v": "0.09999999999999999999"}, OUT),
    ("low", {"v": "1E308"}, IN),
    ("high", {"v": "-1E308"}, IN),
    ("high", {"v": "0"}, IN),
    ("high", {"v": "-0"}, IN),
    ("high", {"v": "1E-400"}, OUT),  # as a double 0
    ("high", {"v": "-1E-9999"}, IN),  # as a double 0
    ("bp", {"sys": "400", "dia": "80"}, IN),
    ("bp", {"sys": "120", "dia": "251"}, OUT),
    ("bp", {"note": "999"}, IN),
    ("pulse", {"v": "999"}, IN),
    ("cgm", {"v": "5.5"}, IN),
    ("grid", {"v": "5"}, IN),
    ("grid", {"v": "-5.1"}, OUT),
    ("grid", {"v": "E"}, IN),
    ("mean", {"v": "39"}, OUT),
    ("mean", {"v": "201"}, OUT),
    ("mean", {"v": "120"}, IN),
]
BY_TABLE = [
    ("bp", {"sys": "400", "dia": "80"}, OUT),
    ("bp", {"sys": "16.0", "dia": "80"}, OUT),  # kPa
    ("bp", {"sys": "300", "dia": "10"}, IN),  # the mapping's own goes first
    ("pulse", {"v": "1.2"}, OUT),  # Hz
    ("bare", {"v": "1.2"}, IN),  # of no system
    ("text", {"v": "1.2"}, IN),
    ("cgm", {"v": "5.5"}, OUT),  # mmol/L
    ("cgm", {"v": "U"}, IN),
]


@pytest.mark.parametrize(
    ("type_name", "values", "holds", "units"),
    [
        *((*case, None) for case in BY_MAPPING),
        *((*case, "reject") for case in BY_TABLE),
        *((name, values, IN, None) for name, values, _holds in BY_TABLE),
        *((name, values, IN, "pass") for name, values, _ in (*BY_MAPPING, *BY_TABLE)),
    ],
)
def test_a_number_is_in_its_range_to_the_digit(type_name, values, holds, units):
    found = readings(admission(units), measurement(type_name, values))

    if not holds:
        assert found.startswith("The value [")
        return
    plain = {
        name: [None if (n := json_number(text)) is None else float(n), text, None]
        for name, text in values.items()
    }
    assert found == plain


@pytest.mark.parametrize("medtech", [False, True])
@pytest.mark.parametrize(
    ("type_name", "values", "units", "message", "otherwise"),
    [
        (
            "temp",
            {"t": "98.6"},
            None,
            "The value [t] is outside of its range, 25 to 45 Cel",
            "widen validRange",
        ),
        (
            "low",
            {"v": "0"},
            "reject",
            "The value [v] is outside of its range, at least 0.1 m",
            "widen validRange",
        ),
        (
            "grid",
            {"v": "9"},
            None,
            "The value [v] is outside of its range, -5 to 5",
            "widen validRange",
        ),
        (
            "bp",
            {"dia": "80", "sys": "12"},
            "reject",
            "The value [sys] is outside of its range, 50 to 300 mm[Hg]",
            "state a validRange in the FHIR mapping",
        ),
    ],
)
def test_the_whole_measurement_is_refused(
    type_name, values, units, message, otherwise, medtech
):
    with pytest.raises(ImplausibleValueError) as caught:
        admission(units, medtech=medtech).admit(measurement(type_name, values))

    assert (caught.value.message, caught.value.suggestion) == (
        message,
        "check the unit that the device sends, and convert it in the device mapping; if"
        f" the number is right, {otherwise}, or run with another --unit_policy",
    )


@pytest.mark.parametrize("medtech", [False, True])
@pytest.mark.parametrize(
    ("type_name", "values", "flags", "expected", "implausible"),
    [
        ("temp", {"t": "98.6"}, {}, {"t": [None, "98.6", "error"]}, 1),
        ("temp", {"t": "36.6"}, {}, {"t": [36.6, "36.6", None]}, 0),
        (
            "bp",
            {"sys": "400", "dia": "80", "note": "calm"},
            {},
            {
                "sys": [None, "400", "error"],
                "dia": [80.0, "80", None],
                "note": [None, "calm", None],
            },
            1,
        ),
        (
            "bp",
            {"sys": "12", "dia": "8"},
            {},
            {"sys": [None, "12", "error"], "dia": [None, "8", "error"]},
            2,
        ),
        # A limit is compared as it was sent.
        ("temp", {"t": "45"}, {"t": ">"}, {"t": [45.0, "45", ">"]}, 0),
        ("temp", {"t": "25"}, {"t": "<"}, {"t": [25.0, "25", "<"]}, 0),
        ("temp", {"t": "46"}, {"t": ">"}, {"t": [None, "46", "error"]}, 1),
        # What the device says is no value is none.
        (
            "temp",
            {"t": "98.6"},
            {"t": "not-performed"},
            {"t": [None, "98.6", "not-performed"]},
            0,
        ),
        (
            "bp",
            {"sys": "400"},
            {"note": "unknown"},
            {"sys": [None, "400", "error"], "note": [None, None, "unknown"]},
            1,
        ),
    ],
)
def test_a_flagged_number_is_kept_as_text(
    type_name, values, flags, expected, implausible, medtech
):
    found = admission("flag", medtech=medtech)

    assert readings(found, measurement(type_name, values, flags)) == expected
    assert found.implausible == implausible


@pytest.mark.parametrize("units", [None, "reject"])
@pytest.mark.parametrize(("text", "holds"), [("45", IN), ("45.1", OUT)])
def test_the_limit_of_a_comparator_is_compared_as_sent(units, text, holds):
    given = measurement("temp", {"t": text}, {"t": ">"})

    found = readings(admission(units), given)
    assert found == {"t": [45.0, "45", ">"]} if holds else "[t]" in found


@pytest.mark.parametrize("units", [None, "reject", "flag", "pass"])
def test_what_is_no_number_is_refused_as_before(units):
    found = admission(units)

    with pytest.raises(InvalidQuantityFhirValueError):
        found.admit(measurement("temp", {"t": "warm"}))
    with pytest.raises(InvalidQuantityFhirValueError):
        found.admit(measurement("bp", {"dia": "120", "sys": "high"}))
    assert found.implausible == 0


def test_a_value_without_range_is_checked_as_before():
    mapping = admission("flag")._mapping
    check = check_of((), medtech=False)
    of = {
        (name, value): in_range(check, mapping.template(name), value, mapping.rules)
        for name, value in (("temp", "t"), ("text", "v"), ("temp", "T"), ("temp", None))
    }

    assert [key for key, made in of.items() if made is not check] == [("temp", "t")]


def test_what_flags_is_a_reason_of_absence():
    assert IMPLAUSIBLE in ABSENT_REASONS


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False).map(str) | st.floats(
    allow_nan=False, allow_infinity=False
).map(repr)
EXACT = NUMBERS.map(Decimal).filter(lambda d: abs(d) < Decimal("1e300"))


@given(EXACT, EXACT, NUMBERS | EXACT.map(str), st.sampled_from("<>=+-"))
def test_doubles_decide_as_decimals_do(one, other, text, edge):
    limits = Range(min(one, other), max(one, other))
    if edge != "+":  # near a bound, where doubles cannot tell
        digits = Decimal("1e-25") * {"<": -1, ">": 1}.get(edge, 0)
        text = str(limits.high + digits if edge in "<>" else limits.low)
    number = json_number(text)
    if number is None:
        return

    def plain(_name, sent):
        return float(json_number(sent))

    judge = value_range._judging(plain, limits, None, "")
    try:
        judge("v", text)
        held = True
    except ImplausibleValueError:
        held = False
    assert held == (limits.low <= Decimal(number) <= limits.high)
