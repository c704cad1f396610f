"""Names of files: a function of slot and shard, nothing else."""

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.upsert_files import Folder
from transforms.instants import HOUR, iso_date
from transforms.model import Slot


def slot_file(slot: Slot, shard: int, suffix: str) -> str:
    """Path of a slot's file below its table's folder.

    Returns:
        `date=2026-10-04/T05-003.parquet` for an hour, `date=2026-10-04/day-003.parquet`
        for a day: hive partitions by UTC date.
    """
    hour = f"T{slot.start // HOUR % 24:02}" if slot.minutes == 60 else "day"
    return f"date={iso_date(slot.start)}/{hour}-{shard:03}{suffix}"


def read_parquet(
    folder: Folder, name: str, content: bytes, schema: pa.Schema
) -> pa.Table:
    """A table from a whole Parquet file.

    Args:
        folder: where the file lies, for the message of an error.
        name: the file below it.
        content: all of it.
        schema: what it must hold.

    Raises:
        OSError: the file is damaged, or holds something else.
    """
    try:
        # Half the time of read_table for the small files of a slot.
        table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
        return table.cast(schema)
    except (pa.ArrowException, OSError) as error:
        msg = (
            f"{folder.uri}/{name} is damaged or not a table of this store: restore it,"
            " or remove it and run the messages again"
        )
        raise OSError(msg) from error


def write_parquet(table: pa.Table) -> bytes:
    """A table as a whole Parquet file: zstd, with statistics and page index."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink, compression="zstd", write_statistics=True, write_page_index=True
    )
    return sink.getvalue().to_pybytes()
