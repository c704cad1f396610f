"""What the model takes: who sends what, what is chosen, what was measured."""

from typing import NamedTuple

DAY_S, HOUR_S = 86_400, 3_600


class Linear(NamedTuple):
    """CPU microseconds of a stage for a firing."""

    fixed: float
    per_new: float
    """For each reading that arrived, or Observation that it touched."""
    per_row: float
    """For each row, or line, of the file that is rewritten."""

    def us(self, new: float, rows: float) -> float:
        """Of one firing."""
        return self.fixed + new * self.per_new + rows * self.per_row


class FileBytes(NamedTuple):
    """Bytes of a Parquet file."""

    fixed: float
    """Of one without rows."""
    per_row: float
    per_device: float
    """For each device in it: its ids, and those of its patient, stand there once."""

    def of(self, rows: float, devices: float) -> float:
        """Of one file."""
        return self.fixed + rows * self.per_row + devices * self.per_device


class Costs(NamedTuple):
    """What is measured of the stages and the files."""

    normalize_us: float
    """For each message."""
    group_us: float
    """For each message: whom it belongs to, and its place in a slot."""
    batch_us: float
    """For each batch of readings that waits for a firing: each bundle makes its own."""
    store: Linear
    """The measurement table."""
    observe: Linear
    """`per_row`: for each reading of an Observation of a period."""
    observations: Linear
    """The observation table."""
    fhir_files: Linear
    """NDJSON."""
    fhir_server: Linear
    """The client; no `per_row`, as nothing is rewritten."""
    measurement_bytes: FileBytes
    observation_bytes: FileBytes
    state_bytes: Linear
    """Of a batch of readings on its way to a slot: `fixed` and `per_new`, in bytes."""
    store_memory: float
    """Bytes of memory of a firing at most, for each row of the file."""
    ndjson_bytes: float
    """Of an Observation as JSON."""
    message_bytes: float
    """Of a message of the fleet without envelope."""


class Fleet(NamedTuple):
    """Who sends what. All rates are means over a day but for `peak`."""

    name: str
    devices: float
    messages_per_device: float
    """A day."""
    peak: float
    """Messages/s of the busiest hour over those of the mean hour."""
    active_hours: float
    """Of a day in which a device sends anything."""
    readings_per_message: float
    hourly_share: float
    """Of messages, those whose types make one Observation an hour, not one each."""
    message_bytes: float
    late_share: float
    """Of messages, those that arrive after their hour."""
    late_hours: float
    """Hours over which these spread."""
    devices_per_patient: float = 1.0

    @property
    def per_s(self) -> float:
        """Messages, in the mean."""
        return self.devices * self.messages_per_device / DAY_S


class Plan(NamedTuple):
    """What is chosen."""

    shards: int
    flush_s: float
    bundle_s: float = 0.3
    """`--max_bundle_time_mills`."""
    busy: float = 0.6
    """Of a core, at the peak: the rest is for catching up after a failure."""
    bundle: int = 100
    """Entries of a FHIR Bundle."""
    merge: bool = False
    """`--fhir_merge`."""
    to_files: bool = False
    """FHIR as NDJSON files instead of a server."""
    retention_h: float = 72.0
    """Of the topic: as long as an outage may last."""
    replicas: int = 3
    partition_mb_s: float = 5.0
    """MB/s that a partition takes."""
    server_per_s: float = 1_000.0
    """Observations that the FHIR server takes, each second."""


class Runner(NamedTuple):
    """What Flink and Beam add; measured by `sizing_check`."""

    python_us: float
    """CPU of the Python worker for each message, beside what the stages take."""
    python_idle: float
    """Cores of a Python worker that has nothing to do."""
    java_us: float
    """CPU of the TaskManager and Beam's Kafka reader for each message."""
    java_idle: float
