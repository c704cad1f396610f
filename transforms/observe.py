"""Observe: complete groups of readings in, Observations out.

Each Observation is computed anew from all its readings, so a late, repeated or
corrected reading needs no merge with what was written before. A batch of one slot gives
one batch out, in the same window; one of correlated readings gives a batch for each
date that any of them lies on. A repeated batch gives the same bytes.

Readings that cannot stand in one Observation together (samples that make a longer text
than R4 allows; `--compat=medtech`: several of a Quantity in one period) withdraw it,
and leave a dead letter that names the group and nothing of its readings: it is the same
whichever of them have arrived. Further readings do not mend such a group, but for this:
a text that is too long may be shortened by a correction to fewer digits, or when a
session turns out to begin earlier. Then the Observation is made, and the letter stays.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.window import GlobalWindows
from apache_beam.typehints.decorators import no_annotations

from transforms import schema
from transforms.errors import RecordError
from transforms.fhir_mapping import FhirMapping
from transforms.fhir_template import FhirTemplate
from transforms.identity import BY_MESSAGE, Identification
from transforms.model import (
    CORRELATED,
    DeadLetter,
    GroupBatch,
    LetterBatch,
    ObservationBatch,
)
from transforms.observation import FINAL, Mould
from transforms.observation_rows import Part, ValueRow, in_order, to_table
from transforms.observation_value import Reading
from transforms.plain_observations import plain_observations
from transforms.reading_columns import runs_of
from transforms.reading_group import readings_of
from transforms.sessions import by_first_date, later_dates
from transforms.shells import shells_of
from transforms.withdrawal import single_values, withdrawal_letters

STAGE = "Observe"

FEW = 48
"""Readings of a batch that are sooner filled one by one than asked column by column, as
a stream brings them."""


class Observed(NamedTuple):
    """The outputs of `Observe`; dead letters are in the global window."""

    observations: PCollection[ObservationBatch]
    dead_letters: PCollection[LetterBatch]


class Observer:
    """Makes Observations of groups; keeps one mould per type.

    Args:
        mapping: the compiled FHIR mapping.
        mapping_version: hash of the two mapping files.
        device_system: system of device identifiers; empty for none.
        identification: how the readings were identified.
        keep_groups: whether a sink needs the readings too.
    """

    def __init__(
        self,
        mapping: FhirMapping,
        mapping_version: str,
        device_system: str,
        identification: Identification = BY_MESSAGE,
        *,
        keep_groups: bool = False,
    ) -> None:
        self._mapping = mapping
        self._version = mapping_version
        self._device_system = device_system
        self._identification = identification
        self._keep_groups = keep_groups
        self._moulds: dict[str, Mould] = {}
        self._parts: dict[str, list[Mould]] = {}

    def observe(
        self, groups: GroupBatch
    ) -> tuple[list[ObservationBatch], list[DeadLetter]]:
        """Computes the Observation of every group, in the groups' order.

        Returns:
            Batches that say all that the files of their slot and date must hold and
            must no longer hold, by date; and a letter for each group that has none.
        """
        if groups.slot != CORRELATED:
            batch, letters = self._observe(groups, None)
            return [batch], letters
        return self._observe_by_date(groups)

    def _observe_by_date(
        self, groups: GroupBatch
    ) -> tuple[list[ObservationBatch], list[DeadLetter]]:
        """An Observation lies on the date of its first reading, and on no other."""
        batches: dict[int, ObservationBatch] = {}
        letters: list[DeadLetter] = []
        for date, part in by_first_date(groups):
            batches[date], more = self._observe(part, date)
            letters += more
        for date, ids in later_dates(groups).items():
            batch = batches.get(date) or _nothing(groups, date)
            batches[date] = batch._replace(removed=(*batch.removed, *ids))
        # The first date first: an Observation that moves is never nowhere.
        return [batches[date] for date in sorted(batches)], letters

    def _observe(
        self, groups: GroupBatch, date: int | None
    ) -> tuple[ObservationBatch, list[DeadLetter]]:
        count = len(groups.starts)
        runs = runs_of(groups.readings)
        all_ids = groups.readings["observation_id"]
        ids = all_ids.take(pa.array(groups.starts, pa.int64())).to_pylist()
        parts: list[Part] = []
        is_left = np.ones(count, bool)
        if groups.slot != CORRELATED and groups.readings.num_rows > FEW:
            parts = plain_observations(groups, runs, ids, self._mould, self._version)
            for part in parts:
                is_left[part.groups] = False
        withdrawn: list[tuple[str, str]] = []
        letters: list[DeadLetter] = []
        if is_left.any():
            left = np.flatnonzero(is_left)
            parts.append(self._fill(groups, left, withdrawn, letters))
        made, resources, rows = in_order(parts)
        batch = ObservationBatch(
            groups.slot,
            groups.shard,
            [ids[number] for number in made] if withdrawn else ids,
            resources,
            rows,
            self._shells(runs.heads),
            tuple(resource_id for resource_id, _identifier in withdrawn),
            date,
            tuple(withdrawn),
            groups if self._keep_groups else None,
            groups.version,
            groups.arrived,
        )
        return batch, letters

    def _fill(
        self,
        groups: GroupBatch,
        left: np.ndarray,
        withdrawn: list[tuple[str, str]],
        letters: list[DeadLetter],
    ) -> Part:
        """The Observations of some groups, one by one; adds those that have none."""
        made: list[int] = []
        resources: list[bytes] = []
        rows: list[ValueRow] = []
        group_of_row: list[int] = []
        for number, group, status in _some(groups, left):
            first = group[0]
            mould = self._mould(first.type)
            try:
                resource, values = mould.fill(group, status)
            except RecordError as error:
                withdrawn.append((first.observation_id, mould.identifier(first)))
                letters += withdrawal_letters(
                    STAGE,
                    self._causes(group) or [error],
                    groups.readings.slice(groups.starts[number], 1),
                    self._template(first.type),
                    self._version,
                )
                continue
            made.append(number)
            resources.append(resource)
            rows += values
            group_of_row += [number] * len(values)
        return Part(
            np.array(made, np.int64),
            resources,
            to_table(rows),
            np.array(group_of_row, np.int64),
        )

    def _shells(self, heads: pa.Table) -> dict[tuple[str, str], bytes]:
        """Whom Observations refer to; the withdrawn ones too, to whom they did."""
        shells = self._identification.shells
        if shells == "none":
            return {}
        return shells_of(
            heads,
            self._device_system,
            linked=shells == "linked",
            ours_only=self._identification.by_server,
        )

    def _causes(self, group: list[Reading]) -> list[RecordError]:
        """What is wrong with each value of a group, not only with the first one."""
        type_name = group[0].type
        if type_name not in self._parts:
            parts = single_values(self._template(type_name))
            self._parts[type_name] = [self._made(part, type_name) for part in parts]
        causes = []
        for mould in self._parts[type_name]:
            try:
                mould.fill(group)
            except RecordError as error:
                causes.append(error)
        return causes

    def _mould(self, type_name: str) -> Mould:
        mould = self._moulds.get(type_name)
        if mould is None:
            mould = self._made(self._template(type_name), type_name)
            self._moulds[type_name] = mould
        return mould

    def _made(self, template: FhirTemplate, type_name: str) -> Mould:
        return Mould(
            template,
            type_name,
            self._version,
            self._mapping.rules,
            encounters_found=self._identification.by_server,
        )

    def _template(self, type_name: str) -> FhirTemplate:
        template = self._mapping.template(type_name)
        if template is None:
            # Group lets no such type pass: the store was made with another mapping.
            msg = f"the store holds type {type_name!r}, which the FHIR mapping lacks"
            raise LookupError(msg)
        return template


def _nothing(groups: GroupBatch, date: int) -> ObservationBatch:
    rows = schema.OBSERVATION.empty_table()
    return ObservationBatch(
        groups.slot, groups.shard, [], [], rows, {}, (), date, version=groups.version
    )


def _some(
    groups: GroupBatch, numbers: np.ndarray
) -> Iterator[tuple[int, list[Reading], str]]:
    """Number, readings and status of some groups."""
    starts = np.asarray(groups.starts, np.int64)
    counts = np.diff(starts, append=groups.readings.num_rows)
    table = groups.readings
    if len(numbers) < len(starts):
        is_wanted = np.zeros(len(starts), bool)
        is_wanted[numbers] = True
        table = table.take(pa.array(np.flatnonzero(np.repeat(is_wanted, counts))))
    readings = readings_of(table)
    statuses = groups.statuses or (FINAL,) * len(starts)
    begin = 0
    for number, count in zip(numbers.tolist(), counts[numbers].tolist(), strict=True):
        yield number, readings[begin : begin + count], statuses[number]
        begin += count


class _ObserveGroups(beam.DoFn):
    def __init__(
        self,
        mapping: FhirMapping,
        mapping_version: str,
        device_system: str,
        identification: Identification,
        keep_groups: bool,
    ) -> None:
        self._settings = (mapping, mapping_version, device_system, identification)
        self._keep_groups = keep_groups
        self._groups = Metrics.counter(STAGE, "MeasurementGroup")

    def setup(self) -> None:
        self._observer = Observer(*self._settings, keep_groups=self._keep_groups)

    def process(self, groups: GroupBatch) -> Iterator[Any]:
        self._groups.inc(len(groups.starts))
        batches, letters = self._observer.observe(groups)
        yield from batches
        if letters:
            yield TaggedOutput("dead_letters", LetterBatch(letters))


@dataclasses.dataclass
class Observe(beam.PTransform):
    """Groups to Observations.

    Args:
        mapping: the compiled FHIR mapping.
        mapping_version: hash of the two mapping files.
        device_system: system of device identifiers; empty for none.
        identification: how the readings were identified.
        keep_groups: whether a sink needs the readings too.
    """

    mapping: FhirMapping
    mapping_version: str
    device_system: str
    identification: Identification = BY_MESSAGE
    keep_groups: bool = False

    @no_annotations  # Beam reads no NamedTuple of outputs
    def expand(self, groups: PCollection[GroupBatch]) -> Observed:
        """Wires the stage."""
        observe = _ObserveGroups(
            self.mapping,
            self.mapping_version,
            self.device_system,
            self.identification,
            self.keep_groups,
        )
        split = groups | "ObserveGroups" >> beam.ParDo(observe).with_output_types(
            ObservationBatch
        ).with_outputs("dead_letters", main="observations")
        letters = split.dead_letters | "OutOfSlots" >> beam.WindowInto(GlobalWindows())
        return Observed(split.observations, letters)
