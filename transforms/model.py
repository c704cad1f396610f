"""The nouns that travel through the chain, one meaning each.

Instants are integers: microseconds since 1970-01-01T00:00:00 UTC. A batch is the
element of the pipeline, because Beam's cost per element exceeds the work per message.
"""

from typing import Any, NamedTuple

import pyarrow as pa

from transforms.instants import END_OF_INSTANTS


class Attributes(NamedTuple):
    """What a broker knows of a message beside its payload."""

    properties: dict[str, Any]
    """What its sender attached to it."""
    system: dict[str, Any]
    """What the broker attached to it."""
    enqueued_at: int | None
    """When the broker received it; None if it does not say."""


class MessageBatch(NamedTuple):
    """Some device messages of one source, in the order of the source."""

    prefix: str
    """What stands before a position in a source text, e.g. `day.ndjson:`."""
    positions: tuple[int, ...]
    """Line, element or offset of each message within the source."""
    payloads: tuple[bytes | None, ...]
    """The messages as received; None: the broker has a message without content."""
    attributes: tuple[Attributes, ...] = ()
    """At the same index; empty if messages have none, as lines of a file."""


class DeviceMessage(NamedTuple):
    """One message, parsed: MedTech's envelope and where it came from."""

    envelope: dict[str, Any]
    """`Body`, `Properties` and `SystemProperties`."""
    ingested_at: int | None
    """When the broker received it; None if the message does not say."""
    source: str
    attributes: Attributes | None = None
    """What the broker knows of it beside its payload; part of the envelope too."""


class Measurement(NamedTuple):
    """One type at one instant of one device with its named values.

    MedTech's "normalized message"; values are text, in template order.
    """

    type: str
    occurred_at: int
    ended_at: int | None
    """End of an interval reading; None for an instant."""
    utc_offset_minutes: int | None
    """The sender's offset; None for a civil date, which names a day and no instant
    (`occurred_at` is then midnight as if in UTC)."""
    ingested_at: int | None
    device: str
    """The device as the sender names it; not a FHIR id."""
    patient: str | None
    encounter: str | None
    correlation: str | None
    values: tuple[tuple[str, str], ...]
    """Pairs of value name and text."""
    source: str
    tick: int = 0
    """Tenths of a microsecond beyond `occurred_at`, 0 to 9: what .NET keeps."""
    record: str | None = None
    """The sender's own id of the record, if the mapping names it."""
    flags: tuple[tuple[str, str], ...] = ()
    """Pairs of value name and flag: a comparator (`<`, `<=`, `>=`, `>`) or a code of
    http://terminology.hl7.org/CodeSystem/data-absent-reason. A flagged value may be
    missing from `values`."""


class MeasurementBatch(NamedTuple):
    """The measurements of one batch of messages, in input order."""

    measurements: list[Measurement]


class Identity(NamedTuple):
    """The FHIR ids a measurement belongs to."""

    patient_id: str
    device_id: str
    encounter_id: str | None
    """The id of the Encounter, or what the message names if nobody looks for it."""
    patient: str | None = None
    """The patient's identifier, where it is not the message that names it."""


class IdentifiedBatch(NamedTuple):
    """Measurements and, at the same index, whom they belong to."""

    measurements: list[Measurement]
    identities: list[Identity]


class Slot(NamedTuple):
    """One event-time window of one shard: the unit of grouping, storing, owning."""

    start: int
    """First instant of the slot, a whole UTC hour or day."""
    minutes: int
    """Length: 60, or 1440 for types with a longer period than an hour; -1 for the one
    slot without end of readings that a correlation id ties together."""


CORRELATED = Slot(END_OF_INSTANTS, -1)
"""The slot of all readings whose Observation is that of a correlation id."""


class SlotReadings(NamedTuple):
    """Some readings of one slot: what is windowed and shuffled, keyed by shard."""

    shard: int
    slot: Slot
    readings: pa.RecordBatch
    """Columns of `schema.MEASUREMENT`, some of them dictionary-encoded."""


class GroupBatch(NamedTuple):
    """Complete MeasurementGroups of one slot and shard: all readings of each."""

    slot: Slot
    shard: int
    readings: pa.Table
    """Columns of `schema.MEASUREMENT`, one group after the other, by time within."""
    starts: tuple[int, ...]
    """First row of each group."""
    statuses: tuple[str, ...] = ()
    """The status of each group's Observation; empty: all are final."""
    version: bytes = b""
    """Of what the store held when it gave them out: another one if it has changed."""
    arrived: tuple[int, ...] = ()
    """When what is new on a stream was ingested, each instant once."""


class ObservationBatch(NamedTuple):
    """Observations of one slot and shard, ready for every sink."""

    slot: Slot
    shard: int
    ids: list[str]
    resources: list[bytes]
    """The Observation resources as JSON, at the same index as their ids."""
    rows: pa.Table
    """Columns of `schema.OBSERVATION`."""
    shells: dict[tuple[str, str], bytes]
    """Patients and Devices the Observations refer to, by resource type and id."""
    removed: tuple[str, ...] = ()
    """Ids of Observations that must not stand in this slot's files: they moved to the
    date of an earlier reading, or can no longer be made."""
    date: int | None = None
    """First instant of the UTC day whose files hold them, where the slot names none."""
    withdrawn: tuple[tuple[str, str], ...] = ()
    """Those of `removed` that can no longer be made, wherever: ids and identifiers."""
    groups: GroupBatch | None = None
    """The readings they were made of, for a sink that must merge."""
    version: bytes = b""
    """That of the groups they were made of."""
    arrived: tuple[int, ...] = ()
    """As in the groups they were made of."""


class DeadLetter(NamedTuple):
    """What could not go on, with its cause and a suggested fix.

    The fields, in this order, are the members of the JSON object that is written.
    """

    id: str
    """Hash of stage, error, template, expression, source and payload."""
    stage: str
    error: str
    message: str
    suggestion: str
    type: str | None
    template: str | None
    """File and line of the mapping template."""
    expression: str | None
    payload: str
    """The message as received; after normalization the normalized measurement."""
    payload_base64: str | None
    """The exact bytes, when they are not UTF-8 text."""
    source: str
    enqueued_at: str | None
    first_seen: str | None
    """Earliest `enqueued_at`: from the data, never from the clock."""
    last_seen: str | None
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls
    """How often this failure occurred within the message."""
    mapping_version: str
    outcome: str | None = None
    """The OperationOutcome (JSON) of a FHIR server that refuses: a member only if there
    is one. It may quote the payload."""
    attributes: dict[str, Any] | None = None
    """`Properties` and `SystemProperties` that a broker delivered beside the payload: a
    member only if there are any."""

    def document(self) -> dict[str, Any]:
        """The JSON object that is written."""
        document = self._asdict()
        for name in ("outcome", "attributes"):
            if document[name] is None:
                del document[name]
        return document


class LetterBatch(NamedTuple):
    """Dead letters of one batch."""

    letters: list[DeadLetter]
