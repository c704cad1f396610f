"""The last step of writing a file, done while the run goes on.

Until a disk has a file takes longer than to make the next one. A run on this machine
need not wait: it is done when all its files are, and whoever reads a file of its own
waits for that one.
"""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

_AT_ONCE = 4
"""Files that the disk is asked for at a time."""


class WrittenLater:
    """Last steps that are under way, by file."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: dict[Path, Future[None]] = {}

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """Within, steps are done later; afterwards all are done.

        Only for a process whose other threads write no files meanwhile: they would take
        theirs for written.

        Raises:
            OSError: one of them failed.
        """
        if self._pool is not None:  # within another one, which waits for all
            yield
            return
        self._pool = pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            yield
        finally:
            pool.shutdown()
            self._pool = None
            steps = list(self._under_way.values())
            self._under_way.clear()
        for step in steps:
            step.result()

    def do(self, path: Path, step: Callable[[], None]) -> None:
        """Does the last step of a file, at once or later.

        Args:
            path: of the file; no step of it is under way.
            step: the last thing that is done to it.
        """
        if self._pool is None:
            step()
        else:
            self._under_way[path] = self._pool.submit(step)

    def wait_for(self, path: Path) -> None:
        """Returns when no step of a file is under way.

        Raises:
            OSError: it failed.
        """
        if (step := self._under_way.pop(path, None)) is not None:
            step.result()

    def wait_for_all(self) -> None:
        """Returns when no step is under way.

        Raises:
            OSError: one failed.
        """
        while self._under_way:
            _path, step = self._under_way.popitem()
            step.result()


written = WrittenLater()
"""Of this process: all its files are written by it."""
