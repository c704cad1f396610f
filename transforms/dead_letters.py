"""Dead letters: what could not go on, readable and replayable.

Two letters are one when their stage, error, template, expression, source and payload
are the same. All fields come from the message and the mapping, never from a clock, so
a repeated run writes the same letters.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from transforms.errors import RecordError
from transforms.instants import iso_instant
from transforms.model import Attributes, DeadLetter, Measurement


def dead_letter(
    stage: str,
    error: RecordError,
    payload: bytes | None,
    source: str,
    enqueued_at: int | None,
    mapping_version: str,
    type_name: str | None = None,
    template: str | None = None,
    attributes: Attributes | None = None,
) -> DeadLetter:
    """The letter of one failure.

    Args:
        stage: the stage that met the failure.
        error: its cause and suggestion.
        payload: the message as received, or the normalized measurement.
        source: file and line, or topic and offset.
        enqueued_at: when the broker received the message, if it says so.
        mapping_version: hash of the two mapping files.
        type_name: the measurement type, if the failure lies within one.
        template: file and line of the mapping template concerned.
        attributes: what a broker delivered beside the payload: with them the message
            can be sent again as it was.

    Returns:
        The letter; bytes that are not UTF-8 stand in `payload_base64` too, exactly.
    """
    text, exact = _legible(payload or b"")
    expression = error.expression or None
    seen = None if enqueued_at is None else iso_instant(enqueued_at)
    cause = (stage, error.name, error.message, type_name, template, expression, source)
    digest = hashlib.sha256(repr(cause).encode())
    digest.update(payload or b"")
    return DeadLetter(
        id=digest.hexdigest(),
        stage=stage,
        error=error.name,
        message=error.message,
        suggestion=error.suggestion,
        type=type_name,
        template=template,
        expression=expression,
        payload=text,
        payload_base64=exact,
        source=source,
        enqueued_at=seen,
        first_seen=seen,
        last_seen=seen,
        count=1,
        mapping_version=mapping_version,
        outcome=error.outcome,
        attributes=attributes and _attached(attributes),
    )


def _legible(payload: bytes) -> tuple[str, str | None]:
    try:
        return payload.decode(), None
    except UnicodeDecodeError:
        exact = base64.b64encode(payload).decode()
        return payload.decode(errors="replace"), exact


def _attached(attributes: Attributes) -> dict[str, Any]:
    return {
        "Properties": attributes.properties,
        "SystemProperties": attributes.system,
    }


def fold(letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Letters of one message with equal ones counted once, in order of appearance."""
    folded: dict[str, DeadLetter] = {}
    for letter in letters:
        known = folded.get(letter.id)
        count = 1 if known is None else known.count + 1
        folded[letter.id] = letter._replace(count=count)
    return list(folded.values())


def merge(known: DeadLetter, again: DeadLetter) -> DeadLetter:
    """Two versions of one letter: commutative, associative and idempotent."""
    seen = [
        time
        for time in (
            known.first_seen,
            again.first_seen,
            known.last_seen,
            again.last_seen,
        )
        if time
    ]
    latest = max(known, again, key=_rank)
    return latest._replace(
        first_seen=min(seen, key=_moment, default=None),
        last_seen=max(seen, key=_moment, default=None),
        count=max(known.count, again.count),
    )


def _moment(time: str) -> str:
    # UTC texts sort as their times do, but for the Z, which is greater than a dot.
    return time.removesuffix("Z")


def _rank(letter: DeadLetter) -> tuple[str, str, str, str, bytes]:
    # The id fixes all other fields.
    moment = _moment(letter.enqueued_at or "")
    attached = orjson.dumps(letter.attributes, option=orjson.OPT_SORT_KEYS)
    outcome = letter.outcome or ""
    return moment, letter.mapping_version, letter.suggestion, outcome, attached


def measurement_document(measurement: Measurement) -> dict[str, object]:
    """A measurement in the schema of MedTech's normalized messages.

    https://learn.microsoft.com/azure/healthcare-apis/iot/overview-of-device-data-processing-stages
    """
    ingested, ended = measurement.ingested_at, measurement.ended_at
    document: dict[str, object] = {
        "type": measurement.type,
        "occurrenceTimeUtc": iso_instant(
            measurement.occurred_at, tick=measurement.tick
        ),
        "ingestionTimeUtc": None if ingested is None else iso_instant(ingested),
        "deviceId": measurement.device,
        "patientId": measurement.patient,
        "encounterId": measurement.encounter,
        "correlationId": measurement.correlation,
        "properties": _properties(measurement),
    }
    # What MedTech's schema lacks stands there only if there is any of it.
    if ended is not None:
        document["endTimeUtc"] = iso_instant(ended)
    if measurement.record is not None:
        document["identifier"] = measurement.record
    return document


def _properties(measurement: Measurement) -> list[dict[str, str | None]]:
    flags = dict(measurement.flags)
    properties: list[dict[str, str | None]] = []
    for name, value in measurement.values:
        flag = flags.pop(name, None)
        marked = {} if flag is None else {"flag": flag}
        properties.append({"name": name, "value": value, **marked})
    absent = ({"name": n, "value": None, "flag": f} for n, f in flags.items())
    return [*properties, *absent]


def measurement_letter(
    stage: str,
    error: RecordError,
    measurement: Measurement,
    mapping_version: str,
    template: str | None = None,
) -> DeadLetter:
    """The letter of a measurement that failed after normalization."""
    return dead_letter(
        stage,
        error,
        orjson.dumps(measurement_document(measurement)),
        measurement.source,
        measurement.ingested_at,
        mapping_version,
        measurement.type,
        template,
    )
