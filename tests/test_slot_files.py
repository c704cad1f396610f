"""Names and content of the files of a slot."""

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.slot_files import read_parquet, slot_file, write_parquet
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.model import Slot


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


def test_equal_tables_have_equal_files():
    table = pa.table({"patient_id": ["a", "b"]})
    parts = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert write_parquet(table) == write_parquet(parts.combine_chunks())
