"""Formats of times, in the notations of Python and of .NET, compiled.

A format with a `%` is one of strptime
(https://docs.python.org/3/library/datetime.html#format-codes), any other a custom one
of .NET
(https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings).
Names of months and days are English. Two-digit years are those from 1970 to 2069.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

from transforms.instants import InstantError
from transforms.written_times import DAYS, MONTHS, Written, any_of, assembled

_LONGEST = 100
"""Characters of a format or a time: longer ones are none."""


class FormatError(ValueError):
    """The text is no format of a time."""


ReadTime: TypeAlias = Callable[[str], Written]
"""Reads a text by a format; raises `InstantError`."""

_Part: TypeAlias = tuple[str, str]
"""Name of a field and the pattern of its text; a literal has no name."""

_OFFSET: _Part = ("offset", r"[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?")

_BLANKS = r"[\s\u00a0\u202f]+"
"""What a blank of a format may be: clocks of twelve hours have narrow ones, too."""

_PERCENT: dict[str, tuple[_Part, ...]] = {
    "Y": (("year", r"\d{4}"),),
    "y": (("short_year", r"\d\d"),),
    "m": (("month", r"\d\d?"),),
    "d": (("day", r"\d\d?"),),
    "e": (("day", r" ?\d\d?"),),
    "H": (("hour", r"\d\d?"),),
    "I": (("half_hour", r"\d\d?"),),
    "M": (("minute", r"\d\d?"),),
    "S": (("second", r"\d\d?"),),
    "f": (("fraction", r"\d{1,9}"),),
    "p": (("half", "[ap]m"),),
    "z": (_OFFSET,),
    "Z": (_OFFSET,),
    "b": (("month_name", any_of(MONTHS)),),
    "a": (("", any_of(DAYS)),),
    "%": (("", "%"),),
}
_PERCENT |= {"B": _PERCENT["b"], "h": _PERCENT["b"], "A": _PERCENT["a"]}


def _spelled(text: str) -> tuple[_Part, ...]:
    return tuple(part for char in text for part in _PERCENT.get(char, (("", char),)))


_PERCENT |= {"T": _spelled("H:M:S"), "R": _spelled("H:M")}
_PERCENT |= {"D": _spelled("m/d/y"), "F": _spelled("Y-m-d")}

_DOTNET: dict[str, _Part] = {
    "yyyy": ("year", r"\d{4}"),
    "yy": ("short_year", r"\d\d"),
    "MMMM": ("month_name", "|".join(MONTHS)),
    "MMM": ("month_name", "|".join(name[:3] for name in MONTHS)),
    "MM": ("month", r"\d\d"),
    "M": ("month", r"\d\d?"),
    "dddd": ("", "|".join(DAYS)),
    "ddd": ("", "|".join(name[:3] for name in DAYS)),
    "dd": ("day", r"\d\d"),
    "d": ("day", r"\d\d?"),
    "HH": ("hour", r"\d\d"),
    "H": ("hour", r"\d\d?"),
    "hh": ("half_hour", r"\d\d"),
    "h": ("half_hour", r"\d\d?"),
    "mm": ("minute", r"\d\d"),
    "m": ("minute", r"\d\d?"),
    "ss": ("second", r"\d\d"),
    "s": ("second", r"\d\d?"),
    "tt": ("half", "[ap]m"),
    "t": ("half", "[ap]"),
    "zzz": _OFFSET,
    "zz": ("offset", r"[+-]\d\d"),
    "z": ("offset", r"[+-]\d\d?"),
    "K": ("offset", f"(?:{_OFFSET[1]})?"),
    **{"f" * count: ("fraction", rf"\d{{{count}}}") for count in range(1, 8)},
    **{"F" * count: ("fraction", rf"\d{{0,{count}}}") for count in range(1, 8)},
}
_DOTNET |= {
    # A point before them goes with them.
    f".{'F' * count}": ("fraction", rf"(?:\.\d{{1,{count}}})?")
    for count in range(1, 8)
}
_DOTNET_PIECE = re.compile(
    r"'([^']*)'" r'|"([^"]*)"' r"|\\(.)|(\.F+|([yMdHhmstfFzKg])\5*)|(.)", re.DOTALL
)


@lru_cache(maxsize=256)
def time_format(text: str) -> ReadTime:
    """Compiles a format.

    Raises:
        FormatError: it is none, or names no day.
    """
    if len(text) > _LONGEST:
        msg = "the format is too long"
        raise FormatError(msg)
    parts = list(_percent_parts(text) if "%" in text else _dotnet_parts(text))
    fields = [name for name, _pattern in parts if name]
    _check_fields(fields)
    pattern = re.compile(
        "".join(
            f"(?P<{name}>{part})" if name else f"(?:{part})" for name, part in parts
        ),
        re.ASCII | re.IGNORECASE,
    )
    civil = not {"hour", "half_hour"} & set(fields)

    def read(written: str) -> Written:
        match = None if len(written) > _LONGEST else pattern.fullmatch(written)
        if match is None:
            msg = "the text is not of the format"
            raise InstantError(msg)
        return assembled(match.groupdict(), civil=civil)

    return read


def _check_fields(fields: list[str]) -> None:
    found = set(fields)
    for wanted, named in (
        ({"year", "short_year"}, "year (yyyy or %Y)"),
        ({"month", "month_name"}, "month (MM or %m)"),
        ({"day"}, "day (dd or %d)"),
    ):
        if not wanted & found:
            msg = f"the format names no {named}"
            raise FormatError(msg)
    twice = ({"year", "short_year"}, {"month", "month_name"}, {"hour", "half_hour"})
    if len(found) < len(fields) or any(pair <= found for pair in twice):
        msg = "the format names something twice"
        raise FormatError(msg)


def _percent_parts(text: str) -> Iterator[_Part]:
    characters = iter(text)
    for character in characters:
        if character == "%":
            code = next(characters, "")
            if code not in _PERCENT:
                msg = "the format has an unknown % code"
                raise FormatError(msg)
            yield from _PERCENT[code]
        else:
            yield "", _BLANKS if character.isspace() else re.escape(character)


def _dotnet_parts(text: str) -> Iterator[_Part]:
    for match in _DOTNET_PIECE.finditer(text):
        single, double, escaped, code, _letter, other = match.groups()
        if code is not None:
            if code not in _DOTNET:
                msg = "the format has an unknown sequence of letters"
                raise FormatError(msg)
            yield _DOTNET[code]
        else:
            if other is not None and other in "'\"\\":
                msg = "the format has an open quote"
                raise FormatError(msg)
            yield "", re.escape(single or double or escaped or other or "")
