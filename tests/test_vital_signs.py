"""Which Observations R4 holds to a vital-signs profile, and what it wants of them."""

import pytest

from transforms.fhir_template import (
    Coding,
    Component,
    ConceptValue,
    FhirTemplate,
    QuantityValue,
    SampledDataValue,
    StringValue,
)
from transforms.rules import MEDTECH, USUAL
from transforms.vital_signs import (
    LOINC,
    is_dated,
    is_vital_sign,
    wanted_components,
)


@pytest.mark.parametrize(
    ("codings", "found"),
    [
        ([], False),
        ([Coding("8867-4", LOINC, None)], True),
        ([Coding("x", "urn:x", None), Coding("85354-9", LOINC, "BP")], True),
        ([Coding("85353-1", LOINC, None)], True),
        ([Coding("8867-4", None, None)], False),
        ([Coding("8867-4", "http://snomed.info/sct", None)], False),
        ([Coding(None, LOINC, None)], False),
        ([Coding("55423-8", LOINC, "Steps")], False),
    ],
)
def test_a_vital_sign_has_one_of_r4s_loinc_codes(codings, found):
    assert is_vital_sign(codings) is found


def coded(*codes, system=LOINC):
    return tuple(Coding(code, system, None) for code in codes)


def template(codings, *values):
    """A template of a session with an own value and components."""
    own, *others = values or (None,)
    parts = [one if type(one) is Component else Component((), one) for one in others]
    return FhirTemplate(
        type_name="t",
        location="f.json:1",
        period_interval=-1,
        period_minutes=-1,
        codings=codings,
        category=(),
        value=own,
        components=tuple(parts),
    )


NUMBER = QuantityValue("v", None, None, None)
MEAN = QuantityValue("v", None, None, None, "mean")
GRID = SampledDataValue("v", None, 1_000)


@pytest.mark.parametrize(
    ("values", "usual", "medtechs"),
    [
        ((), True, False),
        ((NUMBER,), True, False),
        ((StringValue("v"), ConceptValue("w", None, ())), True, False),
        ((MEAN,), True, True),
        ((NUMBER, MEAN), True, True),
        # No vital sign in any case, and its end says how long it is.
        ((GRID,), False, False),
        ((NUMBER, GRID), False, False),
    ],
)
def test_the_start_of_what_lasts_stands_for_it(values, usual, medtechs):
    vital, steps = (template(coded(code), *values) for code in ("8867-4", "55423-8"))

    assert is_dated(vital, USUAL) is usual
    assert is_dated(vital, MEDTECH) is medtechs
    assert not is_dated(steps, USUAL)
    assert not is_dated(steps, MEDTECH)


def half(name, *codes, system=LOINC):
    return Component(
        coded(*codes, system=system), QuantityValue(name, None, None, None)
    )


PANEL = coded("85354-9")
DIA, SYS = half("dia", "8462-4"), half("sys", "x", "8480-6")


@pytest.mark.parametrize(
    ("codings", "components", "wanted"),
    [
        (PANEL, [], {}),
        (PANEL, [SYS], {0: {"sys"}}),
        (PANEL, [DIA, SYS], {0: {"dia"}, 1: {"sys"}}),
        (coded("x") + PANEL, [half("x", "x"), DIA, SYS], {1: {"dia"}, 2: {"sys"}}),
        # Of several components of one half the first stands for all.
        (PANEL, [SYS, DIA, half("b", "8480-6")], {0: {"sys", "b"}, 1: {"dia"}}),
        (PANEL, [half("x", "8867-4"), half("y")], {}),
        (PANEL, [half("sys", "8480-6", system="urn:x")], {}),
        (coded("85354-9", system=None), [DIA, SYS], {}),
        (coded("8480-6"), [DIA, SYS], {}),
        ((), [DIA, SYS], {}),
    ],
)
def test_a_blood_pressure_has_two_halves(codings, components, wanted):
    found = wanted_components(template(codings, None, *components))

    assert found == {index: frozenset(names) for index, names in wanted.items()}
