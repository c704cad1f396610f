"""When a measurement occurred: from the token an expression found to an instant.

A time without a zone is never silently taken as UTC: a policy decides. A civil date
(`2026-10-04`) names a day, not an instant, and stays one: FHIR knows dates of that
precision (https://hl7.org/fhir/R4/datatypes.html#dateTime).
"""

import datetime
from collections.abc import Callable
from typing import Any, NamedTuple

from transforms.date_token import DateToken
from transforms.dotnet_dates import parse_dotnet
from transforms.instants import (
    InstantError,
    parse_date,
    parse_instant,
    seventh_digit,
)
from transforms.time_zones import localized

_UNIX = "wrap it: fromUnixTimestamp(...) for seconds, fromUnixTimestampMs(...)"
_ISO = "send ISO 8601 with an offset, e.g. 2026-10-04T07:12:31Z"
_ZONE = (
    "have the device send an offset, e.g. 2026-10-04T07:12:31+02:00 or Z; or name the"
    ' zone: toUtc(…, zone) or "zonelessTime" in the template, or --zoneless_time'
)


class Moment(NamedTuple):
    """An instant as the sender named it."""

    instant: int
    """µs since the epoch; of a civil date its midnight as if in UTC."""
    offset: int | None
    """The sender's offset in minutes; None for a civil date."""
    tick: int
    """Tenths of a microsecond beyond the instant."""


class MomentError(ValueError):
    """A token is no date-time. The message holds nothing of it.

    Args:
        message: what is wrong.
        suggestion: what to do.
    """

    def __init__(self, message: str, suggestion: str) -> None:
        self.message = message
        self.suggestion = suggestion
        super().__init__(message)


ReadMoment = Callable[[Any], Moment]
"""From a token (neither missing nor null) to its instant; raises `MomentError`."""


def moment_reader(zone: datetime.tzinfo | None, *, medtech: bool) -> ReadMoment:
    """How the tokens of one template are read.

    Args:
        zone: of times that name none; None rejects them.
        medtech: whether texts are read as .NET reads them.
    """
    new = tuple.__new__

    def read(token: Any) -> Moment:
        if type(token) is not str:
            raise _no_text(token)
        text = token.strip()
        try:
            instant, offset = parse_instant(text)
        except InstantError as error:
            return _civil_date(text, error)
        tick = 0 if len(text) < 27 else seventh_digit(text)
        if offset is None:
            return _localized(instant, zone, tick)
        # Moment(…) without the call of a Python function: this runs for every message.
        return new(Moment, (instant, offset, tick))

    def read_dotnet(token: Any) -> Moment:
        if type(token) is DateToken:
            instant, tick = token.instant, token.tick
            offset = token.offset if token.zone else None
        elif type(token) is str:
            try:
                instant, offset, tick = parse_dotnet(token)
            except InstantError as error:
                raise MomentError(str(error), _ISO) from error
        else:
            raise _no_text(token)
        if offset is None:
            return _localized(instant, zone, tick)
        return new(Moment, (instant, offset, tick))

    return read_dotnet if medtech else read


def _civil_date(text: str, error: InstantError) -> Moment:
    try:
        return Moment(parse_date(text), None, 0)
    except InstantError:
        raise MomentError(str(error), _ISO) from error


def _no_text(token: Any) -> MomentError:
    if type(token) in (int, float):
        return MomentError("a number is no date-time", _UNIX)
    return MomentError("it is no text", _ISO)


def _localized(wall: int, zone: datetime.tzinfo | None, tick: int) -> Moment:
    if zone is None:
        msg = "the time has no zone"
        raise MomentError(msg, _ZONE)
    try:
        instant, offset = localized(wall, zone)
    except InstantError as error:
        raise MomentError(str(error), _ISO) from error
    return Moment(instant, offset, tick)
