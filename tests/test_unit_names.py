"""What units mean that people and devices write."""

import pytest

from transforms.ucum import is_ucum
from transforms.unit_names import (
    _BY_SPELLING,
    _COMMON,
    meant,
    nearest,
    without_annotations,
)


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        # The samples of MedTech, and what apps send.
        ("count/min", "/min"),
        ("breaths/minute", "/min"),
        ("beats per minute", "/min"),
        ("bpm", "/min"),
        ("mmHg", "mm[Hg]"),
        ("MMHG", "mm[Hg]"),
        ("mm Hg", "mm[Hg]"),
        ("degC", "Cel"),
        ("deg F", "[degF]"),
        ("°C", "Cel"),
        ("lbs", "[lb_av]"),
        ("Inches", "[in_i]"),
        (" kg ", "kg"),
        ("kg/m²", "kg/m2"),
        ("ml/min/kg", "ml/min/kg"),
        # Codes of UCUM for units that no device of ours has: coulomb, farad, fm.t.
        ("C", "Cel"),
        ("F", "[degF]"),
        ("ft", "[ft_i]"),
        # By parts, and by case.
        ("mmHg/sec", "mm[Hg]/s"),
        ("mcg/kg", "ug/kg"),
        ("IU/L", "[IU]/L"),
        ("KG", "kg"),
        ("L/MIN", "L/min"),
        # What is a code stays.
        ("{beats}/min", "{beats}/min"),
        ("mmol/l", "mmol/l"),
        ("%", "%"),
        ("count", None),
        ("steps/min", None),
        ("x", None),
        ("/", None),
        ("", None),
    ],
)
def test_what_a_unit_means(unit, code):
    assert meant(unit) == code


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        ("mmHg", "mm[Hg]"),
        ("mgg/dL", "mg/dL"),
        ("mm[Hg", "mm[Hg]"),
        ("mmoI/L", "mmol/L"),
        ("count", "{count}"),
        ("steps/min", "{steps}/min"),
        ("body score", "{body_score}"),
        ("x", None),
        ("µ!", None),
        ("", None),
    ],
)
def test_what_is_nearest_to_a_unit(unit, code):
    assert nearest(unit) == code


def test_only_codes_are_suggested():
    assert all(map(is_ucum, (*_BY_SPELLING.values(), *_COMMON.values())))


@pytest.mark.parametrize(
    ("code", "plain"),
    [("{beats}/min", "/min"), ("kg{wet}", "kg"), ("{steps}", ""), ("m", "m")],
)
def test_annotations_are_for_people(code, plain):
    assert without_annotations(code) == plain
