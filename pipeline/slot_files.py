"""Names of files: a function of slot, shard and date, nothing else."""

import re

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.upsert_files import Folder
from transforms.instants import HOUR, iso_date, parse_instant
from transforms.model import CORRELATED, Slot
from transforms.slot_state import SlotState


def slot_file(slot: Slot, shard: int, suffix: str, date: int | None = None) -> str:
    """Path of a slot's file below its table's folder.

    Args:
        slot: the slot.
        shard: its shard.
        suffix: of the file's name.
        date: an instant of the UTC day, where the slot names none.

    Returns:
        `date=2026-10-04/T05-003.parquet` for an hour, `date=2026-10-04/day-003.parquet`
        for a day, `date=2026-10-04/correlated-003.parquet` for what lies on a day of
        the slot without hours: hive partitions by UTC date.
    """
    if slot == CORRELATED:
        if date is None:
            msg = "the slot of correlated readings has a file for each date"
            raise ValueError(msg)
        return f"date={iso_date(date)}/{correlated_file(shard, suffix)}"
    hour = f"T{slot.start // HOUR % 24:02}" if slot.minutes == 60 else "day"
    return f"date={iso_date(slot.start)}/{hour}-{shard:03}{suffix}"


_SLOT_FILE = re.compile(r"date=(\d{4}-\d\d-\d\d)/(?:T(\d\d)|day)-(\d{3,})\.parquet")


def slot_in(name: str) -> tuple[Slot, int] | None:
    """The slot and shard of a Parquet file of `slot_file`; None if it has no hour.

    >>> slot_in("date=1970-01-02/T05-003.parquet")
    (Slot(start=104400000000, minutes=60), 3)
    """
    match = _SLOT_FILE.fullmatch(name)
    if match is None:
        return None
    date, hour, shard = match.groups()
    midnight, _offset = parse_instant(f"{date}T00:00:00Z")
    if hour is None:
        return Slot(midnight, 1440), int(shard)
    return Slot(midnight + int(hour) * HOUR, 60), int(shard)


def correlated_file(shard: int, suffix: str) -> str:
    """Name of the files of `CORRELATED`, the same in the partition of each date."""
    return f"correlated-{shard:03}{suffix}"


_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError)
"""What pyarrow raises where a file is none, is cut off, or has other columns."""


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
        # To cast to the same columns costs as much as to write some hundred rows.
        is_same = table.schema.equals(schema, check_metadata=True)
        return table if is_same else table.cast(schema)
    except _UNREADABLE as error:
        raise _damaged(folder, name) from error


def read_observations(
    folder: Folder, name: str, file: pa.NativeFile, ids: pa.Array, schema: pa.Schema
) -> pa.Table | None:
    """The rows of some Observations in a Parquet file, None if it has none of them.

    Of a file that has none no more is read than its ids.

    Args:
        folder: where the file lies, for the message of an error.
        name: the file below it.
        file: opened for random access.
        ids: of the Observations.
        schema: what the file must hold.

    Raises:
        OSError: the file is damaged, or holds something else.
    """
    column = "observation_id"
    try:
        parquet = pq.ParquetFile(file)
        found = parquet.read([column], use_threads=False)[column]
        wanted = pc.is_in(found, value_set=ids)
        if not pc.any(wanted).as_py():
            return None
        return parquet.read(use_threads=False).filter(wanted).cast(schema)
    except _UNREADABLE as error:
        raise _damaged(folder, name) from error


def _damaged(folder: Folder, name: str) -> OSError:
    msg = (
        f"{folder.uri}/{name} is damaged or not a table of this store: restore it,"
        " or remove it and run the messages again"
    )
    return OSError(msg)


def state_in(folder: Folder, name: str, content: bytes) -> SlotState:
    """The state of a slot, as `write_parquet` noted it in its whole Parquet file.

    Raises:
        OSError: the file is damaged, or holds something else.
    """
    try:
        known = pq.read_metadata(pa.BufferReader(content)).metadata or {}
        return SlotState.from_note(known.get(_NOTE))
    except (*_UNREADABLE, TypeError) as error:
        raise _damaged(folder, name) from error


_NOTE = b"vitalbeam.slot"

_MANY_ROWS = 1 << 15
"""From so many rows on, Parquet's dictionaries make a file smaller. Below that zstd
alone does better: 5 % smaller, and a quarter less time to write and to read."""


def write_parquet(table: pa.Table, note: bytes | None = None) -> bytes:
    """A table as a whole Parquet file: zstd, with statistics and page index.

    Args:
        table: what to write.
        note: what to say beside it, in the file's metadata.
    """
    if note is not None:
        known = table.schema.metadata or {}
        table = table.replace_schema_metadata({**known, _NOTE: note})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=table.num_rows >= _MANY_ROWS,
        write_statistics=True,
        write_page_index=True,
    )
    return sink.getvalue().to_pybytes()
