"""Observe: complete groups of readings in, Observations out.

Each Observation is computed anew from all its readings, so a late, repeated or
corrected reading needs no merge with what was written before. One batch out per batch
in, in the same window; a repeated batch gives the same bytes.
"""

import dataclasses

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection

from transforms import schema
from transforms.fhir_mapping import FhirMapping
from transforms.model import GroupBatch, ObservationBatch
from transforms.observation import Mould, ValueRow
from transforms.observation_value import Reading
from transforms.shells import shells_of

STAGE = "Observe"


class Observer:
    """Makes Observations of groups; keeps one mould per type.

    Args:
        mapping: the compiled FHIR mapping.
        mapping_version: hash of the two mapping files.
        device_system: system of device identifiers; empty for none.
    """

    def __init__(
        self, mapping: FhirMapping, mapping_version: str, device_system: str
    ) -> None:
        self._mapping = mapping
        self._version = mapping_version
        self._device_system = device_system
        self._moulds: dict[str, Mould] = {}

    def observe(self, groups: GroupBatch) -> ObservationBatch:
        """Computes the Observation of every group, in the groups' order."""
        readings = _readings(groups.readings)
        ends = (*groups.starts[1:], len(readings))
        ids: list[str] = []
        resources: list[bytes] = []
        rows: list[ValueRow] = []
        for start, end in zip(groups.starts, ends, strict=True):
            group = readings[start:end]
            first = group[0]
            mould = self._moulds.get(first.type) or self._mould(first.type)
            resource, values = mould.fill(group)
            ids.append(first.observation_id)
            resources.append(resource)
            rows += values
        return ObservationBatch(
            groups.slot,
            groups.shard,
            ids,
            resources,
            _table(rows),
            shells_of(groups.readings, self._device_system),
        )

    def _mould(self, type_name: str) -> Mould:
        template = self._mapping.template(type_name)
        if template is None:
            # Group lets no such type pass: the store was made with another mapping.
            msg = f"the store holds type {type_name!r}, which the FHIR mapping lacks"
            raise LookupError(msg)
        mould = self._moulds[type_name] = Mould(template, type_name, self._version)
        return mould


def _readings(table: pa.Table) -> list[Reading]:
    lists = []
    for name in Reading._fields:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())  # datetimes cost 20 times as much
        lists.append(column.to_pylist())
    return list(map(Reading._make, zip(*lists, strict=True)))


def _table(rows: list[ValueRow]) -> pa.Table:
    if not rows:
        return schema.OBSERVATION.empty_table()
    arrays = []
    for field, values in zip(schema.OBSERVATION, zip(*rows, strict=True), strict=True):
        if pa.types.is_timestamp(field.type):
            arrays.append(pa.array(values, pa.int64()).cast(field.type))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=schema.OBSERVATION)


class _ObserveGroups(beam.DoFn):
    def __init__(
        self, mapping: FhirMapping, mapping_version: str, device_system: str
    ) -> None:
        self._settings = (mapping, mapping_version, device_system)
        self._groups = Metrics.counter(STAGE, "MeasurementGroup")

    def setup(self) -> None:
        self._observer = Observer(*self._settings)

    def process(self, groups: GroupBatch) -> list[ObservationBatch]:
        self._groups.inc(len(groups.starts))
        return [self._observer.observe(groups)]


@dataclasses.dataclass
class Observe(beam.PTransform):
    """Groups to Observations.

    Args:
        mapping: the compiled FHIR mapping.
        mapping_version: hash of the two mapping files.
        device_system: system of device identifiers; empty for none.
    """

    mapping: FhirMapping
    mapping_version: str
    device_system: str

    def expand(self, groups: PCollection[GroupBatch]) -> PCollection[ObservationBatch]:
        """Wires the stage."""
        return groups | beam.ParDo(
            _ObserveGroups(self.mapping, self.mapping_version, self.device_system)
        ).with_output_types(ObservationBatch)
