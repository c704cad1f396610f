"""Lines as they are appended to files: a stream for demonstrations.

Like `tail -f` from the beginning. Where it was is not remembered: another start reads
the files again, which changes nothing. Compressed files and arrays do not grow by
lines: they are for runs that end.
"""

import glob
import os
from pathlib import Path

from pipeline.json_array import BOM
from pipeline.options import UsageError
from pipeline.tap import now
from transforms.model import MessageBatch

_BLOCK = 1 << 20
"""Bytes of one draw."""

_NOT_LINES = (".gz", ".zst", ".zstd", ".json")

_SLACK = 1_000_000
"""Microseconds between a message's time and its line in the file."""


class FileTail:
    """A tap of the files that a glob matches, now or later.

    Args:
        pattern: a local path or glob.

    Raises:
        UsageError: it names something that does not grow by lines.
    """

    def __init__(self, pattern: str) -> None:
        if "://" in pattern or pattern.endswith(_NOT_LINES):
            msg = (
                f"--streaming: {pattern} does not grow by lines; follow local .ndjson"
                " files, or read kafka://host:9092/topic"
            )
            raise UsageError(msg)
        self._pattern = pattern
        self._places: dict[str, tuple[int, int]] = {}
        self._seen = now()

    def draw(self) -> MessageBatch | None:
        """Lines of one file that were not drawn yet. See `Tap`."""
        asked = now()
        for path in sorted(glob.glob(self._pattern)):
            if not path.endswith(_NOT_LINES) and Path(path).is_file():
                batch = self._draw(path)
                if batch is not None:
                    return batch
        self._seen = asked
        return None

    def _draw(self, path: str) -> MessageBatch | None:
        offset, number = self._places.get(path, (0, 1))
        if os.path.getsize(path) < offset:  # begun anew, as logs are
            offset, number = 0, 1
        with open(path, "rb") as file:
            file.seek(offset)
            block = file.read(_BLOCK)
            end = block.rfind(b"\n") + 1
            if block and not end and len(block) == _BLOCK:
                block += file.readline()
                end = len(block) if block.endswith(b"\n") else 0
        if not end:  # a line is whole when its end is written
            return None
        lines = block[:end].split(b"\n")[:-1]
        self._places[path] = offset + end, number + len(lines)
        if number == 1:
            lines[0] = lines[0].removeprefix(BOM)
        return _batch(path, number, lines)

    def watermark(self) -> int:
        """When everything that was there had been drawn. See `Tap`."""
        return self._seen - _SLACK

    def commit(self) -> None:
        """Nothing: the place is not kept."""

    def close(self) -> None:
        """Nothing: no file stays open."""


def _batch(path: str, first: int, lines: list[bytes]) -> MessageBatch:
    numbered = [
        (number, line.rstrip(b"\r"))
        for number, line in enumerate(lines, first)
        if line and not line.isspace()
    ]
    positions, payloads = zip(*numbered, strict=True) if numbered else ((), ())
    return MessageBatch(f"{path}:", positions, payloads)
