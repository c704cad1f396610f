"""Zones as devices and mapping files name them, and wall clocks in them."""

import datetime
import difflib
import re
import zoneinfo
from functools import lru_cache

from transforms.instants import (
    END_OF_INSTANTS,
    FIRST_INSTANT,
    LONGEST_OFFSET,
    MINUTE,
    InstantError,
)

_QUARTER = 15 * 60
_FIXED = re.compile(r"([+-])(\d\d)(?::?(\d\d))?", re.ASCII)
_SECONDS = re.compile(r"([+-]?\d{1,6})s?", re.ASCII)


class ZoneError(ValueError):
    """The text names no zone. The message holds nothing of the text."""


def zone_named(name: str | float) -> datetime.tzinfo:
    """The zone of a name or an offset.

    Args:
        name: `+02:00`, `+0200`, `+02`; `Z`, `UTC`; an IANA name; or seconds east of
            Greenwich, as a number or as text (`7200`, `7200s`). A sign and four digits
            are hours and minutes if such an offset exists, else seconds: `-3600`.

    Raises:
        ZoneError: there is no such zone.
    """
    if isinstance(name, str):
        return _named(name)
    if name != int(name):
        msg = "the offset is no whole number of seconds"
        raise ZoneError(msg)
    return _of_seconds(int(name))


@lru_cache(maxsize=4096)
def _named(name: str) -> datetime.tzinfo:
    if name in ("Z", "z", "UTC"):
        return datetime.timezone.utc
    match = _FIXED.fullmatch(name)
    if match is not None:
        sign, hours, minutes = match[1], int(match[2]), int(match[3] or 0)
        if hours * 60 + minutes <= LONGEST_OFFSET and minutes < 60:
            return _fixed((hours * 60 + minutes) * (-1 if sign == "-" else 1))
    match = _SECONDS.fullmatch(name)
    if match is not None:
        return _of_seconds(int(match[1]))
    # Asked first, so that no text of a message becomes the name of a file.
    if name not in _all_names():
        msg = "there is no such time zone"
        raise ZoneError(msg)
    return zoneinfo.ZoneInfo(name)


def close_zone(name: str) -> str:
    """A known IANA name like one that is not known; empty if there is none."""
    close = difflib.get_close_matches(name, _all_names(), n=1)
    return close[0] if close else ""


@lru_cache(maxsize=1)
def _all_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _of_seconds(seconds: int) -> datetime.tzinfo:
    # A number of minutes or milliseconds is hardly ever taken for one of seconds.
    if abs(seconds) > LONGEST_OFFSET * 60 or seconds % _QUARTER:
        msg = "there is no such offset from UTC"
        raise ZoneError(msg)
    return _fixed(seconds // 60)


def _fixed(minutes: int) -> datetime.tzinfo:
    return datetime.timezone(datetime.timedelta(minutes=minutes))


def localized(wall: int, zone: datetime.tzinfo) -> tuple[int, int]:
    """The instant that a wall clock shows in a zone, and the offset in whole minutes.

    Of the two instants that an hour repeated in autumn names, the earlier one counts;
    a time that the clock jumps over in spring is read with the offset before the jump
    (https://peps.python.org/pep-0495/, fold 0).

    Args:
        wall: µs, as if the clock showed UTC.
        zone: where it hangs.

    Raises:
        InstantError: the instant lies outside the years 1 to 9999.
    """
    # Zones change by whole minutes, and what a minute needs is worth remembering.
    minute, rest = divmod(wall, MINUTE)
    shift = _shift(minute, zone)
    instant = minute * MINUTE + rest - shift
    if not FIRST_INSTANT <= instant < END_OF_INSTANTS:
        msg = "the time lies outside the years 1 to 9999"
        raise InstantError(msg)
    return instant, shift // MINUTE


@lru_cache(maxsize=100_000)
def _shift(minute: int, zone: datetime.tzinfo) -> int:
    """Microseconds that a wall clock is ahead of UTC."""
    naive = datetime.datetime(1, 1, 1) + datetime.timedelta(  # noqa: DTZ001
        minutes=minute - FIRST_INSTANT // MINUTE
    )
    ahead = naive.replace(tzinfo=zone).utcoffset() or datetime.timedelta()
    return ahead // datetime.timedelta(microseconds=1)


def offset_at(instant: int, zone: datetime.tzinfo) -> int:
    """The offset in whole minutes that a zone has at an instant.

    Args:
        instant: µs since the epoch.
        zone: of the clock.

    Raises:
        InstantError: the clock would show a time outside the years 1 to 9999.
    """
    try:
        return _offset(instant // MINUTE, zone)
    except OverflowError:
        msg = "the time lies outside the years 1 to 9999"
        raise InstantError(msg) from None


@lru_cache(maxsize=100_000)
def _offset(minute: int, zone: datetime.tzinfo) -> int:
    first = datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)
    moment = first + datetime.timedelta(minutes=minute - FIRST_INSTANT // MINUTE)
    ahead = moment.astimezone(zone).utcoffset() or datetime.timedelta()
    return ahead // datetime.timedelta(minutes=1)
