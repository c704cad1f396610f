"""How far a run is: a bar on a terminal, plain lines elsewhere; both on stderr."""

import logging
import time
from types import TracebackType

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

_LOG = logging.getLogger(__name__)

_LOG_EVERY = 10.0
"""Seconds between two lines."""


class Progress:
    """Shows messages, MB, rate and time left.

    Args:
        total: bytes of input.
        console: where to show it.
        noun: what is counted.
    """

    def __init__(
        self, total: int, console: Console | None = None, noun: str = "messages"
    ) -> None:
        self._noun = noun
        self._total = total
        self._console = console or Console(stderr=True)
        self._messages = 0
        self._bytes = 0
        self._started = self._logged = time.monotonic()
        self._bar = Bar(
            TextColumn(f"{{task.fields[messages]:,}} {noun}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn(f"{{task.fields[rate]:,.0f}} {noun}/s"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, messages=0, rate=0.0)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def advance(self, messages: int, count: int) -> None:
        """Notes that so many messages and bytes more are done."""
        self._messages += messages
        self._bytes += count
        now = time.monotonic()
        rate = self._messages / max(now - self._started, 1e-9)
        self._bar.update(self._task, advance=count, messages=self._messages, rate=rate)
        finished = self._bytes >= self._total
        if self._console.is_terminal or not (
            finished or now - self._logged >= _LOG_EVERY
        ):
            return
        self._logged = now
        left = (self._total - self._bytes) * (now - self._started) / max(self._bytes, 1)
        _LOG.info(
            "%s %s, %s of %s, %s %s/s, %.0f s left",
            f"{self._messages:,}",
            self._noun,
            decimal(self._bytes),
            decimal(self._total),
            f"{rate:,.0f}",
            self._noun,
            left,
        )
