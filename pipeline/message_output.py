"""A file of messages that appears whole or not at all."""

import contextlib
import fcntl
import gzip
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard

from pipeline.local_files import is_same
from pipeline.options import UsageError

STDOUT = "-"


@contextlib.contextmanager
def message_output(out: str) -> Iterator[IO[bytes]]:
    """Opens a file of messages for writing, or stdout.

    The file is written under a temporary name beside it, and renamed when all is
    written; after an error the file is as it was. It is readable by its owner only.

    Args:
        out: path, `.gz` and `.zst` are compressed; `-` is stdout.

    Raises:
        UsageError: another program is writing the file.
        OSError: it cannot be written.
    """
    if out == STDOUT:
        yield sys.stdout.buffer
        return
    path = Path(out)
    if path.is_dir():
        msg = f"--out={out} is a folder: name a file in it"
        raise UsageError(msg)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o600)
    with open(descriptor, "wb") as file:
        _lock(file, temporary, out)
        os.ftruncate(descriptor, 0)
        try:
            with _compressed(file, path.name) as stream:
                yield stream
            file.flush()
            os.fsync(descriptor)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _lock(file: BinaryIO, path: Path, out: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it before may have renamed it: then it is a file that is whole.
        ours = is_same(path, file.fileno())
    except BlockingIOError:
        ours = False
    if not ours:
        msg = f"--out={out} is being written by another program"
        raise UsageError(msg)


@contextlib.contextmanager
def _compressed(file: BinaryIO, name: str) -> Iterator[IO[bytes]]:
    if name.endswith(".gz"):
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as stream:
            yield cast(BinaryIO, stream)
    elif name.endswith((".zst", ".zstd")):
        compressor = zstandard.ZstdCompressor()
        with compressor.stream_writer(file, closefd=False) as stream:
            yield cast(BinaryIO, stream)
    else:
        yield file
