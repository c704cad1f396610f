"""What a conversion is told, and what it notes: read by every kind of export."""

import collections
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

Json = dict[str, object]

Advance = Callable[[int, int], None]
"""Told how many messages and bytes more are done."""

_SHOWN = 20
"""Problems that are told one by one."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the export does not say."""

    patient: str | None = None
    device: str | None = None
    timezone: str | None = None
    date_order: str | None = None


class Message(NamedTuple):
    """What becomes a line."""

    body: Json
    device: str | None
    """Identifier of the device, None if the body has it."""
    date_order: str | None = None


class Notes:
    """What did not become messages, and why. No value of an export is among it."""

    def __init__(self) -> None:
        self.left_out: collections.Counter[str] = collections.Counter()
        """By kind; it is meant not to."""
        self.problems = 0
        self.told: list[str] = []

    def problem(self, path: str, line: int, reason: str) -> None:
        """Notes what could not be read.

        Args:
            path: the file.
            line: from 1.
            reason: why, and what to do.
        """
        self.problems += 1
        if self.problems <= _SHOWN:
            self.told.append(f"{path}:{line}: {reason}")
