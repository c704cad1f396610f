"""What hands readings to a slot, told by a pane, a watermark or the kind of run."""

import dataclasses
from typing import Any, Protocol

from apache_beam.utils.windowed_value import PaneInfoTiming

from transforms.instants import MINUTE
from transforms.model import Slot
from transforms.slot_state import Firing


class FiringRule(Protocol):
    """Tells the firing."""

    def firing(self, slot: Slot, own: Slot, pane: Any) -> Firing:
        """What hands the readings of a slot on.

        Args:
            slot: whose readings they are.
            own: the slot that they were grouped by; another one if they travelled
                beside theirs.
            pane: Beam's `PaneInfo` of their group.
        """


@dataclasses.dataclass(frozen=True)
class Always:
    """The same for all."""

    value: Firing

    def firing(self, slot: Slot, own: Slot, pane: Any) -> Firing:
        """See `FiringRule`."""
        return self.value


WHOLE = Always(Firing.WHOLE)

_TIMINGS = {
    PaneInfoTiming.ON_TIME: Firing.ON_TIME,
    PaneInfoTiming.LATE: Firing.LATE,
}


@dataclasses.dataclass(frozen=True)
class ByPane:
    """A pane on time or late, as the runner says; any other is early, closing nothing.

    What travels beside its slot does so because it comes long after it.
    """

    def firing(self, slot: Slot, own: Slot, pane: Any) -> Firing:
        """See `FiringRule`."""
        if slot != own:
            return Firing.LATE
        return _TIMINGS.get(pane.timing, Firing.EARLY)


@dataclasses.dataclass(frozen=True)
class ByWatermark:
    """A slot that ends after the watermark of the stream is still open.

    Args:
        watermark: microseconds.
    """

    watermark: int

    def firing(self, slot: Slot, own: Slot, pane: Any) -> Firing:
        """See `FiringRule`."""
        return Firing.LATE if has_passed(slot, self.watermark) else Firing.EARLY


def has_passed(slot: Slot, watermark: int) -> bool:
    """Whether a watermark, in microseconds, stands at the end of a slot or after it."""
    return slot.start + slot.minutes * MINUTE <= watermark
