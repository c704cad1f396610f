"""Which Observations R4 holds to a vital-signs profile."""

import pytest

from transforms.fhir_template import Coding
from transforms.vital_signs import LOINC, is_vital_sign


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
