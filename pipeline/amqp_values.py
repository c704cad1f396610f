"""Values of headers as AMQP 1.0 encodes them.

Event Hubs hands what AMQP senders (IoT Hub among them) attached to a message to Kafka
clients in AMQP's encoding, and what Kafka senders attached as it is:
https://github.com/Azure/azure-event-hubs-for-kafka/issues/56
https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-types-v1.0-os.html
"""

import struct
import uuid
from typing import Any

from transforms.instants import iso_instant

_FIXED: dict[int, tuple[str, str]] = {
    0x40: ("", "null"),
    0x41: ("", "true"),
    0x42: ("", "false"),
    0x43: ("", "zero"),
    0x44: ("", "zero"),
    0x50: (">B", "number"),
    0x51: (">b", "number"),
    0x52: (">B", "number"),
    0x53: (">B", "number"),
    0x54: (">b", "number"),
    0x55: (">b", "number"),
    0x56: (">B", "boolean"),
    0x60: (">H", "number"),
    0x61: (">h", "number"),
    0x70: (">I", "number"),
    0x71: (">i", "number"),
    0x72: (">f", "number"),
    0x80: (">Q", "number"),
    0x81: (">q", "number"),
    0x82: (">d", "number"),
    0x83: (">q", "timestamp"),
    0x98: ("16s", "uuid"),
}
"""Format codes of a fixed width: how their bytes are read, and what they are."""

_TEXTS = {0xA1: 1, 0xB1: 4, 0xA3: 1, 0xB3: 4}
"""Format codes of strings and symbols: width of their length."""

_LATEST_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z."""


class NotAmqpError(ValueError):
    """The bytes are not exactly one AMQP value of a kind that headers have."""


def decode_amqp(raw: bytes) -> Any:
    """The value of exactly one primitive: text, number, boolean, time as ISO text.

    Raises:
        NotAmqpError: the bytes are none, or more than one.
    """
    code, rest = raw[0] if raw else -1, raw[1:]
    if code in _TEXTS:
        return _text(rest, _TEXTS[code])
    layout, kind = _FIXED.get(code, ("", ""))
    if not kind or len(rest) != struct.calcsize(layout):
        raise NotAmqpError
    if not layout:
        return {"null": None, "true": True, "false": False, "zero": 0}[kind]
    return _converted(kind, struct.unpack(layout, rest)[0])


def _text(rest: bytes, width: int) -> str:
    length = int.from_bytes(rest[:width], "big")
    if len(rest) < width or len(rest) != width + length:
        raise NotAmqpError
    try:
        return rest[width:].decode()
    except UnicodeDecodeError:
        raise NotAmqpError from None


def _converted(kind: str, value: Any) -> Any:
    if kind == "boolean":
        if value > 1:
            raise NotAmqpError
        return bool(value)
    if kind == "timestamp":
        if not 0 <= value <= _LATEST_MS:
            raise NotAmqpError
        return iso_instant(value * 1000)
    if kind == "uuid":
        return str(uuid.UUID(bytes=value))
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise NotAmqpError  # JSON has no such number
    return value


def header_text(raw: bytes) -> Any:
    """The value of a header that may be text or AMQP.

    Bytes that are plain text are text, though short AMQP values may look so: `T!` is no
    number. Anything else is AMQP if it is exactly one value.

    Raises:
        NotAmqpError: it is neither.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return decode_amqp(raw)
    if not text.isprintable() and _has_controls(raw):
        try:
            return decode_amqp(raw)
        except NotAmqpError:
            return text
    return text


_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")


def _has_controls(raw: bytes) -> bool:
    return raw.translate(None, _CONTROLS) != raw
