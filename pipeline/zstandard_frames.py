"""Zstandard files as streams."""

import io
from typing import Any, BinaryIO

import zstandard


class Frames(io.RawIOBase):
    """Zstandard frames, one after the other, decompressed.

    The library's own reader takes a frame that was cut off for the end of the file.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame: Any = None
        self._input = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as it can; 0 at the end.

        Raises:
            EOFError: the file ends within a frame.
        """
        while not self._ready:
            self._input = self._input or self._raw.read(1 << 14)
            if self._input:
                self._decompress()
            elif self._frame is None:
                return 0
            else:
                msg = "the file ends within a zstandard frame"
                raise EOFError(msg)
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _decompress(self) -> None:
        frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(frame.decompress(self._input))
        ended = frame.eof
        self._input = frame.unused_data if ended else b""
        self._frame = None if ended else frame

    def close(self) -> None:
        """Closes the file too."""
        self._raw.close()
        super().close()
