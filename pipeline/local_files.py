"""Files on this machine that are rewritten whole.

They are written under a temporary name and renamed; a lock on the temporary name makes
read-change-write safe between processes, and because that name is fixed, a run killed
in the middle leaves nothing behind that the next run does not replace. All files are
readable by their owner only: they hold health data.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from pipeline.whole_files import Change
from pipeline.written_later import written


class LocalFiles:
    """A folder on this machine; see `WholeFiles`.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filesystem = fs.LocalFileSystem()

    def prepare(self) -> None:
        """Makes the folder and checks that it can be written."""
        path = self.path
        _make_private(path)
        if not path.is_dir():
            raise NotADirectoryError(20, "Not a directory", str(path))
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(path))

    def read(self, name: str) -> bytes | None:
        """The content of a file, None if there is none."""
        written.wait_for(self.path / name)
        try:
            with self._filesystem.open_input_stream(
                f"{self.path}/{name}", compression=None
            ) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def files(self, suffix: str) -> list[tuple[str, int]]:
        """The files below this folder whose names end so, and their sizes."""
        written.wait_for_all()
        root = str(self.path)
        below = fs.FileSelector(root, recursive=True, allow_not_found=True)
        found = [
            (entry.path.removeprefix(root).lstrip("/"), entry.size)
            for entry in self._filesystem.get_file_info(below)
            if entry.type == fs.FileType.File and entry.path.endswith(suffix)
        ]
        return sorted(found)

    def open_each(self, name: str) -> Iterator[tuple[str, pa.NativeFile]]:
        """Opens the files of one name in the folders directly below this one."""
        written.wait_for_all()
        selector = fs.FileSelector(str(self.path), allow_not_found=True)
        entries = self._filesystem.get_file_info(selector)
        below = (e.base_name for e in entries if e.type == fs.FileType.Directory)
        for path in (f"{folder}/{name}" for folder in sorted(below)):
            try:
                file = self._filesystem.open_input_file(f"{self.path}/{path}")
            except FileNotFoundError:
                continue
            with file:
                yield path, file

    def update(self, name: str, change: Change) -> None:
        """Replaces a file by what `change` makes of it."""
        _update_local(self.path / name, change)


def _make_private(path: Path) -> None:
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def _update_local(path: Path, change: Change) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    written.wait_for(path)
    with ExitStack() as stack:
        descriptor = stack.enter_context(_locked(temporary))
        current = _content(path)
        content = change(current)
        if content is None or content == current:
            temporary.unlink()
            return
        os.ftruncate(descriptor, 0)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        held = stack.pop_all()

    def end() -> None:
        with held:
            # Otherwise a power cut could leave the new name with nothing behind it.
            os.fsync(descriptor)
            temporary.rename(path)

    written.do(path, end)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """A descriptor of `path` that no other process holds.

    Whoever held it before has renamed or removed the file: then what we locked is no
    longer what the name means, and we try again.
    """
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if is_same(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _opened(path: Path) -> int:
    flags, mode = os.O_RDWR | os.O_CREAT, 0o600
    try:
        return os.open(path, flags, mode)
    except FileNotFoundError:  # the first file of its folder
        _make_private(path.parent)
        return os.open(path, flags, mode)


def is_same(path: Path, descriptor: int) -> bool:
    """Whether a name still means the file that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
