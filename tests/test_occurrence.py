"""When a measurement occurred, by the rules of each mode."""

import zoneinfo

import pytest

from transforms.date_token import date_token
from transforms.instants import iso_instant
from transforms.occurrence import MomentError, moment_reader

PARIS = zoneinfo.ZoneInfo("Europe/Paris")
UTC = zoneinfo.ZoneInfo("UTC")


def read(token, zone=None, *, medtech=False):
    """The instant at the sender's offset, as text; a civil date as it is."""
    instant, offset, tick = moment_reader(zone, medtech=medtech)(token)
    if offset is None:
        return iso_instant(instant)[:10]
    return iso_instant(instant, offset, tick)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-04T07:12:31+02:00", "2026-10-04T07:12:31+02:00"),
        (" 2026-10-04T07:12:31Z ", "2026-10-04T07:12:31Z"),
        ("2026-10-04T07:12:31.1234567Z", "2026-10-04T07:12:31.1234567Z"),
        ("2026-10-04T07:12:31.1234567+02:00", "2026-10-04T07:12:31.1234567+02:00"),
        ("2026-10-04", "2026-10-04"),
    ],
)
def test_times_with_a_zone_and_civil_dates(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        (UTC, "2026-10-04T07:12:31", "2026-10-04T07:12:31Z"),
        (PARIS, "2026-10-04T07:12:31", "2026-10-04T07:12:31+02:00"),
        (PARIS, "2026-12-04 07:12", "2026-12-04T07:12:00+01:00"),
        # The clock goes from 3 back to 2: of the two instants the earlier one.
        (PARIS, "2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),
        # It jumps from 2 to 3: as if it had not jumped yet.
        (PARIS, "2026-03-29T02:30:00", "2026-03-29T02:30:00+01:00"),
        (PARIS, "2026-03-29T01:59:59.9999999", "2026-03-29T01:59:59.9999999+01:00"),
        (PARIS, "2026-03-29T03:00:00", "2026-03-29T03:00:00+02:00"),
        (PARIS, "2026-10-04T07:12:31+09:00", "2026-10-04T07:12:31+09:00"),
        (PARIS, "2026-10-04", "2026-10-04"),
    ],
)
def test_a_policy_gives_zoneless_times_a_zone(zone, text, expected):
    assert read(text, zone) == expected


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("2026-10-04T07:12:31", "the time has no zone"),
        (1790000000, "a number is no date-time"),
        (1.5, "a number is no date-time"),
        (True, "it is no text"),
        ([], "it is no text"),
        ("", "not a date of the form YYYY-MM-DD"),
        ("02/01/2019", "not a date of the form YYYY-MM-DD"),
        ("2026-02-30", "no such day in the calendar"),
    ],
)
def test_what_is_no_time(token, message):
    with pytest.raises(MomentError) as caught:
        read(token)
    assert caught.value.message == message
    assert caught.value.suggestion


def test_no_zone_can_lead_beyond_the_calendar():
    with pytest.raises(MomentError, match="outside the years"):
        read("0001-01-01T00:00:00", PARIS)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (date_token("2019-02-01T22:46:01.1234567Z"), "2019-02-01T22:46:01.1234567Z"),
        (date_token("2019-02-01T22:46:01"), "2019-02-01T22:46:01Z"),
        (date_token("2019-02-01T22:46:01+02:00"), "2019-02-01T22:46:01+02:00"),
        ("02/01/2019", "2019-02-01T00:00:00Z"),
        ("2019-02-01", "2019-02-01T00:00:00Z"),
        ("Fri, 01 Feb 2019 22:46:01 GMT", "2019-02-01T22:46:01Z"),
    ],
)
def test_medtech_reads_what_dotnet_reads_and_takes_no_zone_for_utc(token, expected):
    assert read(token, UTC, medtech=True) == expected


@pytest.mark.parametrize("token", [1790000000, "soon", True])
def test_medtech_takes_no_number_for_a_time(token):
    with pytest.raises(MomentError):
        read(token, UTC, medtech=True)
