"""When an Observation holds: its effective[x], and the time its SampledData covers.

Within this module and SampledData, time is counted in ticks, the 100 ns of .NET: what
the Azure MedTech service writes with seven digits.
https://hl7.org/fhir/R4/observation-definitions.html#Observation.effective_x_
"""

from collections.abc import Callable

from transforms.fhir_template import CORRELATION, FhirTemplate
from transforms.instants import MINUTE, TICKS, iso_date, iso_instant
from transforms.observation_value import Reading
from transforms.reading_group import spokesman
from transforms.rules import Rules
from transforms.vital_signs import is_dated, is_vital_sign

SECOND = 1_000_000 * TICKS

Effective = tuple[str, int, int]
"""The member of the resource as JSON text, and the first and the last tick."""

Tell = Callable[[list[Reading]], Effective]
"""From all readings of an Observation, in time order, to when it holds."""


def period_of(instant: int, minutes: int) -> tuple[int, int]:
    """Start of the period an instant lies in, and start of the next one.

    Periods are whole UTC hours, days or parts of an hour; an instant (0 minutes) is
    its own period.
    """
    if not minutes:
        return instant, instant
    length = minutes * MINUTE
    start = instant - instant % length
    return start, start + length


def seven_digits(ticks: int) -> str:
    """A UTC time as MedTech writes it.

    >>> seven_digits(15463332000000000)
    '2019-01-01T09:00:00.0000000Z'
    """
    seconds, fraction = divmod(ticks, SECOND)
    return f"{iso_instant(seconds * 1_000_000)[:-1]}.{fraction:07}Z"


def _period(start: int, last: int) -> str:
    return (
        f'"effectivePeriod":{{"start":"{seven_digits(start)}",'
        f'"end":"{seven_digits(last)}"}}'
    )


def teller(template: FhirTemplate, rules: Rules) -> Tell:
    """How the time of a template's Observations is told.

    Args:
        template: the type's FHIR template.
        rules: with `medtech` always an `effectivePeriod` in UTC, aggregates of vital
            signs excepted. Otherwise an instant is an `effectiveDateTime` at the
            sender's offset, and what lasts under a vital-signs code is told by its
            start, as invariant vs-1 wants it.
    """
    minutes = template.period_minutes
    if not minutes:
        is_vital = is_vital_sign(template.codings)
        return _medtech_instant if rules.medtech else _instant(is_vital)
    told = _correlated if minutes == CORRELATION else _of_period(minutes)
    return _dated(told) if is_dated(template, rules) else told


def _instant(is_vital: bool) -> Tell:
    def tell(readings: list[Reading]) -> Effective:
        reading = readings[0] if len(readings) == 1 else spokesman(readings)
        instant, tick = reading.occurred_at, reading.occurred_tick
        offset, ended_at = reading.utc_offset_minutes, reading.ended_at
        first = instant * TICKS + tick
        text = (
            iso_date(instant) if offset is None else iso_instant(instant, offset, tick)
        )
        if ended_at is None:
            return f'"effectiveDateTime":"{text}"', first, first
        if is_vital:
            return f'"effectiveDateTime":"{text}"', first, ended_at * TICKS
        end = iso_date(ended_at) if offset is None else iso_instant(ended_at, offset)
        member = f'"effectivePeriod":{{"start":"{text}","end":"{end}"}}'
        return member, first, ended_at * TICKS

    return tell


def _bounds(readings: list[Reading]) -> tuple[int, int]:
    ticks = [reading.ticks for reading in readings]
    return min(ticks), max(ticks)


def _medtech_instant(readings: list[Reading]) -> Effective:
    """MedTech's ids are cut to seconds: readings of one second are one Observation."""
    start, last = _bounds(readings)
    ends = [reading.ended_at for reading in readings if reading.ended_at is not None]
    last = max((last, *(end * TICKS for end in ends)))
    return _period(start, last), start, last


def _correlated(readings: list[Reading]) -> Effective:
    start, last = _bounds(readings)
    return _period(start, last), start, last


def effective_period(instant: int, minutes: int) -> Effective:
    """The whole period that an instant lies in."""
    begin, end = period_of(instant, minutes)
    start, last = begin * TICKS, end * TICKS - 1
    return _period(start, last), start, last


def _of_period(minutes: int) -> Tell:
    return lambda readings: effective_period(readings[0].occurred_at, minutes)


def _dated(tell: Tell) -> Tell:
    """The start of a period stands for it."""

    def tell_start(readings: list[Reading]) -> Effective:
        _member, start, last = tell(readings)
        instant, tick = divmod(start, TICKS)
        text = iso_instant(instant, tick=tick)
        return f'"effectiveDateTime":"{text}"', start, last

    return tell_start
