"""What a run would do with some messages: the same functions, nothing written.

All messages are held in memory: preview is for samples.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from pipeline.identity_modes import Identifying, by_message
from pipeline.mappings import Mappings
from pipeline.message_files import read_slice, slices_of
from transforms.dead_letters import measurement_document
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.intake import Intake
from transforms.model import DeadLetter, GroupBatch, Measurement, ObservationBatch
from transforms.normalize import normalize
from transforms.observe import Observer
from transforms.readings import to_table, upsert
from transforms.schema import MEASUREMENT
from transforms.shells import merge_shells

_SLICE = 1 << 28


class Preview(NamedTuple):
    """What a run would make of some messages."""

    messages: int
    unmatched: int
    measurements: list[Measurement]
    """In input order."""
    lines: list[bytes]
    """Patients, Devices, then Observations by effective start and id, as JSON."""
    dead_letters: list[DeadLetter]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources parsed; their numbers may lose digits by that."""
        return [orjson.loads(line) for line in self.lines]


def preview(
    mappings: Mappings,
    paths: Iterable[str],
    intake: Intake,
    device_system: str,
    identifying: Identifying | None = None,
) -> Preview:
    """Runs messages through the mapping.

    Args:
        mappings: the compiled mappings; without a FHIR mapping it ends after the
            measurements.
        paths: files of messages.
        intake: how messages are taken in.
        device_system: system of device identifiers; empty for none.
        identifying: who knows whom measurements belong to; None for the messages alone.
    """
    if mappings.device is None:
        msg = "a preview needs a device mapping"
        raise ValueError(msg)
    identifying = identifying or by_message(device_system)
    messages = unmatched = 0
    measurements: list[Measurement] = []
    letters: list[DeadLetter] = []
    collector = None
    if mappings.fhir is not None:
        collector = SlotCollector(mappings.fhir, 1, mappings.version)
    parts = (part for path in paths for part in slices_of(path, _SLICE))
    for batch in (batch for part in parts for batch in read_slice(part)):
        normalized = normalize(batch, mappings.device, intake)
        messages += len(batch.payloads)
        unmatched += normalized.unmatched
        measurements += normalized.measurements
        letters += normalized.dead_letters
        if collector is not None:
            known, lost = identify(
                normalized.measurements, identifying.identities, mappings.version
            )
            letters += lost
            letters += collector.add(known)
    lines: list[bytes] = []
    if collector is not None and mappings.fhir is not None:
        observer = Observer(
            mappings.fhir, mappings.version, device_system, identifying.identification
        )
        lines, withdrawn = _observe(collector, observer)
        letters += withdrawn
    return Preview(messages, unmatched, measurements, lines, letters)


def _observe(
    collector: SlotCollector, observer: Observer
) -> tuple[list[bytes], list[DeadLetter]]:
    shells: dict[tuple[str, str], bytes] = {}
    observations: list[tuple[int, str, bytes]] = []
    letters: list[DeadLetter] = []
    nothing = MEASUREMENT.empty_table()
    for shard, slot, readings in collector.drain():
        done = upsert(nothing, to_table([readings]))
        batches, lost = observer.observe(
            GroupBatch(slot, shard, done.touched, done.starts)
        )
        letters += lost
        for batch in batches:
            observations += _by_start(batch)
            for key, shell in batch.shells.items():
                shells[key] = merge_shells(shells.get(key), shell)
    first = sorted(shells, key=lambda key: (key[0] != "Patient", key[1]))
    ordered = [*(shells[key] for key in first), *(o[2] for o in sorted(observations))]
    return ordered, letters


def _by_start(batch: ObservationBatch) -> Iterator[tuple[int, str, bytes]]:
    starts = batch.rows["effective_start"].cast("int64").to_pylist()
    ids = batch.rows["observation_id"].to_pylist()
    start_of = dict(zip(ids, starts, strict=True))
    for resource_id, resource in zip(batch.ids, batch.resources, strict=True):
        yield start_of[resource_id], resource_id, resource


def json_lines(found: Preview) -> Iterable[bytes]:
    """The preview as JSON lines: measurements, then resources, then dead letters."""
    for measurement in found.measurements:
        document = measurement_document(measurement)
        head = {"kind": "measurement", "source": measurement.source}
        yield orjson.dumps({**head, **document})
    for resource in found.lines:
        # As it would be written: parsing would lose digits of its numbers.
        yield b'{"kind":"resource","resource":' + resource + b"}"
    for letter in found.dead_letters:
        yield orjson.dumps({"kind": "dead_letter", **letter.document()})
