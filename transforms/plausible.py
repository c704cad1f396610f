"""Numbers that a vital sign or a glucose can be in a living person, by code and unit.

The table is there to notice a number in another unit than its code says (98.6 as
degrees Celsius, 180 mg/dL as mmol/L), not to judge a patient: what illness can do lies
within. Its numbers are rounded outwards from

* the outlier limits of the MIMIC-III benchmarks, after which their intensive care data
  was cleaned: https://github.com/YerevaNN/mimic3-benchmarks,
  `resources/variable_ranges.csv` (temperature 26-45, saturation up to 100, ...);
* records of the body: 272 cm and 635 kg
  (https://www.guinnessworldrecords.com, R. Wadlow and J. Minnoch), a body mass index of
  204, and a child of 212 g and 24 cm that lived: newborns are patients too;
* measuring ranges of glucose meters and sensors: 20-600 mg/dL and 40-400 or 40-500
  mg/dL; that of laboratories is wider.

Units are codes of UCUM (https://ucum.org/ucum); what a LOINC code measures says
https://loinc.org.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

from transforms.fhir_template import Coding, Range
from transforms.vital_signs import LOINC

_Ranges = dict[str, tuple[str, str]]
"""Low and high by UCUM code."""

_SATURATION: _Ranges = {"%": ("50", "100")}
_BLOOD_GLUCOSE_MASS: _Ranges = {"mg/dL": ("10", "1000")}
_BLOOD_GLUCOSE_MOLES: _Ranges = {"mmol/L": ("0.6", "55")}

_TABLE: dict[str, _Ranges] = {
    "8867-4": {"/min": ("20", "300")},  # heart rate
    "8480-6": {"mm[Hg]": ("50", "300")},  # systolic blood pressure
    "8462-4": {"mm[Hg]": ("20", "200")},  # diastolic blood pressure
    "8310-5": {"Cel": ("25", "45"), "[degF]": ("77", "113")},  # body temperature
    "2708-6": _SATURATION,  # oxygen saturation in arterial blood
    "59408-5": _SATURATION,  # the same, by pulse oximetry
    "9279-1": {"/min": ("3", "120")},  # respiratory rate; newborns pass 80
    "29463-7": {  # body weight
        "kg": ("0.2", "650"),
        "g": ("200", "650000"),
        "[lb_av]": ("0.44", "1433"),
    },
    "8302-2": {  # body height
        "cm": ("20", "272"),
        "m": ("0.2", "2.72"),
        "[in_i]": ("7.87", "107.1"),
    },
    "39156-5": {"kg/m2": ("5", "210")},  # body mass index
    "41653-7": _BLOOD_GLUCOSE_MASS,  # glucose in capillary blood by glucometer
    "2339-0": _BLOOD_GLUCOSE_MASS,  # glucose in blood
    "14743-9": _BLOOD_GLUCOSE_MOLES,  # glucose in capillary blood by glucometer
    "15074-8": _BLOOD_GLUCOSE_MOLES,  # glucose in blood
    "99504-3": {"mg/dL": ("40", "500")},  # glucose in interstitial fluid
    "105272-9": {"mmol/L": ("2.2", "27.8")},  # glucose in interstitial fluid
}

_ANNOTATION = re.compile(r"\{[^{}]*\}")
"""`{beats}/min` is `/min`: https://ucum.org/ucum#section-Character-Set-and-Lexical-Rules"""

PLAUSIBLE: dict[tuple[str, str], Range] = {
    (code, unit): Range(Decimal(low), Decimal(high))
    for code, ranges in _TABLE.items()
    for unit, (low, high) in ranges.items()
}
"""By LOINC code and UCUM code."""


def plausible_range(codings: Iterable[Coding], ucum_code: str | None) -> Range | None:
    """The numbers that a living person's value can be.

    Args:
        codings: what is measured.
        ucum_code: the unit of the numbers; None if it is not known.

    Returns:
        The range of the first LOINC code that the table knows in this unit; None if it
        knows none.

    >>> str(plausible_range([Coding("8310-5", LOINC, None)], "Cel"))
    '25 to 45'
    """
    if ucum_code is None:
        return None
    unit = _ANNOTATION.sub("", ucum_code)
    ranges = (
        PLAUSIBLE.get((coding.code or "", unit))
        for coding in codings
        if coding.system == LOINC
    )
    return next((found for found in ranges if found is not None), None)
