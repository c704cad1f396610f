"""Closes slots whose time has passed, whenever an hour has."""

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.ingest import Ingest, build_closing
from pipeline.local_run import Counts, run_here
from pipeline.settle import settle, slots_to_close
from transforms.instants import DAY, FIRST_INSTANT, HOUR

_OVERLAP = 2 * DAY
"""By how much a look reaches back beyond the last one; the first is at all slots."""


class SlotCloser:
    """Remembers up to when it has closed slots.

    Args:
        job: whose slots.
    """

    def __init__(self, job: Ingest) -> None:
        self._job = job
        self._looked_at: int | None = None

    def close(self, watermark: int, options: PipelineOptions) -> Counts:
        """Closes what has passed and tells its Observations, here.

        Args:
            watermark: microseconds: what ends later is still open. One before all
                times that can be says that none is known yet.
            options: of the runner.

        Returns:
            The counts of the run that it took.

        Raises:
            FhirServerError: a server could not be told; the next call tries again.
        """
        counts = Counts()
        if not self._job.periods or watermark < FIRST_INSTANT:
            return counts
        last = self._looked_at
        if last is not None and watermark // HOUR == last // HOUR:
            return counts
        folder = self._job.parquet / "measurement"
        # From where we looked last: a watermark may jump over days at once.
        since = None if last is None else last - _OVERLAP
        if keys := slots_to_close(folder, watermark, since):
            counts += run_here(
                lambda root: build_closing(root, self._job, keys), options
            )
            for key in keys:
                settle(folder, key)
        self._looked_at = watermark
        return counts
