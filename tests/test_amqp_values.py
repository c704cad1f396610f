"""Headers as Event Hubs hands them to Kafka clients: text, or one AMQP value."""

import math
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.amqp_values import NotAmqpError, decode_amqp, header_text

ID = uuid.UUID("12345678-1234-5678-1234-567812345678")

VALUES = [
    (b"\x40", None),
    (b"\x41", True),
    (b"\x42", False),
    (b"\x56\x00", False),
    (b"\x56\x01", True),
    (b"\x43", 0),
    (b"\x44", 0),
    (b"\x50\xff", 255),
    (b"\x51\xff", -1),
    (b"\x52\x07", 7),
    (b"\x53\xff", 255),
    (b"\x54\xfe", -2),
    (b"\x55\x80", -128),
    (b"\x60\x01\x00", 256),
    (b"\x61\xff\xff", -1),
    (b"\x70\xff\xff\xff\xff", 2**32 - 1),
    (b"\x71\xff\xff\xff\xff", -1),
    (b"\x72\x3f\x80\x00\x00", 1.0),
    (b"\x80" + b"\xff" * 8, 2**64 - 1),
    (b"\x81" + b"\xff" * 8, -1),
    (b"\x82" + struct.pack(">d", 36.6), 36.6),
    (b"\x83" + struct.pack(">q", 1772349295123), "2026-03-01T07:14:55.123Z"),
    (b"\x98" + ID.bytes, str(ID)),
    (b"\xa1\x07watch-7", "watch-7"),
    (b"\xa1\x00", ""),
    (b"\xb1\x00\x00\x00\x02\xc3\xbc", "ü"),
    (b"\xa3\x03x:y", "x:y"),
    (b"\xb3\x00\x00\x00\x01s", "s"),
]


@pytest.mark.parametrize(("raw", "value"), VALUES)
def test_a_value_is_decoded(raw, value):
    assert decode_amqp(raw) == value
    assert type(decode_amqp(raw)) is type(value)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xa1",
        b"\xa1\x05abcd",
        b"\xa1\x03abcd",
        b"\xa1\x01\xff",
        b"\xb1\x00\x00",
        b"\x81\x00",
        b"\x41\x41",
        b"\x56\x02",
        b"\x45",
        b"\xc1\x01\x00",
        b"\x83" + b"\xff" * 8,
        b"\x83\x7f" + b"\xff" * 7,
        b"\x82" + struct.pack(">d", math.nan),
        b"\x72\x7f\x80\x00\x00",
        b"watch-7",
    ],
)
def test_what_is_not_exactly_one_value_is_refused(raw):
    with pytest.raises(NotAmqpError):
        decode_amqp(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"", ""),
        (b"acme", "acme"),
        ("Zürich".encode(), "Zürich"),
        (b"two\nlines\t", "two\nlines\t"),
        # Short texts that AMQP could be meant by are texts.
        (b"A", "A"),
        (b"T!", "T!"),
        (b"price", "price"),
        (b"q1234", "q1234"),
        # What no text looks like.
        (b"V\x01", True),
        (b"T\x05", 5),
        (b"q\x00\x00\x01\x00", 256),
        (b"\xa1\x04acme", "acme"),
        (b"bell\x07", "bell\x07"),
    ],
)
def test_a_header_is_text_if_it_can_be(raw, value):
    assert header_text(raw) == value


def test_a_header_that_is_neither_is_refused():
    with pytest.raises(NotAmqpError):
        header_text(b"\xff\xfe")


@given(st.text(max_size=300))
def test_each_text_comes_back_whether_a_kafka_or_an_amqp_sender_wrote_it(text):
    raw = text.encode()
    short = b"\xa1" + bytes([len(raw)]) + raw if len(raw) < 256 else None
    long = b"\xb1" + len(raw).to_bytes(4, "big") + raw

    assert header_text(long) == text
    assert short is None or header_text(short) == text
    if text.isprintable():
        assert header_text(raw) == text


@given(st.binary(max_size=40))
def test_no_bytes_do_worse_than_be_refused(raw):
    try:
        value = header_text(raw)
    except NotAmqpError:
        return
    assert value is None or isinstance(value, (str, int, float))
