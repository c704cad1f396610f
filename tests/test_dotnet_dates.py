"""Texts that .NET's `DateTime.Parse` takes for times, and those it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dotnet_dates import parse_dotnet
from transforms.instants import InstantError, iso_instant


def read(text):
    """The wall clock or instant as ISO 8601, and the offset."""
    instant, offset, tick = parse_dotnet(text)
    iso = iso_instant(instant, offset or 0, tick)
    return iso if offset is not None else iso[:-1]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        # ISO 8601
        ("2019-02-01T22:46:01Z", "2019-02-01T22:46:01Z"),
        ("2019-02-01T22:46:01.1234567+05:30", "2019-02-01T22:46:01.1234567+05:30"),
        ("2019-02-01 22:46:01", "2019-02-01T22:46:01"),
        (" 2019-02-01 22:46 ", "2019-02-01T22:46:00"),
        ("2019-02-01", "2019-02-01T00:00:00"),
        ("2019-2-1", "2019-02-01T00:00:00"),
        # American order
        ("02/01/2019", "2019-02-01T00:00:00"),
        ("2/1/2019 9:05", "2019-02-01T09:05:00"),
        ("02/01/2019 22:46:01", "2019-02-01T22:46:01"),
        ("02/01/2019 10:46:01 PM", "2019-02-01T22:46:01"),
        ("02/01/2019 10:46:01pm", "2019-02-01T22:46:01"),
        ("02/01/2019 12:00 AM", "2019-02-01T00:00:00"),
        ("02/01/2019 12:00 PM", "2019-02-01T12:00:00"),
        ("02/01/2019 10:46:01.1234567 AM", "2019-02-01T10:46:01.1234567"),
        ("02/01/2019 22:46:01 +02:00", "2019-02-01T22:46:01+02:00"),
        ("02/01/2019 22:46:01-0800", "2019-02-01T22:46:01-08:00"),
        ("02/01/2019 22:46:01Z", "2019-02-01T22:46:01Z"),
        ("2/1/49", "2049-02-01T00:00:00"),
        ("2/1/50", "1950-02-01T00:00:00"),
        ("02-01-2019", "2019-02-01T00:00:00"),
        # year first
        ("2019/02/01", "2019-02-01T00:00:00"),
        ("2019/02/01 22:46:01", "2019-02-01T22:46:01"),
        # names
        ("Fri, 01 Feb 2019 22:46:01 GMT", "2019-02-01T22:46:01Z"),
        ("01 Feb 2019 22:46", "2019-02-01T22:46:00"),
        ("1 February 2019", "2019-02-01T00:00:00"),
        ("1-feb-2019", "2019-02-01T00:00:00"),
        ("February 1, 2019 10:46 PM", "2019-02-01T22:46:00"),
        ("Feb 1 2019", "2019-02-01T00:00:00"),
        ("Friday, February 1, 2019", "2019-02-01T00:00:00"),
        ("Friday, 01 February 2019 22:46:01", "2019-02-01T22:46:01"),
        ("01  Feb   2019  22:46", "2019-02-01T22:46:00"),
    ],
)
def test_a_time_as_dotnet_reads_it(text, time):
    assert read(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "1549061161",
        # what needs today's date
        "22:46",
        "22:46:01",
        "10 PM",
        "02/01",
        "Feb 1",
        "Friday",
        # no such time
        "13/13/2019",
        "02/30/2019",
        "2019-02-30",
        "02/01/2019 25:00",
        "02/01/2019 10:60",
        "02/01/2019 13:00 AM",
        "02/01/2019 22:46 +15:00",
        "12/31/9999 23:59:59 -01:00",
        "Thu, 01 Feb 2019 22:46:01 GMT",
        # no such form
        "02/01-2019",
        "02/01/2019T",
        "02/01/019",
        "1. Februar 2019",
        "01 Fev 2019",
        "2019-02-01T22:46:01Z later",
        "2" * 1000,
        "٠٢/٠١/٢٠١٩",
    ],
)
def test_what_is_no_time_is_an_error_without_the_text(text):
    with pytest.raises(InstantError) as caught:
        parse_dotnet(text)

    assert not text or text not in str(caught.value)


@given(st.text(max_size=70) | st.text("0123456789/-: APMGTZ.,+", max_size=40))
def test_any_text_is_a_time_or_an_error(text):
    try:
        instant, offset, tick = parse_dotnet(text)
    except InstantError:
        return
    assert 0 <= tick <= 9
    assert offset is None or abs(offset) <= 14 * 60
    assert isinstance(instant, int)
