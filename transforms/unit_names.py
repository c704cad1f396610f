"""Units as people and devices write them, and the codes of UCUM that they mean."""

import difflib
import re
from collections.abc import Iterable

from transforms.ucum import is_ucum

_SPELLINGS = {
    "/min": "bpm brpm rpm cpm beats/min beats/minute breaths/min breaths/minute"
    " count/min count/minute counts/min per_minute 1/minute /minute min-1",
    "mm[Hg]": "mmhg mm(hg) mm_hg torr millimeters_of_mercury",
    "cm[H2O]": "cmh2o cm_h2o",
    "kPa": "kpa",
    "Cel": "c °c ℃ degc deg_c celsius degrees_c degrees_celsius degree_celsius",
    "[degF]": "f °f ℉ degf deg_f fahrenheit degrees_f degrees_fahrenheit",
    "K": "kelvin",
    "%": "percent pct percentage",
    "kg": "kgs kilogram kilograms kilo kilos",
    "g": "gr gm gram grams",
    "mg": "milligram milligrams",
    "ug": "mcg µg μg microgram micrograms",
    "[lb_av]": "lb lbs pound pounds",
    "[oz_av]": "oz ounce ounces",
    "[stone_av]": "stone stones",
    "m": "meter meters metre metres",
    "cm": "cms centimeter centimeters centimetre centimetres",
    "mm": "millimeter millimeters millimetre millimetres",
    "km": "kms kilometer kilometers kilometre kilometres",
    "[in_i]": "in inch inches",
    "[ft_i]": "ft foot feet",
    "[mi_i]": "mi mile miles",
    "kg/m2": "kg/m^2 kg/m² kg/m*m kg.m-2",
    "m2": "m^2 m²",
    "s": "sec secs second seconds",
    "ms": "msec msecs millisecond milliseconds",
    "min": "mins minute minutes",
    "h": "hr hrs hour hours",
    "d": "day days",
    "wk": "week weeks",
    "mo": "month months",
    "L": "liter liters litre litres",
    "mL": "cc milliliter milliliters millilitre millilitres",
    "mL/(kg.min)": "ml/kg/min ml/min/kg ml/(kg*min) ml/kg*min ml/kg·min",
    "L/min": "lpm l/minute liters/min liters/minute",
    "mg/dL": "mg/100ml mgdl mg_dl",
    "mmol/L": "mmoll mmol_l",
    "kcal": "kilocalorie kilocalories calorie calories",
    "V": "volt volts",
    "mV": "millivolt millivolts",
    "Hz": "hertz",
    "W": "watt watts",
    "[IU]": "iu",
}
_BY_SPELLING = {
    spelling: code for code, texts in _SPELLINGS.items() for spelling in texts.split()
}
_COMMON = {code.lower(): code for code in (*_SPELLINGS, "U/L", "mmol", "uV", "mA")}

_ANNOTATION = re.compile(r"\{[^{}]*\}")
_WORD = re.compile(r"[a-z_]{3,}")
_SEPARATORS = re.compile("([./])")
_HARDLY = {"c", "f", "ft"}
"""Spellings that are codes of UCUM, too, of units that no patient has."""


def without_annotations(code: str) -> str:
    """A code without what it says to people only: `{beats}/min` is `/min`."""
    return _ANNOTATION.sub("", code)


def meant(unit: str) -> str | None:
    """The code of UCUM that a unit is, or is a known spelling of.

    >>> meant("mmHg"), meant("beats/min"), meant("kg"), meant("°C"), meant("vials")
    ('mm[Hg]', '/min', 'kg', 'Cel', None)
    """
    text = unit.strip()
    key = _key(text)
    if is_ucum(text) and key not in _HARDLY:
        return text
    return _BY_SPELLING.get(key) or _of_parts(text) or _COMMON.get(key)


def nearest(unit: str) -> str | None:
    """The code of UCUM that a unit hardly fails to be; None if none is near.

    What is counted becomes an annotation, as UCUM has it for what is no unit.

    >>> nearest("mmHG"), nearest("mgg/dL"), nearest("puffs"), nearest("steps/min")
    ('mm[Hg]', 'mg/dL', '{puffs}', '{steps}/min')
    """
    known = meant(unit)
    if known is not None:
        return known
    close = difflib.get_close_matches(_key(unit), _COMMON, n=1, cutoff=0.75)
    return _COMMON[close[0]] if close else _counted(unit)


def _of_parts(unit: str) -> str | None:
    """`mmHg/sec` is `mm[Hg]/s`."""
    parts = _SEPARATORS.split(unit)
    if len(parts) == 1:
        return None
    return _joined(
        part if _stays(part) else _BY_SPELLING.get(_key(part)) for part in parts
    )


def _counted(unit: str) -> str | None:
    """`steps/min` is `{steps}/min`."""
    key = _key(unit)
    if not _WORD.search(key):
        return None
    return _joined(
        part if _stays(part) else f"{{{part}}}" for part in _SEPARATORS.split(key)
    )


def _stays(part: str) -> bool:
    return part in ("", ".", "/") or is_ucum(part)


def _joined(parts: Iterable[str | None]) -> str | None:
    known = list(parts)
    code = "".join(part for part in known if part)
    return code if None not in known and is_ucum(code) else None


def _key(unit: str) -> str:
    return unit.strip().lower().replace(" per ", "/").replace(" ", "_")
