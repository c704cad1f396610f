"""The time an Observation on a server covers, whatever its spelling."""

import re
from typing import Any, NamedTuple

from transforms.errors import FhirDataMappingError
from transforms.instants import TICKS, InstantError, parse_instant, seventh_digit


class Span(NamedTuple):
    """From the first tick (100 ns) to the last."""

    start: int
    last: int


_REST = {4: "-01-01T00:00Z", 7: "-01T00:00Z", 10: "T00:00Z"}
"""What completes a date of less precision, by its length."""

_FRACTION = re.compile(r":\d\d\.(\d{3,6})(?!\d)", re.ASCII)


def span_of(observation: dict[str, Any], other: Span | None) -> Span:
    """The time of an Observation.

    Dates of less precision are read from their first instant, and times without a zone
    as UTC, as MedTech does.

    Args:
        observation: with `effectivePeriod` or `effectiveDateTime`.
        other: a time that a text of this one may stand for: servers that keep
            milliseconds cut `.9999999` to `.999`.

    Raises:
        FhirDataMappingError: there is no such time.
    """
    moment = observation.get("effectiveDateTime")
    period = observation.get("effectivePeriod")
    if isinstance(moment, str):
        start = last = moment
    elif isinstance(period, dict) and {"start", "end"} <= period.keys():
        start, last = period["start"], period["end"]
    else:
        msg = "The Observation on the server has neither a time nor a closed period"
        raise FhirDataMappingError(msg, "remove it, or give it an effectivePeriod")
    if other is None:
        return Span(_ticks(start), _ticks(last))
    return Span(_uncut(start, other.start), _uncut(last, other.last))


def united(known: Span, told: Span) -> Span:
    """The least time that holds both."""
    return Span(min(known.start, told.start), max(known.last, told.last))


def _ticks(text: str) -> int:
    try:
        instant, _offset = parse_instant(f"{text}{_REST.get(len(text), '')}")
    except InstantError as error:
        msg = "The Observation on the server has a time that is no date-time"
        raise FhirDataMappingError(msg, "correct its effective time") from error
    return instant * TICKS + seventh_digit(text)


def _uncut(text: str, other: int) -> int:
    """The tick that a text names, or `other` if the text is that one, cut."""
    ticks = _ticks(text)
    fraction = _FRACTION.search(text)
    digits = 7 if fraction is None else len(fraction[1])
    return other if ticks <= other < ticks + 10 ** (7 - digits) else ticks
