"""The flags of unbounded input, and what they mean together."""

import argparse
import dataclasses

from pipeline.options import UsageError
from transforms.instants import DAY, HOUR

KAFKA, PUBSUB = "kafka://", "pubsub://"

_LOCAL_FLUSH_S, _CLUSTER_FLUSH_S = 2.0, 30

_MAX_AGE_DAYS, _MAX_AHEAD_HOURS = 365.0, 24.0


def add_stream_flags(parser: argparse._ActionsContainer) -> None:
    """How unbounded input is read and handed on."""
    parser.add_argument(
        "--flush_seconds",
        type=float,
        metavar="S",
        help="how often what has arrived is written: early, while its hour lasts, and"
        f" late, after it (default {_CLUSTER_FLUSH_S}; on this machine"
        f" {_LOCAL_FLUSH_S:.0f})",
    )
    parser.add_argument(
        "--max_age_days",
        type=float,
        metavar="DAYS",
        help="a reading that was older when it reached the broker becomes a dead letter"
        f" (default {_MAX_AGE_DAYS:.0f} for streams, for files any; 0: any)",
    )
    parser.add_argument(
        "--max_ahead_hours",
        type=float,
        metavar="HOURS",
        help="a reading from further ahead of the broker becomes a dead letter (default"
        f" {_MAX_AHEAD_HOURS:.0f} for streams, for files any; 0: any)",
    )
    parser.add_argument(
        "--kafka_properties",
        metavar="FILE",
        help="consumer properties, as every Kafka client has them: security.protocol,"
        " sasl.mechanism, ...",
    )
    parser.add_argument(
        "--kafka_group",
        metavar="NAME",
        help="consumer group that our place in the topic is kept under (default"
        " vitalbeam)",
    )
    parser.add_argument(
        "--expansion_service",
        metavar="HOST:PORT",
        help="Beam's service for its Kafka reader, on a cluster (default: Beam starts"
        " one, with Java)",
    )


@dataclasses.dataclass(frozen=True)
class Streaming:
    """How unbounded input is handed on.

    Args:
        flush_seconds: how often; None for the default of where it runs.
    """

    flush_seconds: float | None

    @property
    def here(self) -> float:
        """Seconds, on this machine."""
        return _LOCAL_FLUSH_S if self.flush_seconds is None else self.flush_seconds

    @property
    def cluster(self) -> int:
        """Whole seconds, on a cluster: Beam's triggers know no others."""
        given = self.flush_seconds
        return _CLUSTER_FLUSH_S if given is None else max(1, round(given))


def resolve_streaming(
    flags: argparse.Namespace, messages: str | None
) -> Streaming | None:
    """Whether the input is unbounded, and how it is handed on; None if it ends.

    Raises:
        UsageError: a flag is out of range, or makes sense for streams only.
    """
    is_broker = messages is not None and messages.startswith((KAFKA, PUBSUB))
    if flags.flush_seconds is not None and not 0.1 <= flags.flush_seconds <= 3600:
        msg = "--flush_seconds must be between 0.1 and 3600"
        raise UsageError(msg)
    for name in ("kafka_properties", "kafka_group"):
        if getattr(flags, name) and not (messages or "").startswith(KAFKA):
            msg = f"--{name}: --messages names no topic, as {KAFKA}host:9092/topic"
            raise UsageError(msg)
    if is_broker or flags.streaming:
        return Streaming(flags.flush_seconds)
    if flags.flush_seconds is not None:
        msg = "--flush_seconds is for streams: a run over files writes all at once"
        raise UsageError(msg)
    return None


def resolve_limits(
    flags: argparse.Namespace, *, is_stream: bool
) -> tuple[int | None, int | None]:
    """How far from its ingestion a reading may have occurred: older, and ahead.

    Returns:
        Microseconds; None: any time.

    Raises:
        UsageError: a limit is negative.
    """
    return (
        _limit("max_age_days", flags, _MAX_AGE_DAYS if is_stream else 0, DAY),
        _limit("max_ahead_hours", flags, _MAX_AHEAD_HOURS if is_stream else 0, HOUR),
    )


def _limit(
    name: str, flags: argparse.Namespace, default: float, unit: int
) -> int | None:
    given: float | None = getattr(flags, name)
    value = default if given is None else given
    if not 0 <= value < 1e6:
        msg = f"--{name} must be 0 or more"
        raise UsageError(msg)
    return round(value * unit) or None
