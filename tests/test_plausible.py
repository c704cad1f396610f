"""What a vital sign or a glucose can be."""

from decimal import Decimal
from fractions import Fraction

import pytest

from transforms.fhir_template import Coding
from transforms.plausible import PLAUSIBLE, plausible_range
from transforms.vital_signs import LOINC


def loinc(*codes):
    return [Coding(code, LOINC, None) for code in codes]


@pytest.mark.parametrize(
    ("codings", "unit", "shown"),
    [
        (loinc("8867-4"), "/min", "20 to 300"),
        (loinc("8867-4"), "{beats}/min", "20 to 300"),
        (loinc("8867-4"), "/s", "None"),
        (loinc("8867-4"), "", "None"),
        (loinc("8867-4"), None, "None"),
        (loinc("8480-6"), "mm[Hg]", "50 to 300"),
        (loinc("8462-4"), "mm[Hg]", "20 to 200"),
        (loinc("8480-6"), "mmHg", "None"),
        (loinc("8310-5"), "Cel", "25 to 45"),
        (loinc("8310-5"), "[degF]", "77 to 113"),
        (loinc("2708-6"), "%", "50 to 100"),
        (loinc("59408-5"), "%{saturation}", "50 to 100"),
        (loinc("9279-1"), "/min", "3 to 120"),
        (loinc("29463-7"), "kg", "0.2 to 650"),
        (loinc("8302-2"), "cm", "20 to 272"),
        (loinc("39156-5"), "kg/m2", "5 to 210"),
        (loinc("41653-7"), "mg/dL", "10 to 1000"),
        (loinc("2339-0"), "mg/dL", "10 to 1000"),
        (loinc("14743-9"), "mmol/L", "0.6 to 55"),
        (loinc("15074-8"), "mmol/L", "0.6 to 55"),
        (loinc("41653-7"), "mmol/L", "None"),
        (loinc("99504-3"), "mg/dL", "40 to 500"),
        (loinc("105272-9"), "mmol/L", "2.2 to 27.8"),
        # The first code that the table knows.
        (loinc("59408-5", "2708-6"), "%", "50 to 100"),
        (loinc("1-1", "8310-5"), "Cel", "25 to 45"),
        (loinc("1-1"), "Cel", "None"),
        ([Coding("8310-5", "http://snomed.info/sct", None)], "Cel", "None"),
        ([Coding("8310-5", None, None)], "Cel", "None"),
        ([Coding(None, LOINC, None)], "Cel", "None"),
        ([], "Cel", "None"),
    ],
)
def test_the_range_of_a_code_in_a_unit(codings, unit, shown):
    assert str(plausible_range(codings, unit)) == shown


_GLUCOSE = Fraction("18.016")  # mg/dL of 1 mmol/L


@pytest.mark.parametrize(
    ("one", "other", "converted"),
    [
        (("8310-5", "Cel"), ("8310-5", "[degF]"), lambda n: n * 9 / 5 + 32),
        (("29463-7", "kg"), ("29463-7", "g"), lambda n: n * 1000),
        (
            ("29463-7", "kg"),
            ("29463-7", "[lb_av]"),
            lambda n: n / Fraction("0.45359237"),
        ),
        (("8302-2", "cm"), ("8302-2", "m"), lambda n: n / 100),
        (("8302-2", "cm"), ("8302-2", "[in_i]"), lambda n: n / Fraction("2.54")),
        (("14743-9", "mmol/L"), ("41653-7", "mg/dL"), lambda n: n * _GLUCOSE),
        (("105272-9", "mmol/L"), ("99504-3", "mg/dL"), lambda n: n * _GLUCOSE),
    ],
)
def test_ranges_of_one_thing_in_two_units_are_the_same(one, other, converted):
    for bound in ("low", "high"):
        here, there = (Fraction(getattr(PLAUSIBLE[key], bound)) for key in (one, other))
        assert abs(converted(here) - there) <= there / 10


@pytest.mark.parametrize("key", PLAUSIBLE, ids=" ".join)
def test_every_range_holds_something(key):
    limits = PLAUSIBLE[key]
    assert Decimal(0) < limits.low < limits.high
