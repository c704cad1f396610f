"""What MedTech's JSON reader takes for a date, and what it then is."""

import pytest

from transforms.date_token import DateToken, date_token, with_dates


@pytest.mark.parametrize(
    ("text", "as_text", "iso"),
    [
        ("2019-02-01T22:46:01Z", "02/01/2019 22:46:01", "2019-02-01T22:46:01Z"),
        (
            "2019-02-01T22:46:01.8750000Z",
            "02/01/2019 22:46:01",
            "2019-02-01T22:46:01.875Z",
        ),
        ("2019-02-01T22:46:01", "02/01/2019 22:46:01", "2019-02-01T22:46:01"),
        (
            "2019-02-01T22:46:01+02:00",
            "02/01/2019 20:46:01",
            "2019-02-01T20:46:01+00:00",
        ),
        ("2019-02-01T22:46:01+02", "02/01/2019 20:46:01", "2019-02-01T20:46:01+00:00"),
        (
            "2019-02-01T22:46:01-0530",
            "02/02/2019 04:16:01",
            "2019-02-02T04:16:01+00:00",
        ),
        ("2019-02-01T24:00:00Z", "02/02/2019 00:00:00", "2019-02-02T00:00:00Z"),
        (
            "2019-02-01T22:46:01.123456789",
            "02/01/2019 22:46:01",
            "2019-02-01T22:46:01.1234567",
        ),
        ("/Date(1000)/", "01/01/1970 00:00:01", "1970-01-01T00:00:01Z"),
        ("/Date(1000+0200)/", "01/01/1970 00:00:01", "1970-01-01T00:00:01+00:00"),
    ],
)
def test_iso_looking_texts_are_dates(text, as_text, iso):
    token = date_token(text)
    assert (token.text, token.iso) == (as_text, iso)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "72",
        "2019-02-01",
        "2019-02-01 22:46:01",
        "2019-02-01t22:46:01Z",
        "2019-02-01T22:46",
        "2019-02-01T22:46:01.12345678Z",
        "2019-02-30T22:46:01Z",
        "2019-02-01T25:00:00Z",
        "2019-02-01T22:46:01Z ",
        " 2019-02-01T22:46:01Z",
        "xxxx-02-01T22:46:01Z",
        "/Date(x)/",
        "/Date(99999999999999999)/",
        "/Date(900000000000000)/",
    ],
)
def test_other_texts_stay_texts(text):
    assert date_token(text) is None


def test_dates_are_found_at_any_depth_and_keys_stay_texts():
    day = "2019-02-01T22:46:01Z"
    token = DateToken(1_549_061_161_000_000, 0, "Z")
    document = {day: [day, {"a": day, "b": "x", "c": 1}], "n": None}
    assert with_dates(document) == {
        day: [token, {"a": token, "b": "x", "c": 1}],
        "n": None,
    }
    assert with_dates(day) == token
    assert with_dates(5) == 5


def test_the_offset_is_remembered_for_the_tables():
    assert date_token("2019-02-01T22:46:01+02:00").offset == 120
