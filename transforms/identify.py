"""Identify: measurements in, measurements with FHIR ids out.

Without a server a pure function of the message: no order, no lateness, no state. A
server is asked about a batch at once, and again for a repeated batch: it creates what
is missing at most once. A measurement whose patient, device or encounter is not known,
or is known to be another's, is a dead letter with the normalized measurement.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.typehints.decorators import no_annotations

from transforms.dead_letters import fold, measurement_letter
from transforms.errors import RecordError
from transforms.identity import Identities
from transforms.model import (
    DeadLetter,
    IdentifiedBatch,
    LetterBatch,
    Measurement,
    MeasurementBatch,
)

STAGE = "Identify"


class Identified(NamedTuple):
    """The outputs of `Identify`."""

    measurements: PCollection[IdentifiedBatch]
    dead_letters: PCollection[LetterBatch]


def identify(
    measurements: list[Measurement], identities: Identities, mapping_version: str
) -> tuple[IdentifiedBatch, list[DeadLetter]]:
    """Resolves whom each measurement belongs to.

    Args:
        measurements: as Normalize gives them.
        identities: knows whom they belong to.
        mapping_version: hash of the two mapping files.

    Returns:
        The identified measurements in their order, and a letter for each other one.
    """
    known: list[Measurement] = []
    found = []
    letters = []
    resolved = identities.resolve(measurements)
    for measurement, identity in zip(measurements, resolved, strict=True):
        if isinstance(identity, RecordError):
            letters.append(
                measurement_letter(STAGE, identity, measurement, mapping_version)
            )
            continue
        known.append(measurement)
        found.append(identity)
    return IdentifiedBatch(known, found), fold(letters)


class _IdentifyBatch(beam.DoFn):
    def __init__(self, identities: Identities, mapping_version: str) -> None:
        self._identities = identities
        self._mapping_version = mapping_version

    def process(self, normalized: MeasurementBatch) -> Iterator[Any]:
        batch, letters = identify(
            normalized.measurements, self._identities, self._mapping_version
        )
        if batch.measurements:
            yield batch
        if letters:
            yield TaggedOutput("dead_letters", LetterBatch(letters))


@dataclasses.dataclass
class Identify(beam.PTransform):
    """Measurements to identified measurements; both outputs keep the window.

    Args:
        identities: knows whom measurements belong to.
        mapping_version: hash of the two mapping files.
    """

    identities: Identities
    mapping_version: str

    @no_annotations  # Beam reads no NamedTuple of outputs
    def expand(self, measurements: PCollection[MeasurementBatch]) -> Identified:
        """Wires the stage."""
        identify_batch = _IdentifyBatch(self.identities, self.mapping_version)
        split = measurements | beam.ParDo(identify_batch).with_output_types(
            IdentifiedBatch
        ).with_outputs("dead_letters", main="measurements")
        return Identified(split.measurements, split.dead_letters)
