"""How long messages of a stream have been under way, as distributions.

Milliseconds from when the broker received a message. The first two names are those of
the Azure MedTech service
(https://learn.microsoft.com/azure/healthcare-apis/iot/how-to-use-monitoring-and-health-checks-tabs).
A message that names no time of a broker is not measured, nor are runs over files: how
old a file is says nothing.
"""

from collections.abc import Iterable

from apache_beam.metrics.metric import Metrics

from pipeline.tap import now

STAGE = "Latency"

STORED = "MeasurementIngestionLatencyMs"
"""Until a reading is stored and its Observation is made."""
WRITTEN = "EventToFhirLatencyMs"
"""Until a FHIR server or folder has the Observation."""


BUCKETS_MS = (1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000)
"""Counted beside each distribution: Flink's Prometheus reporter shows none."""


class Latency:
    """One of the distributions, and how many messages came within each time.

    Args:
        name: of it.
    """

    def __init__(self, name: str) -> None:
        self._distribution = Metrics.distribution(STAGE, name)
        self._within = [
            (limit, Metrics.counter(STAGE, f"{name}_le_{limit}"))
            for limit in BUCKETS_MS
        ]
        self._all = Metrics.counter(STAGE, f"{name}_le_Inf")

    def note(self, ingested: Iterable[int]) -> None:
        """Notes that some messages have come so far.

        Args:
            ingested: when a broker received them, in microseconds.
        """
        at = now()
        for time in ingested:
            milliseconds = (at - time) // 1000
            self._distribution.update(milliseconds)
            self._all.inc()
            for limit, counter in self._within:
                if milliseconds <= limit:
                    counter.inc()
