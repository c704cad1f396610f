"""What each stage costs, in CPU microseconds of one core, measured in this process.

CPU time, not the clock: neighbours on the machine lengthen the one and hardly the
other. What a runner adds (Flink, Beam's workers) cannot be seen here; `sizing_check`
measures it on a real Flink.

A stage that works on a firing of a slot costs `fixed + new * per_new + rows * per_row`:
so much for being called, for each reading that arrived, and for each row of the file
that is read and written again. Three sizes of files and firings give the three.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import fleet
from benchmarks.fhir import instant_server
from benchmarks.measure import SEED
from benchmarks.sizing_inputs import Costs, FileBytes, Linear
from benchmarks.sizing_readings import alone, mappings, one_hour
from pipeline.fhir_draft import Outgoing
from pipeline.fhir_resources import Key
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_writer import ServerWriter
from pipeline.resource_files import save_resources
from pipeline.slot_files import write_parquet
from pipeline.store import store
from pipeline.upsert_files import Folder
from pipeline.write_observations import write_rows
from transforms import schema
from transforms.batch_coder import BatchCoder
from transforms.device_mapping import DeviceMapping
from transforms.fhir_mapping import FhirMapping
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.intake import Intake
from transforms.model import (
    GroupBatch,
    MessageBatch,
    ObservationBatch,
    Slot,
    SlotReadings,
)
from transforms.normalize import normalize
from transforms.observe import Observer
from transforms.readings import KEY, groups_of, to_table
from transforms.slot_state import Firing

SMALL, LARGE = (2_000, 50), (200_000, 4_000)
"""Rows of a slot's file, and readings of a firing."""

_BATCH = 500
"""Messages, as a bundle of a stream holds them."""

_SENT = 1_600
"""Observations that are sent at once, as `pipeline/write_fhir_server.py` does."""

_BY_KEY = [(name, "ascending") for name in KEY]
_BY_START = [(name, "ascending") for name in ("patient_id", "type", "effective_start")]

_CODER = BatchCoder()
"""As batches lie in the state."""

_SLOT = Slot(0, 60)
_FILE = "date=1970-01-01/T00-000"


def measured(rounds: int) -> Costs:
    """Measures all of it.

    Args:
        rounds: of which the median counts.
    """
    device, fhir = mappings()
    lines = tuple(
        line.rstrip() for line in fleet.generate(40_000, SEED, envelope=False)
    )
    batches = [
        MessageBatch("fleet:", tuple(range(len(some))), some)
        for some in (lines[n : n + _BATCH] for n in range(0, len(lines), _BATCH))
    ]
    normalize_us, group_us = _map_us(batches, device, fhir, rounds)
    readings = one_hour(device, fhir, sum(LARGE))
    stages = _Stages(fhir, readings)
    with tempfile.TemporaryDirectory(prefix="vitalbeam-sizing-") as folder:
        stage = partial(_fitted, rounds=rounds, root=Path(folder))
        with instant_server() as base:
            return Costs(
                normalize_us,
                group_us,
                stages.batch_us(rounds),
                stage(stages.store),
                stages.observe(rounds),
                stage(stages.observations),
                stage(stages.fhir_files),
                stage(partial(stages.fhir_server, base))._replace(per_row=0.0),
                stages.bytes_of_files(of_observations=False),
                stages.bytes_of_files(of_observations=True),
                _state_bytes(batches[:2], device, fhir),
                stages.store_memory(Path(folder)),
                stages.ndjson_bytes(),
                statistics.fmean(map(len, lines)),
            )


def _map_us(
    batches: list[MessageBatch], device: DeviceMapping, fhir: FhirMapping, rounds: int
) -> tuple[float, float]:
    messages = sum(len(batch.payloads) for batch in batches)
    normal: list[float] = []
    group: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        found = [normalize(batch, device, Intake()).measurements for batch in batches]
        middle = time.process_time()
        for some in found:
            collector = SlotCollector(fhir, 4, "")
            collector.add(identify(some, MessageIdentities(), "")[0])
            list(collector.drain())
        normal.append(middle - began)
        group.append(time.process_time() - middle)
    each = 1e6 / messages
    return statistics.median(normal) * each, statistics.median(group) * each


Prepared = Callable[[], object]
Stage = Callable[[Path, int, int], Prepared]
"""Folder, rows of the file and readings of the firing to what is then timed."""


def _fitted(stage: Stage, rounds: int, root: Path) -> Linear:
    """The three costs, from three sizes."""
    (few_rows, few), (many_rows, many) = SMALL, LARGE
    sizes = ((few_rows, few), (few_rows, many), (many_rows, few))
    times = [_median_us(stage, root, *size, rounds) for size in sizes]
    return solved(times)


def solved(times: list[float]) -> Linear:
    """Costs from the times of few rows and few new, then many new, then many rows."""
    (few_rows, few), (many_rows, many) = SMALL, LARGE
    base, with_new, with_rows = times
    per_new = max(0.0, (with_new - base) / (many - few))
    per_row = max(0.0, (with_rows - base) / (many_rows - few_rows))
    fixed = max(0.0, base - few * per_new - few_rows * per_row)
    return Linear(fixed, per_new, per_row)


def _median_us(stage: Stage, root: Path, rows: int, new: int, rounds: int) -> float:
    times = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=root) as folder:
            run = stage(Path(folder), rows, new)
            began = time.process_time()
            run()
            times.append((time.process_time() - began) * 1e6)
    return statistics.median(times)


def _state_bytes(
    batches: list[MessageBatch], device: DeviceMapping, fhir: FhirMapping
) -> Linear:
    """Bytes of a batch in the shuffle: for being one, and for each reading."""
    sizes = []
    found = [m for b in batches for m in normalize(b, device, Intake()).measurements]
    for some in (found[:1], found):
        collector = SlotCollector(fhir, 1, "")
        collector.add(identify(some, MessageIdentities(), "")[0])
        each = max(collector.drain(), key=lambda batch: batch.readings.num_rows)
        sizes.append((each.readings.num_rows, len(_CODER.encode(each))))
    (few, small), (many, large) = sizes
    per_new = (large - small) / (many - few)
    return Linear(small - few * per_new, per_new, 0.0)


class _Stages:
    """The stages after the shuffle, each ready to be timed alone."""

    def __init__(self, fhir: FhirMapping, readings: pa.Table) -> None:
        self._fhir = fhir
        self._readings = readings
        self._observer = Observer(fhir, "", "")
        self._observed: dict[tuple[int, int], ObservationBatch] = {}
        self._numbers = iter(range(10**6))

    def store(self, folder: Path, rows: int, new: int) -> Prepared:
        """A firing into the measurement table, and what it touched out of it."""
        root = Folder(str(folder))
        before, incoming = self._parts(rows, new)
        store(root, _SLOT, 0, before, Firing.EARLY)
        return partial(store, root, _SLOT, 0, incoming, Firing.EARLY)

    def batch_us(self, rounds: int) -> float:
        """One more batch of the same readings: out of the state, into a table."""
        few, many = (
            self._batches_us(self._readings.slice(0, _BATCH), size, rounds)
            for size in (_BATCH, 1)
        )
        return max(0.0, (many - few) / (_BATCH - 1))

    def _batches_us(self, table: pa.Table, size: int, rounds: int) -> float:
        encoded = [
            _CODER.encode(SlotReadings(0, _SLOT, each))
            for start in range(0, table.num_rows, size)
            for each in alone(table.slice(start, size)).to_batches()
        ]
        return statistics.median(
            _times(
                lambda: to_table(_CODER.decode(each).readings for each in encoded),
                rounds,
            )
        )

    def observations(self, folder: Path, rows: int, new: int) -> Prepared:
        """The rows of Observations into their table."""
        root = Folder(str(folder))
        write_rows(root, f"{_FILE}.parquet", self._batch(0, rows).rows)
        batch = self._batch(rows, new)
        return partial(write_rows, root, f"{_FILE}.parquet", batch.rows)

    def fhir_files(self, folder: Path, rows: int, new: int) -> Prepared:
        """Observations into their NDJSON file."""
        root = Folder(str(folder))
        before, after = self._batch(0, rows), self._batch(rows, new)
        name = f"{_FILE}.ndjson"
        save_resources(root, name, _resources(before))
        return partial(save_resources, root, name, _resources(after))

    def fhir_server(self, base: str, _folder: Path, _rows: int, new: int) -> Prepared:
        """Observations to a server that answers at once; whom they name is known."""
        server = FhirServer(base=f"{base}/{next(self._numbers)}")
        writer = ServerWriter(server, "")
        batch = self._batch(0, new)
        shells = {Key(*name): shell for name, shell in batch.shells.items()}
        writer.settle(shells)
        outgoing = list(map(Outgoing, batch.ids, batch.resources))
        parts = [outgoing[n : n + _SENT] for n in range(0, new, _SENT)]
        return lambda: [writer.write(part, shells) for part in parts]

    def observe(self, rounds: int) -> Linear:
        """Instants by number, and SampledData by number and readings."""
        few, many = SMALL[1], LARGE[1]
        base, more = (
            self._observe_us(self._groups(0, n, "heartRate"), rounds)
            for n in (few, many)
        )
        steps = self._groups(0, LARGE[0], "steps")
        per_new = max(0.0, (more - base) / (many - few))
        left = self._observe_us(steps, rounds) - per_new * len(steps.starts)
        per_reading = max(0.0, left / steps.readings.num_rows)
        return Linear(max(0.0, base - few * per_new), per_new, per_reading)

    def bytes_of_files(self, *, of_observations: bool) -> FileBytes:
        """Bytes of Parquet files: few readings of each device, and many."""
        known = []
        for rows in (0, SMALL[0], LARGE[0]):
            table = self._readings.slice(0, rows).sort_by(_BY_KEY)
            devices = pc.count_distinct(table["device_id"]).as_py()
            if of_observations:
                table = schema.OBSERVATION.empty_table()
                if rows:
                    table = self._batch(0, rows).rows.sort_by(_BY_START)
            known.append((table.num_rows, devices, len(write_parquet(table))))
        (_, _, fixed), *sizes = known
        rows_and_devices = np.array([size[:2] for size in sizes], float)
        left = np.array([size[2] - fixed for size in sizes], float)
        per_row, per_device = np.linalg.solve(rows_and_devices, left)
        return FileBytes(fixed, float(per_row), float(per_device))

    def store_memory(self, folder: Path) -> float:
        """Bytes of Arrow's memory at most while a large file is rewritten, a row."""
        run = self.store(folder, *LARGE)
        usual = pa.default_memory_pool()
        ours = pa.proxy_memory_pool(usual)  # nobody else has used it: its peak is ours
        pa.set_memory_pool(ours)
        try:
            run()
        finally:
            pa.set_memory_pool(usual)
        return (ours.max_memory() or 0) / sum(LARGE)

    def ndjson_bytes(self) -> float:
        """Mean of the Observations, one a line."""
        return statistics.fmean(map(len, self._batch(0, LARGE[0]).resources)) + 1

    def _parts(self, rows: int, new: int) -> tuple[pa.Table, pa.Table]:
        return self._readings.slice(0, rows), self._readings.slice(rows, new)

    def _groups(self, start: int, count: int, kind: str | None = None) -> GroupBatch:
        table = self._readings
        if kind is not None:
            table = table.filter(pc.equal(table["type"], kind))
        some = table.slice(start, count)
        touched, starts = groups_of([some], pc.unique(some["observation_id"]))
        return GroupBatch(_SLOT, 0, touched, starts)

    def _batch(self, start: int, count: int) -> ObservationBatch:
        known = self._observed.get((start, count))
        if known is None:
            (known,), _letters = self._observer.observe(self._groups(start, count))
            self._observed[start, count] = known
        return known

    def _observe_us(self, groups: GroupBatch, rounds: int) -> float:
        times = list(_times(partial(self._observer.observe, groups), rounds))
        return statistics.median(times)


def _resources(batch: ObservationBatch) -> dict[str, bytes]:
    return dict(zip(batch.ids, batch.resources, strict=True))


def _times(run: Prepared, rounds: int) -> Iterator[float]:
    for _ in range(rounds):
        began = time.process_time()
        run()
        yield (time.process_time() - began) * 1e6
