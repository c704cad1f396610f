"""Times as people write them, once it is known which digits mean what."""

from typing import NamedTuple

from transforms.instants import InstantError, parse_date, parse_instant, seventh_digit

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
DAYS = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)


def any_of(names: tuple[str, ...]) -> str:
    """A pattern for English names, in full or their first three letters."""
    return "|".join(f"{name[:3]}(?:{name[3:]})?" for name in names)


class Written(NamedTuple):
    """What a text says when read by a format."""

    instant: int
    """µs since the epoch; the wall clock as if UTC, if there is no offset."""
    offset: int | None
    """In minutes."""
    tick: int
    """Tenths of a microsecond."""
    civil: bool
    """Whether the format names a day only, and no time of it."""


def assembled(fields: dict[str, str | None], *, civil: bool = False) -> Written:
    """The time that some fields name.

    Args:
        fields: texts by name: `year` or `short_year`, `month` or `month_name`, `day`,
            and maybe `hour` or `half_hour` (with `half`), `minute`, `second`,
            `fraction`, `offset`.
        civil: whether there is no time of day among them.

    Raises:
        InstantError: there is no such time.
    """
    iso = f"{_year(fields)}-{_month(fields)}-{_two(fields, 'day')}"
    if civil and not fields.get("offset"):
        return Written(parse_date(iso), None, 0, civil=True)
    iso = f"{iso}T{_hour(fields)}:{_two(fields, 'minute')}:{_two(fields, 'second')}"
    if fields.get("fraction"):
        iso = f"{iso}.{(fields['fraction'] or '').lstrip('.')}"
    instant, offset = parse_instant(f"{iso}{_offset(fields)}")
    return Written(instant, offset, seventh_digit(iso), civil=False)


def _two(fields: dict[str, str | None], name: str) -> str:
    return (fields.get(name) or "0").strip().zfill(2)


def _year(fields: dict[str, str | None]) -> str:
    short = fields.get("short_year")
    if short is None:
        return fields.get("year") or ""
    return f"{'20' if short < '70' else '19'}{short}"


def _month(fields: dict[str, str | None]) -> str:
    name = fields.get("month_name")
    if name is None:
        return _two(fields, "month")
    starts = [month[:3] for month in MONTHS]
    return f"{starts.index(name[:3].lower()) + 1:02}"


def _hour(fields: dict[str, str | None]) -> str:
    half_hour = fields.get("half_hour")
    if half_hour is None:
        hour = _two(fields, "hour")
    else:
        hours = int(half_hour)
        if not 1 <= hours <= 12:
            msg = "no such time of day"
            raise InstantError(msg)
        late = (fields.get("half") or "a")[0] in "pP"
        hour = f"{hours % 12 + (12 if late else 0):02}"
    return hour


def _offset(fields: dict[str, str | None]) -> str:
    offset = fields.get("offset") or ""
    if offset.upper() in ("UTC", "GMT"):
        return "Z"
    # .NET's z writes hours of one digit.
    return f"{offset[0]}0{offset[1]}" if len(offset) == 2 else offset
