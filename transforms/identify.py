"""Identify: measurements in, measurements with FHIR ids out.

In `create` mode a pure function of the message: no order, no lateness, no state.
A measurement without a patient is a dead letter with the normalized measurement.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.typehints.decorators import no_annotations

from transforms.dead_letters import fold, measurement_letter
from transforms.errors import ResourceIdentityNotDefinedError
from transforms.identity import create_identity
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
    measurements: list[Measurement], device_system: str, mapping_version: str
) -> tuple[IdentifiedBatch, list[DeadLetter]]:
    """Resolves whom each measurement belongs to.

    Args:
        measurements: as Normalize gives them.
        device_system: system of device identifiers; empty for none.
        mapping_version: hash of the two mapping files.

    Returns:
        The identified measurements in their order, and a letter for each other one.
    """
    known: list[Measurement] = []
    identities = []
    letters = []
    for measurement in measurements:
        try:
            identity = create_identity(measurement, device_system)
        except ResourceIdentityNotDefinedError as error:
            letters.append(
                measurement_letter(STAGE, error, measurement, mapping_version)
            )
            continue
        known.append(measurement)
        identities.append(identity)
    return IdentifiedBatch(known, identities), fold(letters)


class _IdentifyBatch(beam.DoFn):
    def __init__(self, device_system: str, mapping_version: str) -> None:
        self._device_system = device_system
        self._mapping_version = mapping_version

    def process(self, normalized: MeasurementBatch) -> Iterator[Any]:
        batch, letters = identify(
            normalized.measurements, self._device_system, self._mapping_version
        )
        if batch.measurements:
            yield batch
        if letters:
            yield TaggedOutput("dead_letters", LetterBatch(letters))


@dataclasses.dataclass
class Identify(beam.PTransform):
    """Measurements to identified measurements; both outputs keep the window.

    Args:
        device_system: system of device identifiers; empty for none.
        mapping_version: hash of the two mapping files.
    """

    device_system: str
    mapping_version: str

    @no_annotations  # Beam reads no NamedTuple of outputs
    def expand(self, measurements: PCollection[MeasurementBatch]) -> Identified:
        """Wires the stage."""
        identify_batch = _IdentifyBatch(self.device_system, self.mapping_version)
        split = measurements | beam.ParDo(identify_batch).with_output_types(
            IdentifiedBatch
        ).with_outputs("dead_letters", main="measurements")
        return Identified(split.measurements, split.dead_letters)
