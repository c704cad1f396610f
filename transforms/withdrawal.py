"""The letters of an Observation that cannot be made of the readings that are there.

They say which group it is and what is wrong, and nothing of which or how many readings
have arrived: whatever the order and the number of runs, the same letters are left.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import orjson
import pyarrow as pa

from transforms.dead_letters import dead_letter, merge
from transforms.effective import period_of, seven_digits
from transforms.errors import RecordError
from transforms.fhir_template import FhirTemplate
from transforms.instants import TICKS
from transforms.model import DeadLetter


def single_values(template: FhirTemplate) -> Iterator[FhirTemplate]:
    """A template with each of its values alone.

    What is wrong with a value shows whatever else is wrong: of several errors the first
    depends on what has arrived, all of them do not.
    """
    if template.value is not None:
        yield dataclasses.replace(template, components=())
    for component in template.components:
        yield dataclasses.replace(template, value=None, components=(component,))


def withdrawal_letters(
    stage: str,
    errors: Iterable[RecordError],
    reading: pa.Table,
    template: FhirTemplate,
    mapping_version: str,
) -> list[DeadLetter]:
    """The letters of one Observation, one per error.

    Args:
        stage: the stage that met the errors.
        errors: what is wrong; their texts depend on the template only.
        reading: any one reading of the Observation, columns of `schema.MEASUREMENT`.
        template: the type's FHIR template.
        mapping_version: hash of the two mapping files.
    """
    document = _document(reading, template.period_minutes)
    payload = orjson.dumps(document)
    source = f"Observation/{document['observationId']}"
    letters: dict[str, DeadLetter] = {}
    for error in errors:
        letter = dead_letter(
            stage,
            error,
            payload,
            source,
            None,
            mapping_version,
            document["type"],
            template.location,
        )
        known = letters.get(letter.id)
        letters[letter.id] = letter if known is None else merge(known, letter)
    return list(letters.values())


_NAMES = {
    "type": "type",
    "device_identifier": "deviceId",
    "patient_identifier": "patientId",
    "correlation_id": "correlationId",
}


def _document(reading: pa.Table, period_minutes: int) -> dict[str, str]:
    """What all readings have in common that the Observation can ever have.

    Not the encounter: it is no part of an Observation's identity. Nor when a session
    begins and ends: that is not known before its last reading.
    """
    (known,) = reading.select([*_NAMES, "observation_id"]).to_pylist()
    document = {name: known[column] for column, name in _NAMES.items()}
    if period_minutes >= 0:
        del document["correlationId"]
    if period_minutes > 0:
        (instant,) = reading["occurred_at"].cast(pa.int64()).to_pylist()
        start, end = period_of(instant, period_minutes)
        document["periodStart"] = seven_digits(start * TICKS)
        document["periodEnd"] = seven_digits(end * TICKS - 1)
    document["observationId"] = known["observation_id"]
    return document
