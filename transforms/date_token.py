"""Texts that MedTech's JSON reader turns into dates, and what they then are.

Newtonsoft reads every text of a message body that looks like an ISO 8601 date-time as a
date (https://www.newtonsoft.com/json/help/html/DatesInJSON.htm); as text it comes out
as `MM/dd/yyyy HH:mm:ss`, without fraction and zone. Only `--compat=medtech` does this.
The host's zone is taken to be UTC, as it is in the service's containers.
"""

import dataclasses
import re
from typing import Any

from transforms.instants import (
    END_OF_INSTANTS,
    FIRST_INSTANT,
    InstantError,
    iso_instant,
    parse_instant,
    seventh_digit,
)

_ISO = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?:\d{1,7}|\d{9}(?!\d*[Zz+-])))?"
    r"([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_TICKS = re.compile(r"/Date\((-?\d{1,15})([+-]\d{4})?\)/", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class DateToken:
    """A date-time that stood in a message as text.

    Args:
        instant: µs since the epoch; the wall clock as if UTC, if it has no zone.
        tick: tenths of a microsecond beyond it, 0 to 9.
        zone: `Z`, `+00:00` (an offset, converted to the host's zone), or nothing.
        offset: minutes from UTC that the text named; the service forgets them.
    """

    instant: int
    tick: int
    zone: str
    offset: int = 0

    @property
    def text(self) -> str:
        """What .NET's invariant culture writes: `MM/dd/yyyy HH:mm:ss`."""
        iso = iso_instant(self.instant)
        return f"{iso[5:7]}/{iso[8:10]}/{iso[:4]} {iso[11:19]}"

    @property
    def iso(self) -> str:
        """The round-trip form that filters compare with quoted texts."""
        return f"{iso_instant(self.instant, tick=self.tick)[:-1]}{self.zone}"


def date_token(text: str) -> DateToken | None:
    """The date that Newtonsoft reads in a text, None if it stays a text."""
    if text.startswith("/Date("):
        return _unix(text)
    if not 19 <= len(text) <= 40 or text[10] != "T":
        return None
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    zone = match[1]
    try:
        instant, offset = parse_instant(text)
    except InstantError:
        return None
    kind = "" if zone is None else "Z" if zone in "Zz" else "+00:00"
    return DateToken(instant, seventh_digit(text), kind, offset or 0)


def _unix(text: str) -> DateToken | None:
    match = _TICKS.fullmatch(text)
    if match is None:
        return None
    instant = int(match[1]) * 1000
    if not FIRST_INSTANT <= instant < END_OF_INSTANTS:
        return None
    return DateToken(instant, 0, "Z" if match[2] is None else "+00:00")


def with_dates(document: Any) -> Any:
    """A JSON document with its date-like texts as `DateToken`s; keys stay texts."""
    kind = type(document)
    if kind is str:
        return date_token(document) or document
    if kind is not dict and kind is not list:
        return document
    # In place and without recursion: the document was just parsed and is ours alone.
    pending = [document]
    while pending:
        node = pending.pop()
        entries = node.items() if type(node) is dict else enumerate(node)
        for key, value in list(entries):
            if type(value) is str:
                token = date_token(value) if len(value) > 8 else None
                if token is not None:
                    node[key] = token
            elif type(value) is dict or type(value) is list:
                pending.append(value)
    return document
