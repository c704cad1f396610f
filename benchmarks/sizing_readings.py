"""Readings of the fleet, as the stages that are measured want them."""

import itertools

import numpy as np
import pyarrow as pa

from benchmarks import fleet
from benchmarks.measure import FLEET, SEED
from pipeline.mappings import load_mappings
from transforms.device_mapping import DeviceMapping
from transforms.fhir_mapping import FhirMapping
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.intake import Intake
from transforms.model import MessageBatch
from transforms.normalize import normalize
from transforms.readings import to_table


def mappings() -> tuple[DeviceMapping, FhirMapping]:
    """Those of the fleet.

    Raises:
        FileNotFoundError: one is missing.
    """
    found = load_mappings(FLEET / "device.json", FLEET / "fhir.json")
    if found.device is None or found.fhir is None:
        msg = "the fleet has both mappings"
        raise FileNotFoundError(msg)
    return found.device, found.fhir


def one_hour(device: DeviceMapping, fhir: FhirMapping, readings: int) -> pa.Table:
    """Readings of one hour, in no order.

    Those of a day of so many people as send so much in an hour, all moved into one.

    Args:
        device: mapping of the fleet.
        fhir: mapping of the fleet.
        readings: how many, about, and hardly less.
    """
    messages = round(1.1 * readings)
    people = messages * 24 // fleet.MESSAGES_PER_PERSON
    collector = SlotCollector(fhir, 1, "")
    lines = fleet.generate(messages, SEED, people=people)
    while some := tuple(line.rstrip() for line in itertools.islice(lines, 10_000)):
        batch = MessageBatch("topic 0:", tuple(range(len(some))), some)
        measurements = normalize(batch, device, Intake()).measurements
        collector.add(identify(measurements, MessageIdentities(), "")[0])
    table = to_table([each.readings for each in collector.drain()])
    at = table.schema.get_field_index("occurred_at")
    micros = table["occurred_at"].cast(pa.int64()).to_numpy() % (3600 * 10**6)
    moved = pa.array(micros).cast(table.schema.field(at).type)
    table = table.set_column(at, table.schema.field(at), moved).combine_chunks()
    shuffled = np.random.default_rng(SEED).permutation(table.num_rows)
    return table.take(pa.array(shuffled))


def alone(part: pa.Table) -> pa.Table:
    """A part of a table without the rest of its memory, as what readings share is."""
    shared = ("type", "value_name", "code_system", "code", "code_display", "unit")
    part = part.take(pa.array(range(part.num_rows)))
    for name in (*shared, "mapping_version"):
        column = part[name].combine_chunks().dictionary_encode()
        part = part.set_column(part.schema.get_field_index(name), name, column)
    return part.combine_chunks()
