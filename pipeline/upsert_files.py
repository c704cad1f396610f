"""Files that are rewritten whole, on this machine or on an object store."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from pipeline.local_files import LocalFiles
from pipeline.whole_files import Change, WholeFiles

_OBJECTS = ("s3", "gs", "abfss", "abfs", "az")
"""Kinds of addresses that are those of object stores."""


class Folder:
    """A folder, wherever it is; `WholeFiles` says what its files promise.

    Args:
        uri: a path, or a `file://`, `s3://`, `gs://`, `abfss://` or `az://` address.
    """

    def __init__(self, uri: str) -> None:
        self.uri = _tidy(uri)

    def __repr__(self) -> str:
        return f"Folder({self.uri!r})"

    def __reduce__(self) -> tuple[type["Folder"], tuple[str]]:
        return Folder, (self.uri,)  # connections do not travel to workers

    def __truediv__(self, name: str) -> "Folder":
        return Folder(f"{self.uri}/{name}")

    @cached_property
    def _files(self) -> WholeFiles:
        kind, is_address, _ = self.uri.partition("://")
        if not is_address:
            return LocalFiles(Path(os.path.abspath(self.uri)))
        if kind == "file":
            return LocalFiles(Path(fs.FileSystem.from_uri(self.uri)[1]))
        if kind in _OBJECTS:
            return _object_files(self.uri)
        msg = (
            f"{kind}:// is no place for files: name a folder, or an address with"
            f" {', '.join(f'{known}://' for known in _OBJECTS)}"
        )
        raise ValueError(msg)

    @property
    def local(self) -> Path | None:
        """The folder's path, if it is on this machine."""
        return self._files.path if isinstance(self._files, LocalFiles) else None

    def prepare(self) -> None:
        """As `WholeFiles.prepare`.

        Raises:
            OSError: the folder cannot be written.
            ValueError: the address is none of a folder.
        """
        self._files.prepare()

    def read(self, name: str) -> bytes | None:
        """As `WholeFiles.read`."""
        return self._files.read(name)

    def files(self, suffix: str) -> list[tuple[str, int]]:
        """As `WholeFiles.files`."""
        return self._files.files(suffix)

    def open_each(self, name: str) -> Iterator[tuple[str, pa.NativeFile]]:
        """As `WholeFiles.open_each`."""
        return self._files.open_each(name)

    def update(self, name: str, change: Change) -> None:
        """As `WholeFiles.update`."""
        self._files.update(name, change)


def _tidy(uri: str) -> str:
    """An address as it may be shown: what a user puts in for a key must not be."""
    kind, is_address, rest = uri.partition("://")
    place = rest.partition("/")[0]
    if kind in ("s3", "gs") and ("@" in place or ":" in place):  # in no bucket's name
        return f"{kind}://***@"
    if is_address:
        return f"{kind}://{rest.rstrip('/')}"
    return uri.rstrip("/") or "/"


def _object_files(uri: str) -> WholeFiles:
    try:
        from pipeline.object_files import open_folder  # not what most runs need
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        msg = "this address needs an extra: pip install 'vitalbeam[cloud]'"
        raise OSError(msg) from error
    return open_folder(uri)
