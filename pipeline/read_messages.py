"""ReadMessages: slices of files in, batches of raw messages out.

Each slice is read from its offset; a repeated bundle reads the same messages again.
Order within a slice is that of the file.
"""

import dataclasses
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection

from pipeline.message_files import Slice, read_slice
from transforms.model import MessageBatch


@dataclasses.dataclass
class ReadMessages(beam.PTransform):
    """Reads the slices.

    Args:
        slices: what to read.
        distribute: spread the slices over the workers of a cluster.
    """

    slices: Sequence[Slice]
    distribute: bool = False

    def expand(self, root: PBegin) -> PCollection[MessageBatch]:
        """Wires the stage."""
        slices = root | beam.Create(list(self.slices), reshuffle=False)
        if self.distribute:
            slices |= beam.Reshuffle()
        return slices | "Read" >> beam.FlatMap(read_slice).with_output_types(
            MessageBatch
        )
