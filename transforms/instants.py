"""Times as the senders write them, and as FHIR and MedTech's ids want them.

An instant is an integer: microseconds since 1970-01-01T00:00:00 UTC.
"""

import datetime
import re
from functools import lru_cache

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

TICKS = 10
"""Ticks per microsecond: .NET counts time in 100 ns, and MedTech writes that."""

_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_CLOCK = re.compile(r"[Tt ](\d\d):(\d\d)", re.ASCII)
_SECOND = re.compile(r":(\d\d)", re.ASCII)
_TAIL = re.compile(r"(?:[.,](\d+))? ?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?", re.ASCII)

FIRST_INSTANT = -719_162 * DAY
"""0001-01-01, the first day that a date-time can name."""
END_OF_INSTANTS = 2_932_897 * DAY
"""The day after 9999-12-31."""

LONGEST_OFFSET = 14 * 60
"""Minutes; FHIR's dateTime allows no more (https://hl7.org/fhir/R4/datatypes.html)."""


class InstantError(ValueError):
    """The text is no date-time. The message holds nothing of the text."""


@lru_cache(maxsize=4096)
def _date(text: str) -> int:
    match = _DATE.fullmatch(text)
    if match is None:
        msg = "not a date of the form YYYY-MM-DD"
        raise InstantError(msg)
    try:
        date = datetime.date(*map(int, match.groups()))
    except ValueError as error:
        msg = "no such day in the calendar"
        raise InstantError(msg) from error
    return (date.toordinal() - _EPOCH_ORDINAL) * DAY


@lru_cache(maxsize=100_000)
def _clock(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        msg = "not a time of the form hh:mm:ss"
        raise InstantError(msg)
    hours, minutes = map(int, match.groups())
    if hours > 23 or minutes > 59:
        msg = "no such time of day"
        raise InstantError(msg)
    return hours * HOUR + minutes * MINUTE


@lru_cache(maxsize=100_000)
def _minute(text: str) -> int:
    return _date(text[:10]) + _clock(text[10:])


@lru_cache(maxsize=256)
def _second(text: str) -> int:
    match = _SECOND.fullmatch(text)
    if match is None:
        msg = "not a time of the form hh:mm:ss"
        raise InstantError(msg)
    if int(match[1]) > 59:
        msg = "no such time of day"
        raise InstantError(msg)
    return int(match[1]) * 1_000_000


@lru_cache(maxsize=4096)
def _tail(text: str) -> tuple[int, int | None]:
    """Fraction in microseconds and offset in minutes of what follows the seconds."""
    match = _TAIL.fullmatch(text)
    if match is None:
        msg = "neither a fraction of a second nor an offset from UTC"
        raise InstantError(msg)
    fraction, zulu, sign, hours, minutes = match.groups()
    # Digits beyond the microsecond are cut, as the tables hold microseconds.
    microseconds = int((fraction or "")[:6].ljust(6, "0"))
    if zulu:
        return microseconds, 0
    if not sign:
        return microseconds, None
    offset = int(hours) * 60 + int(minutes or 0)
    if offset > LONGEST_OFFSET or int(minutes or 0) > 59:
        msg = "no such offset from UTC"
        raise InstantError(msg)
    return microseconds, -offset if sign == "-" else offset


def parse_date(text: str) -> int:
    """Reads a civil date, `YYYY-MM-DD`, as its midnight as if in UTC.

    Raises:
        InstantError: it is none.
    """
    return _date(text)


def parse_instant(text: str) -> tuple[int, int | None]:
    """Reads an ISO 8601 date-time.

    Accepted beside the standard form: a blank for `T`, a blank before the offset,
    `+0200` and `+02`, missing seconds, a comma before the fraction.

    Args:
        text: e.g. `2026-10-04T07:12:31.5+02:00`.

    Returns:
        The instant and the offset from UTC in minutes. Without a zone in the text the
        offset is None and the instant reads the wall clock as if it were UTC.

    Raises:
        InstantError: it is no date-time, or lies outside the years 1 to 9999.
    """
    if text[11:16] == "24:00":
        return _end_of_day(text)
    if len(text) >= 19 and text[16] == ":":
        wall = _minute(text[:16]) + _second(text[16:19])
        fraction, offset = _tail(text[19:])
    else:
        wall = _minute(text[:16])
        fraction, offset = _tail(text[16:])
    instant = wall + fraction if offset is None else wall + fraction - offset * MINUTE
    if not FIRST_INSTANT <= instant < END_OF_INSTANTS:
        msg = "the time lies outside the years 1 to 9999"
        raise InstantError(msg)
    return instant, offset


def _end_of_day(text: str) -> tuple[int, int | None]:
    """ISO 8601 writes midnight as 24:00:00 too; .NET accepts exactly that."""
    instant, offset = parse_instant(f"{text[:11]}00:00{text[16:]}")
    midnight = instant + (offset or 0) * MINUTE
    if midnight % DAY:
        msg = "no such time of day"
        raise InstantError(msg)
    if midnight + DAY >= END_OF_INSTANTS:
        msg = "the time lies outside the years 1 to 9999"
        raise InstantError(msg)
    return instant + DAY, offset


@lru_cache(maxsize=4096)
def _iso_date(day: int) -> str:
    return datetime.date.fromordinal(_EPOCH_ORDINAL + day).isoformat()


@lru_cache(maxsize=100_000)
def _iso_minute(minute: int) -> str:
    day, rest = divmod(minute, 1440)
    hour, minute = divmod(rest, 60)
    return f"{_iso_date(day)}T{hour:02}:{minute:02}:"


@lru_cache(maxsize=100_000)
def _compact_minute(minute: int) -> str:
    return re.sub("[-:T]", "", _iso_minute(minute))


_SECONDS = tuple(f"{second:02}" for second in range(60))


@lru_cache(maxsize=256)
def _iso_offset(minutes: int) -> str:
    if not minutes:
        return "Z"
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def iso_date(instant: int) -> str:
    """The UTC date of an instant, `YYYY-MM-DD`."""
    return _iso_date(instant // DAY)


def seventh_digit(text: str) -> int:
    """The tenths of a microsecond that `parse_instant` cuts off: .NET's ticks.

    >>> seventh_digit("2026-03-01T08:14:55.1234567Z")
    7
    """
    if len(text) < 27 or text[19] not in ".,":
        return 0
    digit = text[26]
    return int(digit) if digit in "0123456789" and text[20:26].isdigit() else 0


def iso_instant(instant: int, offset_minutes: int = 0, tick: int = 0) -> str:
    """Writes an instant at an offset, `Z` for zero, without needless fraction digits.

    Args:
        instant: microseconds since the epoch.
        offset_minutes: at which the wall clock is written.
        tick: tenths of a microsecond beyond the instant, 0 to 9.

    >>> iso_instant(1791090751500000, 120)
    '2026-10-04T07:12:31.5+02:00'
    """
    # Minutes repeat from reading to reading, and so are worth remembering.
    minute, rest = divmod(instant, MINUTE)
    second, fraction = divmod(rest, 1_000_000)
    if tick:
        tail = f".{fraction:06}{tick}"
    else:
        tail = f".{fraction:06}".rstrip("0") if fraction else ""
    head = _iso_minute(minute + offset_minutes)
    return f"{head}{_SECONDS[second]}{tail}{_iso_offset(offset_minutes)}"


def id_segment(instant: int) -> str:
    """An instant as it stands in MedTech's Observation identifiers.

    `yyyyMMddHHmmssZ`; where MedTech cuts a fraction of a second off, and thereby makes
    two readings of one second overwrite each other, the segment carries it.

    >>> id_segment(1546300800000000), id_segment(1546300800250000)
    ('20190101000000Z', '20190101000000.250000Z')
    """
    minute, rest = divmod(instant, MINUTE)
    second, fraction = divmod(rest, 1_000_000)
    tail = f".{fraction:06}" if fraction else ""
    return f"{_compact_minute(minute)}{_SECONDS[second]}{tail}Z"
