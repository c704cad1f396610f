"""Files that are rewritten whole: a reader sees the old or the new one, never half.

Local files are written under a temporary name and renamed; a lock on the temporary
name makes read-change-write safe between processes, and because that name is fixed, a
run killed in the middle leaves nothing behind that the next run does not replace. On
object stores the new content is a single put. All files are readable by their owner
only: they hold health data.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

Change = Callable[[bytes | None], bytes | None]
"""The content as it is (None: no file) to the new content (None: leave it)."""


class Folder:
    """A folder on any filesystem that pyarrow knows.

    Args:
        uri: a path, `file://`, `s3://`, `gs://` or `abfss://` address.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/") or "/"

    def __repr__(self) -> str:
        return f"Folder({self.uri!r})"

    def __reduce__(self) -> tuple[type["Folder"], tuple[str]]:
        return Folder, (self.uri,)  # connections do not travel to workers

    def __truediv__(self, name: str) -> "Folder":
        return Folder(f"{self.uri}/{name}")

    @cached_property
    def _place(self) -> tuple[fs.FileSystem, str]:
        if "://" not in self.uri:
            return fs.LocalFileSystem(), os.path.abspath(self.uri)
        return fs.FileSystem.from_uri(self.uri)

    @property
    def local(self) -> Path | None:
        """The folder's path, if it is on this machine."""
        filesystem, path = self._place
        return Path(path) if isinstance(filesystem, fs.LocalFileSystem) else None

    def prepare(self) -> None:
        """Makes the folder and checks that it can be written.

        Raises:
            OSError: it cannot.
        """
        path = self.local
        if path is None:
            self._place[0].create_dir(self._place[1])
            return
        _make_private(path)
        if not path.is_dir():
            raise NotADirectoryError(20, "Not a directory", str(path))
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(path))

    def read(self, name: str) -> bytes | None:
        """The content of a file, None if there is none."""
        filesystem, path = self._place
        try:
            with filesystem.open_input_stream(
                f"{path}/{name}", compression=None
            ) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def files(self, suffix: str) -> list[tuple[str, int]]:
        """The files below this folder, however deep, by path.

        Args:
            suffix: what their names end with.

        Returns:
            Their paths below the folder and their sizes in bytes.
        """
        filesystem, root = self._place
        below = fs.FileSelector(root, recursive=True, allow_not_found=True)
        found = [
            (entry.path.removeprefix(root).lstrip("/"), entry.size)
            for entry in filesystem.get_file_info(below)
            if entry.type == fs.FileType.File and entry.path.endswith(suffix)
        ]
        return sorted(found)

    def open_each(self, name: str) -> Iterator[tuple[str, pa.NativeFile]]:
        """Opens the files of one name in the folders directly below this one.

        Yields:
            The path below this folder and the file, for random access until the next
            one is asked for; in the order of the paths.
        """
        filesystem, root = self._place
        entries = filesystem.get_file_info(fs.FileSelector(root, allow_not_found=True))
        below = (e.base_name for e in entries if e.type == fs.FileType.Directory)
        for path in (f"{folder}/{name}" for folder in sorted(below)):
            try:
                file = filesystem.open_input_file(f"{root}/{path}")
            except FileNotFoundError:
                continue
            with file:
                yield path, file

    def update(self, name: str, change: Change) -> None:
        """Replaces a file by what `change` makes of it.

        Args:
            name: relative to the folder; folders in between are made.
            change: may be called again when another writer was faster.
        """
        path = self.local
        if path is not None:
            _update_local(path / name, change)
            return
        content = change(self.read(name))
        if content is not None:
            filesystem, root = self._place
            with filesystem.open_output_stream(f"{root}/{name}") as file:
                file.write(content)


def _make_private(path: Path) -> None:
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def _update_local(path: Path, change: Change) -> None:
    _make_private(path.parent)
    temporary = path.with_name(f".{path.name}.tmp")
    with _locked(temporary) as descriptor:
        current = path.read_bytes() if path.exists() else None
        content = change(current)
        if content is None or content == current:
            temporary.unlink()
            return
        os.ftruncate(descriptor, 0)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        # Otherwise a power cut could leave the new name with nothing behind it: half a
        # millisecond a file, two per cent of a run.
        os.fsync(descriptor)
        temporary.rename(path)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """A descriptor of `path` that no other process holds.

    Whoever held it before has renamed or removed the file: then what we locked is no
    longer what the name means, and we try again.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_same(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
