"""Times in texts, as .NET's `DateTime.Parse` reads them in the invariant culture.

https://learn.microsoft.com/dotnet/standard/base-types/parsing-datetime. Beyond ISO 8601
these are: dates alone; `02/01/2019` in the American order, `2019/02/01`,
`01 Feb 2019`, `February 1, 2019`; with a time of 24 or 12 hours, a day of the week, an
offset or `GMT`. What needs today's date to be complete is no time here.
"""

import re

from transforms.instants import DAY, InstantError, parse_instant, seventh_digit
from transforms.written_times import DAYS, MONTHS, any_of, assembled

_LONGEST = 64
"""Characters; a longer text is no time."""

_NOT_A_TIME = "not a date-time"

_LAST_SHORT_YEAR = 49
"""Two digits up to here name years after 2000."""

_MONTH = f"(?P<month_name>{any_of(MONTHS)})"
_DAY = r"(?P<day>\d\d?)"
_YEAR = r"(?P<year>\d{4}|\d\d)"
_DATES = (
    r"(?P<year>\d{4})(?P<sign>[-/])(?P<month>\d\d?)(?P=sign)(?P<day>\d\d?)",
    rf"(?P<month>\d\d?)(?P<sign>[-/])(?P<day>\d\d?)(?P=sign){_YEAR}",
    rf"{_DAY}(?P<sign>[- ]){_MONTH}(?P=sign){_YEAR}",
    rf"{_MONTH} {_DAY},? {_YEAR}",
)
_WEEKDAY = f"(?:(?P<weekday>{any_of(DAYS)}),? )?"
_TIME = (
    r"(?P<hour>\d\d?)(?::(?P<minute>\d\d))(?::(?P<second>\d\d)(?P<fraction>\.\d+)?)?"
    r"(?: ?(?P<half>[ap]m?))?"
)
_OFFSET = r"(?: ?(?P<offset>Z|GMT|[+-]\d\d(?::?\d\d)?))?"
_PATTERNS = tuple(
    re.compile(f"{_WEEKDAY}{date}(?:[ T]{_TIME}{_OFFSET})?", re.ASCII | re.IGNORECASE)
    for date in _DATES
)


def parse_dotnet(text: str) -> tuple[int, int | None, int]:
    """Reads a date-time.

    Args:
        text: e.g. `Fri, 01 Feb 2019 22:46:01 GMT`.

    Returns:
        The instant in µs, the offset from UTC in minutes, and tenths of a microsecond,
        0 to 9. Without a zone in the text the offset is None and the instant reads the
        wall clock as if it were UTC.

    Raises:
        InstantError: it is no date-time, or lies outside the years 1 to 9999.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise InstantError(_NOT_A_TIME)
    try:
        instant, offset = parse_instant(text)
    except InstantError:
        return _parse_loose(re.sub(r"\s+", " ", text))
    return instant, offset, seventh_digit(text)


def _parse_loose(text: str) -> tuple[int, int | None, int]:
    for pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        if match is not None:
            return _read(match.groupdict())
    raise InstantError(_NOT_A_TIME)


def _read(fields: dict[str, str | None]) -> tuple[int, int | None, int]:
    fields = {**fields, "year": _full_year(fields["year"] or "")}
    _check_weekday(fields)
    hour, half = int(fields["hour"] or 0), (fields["half"] or "")[:1].lower()
    if half and hour > 12:
        raise InstantError(_NOT_A_TIME)
    if half == "p" and hour < 12:
        hour += 12
    elif half == "a" and hour == 12:
        hour = 0
    instant, offset, tick, _civil = assembled({**fields, "hour": str(hour)})
    return instant, offset, tick


def _full_year(year: str) -> str:
    if len(year) == 4:
        return year
    return f"{'20' if int(year) <= _LAST_SHORT_YEAR else '19'}{year}"


def _check_weekday(fields: dict[str, str | None]) -> None:
    name = fields["weekday"]
    if name is None:
        return
    of_date = ("year", "month", "month_name", "day")
    midnight = assembled({key: fields.get(key) for key in of_date}).instant
    names = [day[:3] for day in DAYS]
    # 1970-01-01 was a Thursday.
    if names[(midnight // DAY + 3) % 7] != name[:3].lower():
        msg = "the date is not on that day of the week"
        raise InstantError(msg)
