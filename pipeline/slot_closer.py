"""Closes slots whose time has passed, whenever an hour has."""

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.ingest import Ingest, build_closing
from pipeline.local_run import Counts, run_here
from pipeline.settle import settle, slots_to_close
from transforms.instants import HOUR

_LOOK_BACK_DAYS = 2
"""How far back slots are looked for that have ended; the first look is at all."""


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
            watermark: microseconds: what ends later is still open.
            options: of the runner.

        Returns:
            The counts of the run that it took.

        Raises:
            FhirServerError: a server could not be told; the next call tries again.
        """
        counts = Counts()
        if not self._job.periods or self._looked_at == watermark // HOUR:
            return counts
        folder = self._job.parquet / "measurement"
        days = None if self._looked_at is None else _LOOK_BACK_DAYS
        if keys := slots_to_close(folder, watermark, days):
            counts += run_here(
                lambda root: build_closing(root, self._job, keys), options
            )
            for key in keys:
                settle(folder, key)
        self._looked_at = watermark // HOUR
        return counts
