"""What each stage costs, as the model takes it: plain numbers, measured elsewhere."""

from typing import NamedTuple


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
