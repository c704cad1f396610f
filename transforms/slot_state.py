"""Whether a slot is open, and which of its Observations changed after it was closed.

Only Observations of a period have a beginning and an end: they are preliminary while
their slot is open, final when it is closed, amended when they change after that; never
back. A slot is opened by the first readings of a stream and closed once the stream's
event time has passed it. A bounded run holds all its input: what it writes is final.

Closing is two things: the store says so, and every Observation of a period is told. A
crash in between must not leave some untold, so a slot that was closed by anything but
the firing that comes once, on time, tells them all again whenever it is touched, until
somebody knows that they have been told.
"""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

import orjson


class Firing(Enum):
    """What hands readings to a slot."""

    WHOLE = "whole"
    """A bounded run."""
    EARLY = "early"
    """A stream whose event time has not passed the slot, or that does not say."""
    ON_TIME = "on time"
    """A stream whose event time has just passed the slot; repeated after a crash."""
    LATE = "late"
    """A stream whose event time passed the slot before."""


class Phase(Enum):
    """Where a slot is in its life."""

    OPEN = "open"
    CLOSING = "closing"
    """Closed, but some of its Observations may not have been told."""
    CLOSED = "closed"


class SlotState(NamedTuple):
    """What a slot's file says beside its readings; nothing if it is simply closed."""

    phase: Phase = Phase.CLOSED
    amended: frozenset[str] = frozenset()
    """Ids of the Observations that changed after the slot was closed."""

    def after(self, firing: Firing, changed: Iterable[str]) -> "SlotState":
        """The state when a firing has been stored.

        Args:
            firing: what handed the readings on.
            changed: ids of the periods' Observations that were stored before and are
                not what they were.
        """
        amended = self.amended
        if self.phase is not Phase.OPEN and firing is not Firing.WHOLE:
            amended = amended.union(changed)
        return SlotState(self._phase_after(firing), amended)

    def _phase_after(self, firing: Firing) -> Phase:
        if firing is Firing.ON_TIME:
            return Phase.CLOSED
        if self.phase is Phase.OPEN and firing is not Firing.EARLY:
            return Phase.CLOSING
        return self.phase

    def tells_all(self, firing: Firing) -> bool:
        """Whether all Observations of periods must be written, touched or not.

        Args:
            firing: that led to this state.
        """
        return firing is Firing.ON_TIME or self.phase is Phase.CLOSING

    def status_of(self, observation_id: str) -> str:
        """The status of the Observation of a period."""
        if self.phase is Phase.OPEN:
            return "preliminary"
        return "amended" if observation_id in self.amended else "final"

    def to_note(self) -> bytes | None:
        """What to write beside the readings; None if there is nothing to say."""
        if self == SlotState():
            return None
        document = {"phase": self.phase.value, "amended": sorted(self.amended)}
        return orjson.dumps(document)

    @classmethod
    def from_note(cls, note: bytes | None) -> "SlotState":
        """The state that a file tells of.

        Raises:
            ValueError: it is no such note.
        """
        if note is None:
            return cls()
        document = orjson.loads(note)
        return cls(Phase(document["phase"]), frozenset(document["amended"]))


def first_state(firing: Firing) -> SlotState:
    """The state of a slot before its first readings are stored."""
    return SlotState(Phase.OPEN if firing is Firing.EARLY else Phase.CLOSED)
