"""Rows of Observations in the observation table."""

import random

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.upsert_files import Folder
from pipeline.write_observations import WriteObservations, replace_rows, write_rows
from transforms.model import CORRELATED, ObservationBatch, Slot
from transforms.schema import OBSERVATION


def table(*rows):
    """Rows of (observation, patient, second, component, value)."""
    columns = [pa.nulls(len(rows), field.type) for field in OBSERVATION]
    names = ("observation_id", "patient_id", "effective_start", "component_code")
    filled = dict(zip((*names, "value_text"), zip(*rows, strict=True), strict=True))
    for name, values in filled.items():
        at = OBSERVATION.get_field_index(name)
        columns[at] = pa.array(values, pa.int64() if "start" in name else pa.string())
        columns[at] = columns[at].cast(OBSERVATION.field(at).type)
    return pa.Table.from_arrays(columns, schema=OBSERVATION)


EMPTY = OBSERVATION.empty_table()
SYS, DIA = ("o1", "p1", 5, "8480-6", "120"), ("o1", "p1", 5, "8462-4", "80")
LATER, OTHER = ("o2", "p1", 9, None, "72"), ("o0", "p2", 1, None, "71")


@pytest.mark.parametrize(
    ("stored", "rows", "expected"),
    [
        (EMPTY, EMPTY, EMPTY),
        (EMPTY, table(LATER, SYS), table(SYS, LATER)),
        (table(LATER), EMPTY, table(LATER)),
        (table(LATER), table(OTHER, SYS, DIA), table(DIA, SYS, LATER, OTHER)),
        (table(DIA, SYS, OTHER), table(DIA), table(DIA, OTHER)),
        (table(LATER), table(("o2", "p1", 9, None, "73")), None),
    ],
)
def test_rows_replace_all_rows_of_their_observations(stored, rows, expected):
    expected = rows if expected is None else expected
    replaced = replace_rows(stored, rows)
    assert replaced.equals(expected, check_metadata=True)


@pytest.mark.parametrize(
    ("stored", "rows", "removed", "expected"),
    [
        (EMPTY, EMPTY, ["o1"], EMPTY),
        (table(DIA, SYS, LATER), EMPTY, ["o1"], table(LATER)),
        (table(DIA, SYS, LATER), EMPTY, ["o2", "o1", "x"], EMPTY),
        (table(DIA, SYS, LATER), table(OTHER), ["o1"], table(LATER, OTHER)),
        (table(DIA, SYS), EMPTY, ["x"], table(DIA, SYS)),
    ],
)
def test_rows_of_removed_observations_go(stored, rows, removed, expected):
    replaced = replace_rows(stored, rows, removed)
    assert replaced.equals(expected, check_metadata=True)


def test_a_file_of_which_nothing_is_left_does_not_tell_what_it_held(tmp_path):
    folder = Folder(str(tmp_path))
    write_rows(folder, "emptied", table(SYS, DIA))
    for name in ("emptied", "never filled"):
        write_rows(folder, name, EMPTY, ["o1"])
    assert folder.read("emptied") == folder.read("never filled")
    assert pq.read_table(tmp_path / "emptied").equals(EMPTY, check_metadata=True)


def test_the_file_is_the_same_in_whatever_order_observations_come(tmp_path):
    groups = [table(SYS, DIA), table(LATER), table(OTHER), table(SYS, DIA)]
    contents = set()
    for seed in range(8):
        folder = Folder(f"{tmp_path}/{seed}")
        for rows in random.Random(seed).sample(groups, 4):
            write_rows(folder, "file.parquet", rows)
        contents.add(folder.read("file.parquet"))
    (content,) = contents
    written = pq.read_table(pa.BufferReader(content))
    assert written.equals(table(DIA, SYS, LATER, OTHER), check_metadata=True)


def session(date, rows, removed=()):
    ids = rows["observation_id"].to_pylist()
    lines = [b"{}"] * len(ids)
    return ObservationBatch(CORRELATED, 2, ids, lines, rows, {}, tuple(removed), date)


def test_the_stage_writes_each_batch_to_the_file_of_its_slot(tmp_path):
    hour = 3_600_000_000
    batches = [
        ObservationBatch(Slot(0, 60), 0, ["o2"], [b"{}"], table(LATER), {}),
        ObservationBatch(Slot(0, 60), 0, ["o1"], [b"{}"], table(SYS, DIA), {}),
        ObservationBatch(Slot(0, 60), 1, ["o0"], [b"{}"], table(OTHER), {}),
        ObservationBatch(Slot(24 * hour, 1440), 0, ["o0"], [b"{}"], table(OTHER), {}),
        session(24 * hour, table(LATER)),
        session(0, table(("o2", "p1", 3, None, "72"))),
        session(24 * hour, EMPTY, ["o2"]),
    ]
    with beam.Pipeline(runner="FnApiRunner") as root:
        observations = root | beam.Create(batches, reshuffle=False)
        observations | WriteObservations(Folder(str(tmp_path)))
    written = {
        str(path.relative_to(tmp_path)): pq.ParquetFile(path).read()
        for path in tmp_path.rglob("*.parquet")
    }
    assert written == {
        "date=1970-01-01/T00-000.parquet": table(DIA, SYS, LATER),
        "date=1970-01-01/T00-001.parquet": table(OTHER),
        "date=1970-01-02/day-000.parquet": table(OTHER),
        "date=1970-01-01/correlated-002.parquet": table(("o2", "p1", 3, None, "72")),
        "date=1970-01-02/correlated-002.parquet": EMPTY,
    }
