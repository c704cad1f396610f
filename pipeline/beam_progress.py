"""A cure for how Beam 2.77 reports the progress of an `UnboundedSource`.

Beam replaces the work that a read has completed by the bytes it has put out: elements
times their mean size. While the first element is under way its size is not known yet,
the mean is NaN, and so is the fraction that follows. A runner that asks for a split at
that moment (Prism does) gets "cannot convert float NaN to integer", and the job fails.

The work of an unbounded read is never anything but none or all, so the bytes are left
out. `tests/test_beam_progress.py` shows the cause, and fails when Beam has no need of
this any more.
"""

import math
from typing import Any

from apache_beam.io import unbounded_source
from apache_beam.io.iobase import RestrictionProgress


class SteadyProgress(RestrictionProgress):
    """Progress that bytes do not change."""

    def with_completed(self, completed: int) -> "SteadyProgress":
        """This progress, whatever was put out."""
        return self


def steady_progress(tracker: Any) -> SteadyProgress:
    """The progress of a read: none, or all of it.

    Args:
        tracker: Beam's `_UnboundedSourceRestrictionTracker`.
    """
    done = tracker.current_restriction().is_done
    return SteadyProgress(
        completed=1.0 if done else 0.0, remaining=0.0 if done else 1.0
    )


def is_unsteady() -> bool:
    """Whether this Beam's progress can be NaN."""
    tracker = unbounded_source._UnboundedSourceRestrictionTracker(
        unbounded_source._UnboundedSourceRestriction(unbounded_source.UnboundedSource())
    )
    unknown: Any = math.nan
    progress = tracker.current_progress().with_completed(unknown)
    return math.isnan(progress.fraction_completed)


def steady() -> None:
    """Cures this process, if Beam needs it: workers too, as whoever reads calls it."""
    if is_unsteady():
        tracker = unbounded_source._UnboundedSourceRestrictionTracker
        tracker.current_progress = steady_progress  # type: ignore[method-assign, assignment]
