"""What every place for files promises: they are rewritten whole, nothing is lost."""

from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa

Change = Callable[[bytes | None], bytes | None]
"""The content as it is (None: no file) to the new content (None: leave it)."""


class WholeFiles(Protocol):
    """A folder of files: a reader sees the old or the new one, never half.

    All names are relative to the folder.
    """

    def prepare(self) -> None:
        """Makes the folder and checks that it can be written.

        Raises:
            OSError: it cannot.
        """

    def read(self, name: str) -> bytes | None:
        """The content of a file, None if there is none."""

    def files(self, suffix: str) -> list[tuple[str, int]]:
        """The files below this folder, however deep, by path.

        Args:
            suffix: what their names end with.

        Returns:
            Their paths below the folder and their sizes in bytes.
        """

    def open_each(self, name: str) -> Iterator[tuple[str, pa.NativeFile]]:
        """Opens the files of one name in the folders directly below this one.

        Yields:
            The path below this folder and the file, for random access until the next
            one is asked for; in the order of the paths.
        """

    def update(self, name: str, change: Change) -> None:
        """Replaces a file by what `change` makes of it.

        Where several do so at once, each change is made to what the one before left.

        Args:
            name: of the file; folders in between are made.
            change: may be called again when another writer was faster: it must be one
                that may be made twice.
        """
