"""Times as the senders write them, and as FHIR and MedTech's ids want them.

An instant is an integer: microseconds since 1970-01-01T00:00:00 UTC.
"""

import datetime
import re
from functools import lru_cache
from typing import TypeVar

_T = TypeVar("_T")

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

TICKS = 10
"""Ticks per microsecond: .NET counts time in 100 ns, and MedTech writes that."""

_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_CLOCK = re.compile(r"[Tt ](\d\d):(\d\d)", re.ASCII)
_SECOND = re.compile(r":(\d\d)", re.ASCII)
_DIGITS = "0123456789"
_TAIL = re.compile(r"(?:[.,](\d+))? ?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?", re.ASCII)

FIRST_INSTANT = -719_162 * DAY
"""0001-01-01, the first day that a date-time can name."""
END_OF_INSTANTS = 2_932_897 * DAY
"""The day after 9999-12-31."""

LONGEST_OFFSET = 14 * 60
"""Minutes; FHIR's dateTime allows no more (https://hl7.org/fhir/R4/datatypes.html)."""


class InstantError(ValueError):
    """The text is no date-time. The message holds nothing of the text."""


# Parts of texts repeat from reading to reading, and what they say is remembered.

_minutes: dict[str, int] = {}
"""From `YYYY-MM-DDThh:mm` to its instant as if in UTC."""
_tails: dict[str, tuple[int, int | None]] = {}
"""From what follows the seconds to what it adds, in microseconds, and the offset."""
_WHOLE_SECONDS = {f":{second:02}": second * 1_000_000 for second in range(60)}

_MOST_MINUTES = 100_000
_MOST_TAILS = 8192


def remember(known: dict[str, _T], text: str, value: _T, most: int) -> None:
    """Adds to what is known, which begins anew when it holds the most."""
    if len(known) >= most:
        known.clear()
    known[text] = value


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


@lru_cache(maxsize=4096)
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


def _tail(text: str) -> tuple[int, int | None]:
    """Reads what follows the seconds: what it adds, in microseconds, and the offset."""
    known = _tails.get(text)
    if known is not None:
        return known
    digits = text[1:7]
    if text[:1] == "." and len(digits) == 6 and digits.isdecimal() and digits.isascii():
        # Too many to remember them all, and soon read.
        zone = text[7:].lstrip(_DIGITS)
        if zone[:1] not in (".", ","):
            shift, offset = _tail(zone)
            return int(digits) + shift, offset
    read = _read_tail(text)
    remember(_tails, text, read, _MOST_TAILS)
    return read


def _read_tail(text: str) -> tuple[int, int | None]:
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
    offset = -offset if sign == "-" else offset
    return microseconds - offset * MINUTE, offset


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
    wall = _minutes.get(text[:16])
    second = _WHOLE_SECONDS.get(text[16:19])
    tail = _tails.get(text[19:])
    if wall is None or second is None or tail is None:
        return _read_instant(text)
    shift, offset = tail
    return wall + second + shift, offset


def _read_instant(text: str) -> tuple[int, int | None]:
    """`parse_instant` for texts with parts that are not remembered yet, or wrong."""
    head = text[:16]
    minute = _minutes.get(head)
    if minute is None:
        if head[11:] == "24:00":
            return _end_of_day(text)
        minute = _date(head[:10]) + _clock(head[10:])
        # Away from the ends of the range no seconds and no offset lead out of it.
        if FIRST_INSTANT + DAY <= minute < END_OF_INSTANTS - 2 * DAY:
            remember(_minutes, head, minute, _MOST_MINUTES)
    if len(text) >= 19 and text[16] == ":":
        wall = minute + _second(text[16:19])
        shift, offset = _tail(text[19:])
    else:
        wall = minute
        shift, offset = _tail(text[16:])
    if not FIRST_INSTANT <= wall + shift < END_OF_INSTANTS:
        msg = "the time lies outside the years 1 to 9999"
        raise InstantError(msg)
    return wall + shift, offset


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


_SECONDS = {second * 1_000_000: f"{second:02}" for second in range(60)}
"""From the microseconds of a minute, if they are whole seconds, to their text."""


@lru_cache(maxsize=256)
def _iso_offset(minutes: int) -> str:
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
    return int(digit) if digit in _DIGITS and text[20:26].isdigit() else 0


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
    tail = _SECONDS.get(rest)
    if tick or tail is None:
        fraction = rest % 1_000_000
        digits = f"{fraction:06}{tick}" if tick else f"{fraction:06}".rstrip("0")
        tail = f"{_SECONDS[rest - fraction]}.{digits}"
    if not offset_minutes:
        return f"{_iso_minute(minute)}{tail}Z"
    return f"{_iso_minute(minute + offset_minutes)}{tail}{_iso_offset(offset_minutes)}"


def id_segment(instant: int) -> str:
    """An instant as it stands in MedTech's Observation identifiers.

    `yyyyMMddHHmmssZ`; where MedTech cuts a fraction of a second off, and thereby makes
    two readings of one second overwrite each other, the segment carries it.

    >>> id_segment(1546300800000000), id_segment(1546300800250000)
    ('20190101000000Z', '20190101000000.250000Z')
    """
    minute, rest = divmod(instant, MINUTE)
    tail = _SECONDS.get(rest)
    if tail is None:
        fraction = rest % 1_000_000
        tail = f"{_SECONDS[rest - fraction]}.{fraction:06}"
    return f"{_compact_minute(minute)}{tail}Z"
