"""Which profile of R4 holds for which codes."""

import pytest

from transforms.fhir_template import Coding
from transforms.ucum import is_ucum
from transforms.vital_profiles import (
    COMPONENT_UNITS,
    PROFILES,
    coding_of,
    profile_of,
    vital_coding,
)
from transforms.vital_signs import LOINC, VITAL_SIGNS


def coded(*codes, system=LOINC):
    return tuple(Coding(code, system, None) for code in codes)


@pytest.mark.parametrize(
    ("codings", "name", "index"),
    [
        (coded("8867-4"), "heartrate", 0),
        (coded("x", "40443-4"), "heartrate", 1),
        (coded("40443-4", "8867-4"), "heartrate", 1),
        (coded("59408-5"), "oxygensat", 0),
        (coded("85354-9"), "bp", 0),
        (coded("55284-4"), "bp", 0),
        (coded("8462-4"), "bp", 0),
        (coded("85353-1", "8867-4"), "vitalspanel", 0),
        # The order is that of the validator, not that of the codings.
        (coded("29463-7", "8867-4"), "heartrate", 1),
    ],
)
def test_a_code_has_a_profile(codings, name, index):
    profile, found = profile_of(codings)
    assert (profile.name, found) == (name, index)
    assert vital_coding(codings) == index


@pytest.mark.parametrize(
    "codings",
    [(), coded("55423-8"), coded("8867-4", system="urn:x"), coded(None)],
)
def test_other_codes_have_none(codings):
    assert profile_of(codings) is None
    assert vital_coding(codings) is None


def test_mean_pressure_is_a_vital_sign_without_profile():
    assert profile_of(coded("8478-0")) is None
    assert vital_coding(coded("x", "8478-0")) == 1


def test_every_vital_sign_but_the_mean_pressure_has_a_profile():
    without = {code for code in VITAL_SIGNS if profile_of(coded(code)) is None}
    assert without == {"8478-0"}


def test_units_are_codes_and_components_may_have_them():
    units = {unit for profile in PROFILES for unit in profile.units}
    assert all(map(is_ucum, units | COMPONENT_UNITS))
    assert units <= COMPONENT_UNITS


def test_the_first_coding_with_a_code_counts():
    codings = coded("a", "b", "b")
    assert coding_of(codings, {"b", "c"}) == 1
    assert coding_of(codings, {"c"}) is None
