"""Times of devices that write zones apart, dates in parts, or formats of their own.

All results are ISO 8601 texts. A time in a zone carries the zone's offset at that
instant rather than `Z`, so that local dates stay right.
"""

import datetime
import decimal
import re
from collections.abc import Mapping
from typing import Any

from transforms.instants import (
    DAY,
    END_OF_INSTANTS,
    FIRST_INSTANT,
    HOUR,
    MINUTE,
    InstantError,
    iso_date,
    iso_instant,
    parse_date,
    parse_instant,
    seventh_digit,
)
from transforms.time_formats import time_format
from transforms.time_zones import localized, offset_at, zone_named

_SECOND = 1_000_000

_UNITS = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1000),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), _SECOND),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("wk", "wks", "week", "weeks"), 7 * DAY),
}
"""Microseconds, by UCUM's codes (https://ucum.org/ucum) and by English words."""

_LONGEST = 100
"""Characters of a time."""

_WHOLE = re.compile(r"\d{1,9}(?:\.0+)?", re.ASCII)
_OUTSIDE = "the time lies outside the years 1 to 9999"


class UnitError(ValueError):
    """The text names no unit of time of a fixed length."""


def unit_named(name: str) -> int:
    """The microseconds of a unit of time.

    Raises:
        UnitError: there is no such unit, or (months, years) it has no fixed length.
    """
    unit = _UNITS.get(name.strip().lower())
    if unit is None:
        msg = "the unit is none of ms, s, min, h, d and wk"
        raise UnitError(msg)
    return unit


def to_utc(local: str | float, zone: str | float) -> str:
    """The instant that a wall clock shows in a zone.

    >>> to_utc("2026-10-04 07:12", "Europe/Berlin")
    '2026-10-04T07:12:00+02:00'

    Args:
        local: a date-time, of which an offset counts more than the zone; or the seconds
            that have passed since 1970 by the wall clock.
        zone: see `zone_named`. What counts in the hours when clocks are changed, see
            `localized`.

    Raises:
        InstantError: the first argument is no time.
        ZoneError: the second is no zone.
    """
    place = zone_named(zone)
    if not isinstance(local, str):
        return _in_zone(_microseconds(local, _SECOND), place, 0)
    instant, offset, tick = _read(local)
    if offset is None:
        return _in_zone(instant, place, tick)
    return iso_instant(instant, offset, tick)


def to_zone(time: str, zone: str | float) -> str:
    """An instant as a clock in a zone shows it.

    >>> to_zone("2026-10-04T05:12:31Z", "7200s")
    '2026-10-04T07:12:31+02:00'

    Args:
        time: a date-time with an offset, or `Z`.
        zone: see `zone_named`.

    Raises:
        InstantError: the first argument is no time, or has no offset.
        ZoneError: the second is no zone.
    """
    place = zone_named(zone)
    instant, offset, tick = _read(time)
    if offset is None:
        msg = "the time has no zone, so it names no instant; toUtc reads wall clocks"
        raise InstantError(msg)
    return iso_instant(instant, offset_at(instant, place), tick)


def parse_date_time(text: str, format_: str, zone: str | float | None) -> str:
    """Reads a time by a format.

    Args:
        text: e.g. `10/4/2026 7:12:31 AM`.
        format_: of strptime or .NET, see `time_format`.
        zone: where the clock hangs, if the text has no offset, see `zone_named`.

    Returns:
        The time. It has no zone if neither the text nor the caller names one; and then
        a format without hours makes it a date.

    Raises:
        FormatError: the format is none.
        InstantError: the text is not of the format, or there is no such time.
        ZoneError: the zone is none.
    """
    instant, offset, tick, civil = time_format(format_)(text.strip())
    place = None if zone is None else zone_named(zone)
    if offset is not None:
        return iso_instant(instant, offset, tick)
    if place is not None:
        return _in_zone(instant, place, tick)
    return iso_date(instant) if civil else iso_instant(instant, 0, tick)[:-1]


def _read(text: str) -> tuple[int, int | None, int]:
    text = text.strip()
    if len(text) > _LONGEST:
        msg = "the text is too long for a time"
        raise InstantError(msg)
    instant, offset = parse_instant(text)
    return instant, offset, seventh_digit(text)


def _in_zone(wall: int, zone: datetime.tzinfo, tick: int) -> str:
    instant, offset = localized(wall, zone)
    return iso_instant(instant, offset, tick)


def date_from_parts(year: Any, month: Any, day: Any) -> str:
    """The date of three numbers, or texts of whole numbers, as `YYYY-MM-DD`.

    Raises:
        InstantError: there is no such date.
    """
    numbers = [
        _whole(part, name)
        for part, name in ((year, "year"), (month, "month"), (day, "day"))
    ]
    if not all(0 < number <= 9999 for number in numbers):
        msg = "no such day in the calendar"
        raise InstantError(msg)
    date = "{:04}-{:02}-{:02}".format(*numbers)
    parse_date(date)
    return date


def date_of_object(parts: Mapping[str, Any]) -> str:
    """The date of an object with `year`, `month` and `day`.

    Raises:
        InstantError: there is no such date.
    """
    return date_from_parts(*(parts.get(name) for name in ("year", "month", "day")))


def _whole(part: Any, name: str) -> int:
    if type(part) is float and part.is_integer():
        return int(part)
    if type(part) is str and _WHOLE.fullmatch(part.strip()):
        return int(float(part))
    if type(part) is not int:
        msg = f"the {name} is no whole number"
        raise InstantError(msg)
    return part


def add_duration(time: str, count: float, unit: str) -> str:
    """A time some time later, or earlier; its offset stays what it is.

    Args:
        time: ISO 8601, with or without offset.
        count: how many units, maybe of a fraction or negative.
        unit: see `unit_named`.

    Raises:
        InstantError: the first argument is no time, or the result lies too far away.
        UnitError: the unit is none.
    """
    instant, offset, tick = _read(time)
    instant += _microseconds(count, unit_named(unit))
    # Both the instant and the clock that shows it must have a year.
    for moment in (instant, instant + (offset or 0) * MINUTE):
        if not FIRST_INSTANT <= moment < END_OF_INSTANTS:
            raise InstantError(_OUTSIDE)
    later = iso_instant(instant, offset or 0, tick)
    return later[:-1] if offset is None else later


def _microseconds(count: float, unit: int) -> int:
    exact = decimal.Decimal(repr(count)) * unit
    if not abs(exact) < 10**18:
        raise InstantError(_OUTSIDE)
    return round(exact)
