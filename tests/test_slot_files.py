"""Names and content of the files of a slot."""

import datetime
import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.slot_files import (
    correlated_file,
    read_observations,
    read_parquet,
    slot_file,
    write_parquet,
)
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.model import CORRELATED, Slot


def micros(*parts):
    moment = datetime.datetime(*parts, tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("slot", "shard", "expected"),
    [
        (Slot(micros(2026, 10, 4, 5), 60), 3, "date=2026-10-04/T05-003.parquet"),
        (Slot(micros(2026, 10, 4, 0), 60), 0, "date=2026-10-04/T00-000.parquet"),
        (Slot(micros(2026, 10, 4, 23), 60), 998, "date=2026-10-04/T23-998.parquet"),
        (Slot(micros(2026, 10, 4), 1440), 7, "date=2026-10-04/day-007.parquet"),
        (Slot(0, 60), 0, "date=1970-01-01/T00-000.parquet"),
        (Slot(micros(1969, 12, 31, 23), 60), 0, "date=1969-12-31/T23-000.parquet"),
        (Slot(micros(2024, 2, 29), 1440), 1, "date=2024-02-29/day-001.parquet"),
    ],
)
def test_a_file_is_named_by_its_utc_slot_and_shard(slot, shard, expected):
    assert slot_file(slot, shard, ".parquet") == expected


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (micros(2026, 10, 4), "date=2026-10-04/correlated-003.ndjson"),
        (micros(2026, 10, 4, 23, 59, 59), "date=2026-10-04/correlated-003.ndjson"),
        (micros(1969, 12, 31, 23), "date=1969-12-31/correlated-003.ndjson"),
    ],
)
def test_a_slot_without_hours_has_a_file_for_each_date(date, expected):
    assert slot_file(CORRELATED, 3, ".ndjson", date) == expected
    assert expected.endswith(f"/{correlated_file(3, '.ndjson')}")


def test_a_slot_without_hours_has_no_file_without_a_date():
    with pytest.raises(ValueError, match="a file for each date"):
        slot_file(CORRELATED, 3, ".ndjson")


@pytest.mark.parametrize("table_schema", [schema.MEASUREMENT, schema.OBSERVATION])
@pytest.mark.parametrize("rows", [0, 1, 1000])
def test_a_table_survives_its_file_with_its_dictionary(table_schema, rows):
    table = table_schema.empty_table()
    if rows:
        nulls = [pa.nulls(rows, field.type) for field in table_schema]
        table = pa.Table.from_arrays(nulls, schema=table_schema)
        names = pa.array([f"patient {row} é" for row in range(rows)])
        at = table_schema.get_field_index("patient_id")
        table = table.set_column(at, table_schema.field(at), names)
    content = write_parquet(table)
    revived = read_parquet(Folder("store"), "a.parquet", content, table_schema)
    assert revived.equals(table, check_metadata=True)
    stored = pq.read_schema(pa.BufferReader(content)).remove_metadata()
    assert stored.equals(table_schema, check_metadata=True)


def test_a_file_is_compressed_and_has_statistics_and_page_index():
    ids = pa.array(["a", "b"])
    content = write_parquet(pa.table({"patient_id": ids}))
    column = pq.ParquetFile(pa.BufferReader(content)).metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert (column.statistics.min, column.statistics.max) == ("a", "b")
    assert column.has_offset_index
    assert column.has_column_index


def test_only_a_large_file_has_dictionaries():
    for rows, has_dictionary in ((1_000, False), (40_000, True)):
        content = write_parquet(pa.table({"patient_id": ["a", "b"] * (rows // 2)}))
        metadata = pq.ParquetFile(pa.BufferReader(content)).metadata
        column = metadata.row_group(0).column(0)
        assert column.has_dictionary_page is has_dictionary


def test_equal_tables_have_equal_files():
    table = pa.table({"patient_id": ["a", "b"]})
    parts = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert write_parquet(table) == write_parquet(parts.combine_chunks())


ROWS = pa.table({"observation_id": ["a", "b", "a"], "value": [1, 2, 3]})


def observations_of(content, *ids, expected=ROWS.schema):
    wanted = pa.array(ids, pa.string())
    file = pa.BufferReader(content)
    return read_observations(Folder("store"), "a.parquet", file, wanted, expected)


def test_observations_are_found_in_a_file():
    content = write_parquet(ROWS)
    assert observations_of(content, "a", "x") == ROWS.take([0, 2])
    assert observations_of(content, "b") == ROWS.take([1])
    assert observations_of(content, "x") is None
    assert observations_of(write_parquet(ROWS.slice(0, 0)), "a") is None


def test_of_a_file_without_the_observations_no_more_is_read_than_ids():
    class Watched:
        """A file that counts the bytes read of it."""

        def __init__(self, content):
            self.file, self.count, self.closed = io.BytesIO(content), 0, False

        def read(self, size=-1):
            found = self.file.read(size)
            self.count += len(found)
            return found

        def __getattr__(self, name):
            return getattr(self.file, name)

    noise = pa.array([random.Random(7).randbytes(1 << 20)])
    content = write_parquet(pa.table({"observation_id": ["a"], "value": noise}))
    watched = Watched(content)
    file = pa.PythonFile(watched, mode="r")
    wanted = pa.array(["x"])
    assert read_observations(Folder("s"), "a", file, wanted, ROWS.schema) is None
    assert watched.count < len(content) // 10


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ROWS.schema),
        (b"PAR1 no table PAR1", ROWS.schema),
        (write_parquet(pa.table({"value": [1]})), ROWS.schema),
        (write_parquet(ROWS), schema.MEASUREMENT),
    ],
)
def test_a_damaged_file_is_named(content, expected):
    with pytest.raises(OSError, match=r"^store/a\.parquet is damaged or not a table"):
        observations_of(content, "a", expected=expected)
    with pytest.raises(OSError, match=r"^store/a\.parquet is damaged or not a table"):
        read_parquet(Folder("store"), "a.parquet", content, expected)
