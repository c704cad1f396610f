"""Whether the text of a value fits what it becomes in FHIR, and the number it is."""

from collections.abc import Callable, Sequence

from transforms.conversions import json_number
from transforms.errors import (
    FhirDataMappingError,
    InvalidQuantityFhirValueError,
    RecordError,
)
from transforms.fhir_template import (
    ConceptValue,
    FhirValue,
    QuantityValue,
    SampledDataValue,
    StringValue,
)
from transforms.sampled_data import MOST_CHARACTERS, TOKENS

Check = Callable[[str, str], float | None]
"""(value name, text) to the number it is, or None; raises what makes it a letter."""


def check_of(values: Sequence[FhirValue], *, medtech: bool) -> Check:
    """What a value must be, by what it becomes in FHIR.

    Args:
        values: of one name in the FHIR mapping; none if it is not mapped.
        medtech: whether numbers are read as .NET reads a decimal.
    """
    checks = list(dict.fromkeys(_check(value, medtech) for value in values))
    if len(checks) < 2:
        return checks[0] if checks else _number_or_none

    def check(name: str, text: str) -> float | None:
        numbers = [each(name, text) for each in checks]
        return next((number for number in numbers if number is not None), None)

    return check


def _check(value: FhirValue, medtech: bool) -> Check:
    if isinstance(value, QuantityValue):
        return _medtech_quantity if medtech else _quantity
    if isinstance(value, StringValue) and not medtech:
        return _text
    return _sample if isinstance(value, SampledDataValue) else _number_or_none


def compared(
    values: Sequence[FhirValue], check: Check, name: str, text: str | None
) -> float | None:
    """The number that a comparator stands before.

    Args:
        values: of one name in the FHIR mapping; none if it is not mapped.
        check: of the values.
        name: of the values.
        text: what was sent, if anything.

    Raises:
        InvalidQuantityFhirValueError: a Quantity without a number.
        FhirDataMappingError: SampledData without a number; or no number in FHIR.
    """
    if any(isinstance(value, (StringValue, ConceptValue)) for value in values):
        msg = f"The value [{name}] has a comparator, and is no number in FHIR"
        hint = "map the value as Quantity, or leave the flag out of the device mapping"
        raise FhirDataMappingError(msg, hint)
    if text is not None:
        return check(name, text)
    if not values:
        return None
    msg = f"The value [{name}] has a comparator, and no number to go with it"
    hint = "have the device send the limit as the value, or flag it as unknown"
    if any(isinstance(value, QuantityValue) for value in values):
        raise InvalidQuantityFhirValueError(msg, hint)
    raise FhirDataMappingError(msg, hint)


def _number_or_none(_name: str, text: str) -> float | None:
    number = json_number(text)
    return None if number is None else float(number)


def _quantity(name: str, text: str) -> float:
    number = json_number(text)
    if number is None:
        raise _no_number(name, InvalidQuantityFhirValueError)
    return float(number)


def _medtech_quantity(name: str, text: str) -> float:
    """MedTech parses without exponents (.NET's `NumberStyles.Number`)."""
    if "e" in text or "E" in text:
        raise _no_number(name, InvalidQuantityFhirValueError)
    return _quantity(name, text)


def _text(name: str, text: str) -> float | None:
    """R4 limits texts: https://hl7.org/fhir/R4/datatypes.html#string."""
    if len(text) > MOST_CHARACTERS:
        msg = (
            f"The value [{name}] has more than {MOST_CHARACTERS} characters, which FHIR"
            " does not allow"
        )
        raise FhirDataMappingError(msg, "have the device send a shorter text")
    return _number_or_none(name, text)


def _sample(name: str, text: str) -> float | None:
    number = json_number(text)
    if number is not None:
        return float(number)
    if text.strip() in TOKENS:
        return None
    raise _no_number(name, FhirDataMappingError)


def _no_number(name: str, kind: type[RecordError]) -> RecordError:
    return kind(
        f"The value [{name}] is not a finite decimal number",
        "have the device send a number, or convert it in the device mapping, or map the"
        " value as String",
    )
