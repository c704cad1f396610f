"""How batches are encoded where a runner needs bytes.

Runners ask for the size of a sample of all elements, for their metrics, even between
fused stages; the answer of Beam's own coders is to encode the element. With batches as
elements that would be most of the work, so this coder guesses.
"""

import copyreg
import pickle
from typing import Any

import pyarrow as pa
from apache_beam.coders.coders import Coder
from apache_beam.coders.typecoders import registry

from transforms.model import (
    GroupBatch,
    IdentifiedBatch,
    LetterBatch,
    MeasurementBatch,
    MessageBatch,
    ObservationBatch,
    SlotReadings,
)

_GUESS = 1 << 20
"""Bytes of a batch: the right order of magnitude is all that a metric needs."""


def _to_ipc(batch: pa.RecordBatch) -> tuple[Any, tuple[pa.Buffer]]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return _from_ipc, (sink.getvalue(),)


def _from_ipc(content: pa.Buffer) -> pa.RecordBatch:
    with pa.ipc.open_stream(content) as stream:
        return stream.read_next_batch()


class _Pickler(pickle.Pickler):
    # Arrow pickles column by column, and of a slice all that it is a slice of.
    dispatch_table = copyreg.dispatch_table | {pa.RecordBatch: _to_ipc}


class BatchCoder(Coder):
    """Pickles; batches are never keys, so nothing need be deterministic."""

    def encode(self, value: Any) -> bytes:
        """The batch as bytes; Arrow data is copied."""
        sink = pa.BufferOutputStream()
        _Pickler(sink, pickle.HIGHEST_PROTOCOL).dump(value)
        return sink.getvalue().to_pybytes()

    def decode(self, encoded: bytes) -> Any:
        """The batch again."""
        return pickle.loads(encoded)  # noqa: S301 - what this job has encoded itself

    def estimate_size(self, value: Any) -> int:
        """A guess."""
        return _GUESS

    def is_deterministic(self) -> bool:
        """No: equal batches may have different bytes."""
        return False

    def to_type_hint(self) -> Any:
        """Any batch."""
        return Any


for _batch in (
    MessageBatch,
    MeasurementBatch,
    IdentifiedBatch,
    SlotReadings,
    GroupBatch,
    ObservationBatch,
    LetterBatch,
):
    registry.register_coder(_batch, BatchCoder)
