"""Flags of a value: what the device says of it beside the number.

A comparator (https://hl7.org/fhir/R4/valueset-quantity-comparator.html) says that the
true value lies beyond the one sent; a reason of absence
(https://hl7.org/fhir/R4/valueset-data-absent-reason.html) says that there is none.
"""

COMPARATORS = frozenset({"<", "<=", ">=", ">"})

ABSENT_REASONS = frozenset(
    {
        "unknown",
        "asked-unknown",
        "temp-unknown",
        "not-asked",
        "asked-declined",
        "masked",
        "not-applicable",
        "unsupported",
        "as-text",
        "error",
        "not-a-number",
        "negative-infinity",
        "positive-infinity",
        "not-performed",
        "not-permitted",
    }
)
"""Codes of http://terminology.hl7.org/CodeSystem/data-absent-reason."""

IMPLAUSIBLE = "error"
"""The flag of a number that its unit makes impossible: "an error in the source system
or measurement"."""

_WORDS = {"low": "<", "lo": "<", "high": ">", "hi": ">", "false": ""}


def flag_of(text: str) -> str:
    """The flag that a device's word stands for; empty if it says nothing.

    Args:
        text: a comparator, a reason of absence, or `LOW`, `LO`, `HIGH`, `HI` in any
            case; blank for no flag.

    Raises:
        ValueError: it is none of these.

    >>> flag_of("HIGH"), flag_of("<="), flag_of("not-performed"), flag_of(" ")
    ('>', '<=', 'not-performed', '')
    """
    word = text.strip().lower()
    flag = _WORDS.get(word, word)
    if flag and flag not in COMPARATORS and flag not in ABSENT_REASONS:
        msg = "no flag"
        raise ValueError(msg)
    return flag
