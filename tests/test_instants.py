"""Times as they are sent, and as ids and FHIR want them."""

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.instants import (
    DAY,
    END_OF_INSTANTS,
    FIRST_INSTANT,
    HOUR,
    LONGEST_OFFSET,
    MINUTE,
    InstantError,
    id_segment,
    iso_date,
    iso_instant,
    parse_instant,
    remember,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def utc(*parts):
    """Microseconds since 1970 of a UTC wall clock."""
    moment = datetime(*parts, tzinfo=timezone.utc) - _EPOCH
    return moment // timedelta(microseconds=1)


NOON = utc(2026, 10, 4, 12)


@pytest.mark.parametrize(
    ("text", "instant", "offset"),
    [
        ("2026-10-04T12:00:00Z", NOON, 0),
        ("2026-10-04t12:00:00z", NOON, 0),
        ("2026-10-04 12:00:00Z", NOON, 0),
        ("2026-10-04 12:00:00 Z", NOON, 0),
        ("2026-10-04T12:00Z", NOON, 0),
        ("2026-10-04T14:00:00+02:00", NOON, 120),
        ("2026-10-04 14:00:00 +0200", NOON, 120),
        ("2026-10-04T14:00:00+02", NOON, 120),
        ("2026-10-04T14:00+02:00", NOON, 120),
        ("2026-10-04T17:45:00+05:45", NOON, 345),
        ("2026-10-03T22:00:00-14:00", NOON, -840),
        ("2026-10-05T02:00:00+14:00", NOON, 840),
        ("2026-10-04T12:00:00-00:00", NOON, 0),
        ("2026-10-04T12:00:00.5Z", NOON + 500_000, 0),
        ("2026-10-04T12:00:00,25Z", NOON + 250_000, 0),
        ("2026-10-04T12:00:00.0000019Z", NOON + 1, 0),
        ("2026-10-04T12:00:00.123456789+00:00", NOON + 123_456, 0),
        ("2026-10-04T24:00:00Z", NOON + 12 * HOUR, 0),
        ("2026-10-04T24:00:00.000Z", NOON + 12 * HOUR, 0),
        ("2026-10-04T24:00-01:00", NOON + 13 * HOUR, -60),
        ("2026-10-04T12:00:00", NOON, None),
        ("2026-10-04 12:00", NOON, None),
        ("2026-10-04T24:00:00", NOON + 12 * HOUR, None),
        ("2024-02-29T00:00:00Z", utc(2024, 2, 29), 0),
        ("1969-12-31T23:59:59.999999Z", -1, 0),
        ("0001-01-01T00:00:00Z", FIRST_INSTANT, 0),
        ("9999-12-31T23:59:59.9999999Z", END_OF_INSTANTS - 1, 0),
        ("9999-12-30T24:00:00-14:00", utc(9999, 12, 31, 14), -840),
    ],
)
def test_an_iso_time_is_an_instant_and_an_offset(text, instant, offset):
    assert parse_instant(text) == (instant, offset)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a date of the form YYYY-MM-DD"),
        ("12:00:00Z", "not a date of the form YYYY-MM-DD"),
        ("20261004T120000Z", "not a date of the form YYYY-MM-DD"),
        ("10/04/2026 12:00:00", "not a date of the form YYYY-MM-DD"),
        ("２026-10-04T12:00:00Z", "not a date of the form YYYY-MM-DD"),
        ("2026-02-29T12:00:00Z", "no such day in the calendar"),
        ("2026-13-01T12:00:00Z", "no such day in the calendar"),
        ("0000-01-01T12:00:00Z", "no such day in the calendar"),
        ("2026-10-04", "not a time of the form hh:mm:ss"),
        ("2026-10-04T12", "not a time of the form hh:mm:ss"),
        ("2026-10-04T1:00:00Z", "not a time of the form hh:mm:ss"),
        ("2026-10-04_12:00:00Z", "not a time of the form hh:mm:ss"),
        ("2026-10-04T12:00:0xZ", "not a time of the form hh:mm:ss"),
        ("2026-10-04T25:00:00Z", "no such time of day"),
        ("2026-10-04T12:60:00Z", "no such time of day"),
        ("2026-10-04T12:00:60Z", "no such time of day"),
        ("2026-10-04T24:01:00Z", "no such time of day"),
        ("2026-10-04T24:00:01Z", "no such time of day"),
        ("2026-10-04T24:00:00.5+02:00", "no such time of day"),
        ("2026-10-04T12:00:0Z", "not a time of the form hh:mm:ss"),
        (
            "2026-10-04T12:00:00.Z",
            "neither a fraction of a second nor an offset from UTC",
        ),
        (
            "2026-10-04T12:00:00 CEST",
            "neither a fraction of a second nor an offset from UTC",
        ),
        (
            "2026-10-04T12:00:00Z\n",
            "neither a fraction of a second nor an offset from UTC",
        ),
        (
            "2026-10-04T12:00:00+02:00[Europe/Rome]",
            "neither a fraction of a second nor an offset from UTC",
        ),
        ("2026-10-04T12:00:00+14:01", "no such offset from UTC"),
        ("2026-10-04T12:00:00-99:00", "no such offset from UTC"),
        ("2026-10-04T12:00:00+01:60", "no such offset from UTC"),
        (
            "0001-01-01T00:00:00+00:01",
            "the time lies outside the years 1 to 9999",
        ),
        (
            "9999-12-31T23:59:00-00:01",
            "the time lies outside the years 1 to 9999",
        ),
        ("9999-12-31T24:00:00Z", "the time lies outside the years 1 to 9999"),
        ("9999-12-31T24:00:00+02:00", "the time lies outside the years 1 to 9999"),
    ],
)
def test_what_is_no_time_is_an_error_without_the_text(text, message):
    with pytest.raises(InstantError) as caught:
        parse_instant(text)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("instant", "offset", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (-1, 0, "1969-12-31T23:59:59.999999Z"),
        (NOON, 120, "2026-10-04T14:00:00+02:00"),
        (NOON + 500_000, -210, "2026-10-04T08:30:00.5-03:30"),
        (NOON + 120_000, 0, "2026-10-04T12:00:00.12Z"),
        (NOON + 1, 0, "2026-10-04T12:00:00.000001Z"),
        (FIRST_INSTANT, 0, "0001-01-01T00:00:00Z"),
        (END_OF_INSTANTS - 1, 0, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_an_instant_is_written_at_its_offset(instant, offset, text):
    assert iso_instant(instant, offset) == text


@pytest.mark.parametrize(
    ("instant", "date"),
    [
        (0, "1970-01-01"),
        (-1, "1969-12-31"),
        (NOON + 12 * HOUR - 1, "2026-10-04"),
        (NOON + 12 * HOUR, "2026-10-05"),
        (FIRST_INSTANT, "0001-01-01"),
    ],
)
def test_the_date_of_an_instant_is_that_of_utc(instant, date):
    assert iso_date(instant) == date


@pytest.mark.parametrize(
    ("instant", "segment"),
    [
        (utc(2019, 1, 1), "20190101000000Z"),
        (utc(2019, 1, 1, 0, 59, 59), "20190101005959Z"),
        (utc(2019, 1, 1) + 250_000, "20190101000000.250000Z"),
        (utc(2019, 1, 1) + 1, "20190101000000.000001Z"),
        (-1, "19691231235959.999999Z"),
        (FIRST_INSTANT, "00010101000000Z"),
    ],
)
def test_an_id_holds_the_instant_in_utc_with_its_fraction(instant, segment):
    assert id_segment(instant) == segment


_INSTANTS = st.integers(FIRST_INSTANT + DAY, END_OF_INSTANTS - DAY - 1)
_OFFSETS = st.integers(-LONGEST_OFFSET, LONGEST_OFFSET)


@given(_INSTANTS, _OFFSETS)
def test_an_instant_reads_back_at_any_offset(instant, offset):
    assert parse_instant(iso_instant(instant, offset)) == (instant, offset)


def wall(instant, offset):
    zone = timezone(timedelta(minutes=offset))
    return (_EPOCH + timedelta(microseconds=instant)).astimezone(zone)


@given(_INSTANTS, _OFFSETS)
def test_a_time_that_python_writes_is_read(instant, offset):
    assert parse_instant(wall(instant, offset).isoformat()) == (instant, offset)


@given(_INSTANTS, _OFFSETS)
def test_an_instant_is_written_as_python_does_but_for_needless_zeros(instant, offset):
    text = wall(instant, offset).isoformat(timespec="microseconds")
    digits, zone = text[:26], text[26:]

    shortest = digits.rstrip("0").removesuffix(".")
    assert iso_instant(instant, offset) == shortest + (zone if offset else "Z")


@given(_INSTANTS)
def test_a_segment_holds_the_digits_of_the_utc_time(instant):
    moment = wall(instant, 0)
    digits = "".join(filter(str.isdigit, moment.isoformat(timespec="seconds")[:19]))
    fraction = f".{moment.microsecond:06}" if moment.microsecond else ""

    assert id_segment(instant) == f"{digits}{fraction}Z"


_WRITTEN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d))?"
    r"(?:[.,](\d+))? ?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)


def read_at_once(text):
    """What one pattern and `datetime` make of a text; None if it is no time."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    *day, hour, minute, second, fraction, zulu, sign, hours, minutes = match.groups()
    late = (hour, minute) == ("24", "00")
    try:
        clock = (0 if late else int(hour), int(minute), int(second or 0))
        wall = utc(*map(int, day), *clock) + int((fraction or "")[:6].ljust(6, "0"))
    except ValueError:
        return None
    offset = 0 if zulu else None
    if sign:
        offset = int(f"{sign}1") * (int(hours) * 60 + int(minutes or 0))
        if abs(offset) > LONGEST_OFFSET or int(minutes or 0) > 59:
            return None
    start = wall - (offset or 0) * MINUTE
    if late and (wall % DAY or wall + DAY >= END_OF_INSTANTS):
        return None
    if not FIRST_INSTANT <= start < END_OF_INSTANTS:
        return None
    return start + DAY * late, offset


def joined(*parts):
    return st.tuples(*parts).map("".join)


_DIGITS = st.text("0123456789", max_size=9) | st.text("01٣２ _+.", max_size=7)
_DAYS = ["2026-10-04", "0001-01-01", "9999-12-31", "2026-02-29", "２026-10-04", ""]
_CLOCKS = [
    "T12:00",
    "t23:59",
    " 00:00",
    "T24:00",
    "T12:60",
    "_12:00",
    "T1:00",
    "T１2:00",
]
_TIMES = joined(
    st.sampled_from(_DAYS),
    st.sampled_from(_CLOCKS),
    st.sampled_from([":00", ":59", ":60", ":0x", ":5", ":", "", ":٠٠"]),
    joined(st.sampled_from([".", ",", ":", ""]), _DIGITS) | st.just(""),
    st.sampled_from(["", " ", "\n"]),
    st.sampled_from(["", "Z", "z", "+02:00", "-0530", "+14", "-14:00", "+14:01"])
    | joined(st.sampled_from("+-"), _DIGITS),
    st.sampled_from(["", "", "", " ", "Z", ".5"]),
)


def read(text):
    try:
        return parse_instant(text)
    except InstantError:
        return None


@given(st.lists(_TIMES, min_size=1, max_size=4))
def test_what_is_remembered_of_other_times_changes_no_time(texts):
    for _again in range(2):
        for text in texts:
            assert read(text) == read_at_once(text)


@given(_TIMES)
def test_an_error_is_the_same_at_every_time(text):
    messages = []
    for _again in range(2):
        try:
            parse_instant(text)
        except InstantError as error:
            messages.append(str(error))

    assert len(messages) in (0, 2)
    assert len(set(messages)) < 2


def test_what_is_remembered_is_bounded():
    known = {}
    for number in range(10):
        remember(known, str(number), number, 4)
        assert len(known) <= 4

    assert known == {"8": 8, "9": 9}
