"""The time an Observation on a server covers, whatever its spelling, and ours."""

import re
from typing import Any, NamedTuple

from transforms.effective import seven_digits
from transforms.errors import FhirDataMappingError
from transforms.instants import (
    TICKS,
    InstantError,
    iso_instant,
    parse_instant,
    seventh_digit,
)


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


def period_of(span: Span) -> dict[str, Any]:
    """The member that tells a time as MedTech does."""
    start, end = seven_digits(span.start), seven_digits(span.last)
    return {"effectivePeriod": {"start": start, "end": end}}


def dated(span: Span, new: dict[str, Any], told: Span) -> dict[str, Any]:
    """The member that tells a time by its start.

    Args:
        span: the time.
        new: our Observation; if it starts then, so is its sender's offset kept.
        told: the time of ours.
    """
    if span.start == told.start and "effectiveDateTime" in new:
        return {"effectiveDateTime": new["effectiveDateTime"]}
    instant, tick = divmod(span.start, TICKS)
    return {"effectiveDateTime": iso_instant(instant, tick=tick)}


def retell(observation: dict[str, Any], effective: dict[str, Any]) -> None:
    """Replaces the time of an Observation."""
    for name in [name for name in observation if name.startswith("effective")]:
        del observation[name]
    observation |= effective


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
