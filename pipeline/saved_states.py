"""The savepoints and checkpoints of Flink that lie in a folder."""

import dataclasses
import re
import struct

from pipeline.flink_state import FlinkRefusedError
from pipeline.upsert_files import Folder

_METADATA = "_metadata"
"""Written last: a folder without it is no state, or not yet one."""

_PLACES = re.compile(
    r"(?:.*/)?(?:(?P<whole>[0-9a-f]{32})/chk-\d+|savepoint-(?P<start>[0-9a-f]{6})-[^/]+)"
)
"""Checkpoints below the id of their job, savepoints with the start of it in their name.
https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/ops/state/checkpoints/
https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/ops/state/savepoints/"""

_HEADER = struct.Struct(">IIq")
"""Of `_metadata`: a mark, the version of the format, the number of the checkpoint."""

_MARK = 0x4960672D


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What a job can go on from.

    Args:
        job: the id of its job, or the first six digits of it.
        number: of the checkpoint, which counts up within a job.
        path: for `--savepoint_path`.
    """

    job: str
    number: int
    path: str


def states_in(folder: Folder) -> tuple[State, ...]:
    """The states below a folder, however deep.

    Raises:
        FlinkRefusedError: one was not written by a Flink that we know.
        OSError: the folder cannot be read.
    """
    base = folder.uri if folder.local is None else folder.local.as_uri()
    found = []
    for name, _ in folder.files(_METADATA):
        place = name.removesuffix(f"/{_METADATA}")
        match = _PLACES.fullmatch(place)
        content = folder.read(name) if match else None
        if match is None or content is None:  # not Flink's, or gone by now
            continue
        number = _number(content, f"{base}/{place}")
        found.append(State(match["whole"] or match["start"], number, f"{base}/{place}"))
    return tuple(found)


def _number(content: bytes, path: str) -> int:
    try:
        mark, _version, number = _HEADER.unpack_from(content)
    except struct.error:
        mark = number = 0
    if mark != _MARK:
        msg = f"{path} is no state of Flink as we know it: give --savepoint_path"
        raise FlinkRefusedError(msg)
    return int(number)
