"""Intake: one message as received becomes JSON in MedTech's envelope."""

import dataclasses
import re
from typing import Any, Literal

import orjson

from transforms.date_token import with_dates
from transforms.errors import InvalidDataFormatError, MessageTooLargeError
from transforms.instants import InstantError, parse_instant
from transforms.model import Attributes, DeviceMessage

Envelope = Literal["auto", "body", "event"]

_DEEPEST = 1000
"""Levels; the JSON library stops at 1024."""

_new = tuple.__new__
"""Makes a NamedTuple without the call of a Python function: each message needs one."""

_ENQUEUED = ("x-opt-enqueued-time", "iothub-enqueuedtime")


@dataclasses.dataclass(frozen=True)
class Intake:
    """How messages are taken in.

    Args:
        envelope: what a message is: MedTech's envelope (`event`), a bare payload
            (`body`), or whichever it looks like (`auto`).
        largest: bytes; a larger message becomes a dead letter.
        report_unmatched: whether a message without a match becomes a dead letter.
        mapping_version: hash of the two mapping files.
        medtech: whether texts of a body that look like ISO times become dates, as
            MedTech's reader makes them.
    """

    envelope: Envelope = "auto"
    largest: int = 16_000_000
    report_unmatched: bool = False
    mapping_version: str = ""
    medtech: bool = False


def parse_message(
    payload: bytes | None,
    source: str,
    intake: Intake,
    attributes: Attributes | None = None,
) -> DeviceMessage:
    """Parses one message and puts it into MedTech's envelope if it stands in none.

    Args:
        payload: the message as received.
        source: where it came from.
        intake: how to take it in.
        attributes: what a broker delivered beside it. In an envelope they stand where
            the message has nothing of the same name; the same for the broker's time.

    Raises:
        MessageTooLargeError: it is larger than `intake.largest`.
        InvalidDataFormatError: it is no JSON that can hold a reading.
    """
    if payload is None:
        msg = "the message has no value (null)"
        raise InvalidDataFormatError(msg, "send a JSON object as the record's value")
    if len(payload) > intake.largest:
        msg = f"the message has more than {intake.largest} bytes"
        hint = "send smaller messages, or raise --max_message_bytes"
        raise MessageTooLargeError(msg, hint)
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _not_json(payload, error) from None
    is_object = type(document) is dict
    if not is_object and not _holds_objects(document):
        kind = _KINDS.get(type(document), "array without an object")
        msg = f"the message is a JSON {kind}, not an object"
        raise InvalidDataFormatError(msg, "send a JSON object (or an array of them)")
    mode = intake.envelope
    is_bare = not is_object or "Body" not in document
    if mode == "body" or (mode == "auto" and is_bare):
        if intake.medtech:
            document = with_dates(document)
        envelope = {"Body": document, "Properties": {}, "SystemProperties": {}}
        if attributes is None:
            return _new(DeviceMessage, (envelope, None, source, None))
        return _with_attributes(envelope, None, source, attributes)
    if is_bare:
        msg = "the message has no Body, which --envelope=event demands"
        raise InvalidDataFormatError(msg, "use --envelope=auto or --envelope=body")
    if intake.medtech:  # properties are no JSON text there: they stay as they are
        document["Body"] = with_dates(document["Body"])
    enqueued_at = enqueued_time(document.get("SystemProperties"))
    if attributes is None:
        return _new(DeviceMessage, (document, enqueued_at, source, None))
    return _with_attributes(document, enqueued_at, source, attributes)


def _with_attributes(
    envelope: dict[str, Any], own_time: int | None, source: str, attributes: Attributes
) -> DeviceMessage:
    """Adds what the envelope does not know better."""
    for name, added in (
        ("Properties", attributes.properties),
        ("SystemProperties", attributes.system),
    ):
        own = envelope.get(name)
        if own is None:
            envelope[name] = added
        elif type(own) is dict:
            envelope[name] = {**added, **own}
    enqueued_at = attributes.enqueued_at if own_time is None else own_time
    return DeviceMessage(envelope, enqueued_at, source, attributes)


_KINDS = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
}


def _holds_objects(document: Any) -> bool:
    return type(document) is list and any(type(item) is dict for item in document)


def enqueued_time(properties: Any) -> int | None:
    """The broker's time in system properties; None when they name none.

    Returns:
        Microseconds since 1970.
    """
    if type(properties) is not dict:
        return None
    for name in _ENQUEUED:
        text = properties.get(name)
        if type(text) is str:
            try:
                # Brokers write UTC; some leave the Z out.
                return parse_instant(text)[0]
            except InstantError:
                continue
    return None


def _not_json(payload: bytes, error: orjson.JSONDecodeError) -> InvalidDataFormatError:
    try:
        text = payload.decode()
    except UnicodeDecodeError as cause:
        msg = f"the message is not UTF-8: the byte at offset {cause.start} fits nowhere"
        return InvalidDataFormatError(msg, "encode messages as UTF-8")
    if _depth(text) > _DEEPEST:
        msg = f"the message is nested more than {_DEEPEST} levels deep"
        return InvalidDataFormatError(msg, "send flatter messages")
    msg = f"the message is not JSON (line {error.lineno}, column {error.colno})"
    hint = "send valid JSON (RFC 8259)"
    if text.startswith("\ufeff"):
        hint = "send it without a byte order mark"
    elif re.search(r"\b(NaN|-?Infinity)\b", text):
        hint += "; NaN and Infinity are none: leave the value out or send null"
    return InvalidDataFormatError(msg, hint)


# A string that never ends runs to the end of the text, so the scan stays linear.
_NESTING = re.compile(r'"[^"\\]*(?:\\.?[^"\\]*)*(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)


def _depth(text: str) -> int:
    depth = deepest = 0
    for found in _NESTING.finditer(text):
        mark = found.group()
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest
