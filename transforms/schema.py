"""The columns of the two Parquet tables, with their meaning.

Every field carries its meaning (`description`), unit (`unit`) and origin (`source`)
in the Arrow field metadata, which Parquet files keep: an analyst finds the dictionary
inside the data. Times are UTC with microseconds
(https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#timestamp).
"""

import pyarrow as pa

SCHEMA_VERSION = 2
"""Raised when a column changes its meaning; recorded in the store's root."""

TIMESTAMP = pa.timestamp("us", tz="UTC")


def _field(
    name: str, kind: pa.DataType, description: str, source: str, unit: str = ""
) -> pa.Field:
    metadata = {"description": description, "source": source}
    if unit:
        metadata["unit"] = unit
    return pa.field(name, kind, metadata=metadata)


_MESSAGE = "device message, through the device mapping"
_FHIR = "FHIR mapping"
_IDENTITY = "identity resolution"

MEASUREMENT = pa.schema(
    [
        _field(
            "observation_id",
            pa.string(),
            "id of the FHIR Observation this reading is part of",
            "sha256 of patient, device, type and period (MedTech's formula)",
        ),
        _field("patient_id", pa.string(), "id of the FHIR Patient", _IDENTITY),
        _field(
            "patient_identifier",
            pa.string(),
            "the patient as the sender or an assignment names them; null if none does",
            _MESSAGE,
        ),
        _field("device_id", pa.string(), "id of the FHIR Device", _IDENTITY),
        _field(
            "device_identifier",
            pa.string(),
            "the device as the sender names it",
            _MESSAGE,
        ),
        _field(
            "encounter_id",
            pa.string(),
            "id of the FHIR Encounter, or, where no server was asked, the encounter as"
            " the sender names it; null if the message names none",
            f"{_MESSAGE}, {_IDENTITY}",
        ),
        _field(
            "correlation_id",
            pa.string(),
            "what ties readings of one session together; null if none",
            _MESSAGE,
        ),
        _field(
            "record_id",
            pa.string(),
            "the sender's own id of the record; null if the mapping names none",
            _MESSAGE,
        ),
        _field("type", pa.string(), "measurement type (typeName)", "device mapping"),
        _field(
            "value_name",
            pa.string(),
            "which value of the measurement; null for an event without a value",
            "device mapping",
        ),
        _field("code_system", pa.string(), "system of `code`, e.g. LOINC", _FHIR),
        _field("code", pa.string(), "first code of the value or component", _FHIR),
        _field("code_display", pa.string(), "display of `code`", _FHIR),
        _field(
            "occurred_at",
            TIMESTAMP,
            "when it was measured; of a civil date its midnight as if in UTC",
            _MESSAGE,
            "UTC",
        ),
        _field(
            "occurred_tick",
            pa.int8(),
            "tenths of a microsecond beyond occurred_at, 0 to 9",
            _MESSAGE,
            "100 ns",
        ),
        _field(
            "ended_at",
            TIMESTAMP,
            "end of an interval reading; null for an instant",
            _MESSAGE,
            "UTC",
        ),
        _field(
            "utc_offset_minutes",
            pa.int16(),
            "the sender's offset from UTC at occurred_at; null for a civil date",
            _MESSAGE,
            "min",
        ),
        _field(
            "local_date",
            pa.date32(),
            "calendar date of occurred_at at the sender's offset",
            "occurred_at, utc_offset_minutes",
        ),
        _field(
            "value",
            pa.float64(),
            "the value as a number; null if it is none",
            "value_text",
            "column unit",
        ),
        _field("value_text", pa.string(), "the value exactly as sent", _MESSAGE),
        _field("unit", pa.string(), "UCUM code of the unit", _FHIR, "UCUM"),
        _field(
            "flag",
            pa.string(),
            "comparator or reason of absence sent with the value; `error` also of a"
            " number out of its range",
            _MESSAGE,
        ),
        _field(
            "ingested_at",
            TIMESTAMP,
            "when the broker received the message; null if unknown",
            "system properties of the message",
            "UTC",
        ),
        _field("source", pa.string(), "file and line, or topic and offset", "reader"),
        _field(
            "mapping_version", pa.string(), "hash of both mapping files", "launcher"
        ),
    ]
)
"""One row per reading: the store, from which every Observation can be computed."""

OBSERVATION = pa.schema(
    [
        _field("observation_id", pa.string(), "id of the FHIR Observation", "formula"),
        _field("patient_id", pa.string(), "id of the FHIR Patient", _IDENTITY),
        _field("device_id", pa.string(), "id of the FHIR Device", _IDENTITY),
        _field(
            "encounter_id",
            pa.string(),
            "the encounter, as in measurement; null if none",
            _MESSAGE,
        ),
        _field("type", pa.string(), "measurement type (typeName)", "device mapping"),
        _field("code_system", pa.string(), "system of `code`", _FHIR),
        _field("code", pa.string(), "first code of the Observation", _FHIR),
        _field(
            "component_code_system", pa.string(), "system of `component_code`", _FHIR
        ),
        _field(
            "component_code",
            pa.string(),
            "first code of the component; null for the Observation's own value",
            _FHIR,
        ),
        _field("status", pa.string(), "status of the Observation", "vitalbeam"),
        _field("effective_start", TIMESTAMP, "first instant", _MESSAGE, "UTC"),
        _field("effective_end", TIMESTAMP, "last instant", _MESSAGE, "UTC"),
        _field(
            "value",
            pa.float64(),
            "the Quantity; null for SampledData, String and CodeableConcept",
            "readings",
            "column unit",
        ),
        _field(
            "value_text",
            pa.string(),
            "the value as the Observation holds it: number, text, grid or concept",
            "readings",
        ),
        _field("unit", pa.string(), "UCUM code of the unit", _FHIR, "UCUM"),
        _field("reading_count", pa.int32(), "readings behind the value", "readings"),
        _field("min", pa.float64(), "least reading", "readings", "column unit"),
        _field("max", pa.float64(), "greatest reading", "readings", "column unit"),
        _field("mean", pa.float64(), "mean of the readings", "readings", "column unit"),
        _field(
            "issued",
            TIMESTAMP,
            "latest ingestion among the readings",
            "ingested_at, else occurred_at",
            "UTC",
        ),
        _field(
            "mapping_version", pa.string(), "hash of both mapping files", "launcher"
        ),
    ]
)
"""One row per value or component of an Observation."""
