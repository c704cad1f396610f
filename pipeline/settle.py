"""Slots of a stream whose time has passed: closed, and their Observations told so.

Some runners close slots by themselves, on time; others never say that a slot is over
once all its readings were handed on early. Then somebody must look.
"""

from pipeline.firings import has_passed
from pipeline.slot_files import (
    read_parquet,
    slot_file,
    slot_in,
    state_in,
    write_parquet,
)
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.instants import iso_date
from transforms.lanes import SlotKey
from transforms.model import Slot
from transforms.slot_state import Phase, SlotState


def slots_to_close(
    folder: Folder, watermark: int, since: int | None = None
) -> list[SlotKey]:
    """Slots that have ended, but whose Observations may not have been told.

    Args:
        folder: root of the measurement table.
        watermark: microseconds: what ends later is still open.
        since: microseconds: those on earlier UTC dates are not looked at; None: all.
    """
    first = "" if since is None else f"date={iso_date(since)}"
    return [
        (shard, slot.start, slot.minutes)
        for name, _ in folder.files(".parquet")
        if name >= first and (found := slot_in(name)) is not None
        for slot, shard in [found]
        if has_passed(slot, watermark) and _is_unsettled(folder, name)
    ]


def _is_unsettled(folder: Folder, name: str) -> bool:
    content = folder.read(name)
    return content is not None and state_in(folder, name, content).phase in (
        Phase.OPEN,
        Phase.CLOSING,
    )


def settle(folder: Folder, key: SlotKey) -> None:
    """Notes that all Observations of a slot have been told that it is closed.

    Args:
        folder: root of the measurement table.
        key: of the slot.
    """
    shard, *slot = key
    name = slot_file(Slot(*slot), shard, ".parquet")

    def change(content: bytes | None) -> bytes | None:
        if content is None:
            return None
        state = state_in(folder, name, content)
        if state.phase is not Phase.CLOSING:
            return None
        table = read_parquet(folder, name, content, schema.MEASUREMENT)
        return write_parquet(table, SlotState(amended=state.amended).to_note())

    folder.update(name, change)
